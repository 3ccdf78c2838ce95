"""The journal's file is its owner's alone, and where it cannot be trusted or used, that is said in words."""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from contextlib import closing
from pathlib import Path

import pytest

from kvtui.api.models import Entry, Namespace
from kvtui.core import plans
from kvtui.core.changes import KeyRef, Step
from kvtui.core.journal.errors import JournalUnusable
from kvtui.core.journal.file import VERSION, open_file
from kvtui.core.journal.journal import Journal
from kvtui.core.journal.records import Origin, Outcome

HERE = Origin("local:/tmp/state", "local")
STEP = plans.create(KeyRef(Namespace("0" * 32, "t"), "k"), Entry(b"v"))


def begin(folder: Path, step: Step = STEP) -> None:
    journal = Journal(folder)
    try:
        journal.begin(step, HERE)
    finally:
        journal.close()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_nothing_is_made_before_something_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "kvtui"
    journal = Journal(folder)
    assert (journal.folder, journal.file) == (folder, folder / "journal.sqlite3")
    assert journal.records() == journal.interrupted() == []
    assert journal.lost_drafts("x") == []
    assert journal.to_undo("x") is journal.to_redo("x") is None
    assert journal.size() == journal.purge() == journal.retire() == 0
    journal.drop_draft("x", STEP.pairs[0].ref)
    journal.close()
    assert not (tmp_path / "state").exists()


def test_all_of_it_is_private_whatever_the_umask(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "kvtui"
    before = os.umask(0)
    try:
        journal = Journal(folder)
        journal.begin(STEP, HERE)
    finally:
        os.umask(before)
    folders = [folder.parent, folder, folder / "sessions"]
    assert [mode(path) for path in folders] == [0o700] * 3
    assert mode(journal.file) == 0o600
    (lock,) = (folder / "sessions").iterdir()
    assert mode(lock) == 0o600
    journal.close()


def test_what_is_ours_and_too_open_is_closed(tmp_path: Path) -> None:
    folder = tmp_path / "kvtui"
    begin(folder)
    folder.chmod(0o777)
    (folder / "journal.sqlite3").chmod(0o644)
    begin(folder)
    assert (mode(folder), mode(folder / "journal.sqlite3")) == (0o700, 0o600)


def test_a_symbolic_link_is_not_followed(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.mkdir()
    link.symlink_to(target)
    with pytest.raises(JournalUnusable, match="symbolic link"):
        begin(link)
    assert list(target.iterdir()) == []

    victim = tmp_path / "victim"
    victim.write_bytes(b"")
    (target / "journal.sqlite3").symlink_to(victim)
    with pytest.raises(JournalUnusable, match="symbolic link"):
        begin(target)
    assert victim.read_bytes() == b""


def test_a_hard_link_or_no_file_at_all_is_refused(tmp_path: Path) -> None:
    begin(tmp_path)
    file = tmp_path / "journal.sqlite3"
    os.link(file, tmp_path / "second name")
    with pytest.raises(JournalUnusable, match="hard link"):
        begin(tmp_path)
    file.unlink()
    file.mkdir()
    with pytest.raises(JournalUnusable, match="is no file"):
        begin(tmp_path)
    in_the_way = tmp_path / "in the way"
    in_the_way.write_text("")
    with pytest.raises(JournalUnusable, match="is no folder"):
        begin(in_the_way)
    with pytest.raises(JournalUnusable, match="Not a directory"):
        begin(in_the_way / "below")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("what", ["", "journal.sqlite3"])
def test_another_users_is_refused(tmp_path: Path, what: str) -> None:
    begin(tmp_path)
    os.chown(tmp_path / what, 4242, 4242)
    with pytest.raises(JournalUnusable, match="another user") as caught:
        begin(tmp_path)
    assert caught.value.remedy
    os.chown(tmp_path / what, 0, 0)


def test_a_commit_is_on_the_disk_before_it_returns(tmp_path: Path) -> None:
    with closing(open_file(tmp_path / "journal.sqlite3")) as db:

        def pragma(name: str) -> object:
            return db.execute(f"PRAGMA {name}").fetchone()[0]

        full = 2
        assert int(str(pragma("synchronous"))) >= full
        assert pragma("journal_mode") == "delete"
        assert pragma("foreign_keys") == 1
        assert pragma("busy_timeout") == 10_000
        assert pragma("user_version") == VERSION
        assert not db.execute("PRAGMA foreign_key_check").fetchall()


@pytest.mark.parametrize("junk", [b"this is no database" * 100, None], ids=["foreign", "torn"])
def test_a_damaged_file_is_said_and_left_alone(tmp_path: Path, junk: bytes | None) -> None:
    begin(tmp_path)
    file = tmp_path / "journal.sqlite3"
    if junk is None:
        whole = file.read_bytes()
        junk = whole[:100] + b"\xff" * (len(whole) - 100)
    file.write_bytes(junk)
    with pytest.raises(JournalUnusable, match="Move it away") as caught:
        begin(tmp_path)
    assert str(file) in caught.value.message
    assert file.read_bytes() == junk
    file.rename(tmp_path / "journal.damaged")
    begin(tmp_path)


def test_a_database_of_something_else_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "journal.sqlite3"
    with closing(sqlite3.connect(file)) as db:
        db.execute("CREATE TABLE t (a)")
    with pytest.raises(JournalUnusable, match="other tables"):
        begin(tmp_path)


def test_a_newer_journal_asks_for_a_newer_kvtui(tmp_path: Path) -> None:
    begin(tmp_path)
    with closing(sqlite3.connect(tmp_path / "journal.sqlite3")) as db:
        db.execute(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(JournalUnusable, match="Update kvtui"):
        begin(tmp_path)


def test_a_file_that_was_moved_away_is_noticed_and_then_made_anew(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.begin(STEP, HERE)
    journal.file.rename(tmp_path / "moved")
    with pytest.raises(JournalUnusable, match="cannot be written"):
        journal.begin(STEP, HERE)
    id = journal.begin(STEP, HERE)
    assert journal.step(id) == STEP
    journal.close()


def test_a_disk_that_is_full_is_said_and_loses_nothing(tmp_path: Path) -> None:
    """SQLite's own limit of pages stands in for the disk's: it fails with the same code, half-way."""
    journal = Journal(tmp_path)
    id = journal.begin(STEP, HERE)
    with journal._disk.reading() as db:
        db.execute("PRAGMA max_page_count = 30")
    large = plans.create(KeyRef(Namespace("0" * 32, "t"), "large"), Entry(os.urandom(1 << 20)))
    with pytest.raises(JournalUnusable, match="disk is full"):
        journal.begin(large, HERE)
    assert [record.id for record in journal.records()] == [id]
    assert journal.begin(large, HERE) > id
    journal.close()


def test_a_lock_that_is_not_given_up_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kvtui.core.journal.file.BUSY_S", 0.05)
    begin(tmp_path)
    with closing(sqlite3.connect(tmp_path / "journal.sqlite3", isolation_level=None)) as db:
        db.execute("BEGIN EXCLUSIVE")
        with pytest.raises(JournalUnusable, match="Another kvtui writes"):
            begin(tmp_path)
    begin(tmp_path)


def test_what_a_killed_process_left_is_swept(tmp_path: Path) -> None:
    sessions = tmp_path / "sessions"
    sessions.mkdir()
    (sessions / "dead").write_bytes(b"")
    running, next_one = Journal(tmp_path), Journal(tmp_path)
    running.begin(STEP, HERE)
    next_one.begin(STEP, HERE)
    assert len(list(sessions.iterdir())) == 2
    assert not (sessions / "dead").exists()
    running.close()
    next_one.close()


def test_a_long_history_is_listed_without_its_values(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for _ in range(200):
        id = journal.begin(STEP, HERE)
        journal.note(id, 0, Outcome.CONFIRMED)
    statements: list[str] = []
    with journal._disk.reading() as db:
        db.set_trace_callback(statements.append)
    began = time.perf_counter()
    assert len(journal.records()) == 200
    assert time.perf_counter() - began < 1  # takes about 10 ms
    assert statements and not any("blobs" in statement for statement in statements)
    journal.close()
