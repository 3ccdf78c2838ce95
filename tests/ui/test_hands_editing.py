"""Editing by keys alone: what was typed is stored, and nothing else of the record has changed.

What is stored is read by a second client, straight from the folder.
"""

from __future__ import annotations

import gzip
import time
from pathlib import Path

import pytest
from textual import events

from kvtui.api.models import Entry
from kvtui.core.wording import when_words
from tests.project import BINARY, SESSION
from tests.ui.kit import (
    Tap,
    asked,
    back,
    browser,
    burst,
    on_sessions,
    press,
    put,
    read,
    said,
    saved,
    shows,
    stored,
    typed,
    until,
)

EXPIRES = int(time.time()) + 90_000
META = '{"v": 1.0, "tags":["a"],"w":1e400}'
WHOLE = bytes(range(256))

VALUES = {
    "text": (b"-\r\n grey\xc3\xbc\r\n", "x", b"x-\r\n grey\xc3\xbc\r\n"),
    "minified": (
        b'{"b":1.0,"a":1e400,"a":-0,"c":"\\u00e9 / \\/","n":12345678901234567890.10}',
        "down end left 5",
        b'{"b":1.05,"a":1e400,"a":-0,"c":"\\u00e9 / \\/","n":12345678901234567890.10}',
    ),
    "python-style": (
        b'{"b": 1.0, "a": 1e400, "a": [1, {}], "z": []}\n',
        "down end left 5",
        b'{"b": 1.05, "a": 1e400, "a": [1, {}], "z": []}\n',
    ),
    "indented": (
        b'{\n    "b": 1.0,\n    "a": 1e400,\n    "a": []\n}',
        "down end left 5",
        b'{\n    "b": 1.05,\n    "a": 1e400,\n    "a": []\n}',
    ),
    "a layout of its own": (
        b'{ "b" :1.0 ,\n "a":1e400, "a":2 }',
        "end left left 5",
        b'{ "b" :1.05 ,\n "a":1e400, "a":2 }',
    ),
    "compressed": (
        gzip.compress(b'{"b":1.0,"a":1}', mtime=0),
        "down end left 5",
        gzip.compress(b'{"b":1.05,"a":1}', mtime=0),
    ),
}


@pytest.mark.parametrize("kind", VALUES)
async def test_only_what_was_typed_differs(project: Path, kind: str) -> None:
    value, keys, expected = VALUES[kind]
    await put(project, {"k": Entry(value, META, EXPIRES)})
    async with on_sessions(project, "k") as pilot:
        await read(pilot, "k")
        await press(pilot, "e", *keys.split())
        card = await saved(pilot)
        assert "metadata  kept" in card and "expires   kept" in card
    assert await stored(project, "k") == Entry(expected, META, EXPIRES)


async def test_json_that_is_none_any_more_is_said_and_may_be_saved(project: Path) -> None:
    async with on_sessions(project, "user:4711") as pilot:
        before = await stored(project, "user:4711")
        await read(pilot, "user:4711")
        await press(pilot, "e", "x")
        await shows(pilot, "No JSON now")
        await press(pilot, "ctrl+s")
        card = await asked(pilot, "This was JSON and is none any more")
        assert "l layout" not in card
        for key in ("enter", "escape", "n", "x"):
            await press(pilot, key)
            if key == "x":
                await shows(pilot, "Nothing would be erased")
                continue
            await back(pilot)
            assert browser(pilot).entry_pane.editing == "value"
            assert await stored(project, "user:4711") == before
            await press(pilot, "ctrl+s")
            await asked(pilot, "This was JSON")
        await press(pilot, "y")
        await said(pilot, "Saved user:4711")
    now = await stored(project, "user:4711")
    assert before and now
    assert now.value.startswith(b"x{\n") and (now.metadata, now.expiration) == ('{"v":3}', before.expiration)


async def test_the_card_turns_to_another_layout(project: Path) -> None:
    await put(project, {"k": Entry(b'{"a":1,"b":[]}', META)})
    async with on_sessions(project, "k") as pilot:
        await read(pilot, "k")
        await press(pilot, "e", "down", "end", "left", "2", "ctrl+s")
        await asked(pilot, "Layout: minified, as it was")
        await press(pilot, "l")
        await shows(pilot, "Layout: indented by 2")
        await press(pilot, "y")
        await said(pilot, "Saved k")
    assert await stored(project, "k") == Entry(b'{\n  "a": 12,\n  "b": []\n}', META)


async def test_what_may_not_be_edited_in_place_says_why_and_names_the_editor(project: Path) -> None:
    pairs = {
        "k1": Entry(BINARY, META),
        "k2": Entry(b"clear \x1b[2J"),
        "k3": Entry(b"x" * 5000),
        "k4": Entry(b"one\rtwo\n"),
    }
    await put(project, pairs)
    async with on_sessions(project, "k") as pilot:
        for key, words in zip(
            pairs, ("not UTF-8", "which could not be seen", "over 4 KiB", "E opens"), strict=True
        ):
            await read(pilot, key)
            await press(pilot, "e")
            assert "E opens" in await said(pilot, words)
            assert browser(pilot).entry_pane.editing is None
            await press(pilot, "j")
    assert {key: await stored(project, key) for key in pairs} == pairs


async def test_what_is_typed_behind_e_goes_into_the_editor(project: Path) -> None:
    await put(project, {"k": Entry(b"-")})
    async with on_sessions(project, "k") as pilot:
        await read(pilot, "k")
        burst(pilot, "e", *"dzcra", "ctrl+s")
        await asked(pilot, "+ dzcra-")
        await press(pilot, "y")
        await said(pilot, "Saved k")
        # And once more at once: the pane shows the new value, and it is what one goes on from.
        burst(pilot, "e", *"X", "ctrl+s")
        await asked(pilot, "+ Xdzcra-")
        await press(pilot, "y")
        await until(pilot, lambda: browser(pilot).entry_pane.entry == Entry(b"Xdzcra-"), "the second save")
        await back(pilot)
    assert await stored(project, "k") == Entry(b"Xdzcra-")


async def test_e_behind_a_move_edits_the_key_that_the_cursor_came_to(project: Path) -> None:
    async with on_sessions(project, "tmp:") as pilot:
        await read(pilot, "tmp:0")
        burst(pilot, "j", "j", "e")
        await until(pilot, lambda: browser(pilot).entry_pane.editing)
        burst(pilot, *"da", "ctrl+s")
        await asked(pilot, "SESSIONS ▸ tmp:2", "+ da-")
        await press(pilot, "y")
        await said(pilot, "Saved tmp:2")
    assert await stored(project, "tmp:2") == Entry(b"da-")
    assert await stored(project, "tmp:0") == await stored(project, "tmp:1") == Entry(b"-")


async def test_without_a_terminal_the_editor_outside_changes_nothing_and_says_so(project: Path) -> None:
    mark = project / "ran"
    script = project / "editor"
    script.write_text(f"#!/bin/sh\ntouch {mark}\necho changed > $1\n")
    script.chmod(0o700)
    async with on_sessions(project, "user:4711", environ={"EDITOR": str(script)}) as pilot:
        await read(pilot, "user:4711")
        await press(pilot, "E")
        await said(pilot, "cannot be handed to an editor", "Nothing was changed")
        assert browser(pilot).draft_here() is None
    now = await stored(project, "user:4711")
    assert now and now.value == SESSION and not mark.exists()


async def test_ctrl_s_without_a_draft_says_that_there_is_nothing_to_save(project: Path) -> None:
    tap = Tap()
    async with on_sessions(project, "user:4711", wire=tap) as pilot:
        await read(pilot, "user:4711")
        tap.faults.sent.clear()
        await press(pilot, "ctrl+s")
        await said(pilot, "Nothing to save")
        await press(pilot, "e", "x", "backspace", "ctrl+s")
        await said(pilot, "Nothing to save")
        assert tap.faults.sent == []


# Metadata


async def test_metadata_is_measured_judged_and_changed_alone(project: Path) -> None:
    await put(project, {"k": Entry(WHOLE, '{"a":1.0,"a":[1, 2]}', EXPIRES)})
    async with on_sessions(project, "k") as pilot:
        before = await stored(project, "k")
        await read(pilot, "k")
        await press(pilot, "m")
        await shows(pilot, "editing metadata", "of 1,024 B")
        await press(pilot, "x")
        await shows(pilot, "line 1, column 1")
        await press(pilot, "ctrl+s")
        await said(pilot, "KV would not take this metadata", "line 1, column 1")
        assert await stored(project, "k") == before
        await press(pilot, "f7", "delete")
        pilot.app.post_message(events.Paste('{"big": "' + "x" * 1100 + '"}'))
        await shows(pilot, "1,111 of 1,024 B")
        await press(pilot, "ctrl+s")
        await said(pilot, "KV would not take this metadata", "1,024")
        assert await stored(project, "k") == before
        await press(pilot, "f7", "delete", *typed('{"é": [1e400, 1.0]}'), "ctrl+s")
        card = await asked(pilot, "metadata  changed")
        assert "value     kept" in card and "expires   kept" in card
        await press(pilot, "y")
        await said(pilot, "Saved k")
    now = await stored(project, "k")
    assert now is not None and (now.value, now.expiration) == (WHOLE, EXPIRES)
    assert now.metadata == '{"é": [1e400, 1.0]}'


async def test_to_remove_metadata_is_to_erase_it_by_a_key_of_its_own(project: Path) -> None:
    await put(project, {"k": Entry(WHOLE, META, EXPIRES)})
    async with on_sessions(project, "k") as pilot:
        await read(pilot, "k")
        await press(pilot, "m", "f7", "delete", "ctrl+s")
        await asked(pilot, "metadata  ERASED", "x erase and save")
        await press(pilot, "y")
        await shows(pilot, "y does not do that, x does")
        assert await stored(project, "k") == Entry(WHOLE, META, EXPIRES)
        await press(pilot, "x")
        await said(pilot, "Saved k")
        assert await stored(project, "k") == Entry(WHOLE, None, EXPIRES)
        await press(pilot, "m", *typed('{"a": 1}'))
        await saved(pilot)
        assert await stored(project, "k") == Entry(WHOLE, '{"a":1}', EXPIRES)
        await press(pilot, "e")
        await said(pilot, "not UTF-8")


async def test_value_and_metadata_are_one_draft(project: Path) -> None:
    await put(project, {"k": Entry(b"-", '{"a":1}', EXPIRES)})
    async with on_sessions(project, "k") as pilot:
        await read(pilot, "k")
        await press(pilot, "e", "x", "escape", "m", "end", "down", "end", "0")
        card = await saved(pilot)
        assert "value     changed" in card and "metadata  changed" in card and "expires   kept" in card
    assert await stored(project, "k") == Entry(b"x-", '{"a":10}', EXPIRES)


# Expiration


async def test_an_expiration_is_changed_alone(project: Path) -> None:
    await put(project, {"k": Entry(WHOLE, META, EXPIRES)})
    async with on_sessions(project, "k") as pilot:
        await read(pilot, "k")
        for keys, least in (
            (("enter",), EXPIRES),
            (("down", "enter"), None),
            (("down", "down", "enter"), time.time() + 3600),
            ((*"2d12h", "enter"), time.time() + 60 * 3600),
        ):
            await press(pilot, "t")
            await asked(pilot, "type or choose with the arrows")
            await press(pilot, *keys)
            if keys != ("enter",):
                card = await asked(pilot, "go on editing")
                assert "value     kept" in card and "metadata  kept" in card
                await press(pilot, "y")
                await said(pilot, "Saved k")
            await back(pilot)
            now = await stored(project, "k")
            assert now and (now.value, now.metadata) == (WHOLE, META)
            assert now.expiration == least or (
                now.expiration is not None and least is not None and 0 <= now.expiration - least < 60
            )
        await press(pilot, "3")
        until_words = when_words(now.expiration or 0) if now else ""
        await press(pilot, "i", "i")
        await shows(pilot, until_words)


async def test_neither_the_expiration_nor_the_card_saves_by_enter_or_escape(project: Path) -> None:
    await put(project, {"k": Entry(b"-", META, EXPIRES)})
    async with on_sessions(project, "k") as pilot:
        await read(pilot, "k")
        for key in ("enter", "escape"):
            await press(pilot, "t")
            await asked(pilot, "type or choose")
            await press(pilot, "down", "enter")
            await asked(pilot, "expires   changed")
            await press(pilot, key)
            await back(pilot)
            assert await stored(project, "k") == Entry(b"-", META, EXPIRES)


@pytest.mark.parametrize("choice", ["let", "extend", "permanent", "esc"])
async def test_what_expires_within_a_minute_is_asked_about(project: Path, choice: str) -> None:
    soon = int(time.time()) + 45
    await put(project, {"k": Entry(b"-", META, soon)}, clock=lambda: time.time() - 3600)
    async with on_sessions(project, "k") as pilot:
        await read(pilot, "k")
        await press(pilot, "e", "x", "ctrl+s")
        await asked(pilot, "go on editing")
        await press(pilot, "y")
        await asked(pilot, "It expires within a minute", "Let it expire")
        await press(pilot, {"let": "enter", "extend": "j", "permanent": "j", "esc": "escape"}[choice])
        if choice == "extend":
            await press(pilot, "enter")
        elif choice == "permanent":
            await press(pilot, "j", "enter")
        await back(pilot)
        now = await stored(project, "k")
        assert now is not None
        if choice in ("let", "esc"):
            assert now == Entry(b"-", META, soon)
            assert browser(pilot).draft_here() is not None
            return
        assert (now.value, now.metadata) == (b"x-", META)
        if choice == "permanent":
            assert now.expiration is None
            await shows(pilot, "never expires")
        else:
            assert now.expiration is not None and 60 < now.expiration - time.time() <= 76
        entry = browser(pilot).entry_pane.entry
        await until(pilot, lambda: browser(pilot).entry_pane.entry == now, f"{now} to be shown, not {entry}")
