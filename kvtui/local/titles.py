"""Titles of namespaces: wrangler's state has none, so they live in a small file of ours beside it.

`v3/kv/kvtui.json`, which wrangler ignores: `{"titles": {id: title}, "removed": [id, ...]}`.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct, field

FILE = "kvtui.json"


class Titles(Struct):
    """Which namespaces were given a title here, and which that a configuration names were removed."""

    titles: dict[str, str] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)


def read(kv: Path) -> Titles:
    """What the file says; nothing when it is missing or is not ours."""
    try:
        return msgspec.json.decode((kv / FILE).read_bytes(), type=Titles)
    except (FileNotFoundError, NotADirectoryError, msgspec.DecodeError, UnicodeDecodeError):
        return Titles()


@contextmanager
def changing(kv: Path) -> Iterator[Titles]:
    """Change what the file says, alone: other threads and processes wait."""
    kv.mkdir(parents=True, exist_ok=True)
    folder = os.open(kv, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        titles = read(kv)
        yield titles
        fresh = kv / f"{FILE}.new"
        fresh.write_bytes(msgspec.json.format(msgspec.json.encode(titles), indent=2))
        fresh.replace(kv / FILE)
    finally:
        os.close(folder)
