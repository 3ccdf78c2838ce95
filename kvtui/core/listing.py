"""A listing: the keys of one namespace and prefix, page by page, by cursor.

Only a missing cursor ends it: a page may be short, or empty where keys have expired. A failure keeps what
was loaded and the cursor, so the next call goes on where it stopped; so does a call that was cancelled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Literal

from kvtui.api.errors import BadAnswer, KVError
from kvtui.api.models import KeyPage
from kvtui.core.keys import KeyTable

State = Literal["idle", "loading", "more", "complete", "failed"]


class Listing:
    """Pages as far as they were asked for. `fetch(cursor)` brings a page, the first one for None."""

    def __init__(self, fetch: Callable[[str | None], Awaitable[KeyPage]]) -> None:
        self.table = KeyTable()
        self.state: State = "idle"
        self.error: KVError | None = None
        self.pages = 0
        self._fetch = fetch
        self._cursor: str | None = None
        self._cursors_used: set[str] = set()
        self._one_at_a_time = asyncio.Lock()

    async def load_page(self) -> int:
        """Load the next page; how many keys it brought. Nothing happens once the listing is complete.

        An expected failure is not raised but becomes the state, with its error; the next call tries again.
        """
        async with self._one_at_a_time:
            if self.state == "complete":
                return 0
            before = self.state
            self.state, self.error = "loading", None
            try:
                page = await self._fetch(self._cursor)
                self._check(page)
            except KVError as error:
                self.state, self.error = "failed", error
                return 0
            finally:
                if self.state == "loading":  # cancelled, or a bug on its way out: it can go on
                    self.state = "idle" if before == "idle" else "more"
            return self._take(page)

    async def load_all(self, loaded: Callable[[], None] = lambda: None) -> None:
        """Load to the end, or to the first failure; `loaded` is told after every page."""
        while True:
            await self.load_page()
            loaded()
            if self.state != "more":
                return

    def _check(self, page: KeyPage) -> None:
        """A cursor that was used before would lead round in circles."""
        if page.cursor is not None and (page.cursor == self._cursor or page.cursor in self._cursors_used):
            raise BadAnswer(
                "The server gave the same cursor twice: this listing would never end.",
                "What was loaded is kept. Try again; if it stays so, the server is at fault.",
            )

    def _take(self, page: KeyPage) -> int:
        if self._cursor is not None:
            self._cursors_used.add(self._cursor)
        self.table.extend(page)
        self.pages += 1
        self._cursor = page.cursor
        self.state = "complete" if page.cursor is None else "more"
        return len(page.keys)
