"""The body of the entry pane: rows of a value or a few words, how one moves in it, and finding."""

from __future__ import annotations

import asyncio
import threading
from bisect import bisect_left

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.message import Message
from textual.widgets import Input, Static

from kvtui.core.finding import Hits, find
from kvtui.core.values import SMALL
from kvtui.ui.lineinput import LineInput
from kvtui.ui.present import safe_content
from kvtui.ui.shown import Shown
from kvtui.ui.valueview import ValueView


class EntryBody(Vertical):
    """What the pane is made of below its two lines. Its bindings are declared by the pane."""

    class Said(Message):
        """Something to tell; `tone` is "error" or empty."""

        def __init__(self, words: str, tone: str = "") -> None:
            super().__init__()
            self.words = words
            self.tone = tone

    def __init__(self, *, id: str, classes: str) -> None:
        super().__init__(id=id, classes=classes)
        self._shown: Shown | None = None
        self._hits: Hits | None = None
        self._hit = 0
        self._note = ""
        self._badge = ""
        self._wanted_text = ""
        self._subtitle = ""

    def compose_body(self) -> ComposeResult:
        """The widgets."""
        yield LineInput("find")
        yield ValueView()
        with VerticalScroll(can_focus=True):
            yield Static(id="entry-words")

    @property
    def view(self) -> ValueView:
        """The rows of the value."""
        return self.query_one(ValueView)

    @property
    def words_line(self) -> Static:
        """The words that stand in place of the rows."""
        return self.query_one("#entry-words", Static)

    @property
    def shown_text(self) -> str:
        """The rows of the body as they are drawn."""
        return self.view.shown_text if self.view.display else str(self.words_line.content)

    @property
    def view_words(self) -> str:
        """What the view is called that is shown."""
        return self._shown.words if self._shown else ""

    def focus_inside(self) -> None:
        """Give the body the keyboard, at once: the next key may be here already."""
        self.screen.set_focus(self.view if self.view.display else self.query_one(VerticalScroll))

    def show_body(self, *, view: bool) -> None:
        """Show the rows of the value, or the words in their place; the focus stays in the body."""
        scroll = self.query_one(VerticalScroll)
        if self.view.display != view or scroll.display == view:
            had_focus = self.screen.focused in (self.view, scroll)
            self.view.display, scroll.display = view, not view
            if had_focus:
                self.focus_inside()

    def say(self, words: str, tone: str = "") -> None:
        """Have something told to the person."""
        self.post_message(self.Said(words, tone))

    def note_badge(self, words: str) -> None:
        """What else is to stand on the frame."""
        self._badge = words

    @on(ValueView.Moved)
    def draw_place(self) -> None:
        """On the frame: what was found, and how far down one is."""
        view = self.view
        words = [part for part in (self._badge, self._note) if part]
        if self._shown is not None and view.display and view.data and not view.fits:
            words.append(f"{view.seen_to * 100 // len(view.data)}%")
        if (subtitle := " · ".join(words)) != self._subtitle:
            self._subtitle = subtitle
            self.border_subtitle = safe_content(subtitle)

    # Moving

    def action_move(self, rows: int) -> None:
        """Move by rows."""
        if self.view.display:
            self.view.move(rows)
        else:
            self.query_one(VerticalScroll).scroll_relative(y=rows, animate=False)

    def action_page(self, pages: float) -> None:
        """Move by pages."""
        if self.view.display:
            self.view.page(pages)
        else:
            scroll = self.query_one(VerticalScroll)
            scroll.scroll_relative(y=int(pages * scroll.size.height), animate=False)

    def action_home(self) -> None:
        """Go to the beginning."""
        self.view.home() if self.view.display else self.query_one(VerticalScroll).scroll_home(animate=False)

    def action_end(self) -> None:
        """Go to the end."""
        self.view.end() if self.view.display else self.query_one(VerticalScroll).scroll_end(animate=False)

    # Finding

    @property
    def _find_line(self) -> LineInput:
        return self.query_one(LineInput)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Esc is the pane's own only while there is something to leave."""
        return action != "leave" or self._hits is not None or (self.is_mounted and self._find_line.display)

    def action_find(self) -> None:
        """Open the find line."""
        if self._shown is None:
            self.say("There is nothing here to look through.")
            return
        self._find_line.open(self._wanted_text)

    def action_leave(self) -> None:
        """Leave the find line; then forget what was found."""
        if self._find_line.display:
            self._close_find_line()
        else:
            self.forget_hits()
            self.view.mark(None)
            self.draw_place()

    def forget_hits(self) -> None:
        """What was found belongs to what was shown, and is gone with it."""
        self._hits, self._hit, self._note = None, 0, ""
        if self.is_mounted:
            self.workers.cancel_group(self, "find")
            self.refresh_bindings()

    def _close_find_line(self) -> None:
        self.focus_inside()
        self._find_line.close()
        self.refresh_bindings()

    @on(Input.Submitted)
    def _find_entered(self, event: Input.Submitted) -> None:
        event.stop()
        self._wanted_text = event.value
        self._close_find_line()
        if event.value:
            self._find(event.value)

    @work(exclusive=True, group="find")
    async def _find(self, wanted: str) -> None:
        """Look for text in all of what is shown, and go to the first place from here on."""
        data, cancelled = self.view.data, threading.Event()
        self._note = f"finding “{wanted}”…"
        self.draw_place()
        try:
            if len(data) <= SMALL:
                hits = find(data, wanted)
            else:
                hits = await asyncio.to_thread(find, data, wanted, cancelled.is_set)
        finally:
            cancelled.set()
        self._hits = hits if hits.starts else None
        if self._hits is None:
            self._note = f"“{wanted}” is not here"
            self.view.mark(None)
            self.draw_place()
        else:
            self._go_to(bisect_left(hits.starts, self.view.top))
        self.refresh_bindings()

    def action_step(self, step: int) -> None:
        """Go to the next place that was found, or to the one before."""
        if self._hits is not None:
            self._go_to(self._hit + step)
        elif self._wanted_text and self._shown is not None:
            self._find(self._wanted_text)
        else:
            self.say("Find something first with /.")

    def _go_to(self, index: int) -> None:
        assert self._hits is not None  # both callers have just looked
        count = len(self._hits.starts)
        wrapped = " (wrapped)" if not 0 <= index < count else ""
        self._hit = index % count
        self._note = f"“{self._wanted_text}” {self._hits.words(self._hit)}{wrapped}"
        self.view.mark(self._hits, self._hit)
        self.draw_place()
