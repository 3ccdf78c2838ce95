"""A question with a few answers. The first is the safe one: Enter takes it, Esc takes none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import OptionList, Static

from kvtui.ui.dialogs.dialog import PAGING, Dialog, MarkedList
from kvtui.ui.present import safe_content


class Choice(NamedTuple):
    """One answer: its value, its label and a few words on it."""

    value: str
    label: str
    detail: str = ""


class ChooseDialog(Dialog[str | None]):
    """Returns the chosen value, or None."""

    BINDINGS = [
        Binding("escape,q", "dismiss(None)", "Cancel"),
        Binding("j", "move(1)", "Down", show=False),
        Binding("k", "move(-1)", "Up", show=False),
        *PAGING,
    ]

    def __init__(self, title: str, question: Content, choices: Sequence[Choice]) -> None:
        super().__init__()
        self._title = title
        self._question = question
        self._choices = choices

    def compose(self) -> ComposeResult:
        with self.frame(Content(self._title)):
            with VerticalScroll(can_focus=False, classes="gives"):
                yield Static(self._question)
            answers = MarkedList([_label(choice) for choice in self._choices])
            answers.add_class("spaced")
            yield answers

    def on_mount(self) -> None:
        self.query_one(MarkedList).focus()

    def hints(self) -> Sequence[str]:
        return ("enter choose · esc cancel",)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._choices[event.option_index].value)

    def action_move(self, by: int) -> None:
        """Mark another answer."""
        self.query_one(MarkedList).move(by)


def _label(choice: Choice) -> Content:
    return Content.assemble(safe_content(choice.label, "bold"), "  ", safe_content(choice.detail, "dim"))
