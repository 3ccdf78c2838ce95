"""The plain commands that change keys, run as a script runs them."""

from __future__ import annotations

import time
from argparse import Namespace as Flags
from pathlib import Path

import httpx
import pytest

from kvtui.api.errors import Refused
from kvtui.api.models import Entry, Namespace
from kvtui.core import plans
from kvtui.core.stops import Stopped
from kvtui.plain import changing
from kvtui.plain.applying import stopped_words
from kvtui.plain.commands import exit_code
from tests.core.kv import AFTER, BEFORE, KV, MAY_NOT, open_kv
from tests.plain import Plain, plain
from tests.project import BINARY, HOSTILE, SESSION
from tests.test_architecture import loaded_by

__all__ = ["plain"]

DAY = 86_400


# put


def test_put_keeps_metadata_and_expiration_and_says_so(plain: Plain) -> None:
    before = plain.stored("SESSIONS", "user:4711")
    assert before is not None
    done = plain("put", "SESSIONS", "user:4711", "--value", "grün")
    assert (done.code, done.out) == (0, b"")
    assert f"SESSIONS user:4711: value changed ({len(SESSION)} B -> 5 B); metadata kept; expires" in done.said
    assert "expires kept (20" in done.said
    assert "kvtui undo 1 takes it back." in done.said
    assert plain.stored("SESSIONS", "user:4711") == Entry("grün".encode(), '{"v":3}', before.expiration)


def test_put_changes_what_is_named_and_nothing_else(plain: Plain) -> None:
    said = plain.well("put", "SESSIONS", "user:4711", "--metadata", '{"v": 4.0}', "--expires", "2d")
    assert "value kept" in said
    assert "metadata changed" in said
    assert "expires changed (20" in said
    stored = plain.stored("SESSIONS", "user:4711")
    assert stored is not None
    assert stored.value == SESSION
    assert stored.metadata is not None
    assert "4.0" in stored.metadata
    assert abs((stored.expiration or 0) - time.time() - 2 * DAY) < 60

    said = plain.well("put", "sessions", "user:4711", "--metadata", "null", "--expires", "never")
    assert "value kept (62 B); metadata removed; expires removed (was 20" in said
    assert plain.stored("SESSIONS", "user:4711") == Entry(SESSION)


def test_put_makes_a_new_key(plain: Plain) -> None:
    said = plain.well("put", "FLAGS", "new", "--value", "", "--metadata", "[1]", "--expires", "@4000000000")
    assert "value new (0 B); metadata new; expires new (2096-10-02 07:06:40 UTC)" in said
    assert plain.stored("FLAGS", "new") == Entry(b"", "[1]", 4_000_000_000)


@pytest.mark.parametrize("behind", [True, False])
def test_put_takes_the_bytes_of_standard_input(plain: Plain, behind: bool) -> None:
    data = bytes(range(256)) + b"\n"
    rest = ("--metadata", "1", "-") if behind else ("-", "--metadata", "1")
    plain.well("put", "FLAGS", "bin", *rest, stdin=data)
    assert plain.stored("FLAGS", "bin") == Entry(data, "1")
    assert plain("get", "FLAGS", "bin").out == data


def test_put_takes_a_file(plain: Plain, tmp_path: Path) -> None:
    (tmp_path / "value").write_bytes(BINARY)
    plain.well("put", "FLAGS", "bin", "--file", str(tmp_path / "value"))
    assert plain.stored("FLAGS", "bin") == Entry(BINARY)
    missing = plain("put", "FLAGS", "bin", "--file", str(tmp_path / "none"))
    assert missing.code == 2
    assert "cannot be read: No such file" in missing.said


def test_put_takes_any_bytes_as_a_value_and_a_key_behind_two_dashes(plain: Plain) -> None:
    assert plain("put", "FLAGS", "--value", b"\xff\xfe", "--", "-dash").code == 0
    assert plain.stored("FLAGS", "-dash") == Entry(b"\xff\xfe")
    done = plain("rm", "FLAGS", "--", "--")
    assert done.code == 2
    assert 'the name "--" cannot be given' in done.said
    plain.well("rm", "FLAGS", "--", "-dash")
    assert plain.stored("FLAGS", "-dash") is None


def test_put_writes_nothing_where_nothing_changes(plain: Plain) -> None:
    said = plain.well("put", "SESSIONS", "user:4711", "--file", "-", "--metadata", ' {"v":3} ', stdin=SESSION)
    assert "nothing to change" in said
    assert not plain.journal().file.exists()


def test_another_spelling_of_metadata_is_a_change(plain: Plain) -> None:
    said = plain.well("put", "SESSIONS", "user:4711", "--metadata", '{"v":3.0}')
    assert "value kept (62 B); metadata changed" in said
    plain.well("undo")
    said = plain.well("put", "SESSIONS", "user:4711", "--metadata", '{ "v": 3 }')
    assert "value kept (62 B); metadata changed" in said


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("user:4711",), 2, "Nothing to put is given"),
        (("none", "--metadata", "1"), 3, "SESSIONS none: there is no such key"),
        (("user:4711", "--value", "1", "-"), 2, "give one value"),
        (("user:4711", "--value", "1", "--file", "f"), 2, "give one value"),
        (("user:4711", "--metadata", '{"a":1,}'), 2, "line 1, column 8: there is a comma too many"),
        (("user:4711", "--metadata", ""), 2, "there is nothing here"),
        (("user:4711", "--metadata", f'"{"x" * 1023}"'), 2, "at most 1,024 bytes"),
        (("user:4711", "--expires", "30s"), 2, "less than 60 s: this is 30 s ahead"),
        (("user:4711", "--expires", "2020-01-01"), 2, "in the past"),
        (("user:4711", "--expires", "soon"), 2, '"soon" is no time'),
        (("..", "--value", "1"), 2, "cannot be a key name"),
        (("k" * 513, "--value", "1"), 2, "at most 512 bytes"),
        (("user:4711", "--value", "1", "--prefix", "u"), 2, "--prefix is for kvtui ls"),
        (("user:4711", "--value", "1", "more"), 2, "unrecognized arguments: 'more'"),
        (("user:4711", "--value", "1", "--read-only"), 4, "read-only"),
    ],
)
def test_put_refuses(plain: Plain, arguments: tuple[str, ...], code: int, words: str) -> None:
    before = plain.stored("SESSIONS", "user:4711")
    done = plain("put", "SESSIONS", *arguments)
    assert (done.code, done.out) == (code, b"")
    assert words in done.said
    assert plain.stored("SESSIONS", "user:4711") == before
    assert not plain.journal().file.exists()


def test_put_names_no_namespace_that_is_not_there(plain: Plain) -> None:
    assert plain("put", "NOWHERE", "key", "--value", "1").code == 3


def test_a_value_over_25_mib_is_refused_before_it_is_sent(plain: Plain) -> None:
    done = plain("put", "FLAGS", "big", "-", stdin=bytes(25 * 1024 * 1024 + 1))
    assert done.code == 2
    assert "at most 25 MiB" in done.said


def test_an_expiration_that_cannot_be_kept_is_a_question(plain: Plain) -> None:
    plain.put("FLAGS", "soon", Entry(b"1", None, int(time.time()) + 61))
    time.sleep(1.5)
    done = plain("put", "FLAGS", "soon", "--value", "2")
    assert done.code == 2
    assert "FLAGS soon: expires in less than 60 s" in done.said
    assert "--expires" in done.said
    plain.well("put", "FLAGS", "soon", "--value", "2", "--expires", "never")
    assert plain.stored("FLAGS", "soon") == Entry(b"2")


def test_the_least_life_is_made_long_enough_to_arrive(plain: Plain) -> None:
    plain.well("put", "FLAGS", "short", "--value", "1", "--expires", "60s")
    stored = plain.stored("FLAGS", "short")
    assert stored is not None
    assert stored.expiration is not None
    assert 60 <= stored.expiration - time.time() <= 76


# rm


def test_rm_deletes_keys_as_one_step(plain: Plain) -> None:
    said = plain.well("rm", "SESSIONS", "user:4711", "user:4712", "user:4711")
    assert "SESSIONS: 2 keys deleted (72 B). kvtui undo 1 takes it back." in said
    assert plain.stored("SESSIONS", "user:4711") is plain.stored("SESSIONS", "user:4712") is None
    assert "SESSIONS tmp:1: deleted (1 B, no metadata, never expires)" in plain.well(
        "rm", "SESSIONS", "tmp:1"
    )


def test_rm_deletes_nothing_where_one_is_missing(plain: Plain) -> None:
    done = plain("rm", "SESSIONS", "tmp:1", "none", "tmp:2")
    assert done.code == 3
    assert "there is no key none. Nothing was deleted." in done.said
    assert plain.stored("SESSIONS", "tmp:1") == Entry(b"-")


def test_more_than_ten_keys_need_a_yes(plain: Plain) -> None:
    keys = [f"user:{number}" for number in range(4700, 4711)]
    done = plain("rm", "SESSIONS", *keys)
    assert done.code == 2
    assert "11 keys: more than 10 need --yes" in done.said
    assert plain.stored("SESSIONS", "user:4700") == Entry(b"{}")
    assert "11 keys deleted" in plain.well("rm", "SESSIONS", *keys, "--yes")
    assert "10 keys deleted" in plain.well("rm", "SESSIONS", *(f"tmp:{number}" for number in range(10)))


def test_more_than_a_hundred_keys_are_refused_with_their_price(plain: Plain) -> None:
    keys = [f"none:{number}" for number in range(101)]
    done = plain("rm", "SESSIONS", *keys, "--yes")
    assert done.code == 2
    assert "These are 101 keys: at most 100 are deleted at once." in done.said
    assert "takes 5 requests, of the 1,200 in 5 minutes that all of a user's tools share" in done.said
    assert plain("rm", "SESSIONS", *keys[:100], "--yes").code == 3


# mv


def test_mv_takes_the_whole_record_along(plain: Plain) -> None:
    before = plain.stored("SESSIONS", "user:4711")
    said = plain.well("mv", "SESSIONS", "user:4711", "renamed")
    assert "SESSIONS user:4711: is now renamed, with its metadata and expiration. kvtui undo 1" in said
    assert plain.stored("SESSIONS", "user:4711") is None
    assert plain.stored("SESSIONS", "renamed") == before
    said = plain.well("mv", "SESSIONS", "renamed", "user:4711", "--to", "FLAGS")
    assert "is now FLAGS user:4711" in said
    assert plain.stored("SESSIONS", "renamed") is None
    assert plain.stored("FLAGS", "user:4711") == before


def test_mv_lands_on_nothing_unless_told_to(plain: Plain) -> None:
    done = plain("mv", "SESSIONS", "tmp:1", "user:4712")
    assert done.code == 5
    assert "SESSIONS user:4712 is there already: 10 B" in done.said
    assert plain.stored("SESSIONS", "user:4712") == Entry(BINARY)
    said = plain.well("mv", "SESSIONS", "tmp:1", "user:4712", "--overwrite")
    assert "It replaced what was there: 10 B" in said
    assert plain.stored("SESSIONS", "user:4712") == Entry(b"-")
    plain.well("undo")
    assert plain.stored("SESSIONS", "user:4712") == Entry(BINARY)
    assert plain.stored("SESSIONS", "tmp:1") == Entry(b"-")


def test_mv_refuses(plain: Plain) -> None:
    assert plain("mv", "SESSIONS", "none", "other").code == 3
    assert plain("mv", "SESSIONS", "tmp:1", "tmp:1").code == 2
    assert plain("mv", "SESSIONS", "tmp:1", "other", "--to", "NOWHERE").code == 3
    assert plain("mv", "SESSIONS", "tmp:1", "..").code == 2
    assert plain("mv", "SESSIONS", "tmp:1", "other", "--read-only").code == 4
    assert plain.stored("SESSIONS", "tmp:1") == Entry(b"-")


async def test_mv_knows_a_key_by_its_address_whatever_the_title_is_by_now(tmp_path: Path) -> None:
    async with open_kv(tmp_path) as kv:
        await kv.put("k", Entry(b"1"))
        found = kv.ref("k").namespace
        titles = iter(("OLD", "NEW"))

        async def find_namespace(wanted: str) -> Namespace:
            return Namespace(found.id, next(titles), found.account)

        kv.store.find_namespace = find_namespace  # type: ignore[method-assign]
        flags = Flags(namespace="OLD", key="k", new="k", to="NEW", overwrite=True)
        with pytest.raises(Refused, match="the new name is the old one"):
            await changing.mv(kv.store, flags)


# What all of them share


def test_without_a_journal_it_says_that_there_is_no_way_back(plain: Plain) -> None:
    said = plain.well("--no-journal", "put", "FLAGS", "a", "--value", "1")
    assert "cannot be taken back" in said
    said = plain.well("rm", "FLAGS", "a", KVTUI_JOURNAL="off")
    assert "cannot be taken back" in said
    assert not plain.journal().file.exists()


def test_a_journal_that_cannot_be_written_stops_the_change(plain: Plain) -> None:
    plain.state.mkdir()
    (plain.state / "kvtui").write_text("in the way")
    done = plain("put", "FLAGS", "a", "--value", "1")
    assert done.code == 1
    assert "The journal's folder" in done.said
    assert plain.stored("FLAGS", "a") is None


def test_hostile_names_stay_escaped_on_a_terminal(plain: Plain) -> None:
    seen = plain.on_a_terminal("put", "SESSIONS", HOSTILE, "--value", "\x1b[2J", "--metadata", '"\x7f\u202e"')
    seen += plain.on_a_terminal("mv", "SESSIONS", HOSTILE, "b\x1b[31m\nad")
    for command in ("list", "show 1", "show 1 --json", "list --json", "export 1", "list --all", "restore 1"):
        seen += plain.on_a_terminal("journal", *command.split())
    seen += plain.on_a_terminal("rm", "SESSIONS", "b\x1b[31m\nad")
    seen += plain.on_a_terminal("rm", "SESSIONS", "gone\x1b[31m")
    seen += plain.on_a_terminal("undo", "2", typed=b"y\n") + plain.on_a_terminal("redo", typed=b"n\n")
    assert b"innocent\\e[c-key" in seen
    assert not set(seen.decode()) & set("\x1b\x7f\u202e")


def test_the_demo_can_be_changed_for_as_long_as_it_lives(plain: Plain) -> None:
    done = plain("--demo", "put", "flags", "new", "--value", "1", here=False)
    assert done.code == 0, done.said
    assert not plain.journal().file.exists()


@pytest.mark.parametrize(
    "words", ["put flags new --value 1", "rm flags none", "undo", "redo", "journal list", "journal leave 1"]
)
def test_commands_of_change_load_nothing_of_textual(words: str) -> None:
    assert not loaded_by(["--demo", *words.split()]) & {"textual", "rich", "pyperclip", "kvtui.ui"}


# What only a bad network shows: the commands themselves, on a wire that can be cut

PUT = Flags(namespace="KV", key="k", metadata=None, expires=None)


async def strike_the_write(kv: KV, kind: str) -> None:
    """Have the wire fail from the next write on: a put is made once to learn when that is."""
    await kv.put("k", Entry(b"old"))
    await changing.put(kv.store, PUT, b"old!")
    write = [line.startswith("PUT") for line in kv.wire.sent].index(True)
    kv.wire.strike(kind, write, for_good=True)


async def test_a_lost_answer_is_said_to_be_unknown(tmp_path: Path) -> None:
    async with open_kv(tmp_path) as kv:
        await strike_the_write(kv, AFTER)
        with pytest.raises(Stopped) as stopped:
            await changing.put(kv.store, PUT, b"new")
        assert stopped.value.unknown
        words = stopped_words(stopped.value)
        assert words.startswith("KV k: ")
        assert "may have arrived all the same. `kvtui journal show 2` tells" in words
        assert "kvtui undo 2 takes back what was made." in words
        assert exit_code(stopped.value) == 1


@pytest.mark.parametrize(("kind", "code"), [(BEFORE, 1), (MAY_NOT, 4)])
async def test_a_write_that_fails_ends_with_the_code_of_its_error(
    tmp_path: Path, kind: str, code: int
) -> None:
    async with open_kv(tmp_path) as kv:
        await strike_the_write(kv, kind)
        with pytest.raises(Stopped) as stopped:
            await changing.put(kv.store, PUT, b"new")
        assert exit_code(stopped.value) == code


async def test_a_change_that_does_not_show_yet_is_said_to_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with open_kv(tmp_path) as kv:
        missing = {"success": False, "errors": [{"code": 10009, "message": "get: 'key not found'"}]}
        kv.wire.stale = lambda request: (
            httpx.Response(404, json=missing)
            if request.method == "GET" and request.url.path.endswith("/k")
            else None
        )
        await changing.put(kv.store, PUT, b"new")
        assert "Written; it does not show yet, which KV may take a minute for." in capsys.readouterr().err


async def test_a_step_that_meets_a_stranger_half_way_tells_what_it_did(tmp_path: Path) -> None:
    async with open_kv(tmp_path) as kv:
        for key in "abc":
            await kv.put(key, Entry(b"1"))
        step = plans.delete([(kv.ref(key), Entry(b"1")) for key in "abc"])
        await kv.put("b", Entry(b"22", "[]"))
        with pytest.raises(Stopped) as stopped:
            await kv.store.apply(step)
        words = stopped_words(stopped.value)
        assert "KV b: Something else is there by now: 2 B, metadata [], never expires." in words
        assert "1 of 3 changes were made before it. kvtui undo 1 takes back what was made." in words
        assert exit_code(stopped.value) == 5
