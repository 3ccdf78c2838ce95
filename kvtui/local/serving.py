"""`kvtui serve`: the app on a loopback port, until somebody stops it."""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from kvtui.local.guard import is_loopback
from kvtui.local.server import ACCOUNT, BASE

if TYPE_CHECKING:
    import uvicorn
    from starlette.applications import Starlette

DONE, FAILED, WRONG = 0, 1, 2
CLOSING_S = 2
"""How long requests that are under way may take to end once the server is to stop."""

KEEP_ALIVE_S = 75
"""How long a silent connection stays open: shorter, and clients meet connections that close as they write."""


def say(line: str) -> None:
    print(line, flush=True)


def serve(
    app: Starlette,
    *,
    host: str = "127.0.0.1",
    port: int = 8799,
    account: str = ACCOUNT,
    announce: Callable[[str], None] = say,
) -> int:
    """Serve until ctrl+c or SIGTERM; returns the exit code. `port` 0 takes a free one.

    `announce` hears the base URL and the account id as soon as the server listens.
    """
    if not 0 <= port <= 65535:
        return _complain(f"{port} is no port: ports go from 1 to 65535, and 0 takes a free one.", WRONG)
    bracketed = f"[{host}]" if ":" in host else host
    if not is_loopback(bracketed):
        return _complain(f"{host} is not this machine alone, so nothing was opened. Use 127.0.0.1.", WRONG)
    try:
        import uvicorn
    except ImportError:
        return _complain("kvtui serve needs uvicorn: pip install 'kvtui[serve]'.", WRONG)

    try:
        listening = _listen(host, port)
    except OSError as problem:
        return _complain(_sentence(host, port, problem), FAILED)

    class Announcing(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                announce(f"base URL    http://{bracketed}:{listening.getsockname()[1]}{BASE}")
                announce(f"account id  {account}")

    with listening, suppress(KeyboardInterrupt):  # uvicorn closes everything, then raises it again
        Announcing(configured(app)).run(sockets=[listening])
    return DONE


def configured(app: Starlette) -> uvicorn.Config:
    """How uvicorn is to serve the app; the sockets are given to it, listening."""
    from uvicorn import Config

    return Config(
        app,
        log_level="warning",
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=CLOSING_S,
    )


def _listen(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(128)
    except OSError:
        listening.close()
        raise
    return listening


def _sentence(host: str, port: int, problem: OSError) -> str:
    if problem.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is taken, maybe by another `kvtui serve`. Name another with --port."
    if problem.errno == errno.EACCES:
        return f"Port {port} needs more rights than you have. Name one above 1023 with --port."
    return f"Port {port} on {host} could not be opened: {problem}."


def _complain(sentence: str, code: int) -> int:
    print(f"kvtui: {sentence}", file=sys.stderr)
    return code
