"""Small servers that say exactly what a test wants them to say, and remember what they were asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Protocol

import httpx

from kvtui.api.client import KVClient
from kvtui.api.models import Namespace
from kvtui.api.retry import Retries

AT_ONCE = Retries(first_wait=0, longest_wait=0, jitter=0)
"""Four attempts, as always, without the waiting."""

NS = Namespace("0123456789abcdef0123456789abcdef", "sessions", "a" * 32)

Handler = Callable[[httpx.Request], httpx.Response]
Converse = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def envelope(result: Any = None, **info: Any) -> dict[str, Any]:
    """A success as the API says it."""
    body: dict[str, Any] = {"result": result, "success": True, "errors": [], "messages": []}
    return body | ({"result_info": info} if info else {})


def failure(code: int, message: str, status: int, **headers: str) -> httpx.Response:
    """A failure as the API says it."""
    errors = [{"code": code, "message": message}]
    body = {"result": None, "success": False, "errors": errors, "messages": []}
    return httpx.Response(
        status, json=body, headers={name.replace("_", "-"): text for name, text in headers.items()}
    )


class MakeClient(Protocol):
    def __call__(self, transport: Any, base_url: str = ..., **options: Any) -> KVClient: ...


class Speaker:
    """A transport that remembers each request and answers by a function, or by a list that is used up."""

    def __init__(self, answers: Handler | list[httpx.Response | Exception]) -> None:
        self.requests: list[httpx.Request] = []
        self._answers = answers
        self.transport = httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if callable(self._answers):
            return self._answers(request)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def lines(self) -> list[str]:
        """`METHOD path?query` of each request, as they go over the wire."""
        return [f"{request.method} {request.url.raw_path.decode()}" for request in self.requests]

    def body(self, number: int = -1) -> Any:
        return json.loads(self.requests[number].content)


@asynccontextmanager
async def listening(converse: Converse, **options: Any) -> AsyncIterator[str]:
    """A raw server on loopback: the host and port it listens on. Its conversations end with the block."""
    talks: set[asyncio.Task[Any]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        talks.add(task)
        try:
            await converse(reader, writer)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, **options)
    host, port = server.sockets[0].getsockname()[:2]
    try:
        yield f"{host}:{port}"
    finally:
        server.close()
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)
        await server.wait_closed()
