"""The drafts of a session, one a key. A draft goes only when it is stored, or dropped on purpose."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from kvtui.api.models import Namespace
from kvtui.core.changes import KeyRef, home_of

if TYPE_CHECKING:
    from kvtui.core.draft import Draft


class Drafts:
    """The drafts of a session, one a key."""

    def __init__(self) -> None:
        self._drafts: dict[tuple[str, str, str], Draft] = {}

    def __len__(self) -> int:
        return len(self._drafts)

    def __iter__(self) -> Iterator[Draft]:
        return iter(list(self._drafts.values()))

    def get(self, ref: KeyRef) -> Draft | None:
        """The draft of a key."""
        return self._drafts.get(ref.address)

    def put(self, draft: Draft) -> None:
        """Keep a draft in the place of what there was."""
        self._drafts[draft.ref.address] = draft

    def drop(self, ref: KeyRef) -> bool:
        """Forget a draft; whether there was one."""
        return self._drafts.pop(ref.address, None) is not None

    def names(self, namespace: Namespace) -> frozenset[str]:
        """The keys of a namespace that have one."""
        return frozenset(key for *home, key in self._drafts if tuple(home) == home_of(namespace))
