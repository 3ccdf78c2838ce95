"""From model to screen: text becomes Content, Text or Segments here, and nothing leaves as a bare str.

Untrusted text goes through `safe_*`: what a terminal would obey or could not draw is shown as an escape, in
reverse, so that a real escape character differs from the two letters `\\e`. `ControlFilter` is the last wall.
"""

from __future__ import annotations

from functools import lru_cache

from rich.cells import cell_len, chop_cells
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.color import Color
from textual.content import Content
from textual.filter import LineFilter

from kvtui.core.escape import escape

ELLIPSIS = "…"

_STRIPPED = dict.fromkeys(
    [
        *range(0x20),
        *range(0x7F, 0xA0),
        *(0x061C, 0x200E, 0x200F, 0x2028, 0x2029),
        *range(0x202A, 0x202F),
        *range(0x2066, 0x206A),
        *range(0xD800, 0xE000),
    ]
)
"""What may make a terminal act, break a line or turn its direction. Textual counts all of these as no cell
wide, so that taking them away moves nothing."""


# Untrusted text


def safe_content(text: str, style: str = "") -> Content:
    """Untrusted text for widgets that take Content."""
    if text.isascii() and text.isprintable():
        return Content.styled(text, style) if style else Content(text)
    return Content.assemble(*((shown, _marked(style, hidden)) for shown, hidden in escape(text)))


def safe_text(text: str, style: str = "") -> Text:
    """Untrusted text for trees and tables, which take rich's Text."""
    if text.isascii() and text.isprintable():
        return Text(text, style)
    return Text.assemble(*((shown, _marked(style, hidden)) for shown, hidden in escape(text)))


def safe_segments(text: str, style: Style, width: int) -> list[Segment]:
    """Untrusted text in exactly `width` cells: cut, with an ellipsis, or filled up with spaces."""
    if width <= 0:
        return []
    if text.isascii() and text.isprintable():
        if len(text) > width:
            text = text[: width - 1] + ELLIPSIS
        return [Segment(text.ljust(width), style)]
    # A drawn character has at most four marks, so this many are enough to fill the width and go over it.
    return _fitted(text[: 5 * (width + 1)], style, width)


def escape_style(style: Style) -> Style:
    """How an escape looks within text of this style: turned round, also where the text already is."""
    return _turned(style)


@lru_cache(maxsize=2048)
def _fitted(text: str, style: Style, width: int) -> list[Segment]:
    segments = [Segment(shown, escape_style(style) if hidden else style) for shown, hidden in escape(text)]
    return fit(segments, style, width)


def fit(segments: list[Segment], style: Style, width: int) -> list[Segment]:
    """These segments in exactly `width` cells: cut, with an ellipsis, or filled up with spaces."""
    spare = width - sum(cell_len(segment.text) for segment in segments)
    if spare >= 0:
        return [*segments, Segment(" " * spare, style)] if spare else list(segments)
    fitted: list[Segment] = []
    room = width - 1
    for segment in segments:
        size = cell_len(segment.text)
        if size > room:
            head = chop_cells(segment.text, room)[0] if room else ""
            head = head if cell_len(head) <= room else ""
            fitted.append(Segment(head, segment.style))
            room -= cell_len(head)
            break
        fitted.append(segment)
        room -= size
    return [*fitted, Segment(ELLIPSIS + " " * room, style)]


@lru_cache(maxsize=256)
def _turned(style: Style) -> Style:
    return style + Style(reverse=not style.reverse)


def _marked(style: str, hidden: bool) -> str:
    return f"{style} reverse".strip() if hidden else style


class ControlFilter(LineFilter):
    """The last wall: takes control and direction characters out of every line that is drawn.

    Textual lets most of them through. One shown key could write to the clipboard, or make the terminal
    answer in key presses. An app needs one instance of its own: Textual caches lines by the
    filter's identity.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            segment
            if segment.control or (segment.text.isascii() and segment.text.isprintable())
            else Segment(segment.text.translate(_STRIPPED), segment.style)
            for segment in segments
        ]
