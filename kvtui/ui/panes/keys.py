"""The keys of one place: a listing that loads as it is needed, filtered, sorted and marked.

The pane asks one question, "which keys are there?", and loads its own answer. Every answer belongs to the
listing that asked: one that comes late is dropped, so nothing stale appears under a new title.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input, Static
from textual.worker import get_current_worker

from kvtui.api.models import Namespace
from kvtui.core.filters import Filter, FilterError, read_filter, search
from kvtui.core.keys import SORTS, KeyTable, Marks, carry_marks, sorted_rows
from kvtui.core.listing import Listing
from kvtui.ui.bindings import quiet, verb
from kvtui.ui.keylist import KeyList
from kvtui.ui.present import safe_content

REST_S = 0.2
"""How long the cursor stays on a key before its value is asked for: paging through keys asks for none."""

CHANGED_S = 0.25
"""How often the pane tells of growth while pages stream in."""

ARROWS = ("", " ▾", " · by expiry")


class KeysPane(Vertical):
    """The middle pane."""

    BINDINGS = [
        verb("slash", "filter", "filter", "keys.filter", "Show loaded keys with this text; ~regex, !not."),
        verb("p", "prefix", "prefix", "keys.prefix", "List only keys that begin with this."),
        verb("L", "load_more", "next page", "keys.more", "Load the next page of keys."),
        quiet("ctrl+l", "load_all", "Load all", "keys.all", "Load every page, a request each; esc stops."),
        quiet("s", "sort", "Sort", "keys.sort", "By name, from the end, or what expires first."),
        verb("space", "mark", "mark", "keys.mark", "Mark this key, and go down."),
        quiet("v", "mark_range", "Mark range", "keys.mark_range", "Mark from the last marked key to here."),
        quiet("M", "mark_all", "Mark all", "keys.mark_all", "Mark every key that the filter shows."),
        quiet("U", "unmark_all", "Unmark all", "keys.unmark_all", "Unmark every key."),
        quiet("R", "refresh_keys", "Refresh", "keys.refresh", "List again; the cursor stays on its key."),
        quiet("enter", "open", "Open", "keys.open", "Go to the entry under the cursor."),
        quiet("j,down", "move(1)", "Down", "keys.down", "Next key."),
        quiet("k,up", "move(-1)", "Up", "keys.up", "The key before."),
        quiet("ctrl+d,pagedown", "page(1)", "Page down", "keys.page_down", "One page down."),
        quiet("ctrl+u,pageup", "page(-1)", "Page up", "keys.page_up", "One page up."),
        quiet("g,home", "top", "Top", "keys.top", "First key."),
        quiet("G,end", "bottom", "Bottom", "keys.bottom", "Last key that is loaded."),
        quiet("escape", "leave", "Leave", "keys.leave", "Leave an input; stop loading; clear filter, marks."),
    ]  # fmt: skip

    class Rested(Message):
        """The cursor has rested on a key; None where there is none."""

        def __init__(self, name: str | None) -> None:
            super().__init__()
            self.name = name

    class Opened(Rested):
        """A key is to be looked at."""

    class PrefixWanted(Message):
        """Another prefix of the same namespace is to be listed."""

        def __init__(self, prefix: str) -> None:
            super().__init__()
            self.prefix = prefix

    class Changed(Message):
        """The listing has grown, or its state has changed."""

    def __init__(self, make_listing: Callable[[Namespace, str], Listing]) -> None:
        super().__init__(id="keys", classes="pane")
        self._make_listing = make_listing
        self._place: tuple[Namespace, str] | None = None
        self.listing: Listing | None = None
        self.marks = Marks()
        self._anchor: int | None = None
        self._filter: Filter | None = None
        self._problem = ""
        self._hits: array[int] | None = None
        self._looked_at = 0
        self._sort = SORTS[0]
        self._resting: Timer | None = None
        self._telling: Timer | None = None
        self._loading = False
        self._said = ""

    def compose(self) -> ComposeResult:
        yield Input(id="prefix-input", placeholder="keys that begin with", classes="line-input", compact=True)
        yield Input(id="filter-input", placeholder="text  ~regex  !not", classes="line-input", compact=True)
        yield KeyList()
        yield Static(id="keys-state", classes="state-line")

    def on_mount(self) -> None:
        self._show_state()

    @property
    def list(self) -> KeyList:
        """The list itself."""
        return self.query_one(KeyList)

    def focus_list(self) -> None:
        """Give the list the keyboard."""
        self.list.focus()

    @property
    def name_at_cursor(self) -> str | None:
        """The key under the cursor."""
        row = self.list.row
        return self.listing.table.names[row] if self.listing and row is not None else None

    # Loading

    def show(self, namespace: Namespace, prefix: str = "") -> None:
        """Begin a fresh listing of a place; what belonged to the last one goes."""
        self._place = (namespace, prefix)
        self._close_filter()
        self._adopt(self._make_listing(namespace, prefix), Marks())
        self._load()

    def _adopt(self, listing: Listing, marks: Marks) -> None:
        """Show another listing. Whatever still works for the last one is cancelled."""
        self.workers.cancel_node(self)
        self._loading = False
        self.listing, self.marks, self._anchor = listing, marks, None
        self._hits, self._looked_at = None, 0
        self.list.show(listing.table, marks)
        self._tell()

    @work(exclusive=True, group="load")
    async def _load(self, *, everything: bool = False) -> None:
        """Load the next page, or all that are left."""
        if (listing := self.listing) is None or listing.state == "complete":
            return
        self._loading = True
        try:
            while True:
                self._show_state()
                await listing.load_page()
                self._page_came()
                if not everything or listing.state != "more":
                    break
        finally:
            if listing is self.listing:
                self._loading = False
                self._loaded()

    def _page_came(self) -> None:
        """New rows are shown as they come, where the order of the view allows it."""
        had_none = self.list.row is None
        if self._in_listing_order:
            if self._filter is not None:
                self._look_at_new_rows()
            self.list.grown()
        if had_none:
            self._rest()
        self._tell()

    def _loaded(self) -> None:
        """Loading has stopped for now."""
        if not self._in_listing_order:
            self._arrange()
        self._tell()
        self._load_near_end()

    def _load_near_end(self) -> None:
        """Load on when the cursor comes near the end; not for a filter, which could ask for every page."""
        if self._loading or self._filter is not None or not self._in_listing_order:
            return
        near = len(self.list) - self.list.cursor < 2 * self.list.page()
        if near and self.listing is not None and self.listing.state == "more":
            self._load()

    def action_load_more(self) -> None:
        """Load one page, or try again where loading failed."""
        if not self._loading:
            self._load()

    def action_load_all(self) -> None:
        """Load all that is left."""
        self._load(everything=True)

    @work(exclusive=True, group="load")
    async def action_refresh_keys(self) -> None:
        """List anew, as far as the key under the cursor, and only then show it in place of the old."""
        if self.listing is None or self._place is None:
            return
        old, name = self.listing, self.name_at_cursor
        fresh = self._make_listing(*self._place)
        self._loading = True
        self._show_state()
        try:
            await fresh.load_page()
            while fresh.state == "more" and (
                len(fresh.table) < len(old.table) or not _reaches(fresh.table, name)
            ):
                await fresh.load_page()
                self._show_state(f"refreshing · {len(fresh.table):,} keys")
        finally:
            self._loading = False
            self._show_state()
        if fresh.error is not None and not len(fresh.table):
            old.state, old.error = "failed", fresh.error  # the old rows stay: better old than none
            self._tell()
            return
        marks = Marks()
        marks.add(carry_marks(self.marks, old.table, fresh.table))
        self._adopt(fresh, marks)
        if name is not None:
            self.list.move_to(bisect_left(fresh.table.names, name))
        if self._filter is not None or not self._in_listing_order:
            self._arrange()
        self._rest()

    # Filter and sort

    @property
    def _in_listing_order(self) -> bool:
        return self._sort == SORTS[0]

    @work(exclusive=True, group="arrange", thread=True)
    def _arrange(self, within: array[int] | None = None) -> None:
        """Filter and sort in a thread, and show hits as they are found. `within`: older hits to narrow."""
        worker, listing, wanted, sort = get_current_worker(), self.listing, self._filter, self._sort
        if listing is None:
            return
        seen = len(listing.table)

        def publish(hits: array[int] | None, *, done: bool) -> None:
            if not worker.is_cancelled:
                self.app.call_from_thread(self._show_hits, listing, hits, seen if done else None)

        rows: array[int] | None = None
        if wanted is not None:
            found: list[array[int]] = []

            def collect(hits: array[int]) -> None:
                found[:] = [hits]
                if sort == SORTS[0]:
                    publish(hits, done=False)

            search(listing.table.names[:seen], within, wanted, collect, lambda: worker.is_cancelled)
            if worker.is_cancelled or not found:
                return
            rows = found[0]
        if sort != SORTS[0]:
            rows = sorted_rows(listing.table, range(seen) if rows is None else rows, sort)
        publish(rows, done=True)

    def _show_hits(self, listing: Listing, hits: array[int] | None, seen: int | None) -> None:
        if listing is not self.listing:
            return
        self._hits = hits
        self._looked_at = seen if seen is not None else -1
        if self._filter is not None and self._in_listing_order and seen is not None:
            self._look_at_new_rows()
        self.list.put_in_order(self._hits, ARROWS[SORTS.index(self._sort)])
        self._show_state()

    def _look_at_new_rows(self) -> None:
        """Filter the rows that came after the search: a page of them takes less than a millisecond."""
        if self.listing is None or self._filter is None or self._hits is None or self._looked_at < 0:
            return
        names = self.listing.table.names
        fresh = range(self._looked_at, len(names))
        self._hits.extend([row for row in fresh if self._filter.matches(names[row])])
        self._looked_at = len(names)

    def action_sort(self) -> None:
        """Go to the next order."""
        self._sort = SORTS[(SORTS.index(self._sort) + 1) % len(SORTS)]
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
        line.add_class("open")
        line.focus()
        return line

    @on(Input.Changed, "#filter-input")
    def _filter_typed(self, event: Input.Changed) -> None:
        event.stop()
        older, hits = self._filter, self._hits
        try:
            self._filter, self._problem = read_filter(event.value), ""
        except FilterError as error:
            self._problem = str(error)
            self._show_state()
            return
        narrower = older is not None and self._filter is not None and self._filter.narrows(older)
        whole = self.listing is not None and self._looked_at == len(self.listing.table)
        self._arrange(hits if narrower and whole and self._in_listing_order else None)

    @on(Input.Submitted, "#filter-input")
    def _filter_entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.focus_list()

    @on(Input.Submitted, "#prefix-input")
    def _prefix_entered(self, event: Input.Submitted) -> None:
        event.stop()
        event.input.remove_class("open")
        self.post_message(self.PrefixWanted(event.value))

    def _close_filter(self) -> None:
        line = self.query_one("#filter-input", Input)
        with self.prevent(Input.Changed):
            line.value = ""
        line.remove_class("open")
        self._filter, self._problem = None, ""

    # Marks

    def action_mark(self) -> None:
        """Mark the key under the cursor, or unmark it, and go down."""
        if (row := self.list.row) is not None:
            self.marks.toggle(row)
            self._anchor = self.list.cursor
            self.list.redraw(self.list.cursor)
            self.list.move_to(self.list.cursor + 1)
            self._show_state()

    def action_mark_range(self) -> None:
        """Mark from the key that was marked last to the cursor."""
        if self.list.row is None:
            return
        ends = sorted((self._anchor if self._anchor is not None else self.list.cursor, self.list.cursor))
        self._mark(range(ends[0], min(ends[1] + 1, len(self.list))))

    def action_mark_all(self) -> None:
        """Mark all that the filter shows."""
        self._mark(range(len(self.list)))

    def _mark(self, positions: range) -> None:
        self.marks.add(map(self.list.row_at, positions))
        self.list.refresh()
        self._show_state()

    def action_unmark_all(self) -> None:
        """Unmark all."""
        self.marks.clear()
        self._anchor = None
        self.list.refresh()
        self._show_state()

    # Moving

    def action_move(self, step: int) -> None:
        """Move the cursor by some keys."""
        self.focus_list()
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
        return action != "leave" or self._in_a_line or self._loading or self._filtered or len(self.marks) > 0

    @property
    def _in_a_line(self) -> bool:
        return any(line.has_focus for line in self.query(Input))

    @property
    def _filtered(self) -> bool:
        return self.query_one("#filter-input", Input).has_class("open")

    def action_leave(self) -> None:
        """Leave the innermost thing there is."""
        if self._in_a_line:
            self.query_one("#prefix-input").remove_class("open")
            if not self.query_one("#filter-input", Input).value:
                self._close_filter()
            self.focus_list()
        elif self._loading:
            self.workers.cancel_group(self, "load")
        elif self._filtered:
            self._close_filter()
            self._arrange()
        else:
            self.action_unmark_all()

    # Words

    def _tell(self) -> None:
        """Show the state, and tell the screen of the growth, a few times a second at most."""
        self._show_state()
        if self._telling is None:
            self._telling = self.set_timer(CHANGED_S, self._tell_now)

    def _tell_now(self) -> None:
        self._telling = None
        self.post_message(self.Changed())

    def _show_state(self, words: str = "") -> None:
        if (listing := self.listing) is None:
            self._say("Keys", "Choose a namespace: enter lists its keys.")
            return
        count = f"{len(listing.table):,}{'' if listing.state == 'complete' else '+'}"
        prefix = self._place[1] if self._place else ""
        marked = f" · {len(self.marks):,} marked" if self.marks else ""
        self._say(
            f"Keys  {prefix + '*  ' if prefix else ''}{count}{marked}", words or self._state_words(listing)
        )

    def _state_words(self, listing: Listing) -> str:
        if self._problem:
            return f"This filter cannot be understood: {self._problem}"
        loaded = f"{len(listing.table):,} keys"
        if self._filter is not None:
            loaded = f"{len(self.list):,} of {loaded} pass"
        if self._loading:
            return f"● loading page {listing.pages + 1} · {loaded} · esc stops"
        if listing.state == "failed" and listing.error is not None:
            return f"✗ {listing.error.message} {loaded} kept · L tries again"
        if listing.state == "complete":
            if not len(listing.table):
                return "No keys here · p lists another prefix"
            return f"{loaded} · complete" + (" · esc clears the filter" if self._filter else "")
        return f"{loaded} · L next page · ctrl+l all"

    def _say(self, title: str, words: str) -> None:
        self.border_title = safe_content(title)
        state = self.query_one("#keys-state", Static)
        if words != self._said:
            self._said = words
            state.update(safe_content(words))


def _reaches(table: KeyTable, name: str | None) -> bool:
    """Whether a listing in order has come as far as a name."""
    return name is None or (len(table) > 0 and table.names[-1] >= name)
