"""The rows of a listing as they are shown: filtered, sorted, marked, with a cursor, and the words about them.

This is the half of the pane of keys that works on what is loaded; loading is the other half (keys.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input, Static
from textual.worker import get_current_worker

from kvtui.core.arrangement import Arrangement, Found, Job
from kvtui.core.filters import FilterError, read_filter
from kvtui.core.keys import KeyTable, Marks
from kvtui.core.listing import Listing
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
        if self._arrangement.plain:
            self.list.grown()
        elif self._arrangement.behind and not self._arranging:
            self._arrange()
        self._say()

    # Filter and sort

    def _arrange(self) -> None:
        """Bring the view up to date: at once where that takes no time, else in a thread."""
        arrangement = self._arrangement
        self.workers.cancel_group(self, "arrange")
        self._arranging = False
        if arrangement.plain:
            arrangement.view = None
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
        if job.table is not arrangement.table or job.filter is not arrangement.filter:
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

    # Marks

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
