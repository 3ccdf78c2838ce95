"""The embedded server over a fresh state, in process and over a loopback port."""

from __future__ import annotations

import socket
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import uvicorn

from kvtui.local.server import create_app
from kvtui.local.state import KVState
from tests.local.kit import Api, Clock, Served, client_of


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def state(tmp_path: Path, clock: Clock) -> KVState:
    return KVState(tmp_path / "state", clock=clock)


@pytest.fixture
async def api(state: KVState, clock: Clock) -> AsyncIterator[Api]:
    async with client_of(create_app(state, clock=clock)) as http:
        yield Api(http)


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
