"""The one way in which anything is changed: look, compare, write down, send, look again.

A change is made only where what is stored is still what the person saw. Its before-image is on the disk
before the request leaves. What is read afterwards decides how it ended: KV is eventually consistent, so a
server may show the old record for a minute, and that is *unconfirmed*, never a failure.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
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
from kvtui.core.aims import Aim, Found, NamespaceAim, RecordAim
from kvtui.core.changes import AnyChange, Change, KeyRef, NamespaceChange, Step
from kvtui.core.journalerrors import JournalError
from kvtui.core.journalrecords import Origin, Outcome, State
from kvtui.core.permission import Permission
from kvtui.core.plans import too_soon
from kvtui.core.stops import Conflict, Stopped, TooSoon

if TYPE_CHECKING:
    from kvtui.api.client import KVClient
    from kvtui.core.journal import Journal

T = TypeVar("T")

PATIENCE_S = (1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0)
"""Waits between looks at what does not show yet: 60 s, which is how long KV's caches live."""

REQUESTS_A_CHANGE = 5
"""Value and metadata before, one write, value and metadata after."""

_NOT_DONE = (Refused, Invalid, Denied, Unsupported, NotFound, RateLimited)
"""Answers by which the server says that it did nothing."""

_NOT_SEEN = Refused(
    "The new key was written, but could not be read back within a minute, so the old one was kept.",
    "Both are there. Look again later; then delete the one that you do not want.",
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


class News(NamedTuple):
    """What became of a change that was unconfirmed when its step ended."""

    change: AnyChange
    confirmed: bool


@dataclass(slots=True)
class _Run:
    """A step while it is applied."""

    step: Step
    aims: list[Aim]
    id: int | None
    again: bool
    resumed: bool = False
    done: int = 0
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
        self._watches: dict[KeyRef, asyncio.Task[None]] = {}

    async def apply(
        self, step: Step, *, images: bool = True, again: bool = False, id: int | None = None
    ) -> Applied:
        """Make the changes of a step. It runs to its end also when whoever asked for it goes away.

        `again` is for undo, redo and what was interrupted: what is already as it should be counts as done.
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
        self._permission.check()
        if soon := too_soon(step, self._clock()):
            raise TooSoon(step, soon)
        for change in step.pairs:
            if change.after is not None:
                check_entry(change.ref.key, change.after)

    async def find_out(self, id: int, step: Step, indexes: list[int]) -> None:
        """Look what became of changes that were sent when their process ended, and write it down."""
        run = _Run(step, [self._aim(step, change) for change in step.changes], id, again=True)
        for index in indexes:
            found = await run.aims[index].look()
            if run.aims[index].is_made(found):
                await self._note(run, index, Outcome.CONFIRMED, "Found so after an interruption.")
            else:
                await self._note(run, index, Outcome.UNKNOWN, "It did not show after an interruption.")

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
        watches = list(self._watches.values())
        for watch in watches:
            watch.cancel()
        await asyncio.gather(*watches, return_exceptions=True)

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
        self._permission.check()
        was, self._client.read_only = self._client.read_only, False
        try:
            yield
        except Stopped as stopped:
            if isinstance(stopped.error, MayNotWrite):
                self._permission.deny(stopped.error.message)
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
        self._stop_watching(aim.change)
        await self._send(run, index)
        held_back = run.step.chained and index + 1 < len(run.aims)
        shows = await _shows(aim) or (held_back and await self._waited_for(aim))
        await self._note(run, index, Outcome.CONFIRMED if shows else Outcome.UNCONFIRMED)
        run.done += 1
        if not shows:
            if held_back:
                raise run.stopped(index + 1, _NOT_SEEN)
            run.unconfirmed.append(index)

    async def _is_made_already(self, run: _Run, index: int) -> bool:
        """Compare with what is stored. True where that is what is wanted, and it is enough to find it so.

        Raises Conflict where it is neither that nor what the person saw, Stopped where it cannot be read.
        """
        aim = run.aims[index]
        try:
            found = await aim.look()
        except KVError as error:
            raise run.stopped(index, error) from error
        # Metadata that only differs in its spelling counts as made, but not if it is what was there before.
        untouched = found == aim.change.before and found != aim.change.after
        if run.again and aim.is_made(found) and not untouched:
            return True
        if not aim.is_as_before(found):
            raise Conflict(run.step.changes[index], found, run.changes(), run.rest(), id=run.id)
        return False

    async def _send(self, run: _Run, index: int) -> None:
        """Make the change. Where the answer is lost, what is stored tells whether it arrived.

        Raises Stopped.
        """
        await self._note(run, index, Outcome.SENT, must=True)
        aim = run.aims[index]
        try:
            await aim.send()
        except KVError as error:
            if isinstance(error, _NOT_DONE) and error.attempts <= 1:
                # Of a step that was interrupted an earlier request may still have arrived.
                outcome = Outcome.UNKNOWN if run.resumed else Outcome.FAILED
                await self._note(run, index, outcome, error.message)
                raise run.stopped(index, error) from error
            detail = "The answer was lost, and what is stored could not be read."
            with suppress(KVError):
                if aim.is_made(await aim.look()):
                    return
                detail = "The answer was lost. The record was read after it, and the change did not show."
            await self._note(run, index, Outcome.UNKNOWN, detail)
            raise run.stopped(index, error, unknown=True) from error

    # -- looking on ---------------------------------------------------------------------------------

    async def _waited_for(self, aim: Aim) -> bool:
        """Look again and again, for a minute."""
        for pause in PATIENCE_S:
            await self._sleep(pause)
            if await _shows(aim):
                return True
        return False

    def _watch(self, run: _Run, index: int) -> None:
        """Go on looking at what is unconfirmed while the person goes on working."""
        aim = run.aims[index]

        async def watch() -> None:
            confirmed = await self._waited_for(aim)
            if confirmed:
                await self._note(run, index, Outcome.CONFIRMED)
            self.heard(News(aim.change, confirmed))

        if isinstance(aim.change, Change):
            self._watches[aim.change.ref] = asyncio.ensure_future(watch())

    def _stop_watching(self, change: AnyChange) -> None:
        """What was written before is about to be replaced: it will not be seen any more."""
        if isinstance(change, Change) and (watch := self._watches.pop(change.ref, None)) is not None:
            watch.cancel()

    # -- the journal --------------------------------------------------------------------------------

    async def _note(
        self, run: _Run, index: int, outcome: Outcome, detail: str = "", *, must: bool = False
    ) -> None:
        """Write down how far a change is. With `must` it is not sent if that fails: raises Stopped.

        Where an end cannot be written, "sent" stays in the journal, which is still true.
        """
        if run.id is None or self._journal is None:
            return
        change = run.aims[index].change
        made = change.after if isinstance(change, NamespaceChange) and change.before is None else None
        try:
            await asyncio.to_thread(self._journal.note, run.id, index, outcome, detail, made)
            if made is not None and made.id and run.step.redoes is not None:
                # What is taken back next is the step that was made again, and the namespace has another id.
                with suppress(JournalError):  # it may have been purged
                    again = run.step.redoes
                    await asyncio.to_thread(self._journal.note, again, index, outcome, detail, made)
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


async def _shows(aim: Aim) -> bool:
    """Whether it is seen as it should be; what cannot be read is not seen."""
    found: Found
    with suppress(KVError):
        found = await aim.look()
        return aim.is_made(found)
    return False
