"""Editing: from the bytes that are stored to what a person edits, and back.

Encodings are taken off and JSON is indented for the person; on the way back the JSON is laid out as it
was and the encodings are put on again. What was not touched is stored again byte for byte. All is pure;
above values.SMALL opening and closing are for a thread.
"""

from __future__ import annotations

import base64
import gzip
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal

from kvtui.api.limits import metadata_problem
from kvtui.core.decoding import Encoding, decode
from kvtui.core.escape import escape, escape_each
from kvtui.core.layouts import INDENTED, MINIFIED, Layout, json_problem, lay_out, layout_of
from kvtui.core.values import is_utf8

IN_PLACE_BYTES = 256 * 1024
IN_PLACE_LINE = 4 * 1024
"""Text of up to this many bytes, in all and in a line, is edited in the pane: beyond it typing lags."""


class Keep(Enum):
    """Says that the layout stays what it was."""

    KEEP = "keep"


KEEP: Final = Keep.KEEP


@dataclass(frozen=True, slots=True)
class Base64Form:
    """How base64 was written, so that it can be written so again. `width` is 0 for one line."""

    urlsafe: bool
    padded: bool
    width: int
    line_end: bytes
    ends_line: bool

    def encode(self, data: bytes) -> bytes:
        """The data as base64 in this form."""
        text = base64.urlsafe_b64encode(data) if self.urlsafe else base64.b64encode(data)
        if not self.padded:
            text = text.rstrip(b"=")
        if self.width:
            lines = (text[at : at + self.width] for at in range(0, len(text), self.width))
            text = self.line_end.join(lines)
        return text + self.line_end if self.ends_line else text


@dataclass(frozen=True, slots=True)
class Editable:
    """What a person edits of a value, and what it takes to store it again.

    `data` is what is edited; `layers` are the encodings that were taken off, outermost first; `layout` is
    the one in which JSON was stored, None where the text is edited as it is; `stored` is the value;
    `binary` says that the data is not UTF-8, so that only an editor for raw bytes will do. `forms`
    belong to the layers of base64, which are always the outer ones.
    """

    data: bytes
    layers: tuple[Encoding, ...]
    layout: Layout | None
    is_json: bool
    stored: bytes
    binary: bool
    forms: tuple[Base64Form, ...] = ()

    @property
    def suffix(self) -> Literal[".json", ".txt", ".bin"]:
        """How the name of a file ends that is to be edited."""
        return ".bin" if self.binary else ".json" if self.is_json else ".txt"

    @property
    def words(self) -> str:
        """What is edited, for people: "JSON, stored minified", "gzip → text"."""
        kind = "binary" if self.binary else "JSON" if self.is_json else "text"
        if self.is_json:
            kind += f", stored {self.layout.name}" if self.layout else ", in a layout of its own"
        return " → ".join((*self.layers, kind))


def open_value(value: bytes) -> Editable:
    """What a person edits of this value."""
    data, layers, forms = _peel(value)
    if not is_utf8(data):
        # What cannot be edited as text inside may still be text outside: base64 of an image.
        data, layers, forms = value, (), ()
    binary = not is_utf8(data)
    is_json = not binary and _is_json(data)
    layout = layout_of(data) if is_json else None
    return Editable(_pretty(data, layout), layers, layout, is_json, value, binary, forms)


def close_value(editable: Editable, data: bytes, layout: Layout | Keep | None = KEEP) -> bytes:
    """The bytes to store when `data` is what the person made of it.

    JSON is stored in the layout; None, or text that is no JSON, is stored as it was typed. Untouched data
    gives what is stored, unless another layout is asked for.
    """
    wanted = editable.layout if isinstance(layout, Keep) else layout
    if data == editable.data and wanted in (None, editable.layout):
        return editable.stored
    if editable.is_json and wanted is not None:
        data = _laid_out(data, wanted)
        # An editor that only added a final newline has changed nothing.
        if wanted == editable.layout and data == _laid_out(editable.data, wanted):
            return editable.stored
    for encoding in reversed(editable.layers[len(editable.forms) :]):
        data = _put_on(encoding, data)
    for form in reversed(editable.forms):
        data = form.encode(data)
    return data


def in_place_problem(text_bytes: bytes, untouched: Callable[[str], str]) -> str | None:
    """Why this may not be edited in the pane, as a sentence that says what to do; None when it may.

    `untouched` gives what the text widget gives back for a text that nobody touched.
    """
    if not is_utf8(text_bytes):
        return "This is not UTF-8 text: E opens its bytes in $EDITOR."
    if len(text_bytes) > IN_PLACE_BYTES:
        return f"This is over {IN_PLACE_BYTES // 1024} KiB: E opens it in $EDITOR."
    lines = text_bytes.split(b"\n")
    for number, line in enumerate(lines, 1):
        if len(line) > IN_PLACE_LINE:
            return f"Line {number:,} is over {IN_PLACE_LINE // 1024} KiB: E opens the text in $EDITOR."
    text = text_bytes.decode()
    if hidden := _first_hidden(text):
        return f"Line {hidden[0]:,} holds {hidden[1]}, which could not be seen here: E opens it in $EDITOR."
    if untouched(text) != text:
        return "Editing here would change more than you type: E opens it in $EDITOR."
    return None


def metadata_editable(metadata: str | None) -> tuple[str, Layout | None]:
    """What a person edits of the metadata, "" for none, and the layout in which it is stored."""
    if metadata is None:
        return "", None
    raw = _bytes_of(metadata)
    layout = None if raw is None else layout_of(raw)
    return (metadata if raw is None else _text_of(_pretty(raw, layout))), layout


def close_metadata(text: str, layout: Layout | None, original: str | None) -> str | None:
    """The metadata to store: None for none, the original when untouched, and what is no JSON as typed."""
    if text == metadata_editable(original)[0]:
        return original
    return _metadata_of(text, MINIFIED if original is None else layout)


def metadata_state(text: str, layout: Layout | None = MINIFIED) -> tuple[int, str | None]:
    """How many bytes this text would be as metadata in the layout, and why not."""
    stored = _metadata_of(text, layout)
    if stored is None:
        return 0, None
    problem = json_problem(stored)
    return len(stored.encode(errors="replace")), problem.words if problem else metadata_problem(stored)


def _peel(value: bytes) -> tuple[bytes, tuple[Encoding, ...], tuple[Base64Form, ...]]:
    """Take the encodings off that can be put on again."""
    decoded = decode(value)
    if decoded.note:
        return value, (), ()
    forms: list[Base64Form] = []
    inner = value
    for _ in range(decoded.layers.count("base64")):
        found = _from_base64(inner)
        if found is None:  # base64 that could not be written again as it is stays the text it is
            return inner, decoded.layers[: len(forms)], tuple(forms)
        inner = found[0]
        forms.append(found[1])
    return decoded.data, decoded.layers, tuple(forms)


def _from_base64(text: bytes) -> tuple[bytes, Base64Form] | None:
    """What is inside, and the form; None when no form gives back this very text."""
    body = text.rstrip(b"\r\n")
    line_end = b"\r\n" if b"\r\n" in text else b"\n"
    width = max(body.find(line_end), 0)
    urlsafe = b"-" in body or b"_" in body
    letters = b"".join(body.split()).translate(bytes.maketrans(b"-_", b"+/"))
    bare = letters.rstrip(b"=")
    # A length that needs no padding does not tell: the URL's alphabet mostly goes without, the other with.
    padded = bare != letters or (len(bare) % 4 == 0 and not urlsafe)
    form = Base64Form(urlsafe, padded, width, line_end, text != body)
    data = base64.b64decode(bare + b"=" * (-len(bare) % 4))
    return (data, form) if form.encode(data) == text else None


def _put_on(encoding: Encoding, data: bytes) -> bytes:
    if encoding == "zlib":
        return zlib.compress(data)
    if encoding == "zstd":
        import zstandard  # loaded only by who edits such a value

        return zstandard.ZstdCompressor().compress(data)
    return gzip.compress(data, mtime=0)  # no time, so that the same text gives the same bytes


def _is_json(data: bytes) -> bool:
    """Objects, arrays and strings, as in values: a bare number or word is text to a person."""
    return data.lstrip(b" \t\r\n")[:1] in (b"{", b"[", b'"') and json_problem(data) is None


def _pretty(data: bytes, layout: Layout | None) -> bytes:
    """JSON that is stored without line breaks gets them; what has them is edited as it is."""
    return data if layout is None or layout.indent > 0 else lay_out(data, INDENTED)


def _laid_out(data: bytes, layout: Layout) -> bytes:
    try:
        return lay_out(data, layout)
    except ValueError:
        return data


def _first_hidden(text: str) -> tuple[int, str] | None:
    """The line and the spelling of the first character that nobody could see."""
    if text.count("\r\n") == text.count("\n"):
        text = text.replace("\r\n", "\n")
    for number, line in enumerate(text.split("\n"), 1):
        for part in line.split("\t"):
            if any(hidden for _, hidden in escape(part)):
                return number, next(shown for shown, hidden in escape_each(part) if hidden)
    return None


def _metadata_of(text: str, layout: Layout | None) -> str | None:
    if text.strip(" \t\r\n") in ("", "null"):
        return None
    raw = _bytes_of(text)
    return text if raw is None or layout is None else _text_of(_laid_out(raw, layout))


def _bytes_of(text: str) -> bytes | None:
    """Listings keep bytes that are no UTF-8 as half surrogate pairs; None for halves of another origin."""
    try:
        return text.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        return None


def _text_of(raw: bytes) -> str:
    return raw.decode(errors="surrogateescape")
