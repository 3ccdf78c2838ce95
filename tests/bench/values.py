"""A value that is already read: how soon it is seen, what a step costs, and how much memory it takes.

Beside it stands Textual's TextArea, the widget one would take. It gets 1 MB: its load of 25 MiB takes half
a minute. Every side is a program of its own in a pseudo-terminal; times go from the key to the last byte.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from statistics import median
from typing import NamedTuple

from tests.bench.pty import Pty

MIB = 1024 * 1024
SIZES = {"1 MB": 1_000_000, "25 MiB": 25 * MIB}
STEPS = 9

SHOW, DOWN, PAGE, END = b"0", b"\x1b[B", b"\x1b[6~", b"\x05"

READY = b"press 0"

LOAD_QUIET_S = 0.8
"""A big value is looked at between two frames, so that a short silence does not end its load."""


class Measured(NamedTuple):
    """Seconds, and memory as a multiple of the value, which is in it."""

    first: float
    down: float
    page: float
    end: float
    memory: float

    def words(self) -> str:
        """The times in ms and the memory."""
        times = f"{self.first * 1000:.0f} / {self.down * 1000:.1f} / {self.page * 1000:.1f}"
        return f"{times} / {self.end * 1000:.1f} ms, {self.memory:.1f} x"


def run() -> list[tuple[str, str, str]]:
    """Rows of what was measured, kvtui's side and the other's."""
    label = "first view / down / page / end, memory"
    beside = measure("textarea", "lines", "1 MB")
    ours = measure("entry", "lines", "1 MB")
    ratio = f"{beside.first / ours.first:.0f} x sooner, a step {beside.down / ours.down:.0f} x"
    rows = [(f"value, 1 MB of lines: {label}", f"{ours.words()} = {ratio}", f"TextArea: {beside.words()}")]
    targets = "target: first <= 400 ms, down <= 12 ms, memory <= 2.5 x"
    for kind in VALUES:
        words = WORDS[kind]
        rows.append((f"value, 25 MiB of {words}: {label}", measure("entry", kind, "25 MiB").words(), targets))
    return rows


def measure(side: str, kind: str, size: str) -> Measured:
    """One side in a fresh process."""
    value_mib = len(VALUES[kind](SIZES[size])) / MIB
    with Pty([sys.executable, "-m", "tests.bench.values", side, kind, size]) as terminal:
        terminal.drawn(READY)
        terminal.settle()
        before = terminal.rss_mib()
        first = terminal.press(SHOW, quiet=LOAD_QUIET_S).seconds
        memory = (terminal.rss_mib() - before + value_mib) / value_mib
        down = median(terminal.press(DOWN).seconds for _ in range(STEPS))
        page = median(terminal.press(PAGE).seconds for _ in range(STEPS))
        end = terminal.press(END, quiet=LOAD_QUIET_S).seconds
        return Measured(first, down, page, end, memory)


# The values


def lines(size: int) -> bytes:
    """A log: some 18 bytes a line."""
    line = b"line %08d ok..\n"
    return b"".join(line % number for number in range(size // 20))


def one_line(size: int) -> bytes:
    """JSON without a line break."""
    item = json.dumps({"id": 4711, "name": "a name", "tags": ["one", "two"], "ratio": 0.25}).encode()
    return b"[" + b",".join([item] * (size // (len(item) + 1))) + b"]"


def binary(size: int) -> bytes:
    """Bytes that are no text."""
    return bytes(range(256)) * (size // 256)


VALUES: dict[str, Callable[[int], bytes]] = {"lines": lines, "one_line": one_line, "binary": binary}
WORDS = {"lines": "lines", "one_line": "JSON in one line", "binary": "binary, in hex"}


# The sides


def show_in_entry_pane(value: bytes) -> None:
    """kvtui's pane, with a read that answers at once."""
    from textual.app import App, ComposeResult
    from textual.widgets import Static

    from kvtui.api.models import Entry, Namespace
    from kvtui.ui.panes.entry import EntryPane, Progress

    async def read(namespace: Namespace, key: str, progress: Progress) -> Entry:
        return Entry(value)

    class Side(App[None]):
        AUTO_FOCUS = None  # else the key would be the widget's
        BINDINGS = [("0", "show", "show"), ("ctrl+e", "end", "end")]

        def compose(self) -> ComposeResult:
            yield Static("press 0")
            yield EntryPane(read)

        def action_show(self) -> None:
            pane = self.query_one(EntryPane)
            pane.show(Namespace("id", "title"), "key")
            pane.focus_inside()

        def action_end(self) -> None:
            self.query_one(EntryPane).action_end()

    Side().run()


def show_in_text_area(value: bytes) -> None:
    """Textual's own widget, read-only and without highlighting."""
    from textual.app import App, ComposeResult
    from textual.widgets import Static, TextArea

    class Side(App[None]):
        AUTO_FOCUS = None  # else the key would be the widget's
        BINDINGS = [("0", "show", "show"), ("ctrl+e", "end", "end")]

        def compose(self) -> ComposeResult:
            yield Static("press 0")
            area = TextArea(read_only=True, soft_wrap=False)
            area.cursor_blink = False  # it would draw twice a second
            yield area

        def action_show(self) -> None:
            area = self.query_one(TextArea)
            area.text = value.decode()
            area.focus()

        def action_end(self) -> None:
            area = self.query_one(TextArea)
            area.move_cursor(area.document.end)

    Side().run()


SIDES = {"entry": show_in_entry_pane, "textarea": show_in_text_area}


if __name__ == "__main__":
    if len(sys.argv) == 4:
        _script, name, kind, size = sys.argv
        SIDES[name](VALUES[kind](SIZES[size]))
    else:
        from tests.bench.__main__ import show

        show(run())
