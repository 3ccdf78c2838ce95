"""The key table, its marks and its orders, against doing the same by hand."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from kvtui.api.models import KeyInfo, KeyPage
from kvtui.core.keys import TEXTS_SHARED, KeyRow, KeyTable, Marks, carry_marks
from kvtui.core.orders import BY_EXPIRY, BY_NAME, BY_NAME_BACKWARDS, RUN, sorted_rows

NAMES = st.sets(st.text("ab:é\ud800", max_size=4)).map(sorted)
EXPIRATIONS = st.none() | st.integers(1, 5)


def table_of(names: list[str], expirations: list[int | None] | None = None) -> KeyTable:
    table = KeyTable()
    soon = expirations or [None] * len(names)
    table.extend(KeyPage([KeyInfo(name, when) for name, when in zip(names, soon, strict=True)]))
    return table


def test_a_page_becomes_columns() -> None:
    table = KeyTable()
    table.extend(KeyPage([KeyInfo("a", 7, Raw(b'{"v":1e400}')), KeyInfo("b", None, Raw(b"null"))], "next"))
    table.extend(KeyPage([]))
    table.extend(KeyPage([KeyInfo("c")]))
    assert (table.names, list(table.expirations)) == (["a", "b", "c"], [7, 0, 0])
    assert table.metadata == ['{"v":1e400}', None, None]
    assert len(table) == 3


def test_the_same_metadata_is_kept_once_and_other_metadata_is_not_hoarded() -> None:
    table = KeyTable()
    table.extend(KeyPage([KeyInfo(str(row), None, Raw(b'{"v":1}')) for row in range(3)]))
    assert table.metadata[0] is table.metadata[1] is table.metadata[2]
    table.extend(KeyPage([KeyInfo(str(row), None, Raw(b"%d" % row)) for row in range(TEXTS_SHARED * 3)]))
    assert len(table._texts) <= TEXTS_SHARED


@given(NAMES, st.text("ab:é", max_size=4))
def test_the_row_of_a_name_is_found(names: list[str], name: str) -> None:
    assert table_of(names).row_of(name) == (names.index(name) if name in names else None)


def test_a_name_is_found_in_a_listing_that_is_out_of_order() -> None:
    assert table_of(["c", "a", "b"]).row_of("c") == 0


@given(st.lists(EXPIRATIONS, max_size=20), st.data())
def test_orders(expirations: list[int | None], data: st.DataObject) -> None:
    table = table_of([f"{row:02}" for row in range(len(expirations))], expirations)
    rows = sorted(data.draw(st.sets(st.integers(0, len(expirations) - 1)))) if expirations else []
    assert list(sorted_rows(table, rows, BY_NAME)) == rows
    assert list(sorted_rows(table, rows, BY_NAME_BACKWARDS)) == rows[::-1]
    by_hand = sorted(rows, key=lambda row: (expirations[row] is None, expirations[row] or 0, row))
    assert list(sorted_rows(table, rows, BY_EXPIRY)) == by_hand


def test_many_rows_are_sorted_in_runs() -> None:
    count = RUN * 2 + 17
    expirations = [(row * 7919) % 1000 + 1 for row in range(count)]
    table = table_of([f"{row:06}" for row in range(count)], list(expirations))
    assert list(sorted_rows(table, range(count), BY_EXPIRY)) == sorted(
        range(count), key=expirations.__getitem__
    )


def test_a_sort_that_is_cancelled_stops() -> None:
    table = table_of([f"{row:06}" for row in range(RUN * 2)])
    assert list(sorted_rows(table, range(RUN * 2), BY_EXPIRY, lambda: True)) == []


Doing = Callable[[Marks, set[int]], None]
ROWS = st.integers(0, 3000)


def toggled(row: int) -> Doing:
    def do(marks: Marks, by_hand: set[int]) -> None:
        marks.toggle(row)
        by_hand ^= {row}

    return do


def added(rows: list[int] | range) -> Doing:
    def do(marks: Marks, by_hand: set[int]) -> None:
        marks.add(rows)
        by_hand |= set(rows)

    return do


def cleared(marks: Marks, by_hand: set[int]) -> None:
    marks.clear()
    by_hand.clear()


STEPS = st.lists(
    ROWS.map(toggled) | st.lists(ROWS).map(added) | st.builds(range, ROWS, ROWS).map(added) | st.just(cleared)
)


@given(STEPS)
def test_marks_are_a_set_of_rows(steps: list[Doing]) -> None:
    marks, by_hand = Marks(), set[int]()
    for step in steps:
        step(marks, by_hand)
        assert list(marks) == sorted(by_hand)
        assert len(marks) == len(by_hand)
        assert {row for row in range(0, 4000, 7) if row in marks} == {row for row in by_hand if row % 7 == 0}


@given(NAMES, NAMES, st.data())
def test_marks_stay_with_their_keys_in_a_fresh_listing(
    old: list[str], new: list[str], data: st.DataObject
) -> None:
    wanted = data.draw(st.sets(st.sampled_from(old))) if old else set()
    marks = Marks()
    marks.add(old.index(name) for name in wanted)
    carried = carry_marks(marks, table_of(old), table_of(new))
    assert carried.names(table_of(new)) == sorted(wanted & set(new))


ROW = st.tuples(EXPIRATIONS, st.none() | st.just("{}"))
CHANGES = st.lists(
    st.dictionaries(st.text("ab:é\ud800", max_size=3), st.none() | ROW, max_size=25), max_size=6
)


@settings(deadline=None, max_examples=100)
@given(NAMES, CHANGES, st.data())
def test_a_table_and_its_marks_follow_what_came_and_went(
    names: list[str], steps: list[dict[str, KeyRow | None]], data: st.DataObject
) -> None:
    table, marks = table_of(names), Marks()
    by_hand: dict[str, KeyRow] = {name: (None, None) for name in names}
    marked = data.draw(st.sets(st.sampled_from(names))) if names else set()
    marks.add(names.index(name) for name in marked)
    for changes in steps:
        before, shifts = list(table.names), table.shifts
        shift = table.change(changes)
        marks.shift(shift)
        for name, row in changes.items():
            if row is None:
                by_hand.pop(name, None)
            else:
                by_hand[name] = row
        marked &= set(by_hand)
        assert table.names == sorted(by_hand)
        rows = zip(table.names, table.expirations, table.metadata, strict=True)
        assert {name: (when or None, text) for name, when, text in rows} == by_hand
        assert marks.names(table) == sorted(marked) and len(marks) == len(marked)
        came, went = set(table.names) - set(before), set(before) - set(table.names)
        assert list(shift.deltas) == sorted([(name, 1) for name in came] + [(name, -1) for name in went])
        assert [table.names[row] for row in shift.inserted] == sorted(came)
        assert [before[row] for row in shift.removed] == sorted(went)
        assert (table.shifts > shifts) == bool(came or went)


def test_one_key_at_a_time() -> None:
    table = table_of(["a", "c"])
    assert table.put("b", 7, "{}") == (1, True)
    assert table.put("b", None, None) == (1, False)
    assert (table.names, list(table.expirations), table.metadata) == (["a", "b", "c"], [0] * 3, [None] * 3)
    assert (table.remove("a"), table.remove("x")) == (0, None)
    assert (table.names, table.reached) == (["b", "c"], "c")


def test_changes_in_a_listing_that_is_out_of_order() -> None:
    table = table_of(["c", "a", "d", "b"])
    assert table.put("c", 5, None) == (0, False)
    assert table.remove("d") == 2
    row, inserted = table.put("aa", None, None)
    assert inserted and table.names[row] == "aa" and sorted(table.names) == ["a", "aa", "b", "c"]
    assert [table.names[row] for row in (table.row_of("c"), table.row_of("b")) if row is not None] == [
        "c",
        "b",
    ]
