"""The plain commands that change keys: put, rm, mv. They say on standard error what became of each part."""

from __future__ import annotations

import argparse
import os
import sys
import time
from contextlib import nullcontext
from pathlib import Path

from kvtui.api.errors import KeyNotFound, Refused
from kvtui.api.limits import MIN_TTL, REQUESTS, VALUE_BYTES, WINDOW_S, metadata_problem
from kvtui.api.models import Entry
from kvtui.core import plans
from kvtui.core.changes import KeyRef, home_of
from kvtui.core.layouts import json_problem
from kvtui.core.moments import WhenError, check_when, read_when
from kvtui.core.store import Store
from kvtui.core.writing import REQUESTS_A_CHANGE
from kvtui.plain.applying import GIVE_LIFE, apply, find, may_change, tell
from kvtui.plain.commands import Occupied, complain
from kvtui.plain.telling import exact_size, put_words, record_words, ref_words

NOTHING_SENT = "Nothing was sent and nothing was changed."


def given_value(flags: argparse.Namespace) -> bytes | None:
    """The value that was given, by whichever way; None where the present one is to be kept.

    It blocks, and so runs before the event loop: an interrupt then ends it at once.
    """
    if flags.value is not None:
        return os.fsencode(flags.value)
    if flags.file is None and not flags.stdin:
        if flags.metadata is None and flags.expires is None:
            raise Refused(
                "Nothing to put is given.",
                "Say --value V, --file F or - (standard input), or what to change.",
            )
        return None
    if flags.stdin and sys.stdin is None:
        raise Refused("Standard input is closed.", NOTHING_SENT)
    try:
        with nullcontext(sys.stdin.buffer) if flags.stdin else Path(flags.file).open("rb") as source:
            value: bytes = source.read(VALUE_BYTES + 1)
    except OSError as problem:
        name = "Standard input" if flags.stdin else flags.file
        raise Refused(f"{name} cannot be read: {problem.strerror or problem}.", NOTHING_SENT) from problem
    if len(value) > VALUE_BYTES:
        raise Refused(f"A value is at most 25 MiB ({VALUE_BYTES:,} bytes); this has more.", NOTHING_SENT)
    return value


async def put(store: Store, flags: argparse.Namespace, value: bytes | None) -> None:
    """Store a record. What is not given stays: value, metadata and expiration of a key that is there."""
    may_change(store)
    if flags.metadata is not None:
        _check_metadata(flags.metadata)
    if flags.expires is not None:
        _expiration(flags.expires, None)
    ref = KeyRef(await store.find_namespace(flags.namespace), flags.key)
    before = await find(store, ref)
    if before is None and value is None:
        raise KeyNotFound(
            f"{ref_words(ref)}: there is no such key, and no value is given.",
            "Say --value V, --file F or - to make it.",
        )
    was = before or Entry(b"")
    after = Entry(
        was.value if value is None else value,
        was.metadata if flags.metadata is None else _metadata(flags.metadata),
        was.expiration if flags.expires is None else _expiration(flags.expires, was.expiration),
    )
    if before == after:
        complain(f"{ref_words(ref)}: nothing to change; all of it is so already.")
        return
    step = plans.create(ref, after) if before is None else plans.edit(ref, before, after)
    soon = "Say what is to be: --expires 90m, --expires never; or let it expire."
    applied = await apply(store, step, soon=soon)
    tell(applied, f"{ref_words(ref)}: {put_words(before, after)}.")


def _check_metadata(text: str) -> None:
    if problem := json_problem(text):
        raise Refused(f"The metadata is no JSON: {problem.words}.", NOTHING_SENT)
    if words := metadata_problem(text):
        raise Refused(words, NOTHING_SENT)


def _metadata(text: str) -> str | None:
    text = text.strip(" \t\r\n")
    return None if text == "null" else text


def _expiration(text: str, base: int | None) -> int | None:
    """The moment that was asked for. A span of just 60 s is made longer by what it takes to arrive."""
    now = time.time()
    try:
        moment = read_when(text, now, base=base)
        if problem := check_when(moment, now):
            raise Refused(problem, NOTHING_SENT)
        least = int(now) + MIN_TTL + plans.SLACK_S
        if moment is not None and moment < least and moment != read_when(text, now + 1, base=base):
            return least
    except WhenError as problem:
        raise Refused(f"--expires: {problem}", NOTHING_SENT) from problem
    return moment


async def rm(store: Store, flags: argparse.Namespace) -> None:
    """Delete keys, all of them or, where one is missing, none."""
    may_change(store)
    keys = list(dict.fromkeys(flags.keys))
    if len(keys) > plans.AT_ONCE_MOST:
        raise Refused(
            f"These are {len(keys):,} keys: at most {plans.AT_ONCE_MOST} are deleted at once. Each takes "
            f"{REQUESTS_A_CHANGE} requests, of the {REQUESTS:,} in {WINDOW_S / 60:.0f} minutes that all of a "
            "user's tools share.",
            NOTHING_SENT,
        )
    if len(keys) >= plans.COUNT_FROM and not flags.yes:
        least = plans.COUNT_FROM - 1
        raise Refused(f"These are {len(keys):,} keys: more than {least} need --yes.", NOTHING_SENT)
    namespace = await store.find_namespace(flags.namespace)
    there = await store.read_many([KeyRef(namespace, key) for key in keys])
    found = {ref.key for ref, _ in there}
    if missing := [key for key in keys if key not in found]:
        raise KeyNotFound(
            f"{namespace.title}: there is no key {', '.join(missing)}.",
            "Nothing was deleted." if len(keys) > 1 else "Nothing was changed.",
        )
    applied = await apply(store, plans.delete(there))
    if len(there) == 1:
        tell(applied, f"{ref_words(there[0][0])}: deleted ({record_words(there[0][1])}).")
    else:
        size = exact_size(sum(len(entry.value) for _, entry in there))
        tell(applied, f"{namespace.title}: {len(there):,} keys deleted ({size}).")


async def mv(store: Store, flags: argparse.Namespace) -> None:
    """Rename a key, also into another namespace: copied, read back, and only then deleted."""
    may_change(store)
    source = KeyRef(await store.find_namespace(flags.namespace), flags.key)
    home = source.namespace if flags.to is None else await store.find_namespace(flags.to)
    target = KeyRef(home, flags.new)
    if target.address == source.address:
        raise Refused(f"{ref_words(source)}: the new name is the old one.", NOTHING_SENT)
    entry, existing = await find(store, source), await find(store, target)
    if entry is None:
        raise KeyNotFound(f"{ref_words(source)}: there is no such key.", "Nothing was changed.")
    if existing is not None and not flags.overwrite:
        raise Occupied(
            f"{ref_words(target)} is there already: {record_words(existing)}.",
            "Nothing was changed; --overwrite puts the other in its place.",
        )
    applied = await apply(store, plans.rename(source, entry, target, existing), soon=GIVE_LIFE)
    name = target.key if home_of(home) == home_of(source.namespace) else ref_words(target)
    over = f" It replaced what was there: {record_words(existing)}." if existing is not None else ""
    tell(applied, f"{ref_words(source)}: is now {name}, with its metadata and expiration.{over}")
