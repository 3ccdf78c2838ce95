"""The filter line and the arrangement it makes: what is let through, in what order, while the table grows."""

from __future__ import annotations

import subprocess
import time
from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvtui.api.models import KeyInfo, KeyPage
from kvtui.core import regexes
from kvtui.core.arrangement import Arrangement, Found
from kvtui.core.filters import SLICE, FilterError, read_filter, search
from kvtui.core.keys import KeyTable
from kvtui.core.orders import SORTS, sorted_rows

NAMES = ["user:1", "User:2", "tmp:[/]", "é:x", "a\nb", "half\ud800", "nul\0"]


def passing(line: str, names: list[str]) -> list[str]:
    wanted = read_filter(line)
    assert wanted is not None
    hits = array("I")
    search(names, [range(len(names))], wanted, hits, lambda covered: None, lambda: False)
    return [names[row] for row in hits]


@pytest.mark.parametrize(
    ("line", "hits"),
    [
        ("user", ["user:1", "User:2"]),
        ("User", ["User:2"]),
        ("!user", ["tmp:[/]", "é:x", "a\nb", "half\ud800", "nul\0"]),
        ("!User", ["user:1", "tmp:[/]", "é:x", "a\nb", "half\ud800", "nul\0"]),
        ("~^user:\\d$", ["user:1", "User:2"]),
        ("~^User", ["User:2"]),
        ("~\\S:\\d", ["user:1", "User:2"]),
        ("!~:", ["a\nb", "half\ud800", "nul\0"]),
        ("~\\x00|\ud800", ["half\ud800", "nul\0"]),
        ("[/]", ["tmp:[/]"]),
        ("É", []),
        ("!!", NAMES),
    ],
)
def test_what_passes(line: str, hits: list[str]) -> None:
    assert passing(line, NAMES) == hits


@pytest.mark.parametrize("line", ["", "!", "~", "!~"])
def test_nothing_typed_lets_everything_through(line: str) -> None:
    assert read_filter(line) is None


@pytest.mark.parametrize(
    "line", ["~(", "~[", "~*", "~a{99999999999999999999}", "~(?<=a+)b", "~" + "a" * 501, "~" + "(" * 400]
)
def test_a_broken_regex_is_said(line: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(FilterError) as raised:
        read_filter(line)
    assert str(raised.value).startswith("This regex cannot be read: ")
    assert capfd.readouterr() == ("", "")


@settings(deadline=None)
@given(st.text("()[]{}*+?|^$\\aA1,-.:<=!P\0\n", max_size=12))
def test_no_regex_that_is_typed_is_more_than_refused(pattern: str) -> None:
    try:
        read_filter(f"~{pattern}")
    except FilterError as error:
        assert str(error)


def test_a_runaway_regex_is_ended_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regexes, "PATIENCE_S", 0.1)
    started = time.monotonic()
    with pytest.raises(FilterError, match="takes too long"):
        passing("~^(a+)+$", ["a" * 400 + "b"])
    assert time.monotonic() - started < 5


def test_a_regex_that_nobody_waits_for_any_more_is_ended() -> None:
    wanted = read_filter("~^(a+)+$")
    assert wanted is not None
    hits = array("I")
    search(["a" * 400 + "b"], [range(1)], wanted, hits, lambda covered: None, lambda: True)
    assert not hits


def test_a_machine_without_room_for_a_process_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with pytest.raises(FilterError, match="No process could be started"):
        passing("~a", ["a"])


@given(st.text("aAb!:", max_size=4), st.text("aAb!:", max_size=4), st.lists(st.text("aAb:", max_size=6)))
def test_a_filter_that_narrows_finds_nothing_that_the_older_did_not(
    older: str, newer: str, names: list[str]
) -> None:
    first, second = read_filter(older), read_filter(newer)
    if first is not None and second is not None and second.narrows(first):
        assert set(passing(newer, names)) <= set(passing(older, names))


def test_typing_on_narrows() -> None:
    for older, newer in [("us", "use"), ("us", "usE"), ("U", "Us"), ("!use", "!us"), ("s", "us")]:
        first, second = read_filter(older), read_filter(newer)
        assert first is not None and second is not None
        assert second.narrows(first), (older, newer)


def test_a_search_that_is_cancelled_stops_after_a_slice() -> None:
    wanted = read_filter("a")
    assert wanted is not None
    hits = array("I")
    search(["a"] * SLICE * 3, [range(SLICE * 3)], wanted, hits, lambda covered: None, lambda: True)
    assert len(hits) == SLICE


# Arrangements


def page_of(start: int, count: int) -> KeyPage:
    return KeyPage(
        [KeyInfo(f"{'ab'[row % 2]}{row:05}", row % 3 or None) for row in range(start, start + count)]
    )


Step = tuple[str, object]
STEPS = st.lists(
    st.tuples(st.just("filter"), st.sampled_from(["", "a", "a0", "A", "!a", "b1", "0", "01", "!0"]))
    | st.tuples(st.just("sort"), st.none())
    | st.tuples(st.just("grow"), st.integers(0, 30))
    | st.tuples(st.just("work"), st.sampled_from([0, 1, 99]))
)


@given(STEPS)
def test_a_view_is_what_filter_and_sort_make_of_the_table_however_one_gets_there(steps: list[Step]) -> None:
    table = KeyTable()
    arrangement = Arrangement(table)
    line = ""
    for verb, what in [*steps, ("work", 99)]:
        if verb == "grow" and isinstance(what, int):
            table.extend(page_of(len(table), what))
        elif verb == "filter":
            line = str(what)
            arrangement.set_filter(read_filter(line))
        elif verb == "sort":
            arrangement.next_sort()
        elif not arrangement.plain:
            found: list[Found] = []
            arrangement.job().run(found.append)
            assert all(map(arrangement.take, found[: int(str(what))]))
    if arrangement.plain:
        assert not arrangement.behind
        return
    wanted = read_filter(line)
    rows = [
        row for row in range(len(table)) if wanted is None or table.names[row] in passing(line, table.names)
    ]
    assert list(arrangement.view or []) == list(sorted_rows(table, rows, arrangement.sort))
    assert not arrangement.behind


def test_hits_come_while_a_long_search_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kvtui.core.filters.PUBLISH_S", 0)
    table = KeyTable()
    table.extend(page_of(0, SLICE * 3))
    arrangement = Arrangement(table)
    arrangement.set_filter(read_filter("a"))
    job = arrangement.job()
    assert not job.small
    found: list[Found] = []
    job.run(found.append)
    assert [one.covered for one in found] == [SLICE, SLICE * 2, SLICE * 3]
    arrangement.take(found[0])
    arrangement.set_filter(read_filter("a0"))
    arrangement.job().run(arrangement.take)
    assert [table.names[row] for row in arrangement.view or []] == passing("a0", table.names)


def test_what_was_found_for_another_filter_is_not_taken() -> None:
    table = KeyTable()
    table.extend(page_of(0, 10))
    arrangement = Arrangement(table)
    arrangement.set_filter(read_filter("a"))
    late = arrangement.job()
    arrangement.set_filter(read_filter("b"))
    taken: list[bool] = []
    late.run(lambda found: taken.append(arrangement.take(found)))
    assert taken == [False]
    assert arrangement.sort == SORTS[0]
