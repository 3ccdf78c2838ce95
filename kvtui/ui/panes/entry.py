"""The entry under the cursor: its value in several views, its metadata, and all that is known of it.

The pane reads, shows and edits; it stores nothing. What it holds belongs to one name at a time: as soon as it
is told another one, the old entry is gone from it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from textual import events, on, work
from textual.app import ComposeResult
from textual.content import Content
from textual.message import Message
from textual.widgets import Static
from textual.worker import Worker, WorkerFailed

from kvtui.api.errors import KeyNotFound, KVError
from kvtui.api.models import Entry, Namespace
from kvtui.core.changes import KeyRef
from kvtui.core.values import Facts, View
from kvtui.ui import entrywords, outlets
from kvtui.ui.bindings import quiet, verb
from kvtui.ui.panes.entryedit import EntryEditing
from kvtui.ui.present import safe_content
from kvtui.ui.rows import TextLayout
from kvtui.ui.shown import Shown, facts_of, lay_out, lay_out_metadata
from kvtui.ui.valueview import ValueView

if TYPE_CHECKING:
    from kvtui.core.draft import Draft

Progress = Callable[[int, int | None], None]
Read = Callable[[Namespace, str, Progress], Awaitable[Entry]]

TABS = ("value", "metadata", "info")
TELL_S = 0.25
"""How often progress is shown while a value is read."""


class EntryPane(EntryEditing):
    """The right pane. It is told a name, and asks for the entry itself."""

    BINDINGS = [
        verb("x", "cycle_view", "view", "entry.view", "Auto, text, JSON, hex, decoded, as they apply."),
        verb("i", "next_tab", "info", "entry.tab", "Go on: value, metadata, all that is known."),
        verb("slash", "find", "find", "entry.find", "Find text in what is shown; 0x and hex digits: bytes."),
        quiet("n", "step(1)", "Next", "entry.next", "Go to the next place found; after the last, the first."),
        quiet("b", "step(-1)", "Previous", "entry.previous", "Go to the place found before."),
        verb("y", "copy", "copy", "entry.copy", "Copy the stored bytes, whatever the view shows."),
        quiet("w", "save_file", "Save to a file", "entry.save_file", "Save the bytes to a private file."),
        quiet("o", "open_pager", "Pager", "entry.pager", "Open the stored bytes in $PAGER, or in less."),
        quiet("R", "refresh_entry", "Read again", "entry.refresh", "Read the entry again."),
        quiet("j,down", "move(1)", "Down", "entry.down", "Next row."),
        quiet("k,up", "move(-1)", "Up", "entry.up", "The row before."),
        quiet("ctrl+d", "page(0.5)", "Half down", "entry.half_down", "Half a page down."),
        quiet("ctrl+u", "page(-0.5)", "Half up", "entry.half_up", "Half a page up."),
        quiet("pagedown,space", "page(1)", "Page down", "entry.page_down", "One page down."),
        quiet("pageup", "page(-1)", "Page up", "entry.page_up", "One page up."),
        quiet("g,home", "home", "Top", "entry.top", "The beginning."),
        quiet("G,end", "end", "Bottom", "entry.bottom", "The end."),
        verb("escape", "leave", "leave", "entry.leave", "Leave the editor or the find line; forget finds."),
    ]  # fmt: skip

    DEFAULT_CSS = """
    EntryPane {
        & > .entry-line { height: 1; padding: 0 1; }
        & > ValueView { padding: 0 1; }
        & > VerticalScroll { height: 1fr; padding: 0 1; scrollbar-size-vertical: 1; }
    }
    """

    class CopyRequested(Message):
        """Bytes are to be copied; `what` is "value" or "metadata"."""

        def __init__(self, data: bytes, what: str) -> None:
            super().__init__()
            self.data = data
            self.what = what

    class EditorLeft(Message):
        """The person wants to be out of the editor."""

    def __init__(
        self,
        read: Read,
        clock: Callable[[], float] = time.time,
        environ: Mapping[str, str] = os.environ,
        keep: Callable[[Draft], None] = lambda draft: None,
    ) -> None:
        super().__init__(keep, id="entry", classes="pane")
        self._read = read
        self._clock = clock
        self._environ = environ
        self._asked: tuple[Namespace, str] | None = None
        self._reading: Worker[None] | None = None
        self._tab = TABS[0]
        self._wanted_view: View | None = None
        self._pinned: Draft | None = None
        self._status = ""
        self._words = entrywords.NOTHING_CHOSEN
        self._clear()

    def _clear(self) -> None:
        self.entry: Entry | None = None
        self._facts: Facts | None = None
        self._read_at = 0.0
        self._elsewhere_until = 0.0
        self._shown = None
        self.forget_hits()

    def compose(self) -> ComposeResult:
        yield Static(id="entry-facts", classes="entry-line")
        yield Static(id="entry-tabs", classes="entry-line")
        yield from self.compose_body()

    def on_mount(self) -> None:
        self.set_interval(1, self.draw_lines)
        self._draw()

    # What others ask of the pane

    @property
    def namespace(self) -> Namespace | None:
        """The namespace of the entry."""
        return self._asked[0] if self._asked else None

    @property
    def key(self) -> str | None:
        """The key of the entry."""
        return self._asked[1] if self._asked else None

    @property
    def ref(self) -> KeyRef | None:
        """The key whose entry this is."""
        return KeyRef(*self._asked) if self._asked else None

    def renamed(self, namespace: Namespace) -> None:
        """The namespace that the entry is in has another title."""
        if self._asked:
            self._asked = namespace, self._asked[1]

    def redraw(self) -> None:
        """Bring all of the pane up to date."""
        self._draw()

    @property
    def tab(self) -> str:
        """Which tab is shown."""
        return self._tab

    def show(self, namespace: Namespace | None, name: str | None, draft: Draft | None = None) -> None:
        """Read and show another entry, or none; a draft of it is opened beside what is stored."""
        self._turn_to(namespace, name)
        self._pinned = draft
        if self._asked and draft is not None and draft.base is None:
            self._status, self._words = entrywords.NEW, entrywords.NEW_KEY
            self._open_pinned()
        self._draw()
        is_new = draft is not None and draft.base is None
        self._reading = self._read_entry(*self._asked) if self._asked and not is_new else None

    def _turn_to(self, namespace: Namespace | None, name: str | None) -> None:
        for group in ("read", "layout"):
            self.workers.cancel_group(self, group)
        if self.is_mounted:
            self.stop_editing()
        self._clear()
        self._asked = None if namespace is None or name is None else (namespace, name)
        self._status = entrywords.reading_words(0, None) if self._asked else ""
        self._words = "" if self._asked else entrywords.NOTHING_CHOSEN
        self.border_title = safe_content(name) if name is not None else Content("")
        if self.is_mounted:
            self.view.show(TextLayout(b""))

    @work(exclusive=True, group="read")
    async def put(self, entry: Entry, elsewhere_until: float) -> None:
        """Show what was just stored, without reading it; elsewhere the old may be served till then."""
        facts = await facts_of(entry.value)
        if self._is_ending:
            return
        self._clear()
        self.entry, self._facts, self._read_at = entry, facts, self._clock()
        self._elsewhere_until = elsewhere_until
        self._lay_out()
        self._draw()

    def _open_pinned(self) -> None:
        """Go on with a draft that was left, without taking the keyboard from the list."""
        pinned, self._pinned = self._pinned, None
        if pinned is not None:
            self.edit(pinned, "metadata" if pinned.only_metadata else "value", focus=False)

    async def once_read(self) -> Entry | None:
        """The entry, when its reading has ended; None where it failed, or another was asked for."""
        if self._reading is not None:
            with suppress(WorkerFailed):  # a cancelled one raises this too
                await self._reading.wait()
        return self.entry

    def action_refresh_entry(self) -> None:
        """Read the entry again. Not under an editor: what is typed there would be in the way."""
        if self.editing is not None:
            self.say("Leave the editor first: esc. What was typed is kept as a draft.")
        elif self._asked:
            self.show(*self._asked)

    def action_leave(self) -> None:
        """Leave the editor, or the find line; then forget what was found."""
        if self.editing is not None:
            self.post_message(self.EditorLeft())
        else:
            super().action_leave()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While the pane edits, what works on the rows does not."""
        if self.editing is not None:
            return action in ("leave", "refresh_entry")
        return super().check_action(action, parameters)

    # Reading

    @work(exclusive=True, group="read")
    async def _read_entry(self, namespace: Namespace, name: str) -> None:
        told = 0.0

        def tell(done: int, of: int | None) -> None:
            nonlocal told
            if (now := time.monotonic()) - told >= TELL_S and self._asked == (namespace, name):
                told = now
                self._status = entrywords.reading_words(done, of)
                self.draw_lines()

        try:
            entry = await self._read(namespace, name, tell)
        except KeyNotFound:
            self._status, self._words = "gone", entrywords.GONE
        except KVError as error:
            self._status, self._words = "not read", f"{error.message}\n{error.remedy}\n\nR reads again."
        else:
            self._facts = await facts_of(entry.value)
            self.entry = entry
            self._read_at = self._clock()
            self._lay_out()
        if not self._is_ending:
            self._open_pinned()
            self._draw()

    @work(exclusive=True, group="layout")
    async def _lay_out(self) -> None:
        """Lay out what the tab shows in the view that is wanted, or in the best one."""
        entry, facts = self.entry, self._facts
        shown: Shown | None = None
        if entry is None or facts is None:
            return
        if self._tab == "value" and entry.value:
            view = self._wanted_view
            if view not in facts.views:
                view = facts.best_view(len(entry.value))
            shown = await lay_out(entry.value, facts, view)
        elif self._tab == "metadata" and entry.metadata is not None:
            shown = lay_out_metadata(entry.metadata)
        if self._is_ending:
            return
        self._shown = shown
        self.forget_hits()
        if shown:
            self.view.show(shown.layout)
        self._draw()

    # Drawing

    @property
    def _is_ending(self) -> bool:
        """Whether the program ends: it takes the widgets away before it cancels what still works for them."""
        return self.is_mounted and not self.query(ValueView)

    def _draw(self) -> None:
        """Bring all of the pane up to date: which body is shown, and the lines."""
        if not self.is_mounted or self._is_ending:
            return
        # While an entry is being read the view stays, empty: to swap the bodies twice would flicker.
        has_view = self._shown is not None or (self.entry is None and not self._words)
        self.show_body(view=has_view)
        self.draw_lines()

    def draw_lines(self) -> None:
        """Draw the lines whose words have changed; called every second for what counts down."""
        if not self.is_mounted:
            return
        width = self.size.width - 2
        _put(self.query_one("#entry-facts", Static), self._facts_line(width))
        _put(self.query_one("#entry-tabs", Static), self._tabs_line(width))
        if self._shown is None:
            _put(self.words_line, self._body_words())
        self.note_badge(entrywords.elsewhere_words(self._elsewhere_until, self._clock()))
        self.draw_place()

    def _facts_line(self, width: int) -> Content:
        if self.entry is None or self._facts is None:
            return Content.styled(self._status, "$text-muted")
        return entrywords.header(self.entry, self._facts, self._clock(), width)

    def _tabs_line(self, width: int) -> Content:
        if self.editing is not None:
            return self.editing_words.truncate(width, ellipsis=True)
        tabs = [Content.styled(tab, "bold reverse" if tab == self._tab else "$text-muted") for tab in TABS]
        line = Content(" ").join(tabs)
        if self._shown is None:
            return line
        auto = "auto: " if self._tab == "value" and self._wanted_view is None else ""
        room = width - line.cell_length - 2
        words = Content.styled(auto + self._shown.words, "$accent")
        if words.cell_length > room:
            words = Content.styled(self._shown.words, "$accent").truncate(max(room, 0), ellipsis=True)
        return Content.assemble(line, " " * (width - line.cell_length - words.cell_length), words)

    def _body_words(self) -> Content:
        if self.entry is None or self._facts is None or self._asked is None:
            return safe_lines(self._words)
        if self._tab == "info":
            now = self._clock()
            return entrywords.info(*self._asked, self.entry, self._facts, self._read_at, now)
        if self._tab == "metadata":
            return Content(entrywords.NO_METADATA if self.entry.metadata is None else "")
        return Content("" if self.entry.value else entrywords.NO_VALUE)

    def on_resize(self) -> None:
        self.draw_lines()

    # Views and tabs

    def action_cycle_view(self) -> None:
        """Show the value in its next view; after the last one, the best again."""
        if self._facts is None:
            return
        if self._tab != "value":
            self._show_tab("value")
        else:
            views = self._facts.views
            after = views.index(self._wanted_view) + 1 if self._wanted_view in views else 0
            self._wanted_view = views[after] if after < len(views) else None
            self._lay_out()

    def action_next_tab(self) -> None:
        """Show the next of value, metadata and info."""
        self._show_tab(TABS[(TABS.index(self._tab) + 1) % len(TABS)])

    def _show_tab(self, tab: str) -> None:
        self._tab = tab
        self._shown = None
        self._draw()
        self._lay_out()

    @on(events.Click, "#entry-tabs")
    def _tab_clicked(self, event: events.Click) -> None:
        at = event.x - 1
        for tab in TABS:
            if 0 <= at < len(tab):
                self._show_tab(tab)
            at -= len(tab) + 1

    # Out of the program: copy, file, pager

    def _stored(self) -> tuple[bytes, str] | None:
        """The bytes that are stored, whatever the view: the metadata on its tab, else the value."""
        if self.entry is None:
            self.say("There is no value here yet.")
            return None
        if self._tab != "metadata":
            return self.entry.value, "value"
        if self.entry.metadata is None:
            self.say(entrywords.NO_METADATA)
            return None
        return self.entry.metadata.encode("utf-8", "surrogateescape"), "metadata"

    def action_copy(self) -> None:
        """Ask for the stored bytes to be copied."""
        if stored := self._stored():
            self.post_message(self.CopyRequested(*stored))

    @work(group="save")
    async def action_save_file(self) -> None:
        """Ask for a path and write the stored bytes there."""
        stored, key = self._stored(), self.key
        if stored is not None and key is not None:
            data, what = stored
            self._report(await outlets.to_file(self.app, key, what, data))

    @work(exclusive=True, group="pager")
    async def action_open_pager(self) -> None:
        """Open the stored bytes in the pager, from a file that is removed afterwards."""
        if stored := self._stored():
            self._report(await outlets.to_pager(self.app, stored[0], self._environ))

    def _report(self, outcome: outlets.Outcome | None) -> None:
        if outcome is not None:
            self.say(*outcome)


def safe_lines(words: str) -> Content:
    """Sentences, which may quote what a server said, a line each."""
    return Content("\n").join(safe_content(line) for line in words.split("\n"))


def _put(line: Static, content: Content) -> None:
    """Draw a line again only when it differs: over SSH every frame counts."""
    if not (isinstance(line.content, Content) and content.is_same(line.content)):
        line.update(content)
