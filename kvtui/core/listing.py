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
        self._one_at_a_time = asyncio.Lock()

    async def load_page(self) -> int:
        """Load the next page; how many keys it brought. Nothing happens once the listing is complete."""
        async with self._one_at_a_time:
            if self.state == "complete":
                return 0
            before = self.state
            self.state, self.error = "loading", None
            try:
                page = await self._fetch(self._cursor)
                if page.cursor is not None and page.cursor == self._cursor:
                    raise BadAnswer("The server gave the same cursor twice, so the listing would never end.")
            except asyncio.CancelledError:
                self.state = "idle" if before == "idle" else "more"
                raise
            except KVError as error:
                self.state, self.error = "failed", error
                return 0
            self.table.extend(page)
            self.pages += 1
            self._cursor = page.cursor
            self.state = "complete" if page.cursor is None else "more"
            return len(page.keys)

    async def load_all(self, loaded: Callable[[], None] = lambda: None) -> None:
        """Load to the end, or to the first failure; `loaded` is told after every page."""
        while self.state not in ("complete", "failed") or self.error is not None:
            await self.load_page()
            loaded()
            if self.state in ("complete", "failed"):
                return
