"""Connections to a namespace's SQLite file that live for one call, beside wrangler's own."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from kvtui.local import layout

BUSY_S = 10.0
"""How long a statement waits for another writer. The other side (workerd) does not wait at all."""


class StateUnreadable(Exception):
    """The files of a namespace cannot be read or written: a sentence that says why and what to do."""


@contextmanager
def reading(table: Path) -> Iterator[sqlite3.Connection | None]:
    """A connection that changes nothing; None where nothing has been stored yet."""
    connection = _open_to_read(table)
    if connection is None:
        yield None
        return
    with closing(connection), _said_kindly(table):
        yield connection


@contextmanager
def writing(table: Path) -> Iterator[sqlite3.Connection]:
    """A connection without implicit transactions; makes the file as miniflare does when it is missing."""
    with _said_kindly(table):
        is_new = not table.exists()
        if is_new:
            table.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(table, timeout=BUSY_S, isolation_level=None)) as connection:
            if is_new or not _has_table(connection):
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute(layout.TABLE)
                connection.execute(layout.INDEX)
            connection.execute("PRAGMA synchronous = NORMAL")
            yield connection


def _open_to_read(table: Path) -> sqlite3.Connection | None:
    """None for a file that is missing or holds no table yet."""
    with _said_kindly(table):
        for options in ("mode=ro", "mode=ro&immutable=1"):
            if not table.exists():
                return None
            connection = _connect(table, options)
            try:
                if _has_table(connection):
                    return connection
            except sqlite3.OperationalError:
                connection.close()
                if options != "mode=ro" or not _may_be_immutable(table):
                    raise
            else:
                connection.close()
                return None
    return None


def _connect(table: Path, options: str) -> sqlite3.Connection:
    uri = f"file:{quote(str(table.absolute()))}?{options}"
    return sqlite3.connect(uri, uri=True, timeout=BUSY_S, isolation_level=None)


def _has_table(connection: sqlite3.Connection) -> bool:
    query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '_mf_entries'"
    return connection.execute(query).fetchone() is not None


def _may_be_immutable(table: Path) -> bool:
    """Whether the file can be read as if nobody ever wrote: only where nobody can, and all is in it.

    With a -wal beside it some of the rows, even the table itself, may be only there.
    """
    return not os.access(table.parent, os.W_OK) and not table.with_name(f"{table.name}-wal").exists()


@contextmanager
def _said_kindly(table: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as problem:
        raise StateUnreadable(_sentence(table, str(problem))) from problem
    except sqlite3.DatabaseError as problem:
        raise StateUnreadable(f"{table} is not a database that wrangler made ({problem}).") from problem
    except OSError as problem:
        where = problem.filename or table
        raise StateUnreadable(f"{where} could not be used: {problem.strerror or problem}.") from problem


def _sentence(table: Path, problem: str) -> str:
    if "locked" in problem or "busy" in problem:
        return f"Another program is writing to {table} and does not finish. Try again in a moment."
    if "readonly" in problem or "unable to open" in problem:
        return (
            f"{table} or its folder may not be written by you, and so SQLite cannot use it ({problem}). "
            "Copy the state folder to a place of your own and open that."
        )
    return f"{table} could not be used: {problem}."
