"""What a person does to KV, as values: a Change knows what was there and what is to be there.

`before` is at once the condition (if something else is stored by now, the change is not made) and what undo
puts back; so conflicts, failures half-way, progress, the journal and undo all read the same few fields.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from kvtui.api.models import Entry, Namespace


class KeyRef(NamedTuple):
    """A key in a namespace."""

    namespace: Namespace
    key: str

    @property
    def address(self) -> tuple[str, str, str]:
        """What tells it from all other keys: account, namespace and name. A title may change."""
        return (*home_of(self.namespace), self.key)


def home_of(namespace: Namespace) -> tuple[str, str]:
    """What tells a namespace from all others, whatever its title is by now."""
    return namespace.account, namespace.id


@dataclass(frozen=True, slots=True)
class Change:
    """A key's whole record before and after; None for "no such key"."""

    ref: KeyRef
    before: Entry | None
    after: Entry | None

    def turned(self) -> Change:
        """The change that takes this one back."""
        return Change(self.ref, self.after, self.before)


@dataclass(frozen=True, slots=True)
class NamespaceChange:
    """A namespace before and after; None for "no such namespace". One that is to be made has no id yet."""

    before: Namespace | None
    after: Namespace | None

    def turned(self) -> NamespaceChange:
        """The change that takes this one back; of a removal, no server can do it."""
        return NamespaceChange(self.after, self.before)

    @property
    def namespace(self) -> Namespace:
        """The namespace as it is named after the change, or was before it."""
        namespace = self.after or self.before
        assert namespace is not None
        return namespace


AnyChange = Change | NamespaceChange


class Verb(StrEnum):
    """What a step does, in the word for it."""

    CREATE = "create"
    EDIT = "edit"
    EXPIRE = "expire"
    COPY = "copy"
    RENAME = "rename"
    DELETE = "delete"
    CREATE_NAMESPACE = "create namespace"
    RENAME_NAMESPACE = "rename namespace"
    REMOVE_NAMESPACE = "remove namespace"
    RESTORE = "restore"


@dataclass(frozen=True, slots=True)
class Step:
    """Changes that belong together, made in their order, undone as one.

    `chained` says that each change waits until the one before has been confirmed: a rename deletes the old
    key only then. `undoes` and `redoes` name the step in the journal that is taken back or made again.
    """

    verb: Verb
    changes: tuple[AnyChange, ...]
    chained: bool = False
    undoes: int | None = None
    redoes: int | None = None

    @property
    def pairs(self) -> list[Change]:
        """The changes of keys among them."""
        return [change for change in self.changes if isinstance(change, Change)]

    @property
    def namespaces(self) -> list[NamespaceChange]:
        """The changes of namespaces among them."""
        return [change for change in self.changes if isinstance(change, NamespaceChange)]


def inverse(step: Step) -> Step:
    """What takes a step back: each change turned round, the newest first.

    The inverse of a rename puts the old key back before it deletes the new one, in the same chain.
    """
    return replace(step, changes=tuple(change.turned() for change in step.changes[::-1]))


def living(entry: Entry | None, now: float) -> Entry | None:
    """The entry, unless its time has come: then it is no longer there."""
    if entry is not None and entry.expiration is not None and entry.expiration <= now:
        return None
    return entry


def same(one: Entry | None, other: Entry | None) -> bool:
    """Whether two records are the same; metadata also where a server only spells it otherwise."""
    if one is None or other is None:
        return one is other
    alike = (one.value, one.expiration) == (other.value, other.expiration)
    return alike and same_metadata(one.metadata, other.metadata)


def same_metadata(one: str | None, other: str | None) -> bool:
    """Whether two texts say the same, to the last digit and with every duplicate key; null is no metadata."""
    if one == other:
        return True
    try:
        return _parsed(one) == _parsed(other)
    except (ValueError, ArithmeticError, RecursionError):  # no JSON that can be read: only equal texts are
        return False


def _parsed(text: str | None) -> object:
    """JSON as values of which only equal ones are equal: to Python true is 1, and 1e400 is 1e999."""
    return json.loads(
        text or "null",
        parse_int=lambda digits: ("number", Decimal(digits)),
        parse_float=lambda digits: ("number", Decimal(digits)),
        object_pairs_hook=lambda pairs: ("object", sorted(pairs, key=lambda pair: pair[0])),
    )
