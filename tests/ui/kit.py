"""What tests of the whole program share: the program on the demo, and waiting for it without sleeping."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from kvtui.cli import open_store
from kvtui.config import Config, Source
from kvtui.core.store import Store
from kvtui.ui.app import KvtuiApp
from kvtui.ui.browser import Browser
from kvtui.ui.start import Start, Way

PATIENCE_S = 10.0


def program(
    folder: Path | None = None,
    *,
    namespace: str = "",
    prefix: str = "",
    route: str = "file",
    home: Path | None = None,
) -> KvtuiApp:
    """kvtui on a project's folder, or on the demo where none is given."""
    settings = Config(Source.DEMO) if folder is None else Config(Source.LOCAL, local=folder)
    closing = ExitStack()

    async def open() -> Store:
        return await open_store(settings, closing)

    environ = {"XDG_RUNTIME_DIR": str(home), "XDG_STATE_HOME": str(home)} if home else {}
    return KvtuiApp([Way("demo", "", open)], Start(namespace, prefix), clipboard_route=route, environ=environ)


async def until(pilot: Pilot[Any], holds: Callable[[], object], what: str = "") -> None:
    """Let the program run until a condition holds; fails with the screen when it never does."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(
                f"waited for {what or holds}; the screen was:\n{screen_text(pilot.app.screen)}"
            )
        await pilot.pause(0.01)
        await asyncio.sleep(0)


def browser(pilot: Pilot[Any]) -> Browser:
    """The main screen."""
    screen = pilot.app.screen_stack[0]
    assert isinstance(screen, Browser)
    return screen


def screen_text(screen: Any) -> str:
    """What is on screen, as text."""
    return "\n".join(
        "".join(segment.text for segment in strip) for strip in screen._compositor.render_strips()
    )


async def shows(pilot: Pilot[Any], *texts: str) -> str:
    """The screen's text, once it shows all of these."""
    await until(
        pilot, lambda: all(text in screen_text(pilot.app.screen) for text in texts), " and ".join(texts)
    )
    return screen_text(pilot.app.screen)
