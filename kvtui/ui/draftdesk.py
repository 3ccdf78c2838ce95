"""The desk on which drafts lie: in memory, and on the disk behind it, so that no crash takes them along."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from kvtui.api.errors import KVError
from kvtui.core.changes import KeyRef
from kvtui.core.drafts import Drafts

if TYPE_CHECKING:
    from kvtui.core.draft import Draft
    from kvtui.core.store import Store


class DraftDesk:
    """Drafts go onto the disk one after the other, and nobody waits for that but the end of the program.

    `changed` is told that there are others now, `failed` why one could not be kept on the disk.
    """

    def __init__(self, changed: Callable[[], None], failed: Callable[[str], None]) -> None:
        self.drafts = Drafts()
        self.store: Store | None = None
        self._changed = changed
        self._failed = failed
        self._in_memory_only: set[tuple[str, str, str]] = set()
        # No workers of Textual's: those are cancelled at the end, and this is just what must not be.
        self._tasks: set[asyncio.Task[None]] = set()
        self._one_at_a_time = asyncio.Lock()

    @property
    def all_on_disk(self) -> bool:
        """Whether every draft would be here again after a crash."""
        return self.store is not None and self.store.history is not None and not self._in_memory_only

    def keep(self, draft: Draft) -> None:
        """Keep a draft while there is anything in it; one that says what is stored is none."""
        if not draft.touched:
            self.drop(draft.ref)
        elif draft != self.drafts.get(draft.ref):
            self.pin(draft)

    def pin(self, draft: Draft) -> None:
        """Keep a draft until it is saved or dropped."""
        self.drafts.put(draft)
        self._changed()
        if (store := self.store) is None or (history := store.history) is None:
            return

        async def save() -> None:
            try:
                saved = await asyncio.to_thread(draft.to_save, store.source, time.time())
                await history.save_draft(saved)
            except KVError:
                self._in_memory_only.add(draft.ref.address)
                raise
            self._in_memory_only.discard(draft.ref.address)

        self._begin(save())

    def drop(self, ref: KeyRef) -> None:
        """A draft has become a record, or was given up."""
        if self.drafts.drop(ref):
            self._in_memory_only.discard(ref.address)
            self._changed()
            if self.store is not None and self.store.history is not None:
                self._begin(self.store.history.drop_draft(ref))

    async def settled(self) -> None:
        """Wait until all that was kept and dropped has reached the disk."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        async def run() -> None:
            try:
                async with self._one_at_a_time:
                    await work
            except KVError as error:
                self._failed(f"{error.message} Drafts are kept in memory only.")

        task = asyncio.ensure_future(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
