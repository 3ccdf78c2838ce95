"""Help for the focused pane: its keys, each with a sentence, then those that work everywhere."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from kvtui.ui.bindings import Group, keys_shown


class HelpDialog(ModalScreen[None]):
    """Shows groups of bindings; leaves with nothing."""

    BINDINGS = [
        Binding("escape,question_mark,f1,q,enter", "dismiss(None)", "Close"),
        Binding("j,down", "scroll(1)", "Down", show=False),
        Binding("k,up", "scroll(-1)", "Up", show=False),
        Binding("ctrl+d,pagedown,space", "scroll(8)", "Page down", show=False),
        Binding("ctrl+u,pageup", "scroll(-8)", "Page up", show=False),
    ]

    def __init__(self, groups: Sequence[Group]) -> None:
        super().__init__()
        self._groups = groups

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = "Help"
            box.border_subtitle = "j k scroll · esc close"
            with VerticalScroll(can_focus=False):
                for group in self._groups:
                    yield Static(group.title, classes="group-title")
                    yield Static(_table(group))

    def action_scroll(self, lines: int) -> None:
        """Move the text by some lines."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)


def _table(group: Group) -> Table:
    """Keys on the left, and sentences that wrap beside them."""
    table = Table.grid(padding=(0, 2), pad_edge=True)
    table.add_column(style="bold", no_wrap=True, min_width=14)
    table.add_column()
    for binding in group.bindings:
        table.add_row(Text(keys_shown(binding.key)), Text(binding.tooltip))
    return table
