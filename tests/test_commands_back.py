"""The plain commands undo and redo as a person meets them, and those for a step that was interrupted."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import time

import pytest

from kvtui.api.models import Entry, Namespace
from kvtui.core import plans
from kvtui.core.changes import KeyRef, Step
from kvtui.core.journal.records import Origin, Outcome
from kvtui.local.server import ACCOUNT
from tests.plain import COMMAND, Plain, namespace, plain

__all__ = ["plain"]


def ref(key: str) -> KeyRef:
    return KeyRef(namespace("SESSIONS"), key)


def edit(key: str, before: bytes, after: bytes) -> Step:
    return plans.edit_value(ref(key), Entry(before), after)


# redo


def test_redo_makes_again_what_was_taken_back(plain: Plain) -> None:
    plain.well("rm", "SESSIONS", "tmp:1", "tmp:2")
    said = plain.well("undo")
    assert "kvtui: SESSIONS tmp:1: put back (1 B, no metadata, never expires).\n" in said
    assert "kvtui: SESSIONS tmp:2: put back (1 B, no metadata, never expires).\n" in said
    assert "It is step 2 in the journal. kvtui redo 1 makes it again." in said
    said = plain.well("redo")
    assert "kvtui: SESSIONS tmp:1: deleted (1 B, no metadata, never expires).\n" in said
    assert "Step 1 was made again: delete, SESSIONS tmp:1 +1 more. It is step 3 in the journal." in said
    assert "kvtui undo 1 takes it back." in said
    assert plain.stored("SESSIONS", "tmp:1") is None
    assert "take that one back instead (kvtui undo 1)." in plain("undo", "3").said
    plain.well("undo", "1")
    assert plain.stored("SESSIONS", "tmp:1") == Entry(b"-")


def test_redo_of_an_edit_says_what_it_replaced(plain: Plain) -> None:
    plain.well("put", "SESSIONS", "tmp:1", "--value", "other")
    plain.well("undo")
    said = plain.well("redo", "1")
    assert "tmp:1: written (5 B, no metadata, never expires); it replaced 1 B, no metadata, never" in said


def test_redo_refuses(plain: Plain) -> None:
    done = plain("redo")
    assert (done.code, done.out) == (3, b"")
    assert "nothing to make again" in done.said
    plain.well("put", "FLAGS", "a", "--value", "1")
    done = plain("redo", "1")
    assert done.code == 2
    assert "Step 1 has not been taken back" in done.said
    assert plain("redo", "9").code == 3
    plain.well("undo")
    assert plain("redo", "--read-only").code == 4
    assert plain("redo", "--no-journal").code == 2
    plain.well("put", "FLAGS", "b", "--value", "1")
    assert plain("redo").code == 3
    plain.put("FLAGS", "a", Entry(b"theirs"))
    done = plain("redo", "1")
    assert done.code == 5
    assert "FLAGS a: It is there already: 6 B" in done.said
    assert plain.stored("FLAGS", "a") == Entry(b"theirs")


def test_an_undo_that_stops_half_way_tells_what_it_did(plain: Plain) -> None:
    plain.well("rm", "SESSIONS", "tmp:1", "tmp:2")
    plain.put("SESSIONS", "tmp:1", Entry(b"theirs"))
    done = plain("undo")
    assert done.code == 5
    assert "kvtui: SESSIONS tmp:2: put back (1 B, no metadata, never expires).\n" in done.said
    assert "SESSIONS tmp:1: It is there already: 6 B" in done.said
    assert "1 of 2 changes were made before it." in done.said
    assert plain.stored("SESSIONS", "tmp:1") == Entry(b"theirs")


# On a terminal


def test_on_a_terminal_undo_and_redo_ask_before_they_change_anything(plain: Plain) -> None:
    plain.well("mv", "SESSIONS", "tmp:1", "renamed")
    seen = plain.on_a_terminal("undo", typed=b"\n").decode()
    assert "kvtui: Step 1: rename, SESSIONS renamed +1 more.\r\n" in seen
    assert "kvtui: puts back SESSIONS tmp:1: 1 B, no metadata, never expires\r\n" in seen
    assert "kvtui: deletes SESSIONS renamed (1 B, no metadata, never expires)\r\n" in seen
    assert seen.index("puts back") < seen.index("deletes") < seen.index("Take it back? [y/N]")
    assert "Nothing was changed." in seen
    assert plain.stored("SESSIONS", "tmp:1") is None
    assert len(plain("journal", "list").out.splitlines()) == 1

    seen = plain.on_a_terminal("undo", typed=b"y\n").decode()
    assert "SESSIONS renamed: deleted (1 B, no metadata, never expires)." in seen
    assert plain.stored("SESSIONS", "tmp:1") == Entry(b"-")
    seen = plain.on_a_terminal("redo", typed=b"Y\n").decode()
    assert "writes SESSIONS renamed: 1 B" in seen
    assert "Make it again? [y/N]" in seen
    assert plain.stored("SESSIONS", "tmp:1") is None
    assert b"[y/N]" not in plain.on_a_terminal("undo", "--yes")
    assert plain.stored("SESSIONS", "tmp:1") == Entry(b"-")


def test_an_edit_that_is_to_be_taken_back_names_what_goes(plain: Plain) -> None:
    plain.well("put", "SESSIONS", "tmp:1", "--value", "other")
    seen = plain.on_a_terminal("undo", typed=b"n\n").decode()
    assert "puts back SESSIONS tmp:1: 1 B, no metadata, never expires, in the place of 5 B, no metad" in seen
    assert plain.stored("SESSIONS", "tmp:1") == Entry(b"other")


def test_what_has_expired_is_told_and_what_is_there_stays(plain: Plain) -> None:
    gone = Entry(b"1", None, int(time.time()) - 5)
    plain.interrupt(plans.edit(ref("tmp:1"), gone, Entry(b"-")), Outcome.CONFIRMED)
    seen = plain.on_a_terminal("undo", typed=b"y\n").decode()
    assert "kvtui: SESSIONS tmp:1 has expired meanwhile: what is there stays\r\n" in seen
    assert "Step 1 was taken back" in seen
    assert plain.stored("SESSIONS", "tmp:1") == Entry(b"-")
    assert plain("undo", "1").code == 2


def test_what_has_expired_by_itself_leaves_nothing_to_do(plain: Plain) -> None:
    plain.interrupt(plans.create(ref("brief"), Entry(b"1", None, int(time.time()) - 5)), Outcome.CONFIRMED)
    seen = plain.on_a_terminal("undo", typed=b"y\n")
    assert b"nothing is left of it to change: it has expired by itself" in seen
    assert b"Step 1 was taken back" in seen


def test_an_interrupt_ends_the_question_at_once(plain: Plain) -> None:
    plain.well("put", "SESSIONS", "tmp:1", "--value", "other")
    leader, follower = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, "--local", str(plain.project), "undo"],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env=plain.environ(),
    ) as running:
        os.close(follower)
        seen = b""
        while b"[y/N]" not in seen:
            seen += os.read(leader, 65536)
        time.sleep(0.2)
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=20) == 130
    os.close(leader)
    assert plain.stored("SESSIONS", "tmp:1") == Entry(b"other")


# Namespaces


def test_to_take_the_making_of_a_namespace_back_needs_a_yes(plain: Plain) -> None:
    plain.apply(plans.create_namespace(ACCOUNT, "NEW"))
    done = plain("undo")
    assert done.code == 2
    assert "To take the making of the namespace NEW back is to remove it: that needs --yes." in done.said
    assert b"that needs --yes" in plain.on_a_terminal("undo", typed=b"y\n")
    assert b"NEW" in plain("ls").out
    assert "namespace NEW: removed." in plain.well("undo", "--yes")
    assert b"NEW" not in plain("ls").out
    assert "namespace NEW: made." in plain.well("redo")
    assert b"NEW" in plain("ls").out
    plain.well("put", "NEW", "key", "--value", "1")
    done = plain("undo", "1", "--yes")
    assert done.code == 1
    assert "has keys by now" in done.said
    assert b"NEW" in plain("ls").out


def test_a_namespace_gets_its_title_back(plain: Plain) -> None:
    plain.apply(plans.rename_namespace(namespace("FLAGS"), "BANNERS"))
    seen = plain.on_a_terminal("undo", typed=b"y\n")
    assert b"renames namespace BANNERS to FLAGS" in seen
    assert b"namespace FLAGS: renamed, was BANNERS." in seen


# journal finish, journal leave


def test_finish_goes_on_with_an_interrupted_step(plain: Plain) -> None:
    step = plans.delete([(ref("tmp:1"), Entry(b"-")), (ref("tmp:2"), Entry(b"-"))])
    plain.interrupt(step, Outcome.SENT)
    said = plain.well("journal", "finish", "1")
    assert "kvtui: SESSIONS tmp:1: deleted (1 B, no metadata, never expires).\n" in said
    assert "kvtui: SESSIONS tmp:2: deleted (1 B, no metadata, never expires).\n" in said
    assert "Step 1 was finished: delete, SESSIONS tmp:1 +1 more. kvtui undo 1 takes it back." in said
    assert "interrupted" not in said
    assert plain.stored("SESSIONS", "tmp:1") is plain.stored("SESSIONS", "tmp:2") is None
    done = plain("journal", "finish", "1")
    assert done.code == 2
    assert "Step 1 is not interrupted: it has ended." in done.said
    plain.well("undo")
    assert plain.stored("SESSIONS", "tmp:2") == Entry(b"-")


def test_finish_writes_over_nothing_that_a_stranger_wrote(plain: Plain) -> None:
    plain.interrupt(edit("tmp:1", b"-", b"half"), Outcome.SENT)
    plain.put("SESSIONS", "tmp:1", Entry(b"theirs"))
    done = plain("journal", "finish", "1")
    assert done.code == 5
    assert "SESSIONS tmp:1: Something else is there by now: 6 B" in done.said
    assert "Step 1 is as interrupted as it was: kvtui journal finish 1" in done.said
    assert plain.stored("SESSIONS", "tmp:1") == Entry(b"theirs")
    assert plain("journal", "finish", "1", "--read-only").code == 4


def test_finish_tells_of_a_record_that_expires_too_soon(plain: Plain) -> None:
    soon = Entry(b"1", None, int(time.time()) + 30)
    plain.interrupt(plans.create(ref("brief"), soon), Outcome.SENT)
    done = plain("journal", "finish", "1")
    assert done.code == 2
    assert "SESSIONS brief: expires in less than 60 s" in done.said
    assert "kvtui journal leave 1 leaves it so" in done.said


def test_finish_removes_a_namespace_only_where_that_is_meant(plain: Plain) -> None:
    plain.interrupt(plans.remove_namespace(namespace("FLAGS")))
    done = plain("journal", "finish", "1")
    assert done.code == 2
    assert "removes the namespace FLAGS and every key in it for good: that needs --yes" in done.said
    said = plain.well("journal", "finish", "1", "--yes")
    assert "namespace FLAGS: removed." in said
    assert "This cannot be taken back." in said


def test_leave_ends_what_nobody_can_go_on_with(plain: Plain) -> None:
    lost = plans.edit_value(KeyRef(Namespace("f" * 32, "GONE", ACCOUNT), "a"), Entry(b"1"), b"2")
    plain.interrupt(lost, Outcome.SENT)
    assert plain("journal", "finish", "1").code == 3
    assert "Step 1 was interrupted" in plain.well("put", "FLAGS", "a", "--value", "1")
    said = plain.well("journal", "leave", "1", "--read-only")
    assert "Step 1 was left as it is: edit, GONE a. kvtui undo 1 takes back what was made." in said
    assert "interrupted" not in said
    assert "interrupted" not in plain.well("put", "FLAGS", "a", "--value", "2")
    assert b"stopped, 0 of 1" in plain("journal", "list").out
    assert plain("journal", "leave", "1").code == 2


def test_what_never_left_or_was_not_kept_names_only_the_ways_that_there_are(plain: Plain) -> None:
    plain.interrupt(edit("tmp:1", b"-", b"half"))
    journal = plain.journal()
    id = journal.begin(edit("tmp:2", b"-", b"half"), Origin(plain.source, "local"), images=False)
    journal.note(id, 0, Outcome.SENT)
    journal.close()
    second, first = plain("journal", "list").out.decode().splitlines()
    only = "interrupted. kvtui journal finish 1 goes on with it, kvtui journal leave 1 leaves it as it is."
    assert first.endswith(only)
    assert second.endswith("interrupted. kvtui journal leave 2 leaves it as it is.")
    assert plain("journal", "finish", "2").code == 2
    assert "takes back" not in plain.well("journal", "leave", "2")


@pytest.mark.parametrize("action", ["finish", "leave"])
def test_an_interrupted_step_is_one_of_this_source(plain: Plain, action: str) -> None:
    assert plain("journal", action, "1").code == 3
    assert plain("journal", action).code == 2
    assert plain.anywhere("journal", action, "1").code == 2
    journal = plain.journal()
    journal.begin(edit("tmp:1", b"-", b"half"), Origin("https://elsewhere", "other"))
    journal.close()
    done = plain("journal", action, "1")
    assert done.code == 2
    assert "Step 1 was made on another source: https://elsewhere" in done.said
    running = plain.journal()
    id = running.begin(edit("tmp:1", b"-", b"half"), Origin(plain.source, "local"))
    done = plain("journal", action, str(id))
    assert done.code == 2
    assert "is still under way in a running kvtui" in done.said
    running.close()
