"""Bytes in the person's own editor, from a private file that is gone when the editor ends."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from textual.app import App, SuspendNotSupported

from kvtui.api.errors import Refused
from kvtui.ui.children import run_in_terminal


def editor_command(env: Mapping[str, str]) -> list[str]:
    """$VISUAL, $EDITOR, or vi. Members of the vi family keep no copies of what they are shown.

    Raises ValueError when the variable cannot be split into words.
    """
    command = shlex.split(env.get("VISUAL", "") or env.get("EDITOR", "")) or ["vi"]
    # vi is often vim by another name; where it is not, it does not know these options.
    program = os.path.realpath(shutil.which(command[0], path=env.get("PATH")) or command[0])
    if "vim" in os.path.basename(program):
        command += [
            "-n",
            "-i",
            "NONE",
            "--cmd",
            "set noundofile nobackup nowritebackup",
            "-c",
            "set nofixeol",
        ]
    return command


class Edited(NamedTuple):
    """What became of the bytes, and whether the editor ended as it should (`:cq` or a hang-up do not)."""

    data: bytes
    ended_well: bool


async def edit_outside(app: App[Any], data: bytes, suffix: str, env: Mapping[str, str]) -> Edited:
    """Have the person edit the bytes.

    From the editor's end on nothing is waited for: what it wrote comes back also when the program is being
    ended. Raises Refused where no editor can be had, or its file cannot be read again.
    """
    path: Path | None = None
    command = ["$EDITOR"]
    try:
        command = editor_command(env)
        path = await asyncio.to_thread(_lay_down, data, suffix, env)
        code = run_in_terminal(app, [*command, str(path)], env)
        return Edited(_without_added_newline(path.read_bytes(), data), code == 0)
    except SuspendNotSupported as error:
        raise Refused("This terminal cannot be handed to an editor.", "Nothing was changed.") from error
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise Refused(
            f"{command[0]} could not be used: {reason}.", "Set EDITOR. Nothing was changed."
        ) from error
    finally:
        if path is not None:
            shutil.rmtree(path.parent, ignore_errors=True)


def _without_added_newline(edited: bytes, before: bytes) -> bytes:
    """Most editors end a file with a newline, asked or not: where there was none, one is taken off again."""
    if edited.endswith(b"\n") and not before.endswith(b"\n"):
        return edited[:-2] if edited.endswith(b"\r\n") else edited[:-1]
    return edited


def _lay_down(data: bytes, suffix: str, env: Mapping[str, str]) -> Path:
    """A file that only its owner can read (0600), in a folder of its own (0700)."""
    runtime = env.get("XDG_RUNTIME_DIR", "")
    folder = Path(tempfile.mkdtemp(prefix="kvtui-", dir=runtime if os.path.isdir(runtime) else None))
    path = folder / f"value{suffix}"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return path
