"""The embedded server over a fresh state, in process and over a loopback port."""

from __future__ import annotations

import socket
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import uvicorn

from kvtui.local.demo import quick_place
from kvtui.local.server import create_app
from kvtui.local.serving import configured
from kvtui.local.state import KVState
from tests.local.kit import Api, Clock, Served, client_of


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in memory, where the system has one: KV makes a file for every value."""
    with TemporaryDirectory(prefix="kvtui-test-", dir=quick_place()) as name:
        yield Path(name)


@pytest.fixture
def state(folder: Path, clock: Clock) -> KVState:
    return KVState(folder / "state", clock=clock)


@pytest.fixture
async def api(state: KVState, clock: Clock) -> AsyncIterator[Api]:
    async with client_of(create_app(state, clock=clock)) as http:
        yield Api(http)


@pytest.fixture
def served(folder: Path) -> Iterator[Served]:
    state = KVState(folder / "served")
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    server = uvicorn.Server(configured(create_app(state)))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    yield Served(state, listening.getsockname()[1])
    server.should_exit = True
    thread.join()
    listening.close()
