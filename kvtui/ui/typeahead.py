"""Keys that come in one burst are handed out one at a time, each where the one before has led.

Textual sends a key to whatever has the focus when it arrives, and runs its binding some messages later. Over
a slow link `/` and what was typed behind it come in one packet: all of it would go to the list, whose
bindings are verbs, and none of it to the line that `/` opens.
"""

from __future__ import annotations

from collections import deque
from functools import partial

from textual import events
from textual.app import App
from textual.message import Message

ROUNDS = 3
"""How often a mark follows a key's way before the next key may go. One finds the binding done, the others
what it has posted: a choice in a tree becomes a message of the pane, and that one a change of focus."""

PATIENCE_S = 0.5
"""A mark can get lost with the widget that held it; keys wait no longer for one."""


HOLD_S = 3.0
"""The longest that keys wait for a question or an editor that is on its way; esc ends the waiting."""


class Followed(Message):
    """A mark that takes the way of a key, from the focus up to the App, behind all that was posted before."""

    def __init__(self, key: int, rounds: int) -> None:
        super().__init__()
        self.key = key
        self.rounds = rounds


class TypeAheadApp(App[None]):
    """An App that can be typed ahead of."""

    def __init__(self) -> None:
        super().__init__()
        self._typed: deque[events.Key | events.Paste] = deque()
        self._under_way = False
        self._held = 0
        self._holds = 0
        self._key_number = 0

    async def on_event(self, event: events.Event) -> None:
        if not isinstance(event, events.Key | events.Paste) or event.is_forwarded:
            await super().on_event(event)
            return
        if self._held and isinstance(event, events.Key) and event.key == "escape":
            self._typed.clear()
            self.release_keys()
        self._typed.append(event)
        if not self._under_way:
            await self._next_key()

    def hold_keys(self) -> None:
        """Keep the keys that are typed from now on, for what the last one leads to and is not there yet."""
        self._holds += 1
        self._held = self._holds
        self.set_timer(HOLD_S, partial(self._release, self._held))

    def release_keys(self) -> None:
        """It is there: hand out what was typed."""
        self._release(self._held)

    def _release(self, hold: int) -> None:
        if hold and hold == self._held:
            self._held = 0
            if not self._under_way:
                self.call_later(self._next_key)

    async def _next_key(self) -> None:
        self._under_way = bool(self._typed) and not self._held
        if self._under_way:
            self._key_number += 1
            self.set_timer(PATIENCE_S, partial(self._next_key_after, self._key_number))
            await super().on_event(self._typed.popleft())
            self._follow(Followed(self._key_number, ROUNDS))

    async def _next_key_after(self, number: int) -> None:
        if self._under_way and self._key_number == number:
            await self._next_key()

    def _follow(self, mark: Followed) -> None:
        if self.screen_stack:  # else the program has ended meanwhile
            (self.focused or self.screen).post_message(mark)

    async def on_followed(self, mark: Followed) -> None:
        if mark.key == self._key_number and self._under_way:
            if mark.rounds > 1:
                self._follow(Followed(mark.key, mark.rounds - 1))
            else:
                await self._next_key()
