"""Untrusted text, made visible: what a hostile name or value becomes before anyone is shown it.

Keys and values are written by strangers. Raw control characters would speak to the terminal, and
characters without a shape of their own would make two different names look the same. Each of these is
shown as an escape (`\\e`, `\\n`, `\\x9b`, `\\u202e`); the caller marks escapes by a style of their own, and
where there is no style (`safe_str`) a backslash that was there before is doubled, so nothing is ambiguous.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

_NAMED = {"\0": "\\0", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\x1b": "\\e"}
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"}

_SHAPELESS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\U0001d159")
"""Fillers, inherent vowels, the blank braille cell: assigned characters with nothing to see."""

_SELECTORS = re.compile("[\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef\U0001f3fb-\U0001f3ff]")
"""Variation selectors and skin tones: they change the look of what is before them, and terminals do not
agree on how wide that becomes."""

_MARKS_MOST = 4
"""Combining marks in a row that are still drawn; more of them climb over the lines around."""

_DOUBTFUL = re.compile(r"[^\x20-\x7e]+")

_DRAWN, _MARK, _NEVER_DRAWN = range(3)


def escape(text: str) -> list[tuple[str, bool]]:
    """Runs of (what is shown, whether it is an escape), in order. Different texts give different runs."""
    runs: list[tuple[str, bool]] = []
    at = 0
    for doubtful in _DOUBTFUL.finditer(text):
        _append(runs, text[at : doubtful.start()], False)
        for shown, hidden in escape_each(doubtful[0], leans=doubtful.start() > 0):
            _append(runs, shown, hidden)
        at = doubtful.end()
    _append(runs, text[at:], False)
    return runs


def escape_each(text: str, *, leans: bool = False) -> Iterator[tuple[str, bool]]:
    """The same, a pair for every character. `leans` when something drawn goes before the text."""
    # A mark needs something drawn to stand on, else it would lean on an escape or a border.
    marks = 0 if leans else _MARKS_MOST
    for char in text:
        kind = _kind(char)
        hidden = kind == _NEVER_DRAWN or (kind == _MARK and marks >= _MARKS_MOST)
        marks = marks + 1 if kind == _MARK else (_MARKS_MOST if hidden else 0)
        yield (_spell(char) if hidden else char, hidden)


def safe_str(text: str) -> str:
    """The text with its escapes, for places without styles: different texts stay different."""
    if text.isascii() and text.isprintable() and "\\" not in text:
        return text
    return "".join(shown if hidden else shown.replace("\\", "\\\\") for shown, hidden in escape(text))


def _append(runs: list[tuple[str, bool]], shown: str, hidden: bool) -> None:
    if not shown:
        return
    if runs and runs[-1][1] == hidden:
        runs[-1] = (runs[-1][0] + shown, hidden)
    else:
        runs.append((shown, hidden))


@lru_cache(maxsize=8192)
def _kind(char: str) -> int:
    if char == " ":
        return _DRAWN
    category = unicodedata.category(char)
    if category in _HIDDEN or char in _SHAPELESS or _SELECTORS.match(char):
        return _NEVER_DRAWN
    # The inner letters of a decomposed Hangul syllable take no cell of their own, like a mark.
    jamo = "\u1160" <= char <= "\u11ff" or "\ud7b0" <= char <= "\ud7ff"
    return _MARK if category in ("Mn", "Me", "Mc") or jamo else _DRAWN


def _spell(char: str) -> str:
    """Of fixed lengths, so that escapes in a row cannot be read in two ways."""
    code = ord(char)
    if char in _NAMED:
        return _NAMED[char]
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
