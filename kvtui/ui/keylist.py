"""The list of keys: a window onto the columns of a KeyTable, drawn line by line.

A frame costs the same at a thousand rows and at a million, because only the lines on screen are looked at.
Moving the cursor sends two lines to the terminal; at an edge the window jumps half a page, which over SSH is
far less than a page of lines for every step.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Collection, Sequence

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
from kvtui.core.orders import BY_NAME
from kvtui.core.shifts import Shift
from kvtui.ui.keyline import GUTTER, Key, Looks, columns, expires_words, header_strip, key_strip
from kvtui.ui.present import safe_segments

HEADER = 1


class KeyList(ScrollView, can_focus=True, inherit_bindings=False):
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
        height: 1fr;
        overflow-x: hidden;
        overflow-y: scroll;
        scrollbar-size-vertical: 1;
        & > .keylist--header { color: $text-muted; text-style: bold; }
        & > .keylist--cursor {
            background: $block-cursor-background;
            color: $block-cursor-foreground;
            text-style: $block-cursor-text-style;
        }
        & > .keylist--cursor-blurred {
            background: $block-cursor-blurred-background;
            color: $block-cursor-blurred-foreground;
            text-style: bold;
        }
        & > .keylist--mark { color: $text-accent; text-style: bold; }
        & > .keylist--soon { color: $text-warning; }
        & > .keylist--muted { color: $text-muted; }
        &:nocolor > .keylist--cursor { text-style: reverse; }
        &:nocolor > .keylist--cursor-blurred { text-style: underline; }
        &:ansi > .keylist--cursor { text-style: reverse; }
        &:ansi > .keylist--cursor-blurred { text-style: underline; }
    }
    """
    ALLOW_SELECT = False

    cursor: reactive[int] = reactive(0, repaint=False)
    """The position in the view, not the row in the table."""

    class Moved(Message):
        """The cursor is on another key, or the window shows other rows."""

    class Chosen(Message):
        """A key was clicked twice."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._clock = clock
        self._now = 0.0
        self._table = KeyTable()
        self._marks = Marks()
        self._view: View = None
        self._sort = BY_NAME
        self._held = 0
        self._clicked: int | None = None
        self._empty: Sequence[str] = ()
        self._drafts: Collection[str] = ()
        self._drawn: dict[int, str] = {}
        self._looks: Looks | None = None

    def on_mount(self) -> None:
        self.set_interval(1, self._count_down)

    # What is shown

    def show(self, table: KeyTable, marks: Marks, row: int = 0) -> None:
        """Show another table in listing order, with the cursor on a row, on the same line of the screen."""
        line = self.cursor - self.scroll_offset.y
        self._table, self._marks, self._view, self._sort = table, marks, None, BY_NAME
        self._drawn, self._clicked, self._held = {}, None, row
        self.set_reactive(KeyList.cursor, max(min(row, len(self) - 1), 0))
        self._measure()
        self._scroll(self.cursor - line)
        self._keep_in_sight()
        self.refresh()
        self.post_message(self.Moved())

    def put_in_order(self, view: View, sort: str) -> None:
        """Show these rows in this order; the cursor stays on the key that it was put on, or goes near it.

        Nothing is drawn again where the window shows the same rows as before.
        """
        before = self._window(), self.scroll_offset.y, self.cursor, self._sort
        self._view, self._sort = view, sort
        self.set_reactive(KeyList.cursor, self._position_near(self._held))
        self._measure()
        self._scroll(self.scroll_offset.y)
        self._keep_in_sight()
        if before != (self._window(), self.scroll_offset.y, self.cursor, self._sort):
            self.refresh()
            self.post_message(self.Moved())

    def shifted(self, shift: Shift, view: View, sort: str) -> None:
        """Keys have changed, come or gone: the cursor stays on its key, on the same line of the screen.

        Where its key is gone, it goes to the next one that is still there, or to the last.
        """
        line = self.cursor - self.scroll_offset.y
        follows, was_held = self._following(shift), self._held
        self._held = shift.row(was_held)
        if self._clicked is not None:
            self._clicked = None if shift.lost(self._clicked) else shift.row(self._clicked)
        self._view, self._sort, self._drawn = view, sort, {}
        position = len(self) - 1
        if follows is not None:
            position = self._position_near(follows)
        elif not shift.removed:
            position = self._position_near(self._held)  # there was none to follow
        self.set_reactive(KeyList.cursor, max(position, 0))
        if shift.lost(was_held):
            self.hold()
        self._measure()
        self._scroll(self.cursor - line)
        self._keep_in_sight()
        self.refresh()
        self.post_message(self.Moved())

    def _following(self, shift: Shift) -> int | None:
        """The row, as it is now, of the first key from the cursor on, of those shown before, that stayed."""
        gone = set(shift.removed)
        count = len(self._table) + len(shift.removed) - len(shift.inserted)
        rows = range(count) if self._view is None else self._view
        stayed = (rows[at] for at in range(self.cursor, len(rows)) if rows[at] not in gone)
        return next((shift.row(row) for row in stayed), None)

    def show_drafts(self, names: Collection[str]) -> None:
        """Show beside these keys that there is an edit of them that was not saved."""
        self._drafts = names
        self.refresh()

    def grown(self) -> None:
        """Rows were added at the end of the table or the view: nothing is drawn again but what they fill."""
        before = self.virtual_size.height - HEADER
        self._measure()
        top = self.scroll_offset.y
        if before <= 0:
            self.refresh()
        elif before < top + self._lines:
            self.refresh(Region(0, HEADER + before - top, self.size.width, self._lines))

    def say_if_empty(self, *lines: str) -> None:
        """What to show in place of rows where there are none."""
        if lines != self._empty:
            self._empty = lines
            if not len(self):
                self.refresh()

    def redraw(self, position: int) -> None:
        """Draw one line again."""
        self.refresh_line(position + HEADER)

    def __len__(self) -> int:
        return len(self._table) if self._view is None else len(self._view)

    def __bool__(self) -> bool:
        return True  # a widget is there also when it shows nothing

    @property
    def row(self) -> int | None:
        """The table's row under the cursor, None in an empty list."""
        return self.row_at(self.cursor) if 0 <= self.cursor < len(self) else None

    def row_at(self, position: int) -> int:
        """The table's row at a position of the view."""
        return position if self._view is None else self._view[position]

    def rows(self, start: int, end: int) -> Sequence[int]:
        """The table's rows at the positions from start up to end."""
        return range(len(self))[start:end] if self._view is None else self._view[start:end]

    def position_of(self, row: int) -> int | None:
        """Where a row stands in the view, None where it is not shown."""
        position = self._position_near(row)
        return position if position < len(self) and self.row_at(position) == row else None

    def _position_near(self, row: int) -> int:
        """Where a row stands, or would, or the top."""
        last = max(len(self) - 1, 0)
        if self._view is None:
            return min(row, last)
        if self._sort == BY_NAME:
            return min(bisect_left(self._view, row), last)
        try:
            return self._view.index(row)
        except ValueError:
            return 0

    @property
    def _width(self) -> int:
        """Cells of a line, the scroll bar aside."""
        return self.scrollable_content_region.width

    @property
    def _lines(self) -> int:
        """Rows of keys that fit on screen."""
        return max(self.size.height - HEADER, 1)

    def _window(self) -> list[int]:
        """The rows on screen."""
        top = self.scroll_offset.y
        return list(self.rows(top, top + self._lines))

    def _measure(self) -> None:
        """Tell the scroll bar how many lines there are. Assigning virtual_size would lay everything out."""
        height = len(self) + HEADER
        self.set_reactive(Widget.virtual_size, Size(0, height))
        self.vertical_scrollbar.window_virtual_size = height
        self.vertical_scrollbar.window_size = self.size.height

    def on_resize(self) -> None:
        self._measure()
        self._keep_in_sight()

    # Moving

    def move_to(self, position: int) -> None:
        """Put the cursor on a position, or on the nearest that exists."""
        self.cursor = max(min(position, len(self) - 1), 0)
        self.hold()
        self._keep_in_sight()

    def hold(self) -> None:
        """Keep the cursor on this key from now on, however the rows are filtered and sorted."""
        if (row := self.row) is not None:
            self._held = row

    def page(self) -> int:
        """How far a page key goes."""
        return self._lines

    def watch_cursor(self, old: int, new: int) -> None:
        self.redraw(old)
        self.redraw(new)
        self.post_message(self.Moved())

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self.post_message(self.Moved())

    @property
    def last_in_sight(self) -> int:
        """The position of the window's last line."""
        return self.scroll_offset.y + self._lines

    def _keep_in_sight(self) -> None:
        position, top, lines = self.cursor, self.scroll_offset.y, self._lines
        if not top <= position < top + lines:
            half = lines // 2
            near_below = top + lines <= position <= top + 2 * lines
            self._scroll(position - lines + half if near_below else position - half)

    def _scroll(self, top: int) -> None:
        last = max(len(self) - self._lines, 0)
        self.scroll_to(y=max(min(top, last), 0), animate=False, force=True, immediate=True)

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on a key; a second click opens it."""
        position = event.y - HEADER + self.scroll_offset.y
        if event.y < HEADER or position >= len(self):
            return
        again = position == self.cursor and self._clicked == self.row_at(position)
        self.move_to(position)
        self._clicked = self.row
        if again or event.chain > 1:
            self.post_message(self.Chosen())

    # Drawing

    def _count_down(self) -> None:
        """Draw again the countdowns that show something else by now: mostly none."""
        width, expires, _metadata = columns(self._width)
        self._now = self._clock()
        in_sight: dict[int, str] = {}
        for line, row in enumerate(self._window(), HEADER):
            if (was := self._drawn.get(row)) is not None:
                in_sight[row] = was
                if was != expires_words(self._left(row)):
                    self.refresh(Region(GUTTER + width, line, expires, 1))
        self._drawn = in_sight

    def _left(self, row: int) -> float | None:
        """Seconds until a row expires, None for never."""
        expiration = self._table.expirations[row]
        return expiration - self._now if expiration else None

    def render_lines(self, crop: Region) -> list[Strip]:
        self._now = self._clock()
        return super().render_lines(crop)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._looks = None

    def watch_has_focus(self, has_focus: bool) -> None:
        super().watch_has_focus(has_focus)
        self._looks = None

    def render_line(self, y: int) -> Strip:
        width = self._width
        looks = self._looks = self._looks or self._look()
        position = y - HEADER + self.scroll_offset.y
        if y < HEADER:
            return header_strip(self._sort, width, looks.header)
        if position < len(self):
            return self._line(position, width, looks)
        if not len(self) and y - 2 * HEADER in range(len(self._empty)):
            words = safe_segments(self._empty[y - 2 * HEADER], looks.muted, width - GUTTER)
            return Strip([Segment(" " * GUTTER, looks.plain), *words], width)
        return Strip.blank(width, looks.plain)

    def _line(self, position: int, width: int, looks: Looks) -> Strip:
        row, table, left = self.row_at(position), self._table, self._left(self.row_at(position))
        self._drawn[row] = expires_words(left)
        key = Key(
            table.names[row],
            left,
            table.metadata[row],
            row in self._marks,
            at_cursor=position == self.cursor,
            drafted=table.names[row] in self._drafts,
        )
        return key_strip(key, width, looks)

    def _look(self) -> Looks:
        def component(name: str) -> Style:
            return self.get_component_rich_style(f"keylist--{name}")

        return Looks(
            self.rich_style,
            component("muted"),
            component("soon"),
            component("mark"),
            component("cursor" if self.has_focus else "cursor-blurred"),
            component("header"),
        )
