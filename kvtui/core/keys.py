"""The key table of one listing: plain columns, so that a million rows fit and nothing is done per row.

Names are a list of str, expirations an array of Unix seconds (0 for never), metadata a list of JSON texts.
A view is an array of row numbers (None: all rows in listing order), which filter and sort make.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from sys import intern
from typing import TypeAlias

from kvtui.api.models import KeyPage

View: TypeAlias = "array[int] | None"
"""Row numbers in the order shown; None stands for every row in listing order."""


class KeyTable:
    """The keys that are loaded, in the order in which the server listed them (UTF-8 byte order)."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.expirations = array("q")
        self.metadata: list[str | None] = []

    def __len__(self) -> int:
        return len(self.names)

    def extend(self, page: KeyPage) -> None:
        """Add a page's rows at the end."""
        self.names += [key.name for key in page.keys]
        self.expirations.extend([key.expiration or 0 for key in page.keys])
        # Many keys share one metadata text: kept once, it costs a pointer a row.
        texts = (key.metadata_text for key in page.keys)
        self.metadata += [None if text is None else intern(text) for text in texts]

    def row_of(self, name: str) -> int | None:
        """The row of a name, None when it is not loaded."""
        try:
            return self.names.index(name)
        except ValueError:
            return None


SORTS = ("name", "name, last first", "expires first")
"""The orders that a listing can be shown in; the first is the server's own."""


def sorted_rows(table: KeyTable, rows: Iterable[int], sort: str) -> array[int]:
    """Rows in one of SORTS. What never expires comes last; equal expirations keep the listing's order."""
    if sort == SORTS[1]:
        return array("I", sorted(rows, reverse=True))
    if sort == SORTS[2]:
        expirations = table.expirations
        never = 1 << 62
        return array("I", sorted(rows, key=lambda row: expirations[row] or never))
    return array("I", rows)


class Marks:
    """The rows that are marked, by number: kept through filter and sort, gone with their table."""

    def __init__(self) -> None:
        self._rows: set[int] = set()

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, row: object) -> bool:
        return row in self._rows

    def toggle(self, row: int) -> None:
        """Mark a row, or unmark it."""
        self._rows ^= {row}

    def add(self, rows: Iterable[int]) -> None:
        """Mark these too."""
        self._rows.update(rows)

    def clear(self) -> None:
        """Unmark all."""
        self._rows.clear()

    def names(self, table: KeyTable) -> list[str]:
        """The marked names, in listing order."""
        return [table.names[row] for row in sorted(self._rows)]


def carry_marks(marks: Marks, old: KeyTable, new: KeyTable, start: int = 0) -> Sequence[int]:
    """The rows of a fresh table, from `start` on, whose names were marked in the old one."""
    if not marks:
        return []
    wanted = set(marks.names(old))
    return [row for row in range(start, len(new)) if new.names[row] in wanted]
