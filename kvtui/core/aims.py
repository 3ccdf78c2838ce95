"""What a change is aimed at: how to look at it on the server, how to make it, how to tell that it is made.

A key's record and a namespace differ in their calls and in nothing else, so both offer the same few.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from kvtui.api.errors import KeyNotFound, NamespaceNotFound, Refused
from kvtui.api.models import Entry, Namespace
from kvtui.core.changes import AnyChange, Change, NamespaceChange, same

if TYPE_CHECKING:
    from kvtui.api.client import KVClient

Found = Entry | Namespace | None


class Aim(Protocol):
    """One change and the way to it. `change` is it as it stands: a server may have given it an id by now."""

    change: AnyChange

    async def look(self) -> Found:
        """What is there now. Raises KVError."""

    def is_as_before(self, found: Found) -> bool:
        """Whether that is still what the person saw."""

    def is_made(self, found: Found) -> bool:
        """Whether that is what is wanted."""

    async def send(self) -> None:
        """Make the change. Raises KVError."""


class RecordAim:
    """The record of a key."""

    def __init__(self, client: KVClient, change: Change) -> None:
        self.change: AnyChange = change
        self._client = client
        self._change = change

    async def look(self) -> Found:
        try:
            return await self._client.read_entry(*self._change.ref)
        except KeyNotFound:
            return None

    def is_as_before(self, found: Found) -> bool:
        return not isinstance(found, Namespace) and same(found, self._change.before)

    def is_made(self, found: Found) -> bool:
        return not isinstance(found, Namespace) and same(found, self._change.after)

    async def send(self) -> None:
        if self._change.after is None:
            await self._client.delete(*self._change.ref)
        else:
            await self._client.write(*self._change.ref, self._change.after)


class NamespaceAim:
    """A namespace itself. `only_empty`: it is removed only while it has no keys."""

    def __init__(self, client: KVClient, change: NamespaceChange, *, only_empty: bool) -> None:
        self.change: AnyChange = change
        self._client = client
        self._before, self._after = change.before, change.after
        self._only_empty = only_empty

    async def look(self) -> Found:
        """By its id; one that has none yet by its title, which is unique in its account."""
        wanted = self._before or self._after
        assert wanted is not None
        if not wanted.id:
            every = await self._client.namespaces(wanted.account)
            return next((one for one in every if one.title == wanted.title), None)
        try:
            return await self._client.namespace(wanted.account, wanted.id)
        except NamespaceNotFound:
            return None

    def is_as_before(self, found: Found) -> bool:
        if _title(found) != _title(self._before):
            return False
        if isinstance(found, Namespace) and self._before is not None and not self._before.id:
            # The answer that told its id was lost.
            self._before = found
            self.change = NamespaceChange(found, self._after)
        return True

    def is_made(self, found: Found) -> bool:
        if isinstance(found, Namespace) and self._after is not None and not self._after.id:
            self._named(found)
        return _title(found) == _title(self._after)

    async def send(self) -> None:
        if self._after is None:
            assert self._before is not None
            if self._only_empty:
                await self._refuse_if_it_has_keys(self._before)
            await self._client.remove_namespace(self._before)
        elif self._before is None:
            self._named(await self._client.create_namespace(self._after.account, self._after.title))
        else:
            await self._client.rename_namespace(self._before, self._after.title)

    def _named(self, made: Namespace) -> None:
        self._after = made
        self.change = NamespaceChange(None, made)

    async def _refuse_if_it_has_keys(self, namespace: Namespace) -> None:
        page = await self._client.keys(namespace, limit=10)
        if page.keys or page.cursor:
            raise Refused(
                "This namespace has keys by now, so making it is not taken back.",
                "d on it in the tree removes it with all its keys.",
            )


def _title(found: Found) -> str | None:
    return found.title if isinstance(found, Namespace) else None
