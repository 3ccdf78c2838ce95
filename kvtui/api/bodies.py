"""The JSON bodies of requests, and what is refused before they are built."""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from kvtui.api import limits
from kvtui.api.errors import Refused
from kvtui.api.models import Entry


class _Pair(Struct, omit_defaults=True):
    key: str
    value: str
    base64: bool = False
    expiration: int | UnsetType = UNSET
    expiration_ttl: int | UnsetType = UNSET
    metadata: Raw | UnsetType = UNSET


class _BulkGet(Struct, rename="camel"):
    keys: Sequence[str]
    type: str = "text"
    with_metadata: bool = True


class _Title(Struct):
    title: str


def title(text: str) -> bytes:
    check(limits.title_problem(text))
    return msgspec.json.encode(_Title(text))


def names(keys: Sequence[str], at_most: int) -> bytes:
    """A bulk delete: a plain array of names. JSON carries them unescaped."""
    check_names(keys, at_most)
    return msgspec.json.encode(keys)


def bulk_get(keys: Sequence[str]) -> bytes:
    check_names(keys, limits.BULK_GET_KEYS)
    return msgspec.json.encode(_BulkGet(keys))


def pairs(entries: Sequence[tuple[str, Entry]], ttl: int | None = None) -> bytes:
    """A bulk write. A value that is UTF-8 goes as it is, any other as base64; both arrive to the byte.

    Takes a while for tens of megabytes: call it in a thread.
    """
    body = msgspec.json.encode([_pair(key, entry, ttl) for key, entry in entries])
    if len(body) > limits.BULK_BYTES:
        raise Refused(
            f"This bulk write would be {len(body):,} bytes; {limits.BULK_BYTES:,} are the most.",
            "Nothing was written; write fewer keys at a time.",
        )
    return body


def check_entry(key: str, entry: Entry, ttl: int | None = None) -> None:
    """Raises Refused when the entry cannot be stored under the key."""
    check(limits.key_problem(key))
    check(limits.value_problem(len(entry.value)))
    if entry.metadata is not None:
        check(limits.metadata_problem(entry.metadata))
    if ttl is not None and ttl < limits.MIN_TTL:
        check(f"A time to live is at least {limits.MIN_TTL} seconds; this is {ttl}.")


def check_names(keys: Sequence[str], at_most: int) -> None:
    if len(keys) > at_most:
        check(f"At most {at_most:,} keys go into one such request; these are {len(keys):,}.")
    for key in keys:
        check(limits.key_problem(key))


def check_no_twins(keys: Iterable[str]) -> None:
    """A key given twice in one bulk write has no defined outcome."""
    if twins := sum(count > 1 for count in Counter(keys).values()):
        check(
            f"{twins:,} keys are given more than once in this bulk write, so it is not clear which would win."
        )


def check(problem: str | None) -> None:
    """Raises Refused with this sentence, if there is one."""
    if problem is not None:
        raise Refused(problem, "No request was sent and nothing was changed.")


def _pair(key: str, entry: Entry, ttl: int | None) -> _Pair:
    try:
        value, base64 = entry.value.decode(), False
    except UnicodeDecodeError:
        value, base64 = b64encode(entry.value).decode(), True
    pair = _Pair(key, value, base64)
    if ttl is not None:
        pair.expiration_ttl = ttl
    elif entry.expiration is not None:
        pair.expiration = entry.expiration
    if entry.metadata is not None:
        pair.metadata = Raw(entry.metadata.encode())
    return pair
