"""Half surrogate pairs in JSON: legal to write, refused by the decoder, and no reason to lose a page.

A KV key's name or metadata may hold `"\\ud800"`. Such halves are moved into a private-use range,
decoded, and moved back, so that everything else on the page keeps its spelling to the digit.
"""

from __future__ import annotations

import re

_FIRST, _LAST = 0xD800, 0xDFFF
_AWAY = 0x10F000 - _FIRST
_PIECE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a whole pair
    r"|\\u([dD][89a-fA-F][0-9a-fA-F]{2})"  # half a pair
    r"|\\."  # any other escape, a backslash's own included
    r"|([\ud800-\udfff])",  # a byte that is no UTF-8
    re.DOTALL,
)
_MOVED = re.compile(f"[{chr(_FIRST + _AWAY)}-{chr(_LAST + _AWAY)}]")


def moved_away(body: bytes) -> bytes:
    """The JSON text with every half pair, and every byte that is no UTF-8, as one private-use character."""

    def move(piece: re.Match[str]) -> str:
        escape, byte = piece.groups()
        if escape:
            return chr(int(escape, 16) + _AWAY)
        return chr(ord(byte) + _AWAY) if byte else piece.group()

    return _PIECE.sub(move, body.decode("utf-8", "surrogateescape")).encode()


def back_in_text(text: str) -> str:
    """A decoded string with its half pairs again."""
    return _MOVED.sub(lambda found: chr(ord(found.group()) - _AWAY), text)


def back_in_json(text: bytes) -> bytes:
    """A piece of JSON text with its half pairs again, as escapes."""
    return _MOVED.sub(lambda found: f"\\u{ord(found.group()) - _AWAY:04x}", text.decode()).encode()
