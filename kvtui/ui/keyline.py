"""One line of the list of keys: its columns, its styles, and how a row becomes segments."""

from __future__ import annotations

from typing import NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from kvtui.core.orders import BY_EXPIRY, BY_NAME_BACKWARDS
from kvtui.core.wording import countdown
from kvtui.ui.present import safe_segments

GUTTER = 3
"""The cursor's sign, the mark's, and the draft's."""

EXPIRES = 9
METADATA_FROM = 44
EXPIRES_FROM = 34
"""Columns show only where the list is at least this wide, in cells."""

SOON_S = 600
"""A key that expires within ten minutes stands out."""

LAST_S = 10
"""The countdown's last seconds, which are counted one by one."""


class Columns(NamedTuple):
    """The widths of the columns; zero for one that there is no room for."""

    name: int
    expires: int = 0
    metadata: int = 0


class Looks(NamedTuple):
    """The styles of a line's parts, worked out once: asking for them costs more than drawing a line."""

    plain: Style
    muted: Style
    soon: Style
    mark: Style
    cursor: Style
    header: Style


class Key(NamedTuple):
    """What a line shows. `left` is in seconds until the key expires, None for never.

    `drafted` says that there is an edit of it that was not saved.
    """

    name: str
    left: float | None
    metadata: str | None
    marked: bool
    at_cursor: bool
    drafted: bool = False


def columns(width: int) -> Columns:
    """The widths of the columns in a list of this width, the gutter aside."""
    room = max(width - GUTTER, 1)
    if width < EXPIRES_FROM:
        return Columns(room)
    if width < METADATA_FROM:
        return Columns(room - EXPIRES, EXPIRES)
    name = (room - EXPIRES) * 3 // 5
    return Columns(name, EXPIRES, room - EXPIRES - name)


def expires_words(left: float | None) -> str:
    """In minutes, then in steps of five seconds, at last in seconds: over SSH each change costs a line."""
    if left is not None and LAST_S < left < 60:
        left = left // 5 * 5
    words = countdown(left)
    return words.split()[0] if words.endswith("s") else words


def header_strip(sort: str, width: int, style: Style) -> Strip:
    """The columns' names, with an arrow where the list is not in the server's order."""
    name, expires, metadata = columns(width)
    segments = [Segment(" " * GUTTER, style)]
    segments += safe_segments("name ▲" if sort == BY_NAME_BACKWARDS else "name", style, name)
    segments += safe_segments("expires▼" if sort == BY_EXPIRY else "expires", style, expires)
    segments += safe_segments("metadata", style, metadata)
    return Strip(segments, width)


def key_strip(key: Key, width: int, looks: Looks) -> Strip:
    """A key's line."""
    name, expires, metadata = columns(width)
    plain, muted, soon, mark = looks[:4]
    if key.at_cursor:
        plain = muted = soon = mark = looks.cursor
    gutter = (">" if key.at_cursor else " ") + ("*" if key.marked else " ")
    style = mark if key.marked else plain
    draft = Segment("~", mark) if key.drafted else Segment(" ", style)
    near = key.left is not None and 0 < key.left < SOON_S
    segments = [Segment(gutter, style), draft]
    segments += [*safe_segments(key.name, style, name - 1), Segment(" ", plain)]
    segments += safe_segments(expires_words(key.left), soon if near else muted, expires)
    segments += safe_segments(key.metadata or "", muted, metadata)
    return Strip(segments, width).simplify()  # each change of style is some 40 bytes to the terminal
