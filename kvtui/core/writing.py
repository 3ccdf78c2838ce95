"""The one way in which anything is changed: look, compare, write down, send, look again.

A change is made only where what is stored is still what the person saw. Its before-image is on the disk
before the request leaves. What is read afterwards decides how it ended: KV is eventually consistent, so a
server may show the old record for a minute, and that is *unconfirmed*, never a failure.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from kvtui.api.bodies import check_entry
from kvtui.api.errors import (
    Denied,
    Invalid,
    KVError,
    MayNotWrite,
    NotFound,
    RateLimited,
    Refused,
    Unsupported,
)
from kvtui.api.models import Namespace
from kvtui.core.aims import Aim, Found, NamespaceAim, RecordAim
from kvtui.core.changes import AnyChange, Change, NamespaceChange, Step
from kvtui.core.journal.errors import JournalError
from kvtui.core.journal.records import Last, Origin, Outcome, State
from kvtui.core.permission import Permission
from kvtui.core.plans import too_soon
from kvtui.core.stops import Conflict, Stopped, TooSoon
from kvtui.core.watching import News, Watches, shows, waited_for

if TYPE_CHECKING:
    from kvtui.api.client import KVClient
    from kvtui.core.journal.journal import Journal

T = TypeVar("T")

REQUESTS_A_CHANGE = 5
"""Value and metadata before, one write, value and metadata after."""

STALE_S = 90.0
"""How long a read may show what was there before a change of our own."""

PAUSES_S = (0.25, 1.0, 2.0)
"""Waits before a request is sent once more. Between two tries the record is looked at, not only the clock."""

PAUSE_MOST_S = 5.0
"""A Retry-After of up to this is waited out; a longer one is told."""

_NOT_DONE = (Refused, Invalid, Denied, Unsupported, NotFound, RateLimited)
"""Answers by which the server says that it did nothing."""

_NOT_SEEN = Refused(
    "The new key was written, but could not be read back within a minute, so the old one was kept.",
    "Both are there. Look again later; then delete the one that you do not want.",
)

_STALE = Refused(
    "What kvtui changed here a moment ago does not show yet: this would be made from what was before it.",
    "KV takes up to a minute, or more: read it again then. Nothing was changed.",
)


class Applied(NamedTuple):
    """A step that is done. `id` is its number in the journal, None where none is kept.

    `unconfirmed` are those of its changes that could not be read back yet; they are watched. `note` says what
    else went wrong, if anything: the journal's disk may be full by the time a change has landed.
    """

    id: int | None
    step: Step
    unconfirmed: tuple[AnyChange, ...] = ()
    note: str = ""


@dataclass(slots=True)
class _Run:
    """A step while it is applied."""

    step: Step
    aims: list[Aim]
    id: int | None
    again: bool
    resumed: bool = False
    sent: bool = False
    done: int = 0
    looked_made: set[int] = field(default_factory=set)
    unconfirmed: list[int] = field(default_factory=list)
    note: str = ""

    def changes(self) -> tuple[AnyChange, ...]:
        """What has landed, as it stands."""
        return tuple(aim.change for aim in self.aims[: self.done])

    def rest(self) -> Step:
        return replace(self.step, changes=self.step.changes[self.done :])

    def stopped(self, index: int, error: KVError, *, unknown: bool = False) -> Stopped:
        change = self.step.changes[index]
        return Stopped(error, change, self.changes(), self.rest(), id=self.id, unknown=unknown)


class Writer:
    """Applies steps to one server, one after the other. Without a journal nothing can be taken back."""

    def __init__(
        self,
        client: KVClient,
        journal: Journal | None,
        origin: Origin,
        permission: Permission,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.heard: Callable[[News], None] = lambda news: None
        self._client = client
        self._journal = journal
        self._origin = origin
        self._permission = permission
        self._clock = clock
        self._sleep = sleep
        self._one_writer = asyncio.Lock()
        self._steps: set[asyncio.Task[Any]] = set()
        self._watches = Watches(sleep)

    async def apply(
        self, step: Step, *, images: bool = True, again: bool = False, id: int | None = None
    ) -> Applied:
        """Make the changes of a step. It runs to its end also when whoever asked for it goes away.

        `again` is for undo, redo and what was interrupted: a record that already looks as it should is no
        conflict then, and is written all the same; a namespace counts as done.
        `id` goes on with a step that the journal holds. `images=False` keeps no before-images, which the
        journal then says.

        Raises ReadOnly, TooSoon or Refused before anything has happened, Stopped (or its Conflict) later,
        JournalFull and JournalUnusable where the journal cannot keep its promise: then nothing was sent.
        """
        self.check(step)
        run = _Run(step, [self._aim(step, change) for change in step.changes], id, again, id is not None)
        return await self._to_the_end(self._apply(run, images))

    def check(self, step: Step) -> None:
        """What can be said against a step before anything happens. Raises ReadOnly, TooSoon or Refused."""
        self._permission.check(map(_account, step.changes))
        if soon := too_soon(step, self._clock()):
            raise TooSoon(step, soon)
        for change in step.pairs:
            if change.after is not None:
                check_entry(change.ref.key, change.after)

    async def find_out(self, id: int, step: Step, indexes: list[int]) -> None:
        """Look what became of changes that were sent when their process ended, and write it down."""
        for index in indexes:
            aim = self._aim(step, step.changes[index])
            outcome, detail = Outcome.UNKNOWN, "It did not show after an interruption."
            try:
                if aim.is_made(await aim.look()):
                    outcome, detail = Outcome.CONFIRMED, "Found so after an interruption."
            except KVError as error:
                detail = f"After an interruption it could not be read: {error.message}"
            if self._journal is not None:
                made = _made(aim) if outcome is Outcome.CONFIRMED else None
                await asyncio.to_thread(self._journal.found, id, index, outcome, detail, made)

    @property
    def busy(self) -> bool:
        """Whether a step is under way."""
        return bool(self._steps)

    async def settled(self) -> None:
        """Wait until no step is under way."""
        while self._steps:
            await asyncio.wait(self._steps)

    async def close(self) -> None:
        """End when what is under way has ended; what is still unconfirmed is watched no longer."""
        await self.settled()
        await self._watches.close()

    async def _to_the_end(self, work: Coroutine[Any, Any, T]) -> T:
        task = asyncio.ensure_future(work)
        self._steps.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._steps.discard(task)
        if not task.cancelled():
            task.exception()  # heard, also where whoever asked has gone: the journal has it

    @asynccontextmanager
    async def _permitted(self) -> AsyncIterator[None]:
        """A client that is read-only takes changes for the time of this step, if a window is open."""
        was, self._client.read_only = self._client.read_only, False
        try:
            yield
        except Stopped as stopped:
            if isinstance(stopped.error, MayNotWrite):
                self._permission.deny(_account(stopped.change), stopped.error.message)
            raise
        finally:
            self._client.read_only = was

    def _aim(self, step: Step, change: AnyChange) -> Aim:
        if isinstance(change, Change):
            return RecordAim(self._client, change)
        return NamespaceAim(self._client, change, only_empty=step.undoes is not None)

    # -- a step -------------------------------------------------------------------------------------

    async def _apply(self, run: _Run, images: bool) -> Applied:
        async with self._one_writer, self._permitted():
            self.check(run.step)  # it may have waited for the step before
            try:
                # A rename must find both its keys as they were before it touches either.
                looked_at = len(run.aims) if run.step.chained else min(1, len(run.aims))
                made = [await self._is_made_already(run, index) for index in range(looked_at)]
                if run.id is None and self._journal is not None:
                    begin, reason = self._journal.begin, self._permission.reason
                    run.id = await asyncio.to_thread(begin, run.step, self._origin, reason, images=images)
                for index in range(len(run.aims)):
                    await self._make(run, index, made[0] if index == 0 else None)
            except Stopped:
                if run.sent or not run.resumed:  # else it is as interrupted as it was
                    await self._end(run, State.STOPPED)
                raise
            await self._end(run, State.DONE)
            for index in run.unconfirmed:
                self._watch(run, index)
            unconfirmed = tuple(run.aims[index].change for index in run.unconfirmed)
            return Applied(run.id, replace(run.step, changes=run.changes()), unconfirmed, run.note)

    async def _make(self, run: _Run, index: int, made: bool | None) -> None:
        """One change, from a last look (unless `made` tells what it would find) to what is read back."""
        aim = run.aims[index]
        if made if made is not None else await self._is_made_already(run, index):
            await self._note(run, index, Outcome.CONFIRMED, "It was so already.")
            run.done += 1
            return
        self._watches.forget(aim.change)
        await self._send(run, index)
        held_back = run.step.chained and index + 1 < len(run.aims)
        seen = await shows(aim) or (held_back and await waited_for(aim, self._sleep))
        await self._note(run, index, Outcome.CONFIRMED if seen else Outcome.UNCONFIRMED)
        run.done += 1
        if not seen:
            if held_back:
                raise run.stopped(index + 1, _NOT_SEEN)
            run.unconfirmed.append(index)

    async def _is_made_already(self, run: _Run, index: int) -> bool:
        """Compare with what is stored. True where what is wanted is there, and must not be made twice.

        A record that looks as it should is written all the same: a look may be a minute old, and to write it
        again does no harm. Raises Conflict where it is neither as wanted nor as the person saw it, Stopped
        where it cannot be read.
        """
        aim = run.aims[index]
        try:
            found = await aim.look()
        except KVError as error:
            raise run.stopped(index, error) from error
        looks_made = aim.is_made(found)
        (run.looked_made.add if looks_made else run.looked_made.discard)(index)
        made = run.again and looks_made
        if made and not aim.repeatable:
            return True
        late = await self._late(run, index, found)
        if late is not None and isinstance(aim, RecordAim) and late.shows(late.after, aim.change.before):
            return False
        if not (made or aim.is_as_before(found)):
            raise Conflict(run.step.changes[index], found, run.changes(), run.rest(), id=run.id)
        if late is not None:
            raise run.stopped(index, _STALE)
        return False

    async def _late(self, run: _Run, index: int, found: Found) -> Last | None:
        """The last changes that the journal knows of, if a look shows what was there before them.

        A step made from what the last of them left may go on. Any other would take it back unseen.
        """
        change = run.aims[index].change
        if self._journal is None or not isinstance(change, Change) or isinstance(found, Namespace):
            return None
        since = self._clock() - STALE_S
        last = await asyncio.to_thread(self._journal.last_of, self._origin.source, change.ref, since)
        return last if last is not None and last.is_late(found) else None

    async def _send(self, run: _Run, index: int) -> None:
        """Make the change. Raises Stopped.

        Where an answer is lost, what is stored tells whether it arrived, before it is sent again: someone
        else may have written in between.
        """
        await self._note(run, index, Outcome.SENT, must=True)
        run.sent = True
        aim, lost = run.aims[index], run.resumed
        for pause in (*PAUSES_S, None):
            try:
                await aim.send()
                return
            except KVError as error:
                failure = error
            detail = failure.message
            if not (isinstance(failure, _NOT_DONE) and failure.attempts <= 1):
                lost = True
                found, detail = await _look_after(aim)
                if found is None:
                    break
                # Where it looked so before it was sent, to look so now tells nothing: it is sent again.
                if aim.is_made(found.there):
                    if index not in run.looked_made:
                        return
                elif not aim.is_as_before(found.there):
                    break
            wait = _pause(failure, pause) if aim.repeatable else None
            if wait is None:
                break
            await self._sleep(wait)
        await self._note(run, index, Outcome.UNKNOWN if lost else Outcome.FAILED, detail)
        raise run.stopped(index, failure, unknown=lost) from failure

    def _watch(self, run: _Run, index: int) -> None:
        """Go on looking at what is unconfirmed."""
        aim = run.aims[index]

        async def ended(confirmed: bool) -> None:
            if confirmed:
                await self._note(run, index, Outcome.CONFIRMED)
            self.heard(News(aim.change, confirmed))

        self._watches.begin(aim, ended)

    # -- the journal --------------------------------------------------------------------------------

    async def _note(
        self, run: _Run, index: int, outcome: Outcome, detail: str = "", *, must: bool = False
    ) -> None:
        """Write down how far a change is. With `must` it is not sent if that fails: raises Stopped.

        Where an end cannot be written, "sent" stays in the journal, which is still true.
        """
        if run.id is None or self._journal is None:
            return
        made = _made(run.aims[index])
        try:
            await asyncio.to_thread(self._journal.note, run.id, index, outcome, detail, made)
        except JournalError as error:
            if must:
                raise run.stopped(index, error) from error
            run.note = error.message

    async def _end(self, run: _Run, state: State) -> None:
        if run.id is None or self._journal is None:
            return
        try:
            await asyncio.to_thread(self._journal.end, run.id, state)
        except JournalError as error:
            run.note = error.message


class _Looked(NamedTuple):
    there: Found


async def _look_after(aim: Aim) -> tuple[_Looked | None, str]:
    """What is there after an answer was lost; None where that cannot be read. And words about it."""
    try:
        there = await aim.look()
    except KVError:
        return None, "The answer was lost, and what is stored could not be read."
    if aim.is_as_before(there) or aim.is_made(there):
        return _Looked(there), "The answer was lost. It was read after that, and the change did not show."
    return _Looked(there), "The answer was lost, and something else is stored by now."


def _pause(error: KVError, pause: float | None) -> float | None:
    """How long to wait before it is sent once more; None to give up."""
    if pause is None or not error.transient:
        return None
    if isinstance(error, RateLimited) and error.retry_after is not None:
        return error.retry_after if error.retry_after <= PAUSE_MOST_S else None
    return pause


def _made(aim: Aim) -> Namespace | None:
    """The namespace that a server made, once its id is known."""
    change = aim.change
    if isinstance(change, NamespaceChange) and change.before is None and change.after and change.after.id:
        return change.after
    return None


def _account(change: AnyChange) -> str:
    return (change.ref.namespace if isinstance(change, Change) else change.namespace).account
