"""The orders that a listing can be shown in.

A sort of a million numbers in one go would hold the interpreter for a third of a second, and with it every
key press. So runs are sorted apart and merged pair by pair, with a breath between.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Sequence
from itertools import zip_longest

from kvtui.core.keys import KeyTable

RUN = 8192
"""Rows sorted in one breath: some milliseconds."""

NEVER = (1 << 62) - 1
"""Later than any expiration: a key that never expires comes last."""

BY_NAME, BY_NAME_BACKWARDS, BY_EXPIRY = SORTS = ("name", "name, last first", "expires first")
"""The first is the server's own, UTF-8 byte order."""


def sorted_rows(
    table: KeyTable, rows: Sequence[int], sort: str, cancelled: Callable[[], bool] = lambda: False
) -> array[int]:
    """Rows (ascending) in one of SORTS; empty when it was cancelled. Equal expirations keep listing order."""
    if sort == BY_EXPIRY:
        return _by_expiry(table, rows, cancelled)
    return array("I", rows if sort == BY_NAME else reversed(rows))


def _by_expiry(table: KeyTable, rows: Sequence[int], cancelled: Callable[[], bool]) -> array[int]:
    """One number a row, its expiration before its place in the listing, so that plain integers are sorted."""
    expirations = table.expirations
    runs = [
        sorted([(expirations[row] or NEVER) << 32 | row for row in _breathe(rows[start : start + RUN])])
        for start in range(0, len(rows), RUN)
        if not cancelled()
    ]
    while len(runs) > 1:
        if cancelled():
            return array("I")
        none: list[int] = []
        pairs = zip_longest(runs[::2], runs[1::2], fillvalue=none)
        runs = [sorted(_breathe(first + second)) for first, second in pairs]
    return array("I", [number & 0xFFFFFFFF for number in runs[0]] if runs else [])


def _breathe(numbers: Sequence[int]) -> Sequence[int]:
    """Let the event loop have the interpreter for a moment."""
    time.sleep(0)
    return numbers
