"""The plain commands that go back and forth in history: undo and redo a step, restore records."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable

from kvtui.api.errors import NotFound, Refused
from kvtui.core import plans
from kvtui.core.changes import Change
from kvtui.core.history import Back, History
from kvtui.core.journal.errors import JournalError
from kvtui.core.journal.records import Record, what_words
from kvtui.core.store import Store
from kvtui.plain.applying import apply, find, history_of, may_change, must_be_meant, tell, telling_changes
from kvtui.plain.asking import agreed, has_person
from kvtui.plain.commands import complain
from kvtui.plain.journaling import NOTHING, find_record
from kvtui.plain.steps import no_way_back, would_words
from kvtui.plain.telling import noted_words, record_words, ref_words, where_words

IN_A_MINUTE = (
    "Ask again in a minute: what has expired by then is left out. kvtui journal export keeps a copy."
)


async def undo(store: Store, flags: argparse.Namespace) -> None:
    """Take a step back: the one that is named, or the newest of this source that can be."""
    may_change(store)
    history = history_of(store)
    if flags.id is not None:
        record = await _named(history, flags.id)
        if not record.undoable:
            raise Refused(f"Step {record.id} cannot be taken back: {no_way_back(record)}", NOTHING)
    back = await _or_none(history.to_undo(flags.id), "There is nothing to take back.")
    await _go(store, flags, back, "Take it back?", "was taken back", "put back")


async def redo(store: Store, flags: argparse.Namespace) -> None:
    """Make a step again that was taken back: the one that is named, or the last, if nothing came after."""
    may_change(store)
    history = history_of(store)
    if flags.id is not None and not (await _named(history, flags.id)).undone:
        words = f"Step {flags.id} has not been taken back, so there is nothing to make again."
        raise Refused(words, NOTHING)
    nothing = "There is nothing to make again: only what was taken back last can be, or a step by its number."
    back = await _or_none(history.to_redo(flags.id), nothing)
    await _go(store, flags, back, "Make it again?", "was made again", "written again")


async def _named(history: History, id: int) -> Record:
    return history.own(await asyncio.to_thread(find_record, history.journal, id))


async def _or_none(asked: Awaitable[Back], nothing: str) -> Back:
    """What was asked of the history, which refuses where it has no such step."""
    try:
        return await asked
    except JournalError:
        raise
    except Refused as problem:
        raise NotFound(nothing, "kvtui journal list shows what was changed here.") from problem


async def _go(
    store: Store, flags: argparse.Namespace, back: Back, question: str, was_done: str, written: str
) -> None:
    """Make the changes of a step back or forth: asked about at a terminal, told one by one."""
    record, what = back.record, f"{what_words(back.record)}, {where_words(back.record)}"
    must_be_meant(back.step, flags)
    if has_person() and not flags.yes:
        complain(f"Step {record.id}: {what}.")
        for line in _would(back):
            complain(line)
        if not agreed(question):
            raise Refused("Nobody agreed to this.", NOTHING)
    with telling_changes(back.step) as done:
        applied = done(await apply(store, back.step, again=True, soon=IN_A_MINUTE))
    for ref in back.expired:
        complain(f"{ref_words(ref)} had expired meanwhile, so it was not {written}.")
    tell(applied, f"Step {record.id} {was_done}: {what}. It is step {applied.id} in the journal.")


def _would(back: Back) -> list[str]:
    lines = [would_words(change, back=back.step.undoes is not None) for change in back.step.changes]
    lines += [f"{ref_words(ref)} has expired meanwhile: what is there stays" for ref in back.expired]
    return lines or ["nothing is left of it to change: it has expired by itself"]


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
        if change.before == change.after:
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
