"""The entry under the cursor: its value in several views, its metadata, and all that is known of it.

The pane reads, and shows; it changes nothing. What it holds belongs to one name at a time: as soon as it is
told another one, the old entry is gone from it.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
import time
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from textual import events, on, work
from textual.app import ComposeResult, SuspendNotSupported
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from kvtui.api.errors import KeyNotFound, KVError
from kvtui.api.models import Entry, Namespace
from kvtui.core.finding import Hits, find
from kvtui.core.saving import save_file
from kvtui.core.values import SMALL, Facts, View
from kvtui.ui import entrywords, pager
from kvtui.ui.bindings import quiet, verb
from kvtui.ui.children import run_in_terminal
from kvtui.ui.dialogs.choose import Choice, ChooseDialog
from kvtui.ui.dialogs.save import SaveDialog, suggested_name
from kvtui.ui.present import safe_content, size_words
from kvtui.ui.rows import TextLayout
from kvtui.ui.shown import Shown, facts_of, lay_out, lay_out_metadata
from kvtui.ui.valueview import ValueView

Progress = Callable[[int, int | None], None]
Read = Callable[[Namespace, str, Progress], Awaitable[Entry]]

TABS = ("value", "metadata", "info")
TELL_S = 0.25
"""How often progress is shown while a value is read."""


class EntryPane(Vertical):
    """The right pane. It is told a name, and asks for the entry itself."""

    BINDINGS = [
        verb("x", "cycle_view", "view", "entry.view", "Auto, text, JSON, hex, decoded, as they apply."),
        verb("i", "next_tab", "info", "entry.tab", "Go on: value, metadata, all that is known."),
        verb("slash", "find", "find", "entry.find", "Find text in what is shown; 0x and hex digits: bytes."),
        quiet("n", "step(1)", "Next", "entry.next", "Go to the next place found; after the last, the first."),
        quiet("b", "step(-1)", "Previous", "entry.previous", "Go to the place found before."),
        verb("y", "copy", "copy", "entry.copy", "Copy the stored bytes, whatever the view shows."),
        verb("w", "save_file", "save", "entry.save_file", "Save the stored bytes to a private file."),
        verb("o", "open_pager", "pager", "entry.pager", "Open the stored bytes in $PAGER, or in less."),
        quiet("R", "refresh_entry", "Read again", "entry.refresh", "Read the entry again."),
        quiet("j,down", "move(1)", "Down", "entry.down", "Next row."),
        quiet("k,up", "move(-1)", "Up", "entry.up", "The row before."),
        quiet("ctrl+d", "page(0.5)", "Half down", "entry.half_down", "Half a page down."),
        quiet("ctrl+u", "page(-0.5)", "Half up", "entry.half_up", "Half a page up."),
        quiet("pagedown,space", "page(1)", "Page down", "entry.page_down", "One page down."),
        quiet("pageup", "page(-1)", "Page up", "entry.page_up", "One page up."),
        quiet("g,home", "home", "Top", "entry.top", "The beginning."),
        quiet("G,end", "end", "Bottom", "entry.bottom", "The end."),
        quiet("escape", "leave", "Leave", "entry.leave", "Leave the find line; forget what was found."),
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

    class Said(Message):
        """Something to tell; `tone` is "error" or empty."""

        def __init__(self, words: str, tone: str = "") -> None:
            super().__init__()
            self.words = words
            self.tone = tone

    def __init__(
        self, read: Read, clock: Callable[[], float] = time.time, environ: Mapping[str, str] = os.environ
    ) -> None:
        super().__init__(id="entry", classes="pane")
        self._read = read
        self._clock = clock
        self._environ = environ
        self._asked: tuple[Namespace, str] | None = None
        self._tab = TABS[0]
        self._wanted_view: View | None = None
        self._wanted_text = ""
        self._status = ""
        self._words = entrywords.NOTHING_CHOSEN
        self._subtitle = ""
        self._clear()

    def _clear(self) -> None:
        self.entry: Entry | None = None
        self._facts: Facts | None = None
        self._read_at = 0.0
        self._shown: Shown | None = None
        self._hits: Hits | None = None
        self._hit = 0
        self._note = ""

    def compose(self) -> ComposeResult:
        yield Static(id="entry-facts", classes="entry-line")
        yield Static(id="entry-tabs", classes="entry-line")
        yield Input(id="entry-find", placeholder="find", classes="line-input", compact=True)
        yield ValueView()
        with VerticalScroll(can_focus=True):
            yield Static(id="entry-words")

    def on_mount(self) -> None:
        self._open_find_line(False)
        self.set_interval(1, self._draw_lines)
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
    def shown_text(self) -> str:
        """The rows of the body as they are drawn."""
        return self._view.shown_text if self._view.display else str(self._text.content)

    @property
    def view_words(self) -> str:
        """What the view is called that is shown."""
        return self._shown.words if self._shown else ""

    def focus_inside(self) -> None:
        """Give the body the keyboard, at once: the next key may be here already."""
        self.screen.set_focus(self._view if self._view.display else self.query_one(VerticalScroll))

    def show(self, namespace: Namespace | None, name: str | None) -> None:
        """Read and show another entry, or none."""
        for group in ("read", "layout", "find"):
            self.workers.cancel_group(self, group)
        self._clear()
        self._asked = None if namespace is None or name is None else (namespace, name)
        self._status = entrywords.reading_words(0, None) if self._asked else ""
        self._words = "" if self._asked else entrywords.NOTHING_CHOSEN
        self.border_title = safe_content(name) if name is not None else Content("")
        if self.is_mounted:
            self._view.show(TextLayout(b""))
        self._draw()
        if self._asked:
            self._read_entry(*self._asked)

    def action_refresh_entry(self) -> None:
        """Read the entry again."""
        if self._asked:
            self.show(*self._asked)

    # Reading

    @work(exclusive=True, group="read")
    async def _read_entry(self, namespace: Namespace, name: str) -> None:
        told = 0.0

        def tell(done: int, of: int | None) -> None:
            nonlocal told
            if (now := time.monotonic()) - told >= TELL_S and self._asked == (namespace, name):
                told = now
                self._status = entrywords.reading_words(done, of)
                self._draw_lines()

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
        self._shown = shown
        self._hits, self._note = None, ""
        if shown:
            self._view.show(shown.layout)
        self._draw()

    # Drawing

    @property
    def _view(self) -> ValueView:
        return self.query_one(ValueView)

    @property
    def _text(self) -> Static:
        return self.query_one("#entry-words", Static)

    def _draw(self) -> None:
        """Bring all of the pane up to date: which body is shown, and the lines."""
        if not self.is_mounted:
            return
        # While an entry is being read the view stays, empty: to swap the bodies twice would flicker.
        has_view = self._shown is not None or (self.entry is None and not self._words)
        scroll = self.query_one(VerticalScroll)
        if self._view.display != has_view or scroll.display == has_view:
            had_focus = self.screen.focused in (self._view, scroll)
            self._view.display, scroll.display = has_view, not has_view
            if had_focus:
                self.focus_inside()
        self._draw_lines()

    def _draw_lines(self) -> None:
        """Draw the lines whose words have changed; called every second for what counts down."""
        if not self.is_mounted:
            return
        width = self.size.width - 2
        _put(self.query_one("#entry-facts", Static), self._facts_line(width))
        _put(self.query_one("#entry-tabs", Static), self._tabs_line(width))
        if self._shown is None:
            _put(self._text, self._body_words())
        self._draw_place()

    def _facts_line(self, width: int) -> Content:
        if self.entry is None or self._facts is None:
            return Content.styled(self._status, "$text-muted")
        return entrywords.header(self.entry, self._facts, self._clock(), width)

    def _tabs_line(self, width: int) -> Content:
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

    @on(ValueView.Moved)
    def _draw_place(self) -> None:
        """On the frame: what was found, and how far down one is."""
        view = self._view
        words = [self._note] if self._note else []
        if self._shown is not None and view.data and not view.fits:
            words.append(f"{view.seen_to * 100 // len(view.data)}%")
        if (subtitle := " · ".join(words)) != self._subtitle:
            self._subtitle = subtitle
            self.border_subtitle = safe_content(subtitle)

    def on_resize(self) -> None:
        self._draw_lines()

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

    # Moving

    def action_move(self, rows: int) -> None:
        """Move by rows."""
        if self._view.display:
            self._view.move(rows)
        else:
            self.query_one(VerticalScroll).scroll_relative(y=rows, animate=False)

    def action_page(self, pages: float) -> None:
        """Move by pages."""
        if self._view.display:
            self._view.page(pages)
        else:
            scroll = self.query_one(VerticalScroll)
            scroll.scroll_relative(y=int(pages * scroll.size.height), animate=False)

    def action_home(self) -> None:
        """Go to the beginning."""
        self._view.home() if self._view.display else self.query_one(VerticalScroll).scroll_home(animate=False)

    def action_end(self) -> None:
        """Go to the end."""
        self._view.end() if self._view.display else self.query_one(VerticalScroll).scroll_end(animate=False)

    # Finding

    @property
    def _find_line(self) -> Input:
        return self.query_one("#entry-find", Input)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Esc is the pane's own only while there is something to leave."""
        return action != "leave" or self._hits is not None or (self.is_mounted and self._find_line.display)

    def action_find(self) -> None:
        """Open the find line."""
        if self._shown is None:
            self._say("There is nothing here to look through.")
            return
        self._open_find_line(True)
        self.screen.set_focus(self._find_line)

    def action_leave(self) -> None:
        """Leave the find line; then forget what was found."""
        if self._find_line.display:
            self._close_find_line()
        else:
            self._hits, self._note = None, ""
            self._view.mark(None)
            self._draw_place()
            self.refresh_bindings()

    def _close_find_line(self) -> None:
        self.focus_inside()
        self._open_find_line(False)
        self.refresh_bindings()

    def _open_find_line(self, is_open: bool) -> None:
        """A hidden input could still be given the focus, so it is disabled as well."""
        self._find_line.display = is_open
        self._find_line.disabled = not is_open

    @on(Input.Submitted, "#entry-find")
    def _find_entered(self, event: Input.Submitted) -> None:
        event.stop()
        self._wanted_text = event.value
        self._close_find_line()
        if event.value:
            self._find(event.value)

    @work(exclusive=True, group="find")
    async def _find(self, wanted: str) -> None:
        """Look for text in all of what is shown, and go to the first place from here on."""
        data, cancelled = self._view.data, threading.Event()
        self._note = f"finding “{wanted}”…"
        self._draw_place()
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
            self._view.mark(None)
            self._draw_place()
        else:
            self._go_to(bisect_left(hits.starts, self._view.top))
        self.refresh_bindings()

    def action_step(self, step: int) -> None:
        """Go to the next place that was found, or to the one before."""
        if self._hits is not None:
            self._go_to(self._hit + step)
        elif self._wanted_text and self._shown is not None:
            self._find(self._wanted_text)
        else:
            self._say("Find something first with /.")

    def _go_to(self, index: int) -> None:
        assert self._hits is not None  # both callers have just looked
        count = len(self._hits.starts)
        wrapped = " (wrapped)" if not 0 <= index < count else ""
        self._hit = index % count
        self._note = f"“{self._wanted_text}” {self._hits.words(self._hit)}{wrapped}"
        self._view.mark(self._hits, self._hit)
        self._draw_place()

    # Out of the program: copy, file, pager

    def _stored(self) -> tuple[bytes, str] | None:
        """The bytes that are stored, whatever the view: the metadata on its tab, else the value."""
        if self.entry is None:
            self._say("There is no value here yet.")
            return None
        if self._tab != "metadata":
            return self.entry.value, "value"
        if self.entry.metadata is None:
            self._say(entrywords.NO_METADATA)
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
        if stored is None or key is None:
            return
        data, what = stored
        about = Content(f"The stored {what}, {size_words(len(data))}.")
        typed = await self.app.push_screen_wait(SaveDialog(about, suggested_name(key)))
        if typed is not None:
            await self._save(Path(typed), data)

    async def _save(self, path: Path, data: bytes, overwrite: bool = False) -> None:
        try:
            target = await asyncio.to_thread(save_file, path, data, overwrite=overwrite)
        except FileExistsError:
            question = safe_content(f"{path} exists already.")
            choices = [
                Choice("keep", "Keep it", "and save nothing"),
                Choice("replace", "Replace it", "with this value"),
            ]
            if (
                await self.app.push_screen_wait(ChooseDialog("Save to a file", question, choices))
                == "replace"
            ):
                await self._save(path, data, overwrite=True)
            else:
                self._say("Nothing was saved: that file is as it was.")
        except (OSError, RuntimeError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            self._say(f"Not saved to {path}: {reason}.", "error")
        else:
            self._say(f"Saved {size_words(len(data))} to {target}, for you alone to read.")

    @work(exclusive=True, group="pager")
    async def action_open_pager(self) -> None:
        """Open the stored bytes in the pager, from a file that is removed afterwards."""
        if (stored := self._stored()) is None:
            return
        path: Path | None = None
        command = ["less"]
        try:
            command = pager.pager_command(self._environ)
            path = await asyncio.to_thread(pager.write_for_pager, command, stored[0], self._environ)
            run_in_terminal(self.app, pager.pager_call(command, path), pager.pager_env(self._environ))
        except SuspendNotSupported:
            self._say("This terminal cannot be handed to a pager. w saves to a file.", "error")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            self._say(f"{command[0]} could not be opened: {reason}. Set PAGER, or save with w.", "error")
        finally:
            if path is not None:
                shutil.rmtree(path.parent, ignore_errors=True)

    def _say(self, words: str, tone: str = "") -> None:
        self.post_message(self.Said(words, tone))


def safe_lines(words: str) -> Content:
    """Sentences, which may quote what a server said, a line each."""
    return Content("\n").join(safe_content(line) for line in words.split("\n"))


def _put(line: Static, content: Content) -> None:
    """Draw a line again only when it differs: over SSH every frame counts."""
    if not (isinstance(line.content, Content) and content.is_same(line.content)):
        line.update(content)
