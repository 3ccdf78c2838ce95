"""The journal's SQLite file: its owner's alone, opened once, read and written in short transactions."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from kvtui.core.journal.errors import NO_CHANGE, JournalUnusable, damaged, said_kindly
from kvtui.core.saving import settle_folder

BUSY_S = 10.0
"""How long a transaction waits for that of another kvtui."""

VERSION = 1

# Text that others chose is a BLOB (see `packed` in journalrows): SQLite's TEXT takes no half surrogate pairs.
SCHEMA = """
CREATE TABLE steps (
    id INTEGER PRIMARY KEY AUTOINCREMENT, verb TEXT NOT NULL, state TEXT NOT NULL,
    begun REAL NOT NULL, ended REAL, owner TEXT NOT NULL,
    source BLOB NOT NULL, label BLOB NOT NULL, profile BLOB NOT NULL, reason BLOB NOT NULL,
    chained INTEGER NOT NULL, images INTEGER NOT NULL, undoes INTEGER, redoes INTEGER, undone_by INTEGER
);
CREATE INDEX steps_by_source ON steps (source, id);
CREATE INDEX steps_open ON steps (id) WHERE state = 'open';
CREATE TABLE changes (
    step INTEGER NOT NULL REFERENCES steps ON DELETE CASCADE, place INTEGER NOT NULL,
    account BLOB NOT NULL, namespace BLOB NOT NULL, title BLOB NOT NULL, key BLOB,
    outcome TEXT NOT NULL, detail BLOB NOT NULL, at REAL NOT NULL,
    PRIMARY KEY (step, place)
) WITHOUT ROWID;
CREATE TABLE blobs (sha256 TEXT PRIMARY KEY NOT NULL, bytes BLOB NOT NULL);
CREATE TABLE images (
    step INTEGER NOT NULL, place INTEGER NOT NULL, side TEXT NOT NULL,
    size INTEGER, sha256 TEXT REFERENCES blobs, metadata BLOB, expiration INTEGER,
    account BLOB, namespace BLOB, title BLOB,
    PRIMARY KEY (step, place, side),
    FOREIGN KEY (step, place) REFERENCES changes ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX images_by_blob ON images (sha256);
CREATE TABLE drafts (
    owner TEXT NOT NULL, source BLOB NOT NULL,
    account BLOB NOT NULL, namespace BLOB NOT NULL, title BLOB NOT NULL, key BLOB NOT NULL,
    base_value BLOB, base_metadata BLOB, base_expiration INTEGER,
    data BLOB, layout BLOB NOT NULL, metadata BLOB, expiration INTEGER,
    at REAL NOT NULL,
    PRIMARY KEY (owner, source, account, namespace, key)
);
"""


class JournalFile:
    """One connection, shared by threads in turn. `lock` is held while it is used."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.lock = threading.RLock()
        self._db: sqlite3.Connection | None = None

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One consistent view. Where there is no file yet, none is made: it is that of an empty journal."""
        with self.lock, said_kindly(self.file):
            if not os.path.lexists(self.file):
                with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
                    _make_tables(db)
                    yield db
                return
            with self._transaction("BEGIN") as db:
                yield db

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, on the disk when it ends, or as if it had never been."""
        with self.lock, said_kindly(self.file), self._transaction("BEGIN IMMEDIATE") as db:
            yield db

    def shrink(self) -> None:
        """Give the room of what was deleted back to the disk."""
        with self.lock, said_kindly(self.file):
            # As a script: as a statement it would be run for one page only. It is a transaction of its own.
            self._opened().executescript("PRAGMA incremental_vacuum")

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self.lock:
            if self._db is not None:
                with suppress(sqlite3.Error):
                    self._db.close()
                self._db = None

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        db = self._opened()
        try:
            db.execute(begin)
            yield db
            db.execute("COMMIT")
        except BaseException:
            # Closing takes everything back, and the next use may find that the trouble is over.
            self.close()
            raise

    def _opened(self) -> sqlite3.Connection:
        if self._db is None:
            self._db = open_file(self.file)
        return self._db


def open_file(file: Path) -> sqlite3.Connection:
    """A connection to this file, made with its folder and tables where they are missing."""
    make_private(file.parent)
    with suppress(FileExistsError):
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    # Not by opening it: closing any handle of the file drops the locks that SQLite holds in this process.
    _require_private(file, stat.S_ISREG, 0o600, "file")
    uri = f"file:{quote(str(file.absolute()))}?mode=rw"
    db = sqlite3.connect(uri, uri=True, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        # EXTRA is FULL, and the folder is synced as well once SQLite's -journal is gone from it: without
        # that, a power cut may bring it back, and it then takes a step back that was already begun.
        db.execute("PRAGMA synchronous = EXTRA")
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("PRAGMA secure_delete = FAST")
        if _version(db) == 0:
            db.execute("PRAGMA auto_vacuum = INCREMENTAL")
            db.execute("PRAGMA journal_mode = DELETE")
            db.execute("BEGIN IMMEDIATE")
            if _version(db) == 0:  # another kvtui may have been quicker
                if db.execute("SELECT 1 FROM sqlite_master").fetchone():
                    raise damaged(file, "it holds other tables")
                _make_tables(db)
            db.execute("COMMIT")
        if (found := _version(db)) > VERSION:
            raise JournalUnusable(
                f"The journal {file} was made by a newer kvtui (version {found}, this one knows {VERSION}).",
                f"Update kvtui, or move the file away to start a new one. {NO_CHANGE}",
            )
    except BaseException:
        db.close()
        raise
    return db


def make_private(folder: Path) -> None:
    """The folder, made if missing, and closed to everyone else. Raises JournalUnusable or OSError."""
    for missing in reversed([path for path in (folder, *folder.parents) if not os.path.lexists(path)]):
        with suppress(FileExistsError):
            os.mkdir(missing, 0o700)
        settle_folder(missing.parent)
    _require_private(folder, stat.S_ISDIR, 0o700, "folder")


def _require_private(path: Path, is_kind: Callable[[int], bool], mode: int, kind: str) -> None:
    found = os.lstat(path)
    if stat.S_ISLNK(found.st_mode):
        why, remedy = "is a symbolic link", f"Put a real {kind} in its place, or name the one it points to."
    elif not is_kind(found.st_mode):
        why, remedy = f"is no {kind}", "Move it away."
    elif found.st_uid != os.geteuid():
        why, remedy = "belongs to another user", "Have it given to you, or move it away."
    elif kind == "file" and found.st_nlink != 1:
        why, remedy = (
            "has a second name on this disk (a hard link)",
            "Move it away, or remove the other name.",
        )
    else:
        if stat.S_IMODE(found.st_mode) & ~mode:
            os.chmod(path, mode)
        return
    raise JournalUnusable(
        f"The journal's {kind} {path} {why}, so it is not safe to keep values there.", f"{remedy} {NO_CHANGE}"
    )


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _make_tables(db: sqlite3.Connection) -> None:
    for statement in SCHEMA.split(";"):
        db.execute(statement)
    db.execute(f"PRAGMA user_version = {VERSION}")
