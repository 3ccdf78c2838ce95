"""Values in rows: how bytes are laid out on a screen, as text or as hex, from any place on.

Nothing here looks at more than the rows that are asked for, so a value of 25 MiB costs what a small one
does. A place is an offset in bytes. Text is broken at the width of the view; a line of megabytes is taken
in pieces.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from kvtui.core.escape import escape_each
from kvtui.ui.present import escape_style

PIECE = 4096
"""Bytes of one line that are broken into rows together, about."""

_PIECES_KEPT = 256

_JSON = re.compile(
    r"""(?P<key>"(?:[^"\\]+|\\.)*+"(?=\s*:)) | (?P<string>"(?:[^"\\]+|\\.)*+"?)
      | (?P<number>-?\d[\d.eE+-]*) | (?P<word>true|false|null) | (?P<mark>[{}\[\],:]+)""",
    re.VERBOSE,
)


_PRINTABLE = range(0x20, 0x7F)
_GROUPS = bytes(0 if byte in _PRINTABLE else 1 if byte == 0 else 2 for byte in range(256))
_LETTERS = bytes(byte if byte in _PRINTABLE else 0xB7 for byte in range(256))
"""For hex: what a byte is painted as (letter, zero, other), and the letter or the dot that stands for it."""


class Inks(NamedTuple):
    """The styles that rows are painted in."""

    plain: Style
    faint: Style
    key: Style
    string: Style
    number: Style
    word: Style
    hit: Style
    here: Style


class Row(NamedTuple):
    """A row of the screen: the bytes from `start` up to `end`, their text, and (from, to, ink) on it."""

    start: int
    end: int
    text: str
    tones: tuple[tuple[int, int, str], ...] = ()


class Mark(NamedTuple):
    """Bytes that stand out: those that were found, and among them the ones one has gone to."""

    start: int
    end: int
    here: bool


class Layout(Protocol):
    """Bytes in rows, for a width in cells. Places that are given need not be the start of a row."""

    data: bytes

    def rows(self, start: int, count: int, width: int) -> list[Row]:
        """At most `count` rows from that which holds `start` on."""

    def above(self, start: int, count: int, width: int) -> int:
        """Where the row begins that is `count` rows above that which holds `start`; 0 at the top."""

    def paint(self, row: Row, width: int, inks: Inks, marks: Sequence[Mark]) -> list[Segment]:
        """A row as it is drawn."""


class TextLayout:
    """UTF-8 in rows; `json` paints it as JSON. A line break at the very end, easily overlooked, is shown."""

    def __init__(self, data: bytes, *, json: bool = False) -> None:
        self.data = data
        self._json = json
        self._line = (0, -1)
        self._pieces: dict[tuple[int, int], tuple[list[Row], int]] = {}

    def rows(self, start: int, count: int, width: int) -> list[Row]:
        rows: list[Row] = []
        while len(rows) < count and start < len(self.data):
            piece, after = self._piece(start, width)
            rows += [row for row in piece if row.end > start or row.start == start]
            start = after
        return rows[:count]

    def above(self, start: int, count: int, width: int) -> int:
        piece, _after = self._piece(start, width)
        at = max((index for index, row in enumerate(piece) if row.start <= start), default=0)
        while count > at:
            if piece[0].start == 0:
                return 0
            count -= at + 1
            piece, _after = self._piece(piece[0].start - 1, width)
            at = len(piece) - 1
        return piece[at - count].start

    def paint(self, row: Row, width: int, inks: Inks, marks: Sequence[Mark]) -> list[Segment]:
        text = row.text
        if not row.tones and not marks and text.isascii() and text.isprintable():
            return [Segment(text, inks.plain)]
        styles = [inks.plain] * len(text)
        for start, end, tone in row.tones:
            styles[start:end] = [getattr(inks, tone)] * (end - start)
        for mark in marks:
            start, end = self._chars(row, mark.start), self._chars(row, mark.end)
            styles[start:end] = [inks.here if mark.here else inks.hit] * (end - start)
        return _joined(
            (shown, escape_style(style) if hidden else style)
            for (shown, hidden), style in zip(escape_each(text), styles, strict=True)
        )

    def _chars(self, row: Row, offset: int) -> int:
        """Characters of a row before an offset."""
        return len(_decoded(self.data[row.start : min(max(offset, row.start), row.end)]))

    def _piece(self, offset: int, width: int) -> tuple[list[Row], int]:
        """The rows of the piece that holds an offset, and where the next piece begins."""
        line, line_end = self._line_at(offset)
        size = max(PIECE // width, 1) * width
        number = (offset - line) // size
        start = self._char_from(line + number * size) if number else line
        end = min(self._char_from(line + (number + 1) * size), line_end)
        known = self._pieces.get((start, width))
        if known is None:
            if len(self._pieces) >= _PIECES_KEPT:
                self._pieces.clear()
            after = end + 1 if end == line_end else end
            known = self._pieces[start, width] = list(self._break(start, end, width, number == 0)), after
        return known

    def _line_at(self, offset: int) -> tuple[int, int]:
        start, end = self._line
        if not start <= offset <= end or offset >= len(self.data):
            start = self.data.rfind(b"\n", 0, offset) + 1
            end = self.data.find(b"\n", offset)
            if end in (-1, len(self.data) - 1):
                end = len(self.data)
            self._line = (start, end)
        return start, end

    def _char_from(self, offset: int) -> int:
        """The first character that begins at an offset or after it."""
        for at in range(offset, min(offset + 4, len(self.data))):
            if self.data[at] & 0xC0 != 0x80:
                return at
        return offset

    def _break(self, start: int, end: int, width: int, at_line_start: bool) -> Iterator[Row]:
        text = _decoded(self.data[start:end])
        tones = list(_json_tones(text)) if self._json and at_line_start else []
        for first, last in _broken(text, width):
            part = text[first:last]
            size = len(part) if part.isascii() else len(part.encode("utf-8", "surrogateescape"))
            within = tuple(
                (max(low, first) - first, min(high, last) - first, tone)
                for low, high, tone in tones
                if low < last and high > first
            )
            yield Row(start, start + size, part, within)
            start += size


class HexLayout:
    """Bytes in hex beside their ASCII, as many in a row as fit."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._digits = max(4, len(f"{len(data):x}"))

    def rows(self, start: int, count: int, width: int) -> list[Row]:
        step = self._step(width)
        first = start // step * step
        end = min(len(self.data), first + count * step)
        return [Row(at, min(at + step, end), "") for at in range(first, end, step)]

    def above(self, start: int, count: int, width: int) -> int:
        step = self._step(width)
        return max(start // step - count, 0) * step

    def paint(self, row: Row, width: int, inks: Inks, marks: Sequence[Mark]) -> list[Segment]:
        step = self._step(width)
        part = self.data[row.start : row.end]
        tints = (inks.plain, inks.faint, inks.number)
        styles = [tints[group] for group in part.translate(_GROUPS)]
        for mark in marks:
            start, end = max(mark.start, row.start) - row.start, min(mark.end, row.end) - row.start
            styles[start:end] = [inks.here if mark.here else inks.hit] * (end - start)
        pairs = [Segment(f"{row.start:0{self._digits}x}  ", inks.faint)]
        letters: list[Segment] = []
        for start, end in _runs(styles, 8 if step == 16 else 0):
            gap = "  " if step == 16 and end == 8 else " "
            pairs += [Segment(part[start:end].hex(" "), styles[start]), Segment(gap, inks.plain)]
            letters.append(Segment(part[start:end].translate(_LETTERS).decode("latin-1"), styles[start]))
        missing = 3 * (step - len(part)) + (step == 16 and len(part) < 8) + 1
        return [*pairs, Segment(" " * missing, inks.plain), *letters]

    def _step(self, width: int) -> int:
        for step in (16, 8, 4, 2):
            if self._digits + 2 + 3 * step + (step == 16) + 1 + step <= width:
                return step
        return 1


def _runs(styles: list[Style], split: int) -> Iterator[tuple[int, int]]:
    """Where one style begins and ends; no run goes across the index `split`."""
    start = 0
    for at in range(1, len(styles) + 1):
        if at == len(styles) or at == split or styles[at] is not styles[start]:
            yield start, at
            start = at


def _joined(parts: Iterator[tuple[str, Style]]) -> list[Segment]:
    """Neighbours of one style as one segment."""
    segments: list[Segment] = []
    texts: list[str] = []
    current: Style | None = None
    for text, style in parts:
        if style is not current and texts:
            segments.append(Segment("".join(texts), current))
            texts = []
        current = style
        texts.append(text)
    if texts:
        segments.append(Segment("".join(texts), current))
    return segments


def _decoded(data: bytes) -> str:
    """Bytes that are not UTF-8 become half surrogate pairs, which are shown as escapes."""
    return data.decode("utf-8", "surrogateescape")


def _json_tones(text: str) -> Iterator[tuple[int, int, str]]:
    for match in _JSON.finditer(text):
        kind = match.lastgroup or "mark"
        yield match.start(), match.end(), "faint" if kind == "mark" else kind


def _broken(text: str, width: int) -> Iterator[tuple[int, int]]:
    """Where rows begin and end in a text, in characters; at least one row."""
    if text.isascii() and text.isprintable():
        for first in range(0, max(len(text), 1), width):
            yield first, min(first + width, len(text))
        return
    first = used = 0
    for at, (shown, hidden) in enumerate(escape_each(text)):
        cells = len(shown) if hidden else cell_len(shown)
        if used + cells > width and at > first:
            yield first, at
            first, used = at, 0
        used += cells
    yield first, len(text)
