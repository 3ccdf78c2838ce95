"""A program in a pseudo-terminal, and how long it takes to draw.

Run the benches by name (`python -m tests.bench`), never by path: started from inside this folder,
this module would hide the standard library's `pty`.
"""

from __future__ import annotations

import fcntl
import os
import select
import struct
import subprocess
import tempfile
import termios
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

PROJECT = Path(__file__).parents[2]

PATIENCE_S = 60.0
"""When a program that does not draw what is waited for is given up."""

QUIET_S = 0.03
"""A frame has ended when nothing has come for so long; the wait itself is not counted."""

_MODE_ASKED, _MODE_KNOWN = b"\x1b[?2026$p", b"\x1b[?2026;2$y"
"""Textual asks whether a frame may be sent as one; like most terminals, this one says yes."""

_ENTER, _LEAVE = b"\x1b[?1049h", b"\x1b[?1049l"


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a key or a start caused: seconds until the last byte of it, and how many bytes."""

    seconds: float
    bytes: int


class Pty:
    """A program on a terminal of its own, which knows truecolor and synchronised output.

    `with Pty([sys.executable, "-m", "kvtui", "--demo"]) as terminal: terminal.drawn(b"Namespaces")`.
    The environment is bare: PATH, HOME, the locale, what terminals set, and `env`.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        columns: int = 120,
        rows: int = 40,
        env: Mapping[str, str] | None = None,
    ) -> None:
        # What the program leaves behind when it is killed goes with its terminal.
        self._folder = tempfile.TemporaryDirectory(prefix="kvtui-", ignore_cleanup_errors=True)
        environment = {
            "TMPDIR": self._folder.name,
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "TEXTUAL_ANIMATIONS": "none",
            **(env or {}),
        }
        self._master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.output = bytearray()
        self._mode_told = False
        self._started = time.perf_counter()
        self.process = subprocess.Popen(
            list(argv),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=PROJECT,
            env=environment,
            start_new_session=True,
        )
        os.close(slave)

    def __enter__(self) -> Pty:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)
        self._folder.cleanup()

    def drawn(self, text: bytes) -> Drawn:
        """Wait until `text` is drawn (for the first time since the start) and its frame is complete."""
        last = self._started
        while text not in self._screenful():
            last = self._read(PATIENCE_S) or self._give_up(text)
        # The frame is written as one; the next one is later than this, and not the first any more.
        return Drawn((self._read_to_quiet(0.005) or last) - self._started, len(self.output))

    def press(self, keys: bytes, *, quiet: float = QUIET_S) -> Drawn:
        """Press keys (`b"\\x1b[B"` is the down arrow) and wait for all that they cause to be drawn."""
        before = len(self.output)
        pressed = time.perf_counter()
        os.write(self._master, keys)
        last = self._read(PATIENCE_S) or self._give_up(keys)
        last = self._read_to_quiet(quiet) or last
        return Drawn(last - pressed, len(self.output) - before)

    def settle(self, quiet: float = 0.3) -> None:
        """Wait until nothing is drawn any more."""
        self._read_to_quiet(quiet)

    def count(self, seconds: float) -> int:
        """How many bytes are drawn in this time when nobody touches a key."""
        before = len(self.output)
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            self._read(left)
        return len(self.output) - before

    def rss_mib(self) -> float:
        """The memory that the program holds now, in MiB (Linux; 0 elsewhere)."""
        try:
            status = Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return 0.0
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def _screenful(self) -> bytes:
        """What was drawn on the alternate screen: a traceback, before or after it, is no picture."""
        _before, _enter, drawn = self.output.partition(_ENTER)
        return b"" if _LEAVE in drawn else bytes(drawn)

    def _read_to_quiet(self, quiet: float = QUIET_S) -> float | None:
        last = None
        while (now := self._read(quiet)) is not None:
            last = now
        return last

    def _read(self, timeout: float) -> float | None:
        """Take what has come; the time of its arrival, None when nothing came in time."""
        ready, _, _ = select.select([self._master], [], [], timeout)
        if not ready:
            return None
        try:
            piece = os.read(self._master, 65536)
        except OSError:  # Linux: the program has closed its end
            return None
        now = time.perf_counter()
        self.output += piece
        if not self._mode_told and _MODE_ASKED in self.output:
            self._mode_told = True
            os.write(self._master, _MODE_KNOWN)
        return now if piece else None

    def _give_up(self, awaited: bytes) -> float:
        tail = bytes(self.output[-2000:]).decode(errors="replace")
        raise RuntimeError(f"{awaited!r} did not show; the last that was drawn: {tail!r}")
