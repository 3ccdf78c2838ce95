"""Cloudflare's rate limit, for those who want to see it bite: its headers, and 429 past it.

Source: the fundamentals/api/reference/limits page and the rate limiting changelog of September 2025.
"""

from __future__ import annotations

import math

LIMIT, WINDOW_S = 1200, 300


class RateLimit:
    """`limit` requests in a window of seconds; one more, and all are refused for as long again."""

    def __init__(self, limit: int = LIMIT, window: float = WINDOW_S) -> None:
        self.limit = limit
        self.window = window
        self._ends = 0.0
        self._spent = 0

    def spend(self, now: float) -> float | None:
        """Count a request. None when it may pass, else the seconds after which one may."""
        if now >= self._ends:
            self._ends, self._spent = now + self.window, 0
        self._spent += 1
        if self._spent == self.limit + 1:
            self._ends = now + self.window
        return self._ends - now if self._spent > self.limit else None

    def headers(self, now: float) -> dict[str, str]:
        """What every answer says about it."""
        left = max(self.limit - self._spent, 0)
        resets = max(math.ceil(self._ends - now), 0)
        return {
            "ratelimit": f'"default";r={left};t={resets}',
            "ratelimit-policy": f'"default";q={self.limit};w={math.ceil(self.window)}',
        }
