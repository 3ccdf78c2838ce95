"""The plain commands that go back in history: undo takes a step back, restore brings records back."""

from __future__ import annotations

import argparse
import asyncio

from kvtui.api.errors import NotFound, Refused
from kvtui.core import plans
from kvtui.core.changes import Change, same
from kvtui.core.history import History
from kvtui.core.journalrecords import Record, what_words
from kvtui.core.store import Store
from kvtui.plain.applying import apply, find, history_of, may_change, tell
from kvtui.plain.commands import complain
from kvtui.plain.journaling import NOTHING, find_record
from kvtui.plain.telling import noted_words, record_words, ref_words, where_words

IN_A_MINUTE = (
    "Ask again in a minute: what has expired by then is left out. kvtui journal export keeps a copy."
)


async def undo(store: Store, flags: argparse.Namespace) -> None:
    """Take a step back: the one that is named, or the newest of this source that can be."""
    may_change(store)
    history = history_of(store)
    record = await _wanted(history, flags.id)
    back = await history.to_undo(record.id)
    applied = await apply(store, back.step, again=True, soon=IN_A_MINUTE)
    told = f"Step {record.id} was taken back: {what_words(record)}, {where_words(record)}."
    for ref in back.expired:
        told += f" {ref_words(ref)} had expired meanwhile, so it was not put back."
    tell(applied, f"{told} It is step {applied.id} in the journal.")


async def _wanted(history: History, id: int | None) -> Record:
    journal = history.journal
    if id is not None:
        return history.own(await asyncio.to_thread(find_record, journal, id))
    record = await asyncio.to_thread(journal.to_undo, history.source)
    if record is None:
        raise NotFound("There is nothing to take back.", "kvtui journal list shows what was changed here.")
    return record


async def restore(store: Store, flags: argparse.Namespace) -> None:
    """Bring back the records as they were before a step, or before one of its changes."""
    may_change(store)
    history = history_of(store)
    record = history.own(await asyncio.to_thread(find_record, history.journal, flags.id))
    changes: list[Change] = []
    for index in _indexes(record, flags.index):
        noted = record.changes[index]
        if noted.ref is None or noted.before is None:
            why = "is no key" if noted.ref is None else "was not there before"
            _left(flags, f"{noted_words(noted)} {why}, so there is nothing to bring back.")
            continue
        now = await find(store, noted.ref)
        step = await history.to_restore(record.id, index, now)
        if step is None:
            _left(flags, f"{ref_words(noted.ref)} has expired meanwhile, so it is not brought back.")
            continue
        change = step.pairs[0]
        if same(change.before, change.after):
            complain(f"{ref_words(change.ref)}: nothing to change; all of it is so already.")
        else:
            changes.append(change)
    if not changes:
        return
    applied = await apply(store, plans.restore(changes), soon=IN_A_MINUTE)
    for change in changes:
        complain(
            f"{ref_words(change.ref)}: brought back ({record_words(change.after)}); "
            f"it replaced {record_words(change.before)}."
        )
    tell(applied, f"Restored: {len(changes):,} of {len(record.changes):,}.")


def _indexes(record: Record, index: int | None) -> list[int]:
    if index is None:
        return list(range(len(record.changes)))
    if not 1 <= index <= len(record.changes):
        raise NotFound(
            f"Step {record.id} has no change {index}.", f"kvtui journal show {record.id} numbers them from 1."
        )
    return [index - 1]


def _left(flags: argparse.Namespace, words: str) -> None:
    """Say why a record stays as it is; that is an error where it was asked for by its number."""
    if flags.index is not None:
        raise Refused(words, NOTHING)
    complain(words)
