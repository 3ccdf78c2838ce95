"""Values that hold other bytes: gzip, zlib, zstd and base64, and what is inside, up to a bound.

A small stored value can unpack to gigabytes, so decoding stops at a bound and says that it did.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

DECODED_MOST = 64 * 1024 * 1024
"""Bytes that decoding gives at most."""

LAYERS_MOST = 4
"""How many encodings within each other are taken off."""

_CHUNK = 256 * 1024
_FED = 16 * 1024
_FED_ZSTD = 512
"""zstd sets no bound on what one call gives: four bytes can be a block of 128 KiB."""

_GZIP = b"\x1f\x8b\x08"
_ZSTD = b"\x28\xb5\x2f\xfd"
_WELL_KNOWN = (_GZIP, _ZSTD, b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"%PDF-", b"PK\x03\x04")

_BASE64_LEAST = 16
_BASE64_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=\r\n"

Encoding = Literal["gzip", "zlib", "zstd", "base64"]


@dataclass(frozen=True, slots=True)
class Decoded:
    """What was inside, through which encodings (outermost first), and what is to be said about it.

    `note` is empty when all is well; else it says that the data is cut at the bound, or damaged.
    """

    data: bytes
    layers: tuple[Encoding, ...]
    note: str = ""


class Damaged(Exception):
    """The bytes are not of the encoding that they seem to be."""


def decodes_as(value: bytes) -> Encoding | None:
    """The encoding that the bytes are in, tried on their beginning; None for none."""
    if value[:3] == _GZIP:
        return "gzip"
    if value[:4] == _ZSTD:
        return "zstd"
    if _is_zlib(value):
        return "zlib"
    return "base64" if _is_base64(value) else None


def decode(value: bytes, most: int = DECODED_MOST) -> Decoded:
    """Take off one encoding after the other until none is left. In a thread: it may give 64 MiB."""
    layers: list[Encoding] = []
    note = ""
    while not note and len(layers) < LAYERS_MOST and (encoding := decodes_as(value)):
        if encoding == "base64" and layers and layers[-1] != "base64":
            break  # inside an archive, text that happens to look like base64 is shown as it is
        value, note = _take_off(_DECODERS[encoding](value), most)
        layers.append(encoding)
    return Decoded(value, tuple(layers), note)


def _take_off(pieces: Iterator[bytes], most: int) -> tuple[bytes, str]:
    """Join pieces up to the bound, and what there is to say about the result."""
    joined = bytearray()
    note = ""
    try:
        for piece in pieces:
            joined += piece
            if len(joined) > most:
                note = f"cut at {most // 1024**2} MiB"
                break
    except Damaged as damaged:
        note = str(damaged)
    del joined[most:]
    return bytes(joined), note


def _inflate(value: bytes, window: int) -> Iterator[bytes]:
    """zlib's streams, one after the other: gzip files may be joined end to end."""
    at = 0
    while at < len(value):
        stream = zlib.decompressobj(window)
        try:
            while not stream.eof and at < len(value):
                fed = value[at : at + _FED]
                at += len(fed)
                yield stream.decompress(fed, _CHUNK)
                while not stream.eof and stream.unconsumed_tail:
                    yield stream.decompress(stream.unconsumed_tail, _CHUNK)
            yield stream.flush()
        except zlib.error as error:
            raise Damaged("damaged from here on") from error
        if not stream.eof:
            raise Damaged("the end is missing")
        at -= len(stream.unused_data)
        if at < len(value) and value[at : at + 3] != _GZIP:
            raise Damaged(f"{len(value) - at:,} other bytes follow")


def _unpack_zstd(value: bytes) -> Iterator[bytes]:
    import zstandard  # loaded only by who looks at such a value

    # A frame may ask for a window of gigabytes: 128 MiB is what zstd's own tool allows.
    unpacker = zstandard.ZstdDecompressor(max_window_size=128 * 1024 * 1024)
    at = 0
    while at < len(value):
        frame = unpacker.decompressobj()
        try:
            while not frame.eof and at < len(value):
                fed = value[at : at + _FED_ZSTD]
                at += len(fed)
                yield frame.decompress(fed)
        except zstandard.ZstdError as error:
            raise Damaged("damaged from here on") from error
        if not frame.eof:
            raise Damaged("the end is missing")
        at -= len(frame.unused_data)


def _from_base64(value: bytes) -> Iterator[bytes]:
    letters = b"".join(value.split()).translate(bytes.maketrans(b"-_", b"+/"))
    letters = letters.rstrip(b"=")
    try:
        yield base64.b64decode(letters + b"=" * (-len(letters) % 4), validate=True)
    except binascii.Error as error:
        raise Damaged("damaged") from error


_DECODERS: dict[Encoding, Callable[[bytes], Iterator[bytes]]] = {
    "gzip": lambda value: _inflate(value, 16 + zlib.MAX_WBITS),
    "zlib": lambda value: _inflate(value, zlib.MAX_WBITS),
    "zstd": _unpack_zstd,
    "base64": _from_base64,
}


def _is_zlib(value: bytes) -> bool:
    """Two bytes of header say little (`x^` is one), so the beginning must also unpack."""
    if len(value) < 8 or value[0] != 0x78 or int.from_bytes(value[:2], "big") % 31:
        return False
    try:
        return bool(zlib.decompressobj().decompress(value[:_CHUNK], 64))
    except zlib.error:
        return False


def _is_base64(value: bytes) -> bool:
    """Padded, or with something recognisable inside: many a word or a token has base64's letters."""
    if len(value) < _BASE64_LEAST or _unlike(value[:_FED]):
        return False
    if any(_unlike(value[start : start + _CHUNK]) for start in range(0, len(value), _CHUNK)):
        return False
    body = b"".join(value.split())
    letters = body.rstrip(b"=")
    padding = len(body) - len(letters)
    if b"=" in letters or padding > 2 or len(letters) % 4 == 1 or (padding and len(body) % 4):
        return False
    return bool(padding) or _is_recognisable(next(_from_base64(letters[:1024])))


def _unlike(piece: bytes) -> bool:
    return bool(piece.translate(None, _BASE64_LETTERS))


def _is_recognisable(inside: bytes) -> bool:
    if inside.startswith(_WELL_KNOWN) or _is_zlib(inside):
        return True
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(inside)
    except UnicodeDecodeError:
        return False
    return "".join(text.split()).isprintable()
