"""The plain commands that go back in history, run as a script runs them."""

from __future__ import annotations

import base64
import json
import stat
import time
from pathlib import Path
from typing import Any

import pytest

from kvtui.api.models import Entry
from kvtui.core import plans
from kvtui.core.changes import KeyRef
from kvtui.core.journal.records import Origin, Outcome
from tests.plain import Plain, namespace, plain
from tests.project import BINARY, HOSTILE, SESSION

__all__ = ["plain"]


def lines(text: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


# undo


def test_undo_brings_back_every_byte(plain: Plain) -> None:
    everything = plain("ls", "SESSIONS", "--json").out
    before = plain.stored("SESSIONS", "user:4711")
    plain.well("put", "SESSIONS", "user:4711", "--metadata", "null", "--expires", "never", "-", stdin=BINARY)
    said = plain.well("undo")
    assert "Step 1 was taken back: edit, SESSIONS user:4711. It is step 2 in the journal." in said
    assert plain.stored("SESSIONS", "user:4711") == before
    assert plain("get", "SESSIONS", "user:4711").out == SESSION

    plain.well("rm", "SESSIONS", "user:4711", "user:4712", "user:4713")
    plain.well("mv", "SESSIONS", HOSTILE, "plain", "--to", "FLAGS")
    plain.well("put", "SESSIONS", "new", "--value", "1")
    for _ in range(3):
        plain.well("undo")
    assert plain("ls", "SESSIONS", "--json").out == everything
    assert plain("get", "SESSIONS", "user:4712").out == BINARY
    assert plain("ls", "FLAGS").out == b""
    done = plain("undo")
    assert done.code == 3
    assert "nothing to take back" in done.said


def test_undo_leaves_what_a_stranger_wrote(plain: Plain) -> None:
    plain.well("put", "SESSIONS", "tmp:1", "--value", "mine")
    plain.put("SESSIONS", "tmp:1", Entry(b"theirs", "[1]"))
    done = plain("undo", "1")
    assert done.code == 5
    assert "SESSIONS tmp:1: Something else is there by now: 6 B, metadata [1], never expires." in done.said
    assert "Nothing was changed." in done.said
    assert plain.stored("SESSIONS", "tmp:1") == Entry(b"theirs", "[1]")
    plain.well("rm", "SESSIONS", "tmp:1")
    done = plain("undo", "1")
    assert done.code == 5
    assert "It is gone by now." in done.said


def test_undo_refuses_what_cannot_be_taken_back(plain: Plain) -> None:
    plain.well("put", "FLAGS", "a", "--value", "1")
    plain.well("undo", "1")
    done = plain("undo", "1")
    assert done.code == 2
    assert "It has been taken back already. kvtui redo 1 makes it again." in done.said
    assert "make that one again instead (kvtui redo 1)." in plain("undo", "2").said
    assert plain("undo", "99").code == 3
    assert plain("undo", "x").code == 2
    plain.well("put", "FLAGS", "a", "--value", "1")
    assert plain("undo", "--read-only").code == 4
    done = plain("undo", "--no-journal")
    assert done.code == 2
    assert "The journal is off" in done.said
    assert plain.stored("FLAGS", "a") == Entry(b"1")


def test_a_step_is_not_taken_back_on_another_source(plain: Plain, tmp_path: Path) -> None:
    plain.well("put", "FLAGS", "a", "--value", "1")
    other = Plain(tmp_path / "other", plain.state)
    (other.project / ".wrangler" / "state").mkdir(parents=True)
    for command in (("undo", "1"), ("journal", "restore", "1")):
        done = other(*command)
        assert done.code == 2
        assert f"Step 1 was made on another source: {plain.source}" in done.said
    assert plain.stored("FLAGS", "a") == Entry(b"1")


def test_what_has_expired_meanwhile_is_not_put_back(plain: Plain) -> None:
    journal = plain.journal()
    gone = Entry(b"1", None, int(time.time()) - 5)
    refs = [KeyRef(namespace("FLAGS"), key) for key in ("gone", "there")]
    step = plans.delete([(refs[0], gone), (refs[1], Entry(b"2"))])
    id = journal.begin(step, Origin(plain.source, "local"))
    journal.note(id, 0, Outcome.CONFIRMED)
    journal.note(id, 1, Outcome.CONFIRMED)
    journal.close()
    said = plain.well("journal", "restore", "1")
    assert "FLAGS gone has expired meanwhile, so it is not brought back." in said
    plain.well("undo")
    said = plain.well("undo", "1")
    assert "FLAGS gone had expired meanwhile, so it was not put back." in said
    assert plain.stored("FLAGS", "there") == Entry(b"2")
    assert plain.stored("FLAGS", "gone") is None
    assert plain("journal", "restore", "1", "1").code == 2


def test_an_interrupted_step_is_pointed_at_and_can_be_taken_back(plain: Plain) -> None:
    journal = plain.journal()
    ref = KeyRef(namespace("SESSIONS"), "tmp:1")
    id = journal.begin(plans.edit_value(ref, Entry(b"-"), b"half"), Origin(plain.source, "local"))
    journal.note(id, 0, Outcome.SENT)
    journal.close()
    plain.put("SESSIONS", "tmp:1", Entry(b"half"))
    said = plain.well("put", "FLAGS", "a", "--value", "1")
    ways = (
        "kvtui journal finish 1 goes on with it, kvtui undo 1 takes it back, "
        "kvtui journal leave 1 leaves it as it is."
    )
    assert f"Step 1 was interrupted half-way: {ways}" in said
    assert f"interrupted. {ways}" in plain("journal", "list").out.decode()
    plain.well("journal", "purge", "--yes")
    said = plain.well("undo", "1")
    assert "interrupted" not in said
    assert plain.stored("SESSIONS", "tmp:1") == Entry(b"-")


# journal list, show


def test_list_tells_the_steps_of_this_source_newest_first(plain: Plain) -> None:
    assert plain("journal", "list").out == b""
    plain.well("put", "FLAGS", "a", "--value", "1")
    plain.well("rm", "SESSIONS", "tmp:1", "tmp:2")
    plain.well("undo", "1")
    first, second, third = plain("journal", "list").out.decode().splitlines()
    assert first.split("  ")[-3:] == [
        "undo of create",
        "FLAGS a",
        "done. It took step 1 back: make that one again instead (kvtui redo 1).",
    ]
    assert second.endswith("delete  SESSIONS tmp:1 +1 more  done. kvtui undo 2 takes it back.")
    assert third.endswith("taken back. It has been taken back already. kvtui redo 1 makes it again.")
    listed = lines(plain("journal", "list", "--json").out)
    assert [step["id"] for step in listed] == [3, 2, 1]
    assert [step["undoable"] for step in listed] == [False, True, False]


def test_list_all_needs_no_source(plain: Plain, tmp_path: Path) -> None:
    plain.well("put", "FLAGS", "a", "--value", "1")
    other = Plain(tmp_path / "other", plain.state)
    (other.project / ".wrangler" / "state").mkdir(parents=True)
    assert other("journal", "list").out == b""
    assert b"local project  create  FLAGS a" in other("journal", "list", "--all").out
    done = plain.anywhere("journal", "list", "--all", "--json")
    assert done.code == 0
    assert lines(done.out)[0]["source"] == plain.source
    done = plain.anywhere("journal", "list")
    assert done.code == 2
    assert "journal list --all" in done.said


def test_show_tells_each_change_and_what_became_of_it(plain: Plain) -> None:
    plain.well("put", "SESSIONS", "user:4711", "--value", "x", "--expires", "never")
    done = plain.anywhere("journal", "show", "1")
    shown = done.out.decode().splitlines()
    assert shown[0] == "step 1: edit, done"
    assert "1: SESSIONS user:4711" in shown
    assert any(line.startswith("  before: 62 B, sha256 ") and '{"v":3}, expires' in line for line in shown)
    assert any(line.startswith("  after: 1 B, ") and line.endswith("never expires") for line in shown)
    assert "  outcome: confirmed" in shown
    assert shown[-1] == "undo: kvtui undo 1 takes it back."
    (step,) = lines(plain.anywhere("journal", "show", "1", "--json").out)
    (change,) = step["changes"]
    assert (change["title"], change["key"], change["outcome"]) == ("SESSIONS", "user:4711", "confirmed")
    assert change["before"]["metadata"] == {"v": 3}
    assert change["after"] == {
        "size": 1,
        "sha256": "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
        "metadata": {"v": 3},
        "expiration": None,
    }
    assert plain.anywhere("journal", "show", "99").code == 3


# journal export, purge, restore


def test_export_keeps_every_record_in_wranglers_shape(plain: Plain, tmp_path: Path) -> None:
    before = plain.stored("SESSIONS", "user:4711")
    assert before is not None
    plain.well("put", "SESSIONS", "user:4711", "-", "--metadata", '{"n": 1.50,\n"n": 2}', stdin=BINARY)
    done = plain.anywhere("journal", "export", "1")
    old, new = lines(done.out)
    assert old == {
        "key": "user:4711",
        "value": SESSION.decode(),
        "expiration": before.expiration,
        "metadata": {"v": 3},
        "side": "before",
        "namespace": "sessions",
    }
    assert new["base64"] is True
    assert base64.b64decode(str(new["value"])) == BINARY
    assert b'"metadata":{"n":1.50,"n":2}' in done.out

    file = tmp_path / "records.jsonl"
    assert "2 records written to" in plain.anywhere("journal", "export", "1", str(file)).said
    assert file.read_bytes() == done.out
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert plain.anywhere("journal", "export", "1", str(file)).code == 5
    assert plain.anywhere("journal", "export", "1", str(tmp_path / "no" / "f")).code == 1
    assert plain.anywhere("journal", "export", "9").code == 3
    assert file.read_bytes() == done.out


def test_purge_asks_and_tells_how_much_it_removed(plain: Plain) -> None:
    plain.well("put", "FLAGS", "a", "--value", "1")
    plain.well("put", "FLAGS", "b", "--value", "1")
    done = plain.anywhere("journal", "purge")
    assert done.code == 2
    assert "needs --yes" in done.said
    assert "takes a number" in plain.anywhere("journal", "purge", "--older-than", "nan", "--yes").said
    done = plain.anywhere("journal", "purge", "--older-than", "1", "--yes")
    assert "0 steps were removed" in done.said
    assert b"needs --yes" in plain.on_a_terminal("journal", "purge", typed=b"\n")
    assert len(plain("journal", "list").out.splitlines()) == 2
    assert b"2 steps were removed" in plain.on_a_terminal("journal", "purge", typed=b"y\n")
    assert plain("journal", "list").out == b""
    assert plain("undo").code == 3
    assert plain.stored("FLAGS", "a") == Entry(b"1")


def test_what_has_been_kept_for_its_time_goes_after_a_change(plain: Plain) -> None:
    plain.well("put", "FLAGS", "a", "--value", "1")
    plain.well("put", "FLAGS", "b", "--value", "1")
    time.sleep(0.1)
    plain.well("put", "FLAGS", "b", "--value", "2", KVTUI_JOURNAL_DAYS="0.000001")
    assert len(plain("journal", "list").out.splitlines()) == 1


def test_restore_brings_records_back_over_what_is_there(plain: Plain) -> None:
    before = plain.stored("SESSIONS", "user:4711")
    plain.well("rm", "SESSIONS", "user:4711", "user:4712", "tmp:1")
    plain.put("SESSIONS", "user:4711", Entry(b"theirs"))
    plain.put("SESSIONS", "tmp:1", Entry(b"-"))
    said = plain.well("journal", "restore", "1", "2")
    assert "SESSIONS user:4712: brought back (10 B, no metadata, never expires); it replaced nothing." in said
    assert plain.stored("SESSIONS", "user:4712") == Entry(BINARY)
    assert plain.stored("SESSIONS", "user:4711") == Entry(b"theirs")

    said = plain.well("journal", "restore", "1")
    assert "SESSIONS user:4712: nothing to change" in said
    assert "it replaced 6 B, no metadata, never expires" in said
    assert "Restored: 1 of 3. kvtui undo 3 takes it back." in said
    assert plain.stored("SESSIONS", "user:4711") == before
    plain.well("undo")
    assert plain.stored("SESSIONS", "user:4711") == Entry(b"theirs")


def test_restore_refuses(plain: Plain) -> None:
    plain.well("put", "FLAGS", "a", "--value", "1")
    done = plain("journal", "restore", "1", "1")
    assert done.code == 2
    assert "FLAGS a was not there before, so there is nothing to bring back." in done.said
    assert plain("journal", "restore", "1").code == 0
    assert plain("journal", "restore", "1", "0").code == 3
    assert plain("journal", "restore", "1", "2").code == 3
    assert plain("journal", "restore", "7").code == 3
    assert plain("journal", "restore", "1", "--read-only").code == 4
    assert plain.stored("FLAGS", "a") == Entry(b"1")


@pytest.mark.parametrize("command", ["list", "list --all", "show 1", "export 1", "purge --yes", "restore 1"])
def test_a_journal_that_is_off_says_so(plain: Plain, command: str) -> None:
    done = plain("journal", *command.split(), KVTUI_JOURNAL="off")
    assert (done.code, done.out) == (2, b"")
    assert "The journal is off" in done.said


def test_a_reader_that_goes_away_is_no_error_message(plain: Plain) -> None:
    import subprocess

    from tests.plain import COMMAND

    plain.well("put", "FLAGS", "a", "--value", "1")
    with subprocess.Popen(
        [*COMMAND, "journal", "list", "--all"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=plain.environ(),
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        assert running.stderr.read() == b""
        assert running.wait(timeout=60) == 141
