"""A question with a few answers. The first is the safe one: Enter takes it, Esc takes none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option


class Choice(NamedTuple):
    """One answer: its value, its label and a few words on it."""

    value: str
    label: str
    detail: str = ""


class ChooseDialog(ModalScreen[str | None]):
    """Returns the chosen value, or None."""

    BINDINGS = [
        Binding("escape,q", "cancel", "Cancel"),
        Binding("j", "move('down')", "Down", show=False),
        Binding("k", "move('up')", "Up", show=False),
    ]

    def __init__(self, title: str, question: Content, choices: Sequence[Choice]) -> None:
        super().__init__()
        self._title = title
        self._question = question
        self._choices = choices

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = Content(self._title)
            box.border_subtitle = Content("enter choose · esc cancel")
            yield Static(self._question)
            yield OptionList(*(self._option(choice) for choice in self._choices))

    @staticmethod
    def _option(choice: Choice) -> Option:
        return Option(
            Content.assemble((choice.label, "bold"), "  ", (choice.detail, "$text-muted")), id=choice.value
        )

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_id)

    def action_move(self, way: str) -> None:
        """Move the cursor with letters."""
        options = self.query_one(OptionList)
        options.action_cursor_down() if way == "down" else options.action_cursor_up()

    def action_cancel(self) -> None:
        """Leave with nothing chosen."""
        self.dismiss(None)
