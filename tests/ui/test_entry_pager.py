"""A value in a pager: a private file, and no escape sequence that reaches the terminal."""

from __future__ import annotations

import os
import pty
import shutil
import stat
import subprocess
import time
from pathlib import Path

import pytest

from kvtui.ui.pager import pager_call, pager_command, pager_env, write_for_pager

HOSTILE = b"before \x1b]52;c;aGk=\x07\x1b[31m\x9b2J\xc2\x9b2J after\nsecond \xff line\n"


def test_the_pager_is_the_persons_own_or_less() -> None:
    assert pager_command({"PAGER": "most -s"}) == ["most", "-s"]
    assert pager_command({}) == pager_command({"PAGER": " "}) == ["less"]
    with pytest.raises(ValueError):
        pager_command({"PAGER": "less '"})


def test_the_file_is_private_in_a_private_folder(tmp_path: Path) -> None:
    path = write_for_pager(["less"], HOSTILE, {"XDG_RUNTIME_DIR": str(tmp_path)})
    assert path.is_relative_to(tmp_path)
    assert path.read_bytes() == HOSTILE, "less gets the bytes as they are stored"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_pager_that_may_pass_escapes_on_gets_them_spelled_out(tmp_path: Path) -> None:
    path = write_for_pager(["more"], HOSTILE, {"XDG_RUNTIME_DIR": str(tmp_path)})
    text = path.read_text()
    assert "before \\e]52;c;aGk=\\x07\\e[31m" in text
    assert all(char == "\n" or char.isprintable() for char in text)


@pytest.mark.skipif(shutil.which("less") is None, reason="less is not installed")
@pytest.mark.parametrize("setting", ["", "-R", "-r"])
def test_less_shows_escapes_as_letters_whatever_its_settings(tmp_path: Path, setting: str) -> None:
    env = {**os.environ, "LESS": setting, "PAGER": f"less {setting}", "TERM": "xterm", "LC_ALL": "C.UTF-8"}
    command = pager_command(env)
    path = write_for_pager(command, HOSTILE, env)
    ours, theirs = pty.openpty()
    try:
        # The leader of a new session that opens a terminal gets it as its own: less talks to /dev/tty.
        argv = ["sh", "-c", 'exec "$@" <"$0"', os.ttyname(theirs), *pager_call(command, path)]
        with subprocess.Popen(
            argv, env=pager_env(env), stdout=theirs, stderr=theirs, start_new_session=True
        ) as pager:
            os.close(theirs)
            os.write(ours, b"y")  # it asks first whether to show what may be binary
            shown, deadline = b"", time.monotonic() + 10
            while b"second" not in shown and time.monotonic() < deadline:
                shown += os.read(ours, 65536)
            os.write(ours, b"q")
            pager.wait(timeout=10)
    finally:
        os.close(ours)
        shutil.rmtree(path.parent)
    assert b"second" in shown and b"ESC" in shown
    assert b"\x1b]52" not in shown and b"\x1b[31m" not in shown
    assert b"\x9b2J" not in shown
