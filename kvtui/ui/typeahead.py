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
        self._key_number = 0

    async def on_event(self, event: events.Event) -> None:
        if not isinstance(event, events.Key | events.Paste) or event.is_forwarded:
            await super().on_event(event)
            return
        self._typed.append(event)
        if not self._under_way:
            await self._next_key()

    async def _next_key(self) -> None:
        self._under_way = bool(self._typed)
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
