"""Asks for the name of a new key, and whether it begins as a copy of another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from kvtui.api.limits import key_problem
from kvtui.api.models import Namespace
from kvtui.ui.dialogs.dialog import PickList
from kvtui.ui.dialogs.name import Naming, key_facts
from kvtui.ui.present import safe_content

EMPTY, COPY = range(2)


class NewKey(NamedTuple):
    """A name, and whether value, metadata and expiration are taken over."""

    name: str
    duplicate: bool


class NewKeyDialog(Naming[NewKey]):
    """Returns the name and where to begin, or None. `duplicate_of` is a key that could be copied."""

    BINDINGS = [
        Binding("down,tab", "pick(1)", "Down", show=False),
        Binding("up,shift+tab", "pick(-1)", "Up", show=False),
    ]

    def __init__(self, namespace: Namespace, initial: str, *, duplicate_of: str | None) -> None:
        about = Content.assemble("In the namespace ", safe_content(namespace.title, "bold"))
        super().__init__("New key", about, initial, placeholder="name of the key", act="create")
        self._duplicate_of = duplicate_of

    def compose_above(self) -> ComposeResult:
        with VerticalScroll(can_focus=False, classes="gives"):
            yield Static(self._about, classes="one-line")

    def compose_below(self) -> ComposeResult:
        if self._duplicate_of is not None:
            yield Static(Content.styled("Its value", "dim"), classes="spaced")
            copied = Content.assemble(
                "a copy of ",
                safe_content(self._duplicate_of),
                ("  with metadata and expiration", "dim"),
            )
            yield PickList([Content("none yet: you write it"), copied])

    def hints(self) -> Sequence[str]:
        if self._duplicate_of is None:
            return super().hints()
        return ("arrows choose · enter create · esc cancel", "arrows · enter create · esc cancel")

    def problem(self, name: str) -> str | None:
        return key_problem(name)

    def facts(self, name: str) -> Content:
        return key_facts(name)

    def answer(self, name: str) -> NewKey:
        return NewKey(name, self._duplicate)

    def action_pick(self, by: int) -> None:
        """Choose where to begin."""
        for choice in self.query(PickList):
            choice.move(by)

    @property
    def _duplicate(self) -> bool:
        return any(choice.picked == COPY for choice in self.query(PickList))
