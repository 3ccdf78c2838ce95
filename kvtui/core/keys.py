"""The key table of one listing: plain columns, so that a million rows fit and nothing is done per row.

Names are a list of str, expirations an array of Unix seconds (0 for never), metadata a list of JSON texts.
A view is an array of row numbers (None: all rows in listing order), which filter and sort make.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from operator import le
from typing import TypeAlias

from kvtui.api.models import KeyPage
from kvtui.core.shifts import Shift, cut, weave

View: TypeAlias = "array[int] | None"
"""Row numbers in the order shown; None stands for every row in listing order."""

KeyRow: TypeAlias = "tuple[int | None, str | None]"
"""A key's expiration in Unix seconds and its metadata's JSON text; None for never and for none."""

TEXTS_SHARED = 4096
"""How many metadata texts are remembered to be shared; one that differs on every key shares nothing."""


class KeyTable:
    """The keys that are loaded, in the order in which the server listed them (UTF-8 byte order).

    `shifts` says how often rows were renumbered; `reached` is the last name that a page has brought.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self.expirations = array("q")
        self.metadata: list[str | None] = []
        self.shifts = 0
        self.reached = ""
        self._in_order = True
        self._texts: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self.names)

    def extend(self, page: KeyPage) -> None:
        """Add a page's rows at the end."""
        names = [key.name for key in page.keys]
        if names:
            joined = [*self.names[-1:], *names]
            self._in_order = self._in_order and all(map(le, joined, islice(joined, 1, None)))
            self.reached = names[-1]
        self.names += names
        self.expirations.extend([key.expiration or 0 for key in page.keys])
        self.metadata += [self._shared(key.metadata_text) for key in page.keys]

    def row_from(self, name: str) -> int:
        """The first row whose name does not come before this one; the table's length when all do."""
        return bisect_left(self.names, name)

    def row_of(self, name: str) -> int | None:
        """The row of a name, None when it is not loaded."""
        row = self.row_from(name)
        if row < len(self.names) and self.names[row] == name:
            return row
        if self._in_order:
            return None
        try:
            return self.names.index(name)  # a server that lists in another order is not believed to have none
        except ValueError:
            return None

    def put(self, name: str, expiration: int | None, metadata: str | None) -> tuple[int, bool]:
        """Let a key be as it is said, in its place; its row, and whether it was not there before."""
        shift = self.change({name: (expiration, metadata)})
        row = self.row_of(name)
        assert row is not None
        return row, bool(shift.inserted)

    def remove(self, name: str) -> int | None:
        """Take a key out; the row that it had, None where it was not loaded."""
        return next(iter(self.change({name: None}).removed), None)

    def change(self, changes: Mapping[str, KeyRow | None]) -> Shift:
        """Let keys be as they are said, None for gone, all in one go; what became of the row numbers.

        A hundred thousand changes cost little more than one: the columns are gone through once.
        """
        removed: list[int] = []
        came: dict[str, KeyRow] = {}
        for name, now in changes.items():
            row = self.row_of(name)
            if row is not None and now is not None:
                self.expirations[row], self.metadata[row] = now[0] or 0, self._shared(now[1])
            elif row is not None:
                removed.append(row)
            elif now is not None:
                came[name] = now
        if not removed and not came:
            return Shift()
        # First of all, so that a thread which reads the columns meanwhile can tell that they were not one.
        self.shifts += 1
        removed.sort()
        deltas = [(self.names[row], -1) for row in removed] + [(name, 1) for name in came]
        for column in (self.names, self.expirations, self.metadata):
            cut(column, removed)
        places = sorted((self.row_from(name), name) for name in came)
        inserted = [row + before for before, (row, _name) in enumerate(places)]
        rows = [came[name] for _row, name in places]
        weave(self.names, inserted, [name for _row, name in places])
        weave(self.expirations, inserted, [expiration or 0 for expiration, _metadata in rows])
        weave(self.metadata, inserted, [self._shared(metadata) for _expiration, metadata in rows])
        return Shift(removed, inserted, sorted(deltas))

    def _shared(self, text: str | None) -> str | None:
        """Many keys have the same metadata: kept once, it costs a pointer a row."""
        if text is None:
            return None
        if len(self._texts) >= TEXTS_SHARED:
            self._texts.clear()
        return self._texts.setdefault(text, text)


class Marks:
    """The rows that are marked, a byte a row: kept through filter and sort, gone with their table."""

    def __init__(self) -> None:
        self._flags = bytearray()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, row: int) -> bool:
        return row < len(self._flags) and self._flags[row] == 1

    def __iter__(self) -> Iterator[int]:
        row = self._flags.find(1)
        while row >= 0:
            yield row
            row = self._flags.find(1, row + 1)

    def toggle(self, row: int) -> None:
        """Mark a row, or unmark it."""
        self._reach(row + 1)
        self._flags[row] ^= 1
        self._count += 1 if self._flags[row] else -1

    def add(self, rows: Iterable[int]) -> None:
        """Mark these too."""
        if isinstance(rows, range) and rows.step == 1:
            self._reach(rows.stop)
            self._flags[rows.start : rows.stop] = b"\x01" * len(rows)
        else:
            rows = list(rows)
            self._reach(max(rows, default=0) + 1)
            for row in rows:
                self._flags[row] = 1
        self._count = self._flags.count(1)

    def clear(self) -> None:
        """Unmark all."""
        self._flags = bytearray()
        self._count = 0

    def shift(self, shift: Shift) -> None:
        """Stay with the keys whose rows were renumbered; keys that came are not marked."""
        reach = len(self._flags)
        cut(self._flags, shift.removed[: bisect_left(shift.removed, reach)])
        came = bisect_left(shift.gaps, len(self._flags))
        weave(self._flags, shift.inserted[:came], bytes(came))
        self._count = self._flags.count(1)

    def names(self, table: KeyTable) -> list[str]:
        """The marked names, in listing order."""
        return [table.names[row] for row in self]

    def _reach(self, rows: int) -> None:
        if (missing := rows - len(self._flags)) > 0:
            self._flags.extend(bytes(missing + 1024))


def carry_marks(marks: Marks, old: KeyTable, fresh: KeyTable) -> Marks:
    """The marks of a table, on the same keys of a fresh one; a key that is gone loses its mark."""
    carried = Marks()
    carried.add(row for name in marks.names(old) if (row := fresh.row_of(name)) is not None)
    return carried
