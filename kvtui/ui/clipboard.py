"""Copying a value out: to the desktop's clipboard, a tmux buffer, the terminal (OSC 52), or a private file.

Which way works depends on where the person sits, not on where kvtui runs, so the way is chosen anew for
every copy, and only what was acknowledged is called copied. What is copied is the stored bytes
themselves, never their display. Bytes that are not text are refused rather than mangled; the UI then
offers `form="base64"` or `route="file"`.
"""

from __future__ import annotations

import asyncio
import os
import stat
import sys
import tempfile
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from platformdirs import user_state_path

from kvtui.ui.children import ask

Route = Literal["auto", "osc52", "tmux", "native", "file", "none"]
Form = Literal["text", "base64"]

ROUTE_VARIABLE = "KVTUI_CLIPBOARD"
"""The environment's way to choose a route; a route that is asked for by name comes first."""

OSC52_BYTES = 74_994
"""The most that is sent to a terminal: its sequence has 100,000 bytes, the limit that all seem to share."""

LIMIT_S = 2.0
"""How long another program may take over a copy, in seconds."""

_SCREEN_CHUNK = 240
"""GNU screen passes on strings of less than 768 bytes; this length is known to arrive."""


@dataclass(frozen=True, slots=True)
class Copied:
    """How a copy ended.

    `confirmed` means that someone acknowledged to hold all of it. `message` is a sentence to show; it may
    quote other programs, so show it escaped. `not_text` means: refused because the bytes are not text.
    """

    ok: bool
    route: Route
    confirmed: bool
    message: str
    not_text: bool = False
    path: Path | None = None


class _RouteFailed(Exception):
    """This way is closed; the text is a sentence that says why."""


@dataclass(frozen=True, slots=True)
class _Parcel:
    """What is carried, how to speak of it, and what the ways need to know."""

    data: bytes
    words: str
    env: Mapping[str, str]
    write: Callable[[str], None]
    limit: float


async def copy(
    data: bytes,
    *,
    route: str = "auto",
    form: Form = "text",
    env: Mapping[str, str],
    write: Callable[[str], None],
    limit: float = LIMIT_S,
) -> Copied:
    """Copy `data` and say what came of it. Failures are answers, not exceptions.

    `env` is the environment kvtui was started in; `write` hands control sequences to the terminal.
    """
    chosen = env.get(ROUTE_VARIABLE) or "auto" if route == "auto" else route
    if chosen not in get_args(Route):
        return _refusal(f'"{chosen}" is not a way to copy. Use one of: {", ".join(get_args(Route))}.')
    if chosen == "none":
        return _refusal("Copying is switched off (clipboard: none).")
    if not data:
        return _refusal("The value is empty, so there is nothing to copy.")
    words = "1 byte" if len(data) == 1 else f"{len(data):,} bytes"
    if form == "base64":
        data, words = await asyncio.to_thread(b64encode, data), f"{words} as base64"
    elif chosen != "file" and not await asyncio.to_thread(is_text, data):
        return replace(
            _refusal("This value is not plain text, so it was not copied: take it as base64, or as a file."),
            not_text=True,
        )
    parcel = _Parcel(data, words, env, write, limit)
    ways = await _ways(env, limit) if chosen == "auto" else [chosen]
    reasons: list[str] = []
    for way in ways:
        try:
            copied = await _CARRIERS[way](parcel)
        except _RouteFailed as failure:
            reasons.append(str(failure))
        else:
            return replace(copied, message=" ".join([copied.message, *reasons]))
    return _refusal(" ".join(["Nothing was copied.", *reasons]))


def is_text(data: bytes) -> bool:
    """Whether `data` can be pasted as text and still be the same: UTF-8 without NUL."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in data


async def is_remote(env: Mapping[str, str], limit: float = LIMIT_S) -> bool:
    """Whether the person sits at another machine.

    Inside tmux the variables tell where tmux was started; tmux itself knows who is attached now.
    """
    if env.get("TMUX"):
        try:
            answer = await ask(["tmux", "show-environment", "SSH_CONNECTION"], env, limit=limit)
        except (OSError, TimeoutError):
            pass
        else:
            if answer.code == 0:
                return not answer.out.startswith(b"-")
    return any(env.get(name) for name in ("SSH_TTY", "SSH_CONNECTION", "SSH_CLIENT"))


def osc52(data: bytes, env: Mapping[str, str]) -> str:
    """The control sequences that ask this terminal to take `data` as its clipboard.

    A multiplexer between us and the terminal wants its own wrapping: GNU screen one in many short
    pieces; tmux, ours or one that we were reached from, answers to the plain or to the wrapped one,
    depending on its settings, and drops the other.
    """
    plain = f"\x1b]52;c;{b64encode(data).decode()}\x07"
    term = env.get("TERM", "")
    if not env.get("TMUX") and (env.get("STY") or term.startswith("screen.")):
        pieces = (plain[at : at + _SCREEN_CHUNK] for at in range(0, len(plain), _SCREEN_CHUNK))
        return "".join(f"\x1bP{piece}\x1b\\" for piece in pieces)
    if _behind_tmux(env):
        return plain + "\x1bPtmux;" + plain.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    return plain


def _behind_tmux(env: Mapping[str, str]) -> bool:
    return bool(env.get("TMUX")) or env.get("TERM", "").startswith(("tmux", "screen"))


async def _ways(env: Mapping[str, str], limit: float) -> list[str]:
    """The ways worth trying from here, best first."""
    ways = []
    if _has_desktop(env) and not await is_remote(env, limit):
        ways.append("native")
    if env.get("TMUX"):
        ways.append("tmux")
    return [*ways, "osc52", "file"]


def _has_desktop(env: Mapping[str, str]) -> bool:
    """Whether a desktop's clipboard can be near at all; saves starting a child only to hear no."""
    names = ("WAYLAND_DISPLAY", "DISPLAY", "WSL_DISTRO_NAME", "WSL_INTEROP")
    return sys.platform == "darwin" or any(env.get(name) for name in names)


async def _native(parcel: _Parcel) -> Copied:
    argv = [sys.executable, "-m", "kvtui.ui._paste"]
    try:
        answer = await ask(argv, parcel.env, data=parcel.data, limit=parcel.limit)
    except TimeoutError:
        raise _RouteFailed(f"The desktop clipboard did not answer within {parcel.limit:g} s.") from None
    except OSError as error:
        raise _RouteFailed(f"The desktop clipboard could not be asked: {error.strerror}.") from None
    said = answer.out.decode(errors="replace").strip()
    if answer.code != 0:
        raise _RouteFailed(f"The desktop clipboard did not take it: {said or 'its helper failed'}.")
    return Copied(True, "native", True, f"Copied {parcel.words} to the clipboard ({said}).")


async def _tmux(parcel: _Parcel) -> Copied:
    try:
        answer = await ask(
            ["tmux", "load-buffer", "-w", "-"], parcel.env, data=parcel.data, limit=parcel.limit
        )
        if answer.code != 0 and any(word in answer.err for word in (b"unknown", b"usage")):
            # Before 3.2 there is no -w, and the buffer stays inside tmux.
            answer = await ask(["tmux", "load-buffer", "-"], parcel.env, data=parcel.data, limit=parcel.limit)
    except TimeoutError:
        raise _RouteFailed(f"tmux did not answer within {parcel.limit:g} s.") from None
    except OSError as error:
        raise _RouteFailed(f"tmux could not be asked: {error.strerror}.") from None
    if answer.code != 0:
        raise _RouteFailed(f"tmux did not take it: {answer.err.decode(errors='replace').strip()}.")
    return Copied(True, "tmux", True, f"Copied {parcel.words} to a tmux buffer (paste: prefix ]).")


async def _osc52(parcel: _Parcel) -> Copied:
    if len(parcel.data) > OSC52_BYTES:
        raise _RouteFailed(f"It is too large to send to a terminal (at most {OSC52_BYTES:,} bytes).")
    parcel.write(osc52(parcel.data, parcel.env))
    message = f"Sent {parcel.words} to your terminal: paste to check."
    if _behind_tmux(parcel.env):
        message += " If it did not arrive, tmux needs `set-clipboard on`."
    return Copied(True, "osc52", False, message)


async def _file(parcel: _Parcel) -> Copied:
    try:
        path = await asyncio.to_thread(_save, parcel.data, _private_folder(parcel.env))
    except OSError as error:
        raise _RouteFailed(f"It could not be saved to a file: {error.strerror or error}.") from None
    return Copied(True, "file", True, f"Saved {parcel.words} to {path} (only you can read it).", path=path)


def _private_folder(env: Mapping[str, str]) -> Path:
    """Where copies are kept: the runtime folder, which is emptied at logout, else the state folder."""
    if runtime := env.get("XDG_RUNTIME_DIR"):
        return Path(runtime) / "kvtui"
    if state := env.get("XDG_STATE_HOME"):
        return Path(state) / "kvtui" / "copies"
    return user_state_path("kvtui", appauthor=False) / "copies"


def _save(data: bytes, folder: Path) -> Path:
    """Write a new file, 0600 from its first moment, in a folder that nobody else can enter or plant."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    info = folder.lstat()
    if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.getuid() or info.st_mode & 0o077:
        raise OSError(f"{folder} is not a private folder of yours (0700)")
    handle, name = tempfile.mkstemp(prefix="value-", dir=folder)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    return Path(name)


def _refusal(message: str) -> Copied:
    return Copied(False, "none", False, message)


_CARRIERS = {"native": _native, "tmux": _tmux, "osc52": _osc52, "file": _file}
