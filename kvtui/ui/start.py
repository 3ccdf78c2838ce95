"""What the program is told when it starts: the ways in, and where to go first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kvtui.core.store import Store


class Way(NamedTuple):
    """A source that can be opened: its name, a few words on it, and what opens it (may raise KVError)."""

    label: str
    detail: str
    open: Callable[[], Awaitable[Store]]


class Start(NamedTuple):
    """Where to go once connected: a namespace by title or id, and a prefix; empty for nowhere yet."""

    namespace: str = ""
    prefix: str = ""
