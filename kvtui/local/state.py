"""A project's KV on this machine: its namespaces, and where their pairs are.

All of it blocks (files, SQLite): callers run it in threads.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path

from kvtui.api.models import Namespace
from kvtui.local import layout, titles, wrangler
from kvtui.local.folders import Place, StateNotFound, find
from kvtui.local.pairs import Pairs

__all__ = ["KVState", "StateNotFound", "TitleTaken", "open_state"]


class TitleTaken(Exception):
    """Another namespace has this title."""


class KVState:
    """The KV below a persist folder (`<project>/.wrangler/state`), named with the help of a configuration.

    Both may be missing: what is not there is empty, and the first write makes it. The configuration is
    read again each time, so that an edit of it shows. Safe to use from several threads.
    """

    def __init__(
        self, folder: Path, *, config: Path | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self.folder = folder
        self.config = config
        self._kv = layout.kv_folder(folder)
        self._clock = clock
        self._locks: dict[str, threading.Lock] = {}

    def namespaces(self) -> list[Namespace]:
        """All namespaces, by id: those of the configuration, those given a title, those with data."""
        ours = titles.read(self._kv)
        named = wrangler.namespaces(self.config)
        ids = named.keys() | ours.titles.keys() | set(self._with_data())
        gone = {id for id in ours.removed if id in ids and self.pairs(id).is_empty()}
        taken: set[str] = set(ours.titles.values())
        found: list[Namespace] = []
        for id in sorted(ids - gone - {"", ".", ".."}):
            title = ours.titles.get(id)
            if title is None:
                title = _free(named.get(id, id), id, taken)
                taken.add(title)
            found.append(Namespace(id, title))
        return found

    def find(self, id: str) -> Namespace | None:
        """A namespace by its id."""
        return next((namespace for namespace in self.namespaces() if namespace.id == id), None)

    def exists(self, id: str) -> bool:
        """Whether there is such a namespace; quick where it has data."""
        if id in ("", ".", ".."):
            return False
        has_data = layout.database(self._kv, id).exists() and id not in titles.read(self._kv).removed
        return has_data or self.find(id) is not None

    def create(self, title: str) -> Namespace:
        """A new namespace with an id of 32 hex digits. Raises TitleTaken."""
        with titles.changing(self._kv) as ours:
            self._refuse_taken(title)
            namespace = Namespace(secrets.token_hex(16), title)
            ours.titles[namespace.id] = title
            return namespace

    def rename(self, id: str, title: str) -> Namespace:
        """Give a namespace another title. Raises TitleTaken."""
        with titles.changing(self._kv) as ours:
            self._refuse_taken(title, but=id)
            ours.titles[id] = title
            return Namespace(id, title)

    def remove(self, id: str) -> None:
        """Remove a namespace and all its pairs. One that the configuration names stays hidden while empty."""
        with titles.changing(self._kv) as ours:
            ours.titles.pop(id, None)
            ours.removed = sorted({*ours.removed, id})
            self.pairs(id).erase()

    def pairs(self, id: str) -> Pairs:
        """The pairs of a namespace, which need not exist yet."""
        lock = self._locks.setdefault(id, threading.Lock())
        return Pairs(self._kv, id, clock=self._clock, writing=lock)

    def _with_data(self) -> list[str]:
        """Namespace ids that only their folders tell: those whose database is there."""
        try:
            folders = [folder.name for folder in self._kv.iterdir()]
        except (FileNotFoundError, NotADirectoryError):
            return []
        return [name for name in folders if layout.database(self._kv, name).exists()]

    def _refuse_taken(self, title: str, but: str = "") -> None:
        if any(other.title == title and other.id != but for other in self.namespaces()):
            raise TitleTaken(title)


def open_state(path: Path, *, create: bool = False, clock: Callable[[], float] = time.time) -> KVState:
    """The KV state that a folder holds or belongs to (see `folders.find`). Raises StateNotFound.

    With `create`, a folder in which there is none will hold one as soon as something is written.
    """
    place: Place = find(path, create=create)
    return KVState(place.persist, config=place.config, clock=clock)


def _free(title: str, id: str, taken: set[str]) -> str:
    """The title, made different from those that are taken by the id in brackets."""
    return f"{title} ({id})" if title in taken else title
