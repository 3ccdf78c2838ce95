"""Prefixes of a growing listing, against counting by hand."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvtui.core.prefixes import DELIMITERS, GROUPS_MOST, PIECE, Group, Level, children

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


@given(NAMES, st.sampled_from(["", "a:", "a/b:"]), st.sampled_from([(":",), ("::", "/"), ("ab",)]))
def test_the_groups_below_a_prefix_by_any_delimiters(
    names: list[str], prefix: str, delimiters: tuple[str, ...]
) -> None:
    counted: dict[str, int] = {}
    for name in names:
        cuts = [
            name.find(mark, len(prefix)) + len(mark) for mark in delimiters if mark in name[len(prefix) :]
        ]
        if name.startswith(prefix) and cuts:
            counted[name[: min(cuts)]] = counted.get(name[: min(cuts)], 0) + 1
    assert {group.prefix: group.size for group in children(names, prefix, delimiters)} == counted


def test_a_delimiter_far_into_a_large_group_is_found() -> None:
    names = sorted([f"a:{number:06}" for number in range(PIECE * 5)] + ["a:002222:x", "b"])
    assert children(names) == [Group("a:", PIECE * 5 + 1, True)]
    assert children(names, "a:") == [Group("a:002222:", 1, False)]


def test_no_names_and_unknown_prefixes_have_no_groups() -> None:
    assert children([]) == []
    assert children(["a:b"], "z") == []


CHANGES = st.lists(st.sets(st.text("ab:/é", min_size=1, max_size=8), max_size=6).map(sorted), max_size=8)


@settings(deadline=None, max_examples=100)
@given(NAMES, NAMES, CHANGES, st.sampled_from(["", "a", "a:", "b/"]), st.booleans())
def test_a_level_follows_what_came_and_went(
    names: list[str], later: list[str], steps: list[list[str]], prefix: str, grown: bool
) -> None:
    """Each step turns about whether its names are there, all at once; pages come in between."""
    level = Level(prefix)
    level.grow(names)
    later = [name for name in later if not names or name > names[-1]]
    for step in steps:
        before = set(names)
        names = sorted(before ^ set(step))
        for name in step:
            (level.removed if name in before else level.put)(names, name)
        if grown:
            names += [name for name in later[:2] if not names or name > names[-1]]
            later = later[2:]
            level.grow(names)
    level.grow(names)
    wanted = by_hand(names, prefix)
    assert [group[:2] for group in level.groups] == [group[:2] for group in wanted]
    assert all(mine.deeper or not theirs.deeper for mine, theirs in zip(level.groups, wanted, strict=True))


@settings(deadline=None, max_examples=100)
@given(NAMES, CHANGES)
def test_the_groups_that_a_full_level_keeps_are_counted_right(
    names: list[str], steps: list[list[str]]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kvtui.core.prefixes.GROUPS_MOST", 2)
        level = Level()
        level.grow(names)
        for step in steps:
            before = set(names)
            names = sorted(before ^ set(step))
            for name in step:
                (level.removed if name in before else level.put)(names, name)
            level.grow(names)
            sizes = {group.prefix: group.size for group in by_hand(names, "")}
            assert len(level.groups) <= 2
            assert all(sizes[group.prefix] == group.size for group in level.groups)
            assert level.full or len(sizes) == len(level.groups)
