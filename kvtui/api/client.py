"""The Workers KV REST API, complete: one method an endpoint.

It remembers nothing between calls but the request budget and which dialect the server speaks. All
methods raise KVError and nothing else that is expected. The endpoints above the keys are in accounts.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from kvtui.api import answers, bodies, limits
from kvtui.api.accounts import Accounts
from kvtui.api.calls import BULK_S, Call, Progress, segment
from kvtui.api.credentials import Credentials
from kvtui.api.errors import (
    AccountNotFound,
    KeyNotFound,
    NamespaceNotFound,
    NotFound,
    ServerFault,
    Unsettled,
    Unsupported,
)
from kvtui.api.explorer import Dialect
from kvtui.api.models import BulkResult, Entry, KeyInfo, KeyPage, Namespace

__all__ = ["Credentials", "Dialect", "KVClient"]

SIDE_BY_SIDE = 8


class KVClient(Accounts):
    """A client of one base URL. Use it as an async context manager, or `aclose` it.

    `transport` takes the place of the network, as itself or as a function that makes it when it is
    first needed. `clock` gives Unix seconds. Making a client costs nothing: the HTTP library is
    loaded by the first request, in a thread.
    """

    # -- keys ---------------------------------------------------------------------------------------

    async def keys(
        self,
        namespace: Namespace,
        *,
        prefix: str = "",
        cursor: str | None = None,
        limit: int = limits.LIST_MAX,
    ) -> KeyPage:
        """One page of keys in UTF-8 byte order, 10 to 1,000 (`limit` is brought into that range).

        Go on with `KeyPage.cursor` until it is None, and only then stop: pages may be empty. The
        prefix and the limit go with every cursor.
        """
        bodies.check(limits.prefix_problem(prefix))
        params: dict[str, str | int] = {"limit": min(max(limit, limits.LIST_MIN), limits.LIST_MAX)}
        if prefix:
            params["prefix"] = prefix
        if cursor:
            params["cursor"] = cursor
        path = await self._path(namespace)
        return await self._send(Call("GET", f"{path}/keys", params), answers.keys)

    async def read_value(
        self, namespace: Namespace, key: str, *, progress: Progress | None = None
    ) -> tuple[bytes, int | None]:
        """The stored bytes, and the expiration in Unix seconds if the server sends it (an explorer does not).

        Raises KeyNotFound. `progress` is told the bytes so far and the total, if known.
        """
        path = await self._path(namespace, key)
        call = Call("GET", path, value=True, exact=True, progress=progress)
        return await self._send(call, answers.value)

    async def read_metadata(self, namespace: Namespace, key: str) -> str | None:
        """The metadata's JSON text, None when there is none. Raises KeyNotFound."""
        bodies.check(limits.key_problem(key))
        if await self.dialect() is Dialect.EXPLORER:
            return (await self._row(namespace, key)).metadata_text
        path = f"{await self._path(namespace)}/metadata/{segment(key, 'a key name')}"
        return await self._send(Call("GET", path), answers.metadata)

    async def read_entry(self, namespace: Namespace, key: str, *, progress: Progress | None = None) -> Entry:
        """All that is stored under a key, by two requests side by side.

        Between them another writer may strike: the two halves are not one snapshot. Raises KeyNotFound where
        both halves are missing, Unsettled where only one is, twice: KV also remembers for a minute what was
        missing.
        """
        bodies.check(limits.key_problem(key))
        try:
            return await self._both_halves(namespace, key, progress)
        except Unsettled:  # the key may have come or gone just between them
            return await self._both_halves(namespace, key, progress)

    async def _both_halves(self, namespace: Namespace, key: str, progress: Progress | None) -> Entry:
        explorer = await self.dialect() is Dialect.EXPLORER
        value = asyncio.ensure_future(self.read_value(namespace, key, progress=progress))
        facts = asyncio.ensure_future(
            self._row_facts(namespace, key) if explorer else self._metadata_facts(namespace, key)
        )
        async with ended(value, facts):
            await asyncio.wait((value, facts))
            problems = [half.exception() for half in (value, facts)]
            missing = [isinstance(problem, KeyNotFound) for problem in problems]
            if any(missing) and not all(missing):  # "no such key" only where both halves say so
                raise problems[missing.index(False)] or Unsettled()
            (data, expiration), (metadata, listed) = value.result(), facts.result()
        return Entry(data, metadata, listed if explorer else expiration)

    async def read_entries(self, namespace: Namespace, keys: Sequence[str]) -> dict[str, Entry | None]:
        """The entries of keys, read one by one, some side by side; None for those that do not exist."""
        gate = asyncio.Semaphore(SIDE_BY_SIDE)

        async def read(key: str) -> tuple[str, Entry | None]:
            async with gate:
                try:
                    return key, await self.read_entry(namespace, key)
                except KeyNotFound:
                    return key, None

        readings = [asyncio.ensure_future(read(key)) for key in keys]
        async with ended(*readings):
            return dict(await asyncio.gather(*readings))

    async def write(
        self, namespace: Namespace, key: str, entry: Entry, *, ttl: int | None = None, once: bool = False
    ) -> None:
        """Store an entry in the place of whatever the key had: value, metadata and expiration at once.

        `ttl` is in seconds, at least 60, and takes the place of `entry.expiration`. With `once` it is never
        sent again by itself: between two tries someone else may have written.
        """
        self._connection.refuse_if_read_only()
        bodies.check_entry(key, entry, ttl)
        expires = ttl is not None or entry.expiration is not None
        if expires and await self.dialect() is Dialect.EXPLORER:  # its PUT forgets expirations in silence
            result = await self._bulk_write(namespace, [(key, entry)], ttl, once=once)
            if result.unsuccessful:
                raise ServerFault("The server says that this key could not be stored.")
            return
        params: dict[str, str | int] = {}
        if ttl is not None:
            params["expiration_ttl"] = ttl
        elif entry.expiration is not None:
            params["expiration"] = entry.expiration
        path = await self._path(namespace, key)
        if entry.metadata is None:
            content = "application/octet-stream"
            call = Call("PUT", path, params, body=entry.value, content_type=content, value=True, once=once)
        else:
            call = Call("PUT", path, params, form=(entry.value, entry.metadata), value=True, once=once)
        await self._send(call, answers.done)

    async def delete(self, namespace: Namespace, key: str, *, once: bool = False) -> None:
        """Delete a key; one that does not exist is no error. `once` as in `write`."""
        self._connection.refuse_if_read_only()
        call = Call("DELETE", await self._path(namespace, key), value=True, once=once)
        await self._send(call, answers.done)

    # -- many keys at once --------------------------------------------------------------------------

    async def bulk_write(
        self, namespace: Namespace, pairs: Mapping[str, Entry] | Sequence[tuple[str, Entry]]
    ) -> BulkResult:
        """Store up to 10,000 entries (1,000 at a time is safer), 100 MB in all. Not atomic."""
        self._connection.refuse_if_read_only()
        entries = list(pairs.items()) if isinstance(pairs, Mapping) else list(pairs)
        bodies.check_names([key for key, _ in entries], limits.BULK_PAIRS)
        bodies.check_no_twins(key for key, _ in entries)
        for key, entry in entries:
            bodies.check_entry(key, entry)
        if (await self._connection.abilities()).bulk_write or any(
            entry.expiration is not None for _, entry in entries
        ):
            return await self._bulk_write(namespace, entries, None)
        for key, entry in entries:  # an older explorer has no bulk write
            await self.write(namespace, key, entry)
        return BulkResult(len(entries))

    async def bulk_delete(self, namespace: Namespace, keys: Sequence[str]) -> BulkResult:
        """Delete up to 10,000 keys; those that do not exist count as deleted. Not atomic."""
        self._connection.refuse_if_read_only()
        body = bodies.names(keys, limits.BULK_PAIRS)
        if not (await self._connection.abilities()).bulk_delete:  # an older explorer has neither
            for key in keys:
                await self.delete(namespace, key)
            return BulkResult(len(keys))
        path = f"{await self._path(namespace)}/bulk"
        read = partial(answers.bulk, asked=len(keys))
        try:
            return await self._send(Call("POST", f"{path}/delete", body=body, silence=BULK_S), read)
        except (NotFound, Unsupported) as error:
            if isinstance(error, KeyNotFound | NamespaceNotFound | AccountNotFound):
                raise
        return await self._send(Call("DELETE", path, body=body, silence=BULK_S), read)

    async def bulk_get(self, namespace: Namespace, keys: Sequence[str]) -> dict[str, Entry | None]:
        """The entries of 1 to 100 keys; None for those that do not exist.

        A bulk get speaks text only, so a value in which bytes may have been replaced by U+FFFD is
        read again by itself. Raises NotText where the server refuses instead, TooLarge over 25 MB.
        Servers before 2026 leave the expirations out. An explorer leaves more out: there the keys
        are read one by one.
        """
        body = bodies.bulk_get(keys)
        if not keys:
            return {}
        if await self.dialect() is Dialect.EXPLORER:
            return await self.read_entries(namespace, keys)
        call = Call("POST", f"{await self._path(namespace)}/bulk/get", body=body, reads=True, silence=BULK_S)
        found = await self._send(call, answers.entries)
        doubtful = [key for key, entry in found.items() if entry and "\ufffd".encode() in entry.value]
        return {key: found.get(key) for key in keys} | await self.read_entries(namespace, doubtful)

    # -- within -------------------------------------------------------------------------------------

    async def _metadata_facts(self, namespace: Namespace, key: str) -> tuple[str | None, int | None]:
        return await self.read_metadata(namespace, key), None

    async def _row_facts(self, namespace: Namespace, key: str) -> tuple[str | None, int | None]:
        row = await self._row(namespace, key)
        return row.metadata_text, row.expiration

    async def _row(self, namespace: Namespace, key: str) -> KeyInfo:
        """A key's row of the listing: where an explorer keeps metadata and expiration.

        Its prefixes end at a NUL, so a name with one is looked for among all that begin like it.
        """
        prefix, nul, _ = key.partition("\0")
        cursor = None
        while True:
            limit = limits.LIST_MAX if nul else limits.LIST_MIN  # without a NUL the exact name comes first
            page = await self.keys(namespace, prefix=prefix, cursor=cursor, limit=limit)
            for row in page.keys:
                if row.name == key:
                    return row
            cursor = page.cursor
            if cursor is None or any(row.name > key for row in page.keys):
                raise KeyNotFound()

    async def _bulk_write(
        self,
        namespace: Namespace,
        entries: Sequence[tuple[str, Entry]],
        ttl: int | None,
        *,
        once: bool = False,
    ) -> BulkResult:
        if not (await self._connection.abilities()).bulk_write:
            raise Unsupported(
                "This wrangler has no bulk write, so it keeps no expirations: nothing was written.",
                "Update wrangler, or open the project's folder with --local DIR.",
            )
        path = f"{await self._path(namespace)}/bulk"
        body = await asyncio.to_thread(bodies.pairs, entries, ttl)
        call = Call("PUT", path, body=body, silence=BULK_S, once=once)
        return await self._send(call, partial(answers.bulk, asked=len(entries)))


@asynccontextmanager
async def ended(*tasks: asyncio.Future[Any]) -> AsyncIterator[None]:
    """However the block is left, none of the tasks runs on and none of their errors is left unheard."""
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
