"""Regular expressions over names, in a process of their own that can be ended.

Python's `re` cannot be interrupted and holds the interpreter meanwhile: `^(a+)+$` on one hostile name would
freeze the program for longer than anyone lives, and no look at the pattern finds all that run away. So a
small Python beside us does the matching, a slice of names at a time, and is killed when a slice takes too
long or nobody waits any more. It costs some 30 ms to start, and keeps the event loop's interpreter free.
"""

from __future__ import annotations

import marshal
import re
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from selectors import EVENT_READ, DefaultSelector
from types import TracebackType

PATIENCE_S = 1.0
"""What a slice of names may take; an honest pattern takes some milliseconds."""

GLANCE_S = 0.02
"""How often we look whether an answer is still wanted."""

PATTERN_CHARS = 500

_BESIDE = """
import marshal, re, sys
pattern, flags = marshal.load(sys.stdin.buffer)
search = re.compile(pattern, flags).search
while True:
    try:
        names = marshal.load(sys.stdin.buffer)
    except EOFError:
        break
    marshal.dump(bytes([search(name) is not None for name in names]), sys.stdout.buffer)
    sys.stdout.buffer.flush()
"""


class RunawayRegex(Exception):
    """A regular expression took too long on one of the names."""


def check_regex(pattern: str) -> None:
    """Raise ValueError, with a reason for people, where a pattern is none."""
    if len(pattern) > PATTERN_CHARS:
        raise ValueError(f"a regex has at most {PATTERN_CHARS} characters")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what a later Python may read otherwise
            re.compile(pattern)
    except re.error as error:
        raise ValueError(
            error.msg + (f" at character {error.pos + 1}" if error.pos is not None else "")
        ) from error
    except (RecursionError, OverflowError) as error:
        raise ValueError("too deep, or too large a number") from error


class RegexProcess:
    """A context that asks of many names whether a checked pattern is found in them. Not for the event loop.

    `cancelled` is looked at while an answer is awaited.
    """

    def __init__(self, pattern: str, *, ignore_case: bool, cancelled: Callable[[], bool]) -> None:
        self._question = (pattern, int(re.IGNORECASE) if ignore_case else 0)
        self._cancelled = cancelled

    def __enter__(self) -> RegexProcess:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _BESIDE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # a Ctrl+C in the terminal is not for it
        )
        self._send(self._question)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def found_in(self, names: Sequence[str]) -> bytes:
        """One byte a name, 1 where the pattern is found; empty when it was cancelled.

        Raises RunawayRegex when it takes longer than PATIENCE_S.
        """
        assert self._process.stdout is not None
        self._send(list(names))
        deadline = time.monotonic() + PATIENCE_S
        with DefaultSelector() as answers:
            answers.register(self._process.stdout, EVENT_READ)
            while not answers.select(GLANCE_S):
                if self._cancelled():
                    return b""
                if time.monotonic() > deadline:
                    raise RunawayRegex
        try:
            found: bytes = marshal.load(self._process.stdout)
        except EOFError as error:  # it ran out of memory or was killed
            raise RunawayRegex from error
        return found

    def _send(self, message: tuple[str, int] | list[str]) -> None:
        assert self._process.stdin is not None
        try:
            marshal.dump(message, self._process.stdin)
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise RunawayRegex from error
