"""The embedded server over a fresh state, in process and over a loopback port."""

from __future__ import annotations

import socket
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette

from kvtui.local.server import ACCOUNT, BASE, create_app
from kvtui.local.state import KVState

NOW = 1_800_000_000


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def state(tmp_path: Path, clock: Clock) -> KVState:
    return KVState(tmp_path / "state", clock=clock)


@dataclass
class Api:
    """A plain HTTP client at the server, with the paths that tests need."""

    http: httpx.AsyncClient
    home: str = f"{BASE}/accounts/{ACCOUNT}/storage/kv/namespaces"

    async def make(self, title: str = "KV") -> str:
        """Create a namespace; its path."""
        answer = await self.http.post(self.home, json={"title": title})
        assert answer.status_code == 200, answer.text
        return f"{self.home}/{answer.json()['result']['id']}"


def api_of(app: Starlette) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://localhost"
    )


@pytest.fixture
async def api(state: KVState, clock: Clock) -> AsyncIterator[Api]:
    async with api_of(create_app(state, clock=clock)) as http:
        yield Api(http)


@dataclass
class Served:
    """The app on a loopback port, over a state on disk, by the real clock."""

    state: KVState
    port: int

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}{BASE}"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    state = KVState(tmp_path / "served")
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    config = uvicorn.Config(create_app(state), log_level="warning", lifespan="off", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    yield Served(state, listening.getsockname()[1])
    server.should_exit = True
    thread.join()
    listening.close()
