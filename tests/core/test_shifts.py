"""Rows that come and go in the middle: numbers, columns and views, against doing the same by hand."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvtui.api.models import KeyInfo, KeyPage
from kvtui.core.arrangement import Arrangement, Found
from kvtui.core.filters import read_filter
from kvtui.core.keys import KeyRow, KeyTable
from kvtui.core.orders import sorted_rows
from kvtui.core.shifts import FEW, Shift, cut, weave

ROWS = st.sets(st.integers(0, 40), max_size=FEW * 3).map(sorted)


@settings(deadline=None)
@given(ROWS, ROWS, st.integers(0, 40))
def test_rows_move_as_their_columns_do(removed: list[int], inserted: list[int], count: int) -> None:
    removed = [row for row in removed if row < count]
    stayed = count - len(removed)
    inserted = [row for before, row in enumerate(inserted) if row - before <= stayed]
    column: list[int | str] = list(range(count))
    cut(column, removed)
    weave(column, inserted, ["new"] * len(inserted))
    shift = Shift(removed, inserted)
    assert [row for row, value in enumerate(column) if value == "new"] == inserted
    moved = {value: row for row, value in enumerate(column)}
    by_hand = [moved[row] for row in range(count) if row in moved]
    assert [row for row in range(count) if shift.lost(row)] == removed
    assert [shift.row(row) for row in range(count) if row in moved] == by_hand
    assert list(shift.ascending(array("I", range(count)))) == by_hand
    assert list(shift.each(array("I", reversed(range(count))))) == by_hand[::-1]
    for row in removed:
        follows = next((later for later in range(row, count) if later in moved), None)
        assert shift.row(row) == (moved[follows] if follows is not None else len(column))


NAMES = st.text("ab1", min_size=1, max_size=3)
STEPS = st.lists(
    st.tuples(st.just("change"), st.dictionaries(NAMES, st.none() | st.integers(1, 5), max_size=12))
    | st.tuples(st.just("filter"), st.sampled_from(["", "a", "ab", "!a", "b", "1"]))
    | st.tuples(st.just("sort"), st.none())
    | st.tuples(st.just("grow"), st.integers(1, 9))
    | st.tuples(st.sampled_from(["work", "begin", "end"]), st.none()),
    max_size=20,
)


def change(table: KeyTable, changes: dict[str, int | None]) -> Shift:
    rows: dict[str, KeyRow | None] = {
        name: None if when is None else (when, None) for name, when in changes.items()
    }
    return table.change(rows)


@settings(deadline=None, max_examples=200)
@given(STEPS)
def test_a_view_follows_its_keys_and_takes_nothing_of_an_older_numbering(
    steps: list[tuple[str, object]],
) -> None:
    table = KeyTable()
    arrangement = Arrangement(table)
    line, late = "", arrangement.job()
    for verb, what in [*steps, ("work", None)]:
        if verb == "grow" and isinstance(what, int):
            first = "c" + "".join(sorted(table.names)[-1:])
            table.extend(KeyPage([KeyInfo(f"{first}{row}", row % 3 or None) for row in range(what)]))
        elif verb == "change" and isinstance(what, dict):
            shown = [table.names[row] for row in arrangement.view or []]
            gone = {name for name, when in what.items() if when is None}
            arrangement.shifted(change(table, what))
            stayed = [table.names[row] for row in arrangement.view or []]
            assert stayed == [name for name in shown if name not in gone], "the same keys, in the same order"
        elif verb == "filter":
            line = str(what)
            arrangement.set_filter(read_filter(line))
        elif verb == "sort":
            arrangement.next_sort()
        elif verb == "begin":
            late = arrangement.job()
        elif verb == "end":
            found: list[Found] = []
            late.run(found.append)
            for one in found:
                if not arrangement.plain:
                    arrangement.take(one)
        if arrangement.plain:
            arrangement.show_all()
        elif verb == "work":
            arrangement.job().run(arrangement.take)
    if arrangement.plain:
        return
    wanted = read_filter(line)
    rows = [
        row
        for row, name in enumerate(table.names)
        if wanted is None or (wanted.wanted in name) != wanted.refuse
    ]
    assert list(arrangement.view or []) == list(sorted_rows(table, rows, arrangement.sort))


@pytest.mark.parametrize("sort", [0, 1, 2])
def test_a_job_over_a_table_that_shrinks_under_it_ends_without_a_word(sort: int) -> None:
    table = KeyTable()
    table.extend(KeyPage([KeyInfo(f"a{row:05}", row) for row in range(1, 9000)]))
    arrangement = Arrangement(table)
    arrangement.set_filter(read_filter("a"))
    arrangement.job().run(arrangement.take)
    arrangement.set_filter(read_filter("a0"))
    for _ in range(sort):
        arrangement.next_sort()
    job = arrangement.job()
    for name in table.names[5:]:
        table.remove(name)
    job.run(lambda found: pytest.fail("nothing of this can be true"))


def test_a_bug_in_a_job_is_not_hidden() -> None:
    table = KeyTable()
    table.extend(KeyPage([KeyInfo("a")]))
    arrangement = Arrangement(table)
    arrangement.set_filter(read_filter("a"))
    job = arrangement.job()
    table.names.clear()
    with pytest.raises(ValueError, match="shorter"):
        job.run(lambda found: None)
