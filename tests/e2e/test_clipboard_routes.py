"""What reaches whom when a value is copied inside tmux, under each of its clipboard settings."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Tmux

VALUE = "héllo ☃ 😀\r\n\tsecond line\n"

COPY = f"""
import asyncio, os, sys
from kvtui.ui.clipboard import copy

def write(sequence):
    sys.stderr.write(sequence)
    sys.stderr.flush()

copied = asyncio.run(copy({VALUE!r}.encode(), env=os.environ, write=write, route=sys.argv[1]))
print(copied.route, "confirmed" if copied.confirmed else "unconfirmed", copied.message, flush=True)
"""


def run_copy(tmux: Tmux, route: str = "auto", env: dict[str, str] | None = None, **settings: str) -> str:
    """Copy VALUE in a pane and return the screen afterwards."""
    tmux.start(
        sys.executable,
        "-c",
        COPY,
        route,
        width=200,
        env=env,
        settings={name.replace("_", "-"): value for name, value in settings.items()},
    )
    return tmux.wait("EXIT:0")


@pytest.mark.parametrize("setting", ["external", "on", "off"])
def test_whatever_tmux_does_with_the_clipboard_the_value_is_in_its_buffer(tmux: Tmux, setting: str) -> None:
    screen = run_copy(tmux, set_clipboard=setting)
    assert tmux.buffer() == VALUE.encode()
    assert "tmux confirmed Copied 30 bytes to a tmux buffer (paste: prefix ])." in screen


def test_the_buffer_is_an_unnamed_one_that_prefix_and_bracket_paste(tmux: Tmux) -> None:
    run_copy(tmux)
    assert tmux.buffers() == ["buffer0"]


def test_a_terminal_sequence_lands_when_tmux_accepts_it(tmux: Tmux) -> None:
    screen = run_copy(tmux, "osc52", set_clipboard="on")
    assert tmux.wait_buffer() == VALUE.encode()
    assert "osc52 unconfirmed Sent 30 bytes to your terminal: paste to check." in screen


@pytest.mark.parametrize("setting", ["external", "off"])
def test_a_terminal_sequence_that_tmux_drops_was_never_called_copied(tmux: Tmux, setting: str) -> None:
    screen = run_copy(tmux, "osc52", set_clipboard=setting)
    assert tmux.buffers() == []
    assert "osc52 unconfirmed Sent" in screen and "Copied" not in screen


def test_no_part_of_a_sequence_shows_on_the_screen(tmux: Tmux) -> None:
    screen = run_copy(tmux, "osc52", set_clipboard="external")
    assert "]52;" not in screen and "aMOpbGxv" not in screen


def test_a_large_value_goes_into_the_buffer_whole(tmux: Tmux) -> None:
    script = COPY.replace(repr(VALUE), f"({VALUE!r} * 100_000)")
    tmux.start(sys.executable, "-c", script, "auto")
    assert "Copied 3,000,000 bytes" in tmux.wait("EXIT:0")
    assert tmux.buffer() == VALUE.encode() * 100_000


def test_the_desktop_is_not_filled_when_the_person_has_attached_over_ssh_since(tmux: Tmux) -> None:
    """The pane still has the DISPLAY of the desk where tmux was started; tmux knows better."""
    waiting = 'echo READY; read go; exec "$0" "$@"'
    tmux.start("sh", "-c", waiting, sys.executable, "-c", COPY, "auto", env={"DISPLAY": ":9999"}, width=200)
    tmux.wait("READY")
    tmux.attached_over_ssh()
    tmux.keys("Enter")
    screen = tmux.wait("EXIT:0")
    assert "tmux confirmed" in screen and "desktop" not in screen


def test_the_desktop_is_tried_again_when_the_person_is_back_at_the_desk(tmux: Tmux) -> None:
    """The pane still has the SSH_CONNECTION under which tmux was started."""
    screen = run_copy(tmux, env={"SSH_CONNECTION": "192.0.2.1 50000 192.0.2.2 22", "DISPLAY": ":9999"})
    assert "The desktop clipboard did not take it" in screen


def test_at_the_desk_a_dead_display_is_said_and_tmux_has_the_value(tmux: Tmux) -> None:
    screen = run_copy(tmux, env={"DISPLAY": ":9999"})
    assert tmux.buffer() == VALUE.encode()
    assert "tmux confirmed" in screen and "The desktop clipboard did not take it" in screen


def test_an_old_tmux_without_the_clipboard_flag_still_gets_its_buffer(tmux: Tmux, tmp_path: Path) -> None:
    """Before 3.2, load-buffer has no -w."""
    old = tmp_path / "bin" / "tmux"
    old.parent.mkdir()
    old.write_text(
        '#!/bin/sh\nif [ "$2" = -w ]; then echo "load-buffer: unknown option -- w" >&2; exit 1; fi\n'
        f'PATH="{tmux.environment["PATH"]}" exec tmux "$@"\n'
    )
    old.chmod(0o755)
    screen = run_copy(tmux, env={"PATH": f"{old.parent}:{tmux.environment['PATH']}"})
    assert "tmux confirmed" in screen
    assert tmux.buffer() == VALUE.encode()


def test_a_tmux_that_is_gone_is_said(tmux: Tmux) -> None:
    screen = run_copy(tmux, "tmux", env={"TMUX": "/nonexistent/socket,1,0"})
    assert "none unconfirmed Nothing was copied. tmux did not take it:" in screen
