"""The journal: before-images on disk, written before a request leaves, so that undo outlives a crash.

Everything here blocks (it waits for the disk): call it in a thread. Any thread may, and several kvtui may
share one folder. It never holds a token, and never removes a record to make room.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from sqlite3 import Connection

from kvtui.api.models import Namespace
from kvtui.core.changes import KeyRef, Step, Verb, home_of
from kvtui.core.journal.drafts import put_draft, read_lost, remove_draft
from kvtui.core.journal.errors import JournalError, JournalFull
from kvtui.core.journal.file import JournalFile
from kvtui.core.journal.records import Last, Origin, Outcome, Record, SavedDraft, State
from kvtui.core.journal.rows import (
    images_of,
    no_such_step,
    packed,
    put_created,
    put_step,
    read_last,
    read_record,
    read_step,
)
from kvtui.core.journal.sessions import Sessions

CAP = 1 << 30
KEEP_DAYS = 30.0
DAY_S = 86_400


class Journal:
    """The journal in one folder. Nothing is opened before the first use; all of it raises JournalError.

    `cap` is in bytes: past it no before-image is taken on any more, rather than another one evicted.
    """

    def __init__(
        self,
        folder: Path,
        *,
        cap: int = CAP,
        keep_days: float = KEEP_DAYS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.folder = folder
        self.file = folder / "journal.sqlite3"
        self.cap = cap
        self.keep_days = keep_days
        self._clock = clock
        self._disk = JournalFile(self.file)
        self._sessions = Sessions(folder / "sessions")

    # While a step is made

    def begin(self, step: Step, origin: Origin, reason: str = "", *, images: bool = True) -> int:
        """Keep a step before its first request leaves: it is on the disk when this returns its number.

        `images=False` keeps no value and no metadata, and cannot be undone; it is never refused for size.
        Raises JournalFull, before anything is written, if the images do not fit under the cap.
        """
        taken = images_of(step, images)
        with self._disk.writing() as db:
            if images:
                size, need = _size(db), taken.cost(db, step)
                if size + need > self.cap:
                    raise JournalFull(size, need, self.cap)
            owner = self._sessions.mine()
            return put_step(db, step, taken, origin, reason, keep=images, owner=owner, now=self._clock())

    def note(
        self, id: int, index: int, outcome: Outcome, detail: str = "", after: Namespace | None = None
    ) -> None:
        """What became of one change. `after` is the namespace that the server made, with the id it gave."""
        with self._disk.writing() as db:
            noted = db.execute(
                "UPDATE changes SET outcome = ?, detail = ?, at = ? WHERE step = ? AND place = ?",
                (outcome.value, packed(detail), self._clock(), id, index),
            )
            if not noted.rowcount:
                raise no_such_step(id)
            if after is not None:
                put_created(db, id, index, after)

    def found(
        self, id: int, index: int, outcome: Outcome, detail: str, after: Namespace | None = None
    ) -> None:
        """What was found out about a change of an interrupted step. What is known by now is not touched.

        Its time stays that of its request, which is when the key was changed.
        """
        with self._disk.writing() as db:
            noted = db.execute(
                "UPDATE changes SET outcome = ?, detail = ? WHERE step = ? AND place = ?"
                " AND outcome IN (?, ?) AND EXISTS (SELECT 1 FROM steps WHERE id = step AND state = 'open')",
                (outcome.value, packed(detail), id, index, Outcome.SENT, Outcome.UNKNOWN),
            )
            if noted.rowcount and after is not None:
                put_created(db, id, index, after)

    def end(self, id: int, state: State) -> None:
        """No more of it will be sent: what is still planned is dropped.

        Only a step that is DONE counts as having undone or redone the one it names.
        """
        assert state is not State.OPEN
        with self._disk.writing() as db:
            query = "SELECT state, undoes, redoes FROM steps WHERE id = ?"
            row = db.execute(query, (id,)).fetchone()
            if row is None:
                raise no_such_step(id)
            was, undoes, redoes = row
            if was == State.DONE:
                return
            self._end(db, id, state)
            if state is State.DONE and undoes is not None:
                db.execute("UPDATE steps SET undone_by = ? WHERE id = ?", (id, undoes))
                # What was interrupted and then taken back is not to be resumed.
                if db.execute("SELECT 1 FROM steps WHERE id = ? AND state = 'open'", (undoes,)).fetchone():
                    self._end(db, undoes, State.STOPPED)
            if state is State.DONE and redoes is not None:
                db.execute("UPDATE steps SET undone_by = NULL WHERE id = ?", (redoes,))

    def adopt(self, id: int) -> str:
        """Take an interrupted step over; returns who had it, for `give_back`.

        Refused once it has ended or another kvtui that runs has it.
        """
        with self._disk.writing() as db:
            row = db.execute("SELECT owner, state FROM steps WHERE id = ?", (id,)).fetchone()
            if row is None:
                raise no_such_step(id)
            owner, state = row
            mine = self._sessions.mine()
            if state != State.OPEN:
                raise JournalError(f"Step {id} has ended already.", "List the steps again.")
            if owner != mine and self._sessions.is_alive(owner):
                raise JournalError(f"Another kvtui is at work on step {id}.", "Go on with it there.")
            db.execute("UPDATE steps SET owner = ? WHERE id = ?", (mine, id))
            return str(owner)

    def give_back(self, id: int, owner: str) -> None:
        """A step that was adopted and is as open as it was: it counts as interrupted again."""
        with self._disk.writing() as db:
            db.execute("UPDATE steps SET owner = ? WHERE id = ? AND state = 'open'", (owner, id))

    # What was made

    def step(self, id: int) -> Step:
        """A step as it was begun, with every value. Raises JournalError if its images were declined."""
        with self._disk.reading() as db:
            return read_step(db, id)

    def record(self, id: int) -> Record:
        """A step and what became of it."""
        with self._disk.reading() as db:
            return self._record(db, id)

    def last_of(self, source: str, ref: KeyRef, since: float) -> Last | None:
        """The last changes of a key that landed since then."""
        if not os.path.lexists(self.file):
            return None
        with self._disk.reading() as db:
            return read_last(db, source, ref, since)

    def records(
        self, source: str | None = None, *, limit: int = 200, before: int | None = None
    ) -> list[Record]:
        """The newest first, of one source or of all, with numbers below `before`. Loads no values."""
        query = (
            "SELECT id FROM steps WHERE (:source IS NULL OR source = :source)"
            " AND (:before IS NULL OR id < :before) ORDER BY id DESC LIMIT :limit"
        )
        return self._all(query, source=packed(source), before=before, limit=limit)

    def to_undo(self, source: str, account: str = "") -> Record | None:
        """The newest step of this source (and account) that can be taken back and is not itself an undo.

        What was done in a namespace that has been removed since has nowhere to go back to.
        """
        query = (
            "SELECT id FROM steps WHERE source = ? AND undoes IS NULL AND undone_by IS NULL ORDER BY id DESC"
        )
        removed: set[tuple[str, str]] = set()
        with self._disk.reading() as db:
            for (id,) in db.execute(query, (packed(source),)).fetchall():
                record = self._record(db, id)
                homes = {home_of(noted.namespace) for noted in record.changes}
                if record.verb is Verb.REMOVE_NAMESPACE and record.landed:
                    removed |= homes
                elif record.undoable and record.is_in(account) and not homes & removed:
                    return record
        return None

    def to_redo(self, source: str) -> Record | None:
        """The step that was undone last, unless something else was begun since."""
        with self._disk.reading() as db:
            row = db.execute(
                "SELECT id, undone_by FROM steps WHERE source = ? AND undone_by IS NOT NULL"
                " ORDER BY undone_by DESC LIMIT 1",
                (packed(source),),
            ).fetchone()
            if row is None:
                return None
            id, undone_by = row
            later = "SELECT 1 FROM steps WHERE source = ? AND id > ? AND undoes IS NULL AND redoes IS NULL"
            if db.execute(later, (packed(source), undone_by)).fetchone():
                return None
            return self._record(db, id)

    def interrupted(self, source: str | None = None) -> list[Record]:
        """Steps that are still open though the process that made them is gone, the oldest first."""
        query = (
            "SELECT id FROM steps WHERE state = 'open' AND (:source IS NULL OR source = :source) ORDER BY id"
        )
        return [record for record in self._all(query, source=packed(source)) if not record.alive]

    # Room

    def size(self) -> int:
        """How many bytes of the file count against the cap."""
        if not os.path.lexists(self.file):
            return 0
        with self._disk.reading() as db:
            return _size(db)

    def purge(self, *, before: float | None = None) -> int:
        """Remove the steps that have ended, or of these only what was begun before that time; how many.

        The file shrinks. Open steps and drafts stay.
        """
        if not os.path.lexists(self.file):
            return 0
        with self._disk.writing() as db:
            query = "DELETE FROM steps WHERE state <> 'open' AND (:before IS NULL OR begun < :before)"
            removed = db.execute(query, {"before": before}).rowcount
            kept = "SELECT sha256 FROM images WHERE sha256 IS NOT NULL"
            db.execute(f"DELETE FROM blobs WHERE sha256 NOT IN ({kept})")
        self._disk.shrink()
        return int(removed)

    def retire(self) -> int:
        """Purge what has been kept for its time."""
        return self.purge(before=self._clock() - self.keep_days * DAY_S)

    # Drafts

    def save_draft(self, draft: SavedDraft) -> None:
        """Keep an edit, in the place of our last one of this key. The cap does not count here.

        A lost draft that is saved as it came becomes ours; any other lost one of the key stays.
        """
        with self._disk.writing() as db:
            put_draft(db, self._sessions.mine(), draft, self._sessions.is_alive)

    def drop_draft(self, source: str, ref: KeyRef) -> None:
        """Forget our draft of this key, or if we have none, the lost ones. Never that of a running kvtui."""
        if not os.path.lexists(self.file):
            return
        with self._disk.writing() as db:
            remove_draft(db, self._sessions.mine(), source, ref, self._sessions.is_alive)

    def lost_drafts(self, source: str) -> list[SavedDraft]:
        """The drafts of processes that are gone, the newest first."""
        with self._disk.reading() as db:
            return read_lost(db, source, self._sessions.is_alive)

    def close(self) -> None:
        """Close the file. What is still open counts as interrupted from here on."""
        with self._disk.lock:
            self._sessions.close()
            self._disk.close()

    def _all(self, query: str, **values: object) -> list[Record]:
        with self._disk.reading() as db:
            return [self._record(db, id) for (id,) in db.execute(query, values).fetchall()]

    def _record(self, db: Connection, id: int) -> Record:
        return read_record(db, id, self._sessions.is_alive)

    def _end(self, db: Connection, id: int, state: State) -> None:
        now = self._clock()
        db.execute("UPDATE steps SET state = ?, ended = ? WHERE id = ?", (state.value, now, id))
        db.execute(
            "UPDATE changes SET outcome = ?, at = ? WHERE step = ? AND outcome = ?",
            (Outcome.DROPPED.value, now, id, Outcome.PLANNED.value),
        )


def _size(db: Connection) -> int:
    """What the steps take: drafts are not theirs to make room for."""
    used, free, page = (
        db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    drafts = "SELECT total(coalesce(length(base_value), 0) + coalesce(length(data), 0)) FROM drafts"
    return int((used - free) * page - db.execute(drafts).fetchone()[0])
