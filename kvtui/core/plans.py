"""The verbs, as plans: from entries that were read to the Step that is wanted. All is pure.

KV has no rename, no copy, and no way to change one part of a record: a PUT replaces value, metadata and
expiration at once. So every plan speaks of whole records, and what is not named is carried over.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from enum import Enum

from msgspec.structs import replace as with_fields

from kvtui.api.errors import Refused
from kvtui.api.limits import MIN_TTL
from kvtui.api.models import Entry, Namespace
from kvtui.core.changes import AnyChange, Change, KeyRef, NamespaceChange, Step, Verb

AT_ONCE_MOST = 100
"""Keys deleted in one step: each takes five requests, of the 1,200 that all of a user's tools share."""

COUNT_FROM = 11
"""Keys from which a yes alone is not enough."""

SLACK_S = 15
"""Added to the least life that KV takes, so that the request still arrives in time."""


def create(ref: KeyRef, entry: Entry) -> Step:
    """A key that is not there yet."""
    return Step(Verb.CREATE, (Change(ref, None, entry),))


def edit(ref: KeyRef, before: Entry, after: Entry) -> Step:
    """Another record in the place of the one that was read."""
    only_expiry = (before.value, before.metadata) == (after.value, after.metadata)
    return Step(Verb.EXPIRE if only_expiry else Verb.EDIT, (Change(ref, before, after),))


def edit_value(ref: KeyRef, before: Entry, value: bytes) -> Step:
    """Another value; metadata and expiration stay."""
    return edit(ref, before, with_fields(before, value=value))


def edit_metadata(ref: KeyRef, before: Entry, metadata: str | None) -> Step:
    """Other metadata (JSON text, None for none); value and expiration stay."""
    return edit(ref, before, with_fields(before, metadata=metadata))


def expire(ref: KeyRef, before: Entry, expiration: int | None) -> Step:
    """Another expiration in Unix seconds, None for never; value and metadata stay."""
    return edit(ref, before, with_fields(before, expiration=expiration))


def copy(entry: Entry, target: KeyRef, existing: Entry | None) -> Step:
    """The same record under another name, in this namespace or another, over `existing` if that is there."""
    return Step(Verb.COPY, (Change(target, existing, entry),))


def rename(source: KeyRef, entry: Entry, target: KeyRef, existing: Entry | None) -> Step:
    """Copy, read back, and only then delete the old key. Raises Refused where both are the same key."""
    if source.address == target.address:
        raise Refused("This is its name already.", "Nothing was changed.")
    changes = (Change(target, existing, entry), Change(source, entry, None))
    return Step(Verb.RENAME, changes, chained=True)


def delete(entries: Iterable[tuple[KeyRef, Entry]]) -> Step:
    """Delete these records, and no others that may be under their keys by then."""
    return Step(Verb.DELETE, tuple(Change(ref, entry, None) for ref, entry in entries))


def restore(changes: Iterable[Change]) -> Step:
    """Put records back that the journal has kept, in the place of what is there now."""
    return Step(Verb.RESTORE, tuple(changes))


def create_namespace(account: str, title: str) -> Step:
    """A namespace with this title; the server gives it its id."""
    return Step(Verb.CREATE_NAMESPACE, (NamespaceChange(None, Namespace("", title, account)),))


def rename_namespace(namespace: Namespace, title: str) -> Step:
    """Another title; id and keys stay."""
    change = NamespaceChange(namespace, with_fields(namespace, title=title))
    return Step(Verb.RENAME_NAMESPACE, (change,))


def remove_namespace(namespace: Namespace) -> Step:
    """Remove a namespace and every key in it. This one cannot be taken back."""
    return Step(Verb.REMOVE_NAMESPACE, (NamespaceChange(namespace, None),))


# Expirations that cannot be kept


class Soon(Enum):
    """What to do with a record that expires sooner than KV lets it be written."""

    LET_EXPIRE = "let it expire"
    EXTEND = "extend"
    PERMANENT = "permanent"


def too_soon(step: Step, now: float) -> list[Change]:
    """The changes that would write an expiration less than 60 s ahead, which KV refuses."""
    return [change for change in step.pairs if _is_too_soon(change.after, now)]


def settle_soon(step: Step, choice: Soon, now: float) -> Step:
    """The step with what was decided about such records.

    To let them expire is to leave them as they are; of a chain nothing is left then.
    """
    if choice is Soon.LET_EXPIRE:
        if step.chained:
            return replace(step, changes=())
        kept = (
            one
            for one in step.changes
            if isinstance(one, NamespaceChange) or not _is_too_soon(one.after, now)
        )
        return replace(step, changes=tuple(kept))
    expiration = int(now) + MIN_TTL + SLACK_S if choice is Soon.EXTEND else None

    def settled(change: AnyChange) -> AnyChange:
        if isinstance(change, NamespaceChange) or change.after is None or not _is_too_soon(change.after, now):
            return change
        return replace(change, after=with_fields(change.after, expiration=expiration))

    return replace(step, changes=tuple(map(settled, step.changes)))


def _is_too_soon(entry: Entry | None, now: float) -> bool:
    return entry is not None and entry.expiration is not None and entry.expiration < now + MIN_TTL
