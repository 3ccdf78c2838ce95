"""Which rows of a growing table are shown, and in what order: a filter and a sort over one listing.

The event loop owns an Arrangement. The work is a Job, a snapshot that may run in a thread while the table
grows; what it found is taken only if it is still what is wanted.

Keys may also come and go in the middle while a Job runs. It works on the very columns that are changed then,
so what it reads may be of two numberings, or end too early. Three things keep that harmless: a table counts
its renumberings in `shifts` before anything moves; what was found under another count is never taken (both
happen on the event loop, so nothing comes between); and a Job that stumbles over a column that has become
shorter sees that the count is another, and ends without a word. The caller starts a new one.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass

from kvtui.core.filters import SLICE, Filter, search
from kvtui.core.keys import KeyTable, View
from kvtui.core.orders import BY_NAME, SORTS, sorted_rows
from kvtui.core.shifts import Shift


@dataclass(frozen=True, slots=True)
class Found:
    """What a job has so far: the rows below `covered` that pass, and their order once it is known.

    Its arrays are shared and never changed. They hold for the table's numbering number `shifts`.
    """

    shifts: int
    filter: Filter | None
    sort: str
    hits: array[int]
    covered: int
    view: View


@dataclass(frozen=True, slots=True)
class Job:
    """Brings a view up to date. Of the rows below `covered`, `hits` pass, `candidates` may, others do not."""

    table: KeyTable
    shifts: int
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
        """Publish what is found, growing, and the whole at the end; nothing more once rows have moved.

        Raises FilterError.
        """
        try:
            self._run(publish, lambda: self.outdated or cancelled())
        except (IndexError, ValueError):
            if not self.outdated:
                raise

    @property
    def outdated(self) -> bool:
        """Whether the rows have been renumbered since."""
        return self.table.shifts != self.shifts

    def _run(self, publish: Callable[[Found], object], cancelled: Callable[[], bool]) -> None:
        hits, end = self.hits[:], self.end
        mixed = bool(self.hits and self.candidates)

        def found(covered: int, view: View) -> Found:
            so_far = _in_order(hits) if mixed else hits[:]
            return Found(
                self.shifts, self.filter, self.sort, so_far, covered, so_far if view is None else view
            )

        def found_so_far(covered: int) -> None:
            # Between known hits, candidates that were not looked at yet would be lost.
            if self.sort == BY_NAME and covered < end and not (mixed and covered < self.covered):
                publish(found(covered, None))

        if self.filter is not None:
            parts = (self.candidates, range(self.covered, end))
            search(self.table.names, parts, self.filter, hits, found_so_far, cancelled)
        view = None
        if self.sort != BY_NAME:
            rows = range(end) if self.filter is None else _in_order(hits) if mixed else hits
            view = sorted_rows(self.table, rows, self.sort, cancelled)
        if not cancelled():
            publish(found(end, view))


class Arrangement:
    """The filter, the sort and the view they make of one table."""

    def __init__(self, table: KeyTable) -> None:
        self.table = table
        self.filter: Filter | None = None
        self.sort = BY_NAME
        self.view: View = None
        self.view_sort = BY_NAME
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
            both = self._hits + self._candidates
            self._candidates = _in_order(both) if self._hits and self._candidates else both
        else:
            self._candidates, self._covered = array("I"), 0
        self._hits = array("I")
        self.filter = filter

    def next_sort(self) -> None:
        """Go to the next of SORTS."""
        self.sort = SORTS[(SORTS.index(self.sort) + 1) % len(SORTS)]

    def show_all(self) -> None:
        """Show every row in listing order: what `plain` stands for."""
        self.view, self.view_sort = None, BY_NAME

    def shifted(self, shift: Shift) -> None:
        """Follow the table, whose rows have just been renumbered: the view shows the keys it showed.

        What came is looked at by the next job, and that alone. What a running job finds is no longer taken.
        """
        view, hits = self.view, self._hits
        self._hits = shift.ascending(hits)
        if view is hits:
            self.view = self._hits
        elif view is not None:
            self.view = shift.ascending(view) if self.view_sort == BY_NAME else shift.each(view)
        self._covered = shift.end(self._covered)
        if self.filter is not None:
            came = array("I", [row for row in shift.inserted if row < self._covered])
            self._candidates = _in_order(shift.ascending(self._candidates) + came)

    def job(self) -> Job:
        """The work that brings the view up to date with the table as it is now."""
        table = self.table
        return Job(
            table,
            table.shifts,
            len(table),
            self.filter,
            self.sort,
            self._hits,
            self._candidates,
            self._covered,
        )

    def take(self, found: Found) -> bool:
        """Take what a job found; False where something else is wanted by now, or rows have moved."""
        if found.filter is not self.filter or found.sort != self.sort or found.shifts != self.table.shifts:
            return False
        self.view, self._hits, self._covered = found.view, found.hits, found.covered
        self.view_sort = found.sort
        self._candidates = array("I")
        return True


def _in_order(rows: array[int]) -> array[int]:
    return array("I", sorted(rows))
