"""The one door for changes: what is sent, what is written down, what a failure at any call leaves behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from kvtui.api.errors import KVError, ReadOnly, Refused
from kvtui.api.models import Entry
from kvtui.core import plans
from kvtui.core.changes import Step
from kvtui.core.journal.errors import JournalFull, JournalUnusable
from kvtui.core.journal.journal import Journal
from kvtui.core.journal.records import Outcome, State
from kvtui.core.stops import Conflict, Stopped, TooSoon
from kvtui.core.watching import News
from kvtui.core.writing import REQUESTS_A_CHANGE
from tests.core.kv import (
    AFTER,
    BEFORE,
    BINARY,
    FAULTS,
    KV,
    LOST_500,
    MAY_NOT,
    META,
    NOW,
    TIMEOUT,
    TOO_MANY,
    open_kv,
)

OLD = Entry(BINARY, META, NOW + 7200)
THERE = Entry(b"something else", '{"mine":true}', None)

PLANS: dict[str, Callable[[KV], Step]] = {
    "create": lambda kv: plans.create(kv.ref("new"), Entry(b"\x00new", META, NOW + 900)),
    "edit value": lambda kv: plans.edit_value(kv.ref("old"), OLD, b"another value"),
    "edit metadata": lambda kv: plans.edit_metadata(kv.ref("old"), OLD, '{"v":2}'),
    "remove metadata": lambda kv: plans.edit_metadata(kv.ref("old"), OLD, None),
    "expire": lambda kv: plans.expire(kv.ref("old"), OLD, NOW + 60 * 60 * 24),
    "never expire": lambda kv: plans.expire(kv.ref("old"), OLD, None),
    "copy": lambda kv: plans.copy(OLD, kv.ref("new"), None),
    "copy over": lambda kv: plans.copy(OLD, kv.ref("there"), THERE),
    "rename": lambda kv: plans.rename(kv.ref("old"), OLD, kv.ref("new"), None),
    "rename over": lambda kv: plans.rename(kv.ref("old"), OLD, kv.ref("there"), THERE),
    "delete": lambda kv: plans.delete([(kv.ref("old"), OLD)]),
    "delete two": lambda kv: plans.delete([(kv.ref("old"), OLD), (kv.ref("there"), THERE)]),
}

REQUESTS = {"rename": 12, "rename over": 12, "delete two": 10}
"""Requests a plan takes at most; a rename looks at both its keys first, and at the old one again."""


async def fill(kv: KV) -> dict[str, Entry]:
    await kv.put("old", OLD)
    await kv.put("there", THERE)
    return await kv.stored()


def after(step: Step, before: dict[str, Entry]) -> dict[str, Entry]:
    """What is stored when all of a step has landed."""
    stored = dict(before)
    for change in step.pairs:
        if change.after is None:
            del stored[change.ref.key]
        else:
            stored[change.ref.key] = change.after
    return stored


@pytest.mark.parametrize("name", PLANS)
async def test_a_step_lands_whole_and_undo_and_redo_bring_back_every_byte(tmp_path: Path, name: str) -> None:
    async with open_kv(tmp_path) as kv:
        before = await fill(kv)
        step = PLANS[name](kv)
        applied = await kv.store.apply(step)
        assert len(kv.wire.sent) <= REQUESTS.get(name, REQUESTS_A_CHANGE)
        assert await kv.stored() == after(step, before)
        assert applied.unconfirmed == ()
        assert applied.id is not None
        (record,) = await kv.store.history.log()  # type: ignore[union-attr]
        assert record.state is State.DONE
        assert {noted.outcome for noted in record.changes} == {Outcome.CONFIRMED}

        await kv.store.undo()
        assert await kv.stored() == before
        await kv.store.redo()
        assert await kv.stored() == after(step, before)
        await kv.store.undo()
        assert await kv.stored() == before


@pytest.mark.parametrize("for_good", [False, True], ids=["once", "for good"])
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", PLANS)
async def test_a_fault_at_any_call_loses_nothing(
    tmp_path: Path, name: str, fault: str, for_good: bool
) -> None:
    """Whatever fails, every key holds its old or its new record, whole; the journal knows; undo undoes."""
    for at in range(REQUESTS.get(name, REQUESTS_A_CHANGE) + 1):
        async with open_kv(tmp_path / str(at)) as kv:
            before = await fill(kv)
            step = PLANS[name](kv)
            kv.wire.strike(fault, at, for_good=for_good)
            error: KVError | None = None
            try:
                await kv.store.apply(step)
            except KVError as stopped:
                error = stopped
            kv.wire.heal()
            kv.store._client.budget.blocked_until = None
            stored = await kv.stored()
            landed = after(step, before)
            for key in before.keys() | landed.keys():
                assert stored.get(key) in (before.get(key), landed.get(key)), f"{key} after call {at}"
            if step.chained:  # at no moment is the record in neither place
                assert OLD in stored.values()
            if error is None:
                assert stored == landed
            elif stored == landed and landed != before:
                assert isinstance(error, Stopped)
                assert error.unknown, "it landed: nobody may say that it did not"
            records = await kv.store.history.log()  # type: ignore[union-attr]
            assert records or (stored == before), "changed without a record"
            for record in records:
                assert record.state is (State.DONE if error is None else State.STOPPED)
                told_to_have_failed = [
                    noted.ref.key
                    for noted in record.changes
                    if noted.ref and noted.outcome in (Outcome.FAILED, Outcome.DROPPED, Outcome.PLANNED)
                ]
                for key in told_to_have_failed:
                    assert stored.get(key) == before.get(key)
                for noted in record.changes:
                    if noted.ref and noted.outcome is Outcome.CONFIRMED:
                        assert stored.get(noted.ref.key) == landed.get(noted.ref.key)
            if stored != before:
                if kv.store.permission.refusal_in(kv.namespace.account):
                    kv.store.permission.ask_again()
                await kv.store.undo()
                assert await kv.stored() == before, f"undo after a fault at call {at}"


async def test_a_token_that_may_not_write_is_found_out_and_said(tmp_path: Path) -> None:
    async with open_kv(tmp_path) as kv:
        await fill(kv)
        kv.wire.strike(MAY_NOT, 2)
        with pytest.raises(Stopped, match="may not write"):
            await kv.store.apply(PLANS["edit value"](kv))
        assert "may not write" in kv.store.permission.refusal_in(kv.namespace.account)
        kv.wire.sent.clear()
        with pytest.raises(ReadOnly, match="may not write"):
            await kv.store.apply(PLANS["edit value"](kv))
        assert kv.wire.sent == []


async def test_a_foreign_writer_is_a_conflict_and_keeps_what_it_wrote(tmp_path: Path) -> None:
    async with open_kv(tmp_path) as kv:
        await fill(kv)
        step = PLANS["edit value"](kv)
        theirs = await kv.put("old", Entry(b"theirs", '{"by":"them"}'))
        with pytest.raises(Conflict) as stopped:
            await kv.store.apply(step)
        assert stopped.value.found == theirs
        assert stopped.value.change == step.changes[0]
        assert (await kv.stored())["old"] == theirs
        assert not [line for line in kv.wire.sent if not line.startswith("GET")]
        assert await kv.store.history.log() == []  # type: ignore[union-attr]


@pytest.mark.parametrize("key", ["old", "new"])
async def test_a_rename_touches_nothing_when_either_key_is_not_as_it_was(tmp_path: Path, key: str) -> None:
    async with open_kv(tmp_path) as kv:
        await fill(kv)
        await kv.put(key, Entry(b"theirs"))
        before = await kv.stored()
        with pytest.raises(Conflict):
            await kv.store.apply(PLANS["rename"](kv))
        assert await kv.stored() == before


async def test_only_the_expiration_by_a_foreign_writer_is_a_conflict_too(tmp_path: Path) -> None:
    async with open_kv(tmp_path) as kv:
        await fill(kv)
        await kv.put("old", replace(OLD, expiration=NOW + 7201))
        with pytest.raises(Conflict):
            await kv.store.apply(PLANS["edit value"](kv))


def stale(kv: KV, key: str, times: int) -> Callable[[httpx.Request], httpx.Response | None]:
    """A cache that goes on saying that a key is missing, so many times."""
    left = [times]

    def answer(request: httpx.Request) -> httpx.Response | None:
        path = request.url.raw_path.decode()
        if request.method != "GET" or not path.endswith(f"/{key}") or left[0] <= 0:
            return None
        left[0] -= 1
        body = {"success": False, "errors": [{"code": 10009, "message": "get: 'key not found'"}]}
        return httpx.Response(404, json=body)

    return answer


async def test_a_stale_read_is_unconfirmed_then_heard_of_when_it_shows(tmp_path: Path) -> None:
    async with open_kv(tmp_path) as kv:
        heard: list[News] = []
        kv.store.listen(heard.append)
        kv.wire.stale = stale(kv, "new", 7)
        applied = await kv.store.apply(PLANS["create"](kv))
        assert applied.unconfirmed == applied.step.changes
        (record,) = await kv.store.history.log()  # type: ignore[union-attr]
        assert record.changes[0].outcome is Outcome.UNCONFIRMED
        assert record.state is State.DONE
        await eventually(lambda: heard)
        assert heard == [News(applied.step.changes[0], True)]
        (record,) = await kv.store.history.log()  # type: ignore[union-attr]
        assert record.changes[0].outcome is Outcome.CONFIRMED


async def test_what_never_shows_is_said_and_not_taken_for_a_failure(tmp_path: Path) -> None:
    async with open_kv(tmp_path) as kv:
        heard: list[News] = []
        kv.store.listen(heard.append)
        kv.wire.stale = stale(kv, "new", 1000)
        applied = await kv.store.apply(PLANS["create"](kv))
        await eventually(lambda: heard)
        assert heard == [News(applied.step.changes[0], False)]
        (record,) = await kv.store.history.log()  # type: ignore[union-attr]
        assert record.changes[0].outcome is Outcome.UNCONFIRMED


async def test_a_rename_waits_for_the_new_key_before_it_deletes_the_old(tmp_path: Path) -> None:
    async with open_kv(tmp_path) as kv:
        before = await fill(kv)
        kv.wire.stale = stale(kv, "new", 9)
        step = PLANS["rename"](kv)
        await kv.store.apply(step)
        assert await kv.stored() == after(step, before)
        deleted = [line.startswith("DELETE") for line in kv.wire.sent].index(True)
        assert sum(line.endswith("/new") for line in kv.wire.sent[:deleted]) > 9


async def test_a_rename_whose_new_key_is_never_seen_keeps_the_old(tmp_path: Path) -> None:
    async with open_kv(tmp_path) as kv:
        before = await fill(kv)
        kv.wire.stale = stale(kv, "new", 1000)
        with pytest.raises(Stopped, match="old one was kept") as stopped:
            await kv.store.apply(PLANS["rename"](kv))
        assert len(stopped.value.done) == 1
        kv.wire.stale = lambda request: None
        assert (await kv.stored()) == {**before, "new": OLD}
        await kv.store.undo()
        assert await kv.stored() == before


async def test_expirations_that_kv_would_refuse_are_a_question(tmp_path: Path) -> None:
    async with open_kv(tmp_path) as kv:
        soon = await kv.put("soon", Entry(b"1", META, NOW + 70))
        kv.clock.now += 30
        step = plans.edit_value(kv.ref("soon"), soon, b"2")
        with pytest.raises(TooSoon) as asked:
            await kv.store.apply(step)
        assert asked.value.changes == [step.changes[0]]
        assert kv.wire.sent == []
        for choice, wanted in [
            (plans.Soon.LET_EXPIRE, soon),
            (plans.Soon.EXTEND, Entry(b"2", META, NOW + 30 + 60 + plans.SLACK_S)),
            (plans.Soon.PERMANENT, Entry(b"2", META, None)),
        ]:
            settled = plans.settle_soon(step, choice, kv.clock())
            await kv.store.apply(settled)
            assert (await kv.stored())["soon"] == wanted
            if settled.changes:
                await kv.put("soon", replace(soon, expiration=int(kv.clock()) + 60))
                step = plans.edit_value(kv.ref("soon"), replace(soon, expiration=int(kv.clock()) + 60), b"2")
                kv.clock.now += 1


async def test_undo_says_what_expired_meanwhile(tmp_path: Path) -> None:
    async with open_kv(tmp_path) as kv:
        before = await fill(kv)
        await kv.store.apply(PLANS["delete two"](kv))
        kv.clock.now += 7201
        back, _ = await kv.store.undo()
        assert [ref.key for ref in back.expired] == ["old"]
        assert await kv.stored() == {"there": before["there"]}


async def test_read_only_is_refused_here_and_in_the_client_and_a_window_opens_it(tmp_path: Path) -> None:
    async with open_kv(tmp_path, read_only=True) as kv:
        await fill(kv)
        step = PLANS["edit value"](kv)
        with pytest.raises(ReadOnly):
            await kv.store.apply(step)
        with pytest.raises(ReadOnly):
            await kv.store._client.write(kv.namespace, "old", OLD)
        assert kv.wire.sent == []
        kv.store.permission.open(600, "INC-4711")
        await kv.store.apply(step)
        (record,) = await kv.store.history.log()  # type: ignore[union-attr]
        assert record.reason == "INC-4711"
        with pytest.raises(ReadOnly):  # outside a step the client is as closed as ever
            await kv.store._client.write(kv.namespace, "old", OLD)
        kv.clock.now += 601
        with pytest.raises(ReadOnly):
            await kv.store.undo()


async def test_a_full_journal_stops_the_work_before_it_is_sent(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "small", cap=64 * 1024)
    async with open_kv(tmp_path, journal=journal) as kv:
        large = await kv.put("large", Entry(b"x" * 100_000))
        kv.wire.sent.clear()
        step = plans.delete([(kv.ref("large"), large)])
        with pytest.raises(JournalFull):
            await kv.store.apply(step)
        assert (await kv.stored())["large"] == large
        assert not [line for line in kv.wire.sent if not line.startswith("GET")]
        await kv.store.apply(step, images=False)
        assert await kv.stored() == {}
        (record,) = await kv.store.history.log()  # type: ignore[union-attr]
        assert not record.images
        assert record.why_not
        with pytest.raises(Refused):
            await kv.store.undo()


async def test_namespaces_go_through_the_same_door(tmp_path: Path) -> None:
    async with open_kv(tmp_path) as kv:
        account = kv.namespace.account

        async def titles() -> list[str]:
            return sorted(one.title for one in await kv.honest.namespaces(account))

        made = await kv.store.apply(plans.create_namespace(account, "made"))
        namespace = made.step.changes[0].after
        assert namespace is not None and not isinstance(namespace, Entry)
        assert namespace.id
        await kv.store.undo()
        assert await titles() == ["KV", "OTHER"]
        await kv.store.redo()
        assert await titles() == ["KV", "OTHER", "made"]
        await kv.store.apply(plans.rename_namespace(kv.other, "another"))
        assert await titles() == ["KV", "another", "made"]
        await kv.store.undo()
        assert await titles() == ["KV", "OTHER", "made"]
        await kv.store.apply(plans.remove_namespace(kv.other))
        assert await titles() == ["KV", "made"]
        (record, *_) = await kv.store.history.log()  # type: ignore[union-attr]
        assert not record.undoable
        assert record.why_not


async def test_making_a_namespace_is_not_taken_back_once_it_has_keys(tmp_path: Path) -> None:
    async with open_kv(tmp_path) as kv:
        made = await kv.store.apply(plans.create_namespace(kv.namespace.account, "made"))
        namespace = made.step.changes[0].after
        assert namespace is not None and not isinstance(namespace, Entry)
        await kv.honest.write(namespace, "key", Entry(b"1"))
        with pytest.raises(Stopped, match="has keys"):
            await kv.store.undo()
        assert await kv.stored(namespace) == {"key": Entry(b"1")}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_while_a_namespace_is_made_leaves_one_or_none_and_the_truth(
    tmp_path: Path, fault: str
) -> None:
    for at in range(4):
        async with open_kv(tmp_path / str(at)) as kv:
            kv.wire.strike(fault, at)
            error: KVError | None = None
            try:
                await kv.store.apply(plans.create_namespace(kv.namespace.account, "made"))
            except KVError as stopped:
                error = stopped
            kv.wire.heal()
            made = [one for one in await kv.honest.namespaces(kv.namespace.account) if one.title == "made"]
            assert len(made) <= 1
            if error is None:
                assert len(made) == 1
            elif made:
                assert isinstance(error, Stopped) and error.unknown
            if fault in (AFTER, TIMEOUT, LOST_500):  # what is there tells that it arrived
                assert error is None


async def test_quitting_waits_for_what_is_under_way(tmp_path: Path) -> None:
    async with open_kv(tmp_path) as kv:
        before = await fill(kv)
        step = PLANS["rename"](kv)
        asked = asyncio.ensure_future(kv.store.apply(step))
        await eventually(lambda: kv.wire.sent)
        asked.cancel()
        assert kv.store.busy
        await kv.store.settled()
        assert await kv.stored() == after(step, before)


async def test_two_changes_to_one_key_at_once_do_not_interleave(tmp_path: Path) -> None:
    async with open_kv(tmp_path) as kv:
        await fill(kv)
        one, two = (plans.edit_value(kv.ref("old"), OLD, value) for value in (b"one", b"two"))
        ends = await asyncio.gather(kv.store.apply(one), kv.store.apply(two), return_exceptions=True)
        assert sum(isinstance(end, Conflict) for end in ends) == 1
        assert (await kv.stored())["old"] == replace(OLD, value=b"one")


async def test_a_write_answered_too_late_is_not_told_as_failed(tmp_path: Path) -> None:
    """The server did it and said so into a broken connection; a foreign writer came before the retry."""
    async with open_kv(tmp_path) as kv:
        await fill(kv)
        step = PLANS["delete"](kv)
        kv.wire.strike(AFTER, 2, for_good=True)
        with pytest.raises(Stopped) as stopped:
            await kv.store.apply(step)
        assert stopped.value.unknown
        assert stopped.value.rest == step
        kv.wire.heal()
        assert "old" not in await kv.stored()


async def test_every_request_that_changes_something_is_written_down_before_it_leaves(tmp_path: Path) -> None:
    async with open_kv(tmp_path) as kv:
        await fill(kv)
        witness = Journal(tmp_path / "journal")
        told: list[list[Outcome]] = []

        def seen(request: httpx.Request) -> None:
            if request.method != "GET":
                (record,) = witness.records()
                assert record.state is State.OPEN
                told.append([noted.outcome for noted in record.changes])

        kv.wire.seen = seen
        await kv.store.apply(PLANS["rename over"](kv))
        witness.close()
        assert told == [[Outcome.SENT, Outcome.PLANNED], [Outcome.CONFIRMED, Outcome.SENT]]


async def test_what_the_journal_cannot_write_down_is_not_sent(tmp_path: Path) -> None:
    class FullAtOnce(Journal):
        def note(self, id: int, index: int, outcome: Outcome, *rest: Any) -> None:
            if outcome is Outcome.SENT:
                raise JournalUnusable("The disk is full.")
            super().note(id, index, outcome, *rest)

    async with open_kv(tmp_path, journal=FullAtOnce(tmp_path / "full")) as kv:
        before = await fill(kv)
        for name in ("edit value", "rename"):
            with pytest.raises(Stopped, match="disk is full") as stopped:
                await kv.store.apply(PLANS[name](kv))
            assert not stopped.value.unknown
        assert not [line for line in kv.wire.sent if not line.startswith("GET")]
        assert await kv.stored() == before


async def test_a_refusal_after_a_lost_answer_is_not_told_as_failed(tmp_path: Path) -> None:
    """The first try landed, the second is refused: that one did nothing, which says nothing of the first."""
    async with open_kv(tmp_path) as kv:
        await fill(kv)
        answers = iter((AFTER, TOO_MANY))

        def seen(request: httpx.Request) -> None:
            if request.method == "DELETE":
                kv.wire.kind, kv.wire.at = next(answers), len(kv.wire.sent)
                kv.wire.for_good = True  # so that nothing can be read after it either

        kv.wire.seen = seen
        with pytest.raises(Stopped) as stopped:
            await kv.store.apply(PLANS["delete"](kv))
        assert stopped.value.unknown
        assert "old" not in await kv.stored()
        (record,) = await kv.store.history.log()  # type: ignore[union-attr]
        assert record.changes[0].outcome is Outcome.UNKNOWN
        assert record.undoable


async def test_a_rename_looks_at_the_old_key_again_before_it_deletes_it(tmp_path: Path) -> None:
    async with open_kv(tmp_path) as kv:
        before = await fill(kv)
        theirs = Entry(b"theirs", None, None)

        def seen(request: httpx.Request) -> None:
            if request.method == "PUT":  # somebody else writes while the new key is written
                kv.state.pairs(kv.namespace.id).write([("old", theirs)])

        kv.wire.seen = seen
        with pytest.raises(Conflict) as stopped:
            await kv.store.apply(PLANS["rename"](kv))
        assert stopped.value.found == theirs
        assert await kv.stored() == {**before, "old": theirs, "new": OLD}


SWAPPED = {
    "1": "true",
    "true": "1",
    '{"v":1}': '{"v":true}',
    '{"v":true}': '{"v": true}',
    "[1]": "[true]",
    "[true]": "[1]",
}
"""Metadata, and other metadata that Python finds equal to it."""


async def test_true_is_not_one_and_a_null_is_no_metadata(tmp_path: Path) -> None:
    async with open_kv(tmp_path) as kv:
        for metadata in SWAPPED:
            kv.clock.now += 100  # else what is put could be a late look at what was there before
            entry = await kv.put("old", Entry(b"1", metadata))
            applied = await kv.store.apply(plans.edit_metadata(kv.ref("old"), entry, SWAPPED[metadata]))
            assert applied.unconfirmed == ()
            await kv.store.undo()
            assert await kv.stored() == {"old": entry}
        kv.clock.now += 100
        entry = await kv.put("old", Entry(b"1", "1"))
        with pytest.raises(Conflict):
            await kv.store.apply(plans.edit_value(kv.ref("old"), replace(entry, metadata="true"), b"2"))
        entry = replace(entry, metadata=None)
        await kv.put("old", entry)
        applied = await kv.store.apply(plans.edit_value(kv.ref("old"), replace(entry, metadata="null"), b"2"))
        assert applied.unconfirmed == ()
        await kv.store.undo()
        assert await kv.stored() == {"old": entry}


async def test_a_key_is_not_renamed_to_its_own_name(tmp_path: Path) -> None:
    async with open_kv(tmp_path) as kv:
        with pytest.raises(Refused):
            plans.rename(kv.ref("old"), OLD, kv.ref("old"), OLD)


async def test_a_namespace_that_is_made_again_can_be_taken_back_again(tmp_path: Path) -> None:
    async with open_kv(tmp_path) as kv:
        await kv.store.apply(plans.create_namespace(kv.namespace.account, "made"))
        for _ in range(2):
            await kv.store.undo()
            assert sorted(one.title for one in kv.state.namespaces()) == ["KV", "OTHER"]
            await kv.store.redo()
            assert sorted(one.title for one in kv.state.namespaces()) == ["KV", "OTHER", "made"]


async def test_before_a_dead_network_nothing_is_written_down(tmp_path: Path) -> None:
    async with open_kv(tmp_path) as kv:
        await fill(kv)
        for fault in (BEFORE, TOO_MANY):
            kv.wire.strike(fault, 0, for_good=True)
            with pytest.raises(Stopped):
                await kv.store.apply(PLANS["rename"](kv))
        kv.wire.heal()
        assert await kv.store.history.log() == []  # type: ignore[union-attr]


async def eventually(holds: Callable[[], object]) -> None:
    """Let the event loop turn until something holds."""
    for _ in range(5000):
        if holds():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it never came to hold")
