"""The keys of one place: a listing that loads as it is needed, and is gone when another is opened.

The pane asks one question, "which keys are there?", and loads its own answer. Every answer belongs to the
listing that asked: one that comes late is dropped, so nothing stale appears under a new title.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from textual import on, work
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input

from kvtui.api.models import Namespace
from kvtui.core.keys import Marks, carry_marks
from kvtui.core.listing import Listing
from kvtui.ui.bindings import quiet, verb
from kvtui.ui.keylist import KeyList
from kvtui.ui.panes.keyrows import KeyRows
from kvtui.ui.panes.keystate import Doing

REST_S = 0.2
"""How long the cursor stays on a key before its value is asked for: paging through keys asks for none."""

GROWTH_S = 0.25
"""How often growth is shown while pages stream in."""

BARREN_MOST = 5
"""Pages without a key that are passed over unasked; each is a request."""


class KeysPane(KeyRows):
    """The middle pane."""

    BINDINGS = [
        verb("enter", "open", "open", "keys.open", "Go to the entry under the cursor."),
        verb("slash", "filter", "filter", "keys.filter", "Show loaded keys with this text; ~regex, !not."),
        verb("p", "prefix", "prefix", "keys.prefix", "List only keys that begin with this."),
        verb("space", "mark", "mark", "keys.mark", "Mark this key, and go down."),
        quiet("s", "sort", "Sort", "keys.sort", "By name, from the last name, or by what expires first."),
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

        def __init__(self, name: str | None, listing: Listing | None) -> None:
            super().__init__()
            self.name = name
            self.listing = listing

    class Opened(Message):
        """A key is to be looked at."""

        def __init__(self, name: str, listing: Listing | None) -> None:
            super().__init__()
            self.name = name
            self.listing = listing

    class PrefixWanted(Message):
        """Another prefix of the same namespace is to be listed."""

        def __init__(self, prefix: str, listing: Listing | None) -> None:
            super().__init__()
            self.prefix = prefix
            self.listing = listing

    class Refreshed(Message):
        """The keys were listed anew."""

    class Changed(Message):
        """The listing has grown, or its state has changed."""

    def __init__(
        self,
        make_listing: Callable[[Namespace, str], Listing],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(clock)
        self._make_listing = make_listing
        self._namespace: Namespace | None = None
        self._turn = 0
        self._barren = 0
        self._resting: Timer | None = None
        self._at_rest: str | None = None
        self._growing: Timer | None = None

    # Loading

    def show(self, namespace: Namespace | None, prefix: str = "") -> None:
        """Begin a fresh listing of a place; what belonged to the last one goes. None shows no place."""
        self._namespace, self.prefix, self._late = namespace, prefix, {}
        self._close_filter()
        self._prefix_line.close()
        self._adopt(self._make_listing(namespace, prefix) if namespace else None, Marks())
        if self.listing:
            self._load()

    def renamed(self, namespace: Namespace) -> None:
        """The namespace that is listed has another title."""
        self._namespace = namespace

    def _adopt(self, listing: Listing | None, marks: Marks, row: int = 0) -> None:
        """Show another listing. Whatever still works for the last one is cancelled."""
        self.workers.cancel_node(self)
        self._begin(Doing.NOTHING)
        self._barren = 0
        self._put(listing, marks, row)
        self._at_rest = None
        self._rest()
        self._show_growth()

    @work(exclusive=True, group="load")
    async def _load(self, *, everything: bool = False) -> None:
        """Load the next page, or all that are left."""
        listing = self.listing
        if listing is None or listing.state == "complete":
            return
        self._note = ""
        turn = self._begin(Doing.LOADING_ALL if everything else Doing.LOADING)
        self._say()
        try:
            if everything:
                await listing.load_all(lambda: self._page_came(listing))
            else:
                self._barren = 0 if await listing.load_page() else self._barren + 1
        finally:
            if self._end(turn):
                self._show_growth()
        self._load_near_end()

    def _begin(self, doing: Doing) -> int:
        """What is under way from now on; the number says whose turn it is."""
        self._doing = doing
        self._turn += 1
        return self._turn

    def _end(self, turn: int) -> bool:
        """Nothing is under way any more, unless something else has begun: a cancelled load ends late."""
        if turn == self._turn:
            self._doing = Doing.NOTHING
        return turn == self._turn

    def _page_came(self, listing: Listing) -> None:
        """Pages stream in: what they bring is shown a few times a second."""
        if listing is self.listing and self._growing is None:
            self._growing = self.set_timer(GROWTH_S, self._show_growth)

    def _show_growth(self) -> None:
        """Show the rows that have come, and tell the screen."""
        if self._growing is not None:
            self._growing.stop()
            self._growing = None
        self._grown()
        if self._at_rest is None and self.list.row is not None:  # the first page took longer than a rest
            self._rest()
        self.post_message(self.Changed())

    def _load_near_end(self) -> None:
        """Load on when the end comes near; not under a filter or a sort, where an end says nothing."""
        listing = self.listing
        if listing is None or listing.state != "more" or self._doing is not Doing.NOTHING:
            return
        if not self._arrangement.plain or self._barren >= BARREN_MOST:
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
        if old is None or self._namespace is None:
            return
        if not len(old.table):
            self.show(self._namespace, self.prefix)
            return
        fresh = self._make_listing(self._namespace, self.prefix)
        self._note = ""
        turn = self._begin(Doing.REFRESHING)
        wanted = self._last_wanted(old)
        try:
            while True:
                self._say(fresh)
                await fresh.load_page()
                reached = len(fresh.table) > 0 and fresh.table.names[-1] >= wanted
                if fresh.state != "more" or reached:
                    break
        finally:
            if self._end(turn):
                self._say()
        if fresh.error is not None:
            self._note = f"Refresh failed: {fresh.error.message} The list is as it was · R tries again"
            self._say()
            return
        self._catch_up(fresh)
        name = self.name_at_cursor
        self._adopt(fresh, carry_marks(self.marks, old.table, fresh.table), fresh.table.row_from(name or ""))
        self.post_message(self.Refreshed())

    def _last_wanted(self, old: Listing) -> str:
        """How far a refresh has to come: past the cursor, what is in sight, and the last mark."""
        rows = [*self.list.rows(self.list.cursor, self.list.last_in_sight), *self.marks]
        return max((old.table.names[row] for row in rows), default="")

    # Going elsewhere

    def action_open(self) -> None:
        """Look at the key under the cursor."""
        if (name := self.name_at_cursor) is not None:
            self.post_message(self.Opened(name, self.listing))

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
        self._resting = self.set_timer(REST_S, self._rested)

    def _rested(self) -> None:
        self._at_rest = self.name_at_cursor
        self.post_message(self.Rested(self._at_rest, self.listing))

    def action_prefix(self) -> None:
        """Open the prefix line, with the prefix that is listed."""
        if self._namespace is not None:
            self._prefix_line.open(self.prefix)

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        if event.input is self._prefix_line:
            self._prefix_line.close()
            self.post_message(self.PrefixWanted(event.value, self.listing))
        elif not event.value:
            self._close_filter()
        self.focus_inside()

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
    def _stoppable(self) -> bool:
        return self._doing in (Doing.LOADING_ALL, Doing.REFRESHING)

    def action_leave(self) -> None:
        """Leave the innermost thing there is."""
        if self._in_a_line:
            self._prefix_line.close()
            if not self._filter_line.value:
                self._close_filter()
            self.focus_inside()
        elif self._stoppable:
            self._stop()
        elif self._filter_open:
            self.list.hold()
            self._close_filter()
        else:
            self.action_unmark_all()
