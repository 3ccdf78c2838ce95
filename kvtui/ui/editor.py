"""Bytes in the person's own editor, from a private file that is gone when the editor ends."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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
        command += ["-n", "-i", "NONE", "--cmd", "set noundofile nobackup nowritebackup"]
    return command


async def edit_outside(app: App[Any], data: bytes, suffix: str, env: Mapping[str, str]) -> bytes | None:
    """What the person made of the bytes; None where the editor was left with an error, as `:cq` does.

    Raises Refused where no editor can be had, or its file cannot be read again.
    """
    path: Path | None = None
    command = ["$EDITOR"]
    try:
        command = editor_command(env)
        path = await asyncio.to_thread(_lay_down, data, suffix, env)
        if run_in_terminal(app, [*command, str(path)], env) != 0:
            return None
        return await asyncio.to_thread(path.read_bytes)
    except SuspendNotSupported as error:
        raise Refused("This terminal cannot be handed to an editor.", "Nothing was changed.") from error
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise Refused(
            f"{command[0]} could not be used: {reason}.", "Set EDITOR. Nothing was changed."
        ) from error
    finally:
        if path is not None:
            await asyncio.to_thread(shutil.rmtree, path.parent, ignore_errors=True)


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
