"""What each way of failing is called, whether it is tried again, and that it says what to do."""

from __future__ import annotations

import httpx
import pytest

from kvtui.api import errors
from kvtui.api.client import Credentials
from kvtui.api.errors import KVError
from tests.api.kit import NS, MakeClient, Speaker, envelope, failure

HTML = {"content-type": "text/html; charset=UTF-8"}
CUT = b'{"result":[{"name":"a"},{"na'


def page(status: int, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return httpx.Response(status, html="<!DOCTYPE html><title>oh</title>", headers=named)


def text(status: int, said: str) -> httpx.Response:
    return httpx.Response(status, text=said)


NO_KEY = "get: 'key not found'"
NO_NAMESPACE = "list keys: 'namespace not found'"
FLAT = {"code": 971, "message": "Please wait and consider throttling your request speed"}
READ_ONLY_TOKEN = "PUT method not allowed for the api_token authentication scheme"

READING = [
    ("missing key", failure(10009, NO_KEY, 404), errors.KeyNotFound, "does not exist"),
    ("missing namespace", failure(10013, NO_NAMESPACE, 404), errors.NamespaceNotFound, "namespace"),
    (
        "no such account",
        failure(7003, "Could not route to /accounts/x", 404),
        errors.AccountNotFound,
        "account",
    ),
    ("no such account, as 400", failure(7003, "Could not route", 400), errors.AccountNotFound, "account"),
    ("404 that names nothing", httpx.Response(404, json={"errors": []}), errors.NotFound, "what is missing"),
    ("404 as plain text", text(404, "404 Not Found"), errors.NotFound, "404 Not Found"),
    ("404 as a page", page(404), errors.NotFound, "404"),
    ("malformed namespace id", failure(10011, "could not parse UUID", 400), errors.Invalid, "32 hex digits"),
    ("malformed cursor", failure(10041, "invalid cursor", 400), errors.CursorLost, "from the beginning"),
    ("wrong token", failure(1000, "Invalid API Token", 401), errors.BadCredentials, "credentials"),
    ("expired token", failure(10000, "Authentication error", 401), errors.BadCredentials, "expired"),
    ("other account's token", failure(10000, "Authentication error", 403), errors.MayNotRead, "Storage Read"),
    ("not allowed", failure(10037, "lacks the permission", 403), errors.MayNotRead, "Storage Read"),
    ("401 that names nothing", httpx.Response(401), errors.BadCredentials, "credentials"),
    ("403 that says why", text(403, "Invalid Host header"), errors.MayNotRead, "Invalid Host header"),
    (
        "memberships of an account's token",
        failure(9106, "Authentication failed", 400),
        errors.BadCredentials,
        "",
    ),
    ("challenge", page(403, cf_mitigated="challenge", cf_ray="8f00ba1"), errors.Blocked, "Ray ID: 8f00ba1"),
    ("challenge under 200", page(200, cf_mitigated="challenge", cf_ray="8f00ba1"), errors.Blocked, "8f00ba1"),
    ("524", page(524, cf_ray="8f00ba2"), errors.ServerFault, "Ray ID: 8f00ba2"),
    ("522", page(522), errors.ServerFault, "HTTP 522"),
    ("500", failure(10001, "service temporarily unavailable", 500), errors.ServerFault, "unavailable"),
    ("503 with nothing", httpx.Response(503), errors.ServerFault, "HTTP 503"),
    ("explorer's validation", failure(10001, "limit: too small", 400), errors.Invalid, "limit: too small"),
    ("explorer's fault", failure(10000, "internal error", 500), errors.ServerFault, "internal error"),
    ("429, flat", httpx.Response(429, json=FLAT), errors.RateLimited, "pause"),
    ("429, enveloped", failure(971, "Please wait", 429), errors.RateLimited, "pause"),
    ("429 as text", text(429, "error code: 1015"), errors.RateLimited, "pause"),
    ("971 under 200, flat", httpx.Response(200, json=FLAT), errors.RateLimited, "pause"),
    ("971 under 200, enveloped", failure(971, "Please wait", 200), errors.RateLimited, "pause"),
    ("daily limit", failure(10048, "free usage limit exceeded", 429), errors.QuotaSpent, "00:00 UTC"),
    ("success false under 200", failure(10013, NO_NAMESPACE, 200), errors.NamespaceNotFound, "namespace"),
    (
        "success false, unnamed",
        httpx.Response(200, json={"success": False}),
        errors.Invalid,
        "without naming",
    ),
    ("unknown code", failure(10999, "who knows", 400), errors.Invalid, "who knows (10999)"),
    ("truncated JSON", httpx.Response(200, content=CUT), errors.BadAnswer, "cut short"),
    ("a web page under 200", page(200), errors.BadAnswer, "web page"),
    ("an empty 200", httpx.Response(200), errors.BadAnswer, "without saying"),
    ("other JSON", httpx.Response(200, json={"hello": "world"}), errors.BadAnswer, "form"),
    ("wrong types", httpx.Response(200, json=envelope([{"name": 1}])), errors.BadAnswer, "form"),
    ("too deep", httpx.Response(200, content=b'{"x":' + b"[" * 100_000), errors.BadAnswer, "JSON"),
    ("redirect", httpx.Response(302, headers={"location": "https://login.test"}), errors.BadAnswer, "302"),
    (
        "bad gzip",
        httpx.Response(200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(b"no")),
        errors.BadAnswer,
        "damaged",
    ),
]

WRITING = [
    ("token may not write", failure(10000, READ_ONLY_TOKEN, 405), errors.MayNotWrite, "Storage Write"),
    ("403 on a write", failure(10000, "Authentication error", 403), errors.MayNotWrite, "Storage Write"),
    ("method not allowed", failure(10405, "method not allowed", 405), errors.Unsupported, "does not offer"),
    ("405 without a code", httpx.Response(405), errors.Unsupported, "does not offer"),
    ("bad expiration", failure(10033, "Invalid expiration of 5", 400), errors.Invalid, "60 seconds ahead"),
    ("bad ttl", failure(10034, "Expiration TTL must be at least 60.", 400), errors.Invalid, "60 seconds"),
    ("bad metadata", failure(10147, "metadata must be valid json", 400), errors.Invalid, "1,024 bytes"),
    ("too large", httpx.Response(413), errors.TooLarge, "25 MiB"),
    ("key too long", httpx.Response(414), errors.TooLarge, "512 bytes"),
    ("busy", failure(10046, "Too many bulk operations", 429), errors.Busy, "bulk"),
    ("524 on a write", page(524), errors.ServerFault, "not known"),
    ("header malformed", failure(6003, "Invalid request headers", 400), errors.BadCredentials, "token"),
]  # fmt: skip


def _told(error: KVError, kind: type[KVError], words: str) -> None:
    assert type(error) is kind
    assert words in str(error)
    assert error.message.strip()[-1] in ".)"
    assert error.remedy.strip().endswith(".") or error.remedy.endswith("?")
    assert str(error) == f"{error.message} {error.remedy}"


@pytest.mark.parametrize(
    ("answer", "kind", "words"), [row[1:] for row in READING], ids=[row[0] for row in READING]
)
async def test_a_failed_reading_has_a_name_a_sentence_and_a_remedy(
    client_of: MakeClient, answer: httpx.Response, kind: type[KVError], words: str
) -> None:
    server = Speaker(lambda _: answer)
    with pytest.raises(KVError) as caught:
        await client_of(server).keys(NS)
    _told(caught.value, kind, words)
    assert len(server.requests) == (4 if kind.transient else 1)
    assert caught.value.attempts == len(server.requests)


@pytest.mark.parametrize(
    ("answer", "kind", "words"), [row[1:] for row in WRITING], ids=[row[0] for row in WRITING]
)
async def test_a_failed_change_has_a_name_a_sentence_and_a_remedy(
    client_of: MakeClient, answer: httpx.Response, kind: type[KVError], words: str
) -> None:
    with pytest.raises(KVError) as caught:
        await client_of(Speaker(lambda _: answer)).delete(NS, "k")
    _told(caught.value, kind, words)


async def test_an_api_token_sent_as_a_global_key_is_told_so(client_of: MakeClient) -> None:
    chain = [{"code": 6103, "message": "Invalid format for X-Auth-Key header"}]
    problem = {"code": 6003, "message": "Invalid request headers", "error_chain": chain}
    server = Speaker(lambda _: httpx.Response(400, json={"success": False, "errors": [problem]}))
    with pytest.raises(errors.BadCredentials, match="CLOUDFLARE_API_TOKEN"):
        await client_of(server, credentials=Credentials.key("me@example.com", "token")).accounts()


async def test_a_title_that_is_taken_is_told_by_its_code(client_of: MakeClient) -> None:
    message = "create namespace: 'a namespace with this account ID and title already exists'"
    with pytest.raises(errors.TitleTaken):
        await client_of(Speaker(lambda _: failure(10014, message, 400))).create_namespace(NS.account, "t")


async def test_a_bulk_get_of_a_binary_value_is_told_by_its_words(client_of: MakeClient) -> None:
    message = "bulk get keys: 'At least one of the requested keys corresponds to a non-text value'"
    with pytest.raises(errors.NotText, match="one by one"):
        await client_of(Speaker(lambda _: failure(10029, message, 400))).bulk_get(NS, ["k"])


async def test_a_throttle_under_http_200_never_passes_for_a_value(client_of: MakeClient) -> None:
    with pytest.raises(errors.RateLimited):
        await client_of(Speaker(lambda _: httpx.Response(200, json=FLAT))).read_value(NS, "k")


async def test_a_stored_value_that_looks_like_a_failure_is_still_a_value(client_of: MakeClient) -> None:
    stored = httpx.Response(200, json=FLAT, headers={"content-type": "application/octet-stream"})
    value, _ = await client_of(Speaker(lambda _: stored)).read_value(NS, "k")
    assert value == stored.content


async def test_what_a_server_says_is_quoted_on_one_line_and_cropped(client_of: MakeClient) -> None:
    with pytest.raises(errors.Invalid) as caught:
        await client_of(Speaker(lambda _: failure(10999, "so\n\n" + "x" * 5000, 400))).keys(NS)
    assert "so xxx" in caught.value.message
    assert len(caught.value.message) < 400
