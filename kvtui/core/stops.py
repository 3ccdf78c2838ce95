"""How a step ends when it cannot go on: what was done by then, what is left, and why."""

from __future__ import annotations

from kvtui.api.errors import KVError, Refused
from kvtui.api.models import Entry, Namespace
from kvtui.core.changes import AnyChange, Change, Step


class TooSoon(Refused):
    """Some records would expire sooner than KV lets them be written: a person decides what is to be."""

    message = "This expires in less than 60 s, which KV does not let anyone write."
    remedy = "Let it expire, give it a longer life, or make it permanent."

    def __init__(self, step: Step, changes: list[Change]) -> None:
        super().__init__()
        self.step = step
        self.changes = changes


class Stopped(KVError):
    """A step ended before all of it was done. `id` is its number in the journal, if it has one.

    `done` are the changes that landed, `rest` is what was not done, and `change` the one it stopped at.
    `unknown` says that nobody knows whether that one arrived.
    """

    def __init__(
        self,
        error: KVError,
        change: AnyChange,
        done: tuple[AnyChange, ...],
        rest: Step,
        *,
        id: int | None,
        unknown: bool = False,
    ) -> None:
        super().__init__(error.message, error.remedy, status=error.status, code=error.code, ray=error.ray)
        self.error = error
        self.change = change
        self.done = done
        self.rest = rest
        self.id = id
        self.unknown = unknown


class Conflict(Stopped):
    """Something else is stored by now than what the step was made from. `found` is that."""

    def __init__(
        self,
        change: AnyChange,
        found: Entry | Namespace | None,
        done: tuple[AnyChange, ...],
        rest: Step,
        *,
        id: int | None,
    ) -> None:
        there = "is gone" if found is None else "has been changed" if change.before else "is there already"
        what = "It" if isinstance(change, Change) else "The namespace"
        refused = Refused(f"{what} {there} since it was read.", "It was left as it is.")
        super().__init__(refused, change, done, rest, id=id)
        self.found = found
