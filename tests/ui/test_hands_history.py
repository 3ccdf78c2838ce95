"""The way back by keys alone: undo, redo, the log, a full journal, interrupted steps; and who may write."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from kvtui.api.models import Entry
from kvtui.config import JournalSettings
from kvtui.core import plans
from kvtui.core.changes import KeyRef
from kvtui.core.journal.journal import Journal
from kvtui.core.journal.records import Origin, Outcome
from kvtui.local.state import open_state
from kvtui.ui.panes.bars import FootLine
from tests.core.kv import MAY_NOT
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
WHOLE = Entry(bytes(range(256)), META, EXPIRES)


async def answered(pilot: Pilot[Any], key: str, title: str, answer: str, words: str) -> None:
    """Press a verb, answer its question, and wait for the words about it."""
    await press(pilot, key)
    await asked(pilot, title)
    await press(pilot, answer)
    await said(pilot, words)
    await back(pilot)


# Undo and redo


async def test_undo_and_redo_go_through_the_steps_in_their_order(project: Path) -> None:
    tap = Tap()
    await put(project, {"k": Entry(b"0", META, EXPIRES)})
    async with on_sessions(project, "k", wire=tap) as pilot:
        await read(pilot, "k")
        for key in ("z", "Z"):
            await press(pilot, key)
            await said(
                pilot, "There is nothing to take back" if key == "z" else "There is nothing to make again"
            )
        for digit in "12":
            await press(pilot, "e", digit)
            await saved(pilot)
        assert await stored(project, "k") == Entry(b"210", META, EXPIRES)
        tap.faults.sent.clear()
        for key in ("enter", "escape", "z"):
            await press(pilot, "z")
            await asked(pilot, "Take this back?", "becomes again: 2 B")
            await press(pilot, key)
            if key == "z":
                await press(pilot, "escape")
            await back(pilot)
        assert not any(line.startswith("PUT") for line in tap.faults.sent)
        for key, title, words, value in (
            ("z", "Take this back?", "Taken back: edit k", b"10"),
            ("z", "Take this back?", "Taken back: edit k", b"0"),
            ("Z", "Make this again?", "Made again: edit k", b"10"),
            ("Z", "Make this again?", "Made again: edit k", b"210"),
            ("z", "Take this back?", "Taken back: edit k", b"10"),
        ):
            await answered(pilot, key, title, "y", words)
            assert await stored(project, "k") == Entry(value, META, EXPIRES)
            await until(pilot, lambda: browser(pilot).entry_pane.entry == Entry(value, META, EXPIRES))  # noqa: B023
        assert tap.listings == 0
        await press(pilot, "e", "x")
        await saved(pilot)
        await press(pilot, "Z")
        await said(pilot, "There is nothing to make again")
        await press(pilot, "e", "y", "escape", "z")
        await said(pilot, "k has a draft")


async def test_the_log_takes_back_a_step_and_brings_back_a_record(project: Path) -> None:
    await put(project, {"k1": WHOLE, "k2": Entry(b"0")})
    async with on_sessions(project, "k") as pilot:
        await read(pilot, "k1")
        await press(pilot, "at")
        await asked(pilot, "Nothing has been changed yet.")
        await press(pilot, "escape", "j")
        await read(pilot, "k2")
        for digit in "12":
            await press(pilot, "e", digit)
            await saved(pilot)
        await press(pilot, "2", "k", "d")
        await asked(pilot, "Delete this key?", "SESSIONS ▸ k1")
        await press(pilot, "y")
        await said(pilot, "Deleted k1")
        # b on the oldest step: k2 as it was at first, though it was changed again since
        await press(pilot, "at")
        await asked(pilot, "Operations", "delete", "edit")
        await press(pilot, "j", "j", "b")
        await asked(pilot, "Bring this record back?", "now:  3 B", "then: 1 B")
        await press(pilot, "enter")
        await back(pilot)
        assert await stored(project, "k2") == Entry(b"210")
        await press(pilot, "at")
        await asked(pilot, "Operations")
        await press(pilot, "j", "j", "b")
        await asked(pilot, "Bring this record back?")
        await press(pilot, "y")
        await said(pilot, "Brought back k2")
        assert await stored(project, "k2") == Entry(b"0")
        # z on the deletion, two steps down by now
        await press(pilot, "at")
        await asked(pilot, "Operations")
        await press(pilot, "j", "z")
        await asked(pilot, "Take this back?", "k1: comes back")
        await press(pilot, "y")
        await said(pilot, "Taken back: delete k1")
        assert await stored(project, "k1") == WHOLE
        await press(pilot, "at")
        await asked(pilot, "taken back", "undo of delete")
        await press(pilot, "at")
        await back(pilot)


async def test_without_a_journal_every_question_says_that_there_is_no_way_back(project: Path) -> None:
    async with on_sessions(project, "tmp:", kept=False) as pilot:
        await read(pilot, "tmp:0")
        await shows(pilot, "NO JOURNAL")
        for key in ("z", "Z", "at"):
            await press(pilot, key)
            await said(pilot, "The journal is off")
        await press(pilot, "d")
        await asked(pilot, "Delete this key?", "The journal is off: this cannot be taken back.")
        await press(pilot, "escape", "e", "x")
        card = await saved(pilot)
        assert "The journal is off: this cannot be taken back." in card
        await said(pilot, "The journal is off: this cannot be taken back.")
    assert await stored(project, "tmp:0") == Entry(b"x-")


@pytest.mark.parametrize("choice", ["m", "t", "escape"])
@pytest.mark.parametrize("verb", ["delete", "undo"])
async def test_a_foreign_write_stops_a_deletion_and_an_undo(project: Path, verb: str, choice: str) -> None:
    theirs = Entry(b"theirs", '{"by":"them"}')
    await put(project, {"k": Entry(b"-", META, EXPIRES)})
    async with on_sessions(project, "k") as pilot:
        await read(pilot, "k")
        if verb == "undo":
            await press(pilot, "e", "x")
            await saved(pilot)
        await put(project, {"k": theirs})
        await press(pilot, "z" if verb == "undo" else "d")
        await asked(pilot, "Take this back?" if verb == "undo" else "Delete this key?")
        await press(pilot, "y")
        words = "all the same"
        await asked(pilot, "Changed by someone else", "theirs", words)
        assert await stored(project, "k") == theirs
        await press(pilot, choice)
        await back(pilot)
        if choice != "m":
            await said(pilot, "It was left as it is")
            await until(pilot, lambda: browser(pilot).entry_pane.entry == theirs, "theirs to be shown")
            assert await stored(project, "k") == theirs
        elif verb == "delete":
            await said(pilot, "Deleted k")
            assert await stored(project, "k") is None
            await answered(pilot, "z", "Take this back?", "y", "Taken back")
            assert await stored(project, "k") == theirs
        else:
            await said(pilot, "Taken back")
            assert await stored(project, "k") == Entry(b"-", META, EXPIRES)


async def test_a_key_that_is_gone_by_now_is_deleted_by_nobody(project: Path) -> None:
    async with on_sessions(project, "tmp:") as pilot:
        await read(pilot, "tmp:0")
        await remove(project, "tmp:0")
        await press(pilot, "d")
        await asked(pilot, "Delete this key?")
        await press(pilot, "y")
        await said(pilot, "tmp:0 is so already")
        await read(pilot, "tmp:1")
        await shows(pilot, "9 keys · complete")


# A full journal


@pytest.mark.parametrize("choice", ["stop", "escape", "purge", "without", "end"])
async def test_a_full_journal_asks(project: Path, choice: str) -> None:
    settings = JournalSettings(project / "journal", cap=160_000)
    value = b"x" * 20_000
    await put(project, {"k": Entry(value, META, EXPIRES), "k2": Entry(b"z" * 100_000)})
    async with on_sessions(project, "k", journal=settings) as pilot:
        await read(pilot, "k")
        await press(pilot, "j")
        await read(pilot, "k2")
        await answered(pilot, "d", "Delete this key?", "y", "Deleted k2")
        await read(pilot, "k")
        await press(pilot, "t")
        await asked(pilot, "Expiration")
        await press(pilot, "down", "enter")
        await asked(pilot, "expires   changed")
        await press(pilot, "y")
        await asked(pilot, "The journal is full", "so nothing was sent", "Make room", "Go on without")
        assert await stored(project, "k") == Entry(value, META, EXPIRES)
        if choice == "end":
            return  # the program ends, as by a signal, while the question is open
        await press(pilot, *{"stop": ["enter"], "escape": ["escape"]}.get(choice, ["j"]))
        if choice in ("purge", "without"):
            await press(pilot, *(["enter"] if choice == "purge" else ["j", "enter"]))
        await back(pilot)
        now = await stored(project, "k")
        if choice in ("stop", "escape"):
            assert now == Entry(value, META, EXPIRES)
            assert browser(pilot).draft_here() is not None
            return
        assert now == Entry(value, META, None)
        words = await said(pilot, "Saved k")
        await press(pilot, "z")
        if choice == "purge":
            assert "z takes it back" in words
            await asked(pilot, "Take this back?", "SESSIONS ▸ k:")
            await press(pilot, "escape")
        else:
            assert "cannot be taken back" in words
            await asked(pilot, "Take this back?", "k2")
            await press(pilot, "escape")


# Who may write


async def test_a_read_only_session_shows_its_verbs_and_says_why_not(project: Path) -> None:
    tap = Tap()
    async with on_sessions(project, "tmp:", read_only=True, wire=tap) as pilot:
        await shows(pilot, "READ-ONLY")
        await read(pilot, "tmp:0")
        foot = browser(pilot).query_one(FootLine)
        hints = {label: refused for _key, label, refused in foot.hints}
        assert hints["edit"] and hints["delete"] and not hints["help"]
        for key in ("e", "E", "m", "t", "a", "r", "c", "d", "N", "z", "Z", "ctrl+s"):
            await press(pilot, "j" if key == "e" else "k")
            await press(pilot, key)
            await said(pilot, "This session is read-only. :rw 10m REASON opens it for ten minutes.")
            assert pilot.app.screen is browser(pilot)
        await press(pilot, "1", "r")
        await said(pilot, "This session is read-only")
        await press(pilot, "d")
        await said(pilot, "This session is read-only")
        assert not any(line.startswith(("PUT", "POST", "DELETE")) for line in tap.faults.sent)
        await press(pilot, "2", "at")
        await asked(pilot, "Nothing has been changed yet.")
        await press(pilot, "escape")


async def command(pilot: Pilot[Any], line: str, offered: str) -> None:
    """Say something to the palette."""
    await press(pilot, ":")
    await until(pilot, lambda: pilot.app.screen is not browser(pilot), "the palette")
    await press(pilot, *typed(line))
    await shows(pilot, offered)
    await press(pilot, "enter")
    await back(pilot)


async def test_rw_opens_for_a_while_with_a_reason_and_ro_closes(project: Path) -> None:
    async with on_sessions(project, "tmp:", read_only=True) as pilot:
        await read(pilot, "tmp:0")
        await command(pilot, "rw", "rw: Say for how long")
        await command(pilot, "rw 10m", "rw: Say for how long")
        await shows(pilot, "READ-ONLY")
        await command(pilot, 'rw 10m "INC-4711"', "Allow changes for 10m")
        await shows(pilot, "WRITING 9:5", "INC-4711")
        foot = browser(pilot).query_one(FootLine)
        assert not any(refused for _key, _label, refused in foot.hints)
        await press(pilot, "e", "x")
        await saved(pilot)
        assert await stored(project, "tmp:0") == Entry(b"x-")
        await press(pilot, "at")
        await asked(pilot, "INC-4711")
        await press(pilot, "escape")
        await press(pilot, "e", "y", "escape")
        await command(pilot, "ro", "ro: Read-only from now on")
        await shows(pilot, "READ-ONLY")
        assert "WRITING" not in screen_text(pilot.app.screen)
        await press(pilot, "ctrl+s")
        await said(pilot, "This session is read-only")
        assert await stored(project, "tmp:0") == Entry(b"x-")
        assert len(browser(pilot).drafts) == 1, "the draft is kept"


async def test_a_token_that_may_not_write_is_found_out_once(project: Path) -> None:
    tap = Tap()
    async with on_sessions(project, "tmp:", wire=tap) as pilot:
        await read(pilot, "tmp:0")
        await press(pilot, "e", "x", "ctrl+s")
        await asked(pilot, "Save these changes?")
        tap.faults.strike(MAY_NOT, 2, for_good=True)
        await press(pilot, "y")
        await said(pilot, "This token may not write")
        await back(pilot)
        tap.faults.heal()
        assert [line[:4] for line in tap.faults.sent] == ["GET ", "GET ", "PUT "]
        await shows(pilot, "READ-ONLY")
        tap.faults.sent.clear()
        await press(pilot, "ctrl+s")
        await said(pilot, "This token may not write")
        await press(pilot, "escape", "d")
        await said(pilot, "This token may not write")
        assert tap.faults.sent == [] and len(browser(pilot).drafts) == 1
        foot = browser(pilot).query_one(FootLine)
        assert {label: refused for _key, label, refused in foot.hints}["delete"]
    assert await stored(project, "tmp:0") == Entry(b"-")


# What was interrupted


def interrupted(project: Path, *, sent: bool) -> None:
    """A rename of k to k2 whose process died."""
    state = open_state(project)
    journal = Journal(project / "journal")
    step = plans.rename(KeyRef(space(), "k"), WHOLE, KeyRef(space(), "k2"), None)
    id = journal.begin(step, Origin(f"local:{state.folder.resolve()}", "local project"))
    if sent:
        journal.note(id, 0, Outcome.SENT)
    journal.close()


@pytest.mark.parametrize(
    ("choice", "arrived"),
    [
        ("later", True),
        ("finish", True),
        ("finish", False),
        ("back", True),
        ("back", False),
        ("leave", True),
        ("escape", False),
    ],
)
async def test_what_was_interrupted_is_asked_about_at_the_start(
    project: Path, choice: str, arrived: bool
) -> None:
    await put(project, {"k": WHOLE, **({"k2": WHOLE} if arrived else {})})
    interrupted(project, sent=True)
    before = await names(project)
    async with on_sessions(project, "k") as pilot:
        await asked(pilot, "kvtui was ended in the middle of this", "rename", "Decide later", "Finish it")
        if choice == "escape":
            await press(pilot, "escape")
        else:
            await press(pilot, *["j"] * ["later", "finish", "back", "leave"].index(choice), "enter")
        if choice == "back":
            await asked(pilot, "Take this back?")
            await press(pilot, "y")
        await back(pilot)
        now = {key: await stored(project, key) for key in ("k", "k2")}
        if choice == "finish":
            assert now == {"k": None, "k2": WHOLE}
            await said(pilot, "Renamed to k2")
            await shows(pilot, "1 key · complete")
            await answered(pilot, "z", "Take this back?", "y", "Taken back")
            assert {key: await stored(project, key) for key in ("k", "k2")} == {"k": WHOLE, "k2": None}
        elif choice == "back":
            assert now == {"k": WHOLE, "k2": None}
            await until(pilot, lambda: "k2" not in screen_text(pilot.app.screen).split("complete")[0])
        else:
            assert await names(project) == before
    async with on_sessions(project, "k") as pilot:
        if choice in ("later", "escape"):
            await asked(pilot, "kvtui was ended in the middle of this")
            await press(pilot, "escape")
        else:
            await read(pilot, "k")
            assert pilot.app.screen is browser(pilot)


async def test_in_a_read_only_session_what_was_interrupted_stays_as_it_is(project: Path) -> None:
    await put(project, {"k": WHOLE})
    interrupted(project, sent=False)
    async with on_sessions(project, "k", read_only=True) as pilot:
        await asked(pilot, "kvtui was ended in the middle of this")
        await press(pilot, "j", "enter")
        await said(pilot, "This session is read-only")
        assert await stored(project, "k") == WHOLE and await stored(project, "k2") is None
