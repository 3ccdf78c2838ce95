"""What the list of keys and the tree make of changes that they are told: nothing is listed again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from kvtui.api.models import Account, Namespace
from kvtui.core.keys import KeyRow
from kvtui.ui.panes.keys import KeysPane
from kvtui.ui.panes.namespaces import NamespacesPane, Place
from tests.ui.kit import browser, program, screen_text, shows, until
from tests.ui.test_keys_pane import NOW, ONE, Server, Shown, shown, text

NEW: KeyRow = (None, None)
LARGE = (120, 36)
SESSIONS, FLAGS = Namespace("sessions", "SESSIONS", "0" * 32), Namespace("flags", "FLAGS", "0" * 32)


def names(app: Shown) -> list[str]:
    assert app.pane.listing is not None
    return [app.pane.listing.table.names[row] for row in app.keys.rows(0, len(app.keys))]


def marked(app: Shown) -> list[str]:
    assert app.pane.listing is not None
    return app.pane.marks.names(app.pane.listing.table)


def line_of_cursor(app: Shown) -> int:
    return app.keys.cursor - app.keys.scroll_offset.y


@pytest.mark.parametrize(
    ("changes", "at"),
    [
        ([("user:0000", None), ("user:0001", None)], "user:0100"),
        ([("user:00005", NEW)], "user:0100"),
        ([("user:0200", None), ("user:0300x", NEW)], "user:0100"),
        ([("user:0100", (int(NOW) + 30, "{}"))], "user:0100"),
        ([("user:0100", None)], "user:0101"),
        ([("user:0099", None), ("user:0100", None), ("user:0101", None)], "user:0102"),
        ([("user:0000", None), ("user:0100", None), ("user:0100x", NEW), ("user:0", NEW)], "user:0101"),
    ],
)
async def test_the_cursor_stays_on_its_key_and_its_line(
    changes: list[tuple[str, KeyRow | None]], at: str
) -> None:
    server = Server()
    async with shown(server) as (app, pilot):
        await until(pilot, lambda: len(app.keys) == 1000)
        app.keys.move_to(100)
        await pilot.press("space", "k")
        line, before = line_of_cursor(app), set(names(app))
        deltas = app.pane.show_changes(changes)
        assert app.pane.name_at_cursor == at and line_of_cursor(app) == line
        gone = {name for name, row in changes if row is None}
        wanted = sorted((before - gone) | {name for name, row in changes if row})
        assert names(app) == wanted
        assert dict(deltas) == {name: -1 for name in gone} | {
            name: 1 for name, row in changes if row and name not in before
        }
        assert marked(app) == [name for name in ["user:0100"] if name not in gone]
        await until(pilot, lambda: app.heard_last(KeysPane.Rested) == at)
        assert f">  {at}" in text(app) or f">* {at}" in text(app)
        assert app.title_words.startswith(f"Keys  {len(wanted):,}+")
        assert app.pane.status.startswith(f"{len(wanted):,} keys")
        assert server.asked == [None]


async def test_the_last_key_and_then_all_go_and_one_comes_back() -> None:
    async with shown(Server(["a", "b", "c"])) as (app, pilot):
        await pilot.press("G")
        assert not app.pane.show_change("c", None)
        assert app.pane.name_at_cursor == "b"
        app.pane.show_changes([("a", None), ("b", None), ("never", None)])
        await until(pilot, lambda: app.heard_last(KeysPane.Rested) is None)
        assert "No keys here." in text(app) and app.title_words == "Keys  0"
        assert app.pane.show_change("b", (int(NOW) + 58, '{"v":9}'))
        await until(pilot, lambda: app.heard_last(KeysPane.Rested) == "b")
        assert "55s" in text(app) and '{"v":9}' in text(app) and app.title_words == "Keys  1"
        app.pane.show_changes([("a", NEW), ("c", NEW)])
        assert app.pane.name_at_cursor == "b" and names(app) == ["a", "b", "c"]


async def test_a_key_of_another_prefix_or_behind_what_is_loaded_is_not_inserted() -> None:
    server = Server(page=100)
    async with shown(server) as (app, pilot):
        app.pane.show(ONE, "user:1")
        await until(pilot, lambda: app.title_words == "Keys  user:1*  100+")
        assert app.pane.show_change("user:0", NEW) is False
        assert app.pane.show_change("user:1500", NEW) is False
        assert app.pane.show_change("user:1050x", NEW) is True
        assert app.pane.show_change("user:1099", None) is False
        assert app.pane.show_change("user:10985", NEW) is True, "its page will not come again"
        await pilot.press("ctrl+l")
        await until(pilot, lambda: app.pane.status == "1,001 keys · complete")
        assert app.pane.show_change("user:19999", NEW) is True
        assert names(app) == sorted(
            {*server.names[ONE][1000:2000], "user:1050x", "user:10985", "user:19999"} - {"user:1099"}
        )


async def test_a_page_and_a_refresh_that_were_under_way_do_not_bring_back_what_was() -> None:
    server = Server([f"k{number:03}" for number in range(150)], page=100)
    async with shown(server) as (app, pilot):
        server.open.clear()
        for key, gone, count in [("L", "k120", 150), ("R", "k003", 100)]:
            await pilot.press(key)
            await until(pilot, lambda: "●" in app.pane.status)
            app.pane.show_changes([(gone, None), ("k050x", NEW)])
            server.open.set()
            await until(pilot, lambda: "●" not in app.pane.status)
            server.open.clear()
            assert gone not in names(app) and "k050x" in names(app)
            assert len(names(app)) == count
        app.pane.show_change("k050x", None)
        app.pane.show(ONE)
        server.open.set()
        await until(pilot, lambda: "k003" in names(app))
        assert "k050x" not in names(app), "a listing that began later is believed"


async def test_a_filter_goes_on_over_what_comes_and_goes() -> None:
    async with shown(Server(), size=(60, 16)) as (app, pilot):
        await pilot.press("slash", *"9", "enter")
        await until(pilot, lambda: app.pane.status.startswith("filter: 271 of 1,000"))
        app.keys.move_to(50)
        here, line = app.pane.name_at_cursor, line_of_cursor(app)
        assert here == names(app)[50]
        app.pane.show_changes(
            [("user:0009", None), ("user:00009", NEW), ("user:0001", None), ("user:0009b", NEW)]
        )
        assert app.pane.name_at_cursor == here and line_of_cursor(app) == line
        assert "user:0009b" in names(app) and "user:00009" in names(app) and "user:0001" not in names(app)
        assert app.pane.status.startswith("filter: 272 of 1,000")
        after = names(app)[names(app).index(here) + 1]
        assert app.pane.show_change(here, None) is False
        assert app.pane.name_at_cursor == after and line_of_cursor(app) == line
        assert app.pane.show_change("user:0111x", NEW) is True
        assert app.pane.go_to("user:0111x") is False, "the filter hides it"
        assert app.pane.go_to("user:00009") is True and app.pane.name_at_cursor == "user:00009"
        assert app.pane.go_to("nobody") is False
        await pilot.press("escape")
        assert app.pane.name_at_cursor == "user:00009" and len(names(app)) == 1000


async def test_a_regex_looks_only_at_what_came() -> None:
    async with shown(Server()) as (app, pilot):
        await pilot.press("slash", *"~9$", "enter")
        await until(pilot, lambda: app.pane.status.startswith("filter: 100 of 1,000"))
        app.pane.show_changes([("user:0019", None), ("user:0020x9", NEW), ("user:0020x", NEW)])
        assert len(app.keys) == 99, "what passed before stays to be seen"
        await until(pilot, lambda: app.pane.status.startswith("filter: 100 of 1,001"))
        assert names(app)[1:4] == ["user:0020x9", "user:0029", "user:0039"]


async def test_keys_stay_in_the_order_that_was_asked_for() -> None:
    server = Server([f"k{number}" for number in range(9)])
    server.expirations = {"k5": int(NOW) + 900, "k2": int(NOW) + 500}
    async with shown(server) as (app, pilot):
        await pilot.press("j", "s", "s")
        assert app.pane.name_at_cursor == "k1"
        app.pane.show_changes([("k7", (int(NOW) + 300, None)), ("k3", None), ("k9", (int(NOW) + 600, None))])
        assert "".join(name[1:] for name in names(app)) == "729501468"
        assert app.pane.name_at_cursor == "k1"
        app.pane.show_change("k1", None)
        assert app.pane.name_at_cursor == "k4"
        app.pane.show_change("k4", (int(NOW) + 100, None))
        assert app.pane.name_at_cursor == "k4" and app.keys.cursor == 0
        await pilot.press("s")
        assert "".join(name[1:] for name in names(app)) == "02456789"


async def test_many_keys_in_an_order_that_takes_a_thread() -> None:
    everything = [f"k{number:05}" for number in range(20_000)]
    async with shown(Server(everything, page=20_000)) as (app, pilot):
        await pilot.press("s")
        await until(pilot, lambda: names(app) == everything[::-1])
        app.keys.move_to(500)
        await pilot.press("space")
        here = app.pane.name_at_cursor
        app.pane.show_changes([(name, None) for name in everything[100:300] + everything[19600:19700]])
        left = everything[:100] + everything[300:19600] + everything[19700:]
        assert names(app) == left[::-1] and app.pane.name_at_cursor == here, "at once, before the thread"
        app.pane.show_changes([(name, NEW) for name in everything[150:200]])
        app.pane.show_changes([(name, None) for name in everything[160:170]])
        left = sorted({*left, *everything[150:160], *everything[170:200]})
        await until(pilot, lambda: names(app) == left[::-1])
        await until(pilot, lambda: app.pane.status == f"{len(left):,} keys · complete")
        assert app.pane.name_at_cursor == here and marked(app) == ["k19499"]


async def test_a_range_is_marked_from_the_key_that_was_marked_last() -> None:
    async with shown(Server()) as (app, pilot):
        await pilot.press("j", "j", "space")
        app.pane.show_changes([("user:0000", None), ("user:0001x", NEW), ("user:0001y", NEW)])
        await pilot.press("j", "v")
        assert marked(app) == ["user:0002", "user:0003", "user:0004"]


async def test_drafts_are_seen_beside_their_keys_and_counted() -> None:
    async with shown(Server()) as (app, pilot):
        await pilot.press("space")
        app.pane.show_drafts(frozenset({"user:0000", "user:0002"}))
        await pilot.pause()
        assert " *~user:0000" in text(app) and "  ~user:0002" in text(app) and ">  user:0001" in text(app)
        assert "1 marked  2 drafts (~)" in app.title_words
        assert "1,000 keys · 2 drafts (~) · L next page" in app.pane.status
        app.pane.show_drafts(frozenset({"user:0001"}))
        await pilot.pause()
        assert "> ~user:0001" in text(app) and "1 draft (~)" in app.title_words
        app.pane.show_drafts(frozenset())
        assert "draft" not in app.title_words + app.pane.status


async def test_nothing_is_shown_where_no_place_is_open() -> None:
    async with shown(Server()) as (app, _pilot):
        app.pane.show(None)
        assert app.pane.show_change("a", NEW) is False
        assert app.pane.show_changes([("a", NEW)]) == ()
        assert app.pane.go_to("a") is False


# The tree


def panes(pilot: Pilot[Any]) -> tuple[NamespacesPane, KeysPane]:
    return browser(pilot).query_one(NamespacesPane), browser(pilot).query_one(KeysPane)


def tell(pilot: Pilot[Any], *changes: tuple[str, KeyRow | None, int]) -> None:
    """What the screen does after a write: the list first, then the tree."""
    tree, keys = panes(pilot)
    loaded = keys.show_changes([(name, row) for name, row, _by in changes])
    tree.keys_changed(SESSIONS, [(name, by) for name, _row, by in changes if by], loaded)


def lines_of_tree(pilot: Pilot[Any]) -> list[str]:
    """The lines of the tree pane, without what frames and folds them."""
    rows = screen_text(pilot.app.screen).splitlines()
    lines = [line.split("││")[0].strip("│├└─▼▶ ") for line in rows if "││" in line]
    return [line for line in lines if line]


async def tree_shows(pilot: Pilot[Any], wanted: Sequence[str], but: Sequence[str] = ()) -> None:
    def holds() -> bool:
        lines = lines_of_tree(pilot)
        found = [line for line in lines if line in wanted]
        return found == list(wanted) and not any(line.startswith(tuple(but)) for line in lines if but)

    await until(pilot, holds, f"the tree to show {wanted}")


async def test_counts_of_the_tree_follow(project: Path) -> None:
    async with program(project, namespace="SESSIONS").run_test(size=LARGE) as pilot:
        tree, _keys = panes(pilot)
        await tree_shows(pilot, ["SESSIONS  41", "tmp:  10", "user:  30"])
        await pilot.press("1", "j", "j")
        await until(pilot, lambda: tree.place_at_cursor == Place(SESSIONS, "user:"))
        assert tree.account_at_cursor == tree.accounts[0]
        tell(pilot, ("user:4711", (1, None), 0), ("user:4712", None, -1), ("tmp:0", None, -1))
        await tree_shows(pilot, ["SESSIONS  39", "tmp:  9", "user:  29"])
        tell(pilot, ("flag:a:b", NEW, 1), ("tmp:0", NEW, 1), ("zz/1", NEW, 1), ("plain", NEW, 1))
        await tree_shows(pilot, ["SESSIONS  43", "flag:  1", "tmp:  10", "user:  29", "zz/  1"])
        assert tree.place_at_cursor == Place(SESSIONS, "user:"), "the cursor stays where it was"
        tell(pilot, *((f"tmp:{number}", None, -1) for number in range(10)))
        await tree_shows(pilot, ["SESSIONS  33", "flag:  1", "user:  29", "zz/  1"], but=["tmp:"])
        await pilot.pause()
        assert tree.place_at_cursor == Place(SESSIONS, "user:")
        await pilot.press("k", "l")
        await tree_shows(pilot, ["flag:  1", "a:  1", "user:  29"])
        tell(pilot, ("flag:a:c", NEW, 1), ("flag:b:c", NEW, 1))
        await tree_shows(pilot, ["flag:  3", "a:  2", "b:  1", "user:  29"])
        tree.namespace_changed(None, Namespace("new", "ORDERS", "0" * 32))
        await tree_shows(
            pilot, ["ORDERS", "SESSIONS  35", "flag:  3", "a:  2", "b:  1", "user:  29", "zz/  1"]
        )


async def test_counts_of_what_is_not_listed_follow_too(project: Path) -> None:
    async with program(project, namespace="SESSIONS").run_test(size=LARGE) as pilot:
        await tree_shows(pilot, ["SESSIONS  41", "tmp:  10", "user:  30"])
        await pilot.press("1", "j", "j", "enter")
        await shows(pilot, "Keys  user:*  30")
        tell(pilot, ("tmp:0", None, -1), ("user:1", NEW, 1))
        await tree_shows(pilot, ["SESSIONS  41", "tmp:  9", "user:  31"])
        tell(pilot, *((f"tmp:{number}", None, -1) for number in range(1, 10)))
        await tree_shows(pilot, ["SESSIONS  32", "user:  31"], but=["tmp:"])


async def test_a_change_that_the_tree_was_not_told_of_is_counted_all_the_same(project: Path) -> None:
    async with program(project, namespace="SESSIONS").run_test(size=LARGE) as pilot:
        await tree_shows(pilot, ["SESSIONS  41", "tmp:  10", "user:  30"])
        tree, keys = panes(pilot)
        keys.show_changes([("tmp:0", None), ("user:9", NEW), ("user:8", NEW)])
        assert keys.listing is not None
        tree.count(Place(SESSIONS), keys.listing)
        await tree_shows(pilot, ["SESSIONS  42", "tmp:  9", "user:  32"])
        keys.show_changes([("user:8", None)])
        tell(pilot, ("tmp:1", None, -1))
        await tree_shows(pilot, ["SESSIONS  40", "tmp:  8", "user:  31"])


async def test_a_namespace_is_created_renamed_and_removed(project: Path) -> None:
    async with program(project, namespace="SESSIONS").run_test(size=LARGE) as pilot:
        await tree_shows(pilot, ["FLAGS", "SESSIONS  41", "tmp:  10", "user:  30"])
        tree, keys = panes(pilot)
        await pilot.press("1", "j", "j")
        await until(pilot, partial(_is_at, tree, Place(SESSIONS, "user:")))
        new = Namespace("new", "ORDERS", "0" * 32)
        tree.namespace_changed(None, new)
        await tree_shows(pilot, ["FLAGS", "ORDERS", "SESSIONS  41", "tmp:  10", "user:  30"])
        assert tree.namespaces == [FLAGS, new, SESSIONS]
        await until(pilot, partial(_is_at, tree, Place(SESSIONS, "user:")))
        tree.point_at(Place(new))
        await until(pilot, lambda: tree.place_at_cursor == Place(new))

        renamed = Namespace("sessions", "ABOVE", "0" * 32)
        tree.point_at(Place(SESSIONS, "tmp:"))
        await until(pilot, lambda: tree.place_at_cursor == Place(SESSIONS, "tmp:"))
        tree.namespace_changed(SESSIONS, renamed)
        await tree_shows(pilot, ["ABOVE  41", "tmp:  10", "user:  30", "FLAGS", "ORDERS"], but=["SESSIONS"])
        await until(pilot, lambda: tree.place_at_cursor == Place(renamed, "tmp:"))
        loaded = keys.show_changes([("tmp:0", None)])
        tree.keys_changed(renamed, loaded, loaded)
        await tree_shows(pilot, ["ABOVE  40", "tmp:  9", "user:  30"])

        tree.namespace_changed(renamed, None)
        await tree_shows(pilot, ["FLAGS", "ORDERS"], but=["ABOVE", "tmp:", "user:"])
        await until(pilot, lambda: tree.place_at_cursor == Place(FLAGS))
        for last in (FLAGS, new):
            tree.namespace_changed(last, None)
        await shows(pilot, "no namespaces yet")
        assert tree.namespaces == [] and tree.place_at_cursor is None


async def test_a_filter_of_titles_holds_for_changes(project: Path) -> None:
    async with program(project, namespace="SESSIONS").run_test(size=LARGE) as pilot:
        await tree_shows(pilot, ["SESSIONS  41", "tmp:  10"])
        tree, _keys = panes(pilot)
        await pilot.press("1", "/", *"flags", "enter")
        await tree_shows(pilot, ["FLAGS"], but=["SESSIONS"])
        tell(pilot, ("user:1", NEW, 1), *((f"tmp:{number}", None, -1) for number in range(10)))
        tree.namespace_changed(None, Namespace("new", "ORDERS", "0" * 32))
        tree.namespace_changed(None, Namespace("more", "MORE FLAGS", "0" * 32))
        renamed = Namespace("sessions", "VISITS", "0" * 32)
        tree.namespace_changed(SESSIONS, renamed)
        await tree_shows(pilot, ["FLAGS", "MORE FLAGS"], but=["ORDERS", "VISITS", "SESSIONS"])
        await pilot.press("escape")
        await tree_shows(pilot, ["FLAGS", "MORE FLAGS", "ORDERS", "VISITS  32", "user:  31"], but=["tmp:"])


async def test_the_account_of_a_line_is_known(project: Path) -> None:
    async with program(project).run_test(size=LARGE) as pilot:
        await shows(pilot, "SESSIONS")
        tree, _keys = panes(pilot)
        await until(pilot, partial(_is_at, tree, Place(FLAGS)))
        await pilot.press("g")
        assert isinstance(tree.account_at_cursor, Account) and tree.place_at_cursor is None
        await pilot.press("j")
        await until(pilot, partial(_is_at, tree, Place(FLAGS)))
        assert tree.account_at_cursor == tree.accounts[0]


def _is_at(tree: NamespacesPane, place: Place) -> bool:
    return tree.place_at_cursor == place


async def test_the_list_is_drawn_while_a_job_of_an_older_numbering_ends() -> None:
    everything = [f"k{number:05}" for number in range(30_000)]
    async with shown(Server(everything, page=30_000)) as (app, pilot):
        await pilot.press("slash", *"k")
        for start in range(0, 29_000, 1000):
            app.pane.show_changes([(name, None) for name in everything[start : start + 1000]])
            await asyncio.sleep(0)
        await until(pilot, lambda: names(app) == everything[29_000:])
        await until(pilot, lambda: app.pane.status.startswith("filter: 1,000 of 1,000"))
