"""The real program in a real terminal: a private tmux server for every test.

A test reads as a story: start, wait for words on the screen, press keys, look, ask tmux what it holds.
Nothing sleeps: `wait` polls what tmux shows, and a failure prints the screen as it was.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

import pytest

PATIENCE_S = 15.0
"""How long a test waits for what must come; only a failing test ever does."""

PROJECT = Path(__file__).parents[2]


class Tmux:
    """One terminal: a tmux server with a single pane, whose settings and environment are known.

    `environment` is all that the server and the pane have besides PATH, HOME and the locale.
    `settings` are tmux options (as `{"set-clipboard": "on"}`); a size is columns by rows.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        # Not below the test's own folder: the path of a socket has to be short.
        self._folder = tempfile.TemporaryDirectory(prefix="kvtui-", ignore_cleanup_errors=True)
        self.socket = f"{self._folder.name}/tmux"
        self._pid = home / "program.pid"
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "TMPDIR": self._folder.name,
            "LANG": "C.UTF-8",
            "TEXTUAL_ANIMATIONS": "none",
        }

    def start(
        self,
        *argv: str,
        width: int = 120,
        height: int = 36,
        env: Mapping[str, str] | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """Run a program in a fresh terminal. `EXIT:code` appears on the screen when it has ended."""
        options = {"default-terminal": "tmux-256color", "escape-time": "10", **(settings or {})}
        config = self.home / "tmux.conf"
        config.write_text("".join(f"set -g {name} {value}\n" for name, value in options.items()))
        assigned = [f"{name}={value}" for name, value in (env or {}).items()]
        command = shlex.join(
            ["sh", "-c", 'echo $$ >"$0"; exec "$@"', str(self._pid), "env", *assigned, *argv]
        )
        # The trap keeps a Ctrl+C that is meant for the program from ending this shell as well.
        script = f"trap : INT QUIT; {command}; echo EXIT:$?; exec sleep 600"
        size = ["-x", str(width), "-y", str(height)]
        start = ["new-session", "-d", *size, "-c", str(PROJECT), "sh", "-c", script]
        self._run("-f", str(config), "-u", *start)

    # What a person does

    def keys(self, *names: str) -> None:
        """Press keys by tmux's names for them: `Enter`, `Escape`, `C-l`, `Down`, `q`."""
        self._run("send-keys", *names)

    def answer(self, key: str, question: str) -> None:
        """Answer a question that came up by itself: it takes no key in its first moment."""
        deadline = time.monotonic() + PATIENCE_S
        while question in self.screen() and time.monotonic() < deadline:
            self.keys(key)
            pause = time.monotonic() + 1.0
            while question in self.screen() and time.monotonic() < pause:
                time.sleep(0.02)
        self.wait_gone(question)

    def type(self, text: str) -> None:
        """Type text letter by letter."""
        self._run("send-keys", "-l", text)

    def paste(self, text: str) -> None:
        """Paste text as a terminal does, in brackets where the program asked for them."""
        self._run("set-buffer", "-b", "pasted", "--", text)
        self._run("paste-buffer", "-p", "-d", "-b", "pasted")

    def resize(self, width: int, height: int) -> None:
        """Give the terminal another size while the program runs."""
        self._run("resize-window", "-x", str(width), "-y", str(height))

    def terminate(self) -> None:
        """End the program as an administrator does, by SIGTERM."""
        os.kill(int(self._pid.read_text()), signal.SIGTERM)

    def hang_up(self) -> None:
        """Tell the program by SIGHUP that its terminal is gone, as when a connection breaks."""
        os.kill(int(self._pid.read_text()), signal.SIGHUP)

    # What a person sees

    def screen(self, *, colours: bool = False) -> str:
        """The screen's text, a line a row; with `colours`, the escape sequences that draw it too."""
        return self._run("capture-pane", "-p", *(["-e"] if colours else [])).decode()

    def wait(self, *texts: str, timeout: float = PATIENCE_S) -> str:
        """The screen, once it shows all of these."""
        wanted = " and ".join(map(repr, texts))
        return self.wait_until(lambda screen: all(text in screen for text in texts), wanted, timeout=timeout)

    def wait_gone(self, text: str, *, timeout: float = PATIENCE_S) -> str:
        """The screen, once it no longer shows this."""
        return self.wait_until(lambda screen: text not in screen, f"{text!r} to go", timeout=timeout)

    def wait_until(
        self, holds: Callable[[str], bool], wanted: str = "the screen", *, timeout: float = PATIENCE_S
    ) -> str:
        """The screen, once it satisfies a condition; `wanted` names that condition in a failure."""
        deadline = time.monotonic() + timeout
        while not holds(screen := self.screen()):
            if time.monotonic() > deadline:
                pytest.fail(f"waited {timeout:g} s for {wanted}; the screen was:\n{screen}")
            time.sleep(0.02)
        return screen

    def wait_exit(self, *, timeout: float = PATIENCE_S) -> int:
        """The program's exit status, once it has ended."""
        screen = self.wait("EXIT:", timeout=timeout)
        return int(screen.rsplit("EXIT:", 1)[1].split()[0])

    # What tmux knows

    def fmt(self, template: str) -> str:
        """A tmux format filled in, as `#{pane_title} #{alternate_on} #{mouse_any_flag}`."""
        return self._run("display-message", "-p", template).decode().rstrip("\n")

    def buffers(self) -> list[str]:
        """The names of the paste buffers, newest first: empty when nothing was copied."""
        return self._run("list-buffers", "-F", "#{buffer_name}").decode().split()

    def buffer(self) -> bytes:
        """The newest paste buffer, byte for byte."""
        return self._run("show-buffer")

    def wait_buffer(self, *, timeout: float = PATIENCE_S) -> bytes:
        """The newest paste buffer, once there is one."""
        self.wait_until(lambda screen: bool(self.buffers()), "a paste buffer", timeout=timeout)
        return self.buffer()

    def attached_over_ssh(self) -> None:
        """Let tmux believe that the person who is attached now came by SSH."""
        self._run("set-environment", "SSH_CONNECTION", "192.0.2.1 50000 192.0.2.2 22")

    def kill(self) -> None:
        """Hang up: the server goes, and with it whatever still runs in its pane."""
        subprocess.run(["tmux", "-S", self.socket, "kill-server"], env=self.environment, capture_output=True)
        self._folder.cleanup()

    def _run(self, *arguments: str) -> bytes:
        asked = subprocess.run(
            ["tmux", "-S", self.socket, *arguments],
            env=self.environment,
            capture_output=True,
            timeout=PATIENCE_S,
        )
        if asked.returncode != 0:
            pytest.fail(f"tmux {arguments[0]}: {asked.stderr.decode(errors='replace').strip()}")
        return asked.stdout


class Kvtui(Protocol):
    """Starts `kvtui ARGUMENTS` in a terminal and returns that terminal."""

    def __call__(
        self,
        *arguments: str,
        width: int = 120,
        height: int = 36,
        env: Mapping[str, str] | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> Tmux: ...


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Tmux]:
    """A terminal that runs nothing yet: `tmux.start(...)`."""
    if shutil.which("tmux") is None:
        pytest.skip("needs tmux, the terminal of these tests")
    terminal = Tmux(tmp_path)
    yield terminal
    terminal.kill()


@pytest.fixture
def kvtui(tmux: Tmux) -> Kvtui:
    """The program itself: `kvtui("--demo", width=80, height=24)`."""

    def start(
        *arguments: str,
        width: int = 120,
        height: int = 36,
        env: Mapping[str, str] | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> Tmux:
        argv = [sys.executable, "-m", "kvtui", *arguments]
        tmux.start(*argv, width=width, height=height, env=env, settings=settings)
        return tmux

    return start
