"""The one place where all rooms meet: arguments -> Config -> client -> Store -> screen, or a plain command.

Everything heavy is imported where it is used: `kvtui --version` loads no HTTP, `kvtui ls` no Textual.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import MutableMapping
from contextlib import ExitStack
from typing import TYPE_CHECKING

from kvtui.arguments import parse, parser

if TYPE_CHECKING:
    import httpx

    from kvtui.config import Config, JournalSettings
    from kvtui.core.journal.journal import Journal
    from kvtui.core.store import Store
    from kvtui.local.state import KVState
    from kvtui.ui.start import Way

__all__ = ["main", "parse", "parser"]

NOWHERE = (
    "There is nowhere to look. Set CLOUDFLARE_API_TOKEN (and CLOUDFLARE_ACCOUNT_ID), "
    "or name a source: --demo, --local DIR or --api-url URL."
)


MOUNTED = "http://localhost/client/v4"
"""Where the embedded server believes to be, though no request to it leaves the process."""


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    os.umask(0o077)  # whatever kvtui writes is its user's alone
    flags = parse(argv)
    if flags.command == "serve":
        return serve(flags)
    from kvtui import config
    from kvtui.api.errors import Refused

    try:
        settings = config.read(flags, os.environ)
    except Refused as problem:
        print(f"kvtui: {problem}", file=sys.stderr)
        return 2
    for name in config.SECRETS:
        os.environ.pop(name, None)
    with ExitStack() as closing:
        if flags.command is None:
            return run_program(settings, closing)
        return run_command(flags, settings, closing)


def run_command(flags: argparse.Namespace, settings: Config, closing: ExitStack) -> int:
    """Run a plain command: on the source that was named, or on the journal, which needs none."""
    from kvtui.config import Source
    from kvtui.plain import commands

    if flags.command == "journal":
        from kvtui.plain import journaling

        if not journaling.needs_source(flags):
            return journaling.run(flags, make_journal(settings.journal))
    if settings.source is Source.NOWHERE:
        more = " `kvtui journal list --all` needs none of them." if flags.command == "journal" else ""
        print(f"kvtui: {NOWHERE}{more}", file=sys.stderr)
        return 2
    return commands.run(flags, lambda: open_store(settings, closing))


def run_program(settings: Config, closing: ExitStack) -> int:
    """Open the terminal program on the source that was named, or on the screen that offers each."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()) or os.environ.get("TERM", "dumb") == "dumb":
        print(
            "kvtui needs a terminal. Without one, use: kvtui ls, get, put, rm, mv (see kvtui --help).",
            file=sys.stderr,
        )
        return 2
    set_up_terminal(os.environ)
    import gc

    gc.disable()  # until the first screen is drawn: nothing that start-up makes becomes garbage
    from kvtui.ui.app import KvtuiApp
    from kvtui.ui.start import Start

    app = KvtuiApp(
        ways(settings, closing),
        Start(settings.namespace, settings.prefix),
        clipboard_route=settings.clipboard,
        environ=dict(os.environ),
    )
    app.run()
    code = app.return_code or 0
    if code > 128:  # a signal ended it: whatever still hangs on the dead terminal is not waited for
        closing.close()
        os._exit(code)
    return code


def set_up_terminal(environ: MutableMapping[str, str]) -> None:
    """What Textual reads from the environment when it is imported.

    Over SSH an arrow key may arrive in pieces, and frames are bytes on a slow link. TEXTUAL_LOG would
    write down every key that is pressed.
    """
    environ.pop("TEXTUAL_LOG", None)
    environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    if any(environ.get(name) for name in ("SSH_TTY", "SSH_CONNECTION", "SSH_CLIENT")):
        environ.setdefault("ESCDELAY", "300")
        environ.setdefault("TEXTUAL_FPS", "15")


def ways(settings: Config, closing: ExitStack) -> list[Way]:
    """The one source that was named, or else each that can be offered here."""
    from dataclasses import replace

    from kvtui.config import Source
    from kvtui.ui.start import Way

    if settings.source is not Source.NOWHERE:
        return [Way(settings.label, "", lambda: open_store(settings, closing))]
    demo = replace(settings, source=Source.DEMO)
    local = replace(settings, source=Source.LOCAL)
    return [
        Way("The demo", "a private copy of sample data", lambda: open_store(demo, closing)),
        Way("This project", "wrangler's local state, here or above", lambda: open_store(local, closing)),
    ]


async def open_store(settings: Config, closing: ExitStack) -> Store:
    """Make the Store for a source, off the event loop: it imports, reads files and loads certificates."""
    import asyncio

    return await asyncio.to_thread(_make_store, settings, closing)


def _make_store(settings: Config, closing: ExitStack) -> Store:
    from dataclasses import replace

    from kvtui.api.client import KVClient
    from kvtui.api.errors import Refused
    from kvtui.config import Source
    from kvtui.core.store import Store

    if settings.source is Source.API:
        client = KVClient(settings.api_url, settings.credentials, read_only=settings.read_only)
        source, journal = settings.api_url, settings.journal
    else:
        try:
            state = _open_state(settings, closing)
        except OSError as problem:
            raise Refused(f"{settings.label} cannot be opened: {problem.strerror or problem}.") from problem
        # The client makes its transport when it is first asked: only then is HTTP loaded.
        client = KVClient(MOUNTED, transport=lambda: _mount(state), read_only=settings.read_only)
        source, journal = f"local:{state.folder.resolve()}", settings.journal
        if journal and settings.source is Source.DEMO:  # goes when the demo goes
            journal = replace(journal, folder=state.folder / "journal")
    return Store(
        client,
        label=settings.label,
        account=settings.account,
        source=source,
        journal=make_journal(journal),
    )


def make_journal(settings: JournalSettings | None) -> Journal | None:
    """The journal in its folder; nothing is opened yet. None where it is off."""
    if settings is None:
        return None
    from kvtui.core.journal.journal import Journal

    return Journal(settings.folder, cap=settings.cap, keep_days=settings.keep_days)


def _open_state(settings: Config, closing: ExitStack) -> KVState:
    from pathlib import Path

    from kvtui.config import Source

    if settings.source is Source.DEMO:
        import tempfile
        import time

        from kvtui.local.demo import make_demo, quick_place

        folder = closing.enter_context(tempfile.TemporaryDirectory(prefix="kvtui-demo-", dir=quick_place()))
        return make_demo(Path(folder), now=time.time())
    from kvtui.api.errors import Refused
    from kvtui.local.state import StateNotFound, open_state

    try:
        return open_state(settings.local)
    except StateNotFound as problem:
        raise Refused(str(problem), "Name a project with --local DIR, or start with --demo.") from problem


def _mount(state: KVState) -> httpx.ASGITransport:
    """The embedded server, spoken to without a socket."""
    import httpx

    from kvtui.local.server import create_app

    # Production answers 500 where a handler fails; without this flag the exception itself would come.
    return httpx.ASGITransport(create_app(state), raise_app_exceptions=False)


def serve(flags: argparse.Namespace) -> int:
    """`kvtui serve`: the embedded server on a loopback port."""
    from pathlib import Path

    from kvtui.local.server import ACCOUNT, create_app
    from kvtui.local.serving import serve as run_server
    from kvtui.local.state import StateNotFound, open_state

    try:
        state = open_state(Path(flags.local or "."), create=True)
    except StateNotFound as problem:
        print(f"kvtui: {problem}", file=sys.stderr)
        return 2
    account = flags.account or ACCOUNT
    app = create_app(state, account=account, token=os.environ.pop("KVTUI_SERVE_TOKEN", None))
    return run_server(app, host=flags.host, port=flags.port, account=account)
