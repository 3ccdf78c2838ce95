"""Keys and namespaces by keys alone: new, renamed, copied, deleted; list and tree follow at once."""

from __future__ import annotations

import time
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from textual.events import Paste
from textual.pilot import Pilot

from kvtui.api.models import Entry
from kvtui.core.escape import safe_str
from kvtui.ui.panes.keys import REST_S
from tests.ui.kit import (
    Tap,
    asked,
    back,
    browser,
    burst,
    honest,
    names,
    on_sessions,
    press,
    program,
    put,
    read,
    said,
    saved,
    screen_text,
    shows,
    space,
    stored,
    titles,
    until,
)

META = '{"v": 1.0, "tags":["a"]}'
EXPIRES = int(time.time()) + 90_000
WHOLE = Entry(bytes(range(256)), META, EXPIRES)


def in_list(pilot: Pilot[Any]) -> list[str]:
    """The names in the list."""
    listing = browser(pilot).keys_pane.listing
    assert listing is not None
    return list(listing.table.names)


async def at(pilot: Pilot[Any], key: str) -> None:
    """Put the cursor on a key, and wait for its entry."""
    await until(pilot, lambda: browser(pilot).keys_pane.go_to(key), f"{key} in the list")
    await read(pilot, key)


async def named(pilot: Pilot[Any], name: str) -> None:
    """Put another name in the line of a dialog."""
    await press(pilot, "end", "ctrl+u")
    pilot.app.post_message(Paste(name))


# New keys


async def test_a_new_key_is_stored_only_when_it_is_saved(project: Path) -> None:
    tap = Tap()
    async with on_sessions(project, "tmp:", wire=tap) as pilot:
        await at(pilot, "tmp:0")
        tap.faults.sent.clear()
        await press(pilot, "a")
        await asked(pilot, "New key", "In the namespace SESSIONS")
        await press(pilot, *"22", "enter")
        await until(pilot, lambda: browser(pilot).entry_pane.editing, "the editor")
        await press(pilot, *"{q")
        assert await stored(project, "tmp:22") is None
        card = await saved(pilot, words="Created tmp:22")
        assert "Create this key?" in card and "new" in card
        assert await stored(project, "tmp:22") == Entry(b"{q")
        await until(pilot, lambda: browser(pilot).keys_pane.name_at_cursor == "tmp:22")
        assert in_list(pilot) == sorted([f"tmp:{number}" for number in range(10)] + ["tmp:22"])
        await shows(pilot, "tmp:*  11")
        await press(pilot, "z")
        await asked(pilot, "Take this back?", "tmp:22: goes")
        await press(pilot, "y")
        await said(pilot, "Taken back: create tmp:22")
        assert await stored(project, "tmp:22") is None and len(in_list(pilot)) == 10
        assert tap.listings == 0


async def test_a_new_key_may_be_a_whole_copy_and_never_takes_the_place_of_another(project: Path) -> None:
    await put(project, {"k": WHOLE, "text": Entry(b'{"a":1.0,"a":2}', META, EXPIRES)})
    async with on_sessions(project) as pilot:
        await at(pilot, "k")
        await press(pilot, "a", *"copy", "down", "enter")
        card = await asked(pilot, "Create this key?", "SESSIONS ▸ copy", "256 B")
        assert card.count("new") >= 3
        await press(pilot, "y")
        await said(pilot, "Created copy")
        assert await stored(project, "copy") == await stored(project, "k") == WHOLE
        await at(pilot, "text")
        await press(pilot, "a", *"text2", "tab", "enter")
        await until(pilot, lambda: browser(pilot).entry_pane.editing, "the editor")
        await press(pilot, "down", "end", "left", "5")
        await saved(pilot, words="Created text2")
        assert await stored(project, "text2") == Entry(b'{"a":1.05,"a":2}', META, EXPIRES)
        await press(pilot, "a", *"k", "enter")
        await said(pilot, "k exists already")
        assert browser(pilot).entry_pane.editing is None
    assert await stored(project, "k") == WHOLE


async def test_the_first_key_of_an_empty_namespace(project: Path) -> None:
    async with on_sessions(project) as pilot:
        await shows(pilot, "tmp:0")
        await press(pilot, "1", "k", "enter")
        await shows(pilot, "Keys  0")
        await press(pilot, "a", *"first", "enter")
        await until(pilot, lambda: browser(pilot).entry_pane.editing, "the editor")
        await press(pilot, "x")
        await saved(pilot, words="Created first")
        await shows(pilot, "Keys  1", ">  first")
    assert await stored(project, "first", "flags") == Entry(b"x")


async def test_a_new_key_behind_a_move_is_not_left_when_the_cursor_comes_to_rest(project: Path) -> None:
    async with on_sessions(project, "tmp:") as pilot:
        await at(pilot, "tmp:0")
        await press(pilot, "j", "a")
        await asked(pilot, "New key")
        await press(pilot, *"22", "enter")
        await until(pilot, lambda: browser(pilot).entry_pane.editing, "the editor")
        await press(pilot, *"dza")
        await pilot.pause(REST_S + 0.05)
        assert browser(pilot).key == "tmp:22" and browser(pilot).entry_pane.editing
        await saved(pilot, words="Created tmp:22")
    assert await stored(project, "tmp:22") == Entry(b"dza")


# Renaming


async def test_a_renamed_key_keeps_all_of_it_its_cursor_and_its_mark(project: Path) -> None:
    tap = Tap()
    await put(project, {"tmp:5": WHOLE})
    async with on_sessions(project, "tmp:", wire=tap) as pilot:
        await at(pilot, "tmp:5")
        await press(pilot, "space", "k", "r")
        await asked(pilot, "Rename a key", "SESSIONS ▸ tmp:5")
        tap.faults.sent.clear()
        await named(pilot, "tmp:05")
        await press(pilot, "enter")
        await said(pilot, "Renamed to tmp:05")
        await until(pilot, lambda: browser(pilot).key == "tmp:05", "the cursor")
        pane = browser(pilot).keys_pane
        assert pane.name_at_cursor == "tmp:05" and list(pane.marked_names) == ["tmp:05"]
        assert await stored(project, "tmp:05") == WHOLE and await stored(project, "tmp:5") is None
        assert tap.listings == 0 and in_list(pilot)[:2] == ["tmp:0", "tmp:05"]
        await press(pilot, "z")
        await asked(pilot, "Take this back?")
        await press(pilot, "y")
        await said(pilot, "Taken back: rename")
        assert await stored(project, "tmp:5") == WHOLE and await stored(project, "tmp:05") is None
        assert in_list(pilot) == [f"tmp:{number}" for number in range(10)] and tap.listings == 0


async def test_a_rename_onto_another_key_is_asked_about_and_can_be_taken_back(project: Path) -> None:
    other = Entry(b"other", '{"a":1}')
    await put(project, {"k1": WHOLE, "k2": other})
    async with on_sessions(project, "k") as pilot:
        await at(pilot, "k1")
        for key in ("enter", "escape", "y"):
            await press(pilot, "r")
            await asked(pilot, "Rename a key")
            await named(pilot, "k2")
            await press(pilot, "enter")
            await asked(pilot, "Replace it?", "SESSIONS ▸ k2 exists already", "5 B")
            await press(pilot, key)
            await back(pilot)
            if key != "y":
                assert await stored(project, "k1") == WHOLE and await stored(project, "k2") == other
        assert await names(project) and await stored(project, "k2") == WHOLE
        assert await stored(project, "k1") is None
        await press(pilot, "z")
        await asked(pilot, "Take this back?")
        await press(pilot, "y")
        await said(pilot, "Taken back")
    assert await stored(project, "k1") == WHOLE and await stored(project, "k2") == other


async def test_a_draft_in_the_way_is_refused_by_every_verb(project: Path) -> None:
    async with on_sessions(project, "tmp:") as pilot:
        await at(pilot, "tmp:0")
        await press(pilot, "e", "x", "escape")
        for key in ("r", "d"):
            await press(pilot, key)
            await said(pilot, "tmp:0 has a draft", "ctrl+s saves it")
        await at(pilot, "tmp:1")
        for key, title in (("r", "Rename a key"), ("c", "Copy a key")):
            await press(pilot, key)
            await asked(pilot, title)
            await named(pilot, "tmp:0")
            await press(pilot, "enter")
            await said(pilot, "tmp:0 has a draft")
        await press(pilot, "k", "space", "space", "d")
        await said(pilot, "tmp:0 has a draft")
        await shows(pilot, "2 marked")
        assert len(await names(project)) == 41


async def test_a_namespace_gets_another_title_and_keeps_its_keys(project: Path) -> None:
    tap = Tap()
    async with on_sessions(project, "tmp:", wire=tap) as pilot:
        await at(pilot, "tmp:0")
        tap.faults.sent.clear()
        await press(pilot, "1", "r")
        await asked(pilot, "Rename the namespace", "id sessions")
        await named(pilot, "FLAGS")
        await shows(pilot, "Another namespace of this account has this title.")
        await press(pilot, "enter")
        await named(pilot, "[/] \x1b[c")
        await press(pilot, "enter")
        await said(pilot, "Renamed to")
        assert (await titles(project)) == {"FLAGS": "flags", "[/] \x1b[c": "sessions"}
        await press(pilot, "2", "j")
        await read(pilot, "tmp:1")
        await press(pilot, "z")
        await asked(pilot, "Take this back?")
        await press(pilot, "y")
        await said(pilot, "Taken back")
        assert await titles(project) == {"FLAGS": "flags", "SESSIONS": "sessions"}
        await shows(pilot, "▸ SESSIONS ▸ tmp:")
        assert tap.listings == 0


# Copying


async def test_a_copy_is_whole_within_and_across_namespaces(project: Path) -> None:
    await put(project, {"k": WHOLE})
    async with on_sessions(project, "k") as pilot:
        await at(pilot, "k")
        await press(pilot, "c", "2", "enter")
        await said(pilot, "Copied to k2")
        assert browser(pilot).keys_pane.name_at_cursor == "k" and in_list(pilot) == ["k", "k2"]
        await press(pilot, "c")
        await asked(pilot, "Copy a key")
        await press(pilot, "up", "enter")
        await said(pilot, "Copied to k")
        assert await stored(project, "k2") == await stored(project, "k", "flags") == WHOLE
        await put(project, {"k": Entry(b"other")}, "flags")
        await press(pilot, "c")
        await asked(pilot, "Copy a key")
        await press(pilot, "up", "enter")
        await asked(pilot, "Replace it?", "FLAGS ▸ k exists already", "5 B")
        await press(pilot, "enter")
        await back(pilot)
        assert await stored(project, "k", "flags") == Entry(b"other")
        await press(pilot, "1", "k", "enter")
        await read(pilot, "k")
        await shows(pilot, "other")


# Deleting


async def test_one_key_goes_by_y_alone_and_comes_back_whole(project: Path) -> None:
    tap = Tap()
    await put(project, {"tmp:5": WHOLE})
    async with on_sessions(project, "tmp:", wire=tap) as pilot:
        await at(pilot, "tmp:5")
        tap.faults.sent.clear()
        for key in ("enter", "escape", "d", "n"):
            await press(pilot, "d")
            await asked(pilot, "Delete this key?", "SESSIONS ▸ tmp:5", "256 B", "with metadata")
            await press(pilot, key)
            if key == "d":
                await press(pilot, "escape")
            await back(pilot)
        assert not any(line.startswith(("PUT", "DELETE")) for line in tap.faults.sent)
        await press(pilot, "d")
        await asked(pilot, "Delete this key?")
        await press(pilot, "y")
        await said(pilot, "Deleted tmp:5")
        assert await stored(project, "tmp:5") is None
        await until(pilot, lambda: browser(pilot).keys_pane.name_at_cursor == "tmp:6")
        await read(pilot, "tmp:6")
        await shows(pilot, "9 keys · complete")
        await press(pilot, "z")
        await asked(pilot, "Take this back?", "tmp:5: comes back")
        await press(pilot, "y")
        await said(pilot, "Taken back: delete tmp:5")
        assert await stored(project, "tmp:5") == WHOLE and "tmp:5" in in_list(pilot)
        assert tap.listings == 0


async def test_marked_keys_go_by_y_up_to_ten_and_by_their_count_above(project: Path) -> None:
    tap = Tap()
    async with on_sessions(project, wire=tap) as pilot:
        await at(pilot, "tmp:0")
        await shows(pilot, "tmp:  10", "user:  30")
        tap.faults.sent.clear()
        for _ in range(10):
            await press(pilot, "space")
        await press(pilot, "d")
        await asked(pilot, "Delete 10 keys?", "… and 5 more", "50 requests")
        await press(pilot, "y")
        await said(pilot, "Deleted 10 keys")
        assert not [name for name in await names(project) if name.startswith("tmp:")]
        await until(pilot, lambda: "tmp:  10" not in screen_text(pilot.app.screen), "the tree to follow")
        for _ in range(11):
            await press(pilot, "space")
        await press(pilot, "d")
        await asked(pilot, "Delete 11 keys?", "Type 11 to delete them")
        await press(pilot, "y", "enter", "backspace", "1", "enter")
        await shows(pilot, "does not match yet")
        assert len(await names(project)) == 31
        await press(pilot, "1", "enter")
        await said(pilot, "Deleted 11 keys")
        assert len(await names(project)) == 20
        await shows(pilot, "user:  19", "Keys  20")
        assert not browser(pilot).keys_pane.marks
        for count in (31, 41):
            await press(pilot, "z")
            await asked(pilot, "Take this back?")
            await press(pilot, "y")
            await said(pilot, "Taken back")
            assert len(await names(project)) == count
        await shows(pilot, "tmp:  10", "user:  30", "Keys  41")
        assert tap.listings == 0
    now = await stored(project, "user:4711")
    assert now is not None and now.metadata == '{"v":3}' and now.expiration


async def test_more_than_a_hundred_are_refused(project: Path) -> None:
    async with honest(project) as client:
        await client.bulk_write(space(), {f"many:{number}": Entry(b"x") for number in range(101)})
    async with on_sessions(project, "many:") as pilot:
        await read(pilot, "many:0")
        await press(pilot, "M", "d")
        await said(pilot, "101 keys are marked", "100 are the most at once")
        await shows(pilot, "101 marked")
    assert len(await names(project)) == 142


async def test_a_namespace_goes_only_by_its_title(project: Path) -> None:
    async with on_sessions(project, "tmp:") as pilot:
        await at(pilot, "tmp:0")
        await press(pilot, "1", "d")
        await asked(
            pilot, "Remove this namespace?", "id sessions", "41 keys were seen", "cannot be taken back"
        )
        await press(pilot, "y", "enter", *"SESSION", "enter")
        await shows(pilot, "does not match yet")
        assert len(await titles(project)) == 2
        await press(pilot, "home", "delete", "end", "S", "enter")
        await said(pilot, "Removed the namespace SESSIONS")
        assert await titles(project) == {"FLAGS": "flags"}
        await until(pilot, lambda: "SESSIONS" not in screen_text(pilot.app.screen).split("Removed")[0])
        await shows(pilot, "No namespace is open")
        await press(pilot, "z")
        await said(pilot, "nothing to take back")


async def test_a_new_namespace_is_made_and_taken_back_while_it_is_empty(project: Path) -> None:
    async with on_sessions(project) as pilot:
        await shows(pilot, "tmp:0")
        await press(pilot, "N")
        await asked(pilot, "New namespace")
        await press(pilot, *"SESSIONS")
        await shows(pilot, "Another namespace of this account has this title.")
        await press(pilot, "enter", "2", "enter")
        await said(pilot, "Created the namespace SESSIONS2")
        made = (await titles(project))["SESSIONS2"]
        await press(pilot, "1", "enter")
        await shows(pilot, "▸ SESSIONS2", "Keys  0")
        await put(project, {"k": Entry(b"x")}, made)
        await press(pilot, "z")
        await asked(pilot, "Take this back?", "Type SESSIONS2 to take it back")
        await press(pilot, "y", "enter")
        await shows(pilot, "does not match yet")
        await press(pilot, "backspace", *"SESSIONS2", "enter")
        await said(pilot, "This namespace has keys by now")
        async with honest(project) as client:
            await client.delete(space(made), "k")
        await press(pilot, "z")
        await asked(pilot, "Take this back?")
        await press(pilot, *"SESSIONS2", "enter")
        await said(pilot, "Taken back")
    assert "SESSIONS2" not in await titles(project)


# Hostile names and values

NAMES = ["[/]'\"[bold red]\x1b[c\u202e\n~\x7f\u200b", "é" * 256]


def calm(pilot: Pilot[Any]) -> None:
    """Nothing is on the screen that a terminal would obey, or that nobody can see, before the last wall."""
    text = screen_text(pilot.app.screen).replace("\n", "")
    assert not [letter for letter in text if unicodedata.category(letter) in ("Cc", "Cf", "Zl", "Zp")]


async def through(pilot: Pilot[Any], key: str, title: str, *then: str) -> None:
    """Open a dialog, look at it, and answer it."""
    await press(pilot, key)
    await asked(pilot, title)
    calm(pilot)
    await press(pilot, *then)


@pytest.mark.parametrize(("size", "count"), [((80, 24), 2), ((40, 12), 1)])
async def test_hostile_names_and_values_go_through_every_dialog(
    project: Path, size: tuple[int, int], count: int
) -> None:
    title = "[/] \x1b[c\u202e"
    async with honest(project) as client:
        await client.rename_namespace(space(), title)
    value, theirs = b"[/] \x1b[c \xff", Entry(b"\x1b]0;x\x07[/b]", '{"t":"[/] \\u001b\u202e"}')
    before = {name: Entry(value + name.encode(), '{"m":"[/] \\u001b"}', EXPIRES) for name in NAMES}
    await put(project, before)
    app = program(project, namespace=title, journal=project / "journal")
    async with app.run_test(size=size) as pilot:
        for name in NAMES[:count]:
            await at(pilot, name)
            await through(pilot, "d", "Delete this key?", "escape")
            await through(pilot, "c", "Copy a key", "escape")
            await through(pilot, "a", "New key", "escape")
            await press(pilot, "m", "down", "end", "left", "0", "escape")
            await said(pilot, "The draft is kept")
            calm(pilot)
            await through(pilot, "tilde", "Drafts", "escape")
            await through(pilot, "ctrl+r", "Drop this draft?", "escape")
            await through(pilot, "q", "Quit?", "escape")
            await put(project, {name: theirs})
            await through(pilot, "ctrl+s", "Save these", "y")
            await asked(pilot, "Changed by someone else")
            calm(pilot)
            await press(pilot, "t")
            await said(pilot, "your draft was dropped")
            calm(pilot)
            await through(pilot, "t", "Expiration", *"1h", "enter")
            await asked(pilot, "Save these")
            calm(pilot)
            await press(pilot, "y")
            await said(pilot, "Saved ")
            calm(pilot)
            await through(pilot, "at", "Operations", "escape")
            await through(pilot, "r", "Rename", "end", "backspace", "j", "enter")
            await said(pilot, "Renamed to ")
            await through(pilot, "z", "Take this back?", "y")
            await said(pilot, "Taken back")
            await at(pilot, name)
            assert safe_str(f"{name[:-1]}j") in await said(pilot, "Taken back")
            await through(pilot, "d", "Delete this key?", "y")
            await said(pilot, "Deleted ")
            calm(pilot)
            assert await stored(project, name) is None
            for _ in range(3):
                await through(pilot, "z", "Take this back?", "y")
                await said(pilot, "Taken back")
                if await stored(project, name) == theirs:
                    break
            assert await stored(project, name) == theirs


async def test_what_is_typed_behind_the_name_of_a_new_key_goes_into_its_editor(project: Path) -> None:
    async with on_sessions(project, "tmp:") as pilot:
        await read(pilot, "tmp:0")
        burst(pilot, "a", *"fast:dy", "enter", *"value vcd")
        await shows(pilot, "editing value", "value vcd")
        pane = browser(pilot).keys_pane
        assert len(pane.marks) == 0, "no letter of it was a verb"
        await press(pilot, "ctrl+s")
        await asked(pilot, "Create this key?")
        await press(pilot, "y")
        await said(pilot, "Created tmp:fast:dy")
    assert await stored(project, "tmp:fast:dy") == Entry(b"value vcd")


async def test_verbs_about_a_key_do_nothing_from_the_tree(project: Path) -> None:
    async with on_sessions(project, "tmp:") as pilot:
        await read(pilot, "tmp:0")
        await press(pilot, "1")
        for key in "eEmtc":
            await press(pilot, key)
            await said(pilot, "2 goes to the keys")
            assert browser(pilot).entry_pane.editing is None
            assert pilot.app.screen is browser(pilot)


async def test_a_key_that_is_shown_but_not_in_the_list_is_the_one_that_the_verbs_are_about(
    project: Path,
) -> None:
    async with on_sessions(project, "tmp:") as pilot:
        await read(pilot, "tmp:0")
        burst(pilot, "a", *"zz", "enter", "v")
        await shows(pilot, "editing value")
        await press(pilot, "escape")
        await shows(pilot, "zz is shown, which is not in this list")
        await press(pilot, "t")
        await asked(pilot, "Expiration", "zz")
        await press(pilot, "escape")
        await back(pilot)
        await press(pilot, "j")
        await read(pilot, "tmp:1")
        assert "zz is shown" not in screen_text(pilot.app.screen)
        assert [draft.ref.key for draft in browser(pilot).drafts] == ["tmp:zz"]


async def test_what_was_done_in_a_namespace_that_is_gone_is_not_offered_again(project: Path) -> None:
    async with on_sessions(project, "tmp:") as pilot:
        await read(pilot, "tmp:0")
        await press(pilot, "d")
        await asked(pilot, "Delete this key?")
        await press(pilot, "y")
        await said(pilot, "Deleted")
        await press(pilot, "1", "N")
        await asked(pilot, "New namespace")
        await press(pilot, *"zed", "enter")
        await said(pilot, "Created the namespace zed")
        await until(
            pilot,
            lambda: (place := browser(pilot).tree_pane.place_at_cursor) and place.namespace.title == "zed",
        )
        await press(pilot, "d")
        await asked(pilot, "Remove this namespace?")
        await press(pilot, *"zed", "enter")
        await said(pilot, "Removed the namespace zed")
        await press(pilot, "z")
        await asked(pilot, "Take this back?", "tmp:0")
