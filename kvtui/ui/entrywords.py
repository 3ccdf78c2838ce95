"""The entry in words: its header line, the name of a view, and all that is known of it."""

from __future__ import annotations

from textual.content import Content

from kvtui.api.models import Entry, Namespace
from kvtui.core.decoding import Decoded
from kvtui.core.values import Facts, Kind, View
from kvtui.core.wording import countdown, size_words, when_words
from kvtui.ui.present import safe_content

_SHA_SHORT = (8, 4, 0)
"""Hex digits of the SHA-256 that the header shows: fewer where it is narrow."""

_DOT = (" · ", "$text-muted")

NOTHING_CHOSEN = "Move in the list: the value under the cursor is shown here."
GONE = "Gone: this key has expired or was deleted since it was listed.\n\nR reads it again."
NEW = "new key"
NEW_KEY = "This key is not stored yet. ctrl+s saves it."
NO_VALUE = "The value is empty: 0 bytes are stored under this key."
NO_METADATA = "No metadata is stored with this key."

_VIEW_WORDS = {
    View.TEXT: "text",
    View.JSON: "JSON (pretty view)",
    View.HEX: "hex (view)",
    View.DECODED: "decoded (view)",
}


def header(entry: Entry, facts: Facts, now: float, width: int) -> Content:
    """Size, kind, SHA-256 and what is left of its life, as much as fits, the last two first to be kept."""
    known, life = [size_words(len(entry.value)), str(facts.kind)], life_words(entry.expiration, now)
    for digits in _SHA_SHORT:
        sha = [f"sha256 {facts.sha256[:digits]}…"] if digits else []
        line = Content.assemble(*_dotted([*known, *sha, life]))
        if line.cell_length <= width:
            break
    return line


def life_words(expiration: int | None, now: float) -> str:
    """`never expires`, `expires in 2h 03m` or `expired`."""
    if expiration is None:
        return "never expires"
    left = countdown(expiration - now)
    return left if left == "expired" else f"expires in {left}"


def elsewhere_words(until: float, now: float) -> str:
    """After a save: how long other places may go on serving what was there before."""
    return f"old copies until {when_words(until)[11:]}" if now < until else ""


def view_words(view: View, decoded: Decoded | None = None, inside: Kind | None = None) -> str:
    """What a view is called. All but text differ from the stored bytes, and say that they are a view."""
    if view is not View.DECODED or decoded is None or inside is None:
        return _VIEW_WORDS[view]
    note = f", {decoded.note}" if decoded.note else ""
    return f"{' → '.join([*decoded.layers, str(inside)])} (decoded view{note})"


def reading_words(done: int, of: int | None) -> str:
    """How far a value has been read."""
    if not done:
        return "reading…"
    return f"reading… {size_words(done)}" + (f" of {size_words(of)}" if of else "")


def info(namespace: Namespace, name: str, entry: Entry, facts: Facts, read_at: float, now: float) -> Content:
    """All that is known of an entry, a line each."""
    size = len(entry.value)
    binary_size = f" ({size_words(size)})" if size >= 10_000 else ""
    metadata = len(entry.metadata.encode("utf-8", "surrogateescape")) if entry.metadata is not None else 0
    lines = [
        _line("namespace", safe_content(namespace.title)),
        _line("id", safe_content(namespace.id)),
        _line("key", safe_content(name)),
        _line("", Content(f"{len(name.encode('utf-8', 'surrogatepass')):,} of at most 512 bytes")),
        _line("size", Content(f"{size:,} B{binary_size}")),
        _line("kind", Content(str(facts.kind))),
        _line("sha256", Content(facts.sha256)),
        _line("metadata", Content(f"{metadata:,} of at most 1,024 bytes" if metadata else "none")),
        *_expiry(entry.expiration, now),
        _line("read", Content(when_words(read_at))),
    ]
    return Content("\n").join(lines)


def _expiry(expiration: int | None, now: float) -> list[Content]:
    if expiration is None:
        return [_line("expires", Content("never"))]
    left = countdown(expiration - now)
    return [
        _line("expires", Content(when_words(expiration))),
        _line("", Content(when_words(expiration, local=True))),
        _line("", Content(left if left == "expired" else f"in {left}")),
    ]


def _line(label: str, words: Content) -> Content:
    return Content.assemble((f"{label:<10}", "$text-muted"), words)


def _dotted(words: list[str]) -> list[str | tuple[str, str]]:
    parts: list[str | tuple[str, str]] = []
    for word in words:
        parts += [_DOT, word] if parts else [word]
    return parts
