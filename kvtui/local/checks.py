"""What production refuses in a key, a metadata, a value or an expiration, and in which words."""

from __future__ import annotations

from kvtui.api import limits
from kvtui.local.envelope import Refusal

LATEST = 2**43
"""Expirations beyond this many seconds would not fit into the milliseconds on disk."""


def key(name: str, operation: str) -> str:
    """The key's name, unless it can be none."""
    if name in ("", ".", ".."):
        said = (
            "Key names must not be empty" if not name else f'Illegal key name "{name}". Please use another.'
        )
        raise Refusal(400, 10042, f"{operation}: '{said}'")
    return _short(name, operation)


def prefix(text: str, operation: str) -> str:
    """The prefix, unless it is longer than any key."""
    return _short(text, operation)


def metadata(text: str, operation: str) -> str | None:
    """The metadata's JSON text; None for a JSON null, which production does not keep."""
    size = len(text.encode())
    if size > limits.METADATA_BYTES:
        said = f"Metadata length of {size} exceeds limit of {limits.METADATA_BYTES}."
        raise Refusal(413, 10047, f"{operation}: '{said}'")
    if limits.metadata_problem(text):
        raise Refusal(400, 10147, "metadata must be valid json")
    return None if text.strip() == "null" else text


def value_size(size: int, operation: str) -> None:
    """Nothing, unless a value of this many bytes is too large."""
    if size > limits.VALUE_BYTES:
        said = f"Value length of {size} exceeds limit of {limits.VALUE_BYTES}."
        raise Refusal(413, 10024, f"{operation}: '{said}'")


def expiration(at: str | None, ttl: str | None, now: float, operation: str) -> int | None:
    """When the pair expires, in Unix seconds; None for never. A TTL wins over a time."""
    if ttl:
        seconds = _whole(ttl)
        if seconds is None or not limits.MIN_TTL <= seconds < LATEST:
            said = f"Invalid expiration_ttl of {ttl[:40]}. Expiration TTL must be at least {limits.MIN_TTL}."
            raise Refusal(400, 10034, f"{operation}: '{said}'")
        return int(now) + seconds
    if at:
        moment = _whole(at)
        if moment is None or not int(now) + limits.MIN_TTL <= moment < LATEST:
            said = (
                f"Invalid expiration of {at[:40]}. "
                f"Expiration times must be at least {limits.MIN_TTL} seconds in the future."
            )
            raise Refusal(400, 10033, f"{operation}: '{said}'")
        return moment
    return None


def _short(name: str, operation: str) -> str:
    size = len(name.encode())
    if size > limits.KEY_BYTES:
        said = f"UTF-8 encoded length of {size} exceeds key length limit of {limits.KEY_BYTES}."
        raise Refusal(414, 10030, f"{operation}: '{said}'")
    return name


def _whole(text: str) -> int | None:
    """A whole number, also one that a client wrote as a float (`60.0`)."""
    try:
        return int(text) if text.lstrip("+-").isdecimal() and len(text) < 20 else _integral(float(text))
    except (ValueError, OverflowError):
        return None


def _integral(number: float) -> int | None:
    return int(number) if number.is_integer() else None
