"""A window on bytes of any size: it draws the rows that are seen and knows nothing of the others."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.message import Message
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

from kvtui.core.finding import Hits
from kvtui.ui.rows import Inks, Layout, Mark, Row, TextLayout

WHEEL_ROWS = 3


class ValueView(Widget, can_focus=True):
    """Shows a layout of bytes, broken at its own width. Its place is the offset of its first row."""

    COMPONENT_CLASSES = {f"value--{ink}" for ink in Inks._fields}

    DEFAULT_CSS = """
    ValueView {
        height: 1fr;
        & > .value--plain { color: $foreground; }
        & > .value--faint { color: $text-muted; }
        & > .value--key { color: $text-primary; }
        & > .value--string { color: $text-success; }
        & > .value--number { color: $text-warning; }
        & > .value--word { color: $text-accent; text-style: bold; }
        & > .value--hit { text-style: underline reverse; }
        & > .value--here { color: $text-accent; text-style: bold reverse; }
    }
    """

    class Moved(Message):
        """Another part of the value is seen."""

    def __init__(self) -> None:
        super().__init__()
        self._layout: Layout = TextLayout(b"")
        self._top = 0
        self._seen: list[Row] = []
        self._hits: Hits | None = None
        self._here = 0
        self._inks: Inks | None = None

    # What is shown

    def show(self, layout: Layout, top: int = 0) -> None:
        """Show other bytes, or the same in another layout, from a place on."""
        self._layout = layout
        self._hits = None
        self._place(top)

    def mark(self, hits: Hits | None, here: int = 0) -> None:
        """Make what was found stand out, and show the hit with this number."""
        self._hits = hits
        self._here = here
        if hits and hits.starts:
            self.show_offset(hits.starts[here])
        self.refresh()

    def show_offset(self, offset: int) -> None:
        """Bring a byte into view: where it is not seen already, a third down from the top."""
        if not (self._seen and self._seen[0].start <= offset < self._seen[-1].end):
            self._place(self._layout.above(offset, self.size.height // 3, self._width))

    @property
    def top(self) -> int:
        """The offset of the first byte that is seen."""
        return self._top

    @property
    def seen_to(self) -> int:
        """The offset after the last byte that is seen."""
        return self._seen[-1].end if self._seen else 0

    @property
    def data(self) -> bytes:
        """The bytes that are laid out: those that find looks through."""
        return self._layout.data

    @property
    def fits(self) -> bool:
        """Whether all of the bytes are seen."""
        return self._top == 0 and self.seen_to >= len(self._layout.data)

    @property
    def shown_text(self) -> str:
        """The rows that are seen, as they are drawn."""
        return "\n".join(
            "".join(segment.text for segment in self._painted(row)).rstrip() for row in self._seen
        )

    # Moving

    def move(self, rows: int) -> None:
        """Go down by some rows, or up."""
        if rows < 0:
            self._place(self._layout.above(self._top, -rows, self._width))
        elif self.seen_to < len(self._layout.data):
            below = self._layout.rows(self._top, rows + 1, self._width)
            self._place(below[-1].start)

    def page(self, pages: float) -> None:
        """Go down by some screens, keeping a row in view, or up."""
        rows = max(int(abs(pages) * self.size.height) - 1, 1)
        self.move(rows if pages > 0 else -rows)

    def home(self) -> None:
        """Go to the first byte."""
        self._place(0)

    def end(self) -> None:
        """Go to the last byte."""
        self._place(len(self._layout.data))

    def _place(self, top: int) -> None:
        """Show the rows from a place on, or, where they do not fill the view, the last that do."""
        height, width, size = self.size.height, self._width, len(self._layout.data)
        self._top, self._seen = 0, []
        if size and height:
            rows = self._layout.rows(min(top, size - 1), height, width)
            if len(rows) < height and top > 0:
                rows = self._layout.rows(self._layout.above(size - 1, height - 1, width), height, width)
            self._top, self._seen = rows[0].start, rows
        if self.is_attached and self in self.screen.selections:
            self.screen.clear_selection()
        self.refresh()
        self.post_message(self.Moved())

    @property
    def _width(self) -> int:
        return max(self.size.width, 1)

    def on_resize(self, event: events.Resize) -> None:
        self._place(self._top)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.move(WHEEL_ROWS)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.move(-WHEEL_ROWS)

    # Drawing

    def notify_style_update(self) -> None:
        self._inks = None
        super().notify_style_update()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y >= len(self._seen):
            return Strip.blank(width, self.rich_style)
        strip = Strip(self._painted(self._seen[y])).adjust_cell_length(width, self._ink().plain)
        selected = self.text_selection.get_span(y) if self.text_selection else None
        if selected is not None:
            start, end = selected
            strip = _turned(strip, start, strip.cell_length if end == -1 else end)
        return strip.apply_offsets(0, y)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """What the mouse has marked, as it is drawn."""
        return selection.extract(self.shown_text), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        self.refresh()

    def _painted(self, row: Row) -> list[Segment]:
        return self._layout.paint(row, self._width, self._ink(), list(self._marks(row)))

    def _marks(self, row: Row) -> Iterator[Mark]:
        if self._hits is None:
            return
        starts, length = self._hits.starts, self._hits.length
        for index in range(bisect_left(starts, row.start - length + 1), len(starts)):
            if starts[index] >= row.end:
                return
            yield Mark(starts[index], starts[index] + length, index == self._here)

    def _ink(self) -> Inks:
        if self._inks is None:
            self._inks = Inks(*(self._style_of(ink) for ink in Inks._fields))
        return self._inks

    def _style_of(self, ink: str) -> Style:
        return self.get_component_rich_style(f"value--{ink}")


def _turned(strip: Strip, start: int, end: int) -> Strip:
    """A strip with some of its cells in reverse."""
    before, marked, after = strip.crop(0, start), strip.crop(start, end), strip.crop(end)
    return Strip.join([before, marked.apply_style(Style(reverse=True)), after])
