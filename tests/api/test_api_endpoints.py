"""Every endpoint, through the real client, over the embedded server."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import pytest

from kvtui.api import errors
from kvtui.api.client import Credentials, Dialect, KVClient
from kvtui.api.models import BulkResult, Entry, Namespace
from kvtui.local.server import create_app
from kvtui.local.state import open_state
from tests.api.kit import MakeClient

ACCOUNT = "0" * 32
URL = "http://127.0.0.1:8799/client/v4"
SOON = int(time.time()) + 3600


@pytest.fixture
def client(tmp_path: Path, client_of: MakeClient) -> KVClient:
    app = create_app(open_state(tmp_path, create=True))
    return client_of(httpx.ASGITransport(app, raise_app_exceptions=False), URL)


@pytest.fixture
async def ns(client: KVClient) -> Namespace:
    return await client.create_namespace(ACCOUNT, "sessions")


async def test_the_server_is_found_out_and_has_one_account(client: KVClient) -> None:
    assert await client.dialect() is Dialect.CLOUDFLARE
    assert [account.id for account in await client.accounts()] == [ACCOUNT]


async def test_a_token_is_verified_and_a_wrong_one_is_not(tmp_path: Path, client_of: MakeClient) -> None:
    app = create_app(open_state(tmp_path, create=True), token="right")
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    right = client_of(transport, URL, credentials=Credentials.token("right"))
    assert await right.verify_token() == "active"
    assert await right.verify_token(ACCOUNT) == "active"
    wrong = client_of(transport, URL, credentials=Credentials.token("wrong"))
    for attempt in (wrong.verify_token(), wrong.namespaces(ACCOUNT)):
        with pytest.raises(errors.BadCredentials):
            await attempt


async def test_namespaces_are_made_read_renamed_and_removed(client: KVClient, ns: Namespace) -> None:
    assert ns.account == ACCOUNT and len(ns.id) == 32
    assert await client.namespaces(ACCOUNT) == [ns]
    assert await client.namespace(ACCOUNT, ns.id) == ns
    renamed = await client.rename_namespace(ns, "Sitzungen ü")
    assert renamed == await client.namespace(ACCOUNT, ns.id)
    await client.remove_namespace(renamed)
    assert await client.namespaces(ACCOUNT) == []
    for attempt in (
        client.remove_namespace(ns),
        client.keys(ns),
        client.read_value(ns, "k"),
        client.delete(ns, "k"),
    ):
        with pytest.raises(errors.NamespaceNotFound):
            await attempt


async def test_a_title_is_given_once(client: KVClient, ns: Namespace) -> None:
    other = await client.create_namespace(ACCOUNT, "other")
    with pytest.raises(errors.TitleTaken):
        await client.create_namespace(ACCOUNT, ns.title)
    with pytest.raises(errors.TitleTaken):
        await client.rename_namespace(other, ns.title)


async def test_more_namespaces_than_a_small_page_are_all_found(client: KVClient) -> None:
    made = [await client.create_namespace(ACCOUNT, f"n{number}") for number in range(25)]
    assert {namespace.id for namespace in await client.namespaces(ACCOUNT)} == {
        namespace.id for namespace in made
    }


@pytest.mark.parametrize(
    "entry",
    [
        Entry(b""),
        Entry(b"\x00\xff\r\n--"),
        Entry(b'{"value":"x","metadata":{}}'),
        Entry(b"\xff", '{"v":3,"n":1.0E5,"big":12345678901234567890123}'),
        Entry(b"", '"text"', SOON),
        Entry(b"expires", None, SOON),
        Entry(b"falsy", "0"),
        Entry(b"falsy", "false"),
    ],
)
async def test_an_entry_comes_back_as_it_was_written(client: KVClient, ns: Namespace, entry: Entry) -> None:
    await client.write(ns, "a/b", entry)
    assert await client.read_entry(ns, "a/b") == entry
    assert await client.read_value(ns, "a/b") == (entry.value, entry.expiration)
    assert await client.read_metadata(ns, "a/b") == entry.metadata
    (row,) = (await client.keys(ns)).keys
    assert (row.name, row.metadata_text, row.expiration) == ("a/b", entry.metadata, entry.expiration)


async def test_a_write_replaces_all_of_the_entry(client: KVClient, ns: Namespace) -> None:
    await client.write(ns, "k", Entry(b"1", '{"v":1}', SOON))
    await client.write(ns, "k", Entry(b"2"))
    assert await client.read_entry(ns, "k") == Entry(b"2")


async def test_a_time_to_live_is_counted_from_now(client: KVClient, ns: Namespace) -> None:
    before = int(time.time())
    await client.write(ns, "k", Entry(b"", None, SOON * 2), ttl=60)
    _, expiration = await client.read_value(ns, "k")
    assert expiration is not None and before + 60 <= expiration <= int(time.time()) + 61
    with pytest.raises(errors.Invalid, match="60 seconds"):
        await client.write(ns, "k", Entry(b"", None, before + 5))


async def test_a_missing_key_is_told_from_a_missing_namespace(client: KVClient, ns: Namespace) -> None:
    gone = Namespace("f" * 32, "gone", ACCOUNT)
    for read in (client.read_value, client.read_metadata, client.read_entry):
        with pytest.raises(errors.KeyNotFound):
            await read(ns, "none")
        with pytest.raises(errors.NamespaceNotFound):
            await read(gone, "none")
    await client.delete(ns, "none")


async def test_an_unknown_account_is_told_from_an_unknown_namespace(client: KVClient) -> None:
    with pytest.raises(errors.AccountNotFound):
        await client.namespaces("f" * 32)


async def test_a_listing_is_walked_by_cursor_and_prefix_in_byte_order(
    client: KVClient, ns: Namespace
) -> None:
    names = [f"user:{number}" for number in range(25)] + [
        "user",
        "userx",
        "é",
        "\U0001f642",
        "\uffff",
        "z/",
        "~",
    ]
    assert await client.bulk_write(ns, dict.fromkeys(names, Entry(b""))) == BulkResult(len(names))

    async def walk(prefix: str) -> list[str]:
        found: list[str] = []
        cursor: str | None = None
        while True:
            page = await client.keys(ns, prefix=prefix, cursor=cursor, limit=10)
            assert len(page.keys) <= 10
            found += [row.name for row in page.keys]
            if (cursor := page.cursor) is None:
                return found

    assert await walk("") == sorted(names, key=str.encode)
    assert await walk("user:") == sorted(name for name in names if name.startswith("user:"))
    assert await walk("none") == []


async def test_bulk_calls_do_what_the_single_ones_do(client: KVClient, ns: Namespace) -> None:
    entries = {
        "text": Entry("é\u0000\ufeff".encode(), '{"v":1.50}', SOON),
        "bytes": Entry(b"\xff\x00"),
        "replacement": Entry("\ufffd".encode(), '"\\u00e9"'),
        "a%2Fb/..": Entry(b""),
    }
    assert await client.bulk_write(ns, entries) == BulkResult(4)
    for key, entry in entries.items():
        assert await client.read_entry(ns, key) == entry
    texts = [key for key in entries if key != "bytes"]
    assert await client.bulk_get(ns, [*texts, "none"]) == {key: entries[key] for key in texts} | {
        "none": None
    }
    assert await client.bulk_delete(ns, [*entries, "none"]) == BulkResult(5)
    assert (await client.keys(ns)).keys == []
    assert await client.bulk_write(ns, {}) == BulkResult(0)
    assert await client.bulk_delete(ns, []) == BulkResult(0)


async def test_the_largest_value_goes_there_and_back_with_its_progress(
    client: KVClient, ns: Namespace
) -> None:
    value = bytes(range(256)) * (25 * 1024 * 4)
    await client.write(ns, "big", Entry(value, '{"big":true}'))
    told: list[tuple[int, int | None]] = []
    entry = await client.read_entry(ns, "big", progress=lambda so_far, total: told.append((so_far, total)))
    assert entry == Entry(value, '{"big":true}')
    assert told[-1] == (len(value), len(value))


async def test_the_longest_names_and_metadata_fit(client: KVClient, ns: Namespace) -> None:
    for name in ("x" * 512, "é" * 256, "/" * 512, "🙂" * 128, "%" * 512):
        entry = Entry(b"v", '"' + "m" * 1022 + '"')
        await client.write(ns, name, entry)
        assert await client.read_entry(ns, name) == entry
    assert len((await client.keys(ns)).keys) == 5


async def test_the_older_bulk_delete_works_too(tmp_path: Path, client_of: MakeClient) -> None:
    app = create_app(open_state(tmp_path, create=True))

    class WithoutTheNewer(httpx.ASGITransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.path.endswith("/bulk/delete"):
                return httpx.Response(404, text="404 Not Found")
            return await super().handle_async_request(request)

    client = client_of(WithoutTheNewer(app, raise_app_exceptions=False), URL)
    ns = await client.create_namespace(ACCOUNT, "t")
    await client.bulk_write(ns, {"a/b": Entry(b""), "c": Entry(b"")})
    assert await client.bulk_delete(ns, ["a/b"]) == BulkResult(1)
    assert [row.name for row in (await client.keys(ns)).keys] == ["c"]
