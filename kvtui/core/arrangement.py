"""Which rows of a growing table are shown, and in what order: a filter and a sort over one listing.

The event loop owns an Arrangement. The work is a Job, a snapshot that may run in a thread while the table
grows; what it found is taken only if it is still what is wanted.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass

from kvtui.core.filters import SLICE, Filter, search
from kvtui.core.keys import KeyTable, View
from kvtui.core.orders import BY_NAME, SORTS, sorted_rows


@dataclass(frozen=True, slots=True)
class Found:
    """What a job has so far: the rows below `covered` that pass, and their order once it is known.

    Its arrays are shared and never changed.
    """

    filter: Filter | None
    sort: str
    hits: array[int]
    covered: int
    view: View


@dataclass(frozen=True, slots=True)
class Job:
    """Brings a view up to date. Of the rows below `covered`, `hits` pass, `candidates` may, others do not."""

    table: KeyTable
    end: int
    filter: Filter | None
    sort: str
    hits: array[int]
    candidates: array[int]
    covered: int

    @property
    def small(self) -> bool:
        """Whether it takes no longer than a frame, so that no thread is needed."""
        rows = self.end if self.sort != BY_NAME else self.end - self.covered + len(self.candidates)
        return rows <= SLICE and not (self.filter and self.filter.regex)

    def run(self, publish: Callable[[Found], object], cancelled: Callable[[], bool] = lambda: False) -> None:
        """Publish what is found, growing, and the whole at the end. Raises FilterError."""
        hits, end = self.hits[:], self.end

        def found_so_far(covered: int) -> None:
            if self.sort == BY_NAME and covered < end:
                so_far = hits[:]
                publish(Found(self.filter, self.sort, so_far, covered, so_far))

        if self.filter is not None:
            parts = (self.candidates, range(self.covered, end))
            search(self.table.names, parts, self.filter, hits, found_so_far, cancelled)
        if self.sort == BY_NAME:
            view = hits
        else:
            rows = range(end) if self.filter is None else hits
            view = sorted_rows(self.table, rows, self.sort, cancelled)
        if not cancelled():
            publish(Found(self.filter, self.sort, hits, end, view))


class Arrangement:
    """The filter, the sort and the view they make of one table."""

    def __init__(self, table: KeyTable) -> None:
        self.table = table
        self.filter: Filter | None = None
        self.sort = BY_NAME
        self.view: View = None
        self._hits = array("I")
        self._candidates = array("I")
        self._covered = 0

    @property
    def plain(self) -> bool:
        """Every row, in listing order: nothing to work out."""
        return self.filter is None and self.sort == BY_NAME

    @property
    def behind(self) -> bool:
        """Whether there are rows that the view does not know yet."""
        return not self.plain and self._covered < len(self.table)

    def set_filter(self, filter: Filter | None) -> None:
        """Let other rows pass. One that only grew looks no further than at the hits there are."""
        if filter is not None and self.filter is not None and filter.narrows(self.filter):
            self._candidates = self._hits + self._candidates
        else:
            self._candidates, self._covered = array("I"), 0
        self._hits = array("I")
        self.filter = filter

    def next_sort(self) -> None:
        """Go to the next of SORTS."""
        self.sort = SORTS[(SORTS.index(self.sort) + 1) % len(SORTS)]

    def job(self) -> Job:
        """The work that brings the view up to date with the table as it is now."""
        return Job(
            self.table, len(self.table), self.filter, self.sort, self._hits, self._candidates, self._covered
        )

    def take(self, found: Found) -> bool:
        """Take what a job found; False where something else is wanted by now."""
        if found.filter is not self.filter or found.sort != self.sort:
            return False
        self.view, self._hits, self._covered = found.view, found.hits, found.covered
        self._candidates = array("I")
        return True
