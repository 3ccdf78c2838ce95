"""What the dialogs about changes are made of: a box that fits any screen, and a list that an input moves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from textual import events
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.css.scalar import Unit
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

LEAST_SIZE = (40, 12)
"""Columns and rows under which nothing may be destroyed: not all of what is asked could be seen."""

TALL_FROM = 20
"""Rows from which there is room for blank lines."""

WIDEST = 84
NARROW_BELOW = 60

GIVES_LEAST = 2
"""Rows that the part which gives way always keeps."""

PICKS_MOST = 10
"""Choices that are seen at once."""

LABEL = 9
"""Cells of a label in front of what it says."""

T = TypeVar("T")

PAGING = [
    Binding("pagedown", "scroll(4)", "Read on", show=False),
    Binding("pageup", "scroll(-4)", "Read back", show=False),
]
"""What scrolls where an input has the letters."""

SCROLLING = [
    Binding("j,down", "scroll(1)", "Down", show=False),
    Binding("k,up", "scroll(-1)", "Up", show=False),
    Binding("ctrl+d,pagedown,space", "scroll(6)", "Page down", show=False),
    Binding("ctrl+u,pageup", "scroll(-6)", "Page up", show=False),
]


class Dialog(ModalScreen[T]):
    """A box whose part of class `gives` shrinks and scrolls, so that all else in it stays in sight.

    The keys stand in its frame: of several wordings, the longest first, the first one that fits.
    """

    def frame(self, title: Content) -> Vertical:
        """The box, to be filled within `with`."""
        box = Vertical(classes="dialog")
        box.border_title = title
        return box

    def hints(self) -> Sequence[str]:
        """The keys in words, the longest wording first."""
        return ("esc cancel",)

    @property
    def too_small(self) -> bool:
        """Whether not all of the question could be seen."""
        return self.size.width < LEAST_SIZE[0] or self.size.height < LEAST_SIZE[1]

    @property
    def room(self) -> int:
        """The cells of a line within the box."""
        return max(min(self.size.width, WIDEST) - 4, 1)

    def on_key(self, event: events.Key) -> None:
        """A letter that was typed before the line had the keyboard is for the line."""
        for field in self.query(Input):
            if event.character and event.is_printable:
                event.stop()
                field.insert_text_at_cursor(event.character)

    def on_resize(self) -> None:
        self.set_class(self.size.height < TALL_FROM, "-short")
        self.set_class(self.size.width < NARROW_BELOW, "-narrow")
        self.fit()

    def fit(self) -> None:
        """Give the part that gives way the rows that the others leave, and the frame its keys."""
        box = self.query_one(".dialog")
        if not self.size.width:
            return
        hints = ["window is too small · esc cancel"] if self.too_small else self.hints()
        box.border_subtitle = Content(next((one for one in hints if len(one) <= self.room - 2), hints[-1]))
        self._give_way([self._rows(child) for child in box.children if not child.has_class("gives")])
        self.call_after_refresh(self._fit_again)

    def _fit_again(self) -> None:
        """What was reckoned may differ from what was laid out, where a part has parts of its own."""
        for box in self.query(".dialog"):
            fixed = [child for child in box.children if child.display and not child.has_class("gives")]
            self._give_way([child.outer_size.height + child.styles.margin.height for child in fixed])

    def _give_way(self, taken: Sequence[int]) -> None:
        for giving in self.query(".dialog > .gives"):
            room = max(self.size.height - 2 - sum(taken) - giving.styles.margin.height, GIVES_LEAST)
            giving.styles.max_height = min(room, PICKS_MOST) if isinstance(giving, PickList) else room

    def say(self, words: Content, rows: int = 4, selector: str = "#said") -> None:
        """Put words into a place that is never taller than so many rows."""
        place = self.query_one(selector, Static)
        place.update(capped(words, self.room, rows))
        place.display = bool(words)
        self.fit()

    def action_scroll(self, lines: int) -> None:
        """Move the text by some lines."""
        for giving in self.query(".gives"):
            giving.scroll_relative(y=lines, animate=False)

    def _rows(self, widget: Widget) -> int:
        styles = widget.styles
        if not widget.display:
            return 0
        height = styles.height
        if height is not None and height.unit is Unit.CELLS:
            rows = int(height.value)
        else:
            rows = widget.get_content_height(Size(self.room, self.size.height), self.size, self.room)
            rows += styles.gutter.height
        most = styles.max_height
        if most is not None and most.unit is Unit.CELLS:
            rows = min(rows, int(most.value))
        return rows + styles.margin.height


class MarkedList(OptionList):
    """A list whose current line has a sign as well as a colour."""

    def __init__(self, labels: Sequence[Content] = (), marked: int = 0, *, id: str | None = None) -> None:
        self._labels: list[Content] = []
        self._marked: int | None = None
        super().__init__(id=id, compact=True, markup=False)
        self.write(labels, marked)

    @property
    def picked(self) -> int:
        """The number of the current line."""
        return self.highlighted or 0

    def write(self, labels: Sequence[Content], marked: int | None = None) -> None:
        """Show these lines; the current one stays, unless another is named."""
        at = self.picked if marked is None else marked
        self._labels = list(labels)
        self._marked = None
        self.set_options(Option(self._label(number)) for number in range(len(labels)))
        self.highlighted = min(at, len(labels) - 1) if labels else None

    def move(self, by: int) -> None:
        """Make another line the current one, as far as there are lines."""
        self.highlighted = min(max(self.picked + by, 0), len(self._labels) - 1)

    def watch_highlighted(self, highlighted: int | None) -> None:
        super().watch_highlighted(highlighted)
        before, self._marked = self._marked, highlighted
        for at in {before, highlighted}:
            if at is not None:
                self.replace_option_prompt_at_index(at, self._label(at))

    def _label(self, at: int) -> Content:
        return Content("> " if at == self._marked else "  ") + self._labels[at]


class PickList(MarkedList, can_focus=False):
    """Some choices beside an input. It never has the keyboard: its dialog moves the mark."""

    def __init__(self, labels: Sequence[Content], marked: int = 0) -> None:
        super().__init__(labels, marked)
        self.add_class("gives")


def capped(words: Content, width: int, rows: int) -> Content:
    """The words in at most so many rows; an ellipsis says that there is more."""
    lines = words.wrap(max(width, 2))
    if len(lines) <= rows:
        return words
    last = lines[rows - 1].rstrip()
    return Content("\n").join([*lines[: rows - 1], last.truncate(width - 1) + Content("…")])


def labelled(label: str, words: Content, width: int) -> Content:
    """A label, and words beside it that stay beside it when they are broken."""
    lines = words.wrap(max(width - LABEL, 2)) or [words]
    gap = Content("\n" + " " * LABEL)
    return Content.styled(f"{label:<{LABEL}}", "dim") + gap.join(lines)
