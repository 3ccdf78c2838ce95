"""The pairs of one namespace, as wrangler keeps them: rows in SQLite, values in files.

Everything here blocks, so callers run it in threads; it may be used from several at once, and beside a
running `wrangler dev`. A connection lives for one call: files may come and go under us, and opening one
costs 0.2 ms. A value's file is never changed, only replaced by another: file first, then one short
statement for the row, then the old file goes. Whoever dies between leaves an orphan, never a broken row.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from sqlite3 import Connection, Error
from typing import NamedTuple, TypeVar

from kvtui.api.models import Entry
from kvtui.local import database, layout

T = TypeVar("T")

CHUNK = 200
"""Rows in one transaction of a bulk write, so that nobody else waits longer than some milliseconds."""

TRIES = 3
"""How often a value is looked for whose file went away between reading the row and the file."""


class Row(NamedTuple):
    """A pair without its value. `expiration` in Unix seconds, `metadata` as JSON text."""

    key: str
    expiration: int | None
    metadata: str | None


class Pairs:
    """One namespace's pairs. Reading makes no files; the first write makes them.

    `writing` is the lock of this process's writers to the namespace; other processes need none.
    """

    def __init__(
        self,
        kv: Path,
        namespace: str,
        *,
        clock: Callable[[], float] = time.time,
        writing: threading.Lock | None = None,
    ) -> None:
        self._table = layout.database(kv, namespace)
        self._blobs = layout.blobs(kv, namespace)
        self._clock = clock
        self._one_writer = writing or threading.Lock()

    # -- reading ------------------------------------------------------------------------------------

    def page(self, prefix: str = "", after: str = "", limit: int = 1000) -> tuple[list[Row], bool]:
        """Up to `limit` rows in UTF-8 byte order, behind the key `after`; and whether more follow."""
        where, values = ("key >= ?", [prefix]) if prefix > after else ("key > ?", [after])
        if (end := _behind(prefix)) is not None:
            where, values = f"{where} AND key < ?", [*values, end]
        # The plus signs keep SQLite away from the index of expirations, and so from sorting.
        query = (
            f"SELECT key, expiration, metadata FROM _mf_entries WHERE {where}"
            " AND (+expiration IS NULL OR +expiration > ?) ORDER BY key LIMIT ?"
        )
        with database.reading(self._table) as connection:
            if connection is None:
                return [], False
            found = connection.execute(query, (*values, self._now_ms(), limit + 1)).fetchall()
        rows = [Row(key, _seconds(expires), _given(metadata)) for key, expires, metadata in found[:limit]]
        return rows, len(found) > limit

    def row(self, key: str) -> Row | None:
        """A pair without its value; None if there is none, or no longer."""
        found = self._find(key)
        return None if found is None else Row(key, found.expiration, found.metadata)

    def read(self, key: str) -> Entry | None:
        """A pair; None if there is none, or no longer."""
        for _ in range(TRIES):
            if (found := self._find(key)) is None:
                return None
            with suppress(FileNotFoundError):  # replaced since: by now the row names another file
                return Entry((self._blobs / found.blob).read_bytes(), found.metadata, found.expiration)
        return None

    def size(self, key: str) -> int | None:
        """The bytes of a value; None if there is none, or no longer."""
        for _ in range(TRIES):
            if (found := self._find(key)) is None:
                return None
            with suppress(FileNotFoundError):
                return (self._blobs / found.blob).stat().st_size
        return None

    def is_empty(self) -> bool:
        """Whether nothing is stored, not even something that has expired."""
        with database.reading(self._table) as connection:
            return connection is None or not connection.execute("SELECT 1 FROM _mf_entries").fetchone()

    # -- writing ------------------------------------------------------------------------------------

    def write(self, pairs: Sequence[tuple[str, Entry]], *, shared: dict[bytes, str] | None = None) -> None:
        """Store pairs, each in the place of whatever its key had. Chunk by chunk, so not atomic.

        Of a key that comes twice the last counts. With `shared` (from earlier calls, or empty) equal
        values share one file under many names.
        """
        with self._one_writer, database.writing(self._table) as connection:
            self._blobs.mkdir(parents=True, exist_ok=True)
            for chunk in _chunks(list(dict(pairs).items())):
                old = _blobs_of(connection, [key for key, _ in chunk])
                rows = [
                    (
                        key,
                        self._lay_down(entry.value, shared),
                        _milliseconds(entry.expiration),
                        entry.metadata,
                    )
                    for key, entry in chunk
                ]
                try:
                    with _together(connection, rows):
                        connection.executemany("INSERT OR REPLACE INTO _mf_entries VALUES (?, ?, ?, ?)", rows)
                except Error:
                    self._throw_away([blob for _, blob, _, _ in rows])
                    raise
                self._throw_away(old)

    def delete(self, keys: Sequence[str]) -> None:
        """Delete keys; those that do not exist are no error."""
        if not self._table.exists():
            return
        with self._one_writer, database.writing(self._table) as connection:
            for chunk in _chunks(keys):
                old = _blobs_of(connection, chunk)
                with _together(connection, old):
                    connection.executemany("DELETE FROM _mf_entries WHERE key = ?", [(key,) for key in chunk])
                self._throw_away(old)

    def erase(self) -> None:
        """Delete every pair. The empty table stays: a running wrangler may have it open."""
        if not self._table.exists():
            return
        with self._one_writer, database.writing(self._table) as connection:
            old = [blob for (blob,) in connection.execute("SELECT blob_id FROM _mf_entries")]
            connection.execute("DELETE FROM _mf_entries")
            self._throw_away(old)
        for folder in (self._blobs, self._blobs.parent):
            with suppress(OSError):  # an orphan keeps it alive
                folder.rmdir()

    # -- within -------------------------------------------------------------------------------------

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)

    def _find(self, key: str) -> _Found | None:
        query = "SELECT blob_id, expiration, metadata FROM _mf_entries WHERE key = ?"
        with database.reading(self._table) as connection:
            row = connection.execute(query, (key,)).fetchone() if connection else None
        if row is None or (row[1] is not None and row[1] <= self._now_ms()):
            return None
        return _Found(row[0], _seconds(row[1]), _given(row[2]))

    def _lay_down(self, value: bytes, shared: dict[bytes, str] | None) -> str:
        """A new file for a value; its name."""
        name = layout.new_blob(self._clock())
        if shared is not None:
            twin = shared.setdefault(value, name)
            if twin != name:
                with suppress(OSError):  # not every file system can, nor without end
                    os.link(self._blobs / twin, self._blobs / name)
                    return name
        with open(self._blobs / name, "xb") as file:
            file.write(value)
        return name

    def _throw_away(self, names: Sequence[str]) -> None:
        for name in names:
            (self._blobs / name).unlink(missing_ok=True)


class _Found(NamedTuple):
    blob: str
    expiration: int | None
    metadata: str | None


def _blobs_of(connection: Connection, keys: Sequence[str]) -> list[str]:
    """The blobs that these keys have now."""
    marks = ",".join("?" * len(keys))
    return [
        blob
        for (blob,) in connection.execute(f"SELECT blob_id FROM _mf_entries WHERE key IN ({marks})", keys)
    ]


@contextmanager
def _together(connection: Connection, rows: Sequence[object]) -> Iterator[None]:
    """One transaction for many rows; a single one is its own."""
    if len(rows) < 2:
        yield
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), CHUNK):
        yield items[start : start + CHUNK]


def _behind(prefix: str) -> str | None:
    """The least text behind all that begins with this prefix; None when nothing lies behind.

    SQLite compares the UTF-8 bytes, whose order is that of the code points.
    """
    for end in range(len(prefix), 0, -1):
        last = ord(prefix[end - 1])
        if last < 0x10FFFF:
            following = 0xE000 if last == 0xD7FF else last + 1  # no text holds a lone surrogate
            return prefix[: end - 1] + chr(following)
    return None


def _seconds(milliseconds: int | None) -> int | None:
    return None if milliseconds is None else milliseconds // 1000


def _milliseconds(seconds: int | None) -> int | None:
    return None if seconds is None else seconds * 1000


def _given(metadata: str | None) -> str | None:
    return None if metadata == "null" else metadata
