"""What a change is aimed at: how to look at it on the server, how to make it, how to tell that it is made.

A key's record and a namespace differ in their calls and in little else, so both offer the same few.
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
    """One change and the way to it."""

    @property
    def change(self) -> AnyChange:
        """The change as it stands: a server may have given it an id by now."""

    @property
    def repeatable(self) -> bool:
        """Whether to make it once more does no harm."""

    async def look(self) -> Found:
        """What is there now. Raises KVError."""

    def is_as_before(self, found: Found) -> bool:
        """Whether that is still what the person saw."""

    def is_made(self, found: Found) -> bool:
        """Whether that is what is wanted."""

    async def send(self) -> None:
        """Make the change, in one request that is never repeated unasked. Raises KVError."""


class RecordAim:
    """The record of a key."""

    repeatable = True

    def __init__(self, client: KVClient, change: Change) -> None:
        self.change: Change = change
        self._client = client

    async def look(self) -> Found:
        try:
            return await self._client.read_entry(*self.change.ref)
        except KeyNotFound:
            return None

    def is_as_before(self, found: Found) -> bool:
        return not isinstance(found, Namespace) and same(found, self.change.before)

    def is_made(self, found: Found) -> bool:
        return not isinstance(found, Namespace) and same(found, self.change.after)

    async def send(self) -> None:
        if self.change.after is None:
            await self._client.delete(*self.change.ref, once=True)
        else:
            await self._client.write(*self.change.ref, self.change.after, once=True)


class NamespaceAim:
    """A namespace itself. `only_empty`: it is removed only while it has no keys."""

    repeatable = False

    def __init__(self, client: KVClient, change: NamespaceChange, *, only_empty: bool) -> None:
        self._client = client
        self._before, self._after = change.before, change.after
        self._only_empty = only_empty

    @property
    def change(self) -> AnyChange:
        """The change, with the id that the server gave if it is known by now."""
        return NamespaceChange(self._before, self._after)

    async def look(self) -> Found:
        """By its id; one whose id is not known yet by its title, which is unique in its account."""
        wanted = self._before or self._after
        assert wanted is not None
        if wanted.id:
            try:
                return await self._client.namespace(wanted.account, wanted.id)
            except NamespaceNotFound:
                return None
        every = await self._client.namespaces(wanted.account)
        found = next((one for one in every if one.title == wanted.title), None)
        if found is not None and self._before is not None:
            self._before = found
        elif found is not None:
            self._after = found
        return found

    def is_as_before(self, found: Found) -> bool:
        return _title(found) == _title(self._before)

    def is_made(self, found: Found) -> bool:
        return _title(found) == _title(self._after)

    async def send(self) -> None:
        if self._after is None:
            assert self._before is not None
            if self._only_empty:
                await self._refuse_if_it_has_keys(self._before)
            await self._client.remove_namespace(self._before)
        elif self._before is None:
            self._after = await self._client.create_namespace(self._after.account, self._after.title)
        else:
            await self._client.rename_namespace(self._before, self._after.title)

    async def _refuse_if_it_has_keys(self, namespace: Namespace) -> None:
        page = await self._client.keys(namespace, limit=10)
        if page.keys or page.cursor:
            raise Refused(
                "This namespace has keys by now, so making it is not taken back.",
                "d on it in the tree removes it with all its keys.",
            )


def _title(found: Found) -> str | None:
    return found.title if isinstance(found, Namespace) else None
