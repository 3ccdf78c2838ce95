"""The plain commands for a step that was interrupted: finish goes on with it, leave ends it as it is."""

from __future__ import annotations

import argparse
import asyncio
from contextlib import suppress
from dataclasses import replace

from kvtui.api.errors import Refused
from kvtui.core.history import History
from kvtui.core.journal.errors import JournalError
from kvtui.core.journal.records import Record, State, what_words
from kvtui.core.stops import Stopped
from kvtui.core.store import Store
from kvtui.plain.applying import ended, history_of, may_change, must_be_meant, tell, telling_changes
from kvtui.plain.commands import complain
from kvtui.plain.journaling import NOTHING, find_record
from kvtui.plain.steps import is_interrupted, ways_words
from kvtui.plain.telling import where_words


async def finish(store: Store, flags: argparse.Namespace) -> None:
    """Go on with an interrupted step, having looked what became of it."""
    may_change(store)
    history = history_of(store)
    record = await _interrupted(history, flags.id)
    step = await asyncio.to_thread(history.journal.step, record.id)
    must_be_meant(step, flags)
    record = await store.find_out(record)
    soon = f"kvtui undo {record.id} takes back what was made, kvtui journal leave {record.id} leaves it so."
    try:
        with telling_changes(step) as done:
            applied = done(await ended(store.finish(record), soon))
    except Stopped:
        await _tell_if_open(history, record.id)
        raise
    tell(applied, f"Step {record.id} was finished: {what_words(record)}, {where_words(record)}.")


async def _tell_if_open(history: History, id: int) -> None:
    """A step of which nothing could be sent is open still. It is ours now, until this process ends."""
    with suppress(JournalError):
        record = await asyncio.to_thread(history.journal.record, id)
        if record.state is State.OPEN:
            complain(f"Step {id} is as interrupted as it was: {ways_words(replace(record, alive=False))}")


async def leave(store: Store, flags: argparse.Namespace) -> None:
    """End an interrupted step as it is: nothing is asked of the server, and nothing tells of it any more."""
    history = history_of(store)
    record = await _interrupted(history, flags.id)
    await store.leave(record)
    back = f" kvtui undo {record.id} takes back what was made." if record.undoable else ""
    complain(f"Step {record.id} was left as it is: {what_words(record)}, {where_words(record)}.{back}")


async def _interrupted(history: History, id: int) -> Record:
    record = history.own(await asyncio.to_thread(find_record, history.journal, id))
    if not is_interrupted(record):
        alive = record.state is State.OPEN
        words = "is still under way in a running kvtui." if alive else "is not interrupted: it has ended."
        raise Refused(f"Step {id} {words}", NOTHING)
    return record
