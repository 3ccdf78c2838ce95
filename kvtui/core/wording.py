"""Sizes, spans and moments in words."""

from __future__ import annotations

import math
import time


def size_words(count: int) -> str:
    """A size in bytes: exact while it is short, then in binary units. `1,204 B`, `24.3 KiB`, `25 MiB`."""
    if count < 10_000:
        return f"{count:,} B"
    unit, size = ("KiB", count / 1024) if count < 1024 * 1024 else ("MiB", count / 1024**2)
    return f"{size:,.1f}".removesuffix(".0") + f" {unit}"


def countdown(seconds: float | None) -> str:
    """What is left, in few enough words that it seldom changes: `58s`, `43m`, `2h 03m`, `12d 04h`.

    None is never. A time that has come is said so.
    """
    if seconds is None:
        return "never"
    if seconds <= 0:
        return "expired"
    left = math.ceil(seconds)
    minutes, days = left // 60, left // 86_400
    if left < 60:
        return f"{left}s"
    if left < 3_600:
        return f"{minutes}m"
    if left < 86_400:
        return f"{left // 3_600}h {minutes % 60:02d}m"
    return f"{days}d {left % 86_400 // 3_600:02d}h" if days < 100 else f"{days:,}d"


def when_words(when: float, *, local: bool = False) -> str:
    """A moment in Unix seconds: `2026-11-23 12:00:00 UTC`, or in this machine's time zone."""
    try:
        parts = time.localtime(when) if local else time.gmtime(when)
        return f"{parts.tm_year:04d}{time.strftime('-%m-%d %H:%M:%S', parts)} {parts.tm_zone}".replace(
            " GMT", " UTC"
        )
    except (OverflowError, OSError, ValueError):
        return f"Unix second {when:.0f}, beyond the calendar"
