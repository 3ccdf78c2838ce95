"""The rows of a listing as they are shown: filtered, sorted, marked, with a cursor, and the words about them.

This is the half of the pane of keys that works on what is loaded; loading is the other half (keys.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input, Static
from textual.worker import get_current_worker

from kvtui.core.arrangement import Arrangement, Found, Job
from kvtui.core.filters import FilterError, read_filter
from kvtui.core.keys import KeyRow, KeyTable, Marks
from kvtui.core.listing import Listing
from kvtui.core.shifts import Shift
from kvtui.ui.keylist import KeyList
from kvtui.ui.lineinput import LineInput
from kvtui.ui.panes.keystate import Doing, Facts, empty_words, state_words, title_words
from kvtui.ui.present import safe_content

TITLE_S = 1.0
"""How often the title changes while pages stream in: it costs a repaint of the pane, some 9 KB over SSH."""


class KeyRows(Vertical):
    """A listing's rows, in a list with a filter line above it and a line of words below."""

    class Arranged(Message, bubble=False):
        """From the thread that filters and sorts: what it has found, or why it gave up."""

        def __init__(self, job: Job, found: Found | None, problem: str = "") -> None:
            super().__init__()
            self.job = job
            self.found = found
            self.problem = problem

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(id="keys", classes="pane")
        self._clock = clock
        self.listing: Listing | None = None
        self.prefix = ""
        self.marks = Marks()
        self.status = ""
        self._arrangement = Arrangement(KeyTable())
        self._arranging = False
        self._anchor: int | None = None
        self._drafts: frozenset[str] = frozenset()
        self._late: dict[str, KeyRow | None] = {}
        self._doing = Doing.NOTHING
        self._note = ""
        self._problem = ""
        self._title = ""
        self._titled = 0.0

    def compose(self) -> ComposeResult:
        yield LineInput("keys that begin with", id="prefix-input")
        yield LineInput("text  ~regex  !not", id="filter-input")
        yield KeyList(self._clock)
        yield Static(id="keys-state", classes="state-line", markup=False)

    def on_mount(self) -> None:
        self._say()

    @property
    def _prefix_line(self) -> LineInput:
        return self.query_one("#prefix-input", LineInput)

    @property
    def _filter_line(self) -> LineInput:
        return self.query_one("#filter-input", LineInput)

    @property
    def list(self) -> KeyList:
        """The list itself."""
        return self.query_one(KeyList)

    def focus_inside(self) -> None:
        """Give the list the keyboard, at once: the next key may be here already."""
        self.list.hold()
        self.screen.set_focus(self.list)

    @property
    def name_at_cursor(self) -> str | None:
        """The key under the cursor."""
        row = self.list.row
        return self._arrangement.table.names[row] if row is not None else None

    def _put(self, listing: Listing | None, marks: Marks, row: int = 0) -> None:
        """Show another listing's rows by the same filter and sort, with the cursor on a row."""
        before = self._arrangement
        self.listing, self.marks, self._anchor, self._note = listing, marks, None, ""
        self._arrangement = Arrangement(listing.table if listing else KeyTable())
        self._arrangement.set_filter(before.filter)
        self._arrangement.sort = before.sort
        self.list.show(self._arrangement.table, marks, row)
        self._arrange()

    def _grown(self) -> None:
        """Show the rows that the listing has got since."""
        if self._late and self.listing is not None and (shift := self._catch_up(self.listing)).deltas:
            self._follow(shift)
        if self._arrangement.plain:
            self.list.grown()
        elif self._arrangement.behind and not self._arranging:
            self._arrange()
        self._say()

    # Changes

    def show_change(self, name: str, row: KeyRow | None) -> bool:
        """This key is now so (expiration, metadata text), or is no more; whether it is among the rows."""
        self.show_changes([(name, row)])
        return self.listing is not None and self.listing.table.row_of(name) is not None

    def show_changes(self, changes: Sequence[tuple[str, KeyRow | None]]) -> Sequence[tuple[str, int]]:
        """These keys of the listed namespace are now so, or are no more: all are shown in one go.

        The names that came among the rows (+1) and that went (-1), for the tree. A key that does not begin
        with the listed prefix is none of ours; one behind what is loaded comes with its page.
        """
        if self.listing is None:
            return ()
        if self._doing is Doing.NOTHING:
            self._late = {}  # no page is under way that could be older than these
        self._late.update((name, row) for name, row in changes if name.startswith(self.prefix))
        shift = self._catch_up(self.listing)
        self._follow(shift)
        return shift.deltas

    def _catch_up(self, listing: Listing) -> Shift:
        """Put the latest changes into a listing. A page that was under way at the time knew nothing of them:
        as long as anything loads they are kept, to be put in again when it has come."""
        table, complete = listing.table, listing.state == "complete"
        shift = table.change(
            {name: row for name, row in self._late.items() if not row or complete or name <= table.reached}
        )
        if self._doing is Doing.NOTHING:
            self._late = {}
        return shift

    def _follow(self, shift: Shift) -> None:
        """Show the rows anew after a change of the table; view, marks and cursor stay with their keys."""
        arrangement = self._arrangement
        self.marks.shift(shift)
        if self._anchor is not None:
            self._anchor = None if shift.lost(self._anchor) else shift.row(self._anchor)
        self.workers.cancel_group(self, "arrange")
        self._arranging = False
        arrangement.shifted(shift)
        job = None if arrangement.plain else arrangement.job()
        if job and job.small:  # in one step with the shift, so that the cursor keeps its line
            job.run(arrangement.take)
        self.list.shifted(shift, arrangement.view, arrangement.view_sort)
        if job and not job.small:
            self._arrange()
        self._say()

    def go_to(self, name: str) -> bool:
        """Put the cursor on a key; False where it is not loaded, or is not shown."""
        row = self._arrangement.table.row_of(name)
        position = None if row is None else self.list.position_of(row)
        if position is not None:
            self.list.move_to(position)
        return position is not None

    def show_drafts(self, names: frozenset[str]) -> None:
        """Show which keys of the listed namespace have an edit that was not saved.

        It holds until it is told anew, also when another place is opened.
        """
        self._drafts = names
        self.list.show_drafts(names)
        self._say()

    # Filter and sort

    def _arrange(self) -> None:
        """Bring the view up to date: at once where that takes no time, else in a thread."""
        arrangement = self._arrangement
        self.workers.cancel_group(self, "arrange")
        self._arranging = False
        if arrangement.plain:
            arrangement.show_all()
            self._show_view()
        elif (job := arrangement.job()).small:
            job.run(self._take)
        else:
            self._arranging = True
            self._arrange_beside(job)
            self._say()

    @work(group="arrange", thread=True)
    def _arrange_beside(self, job: Job) -> None:
        worker = get_current_worker()
        try:
            job.run(lambda found: self._post(worker.is_cancelled, job, found), lambda: worker.is_cancelled)
        except FilterError as error:
            self._post(worker.is_cancelled, job, None, str(error))

    def _post(self, cancelled: bool, job: Job, found: Found | None, problem: str = "") -> None:
        if not cancelled:
            self.post_message(self.Arranged(job, found, problem))

    @on(Arranged)
    def _arranged(self, event: Arranged) -> None:
        arrangement, job = self._arrangement, event.job
        if job.table is not arrangement.table or job.filter is not arrangement.filter or job.outdated:
            return
        if event.found is None:
            self._arranging, self._note = False, event.problem
            self._say()
        elif arrangement.sort == job.sort:
            self._arranging = event.found.covered < job.end
            self._take(event.found)
            if not self._arranging and arrangement.behind:
                self._arrange()

    def _take(self, found: Found) -> None:
        if self._arrangement.take(found):
            self._show_view()

    def _show_view(self) -> None:
        self.list.put_in_order(self._arrangement.view, self._arrangement.sort)
        self._say()

    def action_sort(self) -> None:
        """Go to the next order."""
        self._arrangement.next_sort()
        self._arrange()

    def action_filter(self) -> None:
        """Open the filter line."""
        self._filter_line.open()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if event.input is not self._filter_line:
            return
        try:
            wanted = read_filter(event.value)
        except FilterError as error:
            self._problem = str(error)
            self._say()
            return
        self._problem = self._note = ""
        self._arrangement.set_filter(wanted)
        self._arrange()

    def _close_filter(self) -> None:
        self._filter_line.close()
        self._note = self._problem = ""
        self._arrangement.set_filter(None)
        self._arrange()

    @property
    def _in_a_line(self) -> bool:
        return any(line.has_focus for line in self.query(Input))

    @property
    def _filter_open(self) -> bool:
        return self._filter_line.display

    def note(self, words: str) -> None:
        """Say something in the state line, until there is something else to say."""
        self._note = words
        self._say()

    # Marks

    @property
    def marked_names(self) -> Sequence[str]:
        """The marked keys, in listing order."""
        return self.marks.names(self._arrangement.table)

    def is_marked(self, name: str) -> bool:
        """Whether a key is marked."""
        row = self._arrangement.table.row_of(name)
        return row is not None and row in self.marks

    def mark_here(self) -> None:
        """Mark the key under the cursor, which stays on it."""
        if (row := self.list.row) is not None and row not in self.marks:
            self.marks.toggle(row)
            self.list.redraw(self.list.cursor)
            self._say()

    def action_mark(self) -> None:
        """Mark the key under the cursor, or unmark it, and go down."""
        if (row := self.list.row) is not None:
            self.marks.toggle(row)
            self._anchor = row
            self.list.redraw(self.list.cursor)
            self.list.move_to(self.list.cursor + 1)
            self._say()

    def action_mark_range(self) -> None:
        """Mark from the key that was marked last to the cursor."""
        if (row := self.list.row) is None:
            return
        anchor = None if self._anchor is None else self.list.position_of(self._anchor)
        start, end = sorted((self.list.cursor if anchor is None else anchor, self.list.cursor))
        self._anchor = row
        self._mark(start, end + 1)

    def action_mark_all(self) -> None:
        """Mark all that the filter shows, as far as it is loaded."""
        self._note = ""
        if self.listing is not None and self.listing.state != "complete":
            self._note = "Only loaded keys are marked, and there are more · ctrl+l loads all"
        self._mark(0, len(self.list))

    def _mark(self, start: int, end: int) -> None:
        self.marks.add(self.list.rows(start, end))
        self.list.refresh()
        self._say()

    def action_unmark_all(self) -> None:
        """Unmark all."""
        self.marks.clear()
        self._anchor, self._note = None, ""
        self.list.refresh()
        self._say()

    # Moving

    def action_move(self, step: int) -> None:
        """Move the cursor by some keys; from an input, go to the list first."""
        if self._in_a_line:
            self.focus_inside()
        else:
            self.list.move_to(self.list.cursor + step)

    def action_page(self, pages: int) -> None:
        """Move the cursor by some pages."""
        self.action_move(pages * self.list.page())

    def action_top(self) -> None:
        """Go to the first key."""
        self.list.move_to(0)

    def action_bottom(self) -> None:
        """Go to the last key that is loaded."""
        self.list.move_to(len(self.list) - 1)

    # Words

    def _say(self, fresh: Listing | None = None) -> None:
        """Bring the title, the state line and the words of an empty list up to date."""
        facts = Facts(
            self.listing,
            self.prefix,
            len(self.list) if self._arrangement.filter is not None else None,
            len(self.marks),
            self._doing,
            self._arranging,
            self._problem or self._note,
            fresh,
            sum(name.startswith(self.prefix) for name in self._drafts),
        )
        self.list.say_if_empty(*empty_words(facts))
        if (words := state_words(facts)) != self.status:
            self.status = words
            self.query_one("#keys-state", Static).update(safe_content(words), layout=False)
        now = time.monotonic()
        if self._doing is not Doing.LOADING_ALL or now - self._titled > TITLE_S:
            self._titled = now
            self._show_title(title_words(facts))

    def _show_title(self, words: str) -> None:
        if words != self._title:
            self._title = words
            self.border_title = safe_content(words)
