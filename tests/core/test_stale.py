"""KV shows for a minute what was there before: what is planned or undone from such looks loses nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace

from kvtui.api.client import KVClient
from kvtui.api.errors import KeyNotFound, KVError, Refused, Unreachable, Unsettled
from kvtui.api.models import Entry, Namespace
from kvtui.core import plans
from kvtui.core.changes import KeyRef, Step
from kvtui.core.history import History
from kvtui.core.journal.errors import JournalError
from kvtui.core.journal.journal import Journal
from kvtui.core.journal.records import Origin, Outcome, Record, State
from kvtui.core.permission import Permission
from kvtui.core.stops import Conflict, Stopped
from kvtui.core.store import Store
from kvtui.local.server import ACCOUNT, create_app
from kvtui.local.state import KVState
from tests.core.kv import (
    BEFORE,
    BINARY,
    KV,
    META,
    NOW,
    RETRIES,
    TOO_MANY,
    Clock,
    Crash,
    Faults,
    at_once,
    open_kv,
)

OLD = Entry(BINARY, META, NOW + 7200)
THEIRS = Entry(b"theirs", '{"by":"them"}')

Answer = Callable[[httpx.Request], httpx.Response | None]


def shows(entry: Entry | None, *keys: str, half: str = "") -> Answer:
    """Caches that go on showing this record under these keys; of one `half` only: values or metadata."""

    def answer(request: httpx.Request) -> httpx.Response | None:
        path = request.url.raw_path.decode()
        if request.method != "GET" or path.rpartition("/")[2] not in keys or f"/{half}" not in path:
            return None
        if entry is None:
            problem = {"code": 10009, "message": "get: 'key not found'"}
            return httpx.Response(404, json={"success": False, "errors": [problem]})
        if "/values/" in path:
            expiration = {"expiration": str(entry.expiration)} if entry.expiration else {}
            return httpx.Response(200, content=entry.value, headers=expiration)
        body = f'{{"success":true,"errors":[],"messages":[],"result":{entry.metadata or "null"}}}'
        return httpx.Response(200, text=body, headers={"content-type": "application/json"})

    return answer


def both(*answers: Answer) -> Answer:
    return lambda request: next((found for one in answers if (found := one(request))), None)


def nothing(request: httpx.Request) -> None:
    return None


def rename(kv: KV) -> Step:
    return plans.rename(kv.ref("old"), OLD, kv.ref("new"), None)


def history(kv: KV) -> History:
    assert kv.store.history
    return kv.store.history


async def newest(kv: KV) -> Record:
    return (await history(kv).log())[0]


def writes(kv: KV) -> list[str]:
    return [line.split()[0] for line in kv.wire.sent if not line.startswith("GET")]


# Undo and redo


async def test_undo_of_a_rename_whose_delete_does_not_show_yet(tmp_path: Path) -> None:
    """A look says that the old key is still there. Who believes that deletes the only copy."""
    async with open_kv(tmp_path) as kv:
        await kv.put("old", OLD)
        await kv.store.apply(rename(kv))
        kv.wire.stale = shows(OLD, "old")
        await kv.store.undo()
        assert await kv.stored() == {"old": OLD}


async def test_an_undo_that_did_not_leave_is_not_taken_for_done_by_a_late_look(tmp_path: Path) -> None:
    async with open_kv(tmp_path) as kv:
        await kv.put("old", OLD)
        await kv.store.apply(rename(kv))
        kv.wire.stale = shows(OLD, "old")
        kv.wire.strike(BEFORE, 4)  # two looks, then the PUT of the old key
        await kv.store.undo()
        assert kv.wire.sent[4].startswith("PUT")
        assert await kv.stored() == {"old": OLD}


async def test_redo_of_a_rename_right_after_its_undo(tmp_path: Path) -> None:
    async with open_kv(tmp_path) as kv:
        await kv.put("old", OLD)
        await kv.store.apply(rename(kv))
        await kv.store.undo()
        kv.wire.stale = both(shows(None, "old"), shows(OLD, "new"))  # all is as it was before the undo
        await kv.store.redo()
        kv.wire.stale = nothing
        assert await kv.stored() == {"new": OLD}


@pytest.mark.parametrize("verb", ["delete", "edit"])
async def test_undo_under_a_late_look_writes_all_the_same(tmp_path: Path, verb: str) -> None:
    async with open_kv(tmp_path) as kv:
        await kv.put("old", OLD)
        ref = kv.ref("old")
        step = plans.delete([(ref, OLD)]) if verb == "delete" else plans.edit_value(ref, OLD, b"2")
        await kv.store.apply(step)
        kv.wire.stale = shows(OLD, "old")
        kv.wire.sent.clear()
        await kv.store.undo()
        assert writes(kv) == ["PUT"]
        assert await kv.stored() == {"old": OLD}


async def test_undo_leaves_alone_what_is_there_when_the_old_record_has_expired(tmp_path: Path) -> None:
    async with open_kv(tmp_path) as kv:
        await kv.put("old", OLD)
        await kv.store.apply(plans.expire(kv.ref("old"), OLD, None))
        kv.clock.now += 7201
        kv.wire.sent.clear()
        back, applied = await kv.store.undo()
        assert [ref.key for ref in back.expired] == ["old"]
        assert applied.step.changes == ()
        assert writes(kv) == []
        assert await kv.stored() == {"old": replace(OLD, expiration=None)}
        with pytest.raises(Refused, match="nothing to take back"):
            await kv.store.undo()


async def test_redo_of_a_step_that_stopped_half_way_repeats_only_what_landed(tmp_path: Path) -> None:
    async with open_kv(tmp_path) as kv:
        for key in ("a", "b"):
            await kv.put(key, OLD)
        step = plans.delete([(kv.ref("a"), OLD), (kv.ref("b"), OLD)])
        await kv.put("b", THEIRS)
        with pytest.raises(Conflict):
            await kv.store.apply(step)
        await kv.store.undo()
        kv.wire.sent.clear()
        await kv.store.redo()
        assert writes(kv) == ["DELETE"]
        assert await kv.stored() == {"b": THEIRS}


# Planned from a late look


async def test_what_is_planned_from_a_late_read_is_refused_and_loses_nothing(tmp_path: Path) -> None:
    async with open_kv(tmp_path) as kv:
        await kv.put("old", OLD)
        await kv.store.apply(plans.edit_metadata(kv.ref("old"), OLD, '{"v":2}'))
        there = await kv.stored()
        kv.wire.stale = shows(OLD, "old")
        read = await kv.store.read(*kv.ref("old"))
        assert read == OLD
        with pytest.raises(Stopped, match="does not show yet") as stopped:
            await kv.store.apply(plans.edit_value(kv.ref("old"), read, b"2"))
        assert not stopped.value.unknown
        assert await kv.stored() == there


async def test_a_read_may_be_later_than_two_changes(tmp_path: Path) -> None:
    async with open_kv(tmp_path) as kv:
        await kv.put("old", OLD)
        second = replace(OLD, metadata="2")
        await kv.store.apply(plans.edit_metadata(kv.ref("old"), OLD, "2"))
        await kv.store.apply(plans.edit_metadata(kv.ref("old"), second, "3"))
        for late in (OLD, second):
            kv.wire.stale = shows(late, "old")
            with pytest.raises(Stopped, match="does not show yet"):
                await kv.store.apply(plans.edit_value(kv.ref("old"), late, b"2"))
        assert await kv.stored() == {"old": replace(OLD, metadata="3")}
        kv.wire.stale = shows(OLD, "old")
        await kv.store.apply(plans.edit_value(kv.ref("old"), replace(OLD, metadata="3"), b"2"))
        assert await kv.stored() == {"old": replace(OLD, value=b"2", metadata="3")}


async def test_what_is_planned_from_what_kvtui_wrote_goes_on_under_a_late_look(tmp_path: Path) -> None:
    async with open_kv(tmp_path) as kv:
        await kv.put("old", OLD)
        applied = await kv.store.apply(plans.edit_metadata(kv.ref("old"), OLD, '{"v":2}'))
        written = applied.step.pairs[0].after
        assert written
        kv.wire.stale = shows(OLD, "old")
        await kv.store.apply(plans.edit_value(kv.ref("old"), written, b"2"))
        assert await kv.stored() == {"old": Entry(b"2", '{"v":2}', OLD.expiration)}
        await kv.store.undo()
        await kv.store.undo()
        assert await kv.stored() == {"old": OLD}


async def test_an_older_step_is_not_taken_back_over_a_newer_one_by_a_late_look(tmp_path: Path) -> None:
    """It looks as it should already, but what is there is what the newer step has left."""
    async with open_kv(tmp_path) as kv:
        await kv.put("old", OLD)
        first = await kv.store.apply(plans.edit_value(kv.ref("old"), OLD, b"2"))
        await kv.store.apply(plans.edit_value(kv.ref("old"), replace(OLD, value=b"2"), b"3"))
        kv.wire.stale = shows(OLD, "old")
        back = await history(kv).to_undo(first.id)
        with pytest.raises(Stopped, match="does not show yet"):
            await kv.store.apply(back.step, again=True)
        assert await kv.stored() == {"old": replace(OLD, value=b"3")}
        kv.wire.stale = nothing
        with pytest.raises(Conflict):
            await kv.store.apply(back.step, again=True)


async def test_another_spelling_of_the_same_metadata_is_no_late_look(tmp_path: Path) -> None:
    async with open_kv(tmp_path) as kv:
        await kv.put("old", replace(OLD, metadata=None))
        await kv.store.apply(plans.edit_metadata(kv.ref("old"), replace(OLD, metadata=None), "null"))
        read = await kv.store.read(*kv.ref("old"))
        await kv.store.apply(plans.edit_value(kv.ref("old"), read, b"2"))
        assert await kv.stored() == {"old": replace(OLD, value=b"2", metadata=None)}


async def test_after_a_while_a_look_is_believed_again(tmp_path: Path) -> None:
    async with open_kv(tmp_path) as kv:
        await kv.put("old", OLD)
        await kv.store.apply(plans.edit_value(kv.ref("old"), OLD, b"2"))
        await kv.put("old", OLD)  # somebody has restored it
        step = plans.edit_value(kv.ref("old"), OLD, b"3")
        with pytest.raises(Stopped, match="does not show yet"):
            await kv.store.apply(step)
        kv.clock.now += 91
        await kv.store.apply(step)
        assert (await kv.stored())["old"].value == b"3"


# Sent again


def fails_while_they_write(kv: KV, method: str) -> list[str]:
    """The first write is answered by 503 and not done; before it can be sent again somebody else writes."""
    failed: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response | None:
        if request.method != method or failed:
            return None
        failed.append(method)
        kv.state.pairs(kv.namespace.id).write([("old", THEIRS)])
        return httpx.Response(503, text="upstream")

    kv.wire.stale = answer
    return failed


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_a_second_try_never_goes_over_somebody_elses_record(tmp_path: Path, method: str) -> None:
    async with open_kv(tmp_path) as kv:
        await kv.put("old", OLD)
        failed = fails_while_they_write(kv, method)
        ref = kv.ref("old")
        step = plans.edit_value(ref, OLD, b"2") if method == "PUT" else plans.delete([(ref, OLD)])
        with pytest.raises(Stopped) as stopped:
            await kv.store.apply(step)
        assert failed and writes(kv) == [method]
        assert stopped.value.unknown
        assert (await kv.stored())["old"].value == THEIRS.value
        assert (await newest(kv)).changes[0].outcome is Outcome.UNKNOWN


async def test_four_refusals_are_a_failure_and_nothing_unknown(tmp_path: Path) -> None:
    async with open_kv(tmp_path) as kv:
        await kv.put("old", OLD)

        def answer(request: httpx.Request) -> httpx.Response | None:
            refused = httpx.Response(429, json={"code": 971, "message": "slow"}, headers={"retry-after": "0"})
            return refused if request.method == "PUT" else None

        kv.wire.stale = answer
        with pytest.raises(Stopped) as stopped:
            await kv.store.apply(plans.edit_value(kv.ref("old"), OLD, b"2"))
        assert writes(kv) == ["PUT"] * 4
        assert not stopped.value.unknown
        record = await newest(kv)
        assert record.changes[0].outcome is Outcome.FAILED
        assert not record.undoable
        assert await kv.stored() == {"old": OLD}


# Half a record


@pytest.mark.parametrize("half", ["values/", "metadata/"])
async def test_half_a_404_is_unsettled_and_never_no_such_key(tmp_path: Path, half: str) -> None:
    async with open_kv(tmp_path) as kv:
        await kv.put("old", OLD)
        kv.wire.stale = shows(None, "old", half=half)
        with pytest.raises(Unsettled):
            await kv.store.read(*kv.ref("old"))
        with pytest.raises(Stopped) as stopped:
            await kv.store.apply(plans.create(kv.ref("old"), Entry(b"mine")))
        assert isinstance(stopped.value.error, Unsettled)
        assert await kv.stored() == {"old": OLD}


@pytest.mark.parametrize("half", ["values", "metadata"])
async def test_one_half_missing_and_the_other_unreadable_is_not_no_such_key(
    tmp_path: Path, half: str
) -> None:
    async with open_kv(tmp_path) as kv:
        await kv.put("old", OLD)
        missing = shows(None, "old", half=f"{half}/")

        def answer(request: httpx.Request) -> httpx.Response | None:
            if (found := missing(request)) is None and request.method == "GET":
                raise httpx.ConnectError("refused", request=request)
            return found

        kv.wire.stale = answer
        with pytest.raises(Unreachable):
            await kv.store.read(*kv.ref("old"))
        with pytest.raises(Stopped):
            await kv.store.apply(plans.create(kv.ref("old"), Entry(b"mine")))
        assert await kv.stored() == {"old": OLD}
        kv.wire.stale = shows(None, "old")
        with pytest.raises(KeyNotFound):
            await kv.store.read(*kv.ref("old"))


# What was interrupted


def die() -> None:
    raise Crash


async def killed(kv: KV, step: Step, method: str, *, after: bool = True) -> None:
    """The process dies at its first request of this method, when it has arrived or before it leaves."""

    def seen(request: httpx.Request) -> None:
        if request.method == method:
            kind = (
                "the process is killed after the request"
                if after
                else "the process is killed before the request"
            )
            kv.wire.strike(kind, 0)

    kv.wire.seen, kv.wire.die = seen, die
    with pytest.raises(Crash):
        await kv.store.apply(step)
    kv.wire.heal()


async def test_a_rename_killed_at_its_delete_and_looked_at_too_early_can_be_taken_back(
    tmp_path: Path,
) -> None:
    async with open_kv(tmp_path) as kv:
        await kv.put("old", OLD)
        await killed(kv, rename(kv), "DELETE")
        assert await kv.stored() == {"new": OLD}
    async with open_kv(tmp_path) as kv:
        (record,) = await history(kv).interrupted()
        kv.wire.stale = shows(OLD, "old")
        found = await kv.store.find_out(record)
        assert [noted.outcome for noted in found.changes] == [Outcome.CONFIRMED, Outcome.UNKNOWN]
        await kv.store.leave(found)
        back = await history(kv).to_undo(found.id)
        await kv.store.apply(back.step, again=True)
        assert await kv.stored() == {"old": OLD}


async def test_a_step_that_was_finished_late_is_what_changed_its_key_last(tmp_path: Path) -> None:
    """Its number is lower than that of a step that was made while it lay there."""
    async with open_kv(tmp_path) as kv:
        await kv.put("old", OLD)
        await killed(kv, plans.edit_value(kv.ref("old"), OLD, b"2"), "PUT", after=False)
    async with open_kv(tmp_path) as kv:
        for before, after in ((OLD, b"1"), (replace(OLD, value=b"1"), BINARY)):
            kv.clock.now += 1
            await kv.store.apply(plans.edit_value(kv.ref("old"), before, after))
        kv.clock.now += 1
        (record,) = await history(kv).interrupted()
        await kv.store.finish(record)
        kv.wire.stale = shows(OLD, "old")
        with pytest.raises(Stopped, match="does not show yet"):
            await kv.store.apply(plans.edit_metadata(kv.ref("old"), OLD, None))
        assert await kv.stored() == {"old": replace(OLD, value=b"2")}


async def test_what_is_found_out_of_a_step_that_has_ended_changes_nothing(tmp_path: Path) -> None:
    async with open_kv(tmp_path) as kv:
        await kv.put("old", OLD)
        await killed(kv, plans.edit_value(kv.ref("old"), OLD, b"2"), "PUT")
    async with open_kv(tmp_path) as kv:
        (record,) = await history(kv).interrupted()
        await kv.store.leave(record)
        ended = history(kv).journal.record(record.id)
        assert await kv.store.find_out(record) == ended
        assert ended.changes[0].outcome is Outcome.SENT


async def test_what_was_unknown_is_looked_for_again(tmp_path: Path) -> None:
    async with open_kv(tmp_path) as kv:
        await kv.put("old", OLD)
        await killed(kv, plans.edit_value(kv.ref("old"), OLD, b"2"), "PUT")
    async with open_kv(tmp_path) as kv:
        (record,) = await history(kv).interrupted()
        kv.wire.stale = shows(OLD, "old")
        found = await kv.store.find_out(record)
        assert found.changes[0].outcome is Outcome.UNKNOWN
        kv.wire.stale = nothing
        assert (await kv.store.find_out(found)).changes[0].outcome is Outcome.CONFIRMED


async def test_a_namespace_that_is_gone_does_not_keep_the_rest_from_being_found_out(tmp_path: Path) -> None:
    async with open_kv(tmp_path) as kv:
        mine = await kv.put("old", OLD)
        await kv.honest.write(kv.other, "there", OLD)
        step = plans.delete([(kv.ref("there", kv.other), OLD), (kv.ref("old"), mine)])
        journal = history(kv).journal
        id = journal.begin(step, Origin("test", "test"))
        for index in range(2):  # as if both had left together, and neither answer had come
            journal.note(id, index, Outcome.SENT)
        await kv.honest.delete(*kv.ref("old"))
        await kv.honest.remove_namespace(kv.other)
    async with open_kv(tmp_path) as kv:
        (record,) = await history(kv).interrupted()
        found = await kv.store.find_out(record)
        assert [noted.outcome for noted in found.changes] == [Outcome.UNKNOWN, Outcome.CONFIRMED]
        assert "could not be read" in found.changes[0].detail


async def test_to_finish_and_fail_at_the_first_look_leaves_it_interrupted(tmp_path: Path) -> None:
    async with open_kv(tmp_path) as kv:
        await kv.put("old", OLD)
        await killed(kv, rename(kv), "PUT")
    async with open_kv(tmp_path) as kv:
        (record,) = await history(kv).interrupted()
        for fault in (BEFORE, TOO_MANY):
            kv.wire.strike(fault, 0, for_good=True)
            with pytest.raises(Stopped):
                await kv.store.finish(record)
            kv.wire.heal()
            kv.store._client.budget.blocked_until = None
            assert await history(kv).interrupted() == [record]
        await kv.store.finish(record)
        assert await kv.stored() == {"new": OLD}
        assert history(kv).journal.record(record.id).state is State.DONE
        assert await history(kv).interrupted() == []
        with pytest.raises(JournalError):
            await kv.store.finish(record)


async def test_what_may_not_be_finished_is_not_taken_over(tmp_path: Path) -> None:
    async with open_kv(tmp_path) as kv:
        await kv.put("old", OLD)
        await killed(kv, rename(kv), "PUT", after=False)
    async with open_kv(tmp_path, read_only=True) as kv:
        (record,) = await history(kv).interrupted()
        with pytest.raises(Refused, match="read-only"):
            await kv.store.finish(record)
        kv.clock.now += 7200 - 30
        kv.store.permission.open(600, "why not")
        with pytest.raises(Refused, match="less than 60 s"):
            await kv.store.finish(record)
        assert writes(kv) == []
        assert await history(kv).interrupted() == [record]


# Accounts

ANOTHER = "1" * 32


class TwoAccounts(httpx.AsyncBaseTransport):
    """Two servers of one account each, as one."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.servers = {
            account: httpx.ASGITransport(
                create_app(KVState(folder / account, clock=clock), account=account, clock=clock),
                raise_app_exceptions=False,
            )
            for account in (ACCOUNT, ANOTHER)
        }

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        account = ANOTHER if ANOTHER in request.url.path else ACCOUNT
        return await self.servers[account].handle_async_request(request)


async def test_an_account_in_which_nothing_may_be_written_leaves_the_other_open(tmp_path: Path) -> None:
    clock = Clock()
    wire = Faults(TwoAccounts(tmp_path, clock))

    def forbids(request: httpx.Request) -> httpx.Response | None:
        if request.method != "PUT" or ANOTHER not in request.url.path:
            return None
        words = "PUT method not allowed for the api_token authentication scheme"
        return httpx.Response(405, json={"success": False, "errors": [{"code": 10000, "message": words}]})

    client = KVClient("http://localhost/client/v4", transport=wire, retries=RETRIES, clock=clock)
    journal = Journal(tmp_path / "journal", clock=clock)
    store = Store(client, label="t", source="t", journal=journal, clock=clock, sleep=at_once)
    here, there = [await client.create_namespace(account, "KV") for account in (ACCOUNT, ANOTHER)]
    wire.stale = forbids

    def create(namespace: Namespace, key: str) -> Step:
        return plans.create(KeyRef(namespace, key), Entry(b"1"))

    try:
        with pytest.raises(Stopped, match="may not write"):
            await store.apply(create(there, "a"))
        wire.sent.clear()
        with pytest.raises(Refused, match="may not write"):
            await store.apply(create(there, "a"))
        assert wire.sent == []
        assert store.permission.refusal == store.permission.refusal_in(ACCOUNT) == ""
        await store.apply(create(here, "a"))
        store.permission.ask_again()
        wire.stale = nothing
        await store.apply(create(there, "a"))
    finally:
        await store.close()


def test_a_step_in_two_accounts_is_refused_for_either() -> None:
    permission = Permission(read_only=False)
    permission.deny(ANOTHER, "not there")
    permission.check([ACCOUNT])
    with pytest.raises(Refused, match="not there"):
        permission.check([ACCOUNT, ANOTHER])


async def test_a_store_narrowed_to_another_account_neither_lists_nor_undoes(tmp_path: Path) -> None:
    async with open_kv(tmp_path) as kv:
        await kv.put("old", OLD)
        await killed(kv, rename(kv), "DELETE")
    async with open_kv(tmp_path) as kv:
        (record,) = await history(kv).interrupted()
        await kv.store.finish(record)
        await kv.store.apply(plans.create(kv.ref("more"), OLD))
        journal = history(kv).journal
        other = History(journal, "test", ANOTHER, kv.clock)
        assert await other.log() == await other.interrupted() == []
        for ask in (other.to_undo, other.to_redo):
            with pytest.raises(KVError, match="nothing to"):
                await ask()
        await kv.store.undo()
        with pytest.raises(KVError, match="nothing to"):
            await other.to_redo()
        assert (await history(kv).to_redo()).record.changes[0].ref == kv.ref("more")
