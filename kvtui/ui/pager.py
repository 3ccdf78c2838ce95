"""A value in the person's own pager, from a private file that is gone when the pager ends."""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from kvtui.core.escape import safe_str

_LESS_ITSELF = ("LESS", "LESSOPEN", "LESSCLOSE", "LESSEDIT", "LESSKEY", "LESSKEYIN", "LESSKEY_SYSTEM")


def pager_command(env: Mapping[str, str]) -> list[str]:
    """$PAGER, or less. Raises ValueError when $PAGER cannot be split into words."""
    return shlex.split(env.get("PAGER", "")) or ["less"]


def is_less(command: list[str]) -> bool:
    """Whether the pager shows control characters as letters, if it is asked to."""
    return os.path.basename(command[0]) == "less"


def pager_call(command: list[str], path: Path) -> list[str]:
    """The program and its arguments. less is told last not to pass control characters on (-R, -r)."""
    quiet = ["-+R", "-+r"] if is_less(command) else []
    return [*command, *quiet, "--", str(path)] if is_less(command) else [*command, str(path)]


def pager_env(env: Mapping[str, str]) -> dict[str, str]:
    """less may start no other program, and reads no settings that could make it pass escapes on."""
    kept = {name: value for name, value in env.items() if name not in _LESS_ITSELF}
    return {**kept, "LESSSECURE": "1"}


def write_for_pager(command: list[str], data: bytes, env: Mapping[str, str]) -> Path:
    """A private file (0600, in a folder of its own) for the pager; remove its folder after. In a thread.

    less gets the bytes as they are. Other pagers may hand escape sequences on to the terminal, so they get
    text in which control characters are spelled out.
    """
    runtime = env.get("XDG_RUNTIME_DIR", "")
    folder = Path(tempfile.mkdtemp(prefix="kvtui-", dir=runtime if os.path.isdir(runtime) else None))
    path = folder / "value"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            if is_less(command):
                file.write(data)
            else:
                for line in data.split(b"\n"):
                    file.write(safe_str(line.decode("utf-8", "surrogateescape")).encode() + b"\n")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return path
