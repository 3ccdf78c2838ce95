"""Finding text in bytes: every place, in a thread, without making a key press wait."""

from __future__ import annotations

import re
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass

HITS_MOST = 100_000
"""Places that are remembered; what is found beyond them is only said to be there."""

_SLICE = 128 * 1024
"""Bytes looked at between two glances at the world."""


@dataclass(frozen=True, slots=True)
class Hits:
    """Where something of `length` bytes was found, in ascending order; `more` when not all are kept."""

    starts: array[int]
    length: int
    more: bool = False

    def words(self, index: int) -> str:
        """`3 of 17`, counted from one."""
        return f"{index + 1:,} of {len(self.starts):,}{'+' if self.more else ''}"


def find(
    data: bytes, wanted: str, cancelled: Callable[[], bool] = lambda: False, most: int = HITS_MOST
) -> Hits:
    """Every place of `wanted` in `data`, none within another. Yields the interpreter between slices."""
    pattern, length = _needle(wanted)
    starts = array("Q")
    at = 0
    while length and at < len(data) and not cancelled():
        # All matches are of one length, so one that begins in this slice ends here at the latest.
        for match in pattern.finditer(data, at, min(at + _SLICE + length - 1, len(data))):
            if len(starts) == most:
                return Hits(starts, length, more=True)
            starts.append(match.start())
        at = max(at + _SLICE, starts[-1] + length if starts else 0)
        time.sleep(0)
    return Hits(starts, length)


def _needle(wanted: str) -> tuple[re.Pattern[bytes], int]:
    """What a person typed as a pattern, and its length in bytes.

    `0x` and pairs of hex digits are those bytes. Other text is looked for in UTF-8; without a capital
    letter it ignores the case of ASCII letters.
    """
    digits = wanted[2:].replace(" ", "")
    if wanted.startswith("0x") and re.fullmatch(r"(?:[0-9a-fA-F]{2})+", digits):
        letters = bytes.fromhex(digits)
        return re.compile(re.escape(letters)), len(letters)
    letters = wanted.encode("utf-8", "surrogatepass")
    return re.compile(re.escape(letters), re.IGNORECASE if wanted == wanted.lower() else 0), len(letters)
