"""The plain commands, run as a script runs them."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project import BINARY, HOSTILE


def kvtui(*arguments: str, **environ: str) -> subprocess.CompletedProcess[bytes]:
    env = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **environ}
    return subprocess.run(
        [sys.executable, "-m", "kvtui", *arguments], capture_output=True, env=env, timeout=60
    )


def on_a_terminal(*arguments: str) -> bytes:
    """What a command writes when its standard output is a terminal."""
    leader, follower = pty.openpty()
    subprocess.run([sys.executable, "-m", "kvtui", *arguments], stdout=follower, check=True, timeout=60)
    os.close(follower)
    seen = b""
    try:
        while piece := os.read(leader, 65536):
            seen += piece
    except OSError:  # Linux says so when the last writer has gone
        pass
    os.close(leader)
    return seen


def test_ls_lists_namespaces(project: Path) -> None:
    done = kvtui("ls", "--local", str(project))
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.split() == [b"flags", b"FLAGS", b"sessions", b"SESSIONS"]


def test_ls_lists_the_keys_of_a_namespace_by_title_or_id(project: Path) -> None:
    by_title = kvtui("ls", "SESSIONS", "--local", str(project), "--prefix", "user:471")
    by_id = kvtui("ls", "sessions", "--local", str(project), "--prefix", "user:471")
    assert by_title.stdout == by_id.stdout
    assert by_title.stdout.split() == [b"user:471%d" % digit for digit in range(10)]


def test_ls_json_has_name_expiration_and_metadata(project: Path) -> None:
    done = kvtui("ls", "SESSIONS", "--json", "--local", str(project), "--prefix", "user:471")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[0] == {"name": "user:4710"}
    assert lines[1]["name"] == "user:4711"
    assert lines[1]["metadata"] == {"v": 3}
    assert isinstance(lines[1]["expiration"], int)


def test_get_writes_the_stored_bytes(project: Path) -> None:
    done = kvtui("get", "SESSIONS", "user:4712", "--local", str(project))
    assert done.stdout == BINARY


def test_on_a_terminal_names_and_values_are_escaped_unless_raw(project: Path) -> None:
    where = ("--local", str(project))
    assert b"\x1b" not in on_a_terminal("ls", "SESSIONS", *where)
    assert b"\x1b" not in on_a_terminal("get", "SESSIONS", HOSTILE, *where)
    assert b"\x1b[2J" in on_a_terminal("get", "SESSIONS", HOSTILE, "--raw", *where)


def test_on_a_terminal_json_is_plain_ascii_and_says_the_same(project: Path) -> None:
    where = ("ls", "SESSIONS", "--json", "--local", str(project))
    shown = on_a_terminal(*where)
    assert shown.isascii()
    assert b"\x7f" not in shown
    assert [json.loads(line) for line in shown.splitlines()] == [
        json.loads(line) for line in kvtui(*where).stdout.splitlines()
    ]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("get", "SESSIONS", "no such key"), 3),
        (("get", "NOWHERE", "key"), 3),
        (("get", "SESSIONS", ".."), 2),
        (("get",), 2),
        (("ls", "--api-url", "http://127.0.0.1:9/client/v4", "--account", "a"), 1),
    ],
)
def test_exit_codes_tell_what_kind_of_failure_it_was(
    project: Path, arguments: tuple[str, ...], code: int
) -> None:
    where = () if "--api-url" in arguments else ("--local", str(project))
    done = kvtui(*where, *arguments)
    assert done.returncode == code
    assert done.stdout == b""
    assert done.stderr


def test_nowhere_to_look_names_every_way() -> None:
    done = kvtui("ls")
    assert done.returncode == 2
    assert b"CLOUDFLARE_API_TOKEN" in done.stderr
    assert b"--demo" in done.stderr


def test_a_reader_that_goes_away_is_no_error_message(project: Path) -> None:
    command = [sys.executable, "-m", "kvtui", "--demo", "ls", "sessions", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        assert running.stderr.read() == b""
        assert running.wait(timeout=60) == 141


def test_without_a_terminal_the_program_points_at_the_plain_commands() -> None:
    done = kvtui("--demo")
    assert done.returncode == 2
    assert b"kvtui ls" in done.stderr


def test_a_token_shows_in_no_output() -> None:
    secret = "s3cret-token-of-mine"
    done = kvtui("ls", "--api-url", "http://127.0.0.1:9/client/v4", CLOUDFLARE_API_TOKEN=secret)
    assert done.returncode == 1
    assert secret.encode() not in done.stdout + done.stderr


def test_a_token_does_not_travel_in_the_clear() -> None:
    done = kvtui("ls", "--api-url", "http://kv.example.com/client/v4", CLOUDFLARE_API_TOKEN="token")
    assert done.returncode == 2
    assert b"https" in done.stderr
