"""How the plain commands of change speak of records, changes and steps. All is pure.

None of it is escaped: `commands.complain` and `commands.print_line` do that for whatever they write.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Raw

from kvtui.api.models import Entry, Namespace
from kvtui.core.changes import KeyRef
from kvtui.core.journal.records import Brief, Noted, Record
from kvtui.core.layouts import MINIFIED, lay_out
from kvtui.core.wording import when_words


def exact_size(count: int) -> str:
    """A size: `1,204 B`. Always exact, so that a script or an ear can compare two."""
    return f"{count:,} B"


def ref_words(ref: KeyRef) -> str:
    """A key and its namespace, as a command line names them."""
    return f"{ref.namespace.title} {ref.key}"


def record_words(side: Entry | Brief | Namespace | None) -> str:
    """A whole record, or a namespace, in short."""
    if side is None:
        return "nothing"
    if isinstance(side, Namespace):
        return f"namespace {side.title}"
    size = exact_size(len(side.value) if isinstance(side, Entry) else side.size)
    expires = "never expires" if side.expiration is None else f"expires {when_words(side.expiration)}"
    if isinstance(side, Brief):
        if not side.sha256:
            return f"{size}, not kept, {expires}"
        size += f", sha256 {side.sha256[:12]}"
    metadata = "no metadata" if side.metadata is None else f"metadata {side.metadata}"
    return f"{size}, {metadata}, {expires}"


def put_words(before: Entry | None, after: Entry) -> str:
    """What happens to each part of a record: kept, changed, removed or new."""
    size = exact_size(len(after.value))
    if before is None:
        value = f"value new ({size})"
    elif before.value == after.value:
        value = f"value kept ({size})"
    else:
        value = f"value changed ({exact_size(len(before.value))} -> {size})"
    old = before or Entry(b"")
    metadata = _part_words("metadata", old.metadata, after.metadata, "no metadata")
    expires = _part_words("expires", old.expiration, after.expiration, "never expires")
    was, now = (None if at is None else when_words(at) for at in (old.expiration, after.expiration))
    if was and now and was != now:
        expires += f" ({was} -> {now})"
    elif was or now:
        expires += f" ({now})" if now else f" (was {was})"
    return f"{value}; {metadata}; {expires}"


def _part_words(name: str, before: object, after: object, none: str) -> str:
    if before == after:
        return none if after is None else f"{name} kept"
    if before is None:
        return f"{name} new"
    return f"{name} removed" if after is None else f"{name} changed"


# Steps


def where_words(record: Record) -> str:
    """What a step was about: its first change, and how many more there are."""
    if not record.changes:
        return "-"
    more = len(record.changes) - 1
    return noted_words(record.changes[0]) + (f" +{more:,} more" if more else "")


def noted_words(noted: Noted) -> str:
    """The key, or the namespace, that a change is about."""
    return f"namespace {noted.namespace.title}" if noted.ref is None else ref_words(noted.ref)


def record_json(record: Record) -> str:
    """A step as one line of JSON. Times are in Unix seconds; `metadata` is as it was stored."""
    return json_text(
        {
            "id": record.id,
            "verb": record.verb.value,
            "state": record.state.value,
            "begun": record.begun,
            "ended": record.ended,
            "source": record.origin.source,
            "label": record.origin.label,
            "reason": record.reason,
            "undoes": record.undoes,
            "redoes": record.redoes,
            "undone": record.undone,
            "undoable": record.undoable,
            "why_not": record.why_not,
            "changes": [_noted_json(index, noted) for index, noted in enumerate(record.changes, 1)],
        }
    )


def _noted_json(index: int, noted: Noted) -> dict[str, object]:
    namespace = noted.namespace
    return {
        "index": index,
        "account": namespace.account,
        "namespace": namespace.id,
        "title": namespace.title,
        "key": None if noted.ref is None else noted.ref.key,
        "before": _side_json(noted.before),
        "after": _side_json(noted.after),
        "outcome": noted.outcome.value,
        "detail": noted.detail,
        "at": noted.at,
    }


def _side_json(side: Brief | Namespace | None) -> dict[str, object] | None:
    if side is None:
        return None
    if isinstance(side, Namespace):
        return {"namespace": side.id, "title": side.title}
    metadata = raw_metadata(side.metadata)
    return {
        "size": side.size,
        "sha256": side.sha256,
        "metadata": metadata,
        "expiration": side.expiration,
    }


def raw_metadata(metadata: str | None) -> Raw | None:
    """Metadata for one line of JSON: only its white space goes, every number keeps its spelling."""
    if metadata is None:
        return None
    text = metadata.encode("utf-8", "surrogateescape")
    try:
        return Raw(lay_out(text, MINIFIED))
    except ValueError:  # a server that let something else in: then it is a string
        return Raw(json.dumps(metadata).encode())


def json_text(thing: Any) -> str:
    """Compact JSON of any text at all, half surrogate pairs included, with Raw parts taken as they are."""
    if isinstance(thing, Raw):
        return bytes(thing).decode("utf-8", "surrogateescape")
    if isinstance(thing, Mapping):
        return "{" + ",".join(f"{json.dumps(key)}:{json_text(part)}" for key, part in thing.items()) + "}"
    if isinstance(thing, Sequence) and not isinstance(thing, str):
        return "[" + ",".join(map(json_text, thing)) + "]"
    return json.dumps(thing)
