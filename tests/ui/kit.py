"""What tests of the whole program share: the program on the demo, and waiting for it without sleeping."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from textual import events
from textual.keys import _character_to_key
from textual.pilot import Pilot

from kvtui.api.client import KVClient
from kvtui.api.errors import KeyNotFound
from kvtui.api.models import Entry, Namespace
from kvtui.cli import MOUNTED, make_journal, open_store
from kvtui.config import Config, JournalSettings, Source
from kvtui.core.store import Store
from kvtui.local.server import ACCOUNT, create_app
from kvtui.local.state import KVState, open_state
from kvtui.ui.app import KvtuiApp
from kvtui.ui.browser import Browser
from kvtui.ui.panes.bars import FootLine
from kvtui.ui.start import Start, Way
from tests.core.kv import RETRIES, Faults, at_once

PATIENCE_S = 10.0


def program(
    folder: Path | None = None,
    *,
    namespace: str = "",
    prefix: str = "",
    route: str = "file",
    home: Path | None = None,
    journal: JournalSettings | Path | None = None,
    read_only: bool = False,
    wire: Callable[[httpx.AsyncBaseTransport], httpx.AsyncBaseTransport] | None = None,
    environ: Mapping[str, str] | None = None,
) -> KvtuiApp:
    """kvtui on a project's folder, or on the demo where none is given.

    `journal` is its folder, or all of its settings. A `wire` is put around the embedded server; nothing that
    is tried again over it is waited for.
    """
    keeping = JournalSettings(journal) if isinstance(journal, Path) else journal
    settings = Config(
        Source.DEMO if folder is None else Source.LOCAL,
        local=folder or Path(),
        read_only=read_only,
        journal=keeping,
    )
    closing = ExitStack()

    async def open() -> Store:
        if wire is None:
            return await open_store(settings, closing)
        state = open_state(settings.local)
        client = KVClient(MOUNTED, transport=wire(_server(state)), retries=RETRIES, read_only=read_only)
        source = f"local:{state.folder.resolve()}"
        return Store(
            client, label=settings.label, source=source, journal=make_journal(keeping), sleep=at_once
        )

    environ = dict(environ or {})
    if home:
        environ |= {"XDG_RUNTIME_DIR": str(home), "XDG_STATE_HOME": str(home)}
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


def _server(state: KVState, clock: Callable[[], float] = time.time) -> httpx.ASGITransport:
    return httpx.ASGITransport(create_app(state, clock=clock), raise_app_exceptions=False)


# What is stored, seen past the program


@asynccontextmanager
async def honest(folder: Path, clock: Callable[[], float] = time.time) -> AsyncIterator[KVClient]:
    """A second client, straight onto the same folder, by another clock if need be."""
    async with KVClient(MOUNTED, transport=_server(open_state(folder, clock=clock), clock)) as client:
        yield client


def space(id: str = "sessions") -> Namespace:
    """A namespace of the project, by its id."""
    return Namespace(id, id.upper(), ACCOUNT)


async def stored(folder: Path, key: str, id: str = "sessions") -> Entry | None:
    """What is stored under a key; None for nothing."""
    async with honest(folder) as client:
        try:
            return await client.read_entry(space(id), key)
        except KeyNotFound:
            return None


async def names(folder: Path, id: str = "sessions") -> list[str]:
    """All keys of a namespace."""
    async with honest(folder) as client:
        return [row.name for row in (await client.keys(space(id))).keys]


async def titles(folder: Path) -> dict[str, str]:
    """The namespaces: id by title."""
    async with honest(folder) as client:
        return {one.title: one.id for one in await client.namespaces(ACCOUNT)}


async def put(
    folder: Path,
    pairs: Mapping[str, Entry],
    id: str = "sessions",
    clock: Callable[[], float] = time.time,
) -> None:
    """Have another writer store something, by another clock if need be."""
    async with honest(folder, clock) as client:
        for key, entry in pairs.items():
            await client.write(space(id), key, entry)


async def remove(folder: Path, key: str, id: str = "sessions") -> None:
    """Have another writer delete a key."""
    async with honest(folder) as client:
        await client.delete(space(id), key)


# The hands


class Tap:
    """A wire to put around the embedded server; `faults` counts its requests, and can make it fail."""

    def __init__(self) -> None:
        self.faults = Faults(httpx.MockTransport(lambda request: httpx.Response(500)))

    def __call__(self, inner: httpx.AsyncBaseTransport) -> httpx.AsyncBaseTransport:
        self.faults.inner = inner
        return self.faults

    @property
    def listings(self) -> int:
        """How often keys were listed since the last look, or fault."""
        return sum("/keys?" in line for line in self.faults.sent)


def on_sessions(
    project: Path, prefix: str = "", *, kept: bool = True, size: tuple[int, int] = (120, 40), **more: Any
) -> AbstractAsyncContextManager[Pilot[None]]:
    """The program on SESSIONS, with its journal unless it is not `kept`."""
    more.setdefault("journal", project / "journal" if kept else None)
    return program(project, namespace="SESSIONS", prefix=prefix, **more).run_test(size=size)


async def read(pilot: Pilot[Any], key: str) -> None:
    """Wait until a key's entry is there."""
    pane = browser(pilot).entry_pane
    await until(pilot, lambda: pane.key == key and pane.entry is not None, f"{key} to be read")


async def said(pilot: Pilot[Any], *texts: str) -> str:
    """What the bottom line says, once it says all of these."""
    foot = browser(pilot).query_one(FootLine)
    await until(pilot, lambda: all(text in foot.message.plain for text in texts), f"{texts} to be said")
    return foot.message.plain


async def saved(pilot: Pilot[Any], yes: str = "y", words: str = "Saved") -> str:
    """Save by the card; what the card was."""
    await press(pilot, "ctrl+s")
    card = await shows(pilot, "go on editing")
    await press(pilot, yes)
    await said(pilot, words)
    return card


async def asked(pilot: Pilot[Any], *texts: str) -> str:
    """A dialog's screen, once one is open that shows all of these."""
    await until(pilot, lambda: pilot.app.screen is not browser(pilot), "a dialog")
    return await shows(pilot, *texts)


async def back(pilot: Pilot[Any]) -> None:
    """Wait until no dialog is open, and nothing is under way."""
    main = browser(pilot)
    await until(
        pilot,
        lambda: (
            pilot.app.screen is main
            and not any(worker.group == "change" and worker.is_running for worker in main.workers)
        ),
        "the main screen",
    )


def burst(pilot: Pilot[Any], *keys: str) -> None:
    """Let keys arrive at once, as a slow link delivers them."""
    named = {"space": " ", "tilde": "~", "at": "@", "slash": "/"}
    for key in keys:
        character = named.get(key, key if len(key) == 1 else None)
        pilot.app.post_message(events.Key(_character_to_key(character) if character else key, character))


async def press(pilot: Pilot[Any], *keys: str) -> None:
    """Press keys, and wait until each has been handed out and has done what it does at once.

    Pilot.press waits until the processor has nothing to do, after each key.
    """
    app = pilot.app
    assert isinstance(app, KvtuiApp)
    await pilot.pause(0)
    burst(pilot, *keys)
    await asyncio.sleep(0)
    await until(
        pilot,
        lambda: not (app._typed or app._under_way) or not app.is_running,
        f"{keys} to be handed out",
    )


def typed(text: str) -> list[str]:
    """The keys that type a text."""
    return ["space" if letter == " " else letter for letter in text]
