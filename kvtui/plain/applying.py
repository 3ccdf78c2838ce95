"""What every plain command of change shares: leave to change, the one door, how a step ended, in words."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

from kvtui.api.errors import KeyNotFound, ReadOnly, Refused
from kvtui.api.models import Entry
from kvtui.core.changes import AnyChange, Change, KeyRef, Step
from kvtui.core.history import History
from kvtui.core.journal.errors import JournalError
from kvtui.core.stops import Conflict, Stopped, TooSoon
from kvtui.core.store import Store
from kvtui.core.writing import Applied
from kvtui.plain.commands import complain
from kvtui.plain.steps import did_words, removed_namespace, ways_words
from kvtui.plain.telling import record_words, ref_words

JOURNAL_OFF = Refused(
    "The journal is off (--no-journal or KVTUI_JOURNAL=off), so nothing is kept that could be taken back.",
    "Leave them out to use it.",
)

GIVE_LIFE = "Let it expire, or give it another life first: kvtui put NAMESPACE KEY --expires WHEN."


def may_change(store: Store) -> None:
    """Raises ReadOnly, in words for a command line, before anything is asked of the server."""
    if store.permission.refusal:
        raise ReadOnly()


def history_of(store: Store) -> History:
    """The journal of this source. Raises Refused where it is off."""
    if store.history is None:
        raise JOURNAL_OFF
    return store.history


async def find(store: Store, ref: KeyRef) -> Entry | None:
    """The record under a key, None where there is none."""
    try:
        return await store.read(*ref)
    except KeyNotFound:
        return None


async def apply(store: Store, step: Step, *, again: bool = False, soon: str = GIVE_LIFE) -> Applied:
    """Make the changes of a step. `soon` is the remedy where a record expires too soon to be written."""
    return await ended(store.apply(step, again=again), soon)


async def ended(work: Awaitable[Applied], soon: str) -> Applied:
    """How a step ends, with what stands in its way in words for a command line."""
    try:
        return await work
    except TooSoon as problem:
        names = ", ".join(ref_words(change.ref) for change in problem.changes)
        raise Refused(
            f"{names}: expires in less than 60 s, which KV does not let anyone write. Nothing was changed.",
            soon,
        ) from problem
    except asyncio.CancelledError:
        complain(
            "Interrupted. What was under way is finished first; `kvtui journal list` tells how it ended."
        )
        raise


def tell(applied: Applied, words: str) -> None:
    """Say what was done, what is not sure about it, and the way back."""
    told = [words]
    if applied.unconfirmed:
        told.append("Written; it does not show yet, which KV may take a minute for.")
    if applied.note:
        told.append(applied.note)
    if applied.id is None:
        told.append("No journal is kept, so this cannot be taken back.")
    elif applied.step.undoes is not None:
        told.append(f"kvtui redo {applied.step.undoes} makes it again.")
    elif removed_namespace(applied.step):
        told.append("This cannot be taken back.")
    else:
        told.append(f"kvtui undo {applied.step.redoes or applied.id} takes it back.")
    complain(" ".join(told))


@contextmanager
def telling_changes(step: Step) -> Iterator[Callable[[Applied], Applied]]:
    """Say, a line a change, what a step has done; also where it stops before its end."""

    def tell_each(changes: tuple[AnyChange, ...]) -> None:
        for change in changes:
            complain(f"{did_words(change, back=step.undoes is not None)}.")

    def done(applied: Applied) -> Applied:
        tell_each(applied.step.changes)
        return applied

    try:
        yield done
    except Stopped as stopped:
        tell_each(stopped.done)
        raise


def must_be_meant(step: Step, flags: argparse.Namespace) -> None:
    """Raises Refused where a step removes a namespace and --yes does not say that this is meant."""
    if (title := removed_namespace(step)) and not flags.yes:
        if step.undoes is not None:
            words = f"To take the making of the namespace {title} back is to remove it: that needs --yes."
        else:
            words = f"This removes the namespace {title} and every key in it for good: that needs --yes."
        raise Refused(words, "Nothing was changed.")


def stopped_words(stopped: Stopped) -> str:
    """How a step stopped: where, why, what is there instead, what was done by then, and what to do."""
    change = stopped.change
    name = ref_words(change.ref) if isinstance(change, Change) else f"namespace {change.namespace.title}"
    if isinstance(stopped, Conflict):
        told = [f"{name}: {_found_words(stopped)} It was left as it is."]
    elif stopped.unknown:
        told = [f"{name}: {stopped.message} The change may have arrived all the same."]
        if stopped.id is not None:
            told.append(
                f"`kvtui journal show {stopped.id}` tells what was there before and what was sent, "
                "`kvtui get` what is there now."
            )
    else:
        told = [f"{name}: {stopped}"]
    done, every = len(stopped.done), len(stopped.done) + len(stopped.rest.changes)
    if done:
        told.append(f"{done:,} of {every:,} changes were made before it.")
    elif not stopped.unknown and "othing was changed" not in str(stopped):
        told.append("Nothing was changed.")
    if stopped.id is not None and (done or stopped.unknown):
        told.append(f"kvtui undo {stopped.id} takes back what was made.")
    return " ".join(told)


def _found_words(conflict: Conflict) -> str:
    if conflict.found is None:
        return "It is gone by now."
    there = "Something else is there by now" if conflict.change.before else "It is there already"
    return f"{there}: {record_words(conflict.found)}."


async def look_back(store: Store) -> None:
    """After a change: let go of what the journal has kept for its time, and tell of interrupted steps."""
    if store.history is None:
        return
    with suppress(JournalError):  # whoever needed the journal has heard of its trouble already
        await asyncio.to_thread(store.history.journal.retire)
        for record in await store.history.interrupted():
            complain(f"Step {record.id} was interrupted half-way: {ways_words(record)}")
