"""Where a listing looks, and what is known by place: what becomes of it when namespaces and keys change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple, TypeVar

from kvtui.api.models import Namespace
from kvtui.core.prefixes import DELIMITERS
from kvtui.core.store import Branch

Known = TypeVar("Known")


class Place(NamedTuple):
    """Where a listing looks: a namespace, and the prefix that its keys begin with."""

    namespace: Namespace
    prefix: str = ""


def own_name(place: Place) -> str:
    """What a node of its own is called: a title, or a prefix without what is above it."""
    if not place.prefix:
        return place.namespace.title
    above = max((place.prefix[:-1].rfind(mark) for mark in DELIMITERS), default=-1)
    return place.prefix[above + 1 :]


def lies_in(place: Place, above: Place) -> bool:
    """Whether a place is another, or is below it."""
    return place.namespace == above.namespace and place.prefix.startswith(above.prefix)


def by_prefix(deltas: Iterable[tuple[str, int]]) -> Counter[str]:
    """By how much the keys below each prefix are more or less; all together below the empty one."""
    sums = Counter[str]()
    for name, by in deltas:
        sums[""] += by
        for end, letter in enumerate(name, 1):
            if letter in DELIMITERS:
                sums[name[:end]] += by
    return sums


def renamed(places: dict[Place, Known], before: Namespace, after: Namespace | None) -> dict[Place, Known]:
    """What is known by place, with a namespace that has another title, or is no more."""
    return {
        place._replace(namespace=after) if after and place.namespace == before else place: known
        for place, known in places.items()
        if after or place.namespace != before
    }


def with_changed(branch: Branch, before: Namespace | None, after: Namespace | None) -> Branch:
    """A branch with a namespace that was created (no `before`), renamed or removed (no `after`)."""
    namespaces = [namespace for namespace in branch.namespaces if namespace != before]
    was_here = len(namespaces) < len(branch.namespaces)
    if after and (was_here or (before is None and after.account == branch.account.id)):
        namespaces.append(after)
    return branch._replace(namespaces=sorted(namespaces, key=lambda namespace: namespace.title))
