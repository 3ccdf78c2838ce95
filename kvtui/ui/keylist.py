"""The list of keys: a window onto the columns of a KeyTable, drawn line by line.

A frame costs the same at a thousand rows and at a million, because only the lines on screen are looked at.
Moving the cursor sends two lines to the terminal; at an edge the window jumps half a page, which over SSH is
far less than a page of lines for every step.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from kvtui.core.keys import KeyTable, Marks, View
from kvtui.ui.present import countdown, safe_segments

HEADER = 1
GUTTER = 2
EXPIRES = 11
METADATA_FROM = 58
EXPIRES_FROM = 34
"""Columns show only where the list is at least this wide, in cells."""

SOON_S = 3600
"""A key that expires within the hour is drawn as one that does."""


class KeyList(ScrollView, can_focus=True):
    """Rows of a table in the order of a view, with a cursor and marks. It loads nothing itself."""

    COMPONENT_CLASSES = {
        "keylist--header",
        "keylist--cursor",
        "keylist--cursor-blurred",
        "keylist--mark",
        "keylist--soon",
        "keylist--muted",
    }
    DEFAULT_CSS = """
    KeyList {
        overflow-x: hidden;
        overflow-y: scroll;
        scrollbar-size-vertical: 1;
        & > .keylist--header { color: $text-muted; text-style: bold; }
        & > .keylist--cursor {
            background: $block-cursor-background;
            color: $block-cursor-foreground;
            text-style: bold;
        }
        & > .keylist--cursor-blurred {
            background: $block-cursor-blurred-background;
            text-style: bold;
        }
        & > .keylist--mark { color: $text-warning; text-style: bold; }
        & > .keylist--soon { color: $text-warning; }
        & > .keylist--muted { color: $text-muted; }
        &:nocolor > .keylist--cursor { text-style: reverse; }
        &:nocolor > .keylist--cursor-blurred { text-style: underline; }
    }
    """

    cursor: reactive[int] = reactive(0, repaint=False)
    """The position in the view, not the row in the table."""

    class Moved(Message):
        """The cursor is on another key."""

    class Chosen(Message):
        """The key under the cursor was clicked while the cursor was on it."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._clock = clock
        self._table = KeyTable()
        self._marks = Marks()
        self._view: View = None
        self._order = ""
        self._drawn: dict[int, str] = {}

    def on_mount(self) -> None:
        self.set_interval(1, self._tick)

    # What is shown

    def show(self, table: KeyTable, marks: Marks) -> None:
        """Show another table from its top."""
        self._table, self._marks, self._view = table, marks, None
        self.set_reactive(KeyList.cursor, 0)
        self.scroll_to(y=0, animate=False, immediate=True)
        self._measure()
        self.refresh()

    def put_in_order(self, view: View, order: str) -> None:
        """Show these rows in this order; the cursor stays on its key where that is still shown."""
        row = self.row
        self._view, self._order = view, order
        position = self._position_of(row) if row is not None else 0
        self.set_reactive(KeyList.cursor, min(position, max(len(self) - 1, 0)))
        self._measure()
        self.refresh()
        self._keep_in_sight(self.cursor)
        self.post_message(self.Moved())

    def grown(self) -> None:
        """Rows were added at the end of the table or the view: nothing is drawn again but what they fill."""
        before = self.virtual_size.height - HEADER
        self._measure()
        top = self.scroll_offset.y
        if before < top + self._lines:
            self.refresh(Region(0, HEADER + max(before - top, 0), self.size.width, self.size.height))

    def redraw(self, position: int) -> None:
        """Draw one line again."""
        self.refresh_line(position + HEADER)

    def __len__(self) -> int:
        return len(self._table) if self._view is None else len(self._view)

    @property
    def row(self) -> int | None:
        """The table's row under the cursor, None in an empty list."""
        return self.row_at(self.cursor) if 0 <= self.cursor < len(self) else None

    def row_at(self, position: int) -> int:
        """The table's row at a position of the view."""
        return position if self._view is None else self._view[position]

    def _position_of(self, row: int) -> int:
        if self._view is None:
            return row
        try:
            return self._view.index(row)
        except ValueError:
            return 0

    @property
    def _lines(self) -> int:
        """Rows of keys that fit on screen."""
        return max(self.size.height - HEADER, 1)

    def _measure(self) -> None:
        """Tell the scroll bar how many lines there are, without a layout."""
        height = len(self) + HEADER
        self.set_reactive(Widget.virtual_size, Size(0, height))
        self.vertical_scrollbar.window_virtual_size = height
        self.vertical_scrollbar.window_size = self.size.height

    def on_resize(self) -> None:
        self._measure()
        self._keep_in_sight(self.cursor)

    # Moving

    def move_to(self, position: int) -> None:
        """Put the cursor on a position, or on the nearest that exists."""
        self.cursor = max(min(position, len(self) - 1), 0)

    def page(self) -> int:
        """How far a page key goes."""
        return self._lines

    def watch_cursor(self, old: int, new: int) -> None:
        self.redraw(old)
        self.redraw(new)
        self._keep_in_sight(new)
        self.post_message(self.Moved())

    def _keep_in_sight(self, position: int) -> None:
        top, lines = self.scroll_offset.y, self._lines
        if top <= position < top + lines:
            return
        far = abs(position - top) > 2 * lines
        half = lines // 2
        wanted = position - half if far else (position - lines + half if position >= top else position - half)
        last = max(len(self) - lines, 0)
        self.scroll_to(y=max(min(wanted, last), 0), animate=False, immediate=True)

    async def on_click(self, event: events.Click) -> None:
        position = event.y - HEADER + self.scroll_offset.y
        if event.y < HEADER or position >= len(self):
            return
        if position == self.cursor and event.chain > 1:
            self.post_message(self.Chosen())
        self.move_to(position)

    # Drawing

    def _tick(self) -> None:
        """Draw again the lines whose countdown shows something else by now: mostly none."""
        top = self.scroll_offset.y
        for position in range(top, min(top + self._lines, len(self))):
            row = self.row_at(position)
            if row in self._drawn and self._drawn[row] != self._expires(row):
                self.redraw(position)

    def _expires(self, row: int) -> str:
        expiration = self._table.expirations[row]
        return countdown(expiration - self._clock()) if expiration else "never"

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y < HEADER:
            self._drawn = {} if len(self._drawn) > 1000 else self._drawn
            return self._header(width)
        position = y - HEADER + self.scroll_offset.y
        if position >= len(self):
            return Strip.blank(width, self.rich_style)
        return self._line(position, width)

    def _header(self, width: int) -> Strip:
        style = self.rich_style + self.get_component_rich_style("keylist--header", partial=True)
        name, expires, metadata = _columns(width)
        segments = [Segment(" " * GUTTER, style), *safe_segments(f"name{self._order}", style, name)]
        if expires:
            segments += safe_segments("expires", style, expires)
        if metadata:
            segments += safe_segments("metadata", style, metadata)
        return Strip(segments, width)

    def _line(self, position: int, width: int) -> Strip:
        row = self.row_at(position)
        style, muted, soon, mark = self._styles(position == self.cursor)
        name, expires, metadata = _columns(width)
        marked = row in self._marks
        gutter = ("›" if position == self.cursor else " ") + ("*" if marked else " ")
        segments = [Segment(gutter, mark if marked else style)]
        segments += safe_segments(self._table.names[row], mark if marked else style, name - 1)
        segments.append(Segment(" ", style))
        if expires:
            words = self._drawn[row] = self._expires(row)
            close = 0 < self._table.expirations[row] < self._clock() + SOON_S
            segments += safe_segments(words, soon if close else muted, expires)
        if metadata:
            segments += safe_segments(self._table.metadata[row] or "", muted, metadata)
        return Strip(segments, width)

    def _styles(self, at_cursor: bool) -> tuple[Style, Style, Style, Style]:
        """The styles of a line: plain, muted, expiring soon, marked."""
        base = self.rich_style

        def component(name: str) -> Style:
            return self.get_component_rich_style(f"keylist--{name}", partial=True)

        if at_cursor and self.has_focus:
            cursor = base + component("cursor")
            return cursor, cursor, cursor, cursor
        over = component("cursor-blurred") if at_cursor else Style()
        return (
            base + over,
            base + component("muted") + over,
            base + component("soon") + over,
            base + component("mark") + over,
        )

    def _on_focus(self, event: events.Focus) -> None:
        super()._on_focus(event)
        self.redraw(self.cursor)

    def _on_blur(self, event: events.Blur) -> None:
        super()._on_blur(event)
        self.redraw(self.cursor)


def _columns(width: int) -> tuple[int, int, int]:
    """The widths of name, expires and metadata; zero for a column that there is no room for."""
    room = width - GUTTER
    if width < EXPIRES_FROM:
        return room, 0, 0
    if width < METADATA_FROM:
        return room - EXPIRES, EXPIRES, 0
    name = (room - EXPIRES) * 6 // 10
    return name, EXPIRES, room - EXPIRES - name
