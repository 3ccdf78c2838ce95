"""Steps as rows of the journal's tables, and back. Values lie apart, each once, under their SHA-256."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from typing import Any, NamedTuple

from kvtui.api.models import Entry, Namespace
from kvtui.core.changes import Change, KeyRef, NamespaceChange, Step, Verb
from kvtui.core.journal.errors import JournalError
from kvtui.core.journal.records import Brief, Last, Noted, Origin, Outcome, Record, State

ROW_COST = 400
"""About how many bytes a change takes beside its values, metadata and names."""

_IMAGE = "side, size, sha256, metadata, expiration, account, namespace, title"
_CHANGES = (
    "SELECT c.account, c.namespace, c.title, c.key, c.outcome, c.detail, c.at, "
    + ", ".join(f"{side}.{column}" for side in ("b", "a") for column in _IMAGE.split(", "))
    + " FROM changes c"
    " LEFT JOIN images b ON b.step = c.step AND b.place = c.place AND b.side = 'before'"
    " LEFT JOIN images a ON a.step = c.step AND a.place = c.place AND a.side = 'after'"
    " WHERE c.step = ? ORDER BY c.place"
)


def packed(text: str | None) -> bytes | None:
    """Any text as bytes, half surrogate pairs (and so bytes that were no UTF-8) included; None as None."""
    return None if text is None else text.encode("utf-8", "surrogatepass")


def unpacked(data: bytes) -> str:
    """The text that was packed."""
    return data.decode("utf-8", "surrogatepass")


class Images(NamedTuple):
    """What a step looked like before and is to look like after: rows, and the values by their SHA-256."""

    rows: list[tuple[Any, ...]]
    values: dict[str, bytes]

    def cost(self, db: sqlite3.Connection, step: Step) -> int:
        """About how many bytes they would add to the file."""
        new = (len(value) for sha256, value in self.values.items() if not _is_kept(db, sha256))
        metadata = (len(row[4] or b"") for row in self.rows)
        names = (len(packed(change.ref.key) or b"") for change in step.pairs)
        return sum(new) + sum(metadata) + sum(names) + ROW_COST * len(step.changes)


def images_of(step: Step, keep: bool) -> Images:
    """Rows without the step's number. `keep` unset leaves out values, their digests, and metadata."""
    images = Images([], {})
    for place, change in enumerate(step.changes):
        for side, image in (("before", change.before), ("after", change.after)):
            if isinstance(image, Namespace):
                images.rows.append((place, side, None, None, None, None, *_name(image)))
            elif image is not None:
                sha256 = hashlib.sha256(image.value).hexdigest() if keep else None
                metadata = packed(image.metadata) if keep else None
                if sha256 is not None:
                    images.values[sha256] = image.value
                size = len(image.value)
                images.rows.append((place, side, size, sha256, metadata, image.expiration, None, None, None))
    return images


def put_step(
    db: sqlite3.Connection,
    step: Step,
    images: Images,
    origin: Origin,
    reason: str,
    *,
    keep: bool,
    owner: str,
    now: float,
) -> int:
    """A step that is about to begin; its number."""
    columns = "verb, state, begun, owner, source, label, profile, reason, chained, images, undoes, redoes"
    told = (*map(packed, origin), packed(reason))
    facts = (step.chained, keep, step.undoes, step.redoes)
    values = (step.verb.value, State.OPEN.value, now, owner, *told, *facts)
    id = db.execute(f"INSERT INTO steps ({columns}) VALUES ({_marks(values)})", values).lastrowid
    assert id is not None
    for place, change in enumerate(step.changes):
        namespace, key = change.ref if isinstance(change, Change) else (change.namespace, None)
        row = (id, place, *_name(namespace), packed(key), Outcome.PLANNED.value, b"", now)
        db.execute(f"INSERT INTO changes VALUES ({_marks(row)})", row)
    db.executemany("INSERT INTO blobs VALUES (?, ?) ON CONFLICT DO NOTHING", images.values.items())
    db.executemany(f"INSERT INTO images VALUES ({_marks(range(10))})", ((id, *row) for row in images.rows))
    return id


def put_created(db: sqlite3.Connection, id: int, place: int, namespace: Namespace) -> None:
    """The namespace as the server made it, with its id; also in the step that was made again by this one."""
    row = db.execute("SELECT redoes FROM steps WHERE id = ?", (id,)).fetchone()
    if row is not None and row[0] is not None:
        put_created(db, row[0], place, namespace)
    for table, where in (("changes", "key IS NULL"), ("images", "side = 'after' AND size IS NULL")):
        db.execute(
            f"UPDATE {table} SET account = ?, namespace = ?, title = ?"
            f" WHERE step = ? AND place = ? AND {where}",
            (*_name(namespace), id, place),
        )


def read_record(db: sqlite3.Connection, id: int, is_alive: Callable[[str], bool]) -> Record:
    """A step and what became of it. No value is loaded."""
    row = db.execute(
        "SELECT verb, state, begun, ended, owner, source, label, profile, reason, undoes, redoes,"
        " undone_by IS NOT NULL, images,"
        " EXISTS (SELECT 1 FROM steps o WHERE o.id = coalesce(steps.undoes, steps.redoes))"
        " FROM steps WHERE id = ?",
        (id,),
    ).fetchone()
    if row is None:
        raise no_such_step(id)
    verb, state, begun, ended, owner, *told, undoes, redoes, undone, images, original_kept = row
    *origin, reason = map(unpacked, told)
    return Record(
        id=id,
        verb=Verb(verb),
        state=State(state),
        begun=begun,
        ended=ended,
        origin=Origin(*origin),
        reason=reason,
        undoes=undoes,
        redoes=redoes,
        undone=bool(undone),
        images=bool(images),
        alive=is_alive(owner),
        changes=tuple(map(_noted, db.execute(_CHANGES, (id,)))),
        original_kept=bool(original_kept),
    )


def read_step(db: sqlite3.Connection, id: int) -> Step:
    """A step as it was begun, values and all."""
    facts = "SELECT verb, chained, undoes, redoes, images FROM steps WHERE id = ?"
    row = db.execute(facts, (id,)).fetchone()
    if row is None:
        raise no_such_step(id)
    verb, chained, undoes, redoes, images = row
    if not images:
        raise JournalError(
            f"What step {id} found was not kept, as it was declined.", "It cannot be undone or resumed."
        )
    loaded: dict[str, bytes] = {}

    def whole(image: Brief | Namespace | None) -> Any:
        if not isinstance(image, Brief):
            return image
        if image.sha256 not in loaded:
            query = "SELECT bytes FROM blobs WHERE sha256 = ?"
            loaded[image.sha256] = db.execute(query, (image.sha256,)).fetchone()[0]
        return Entry(loaded[image.sha256], image.metadata, image.expiration)

    changes: list[Change | NamespaceChange] = []
    for noted in map(_noted, db.execute(_CHANGES, (id,)).fetchall()):
        before, after = whole(noted.before), whole(noted.after)
        changes.append(Change(noted.ref, before, after) if noted.ref else NamespaceChange(before, after))
    return Step(Verb(verb), tuple(changes), bool(chained), undoes, redoes)


def read_last(db: sqlite3.Connection, source: str, ref: KeyRef, since: float) -> Last | None:
    """The last changes of a key that landed since then, those whose records were kept."""
    account, namespace, _title = _name(ref.namespace)
    rows = db.execute(
        "SELECT c.step, c.place FROM changes c JOIN steps s ON s.id = c.step"
        " WHERE s.source = ? AND s.images AND c.account = ? AND c.namespace = ? AND c.key = ? AND c.at >= ?"
        f" AND c.outcome IN ('{Outcome.CONFIRMED}', '{Outcome.UNCONFIRMED}')"
        " ORDER BY c.at DESC, c.step DESC, c.place DESC",  # an older step may have been finished later
        (packed(source), account, namespace, packed(ref.key), since),
    ).fetchall()
    sides: list[tuple[Brief | None, Brief | None]] = []
    for step, place in rows:
        noted = _noted(db.execute(_CHANGES, (step,)).fetchall()[place])
        assert not isinstance(noted.before, Namespace) and not isinstance(noted.after, Namespace)
        sides.append((noted.before, noted.after))
    return Last(tuple(before for before, _ in sides), sides[0][1]) if sides else None


def no_such_step(id: int) -> JournalError:
    """A number that the journal does not have: it was purged, or is another journal's."""
    return JournalError(
        f"The journal has no step {id} (any more).", "It may have been purged; list the steps again."
    )


def _noted(row: tuple[Any, ...]) -> Noted:
    namespace, (key, outcome, detail, at) = read_name(row[:3]), row[3:7]
    ref = None if key is None else KeyRef(namespace, unpacked(key))
    before, after = _image(row[7:15]), _image(row[15:23])
    return Noted(ref, namespace, before, after, Outcome(outcome), unpacked(detail), at)


def _image(row: tuple[Any, ...]) -> Brief | Namespace | None:
    side, size, sha256, metadata, expiration, *name = row
    if side is None:
        return None
    if size is None:
        return read_name(name)
    return Brief(size, sha256 or "", None if metadata is None else unpacked(metadata), expiration)


def _name(namespace: Namespace) -> tuple[bytes | None, ...]:
    return packed(namespace.account), packed(namespace.id), packed(namespace.title)


def read_name(row: Any) -> Namespace:
    """A namespace from the columns account, namespace, title."""
    account, id, title = map(unpacked, row)
    return Namespace(id, title, account)


def _is_kept(db: sqlite3.Connection, sha256: str) -> bool:
    return db.execute("SELECT 1 FROM blobs WHERE sha256 = ?", (sha256,)).fetchone() is not None


def _marks(values: Any) -> str:
    return ", ".join("?" * len(values))
