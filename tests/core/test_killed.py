"""Real processes, killed at every request of every verb: nothing is lost, and the next kvtui knows it all."""

from __future__ import annotations

import asyncio
import random
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from kvtui.api.errors import Refused
from kvtui.api.models import Entry, Namespace
from kvtui.core.changes import Change, NamespaceChange
from kvtui.core.journal.records import Outcome, Record, State
from kvtui.core.stops import Stopped
from kvtui.core.writing import STALE_S
from kvtui.local.demo import quick_place
from kvtui.local.server import BASE, create_app
from kvtui.local.serving import configured
from kvtui.local.state import KVState
from tests.core.killed_child import AFTER, OLD, VERBS, Errand, World, prepare
from tests.core.kv import KILL, KILL_BEFORE, KV, Clock, open_kv

ROOT = Path(__file__).parents[2]
ANSWER_S = 0.02
ROUNDS = 20

Sender = Callable[[Errand], int]


@pytest.fixture(scope="module")
def send() -> Iterator[Sender]:
    """Has a process run an errand; returns how it ended: 0 when nothing killed it."""
    command = [sys.executable, "-m", "tests.core.killed_child"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdin and server.stdout

        def sent(errand: Errand) -> int:
            assert server.stdin and server.stdout
            server.stdin.write(msgspec.json.encode(errand) + b"\n")
            server.stdin.flush()
            return int(server.stdout.readline())

        yield sent
        server.stdin.close()


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="kvtui-killed-", dir=quick_place()) as name:
        yield Path(name)


@pytest.mark.parametrize("verb", VERBS)
def test_a_process_killed_at_any_request_loses_nothing(folder: Path, send: Sender, verb: str) -> None:
    before, after = asyncio.run(prepare(folder / "ready", verb)), AFTER[verb]
    for kind in (KILL_BEFORE, KILL):
        ends: list[str] = []
        alive = at = 0
        while alive < 3:  # of two reads side by side one may be given up, and not die
            place = shutil.copytree(folder / "ready", folder / f"{at} {kind}")
            code = send(Errand(str(place), verb, kind, at))
            assert code in (0, 9)
            if code == 9:
                ends.append(examine(place, before, after))
                alive = 0
            else:
                assert world_in(place) == after
                alive += 1
            at += 1
        assert "all of it" in ends
        if kind == KILL_BEFORE:
            assert ends[0] == "no trace"
            assert "nothing of it" in ends


def test_a_rename_killed_at_any_moment_loses_nothing(folder: Path, send: Sender) -> None:
    """Over a real connection, with SIGKILL, which strikes between requests and within a write to disk too."""
    chance = random.Random(7)
    before = asyncio.run(prepare(folder / "ready", "rename"))
    after = AFTER["rename"]
    ends = []
    for round in range(ROUNDS):
        place = shutil.copytree(folder / "ready", folder / str(round))
        with SlowServer(place / "state") as server:
            namespace = next(one for one in server.state.namespaces() if one.title == "KV")
            there = Namespace(namespace.id, namespace.title, "0" * 32)
            errand = Errand(str(place), base_url=server.base_url, namespace=there)
            errand.seconds = chance.uniform(0.0, 12 * ANSWER_S)
            assert send(errand) in (0, -9)
            server.wait()
        ends.append(examine(place, before, after))
    assert len(set(ends)) > 1, ends


# What is to hold then


def examine(place: Path, before: World, after: World) -> str:
    """Nothing is lost; the journal has the truth; both ways out of it lead to where they are said to lead."""
    world = world_in(place)
    check_whole(world, before, after)
    copies = [shutil.copytree(place, place.with_name(f"{place.name} {number}")) for number in range(3)]
    for copy, way_out in zip(copies, (finish, take_back, undo), strict=True):
        asyncio.run(look_into(copy, way_out, world, before, after))
    record = asyncio.run(newest_open(place))
    if record is None:
        return "no trace" if world == before else "done"
    return "nothing of it" if world == before else "all of it" if world == after else "a part of it"


def check_whole(world: World, before: World, after: World) -> None:
    """Every key holds its old or its new record, and a record that is moved is in one place at least."""
    assert world.keys() in (before.keys(), after.keys())
    for title, pairs in world.items():
        old, new = before.get(title, {}), after.get(title, {})
        for key in old.keys() | new.keys() | pairs.keys():
            found = pairs.get(key)
            if title in before and title in after:
                assert found in (old.get(key), new.get(key))
            else:
                assert found == (old or new).get(key)
    if all(OLD in one["KV"].values() for one in (before, after)):
        assert OLD in world["KV"].values(), "it is neither here nor there"


async def newest_open(place: Path) -> Record | None:
    async with open_kv(place) as kv:
        assert kv.store.history
        return next(iter(await kv.store.history.interrupted()), None)


async def look_into(
    place: Path,
    way_out: Callable[[KV, Record], object],
    world: World,
    before: World,
    after: World,
) -> None:
    async with open_kv(place) as kv:
        assert kv.store.history
        interrupted = await kv.store.history.interrupted()
        log = await kv.store.history.log()
        assert interrupted == [record for record in log if record.state is State.OPEN]
        if not interrupted:
            if world != before:  # it had ended just before it was killed
                assert log[0].state is State.DONE
                assert world == after
            return
        (record,) = interrupted
        assert not record.alive
        outcome = way_out(kv, record)
        assert asyncio.iscoroutine(outcome)
        await outcome
        found = world_of(kv.state)
        assert found == (after if way_out is finish else before), way_out
        assert await kv.store.history.interrupted() == []
        if way_out is finish:
            ended = kv.store.history.journal.record(record.id)
            assert ended.state is State.DONE
            assert {noted.outcome for noted in ended.changes} == {Outcome.CONFIRMED}


async def finish(kv: KV, record: Record) -> None:
    await kv.store.finish(await find_out(kv, record))


async def take_back(kv: KV, record: Record) -> None:
    found = await find_out(kv, record)
    await kv.store.leave(found)
    assert kv.store.history
    if all(noted.outcome is Outcome.PLANNED for noted in found.changes):
        with pytest.raises(Refused, match="nothing to take back"):
            await kv.store.history.to_undo(record.id)
        return
    back = await kv.store.history.to_undo(record.id)
    await kv.store.apply(back.step, again=True)


async def undo(kv: KV, record: Record) -> None:
    """At once, without a word about what was interrupted."""
    assert kv.store.history
    if record.undoable:
        back = await kv.store.history.to_undo(record.id)
        before = world_of(kv.state)
        try:
            await kv.store.apply(back.step, again=True)
        except Stopped as stopped:
            # Nobody has looked yet whether the last change landed: the look could be one before the last but
            # one. It is refused while a look can be late, and nothing is changed.
            assert "does not show yet" in stopped.message
            assert world_of(kv.state) == before
            kv.clock.now += STALE_S + 1
            await kv.store.apply(back.step, again=True)
    if kv.store.history.journal.record(record.id).state is State.OPEN:
        await kv.store.leave(record)


async def find_out(kv: KV, record: Record) -> Record:
    """The journal tells afterwards of each change whether it is there."""
    found = await kv.store.find_out(record)
    assert kv.store.history
    world = world_of(kv.state)
    step = kv.store.history.journal.step(record.id)
    for change, was, noted in zip(step.changes, record.changes, found.changes, strict=True):
        if was.outcome is Outcome.SENT:
            assert noted.outcome is (Outcome.CONFIRMED if is_there(change, world) else Outcome.UNKNOWN)
        else:
            assert noted == was
    return found


def is_there(change: Change | NamespaceChange, world: World) -> bool:
    if isinstance(change, NamespaceChange):
        assert change.after
        return change.after.title in world
    return world[change.ref.namespace.title].get(change.ref.key) == change.after


def world_in(place: Path) -> World:
    return world_of(KVState(place / "state", clock=Clock()))


def world_of(state: KVState) -> World:
    """All that is stored, straight from the disk."""
    world: World = {}
    for namespace in state.namespaces():
        pairs = state.pairs(namespace.id)
        found: dict[str, Entry] = {}
        for row in pairs.page()[0]:
            entry = pairs.read(row.key)
            assert entry
            found[row.key] = entry
        world[namespace.title] = found
    return world


class SlowServer:
    """The embedded server on a loopback port, which takes its time."""

    def __init__(self, folder: Path) -> None:
        self.state = KVState(folder, clock=Clock())
        self._busy = 0
        self._listening = socket.socket()
        self._listening.bind(("127.0.0.1", 0))
        self._listening.listen()
        self.base_url = f"http://127.0.0.1:{self._listening.getsockname()[1]}{BASE}"
        app = create_app(self.state, clock=Clock())
        self._server = uvicorn.Server(configured(self._slow(app)))  # type: ignore[arg-type]
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._listening]})

    def _slow(self, app: ASGIApp) -> ASGIApp:
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            self._busy += 1
            try:
                await asyncio.sleep(ANSWER_S / 2)
                await app(scope, receive, send)
            finally:
                self._busy -= 1

        return answer

    def __enter__(self) -> SlowServer:
        self._thread.start()
        return self

    def wait(self) -> None:
        """Until nothing is under way any more: what was sent is done also when nobody waits for it."""
        quiet = 0
        while quiet < 5:
            time.sleep(0.005)
            quiet = 0 if self._busy else quiet + 1

    def __exit__(self, *problem: object) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._listening.close()
