"""Trying again: bounded, with back-off and jitter, or after the pause that the server asks for, if short.

A loop of its own, because a retry library would cost 12 ms of start-up and save no line.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from kvtui.api.errors import KVError, RateLimited

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Retries:
    """How stubborn to be. Times are in seconds.

    Waits double from `first_wait` to `longest_wait`, and up to `jitter` of each is added by chance.
    A Retry-After of up to `patience` is waited out; a longer one is told to whoever asked. No new
    try begins once `within` has passed since the first.
    """

    attempts: int = 4
    first_wait: float = 0.25
    longest_wait: float = 4.0
    jitter: float = 0.5
    patience: float = 5.0
    within: float = 45.0
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    def pause(self, error: KVError, attempt: int) -> float | None:
        """How long to wait after the failure of this attempt (1, 2, ...); None to give up."""
        if not error.transient or attempt >= self.attempts:
            return None
        if isinstance(error, RateLimited) and error.retry_after is not None:
            return error.retry_after if error.retry_after <= self.patience else None
        wait = min(self.longest_wait, self.first_wait * 2.0 ** (attempt - 1))
        return wait * (1 + random.uniform(0, self.jitter))


async def persist(retries: Retries, attempt: Callable[[], Awaitable[T]], *, once: bool = False) -> T:
    """What `attempt` returns, tried again while its error is transient; never again with `once`.

    The error that is raised in the end knows how often it was tried.
    """
    began = time.monotonic()
    number = 1
    while True:
        try:
            return await attempt()
        except KVError as error:
            error.attempts = number
            pause = None if once else retries.pause(error, number)
            if pause is None or time.monotonic() - began > retries.within:
                raise
        await retries.sleep(pause)
        number += 1
