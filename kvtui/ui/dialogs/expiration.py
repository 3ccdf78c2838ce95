"""Asks when a key is to expire, and shows the moment that comes of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from math import ceil
from typing import NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.widgets import Input, Static

from kvtui.core.moments import WhenError, check_when, read_when
from kvtui.core.wording import countdown, when_words
from kvtui.ui.dialogs.dialog import Dialog, PickList, capped
from kvtui.ui.dialogs.name import NameField

KEEP, NEVER, FIRST_SPAN = range(3)
SPANS = (("1 hour", 3600), ("1 day", 86_400), ("7 days", 7 * 86_400), ("30 days", 30 * 86_400))
TYPED = FIRST_SPAN + len(SPANS)


class Expires(NamedTuple):
    """When it is to expire, in Unix seconds; None is never."""

    expiration: int | None


class ExpirationDialog(Dialog[Expires | None]):
    """Returns the new expiration, or None to leave it as it is. `now` gives the time in Unix seconds."""

    BINDINGS = [
        Binding("escape", "dismiss(None)", "Cancel"),
        Binding("down,tab", "pick(1)", "Down", show=False),
        Binding("up,shift+tab", "pick(-1)", "Up", show=False),
        Binding("ctrl+r", "turn_base", "From now or later than set", priority=True),
        Binding("ctrl+t", "turn_zone", "UTC or local", priority=True),
    ]

    def __init__(self, current: int | None, now: Callable[[], float], *, subject: Content) -> None:
        super().__init__()
        self._current = current
        self._now = now
        self._subject = subject
        self._from_current = False
        self._zone: tzinfo = UTC
        self._said = ""

    def compose(self) -> ComposeResult:
        with self.frame(Content("Expiration")):
            yield Static(id="subject")
            picks = PickList(self._labels())
            picks.add_class("spaced")
            yield picks
            yield NameField("", placeholder="90m, 2d12h or 2026-12-01 10:00")
            yield Static(id="modes")
            yield Static(id="said", classes="spaced")

    def on_mount(self) -> None:
        self.query_one(NameField).focus()
        self.set_interval(1, self._pass_on)
        self.review()

    def on_resize(self) -> None:
        super().on_resize()
        self.review()

    def hints(self) -> Sequence[str]:
        return ("type or choose with the arrows · enter set · esc cancel", "arrows · enter set · esc cancel")

    def review(self) -> None:
        """Say what comes of the choice."""
        self.query_one("#subject", Static).update(capped(self._subject, self.room, 1))
        self.say(Content.styled(self._modes(), "dim"), 2, "#modes")
        outcome = self._outcome()
        self._said = outcome.plain
        self.say(outcome, 3)

    def _pass_on(self) -> None:
        """Time passes; what is said is drawn again only where it changes."""
        if self._outcome().plain != self._said:
            self.review()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if event.value:
            self.query_one(PickList).highlighted = TYPED
        self.review()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if self._picked == KEEP:
            self.dismiss(None)
            return
        try:
            expiration = self._chosen()
        except WhenError:
            self.app.bell()
            return
        if check_when(expiration, self._now()) is None:
            self.dismiss(Expires(expiration))
        else:
            self.app.bell()

    def on_option_list_option_highlighted(self) -> None:
        self.review()

    def action_pick(self, by: int) -> None:
        """Mark another choice."""
        self.query_one(PickList).move(by)
        self.review()

    def action_turn_base(self) -> None:
        """Count spans from now, or from when it expires by now."""
        if self._current is None:
            return
        self._from_current = not self._from_current
        self.query_one(PickList).write(self._labels())
        self.review()

    def action_turn_zone(self) -> None:
        """Read dates in UTC, or in this machine's time zone."""
        self._zone = LocalZone() if self._zone is UTC else UTC
        self.review()

    @property
    def _picked(self) -> int:
        return self.query_one(PickList).picked

    def _chosen(self) -> int | None:
        """The expiration that is chosen; raises WhenError."""
        picked = self._picked
        if picked == KEEP:
            return self._current
        if picked == NEVER:
            return None
        base = self._current if self._from_current else None
        if picked != TYPED:
            start = base if base is not None else ceil(self._now())
            return start + SPANS[picked - FIRST_SPAN][1]
        text = self.query_one(NameField).value
        if base is not None:
            try:
                return read_when(f"+{text}", self._now(), base=base, zone=self._zone)
            except WhenError:
                pass  # it is no span, so nothing is counted
        return read_when(text, self._now(), base=self._current, zone=self._zone)

    def _labels(self) -> list[Content]:
        kept = "never expires" if self._current is None else when_words(self._current)
        start = "{} later than it is set" if self._from_current else "in {}"
        return [
            Content.assemble("keep it", (f"  {kept}", "dim")),
            Content("never"),
            *(Content(start.format(words)) for words, _seconds in SPANS),
            Content("as typed below"),
        ]

    def _modes(self) -> str:
        short, utc = self.has_class("-narrow"), self._zone is UTC
        zone = ("UTC" if utc else "local") if short else f"dates in {'UTC' if utc else 'local time'}"
        if self._current is None:
            return f"ctrl+t {zone}"
        if self._from_current:
            base = "from expiry" if short else "counts from the present expiry"
        else:
            base = "from now" if short else "counts from now"
        return f"ctrl+t {zone} · ctrl+r {base}"

    def _outcome(self) -> Content:
        now = self._now()
        if self._picked == TYPED and not self.query_one(NameField).value:
            return Content.styled("Type a time to come, or a date.", "dim")
        try:
            expiration = self._chosen()
        except WhenError as error:
            return Content.styled(str(error), "$text-warning")
        if expiration is None:
            return Content("It never expires.")
        problem = None if self._picked == KEEP else check_when(expiration, now)
        if problem:
            return Content.styled(problem, "$text-warning")
        left = countdown(expiration - now)
        ahead = left if left == "expired" else f"in {left}"
        utc, local = when_words(expiration), when_words(expiration, local=True)
        return Content(f"{utc} · {ahead}" + (f"\n{local}" if local != utc else ""))


class LocalZone(tzinfo):
    """This machine's time zone, with the offset that holds on the day that is asked for."""

    def utcoffset(self, moment: datetime | None) -> timedelta | None:
        if moment is None:
            return None
        try:
            seconds = time.mktime((*moment.timetuple()[:6], 0, 0, -1))
            return timedelta(seconds=time.localtime(seconds).tm_gmtoff)
        except (OverflowError, ValueError):
            return timedelta(0)

    def dst(self, moment: datetime | None) -> timedelta | None:
        return None

    def tzname(self, moment: datetime | None) -> str | None:
        return None
