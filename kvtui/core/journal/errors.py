"""Why the journal refuses: a tree of its own, since without a journal no change may leave.

SQLite and the file system say what went wrong in words of their own; `said_kindly` makes a sentence and
a remedy of it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kvtui.api.errors import Refused

NO_CHANGE = "kvtui sends no change that the journal has not kept first."


class JournalError(Refused):
    """The journal cannot give or take what was asked, so nothing was sent."""

    message = "The journal cannot do this, so nothing was sent."
    remedy = NO_CHANGE


class JournalFull(JournalError):
    """The before-images would not fit under the cap. `size`, `need` and `cap` are in bytes."""

    def __init__(self, size: int, need: int, cap: int) -> None:
        super().__init__(
            f"The journal holds {amount(size)} of the {amount(cap)} it may, and this needs {amount(need)} "
            "more, so nothing was sent.",
            "`kvtui journal purge` makes room: what it removes can no longer be undone.",
        )
        self.size, self.need, self.cap = size, need, cap


class JournalUnusable(JournalError):
    """The journal's file or folder is not safe, not readable or not writable."""

    message = "The journal cannot be used, so nothing was sent."
    remedy = f"See that its folder is yours and that its disk has room. {NO_CHANGE}"


def amount(count: int) -> str:
    """A number of bytes for a sentence: exact while it is small, in MiB when it is not."""
    return f"{count:,} bytes" if count < 1 << 20 else f"{count / (1 << 20):,.1f} MiB"


@contextmanager
def said_kindly(file: Path) -> Iterator[None]:
    """Whatever SQLite or the file system says of this file, as a JournalUnusable."""
    try:
        yield
    except sqlite3.Error as problem:
        raise _deciphered(file, problem) from problem
    except OverflowError as problem:
        raise JournalUnusable(
            "A number in this record is too large for the journal to keep, so nothing was sent.", NO_CHANGE
        ) from problem
    except OSError as problem:
        where = problem.filename or file
        reason = problem.strerror or problem
        raise JournalUnusable(f"The journal cannot be used: {where}: {reason}.") from problem


def _deciphered(file: Path, problem: sqlite3.Error) -> JournalUnusable:
    match getattr(problem, "sqlite_errorcode", 0) & 0xFF:  # the rest is detail
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return damaged(file, str(problem))
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return JournalUnusable(
                f"Another kvtui writes to the journal {file} and does not finish.",
                f"Try again in a moment. {NO_CHANGE}",
            )
        case sqlite3.SQLITE_FULL:
            return JournalUnusable(
                f"The disk is full: the journal {file} cannot grow.", f"Make room on it. {NO_CHANGE}"
            )
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return JournalUnusable(
                f"The journal {file} or its folder cannot be written ({problem}).",
                f"See that both are yours and in their place, and that the disk is writable. {NO_CHANGE}",
            )
    return JournalUnusable(f"The journal {file} cannot be used ({problem}).")


def damaged(file: Path, reason: str) -> JournalUnusable:
    """The file is there and is no journal (any more)."""
    return JournalUnusable(
        f"The journal {file} is damaged or is not kvtui's ({reason}).",
        f"Move it away and kvtui starts a new one; what it held can then not be undone. {NO_CHANGE}",
    )
