"""A listing by cursor: where it ends, and what is left after a failure or a cancellation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from kvtui.api.client import KVClient
from kvtui.api.errors import BadAnswer, Unreachable
from kvtui.api.models import Entry, KeyInfo, KeyPage, Namespace
from kvtui.core.listing import Listing
from kvtui.local.server import create_app
from kvtui.local.state import KVState

Fetch = Callable[[str | None], Awaitable[KeyPage]]


def keys(*names: str) -> list[KeyInfo]:
    return [KeyInfo(name) for name in names]


def pages(answers: dict[str | None, KeyPage | Exception]) -> tuple[Fetch, list[str | None]]:
    """A server of few pages by cursor, and what it was asked; an exception is raised once."""
    asked: list[str | None] = []

    async def fetch(cursor: str | None) -> KeyPage:
        asked.append(cursor)
        answer = answers[cursor]
        if isinstance(answer, Exception):
            answers[cursor] = KeyPage(keys("after"))
            raise answer
        return answer

    return fetch, asked


async def test_only_a_missing_cursor_ends_it() -> None:
    fetch, asked = pages(
        {None: KeyPage([], "1"), "1": KeyPage(keys("a"), "2"), "2": KeyPage([], "3"), "3": KeyPage([])}
    )
    listing = Listing(fetch)
    assert listing.state == "idle"
    assert [await listing.load_page() for _ in range(2)] == [0, 1]
    assert (listing.state, listing.pages) == ("more", 2)
    await listing.load_all()
    assert (listing.state, listing.pages, listing.table.names) == ("complete", 4, ["a"])
    assert await listing.load_page() == 0
    assert asked == [None, "1", "2", "3"]


async def test_a_failure_keeps_what_was_loaded_and_the_cursor() -> None:
    fetch, asked = pages({None: KeyPage(keys("a", "b"), "1"), "1": Unreachable()})
    listing = Listing(fetch)
    told: list[int] = []
    await listing.load_all(lambda: told.append(len(listing.table)))
    assert (listing.state, listing.table.names, told) == ("failed", ["a", "b"], [2, 2])
    assert str(listing.error) == str(Unreachable())
    await listing.load_all()
    assert listing.error is None
    assert listing.table.names == ["a", "b", "after"]
    assert asked == [None, "1", "1"]


async def test_a_cancelled_page_can_be_asked_for_again() -> None:
    asked_for = asyncio.Event()
    patient = True

    async def fetch(cursor: str | None) -> KeyPage:
        if cursor is None:
            return KeyPage(keys("a"), "1")
        if patient:
            asked_for.set()
            await asyncio.Event().wait()
        return KeyPage(keys("b"))

    listing = Listing(fetch)
    loading = asyncio.create_task(listing.load_all())
    await asked_for.wait()
    assert listing.state == "loading"
    loading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loading
    assert (listing.state, listing.table.names) == ("more", ["a"])
    patient = False
    await listing.load_all()
    assert (listing.state, listing.table.names) == ("complete", ["a", "b"])


async def test_two_who_ask_at_once_get_two_pages() -> None:
    fetch, asked = pages({None: KeyPage(keys("a"), "1"), "1": KeyPage(keys("b"))})
    listing = Listing(fetch)
    await asyncio.gather(listing.load_page(), listing.load_page(), listing.load_page())
    assert listing.table.names == ["a", "b"]
    assert asked == [None, "1"]


@pytest.mark.parametrize("back_to", ["1", "2"])
async def test_a_server_that_goes_round_in_circles_is_left(back_to: str) -> None:
    fetch, asked = pages(
        {None: KeyPage(keys("a"), "1"), "1": KeyPage(keys("b"), "2"), "2": KeyPage(keys("c"), back_to)}
    )
    listing = Listing(fetch)
    await asyncio.wait_for(listing.load_all(), 5)
    assert listing.state == "failed"
    assert isinstance(listing.error, BadAnswer)
    assert listing.table.names == ["a", "b"]
    assert asked == [None, "1", "2"]


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[KVClient]:
    import httpx

    app = create_app(KVState(tmp_path / "state"))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with KVClient("http://127.0.0.1/client/v4", transport=transport) as client:
        yield client


async def test_a_real_listing_over_the_embedded_server(client: KVClient) -> None:
    namespace: Namespace = await client.create_namespace("0" * 32, "t")
    names = [f"user:{number:03}" for number in range(25)] + ["é", "汉", "\U0001f600", "[/]"]
    entry = Entry(b"v", '{"v": 1.0}', None)
    await client.bulk_write(namespace, {name: entry for name in names})
    listing = Listing(lambda cursor: client.keys(namespace, cursor=cursor, limit=10))
    await listing.load_all()
    assert listing.table.names == sorted(names), "UTF-8 byte order is the order of Python's strings"
    assert listing.pages >= 3
    assert set(listing.table.metadata) == {'{"v":1.0}'} or set(listing.table.metadata) == {'{"v": 1.0}'}
