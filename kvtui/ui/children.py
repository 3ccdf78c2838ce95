"""Other programs: what they may see of our environment, how they are asked, how they get the terminal."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType
from typing import Any

from textual.app import App

_SECRET_PREFIXES = ("CLOUDFLARE_", "CF_")
_SECRET_NAMES = frozenset({"KVTUI_SERVE_TOKEN"})


def child_env(env: Mapping[str, str]) -> dict[str, str]:
    """`env` without Cloudflare's variables: no editor, pager or clipboard tool needs our token."""
    return {
        name: value
        for name, value in env.items()
        if not name.startswith(_SECRET_PREFIXES) and name not in _SECRET_NAMES
    }


@dataclass(frozen=True, slots=True)
class Answer:
    """What a finished program said. `code` is its exit status, negative when a signal ended it."""

    code: int
    out: bytes
    err: bytes


async def ask(argv: Sequence[str], env: Mapping[str, str], *, data: bytes = b"", limit: float) -> Answer:
    """Run a program off the event loop's time, with `data` as its input, for at most `limit` seconds.

    It runs in a session of its own: what it leaves behind on purpose (xclip stays to serve the
    clipboard) outlives our terminal, and on time-out or cancellation its whole group is killed.
    Whatever it leaves behind must have let go of stdout and stderr, for both are read to their end.

    Raises TimeoutError, or OSError when the program cannot be started.
    """
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=child_env(env),
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(limit):
            out, err = await process.communicate(data)
    except BaseException:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        # Read on to the end of its pipes, so that they are closed before we leave.
        await process.communicate()
        raise
    assert process.returncode is not None  # communicate() waited for it
    return Answer(process.returncode, out, err)


@contextmanager
def signals_left_to_the_child() -> Iterator[None]:
    """Ctrl+C and Ctrl+\\ end the program in front, and not kvtui behind it.

    The handlers do nothing, rather than being SIG_IGN: an ignored signal would be inherited by
    the program, a Python handler is reset to the default when it starts.
    """

    def leave(number: int, frame: FrameType | None) -> None:
        pass

    before = {number: signal.signal(number, leave) for number in (signal.SIGINT, signal.SIGQUIT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run_in_terminal(app: App[Any], argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Give the whole terminal to a program (a pager, an editor) until it ends; its exit status.

    The app is suspended meanwhile, its event loop included. The program gets the terminal on
    stdout even if ours was redirected (Textual draws on stderr). Call from the app's own thread.

    Raises OSError when the program cannot be started, and textual's SuspendNotSupported where
    there is no terminal to give.
    """
    screen = None if os.isatty(1) else sys.__stderr__
    failure: OSError | None = None
    code = 0
    with app.suspend(), signals_left_to_the_child():
        try:
            code = subprocess.run(list(argv), env=child_env(env), stdout=screen, check=False).returncode
        except OSError as error:
            # Raised only outside: an exception that passes through suspend() leaves the app suspended.
            failure = error
    if failure is not None:
        raise failure
    return code
