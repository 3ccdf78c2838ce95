"""A program that gets the whole terminal (a pager, an editor), and kvtui after it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Tmux

APP = """
import os, shlex, sys
from textual.app import App
from textual.widgets import Static
from kvtui.ui.children import run_in_terminal

class Host(App):
    BINDINGS = [("o", "open", "open"), ("q", "quit", "quit")]

    def compose(self):
        yield Static("the app is here")

    def action_open(self):
        try:
            code = run_in_terminal(self, shlex.split(sys.argv[1]), os.environ)
        except OSError as error:
            self.query_one(Static).update(f"back: {error.strerror}")
        else:
            self.query_one(Static).update(f"back with {code}")

app = Host()
app.run()
sys.exit(app.return_code)
"""


def open_child(tmux: Tmux, command: str, env: dict[str, str] | None = None) -> None:
    tmux.start(sys.executable, "-c", APP, command, env=env)
    tmux.wait("the app is here")
    tmux.keys("o")


def test_a_program_has_the_terminal_to_itself_and_then_the_app_is_back(tmux: Tmux) -> None:
    open_child(tmux, "sh -c 'test -t 0 && test -t 1 && echo ALONE; read line; exit 7'")
    tmux.wait("ALONE")
    assert tmux.fmt("#{alternate_on}") == "0"
    tmux.keys("Enter")
    tmux.wait("back with 7")
    assert tmux.fmt("#{alternate_on}") == "1"


@pytest.mark.parametrize(("key", "code"), [("C-c", -2), ("C-\\", -3)])
def test_an_interrupt_ends_the_program_in_front_and_not_kvtui(tmux: Tmux, key: str, code: int) -> None:
    open_child(tmux, "sh -c 'ulimit -c 0; echo RUNNING; exec sleep 100'")
    tmux.wait("RUNNING")
    tmux.keys(key)
    tmux.wait(f"back with {code}")
    tmux.keys("q")
    assert tmux.wait_exit() == 0


def test_a_program_that_is_not_there_leaves_the_app_on_the_screen(tmux: Tmux) -> None:
    open_child(tmux, "no-such-pager")
    tmux.wait("back: No such file or directory")
    assert tmux.fmt("#{alternate_on}") == "1"


def test_a_program_does_not_see_the_token(tmux: Tmux) -> None:
    open_child(
        tmux, "sh -c 'env; echo LISTED; read line'", env={"CLOUDFLARE_API_TOKEN": "a-secret", "SHOWN": "1"}
    )
    screen = tmux.wait("LISTED")
    assert "SHOWN=1" in screen and "a-secret" not in screen
