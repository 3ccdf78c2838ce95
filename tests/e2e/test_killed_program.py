"""The program ended in the middle: by kill -9, by signals, by quitting. Nothing may be lost or left unsaid.

The server is slow on purpose: it holds a chosen request, before or after it is carried out, until the test
has done to the program what it is about. A held request that is dropped never reached the server.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

import pytest
import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kvtui.api.models import Entry
from kvtui.local.server import BASE, create_app
from kvtui.local.serving import configured
from kvtui.local.state import open_state
from tests.e2e.conftest import PATIENCE_S, Kvtui, Tmux
from tests.plain import Plain, plain
from tests.project import SESSION

__all__ = ["plain"]

OLD, NEW = "user:4711", "user:4711.new"


class Hold(NamedTuple):
    """Which request is held: the so-manieth of a method on a key's value, before or after it is done."""

    method: str
    key: str
    nth: int
    done: bool


class SlowServer:
    """The embedded server on a loopback port, which may hold one request."""

    def __init__(self, project: Path) -> None:
        app = create_app(open_state(project))
        self._app: ASGIApp = app
        app.add_middleware(self._before)
        self._hold: Hold | None = None
        self._seen = 0
        self._held = threading.Event()
        self._go_on = threading.Event()
        self._drop = False
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._server = uvicorn.Server(configured(app))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._listening]})
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}{BASE}"

    def hold(self, hold: Hold) -> None:
        """Hold such a request when it comes."""
        self._seen = 0
        self._hold = hold

    def wait_held(self) -> None:
        """Wait until the request is there."""
        assert self._held.wait(PATIENCE_S), f"no {self._hold} came"

    def release(self, *, drop: bool = False) -> None:
        """Let it go on, or be as if it had never come."""
        self._hold, self._drop = None, drop
        self._go_on.set()

    def close(self) -> None:
        self.release(drop=True)
        self._server.should_exit = True
        self._thread.join()
        self._listening.close()

    def _before(self, app: ASGIApp) -> ASGIApp:
        self._app = app
        return self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        hold = self._hold
        if hold is None or not self._is_it(scope, hold):
            await self._app(scope, receive, send)
        elif hold.done:
            answer: list[Message] = []

            async def keep(message: Message) -> None:
                answer.append(message)

            await self._app(scope, receive, keep)
            await self._wait()
            for message in answer:
                await send(message)
        else:
            receive = await _read_on(receive)
            await self._wait()
            if self._drop:
                await send({"type": "http.response.start", "status": 503, "headers": []})
                await send({"type": "http.response.body"})
            else:
                await self._app(scope, receive, send)

    def _is_it(self, scope: Scope, hold: Hold) -> bool:
        path = unquote(scope.get("path", ""))
        if scope.get("method") != hold.method or not path.endswith(f"/values/{hold.key}"):
            return False
        self._seen += 1
        return self._seen == hold.nth

    async def _wait(self) -> None:
        self._held.set()
        await asyncio.to_thread(self._go_on.wait, PATIENCE_S * 2)


async def _read_on(receive: Receive) -> Receive:
    """The request as it has arrived whole: it lands, even if whoever sent it has gone by then."""
    messages = [await receive()]
    while messages[-1].get("more_body"):
        messages.append(await receive())

    async def arrived() -> Message:
        return messages.pop(0) if messages else await receive()

    return arrived


@pytest.fixture
def slow(project: Path) -> Iterator[SlowServer]:
    server = SlowServer(project)
    yield server
    server.close()


class Runs:
    """The program, again and again: every run in a terminal of its own, all with one journal."""

    def __init__(self, plain: Plain, folder: Path) -> None:
        self.plain = plain
        self._folder = folder
        self._terminals: list[Tmux] = []

    def start(self, *source: str, prefix: str = OLD) -> Tmux:
        home = self._folder / f"terminal-{len(self._terminals)}"
        home.mkdir()
        terminal = Tmux(home)
        self._terminals.append(terminal)
        where = source or ("--local", str(self.plain.project))
        argv = [sys.executable, "-m", "kvtui", *where, "--namespace", "SESSIONS", "--prefix", prefix]
        terminal.start(*argv, env={"XDG_STATE_HOME": str(self.plain.state)})
        terminal.wait(prefix)
        return terminal

    def kill(self, terminal: Tmux) -> None:
        """kill -9."""
        os.kill(int((terminal.home / "program.pid").read_text()), signal.SIGKILL)
        terminal.wait(f"EXIT:{128 + signal.SIGKILL}")  # among what was left of the screen

    def close(self) -> None:
        for terminal in self._terminals:
            terminal.kill()


@pytest.fixture
def runs(kvtui: Kvtui, plain: Plain, tmp_path: Path) -> Iterator[Runs]:
    started = Runs(plain, tmp_path)
    yield started
    started.close()


def leave(screen: Tmux) -> None:
    screen.keys("q")
    assert screen.wait_exit() == 0


def drafts(plain: Plain) -> int:
    """How many drafts are on the disk."""
    file = plain.state / "kvtui" / "journal.sqlite3"
    if not file.exists():
        return 0
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db:
        try:
            (count,) = db.execute("SELECT count(*) FROM drafts").fetchone()
        except sqlite3.OperationalError:  # it is just being made
            return 0
    return int(count)


def wait_for_drafts(plain: Plain, count: int) -> None:
    until = time.monotonic() + PATIENCE_S
    while drafts(plain) != count:
        assert time.monotonic() < until, f"{drafts(plain)} drafts on the disk"
        time.sleep(0.02)


# Drafts


def test_a_draft_outlives_kill_9_and_is_saved_at_the_next_start(runs: Runs, plain: Plain) -> None:
    before = plain.stored("SESSIONS", OLD)
    assert before is not None
    screen = runs.start()
    screen.keys("e")
    screen.wait("editing value")
    screen.keys("Right")
    screen.type('"draft": true, ')
    wait_for_drafts(plain, 1)
    runs.kill(screen)
    assert plain.stored("SESSIONS", OLD) == before

    again = runs.start()
    again.wait("A draft from last time is here again.", "1 draft (~)")
    again.keys("~")
    again.wait("Drafts", OLD)
    again.keys("Enter")
    again.wait('"draft": true')
    again.keys("C-s")
    again.wait("Save these changes?", "changed", "kept")
    again.keys("y")
    again.wait(f"Saved {OLD}.")
    wait_for_drafts(plain, 0)
    leave(again)
    assert plain.stored("SESSIONS", OLD) == Entry(
        SESSION.replace(b'{"id"', b'{"draft": true, "id"'), before.metadata, before.expiration
    )


def test_what_was_typed_in_the_last_moment_before_a_hang_up_is_a_draft(runs: Runs, plain: Plain) -> None:
    screen = runs.start(prefix="tmp:1")
    screen.keys("e")
    screen.wait("editing value")
    screen.type("last words ")
    screen.wait("last words")
    screen.hang_up()
    assert screen.wait_exit() == 128 + signal.SIGHUP
    again = runs.start(prefix="tmp:1")
    again.wait("A draft from last time is here again.")
    again.keys("~", "Enter")
    again.wait("last words -")
    assert plain.stored("SESSIONS", "tmp:1") == Entry(b"-")


def test_a_draft_that_was_overtaken_meanwhile_is_a_conflict_and_not_an_overwrite(
    runs: Runs, plain: Plain
) -> None:
    screen = runs.start(prefix="tmp:1")
    screen.keys("e")
    screen.wait("editing value")
    screen.type("mine ")
    wait_for_drafts(plain, 1)
    runs.kill(screen)
    plain.put("SESSIONS", "tmp:1", Entry(b"theirs", "[1]"))
    again = runs.start(prefix="tmp:1")
    again.wait("A draft from last time")
    again.keys("~", "Enter")
    again.wait("mine -")
    again.keys("C-s")
    again.wait("Save these changes?")
    again.keys("y")
    again.wait("Changed by someone else", "theirs", "yours")
    assert plain.stored("SESSIONS", "tmp:1") == Entry(b"theirs", "[1]")
    again.answer("Escape", "Changed by someone else")
    again.keys("C-s")
    again.wait("Save these changes?")
    again.keys("y")
    again.wait("Changed by someone else")
    again.answer("m", "Changed by someone else")
    again.wait("Save these changes?", "ERASED", "x erase and save")
    again.keys("x")
    again.wait("Saved tmp:1.")
    leave(again)
    assert plain.stored("SESSIONS", "tmp:1") == Entry(b"mine -")
    plain.well("undo")
    assert plain.stored("SESSIONS", "tmp:1") == Entry(b"theirs", "[1]")


def test_a_new_key_as_a_copy_is_whole_at_the_next_start(runs: Runs, plain: Plain) -> None:
    screen = runs.start()
    screen.wait("62 B")
    screen.keys("a")
    screen.wait("New key")
    screen.type(".copy")
    screen.keys("Down")
    screen.wait("> a copy of")
    screen.keys("Enter")
    screen.wait("editing value", "4711")
    wait_for_drafts(plain, 1)
    screen.keys("Escape")
    screen.wait("The draft is kept")
    screen.keys("q")
    screen.wait("Quit, keep them")
    screen.keys("j", "Enter")
    assert screen.wait_exit() == 0
    again = runs.start()
    again.wait("A draft from last time")
    again.keys("~", "Enter")
    again.wait("editing value", "roles")
    again.keys("C-s")
    again.wait("Create this key?", "62 B", '{"v":3}')
    again.keys("y")
    again.wait(f"Created {OLD}.copy.")
    leave(again)
    assert plain.stored("SESSIONS", f"{OLD}.copy") == plain.stored("SESSIONS", OLD)


# A rename, killed at every moment

MOMENTS = {
    "copy sent": (Hold("PUT", NEW, 1, False), f"{NEW}: writing was sent, and does not show", "deletion did"),
    "copy stored": (Hold("PUT", NEW, 1, True), f"{NEW}: writing is done", f"{OLD}: deletion did not begin"),
    "deletion sent": (Hold("DELETE", OLD, 1, False), f"{NEW}: writing is done", "and does not show"),
    "deleted": (Hold("DELETE", OLD, 1, True), f"{NEW}: writing is done", f"{OLD}: deletion is done"),
}
"""What is held when the program is killed, and what it says of both halves at the next start."""


def rename_and_kill(runs: Runs, slow: SlowServer, hold: Hold, *, on_its_way: bool = False) -> None:
    """Begin a rename and kill kvtui in it; `on_its_way` leaves the held request so."""
    slow.hold(hold)
    screen = runs.start("--api-url", slow.url)
    screen.wait("62 B")
    screen.keys("r")
    screen.wait("Rename a key")
    screen.type(NEW.removeprefix(OLD))
    screen.keys("Enter")
    slow.wait_held()
    runs.kill(screen)
    if not on_its_way:
        slow.release(drop=True)


def wait_until_stored(plain: Plain, key: str) -> None:
    until = time.monotonic() + PATIENCE_S
    while plain.stored("SESSIONS", key) is None:
        assert time.monotonic() < until, f"{key} did not land"
        time.sleep(0.02)


def test_a_rename_that_is_killed_while_it_looks_has_changed_nothing(
    runs: Runs, plain: Plain, slow: SlowServer
) -> None:
    before = plain.stored("SESSIONS", OLD)
    rename_and_kill(runs, slow, Hold("GET", NEW, 2, False))
    assert plain.anywhere("journal", "list", "--all").out == b""
    assert (plain.stored("SESSIONS", OLD), plain.stored("SESSIONS", NEW)) == (before, None)


@pytest.mark.parametrize("answer", ["finish", "back"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_rename_is_told_of_and_can_go_either_way(
    runs: Runs, plain: Plain, slow: SlowServer, moment: str, answer: str
) -> None:
    hold, of_copy, of_deletion = MOMENTS[moment]
    before = plain.stored("SESSIONS", OLD)
    assert before is not None
    rename_and_kill(runs, slow, hold)
    assert before in (plain.stored("SESSIONS", OLD), plain.stored("SESSIONS", NEW))

    shown = plain.anywhere("journal", "show", "1").out.decode()
    assert "rename, interrupted" in shown
    assert "sent" in shown

    screen = runs.start("--api-url", slow.url)
    screen.wait("kvtui was ended in the middle of this", "rename", of_copy, of_deletion)
    if answer == "finish":
        screen.keys("j", "Enter")
        screen.wait("Renamed to")
    else:
        screen.keys("j", "j", "Enter")
        screen.wait("Take this back?")
        screen.keys("y")
        screen.wait("Taken back: rename")
    leave(screen)
    ends = (None, before) if answer == "finish" else (before, None)
    assert (plain.stored("SESSIONS", OLD), plain.stored("SESSIONS", NEW)) == ends
    assert "interrupted" not in plain.anywhere("journal", "list", "--all").out.decode()
    assert plain.stored("SESSIONS", "user:4712") is not None


@pytest.mark.parametrize("answer", ["finish", "back"])
def test_a_copy_that_lands_late_is_neither_made_twice_nor_left_behind(
    runs: Runs, plain: Plain, slow: SlowServer, answer: str
) -> None:
    before = plain.stored("SESSIONS", OLD)
    rename_and_kill(runs, slow, MOMENTS["copy sent"][0], on_its_way=True)
    screen = runs.start("--api-url", slow.url)
    screen.wait("kvtui was ended in the middle of this", "writing was sent, and does not show")
    slow.release()
    wait_until_stored(plain, NEW)
    screen.keys("j", *([] if answer == "finish" else ["j"]), "Enter")
    if answer == "back":
        screen.wait("Take this back?")
        screen.keys("y")
    screen.wait("Renamed to" if answer == "finish" else "Taken back: rename")
    leave(screen)
    ends = (None, before) if answer == "finish" else (before, None)
    assert (plain.stored("SESSIONS", OLD), plain.stored("SESSIONS", NEW)) == ends


def test_a_finished_rename_can_still_be_taken_back(runs: Runs, plain: Plain, slow: SlowServer) -> None:
    before = plain.stored("SESSIONS", OLD)
    rename_and_kill(runs, slow, MOMENTS["copy stored"][0])
    screen = runs.start("--api-url", slow.url)
    screen.wait("kvtui was ended in the middle of this")
    screen.keys("j", "Enter")
    screen.wait("Renamed to")
    screen.keys("z")
    screen.wait("Take this back?")
    screen.keys("y")
    screen.wait("Taken back: rename")
    leave(screen)
    assert (plain.stored("SESSIONS", OLD), plain.stored("SESSIONS", NEW)) == (before, None)


def test_whoever_decides_later_is_asked_again_and_may_leave_it_so(
    runs: Runs, plain: Plain, slow: SlowServer
) -> None:
    before = plain.stored("SESSIONS", OLD)
    rename_and_kill(runs, slow, MOMENTS["copy stored"][0])
    for keys in (["Enter"], ["Escape"]):
        screen = runs.start("--api-url", slow.url)
        screen.wait("kvtui was ended in the middle of this")
        screen.keys(*keys)
        screen.wait_gone("kvtui was ended in the middle of this")
        leave(screen)
    screen = runs.start("--api-url", slow.url)
    screen.wait("kvtui was ended in the middle of this")
    screen.keys("j", "j", "j", "Enter")
    screen.wait_gone("kvtui was ended in the middle of this")
    leave(screen)
    assert plain.stored("SESSIONS", OLD) == plain.stored("SESSIONS", NEW) == before
    assert b"rename, stopped" in plain.anywhere("journal", "show", "1").out
    plain.anywhere("undo", "1", "--api-url", slow.url)
    assert (plain.stored("SESSIONS", OLD), plain.stored("SESSIONS", NEW)) == (before, None)


# A slow save, and ends that are not so rude


def begin_to_save(runs: Runs, slow: SlowServer, *, done: bool) -> tuple[Tmux, Entry, Entry]:
    """A save whose request is held; the record before and after."""
    before = plain_read(runs, OLD)
    slow.hold(Hold("PUT", OLD, 1, done))
    screen = runs.start("--api-url", slow.url)
    screen.wait("62 B")
    screen.keys("e")
    screen.wait("editing value")
    screen.keys("Right")
    screen.type('"s": 1, ')
    screen.keys("C-s")
    screen.wait("Save these changes?")
    screen.keys("y")
    slow.wait_held()
    return (
        screen,
        before,
        Entry(SESSION.replace(b'{"id"', b'{"s": 1, "id"'), before.metadata, before.expiration),
    )


def plain_read(runs: Runs, key: str) -> Entry:
    entry = runs.plain.stored("SESSIONS", key)
    assert entry is not None
    return entry


def test_quitting_waits_for_a_slow_save(runs: Runs, plain: Plain, slow: SlowServer) -> None:
    screen, _before, after = begin_to_save(runs, slow, done=False)
    screen.keys("C-q")
    screen.wait("Waiting for the change that is under way; then kvtui quits.")
    slow.release()
    assert screen.wait_exit() == 0
    assert plain.stored("SESSIONS", OLD) == after
    shown = plain.anywhere("journal", "show", "1").out.decode()
    assert "edit, done" in shown
    assert "outcome: confirmed" in shown
    assert drafts(plain) == 0
    screen = runs.start("--api-url", slow.url)
    screen.wait("70 B")
    leave(screen)


@pytest.mark.parametrize(("way", "landed"), [("terminate", False), ("hang_up", True)])
def test_a_signal_in_the_middle_of_a_save_leaves_a_truthful_journal(
    runs: Runs, plain: Plain, slow: SlowServer, way: str, landed: bool
) -> None:
    screen, before, after = begin_to_save(runs, slow, done=landed)
    if way == "terminate":
        screen.terminate()
        assert screen.wait_exit() == 128 + signal.SIGTERM
    else:
        screen.hang_up()
        assert screen.wait_exit() == 128 + signal.SIGHUP
    assert screen.fmt("#{alternate_on} #{mouse_any_flag}") == "0 0"
    slow.release(drop=True)
    stored = after if landed else before
    assert plain.stored("SESSIONS", OLD) == stored
    shown = plain.anywhere("journal", "show", "1").out.decode()
    assert "edit, interrupted" in shown
    assert "outcome: sent" in shown

    again = runs.start("--api-url", slow.url)
    again.wait("kvtui was ended in the middle of this", "is done" if landed else "does not show")
    again.keys("Escape")
    again.wait_gone("kvtui was ended in the middle of this")
    again.keys("q")
    again.wait("Quit, drop them")
    again.keys("j", "Enter")
    assert again.wait_exit() == 0
    assert plain.stored("SESSIONS", OLD) == stored
    shown = plain.anywhere("journal", "show", "1").out.decode()
    assert f"outcome: {'confirmed' if landed else 'unknown'}" in shown


def test_what_is_typed_while_a_slow_save_is_under_way_is_not_lost(
    runs: Runs, plain: Plain, slow: SlowServer
) -> None:
    screen, _before, after = begin_to_save(runs, slow, done=False)
    screen.type('"more": 2, ')
    screen.wait('"more": 2')
    slow.release()
    screen.wait("Saved")
    assert plain.stored("SESSIONS", OLD) == after
    screen.wait('"more": 2', "1 draft (~)")
    screen.keys("C-s")
    screen.wait("Save these changes?")
    screen.keys("y")
    screen.wait_gone("1 draft (~)")
    leave(screen)
    value = SESSION.replace(b'{"id"', b'{"s": 1, "more": 2, "id"')
    assert plain_read(runs, OLD).value == value
