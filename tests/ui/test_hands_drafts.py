"""Drafts: what was typed stays until it is saved or dropped, whatever happens to the wire or the program."""

from __future__ import annotations

import shutil
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import TextArea

from kvtui.api.models import Entry
from kvtui.core.changes import KeyRef
from kvtui.core.journal.journal import Journal
from kvtui.core.journal.records import SavedDraft
from kvtui.local.state import open_state
from tests.core.kv import AFTER, BEFORE, MAY_NOT, TIMEOUT, TOO_MANY
from tests.project import BINARY
from tests.ui.kit import (
    Tap,
    asked,
    back,
    browser,
    names,
    on_sessions,
    press,
    put,
    read,
    remove,
    said,
    saved,
    screen_text,
    shows,
    space,
    stored,
    typed,
    until,
)

META = '{"v": 1.0, "tags":["a"]}'
EXPIRES = int(time.time()) + 90_000


async def typed_on(pilot: Pilot[Any], key: str, text: str) -> None:
    """Begin a draft of the key under the cursor."""
    await read(pilot, key)
    await press(pilot, "e", *typed(text))


async def kept(project: Path, count: int, pilot: Pilot[Any]) -> None:
    """Wait until so many drafts are on the disk."""
    file = project / "journal" / "journal.sqlite3"

    def there() -> bool:
        if not file.exists():
            return False
        with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as db:
            found = int(db.execute("SELECT count(*) FROM drafts").fetchone()[0])
        db.close()
        return found == count

    await until(pilot, there, f"{count} drafts on the disk")


def after_the_crash(project: Path) -> Path:
    """The journal as a process that dies now would leave it."""
    folder = project / "journal-after"
    shutil.copytree(project / "journal", folder)
    return folder


async def test_moving_away_keeps_the_draft_and_coming_back_opens_it(project: Path) -> None:
    async with on_sessions(project, "tmp:") as pilot:
        await typed_on(pilot, "tmp:0", "mine")
        await press(pilot, "escape")
        await said(pilot, "The draft is kept (~)")
        await shows(pilot, "~tmp:0", "1 draft (~)")
        await press(pilot, "j")
        await read(pilot, "tmp:1")
        assert browser(pilot).entry_pane.editing is None
        await press(pilot, "k")
        await until(pilot, lambda: browser(pilot).entry_pane.editing, "the editor")
        await shows(pilot, "mine-", "~tmp:0")
        assert browser(pilot).at == "keys", "the list keeps the keyboard"
        assert await stored(project, "tmp:0") == Entry(b"-")
        await saved(pilot)
        assert await stored(project, "tmp:0") == Entry(b"mine-")
        await shows(pilot, "10 keys · complete")
        assert "~tmp:0" not in screen_text(pilot.app.screen)


async def test_a_draft_is_dropped_only_after_a_question(project: Path) -> None:
    async with on_sessions(project, "tmp:") as pilot:
        await read(pilot, "tmp:0")
        await press(pilot, "ctrl+r")
        await said(pilot, "There is no draft of this key")
        await typed_on(pilot, "tmp:0", "mine")
        for key in ("enter", "escape", "n"):
            await press(pilot, "ctrl+r")
            await asked(pilot, "Drop this draft?")
            await press(pilot, key)
            await back(pilot)
            assert browser(pilot).entry_pane.editing == "value"
        await kept(project, 1, pilot)
        await press(pilot, "ctrl+r")
        await asked(pilot, "Drop this draft?")
        await press(pilot, "y")
        await said(pilot, "The draft is dropped")
        await kept(project, 0, pilot)
        await read(pilot, "tmp:0")
        await shows(pilot, "auto: text")
        assert await stored(project, "tmp:0") == Entry(b"-")


async def test_the_drafts_are_listed_and_lead_to_their_keys_in_any_namespace(project: Path) -> None:
    await put(project, {"aa": Entry(b"1"), "flag": Entry(b"2")}, "flags")
    async with on_sessions(project) as pilot:
        await shows(pilot, "tmp:1")
        await press(pilot, "tilde")
        await said(pilot, "No drafts")
        await until(pilot, lambda: browser(pilot).keys_pane.go_to("tmp:1"))
        await typed_on(pilot, "tmp:1", "mine")
        await press(pilot, "escape", "1", "k", "enter")
        await read(pilot, "aa")
        await press(pilot, "j")
        await typed_on(pilot, "flag", "too")
        await press(pilot, "escape", "tilde")
        await asked(pilot, "tmp:1", "SESSIONS", "flag", "FLAGS")
        await press(pilot, "enter")
        await back(pilot)
        await until(pilot, lambda: browser(pilot).key == "tmp:1" and browser(pilot).entry_pane.editing)
        await shows(pilot, "mine-", "1 draft (~)")
        # The list has come by now, and has not led away from the draft.
        await until(pilot, lambda: browser(pilot).keys_pane.name_at_cursor == "tmp:1", "the cursor to follow")
        await press(pilot, "tilde", "j", "enter")
        await until(pilot, lambda: browser(pilot).key == "flag" and browser(pilot).entry_pane.editing)
        await saved(pilot)
    assert await stored(project, "flag", "flags") == Entry(b"too2")
    assert await stored(project, "tmp:1") == Entry(b"-")


@pytest.mark.parametrize("kind", [BEFORE, AFTER, TIMEOUT, TOO_MANY, MAY_NOT])
async def test_a_save_over_a_dead_wire_keeps_the_draft_and_says_so(project: Path, kind: str) -> None:
    tap = Tap()
    old, wanted = Entry(b"-", META, EXPIRES), Entry(b"mine-", META, EXPIRES)
    keys = [f"k{call}" for call in range(5)]
    await put(project, dict.fromkeys(keys, old))
    async with on_sessions(project, "k", wire=tap) as pilot:
        main = browser(pilot)
        for key in keys:
            await typed_on(pilot, key, "mine")
            await press(pilot, "escape", "j")
        await press(pilot, "g")
        for call, key in enumerate(keys):
            await until(pilot, lambda: main.key == key and main.entry_pane.editing, key)  # noqa: B023
            await press(pilot, "ctrl+s")
            await asked(pilot, "Save these changes?")
            tap.faults.strike(kind, call, for_good=True)
            await press(pilot, "y")
            await back(pilot)
            words = await said(pilot, "")
            tap.faults.heal()
            main.store.permission.ask_again()
            now, draft = await stored(project, key), main.draft_here()
            assert now in (old, wanted)
            if draft is None:
                assert now == wanted and call > 2, f"call {call}: {words}"
                # What cannot be read back is looked for again, and that, too, is told.
                assert f"Saved {key}" in words or "still not seen" in words or "shows now" in words
            else:
                assert draft.wanted() == wanted
                assert "Saved" not in words and len(words) > 20, f"call {call}: {words}"
                assert kind != MAY_NOT or call < 2 or "may not write" in words
            await press(pilot, "2", "j")


async def test_what_arrived_though_the_answer_was_lost_is_found_by_the_next_save(project: Path) -> None:
    tap = Tap()
    await put(project, {"k": Entry(b"-", META)})
    async with on_sessions(project, "k", wire=tap) as pilot:
        await typed_on(pilot, "k", "mine")
        await press(pilot, "ctrl+s")
        await asked(pilot, "Save these changes?")
        tap.faults.strike(AFTER, 2, for_good=True)
        await press(pilot, "y")
        await back(pilot)
        assert "@ tells" in await said(pilot, "")
        assert await stored(project, "k") == Entry(b"mine-", META)
        tap.faults.heal()
        await press(pilot, "ctrl+s")
        await asked(pilot, "Save these changes?")
        await press(pilot, "y")
        await said(pilot, "k is so already")
        assert browser(pilot).draft_here() is None
        await press(pilot, "z")
        await asked(pilot, "Take this back?")
        await press(pilot, "y")
        await said(pilot, "Taken back")
    assert await stored(project, "k") == Entry(b"-", META)


async def test_quitting_with_a_draft_asks(project: Path) -> None:
    async with on_sessions(project, "tmp:") as pilot:
        await typed_on(pilot, "tmp:0", "mine")
        await press(pilot, "escape")
        for key in ("enter", "escape"):
            await press(pilot, "q")
            await asked(pilot, "Quit?", "A draft is not saved", "tmp:0", "Quit, keep them", "Quit, drop them")
            await press(pilot, key)
            await back(pilot)
            assert pilot.app.is_running
        await press(pilot, "q")
        await asked(pilot, "Quit?")
        await press(pilot, "j", "enter")
        await until(pilot, lambda: not pilot.app.is_running, "the end")
    async with on_sessions(project, "tmp:") as pilot:
        await said(pilot, "A draft from last time is here again")
        await shows(pilot, "~tmp:0")
        await press(pilot, "j", "k")
        await until(pilot, lambda: browser(pilot).entry_pane.editing, "the editor")
        await shows(pilot, "mine-")
        await press(pilot, "q")
        await asked(pilot, "Quit?")
        await press(pilot, "j", "j", "enter")
        await until(pilot, lambda: not pilot.app.is_running, "the end")
    async with on_sessions(project, "tmp:") as pilot:
        await read(pilot, "tmp:0")
        await press(pilot, "tilde")
        await said(pilot, "No drafts")
        await press(pilot, "q")
        await until(pilot, lambda: not pilot.app.is_running, "the end")
    assert await stored(project, "tmp:0") == Entry(b"-")


async def test_without_a_journal_no_draft_can_be_kept_for_the_next_start(project: Path) -> None:
    async with on_sessions(project, "tmp:", kept=False) as pilot:
        await shows(pilot, "NO JOURNAL")
        await typed_on(pilot, "tmp:0", "mine")
        await press(pilot, "ctrl+s")
        await asked(pilot, "this cannot be taken back")
        await press(pilot, "escape", "escape", "q")
        assert "keep them" not in await asked(pilot, "Quit?", "Quit, drop them")
        await press(pilot, "escape")


async def test_after_a_crash_all_drafts_are_there_again(project: Path) -> None:
    copied = Entry(BINARY, META, EXPIRES)
    await put(project, {"tmp:bin": copied, "tmp:json": Entry(b'{"a":1.0,"a":2}', META, EXPIRES)})
    async with on_sessions(project, "tmp:") as pilot:
        await typed_on(pilot, "tmp:0", "mine")
        await press(pilot, "escape")
        await until(pilot, lambda: browser(pilot).keys_pane.go_to("tmp:json"))
        await read(pilot, "tmp:json")
        await press(pilot, "e", "down", "end", "left", "5", "escape")
        await until(pilot, lambda: browser(pilot).keys_pane.go_to("tmp:bin"))
        await read(pilot, "tmp:bin")
        await press(pilot, "a", *"copy", "down", "enter")
        await asked(pilot, "Create this key?", "tmp:copy")
        await press(pilot, "escape")
        await kept(project, 3, pilot)
        folder = after_the_crash(project)
    assert await names(project) == [*await names(project)] and await stored(project, "tmp:copy") is None
    async with on_sessions(project, "tmp:", journal=folder) as pilot:
        await said(pilot, "3 drafts from last time are here again")
        await read(pilot, "tmp:0")
        for _ in range(3):
            await press(pilot, "tilde")
            await asked(pilot, "Drafts")
            await press(pilot, "enter")
            await back(pilot)
            key = browser(pilot).key
            await saved(pilot, words="Created" if key == "tmp:copy" else "Saved")
        await press(pilot, "tilde")
        await said(pilot, "No drafts")
    assert await stored(project, "tmp:0") == Entry(b"mine-")
    assert await stored(project, "tmp:json") == Entry(b'{"a":1.05,"a":2}', META, EXPIRES)
    assert await stored(project, "tmp:copy") == copied


async def test_of_two_lost_drafts_of_a_key_the_newest_comes_and_none_is_lost(project: Path) -> None:
    source = f"local:{open_state(project).folder.resolve()}"
    ref = KeyRef(space(), "tmp:0")
    for at, data in ((1.0, b"older"), (2.0, b"newest")):
        journal = Journal(project / "journal")
        journal.save_draft(SavedDraft(source, ref, Entry(b"-"), data, "", "", None, at))
        journal.close()
    async with on_sessions(project, "tmp:") as pilot:
        await said(pilot, "A draft from last time is here again")
        await press(pilot, "j", "k")
        await until(pilot, lambda: browser(pilot).entry_pane.editing, "the editor")
        await saved(pilot)
        assert await stored(project, "tmp:0") == Entry(b"newest")
    async with on_sessions(project, "tmp:") as pilot:
        await said(pilot, "A draft from last time is here again")
        await press(pilot, "j", "k")
        await until(pilot, lambda: browser(pilot).entry_pane.editing, "the editor")
        await press(pilot, "ctrl+s")
        await asked(pilot, "+ older")
        await press(pilot, "escape")


async def test_a_new_title_of_the_namespace_loses_no_draft_and_its_removal_only_when_it_is_done(
    project: Path,
) -> None:
    tap = Tap()
    async with on_sessions(project, "tmp:", wire=tap) as pilot:
        await typed_on(pilot, "tmp:0", "mine")
        await press(pilot, "escape", "1", "r")
        await asked(pilot, "Rename the namespace")
        await press(pilot, "2", "enter")
        await said(pilot, "Renamed to SESSIONS2")
        await shows(pilot, "▸ SESSIONS2", "~tmp:0")
        await press(pilot, "d")
        await asked(pilot, "Remove this namespace?")
        tap.faults.strike(BEFORE, 0, for_good=True)
        await press(pilot, *"SESSIONS2", "enter")
        await back(pilot)
        tap.faults.heal()
        assert len(browser(pilot).drafts) == 1
        await press(pilot, "2")
        await saved(pilot)
        assert await stored(project, "tmp:0") == Entry(b"mine-")
        await press(pilot, "e", "x", "escape", "1", "d")
        await asked(pilot, "Remove this namespace?")
        await press(pilot, *"SESSIONS2", "enter")
        await said(pilot, "Removed the namespace SESSIONS2")
        assert len(browser(pilot).drafts) == 0
        await press(pilot, "q")
        await until(pilot, lambda: not pilot.app.is_running, "the end")


@pytest.mark.parametrize(
    ("choice", "gone"),
    [("m", False), ("m", True), ("t", False), ("t", True), ("e", False), ("escape", True)],
)
async def test_a_foreign_write_shows_three_versions_and_each_answer_does_what_it_says(
    project: Path, choice: str, gone: bool
) -> None:
    theirs = None if gone else Entry(b"theirs", '{"by":"them"}')
    await put(project, {"k": Entry(b"-", META, EXPIRES)})
    async with on_sessions(project, "k") as pilot:
        await typed_on(pilot, "k", "mine")
        if theirs is None:
            await remove(project, "k")
        else:
            await put(project, {"k": theirs})
        await press(pilot, "ctrl+s")
        await asked(pilot, "Save these changes?")
        await press(pilot, "y")
        shown = await asked(pilot, "Changed by someone else", "as read", "theirs", "yours")
        assert ("+ theirs" in shown) != gone and "+ mine-" in shown
        assert await stored(project, "k") == theirs
        await press(pilot, choice)
        if choice == "m":
            await asked(pilot, "Create this key?" if gone else "Save these changes?")
            assert await stored(project, "k") == theirs
            await press(pilot, "y")
            await said(pilot, "Created k" if gone else "Saved k")
            await back(pilot)
            assert await stored(project, "k") == Entry(b"mine-", META, EXPIRES)
            await press(pilot, "z")
            await asked(pilot, "Take this back?")
            await press(pilot, "y")
            await said(pilot, "Taken back")
        else:
            await back(pilot)
            draft = browser(pilot).draft_here()
            assert (draft is None) == (choice == "t")
            if choice == "t":
                await shows(pilot, "Keys  k*  0" if gone else "theirs", *([] if gone else ['{"by":"them"}']))
            elif choice == "e":
                assert draft is not None and draft.base == theirs
                assert browser(pilot).entry_pane.editing == "value"
        assert await stored(project, "k") == theirs


async def test_whoever_closes_the_editor_what_stands_in_it_is_kept(project: Path) -> None:
    async with on_sessions(project, "tmp:") as pilot:
        await read(pilot, "tmp:0")
        await press(pilot, "e")
        editor, main = pilot.app.focused, browser(pilot)
        assert isinstance(editor, TextArea)
        editor.text = "typed"
        main.entry_pane.show(space(), "tmp:1")  # in the same moment, and without asking for a draft first
        draft = main.drafts.get(KeyRef(space(), "tmp:0"))
        assert draft is not None
        assert draft.data == b"typed"
