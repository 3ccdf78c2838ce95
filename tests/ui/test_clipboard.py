"""Copying without a multiplexer: the desktop, the terminal, a file. (tests/e2e has tmux's ways.)"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import stat
import subprocess
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from kvtui.ui import clipboard
from kvtui.ui.children import child_env
from kvtui.ui.clipboard import OSC52_BYTES, Copied

REMOTE = {
    "SSH_CONNECTION": "192.0.2.1 50000 192.0.2.2 22",
    "TERM": "xterm-256color",
    "PATH": os.environ["PATH"],
}
AT_DESK = {"TERM": "xterm-256color", "PATH": os.environ["PATH"]}

needs_x = pytest.mark.skipif(
    not (shutil.which("Xvfb") and shutil.which("xclip")), reason="needs Xvfb and xclip (a display to copy to)"
)


class Terminal:
    """Collects what is written to it."""

    def __init__(self) -> None:
        self.heard = ""

    def write(self, text: str) -> None:
        self.heard += text

    def clipboard(self) -> bytes:
        """What a terminal that obeys one plain OSC 52 would now hold."""
        assert self.heard.startswith("\x1b]52;c;") and self.heard.endswith("\x07")
        return b64decode(self.heard[7:-1], validate=True)


@pytest.fixture
def terminal() -> Terminal:
    return Terminal()


# The terminal


async def test_over_ssh_a_value_is_sent_to_the_terminal_and_never_called_copied(terminal: Terminal) -> None:
    copied = await clipboard.copy("héllo ☃ 😀\r\n".encode(), env=REMOTE, write=terminal.write)
    assert terminal.clipboard() == "héllo ☃ 😀\r\n".encode()
    assert (copied.ok, copied.route, copied.confirmed) == (True, "osc52", False)
    assert copied.message == "Sent 17 bytes to your terminal: paste to check."


async def test_the_largest_value_for_a_terminal_makes_a_sequence_of_100_000_bytes(terminal: Terminal) -> None:
    copied = await clipboard.copy(b"x" * OSC52_BYTES, env=REMOTE, write=terminal.write)
    assert copied.route == "osc52"
    assert len(terminal.heard) == 100_000


async def test_one_byte_more_is_saved_to_a_file_and_the_message_says_why(
    terminal: Terminal, tmp_path: Path
) -> None:
    env = {**REMOTE, "XDG_RUNTIME_DIR": str(tmp_path)}
    copied = await clipboard.copy(b"x" * (OSC52_BYTES + 1), env=env, write=terminal.write)
    assert (copied.ok, copied.route, terminal.heard) == (True, "file", "")
    assert "too large to send to a terminal (at most 74,994 bytes)" in copied.message


async def test_a_forced_terminal_refuses_what_is_too_large(terminal: Terminal) -> None:
    copied = await clipboard.copy(b"x" * (OSC52_BYTES + 1), route="osc52", env=REMOTE, write=terminal.write)
    assert (copied.ok, terminal.heard) == (False, "")
    assert copied.message.startswith("Nothing was copied. It is too large")


@pytest.mark.parametrize("env", [{"STY": "1.pts-0", "TERM": "screen"}, {"TERM": "screen.xterm-256color"}])
async def test_gnu_screen_gets_it_in_short_pieces_that_join_to_one_sequence(
    env: dict[str, str], terminal: Terminal
) -> None:
    value = b"0123456789" * 2000
    await clipboard.copy(value, env={**REMOTE, **env}, write=terminal.write)
    first, *pieces = terminal.heard.split("\x1bP")
    assert first == "" and len(pieces) > 100
    assert all(piece.endswith("\x1b\\") and len(piece) <= 242 for piece in pieces)
    terminal.heard = "".join(piece.removesuffix("\x1b\\") for piece in pieces)
    assert terminal.clipboard() == value


async def test_a_tmux_that_we_were_reached_from_gets_both_forms_and_a_hint(terminal: Terminal) -> None:
    copied = await clipboard.copy(b"value", env={**REMOTE, "TERM": "tmux-256color"}, write=terminal.write)
    plain, wrapped = terminal.heard.split("\x1bPtmux;")
    assert plain == "\x1b]52;c;dmFsdWU=\x07"
    assert wrapped.removesuffix("\x1b\\").replace("\x1b\x1b", "\x1b") == plain
    assert "set-clipboard on" in copied.message and not copied.confirmed


# What is copied


@pytest.mark.parametrize(
    "data", [b"\xff\xfe", b"\x1f\x8b\x08", b"a\0b", "\ud800".encode(errors="surrogatepass")]
)
@pytest.mark.parametrize("route", ["auto", "osc52", "native", "tmux"])
async def test_bytes_that_are_not_text_are_refused_and_nothing_is_sent(
    data: bytes, route: str, terminal: Terminal
) -> None:
    copied = await clipboard.copy(data, route=route, env=REMOTE, write=terminal.write)
    assert (copied.ok, copied.not_text, terminal.heard) == (False, True, "")
    assert "base64" in copied.message and "file" in copied.message


async def test_binary_travels_as_base64_when_asked(terminal: Terminal) -> None:
    data = bytes(range(256))
    copied = await clipboard.copy(data, form="base64", env=REMOTE, write=terminal.write)
    assert terminal.clipboard() == b64encode(data)
    assert copied.message == "Sent 256 bytes as base64 to your terminal: paste to check."


async def test_an_empty_value_leaves_the_clipboard_as_it_was(terminal: Terminal) -> None:
    copied = await clipboard.copy(b"", env=REMOTE, write=terminal.write)
    assert (copied.ok, terminal.heard) == (False, "")
    assert "empty" in copied.message


# Files


async def test_a_file_holds_the_exact_bytes_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    data = bytes(range(256))
    copied = await save(data, tmp_path)
    assert copied.path is not None and str(copied.path) in copied.message
    assert copied.path.read_bytes() == data
    assert stat.S_IMODE(copied.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(copied.path.parent.stat().st_mode) == 0o700
    assert (copied.ok, copied.confirmed, copied.not_text) == (True, True, False)


async def test_every_copy_has_a_file_of_its_own(tmp_path: Path) -> None:
    first, second = await save(b"1", tmp_path), await save(b"2", tmp_path)
    assert first.path != second.path and first.path is not None and first.path.read_bytes() == b"1"


async def test_a_folder_that_others_can_enter_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "kvtui").mkdir(mode=0o755)
    copied = await save(b"secret", tmp_path)
    assert not copied.ok and "not a private folder" in copied.message
    assert list((tmp_path / "kvtui").iterdir()) == []


async def test_a_planted_link_in_place_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    (tmp_path / "kvtui").symlink_to(elsewhere)
    assert not (await save(b"secret", tmp_path)).ok
    assert list(elsewhere.iterdir()) == []


async def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "runtime").write_text("a file where a folder should be")
    copied = await save(b"value", tmp_path / "runtime")
    assert copied.message == "Nothing was copied. It could not be saved to a file: Not a directory."


async def save(data: bytes, runtime: Path) -> Copied:
    env = {**REMOTE, "XDG_RUNTIME_DIR": str(runtime)}
    return await clipboard.copy(data, route="file", env=env, write=lambda text: None)


# Choosing


async def test_the_environment_chooses_a_route(terminal: Terminal, tmp_path: Path) -> None:
    env = {**REMOTE, "KVTUI_CLIPBOARD": "file", "XDG_RUNTIME_DIR": str(tmp_path)}
    assert (await clipboard.copy(b"value", env=env, write=terminal.write)).route == "file"


async def test_a_route_asked_for_by_name_comes_before_the_environment(terminal: Terminal) -> None:
    env = {**REMOTE, "KVTUI_CLIPBOARD": "file"}
    assert (await clipboard.copy(b"value", route="osc52", env=env, write=terminal.write)).route == "osc52"


async def test_none_copies_nothing_and_says_so(terminal: Terminal) -> None:
    copied = await clipboard.copy(b"value", env={**REMOTE, "KVTUI_CLIPBOARD": "none"}, write=terminal.write)
    assert (copied.ok, terminal.heard, copied.message) == (
        False,
        "",
        "Copying is switched off (clipboard: none).",
    )


async def test_an_unknown_route_is_named_with_the_ones_there_are(terminal: Terminal) -> None:
    copied = await clipboard.copy(b"value", env={**REMOTE, "KVTUI_CLIPBOARD": "osc"}, write=terminal.write)
    assert not copied.ok and terminal.heard == ""
    assert copied.message == '"osc" is not a way to copy. Use one of: auto, osc52, tmux, native, file, none.'


async def test_without_a_desktop_and_without_ssh_the_terminal_is_asked(terminal: Terminal) -> None:
    assert (await clipboard.copy(b"value", env=AT_DESK, write=terminal.write)).route == "osc52"


@pytest.mark.parametrize("name", ["SSH_TTY", "SSH_CONNECTION", "SSH_CLIENT"])
async def test_any_trace_of_ssh_means_that_the_person_is_elsewhere(name: str) -> None:
    assert await clipboard.is_remote({name: "something"})
    assert not await clipboard.is_remote({name: ""})


async def test_a_display_forwarded_over_ssh_is_not_used(terminal: Terminal) -> None:
    """It is often stale, and the person's own terminal is nearer."""
    env = {**REMOTE, "DISPLAY": "localhost:10.0"}
    assert (await clipboard.copy(b"value", env=env, write=terminal.write)).route == "osc52"


# The desktop


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    """An X server of our own."""
    readable, writable = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writable), "-screen", "0", "64x64x8"],
        pass_fds=[writable],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(writable)
    with os.fdopen(readable) as announced:
        number = announced.readline().strip()
    yield f":{number}"
    server.terminate()
    server.wait()


@needs_x
async def test_at_the_desk_the_value_is_on_the_clipboard_and_stays_there(
    display: str, terminal: Terminal
) -> None:
    value = "héllo ☃ 😀\r\nsecond line\n".encode()
    copied = await clipboard.copy(value, env={**AT_DESK, "DISPLAY": display}, write=terminal.write)
    assert (copied.ok, copied.route, copied.confirmed, terminal.heard) == (True, "native", True, "")
    assert copied.message == "Copied 29 bytes to the clipboard (xclip)."
    assert paste(display) == value


@needs_x
async def test_a_large_value_reaches_the_desktop_whole(display: str, terminal: Terminal) -> None:
    value = b"0123456789abcde\n" * 131_072
    copied = await clipboard.copy(value, env={**AT_DESK, "DISPLAY": display}, write=terminal.write)
    assert copied.message == "Copied 2,097,152 bytes to the clipboard (xclip)."
    assert paste(display) == value


def paste(display: str) -> bytes:
    return subprocess.run(
        ["xclip", "-selection", "clipboard", "-o"],
        env={**AT_DESK, "DISPLAY": display},
        capture_output=True,
        timeout=5,
        check=True,
    ).stdout


@needs_x
async def test_a_dead_display_is_said_and_the_terminal_gets_the_value(terminal: Terminal) -> None:
    copied = await clipboard.copy(b"value", env={**AT_DESK, "DISPLAY": ":9999"}, write=terminal.write)
    assert terminal.clipboard() == b"value"
    assert (copied.route, copied.confirmed) == ("osc52", False)
    assert copied.message == (
        "Sent 5 bytes to your terminal: paste to check."
        " The desktop clipboard did not take it: Can't open display: :9999."
    )


async def test_a_desktop_without_a_clipboard_tool_is_said(terminal: Terminal, tmp_path: Path) -> None:
    env = {"PATH": str(tmp_path), "DISPLAY": ":9999", "TERM": "xterm"}
    copied = await clipboard.copy(b"value", route="native", env=env, write=terminal.write)
    assert not copied.ok and terminal.heard == ""
    assert "no clipboard tool was found" in copied.message


@needs_x
async def test_a_stalled_display_costs_the_limit_and_leaves_no_process(terminal: Terminal) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stalled:
        number = stalled.getsockname()[1] - 6000  # X's display N listens on port 6000 + N
        env = {**AT_DESK, "DISPLAY": f"127.0.0.1:{number}"}
        started = time.monotonic()
        copied = await clipboard.copy(b"value", env=env, write=terminal.write, limit=0.5)
        took = time.monotonic() - started
        assert took < 5
        assert copied.route == "osc52" and terminal.clipboard() == b"value"
        assert "The desktop clipboard did not answer within 0.5 s." in copied.message
        while processes_with(f"DISPLAY=127.0.0.1:{number}"):
            assert time.monotonic() - started < 5, "a process was left behind"
            await asyncio.sleep(0.02)


def processes_with(setting: str) -> list[str]:
    """The ids of living processes that have this in their environment (where /proc tells)."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if setting.encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append(folder.name)
        except OSError:
            continue
    return found


# Children


def test_children_do_not_inherit_cloudflares_variables() -> None:
    env = {
        "PATH": "/bin",
        "CLOUDFLARE_API_TOKEN": "t",
        "CF_API_KEY": "k",
        "KVTUI_SERVE_TOKEN": "s",
        "CFLAGS": "-O2",
    }
    assert child_env(env) == {"PATH": "/bin", "CFLAGS": "-O2"}
