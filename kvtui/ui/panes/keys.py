"""The keys of one place: a listing that loads as it is needed, filtered, sorted and marked.

The pane asks one question, "which keys are there?", and loads its own answer. Every answer belongs to the
listing that asked: one that comes late is dropped, so nothing stale appears under a new title.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input, Static
from textual.worker import get_current_worker

from kvtui.api.models import Namespace
from kvtui.core.arrangement import Arrangement, Found, Job
from kvtui.core.filters import FilterError, read_filter
from kvtui.core.keys import KeyTable, Marks, carry_marks
from kvtui.core.listing import Listing
from kvtui.ui.bindings import quiet, verb
from kvtui.ui.keylist import KeyList
from kvtui.ui.panes.keystate import Doing, Facts, empty_words, state_words, title_words
from kvtui.ui.present import safe_content

REST_S = 0.2
"""How long the cursor stays on a key before its value is asked for: paging through keys asks for none."""

GROWTH_S = 0.25
"""How often growth is shown while pages stream in."""

TITLE_S = 1.0
"""How often the title is: it costs a repaint of the pane, some 9 KB over SSH."""

BARREN_MOST = 5
"""Pages without a key that are passed over unasked; each is a request."""


class KeysPane(Vertical):
    """The middle pane."""

    BINDINGS = [
        verb("enter", "open", "open", "keys.open", "Go to the entry under the cursor."),
        verb("slash", "filter", "filter", "keys.filter", "Show loaded keys with this text; ~regex, !not."),
        verb("p", "prefix", "prefix", "keys.prefix", "List only keys that begin with this."),
        verb("space", "mark", "mark", "keys.mark", "Mark this key, and go down."),
        verb("s", "sort", "sort", "keys.sort", "By name, from the last name, or by what expires first."),
        quiet("L", "load_more", "Next page", "keys.more", "Load the next page, or try again what failed."),
        quiet("ctrl+l", "load_all", "Load all", "keys.all", "Load every page, a request each; again stops."),
        quiet("v", "mark_range", "Mark range", "keys.mark_range", "Mark from the last marked key to here."),
        quiet("M", "mark_all", "Mark all", "keys.mark_all", "Mark every key that the filter shows."),
        quiet("U", "unmark_all", "Unmark all", "keys.unmark_all", "Unmark every key."),
        quiet("R", "refresh_keys", "Refresh", "keys.refresh", "List again; the cursor stays on its key."),
        quiet("j,down", "move(1)", "Down", "keys.down", "Next key."),
        quiet("k,up", "move(-1)", "Up", "keys.up", "The key before."),
        quiet("ctrl+d,pagedown", "page(1)", "Page down", "keys.page_down", "One page down."),
        quiet("ctrl+u,pageup", "page(-1)", "Page up", "keys.page_up", "One page up."),
        quiet("g,home", "top", "Top", "keys.top", "First key."),
        quiet("G,end", "bottom", "Bottom", "keys.bottom", "Last key that is loaded."),
        quiet("escape", "leave", "Leave", "keys.leave", "Leave an input; stop; clear the filter, the marks."),
    ]  # fmt: skip

    class Rested(Message):
        """The cursor has rested on a key; None where there is none."""

        def __init__(self, name: str | None) -> None:
            super().__init__()
            self.name = name

    class Opened(Message):
        """A key is to be looked at."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    class PrefixWanted(Message):
        """Another prefix of the same namespace is to be listed."""

        def __init__(self, prefix: str) -> None:
            super().__init__()
            self.prefix = prefix

    class Changed(Message):
        """The listing has grown, or its state has changed."""

    class Arranged(Message, bubble=False):
        """From the thread that filters and sorts: what it has found, or why it gave up."""

        def __init__(self, job: Job, found: Found | None, problem: str = "") -> None:
            super().__init__()
            self.job = job
            self.found = found
            self.problem = problem

    def __init__(
        self,
        make_listing: Callable[[Namespace, str], Listing],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(id="keys", classes="pane")
        self._make_listing = make_listing
        self._clock = clock
        self._place: tuple[Namespace, str] | None = None
        self.listing: Listing | None = None
        self.marks = Marks()
        self._anchor: int | None = None
        self._arrangement: Arrangement | None = None
        self._arranging = False
        self._doing = Doing.NOTHING
        self._barren = 0
        self._note = ""
        self._resting: Timer | None = None
        self._growing: Timer | None = None
        self._titled = 0.0
        self.status = ""

    def compose(self) -> ComposeResult:
        yield Input(id="prefix-input", placeholder="keys that begin with", classes="line-input", compact=True)
        yield Input(id="filter-input", placeholder="text  ~regex  !not", classes="line-input", compact=True)
        yield KeyList(self._clock)
        yield Static(id="keys-state", classes="state-line", markup=False)

    def on_mount(self) -> None:
        self.query_one("#prefix-input").display = self.query_one("#filter-input").display = False
        self._say()

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
        return self.listing.table.names[row] if self.listing and row is not None else None

    # Loading

    def show(self, namespace: Namespace | None, prefix: str = "") -> None:
        """Begin a fresh listing of a place; what belonged to the last one goes. None shows no place."""
        self._place = (namespace, prefix) if namespace else None
        self._close_filter()
        self.query_one("#prefix-input").display = False
        self._adopt(self._make_listing(namespace, prefix) if namespace else None, Marks())
        if self.listing:
            self._load()

    def _adopt(self, listing: Listing | None, marks: Marks, row: int = 0) -> None:
        """Show another listing. Whatever still works for the last one is cancelled."""
        self.workers.cancel_node(self)
        self._doing, self._arranging, self._note, self._barren = Doing.NOTHING, False, "", 0
        self.listing, self.marks, self._anchor = listing, marks, None
        before = self._arrangement
        table = listing.table if listing else KeyTable()
        self._arrangement = Arrangement(table)
        self.list.show(table, marks, row)
        if before is not None and self._filter_open:
            self._arrangement.set_filter(before.filter)
        if before is not None and listing is not None:
            self._arrangement.sort = before.sort
        self._arrange()
        self._rest()
        self._show_growth()

    @work(exclusive=True, group="load")
    async def _load(self, *, everything: bool = False) -> None:
        """Load the next page, or all that are left."""
        listing = self.listing
        if listing is None or listing.state == "complete":
            return
        self._doing = Doing.LOADING_ALL if everything else Doing.LOADING
        self._note = ""
        self._say()
        try:
            if everything:
                await listing.load_all(lambda: self._page_came(listing))
            else:
                self._barren = 0 if await listing.load_page() else self._barren + 1
        finally:
            if listing is self.listing:
                self._doing = Doing.NOTHING
                self._show_growth()
        self._load_near_end()

    def _page_came(self, listing: Listing) -> None:
        """Pages stream in: what they bring is shown a few times a second."""
        if listing is self.listing and self._growing is None:
            self._growing = self.set_timer(GROWTH_S, self._show_growth)

    def _show_growth(self) -> None:
        """Show the rows that have come, and tell the screen."""
        if self._growing is not None:
            self._growing.stop()
            self._growing = None
        if self._arrangement is not None:
            was_empty = self.list.row is None
            if self._arrangement.plain:
                self.list.grown()
            elif self._arrangement.behind and not self._arranging:
                self._arrange()
            if was_empty:
                self._rest()
        self._say()
        self.post_message(self.Changed())

    def _load_near_end(self) -> None:
        """Load on when the end comes near; not under a filter or a sort, where an end says nothing."""
        listing = self.listing
        if listing is None or listing.state != "more" or self._doing is not Doing.NOTHING:
            return
        if self._arrangement is None or not self._arrangement.plain or self._barren >= BARREN_MOST:
            return
        keys = self.list
        if len(keys) - max(keys.cursor, keys.last_in_sight) < 2 * keys.page():
            self._load()

    def action_load_more(self) -> None:
        """Load one page, or try again where loading failed."""
        if self._doing is Doing.NOTHING:
            self._barren = 0
            self._load()

    def action_load_all(self) -> None:
        """Load all that is left; again, to stop it."""
        if self._doing is Doing.LOADING_ALL:
            self._stop()
        elif self._doing is not Doing.REFRESHING:
            self._load(everything=True)

    def _stop(self) -> None:
        """Stop loading. What is loaded stays, and loading can go on from there."""
        self.workers.cancel_group(self, "load")

    @work(exclusive=True, group="load")
    async def action_refresh_keys(self) -> None:
        """List anew, as far as is needed, and only then show it in place of the old."""
        old = self.listing
        if old is None or self._place is None:
            return
        if not len(old.table):
            self.show(*self._place)
            return
        fresh = self._make_listing(*self._place)
        self._doing, self._note = Doing.REFRESHING, ""
        wanted = self._last_wanted(old)
        try:
            while True:
                self._say(fresh)
                await fresh.load_page()
                reached = len(fresh.table) > 0 and fresh.table.names[-1] >= wanted
                if fresh.state != "more" or reached:
                    break
        finally:
            if old is self.listing:
                self._doing = Doing.NOTHING
                self._say()
        if fresh.error is not None:
            self._note = f"Refresh failed: {fresh.error.message} The list is as it was · R tries again"
            self._say()
            return
        name = self.name_at_cursor
        self._adopt(fresh, carry_marks(self.marks, old.table, fresh.table), fresh.table.row_from(name or ""))

    def _last_wanted(self, old: Listing) -> str:
        """How far a refresh has to come: past the cursor, what is in sight, and the last mark."""
        rows = [*self.list.rows(self.list.cursor, self.list.last_in_sight), *self.marks]
        return max((old.table.names[row] for row in rows), default="")

    # Filter and sort

    def _arrange(self) -> None:
        """Bring the view up to date: at once where that takes no time, else in a thread."""
        if (arrangement := self._arrangement) is None:
            return
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
        if arrangement is None or job.table is not arrangement.table or job.filter is not arrangement.filter:
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
        if self._arrangement is not None and self._arrangement.take(found):
            self._show_view()

    def _show_view(self) -> None:
        if self._arrangement is not None:
            self.list.put_in_order(self._arrangement.view, self._arrangement.sort)
        self._say()

    def action_sort(self) -> None:
        """Go to the next order."""
        if self._arrangement is not None:
            self._arrangement.next_sort()
            self._arrange()

    def action_filter(self) -> None:
        """Open the filter line."""
        self._open_line("#filter-input")

    def action_prefix(self) -> None:
        """Open the prefix line, with the prefix that is listed."""
        if self._place is not None:
            line = self._open_line("#prefix-input")
            line.value = self._place[1]
            line.action_end()

    def _open_line(self, selector: str) -> Input:
        line = self.query_one(selector, Input)
        line.display = True
        self.screen.set_focus(line)
        return line

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if event.input.id != "filter-input" or self._arrangement is None:
            return
        try:
            wanted, self._note = read_filter(event.value), ""
        except FilterError as error:
            self._note = str(error)
            self._say()
            return
        self._arrangement.set_filter(wanted)
        self._arrange()

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        if event.input.id == "prefix-input":
            event.input.display = False
            self.post_message(self.PrefixWanted(event.value))
        elif not event.value:
            self._close_filter()
        self.focus_inside()

    def _close_filter(self) -> None:
        line = self.query_one("#filter-input", Input)
        with self.prevent(Input.Changed):
            line.value = ""
        line.display = False
        self._note = ""
        if self._arrangement is not None:
            self._arrangement.set_filter(None)
            self._arrange()

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

    def action_open(self) -> None:
        """Look at the key under the cursor."""
        if (name := self.name_at_cursor) is not None:
            self.post_message(self.Opened(name))

    @on(KeyList.Chosen)
    def _clicked(self, event: KeyList.Chosen) -> None:
        event.stop()
        self.action_open()

    @on(KeyList.Moved)
    def _moved(self, event: KeyList.Moved) -> None:
        event.stop()
        self._rest()
        self._load_near_end()

    def _rest(self) -> None:
        """Tell, once the cursor has stayed where it is for a moment."""
        if self._resting is not None:
            self._resting.stop()
        self._resting = self.set_timer(REST_S, lambda: self.post_message(self.Rested(self.name_at_cursor)))

    # Leaving

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Esc is the pane's own only while there is something to leave."""
        return (
            action != "leave"
            or self._in_a_line
            or self._stoppable
            or self._filter_open
            or len(self.marks) > 0
        )

    @property
    def _in_a_line(self) -> bool:
        return any(line.has_focus for line in self.query(Input))

    @property
    def _stoppable(self) -> bool:
        return self._doing in (Doing.LOADING_ALL, Doing.REFRESHING)

    @property
    def _filter_open(self) -> bool:
        return self.query_one("#filter-input").display

    def action_leave(self) -> None:
        """Leave the innermost thing there is."""
        if self._in_a_line:
            self.query_one("#prefix-input").display = False
            if not self.query_one("#filter-input", Input).value:
                self._close_filter()
            self.focus_inside()
        elif self._stoppable:
            self._stop()
        elif self._filter_open:
            self.list.hold()
            self._close_filter()
        else:
            self.action_unmark_all()

    # Words

    def _say(self, fresh: Listing | None = None) -> None:
        """Bring the title, the state line and the words of an empty list up to date."""
        arrangement = self._arrangement
        facts = Facts(
            self.listing,
            self._place[1] if self._place else "",
            len(self.list) if arrangement is not None and arrangement.filter is not None else None,
            len(self.marks),
            self._doing,
            self._arranging,
            self._note,
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
        title = safe_content(words)
        if title.markup != self.border_title:
            self.border_title = title
