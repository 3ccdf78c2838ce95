"""Writing a file of one's own: whole or not at all, for its owner alone, and over nothing by accident."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path


def save_file(path: Path, data: bytes, *, overwrite: bool = False) -> Path:
    """Write a private file (0600) and return its full path. `~` is the home folder. Call it in a thread.

    The data is on the disk before the name appears, so a crash leaves no half of it. A symbolic link in
    the file's place is never followed: it counts as a file, and is itself replaced when that is wanted.

    Raises FileExistsError where there is something already and `overwrite` is not set, or OSError.
    """
    target = Path(os.path.abspath(path.expanduser()))
    if target.is_dir() and not target.is_symlink():
        raise IsADirectoryError(21, "This is a folder", str(target))
    handle, made = tempfile.mkstemp(prefix=".kvtui-", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if overwrite:
            os.replace(made, target)
        else:
            _name(Path(made), target)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(made)
        raise
    settle_folder(target.parent)
    return target


def _name(made: Path, target: Path) -> None:
    """Give a file its name unless the name is taken: in one step, where links can be made."""
    try:
        os.link(made, target, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError:
        if os.path.lexists(target):
            raise FileExistsError(17, "There is a file already", str(target)) from None
        os.replace(made, target)
    else:
        os.unlink(made)


def settle_folder(folder: Path) -> None:
    """Have the folder remember the new name, where folders can be told so."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
