"""The request budget: what the server says may still be asked, and until when it wants silence.

Cloudflare says it in `Ratelimit: "default";r=50;t=30` and `Ratelimit-Policy: "default";q=1200;w=300`
(developers.cloudflare.com/fundamentals/api/reference/limits). A server that says nothing has no
known budget, except Cloudflare itself: there the documented 1,200 in 5 minutes are counted here.
Times are Unix seconds and come from the caller, so a budget holds no clock.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC

from kvtui.api.limits import REQUESTS, WINDOW_S

_ITEM = re.compile(r'(?:^|,)\s*("(?:[^"\\]|\\.)*"|[^;,\s"]+)((?:\s*;\s*[^;,]+)*)')
_PARAMETER = re.compile(r";\s*([a-z]+)\s*=\s*(\d{1,12})(?![\d.])")


class Budget:
    """How many requests may still be sent; None is "unknown".

    `limit` requests go into one window, `remaining` of them are left, and `blocked_until` is when a
    429's Retry-After ends (None while nothing is blocked).
    """

    def __init__(self, limit: int | None = None, window: float | None = None) -> None:
        self.limit = limit
        self.remaining = limit
        self.blocked_until: float | None = None
        self._window = window
        self._resets_at: float | None = None

    @classmethod
    def of_cloudflare(cls) -> Budget:
        """The documented budget of a user or an account token, counted here until a header says better."""
        return cls(REQUESTS, WINDOW_S)

    def spend(self, now: float) -> None:
        """Count one request that is about to leave."""
        self._turn(now)
        if self.remaining is None:
            return
        self.remaining = max(0, self.remaining - 1)
        if self._resets_at is None and self._window is not None:
            self._resets_at = now + self._window

    def observe(self, headers: Mapping[str, str], status: int, now: float) -> None:
        """Learn from an answer. What a header says takes the place of what was counted."""
        self._turn(now)
        policies = _items(headers.get("ratelimit-policy", ""))
        limits = _items(headers.get("ratelimit", ""))
        tightest = min(
            (name for name, parameters in limits.items() if "r" in parameters),
            key=lambda name: limits[name]["r"],
            default=None,
        )
        if tightest is not None:
            self.remaining = limits[tightest]["r"]
            if (seconds := limits[tightest].get("t")) is not None:
                self._resets_at = now + seconds
            policy = policies.get(tightest, {})
            self.limit = policy.get("q", self.limit)
            self._window = policy.get("w", self._window)
        elif len(policies) == 1:
            (policy,) = policies.values()
            self.limit = policy.get("q", self.limit)
        if status == 429 and (pause := retry_after(headers, now)) is not None:
            self.blocked_until = now + pause

    def resets_in(self, now: float) -> float | None:
        """Seconds until the window starts anew; None when no window is running or known."""
        self._turn(now)
        return None if self._resets_at is None else self._resets_at - now

    def blocked_for(self, now: float) -> float | None:
        """Seconds that the server still wants silence; None when it does not."""
        self._turn(now)
        return None if self.blocked_until is None else self.blocked_until - now

    def _turn(self, now: float) -> None:
        if self._resets_at is not None and now >= self._resets_at:
            self._resets_at = None
            self.remaining = self.limit
        if self.blocked_until is not None and now >= self.blocked_until:
            self.blocked_until = None


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """The pause that an answer asks for, in seconds from now: given as seconds or as an HTTP date."""
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text):
        return float(text)
    from email.utils import parsedate_to_datetime  # loads much, and is needed for a date alone

    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:  # "-0000": the date means UTC and says nothing of a place
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, moment.timestamp() - now)


def _items(header: str) -> dict[str, dict[str, int]]:
    """`"a";r=5;t=30, "b";r=1` as {'"a"': {"r": 5, "t": 30}, '"b"': {"r": 1}}, without what is malformed."""
    return {
        name: {key: int(number) for key, number in _PARAMETER.findall(parameters)}
        for name, parameters in _ITEM.findall(header)
    }
