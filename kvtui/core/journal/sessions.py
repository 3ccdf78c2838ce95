"""Which kvtui still run: each holds a lock on a file of its own, which the kernel drops when it dies."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from kvtui.core.journal.file import make_private


class Sessions:
    """The lock files of one folder, and the one that is ours. Raises OSError where they cannot be used."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._mine: tuple[str, int] | None = None

    def mine(self) -> str:
        """The id under which this process is known to run; the first call makes its file."""
        while self._mine is None:
            make_private(self.folder)
            self._sweep()
            id = uuid4().hex
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            handle = os.open(self.folder / id, flags, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX)
                if os.fstat(handle).st_nlink:
                    self._mine = id, handle
            finally:
                # Without a name: another kvtui swept it before it was locked. Once more.
                if self._mine is None:
                    os.close(handle)
        return self._mine[0]

    def is_alive(self, id: str) -> bool:
        """Whether the process of this id runs. One that has left no file is gone."""
        if self._mine is not None and self._mine[0] == id:
            return True
        return self._is_held(id, sweep=False)

    def close(self) -> None:
        """From here on our own id counts as gone."""
        if self._mine is not None:
            id, handle = self._mine
            self._mine = None
            with suppress(OSError):
                os.unlink(self.folder / id)
            os.close(handle)

    def _sweep(self) -> None:
        """Remove what killed processes have left."""
        for id in os.listdir(self.folder):
            self._is_held(id, sweep=True)

    def _is_held(self, id: str, *, sweep: bool) -> bool:
        try:
            handle = os.open(self.folder / id, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            # Shared, so that two who ask at once do not take each other for the owner.
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        else:
            if sweep:
                with suppress(FileNotFoundError):
                    os.unlink(self.folder / id)
            return False
        finally:
            os.close(handle)
