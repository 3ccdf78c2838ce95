"""Prefixes of a growing listing, against counting by hand."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kvtui.core.prefixes import DELIMITERS, GROUPS_MOST, Group, Level

NAMES = st.sets(st.text("ab:/é", min_size=1, max_size=8)).map(sorted)


def by_hand(names: list[str], prefix: str) -> list[Group]:
    """The same by looking at every name."""
    members: dict[str, list[str]] = {}
    for name in names:
        if name.startswith(prefix):
            cuts = [name.find(mark, len(prefix)) for mark in DELIMITERS]
            if found := [cut for cut in cuts if cut >= 0]:
                members.setdefault(name[: min(found) + 1], []).append(name)
    return [
        Group(group, len(inside), any(mark in name[len(group) :] for name in inside for mark in DELIMITERS))
        for group, inside in members.items()
    ]


@given(NAMES, st.sampled_from(["", "a", "a:", "b/", "a:b:"]), st.integers(1, 5))
def test_a_level_grown_page_by_page_counts_as_by_hand(names: list[str], prefix: str, page: int) -> None:
    level = Level(prefix)
    for end in range(0, len(names) + page, page):
        level.grow(names[:end])
    assert level.groups == by_hand(names, prefix)


def test_a_level_keeps_no_more_groups_than_a_tree_can_show() -> None:
    level = Level()
    level.grow([f"{number:05}:x" for number in range(GROUPS_MOST + 1)])
    assert (len(level.groups), level.full) == (GROUPS_MOST, True)
