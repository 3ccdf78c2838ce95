"""Keys in a list: kvtui's list beside Textual's DataTable, and beside itself at a thousandth of the rows.

Every program runs in a pseudo-terminal of 120x40 in a process of its own. A time is from the key to the last
byte of what it draws; memory is what the process holds, the names of the keys included. DataTable takes over
a minute to fill with a million rows, so it is measured at 100,000 unless `full` is asked for.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from array import array
from collections.abc import Callable
from statistics import mean, median, quantiles
from typing import TYPE_CHECKING, NamedTuple

from tests.bench.listing import ACCOUNT, KEYS, NAMESPACE, TOKEN, serving
from tests.bench.pty import Pty

if TYPE_CHECKING:
    from kvtui.core.listing import Listing

Row = tuple[str, str, str]

DOWN, UP, PAGE_DOWN, END, ALL = b"\x1b[B", b"\x1b[A", b"\x1b[6~", b"\x1b[1;5F", b"\x0c"
MANY, FEW, TABLE = 1_000_000, 1_000, 100_000
PAUSE_S = 0.04
"""Between keys while something runs beside them: some twenty keys a second."""


class Measured(NamedTuple):
    """One list: seconds, bytes and MiB."""

    populate: float
    memory: float
    down: float
    down_bytes: float
    page: float
    page_bytes: float
    end: float
    up_at_end: float


def run(full: bool = False) -> list[Row]:
    """Rows of (what, kvtui, beside it)."""
    beside = MANY if full else TABLE
    many, few, table = measure("keylist", MANY), measure("keylist", FEW), measure("datatable", beside)
    named = f"DataTable, {beside:,} rows"
    same = f"itself, {FEW:,} rows"

    def row(what: str, ours: str, name: str, theirs: str) -> Row:
        return f"{what}, {MANY:,} keys", ours, f"{name}: {theirs}"

    per_row = table.populate / beside / (many.populate / MANY)
    return [
        row(
            "populate from columns",
            f"{ms(many.populate)} = {per_row:,.0f} x faster a row (target 100 x, <= 500 ms)",
            named,
            ms(table.populate),
        ),
        row(
            "memory above the empty app",
            f"{many.memory:.0f} MiB (target <= 150)",
            named,
            f"{table.memory:.0f} MiB",
        ),
        row("down", against(many.down, few.down), same, ms(few.down)),
        row("down", ms(many.down), named, ms(table.down)),
        row(
            "bytes of a down, mean of 200",
            f"{many.down_bytes:,.0f} B (target <= 1,024)",
            named,
            f"{table.down_bytes:,.0f} B",
        ),
        row("page down", against(many.page, few.page), same, ms(few.page)),
        row("page down", ms(many.page), named, ms(table.page)),
        row(
            "bytes of a page down",
            f"{many.page_bytes:,.0f} B (target <= 10,240)",
            named,
            f"{table.page_bytes:,.0f} B",
        ),
        row("end", against(many.end, few.end), same, ms(few.end)),
        row("up at the end", ms(many.up_at_end), named, ms(table.up_at_end)),
        *filtering(),
        *streaming(),
        *idling(),
    ]


def ms(seconds: float) -> str:
    return f"{seconds * 1000:,.1f} ms"


def against(many: float, few: float) -> str:
    return f"{ms(many)} = {many / few:.2f} x (target 1.2 x)"


def measure(kind: str, rows: int) -> Measured:
    """Fill one list and go about in it."""
    with Pty(command(kind, rows)) as terminal:
        terminal.drawn(b"ready")
        empty = terminal.rss_mib()
        terminal.press(b"n", quiet=1)
        populate = terminal.press(b"x", quiet=1).seconds
        memory = terminal.rss_mib() - empty
        downs = [terminal.press(DOWN) for _ in range(200)]
        pages = [terminal.press(PAGE_DOWN) for _ in range(20)]
        end = terminal.press(END)
        ups = [terminal.press(UP) for _ in range(5)]
        return Measured(
            populate,
            memory,
            median(one.seconds for one in downs),
            mean(one.bytes for one in downs),
            median(one.seconds for one in pages),
            mean(one.bytes for one in pages),
            end.seconds,
            median(one.seconds for one in ups),
        )


def filtering() -> list[Row]:
    """Type into the filter of a million names, so that it never comes to rest; and into that of a few."""
    first, taken = typing(MANY)
    _first, at_rest = typing(FEW)
    return [
        (
            "filter a million names: first hits",
            f"{ms(first)} (target <= 100 ms)",
            "a blocking pass: 430 ms (perf.md)",
        ),
        (
            "a letter typed while that filter runs",
            f"median {ms(median(taken))}, p95 {ms(p95(taken))} (target median <= 5 ms)",
            f"into the filter of 1,000 names: median {ms(median(at_rest))}, p95 {ms(p95(at_rest))}",
        ),
    ]


def typing(rows: int) -> tuple[float, list[float]]:
    """Seconds to the first hits, and to the first byte after each letter."""
    with Pty(command("pane", rows)) as terminal:
        terminal.drawn(b"complete")
        terminal.settle()
        terminal.press(b"/")
        before, started = len(terminal.output), time.perf_counter()
        terminal.press(b"7", quiet=0)
        while b"filter: " not in terminal.output[before:]:
            terminal.count(0.002)
        first = time.perf_counter() - started
        taken: list[float] = []
        for key in itertools.islice(itertools.cycle([b"0", b"\x7f", b"1", b"\x7f"]), 60):
            taken.append(terminal.press(key, quiet=0).seconds)
            terminal.count(PAUSE_S)
    return first, taken


def streaming() -> list[Row]:
    """Go down through the list while all of a namespace loads over HTTP, 10 ms a page."""
    with serving(0.01) as port, Pty(command("stream", port)) as terminal:
        terminal.drawn(b"1,000+")
        terminal.settle()
        before, started = len(terminal.output), time.perf_counter()
        terminal.press(ALL, quiet=0)
        taken: list[float] = []
        drawn_for_keys = 0
        while b"complete" not in terminal.output[before:]:
            one = terminal.press(DOWN, quiet=0)
            taken.append(one.seconds)
            drawn_for_keys += one.bytes
            terminal.count(PAUSE_S)
        seconds = time.perf_counter() - started
        rate = (len(terminal.output) - before - drawn_for_keys) / seconds / 1000
    return [
        (
            f"a key while {KEYS:,} keys stream in",
            f"median {ms(median(taken))}, p95 {ms(p95(taken))} (target p95 <= 20 ms)",
            f"{len(taken)} keys in {seconds:.1f} s",
        ),
        (
            "bytes to the terminal meanwhile",
            f"{rate:.0f} KB/s (target <= 30)",
            "the keys' own lines not counted",
        ),
    ]


def idling() -> list[Row]:
    """Nobody touches a key."""
    rates: list[float] = []
    for kind in ("idle", "counting"):
        with Pty(command(kind, FEW)) as terminal:
            terminal.drawn(b"complete")
            terminal.settle()
            rates.append(terminal.count(5) / 5)
    return [
        (
            "idle, nothing expiring on screen",
            f"{rates[0]:.0f} B/s (target 0)",
            "a loading indicator: 55,000 B/s (perf.md)",
        ),
        ("idle, five countdowns in seconds", f"{rates[1]:.0f} B/s (target <= 300)", ""),
    ]


def p95(values: list[float]) -> float:
    return quantiles(values, n=20)[-1] if len(values) > 1 else values[0]


def command(kind: str, number: int) -> list[str]:
    """A program of this module, in a process of its own."""
    return [sys.executable, "-m", "tests.bench.keylist", kind, str(number)]


# The programs that are measured


class Columns(NamedTuple):
    """What is shown: half of the keys expire, a third have metadata."""

    names: list[str]
    expirations: array[int]
    metadata: list[str | None]


def columns_of(rows: int, soon: int = 0) -> Columns:
    later = int(time.time()) + 10_000_000
    names = [f"user:{row:08d}:session:{row * 2654435761 % 10**9:09d}" for row in range(rows)]
    expirations = array("q", (later + row if row % 2 else 0 for row in range(rows)))
    expirations[:soon] = array("q", (int(time.time()) + 40 + row for row in range(soon)))
    texts = [f'{{"v":{row % 7},"owner":"team-{row % 40}"}}' for row in range(280)]
    return Columns(names, expirations, [None if row % 3 else texts[row % 280] for row in range(rows)])


def show_keylist(rows: int) -> None:
    from textual.app import App, ComposeResult

    from kvtui.core.keys import KeyTable, Marks
    from kvtui.ui.keylist import KeyList

    class Shown(App[None]):
        def compose(self) -> ComposeResult:
            keys = KeyList()
            keys.say_if_empty("ready")
            yield keys

        def on_mount(self) -> None:
            self.query_one(KeyList).focus()

        def key_n(self) -> None:
            self.columns = columns_of(rows)
            self.bell()

        def key_x(self) -> None:
            table = KeyTable()
            table.names = list(self.columns.names)
            table.expirations = self.columns.expirations[:]
            table.metadata = list(self.columns.metadata)
            del self.columns
            self.query_one(KeyList).show(table, Marks())

        def key_down(self) -> None:
            self._move(1)

        def key_up(self) -> None:
            self._move(-1)

        def key_pagedown(self) -> None:
            self._move(self.query_one(KeyList).page())

        def key_ctrl_end(self) -> None:
            self._move(rows)

        def _move(self, step: int) -> None:
            keys = self.query_one(KeyList)
            keys.move_to(keys.cursor + step)

    Shown().run()


def show_datatable(rows: int) -> None:
    from textual.app import App, ComposeResult
    from textual.widgets import DataTable

    from kvtui.core.wording import countdown

    class Shown(App[None]):
        def compose(self) -> ComposeResult:
            table = DataTable[str](cursor_type="row")
            table.add_column("ready", width=50)
            table.add_column("expires", width=10)
            table.add_column("metadata", width=40)
            yield table

        def key_n(self) -> None:
            self.columns = columns_of(rows)
            self.bell()

        def key_x(self) -> None:
            now = time.time()
            names, expirations, metadata = self.columns
            self.query_one(DataTable).add_rows(
                (name, countdown(when - now if when else None), text or "")
                for name, when, text in zip(names, expirations, metadata, strict=True)
            )
            del self.columns

    Shown().run()


def show_pane(rows: int, *, soon: int = 0) -> None:
    """The pane over a listing that is complete after one page, with the columns put in as they are."""
    from kvtui.api.models import KeyPage
    from kvtui.core.listing import Listing

    made = columns_of(rows, soon)
    made.expirations[soon:] = array("q", bytes(8 * (rows - soon)))

    async def fetch(cursor: str | None) -> KeyPage:
        listing.table.names, listing.table.expirations, listing.table.metadata = made
        return KeyPage([])

    listing = Listing(fetch)
    run_pane(listing)


def show_stream(port: int) -> None:
    """The pane over the client, over HTTP."""
    from kvtui.api.client import KVClient
    from kvtui.api.credentials import Credentials
    from kvtui.api.models import Namespace
    from kvtui.core.store import Store

    client = KVClient(f"http://127.0.0.1:{port}/client/v4", Credentials.token(TOKEN))
    run_pane(Store(client, label="bench").listing(Namespace(NAMESPACE, "bench", ACCOUNT)))
    asyncio.run(client.aclose())


def run_pane(listing: Listing) -> None:
    import gc

    from textual.app import App, ComposeResult

    from kvtui.api.models import Namespace
    from kvtui.ui.panes.keys import KeysPane

    class Shown(App[None]):
        CSS = "KeysPane { border: round; } .line-input { height: 1; border: none; }"

        def compose(self) -> ComposeResult:
            yield KeysPane(lambda namespace, prefix: listing)

        def on_mount(self) -> None:
            pane = self.query_one(KeysPane)
            pane.show(Namespace("1" * 32, "bench"))
            pane.focus_inside()
            self.set_timer(0.2, gc.freeze)

    Shown().run()


PROGRAMS: dict[str, Callable[[int], None]] = {
    "keylist": show_keylist,
    "datatable": show_datatable,
    "pane": show_pane,
    "stream": show_stream,
    "idle": show_pane,
    "counting": lambda rows: show_pane(rows, soon=5),
}


if __name__ == "__main__":
    match sys.argv[1:]:
        case [kind, number]:
            PROGRAMS[kind](int(number))
        case flags:
            from tests.bench.__main__ import show

            show(run(full="--full" in flags))
