"""Moments: expirations as a person types them, and why KV would refuse one. All is pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from math import ceil

from kvtui.api.limits import MIN_TTL
from kvtui.core.escape import safe_str

LATEST = 253_402_300_799
"""The last second of the year 9999, in Unix seconds: beyond it nothing can be shown as a date."""

EXAMPLES = "Try 90m, 2d12h, +1w, 2026-12-01 10:00, @1790000000 or never."

_UNITS = {"w": 7 * 86400, "d": 86400, "h": 3600, "m": 60, "s": 1}
_SPAN = re.compile(r"(\+?)\s*((?:[0-9]{1,12}\s*[wdhms]\s*)+)")
_PART = re.compile(r"([0-9]+)\s*([wdhms])")
_NUMBER = re.compile(r"(@?)([0-9]+)")
_DATE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:(?:t|\s+)([0-9:.]{2,15}))?\s*(z|utc|[+-][0-9:]{2,5})?")


class WhenError(ValueError):
    """A moment that was not understood, with what would have been."""


def read_when(text: str, now: float, *, base: int | None = None, zone: tzinfo | None = None) -> int | None:
    """The moment that the text speaks of, in Unix seconds; None for never.

    A span counts from now, rounded up to a whole second so that 60s is never less than KV takes; with a
    `+` it counts from `base`, the present expiration, where there is one. A date without an offset is in
    `zone` (UTC by default), without a time it is that day's beginning. Raises WhenError.
    """
    words = text.strip().lower()
    if words == "never":
        return None
    if span := _SPAN.fullmatch(words):
        start = base if span[1] and base is not None else ceil(now)
        moment = start + sum(int(count) * _UNITS[unit] for count, unit in _PART.findall(span[2]))
    elif number := _NUMBER.fullmatch(words):
        moment = _read_number(number[2], marked=bool(number[1]))
    elif date := _DATE.fullmatch(words):
        moment = _read_date(text, date, zone or UTC)
    else:
        raise WhenError(
            f"{_quoted(text)} is no time. {EXAMPLES}" if words else f"No time is given. {EXAMPLES}"
        )
    if moment > LATEST:
        raise WhenError(f"{_quoted(text)} is after the year 9999. For no end at all, say never.")
    return moment


def check_when(expiration: int | None, now: float) -> str | None:
    """Why KV refuses this expiration, as a sentence; None when it takes it."""
    if expiration is None:
        return None
    ahead = expiration - now
    if ahead <= 0:
        return "This is in the past: KV refuses it. To be rid of the key, delete it."
    if ahead < MIN_TTL:
        return f"KV keeps nothing for less than {MIN_TTL} s: this is {int(ahead)} s ahead."
    return "This is after the year 9999." if expiration > LATEST else None


def _read_number(digits: str, *, marked: bool) -> int:
    if len(digits) == 13:
        raise WhenError(f"{digits} looks like milliseconds. In seconds it is @{digits[:10]}.")
    if len(digits) > 13:
        raise WhenError(f"This number is too big for a time. {EXAMPLES}")
    if not marked and len(digits) != 10:
        raise WhenError(f"{digits} of what? As a span say {digits}s or {digits}m, as Unix seconds @{digits}.")
    return int(digits)


def _read_date(text: str, found: re.Match[str], zone: tzinfo) -> int:
    day, time, offset = found.groups(default="")
    offset = "+00:00" if offset in ("z", "utc") else offset
    try:
        # Python reads no offset behind a bare date.
        moment = datetime.fromisoformat(f"{day}T{time or '00:00'}{offset}")
    except ValueError:
        raise WhenError(f"{_quoted(text)} is no date in the calendar. {EXAMPLES}") from None
    return ceil((moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp())


def _quoted(text: str) -> str:
    text = text.strip()
    return f'"{safe_str(text if len(text) <= 40 else text[:39] + "…")}"'
