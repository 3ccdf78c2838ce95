"""The filter line: what it lets through, and what it says when it cannot be understood."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvtui.core.filters import FilterError, read_filter, search

NAMES = ["user:1", "User:2", "tmp:[/]", "é:x", "a\nb", "half\ud800"]


def passing(line: str, names: list[str] = NAMES, rows: array[int] | None = None) -> list[str]:
    found = read_filter(line)
    assert found is not None
    hits: list[array[int]] = []
    search(names, rows, found, hits.append, lambda: False)
    return [names[row] for row in hits[-1]]


@pytest.mark.parametrize(
    ("line", "hits"),
    [
        ("user", ["user:1", "User:2"]),
        ("User", ["User:2"]),
        ("!user", ["tmp:[/]", "é:x", "a\nb", "half\ud800"]),
        ("~^user:\\d$", ["user:1", "User:2"]),
        ("~^User", ["User:2"]),
        ("!~:", ["a\nb", "half\ud800"]),
        ("[/]", ["tmp:[/]"]),
        ("É", []),
    ],
)
def test_what_passes(line: str, hits: list[str]) -> None:
    assert passing(line) == hits


@pytest.mark.parametrize("line", ["", "!", "~", "!~"])
def test_nothing_typed_lets_everything_through(line: str) -> None:
    assert read_filter(line) is None


@pytest.mark.parametrize("line", ["~(", "~[", "~a{99999}", "~" + "a" * 501])
def test_a_broken_regex_is_said(line: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(FilterError) as raised:
        read_filter(line)
    assert str(raised.value)
    assert capfd.readouterr() == ("", "")


def test_a_runaway_regex_ends_at_once() -> None:
    assert passing("~^(a+)+$", ["a" * 400 + "b"]) == []


@given(st.text("aAb:", max_size=4), st.text("aAb:", max_size=4), st.lists(st.text("aAb:", max_size=6)))
def test_a_filter_that_narrows_finds_nothing_that_the_older_did_not(
    older: str, newer: str, names: list[str]
) -> None:
    first, second = read_filter(older), read_filter(newer)
    if first is not None and second is not None and second.narrows(first):
        assert set(passing(newer, names)) <= set(passing(older, names))


def test_a_search_that_is_cancelled_publishes_nothing_more() -> None:
    found = read_filter("a")
    assert found is not None
    hits: list[array[int]] = []
    search(["a"] * 100_000, None, found, hits.append, lambda: True)
    assert hits == []
