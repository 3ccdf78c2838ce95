"""The entry pane, over the real client and the embedded server: what it shows is what is stored."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import os
import stat
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from textual import on
from textual.app import App, ComposeResult
from textual.containers import Horizontal
from textual.pilot import Pilot
from textual.widgets import Input, Static

import kvtui.ui
from kvtui.api.client import KVClient
from kvtui.api.models import Entry, Namespace
from kvtui.core.store import Store
from kvtui.local.server import ACCOUNT, BASE, create_app
from kvtui.local.state import KVState
from kvtui.ui.panes.entry import EntryPane, Read
from kvtui.ui.valueview import ValueView

NOW = 1_795_435_200.0
SESSION = b'{"id":4711,"roles":["admin","dev"],"n":1e400,"note":"a\\u001b[2J"}'
LINES = "".join(f"line {number}\n" for number in range(500)).encode()
HOSTILE = b"\x1b]52;c;aGk=\x07 \x1b[c \x9b2J [/] [@click=app.bell]x[/]"
BINARY = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4

PATIENCE_S = 10.0
"""How long to wait for what must come."""


class Host(App[None]):
    """An app around the pane alone, with the program's sheet; it keeps what the pane says."""

    CSS_PATH = Path(kvtui.ui.__file__).with_name("kvtui.tcss")

    def __init__(self, read: Read, clock: Callable[[], float]) -> None:
        super().__init__()
        self.pane = EntryPane(read, clock, {"PAGER": "no-such-pager"})
        self.said: list[tuple[str, str]] = []
        self.copied: list[tuple[bytes, str]] = []

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield self.pane

    @on(EntryPane.Said)
    def keep_words(self, event: EntryPane.Said) -> None:
        self.said.append((event.words, event.tone))

    @on(EntryPane.CopyRequested)
    def keep_copied(self, event: EntryPane.CopyRequested) -> None:
        self.copied.append((event.data, event.what))


class Shelf:
    """A namespace in the embedded server, the store in front of it, and a clock that stands."""

    def __init__(self, state: KVState, store: Store) -> None:
        self.state = state
        self.store = store
        self.namespace = Namespace(state.create("sessions").id, "sessions", ACCOUNT)
        self.now = NOW

    def put(self, key: str, value: bytes, metadata: str | None = None, expiration: int | None = None) -> None:
        self.state.pairs(self.namespace.id).write([(key, Entry(value, metadata, expiration))])

    @asynccontextmanager
    async def pane(self, *, width: int = 70, height: int = 24) -> AsyncIterator[tuple[Pilot[None], Host]]:
        async def read(namespace: Namespace, key: str, progress: Any) -> Entry:
            return await self.store.read(namespace, key, progress)

        app = Host(read, lambda: self.now)
        async with app.run_test(size=(width, height), notifications=True) as pilot:
            app.pane.focus_inside()
            yield pilot, app

    async def look(self, pilot: Pilot[None], app: Host, key: str) -> str:
        app.pane.show(self.namespace, key)
        return await settled(pilot, app)


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[Shelf]:
    state = KVState(tmp_path / "state", clock=lambda: NOW)
    transport = httpx.ASGITransport(create_app(state, clock=lambda: NOW), raise_app_exceptions=False)
    async with KVClient(f"http://localhost{BASE}", transport=transport) as client:
        yield Shelf(state, Store(client, label="test"))


def screen(app: App[Any]) -> str:
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


async def until(pilot: Pilot[None], holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if holds():
            return
        await pilot.pause(0.005)
    raise AssertionError(f"it never came to be; the screen was:\n{screen(pilot.app)}")


async def settled(pilot: Pilot[None], app: Host) -> str:
    """The screen's text, once nothing is under way any more."""
    await pilot.pause()
    busy = {"read", "layout", "find"}
    await until(
        pilot, lambda: not any(worker.group in busy for worker in app.workers if not worker.is_finished)
    )
    await pilot.pause()
    await pilot.pause()
    return screen(app)


async def press(pilot: Pilot[None], app: Host, *keys: str) -> str:
    await pilot.press(*keys)
    return await settled(pilot, app)


# What is shown


async def test_with_no_key_it_says_how_to_get_one(shelf: Shelf) -> None:
    async with shelf.pane() as (_pilot, app):
        assert "Move in the list" in screen(app)
        assert app.pane.entry is None


async def test_json_is_shown_indented_and_said_to_be_a_view(shelf: Shelf) -> None:
    shelf.put("user:4711", SESSION, '{"v":3}', int(NOW) + 7380)
    async with shelf.pane() as (pilot, app):
        shown = await shelf.look(pilot, app, "user:4711")
        assert "65 B · JSON · sha256" in shown and "expires in 2h 03m" in shown
        assert "JSON (pretty view)" in shown
        assert '  "n": 1e400,' in shown
        assert '"note": "a\\u001b[2J"' in shown
        assert app.pane.entry == Entry(SESSION, '{"v":3}', int(NOW) + 7380)


async def test_x_goes_through_the_views_that_apply_and_back_to_the_best(shelf: Shelf) -> None:
    shelf.put("json", SESSION)
    shelf.put("packed", gzip.compress(b'{"inside":1}'))
    shelf.put("binary", BINARY)
    async with shelf.pane() as (pilot, app):
        await shelf.look(pilot, app, "json")
        seen = [app.pane.view_words]
        for _ in range(4):
            await press(pilot, app, "x")
            seen.append(app.pane.view_words)
        assert seen == [
            "JSON (pretty view)",
            "text",
            "JSON (pretty view)",
            "hex (view)",
            "JSON (pretty view)",
        ]

        shown = await shelf.look(pilot, app, "packed")
        assert "gzip → JSON (decoded view)" in shown and '  "inside": 1' in shown
        shown = await press(pilot, app, "x")
        assert "hex (view)" in shown and "0000  1f 8b 08" in shown

        shown = await shelf.look(pilot, app, "binary")
        assert "hex (view)" in shown and "PNG image" in shown and "0000  89 50 4e 47" in shown


async def test_the_text_view_shows_the_stored_bytes_and_a_line_break_at_the_end(shelf: Shelf) -> None:
    shelf.put("text", b'{"a":  1}\n')
    async with shelf.pane() as (pilot, app):
        await shelf.look(pilot, app, "text")
        await press(pilot, app, "x")
        assert app.pane.shown_text == '{"a":  1}\\n'


async def test_an_empty_value_and_missing_metadata_are_said(shelf: Shelf) -> None:
    shelf.put("empty", b"")
    async with shelf.pane() as (pilot, app):
        assert "The value is empty" in await shelf.look(pilot, app, "empty")
        assert "No metadata" in await press(pilot, app, "i")
        await press(pilot, app, "y")
        assert app.copied == [] and app.said == [("No metadata is stored with this key.", "")]


async def test_hostile_names_and_values_reach_the_screen_as_escapes(shelf: Shelf) -> None:
    key = "bad\x1b]2;title\x07\u202e[/]key"
    shelf.put(key, HOSTILE, json.dumps({"m": "\u009b2J[/]"}, ensure_ascii=False))
    async with shelf.pane() as (pilot, app):
        for shown in (
            await shelf.look(pilot, app, key),
            await press(pilot, app, "x"),
            await press(pilot, app, "x"),
            await press(pilot, app, "i"),
            await press(pilot, app, "i"),
        ):
            assert all(char == "\n" or char.isprintable() for char in shown)
            assert "bad\\e]2;title\\x07\\u202e[/]key" in shown


async def test_the_info_tab_tells_all_that_is_known(shelf: Shelf) -> None:
    shelf.put("user:é", b"x" * 12_000, '{"v":3}', int(NOW) + 58)
    async with shelf.pane(width=100) as (pilot, app):
        await shelf.look(pilot, app, "user:é")
        shown = await press(pilot, app, "i", "i")
        for words in (
            "sessions",
            shelf.namespace.id,
            "user:é",
            "7 of at most 512 bytes",
            "12,000 B (11.7 KiB)",
            hashlib.sha256(b"x" * 12_000).hexdigest(),
            "7 of at most 1,024 bytes",
            "2026-11-23 12:00:58 UTC",
            "in 58s",
            "2026-11-23 12:00:00 UTC",
        ):
            assert words in shown
        shelf.now += 8
        await until(pilot, lambda: "in 50s" in screen(app))


async def test_what_is_left_counts_down_and_an_unchanged_line_is_not_drawn_again(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.put("key", b"value", None, int(NOW) + 7400)
    async with shelf.pane() as (pilot, app):
        await shelf.look(pilot, app, "key")
        drawn: list[object] = []
        monkeypatch.setattr(Static, "update", lambda _self, content, **_more: drawn.append(content))
        shelf.now += 15
        app.pane.draw_lines()
        assert drawn == []
        shelf.now += 60
        app.pane.draw_lines()
        assert len(drawn) == 1


# Reading


async def test_a_key_that_is_gone_is_said_to_be_gone(shelf: Shelf) -> None:
    async with shelf.pane() as (pilot, app):
        shown = await shelf.look(pilot, app, "never-was")
        assert "Gone: this key has expired or was deleted" in shown
        assert app.pane.entry is None
        shelf.put("never-was", b"here now")
        assert "here now" in await press(pilot, app, "R")


async def test_a_failure_is_shown_with_its_remedy(shelf: Shelf) -> None:
    async with shelf.pane() as (pilot, app):
        app.pane.show(Namespace("f" * 32, "no such", ACCOUNT), "key")
        shown = await settled(pilot, app)
        assert "R reads again" in shown and "not read" in shown


async def test_while_another_key_is_read_nothing_of_the_old_one_is_there() -> None:
    gates: dict[str, asyncio.Event] = {"slow": asyncio.Event(), "late": asyncio.Event()}
    tellers: dict[str, Any] = {}

    async def read(namespace: Namespace, key: str, progress: Any) -> Entry:
        tellers[key] = progress
        if key in gates:
            await gates[key].wait()
        return Entry(f"the value of {key}".encode(), f'"metadata of {key}"')

    app = Host(read, lambda: NOW)
    namespace = Namespace("id", "title", ACCOUNT)
    async with app.run_test(size=(70, 20)) as pilot:
        app.pane.show(namespace, "first")
        assert "the value of first" in await settled(pilot, app)

        app.pane.show(namespace, "slow")
        await pilot.pause()
        await pilot.pause()
        shown = screen(app)
        assert "slow" in shown and "reading…" in shown and "first" not in shown
        assert app.pane.entry is None
        tellers["slow"](3 * 1024**2, 25 * 1024**2)
        await until(pilot, lambda: "3 MiB of 25 MiB" in screen(app))

        app.pane.show(namespace, "late")
        tellers["slow"](4 * 1024**2, 25 * 1024**2)
        gates["slow"].set()
        await pilot.pause()
        await pilot.pause()
        assert "slow" not in screen(app) and "4 MiB" not in screen(app)
        gates["late"].set()
        shown = await settled(pilot, app)
        assert "the value of late" in shown

        app.pane.show(None, None)
        shown = await settled(pilot, app)
        assert "late" not in shown and "Move in the list" in shown


# Moving and finding


async def test_one_can_go_through_all_of_a_value(shelf: Shelf) -> None:
    shelf.put("lines", LINES)
    async with shelf.pane(height=20) as (pilot, app):
        await shelf.look(pilot, app, "lines")
        view = app.pane.query_one(ValueView)
        pages = [view.shown_text]
        while view.seen_to < len(LINES):
            await pilot.press("pagedown")
            pages.append(view.shown_text)
        seen = "\n".join(pages)
        assert all(f"line {number}\n" in seen or f"line {number}\\n" in seen for number in range(500))
        assert "100%" in await settled(pilot, app)
        await pilot.press("g", "j", "j", "k")
        assert view.shown_text.startswith("line 1\n")
        await pilot.press("G", "down", "pagedown")
        assert view.shown_text.endswith("line 499\\n")
        assert len(view.shown_text.splitlines()) == view.size.height
        await pilot.press("ctrl+u", "pageup", "home")
        assert view.shown_text.startswith("line 0\n")


async def test_find_goes_from_place_to_place_and_around(shelf: Shelf) -> None:
    shelf.put("lines", LINES)
    async with shelf.pane(height=20) as (pilot, app):
        await shelf.look(pilot, app, "lines")
        shown = await press(pilot, app, "slash", *"LINE 49", "enter")
        assert "“LINE 49” is not here" in shown
        shown = await press(pilot, app, "slash", "ctrl+u", *"line 49", "enter")
        assert "1 of 11" in shown and "line 49" in shown
        shown = await press(pilot, app, "n")
        assert "2 of 11" in shown and "line 490" in shown
        shown = await press(pilot, app, "b", "b")
        assert "11 of 11 (wrapped)" in shown and "line 499" in shown
        assert "1 of 11 (wrapped)" in await press(pilot, app, "n")
        assert "of 11" not in await press(pilot, app, "escape")
        assert app.focused is app.pane.query_one(ValueView)


async def test_n_with_nothing_to_find_says_so_and_typing_in_the_find_line_is_no_verb(shelf: Shelf) -> None:
    shelf.put("text", b"xyn")
    async with shelf.pane() as (pilot, app):
        await shelf.look(pilot, app, "text")
        await press(pilot, app, "n")
        assert app.said == [("Find something first with /.", "")]
        await press(pilot, app, "slash", "x", "y", "n")
        assert app.pane.view_words == "text" and app.copied == []
        await press(pilot, app, "escape", "y")
        assert app.copied == [(b"xyn", "value")]


async def test_find_in_hex_finds_bytes(shelf: Shelf) -> None:
    shelf.put("binary", BINARY)
    async with shelf.pane() as (pilot, app):
        await shelf.look(pilot, app, "binary")
        assert "1 of 4" in await press(pilot, app, "slash", *"0xfdfe", "enter")


# Big values


async def test_25_mebibytes_open_as_a_window_that_goes_all_the_way(shelf: Shelf) -> None:
    value = b"".join(b"%07d %s\n" % (number, b"." * 55) for number in range(400_000))
    shelf.put("big", value)
    async with shelf.pane() as (pilot, app):
        shown = await shelf.look(pilot, app, "big")
        assert "24.4 MiB · text" in shown and "0000000" in shown
        assert "0399999" in await press(pilot, app, "G")
        assert "1 of 1" in await press(pilot, app, "slash", *"0200000 ", "enter")
        assert "0200000" in screen(app)
        assert "hex (view)" in await press(pilot, app, "x", "x")


async def test_one_line_of_5_megabytes_is_broken_where_it_is_seen(shelf: Shelf) -> None:
    value = json.dumps(
        [{"id": number, "text": "é" * 10} for number in range(60_000)], ensure_ascii=False
    ).encode()
    shelf.put("line", value)
    async with shelf.pane() as (pilot, app):
        shown = await shelf.look(pilot, app, "line")
        assert "JSON (pretty view)" in shown
        await press(pilot, app, "x", "G")
        assert app.pane.view_words == "text"
        assert app.pane.shown_text.replace("\n", "").endswith('"id": 59999, "text": "éééééééééé"}]')
        await press(pilot, app, "pageup", "g")
        assert app.pane.shown_text.startswith('[{"id": 0, "text": "éééééééééé"}')


async def test_a_resize_keeps_the_place(shelf: Shelf) -> None:
    shelf.put("lines", LINES)
    async with shelf.pane() as (pilot, app):
        await shelf.look(pilot, app, "lines")
        await press(pilot, app, "slash", *"line 250", "enter")
        await pilot.resize_terminal(40, 12)
        await settled(pilot, app)
        top = app.pane.query_one(ValueView).top
        await pilot.resize_terminal(90, 30)
        await settled(pilot, app)
        assert app.pane.query_one(ValueView).top == top


# Out of the program


async def test_copy_asks_for_the_stored_bytes_whatever_the_view(shelf: Shelf) -> None:
    packed = gzip.compress(b"inside")
    shelf.put("packed", packed, '{"v": 3}')
    async with shelf.pane() as (pilot, app):
        await shelf.look(pilot, app, "packed")
        await press(pilot, app, "y", "x", "y", "i", "y")
        assert app.copied == [(packed, "value"), (packed, "value"), (b'{"v": 3}', "metadata")]


async def test_save_writes_the_stored_bytes_to_a_private_file(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shelf.put("user:4711", SESSION)
    async with shelf.pane() as (pilot, app):
        await shelf.look(pilot, app, "user:4711")
        await pilot.press("w")
        await until(pilot, lambda: "Save to a file" in screen(app))
        assert "user_4711" in screen(app)
        await pilot.press("enter")
        await until(pilot, lambda: app.said)
        saved = tmp_path / "user_4711"
        assert saved.read_bytes() == SESSION and stat.S_IMODE(saved.stat().st_mode) == 0o600
        assert app.said[0][0].startswith(f"Saved 65 B to {saved}")


async def test_save_overwrites_only_when_told_to(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "key").write_bytes(b"mine")
    shelf.put("key", b"value")
    async with shelf.pane() as (pilot, app):
        await shelf.look(pilot, app, "key")
        for keys, kept in ((("enter",), b"mine"), (("down", "enter"), b"value")):
            await pilot.press("w")
            await until(pilot, lambda: "Save to a file" in screen(app))
            await pilot.press("enter")
            await until(pilot, lambda: "Replace it" in screen(app))
            said = len(app.said)
            await pilot.press(*keys)
            await until(pilot, lambda said=said: len(app.said) > said)  # type: ignore[misc]
            assert (tmp_path / "key").read_bytes() == kept


async def test_save_says_why_it_could_not(shelf: Shelf, tmp_path: Path) -> None:
    shelf.put("key", b"value")
    async with shelf.pane() as (pilot, app):
        await shelf.look(pilot, app, "key")
        await pilot.press("w")
        await until(pilot, lambda: "Save to a file" in screen(app))
        app.screen.query_one(Input).value = f"{tmp_path}/none/file"
        await pilot.press("enter")
        await until(pilot, lambda: app.said)
        assert "No such file" in app.said[0][0] and app.said[0][1] == "error"


async def test_a_pager_that_is_not_there_is_said_and_leaves_no_file(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    shelf.put("key", b"value")
    async with shelf.pane() as (pilot, app):
        await shelf.look(pilot, app, "key")
        await pilot.press("o")
        await until(pilot, lambda: app.said)
        assert app.said[0][1] == "error" and "w" in app.said[0][0]
    assert not [name for name in os.listdir(tmp_path) if name.startswith("kvtui-")]
