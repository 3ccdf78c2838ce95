"""Keys that arrive in one packet go where the keys before them have led."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from textual import events
from textual.pilot import Pilot

from kvtui.ui.panes.keys import KeysPane
from tests.ui.kit import browser, program, shows, until


def burst(pilot: Pilot[Any], *keys: str) -> None:
    """Let keys arrive at once, as a slow link delivers them."""
    for key in keys:
        pilot.app.post_message(events.Key(key, key if len(key) == 1 else None))


async def test_a_filter_typed_behind_its_key_reaches_the_filter_line(project: Path) -> None:
    async with program(project, namespace="SESSIONS").run_test(size=(120, 36)) as pilot:
        await shows(pilot, "user:4700")
        pane = browser(pilot).query_one(KeysPane)
        burst(pilot, "slash", *"user", "enter", "j", "j", "space")
        await shows(pilot, "30 of 41")
        await until(pilot, lambda: len(pane.marks) == 1)
        await until(pilot, lambda: pane.name_at_cursor == "user:4703")


async def test_a_paste_waits_for_the_keys_before_it(project: Path) -> None:
    async with program(project, namespace="SESSIONS").run_test(size=(120, 36)) as pilot:
        await shows(pilot, "user:4700")
        burst(pilot, "p")
        pilot.app.post_message(events.Paste("user:471"))
        burst(pilot, "enter")
        await shows(pilot, "user:471*  10")


async def test_a_namespace_can_be_opened_and_moved_in_by_one_burst(project: Path) -> None:
    async with program(project).run_test(size=(120, 36)) as pilot:
        await shows(pilot, "SESSIONS")
        burst(pilot, "slash", *"sess", "enter", "enter", "p", *"user:471", "enter")
        await shows(pilot, "user:471*  10")
