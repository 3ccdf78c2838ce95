"""The routes of single keys: list, read, write, delete, metadata."""

from __future__ import annotations

import asyncio
import binascii
import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from kvtui.api import limits
from kvtui.api.models import Entry
from kvtui.local import bodies, checks, form
from kvtui.local.envelope import Refusal, key_not_found, success
from kvtui.local.pairs import Pairs, Row


class KeyShown(Struct):
    """A key in a listing: what it does not have is left out."""

    name: str
    expiration: int | UnsetType = UNSET
    metadata: Raw | UnsetType = UNSET


class Values:
    """Reads and writes a namespace's pairs, one at a time."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock

    async def keys(self, request: Request, pairs: Pairs) -> Response:
        """A page of keys. The cursor is the last key shown, so deletes do not matter to it."""
        query = request.query_params
        limit = query.get("limit") or str(limits.LIST_MAX)
        if not (limit.isdecimal() and len(limit) < 10 and limits.LIST_MIN <= int(limit) <= limits.LIST_MAX):
            said = f"Please specify an integer from {limits.LIST_MIN} to {limits.LIST_MAX}."
            raise Refusal(400, 10028, f"list keys: 'Invalid limit of {limit[:40]}. {said}'")
        prefix = checks.prefix(query.get("prefix", ""), "list keys")
        after = _place(query.get("cursor", ""))
        return await asyncio.to_thread(_page, pairs, prefix, after, int(limit))

    async def get(self, request: Request, pairs: Pairs, key: str) -> Response:
        found = await asyncio.to_thread(pairs.read, checks.key(key, "get"))
        if found is None:
            raise key_not_found("get")
        headers = {} if found.expiration is None else {"expiration": str(found.expiration)}
        return Response(found.value, headers=headers, media_type="application/octet-stream")

    async def metadata(self, request: Request, pairs: Pairs, key: str) -> Response:
        found = await asyncio.to_thread(pairs.row, checks.key(key, "metadata"))
        if found is None:
            raise key_not_found("metadata")
        return success(None if found.metadata is None else json_text(found.metadata))

    async def put(self, request: Request, pairs: Pairs, key: str) -> Response:
        """Store a value as sent; only multipart/form-data is looked into."""
        content_type = request.headers.get("content-type", "")
        in_form = form.is_form(content_type)
        try:
            body = await bodies.read(request, limits.VALUE_BYTES + (form.AROUND if in_form else 0))
        except bodies.TooMuch as problem:
            checks.value_size(problem.size, "put")
            raise
        checks.key(key, "put")
        query = request.query_params
        now = self._clock()
        expires = checks.expiration(query.get("expiration"), query.get("expiration_ttl"), now, "put")
        value, metadata = await asyncio.to_thread(form.parse, body, content_type) if in_form else (body, None)
        checks.value_size(len(value), "put")
        if metadata is not None:
            metadata = checks.metadata(metadata, "put")
        # One call in one thread: once begun it is done, even if whoever asked is gone by then.
        await asyncio.to_thread(pairs.write, [(key, Entry(value, metadata, expires))])
        return success(None)

    async def delete(self, request: Request, pairs: Pairs, key: str) -> Response:
        await asyncio.to_thread(pairs.delete, [checks.key(key, "remove key")])
        return success(None)


def json_text(text: str) -> Raw:
    """JSON text as it stands; text that is no JSON (no program we know writes it) as a JSON string."""
    try:
        msgspec.json.decode(text, type=Raw)
    except msgspec.DecodeError:
        try:
            json.loads(text)  # knows half surrogate pairs, at a fiftieth of the speed
        except ValueError:
            return Raw(msgspec.json.encode(text))
    return Raw(text.encode())


def _page(pairs: Pairs, prefix: str, after: str, limit: int) -> Response:
    rows, more = pairs.page(prefix, after, limit)
    cursor = urlsafe_b64encode(rows[-1].key.encode()).decode() if more else ""
    return success([_shown(row) for row in rows], {"count": len(rows), "cursor": cursor})


def _shown(row: Row) -> KeyShown:
    return KeyShown(
        row.key,
        UNSET if row.expiration is None else row.expiration,
        UNSET if row.metadata is None else json_text(row.metadata),
    )


def _place(cursor: str) -> str:
    """The key behind which a page begins; "" is the beginning."""
    try:
        return urlsafe_b64decode(cursor).decode()
    except (binascii.Error, UnicodeError, ValueError):
        raise Refusal(400, 10041, "list keys: 'invalid list cursor'") from None
