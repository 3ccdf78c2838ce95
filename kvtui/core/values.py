"""Values: what kind of bytes they are, and the views in which a person can read them.

A value is bytes and nothing else. Its kind is a finding, said beside it; a view is another way to look at
the same bytes and is never what is stored. All here is pure; what takes long on big values says so.
"""

from __future__ import annotations

import codecs
import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from kvtui.core.decoding import decodes_as

SMALL = 64 * 1024
"""Bytes up to which looking at a value takes a millisecond or so: more is for a thread."""

PRETTY_UNASKED = 8 * 1024 * 1024
"""JSON up to this size is shown indented at once; the indented copy of more is made only when asked for."""

_CHUNK = 1024 * 1024


class Kind(StrEnum):
    """What a value's bytes look like."""

    EMPTY = "empty"
    JSON = "JSON"
    TEXT = "text"
    BASE64 = "base64 text"
    GZIP = "gzip"
    ZLIB = "zlib"
    ZSTD = "zstd"
    PNG = "PNG image"
    JPEG = "JPEG image"
    GIF = "GIF image"
    WEBP = "WebP image"
    PDF = "PDF"
    BINARY = "binary"


class View(StrEnum):
    """A way to look at a value. TEXT shows the bytes as UTF-8 with escapes for what cannot be seen."""

    TEXT = "text"
    JSON = "JSON"
    HEX = "hex"
    DECODED = "decoded"


_ENCODED = {"gzip": Kind.GZIP, "zlib": Kind.ZLIB, "zstd": Kind.ZSTD, "base64": Kind.BASE64}

_READABLE = (Kind.TEXT, Kind.JSON, Kind.BASE64, Kind.EMPTY)

_MAGIC = {
    Kind.PNG: re.compile(rb"\x89PNG\r\n\x1a\n"),
    Kind.JPEG: re.compile(rb"\xff\xd8\xff"),
    Kind.GIF: re.compile(rb"GIF8[79]a"),
    Kind.WEBP: re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
    Kind.PDF: re.compile(rb"%PDF-"),
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What was found out about a value: its kind, its SHA-256 in hex, whether all of it is UTF-8."""

    kind: Kind
    sha256: str
    utf8: bool

    @property
    def views(self) -> tuple[View, ...]:
        """The views that apply, in the order in which they are cycled."""
        if self.kind is Kind.EMPTY:
            return (View.TEXT,)
        applies = {
            View.TEXT: self.utf8,
            View.JSON: self.kind is Kind.JSON,
            View.HEX: True,
            View.DECODED: self.kind in _ENCODED.values(),
        }
        return tuple(view for view, does in applies.items() if does)

    def best_view(self, size: int) -> View:
        """The view that is shown unasked for a value of this many bytes."""
        if self.kind is Kind.JSON and size <= PRETTY_UNASKED:
            return View.JSON
        if self.kind in (Kind.GZIP, Kind.ZLIB, Kind.ZSTD):
            return View.DECODED
        return View.TEXT if self.kind in _READABLE else View.HEX


def look(value: bytes) -> Facts:
    """Find out about a value. Some 0.2 s for 25 MiB: above SMALL call it in a thread."""
    utf8 = is_utf8(value)
    return Facts(_kind(value, utf8), hashlib.sha256(value).hexdigest(), utf8)


def kind_of(value: bytes) -> Kind:
    """The kind alone."""
    return _kind(value, is_utf8(value))


def is_utf8(value: bytes) -> bool:
    """Whether all of the bytes are UTF-8, found out without a copy of them."""
    if value.isascii():
        return True
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(value), _CHUNK):
            decoder.decode(value[start : start + _CHUNK])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def pretty_json(value: bytes) -> bytes | None:
    """JSON with line breaks and indents; None where the bytes are no JSON, or nested too deep to be read.

    Only white space differs: number spellings, escapes, the order of keys and duplicate keys stay.
    """
    try:
        return msgspec.json.format(value, indent=2)
    except (msgspec.DecodeError, RecursionError):
        return None


def _kind(value: bytes, utf8: bool) -> Kind:
    if not value:
        return Kind.EMPTY
    for kind, magic in _MAGIC.items():
        if magic.match(value):
            return kind
    if utf8 and _is_json(value):
        return Kind.JSON
    if encoding := decodes_as(value):
        return _ENCODED[encoding]
    return Kind.TEXT if utf8 and b"\0" not in value else Kind.BINARY


def _is_json(value: bytes) -> bool:
    """Objects, arrays and strings. A bare number or word is JSON too, but to a person it is text."""
    if value.lstrip(b" \t\r\n")[:1] not in (b"{", b"[", b'"'):
        return False
    try:
        msgspec.json.decode(value, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True
