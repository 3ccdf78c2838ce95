"""The dialogs about changes: whole on any screen, safe by Enter and Esc, and true to what was typed."""

from __future__ import annotations

import asyncio
import time
import unicodedata
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.content import Content
from textual.events import Key, Paste
from textual.filter import LineFilter
from textual.pilot import Pilot
from textual.widgets import Input

import kvtui.ui
from kvtui.api.limits import key_problem
from kvtui.api.models import Account, Entry, Namespace
from kvtui.core.changes import KeyRef, Verb
from kvtui.core.diffs import DiffLine, diff_values
from kvtui.core.journal.records import Brief, Noted, Origin, Outcome, Record, State
from kvtui.ui.dialogs.card import Card, CardAnswer, ChangeCard, Part
from kvtui.ui.dialogs.confirm import ConfirmDialog
from kvtui.ui.dialogs.conflict import ConflictDialog
from kvtui.ui.dialogs.copyto import CopyDialog
from kvtui.ui.dialogs.expiration import ExpirationDialog, Expires, LocalZone
from kvtui.ui.dialogs.name import FIRST_LINE_ONLY, NameDialog, key_facts
from kvtui.ui.dialogs.newkey import NewKey, NewKeyDialog
from kvtui.ui.dialogs.operations import OperationsDialog, Restore, Undo
from kvtui.ui.dialogs.rename import RenameDialog
from kvtui.ui.present import ControlFilter, safe_content
from kvtui.ui.typeahead import TypeAheadApp
from tests.ui.kit import screen_text, until

SIZES = [(120, 36), (80, 24), (40, 12)]
HOSTILE = [
    "[/]",
    "[bold red]x",
    "\x1b[c",
    "a\u202eb",
    "line\nline",
    "k" * 500,
    "\u202e" * 170,
    " ",
    "宽" * 100,
]
NOW = 1_795_435_200.0
SESSIONS = Namespace("5e55", "sessions", "acc1")
FLAGS = Namespace("f1a9", "flags", "acc1")
OTHER = Namespace("07e4", "sessions", "acc2")
ACME, LABS = Account("acc1", "acme-prod"), Account("acc2", "acme-labs")
KEY = "user:4711"
OLD = b'{"id": 4711, "name": "Ada", "roles": ["admin"], "seen": 1}'
NEW = b'{"id": 4711, "name": "Ada L.", "roles": ["admin", "ops"], "seen": 2}'

Make = Callable[[], Any]


class OneDialogApp(TypeAheadApp):
    """Nothing but a dialog."""

    CSS_PATH = str(Path(kvtui.ui.__file__).with_name("kvtui.tcss"))

    def __init__(self) -> None:
        self._wall = ControlFilter()
        super().__init__()

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), self._wall]


class Shown:
    """A dialog on the screen, and in the end its answer."""

    def __init__(self, pilot: Pilot[Any], answer: asyncio.Future[Any]) -> None:
        self.pilot = pilot
        self._answer = answer

    @property
    def text(self) -> str:
        return screen_text(self.pilot.app.screen)

    @property
    def open(self) -> bool:
        return not self._answer.done()

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def type(self, text: str) -> None:
        self.pilot.app.screen.query_one(Input).insert_text_at_cursor(text)
        await self.pilot.pause()

    async def answer(self, *keys: str) -> Any:
        await self.press(*keys)
        return await asyncio.wait_for(self._answer, 5)

    async def shows(self, *texts: str) -> None:
        await until(self.pilot, lambda: all(flat(text) in flat(self.text) for text in texts), str(texts))


def flat(text: str) -> str:
    """Text without frame, line breaks and spaces: words may be broken anywhere."""
    return "".join(text.translate({ord(sign): None for sign in "│╭╮╰╯─▁▂▃▄▅▆▇█"}).split())


@asynccontextmanager
async def shown(
    make: Make, size: tuple[int, int] = (80, 24), theme: str = "textual-dark"
) -> AsyncIterator[Shown]:
    app = OneDialogApp()
    async with app.run_test(size=size) as pilot:
        app.theme = theme
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        app.push_screen(make(), lambda value: answer.set_result(value))
        await pilot.pause()
        await pilot.pause()
        yield Shown(pilot, answer)


def subject(key: str = KEY) -> Content:
    return Content.assemble("acme-prod ▸ sessions ▸ ", safe_content(key, "bold"))


def confirm(key: str = KEY, typed: str | None = None, act: str = "delete it") -> ConfirmDialog:
    body = Content.assemble("Delete ", safe_content(key, "bold"), "?\n\nz takes it back.")
    return ConfirmDialog("Delete a key", body, act=act, typed=typed)


def name(initial: str = KEY) -> NameDialog:
    return NameDialog(
        "Rename a namespace",
        Content("The namespace keeps its id and its keys."),
        initial,
        problem=key_problem,
        facts=key_facts,
        placeholder="its new title",
        act="rename",
    )


def copying(key: str = KEY) -> CopyDialog:
    spread = [(ACME, FLAGS), (ACME, SESSIONS), (LABS, OTHER)]
    many = [(ACME, Namespace(f"{n:x}", f"space-{n}", "acc1")) for n in range(30)]
    return CopyDialog(KeyRef(SESSIONS, key), spread + many)


def expiration(current: int | None = int(NOW) + 7380, key: str = KEY) -> ExpirationDialog:
    return ExpirationDialog(current, lambda: NOW, subject=subject(key))


def card(state: str = "kept", layout: int = 0, key: str = KEY) -> Card:
    return Card(
        title="Save",
        subject=subject(key),
        parts=(
            Part("value", "changed", Content("1,204 B → 1,210 B, JSON")),
            Part("metadata", "kept", safe_content('{"v":3}')),
            Part("expires", state, Content("in 2h 03m → never" if state == "ERASED" else "in 2h 03m")),
        ),
        diff=(DiffLine("~", f"layout {layout}"), *diff_values(OLD, NEW)),
        warnings=("The value is text now; it was JSON.",),
        price="5 requests.",
        truths="Another writer may still come in between; other places may serve the old value for 60 s.",
        layouts=("as it was", "indented", "one line"),
        layout=layout,
        undoable="z takes it back.",
    )


def change_card(state: str = "kept", key: str = KEY) -> ChangeCard:
    return ChangeCard(card(state, key=key), lambda layout: card(state, layout, key))


def conflict(key: str = KEY) -> ConflictDialog:
    base = Entry(OLD, '{"v":3}', int(NOW) + 7380)
    theirs = Entry(OLD.replace(b"Ada", b"Bob"), '{"v":4}', int(NOW) + 7380)
    return ConflictDialog(subject(key), base, theirs, Entry(NEW, '{"v":3}', None))


def record(id: int, verb: Verb, keys: Sequence[str] = (KEY,), **fields: Any) -> Record:
    before = Brief(1204, "ab" * 32, '{"v":3}', int(NOW) + 7380)
    after = Brief(1210, "cd" * 32, '{"v":3}', None)
    changes = tuple(
        Noted(KeyRef(SESSIONS, key), SESSIONS, before, after, Outcome.CONFIRMED, "", NOW) for key in keys
    )
    plain = Record(
        id,
        verb,
        State.DONE,
        NOW - 60 * (20 - id),
        NOW,
        Origin("s", "demo"),
        "",
        None,
        None,
        False,
        True,
        False,
        changes,
    )
    return replace(plain, **fields)


def removed_namespace() -> Record:
    gone = Noted(None, FLAGS, FLAGS, None, Outcome.CONFIRMED, "", NOW)
    return record(3, Verb.REMOVE_NAMESPACE, changes=(gone,))


def operations(key: str = KEY) -> OperationsDialog:
    records = [
        record(9, Verb.EDIT, [key], reason="the flag was wrong"),
        record(8, Verb.DELETE, [key, "user:4712", "user:4713", "tmp:1"]),
        record(7, Verb.RENAME, ["user:1"], undoes=6, original_kept=True),
        record(6, Verb.RENAME, ["user:1"], undone=True),
        removed_namespace(),
        *(record(n, Verb.CREATE, [f"old:{n}"], begun=NOW - 200_000) for n in (2, 1)),
    ]
    return OperationsDialog(records, lambda: NOW)


EVERY: dict[str, tuple[Make, list[str]]] = {
    "confirm": (confirm, ["Delete a key", "y delete it", "esc cancel", "Delete user:4711?"]),
    "confirm-typed": (
        lambda: confirm(typed="41880", act="delete 41,880 keys"),
        ["Type 41880 to delete 41,880 keys:", "type it here", "esc cancel", "Delete user:4711?"],
    ),
    "name": (
        name,
        ["Rename a namespace", "user:4711", "9 of at most 512 bytes", "enter rename", "esc cancel"],
    ),
    "rename": (
        lambda: RenameDialog(KEY, about=subject()),
        ["Rename a key", "copy value", "read the copy", "delete the old key, only then", "its name already"],
    ),
    "copyto": (copying, ["Copy a key", "> sessions", "acme-prod", "enter copy", "esc cancel", "itself"]),
    "newkey": (
        lambda: NewKeyDialog(SESSIONS, "user:", duplicate_of=KEY),
        ["New key", "sessions", "> none yet", "a copy of user:4711", "5 of at most 512", "enter create"],
    ),
    "expiration": (
        expiration,
        [
            "user:4711",
            "> keep it",
            "90m",
            "2026-11-23 14:03:00 UTC",
            "2h 03m",
            "ctrl+t",
            "ctrl+r",
            "enter set",
        ],
    ),
    "card": (
        change_card,
        ["Save", "user:4711", "changed", "kept", "1,204 B → 1,210 B, JSON", "! The value is text", "y save"],
    ),
    "card-erased": (lambda: change_card("ERASED"), ["Save", "ERASED", "never", "x erase and save"]),
    "conflict": (
        conflict,
        ["Changed by someone else", "as read", "theirs", "yours", "same", "changed", "e edit again"],
    ),
    "conflict-answers": (conflict, ["esc leave", "t take theirs", "m keep mine"]),
    "operations": (operations, ["Operations", "user:4711", "edit", "Step 9", "z", "bring back"]),
    "operations-empty": (
        lambda: OperationsDialog([], lambda: NOW),
        ["Nothing has been changed yet.", "esc close"],
    ),
}


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("which", EVERY)
async def test_what_matters_is_in_sight_and_esc_changes_nothing(which: str, size: tuple[int, int]) -> None:
    make, words = EVERY[which]
    async with shown(make, size) as dialog:
        await dialog.shows(*words)
        box = dialog.pilot.app.screen.query_one(".dialog").region
        assert box.bottom <= size[1] and box.right <= size[0]
        assert await dialog.answer("escape") in (None, False)


HOSTILE_MAKES: dict[str, Callable[[str], Any]] = {
    "confirm": confirm,
    "confirm-typed": lambda key: confirm(key, typed=key),
    "name": name,
    "rename": lambda key: RenameDialog(key, about=subject(key)),
    "copyto": copying,
    "newkey": lambda key: NewKeyDialog(Namespace("1", key, ""), key, duplicate_of=key),
    "expiration": lambda key: expiration(key=key),
    "card": lambda key: change_card(key=key),
    "conflict": conflict,
    "operations": operations,
}

KEYS_IN_SIGHT = {"confirm": ["y delete it"], "confirm-typed": ["type it here"], "copyto": ["> sessions"]} | {
    "conflict": ["t take theirs", "m keep mine"],
    "card": ["y save"],
    "expiration": ["90m", "> keep it"],
    "newkey": ["> none yet"],
}


@pytest.mark.parametrize("key", HOSTILE, ids=[ascii(key[:6]) for key in HOSTILE])
@pytest.mark.parametrize("which", HOSTILE_MAKES)
async def test_hostile_names_stay_text(which: str, key: str) -> None:
    async with shown(lambda: HOSTILE_MAKES[which](key), (40, 12)) as dialog:
        lines = dialog.text.split("\n")
        assert len(lines) == 12
        assert not [
            char for line in lines for char in line if unicodedata.category(char) in ("Cc", "Cf", "Cs")
        ]
        await dialog.shows("esc", *KEYS_IN_SIGHT.get(which, []))
        assert await dialog.answer("escape") in (None, False)


# Confirming


@pytest.mark.parametrize("key", ["enter", "n", "q", "escape"])
async def test_only_y_confirms(key: str) -> None:
    async with shown(confirm) as dialog:
        await dialog.press("d", "x", "Y", "space")
        assert dialog.open
        assert await dialog.answer(key) is False
    async with shown(confirm) as dialog:
        assert await dialog.answer("y") is True


async def test_a_count_must_be_typed_whole() -> None:
    async with shown(lambda: confirm(typed="12")) as dialog:
        await dialog.press("enter", "y", "enter")
        await dialog.shows("does not match yet")
        await dialog.press("backspace", "1", "enter")
        assert dialog.open
        await dialog.press("2")
        await dialog.shows("It matches")
        assert await dialog.answer("enter") is True


@pytest.mark.parametrize("typed", ["a\u202eb", r"a\u202eb"])
async def test_a_hidden_character_may_be_typed_by_its_escape(typed: str) -> None:
    async with shown(lambda: confirm(typed="a\u202eb")) as dialog:
        await dialog.shows(r"Type a\u202eb")
        await dialog.type(typed)
        assert await dialog.answer("enter") is True


async def test_a_dialog_can_be_typed_ahead_of() -> None:
    app = OneDialogApp()
    async with app.run_test(size=(80, 24)) as pilot:
        answers: list[bool | None] = []
        app.push_screen(confirm(typed="12"), answers.append)
        for key in ("1", "2", "enter"):
            app.post_message(Key(key, key if key != "enter" else None))
        await until(pilot, lambda: answers, "an answer")
        assert answers == [True]
        await pilot.pause()


@pytest.mark.parametrize(
    ("make", "keys"),
    [
        (confirm, ["y"]),
        (lambda: confirm(typed="1"), ["1", "enter"]),
        (change_card, ["y"]),
        (lambda: change_card("ERASED"), ["x"]),
        (conflict, ["m", "t"]),
    ],
)
async def test_nothing_is_destroyed_in_a_window_that_is_too_small(make: Make, keys: list[str]) -> None:
    async with shown(make, (39, 11)) as dialog:
        await dialog.press(*keys)
        await dialog.shows("window is too small")
        assert await dialog.answer("escape") in (None, False)


# Names


async def test_a_name_is_reviewed_while_it_is_typed_and_never_stripped() -> None:
    async with shown(lambda: name("")) as dialog:
        await dialog.shows("must not be empty")
        await dialog.press("enter")
        assert dialog.open
        await dialog.press("a", "q", "space")
        await dialog.shows("3 of at most 512 bytes", "ends with a space")
        assert await dialog.answer("enter") == "aq "


async def test_what_cannot_be_seen_in_a_name_is_spelled() -> None:
    async with shown(lambda: name("a\u202eb\n")) as dialog:
        await dialog.shows("a·b·", r"It reads a\u202eb\n", "6 of at most 512")
        assert await dialog.answer("x", "enter") == "a\u202eb\nx"


async def test_of_several_pasted_lines_the_first_is_kept_and_that_is_said() -> None:
    async with shown(lambda: name("")) as dialog:
        dialog.pilot.app.post_message(Paste("one\ntwo\n"))
        await dialog.shows(FIRST_LINE_ONLY, "3 of at most 512")
        await dialog.press("x")
        assert flat(FIRST_LINE_ONLY) not in flat(dialog.text)
        assert await dialog.answer("enter") == "onex"


async def test_renaming_needs_another_name() -> None:
    async with shown(lambda: RenameDialog(KEY, about=subject())) as dialog:
        await dialog.press("enter")
        assert dialog.open
        assert await dialog.answer("2", "enter") == KEY + "2"


async def test_a_copy_goes_to_another_name_or_another_namespace() -> None:
    async with shown(copying) as dialog:
        await dialog.press("enter")
        assert dialog.open
        assert await dialog.answer("2", "enter") == KeyRef(SESSIONS, KEY + "2")
    async with shown(copying) as dialog:
        await dialog.press("down")
        await dialog.shows("> sessions  in acme-labs")
        assert await dialog.answer("enter") == KeyRef(OTHER, KEY)
    async with shown(copying) as dialog:
        assert await dialog.answer("shift+tab", "up", "up", "enter") == KeyRef(FLAGS, KEY)


async def test_a_new_key_begins_empty_unless_asked() -> None:
    make: Make = lambda: NewKeyDialog(SESSIONS, "user:", duplicate_of=KEY)  # noqa: E731
    async with shown(make) as dialog:
        assert await dialog.answer("9", "enter") == NewKey("user:9", False)
    async with shown(make) as dialog:
        assert await dialog.answer("9", "tab", "enter") == NewKey("user:9", True)
    async with shown(lambda: NewKeyDialog(SESSIONS, "", duplicate_of=None)) as dialog:
        assert await dialog.answer("down", "j", "enter") == NewKey("j", False)


# Expirations


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (["enter"], None),
        (["down", "enter"], Expires(None)),
        (["down", "down", "enter"], Expires(int(NOW) + 3600)),
        (["ctrl+r", "down", "down", "enter"], Expires(int(NOW) + 7380 + 3600)),
        ([*"90m", "enter"], Expires(int(NOW) + 5400)),
        ([*"90m", "ctrl+r", "enter"], Expires(int(NOW) + 7380 + 5400)),
        ([*"2026-12-01", "ctrl+r", "enter"], Expires(1_796_083_200)),
        ([*"never", "enter"], Expires(None)),
        ([*"90m", "up", "up", "up", "up", "up", "enter"], Expires(None)),
    ],
)
async def test_an_expiration_is_chosen_or_typed(keys: list[str], expected: Expires | None) -> None:
    async with shown(expiration) as dialog:
        assert await dialog.answer(*keys) == expected


async def test_an_expiration_that_kv_refuses_is_not_taken() -> None:
    async with shown(expiration) as dialog:
        await dialog.press(*"30s", "enter")
        await dialog.shows("less than 60 s")
        await dialog.press("ctrl+u", *"soon", "enter")
        await dialog.shows('"soon" is no time')
        await dialog.press("ctrl+u", "enter")
        await dialog.shows("Type a time")
        assert await dialog.answer("escape") is None


async def test_a_key_that_never_expires_has_no_present_expiry_to_count_from() -> None:
    async with shown(lambda: expiration(None)) as dialog:
        await dialog.shows("never expires")
        assert "ctrl+r" not in dialog.text
        assert await dialog.answer("ctrl+r", "down", "down", "enter") == Expires(int(NOW) + 3600)


async def test_dates_are_read_in_local_time_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "Europe/Berlin")
        time.tzset()
        async with shown(expiration) as dialog:
            await dialog.press("ctrl+t", *"2027-07-01 12:00")
            await dialog.shows("dates in local time", "2027-07-01 10:00:00 UTC", "2027-07-01 12:00:00 CEST")
        assert LocalZone().utcoffset(None) is None
    time.tzset()


# The card


async def test_the_card_saves_by_y_and_goes_back_by_enter() -> None:
    async with shown(change_card) as dialog:
        await dialog.press("x", "s", "ctrl+s", "j", "k")
        await dialog.shows("Nothing would be erased", '- "name": "Ada"', '+ "name": "Ada L."')
        assert await dialog.answer("y") == CardAnswer(0)
    async with shown(change_card) as dialog:
        assert await dialog.answer("enter") is None


async def test_what_erases_has_a_key_of_its_own() -> None:
    async with shown(lambda: change_card("ERASED")) as dialog:
        await dialog.press("y")
        await dialog.shows("The expiration would be ERASED: y does not do that, x does.")
        assert await dialog.answer("x") == CardAnswer(0)


async def test_the_layout_goes_round_and_is_answered() -> None:
    async with shown(change_card) as dialog:
        await dialog.shows("Layout: as it was")
        await dialog.press("l")
        await dialog.shows("Layout: indented", "layout 1")
        await dialog.press("l", "l", "l", "l")
        assert await dialog.answer("y") == CardAnswer(2)


# Conflicts


@pytest.mark.parametrize(
    ("key", "expected"),
    [("e", "edit"), ("t", "theirs"), ("m", "mine"), ("enter", None), ("escape", None), ("q", None)],
)
async def test_a_conflict_is_decided_by_letters(key: str, expected: str | None) -> None:
    async with shown(conflict) as dialog:
        await dialog.press("y", "d", "j", "k")
        assert await dialog.answer(key) == expected


async def test_a_conflict_says_what_is_gone_or_new() -> None:
    entry = Entry(b"x", None, None)
    async with shown(lambda: ConflictDialog(subject(), None, entry, Entry(b"y"))) as dialog:
        await dialog.shows("no key", "new 1 B", "+ x", "+ y")
    async with shown(lambda: ConflictDialog(subject(), entry, None, Entry(b"y"))) as dialog:
        await dialog.shows("deleted", "there is no such key", "- x")
    async with shown(lambda: ConflictDialog(subject(), entry, Entry(b"z"), None)) as dialog:
        await dialog.shows("m delete all the same")


async def test_big_values_are_compared_off_the_screen() -> None:
    big = b"a" * 300_000
    make: Make = lambda: ConflictDialog(subject(), Entry(big), Entry(big + b"1"), Entry(big + b"2"))  # noqa: E731
    async with shown(make) as dialog:
        await dialog.shows("compared from both ends")


# The log


async def test_the_log_takes_back_and_brings_back() -> None:
    async with shown(operations) as dialog:
        await dialog.shows("the flag was wrong", "confirmed", "+3 more", "undo of rename", "taken back")
        assert await dialog.answer("z") == Undo(9)
    async with shown(operations) as dialog:
        assert await dialog.answer("b") == Restore(9, 0)


async def test_of_several_changes_one_is_chosen() -> None:
    async with shown(operations) as dialog:
        await dialog.press("j", "b")
        await dialog.shows("Choose which")
        assert await dialog.answer("j", "j", "b") == Restore(8, 2)
    async with shown(operations) as dialog:
        await dialog.press("down", "enter", "down")
        await dialog.shows("sessions ▸ user:4712")
        await dialog.press("escape")
        assert dialog.open
        assert await dialog.answer("escape") is None


async def test_the_log_says_why_something_cannot_be_taken_back() -> None:
    async with shown(operations) as dialog:
        await dialog.press("j", "j", "z")
        await dialog.shows("z cannot: It took step 6 back")
        await dialog.press("j", "j", "b")
        await dialog.shows("this is about a namespace", "cannot be brought back")
        assert dialog.open


async def test_an_empty_log_has_nothing_to_take_back() -> None:
    async with shown(lambda: OperationsDialog([], lambda: NOW)) as dialog:
        await dialog.press("z", "b", "j", "enter")
        assert dialog.open
        assert await dialog.answer("q") is None
