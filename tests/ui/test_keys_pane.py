"""The pane of keys: real listings over pages served here, and what a person sees of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest
from msgspec import Raw
from rich.segment import Segment
from textual import on
from textual.app import App, ComposeResult
from textual.filter import LineFilter
from textual.geometry import Region
from textual.message import Message
from textual.pilot import Pilot

from kvtui.api.client import KVClient
from kvtui.api.errors import Unreachable
from kvtui.api.models import Entry, KeyInfo, KeyPage, Namespace
from kvtui.core.listing import Listing
from kvtui.core.store import Store
from kvtui.local.server import create_app
from kvtui.local.state import KVState
from kvtui.ui.keyline import GUTTER, columns, expires_words
from kvtui.ui.keylist import KeyList
from kvtui.ui.panes.keys import BARREN_MOST, KeysPane
from kvtui.ui.present import ControlFilter
from tests.ui.kit import screen_text, until

NOW = 1_800_000_000.0
ONE, OTHER = Namespace("1" * 32, "one"), Namespace("2" * 32, "other")
SESSIONS = [f"user:{number:04}" for number in range(2500)]
HOSTILE = [
    "[/]",
    "[@click=app.bell]x[/]",
    "a\x1b[c",
    "a\\e[c",
    "a\tb",
    "a\nb",
    "e\u0301",
    "é",
    "half\ud800",
    "汉字",
    "x\u202ey",
]


class Server:
    """Serves sorted names in pages; it can be made to wait, to fail and to forget."""

    def __init__(self, names: Sequence[str] = SESSIONS, *, page: int = 1000) -> None:
        self.names = {ONE: sorted(names), OTHER: ["other:1", "other:2"]}
        self.expirations: dict[str, int] = {}
        self.page = page
        self.open = asyncio.Event()
        self.open.set()
        self.failure: Unreachable | None = None
        self.asked: list[str | None] = []
        self.slow_to_stop = 0.0

    def listing(self, namespace: Namespace, prefix: str) -> Listing:
        async def fetch(cursor: str | None) -> KeyPage:
            self.asked.append(cursor)
            try:
                await self.open.wait()
            except asyncio.CancelledError:
                await asyncio.sleep(self.slow_to_stop)
                raise
            if self.failure:
                raise self.failure
            names = [name for name in self.names[namespace] if name.startswith(prefix)]
            start = int(cursor or 0)
            end = start + self.page
            rows = [KeyInfo(name, self.expirations.get(name), Raw(b'{"v":3}')) for name in names[start:end]]
            return KeyPage(rows, str(end) if end < len(names) else None)

        return Listing(fetch)


class Shown(App[None]):
    """Nothing but the pane, and what it said."""

    CSS = "KeysPane { height: 1fr; } .line-input { height: 1; border: none; } .pane { border: round; }"

    def __init__(self, server: Server) -> None:
        self._control_filter = ControlFilter()
        super().__init__()
        self.now = NOW
        self._server = server
        self.heard: list[Message] = []

    def compose(self) -> ComposeResult:
        yield KeysPane(self._server.listing, clock=lambda: self.now)

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), self._control_filter]

    @on(KeysPane.Rested)
    @on(KeysPane.Opened)
    @on(KeysPane.PrefixWanted)
    @on(KeysPane.Changed)
    def _hear(self, message: Message) -> None:
        self.heard.append(message)

    @property
    def pane(self) -> KeysPane:
        return self.query_one(KeysPane)

    @property
    def keys(self) -> KeyList:
        return self.query_one(KeyList)

    @property
    def title_words(self) -> str:
        return str(self.pane.border_title).replace("\\", "")

    def heard_last(self, kind: type[KeysPane.Rested | KeysPane.Opened]) -> str | bool | None:
        names = [message.name for message in self.heard if isinstance(message, kind)]
        return names[-1] if names else False


@asynccontextmanager
async def shown(
    server: Server, *, size: tuple[int, int] = (80, 24)
) -> AsyncIterator[tuple[Shown, Pilot[None]]]:
    app = Shown(server)
    async with app.run_test(size=size) as pilot:
        app.pane.show(ONE)
        app.pane.focus_inside()
        await until(pilot, lambda: server.failure or (app.pane.listing and app.pane.listing.pages))
        await pilot.pause()
        yield app, pilot


def text(app: Shown) -> str:
    return screen_text(app.screen)


async def test_the_first_page_shows_at_once_with_its_columns() -> None:
    server = Server()
    server.expirations = {"user:0000": int(NOW) + 7380, "user:0002": int(NOW) + 58}
    async with shown(server) as (app, _pilot):
        lines = text(app).splitlines()
        assert lines[1].split() == ["│", "name", "expires", "metadata", "│"] or "name" in lines[1]
        assert ">  user:0000" in lines[2] and "2h 03m" in lines[2] and '{"v":3}' in lines[2]
        assert "never" in lines[3]
        assert "55s" in lines[4]
        assert app.title_words == "Keys  1,000+"
        assert "1,000 keys · L next page" in text(app)
        assert server.asked == [None]


async def test_the_next_page_loads_as_the_cursor_nears_the_end() -> None:
    server = Server(page=100)
    async with shown(server) as (app, pilot):
        await until(pilot, lambda: app.pane.status.startswith("100 keys"))
        await pilot.press("j", "j")
        assert server.asked == [None]
        await pilot.press("G")
        await until(pilot, lambda: server.asked == [None, "100"])
        await until(pilot, lambda: app.title_words == "Keys  200+")
        assert app.pane.name_at_cursor == "user:0099"


async def test_l_loads_a_page_and_ctrl_l_all_of_them() -> None:
    server = Server()
    async with shown(server) as (app, pilot):
        await pilot.press("L")
        await until(pilot, lambda: app.title_words == "Keys  2,000+")
        await pilot.press("ctrl+l")
        await until(pilot, lambda: app.title_words == "Keys  2,500")
        assert app.pane.status == "2,500 keys · complete"
        await pilot.press("L", "ctrl+l")
        assert len(server.asked) == 3


@pytest.mark.parametrize("key", ["escape", "ctrl+l"])
async def test_loading_all_stops_when_told_to_and_can_go_on(key: str) -> None:
    server = Server()
    async with shown(server) as (app, pilot):
        server.open.clear()
        await pilot.press("ctrl+l")
        await until(pilot, lambda: app.pane.status == "● loading page 2 · 1,000 keys · esc stops")
        await pilot.press(key)
        await until(pilot, lambda: app.pane.status.startswith("1,000 keys · L next page"))
        server.open.set()
        await pilot.press("L")
        await until(pilot, lambda: app.title_words == "Keys  2,000+")


async def test_a_load_that_is_slow_to_stop_does_not_hide_the_next() -> None:
    server = Server()
    async with shown(server) as (app, pilot):
        server.slow_to_stop = 0.05
        server.open.clear()
        await pilot.press("L")
        await until(pilot, lambda: len(server.asked) == 2)
        await pilot.press("ctrl+l")
        await until(pilot, lambda: len(server.asked) == 3)
        assert app.pane.status == "● loading page 2 · 1,000 keys · esc stops"
        server.open.set()
        await until(pilot, lambda: app.title_words == "Keys  2,500")
        assert app.pane.status == "2,500 keys · complete"


async def test_a_failure_says_why_keeps_what_is_there_and_is_tried_again() -> None:
    server = Server()
    async with shown(server) as (app, pilot):
        server.failure = Unreachable("The line is dead.")
        await pilot.press("L")
        await until(pilot, lambda: "L tries again" in app.pane.status)
        assert "The line is dead. 1,000 keys kept" in app.pane.status
        assert "user:0000" in text(app)
        await pilot.press("G")
        await pilot.pause()
        assert len(server.asked) == 2, "nothing asks again unasked"
        server.failure = None
        await pilot.press("L")
        await until(pilot, lambda: app.title_words == "Keys  2,000+")


async def test_a_first_page_that_fails_teaches_in_the_list() -> None:
    server = Server()
    server.failure = Unreachable("The line is dead.")
    async with shown(server) as (app, pilot):
        await until(pilot, lambda: "L tries again." in text(app))
        assert "Check the network" in text(app)


async def test_pages_without_keys_are_passed_over_but_not_for_ever() -> None:
    server = Server()

    async def fetch(cursor: str | None) -> KeyPage:
        server.asked.append(cursor)
        return KeyPage([], str(len(server.asked)))

    async with shown(server) as (app, pilot):
        server.asked.clear()
        server.listing = lambda namespace, prefix: Listing(fetch)  # type: ignore[method-assign]  # another server
        app.pane._make_listing = server.listing
        app.pane.show(ONE)
        await until(pilot, lambda: "No keys so far." in text(app) and "L looks further." in text(app))
        assert len(server.asked) == BARREN_MOST


async def test_nothing_stale_appears_under_a_new_title() -> None:
    server = Server()
    async with shown(server) as (app, pilot):
        server.open.clear()
        await pilot.press("ctrl+l")
        await until(pilot, lambda: len(server.asked) == 2)
        first = app.pane.listing
        app.pane.show(OTHER)
        await pilot.pause()
        assert "user:" not in text(app) and "Loading..." in text(app)
        server.open.set()
        await until(pilot, lambda: app.title_words == "Keys  2")
        assert "other:1" in text(app)
        assert first is not None and (first.state, len(first.table)) == ("more", 1000)


async def test_the_filter_narrows_while_typing_and_new_pages_pass_through_it() -> None:
    server = Server()
    async with shown(server) as (app, pilot):
        await pilot.press("slash", *"77")
        await until(pilot, lambda: app.pane.status.startswith("filter: 19 of 1,000"))
        assert "user:0077" in text(app)
        await pilot.press("enter", "ctrl+l")
        await until(pilot, lambda: app.pane.status.startswith("filter: 43 of 2,500"))
        await pilot.press("escape")
        await until(pilot, lambda: app.pane.status == "2,500 keys · complete")
        assert not app.query_one("#filter-input").display


async def test_leaving_the_filter_keeps_the_key_that_was_looked_at() -> None:
    async with shown(Server()) as (app, pilot):
        await pilot.press("j", "j", "slash", *"0500")
        await until(pilot, lambda: app.pane.name_at_cursor == "user:0500")
        await pilot.press(*["backspace"] * 4)
        await until(pilot, lambda: app.pane.name_at_cursor == "user:0002")
        await pilot.press(*"0500", "down")
        await until(pilot, lambda: app.keys.has_focus)
        await pilot.press("escape")
        await until(pilot, lambda: app.pane.status.startswith("1,000 keys"))
        assert app.pane.name_at_cursor == "user:0500"
        assert "user:0500" in text(app)


async def test_a_filter_that_passes_nothing_and_one_that_is_broken_are_said() -> None:
    async with shown(Server()) as (app, pilot):
        await pilot.press("slash", *"nobody")
        await until(pilot, lambda: "Nothing passes the filter." in text(app))
        await pilot.press(*["backspace"] * 6, *"~(")
        await until(pilot, lambda: app.pane.status.startswith("This regex cannot be read"))
        await pilot.press("backspace", *"7$")
        await until(pilot, lambda: app.pane.status.startswith("filter: 100 of 1,000"))


async def test_a_runaway_regex_is_said_and_typing_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kvtui.core.regexes.PATIENCE_S", 0.1)
    async with shown(Server(["a" * 40 + "b"])) as (app, pilot):
        await pilot.press("slash", *"~^(a+)+$")
        await until(pilot, lambda: "takes too long" in app.pane.status)
        await pilot.press(*["backspace"] * 8, "b")
        await until(pilot, lambda: app.pane.status.startswith("filter: 1 of 1"))


async def test_a_filter_of_many_keys_runs_beside_and_its_hits_are_right() -> None:
    names = [f"k{number:06}" for number in range(30_000)]
    async with shown(Server(names, page=30_000)) as (app, pilot):
        await pilot.press("slash", *"99")
        wanted = [name for name in names if "99" in name]
        await until(pilot, lambda: app.pane.status.startswith(f"filter: {len(wanted):,} of 30,000"))
        listing = app.pane.listing
        assert listing is not None
        assert [listing.table.names[row] for row in app.keys.rows(0, len(app.keys))] == wanted


async def test_s_sorts_and_the_cursor_stays_on_its_key() -> None:
    server = Server([f"k{number}" for number in range(9)])
    server.expirations = {"k5": int(NOW) + 9, "k2": int(NOW) + 5}
    async with shown(server) as (app, pilot):

        def names() -> list[str]:
            assert app.pane.listing is not None
            return [app.pane.listing.table.names[row][1:] for row in app.keys.rows(0, 99)]

        await pilot.press("j")
        await pilot.press("s")
        assert "".join(names()) == "876543210" and "name ▲" in text(app)
        await pilot.press("s")
        assert "".join(names()) == "250134678" and "expires▼" in text(app)
        assert app.pane.name_at_cursor == "k1"
        await pilot.press("s")
        assert "".join(names()) == "012345678" and app.keys.cursor == 1


async def test_marks_are_counted_and_stay_with_their_keys() -> None:
    async with shown(Server()) as (app, pilot):
        assert app.pane.listing is not None
        table = app.pane.listing.table
        await pilot.press("space", "j", "j", "v")
        assert app.pane.marks.names(table) == ["user:0000", "user:0001", "user:0002", "user:0003"]
        assert "4 marked" in app.title_words
        await pilot.press("slash", *"099", "enter", "M", "s")
        assert len(app.pane.marks) == 4 + 11 and "Only loaded keys" in app.pane.status
        await pilot.press("escape", "g")
        await until(pilot, lambda: ">* user:0999" in text(app))
        await pilot.press("space")
        assert "user:0999" not in app.pane.marks.names(table)
        await pilot.press("U")
        assert len(app.pane.marks) == 0 and "marked" not in app.title_words
        await pilot.press("M")
        app.pane.show(OTHER)
        await until(pilot, lambda: app.title_words == "Keys  2")


async def test_refresh_keeps_the_cursor_on_its_key_and_the_marks_on_theirs() -> None:
    server = Server(page=300)
    async with shown(server) as (app, pilot):
        await pilot.press("L", "L")
        await until(pilot, lambda: app.title_words == "Keys  900+")
        await pilot.press("space", "space", "G")
        await until(pilot, lambda: app.pane.status.startswith("1,200 keys"))
        assert app.pane.name_at_cursor == "user:0899"
        server.names[ONE].remove("user:0001")
        server.names[ONE][:0] = ["a", "b"]
        server.open.clear()
        await pilot.press("R")
        await until(pilot, lambda: "refreshing" in app.pane.status)
        assert "user:0899" in text(app), "the old list stays until the new one has come as far"
        server.open.set()
        await until(
            pilot, lambda: app.pane.status.startswith("1,200 keys") and "refreshing" not in app.pane.status
        )
        assert app.pane.name_at_cursor == "user:0899"
        assert app.pane.listing is not None
        assert app.pane.marks.names(app.pane.listing.table) == ["user:0000"]


async def test_a_refresh_that_fails_or_is_stopped_changes_nothing() -> None:
    server = Server()
    async with shown(server) as (app, pilot):
        before = app.pane.listing
        server.failure = Unreachable("The line is dead.")
        await pilot.press("R")
        await until(pilot, lambda: "Refresh failed: The line is dead." in app.pane.status)
        server.failure = None
        server.open.clear()
        await pilot.press("R")
        await until(pilot, lambda: "refreshing" in app.pane.status)
        await pilot.press("escape")
        await until(pilot, lambda: app.pane.status.startswith("1,000 keys"))
        assert app.pane.listing is before and app.pane.name_at_cursor == "user:0000"


async def test_a_filter_and_a_sort_outlive_a_refresh() -> None:
    server = Server()
    async with shown(server) as (app, pilot):
        await pilot.press("slash", *"099", "enter", "s")
        await until(pilot, lambda: app.pane.name_at_cursor is not None)
        server.names[ONE].remove("user:0998")
        await pilot.press("g", "R")
        await until(pilot, lambda: app.pane.status.startswith("filter: 10 of 1,000"))
        await until(pilot, lambda: app.pane.name_at_cursor == "user:0999")


async def test_the_pane_tells_when_the_cursor_has_rested_and_what_was_opened() -> None:
    async with shown(Server()) as (app, pilot):
        await until(pilot, lambda: app.heard_last(KeysPane.Rested) == "user:0000")
        await pilot.press("j", "j", "j", "enter")
        assert app.heard_last(KeysPane.Opened) == "user:0003"
        await until(pilot, lambda: app.heard_last(KeysPane.Rested) == "user:0003")
        rested = [message.name for message in app.heard if isinstance(message, KeysPane.Rested)]
        assert "user:0001" not in rested
        await pilot.press("slash", *"nobody")
        await until(pilot, lambda: app.heard_last(KeysPane.Rested) is None)


async def test_p_asks_for_another_prefix_and_escape_leaves_it() -> None:
    async with shown(Server()) as (app, pilot):
        await pilot.press("p", *"user:07", "escape")
        assert app.keys.has_focus
        await pilot.press("p", *"user:07", "enter")
        await until(pilot, lambda: any(isinstance(message, KeysPane.PrefixWanted) for message in app.heard))
        assert [one.prefix for one in app.heard if isinstance(one, KeysPane.PrefixWanted)] == ["user:07"]
        app.pane.show(ONE, "user:07")
        await until(pilot, lambda: app.title_words == "Keys  user:07*  100")
        await pilot.press("p")
        assert app.query_one("#prefix-input").display and app.focused is app.query_one("#prefix-input")


async def test_an_empty_place_teaches() -> None:
    async with shown(Server([])) as (app, pilot):
        await until(pilot, lambda: "No keys here." in text(app) and "p lists another prefix." in text(app))
        await pilot.press("space", "v", "M", "enter", "G", "j", "s", "R", "ctrl+d", "U")
        app.pane.show(None)
        await until(pilot, lambda: "No namespace is open." in text(app))
        await pilot.press("space", "R", "L", "s", "slash", "x", "enter", "p")


async def test_escape_is_left_to_others_when_there_is_nothing_to_leave() -> None:
    async with shown(Server()) as (app, pilot):
        assert not app.pane.check_action("leave", ())
        await pilot.press("space")
        assert app.pane.check_action("leave", ())
        await pilot.press("escape")
        assert len(app.pane.marks) == 0
        assert not app.pane.check_action("leave", ())


@pytest.mark.parametrize("width", [20, 33, 34, 43, 44, 60, 120])
async def test_hostile_names_stay_in_their_columns_and_no_two_look_the_same(width: int) -> None:
    async with shown(Server(HOSTILE), size=(width + 3, 24)) as (app, _pilot):
        assert app.keys.scrollable_content_region.width == width
        name = columns(width).name
        looks: set[tuple[tuple[str, bool], ...]] = set()
        for strip in app.keys.render_lines(Region(0, 0, width, len(HOSTILE) + 1))[1:]:
            assert strip.cell_length == width
            cut = strip.crop(GUTTER, GUTTER + name)
            looks.add(tuple((one.text, reversed_(one)) for one in cut if one.text.strip()))
        assert len(looks) == len(HOSTILE)
        assert "\x1b" not in text(app) and "\u202e" not in text(app)


def reversed_(segment: Segment) -> bool:
    return bool(segment.style and segment.style.reverse)


def is_shown(app: Shown, words: str) -> bool:
    return words in text(app)


async def test_a_countdown_goes_on() -> None:
    server = Server(["a", "b"])
    server.expirations = {"a": int(NOW) + 20}
    async with shown(server) as (app, pilot):
        for left, words in [(20, "20s"), (19, "15s"), (9, "9s"), (0, "expired")]:
            app.now = NOW + 20 - left
            await until(pilot, partial(is_shown, app, words), words)
        for left, words in [(61, "1m"), (599, "9m"), (7380, "2h 03m")]:
            assert expires_words(left) == words


async def test_clicks_move_and_open() -> None:
    async with shown(Server()) as (app, pilot):
        await pilot.click(KeyList, offset=(5, 4))
        assert app.pane.name_at_cursor == "user:0003"
        assert app.heard_last(KeysPane.Opened) is False
        await pilot.click(KeyList, offset=(5, 4))
        await until(pilot, lambda: app.heard_last(KeysPane.Opened) == "user:0003")


async def test_the_cursor_is_seen_without_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with shown(Server()) as (app, pilot):
        line = app.keys.render_lines(Region(0, 0, 70, 3))[1]
        assert any(reversed_(segment) for segment in line)
        app.screen.set_focus(None)
        await pilot.pause()
        assert ">  user:0000" in text(app)


async def test_moving_about_in_many_keys() -> None:
    async with shown(Server(page=2500), size=(60, 13)) as (app, pilot):
        lines = app.keys.page()
        for keys, name in [
            (["G"], "user:2499"),
            (["k"], "user:2498"),
            (["g"], "user:0000"),
            (["ctrl+d"], f"user:{lines:04}"),
            (["pagedown"], f"user:{2 * lines:04}"),
            (["ctrl+u", "up"], f"user:{lines - 1:04}"),
            (["end", "home", "down"], "user:0001"),
        ]:
            await pilot.press(*keys)
            assert app.pane.name_at_cursor == name
            await pilot.pause()
            assert f">  {name}" in text(app)


async def test_a_real_namespace_over_the_embedded_server(tmp_path: Path) -> None:
    transport = httpx.ASGITransport(create_app(KVState(tmp_path)), raise_app_exceptions=False)
    client = KVClient("http://127.0.0.1/client/v4", transport=transport)
    namespace = await client.create_namespace("0" * 32, "t")
    await client.bulk_write(namespace, {f"user:{number:04}": Entry(b"v") for number in range(1500)})
    store = Store(client, label="test")
    server = Server()
    server.listing = store.listing  # type: ignore[method-assign]  # the pane takes any maker of listings
    app = Shown(server)
    async with app.run_test(size=(80, 24)) as pilot:
        app.pane.show(namespace, "user:1")
        await until(pilot, lambda: app.title_words == "Keys  user:1*  500")
        app.pane.show(namespace)
        await until(pilot, lambda: app.title_words == "Keys  1,000+")
        await pilot.press("ctrl+l")
        await until(pilot, lambda: app.title_words == "Keys  1,500")
    await store.close()
