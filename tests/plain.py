"""The plain commands of change for tests: run as a script runs them, with a journal of their own."""

from __future__ import annotations

import asyncio
import os
import pty
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import httpx
import pytest

from kvtui.api.client import KVClient
from kvtui.api.errors import KeyNotFound
from kvtui.api.models import Entry, Namespace
from kvtui.core.changes import Step
from kvtui.core.journal.journal import Journal
from kvtui.core.journal.records import Origin, Outcome
from kvtui.core.store import Store
from kvtui.local.server import ACCOUNT, create_app
from kvtui.local.state import open_state

T = TypeVar("T")

COMMAND = (sys.executable, "-m", "kvtui")


@dataclass
class Done:
    """How a command ended."""

    code: int
    out: bytes
    said: str


@dataclass
class Plain:
    """kvtui on one project, and a second, honest way to look at it."""

    project: Path
    state: Path

    def __call__(
        self, *arguments: str | bytes, stdin: bytes = b"", here: bool = True, **environ: str
    ) -> Done:
        """Run a command; `here` names the project as its source."""
        where = ("--local", str(self.project)) if here else ()
        done = subprocess.run(
            [*COMMAND, *where, *arguments],
            input=stdin,
            capture_output=True,
            env=self.environ(**environ),
            timeout=60,
        )
        return Done(done.returncode, done.stdout, done.stderr.decode())

    def anywhere(self, *arguments: str) -> Done:
        """Run a command that names no source."""
        return self(*arguments, here=False)

    def well(self, *arguments: str, stdin: bytes = b"", **environ: str) -> str:
        """Run a command that must do well; what it said."""
        done = self(*arguments, stdin=stdin, here=True, **environ)
        assert done.code == 0, done.said
        return done.said

    def on_a_terminal(self, *arguments: str, typed: bytes = b"") -> bytes:
        """What a command writes when all its streams are one terminal."""
        leader, follower = pty.openpty()
        where = ("--local", str(self.project))
        with subprocess.Popen(
            [*COMMAND, *where, *arguments],
            stdin=follower,
            stdout=follower,
            stderr=follower,
            env=self.environ(),
        ) as running:
            os.close(follower)
            os.write(leader, typed)
            seen = b""
            try:
                while piece := os.read(leader, 65536):
                    seen += piece
            except OSError:  # Linux says so when the last writer has gone
                pass
            running.wait(timeout=60)
        os.close(leader)
        return seen

    def environ(self, **more: str) -> dict[str, str]:
        home = {"HOME": str(self.state), "XDG_STATE_HOME": str(self.state)}
        return {"PATH": os.environ["PATH"], **home, **more}

    @property
    def source(self) -> str:
        """How the journal names this project."""
        return f"local:{(self.project / '.wrangler' / 'state').resolve()}"

    def journal(self) -> Journal:
        return Journal(self.state / "kvtui")

    def stored(self, title: str, key: str) -> Entry | None:
        """What is stored, past every command."""

        async def read(client: KVClient) -> Entry | None:
            try:
                return await client.read_entry(namespace(title), key)
            except KeyNotFound:
                return None

        return self._ask(read)

    def put(self, title: str, key: str, entry: Entry) -> None:
        """Have a foreign writer store something."""
        self._ask(lambda client: client.write(namespace(title), key, entry))

    def apply(self, step: Step) -> None:
        """Make a step as the program makes it, with the journal: also what no plain command does."""

        async def made(client: KVClient) -> None:
            store = Store(client, label="local", source=self.source, journal=self.journal())
            await store.apply(step)
            await store.close()

        self._ask(made)

    def interrupt(self, step: Step, *outcomes: Outcome) -> int:
        """Leave a step in the journal as a process does that is killed half-way; nothing is sent."""
        journal = self.journal()
        id = journal.begin(step, Origin(self.source, "local"))
        for index, outcome in enumerate(outcomes):
            journal.note(id, index, outcome)
        journal.close()
        return id

    def _ask(self, ask: Callable[[KVClient], Awaitable[T]]) -> T:
        async def asked() -> T:
            app = create_app(open_state(self.project))
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with KVClient("http://localhost/client/v4", transport=transport) as client:
                return await ask(client)

        return asyncio.run(asked())


def namespace(title: str) -> Namespace:
    """A namespace of the project; its id is its title in lower case."""
    return Namespace(title.lower(), title, ACCOUNT)


@pytest.fixture
def plain(project: Path, tmp_path: Path) -> Plain:
    return Plain(project, tmp_path / "state")
