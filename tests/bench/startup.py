"""How soon kvtui is there: its first paint, its version, its first request; each beside its floor."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from tests.bench.pty import PROJECT, Pty

Row = tuple[str, str, str]

MINIMAL = """
from textual.app import App
from textual.widgets import Static

class Minimal(App):
    def compose(self):
        yield Static("first paint")

Minimal().run()
"""

CLIENT = "import httpx; client = httpx.AsyncClient(); print('made', flush=True)"


def run(rounds: int = 15) -> list[Row]:
    """Medians of interleaved rounds, so that a busy moment of the machine meets all alike."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        cases: dict[str, Callable[[], float]] = {
            "kvtui": lambda: _painted([sys.executable, "-m", "kvtui", "--demo"], b"kvtui"),
            "minimal": lambda: _painted([sys.executable, "-c", MINIMAL], b"first paint"),
            "version": lambda: _finished(["-m", "kvtui", "--version"]),
            "pass": lambda: _finished(["-c", "pass"]),
            "ls": lambda: _asked(server, ["ls", "namespace"]),
            "get": lambda: _asked(server, ["get", "namespace", "key"]),
            "client": lambda: _said(["-c", CLIENT], b"made"),
        }
        times: dict[str, list[float]] = {name: [] for name in cases}
        for once in range(rounds + 1):
            for name, measure in cases.items():
                took = measure()
                if once:  # the first round only warms the file cache
                    times[name].append(took)
    medians = {name: median(taken) for name, taken in times.items()}

    def row(what: str, name: str, floor_name: str, floor: str, target: float) -> Row:
        ours, theirs = medians[name], medians[floor_name]
        measured = f"{ours * 1000:.0f} ms = {ours / theirs:.2f} x (target {target:g} x)"
        return what, measured, f"{floor}: {theirs * 1000:.0f} ms"

    return [
        row("first paint of `kvtui --demo`, in a pty", "kvtui", "minimal", "Textual app, one Static", 1.15),
        row("`kvtui --version`", "version", "pass", "python -c pass", 3),
        row("`kvtui ls` up to its first request", "ls", "client", "import httpx; AsyncClient()", 1.3),
        row("`kvtui get` up to its first request", "get", "client", "import httpx; AsyncClient()", 1.3),
    ]


def _painted(argv: list[str], text: bytes) -> float:
    with Pty(argv) as terminal:
        return terminal.drawn(text).seconds


def _finished(arguments: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=PROJECT, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def _said(arguments: list[str], word: bytes) -> float:
    started = time.perf_counter()
    with subprocess.Popen([sys.executable, *arguments], cwd=PROJECT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        took = time.perf_counter() - started
    assert word in said
    return took


def _asked(server: socket.socket, command: list[str]) -> float:
    """Seconds until the program's first request has arrived here. It never gets an answer."""
    host, port = server.getsockname()
    url = f"http://{host}:{port}/client/v4"
    argv = [sys.executable, "-m", "kvtui", *command, "--api-url", url, "--account", "0" * 32]
    environment = {"PATH": os.environ["PATH"], "HOME": str(Path.home()), "CLOUDFLARE_API_TOKEN": "a-token"}
    started = time.perf_counter()
    with subprocess.Popen(argv, cwd=PROJECT, env=environment, stderr=subprocess.DEVNULL) as process:
        server.settimeout(30)
        connection, _address = server.accept()
        with connection:
            connection.recv(1)
            took = time.perf_counter() - started
            process.kill()
    return took


if __name__ == "__main__":
    from tests.bench.__main__ import show

    show(run())
