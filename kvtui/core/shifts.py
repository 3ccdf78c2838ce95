"""What happens to row numbers when keys come and go in the middle of a table, and to columns."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, MutableSequence, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

FEW = 8
"""Rows that are taken out or put in one by one; for more, a column is copied once."""

ALL_ROWS = 1 << 32


class Shift(NamedTuple):
    """Rows that went, as they were numbered before, and rows that came, as they are now; both ascending.

    `deltas` are their names with -1 or +1, in the order of names.
    """

    removed: Sequence[int] = ()
    inserted: Sequence[int] = ()
    deltas: Sequence[tuple[str, int]] = ()

    @property
    def gaps(self) -> list[int]:
        """Before which of the rows that stayed, counted without the others, each of the new ones is."""
        return [row - before for before, row in enumerate(self.inserted)]

    def lost(self, row: int) -> bool:
        """Whether this row went."""
        at = bisect_left(self.removed, row)
        return at < len(self.removed) and self.removed[at] == row

    def row(self, row: int) -> int:
        """Where a row is now; for one that went, where the next that stayed is."""
        stayed = row - bisect_left(self.removed, row)
        return stayed + bisect_right(self.gaps, stayed)

    def end(self, rows: int) -> int:
        """How many the first so many rows are now, with those that came between them."""
        stayed = rows - bisect_left(self.removed, rows)
        return stayed + bisect_left(self.gaps, stayed)

    def ascending(self, rows: array[int]) -> array[int]:
        """Ascending rows as they are numbered now, without those that went; quicker than `each`."""
        moved = array("I")
        for start, end, offset in self._stretches():
            part = rows[bisect_left(rows, start) : bisect_left(rows, end)]
            moved += part if not offset else array("I", [row + offset for row in part])
        return moved

    def each(self, rows: array[int]) -> array[int]:
        """Rows in any order as they are numbered now, without those that went."""
        gone = set(self.removed)
        starts, _, offsets = zip(*self._stretches(), strict=True)
        return array("I", [row + offsets[bisect_right(starts, row) - 1] for row in rows if row not in gone])

    def _stretches(self) -> Iterator[tuple[int, int, int]]:
        """The rows that stayed, in stretches of old numbers that moved together: start, end, offset."""
        starts, before = {0, *self.removed, *(row + 1 for row in self.removed)}, 0
        gaps = self.gaps
        for gap in gaps:
            while before < len(self.removed) and self.removed[before] <= gap + before:
                before += 1
            starts.add(gap + before)
        gone = set(self.removed)
        for start, end in pairwise([*sorted(starts), ALL_ROWS]):
            if start not in gone:
                stayed = start - bisect_left(self.removed, start)
                yield start, end, stayed + bisect_right(gaps, stayed) - start


def cut(column: MutableSequence[Any], rows: Sequence[int]) -> None:
    """Take rows (ascending) out of a column."""
    if len(rows) <= FEW:
        for row in reversed(rows):
            del column[row]
        return
    kept, start = column[:0], 0
    for row in rows:
        kept += column[start:row]
        start = row + 1
    kept += column[start:]
    column[:] = kept


def weave(column: MutableSequence[Any], rows: Sequence[int], values: Sequence[Any]) -> None:
    """Put values into a column; the rows (ascending) say where they are then."""
    if len(rows) <= FEW:
        for row, value in zip(rows, values, strict=True):
            column.insert(row, value)
        return
    woven, start = column[:0], 0
    for came, (row, value) in enumerate(zip(rows, values, strict=True)):
        woven += column[start : row - came]
        woven.append(value)
        start = row - came
    woven += column[start:]
    column[:] = woven
