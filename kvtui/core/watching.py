"""Looking again: what was written may not show for a minute, and is watched until it does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NamedTuple

from kvtui.api.errors import KVError
from kvtui.core.aims import Aim
from kvtui.core.changes import AnyChange, Change

PATIENCE_S = (1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0)
"""Waits between looks: 60 s, which is how long KV's caches live."""

LONGEST_S = 75.0
"""No more than this in all, also where every look takes long because the network is gone."""

Sleep = Callable[[float], Awaitable[None]]


class News(NamedTuple):
    """What became of a change that was unconfirmed when its step ended."""

    change: AnyChange
    confirmed: bool


async def shows(aim: Aim) -> bool:
    """Whether it is seen as it should be; what cannot be read is not seen."""
    with suppress(KVError):
        return aim.is_made(await aim.look())
    return False


async def waited_for(aim: Aim, sleep: Sleep) -> bool:
    """Look again and again, for a minute or so."""
    with suppress(TimeoutError):
        async with asyncio.timeout(LONGEST_S):
            for pause in PATIENCE_S:
                await sleep(pause)
                if await shows(aim):
                    return True
    return False


class Watches:
    """The changes that are still watched, while the person goes on working."""

    def __init__(self, sleep: Sleep) -> None:
        self._sleep = sleep
        self._tasks: dict[tuple[str, str, str], asyncio.Task[None]] = {}

    def begin(self, aim: Aim, ended: Callable[[bool], Awaitable[None]]) -> None:
        """Watch a record. `ended` is told whether it was seen."""
        if not isinstance(aim.change, Change):
            return
        address = aim.change.ref.address

        async def watch() -> None:
            try:
                await ended(await waited_for(aim, self._sleep))
            finally:
                if self._tasks.get(address) is asyncio.current_task():
                    del self._tasks[address]

        self._tasks[address] = asyncio.ensure_future(watch())

    def forget(self, change: AnyChange) -> None:
        """What was written before is about to be replaced: it will not be seen any more."""
        if isinstance(change, Change) and (task := self._tasks.pop(change.ref.address, None)) is not None:
            task.cancel()

    async def close(self) -> None:
        """Watch nothing any longer."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
