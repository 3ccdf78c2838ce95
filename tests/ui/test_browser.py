"""The whole program, headless, on real data: where keys lead and what is never shown."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from textual.binding import Binding

from kvtui.api.models import Namespace
from kvtui.ui.bindings import FOOTER_MOST, declared, keys_shown
from kvtui.ui.browser import Browser
from kvtui.ui.hands import Hands
from kvtui.ui.panes.bars import FootLine
from kvtui.ui.panes.entry import EntryPane
from kvtui.ui.panes.keys import KeysPane
from kvtui.ui.panes.namespaces import NamespacesPane, NamespaceTree, Place
from tests.project import BINARY, SESSION
from tests.ui.kit import browser, program, screen_text, shows, until

OWNERS = (Browser, Hands, NamespacesPane, NamespaceTree, KeysPane, EntryPane)
LARGE = (120, 36)


async def test_the_tree_shows_accounts_namespaces_and_the_prefixes_that_are_loaded(project: Path) -> None:
    async with program(project).run_test(size=LARGE) as pilot:
        await shows(pilot, "FLAGS", "SESSIONS")
        await pilot.press("j", "enter")
        shown = await shows(pilot, "tmp:  10", "user:  30")
        assert "SESSIONS  41" in shown


async def test_prefixes_outlive_a_filter_and_a_refresh_of_the_tree(project: Path) -> None:
    async with program(project, namespace="SESSIONS").run_test(size=LARGE) as pilot:
        await shows(pilot, "user:  30")
        await pilot.press("1", "j", "j", "enter")
        await shows(pilot, "Keys  user:*  30")
        await pilot.press("1", "/", *"flags")
        await until(pilot, lambda: "tmp:" not in screen_text(pilot.app.screen), "the open namespace to hide")
        await pilot.press("escape", "escape")
        await shows(pilot, "FLAGS", "tmp:  10", "user:  30")
        await pilot.press("R")
        await shows(pilot, "FLAGS", "tmp:  10", "user:  30")


async def test_the_prefix_of_the_start_goes_with_the_first_namespace_that_is_opened(project: Path) -> None:
    async with program(project, prefix="tmp:").run_test(size=LARGE) as pilot:
        await shows(pilot, "SESSIONS")
        await pilot.press("j", "enter")
        await shows(pilot, "Keys  tmp:*  10")


async def test_a_message_from_a_listing_that_is_gone_leads_nowhere(project: Path) -> None:
    async with program(project, namespace="SESSIONS").run_test(size=LARGE) as pilot:
        await shows(pilot, "user:4700")
        pane = browser(pilot).query_one(KeysPane)
        gone = pane.listing
        await pilot.press("1", "k", "enter")
        await shows(pilot, "Keys  0")
        pane.post_message(KeysPane.Rested("user:4700", gone))
        pane.post_message(KeysPane.PrefixWanted("user:", gone))
        await pilot.pause()
        assert browser(pilot).key is None
        assert browser(pilot).place == Place(Namespace("flags", "FLAGS", "0" * 32))


async def test_opening_a_prefix_lists_it_on_the_server(project: Path) -> None:
    async with program(project, namespace="SESSIONS").run_test(size=LARGE) as pilot:
        await shows(pilot, "user:  30")
        await pilot.press("1", "j", "j", "enter")
        shown = await shows(pilot, "Keys  user:*  30")
        assert "tmp:0" not in shown


async def test_keys_that_come_in_one_burst_go_where_they_were_meant(project: Path) -> None:
    async with program(project, namespace="SESSIONS").run_test(size=LARGE) as pilot:
        await shows(pilot, "user:4700")
        await pilot.press("/", *"user:471", "enter", "j", "j")
        await shows(pilot, "10 of 41")
        pane = browser(pilot).query_one(KeysPane)
        await until(pilot, lambda: pane.name_at_cursor == "user:4712")


async def test_escape_leaves_one_thing_at_a_time(project: Path) -> None:
    async with program(project, namespace="SESSIONS").run_test(size=LARGE) as pilot:
        await shows(pilot, "user:4700")
        pane = browser(pilot).query_one(KeysPane)
        await pilot.press("space", "/", *"user")
        await shows(pilot, "30 of 41")
        await pilot.press("escape")
        assert "30 of 41" in screen_text(pilot.app.screen), "the first leaves the input, and keeps the filter"
        await pilot.press("escape")
        await shows(pilot, "41 keys")
        assert len(pane.marks) == 1
        await pilot.press("escape")
        await until(pilot, lambda: len(pane.marks) == 0)
        await pilot.press("escape")
        await until(pilot, lambda: browser(pilot).at == "tree")


async def test_y_copies_the_very_bytes_that_are_stored(project: Path, tmp_path: Path) -> None:
    app = program(project, namespace="SESSIONS", prefix="user:4711", home=tmp_path / "home")
    async with app.run_test(size=LARGE) as pilot:
        await shows(pilot, "admin")
        await pilot.press("y")
        foot = browser(pilot).query_one(FootLine)
        await until(pilot, lambda: foot.message.plain)
        copies = [
            path for path in (tmp_path / "home").rglob("*") if path.is_file() and path.read_bytes() == SESSION
        ]
        assert len(copies) == 1, foot.message.plain
        assert copies[0].stat().st_mode & 0o777 == 0o600


async def test_y_behind_a_move_copies_the_key_that_the_cursor_came_to(project: Path, tmp_path: Path) -> None:
    app = program(project, namespace="SESSIONS", prefix="user:471", home=tmp_path / "home")
    async with app.run_test(size=LARGE) as pilot:
        await shows(pilot, "2 B · JSON")
        await pilot.press("j", "y")
        foot = browser(pilot).query_one(FootLine)
        await until(pilot, lambda: foot.message.plain)
        assert foot.message.plain.startswith("user:4711: ")
        copies = [path.read_bytes() for path in (tmp_path / "home").rglob("*") if path.is_file()]
        assert copies == [SESSION]


async def test_a_message_stays_until_the_next_key(project: Path) -> None:
    async with program(project).run_test(size=LARGE) as pilot:
        await shows(pilot, "SESSIONS")
        await pilot.press("y")
        await shows(pilot, "Choose a key first")
        await pilot.press("j")
        await until(pilot, lambda: "Choose a key first" not in screen_text(pilot.app.screen))


async def test_two_presses_of_y_ask_only_once(project: Path, tmp_path: Path) -> None:
    app = program(project, namespace="SESSIONS", prefix="user:4712", route="osc52", home=tmp_path / "home")
    async with app.run_test(size=LARGE) as pilot:
        await shows(pilot, "PNG")
        browser(pilot).action_copy()
        browser(pilot).action_copy()
        await shows(pilot, "not plain text", "still under way")
        assert len(pilot.app.screen_stack) == 2


async def test_bytes_that_are_not_text_are_never_copied_as_text(project: Path, tmp_path: Path) -> None:
    app = program(project, namespace="SESSIONS", prefix="user:4712", route="osc52", home=tmp_path / "home")
    async with app.run_test(size=LARGE) as pilot:
        await shows(pilot, "PNG")
        await pilot.press("y")
        await shows(pilot, "not plain text")
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is browser(pilot))
        assert BINARY not in [path.read_bytes() for path in (tmp_path / "home").rglob("*") if path.is_file()]


async def test_help_explains_the_focused_pane_first(project: Path) -> None:
    async with program(project, namespace="SESSIONS").run_test(size=LARGE) as pilot:
        await shows(pilot, "user:4700")
        await pilot.press("?")
        shown = await shows(pilot, "Change\N{SPACE}")
        assert shown.index("Keys\N{SPACE}") < shown.index("Change\N{SPACE}")
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is browser(pilot))


async def test_the_palette_finds_an_action_of_any_pane_and_runs_it(project: Path) -> None:
    async with program(project, namespace="SESSIONS").run_test(size=LARGE) as pilot:
        await shows(pilot, "user:4700")
        pane = browser(pilot).query_one(KeysPane)
        await pilot.press("1", ":")
        await until(pilot, lambda: pilot.app.screen is not browser(pilot))
        await pilot.press(*"mark all")
        await shows(pilot, "Mark all:")
        await pilot.press("enter")
        await until(pilot, lambda: len(pane.marks) == 41, "all marks")


async def test_the_footer_shows_the_keys_of_the_focus_and_no_more_than_eight(project: Path) -> None:
    async with program(project, namespace="SESSIONS").run_test(size=LARGE) as pilot:
        await shows(pilot, "user:4700")
        foot = browser(pilot).query_one(FootLine)
        for key, hint in (("1", "unfold"), ("2", "mark"), ("3", "view")):
            await pilot.press(key)
            await until(pilot, partial(_offers, foot, hint), hint)
            assert len(foot.hints) <= FOOTER_MOST


def _offers(foot: FootLine, hint: str) -> bool:
    return hint in [label for _key, label, _refused in foot.hints]


@pytest.mark.parametrize("size", [(120, 36), (80, 24), (59, 20), (40, 12)])
async def test_every_size_leads_from_the_tree_to_the_value(project: Path, size: tuple[int, int]) -> None:
    async with program(project).run_test(size=size) as pilot:
        await shows(pilot, "SESSIONS")
        await pilot.press("j", "enter")
        await shows(pilot, "tmp:0")
        await pilot.press("G", "enter")
        await shows(pilot, "user:4729")
        await until(pilot, lambda: browser(pilot).at == "entry")


async def test_below_the_least_size_the_program_says_so(project: Path) -> None:
    async with program(project).run_test(size=(39, 12)) as pilot:
        await shows(pilot, "needs 40×12")
        await pilot.resize_terminal(80, 24)
        assert "needs 40×12" not in await shows(pilot, "SESSIONS")


async def test_a_source_that_fails_is_said_and_tried_again(project: Path) -> None:
    config = project / "wrangler.json"
    async with program(project / "nothing-here").run_test(size=LARGE) as pilot:
        await shows(pilot, "R tries again")
        (project / "nothing-here").mkdir()
        config.rename(project / "nothing-here" / "wrangler.json")
        await pilot.press("R")
        await shows(pilot, "SESSIONS")


def test_every_binding_is_declared_with_an_id_and_a_sentence() -> None:
    bindings = [binding for owner in OWNERS for binding in owner.BINDINGS]
    assert all(isinstance(binding, Binding) and binding.id and binding.tooltip for binding in bindings)
    ids = [binding.id for owner in OWNERS for binding in declared(owner)]
    assert len(ids) == len(set(ids))


def test_no_pane_binds_a_destructive_looking_upper_case_letter() -> None:
    """A split arrow key arrives as escape, [, A to D, F, H or O."""
    keys = [key for owner in OWNERS for binding in declared(owner) for key in binding.key.split(",")]
    assert not set(keys) & {*"ABCDFHO", "left_square_bracket"}


def test_keys_are_shown_as_people_write_them() -> None:
    assert keys_shown("question_mark,f1") == "? f1"
    assert keys_shown("ctrl+d,pagedown") == "ctrl+d pgdn"
