"""What was done, from the journal: the log, and plans that take a step back, make it again, restore a record.

The journal works on a disk, so every question to it is asked in a thread.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace as with_fields

from kvtui.api.errors import Refused
from kvtui.api.models import Entry
from kvtui.core.changes import AnyChange, Change, KeyRef, NamespaceChange, Step, inverse, living
from kvtui.core.journal.records import MAY_HAVE_LANDED, Record, SavedDraft
from kvtui.core.plans import restore

if TYPE_CHECKING:
    from kvtui.core.journal.journal import Journal


class Back(NamedTuple):
    """A step back or forth in history: the one it is about, and the records that have expired since."""

    record: Record
    step: Step
    expired: tuple[KeyRef, ...] = ()


class History:
    """The journal of one source, and of one account where the session is narrowed to it."""

    def __init__(
        self,
        journal: Journal,
        source: str,
        account: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.journal = journal
        self.source = source
        self._account = account
        self._clock = clock

    async def log(self, limit: int = 200) -> list[Record]:
        """The newest steps, newest first."""
        records = await asyncio.to_thread(self.journal.records, self.source, limit=limit)
        return [record for record in records if record.is_in(self._account)]

    async def to_undo(self, id: int | None = None) -> Back:
        """What takes a step back: this one, or the newest that can be. Raises Refused where none can."""
        if id is None:
            record = await asyncio.to_thread(self.journal.to_undo, self.source, self._account)
        else:
            record = await self._asked_for(id)
        if record is None:
            raise Refused("There is nothing to take back.", "What kvtui changes here is listed under @.")
        if not record.undoable:
            raise Refused(f"This cannot be taken back: {record.why_not}", "Nothing was changed.")
        return self._back(record, inverse(await self._arrived(record)), undoes=record.id)

    async def to_redo(self, id: int | None = None) -> Back:
        """What makes a step again that was taken back. Raises Refused."""
        if id is None:
            record = await asyncio.to_thread(self.journal.to_redo, self.source)
        else:
            record = await self._asked_for(id)
        if record is None or not record.undone or not record.is_in(self._account):
            raise Refused("There is nothing to make again.", "Only what was taken back last can be.")
        step = await self._arrived(record)
        return self._back(record, replace(step, changes=tuple(map(_anew, step.changes))), redoes=record.id)

    async def ref_of(self, id: int, index: int) -> KeyRef:
        """The key of a change. Raises Refused where it is one of a namespace."""
        noted = (await asyncio.to_thread(self.journal.record, id)).changes[index]
        if noted.ref is None:
            raise Refused("Only a key's record can be brought back.", "Nothing was changed.")
        return noted.ref

    async def to_restore(self, id: int, index: int, now: Entry | None) -> Step | None:
        """What puts back the record that was there before a change, in the place of what is there now.

        None where there was none, or where its time has come since: to restore is never to delete.
        """
        change = (await asyncio.to_thread(self.journal.step, id)).changes[index]
        if not isinstance(change, Change) or (then := living(change.before, self._clock())) is None:
            return None
        return restore([Change(change.ref, now, then)])

    def own(self, record: Record) -> Record:
        """A step of this source: one of another would meet other records under the same names."""
        if record.origin.source != self.source:
            raise Refused(
                f"Step {record.id} was made on another source: {record.origin.source}.",
                "Nothing was changed. Name that source.",
            )
        return record

    async def interrupted(self) -> list[Record]:
        """The steps whose process ended before they did."""
        records = await asyncio.to_thread(self.journal.interrupted, self.source)
        return [record for record in records if record.is_in(self._account)]

    async def save_draft(self, draft: SavedDraft) -> None:
        """Keep a draft on the disk, so that a crash does not take it along."""
        await asyncio.to_thread(self.journal.save_draft, draft)

    async def drop_draft(self, ref: KeyRef) -> None:
        """The draft has become a record, or was given up."""
        await asyncio.to_thread(self.journal.drop_draft, self.source, ref)

    async def lost_drafts(self) -> list[SavedDraft]:
        """Drafts whose process has ended without them."""
        return await asyncio.to_thread(self.journal.lost_drafts, self.source)

    async def _asked_for(self, id: int) -> Record | None:
        return self.own(await asyncio.to_thread(self.journal.record, id))

    async def _arrived(self, record: Record) -> Step:
        """A step with those of its changes that landed, or may have: what never left is not gone back on."""
        step = await asyncio.to_thread(self.journal.step, record.id)
        arrived = (
            change
            for change, noted in zip(step.changes, record.changes, strict=True)
            if noted.outcome in MAY_HAVE_LANDED
        )
        return replace(step, changes=tuple(arrived))

    def _back(
        self, record: Record, step: Step, *, undoes: int | None = None, redoes: int | None = None
    ) -> Back:
        """A record whose time has come meanwhile is not put back, and what is in its place is left alone."""
        now = self._clock()
        changes: list[AnyChange] = []
        expired: list[KeyRef] = []
        for change in step.changes:
            if isinstance(change, Change):
                if living(change.after, now) is not change.after:
                    expired.append(change.ref)
                    continue
                change = Change(change.ref, living(change.before, now), change.after)
                if change.before is None and change.after is None:
                    continue  # it has expired by itself
            changes.append(change)
        step = replace(step, changes=tuple(changes), undoes=undoes, redoes=redoes)
        return Back(record, step, tuple(expired))


def _anew(change: AnyChange) -> AnyChange:
    """A namespace that is made again gets another id."""
    if isinstance(change, NamespaceChange) and change.before is None and change.after is not None:
        return NamespaceChange(None, with_fields(change.after, id=""))
    return change
