"""The story kvtui exists for: find a namespace, go down to a prefix, open a key, look at it, copy it out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.project import SESSION

if TYPE_CHECKING:
    from tests.e2e.conftest import Kvtui

SIZES = [(120, 36), (80, 24), (40, 12)]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_from_the_namespaces_to_the_copied_bytes(
    kvtui: Kvtui, project: Path, width: int, height: int
) -> None:
    screen = kvtui("--local", str(project), width=width, height=height, settings={"set-clipboard": "on"})
    screen.wait("SESSIONS")
    screen.keys("/")
    screen.type("sess")
    screen.wait_gone("FLAGS")
    screen.keys("Enter", "Enter")
    screen.wait("tmp:0")

    screen.keys("p")
    screen.type("user:471")
    screen.keys("Enter")
    screen.wait_gone("tmp:0")
    screen.wait("user:4710", "user:4712")

    screen.keys("j", "Enter")
    screen.wait("admin")
    screen.keys("x")
    screen.wait_until(lambda shown: "text" in shown.lower(), "the text view")
    screen.keys("y")
    assert screen.wait_buffer() == SESSION
    screen.wait("tmux")

    screen.keys("q")
    assert screen.wait_exit() == 0


def test_a_prefix_is_opened_from_the_tree(kvtui: Kvtui, project: Path) -> None:
    screen = kvtui("--local", str(project), "--namespace", "SESSIONS")
    screen.wait("tmp:0", "user:")
    screen.keys("1", "l")
    screen.wait_until(lambda shown: "user:  30" in shown, "the count of a prefix")
    screen.keys("j", "j", "Enter")
    screen.wait_gone("tmp:0")
    screen.wait("user:4700")


def test_bytes_that_are_not_text_are_offered_as_base64(kvtui: Kvtui, project: Path) -> None:
    screen = kvtui("--local", str(project), "--namespace", "SESSIONS", "--prefix", "user:4712")
    screen.wait("user:4712", "PNG")
    screen.keys("y")
    screen.wait("base64")
    screen.keys("Enter")
    assert screen.wait_buffer() == b"iVBORw0KGgoAAQ=="


def test_help_is_one_key_away_and_leaves_by_escape(kvtui: Kvtui, project: Path) -> None:
    screen = kvtui("--local", str(project), width=80, height=24)
    screen.wait("SESSIONS")
    screen.keys("?")
    screen.wait("Help", "List the keys of this namespace")
    screen.keys("Escape")
    screen.wait_gone("List the keys of this namespace")


def test_a_dead_server_is_said_with_a_remedy_and_tried_again(kvtui: Kvtui) -> None:
    screen = kvtui("--api-url", "http://127.0.0.1:9/client/v4", width=80, height=24)
    screen.wait("R tries again", timeout=30)
    screen.keys("q")
    assert screen.wait_exit() == 0


def test_with_nothing_set_the_first_screen_offers_each_way_in(kvtui: Kvtui) -> None:
    screen = kvtui(width=80, height=24)
    screen.wait("Welcome", "CLOUDFLARE_API_TOKEN", "The demo")
    screen.keys("Enter")
    screen.wait("sessions")


def test_a_terminal_that_is_too_small_is_told_so(kvtui: Kvtui, project: Path) -> None:
    screen = kvtui("--local", str(project), width=120, height=36)
    screen.wait("SESSIONS")
    screen.resize(30, 8)
    screen.wait("40×12")
    screen.resize(80, 24)
    screen.wait("SESSIONS")


def test_sigterm_leaves_the_terminal_as_it_was(kvtui: Kvtui, project: Path) -> None:
    screen = kvtui("--local", str(project))
    screen.wait("SESSIONS")
    screen.terminate()
    assert screen.wait_exit() == 143
    assert screen.fmt("#{alternate_on} #{mouse_any_flag}") == "0 0"
