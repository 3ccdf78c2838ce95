"""Whether anything may be changed now, and if not, why not, in words for the person.

A session may be read-only from its start, a token may turn out not to write, and a read-only session may be
opened for a while, with a reason that goes into the journal.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from kvtui.api.errors import ReadOnly

LONGEST_S = 8 * 3600.0
"""A window stays open for a working day at most: one that is forgotten must close by itself."""


class Permission:
    """`refusal` is empty while changes are allowed."""

    def __init__(self, *, read_only: bool, clock: Callable[[], float] = time.time) -> None:
        self.read_only = read_only
        self.reason = ""
        self._clock = clock
        self._denied: dict[str, str] = {}
        self._open_until = 0.0

    @property
    def refusal(self) -> str:
        """Why nothing may be changed now, in any account."""
        if self.read_only and self.open_for is None:
            return "This session is read-only. :rw 10m REASON opens it for ten minutes."
        return ""

    def refusal_in(self, account: str) -> str:
        """Why nothing may be changed now in this account."""
        return self.refusal or self._denied.get(account, "")

    def check(self, accounts: Iterable[str] = ()) -> None:
        """Raises ReadOnly while nothing may be changed in one of these accounts."""
        refusals = [self.refusal, *map(self.refusal_in, accounts)]
        if refusal := next(filter(None, refusals), ""):
            raise ReadOnly(refusal, "Nothing was sent and nothing was changed.")

    @property
    def open_for(self) -> float | None:
        """Seconds that a read-only session stays open; None where no window is open."""
        left = self._open_until - self._clock()
        return left if self.read_only and left > 0 else None

    def open(self, seconds: float, reason: str) -> None:
        """Allow changes for a while."""
        self._open_until = self._clock() + min(seconds, LONGEST_S)
        self.reason = reason

    def close(self) -> None:
        """End the window now."""
        self._open_until, self.reason = 0.0, ""

    def deny(self, account: str, words: str) -> None:
        """The server does not let these credentials write there: it is not asked again in vain."""
        self._denied[account] = words

    def ask_again(self) -> None:
        """The credentials may have got more rights meanwhile."""
        self._denied.clear()
