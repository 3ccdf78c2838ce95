"""The journal's promises: before-images come back byte for byte, undo and redo keep their order, nothing is
evicted, and what a killed kvtui has left is found.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kvtui.api.errors import Refused
from kvtui.api.models import Entry, Namespace
from kvtui.core import plans
from kvtui.core.changes import Change, KeyRef, NamespaceChange, Step, Verb, inverse
from kvtui.core.journal.errors import JournalError, JournalFull
from kvtui.core.journal.journal import Journal
from kvtui.core.journal.records import Brief, Origin, Outcome, Record, SavedDraft, State

SPACE = Namespace("0" * 32, "sessions", "a" * 32)
HERE = Origin("https://api.cloudflare.com/client/v4", "acme-prod", "prod")
SOURCE = HERE.source
DAY = 86_400


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def journal(tmp_path: Path, clock: Clock) -> Iterator[Journal]:
    journal = Journal(tmp_path / "journal", clock=clock)
    yield journal
    journal.close()


@pytest.fixture
def other(tmp_path: Path, clock: Clock) -> Iterator[Journal]:
    """A second kvtui on the same folder."""
    journal = Journal(tmp_path / "journal", clock=clock)
    yield journal
    journal.close()


def ref(key: str) -> KeyRef:
    return KeyRef(SPACE, key)


def an_edit(key: str = "k", before: bytes = b"old", after: bytes = b"new") -> Step:
    return plans.edit_value(ref(key), Entry(before), after)


def made(
    journal: Journal, step: Step, outcome: Outcome = Outcome.CONFIRMED, state: State = State.DONE
) -> int:
    """A step that is over, each change with the same outcome."""
    id = journal.begin(step, HERE)
    for index in range(len(step.changes)):
        journal.note(id, index, Outcome.SENT)
        journal.note(id, index, outcome)
    journal.end(id, state)
    return id


def undo(journal: Journal, id: int) -> int:
    return made(journal, replace(inverse(journal.step(id)), undoes=id, redoes=None))


def redo(journal: Journal, id: int) -> int:
    return made(journal, replace(journal.step(id), redoes=id, undoes=None))


def ids(*records: Record | None) -> list[int | None]:
    return [None if record is None else record.id for record in records]


def killed(folder: Path, script: str) -> None:
    """Run a kvtui that does this with its `journal` and dies without a word."""
    prelude = (
        "import os, sys; from pathlib import Path\n"
        "from kvtui.api.models import *; from kvtui.core import plans\n"
        "from kvtui.core.changes import *; from kvtui.core.journal.journal import *\n"
        f"space = Namespace({SPACE.id!r}, {SPACE.title!r}, {SPACE.account!r})\n"
        f"here = Origin({HERE.source!r}, 'acme-prod', 'prod')\n"
        "journal = Journal(Path(sys.argv[1]))\n"
    )
    child = subprocess.run([sys.executable, "-c", f"{prelude}{script}\nos._exit(9)", str(folder)], timeout=60)
    assert child.returncode == 9


LEFT_OPEN = (
    "step = plans.rename(KeyRef(space, 'old'), Entry(b'v'), KeyRef(space, 'new'), None)\n"
    "id = journal.begin(step, here)\n"
    "journal.note(id, 0, Outcome.SENT)"
)


# Whole steps


def test_a_step_comes_back_byte_for_byte(journal: Journal, other: Journal) -> None:
    every_byte = bytes(range(256)) * 5
    step = Step(
        Verb.RESTORE,
        (
            Change(ref("binary"), Entry(every_byte), Entry(b"")),
            Change(ref("new"), None, Entry(b"", "{}", 1_900_000_000)),
            Change(ref("gone"), Entry(b"x", '{"a": 1.0, "a": 2}', None), None),
            Change(ref("no utf-8"), Entry(b"y", '"\udcff"'), Entry(b"y", '"\ud800"')),
            Change(ref("half \ud800 pair\0/"), Entry(b"z", ""), Entry(b"z", None, 1)),
            NamespaceChange(SPACE, Namespace(SPACE.id, "titled anew \udc80", SPACE.account)),
            NamespaceChange(None, Namespace("", "to be made", SPACE.account)),
        ),
        chained=True,
        undoes=7,
        redoes=8,
    )
    id = journal.begin(step, HERE, "because")
    assert journal.step(id) == step
    assert other.step(id) == step
    assert other.record(id).reason == "because"


@pytest.mark.parametrize(
    "step",
    [
        plans.create(ref("a"), Entry(b"1")),
        plans.expire(ref("a"), Entry(b"1"), 1_900_000_000),
        plans.copy(Entry(b"1", "{}"), ref("b"), Entry(b"2")),
        plans.rename(ref("a"), Entry(b"1"), ref("b"), None),
        plans.delete([(ref("a"), Entry(b"1")), (ref("b"), Entry(b"2"))]),
        plans.create_namespace("a" * 32, "t"),
        plans.rename_namespace(SPACE, "t"),
        plans.remove_namespace(SPACE),
    ],
    ids=lambda step: step.verb,
)
def test_every_verb_comes_back(journal: Journal, step: Step) -> None:
    assert journal.step(journal.begin(step, HERE)) == step


def test_a_record_tells_all_but_the_bytes(journal: Journal, clock: Clock) -> None:
    step = Step(Verb.EDIT, (Change(ref("k"), Entry(b"abc", "{}", 5), None),))
    id = journal.begin(step, HERE, "why")
    begun, clock.now = clock.now, clock.now + 1
    journal.note(id, 0, Outcome.FAILED, "The server refused it: \ud800.")
    noted_at, clock.now = clock.now, clock.now + 1
    journal.end(id, State.STOPPED)
    record = journal.record(id)
    (noted,) = record.changes
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert noted.before == Brief(3, digest, "{}", 5)
    assert (noted.ref, noted.namespace, noted.after) == (ref("k"), SPACE, None)
    assert (noted.outcome, noted.detail) == (Outcome.FAILED, "The server refused it: \ud800.")
    assert (record.begun, noted.at, record.ended) == (begun, noted_at, clock.now)
    assert (record.verb, record.state, record.origin) == (Verb.EDIT, State.STOPPED, HERE)
    assert record.alive and record.images and not record.undone and not record.landed


def test_a_value_is_kept_once(journal: Journal) -> None:
    value = os.urandom(1 << 20)
    journal.begin(plans.rename(ref("a"), Entry(value), ref("b"), None), HERE)
    journal.begin(plans.copy(Entry(value), ref("c"), None), HERE)
    assert 1 << 20 <= journal.size() < 1.2 * (1 << 20)
    assert journal.file.stat().st_size < 1.2 * (1 << 20)


def test_a_new_namespace_gets_the_id_that_the_server_gave(journal: Journal) -> None:
    id = journal.begin(plans.create_namespace("a" * 32, "t"), HERE)
    given = Namespace("f" * 32, "t", "a" * 32)
    journal.note(id, 0, Outcome.CONFIRMED, after=given)
    journal.end(id, State.DONE)
    (noted,) = journal.record(id).changes
    assert (noted.ref, noted.namespace, noted.before, noted.after) == (None, given, None, given)
    assert journal.step(id).changes == (NamespaceChange(None, given),)
    assert journal.record(id).undoable


def test_what_is_planned_when_a_step_ends_is_dropped(journal: Journal) -> None:
    id = journal.begin(plans.delete([(ref("a"), Entry(b"1")), (ref("b"), Entry(b"2"))]), HERE)
    assert {noted.outcome for noted in journal.record(id).changes} == {Outcome.PLANNED}
    journal.note(id, 0, Outcome.UNCONFIRMED)
    journal.end(id, State.STOPPED)
    record = journal.record(id)
    assert [noted.outcome for noted in record.changes] == [Outcome.UNCONFIRMED, Outcome.DROPPED]
    assert record.landed == record.changes[:1]


def test_a_number_that_it_does_not_have_is_refused(journal: Journal) -> None:
    id = journal.begin(an_edit(), HERE)
    for attempt in (
        lambda: journal.step(99),
        lambda: journal.record(99),
        lambda: journal.note(99, 0, Outcome.SENT),
        lambda: journal.note(id, 1, Outcome.SENT),
        lambda: journal.end(99, State.DONE),
        lambda: journal.adopt(99),
    ):
        with pytest.raises(JournalError, match="no step"):
            attempt()


def test_an_expiration_beyond_reason_is_refused_in_words(journal: Journal) -> None:
    with pytest.raises(JournalError, match="too large"):
        journal.begin(plans.expire(ref("k"), Entry(b""), 1 << 64), HERE)
    assert journal.records() == []
    assert journal.begin(an_edit(), HERE)


# Room


def test_a_full_journal_refuses_and_evicts_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path, cap=1 << 20)
    first = made(journal, an_edit(before=os.urandom(600_000)))
    before = journal.file.read_bytes()
    with pytest.raises(JournalFull, match=r"1\.0 MiB.*nothing was sent.*kvtui journal purge") as caught:
        journal.begin(an_edit(before=os.urandom(600_000)), HERE)
    assert isinstance(caught.value, Refused)
    assert (caught.value.cap, caught.value.size) == (1 << 20, journal.size())
    assert journal.file.read_bytes() == before
    assert ids(*journal.records()) == [first]
    # The same bytes again take no room, and without images there is nothing to find room for.
    journal.begin(replace(journal.step(first), redoes=first), HERE)
    journal.begin(an_edit(before=os.urandom(600_000)), HERE, images=False)
    assert journal.purge() == 1
    journal.begin(an_edit(before=os.urandom(300_000)), HERE)
    journal.close()


def test_declined_images_leave_nothing_of_the_values(journal: Journal) -> None:
    step = plans.edit(ref("k"), Entry(b"OLD-SECRET", '"META-OLD"'), Entry(b"NEW-SECRET", '"META-NEW"', 9))
    id = journal.begin(step, HERE, images=False)
    journal.note(id, 0, Outcome.CONFIRMED)
    journal.end(id, State.DONE)
    record = journal.record(id)
    assert (record.images, record.undoable) == (False, False)
    assert "declined" in record.why_not
    assert (record.changes[0].before, record.changes[0].after) == (
        Brief(10, "", None, None),
        Brief(10, "", None, 9),
    )
    assert journal.to_undo(SOURCE) is None
    with pytest.raises(JournalError, match="declined"):
        journal.step(id)
    stored = journal.file.read_bytes()
    assert b"SECRET" not in stored and b"META-" not in stored


def test_purge_shrinks_the_file_and_keeps_what_is_open(journal: Journal, clock: Clock) -> None:
    shared = os.urandom(200_000)
    still_open = journal.begin(an_edit("open", before=shared), HERE)
    for _ in range(5):
        clock.now += 1
        made(journal, an_edit(before=os.urandom(400_000), after=shared))
    journal.save_draft(a_draft())
    large = journal.file.stat().st_size
    assert journal.purge(before=clock.now) == 4
    middle = journal.file.stat().st_size
    assert journal.purge() == 1
    small = journal.file.stat().st_size
    assert large > 2_200_000 and middle < large - 1_600_000 and small < 300_000
    assert journal.size() <= small
    assert ids(*journal.records()) == [still_open]
    assert journal.step(still_open) == an_edit("open", before=shared)
    journal.close()
    assert journal.lost_drafts(SOURCE) == [a_draft()]


def test_numbers_are_never_given_twice(journal: Journal) -> None:
    id = made(journal, an_edit())
    journal.purge()
    assert journal.begin(an_edit(), HERE) > id


def test_what_was_kept_for_its_time_is_retired(tmp_path: Path, clock: Clock) -> None:
    journal = Journal(tmp_path, keep_days=30, clock=clock)
    made(journal, an_edit())
    clock.now += 2 * DAY
    young = made(journal, an_edit())
    clock.now += 28.5 * DAY
    assert journal.retire() == 1
    assert ids(*journal.records()) == [young]
    journal.close()


# Undo and redo


def test_undo_and_redo_go_through_the_steps_in_order(journal: Journal) -> None:
    first, second = made(journal, an_edit("a")), made(journal, an_edit("b"))

    def stack() -> list[int | None]:
        return ids(journal.to_undo(SOURCE), journal.to_redo(SOURCE))

    assert stack() == [second, None]
    undo(journal, second)
    assert stack() == [first, second]
    assert journal.record(second).undone
    undo(journal, first)
    assert stack() == [None, first]
    redo(journal, first)
    assert stack() == [first, second]
    assert not journal.record(first).undone
    redo(journal, second)
    assert stack() == [second, None]
    undo(journal, second)
    assert stack() == [first, second]
    third = made(journal, an_edit("c"))
    assert stack() == [third, None]
    undo(journal, third)
    assert stack() == [first, third]


def test_what_was_undone_cannot_be_undone_and_undos_are_not_undone_in_their_stead(journal: Journal) -> None:
    id = made(journal, an_edit())
    taken_back = journal.record(undo(journal, id))
    assert "taken back already" in journal.record(id).why_not
    assert f"step {id}" in taken_back.why_not
    made_again = journal.record(redo(journal, id))
    assert journal.record(id).undoable
    assert f"step {id}" in made_again.why_not
    assert taken_back.undoes == made_again.redoes == id


def test_a_redo_stands_for_itself_once_the_original_was_purged(journal: Journal, clock: Clock) -> None:
    id = made(journal, an_edit())
    undo(journal, id)
    clock.now += 1
    again = redo(journal, id)
    journal.purge(before=clock.now)
    assert ids(journal.to_undo(SOURCE)) == [again]


def test_only_an_undo_that_is_done_counts(journal: Journal) -> None:
    id = made(journal, an_edit())
    half = made(journal, replace(inverse(journal.step(id)), undoes=id), state=State.STOPPED)
    assert not journal.record(id).undone
    assert ids(journal.to_undo(SOURCE)) == [id]
    assert journal.record(half).undoable


def test_to_end_a_step_twice_changes_nothing(journal: Journal) -> None:
    id = made(journal, an_edit())
    taken_back = undo(journal, id)
    redo(journal, id)
    journal.end(taken_back, State.DONE)
    assert not journal.record(id).undone


@pytest.mark.parametrize(
    ("outcome", "undoable"),
    [
        (Outcome.CONFIRMED, True),
        (Outcome.UNCONFIRMED, True),
        (Outcome.UNKNOWN, True),
        (Outcome.FAILED, False),
        (Outcome.DROPPED, False),
    ],
)
def test_undo_is_offered_for_what_may_have_landed(journal: Journal, outcome: Outcome, undoable: bool) -> None:
    id = made(journal, an_edit(), outcome, State.STOPPED)
    assert journal.record(id).undoable is undoable
    assert ids(journal.to_undo(SOURCE)) == [id if undoable else None]


def test_a_removed_namespace_does_not_come_back(journal: Journal) -> None:
    id = made(journal, plans.remove_namespace(SPACE))
    assert "namespace" in journal.record(id).why_not
    assert journal.to_undo(SOURCE) is None


def test_what_is_under_way_is_not_undone(journal: Journal, other: Journal) -> None:
    id = journal.begin(an_edit(), HERE)
    journal.note(id, 0, Outcome.CONFIRMED)
    for view in (journal, other):
        assert "under way" in view.record(id).why_not
        assert view.to_undo(SOURCE) is None


def test_each_source_has_its_own_stack(journal: Journal) -> None:
    here = made(journal, an_edit())
    there = journal.begin(an_edit(), Origin("local:/tmp/st\udcffate", "local"))
    assert ids(journal.to_undo(SOURCE)) == [here]
    assert ids(*journal.records()) == [there, here]
    assert ids(*journal.records("local:/tmp/st\udcffate")) == [there]
    assert ids(*journal.records(limit=1)) == [there]
    assert ids(*journal.records(before=there)) == [here]
    undo(journal, here)
    made(journal, an_edit())
    assert journal.to_redo("local:/tmp/st\udcffate") is None


# Several kvtui


def test_a_killed_kvtui_leaves_an_interrupted_step(journal: Journal, other: Journal) -> None:
    killed(journal.folder, LEFT_OPEN)
    running = journal.begin(an_edit("mine"), HERE)
    (record,) = other.interrupted()
    assert not record.alive
    assert record.state is State.OPEN
    assert [noted.outcome for noted in record.changes] == [Outcome.SENT, Outcome.PLANNED]
    assert record.undoable  # it may have landed
    assert ids(*other.interrupted(SOURCE)) == [record.id]
    assert other.interrupted("local:/elsewhere") == []
    assert ids(*journal.records()) == [running, record.id]
    assert other.step(record.id) == plans.rename(ref("old"), Entry(b"v"), ref("new"), None)


def test_one_kvtui_takes_an_interrupted_step_over(journal: Journal, other: Journal) -> None:
    killed(journal.folder, LEFT_OPEN)
    (record,) = journal.interrupted()
    other.adopt(record.id)
    other.adopt(record.id)
    assert journal.interrupted() == []
    assert journal.record(record.id).alive
    with pytest.raises(JournalError, match="Another kvtui"):
        journal.adopt(record.id)
    other.end(record.id, State.STOPPED)
    with pytest.raises(JournalError, match="ended"):
        other.adopt(record.id)
    assert not journal.to_redo(SOURCE) and ids(journal.to_undo(SOURCE)) == [record.id]


def test_an_interrupted_step_that_was_taken_back_is_not_resumed(journal: Journal) -> None:
    killed(journal.folder, LEFT_OPEN)
    (record,) = journal.interrupted()
    undo(journal, record.id)
    assert journal.interrupted() == []
    after = journal.record(record.id)
    assert (after.state, after.undone) == (State.STOPPED, True)
    assert after.changes[1].outcome is Outcome.DROPPED


def test_closing_leaves_an_interrupted_step_and_may_be_done_twice(journal: Journal, other: Journal) -> None:
    id = journal.begin(an_edit(), HERE)
    assert other.interrupted() == []
    journal.close()
    journal.close()
    assert ids(*other.interrupted()) == [id]
    assert list((journal.folder / "sessions").iterdir()) == []


def test_two_kvtui_write_from_many_threads_at_once(journal: Journal, other: Journal) -> None:
    problems: list[BaseException] = []

    def work(kvtui: Journal, name: str) -> None:
        try:
            for count in range(8):
                step = plans.delete([(ref(f"{name}{count}"), Entry(name.encode() * 1000)) for _ in range(2)])
                id = kvtui.begin(step, HERE)
                for index in range(2):
                    kvtui.note(id, index, Outcome.SENT)
                    kvtui.note(id, index, Outcome.CONFIRMED)
                assert kvtui.step(id) == step
                kvtui.end(id, State.DONE)
        except BaseException as problem:
            problems.append(problem)

    threads = [
        threading.Thread(target=work, args=(kvtui, f"{letter}{number}"))
        for letter, kvtui in (("a", journal), ("b", other))
        for number in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert problems == []
    records = journal.records()
    assert len(records) == 48
    assert all(record.state is State.DONE and len(record.landed) == 2 for record in records)


# Drafts


def a_draft(key: str = "k", data: bytes | None = b"half wr", at: float = 5.0) -> SavedDraft:
    return SavedDraft(
        source=SOURCE,
        ref=ref(key),
        base=Entry(b"\0whole", '"\udcff"', 7),
        data=data,
        layout="json \ud800",
        metadata='{"v":3}',
        expiration=None,
        at=at,
    )


def test_a_draft_is_lost_only_when_its_kvtui_is_gone(journal: Journal, other: Journal) -> None:
    plain = SavedDraft(SOURCE, ref("new"), None, None, "", None, 9, 1.0)
    journal.save_draft(a_draft())
    journal.save_draft(plain)
    journal.save_draft(a_draft(data=b"half written", at=6.0))
    assert journal.lost_drafts(SOURCE) == other.lost_drafts(SOURCE) == []
    journal.close()
    assert other.lost_drafts(SOURCE) == [a_draft(data=b"half written", at=6.0), plain]
    assert other.lost_drafts("local:/elsewhere") == []


def test_a_killed_kvtui_leaves_its_drafts(journal: Journal) -> None:
    draft = "SavedDraft(here.source, KeyRef(space, 'k'), None, b'x', '', None, None, 1.0)"
    killed(journal.folder, f"journal.save_draft({draft})")
    (lost,) = journal.lost_drafts(SOURCE)
    assert (lost.ref, lost.data) == (ref("k"), b"x")
    journal.drop_draft(SOURCE, lost.ref)
    assert journal.lost_drafts(SOURCE) == []


def test_a_lost_draft_that_is_saved_again_is_owned_anew(journal: Journal, other: Journal) -> None:
    journal.save_draft(a_draft())
    journal.close()
    (lost,) = other.lost_drafts(SOURCE)
    other.save_draft(lost)
    assert other.lost_drafts(SOURCE) == journal.lost_drafts(SOURCE) == []
    other.save_draft(lost._replace(data=b"more", at=8.0))
    other.drop_draft(SOURCE, lost.ref)
    other.close()
    assert journal.lost_drafts(SOURCE) == []


def test_another_edit_of_the_key_does_not_cost_a_lost_draft(journal: Journal, other: Journal) -> None:
    journal.save_draft(a_draft())
    journal.close()
    other.save_draft(a_draft(data=b"something else", at=9.0))
    other.drop_draft(SOURCE, ref("k"))
    assert other.lost_drafts(SOURCE) == [a_draft()]


def test_the_draft_of_a_running_kvtui_stays_its_own(journal: Journal, other: Journal) -> None:
    journal.save_draft(a_draft(data=b"mine"))
    other.save_draft(a_draft(data=b"theirs"))
    other.drop_draft(SOURCE, ref("k"))
    other.drop_draft(SOURCE, ref("k"))
    journal.close()
    assert [draft.data for draft in other.lost_drafts(SOURCE)] == [b"mine"]
