"""The explorer of `wrangler dev`: found out by asking, and made to keep what it would forget."""

from __future__ import annotations

import httpx
import pytest

from kvtui.api import errors
from kvtui.api.client import Dialect, KVClient
from kvtui.api.models import Account, BulkResult, Entry, Namespace
from tests.api.explorer import BASE, Explorer
from tests.api.kit import MakeClient, Speaker, envelope

KV = Namespace("KV", "KV")
URL = "http://127.0.0.1:8787" + BASE


@pytest.fixture
def explorer() -> Explorer:
    return Explorer()


@pytest.fixture
def client(explorer: Explorer, client_of: MakeClient) -> KVClient:
    return client_of(httpx.ASGITransport(explorer.app()), URL + "/")


@pytest.fixture
def old(client_of: MakeClient) -> tuple[KVClient, Explorer]:
    """wrangler 4.84, which has no bulk write and no bulk delete."""
    explorer = Explorer(bulk=False)
    return client_of(httpx.ASGITransport(explorer.app()), URL), explorer


async def test_it_is_told_by_its_description(client: KVClient) -> None:
    assert await client.dialect() is Dialect.EXPLORER
    assert await client.accounts() == [Account("", "local")]
    assert await client.verify_token() == "not needed"
    assert await client.namespaces("") == [Namespace("KV", "KV"), Namespace("other", "other")]
    assert await client.namespace("", "other") == Namespace("other", "other")
    with pytest.raises(errors.NamespaceNotFound):
        await client.namespace("", "none")


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(404, text="Not Found"),
        httpx.Response(
            401, json={"success": False, "errors": [{"code": 1000, "message": "Invalid API Token"}]}
        ),
        httpx.Response(200, html="<html>a worker of the user</html>"),
        httpx.Response(
            200, json={"openapi": "3.0.3", "paths": {"/accounts/{account_id}/storage/kv/namespaces": {}}}
        ),
        httpx.Response(200, json={"swagger": "2.0"}),
        httpx.Response(302, headers={"location": "/docs"}),
    ],
)
async def test_whatever_does_not_describe_itself_so_is_taken_for_cloudflares(
    client_of: MakeClient, answer: httpx.Response
) -> None:
    assert (
        await client_of(Speaker([answer]), "http://localhost:8799/client/v4").dialect() is Dialect.CLOUDFLARE
    )


@pytest.mark.parametrize("host", ["api.cloudflare.com", "api.fed.cloudflare.com"])
async def test_cloudflare_itself_is_never_asked(client_of: MakeClient, host: str) -> None:
    assert await client_of(Speaker([]), f"https://{host}/client/v4").dialect() is Dialect.CLOUDFLARE


async def test_it_is_asked_once_and_again_only_if_it_could_not_be_reached(client_of: MakeClient) -> None:
    lost: list[httpx.Response | Exception] = [httpx.ConnectError("down")] * 4
    server = Speaker([*lost, httpx.Response(404), httpx.Response(200, json=envelope())])
    client = client_of(server, "http://localhost:8799")
    with pytest.raises(errors.Unreachable):
        await client.dialect()
    assert await client.dialect() is Dialect.CLOUDFLARE
    assert await client.dialect() is Dialect.CLOUDFLARE
    assert len(server.requests) == 5


async def test_metadata_and_expiration_come_from_the_listing(client: KVClient, explorer: Explorer) -> None:
    explorer.stored = {
        "user:1": (b"\xff\x00", {"v": 1}, 1_900_000_000),
        **{f"user:1{letter}": (b"", None, None) for letter in "abcdefghijklmnop"},
    }
    assert await client.read_entry(KV, "user:1") == Entry(b"\xff\x00", '{"v":1}', 1_900_000_000)
    assert await client.read_entry(KV, "user:1c") == Entry(b"")
    assert await client.read_metadata(KV, "user:1") == '{"v":1}'
    assert await client.read_value(KV, "user:1") == (b"\xff\x00", None)
    for attempt in (client.read_entry, client.read_metadata, client.read_value):
        with pytest.raises(errors.KeyNotFound):
            await attempt(KV, "user:")


async def test_a_name_with_a_nul_is_found_though_its_prefix_lists_nothing(
    client: KVClient, explorer: Explorer
) -> None:
    explorer.stored = {f"a\0{number:04}": (b"v", {"n": number}, None) for number in range(1200)}
    assert await client.read_entry(KV, "a\x001100") == Entry(b"v", '{"n":1100}')
    with pytest.raises(errors.KeyNotFound):
        await client.read_metadata(KV, "a\0none")


@pytest.mark.parametrize("metadata", [None, '{"v":1}'])
@pytest.mark.parametrize("key", ["a/b", "%", "k"])
async def test_an_entry_that_expires_goes_by_the_bulk_write_and_is_kept_whole(
    client: KVClient, explorer: Explorer, metadata: str | None, key: str
) -> None:
    entry = Entry(b"\xff\x00\n", metadata, 1_900_000_000)
    await client.write(KV, key, entry)
    assert explorer.asked == ["PUT bulk"]
    assert await client.read_entry(KV, key) == entry
    await client.write(KV, key, Entry(b"text", metadata), ttl=60)
    assert explorer.asked.count("PUT bulk") == 2
    assert await client.read_entry(KV, key) == Entry(b"text", metadata, 2_000_000_000)


@pytest.mark.parametrize("entry", [Entry(b"\xff"), Entry(b"\xff\r\n", '{"v":1}'), Entry(b"")])
async def test_an_entry_for_ever_goes_by_the_plain_write(
    client: KVClient, explorer: Explorer, entry: Entry
) -> None:
    await client.write(KV, "a/b", entry)
    assert explorer.asked == ["PUT value"]
    assert await client.read_entry(KV, "a/b") == entry
    await client.delete(KV, "a/b")
    assert explorer.stored == {}


async def test_bulk_calls_are_exact(client: KVClient, explorer: Explorer) -> None:
    entries = {
        "a/b": Entry(b"\xff", '{"v":1}', 1_900_000_000),
        "t": Entry(b"text"),
        "\ufffd": Entry("\ufffd".encode()),
    }
    assert await client.bulk_write(KV, entries) == BulkResult(3)
    assert await client.bulk_get(KV, [*entries, "none"]) == {**entries, "none": None}
    assert "POST bulk/get" not in explorer.asked  # which would have mangled the bytes
    assert await client.bulk_delete(KV, list(entries)) == BulkResult(3)
    assert explorer.stored == {}


async def test_all_keys_are_listed(client: KVClient, explorer: Explorer) -> None:
    explorer.stored = {f"k{number:04}": (b"", None, None) for number in range(2500)}
    names: list[str] = []
    cursor, pages = None, 0
    while cursor or not pages:
        page = await client.keys(KV, prefix="k", cursor=cursor)
        names += [row.name for row in page.keys]
        cursor, pages = page.cursor, pages + 1
    assert names == sorted(explorer.stored)
    assert pages == 3


async def test_an_old_one_writes_and_deletes_key_by_key(old: tuple[KVClient, Explorer]) -> None:
    client, explorer = old
    entries = {"a": Entry(b"\xff", '{"v":1}'), "b": Entry(b"text")}
    assert await client.bulk_write(KV, entries) == BulkResult(2)
    assert await client.bulk_get(KV, ["a", "b"]) == entries
    assert await client.bulk_delete(KV, ["a", "b", "none"]) == BulkResult(3)
    assert explorer.stored == {}


async def test_an_old_one_that_would_forget_an_expiration_is_not_written_to(
    old: tuple[KVClient, Explorer],
) -> None:
    client, explorer = old
    mortal = Entry(b"x", None, 1_900_000_000)
    with pytest.raises(errors.Unsupported, match="nothing was written"):
        await client.write(KV, "k", mortal)
    with pytest.raises(errors.Unsupported, match="nothing was written"):
        await client.bulk_write(KV, {"j": Entry(b""), "k": mortal})
    assert explorer.stored == {}


async def test_namespaces_cannot_be_changed_and_nothing_is_sent(client: KVClient, explorer: Explorer) -> None:
    for attempt in (
        client.create_namespace("", "t"),
        client.rename_namespace(KV, "t"),
        client.remove_namespace(KV),
    ):
        with pytest.raises(errors.Unsupported, match="explorer cannot"):
            await attempt
    assert explorer.asked == []
