"""The ways for stored bytes out of the program: a private file, and the person's pager.

Each is one short flow that ends in something to say, or in nothing when the person left it.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from textual.app import App, SuspendNotSupported
from textual.content import Content

from kvtui.core.saving import save_file
from kvtui.core.wording import size_words
from kvtui.ui import pager
from kvtui.ui.children import run_in_terminal
from kvtui.ui.dialogs.choose import Choice, ChooseDialog
from kvtui.ui.dialogs.save import SaveDialog, suggested_name
from kvtui.ui.present import safe_content


class Outcome(NamedTuple):
    """What to say; `tone` is "error" or empty."""

    words: str
    tone: str = ""


async def to_file(app: App[Any], key: str, what: str, data: bytes) -> Outcome | None:
    """Ask for a path and write the bytes there. Run it in a worker: it waits for dialogs."""
    about = Content(f"The stored {what}, {size_words(len(data))}.")
    typed = await app.push_screen_wait(SaveDialog(about, suggested_name(key)))
    return None if typed is None else await _write(app, Path(typed), data)


async def _write(app: App[Any], path: Path, data: bytes, overwrite: bool = False) -> Outcome:
    try:
        target = await asyncio.to_thread(save_file, path, data, overwrite=overwrite)
    except FileExistsError:
        if await _may_replace(app, path):
            return await _write(app, path, data, overwrite=True)
        return Outcome("Nothing was saved: that file is as it was.")
    except (OSError, RuntimeError, ValueError) as error:
        return Outcome(f"Not saved to {path}: {_reason(error)}.", "error")
    return Outcome(f"Saved {size_words(len(data))} to {target}, for you alone to read.")


async def _may_replace(app: App[Any], path: Path) -> bool:
    choices = [
        Choice("keep", "Keep it", "and save nothing"),
        Choice("replace", "Replace it", "with what is stored"),
    ]
    question = safe_content(f"{path} exists already.")
    return await app.push_screen_wait(ChooseDialog("Save to a file", question, choices)) == "replace"


async def to_pager(app: App[Any], data: bytes, env: Mapping[str, str]) -> Outcome | None:
    """Show the bytes in the pager, from a file that is gone afterwards."""
    path: Path | None = None
    command = ["$PAGER"]
    try:
        command = pager.pager_command(env)
        path = await asyncio.to_thread(pager.write_for_pager, command, data, env)
        run_in_terminal(app, pager.pager_call(command, path), pager.pager_env(env))
    except SuspendNotSupported:
        return Outcome("This terminal cannot be handed to a pager. w saves to a file.", "error")
    except (OSError, ValueError) as error:
        words = f"{command[0]} could not be opened: {_reason(error)}. Set PAGER, or save with w."
        return Outcome(words, "error")
    finally:
        if path is not None:
            await asyncio.to_thread(shutil.rmtree, path.parent, ignore_errors=True)
    return None


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
