"""KV for tests of changes: the real client on the real embedded server, with a wire that can be cut.

A fault strikes at the n-th request that leaves, once or from then on. What is stored is read past the faults.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from kvtui.api.client import KVClient
from kvtui.api.models import Entry, Namespace
from kvtui.api.retry import Retries
from kvtui.core.changes import KeyRef
from kvtui.core.journal.journal import Journal
from kvtui.core.store import Store
from kvtui.local.server import ACCOUNT, create_app
from kvtui.local.state import KVState

NOW = 1_800_000_000
BINARY = bytes(range(256)) * 3
META = '{"v":1.0,"tags":["a","b"]}'

BEFORE, AFTER, TIMEOUT, LOST_500, TOO_MANY, MAY_NOT, KILL_BEFORE, KILL = (
    "the connection fails before the request",
    "the connection breaks after the request",
    "no answer in time",
    "500 after it was done",
    "429",
    "405",
    "the process is killed before the request",
    "the process is killed after the request",
)
FAULTS = (BEFORE, AFTER, TIMEOUT, LOST_500, TOO_MANY, MAY_NOT)


class Crash(BaseException):
    """A process that is gone, where it is only played: nothing catches it, nothing is written after it."""


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self, now: float = NOW) -> None:
        self.now = float(now)

    def __call__(self) -> float:
        return self.now


@dataclass
class Faults(httpx.AsyncBaseTransport):
    """The wire. `at` is the number of the request (from 0) that the fault strikes; None for none.

    `seen` is shown every request before anything becomes of it; `die` is how the process is killed.
    """

    inner: httpx.AsyncBaseTransport
    kind: str = ""
    at: int | None = None
    for_good: bool = False
    sent: list[str] = field(default_factory=list)
    stale: Callable[[httpx.Request], httpx.Response | None] = lambda request: None
    seen: Callable[[httpx.Request], None] = lambda request: None
    die: Callable[[], None] = lambda: os._exit(9)

    def strike(self, kind: str, at: int, *, for_good: bool = False) -> None:
        """Have a fault strike the `at`-th request from now."""
        self.sent.clear()
        self.kind, self.at, self.for_good = kind, at, for_good

    def heal(self) -> None:
        """No more faults."""
        self.at = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.seen(request)
        number = len(self.sent)
        self.sent.append(f"{request.method} {request.url.raw_path.decode()}")
        struck = self.at is not None and (number == self.at or (self.for_good and number > self.at))
        if not struck:
            if (stale := self.stale(request)) is not None:
                return stale
            return await self.inner.handle_async_request(request)
        if self.kind == KILL_BEFORE:
            self.die()
        if self.kind == BEFORE:
            raise httpx.ConnectError("refused", request=request)
        if self.kind == TOO_MANY:
            return httpx.Response(
                429, json={"code": 971, "message": "slow down"}, headers={"retry-after": "600"}
            )
        if self.kind == MAY_NOT:
            problem = {
                "code": 10000,
                "message": "PUT method not allowed for the api_token authentication scheme",
            }
            body = {"success": False, "errors": [problem], "messages": [], "result": None}
            return httpx.Response(405, json=body)
        await (await self.inner.handle_async_request(request)).aread()
        if self.kind == KILL:
            self.die()
        if self.kind == LOST_500:
            return httpx.Response(
                500, json={"success": False, "errors": [{"code": 10001, "message": "sorry"}]}
            )
        error = httpx.ReadTimeout if self.kind == TIMEOUT else httpx.ReadError
        raise error("lost", request=request)


async def at_once(seconds: float) -> None:
    """No waiting in tests."""
    await asyncio.sleep(0)


RETRIES = Retries(attempts=3, first_wait=0, longest_wait=0, jitter=0, sleep=at_once)


@dataclass
class KV:
    """One namespace `KV` and another `OTHER`, a store on them, and a second, honest way to look."""

    store: Store
    wire: Faults
    honest: KVClient
    clock: Clock
    namespace: Namespace
    other: Namespace
    state: KVState

    def ref(self, key: str, namespace: Namespace | None = None) -> KeyRef:
        return KeyRef(namespace or self.namespace, key)

    async def put(self, key: str, entry: Entry) -> Entry:
        """Have a foreign writer store something."""
        await self.honest.write(self.namespace, key, entry)
        return entry

    async def stored(self, namespace: Namespace | None = None) -> dict[str, Entry]:
        """All that is stored."""
        namespace = namespace or self.namespace
        page = await self.honest.keys(namespace)
        return {row.name: await self.honest.read_entry(namespace, row.name) for row in page.keys}


@asynccontextmanager
async def open_kv(
    folder: Path, *, journal: Journal | None = None, read_only: bool = False, clock: Clock | None = None
) -> AsyncIterator[KV]:
    """KV in a folder. Opened a second time, it finds what was stored the first time."""
    clock = clock or Clock()
    state = KVState(folder / "state", clock=clock)
    app = create_app(state, clock=clock)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    honest = KVClient("http://localhost/client/v4", transport=transport)
    titles = {one.title: one for one in await honest.namespaces(ACCOUNT)}
    for title in ("KV", "OTHER"):
        if title not in titles:
            titles[title] = await honest.create_namespace(ACCOUNT, title)
    wire = Faults(httpx.ASGITransport(app, raise_app_exceptions=False))
    client = KVClient(
        "http://localhost/client/v4", transport=wire, retries=RETRIES, read_only=read_only, clock=clock
    )
    await client.dialect()  # asked once, so that the faults strike what comes after
    journal = journal or Journal(folder / "journal", clock=clock)
    store = Store(
        client, label="test", source="test", journal=journal, account=ACCOUNT, clock=clock, sleep=at_once
    )
    wire.sent.clear()
    try:
        yield KV(store, wire, honest, clock, titles["KV"], titles["OTHER"], state)
    finally:
        wire.heal()
        await store.close()
        await honest.aclose()
