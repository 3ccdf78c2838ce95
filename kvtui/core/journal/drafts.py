"""Edits that are not stored yet, kept so that a dropped line or a crash does not lose them.

Each process has its own row for a key, so that two that edit the same key do not overwrite each other.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

from kvtui.api.models import Entry
from kvtui.core.changes import KeyRef
from kvtui.core.journal.records import SavedDraft
from kvtui.core.journal.rows import packed, read_name, unpacked

_SAME_KEY = "source = ? AND account = ? AND namespace = ? AND key = ?"


def put_draft(db: sqlite3.Connection, owner: str, draft: SavedDraft, is_alive: Callable[[str], bool]) -> None:
    """In the place of the owner's draft of this key, and of a dead process's if it is that very one."""
    where = _key(draft.source, draft.ref)
    query = f"SELECT owner FROM drafts WHERE {_SAME_KEY} AND at = ?"
    same = [row[0] for row in db.execute(query, (*where, draft.at)).fetchall()]
    for other in {owner, *(one for one in same if not is_alive(one))}:
        db.execute(f"DELETE FROM drafts WHERE owner = ? AND {_SAME_KEY}", (other, *where))
    source, account, namespace, key = where
    base = draft.base
    row = (
        *(owner, source, account, namespace, packed(draft.ref.namespace.title), key),
        *((base.value, packed(base.metadata), base.expiration) if base is not None else (None, None, None)),
        *(draft.data, packed(draft.layout)),
        *(packed(draft.metadata), draft.expiration, draft.at),
    )
    db.execute(f"INSERT INTO drafts VALUES ({', '.join('?' * len(row))})", row)


def remove_draft(
    db: sqlite3.Connection, owner: str, source: str, ref: KeyRef, is_alive: Callable[[str], bool]
) -> None:
    """The owner's draft of this key; where it has none, those that dead processes left."""
    where = _key(source, ref)
    owners = [row[0] for row in db.execute(f"SELECT owner FROM drafts WHERE {_SAME_KEY}", where).fetchall()]
    doomed = [owner] if owner in owners else [one for one in owners if not is_alive(one)]
    for one in doomed:
        db.execute(f"DELETE FROM drafts WHERE owner = ? AND {_SAME_KEY}", (one, *where))


def read_lost(db: sqlite3.Connection, source: str, is_alive: Callable[[str], bool]) -> list[SavedDraft]:
    """What dead processes left, the newest first."""
    query = "SELECT DISTINCT owner FROM drafts WHERE source = ?"
    dead = [row[0] for row in db.execute(query, (packed(source),)).fetchall() if not is_alive(row[0])]
    lost: list[SavedDraft] = []
    for owner in dead:
        query = "SELECT * FROM drafts WHERE source = ? AND owner = ?"
        lost += map(_draft, db.execute(query, (packed(source), owner)))
    return sorted(lost, key=lambda draft: draft.at, reverse=True)


def _draft(row: tuple[Any, ...]) -> SavedDraft:
    _, source, account, namespace, title, key, value, base_metadata, base_expiration, *edited = row
    data, layout, metadata, expiration, at = edited
    return SavedDraft(
        source=unpacked(source),
        ref=KeyRef(read_name((account, namespace, title)), unpacked(key)),
        base=None if value is None else Entry(value, _text(base_metadata), base_expiration),
        data=data,
        layout=unpacked(layout),
        metadata=_text(metadata),
        expiration=expiration,
        at=at,
    )


def _key(source: str, ref: KeyRef) -> tuple[bytes | None, ...]:
    return packed(source), packed(ref.namespace.account), packed(ref.namespace.id), packed(ref.key)


def _text(data: bytes | None) -> str | None:
    return None if data is None else unpacked(data)
