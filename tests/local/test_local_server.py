"""The embedded server's namespaces and pairs, asked as production is asked."""

from __future__ import annotations

import asyncio
import json
import random
from typing import TypeAlias
from urllib.parse import quote

import httpx
import pytest

from kvtui.api import limits
from kvtui.local.pairs import Pairs
from kvtui.local.server import BASE
from kvtui.local.state import KVState
from tests.local.kit import HOME, NOW, Api, Clock, error_of, value_path

Form: TypeAlias = dict[str, tuple[str | None, bytes] | tuple[str | None, bytes, str | None]]

NOBODY = "0123456789abcdef" * 2

NAMES = [
    "plain", "user:1", "a/b", "/leading", "trailing/", "a//b", "a/../b", "./a", "...", "%2F", "%", "100%",
    "a b", " ", "a+b", "?q=1&r=2#f", "é", "日本", "🙂", "\x00", "a\nb", "\x1b[c", "\x7f", "\u2028", "\u202e",
    "'\"<>\\^|{}[]`", "metadata", "values/x", "x" * 512, "é" * 256,
]  # fmt: skip


async def test_namespaces_are_made_read_renamed_and_removed(api: Api) -> None:
    made = (await api.http.post(HOME, json={"title": "sessions"})).json()["result"]
    assert made == {"id": made["id"], "title": "sessions", "supports_url_encoding": True}
    assert len(made["id"]) == 32
    one = f"{HOME}/{made['id']}"
    assert (await api.http.get(one)).json()["result"] == made
    renamed = (await api.http.put(one, json={"title": "old"})).json()
    assert renamed["result"]["title"] == "old"
    assert renamed["success"] is True
    assert [n["title"] for n in (await api.http.get(HOME)).json()["result"]] == ["old"]
    await api.http.put(value_path(one, "k"), content=b"v")
    removed = await api.http.request("DELETE", one, headers={"content-type": "application/json"})
    assert removed.json() == {"result": None, "success": True, "errors": [], "messages": []}
    assert error_of(await api.http.get(one)) == (404, 10013, "get namespace: 'namespace not found'")


async def test_namespaces_come_in_pages_that_end_empty(api: Api) -> None:
    for number in range(23):
        await api.make(f"ns {number:02}")

    async def page(**query: object) -> httpx.Response:
        return await api.http.get(HOME, params={key: str(value) for key, value in query.items()})

    first = (await page()).json()
    assert len(first["result"]) == 20
    info = {"page": 1, "per_page": 20, "count": 20, "total_count": 23, "total_pages": 2}
    assert first["result_info"] == info
    assert len((await page(page=2)).json()["result"]) == 3
    assert (await page(page=3)).json()["result"] == []
    everything = (await page(per_page=1000, order="title", direction="desc")).json()["result"]
    assert [n["title"] for n in everything] == [f"ns {number:02}" for number in reversed(range(23))]
    assert [n["id"] for n in first["result"]] == sorted(n["id"] for n in everything)[:20]
    assert error_of(await page(page=0))[:2] == (400, 10007)
    assert error_of(await page(per_page=4))[:2] == (400, 10008)
    assert error_of(await page(order="size"))[:2] == (400, 10043)
    assert error_of(await page(direction="up"))[:2] == (400, 10044)


async def test_what_is_wrong_with_a_title_is_told(api: Api) -> None:
    one = await api.make("taken")
    other = await api.make("other")
    said = "a namespace with this account ID and title already exists"
    assert error_of(await api.http.post(HOME, json={"title": "taken"})) == (
        400,
        10014,
        f"create namespace: '{said}'",
    )
    assert error_of(await api.http.put(other, json={"title": "taken"})) == (
        400,
        10014,
        f"rename namespace: '{said}'",
    )
    assert error_of(await api.http.post(HOME, json={})) == (
        400,
        10019,
        "request is missing a title definition",
    )
    assert error_of(await api.http.put(one, json={"title": ""}))[:2] == (400, 10019)
    assert error_of(await api.http.post(HOME, json={"title": "x" * 513}))[:2] == (400, 10019)
    assert error_of(await api.http.post(HOME, content=b"{"))[:2] == (400, 10012)
    assert error_of(await api.http.post(HOME, json=["title"]))[:2] == (400, 10012)


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("GET", "", "get namespace"),
        ("PUT", "", "rename namespace"),
        ("DELETE", "", "remove namespace"),
        ("GET", "/keys", "list keys"),
        ("GET", "/values/k", "get"),
        ("PUT", "/values/k", "put"),
        ("DELETE", "/values/k", "remove key"),
        ("GET", "/metadata/k", "metadata"),
        ("DELETE", "/bulk", "bulk remove keys"),
        ("POST", "/bulk/delete", "bulk remove keys"),
        ("POST", "/bulk/get", "bulk get keys"),
    ],
)
async def test_an_unknown_namespace_is_told_by_its_code(
    api: Api, method: str, path: str, operation: str
) -> None:
    answer = await api.http.request(method, f"{HOME}/{NOBODY}{path}", content=b"[]")
    assert error_of(answer) == (404, 10013, f"{operation}: 'namespace not found'")
    status, code, message = error_of(await api.http.request(method, f"{HOME}/not-an-id{path}"))
    assert (status, code) == (400, 10011)
    assert message.startswith("could not parse UUID from request's namespace_id: '")


@pytest.mark.parametrize("key", NAMES)
async def test_a_key_of_any_name_is_stored_under_just_that_name(api: Api, state: KVState, key: str) -> None:
    one = await api.make()
    for name in (key, "neighbour"):
        assert (await api.http.put(value_path(one, name), content=name.encode())).json()["result"] is None
    answer = await api.http.get(value_path(one, key))
    assert answer.content == key.encode()
    assert answer.headers["content-type"] == "application/octet-stream"
    assert "expiration" not in answer.headers
    assert state.pairs(one.rsplit("/", 1)[1]).read(key) is not None
    listed = (await api.http.get(f"{one}/keys", params={"prefix": key})).json()["result"]
    assert listed == [{"name": key}]
    metadata = await api.http.get(f"{one}/metadata/{quote(key, safe='')}")
    assert metadata.json()["result"] is None
    assert (await api.http.delete(value_path(one, key))).json()["success"] is True
    assert error_of(await api.http.get(value_path(one, key))) == (404, 10009, "get: 'key not found'")
    assert (await api.http.get(value_path(one, "neighbour"))).content == b"neighbour"


async def test_slashes_and_colons_that_come_bare_belong_to_the_key(api: Api) -> None:
    one = await api.make()
    await api.http.put(f"{one}/values/user:1/name", content=b"Ada")
    assert (await api.http.get(value_path(one, "user:1/name"))).content == b"Ada"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_names_that_no_key_can_have_are_refused(api: Api, method: str) -> None:
    one = await api.make()
    operation = {"GET": "get", "PUT": "put", "DELETE": "remove key"}[method]
    long = await api.http.request(method, value_path(one, "x" * 513))
    said = "UTF-8 encoded length of 513 exceeds key length limit of 512."
    assert error_of(long) == (414, 10030, f"{operation}: '{said}'")
    for segment in ("", "%2E", "%2e%2e", "%FF"):
        assert error_of(await api.http.request(method, f"{one}/values/{segment}"))[:2] == (400, 10042)
    assert (await api.http.get(one)).status_code == 200


async def test_metadata_and_expiration_come_back_in_every_way(api: Api) -> None:
    one = await api.make()
    text = '{"n":1.10,"z":[null,"\\ud83d\\ude42"],"a":12345678901234567890}'
    form: Form = {
        "value": ("blob", b"\x00\xff", "application/octet-stream"),
        "metadata": (None, text.encode(), "application/json"),
    }
    query = {"expiration": str(NOW + 60)}
    assert (await api.http.put(value_path(one, "k"), files=form, params=query)).status_code == 200
    answer = await api.http.get(value_path(one, "k"))
    assert (answer.content, answer.headers["expiration"]) == (b"\x00\xff", str(NOW + 60))
    assert text in (await api.http.get(f"{one}/metadata/k")).text
    listed = await api.http.get(f"{one}/keys")
    assert f'{{"name":"k","expiration":{NOW + 60},"metadata":{text}}}' in listed.text
    await api.http.put(value_path(one, "k"), content=b"new")
    replaced = await api.http.get(value_path(one, "k"))
    assert "expiration" not in replaced.headers
    assert (await api.http.get(f"{one}/metadata/k")).json()["result"] is None


async def test_expirations_are_checked_as_production_checks_them(api: Api, clock: Clock) -> None:
    one = await api.make()

    async def put(**query: object) -> httpx.Response:
        params = {key: str(value) for key, value in query.items()}
        return await api.http.put(value_path(one, "k"), content=b"v", params=params)

    async def expires() -> str:
        return (await api.http.get(value_path(one, "k"))).headers["expiration"]

    for ttl in (59, 0, -1, "x", "60.5", 10**30):
        status, code, message = error_of(await put(expiration_ttl=ttl))
        assert (status, code) == (400, 10034)
        assert message == f"put: 'Invalid expiration_ttl of {ttl}. Expiration TTL must be at least 60.'"
    for moment in (NOW + 59, NOW - 1, 0, "soon", 10**30):
        status, code, message = error_of(await put(expiration=moment))
        assert (status, code) == (400, 10033)
        assert message.startswith(f"put: 'Invalid expiration of {moment}. ")
    assert (await put(expiration_ttl=60)).status_code == 200
    assert await expires() == str(NOW + 60)
    await put(expiration_ttl=100, expiration=NOW - 5)
    assert await expires() == str(NOW + 100)
    await put(expiration=f"{NOW + 61}.0", expiration_ttl="")
    assert await expires() == str(NOW + 61)
    clock.now += 61
    assert error_of(await api.http.get(value_path(one, "k")))[1] == 10009
    assert error_of(await api.http.get(f"{one}/metadata/k")) == (404, 10009, "metadata: 'key not found'")
    assert (await api.http.get(f"{one}/keys")).json()["result"] == []


async def test_metadata_must_be_json_of_at_most_1024_bytes(api: Api) -> None:
    one = await api.make()

    async def put(metadata: str) -> httpx.Response:
        return await api.http.put(
            value_path(one, "k"), files={"value": (None, b"v"), "metadata": (None, metadata)}
        )

    assert (await put('"' + "x" * 1022 + '"')).status_code == 200
    too_long = error_of(await put('"' + "x" * 1023 + '"'))
    assert too_long == (413, 10047, "put: 'Metadata length of 1025 exceeds limit of 1024.'")
    for text in ("", "{", "{'a':1}", "nope", '{"a":NaN}'):
        assert error_of(await put(text)) == (400, 10147, "metadata must be valid json")
    assert (await put("null")).status_code == 200
    assert (await api.http.get(f"{one}/keys")).json()["result"] == [{"name": "k"}]
    for text in ("0", "false", '""', "[]", '"\\ud800"'):
        await put(text)
        assert f'"metadata":{text}' in (await api.http.get(f"{one}/keys")).text


async def test_a_value_of_25_mib_is_the_largest(api: Api) -> None:
    one = await api.make()
    largest = random.Random(2).randbytes(limits.VALUE_BYTES)
    assert (await api.http.put(value_path(one, "raw"), content=largest)).status_code == 200
    assert (await api.http.get(value_path(one, "raw"))).content == largest
    # Without a filename, which Starlette's own form() would decode as text and refuse over 1 MB.
    form: Form = {"value": (None, largest), "metadata": (None, b'{"a":1}')}
    assert (await api.http.put(value_path(one, "form"), files=form)).status_code == 200
    assert (await api.http.get(value_path(one, "form"))).content == largest
    said = "put: 'Value length of 26214401 exceeds limit of 26214400.'"
    assert error_of(await api.http.put(value_path(one, "raw"), content=largest + b"x")) == (413, 10024, said)
    form["value"] = (None, largest + b"x")
    assert error_of(await api.http.put(value_path(one, "form"), files=form)) == (413, 10024, said)
    form["value"] = (None, largest * 2)
    assert error_of(await api.http.put(value_path(one, "form"), files=form))[:2] == (413, 10024)
    assert (await api.http.get(value_path(one, "raw"))).content == largest


async def test_only_a_form_is_looked_into(api: Api) -> None:
    one = await api.make()
    body = json.dumps({"value": "v", "metadata": {"a": 1}}).encode()
    for kind in ("application/json", "text/plain;charset=UTF-8", "application/x-www-form-urlencoded", None):
        headers = {"content-type": kind} if kind else {}
        await api.http.put(value_path(one, "k"), content=body, headers=headers)
        assert (await api.http.get(value_path(one, "k"))).content == body
        await api.http.put(value_path(one, "k"), content=b"", headers=headers)
        assert (await api.http.get(value_path(one, "k"))).content == b""


async def test_keys_are_listed_in_pages_by_a_cursor_that_survives_deletes(api: Api) -> None:
    one = await api.make()
    names = sorted((f"{letter}:{number:02}" for letter in "aé🙂" for number in range(15)), key=str.encode)
    pairs = [{"key": name, "value": ""} for name in names]
    assert (await api.http.put(f"{one}/bulk", json=pairs)).status_code == 200
    first = (await api.http.get(f"{one}/keys", params={"limit": "10", "cursor": "", "prefix": ""})).json()
    assert [row["name"] for row in first["result"]] == names[:10]
    cursor = first["result_info"]["cursor"]
    assert first["result_info"]["count"] == 10
    await api.http.post(f"{one}/bulk/delete", json=names[5:12])
    second = (await api.http.get(f"{one}/keys", params={"limit": "1000", "cursor": cursor})).json()
    assert [row["name"] for row in second["result"]] == names[12:]
    assert not second["result_info"]["cursor"]
    under = (await api.http.get(f"{one}/keys", params={"prefix": "🙂:", "limit": "10"})).json()
    assert [row["name"] for row in under["result"]] == [name for name in names if name[0] == "🙂"][:10]
    rest = (await api.http.get(f"{one}/keys?prefix=🙂:&cursor={under['result_info']['cursor']}")).json()
    assert len(rest["result"]) == 5


async def test_a_listing_refuses_what_production_refuses(api: Api) -> None:
    one = await api.make()
    for limit in ("9", "1001", "0", "-10", "x", "10.5", "9" * 400):
        assert error_of(await api.http.get(f"{one}/keys", params={"limit": limit}))[:2] == (400, 10028)
    for cursor in ("not base64!", "_w==", "A"):
        assert error_of(await api.http.get(f"{one}/keys", params={"cursor": cursor}))[:2] == (400, 10041)
    assert error_of(await api.http.get(f"{one}/keys", params={"prefix": "x" * 513}))[:2] == (414, 10030)
    assert (await api.http.get(f"{one}/keys", params={"limit": ""})).status_code == 200


async def test_whoever_asks_is_told_who_they_are(api: Api) -> None:
    accounts = (await api.http.get(f"{BASE}/accounts", params={"page": "1", "per_page": "50"})).json()
    assert [account["id"] for account in accounts["result"]] == ["0" * 32]
    assert accounts["result_info"]["total_count"] == 1
    assert (await api.http.get(f"{BASE}/accounts?page=2")).json()["result"] == []
    members = (await api.http.get(f"{BASE}/memberships")).json()["result"]
    assert [member["account"]["id"] for member in members] == ["0" * 32]
    for path in ("/user/tokens/verify", f"/accounts/{'0' * 32}/tokens/verify"):
        assert (await api.http.get(BASE + path)).json()["result"]["status"] == "active"
    assert (await api.http.get(f"{BASE}/accounts/{'0' * 32}")).json()["result"]["id"] == "0" * 32
    assert "email" in (await api.http.get(f"{BASE}/user")).json()["result"]


async def test_another_account_and_another_path_lead_nowhere(api: Api) -> None:
    one = await api.make()
    for path in (HOME, one, f"{one}/keys"):
        elsewhere = path.replace("0" * 32, "f" * 32)
        status, code, message = error_of(await api.http.get(elsewhere))
        assert (status, code) == (404, 7003)
        said = f"Could not route to {elsewhere}, perhaps your object identifier is invalid?"
        assert message == said
    for path in ("/", BASE, f"{BASE}/zones", f"{one}/nothing", f"{one}/keys/"):
        assert error_of(await api.http.get(path)) == (404, 7000, "No route for that URI")
    for method, path in (
        ("DELETE", f"{HOME}/"),
        ("PATCH", one),
        ("POST", f"{one}/values/k"),
        ("PUT", f"{one}/keys"),
    ):
        assert error_of(await api.http.request(method, path))[:2] == (405, 10405)


async def test_a_failure_within_answers_500_in_an_envelope(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    one = await api.make()

    def fail(*_: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(Pairs, "read", fail)
    status, code, message = error_of(await api.http.get(value_path(one, "k")))
    assert (status, code) == (500, 10001)
    assert "secret" not in message


async def test_a_folder_that_cannot_be_written_answers_with_a_sentence(api: Api, state: KVState) -> None:
    one = await api.make()
    (state.folder / "v3/kv" / one.rsplit("/", 1)[1]).write_text("a file where a folder must be")
    status, code, message = error_of(await api.http.put(value_path(one, "k"), content=b"v"))
    assert (status, code) == (500, 10001)
    assert one.rsplit("/", 1)[1] in message


async def test_a_write_whose_caller_went_away_is_done_all_the_same(
    api: Api, state: KVState, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await api.make()
    begun, may_go_on = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    lay_down = Pairs._lay_down

    def slowly(self: Pairs, value: bytes, shared: dict[bytes, str] | None) -> str:
        loop.call_soon_threadsafe(begun.set)
        asyncio.run_coroutine_threadsafe(may_go_on.wait(), loop).result()
        return lay_down(self, value, shared)

    monkeypatch.setattr(Pairs, "_lay_down", slowly)
    writing = asyncio.create_task(api.http.put(value_path(one, "k"), content=b"v"))
    await begun.wait()
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    may_go_on.set()
    monkeypatch.undo()
    await api.http.put(value_path(one, "later"), content=b"after it: there is one writer at a time")
    assert (await api.http.get(value_path(one, "k"))).content == b"v"
