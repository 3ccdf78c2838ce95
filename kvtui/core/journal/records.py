"""What the journal tells: steps and what became of each change, without the values themselves."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from kvtui.api.models import Entry, Namespace
from kvtui.core.changes import KeyRef, Verb, same_metadata


class Outcome(StrEnum):
    """What became of one change."""

    PLANNED = "planned"
    """Its request has not left."""
    SENT = "sent"
    """Its request has left; what became of it is not known yet."""
    CONFIRMED = "confirmed"
    """Read back as it should be."""
    UNCONFIRMED = "unconfirmed"
    """The server took it; what is read back is still something else."""
    FAILED = "failed"
    """The server refused it: nothing was changed."""
    UNKNOWN = "unknown"
    """Sent, the answer was lost, and reading did not show it."""
    DROPPED = "dropped"
    """Given up before it was sent."""


LANDED = frozenset({Outcome.CONFIRMED, Outcome.UNCONFIRMED})
MAY_HAVE_LANDED = LANDED | {Outcome.SENT, Outcome.UNKNOWN}


class State(StrEnum):
    """How far a step is."""

    OPEN = "open"
    DONE = "done"
    STOPPED = "stopped"
    """Ended before all of it was done."""


class Origin(NamedTuple):
    """Where a step is made: `source` identifies the server or folder, `label` is its name for people."""

    source: str
    label: str
    profile: str = ""


class Brief(NamedTuple):
    """A record without its bytes. Where the images were declined, `sha256` is empty and `metadata` None."""

    size: int
    sha256: str
    metadata: str | None
    expiration: int | None


class Noted(NamedTuple):
    """A change as the journal has it. `ref` is None where the namespace itself was changed.

    `namespace` is the key's, or the one that was changed, as it is named after or was before. `at` is
    when the outcome was noted, in Unix seconds; `detail` a sentence about it, "" for none.
    """

    ref: KeyRef | None
    namespace: Namespace
    before: Brief | Namespace | None
    after: Brief | Namespace | None
    outcome: Outcome
    detail: str
    at: float


class Last(NamedTuple):
    """The last changes of a key that landed: what was there before each of them, and after the last."""

    befores: tuple[Brief | None, ...]
    after: Brief | None

    def is_late(self, entry: Entry | None) -> bool:
        """Whether an entry is not what the last of them left, but what was there before one of them."""
        return not self.shows(self.after, entry) and any(self.shows(side, entry) for side in self.befores)

    @staticmethod
    def shows(side: Brief | None, entry: Entry | None) -> bool:
        """Whether an entry is the record of that side."""
        if side is None or entry is None:
            return side is None and entry is None
        facts = (len(entry.value), hashlib.sha256(entry.value).hexdigest(), entry.expiration)
        alike = (side.size, side.sha256, side.expiration) == facts
        return alike and same_metadata(side.metadata, entry.metadata)


@dataclass(frozen=True, slots=True)
class Record:
    """A step as the journal has it. Times are in Unix seconds.

    `undone` says that it has been taken back and not been made again since. `images` says whether the
    before-images were kept, `alive` whether the process that made it still runs, `original_kept` whether
    the step that it undoes or redoes is still in the journal.
    """

    id: int
    verb: Verb
    state: State
    begun: float
    ended: float | None
    origin: Origin
    reason: str
    undoes: int | None
    redoes: int | None
    undone: bool
    images: bool
    alive: bool
    changes: tuple[Noted, ...]
    original_kept: bool = False

    @property
    def landed(self) -> tuple[Noted, ...]:
        """The changes that the server took."""
        return tuple(noted for noted in self.changes if noted.outcome in LANDED)

    def is_in(self, account: str) -> bool:
        """Whether all of it was in this account; the empty one stands for any."""
        return not account or all(noted.namespace.account == account for noted in self.changes)

    @property
    def undoable(self) -> bool:
        """Whether it can be taken back."""
        return not self.why_not

    @property
    def why_not(self) -> str:
        """Why it cannot be taken back, as a sentence; "" if it can."""
        if self.alive and self.state is State.OPEN:
            return "It is still under way in a running kvtui."
        if not any(noted.outcome in MAY_HAVE_LANDED for noted in self.changes):
            return "Nothing of it was changed, so there is nothing to take back."
        if any(noted.ref is None and noted.after is None for noted in self.changes):
            return "A namespace that was removed cannot be brought back."
        if not self.images:
            return "What was there before was not kept, as it was declined."
        if self.undone:
            return "It has been taken back already."
        if self.original_kept and self.state is State.DONE:
            # The original's own `undone` tells how things stand: taking this one back too would count twice.
            if self.undoes is not None:
                return f"It took step {self.undoes} back: make that one again instead."
            return f"It made step {self.redoes} again: take that one back instead."
        return ""


class SavedDraft(NamedTuple):
    """An edit that is not stored yet. `data` is the edited text as bytes, None for a value left untouched.

    `base` is the record it started from, None for a new key; `layout` is for whoever saved it; `at` is
    when, in Unix seconds.
    """

    source: str
    ref: KeyRef
    base: Entry | None
    data: bytes | None
    layout: str
    metadata: str | None
    expiration: int | None
    at: float


def what_words(record: Record) -> str:
    """What a step did, in a few words."""
    if record.undoes is not None:
        return f"undo of {record.verb}"
    return f"redo of {record.verb}" if record.redoes is not None else str(record.verb)


def state_words(record: Record) -> str:
    """How a step ended, in a few words."""
    if record.undone:
        return "taken back"
    if record.state is State.OPEN:
        return "under way" if record.alive else "interrupted"
    if record.state is State.STOPPED:
        return f"stopped, {len(record.landed):,} of {len(record.changes):,}"
    outcomes = {noted.outcome for noted in record.changes}
    for outcome, words in ((Outcome.UNKNOWN, "unknown"), (Outcome.FAILED, "refused")):
        if outcome in outcomes:
            return words
    return "done, unconfirmed" if Outcome.UNCONFIRMED in outcomes else "done"
