"""The Store: what a person asks of KV, in the words of accounts, namespaces, listings, entries and steps.

It keeps nothing of what it reads: every answer is what the server said when it was asked. What it changes
goes through one door, `apply`, which permission.py guards and writing.py carries out.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from kvtui.api.errors import Denied, KVError, NamespaceNotFound, NotFound, Refused
from kvtui.api.models import Account, Namespace
from kvtui.core.listing import Listing

if TYPE_CHECKING:
    from kvtui.api.budget import Budget
    from kvtui.api.client import KVClient
    from kvtui.api.models import Entry, KeyPage
    from kvtui.core.changes import KeyRef, Step
    from kvtui.core.history import Back, History
    from kvtui.core.journal.journal import Journal
    from kvtui.core.journal.records import Record
    from kvtui.core.watching import News
    from kvtui.core.writing import Applied

Progress = Callable[[int, int | None], None]
"""Told the bytes read so far and, where the server says, how many there will be."""


class Branch(NamedTuple):
    """An account and its namespaces by title; `problem` says why they could not be listed."""

    account: Account
    namespaces: list[Namespace]
    problem: KVError | None = None


class Store:
    """One source of KV. `account` narrows it to one account; `label` names it in the header.

    `source` tells it from other sources in the journal. Without a journal nothing can be taken back.
    """

    def __init__(
        self,
        client: KVClient,
        *,
        label: str,
        account: str = "",
        source: str = "",
        journal: Journal | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        # What changes something is loaded with the first source, not with the first screen.
        from kvtui.core.history import History
        from kvtui.core.journal.records import Origin
        from kvtui.core.permission import Permission
        from kvtui.core.writing import Writer

        self._client = client
        self._account = account
        self._clock = clock
        self.label = label
        self.source = source
        self.permission = Permission(read_only=client.read_only, clock=clock)
        origin = Origin(source, label)
        self._writer = Writer(client, journal, origin, self.permission, clock=clock, sleep=sleep)
        self.history = History(journal, source, account, clock) if journal else None

    @property
    def budget(self) -> Budget:
        """What may still be asked of the server for now."""
        return self._client.budget

    async def accounts(self) -> list[Account]:
        """The accounts that can be seen, or the one that was asked for.

        A token that may only touch KV can list no accounts, so the one that was named is taken
        at its word: it is asked for its name, and kept without one if that is refused.
        """
        if not self._account:
            found = await self._client.accounts()
            if found:
                return found
            raise Refused(
                "This token sees no account.",
                "Name one with --account ID or CLOUDFLARE_ACCOUNT_ID, or let it read Account Settings.",
            )
        try:
            named = [account for account in await self._client.accounts() if account.id == self._account]
        except (Denied, NotFound):
            named = []
        return named or [Account(self._account)]

    async def namespaces(self, account: Account) -> list[Namespace]:
        """All namespaces of an account, by title."""
        found = await self._client.namespaces(account.id)
        return sorted(found, key=lambda namespace: namespace.title)

    async def branches(self) -> list[Branch]:
        """Every account with its namespaces, or with why it may not be read.

        A token that may read one account of several is common, so one refusal hides nothing of the others.
        Raises only where no account could be read.
        """
        accounts = await self.accounts()
        found = await asyncio.gather(*(self._branch(account) for account in accounts))
        if found and all(branch.problem for branch in found):
            raise next(branch.problem for branch in found if branch.problem)
        return list(found)

    async def _branch(self, account: Account) -> Branch:
        try:
            return Branch(account, await self.namespaces(account))
        except KVError as error:
            return Branch(account, [], error)

    async def find_namespace(self, wanted: str) -> Namespace:
        """The namespace with this id, or else with this title, in any account that can be read."""
        found = await self.branches()
        return choose_namespace([namespace for branch in found for namespace in branch.namespaces], wanted)

    def listing(self, namespace: Namespace, prefix: str = "") -> Listing:
        """A fresh listing of a namespace's keys, or of those with a prefix; nothing is sent yet."""

        async def fetch(cursor: str | None) -> KeyPage:
            return await self._client.keys(namespace, prefix=prefix, cursor=cursor)

        return Listing(fetch)

    async def pages(self, namespace: Namespace, prefix: str = "") -> AsyncIterator[KeyPage]:
        """Every page of a listing as it comes; only a missing cursor ends it."""
        cursor: str | None = None
        while True:
            page = await self._client.keys(namespace, prefix=prefix, cursor=cursor)
            yield page
            if (cursor := page.cursor) is None:
                return

    async def first_page(self, namespace: Namespace) -> KeyPage:
        """Up to 1,000 keys: how much there is, roughly, in one request."""
        return await self._client.keys(namespace)

    async def read_many(self, refs: Sequence[KeyRef]) -> list[tuple[KeyRef, Entry]]:
        """The whole records of keys of one namespace; those that are gone are left out."""
        if not refs:
            return []
        found = await self._client.read_entries(refs[0].namespace, [ref.key for ref in refs])
        return [(ref, entry) for ref in refs if (entry := found[ref.key]) is not None]

    async def value(self, namespace: Namespace, key: str) -> bytes:
        """The stored bytes alone, in one request."""
        value, _expiration = await self._client.read_value(namespace, key)
        return value

    async def read(self, namespace: Namespace, key: str, progress: Progress | None = None) -> Entry:
        """The whole record under a key: bytes, metadata and expiration."""
        return await self._client.read_entry(namespace, key, progress=progress)

    # Changing

    async def apply(self, step: Step, *, images: bool = True, again: bool = False) -> Applied:
        """Make the changes of a step: see Writer.apply. Raises ReadOnly where nothing may be changed."""
        return await self._writer.apply(step, images=images, again=again)

    async def undo(self) -> tuple[Back, Applied]:
        """Take the newest step back that can be."""
        back = await self._history().to_undo()
        return back, await self.apply(back.step, again=True)

    async def redo(self) -> tuple[Back, Applied]:
        """Make the step again that was taken back last."""
        back = await self._history().to_redo()
        return back, await self.apply(back.step, again=True)

    async def find_out(self, record: Record) -> Record:
        """What became of an interrupted step, by reading: the journal knows it afterwards."""
        from kvtui.core.journal.records import Outcome

        journal = self._history().journal
        step = await asyncio.to_thread(journal.step, record.id)
        open_ends = (Outcome.SENT, Outcome.UNKNOWN)
        unknown = [index for index, noted in enumerate(record.changes) if noted.outcome in open_ends]
        await self._writer.find_out(record.id, step, unknown)
        return await asyncio.to_thread(journal.record, record.id)

    async def finish(self, record: Record) -> Applied:
        """Go on with an interrupted step; what has landed already does no harm when it is written again.

        Raises TooSoon and ReadOnly, and Stopped before anything was sent, while the step is still as open
        as it was.
        """
        journal = self._history().journal
        step = await asyncio.to_thread(journal.step, record.id)
        self._writer.check(step)
        owner = await asyncio.to_thread(journal.adopt, record.id)
        try:
            return await self._writer.apply(step, again=True, id=record.id)
        except KVError:
            await asyncio.to_thread(journal.give_back, record.id, owner)
            raise

    async def leave(self, record: Record) -> None:
        """Leave an interrupted step as it is. The log goes on to tell of it."""
        from kvtui.core.journal.records import State

        journal = self._history().journal
        await asyncio.to_thread(journal.adopt, record.id)
        await asyncio.to_thread(journal.end, record.id, State.STOPPED)

    @property
    def busy(self) -> bool:
        """Whether a step is under way."""
        return self._writer.busy

    async def settled(self) -> None:
        """Wait until no step is under way: whoever quits waits for this."""
        await self._writer.settled()

    def listen(self, heard: Callable[[News], None]) -> None:
        """Have it told what becomes of changes that were unconfirmed when their step ended."""
        self._writer.heard = heard

    def _history(self) -> History:
        if self.history is None:
            raise Refused("The journal is off, so nothing can be taken back.", "Start without --no-journal.")
        return self.history

    async def close(self) -> None:
        """Wait for what is under way, then close the connections."""
        await self._writer.close()
        await self._client.aclose()
        if self.history is not None:
            await asyncio.to_thread(self.history.journal.close)


def choose_namespace(namespaces: list[Namespace], wanted: str) -> Namespace:
    """The one that `wanted` names: an id goes before a title, and a title must be unique."""
    if by_id := [namespace for namespace in namespaces if namespace.id == wanted]:
        return by_id[0]
    by_title = [namespace for namespace in namespaces if namespace.title == wanted]
    if len(by_title) == 1:
        return by_title[0]
    if by_title:
        ids = ", ".join(namespace.id for namespace in by_title)
        raise Refused(
            f"More than one account has a namespace titled {wanted!r}.", f"Name it by its id: {ids}."
        )
    raise NamespaceNotFound(
        f"There is no namespace with the title or id {wanted!r}.",
        "`kvtui ls` shows those that there are.",
    )
