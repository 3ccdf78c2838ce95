"""How the plain commands speak of steps: what each change would do or did, and what can be done about it.

As in telling.py, all is pure and nothing is escaped.
"""

from __future__ import annotations

from kvtui.core.changes import AnyChange, NamespaceChange, Step
from kvtui.core.journal.records import Record, State
from kvtui.plain.telling import record_words, ref_words


def would_words(change: AnyChange, *, back: bool) -> str:
    """What a change would do. `back`: it puts back what was there."""
    if isinstance(change, NamespaceChange):
        if change.after is None:
            return f"removes namespace {change.namespace.title}, if it has no keys"
        if change.before is None:
            return f"makes namespace {change.after.title}"
        return f"renames namespace {change.before.title} to {change.after.title}"
    name = ref_words(change.ref)
    if change.after is None:
        return f"deletes {name} ({record_words(change.before)})"
    over = "" if change.before is None else f", in the place of {record_words(change.before)}"
    return f"{'puts back' if back else 'writes'} {name}: {record_words(change.after)}{over}"


def did_words(change: AnyChange, *, back: bool) -> str:
    """What a change did, in the past tense of `would_words`."""
    if isinstance(change, NamespaceChange):
        name = f"namespace {change.namespace.title}"
        if change.after is None:
            return f"{name}: removed"
        return f"{name}: made" if change.before is None else f"{name}: renamed, was {change.before.title}"
    name = ref_words(change.ref)
    if change.after is None:
        return f"{name}: deleted ({record_words(change.before)})"
    over = "" if change.before is None else f"; it replaced {record_words(change.before)}"
    return f"{name}: {'put back' if back else 'written'} ({record_words(change.after)}){over}"


def removed_namespace(step: Step) -> str:
    """The title of a namespace that a step removes; "" if it removes none."""
    return next((one.namespace.title for one in step.namespaces if one.after is None), "")


def is_interrupted(record: Record) -> bool:
    """Whether a step was left half-way by a process that is gone."""
    return record.state is State.OPEN and not record.alive


def ways_words(record: Record) -> str:
    """What can be done about a step, by the commands that do it; or why it cannot be taken back."""
    id = record.id
    back = f"kvtui undo {id} takes it back."
    if is_interrupted(record):
        ways = [f"kvtui journal finish {id} goes on with it"] if record.images else []
        ways += [back.removesuffix(".")] if record.undoable else []
        return ", ".join([*ways, f"kvtui journal leave {id} leaves it as it is."])
    return back if record.undoable else no_way_back(record)


def no_way_back(record: Record) -> str:
    """Why a step cannot be taken back, and the command for what can be done instead."""
    if record.undone:
        return f"{record.why_not} kvtui redo {record.id} makes it again."
    if record.original_kept and record.state is State.DONE:
        instead = f"redo {record.undoes}" if record.undoes is not None else f"undo {record.redoes}"
        return f"{record.why_not.removesuffix('.')} (kvtui {instead})."
    return record.why_not
