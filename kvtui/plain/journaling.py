"""The plain commands that read and clear the journal. All but `list` of one source need no source."""

from __future__ import annotations

import argparse
import math
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from kvtui.api.errors import NotFound, Refused
from kvtui.api.models import Entry
from kvtui.core.changes import Change
from kvtui.core.escape import safe_str
from kvtui.core.journal.errors import JournalError, JournalUnusable, amount
from kvtui.core.journal.records import Record, state_words, what_words
from kvtui.core.saving import save_file
from kvtui.core.store import Store
from kvtui.core.wording import when_words
from kvtui.plain.applying import JOURNAL_OFF, history_of
from kvtui.plain.asking import agreed
from kvtui.plain.commands import Occupied, complain, exit_code_of, plain_json, print_line
from kvtui.plain.steps import ways_words
from kvtui.plain.telling import json_text, noted_words, raw_metadata, record_json, record_words, where_words

if TYPE_CHECKING:
    from kvtui.core.journal.journal import Journal

NOTHING = "Nothing was changed."

PAGE = 200
"""Steps that are read from the disk at a time."""

DAY_S = 86_400


def needs_source(flags: argparse.Namespace) -> bool:
    """Whether this journal command is about one source, which then must be named."""
    return flags.action in ("restore", "finish", "leave") or (flags.action == "list" and not flags.all)


def run(flags: argparse.Namespace, journal: Journal | None) -> int:
    """Run a journal command that needs no source; returns the exit code."""

    def work() -> None:
        if journal is None:
            raise JOURNAL_OFF
        try:
            {"list": list_all, "show": show, "export": export, "purge": purge}[flags.action](journal, flags)
        finally:
            journal.close()

    return exit_code_of(work)


def find_record(journal: Journal, id: int) -> Record:
    """The step with this number. Raises NotFound. Blocks."""
    try:
        return journal.record(id)
    except JournalUnusable:
        raise
    except JournalError as error:
        raise NotFound(error.message, error.remedy) from error


async def list_here(store: Store, flags: argparse.Namespace) -> None:
    """List the steps of one source, the newest first."""
    history = history_of(store)
    _list(history.journal, flags, history.source)  # nothing else runs on this loop


def list_all(journal: Journal, flags: argparse.Namespace) -> None:
    """List the steps of every source, the newest first."""
    _list(journal, flags, None)


def _list(journal: Journal, flags: argparse.Namespace, source: str | None) -> None:
    some = False
    for record in _records(journal, source):
        some = True
        if flags.json:
            print_line(plain_json(record_json(record)))
            continue
        told = [
            f"{record.id:>4}",
            when_words(record.begun),
            *([record.origin.label] if source is None else []),
            what_words(record),
            where_words(record),
            f"{state_words(record)}. {ways_words(record)}",
        ]
        print_line("  ".join(map(safe_str, told)))
    if not some:
        complain("Nothing has been changed yet." if source is None else "Nothing has been changed here yet.")


def _records(journal: Journal, source: str | None) -> Iterator[Record]:
    before = None
    while page := journal.records(source, limit=PAGE, before=before):
        yield from page
        before = page[-1].id


def show(journal: Journal, flags: argparse.Namespace) -> None:
    """Show a step: each change from what was there to what was sent, and what became of it."""
    record = find_record(journal, flags.id)
    if flags.json:
        print_line(plain_json(record_json(record)))
        return
    for line in _shown(record):
        print_line(safe_str(line))


def _shown(record: Record) -> Iterator[str]:
    yield f"step {record.id}: {what_words(record)}, {state_words(record)}"
    yield f"begun: {when_words(record.begun)}"
    yield f"source: {record.origin.label} ({record.origin.source})"
    if record.reason:
        yield f"reason: {record.reason}"
    for number, noted in enumerate(record.changes, 1):
        yield f"{number}: {noted_words(noted)}"
        yield f"  before: {record_words(noted.before)}"
        yield f"  after: {record_words(noted.after)}"
        yield f"  outcome: {noted.outcome}" + (f". {noted.detail}" if noted.detail else "")
    yield f"undo: {'' if record.undoable else 'no. '}{ways_words(record)}"


def export(journal: Journal, flags: argparse.Namespace) -> None:
    """Write the records before and after each change as JSON Lines, to a private file or standard output."""
    find_record(journal, flags.id)
    changes = journal.step(flags.id).pairs
    if not changes:
        raise Refused(f"Step {flags.id} changed no key, so there is no record to export.", NOTHING)
    lines = [
        _exported(change, side, entry)
        for change in changes
        for side, entry in (("before", change.before), ("after", change.after))
        if entry is not None
    ]
    if flags.file is None:
        for line in lines:
            print_line(plain_json(line))
        return
    text = "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")
    try:
        path = save_file(Path(flags.file), text)
    except FileExistsError as problem:
        raise Occupied(f"{flags.file} is there already.", "Nothing was written; name another.") from problem
    complain(f"{len(lines):,} records written to {path}.")


def _exported(change: Change, side: str, entry: Entry) -> str:
    """A record in the shape of wrangler's bulk files, and where it belongs."""
    line: dict[str, object] = {"key": change.ref.key}
    try:
        line["value"] = entry.value.decode()
    except UnicodeDecodeError:
        line |= {"value": b64encode(entry.value).decode(), "base64": True}
    if entry.expiration is not None:
        line["expiration"] = entry.expiration
    if entry.metadata is not None:
        line["metadata"] = raw_metadata(entry.metadata)
    return json_text({**line, "side": side, "namespace": change.ref.namespace.id})


def purge(journal: Journal, flags: argparse.Namespace) -> None:
    """Remove the steps that have ended, or the older of them, once that is confirmed."""
    days = flags.older_than
    if days is not None and not (math.isfinite(days) and days >= 0):
        raise Refused("--older-than takes a number of days.", NOTHING)
    what = "every step that has ended" if days is None else f"what is older than {days:g} days"
    question = f"Remove {what}, of {amount(journal.size())} in the journal? It can then not be taken back."
    if not flags.yes and not agreed(question):
        raise Refused(f"This removes {what} from the journal, which needs --yes.", NOTHING)
    removed = journal.purge(before=None if days is None else time.time() - days * DAY_S)
    steps = "1 step was" if removed == 1 else f"{removed:,} steps were"
    complain(f"{steps} removed from the journal. What is under way stays.")
