"""What happens on the way: lost connections, retries, the guard at the door, and what may travel where."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from kvtui.api import errors
from kvtui.api.calls import Call
from kvtui.api.client import Credentials, KVClient
from kvtui.api.errors import KVError
from kvtui.api.models import Entry
from kvtui.api.retry import Retries
from tests.api.kit import NS, MakeClient, Speaker, envelope, failure, listening

CERTIFICATE = Path(__file__).with_name("loopback.pem")
OK = httpx.Response(200, json=envelope())


async def test_a_connection_dropped_before_the_answer_is_tried_again_and_then_told(
    client_of: MakeClient,
) -> None:
    connections = 0

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    async with listening(hang_up) as place:
        with pytest.raises(errors.Unreachable, match="broke before the answer"):
            await client_of(None, f"http://{place}").dialect()
    assert connections == 4


async def test_a_value_cut_in_the_middle_is_never_taken_for_the_value(client_of: MakeClient) -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf a value")
        await writer.drain()
        writer.close()

    async with listening(cut) as place:
        with pytest.raises(errors.Unreachable, match="broke before the answer"):
            await client_of(None, f"http://{place}").read_value(NS, "k")


async def test_a_lost_change_says_that_it_may_have_arrived(client_of: MakeClient) -> None:
    def lose(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(404)
        raise httpx.ReadError("gone", request=request)

    with pytest.raises(errors.Unreachable, match="Whether the change arrived is not known"):
        await client_of(Speaker(lose), "http://localhost").delete(NS, "k")


async def test_nobody_listening_is_told_as_that(client_of: MakeClient) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and never listening
        with pytest.raises(errors.Unreachable, match="nothing listens there"):
            await client_of(None, f"http://127.0.0.1:{taken.getsockname()[1]}").dialect()


async def test_an_unknown_host_is_told_as_that(
    client_of: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nowhere(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    with pytest.raises(errors.Unreachable, match=r"no address for kv\.invalid"):
        await client_of(None, "https://kv.invalid").dialect()


async def test_a_certificate_that_nobody_vouches_for_ends_it_at_once(client_of: MakeClient) -> None:
    heard = b""

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal heard
        heard += await reader.read()
        writer.close()

    secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    secure.load_cert_chain(CERTIFICATE)
    async with listening(listen, ssl=secure) as place:
        with pytest.raises(errors.Untrusted, match="could not be verified") as caught:
            await client_of(None, f"https://{place}", credentials=Credentials.token("secret")).dialect()
    assert caught.value.attempts == 1
    assert heard == b""


async def test_https_spoken_to_a_plain_server_is_told(client_of: MakeClient) -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with listening(plain) as place:
        with pytest.raises(errors.Unreachable, match="encryption"):
            await client_of(None, f"https://{place}").dialect()


async def test_a_silent_server_is_given_up() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with listening(silent) as place, KVClient(f"http://{place}", retries=Retries(attempts=1)) as client:
        with pytest.raises(errors.Unreachable, match="kept silent"):
            await client._send(Call("GET", "", silence=0.02), lambda answer: answer)


async def test_a_failure_that_passes_is_tried_again_until_it_has_passed(client_of: MakeClient) -> None:
    server = Speaker([httpx.Response(502), httpx.ReadTimeout("slow"), failure(971, "wait", 429), OK])
    await client_of(server).delete(NS, "k")
    assert len(server.requests) == 4


async def test_making_a_namespace_is_never_tried_again(client_of: MakeClient) -> None:
    server = Speaker(lambda _: httpx.Response(503))
    with pytest.raises(errors.ServerFault):
        await client_of(server).create_namespace(NS.account, "title")
    assert len(server.requests) == 1


async def test_a_namespace_removed_by_a_try_whose_answer_was_lost_is_removed(client_of: MakeClient) -> None:
    gone = failure(10013, "remove namespace: 'namespace not found'", 404)
    await client_of(Speaker([httpx.ReadError("lost"), gone])).remove_namespace(NS)
    with pytest.raises(errors.NamespaceNotFound):
        await client_of(Speaker([gone])).remove_namespace(NS)


async def test_a_short_pause_is_waited_out_and_a_long_one_is_told(client_of: MakeClient) -> None:
    waits = Retries(first_wait=99, longest_wait=99, patience=1)  # only a Retry-After can be this short
    short = Speaker([failure(10022, "slow", 429, retry_after="0.01"), OK])
    await client_of(short, retries=waits).delete(NS, "k")
    assert len(short.requests) == 2

    long = Speaker([failure(971, "slow", 429, retry_after="240")])
    client = client_of(long, retries=waits)
    with pytest.raises(errors.RateLimited, match="240 s") as caught:
        await client.delete(NS, "k")
    assert caught.value.retry_after == 240
    with pytest.raises(errors.RateLimited):  # and nothing is sent while it lasts
        await client.delete(NS, "k")
    assert len(long.requests) == 1


async def test_after_the_pause_requests_leave_again(client_of: MakeClient) -> None:
    now = 1000.0
    server = Speaker([failure(971, "slow", 429, retry_after="240"), OK])
    client = client_of(server, clock=lambda: now)
    with pytest.raises(errors.RateLimited):
        await client.delete(NS, "k")
    assert client.budget.blocked_until == 1240
    now = 1241.0
    await client.delete(NS, "k")


async def test_waits_grow_and_are_bounded(client_of: MakeClient) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    server = Speaker(lambda _: httpx.Response(503))
    with pytest.raises(errors.ServerFault):
        await client_of(server, retries=Retries(attempts=8, sleep=sleep)).keys(NS)
    assert len(waited) == 7
    least = [0.25, 0.5, 1, 2, 4, 4, 4]
    assert all(low <= wait <= 1.5 * low for low, wait in zip(least, waited, strict=True))
    assert len({wait / low for low, wait in zip(least, waited, strict=True)}) == 7  # by chance


async def test_after_a_while_no_new_try_begins(client_of: MakeClient) -> None:
    server = Speaker(lambda _: httpx.Response(503))
    with pytest.raises(errors.ServerFault):
        await client_of(server, retries=Retries(within=0)).keys(NS)
    assert len(server.requests) == 1


async def test_a_reading_that_is_given_up_leaves_the_client_whole(client_of: MakeClient) -> None:
    heard = asyncio.Event()

    async def first_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if b"/values/slow " in head:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
            heard.set()
            await reader.read()
        body = b"value" if b"/values/" in head else b""
        writer.write(
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        )
        await writer.drain()

    async with listening(first_silent) as place:
        client = client_of(None, f"http://{place}")
        slow = asyncio.ensure_future(client.read_value(NS, "slow"))
        await heard.wait()
        slow.cancel()
        with pytest.raises(asyncio.CancelledError):
            await slow
        assert await client.read_value(NS, "quick") == (b"value", None)
        await client.aclose()


CHANGES: list[Callable[[KVClient], Awaitable[Any]]] = [
    lambda client: client.create_namespace(NS.account, "t"),
    lambda client: client.rename_namespace(NS, "t"),
    lambda client: client.remove_namespace(NS),
    lambda client: client.write(NS, "k", Entry(b"")),
    lambda client: client.write(NS, "k", Entry(b"", "{}", 2_000_000_000)),
    lambda client: client.delete(NS, "k"),
    lambda client: client.bulk_write(NS, {"k": Entry(b"")}),
    lambda client: client.bulk_delete(NS, ["k"]),
    lambda client: client._send(Call("PATCH", "/anything"), lambda answer: answer),
]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(
    "base_url", ["https://api.cloudflare.com/client/v4", "http://localhost:8787/explorer"]
)
async def test_a_read_only_client_sends_nothing_that_changes(
    client_of: MakeClient, change: Callable[[KVClient], Awaitable[Any]], base_url: str
) -> None:
    server = Speaker([])
    with pytest.raises(errors.ReadOnly, match="read-only"):
        await change(client_of(server, base_url, read_only=True))
    assert server.requests == []


async def test_a_read_only_client_reads_everything(client_of: MakeClient) -> None:
    server = Speaker(
        lambda _: httpx.Response(200, json=envelope({"values": {"k": {"value": "v", "metadata": None}}}))
    )
    client = client_of(server, read_only=True)
    assert await client.bulk_get(NS, ["k"]) == {"k": Entry(b"v")}
    client.read_only = False
    await client.delete(NS, "k")


@pytest.mark.parametrize("name", ["", ".", "..", "x" * 513, "é" * 257, "\ud800"])
async def test_a_key_that_cannot_be_is_refused_before_there_is_a_request(
    client_of: MakeClient, name: str
) -> None:
    server = Speaker([])
    client = client_of(server, "http://localhost")  # its dialect is not even asked for
    for attempt in (
        client.read_value(NS, name),
        client.read_metadata(NS, name),
        client.read_entry(NS, name),
        client.write(NS, name, Entry(b"")),
        client.delete(NS, name),
        client.bulk_write(NS, {name: Entry(b"")}),
        client.bulk_delete(NS, ["fine", name]),
        client.bulk_get(NS, ["fine", name]),
    ):
        with pytest.raises(errors.Refused):
            await attempt
    assert server.requests == []


@pytest.mark.parametrize("bad", ["", ".", ".."])
async def test_ids_that_would_change_the_path_are_refused(client_of: MakeClient, bad: str) -> None:
    client = client_of(Speaker([]))
    with pytest.raises(errors.Refused, match="namespace id"):
        await client.remove_namespace(type(NS)(bad, "t", NS.account))
    with pytest.raises(errors.Refused, match="account"):
        await client.namespaces(bad)


async def test_the_door_refuses_a_path_that_would_be_rewritten(client_of: MakeClient) -> None:
    server = Speaker([])
    client = client_of(server)
    for path in ("/accounts/a/storage/kv/namespaces/n/values/..", "/a/../b", "/accounts/n/values/"):
        with pytest.raises(errors.Refused, match="not sent"):
            await client._send(Call("DELETE", path, value=True), lambda answer: answer)
    assert server.requests == []


@pytest.mark.parametrize(
    ("key", "segment"),
    [
        ("a/b", "a%2Fb"),
        ("a%2Fb", "a%252Fb"),
        ("/", "%2F"),
        ("a/../b", "a%2F..%2Fb"),
        ("../x", "..%2Fx"),
        ("...", "..."),
        ("%2e%2e", "%252e%252e"),
        ("#?&", "%23%3F%26"),
        ("\x00\x1f", "%00%1F"),
        ("a b+c", "a%20b%2Bc"),
        ("é🙂", "%C3%A9%F0%9F%99%82"),
        ("..;/", "..%3B%2F"),
    ],
)
async def test_a_key_travels_as_one_escaped_segment(client_of: MakeClient, key: str, segment: str) -> None:
    server = Speaker([OK])
    await client_of(server).delete(NS, key)
    (line,) = server.lines
    assert line == f"DELETE /client/v4/accounts/{NS.account}/storage/kv/namespaces/{NS.id}/values/{segment}"


@pytest.mark.parametrize(
    "url",
    [
        "http://kv.example.com/v4",
        "http://10.0.0.7:8799",
        "http://localhost.example.com",
        "http://[2001:db8::1]",
    ],
)
def test_credentials_do_not_travel_unencrypted(url: str) -> None:
    with pytest.raises(errors.Refused, match="unencrypted") as caught:
        KVClient(url, Credentials.token("s3cret"))
    assert "s3cret" not in str(caught.value)
    KVClient(url)  # without credentials there is nothing to protect


@pytest.mark.parametrize(
    "url", ["https://kv.example.com", "http://127.0.0.1:8799", "http://[::1]:1", "http://localhost"]
)
async def test_credentials_travel_over_https_and_to_this_machine(client_of: MakeClient, url: str) -> None:
    server = Speaker(lambda _: OK)
    client = client_of(server, url, credentials=Credentials.token("s3cret"))
    await client.delete(NS, "k")
    assert {request.headers["authorization"] for request in server.requests} == {"Bearer s3cret"}
    key = client_of(server, url, credentials=Credentials.key("me@example.com", "abc"))
    await key.delete(NS, "k")
    assert server.requests[-1].headers["x-auth-email"] == "me@example.com"
    assert server.requests[-1].headers["x-auth-key"] == "abc"


@pytest.mark.parametrize(
    "url",
    ["", "api.cloudflare.com", "ftp://x/y", "https://", "https://me:pw@x/v4", "https://x/v4?a=b", "https://x/a/../b",
     "https://x/#f", "http://[::1", "https://x:port"],
)  # fmt: skip
def test_an_address_that_cannot_be_one_is_refused(url: str) -> None:
    with pytest.raises(errors.Refused, match="API address"):
        KVClient(url)


async def test_requests_to_this_machine_pass_no_proxy(
    client_of: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://192.0.2.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    async with listening(answer) as place:
        client = client_of(None, f"http://{place}", credentials=Credentials.token("s3cret"))
        assert (await client.dialect()).value == "cloudflare"


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [("HTTPS_PROXY", "gopher://x", "proxy"), ("SSL_CERT_FILE", "/nowhere/ca.pem", "certificates")],
)
async def test_an_environment_that_cannot_work_is_told(
    client_of: MakeClient, monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(errors.Refused, match=words):
        await client_of(None, "https://kv.invalid").dialect()


@pytest.mark.parametrize(
    ("token", "place"), [("abc def", 4), ("abc\n", 4), ("abc…", 4), ("\u00a0abc", 1), ("a\x00", 2)]
)
def test_a_damaged_token_is_refused_by_its_place_and_never_shown(token: str, place: int) -> None:
    with pytest.raises(errors.Refused, match=f"position {place} of {len(token)}") as caught:
        Credentials.token(token)
    assert "abc" not in str(caught.value)


def test_credentials_cannot_be_printed() -> None:
    for credentials in (Credentials.token("s3cret"), Credentials.key("me@example.com", "s3cret")):
        for shown in (repr(credentials), str(credentials), f"{credentials}", repr([credentials])):
            assert "s3cret" not in shown
            assert "****" in shown


async def test_nothing_is_written_to_the_log_or_the_terminal(
    client_of: MakeClient, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    with pytest.raises(KVError):
        await client_of(Speaker(lambda _: httpx.Response(503)), credentials=Credentials.token("s3cret")).keys(
            NS
        )
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")


async def test_making_a_client_loads_no_http() -> None:
    script = (
        "import sys, kvtui.api.client as c; c.KVClient('https://x.test'); sys.exit('httpx' in sys.modules)"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script)
    assert await process.wait() == 0


async def test_a_transport_may_be_made_when_it_is_needed(client_of: MakeClient) -> None:
    server = Speaker([OK])
    await client_of(lambda: server.transport).delete(NS, "k")
    assert len(server.requests) == 1


async def test_a_closed_client_opens_again(client_of: MakeClient) -> None:
    client = client_of(Speaker([OK, OK]))
    await client.delete(NS, "k")
    await client.aclose()
    await client.delete(NS, "k")
