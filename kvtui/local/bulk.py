"""The routes over many keys: bulk write, bulk delete, bulk get."""

from __future__ import annotations

import asyncio
import binascii
import time
from base64 import b64decode
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from kvtui.api import limits
from kvtui.api.models import Entry
from kvtui.local import bodies, checks
from kvtui.local.envelope import Refusal, malformed_body, success
from kvtui.local.pairs import Pairs
from kvtui.local.values import json_text

PUT, REMOVE, GET = "bulk put keys", "bulk remove keys", "bulk get keys"

NAMES_BYTES = 40 * 1000 * 1000
"""More than 10,000 names of 512 bytes, each byte escaped as six characters."""


class PairBody(Struct):
    """A pair to write; `expiration` and `expiration_ttl` in seconds."""

    key: str
    value: str
    base64: bool | None = None
    expiration: int | float | None = None
    expiration_ttl: int | float | None = None
    metadata: Raw = Raw(b"null")


class GetBody(Struct):
    keys: list[str]
    type: Literal["text", "json"] | None = "text"
    with_metadata: bool | None = msgspec.field(default=False, name="withMetadata")


class PairShown(Struct):
    value: str | Raw
    metadata: Raw | None
    expiration: int | UnsetType = UNSET


class Bulk:
    """Reads and writes many of a namespace's pairs. A bulk write that is refused has written nothing."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock

    async def put(self, request: Request, pairs: Pairs) -> Response:
        asked = await bodies.read_json(request, list[PairBody], limits.BULK_BYTES, PUT)
        _refuse_too_many(len(asked), PUT)
        await asyncio.to_thread(_write, pairs, asked, self._clock())
        return _done(len(asked))

    async def delete(self, request: Request, pairs: Pairs) -> Response:
        names = await bodies.read_json(request, list[str], NAMES_BYTES, REMOVE)
        _refuse_too_many(len(names), REMOVE)
        for name in names:
            checks.key(name, REMOVE)
        await asyncio.to_thread(pairs.delete, names)
        return _done(len(names))

    async def get(self, request: Request, pairs: Pairs) -> Response:
        asked = await bodies.read_json(request, GetBody, NAMES_BYTES, GET)
        if not asked.keys:
            raise Refusal(400, 10029, f"{GET}: 'You must request a minimum of 1 key'")
        if len(asked.keys) > limits.BULK_GET_KEYS:
            said = f"You can request a maximum of {limits.BULK_GET_KEYS} keys"
            raise Refusal(400, 10029, f"{GET}: '{said}'")
        for name in asked.keys:
            checks.key(name, GET)
        return await asyncio.to_thread(_read, pairs, asked)


def _write(pairs: Pairs, asked: Sequence[PairBody], now: float) -> None:
    """Check every pair, then write them all."""
    fresh: dict[str, Entry] = {}
    for body in asked:
        entry = _entry(body, now)
        if fresh.setdefault(body.key, entry) != entry:
            said = f'received duplicate key with different values or expiration parameters: "{body.key}"'
            raise malformed_body(PUT, said)
    pairs.write(list(fresh.items()))


def _entry(body: PairBody, now: float) -> Entry:
    checks.key(body.key, PUT)
    value = _decoded(body.value) if body.base64 else body.value.encode()
    checks.value_size(len(value), PUT)
    at, ttl = body.expiration, body.expiration_ttl
    expires = checks.expiration(None if at is None else str(at), None if ttl is None else str(ttl), now, PUT)
    return Entry(value, checks.metadata(bytes(body.metadata).decode(), PUT), expires)


def _decoded(text: str) -> bytes:
    """Base64 of the standard alphabet, with or without padding; white space does not count."""
    bare = "".join(text.split()).rstrip("=")
    try:
        return b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise malformed_body(PUT, "a value is marked as base64 and is not") from None


def _read(pairs: Pairs, asked: GetBody) -> Response:
    """The entries of the keys; null for those that are missing. Text only, and at most 25 MB in all."""
    if sum(pairs.size(name) or 0 for name in asked.keys) > limits.BULK_GET_BYTES:
        raise Refusal(413, 10024, "Total size of request exceeds the limit of 25MB")
    values: dict[str, str | Raw | PairShown | None] = {}
    for name in asked.keys:
        entry = pairs.read(name)
        if entry is None:
            values[name] = None
            continue
        value = _json_value(entry.value) if asked.type == "json" else _text_value(entry.value)
        values[name] = _shown(value, entry) if asked.with_metadata else value
    return success({"values": values})


def _shown(value: str | Raw, entry: Entry) -> PairShown:
    metadata = None if entry.metadata is None else json_text(entry.metadata)
    return PairShown(value, metadata, UNSET if entry.expiration is None else entry.expiration)


def _text_value(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise _not("text") from None


def _json_value(value: bytes) -> Raw:
    try:
        msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _not("json") from None
    return Raw(value)


def _not(kind: str) -> Refusal:
    said = f"At least one of the requested keys corresponds to a non-{kind} value"
    return Refusal(400, 10029, f"{GET}: '{said}'")


def _refuse_too_many(count: int, operation: str) -> None:
    if count > limits.BULK_PAIRS:
        raise malformed_body(operation, f"{count} keys are more than the {limits.BULK_PAIRS} of one request")


def _done(count: int) -> Response:
    return success({"successful_key_count": count, "unsuccessful_keys": []})
