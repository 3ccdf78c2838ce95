"""How a plain command asks a person at a terminal. A script is never asked."""

from __future__ import annotations

import signal
import sys


def has_person() -> bool:
    """Whether someone at a terminal can be asked."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def agreed(question: str) -> bool:
    """Whether a person at a terminal says `y`. An interrupt ends the question at once, also in a task."""
    if not has_person():
        return False
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    # asyncio's own handler only asks the task to end, which waits for this very line.
    was = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return sys.stdin.readline().strip().lower() == "y"
    finally:
        signal.signal(signal.SIGINT, was)
