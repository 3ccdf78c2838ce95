"""Diffs: what changes in a value, in a few lines for a card. All is pure.

Small text is compared line by line. Of big text, and of text in which line by line would take long, both
ends are compared and what lies between them is shown.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import islice
from typing import Literal

from kvtui.core.decoding import decode
from kvtui.core.layouts import INDENTED, Layout, json_problem, lay_out, layout_of
from kvtui.core.values import is_utf8

LINEWISE_BYTES, LINEWISE_LINES = 256 * 1024, 4000
"""Text of more bytes or lines is compared from both ends only; so is text with lines over LINE_BYTES."""

LINE_BYTES = 4 * 1024
CONTEXT = 2
"""Lines that stay, shown around those that change."""

_WORK_MOST = 5_000_000
"""At worst 0.4 s of comparing lines: what may take longer is compared from both ends."""

_BLOCK = 64 * 1024
_AROUND = 80
_SHOWN_LINE = 1000

Sign = Literal["-", "+", " ", "~"]


@dataclass(frozen=True, slots=True)
class DiffLine:
    """A line that goes (-), comes (+), stays ( ), or one that says something about the change (~).

    The text is as it is in the value: it is to be escaped before anyone is shown it.
    """

    sign: Sign
    text: str


def diff_values(before: bytes | None, after: bytes | None, *, lines: int = 200) -> list[DiffLine]:
    """What changes from one value to the other, in at most so many lines; None stands for no value.

    Some 30 ms for 25 MiB on each side, and hashing comes on top for what is no text; a few 0.1 s where
    thousands of small lines change. Above values.SMALL call it in a thread.
    """
    if before == after:
        return []
    found = list(islice(_diff(before, after, lines), lines + 1))
    if len(found) > lines:
        found[lines - 1 :] = [DiffLine("~", "more lines follow")]
    return found


def _diff(before: bytes | None, after: bytes | None, lines: int) -> Iterator[DiffLine]:
    old, new = before or b"", after or b""
    if not old and not new:
        yield DiffLine("~", "an empty value is added" if before is None else "an empty value is removed")
    elif not (is_utf8(old) and is_utf8(new)):
        yield from _inside(old, new) or _summary(before, after)
    elif _is_small(old) and _is_small(new):
        yield from _small(old, new, lines)
    else:
        yield from _window(old, new, lines)


def _is_small(text: bytes) -> bool:
    return len(text) <= LINEWISE_BYTES and text.count(b"\n") < LINEWISE_LINES


def _small(old: bytes, new: bytes, lines: int) -> Iterator[DiffLine]:
    if old and new and _is_json(old) and _is_json(new):
        layouts = layout_of(old), layout_of(new)
        pretty = lay_out(old, INDENTED), lay_out(new, INDENTED)
        if pretty[0] == pretty[1]:
            yield DiffLine("~", f"only white space differs: {_name(layouts[0])} → {_name(layouts[1])}")
            return
        if layouts[0] != layouts[1]:
            yield DiffLine("~", f"white space: {_name(layouts[0])} → {_name(layouts[1])}")
        # JSON with several lines in a layout of their own is best seen as it is.
        if layouts != (None, None) or b"\n" not in old or b"\n" not in new:
            old, new = pretty
    yield from _linewise(old, new) or _window(old, new, lines)


def _is_json(text: bytes) -> bool:
    return text.lstrip(b" \t\r\n")[:1] in (b"{", b"[") and json_problem(text) is None


def _name(layout: Layout | None) -> str:
    return layout.name if layout else "mixed"


def _linewise(old: bytes, new: bytes) -> list[DiffLine] | None:
    """A diff with some context; None when lines are long or comparing them would take long."""
    a, b = _lines_of(old), _lines_of(new)
    if any(len(line) > LINE_BYTES for text in (a, b) for line in text):
        return None
    first = 0
    while first < min(len(a), len(b)) and a[first] == b[first]:
        first += 1
    last = 0
    while last < min(len(a), len(b)) - first and a[-1 - last] == b[-1 - last]:
        last += 1
    # difflib is slow where lines are many or are alike, so it gets what differs and the context alone.
    start = max(first - CONTEXT, 0)
    a, b = (text[start : len(text) - max(last - CONTEXT, 0)] for text in (a, b))
    counts = Counter(b)
    if min(len(a), len(b)) * sum(counts[line] for line in a) > _WORK_MOST:
        return None
    found: list[DiffLine] = []
    for group in SequenceMatcher(None, a, b, autojunk=False).get_grouped_opcodes(CONTEXT):
        if at := start + group[0][1]:
            found.append(DiffLine("~", f"line {at + 1:,}"))
        for tag, a1, a2, b1, b2 in group:
            if tag == "equal":
                found += (DiffLine(" ", _text_of(line)) for line in a[a1:a2])
                continue
            found += (DiffLine("-", _text_of(line)) for line in a[a1:a2])
            found += (DiffLine("+", _text_of(line)) for line in b[b1:b2])
    if old and new and old.endswith(b"\n") != new.endswith(b"\n"):
        words = "the newline at the end goes" if old.endswith(b"\n") else "a newline at the end comes"
        found.append(DiffLine("~", words))
    return found


def _window(old: bytes, new: bytes, lines: int) -> Iterator[DiffLine]:
    """What lies between the common beginning and the common end, with a little of the lines around."""
    first = _common_start(old, new)
    last = _common_end(old, new, min(len(old), len(new)) - first)
    if old and new:
        yield DiffLine("~", f"{_size(old)} → {_size(new)}, compared from both ends")
        gone, come = (_size(text, first + last) for text in (old, new))
        yield DiffLine("~", f"from byte {first:,}: {gone} → {come}")
    start = _line_start(old, first)
    sides: list[tuple[Sign, bytes]] = [("-", old), ("+", new)]
    for sign, text in sides:
        if text:
            most = max((lines - 4) // 2, 1) if old and new else lines
            yield from _signed(sign, text, start, len(text) - last, most)


def _signed(sign: Sign, text: bytes, start: int, end: int, most: int) -> Iterator[DiffLine]:
    """The lines of a part of the text, long ones cut, and of these at most so many."""
    line_end = text.find(b"\n", end, end + _AROUND)
    stop = line_end if line_end >= 0 else min(len(text), end + _AROUND)
    part = text[start : min(stop, start + _BLOCK)]
    shown = part.split(b"\n", most)[:most]
    for line in shown:
        cut = "…" if len(line) > _SHOWN_LINE else ""
        yield DiffLine(sign, _whole_chars(line[:_SHOWN_LINE]) + cut)
    if len(part) < stop - start or part.count(b"\n") >= most:
        yield DiffLine("~", "more lines follow" if part.count(b"\n") else "more follows")


def _line_start(text: bytes, at: int) -> int:
    """Where the line begins that this byte is in, or a place a little before the byte."""
    found = text.rfind(b"\n", max(at - _AROUND, 0), at) + 1
    return found or max(at - _AROUND, 0)


def _whole_chars(part: bytes) -> str:
    """Text of which both ends may have been cut within a character."""
    while part and part[0] & 0xC0 == 0x80:
        part = part[1:]
    return part.decode(errors="ignore")


def _inside(old: bytes, new: bytes) -> list[DiffLine] | None:
    """The change seen inside of what is packed on both sides in the same way, when that is small text."""
    if max(len(old), len(new)) > LINEWISE_BYTES:
        return None
    a, b = decode(old, LINEWISE_BYTES), decode(new, LINEWISE_BYTES)
    if not a.layers or a.layers != b.layers or a.note or b.note or a.data == b.data:
        return None
    if not (is_utf8(a.data) and is_utf8(b.data) and _is_small(a.data) and _is_small(b.data)):
        return None
    return [DiffLine("~", f"inside {' → '.join(a.layers)}:"), *_small(a.data, b.data, LINEWISE_LINES)]


def _summary(before: bytes | None, after: bytes | None) -> list[DiffLine]:
    if before is None or after is None:
        value, verb = (before, "goes") if before is not None else (after or b"", "comes")
        return [DiffLine("~", f"{verb}: {_size(value)}, sha256 {_hash(value)}")]
    first = _common_start(before, after)
    return [
        DiffLine("~", f"{_size(before)} → {_size(after)}"),
        DiffLine("~", f"first difference at byte {first:,} (0x{first:x})"),
        DiffLine("~", f"sha256 {_hash(before)} → {_hash(after)}"),
    ]


def _common_start(a: bytes, b: bytes) -> int:
    """How many bytes are the same from the beginning on."""
    most = min(len(a), len(b))
    at = 0
    while at < most and a[at : at + _BLOCK] == b[at : at + _BLOCK]:
        at += _BLOCK
    return min(at + _alike(a[at : at + _BLOCK], b[at : at + _BLOCK]), most)


def _common_end(a: bytes, b: bytes, most: int) -> int:
    """How many bytes are the same up to the end, of at most so many."""
    at = 0
    while at + _BLOCK <= most:
        if a[len(a) - at - _BLOCK : len(a) - at] != b[len(b) - at - _BLOCK : len(b) - at]:
            break
        at += _BLOCK
    rest = min(_BLOCK, most - at)
    ends = (text[len(text) - at - rest : len(text) - at][::-1] for text in (a, b))
    return at + _alike(*ends)


def _alike(a: bytes, b: bytes) -> int:
    """The length of the common beginning of two blocks, by halving."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _lines_of(text: bytes) -> list[bytes]:
    lines = text.split(b"\n")
    return lines if lines[-1] else lines[:-1]


def _text_of(line: bytes) -> str:
    return line.decode(errors="surrogateescape")


def _size(value: bytes, but: int = 0) -> str:
    size = len(value) - but
    return "1 byte" if size == 1 else f"{size:,} bytes"


def _hash(value: bytes) -> str:
    return hashlib.sha256(value).hexdigest()[:12]
