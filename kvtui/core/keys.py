"""The key table of one listing: plain columns, so that a million rows fit and nothing is done per row.

Names are a list of str, expirations an array of Unix seconds (0 for never), metadata a list of JSON texts.
A view is an array of row numbers (None: all rows in listing order), which filter and sort make.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from kvtui.api.models import KeyPage

View: TypeAlias = "array[int] | None"
"""Row numbers in the order shown; None stands for every row in listing order."""

TEXTS_SHARED = 4096
"""How many metadata texts are remembered to be shared; one that differs on every key shares nothing."""


class KeyTable:
    """The keys that are loaded, in the order in which the server listed them (UTF-8 byte order)."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.expirations = array("q")
        self.metadata: list[str | None] = []
        self._texts: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self.names)

    def extend(self, page: KeyPage) -> None:
        """Add a page's rows at the end."""
        self.names += [key.name for key in page.keys]
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
        try:
            return self.names.index(name)  # a server that lists in another order is not believed to have none
        except ValueError:
            return None

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
