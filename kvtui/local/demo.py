"""The demo: a fresh private copy of the sample, on disk as wrangler would keep it."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

from kvtui.local import layout, sample, titles
from kvtui.local.state import KVState

ROOM = 64 * 1024 * 1024
"""Bytes that must be free for the sample, of which it takes half."""


def quick_place() -> str | None:
    """Where a demo is best made: in memory where the system offers that, None for the usual place."""
    memory = "/dev/shm"
    try:
        space = os.statvfs(memory)
    except OSError:
        return None
    roomy = space.f_bavail * space.f_frsize >= ROOM and space.f_favail > 10_000
    return memory if roomy and os.access(memory, os.W_OK | os.X_OK) else None


def make_demo(folder: Path, *, now: float, clock: Callable[[], float] = time.time) -> KVState:
    """Fill a folder with the sample and open it. Lifetimes count from `now`, in Unix seconds.

    Whoever calls it owns the folder: it should be private to the user, and is theirs to remove.
    """
    state = KVState(folder, clock=clock)
    with titles.changing(layout.kv_folder(folder)) as ours:
        for title, pairs in sample.namespaces(now).items():
            id = hashlib.sha256(title.encode()).hexdigest()[:32]
            ours.titles[id] = title
            state.pairs(id).write(pairs, shared={})  # most of the time goes into making files
    return state
