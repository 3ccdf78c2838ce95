"""The limits of Workers KV, each with the sentence that explains it.

Source: developers.cloudflare.com/kv/platform/limits, the OpenAPI description and the
write-key-value-pairs page, read in November 2026.
"""

from __future__ import annotations

import json

KEY_BYTES = 512
"""A key name is 1 to 512 bytes of UTF-8."""

METADATA_BYTES = 1024
"""Metadata is at most 1,024 bytes of serialised JSON."""

VALUE_BYTES = 25 * 1024 * 1024
"""A value is at most 25 MiB (26,214,400 bytes)."""

TITLE_CHARS = 512
"""A namespace's title is 1 to 512 characters."""

MIN_TTL = 60
"""An expiration lies at least 60 seconds ahead, given as a time or as a TTL."""

LIST_MIN, LIST_MAX = 10, 1000
"""A page of keys holds 10 to 1,000 of them (1,000 by default)."""

NAMESPACES_PER_PAGE_MIN, NAMESPACES_PER_PAGE_MAX = 5, 1000
"""A page of namespaces holds 5 to 1,000 of them (20 by default)."""

BULK_PAIRS = 10_000
"""A bulk write or a bulk delete takes at most 10,000 keys."""

BULK_BYTES = 100 * 1000 * 1000
"""The whole request of a bulk write is at most 100 MB, base64 included."""

BULK_GET_KEYS = 100
"""A bulk get takes 1 to 100 keys, and answers text only."""

BULK_GET_BYTES = 25 * 1000 * 1000
"""A bulk get answers at most 25 MB in all, else HTTP 413."""

REQUESTS, WINDOW_S = 1200, 300
"""A user may send 1,200 requests in 5 minutes, dashboard and every token counted together."""


def key_problem(name: str) -> str | None:
    """Why this key name cannot be stored or addressed, as a sentence; None when it can.

    `.` and `..` are refused because a URL's dot segments are removed on the way: DELETE
    values/.. would arrive as DELETE on the namespace itself.
    """
    if name == "":
        return "A key name must not be empty."
    if name in (".", ".."):
        return (
            f'"{name}" cannot be a key name: Workers KV refuses it, and in a URL it would mean another path.'
        )
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return "This key name is not valid Unicode (half of a surrogate pair), so no request can carry it."
    if size > KEY_BYTES:
        return f"A key name is at most {KEY_BYTES} bytes of UTF-8; this one has {size:,}."
    return None


def value_problem(size: int) -> str | None:
    """Why a value of this many bytes cannot be stored, as a sentence; None when it can."""
    if size > VALUE_BYTES:
        return f"A value is at most 25 MiB ({VALUE_BYTES:,} bytes); this one has {size:,}."
    return None


def metadata_problem(text: str) -> str | None:
    """Why this JSON text cannot be stored as metadata, as a sentence; None when it can."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return "This metadata is not valid Unicode (it holds half of a surrogate pair)."
    if size > METADATA_BYTES:
        return f"Metadata is at most {METADATA_BYTES:,} bytes of JSON; this has {size:,}."
    try:
        json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as problem:
        return f"Metadata must be JSON: {problem}."
    return None


def title_problem(title: str) -> str | None:
    """Why a namespace cannot have this title, as a sentence; None when it can."""
    if not title.strip():
        return "A namespace needs a title."
    if len(title) > TITLE_CHARS:
        return f"A title is at most {TITLE_CHARS} characters; this one has {len(title):,}."
    if any("\ud800" <= character <= "\udfff" for character in title):
        return "This title is not valid Unicode (it holds half of a surrogate pair)."
    return None


def prefix_problem(prefix: str) -> str | None:
    """Why no key can begin with this prefix, as a sentence; None when one can. Empty means every key."""
    try:
        size = len(prefix.encode())
    except UnicodeEncodeError:
        return "This prefix is not valid Unicode (half of a surrogate pair), so no request can carry it."
    if size > KEY_BYTES:
        return f"No key begins with this prefix: key names have at most {KEY_BYTES} bytes, it has {size:,}."
    return None


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")
