"""Anything in any order: a machine does what people do, with faults, foreign writers, crashes and restarts.

Beside the embedded server a plain dict tells what ought to be stored. After every rule the two are compared,
and what the journal says is held against what happened.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, NamedTuple, TypeVar
from urllib.parse import unquote

import httpx
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from kvtui.api.errors import KeyNotFound, KVError, Refused
from kvtui.api.models import Entry
from kvtui.core import plans
from kvtui.core.changes import Change, KeyRef, Step, living
from kvtui.core.history import Back, History
from kvtui.core.journal.journal import Journal
from kvtui.core.journal.records import Outcome, Record, State
from kvtui.core.plans import Soon
from kvtui.core.stops import Conflict, Stopped, TooSoon
from kvtui.core.store import Store
from kvtui.core.writing import _NOT_SEEN, _STALE, STALE_S
from kvtui.local.demo import quick_place
from tests.core.kv import FAULTS, KILL, KILL_BEFORE, KV, Clock, Crash, open_kv

T = TypeVar("T")
Stored = dict[KeyRef, Entry]
Parts = tuple[bytes, str | None, int | None]
Spot = tuple[str, str]
"""The id of a namespace, and a key."""
Laziness = tuple[int, int] | None

KEYS = ("a", "b/c", "d \x00#?ü")
VALUES = (b"", b"text", b"\xff\x00\r\n", b'{"n": 1}')
METADATA = (None, '{"v":1}', '{"v": 1}', '{"v":true}', "1", "null")
LIFETIMES = (None, 60, 70, 80, 100, 7200)

JOURNAL_BEFORE, JOURNAL_AFTER = "killed before the journal writes", "killed after the journal has written"
UNTOUCHED = (Outcome.FAILED, Outcome.DROPPED, Outcome.PLANNED)
LANDED = (Outcome.CONFIRMED, Outcome.UNCONFIRMED)

seen_so_far: Counter[str] = Counter()


class Trouble(NamedTuple):
    """What strikes a step, and at which call."""

    kind: str
    at: int
    for_good: bool = False


entries = st.tuples(st.sampled_from(VALUES), st.sampled_from(METADATA), st.sampled_from(LIFETIMES))
keys = st.sampled_from(KEYS)
spots = st.integers(0, 5)
"""A key in one of the two namespaces."""
picks = st.integers(0, 9)
"""Which of the keys that are there; or of any other list, from its beginning on and over again."""
calls = st.integers(0, 12)
faults = st.builds(Trouble, st.sampled_from(FAULTS), calls, st.booleans())
deaths = st.one_of(
    st.builds(Trouble, st.sampled_from((KILL_BEFORE, KILL)), calls),
    st.builds(Trouble, st.sampled_from((JOURNAL_BEFORE, JOURNAL_AFTER)), st.integers(0, 5)),
)
lazinesses = st.sampled_from((None, None, None, None, (59, 1000), (59, 1000), (20, 3), (59, 9)))
"""For how many seconds and how many times what a step writes does not show."""
troubles = st.one_of(st.none(), st.none(), st.none(), faults, deaths)


class MortalJournal(Journal):
    """A journal whose process is killed at one of the calls that write a step."""

    left: int | None = None
    first = True

    def strike(self, calls: int, *, first: bool) -> None:
        self.left, self.first = calls, first

    def begin(self, *values: Any, **named: Any) -> int:
        return self._while_alive(super().begin, *values, **named)

    def note(self, *values: Any, **named: Any) -> None:
        self._while_alive(super().note, *values, **named)

    def end(self, *values: Any, **named: Any) -> None:
        self._while_alive(super().end, *values, **named)

    def _while_alive(self, write: Callable[..., T], *values: Any, **named: Any) -> T:
        dies = self.left == 0
        if self.left is not None:
            self.left -= 1
        if dies and self.first:
            raise Crash
        written = write(*values, **named)
        if dies:
            raise Crash
        return written


class Late(NamedTuple):
    """A record as a cache goes on showing it: until when, how many more times each half, and the answers."""

    entry: Entry | None
    until: float
    left: dict[str, int]
    answers: dict[str, httpx.Response]


class Caches(httpx.AsyncBaseTransport):
    """One request after the other, so that a run can be repeated; and caches like those of KV.

    While `laziness` is set (seconds, times), what is written does not show before it has passed.
    """

    def __init__(self, inner: httpx.AsyncBaseTransport, late: dict[Spot, Late], clock: Clock) -> None:
        self._inner = inner
        self._one = asyncio.Lock()
        self._late = late
        self._clock = clock
        self.laziness: tuple[int, int] | None = None
        self.stored: Callable[[Spot], Entry | None] = lambda spot: None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        async with self._one:
            path = request.url.raw_path.decode()
            if request.method == "GET":
                return self._cached(path) or await self._inner.handle_async_request(request)
            if self.laziness and (call := written(request.method, path)):
                await self._keep(call[1:], request)
            return await self._inner.handle_async_request(request)

    def _cached(self, path: str) -> httpx.Response | None:
        for late in self._late.values():
            if path in late.answers and late.left[path] > 0 and not passed(late, self._clock()):
                late.left[path] -= 1
                answer = late.answers[path]
                return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)
        return None

    async def _keep(self, spot: Spot, request: httpx.Request) -> None:
        """A cache keeps what it has; what it has not it gets before the write."""
        assert self.laziness
        if spot in self._late and shown(self._late[spot], self._clock()):
            return
        seconds, times = self.laziness
        value = request.url.copy_with(query=None)
        metadata = value.copy_with(raw_path=value.raw_path.replace(b"/values/", b"/metadata/"))
        answers: dict[str, httpx.Response] = {}
        for url in (value, metadata):
            answer = await self._inner.handle_async_request(
                httpx.Request("GET", url, headers={"host": "localhost"})
            )
            content = await answer.aread()
            headers = {
                name: answer.headers[name]
                for name in ("content-type", "expiration")
                if name in answer.headers
            }
            answers[url.raw_path.decode()] = httpx.Response(
                answer.status_code, headers=headers, content=content
            )
        left = dict.fromkeys(answers, times)
        self._late[spot] = Late(self.stored(spot), self._clock() + seconds, left, answers)


def shown(late: Late, now: float) -> bool:
    """Whether a cache still shows it."""
    return all(late.left.values()) and not passed(late, now)


def passed(late: Late, now: float) -> bool:
    """Whether it is over; a record whose time has come is shown by no cache."""
    return late.until <= now or (late.entry is not None and living(late.entry, now) is None)


class Machine(RuleBasedStateMachine):
    """What people do to KV with one kvtui after the other, and what is to hold at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(mkdtemp(prefix="kvtui-machine-", dir=quick_place()))
        self.clock = Clock()
        self.ticks = 0.0
        self.runner = asyncio.Runner()
        self.witness = Journal(self.folder / "journal", clock=self.clock)
        self.kv: KV
        self.journal: MortalJournal
        self.stack = AsyncExitStack()
        self.truth: Stored = {}
        """The model: what is stored."""
        self.first: Stored = {}
        self.remembered: Stored = {}
        """What the person has read last, which may have changed since."""
        self.asked: tuple[Step, bool] | None = None
        self.late: dict[Spot, Late] = {}
        """What caches go on showing."""
        self.doubtful: set[KeyRef] = set()
        """Keys of which nobody knows whether a request arrived."""
        self.left_open: set[int] = set()
        """Steps that a process has left half-done."""
        self.habit: Soon | None = None
        """What this person answers at once when something expires too soon; None to think about it."""
        self.calm = True
        self.alone = True
        """Whether nobody else has written."""
        self.in_order = True
        """Whether history was only ever taken back from its end."""
        self.respelled = False
        self.failed = False

    # -- the kvtui under test -----------------------------------------------------------------------

    async def open(self) -> None:
        self.journal = MortalJournal(self.folder / "journal", clock=self.tick)
        opened = open_kv(self.folder, journal=self.journal, clock=self.clock)
        self.kv = await self.stack.enter_async_context(opened)
        self.kv.wire.seen = self.is_written_down
        self.kv.wire.die = die
        self.caches = Caches(self.kv.wire.inner, self.late, self.clock)
        self.caches.stored = self.stored_at
        self.kv.wire.inner = self.caches

    def tick(self) -> float:
        """Time as the journal has it: no two things are at once."""
        self.ticks += 1e-5
        return self.clock() + self.ticks

    async def reopen(self, *at_work: int | None) -> None:
        """The process is gone and another one starts. What was under way is found, and nothing else.

        Of the steps that were at work the last word may have been written.
        """
        self.journal.left = None
        await self.stack.aclose()
        await self.open()
        log = await self.log()
        left = {record.id for record in log if record.state is State.OPEN}
        assert {record.id for record in await self.history.interrupted()} == left
        assert self.left_open - set(at_work) <= left
        self.left_open = left

    @property
    def history(self) -> History:
        assert self.kv.store.history
        return self.kv.store.history

    async def log(self) -> list[Record]:
        return await self.history.log(1000)

    def run(self, work: Awaitable[T]) -> T:
        async def awaited() -> T:
            return await work

        try:
            return self.runner.run(awaited())
        except BaseException:
            self.failed = True
            raise

    # -- what is held against what ------------------------------------------------------------------

    async def read(self) -> Stored:
        """All that is stored, straight from the disk."""
        stored: Stored = {}
        for namespace in (self.kv.namespace, self.kv.other):
            pairs = self.kv.state.pairs(namespace.id)
            for row in pairs.page()[0]:
                entry = pairs.read(row.key)
                assert entry
                stored[KeyRef(namespace, row.key)] = entry
        return stored

    def stored_at(self, spot: Spot) -> Entry | None:
        return self.kv.state.pairs(spot[0]).read(spot[1])

    def seen(self, ref: KeyRef) -> Entry | None:
        """What a look shows: what is stored, or what was."""
        return self.late[told(ref)].entry if self.is_late(ref) else self.truth.get(ref)

    def is_late(self, ref: KeyRef) -> bool:
        late = self.late.get(told(ref))
        return late is not None and shown(late, self.clock())

    def objection(self, step: Step, again: bool, log: list[Record]) -> type[Stopped] | None:
        """What is to be said against a step at its first looks: Conflict, or that a look is late."""
        for change in step.pairs:
            found = self.seen(change.ref)
            as_before = alike(found, change.before) or (again and alike(found, change.after))
            sides = self.landed_lately(change.ref, log)
            if sides and not brief(sides[0][1], found) and any(brief(one, found) for one, _ in sides):
                if brief(sides[0][1], change.before):
                    continue
                if as_before:
                    return Stopped
            if not as_before:
                return Conflict
        return None

    def landed_lately(self, ref: KeyRef, log: list[Record]) -> list[tuple[Any, Any]]:
        """What was there before and after each change of a key within 90 s, the last one first."""
        landed = [
            noted
            for record in log
            for noted in record.changes
            if noted.ref == ref and noted.outcome in LANDED and noted.at >= self.clock() - STALE_S
        ]
        landed.sort(key=lambda noted: noted.at, reverse=True)
        return [(noted.before, noted.after) for noted in landed]

    def is_written_down(self, request: httpx.Request) -> None:
        """Journal first: whatever leaves has its before-image on the disk, in a step that is under way."""
        call = written(request.method, request.url.raw_path.decode())
        if call is None:
            return
        for record in self.witness.records(limit=1000):
            if record.state is not State.OPEN:
                continue
            for index, noted in enumerate(record.changes):
                if noted.outcome is Outcome.SENT and told(noted.ref) == call[1:]:
                    change = self.witness.step(record.id).pairs[index]
                    method = "DELETE" if change.after is None else "PUT"
                    if method == call[0] and self.is_covered(change):
                        return
        raise AssertionError(f"{call} left without a word in the journal, or over something else")

    def is_covered(self, change: Change) -> bool:
        """Whether what this is written over is in the journal, or is that already."""
        if change.ref in self.doubtful and self.is_late(change.ref):
            self.in_order = False  # of a request that may have arrived and does not show, nobody can know
        there = self.stored_at(told(change.ref))
        if alike(there, change.before) or alike(there, change.after):
            return True
        seen = self.seen(change.ref)
        return change.ref in self.doubtful and (alike(seen, change.before) or alike(seen, change.after))

    async def act(
        self,
        name: str,
        ask: Callable[[Store], Awaitable[Any]],
        trouble: Trouble | None,
        *,
        id: int | None = None,
        again: bool = False,
        wanted: Step | None = None,
        lazy: Laziness = None,
    ) -> KVError | None:
        """Ask the store for one step, with something going wrong, and see that all is as it is said to be.

        `id` goes on with that step of the journal, `wanted` is what was asked for if that is known. `lazy`
        says for how long what is written does not show.
        """
        kv, before = self.kv, dict(self.truth)
        log = await self.log()
        newest = max((record.id for record in log), default=0)
        for late in self.late.values():  # a fault may have struck one half only
            late.left.update(dict.fromkeys(late.left, min(late.left.values())))
        objection = self.objection(wanted, again, log) if wanted else None
        shows = {ref: self.seen(ref) for ref in self.refs()}
        self.caches.laziness = lazy
        earlier = {} if id is None else dict(enumerate(self.witness.record(id).changes))
        kv.wire.sent.clear()
        if trouble and trouble.kind in (JOURNAL_BEFORE, JOURNAL_AFTER):
            self.journal.strike(trouble.at, first=trouble.kind == JOURNAL_BEFORE)
        elif trouble:
            kv.wire.strike(trouble.kind, trouble.at, for_good=trouble.for_good)
        error: KVError | None = None
        crashed = False
        try:
            await ask(kv.store)
        except KVError as stopped:
            error = stopped
        except Crash:
            crashed = True
        self.journal.left = None
        kv.wire.heal()
        kv.store._client.budget.blocked_until = None
        kv.store.permission.ask_again()
        sent = [call for line in kv.wire.sent if (call := written(*line.split(" ", 1)))]
        if crashed:
            await self.reopen(id, wanted.undoes if wanted else None)
        else:
            await asyncio.gather(*kv.store._writer._watches._tasks.values(), return_exceptions=True)
        self.caches.laziness = None
        self.truth = await self.read()
        log = await self.log()
        begun = [record for record in log if record.id > newest or record.id == id]
        self.left_open = {record.id for record in log if record.state is State.OPEN}
        how = "crashed" if crashed else type(error).__name__ if error else "done"
        seen_so_far[f"{name}: {how}"] += 1

        if isinstance(error, TooSoon):
            assert not sent and self.truth == before
            assert id is not None or not begun
            self.asked = (error.step, again) if id is None else None
            return error
        if isinstance(error, Conflict) and isinstance(error.change, Change) and trouble is None:
            ref = error.change.ref
            assert any(alike(error.found, one) for one in (self.truth.get(ref), shows[ref]))  # type: ignore[arg-type]
        if not begun:
            assert not sent and self.truth == before, "changed without a record"
            assert error or crashed
        for record in begun:
            self.check(record, before, sent, error, crashed, earlier)
        assert len(begun) <= 1
        if wanted is not None and trouble is None:
            if error is None or error.message == _NOT_SEEN.message:
                assert objection is None, "this was not to be made"
                assert error is None or (wanted.chained and self.late)
            else:
                assert type(error) is objection, error
                assert (error.message == _STALE.message) is (objection is Stopped)
        return error

    def refs(self) -> list[KeyRef]:
        return [self.ref(spot) for spot in range(2 * len(KEYS))]

    def check(
        self,
        record: Record,
        before: Stored,
        sent: list[tuple[str, str, str]],
        error: KVError | None,
        crashed: bool,
        earlier: dict[int, Any],
    ) -> None:
        """What the journal says of a step is what happened; every key holds its old or its new record."""
        step = self.witness.step(record.id)
        if not crashed:
            as_open_as_it_was = bool(earlier) and not sent
            ended = State.OPEN if as_open_as_it_was else State.STOPPED
            assert record.state is (ended if error else State.DONE)
        left = set(sent)
        for index, (change, noted) in enumerate(zip(step.pairs, record.changes, strict=True)):
            old, new, now = before.get(change.ref), normal(change.after), self.truth.get(change.ref)
            fresh = index not in earlier or earlier[index] != noted
            assert now in (old, new), f"{change.ref.key} holds neither its old nor its new record"
            if noted.outcome not in (Outcome.PLANNED, Outcome.DROPPED):
                left.discard(("DELETE" if change.after is None else "PUT", *told(change.ref)))
            if noted.outcome in UNTOUCHED:
                assert now == old, f"{noted.outcome}, and yet changed"
            if (noted.outcome in LANDED and fresh) or (error is None and not crashed):
                assert now == new or (now == old and alike(now, new)), f"{noted.outcome}, and yet not there"
            if noted.outcome in (Outcome.SENT, Outcome.UNKNOWN):
                self.doubtful.add(change.ref)
            if now != old:
                known = alike(change.before, old) or change.ref in self.doubtful
                assert known, "what was there before is not in the journal"
                self.respelled |= normal(change.before) != old
            if noted.outcome in LANDED and fresh and not self.is_late(change.ref):
                self.doubtful.discard(change.ref)
        assert not left, f"sent without a record: {left}"
        refs = {change.ref for change in step.pairs}
        if step.chained:  # what is moved is not lost on the way, however late a look may be
            moved = [image for change in step.pairs for image in (change.before, change.after) if image]
            ends = {change.after is None for change in step.pairs}
            if ends == {True, False}:
                there, kept = (
                    [one for ref in refs for image in moved if (one := side.get(ref)) and alike(one, image)]
                    for side in (before, self.truth)
                )
                assert kept or not there, "in neither place"
        for ref in self.truth.keys() | before.keys():
            assert ref in refs or self.truth.get(ref) == before.get(ref), f"{ref.key} was not to be touched"

    @invariant()
    def what_is_stored_is_what_is_known(self) -> None:
        if hasattr(self, "kv"):
            assert self.run(self.read()) == self.truth

    # -- people -------------------------------------------------------------------------------------

    @initialize(
        calm=st.booleans(),
        habit=st.sampled_from((None, *Soon)),
        filled=st.lists(st.one_of(st.none(), entries, entries), min_size=6, max_size=6),
    )
    def start(self, calm: bool, habit: Soon | None, filled: list[Parts | None]) -> None:
        self.habit = habit
        self.calm = calm
        self.run(self.open())
        for spot, parts in enumerate(filled):
            if parts:
                self.put(self.ref(spot), self.entry(parts))
        self.first = dict(self.truth)

    def ref(self, spot: int) -> KeyRef:
        return KeyRef((self.kv.namespace, self.kv.other)[spot // len(KEYS)], KEYS[spot % len(KEYS)])

    def entry(self, parts: Parts) -> Entry:
        value, metadata, lifetime = parts
        return Entry(value, metadata, None if lifetime is None else int(self.clock()) + lifetime)

    def put(self, ref: KeyRef, entry: Entry | None) -> None:
        """Another program writes, or deletes. It shows at once: nothing helps against what no look shows."""
        self.late.pop(told(ref), None)
        if entry is None:
            self.run(self.kv.honest.delete(*ref))
            self.truth.pop(ref, None)
        else:
            self.run(self.kv.honest.write(*ref, entry))
            self.truth[ref] = Entry(entry.value, normal_metadata(entry.metadata), entry.expiration)

    def pick(self, pick: int) -> KeyRef:
        there = sorted(self.truth, key=by_name)
        return there[pick % len(there)]

    def look(self, ref: KeyRef, from_memory: bool) -> Entry | None:
        """The record as it is now; or as it was when it was read last."""
        if not from_memory or ref not in self.remembered:
            if (found := self.run(self.looked(ref))) is None:
                return None
            self.remembered[ref] = found
        return self.remembered[ref]

    async def looked(self, ref: KeyRef) -> Entry | None:
        for late in self.late.values():
            late.left.update(dict.fromkeys(late.left, min(late.left.values())))
        expected = self.seen(ref)
        try:
            found = await self.kv.store.read(*ref)
        except KeyNotFound:
            assert expected is None
            return None
        assert found == expected
        return found

    def apply(
        self,
        step: Step,
        trouble: Trouble | None,
        *,
        again: bool = False,
        name: str = "",
        lazy: Laziness = None,
    ) -> None:
        name = name or step.verb.value
        ask = self.act(
            name, lambda store: store.apply(step, again=again), trouble, again=again, wanted=step, lazy=lazy
        )
        error = self.run(ask)
        if isinstance(error, TooSoon) and self.habit:
            self.settle_what_expires_too_soon(self.habit, trouble, lazy)

    there = precondition(lambda self: self.truth)

    @rule(spot=spots)
    def list_and_read(self, spot: int) -> None:
        ref = self.ref(spot)
        listed = [row.name for row in self.run(pages(self.kv.store, ref))]
        assert listed == sorted(one.key for one in self.truth if one.namespace == ref.namespace)
        if found := self.run(self.looked(ref)):
            self.remembered[ref] = found

    @rule(spot=spots, parts=entries, trouble=troubles, lazy=lazinesses)
    def create(self, spot: int, parts: Any, trouble: Trouble | None, lazy: Laziness) -> None:
        self.apply(plans.create(self.ref(spot), self.entry(parts)), trouble, lazy=lazy)

    @there
    @rule(
        pick=picks,
        value=st.sampled_from(VALUES),
        from_memory=st.booleans(),
        trouble=troubles,
        lazy=lazinesses,
    )
    def edit_value(
        self, pick: int, value: bytes, from_memory: bool, trouble: Trouble | None, lazy: Laziness
    ) -> None:
        ref = self.pick(pick)
        if (before := self.look(ref, from_memory)) is None:
            return
        self.apply(plans.edit_value(ref, before, value), trouble, lazy=lazy)

    @there
    @rule(pick=picks, metadata=st.sampled_from(METADATA), trouble=troubles, lazy=lazinesses)
    def edit_metadata(self, pick: int, metadata: str | None, trouble: Trouble | None, lazy: Laziness) -> None:
        ref = self.pick(pick)
        if (before := self.look(ref, False)) is None:
            return
        self.apply(plans.edit_metadata(ref, before, metadata), trouble, lazy=lazy)

    @there
    @rule(
        pick=picks,
        lifetime=st.sampled_from(LIFETIMES),
        from_memory=st.booleans(),
        trouble=troubles,
        lazy=lazinesses,
    )
    def expire(
        self, pick: int, lifetime: int | None, from_memory: bool, trouble: Trouble | None, lazy: Laziness
    ) -> None:
        ref = self.pick(pick)
        if (before := self.look(ref, from_memory)) is None:
            return
        expiration = None if lifetime is None else int(self.clock()) + lifetime
        self.apply(plans.expire(ref, before, expiration), trouble, lazy=lazy)

    @there
    @rule(pick=picks, spot=spots, from_memory=st.booleans(), trouble=troubles, lazy=lazinesses)
    def rename(
        self, pick: int, spot: int, from_memory: bool, trouble: Trouble | None, lazy: Laziness
    ) -> None:
        source, target = self.pick(pick), self.ref(spot)
        if (entry := self.look(source, from_memory)) is None:
            return
        if source == target:
            try:
                plans.rename(source, entry, target, entry)
            except Refused:
                return
            raise AssertionError("a rename onto itself deletes the key")
        self.apply(plans.rename(source, entry, target, self.look(target, from_memory)), trouble, lazy=lazy)

    @there
    @rule(pick=picks, spot=spots, trouble=troubles, lazy=lazinesses)
    def copy(self, pick: int, spot: int, trouble: Trouble | None, lazy: Laziness) -> None:
        source, target = self.pick(pick), self.ref(spot)
        if (entry := self.look(source, False)) is None:
            return
        self.apply(plans.copy(entry, target, self.look(target, False)), trouble, lazy=lazy)

    @there
    @rule(
        marked=st.sets(picks, min_size=1, max_size=4),
        from_memory=st.booleans(),
        trouble=troubles,
        lazy=lazinesses,
    )
    def delete(self, marked: set[int], from_memory: bool, trouble: Trouble | None, lazy: Laziness) -> None:
        refs = sorted({self.pick(pick) for pick in marked}, key=by_name)
        read = [(ref, entry) for ref in refs if (entry := self.look(ref, from_memory))]
        self.apply(plans.delete(read), trouble, name="delete" if len(read) == 1 else "delete many", lazy=lazy)

    @precondition(lambda self: self.asked)
    @rule(choice=st.sampled_from(Soon), trouble=troubles, lazy=lazinesses)
    def settle_what_expires_too_soon(self, choice: Soon, trouble: Trouble | None, lazy: Laziness) -> None:
        assert self.asked
        (step, again), self.asked = self.asked, None
        settled = plans.settle_soon(step, choice, self.clock())
        assert not plans.too_soon(settled, self.clock())
        if again:
            self.in_order = False  # what is put back is another record than the one that was there
        self.apply(settled, trouble, again=again, name=f"settle, {choice.value}", lazy=lazy)

    # -- history ------------------------------------------------------------------------------------

    def plan_back(self, ask: Callable[[], Awaitable[Back]]) -> Back | None:
        async def asked() -> Back | None:
            try:
                return await ask()
            except Refused:
                return None

        return self.run(asked())

    def expired(self, back: Back) -> set[KeyRef]:
        """The records that are not put back since their time has come."""
        undo, now = back.step.undoes is not None, self.clock()
        expired: set[KeyRef] = set()
        changes = self.witness.record(back.record.id).changes
        for change, noted in zip(self.witness.step(back.record.id).pairs, changes, strict=True):
            wanted = change.before if undo else change.after
            if noted.outcome not in UNTOUCHED and wanted and living(wanted, now) is None:
                expired.add(change.ref)
        return expired

    def note_what_stays(self, back: Back) -> None:
        """Where a record has expired, what is in its place stays, and history is no longer a chain."""
        if any(ref in self.truth for ref in back.expired):
            self.in_order = False

    @rule(trouble=troubles, lazy=lazinesses)
    def undo(self, trouble: Trouble | None, lazy: Laziness) -> None:
        if back := self.plan_back(lambda: self.history.to_undo()):
            assert set(back.expired) == self.expired(back)
            self.apply(back.step, trouble, again=True, name="undo", lazy=lazy)
            self.note_what_stays(back)

    @rule(trouble=troubles, lazy=lazinesses)
    def redo(self, trouble: Trouble | None, lazy: Laziness) -> None:
        if back := self.plan_back(lambda: self.history.to_redo()):
            assert set(back.expired) == self.expired(back)
            self.apply(back.step, trouble, again=True, name="redo", lazy=lazy)
            self.note_what_stays(back)

    @rule(pick=picks, trouble=troubles, lazy=lazinesses)
    def restore(self, pick: int, trouble: Trouble | None, lazy: Laziness) -> None:
        log = [record for record in self.run(self.log()) if record.changes]
        if not log:
            return
        record = log[pick % len(log)]
        index = pick % len(record.changes)
        ref = record.changes[index].ref
        assert ref
        before = self.look(ref, False)

        async def asked() -> Step | None:
            try:
                return await self.history.to_restore(record.id, index, before)
            except Refused:
                return None

        if step := self.run(asked()):
            self.apply(step, trouble, lazy=lazy)
        else:
            change = self.witness.step(record.id).pairs[index]
            assert living(change.before, self.clock()) is None

    @precondition(lambda self: self.left_open)
    @rule(pick=picks, trouble=troubles, lazy=lazinesses, look_first=st.booleans())
    def finish_what_was_interrupted(
        self, pick: int, trouble: Trouble | None, lazy: Laziness, look_first: bool
    ) -> None:
        record = self.interrupted(pick, look_first)
        log = self.run(self.log())
        if any(one.id > record.id for one in log):
            self.in_order = False
        finish = self.act("finish", lambda store: store.finish(record), trouble, id=record.id, lazy=lazy)
        self.run(finish)

    @precondition(lambda self: self.left_open)
    @rule(pick=picks, trouble=troubles, lazy=lazinesses, look_first=st.booleans())
    def take_back_what_was_interrupted(
        self, pick: int, trouble: Trouble | None, lazy: Laziness, look_first: bool
    ) -> None:
        record = self.interrupted(pick, look_first)
        if any(one.id > record.id for one in self.run(self.log())):
            self.in_order = False
        self.run(self.kv.store.leave(record))
        self.left_open.discard(record.id)
        if back := self.plan_back(lambda: self.history.to_undo(record.id)):
            self.apply(back.step, trouble, again=True, name="take back", lazy=lazy)
            self.note_what_stays(back)
            if record.undoes or record.redoes:
                self.in_order = False

    @precondition(lambda self: self.left_open)
    @rule(pick=picks, look_first=st.booleans())
    def leave_what_was_interrupted(self, pick: int, look_first: bool) -> None:
        record = self.interrupted(pick, look_first)
        if record.undoes or record.redoes:  # it may have landed, and does not count as having been done
            self.in_order = False
        self.run(self.kv.store.leave(record))
        assert self.witness.record(record.id).state is State.STOPPED
        self.left_open.discard(record.id)
        seen_so_far["leave"] += 1

    def interrupted(self, pick: int, look_first: bool) -> Record:
        """One of the steps that were; its changes looked for first, if so asked."""
        ids = sorted(self.left_open)
        record = self.witness.record(ids[pick % len(ids)])
        if not look_first:
            return record
        step = self.witness.step(record.id)
        seen = [self.seen(change.ref) for change in step.pairs]
        found: Record = self.run(self.kv.store.find_out(record))
        assert not [noted for noted in found.changes if noted.outcome is Outcome.SENT]
        for change, look, was, noted in zip(step.pairs, seen, record.changes, found.changes, strict=True):
            if was.outcome in (Outcome.SENT, Outcome.UNKNOWN):
                shows = alike(look, change.after)
                assert noted.outcome is (Outcome.CONFIRMED if shows else Outcome.UNKNOWN)
            else:
                assert noted == was
        return found

    # -- the world ----------------------------------------------------------------------------------

    @precondition(lambda self: not self.calm)
    @rule(spot=spots, parts=st.one_of(st.none(), entries))
    def somebody_else_writes(self, spot: int, parts: Any) -> None:
        self.alone = False
        self.put(self.ref(spot), self.entry(parts) if parts else None)
        seen_so_far["somebody else"] += 1

    @rule(seconds=st.sampled_from((9, 1, 30, 61, 600, 10_800)))
    def time_passes(self, seconds: int) -> None:
        self.clock.now += seconds
        self.truth = {ref: entry for ref, entry in self.truth.items() if living(entry, self.clock())}

    @rule()
    def kvtui_is_started_anew(self) -> None:
        self.run(self.reopen())

    # -- the end ------------------------------------------------------------------------------------

    def teardown(self) -> None:
        try:
            if hasattr(self, "kv") and not self.failed:
                self.all_can_be_taken_back()
        finally:
            if hasattr(self, "kv"):
                self.runner.run(self.stack.aclose())
            self.witness.close()
            self.runner.close()
            shutil.rmtree(self.folder)

    def all_can_be_taken_back(self) -> None:
        """From the newest on. The first state comes back, but for what has expired meanwhile.

        Where somebody else has written, or history was not taken back from its end, there are conflicts;
        `act` sees that nothing is changed or lost by them.
        """
        self.run(self.reopen())
        stuck: set[int] = set()
        for _ in range(200):
            expected = self.alone and self.in_order
            back = self.next_back(stuck if not expected else None)
            if back is None:
                break
            step = back.step
            apply = partial(Store.apply, step=step, again=True)
            error = self.run(self.act("undo at the end", apply, None, again=True, wanted=step))
            late = isinstance(error, Stopped) and error.message in (_STALE.message, _NOT_SEEN.message)
            if isinstance(error, TooSoon) or late:
                self.clock.now += 91 if late else 61
                self.truth = {ref: one for ref, one in self.truth.items() if living(one, self.clock())}
            elif error is not None:
                assert not expected, error
                assert isinstance(error, Stopped)
                stuck.add(back.record.id)
            self.note_what_stays(back)
        else:
            raise AssertionError("it does not come to an end")
        if expected:
            living_first = {ref: one for ref, one in self.first.items() if living(one, self.clock())}
            if self.respelled:
                assert self.truth.keys() == living_first.keys()
                assert all(alike(one, living_first[ref]) for ref, one in self.truth.items())
            else:
                assert self.truth == living_first
        seen_so_far["all taken back" if expected else "taken back where it could be"] += 1

    def next_back(self, stuck: set[int] | None) -> Back | None:
        if stuck is None:
            return self.plan_back(lambda: self.history.to_undo())
        for record in self.run(self.log()):
            if record.undoable and record.undoes is None and record.id not in stuck:
                return self.plan_back(lambda: self.history.to_undo(record.id))  # noqa: B023
        return None


def die() -> None:
    raise Crash


async def pages(store: Store, ref: KeyRef) -> list[Any]:
    return [row async for page in store.pages(ref.namespace) for row in page.keys]


def written(method: str, path: str) -> tuple[str, str, str] | None:
    """Method, namespace and key of a request that changes something; None if it changes nothing."""
    if method == "GET" or path.endswith("/bulk/get"):
        return None
    rest = path.partition("?")[0].partition("/namespaces/")[2]
    namespace, _, key = rest.partition("/values/")
    return method, namespace, unquote(key)


def brief(side: Any, entry: Entry | None) -> bool:
    """Whether an entry is what the journal has briefly."""
    if side is None or entry is None:
        return side is None and entry is None
    metadata = alike(Entry(b"", side.metadata, None), Entry(b"", entry.metadata, None))
    digest = hashlib.sha256(entry.value).hexdigest()
    return metadata and (side.sha256, side.expiration) == (digest, entry.expiration)


def by_name(ref: KeyRef) -> tuple[str, str]:
    """An order that is the same in every run; the ids of namespaces are not."""
    return ref.namespace.title, ref.key


def told(ref: KeyRef | None) -> tuple[str, str]:
    assert ref
    return ref.namespace.id, ref.key


def normal_metadata(text: str | None) -> str | None:
    return None if text == "null" else text


def normal(entry: Entry | None) -> Entry | None:
    """An entry as KV stores it: a JSON null is no metadata."""
    return entry and Entry(entry.value, normal_metadata(entry.metadata), entry.expiration)


def alike(one: Entry | None, other: Entry | None) -> bool:
    """The same record, its metadata perhaps spelled otherwise."""
    if one is None or other is None:
        return one is other
    spelled = [json.dumps(json.loads(entry.metadata or "null")) for entry in (one, other)]
    return (one.value, one.expiration, spelled[0]) == (other.value, other.expiration, spelled[1])


def test_whatever_is_done_nothing_is_lost() -> None:
    run_state_machine_as_test(
        Machine,
        settings=settings(
            derandomize="KVTUI_EXAMPLES" not in os.environ,
            deadline=None,
            database=None,
            max_examples=int(os.environ.get("KVTUI_EXAMPLES", "80")),
            stateful_step_count=30,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.generate, Phase.shrink) if "KVTUI_SHRINK" in os.environ else (Phase.generate,),
        ),
    )
    # Which ways a run goes depends on all that is loaded: hypothesis picks values from it.
    for end in ("all taken back", "taken back where it could be", "undo: done", ": crashed"):
        times = sum(count for name, count in seen_so_far.items() if name.endswith(end))
        assert times, f"it never came to this: {end}"
    for name, times in sorted(seen_so_far.items()):
        print(f"{times:5} {name}")
