"""The hands, on the real program: what its keys change, what they leave, and what is stored in the end."""

from __future__ import annotations

import gzip
import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kvtui.api.models import Entry
from kvtui.local.state import open_state
from tests.plain import Plain, plain
from tests.project import BINARY, HOSTILE, SESSION

if TYPE_CHECKING:
    from tests.e2e.conftest import Kvtui, Tmux

__all__ = ["plain"]

SIZES = [(80, 24), (40, 12)]
INSERTED = SESSION.replace(b'{"id"', b'{"x": 1, "id"')
ATTACK = "evil\x1b]52;c;aGFja2Vk\x07\x1b[2J\x1b[?1049l\x1b[c"
"""It would copy, clear the screen, leave the alternate screen, and have the terminal type an answer."""

World = dict[str, dict[str, Entry | None]]


def everything(plain: Plain) -> World:
    """All that is stored, in every namespace, by title."""
    state = open_state(plain.project)
    found: World = {}
    for namespace in state.namespaces():
        pairs = state.pairs(namespace.id)
        found[namespace.title] = {row.key: pairs.read(row.key) for row in pairs.page()[0]}
    return found


def flat(text: str) -> str:
    """Text without frame, line breaks and spaces: words may be broken anywhere."""
    return "".join(text.translate({ord(sign): None for sign in "│╭╮╰╯─▁▂▃▄▅▆▇█┃"}).split())


@pytest.fixture
def open_keys(kvtui: Kvtui, plain: Plain) -> Callable[..., Tmux]:
    """Starts the program on the project's SESSIONS, at the first key with a prefix."""

    def start(
        prefix: str, *flags: str, size: tuple[int, int] = (120, 36), alone: bool = True, **env: str
    ) -> Tmux:
        source = ("--local", str(plain.project), "--namespace", "SESSIONS")
        screen = kvtui(
            *source,
            *(("--prefix", prefix) if alone else ()),
            *flags,
            width=size[0],
            height=size[1],
            env={"XDG_STATE_HOME": str(plain.state), **env},
            settings={"set-clipboard": "on"},
        )
        screen.wait(f">  {prefix[:20]}" if alone else ">")
        return screen

    return start


def quit_program(screen: Tmux) -> None:
    screen.keys("q")
    assert screen.wait_exit() == 0


def harmless(screen: Tmux) -> None:
    """Nothing was copied, and the program still has the alternate screen."""
    assert screen.buffers() == []
    assert screen.fmt("#{alternate_on}") == "1"


# In the pane


def test_an_edit_is_saved_to_the_byte_and_metadata_and_expiration_stay(
    open_keys: Callable[..., Tmux], plain: Plain
) -> None:
    before = plain.stored("SESSIONS", "user:4711")
    assert before is not None
    screen = open_keys("user:4711")
    screen.keys("e")
    screen.wait("editing value")
    screen.keys("Right")
    screen.type('"x": 1, ')
    screen.keys("C-s")
    screen.wait("Save these changes?", "changed", "kept", '{"v":3}', "y save")
    assert plain.stored("SESSIONS", "user:4711") == before
    screen.keys("y")
    screen.wait("Saved user:4711.")
    quit_program(screen)
    assert plain("get", "SESSIONS", "user:4711").out == INSERTED
    assert plain.stored("SESSIONS", "user:4711") == Entry(INSERTED, '{"v":3}', before.expiration)


def test_z_takes_an_edit_back_and_big_z_makes_it_again(open_keys: Callable[..., Tmux], plain: Plain) -> None:
    before = everything(plain)
    screen = open_keys("tmp:1")
    screen.keys("e")
    screen.wait("editing value")
    screen.type("new ")
    screen.keys("C-s")
    screen.wait("y save")
    screen.keys("y")
    screen.wait("Saved tmp:1.")
    screen.keys("z")
    screen.wait("Take this back?", "y take it back")
    screen.keys("y")
    screen.wait("Taken back: edit tmp:1.")
    assert everything(plain) == before
    screen.keys("Z")
    screen.wait("Make this again?")
    screen.keys("y")
    screen.wait("Made again: edit tmp:1.")
    quit_program(screen)
    assert plain("get", "SESSIONS", "tmp:1").out == b"new -"
    plain.well("undo")
    assert everything(plain) == before


def test_what_is_typed_behind_e_in_one_burst_goes_into_the_editor(
    open_keys: Callable[..., Tmux], plain: Plain
) -> None:
    screen = open_keys("tmp:2")
    screen.wait("1 B")  # the entry is read: e opens at once
    screen.keys("e", "d", "q", "z", "C-s")
    screen.wait("y save", "dqz-")
    screen.keys("Escape")
    screen.wait("editing value")
    assert plain.stored("SESSIONS", "tmp:2") == Entry(b"-")


# In $EDITOR


def editor(folder: Path, new: bytes | None, *, code: int = 0) -> tuple[str, Path]:
    """An editor that writes down what it is given, and changes it; its command and its notes."""
    notes, made = folder / "notes", folder / "new"
    if new is not None:
        made.write_bytes(new)
    change = f'cp {shlex.quote(str(made))} "$file"' if new is not None else ":"
    script = folder / "an editor.sh"
    script.write_text(
        "#!/bin/sh\n"
        "for file; do :; done\n"
        f"mkdir {shlex.quote(str(notes))} && cd {shlex.quote(str(notes))} || exit 9\n"
        'cp "$file" seen; echo "$file" > path; env > environment\n'
        'stat -c %a "$file" "$(dirname "$file")" > modes\n'
        f"{change}\nexit {code}\n"
    )
    script.chmod(0o700)
    return shlex.quote(str(script)), notes


GZIPPED = gzip.compress(b"packed text\n", mtime=0)

EDITS = {
    "text": (b"a text\n", b"a text\n", b"another text, gr\xc3\xbc\xc3\x9fe\n", "txt"),
    "json": (
        SESSION,
        '{\n  "id": 4711,\n  "roles": [\n    "admin",\n    "dev"\n  ],\n  "note": "grüße ☃"\n}'.encode(),
        b'{\n  "id": 4712\n}\n',
        "json",
    ),
    "gzip": (GZIPPED, b"packed text\n", b"other text\n", "txt"),
    "binary": (BINARY, BINARY, BINARY[::-1] + b"\xff\x00", "bin"),
}


@pytest.mark.parametrize("kind", EDITS)
def test_an_editor_gets_a_private_file_and_what_it_made_is_stored(
    open_keys: Callable[..., Tmux], plain: Plain, tmp_path: Path, kind: str
) -> None:
    stored, shown, made, suffix = EDITS[kind]
    old = Entry(stored, '{"v": [1, 2]}', int(time.time()) + 7200)
    plain.put("SESSIONS", "a key", old)
    command, notes = editor(tmp_path, made)
    screen = open_keys("a key", EDITOR=command, CLOUDFLARE_API_TOKEN="a-secret", SHOWN="1")
    screen.keys("E")
    screen.wait("Save these changes?", "y save")
    assert plain.stored("SESSIONS", "a key") == old
    screen.keys("y")
    screen.wait("Saved a key.")
    quit_program(screen)

    new = plain.stored("SESSIONS", "a key")
    assert new is not None
    assert (new.metadata, new.expiration) == (old.metadata, old.expiration)
    match kind:
        case "json":
            assert new.value == b'{"id": 4712}'  # laid out as it was
        case "gzip":
            assert gzip.decompress(new.value) == made
        case _:
            assert new.value == made
    assert (notes / "seen").read_bytes() == shown
    assert (notes / "modes").read_text().split() == ["600", "700"]
    path = Path((notes / "path").read_text().strip())
    assert path.suffix == f".{suffix}"
    assert not path.parent.exists()
    environment = (notes / "environment").read_text()
    assert "SHOWN=1" in environment
    assert "a-secret" not in environment and "CLOUDFLARE" not in environment
    plain.well("undo")
    assert plain.stored("SESSIONS", "a key") == old


def test_what_an_editor_wrote_that_did_not_end_well_is_a_draft(
    open_keys: Callable[..., Tmux], plain: Plain, tmp_path: Path
) -> None:
    before = everything(plain)
    command, notes = editor(tmp_path, b"something else", code=1)
    screen = open_keys("user:4711", EDITOR=command)
    screen.keys("E")
    screen.wait("The editor did not end well.", "~user:4711")
    assert not Path((notes / "path").read_text().strip()).parent.exists()
    assert everything(plain) == before
    screen.keys("C-s")
    screen.wait("Save these changes?", "+ something else")
    screen.keys("Escape")
    screen.wait_gone("Save these changes?")
    screen.keys("q")
    screen.wait("Quit?", "Quit, drop them")
    screen.keys("j", "j", "Enter")
    assert screen.wait_exit() == 0
    assert everything(plain) == before
    assert plain("journal", "list").out == b""


def test_an_editor_that_changes_nothing_leaves_no_draft(
    open_keys: Callable[..., Tmux], plain: Plain, tmp_path: Path
) -> None:
    command, _notes = editor(tmp_path, None)
    screen = open_keys("user:4711", EDITOR=command)
    screen.keys("E")
    screen.wait("Nothing was changed.")
    quit_program(screen)  # no question about a draft


def test_an_interrupt_in_the_editor_does_not_end_kvtui(open_keys: Callable[..., Tmux], plain: Plain) -> None:
    before = everything(plain)
    screen = open_keys("user:4711", EDITOR="sh -c 'echo IN THE EDITOR; exec sleep 100'")
    screen.keys("E")
    screen.wait("IN THE EDITOR")
    assert screen.fmt("#{alternate_on}") == "0"
    screen.keys("C-c")
    screen.wait("nothing was changed", "user:4711")
    assert screen.fmt("#{alternate_on}") == "1"
    quit_program(screen)
    assert everything(plain) == before


# Dialogs


def open_card(screen: Tmux) -> None:
    screen.keys("m")
    screen.wait("editing metadata")
    screen.keys("Home", "Delete")
    screen.type('{"w":4,')
    screen.keys("C-s")


DIALOGS: dict[str, list[str]] = {
    "d": ["Delete this key?", "user:4711", "y delete it", "esc cancel"],
    "r": ["Rename a key", "user:4711", "enter rename", "esc cancel"],
    "c": ["Copy a key", "user:4711", "> SESSIONS", "enter copy", "esc cancel"],
    "a": ["New key", "SESSIONS", "> none yet", "enter create", "esc cancel"],
    "t": ["Expiration", "user:4711", "> keep it", "enter set", "esc cancel"],
    "N": ["New namespace", "enter create", "esc cancel"],
    "z": ["Take this back?", "tmp:1", "y take it back", "esc cancel"],
    "@": ["Operations", "edit", "tmp:1", "esc close"],
}


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_every_dialog_is_whole_and_esc_changes_nothing(
    open_keys: Callable[..., Tmux], plain: Plain, size: tuple[int, int]
) -> None:
    plain.well("put", "SESSIONS", "tmp:1", "--value", "changed")
    before = everything(plain)
    screen = open_keys("user:4711", size=size)

    def shows(*words: str) -> None:
        screen.wait_until(lambda shown: all(flat(one) in flat(shown) for one in words), str(words))

    for key, words in DIALOGS.items():
        screen.keys(key)
        shows(*words)
        screen.keys("Escape")
        screen.wait_gone(words[0])
        assert everything(plain) == before, key

    open_card(screen)
    shows("Save these changes?", "user:4711", "metadata", "changed", "kept", "y save", "esc")
    screen.keys("Escape")
    screen.wait_gone("Save these changes?")

    screen.keys("Escape")
    shows("The draft is kept")
    screen.keys("~")
    shows("Drafts", "user:4711", "enter choose", "esc cancel")
    screen.keys("Escape")
    screen.wait_gone("enter choose")

    screen.keys("q")
    shows("Quit?", "user:4711", "Stay", "Quit, keep them", "Quit, drop them", "esc cancel")
    screen.keys("Escape")
    screen.wait_gone("Quit, drop them")
    screen.keys("q")
    shows("Quit, drop them")
    screen.keys("Enter")  # the safe one
    screen.wait_gone("Quit, drop them")
    screen.keys("q")
    shows("Quit, drop them")
    screen.keys("j", "j", "Enter")
    assert screen.wait_exit() == 0
    assert everything(plain) == before
    assert len(plain("journal", "list").out.splitlines()) == 1


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_a_namespace_is_removed_only_by_its_title(
    open_keys: Callable[..., Tmux], plain: Plain, size: tuple[int, int]
) -> None:
    before = everything(plain)
    screen = open_keys("user:4711", size=size)
    screen.keys("1", "d")
    words = ["Remove this namespace?", "Type SESSIONS", "esc cancel", "cannot be taken back"]
    screen.wait_until(lambda shown: all(flat(one) in flat(shown) for one in words[:3]), str(words))
    screen.type("session")
    screen.keys("Enter")
    screen.wait("does not match")
    screen.keys("Escape")
    screen.wait_gone("Remove this namespace?")
    screen.keys("r")
    screen.wait("Rename the namespace", "SESSIONS", "esc cancel")
    screen.keys("Escape")
    screen.wait_gone("Rename the namespace")
    quit_program(screen)
    assert everything(plain) == before


def test_a_window_that_became_too_small_destroys_nothing(
    open_keys: Callable[..., Tmux], plain: Plain
) -> None:
    before = everything(plain)
    screen = open_keys("user:4711")
    screen.keys("d")
    screen.wait("Delete this key?")
    screen.resize(38, 11)
    screen.wait("too small")
    screen.keys("y")
    screen.resize(80, 24)
    screen.wait("Delete this key?", "y delete it")
    assert everything(plain) == before
    screen.keys("y")
    screen.wait("Deleted user:4711.")
    quit_program(screen)
    assert plain.stored("SESSIONS", "user:4711") is None


def test_many_marked_keys_are_deleted_by_their_count_and_come_back(
    open_keys: Callable[..., Tmux], plain: Plain
) -> None:
    before = everything(plain)
    screen = open_keys("user:47", size=(80, 24))
    screen.keys("M", "d")
    screen.wait("Delete 30 keys?", "Type 30 to delete them")
    screen.type("3")
    screen.keys("Enter")
    screen.wait("does not match")
    screen.type("0")
    screen.keys("Enter")
    screen.wait("Deleted 30 keys.")
    assert not any(key.startswith("user:") for key in everything(plain)["SESSIONS"])
    screen.keys("z")
    screen.wait("Take this back?", "and 24 more")
    screen.keys("y")
    screen.wait("Taken back: delete")
    quit_program(screen)
    assert everything(plain) == before


# Read-only


def test_a_read_only_session_says_why_and_opens_for_a_reason(
    open_keys: Callable[..., Tmux], plain: Plain
) -> None:
    before = everything(plain)
    screen = open_keys("user:4711", "--read-only")
    for key in "deErctmaNzZ":
        screen.keys(key)
        screen.wait("This session is read-only.", ":rw 10m REASON")
        screen.keys("Escape")
        screen.wait_gone("This session is read-only.")
        screen.keys("2")
    assert everything(plain) == before
    screen.keys(":")
    screen.type("rw 10m INC-4711")
    screen.wait("Allow changes for 10m")
    screen.keys("Enter")
    screen.wait("Changes are allowed for", "WRITING")
    screen.keys("d")
    screen.wait("Delete this key?")
    screen.keys("y")
    screen.wait("Deleted user:4711.")
    screen.keys(":")
    screen.type("ro")
    screen.wait("Read-only from now on.")
    screen.keys("Enter")
    screen.wait(":rw 10m REASON")
    screen.keys("z")
    screen.wait("This session is read-only.")
    quit_program(screen)
    assert plain.stored("SESSIONS", "user:4711") is None
    assert b"reason: INC-4711" in plain.anywhere("journal", "show", "1").out
    assert plain("undo", "--read-only").code == 4
    plain.well("undo")
    assert everything(plain) == before


# Hostile names


@pytest.mark.parametrize("key", [HOSTILE, ATTACK], ids=["asks for an answer", "attacks"])
def test_a_hostile_name_goes_through_every_question_as_text(
    open_keys: Callable[..., Tmux], plain: Plain, key: str
) -> None:
    plain.put("SESSIONS", key, Entry(ATTACK.encode() + b" x", '{"by":"\\u001b[2J"}'))
    before = everything(plain)
    word = key.split("\x1b")[0]
    screen = open_keys(word)
    title = screen.fmt("#{pane_title}")
    for press, words in (
        ("d", ("Delete this key?", f"{word}\\e")),
        ("r", ("Rename a key", f"{word}·")),
        ("c", ("Copy a key", f"{word}·")),
        ("t", ("Expiration", f"{word}\\e")),
    ):
        screen.keys(press)
        screen.wait(*words)
        harmless(screen)
        screen.keys("Escape")
        screen.wait_gone(words[0])
    screen.keys("m")
    screen.wait("editing metadata")
    screen.keys("Home", "Delete")
    screen.type('{"w":4,')
    screen.keys("C-s")
    screen.wait("Save these changes?", "y save")
    harmless(screen)
    assert everything(plain) == before
    screen.keys("y")
    screen.wait("Saved")
    harmless(screen)
    screen.keys("r", "End")
    screen.type("!")
    screen.keys("Enter")
    screen.wait("Renamed to")
    harmless(screen)
    screen.keys("@")
    screen.wait("Operations", "rename")
    harmless(screen)
    screen.keys("Escape")
    screen.wait_gone("Operations")
    assert screen.fmt("#{pane_title}") == title
    quit_program(screen)
    assert plain.stored("SESSIONS", key) is None
    renamed = plain.stored("SESSIONS", f"{key}!")
    assert renamed is not None
    assert renamed.value == ATTACK.encode() + b" x"
    plain.well("undo")
    plain.well("undo")
    assert everything(plain) == before


def test_a_hostile_name_that_is_pasted_is_text(open_keys: Callable[..., Tmux], plain: Plain) -> None:
    screen = open_keys("user:4711")
    screen.keys("r")
    screen.wait("Rename a key")
    screen.keys("C-u")
    screen.paste(f"pasted{ATTACK}")
    screen.wait("pasted", "of at most 512")
    harmless(screen)
    screen.keys("Escape")
    screen.wait_gone("Rename a key")
    screen.keys("a")
    screen.wait("New key")
    screen.paste("\u202e\x1b[31mred\x9b2J")
    screen.wait("It reads")
    harmless(screen)
    screen.keys("Escape")
    screen.wait_gone("New key")
    quit_program(screen)
    assert plain("journal", "list").out == b""
