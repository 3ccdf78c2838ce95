"""The bodies of requests: never more of them in memory than they may have."""

from __future__ import annotations

import asyncio
from typing import TypeVar

import msgspec
from starlette.requests import Request

from kvtui.local.envelope import Refusal, malformed_body

T = TypeVar("T")

SMALL = 64 * 1024
"""More than any title with all that may stand around it."""


class TooMuch(Exception):
    """A body is longer than it may be; `size` bytes came in all."""

    def __init__(self, size: int) -> None:
        super().__init__(f"{size} bytes")
        self.size = size


async def read(request: Request, most: int) -> bytes:
    """The body. Raises TooMuch when it is longer; the rest of it is read and dropped.

    A client that is answered while it still sends may see a broken connection in place of the answer.
    """
    kept = bytearray()
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= most:
            kept += chunk
        else:
            kept.clear()
    if size > most:
        raise TooMuch(size)
    return bytes(kept)


async def read_json(request: Request, form: type[T], most: int, operation: str) -> T:
    """The body, decoded in a thread. Raises Refusal when it is too long or has another form."""
    try:
        body = await read(request, most)
    except TooMuch as problem:
        raise Refusal(
            413, 10024, f"{operation}: 'the request of {problem.size} bytes is too large'"
        ) from None
    try:
        return await asyncio.to_thread(msgspec.json.decode, body, type=form)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise malformed_body(operation, f"could not parse the request's body: {problem}") from None
