"""Help for the focused pane: its keys, each with a sentence, then those that work everywhere."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
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
            box.border_subtitle = Content("j k scroll · esc close")
            with VerticalScroll(can_focus=False):
                yield Static(self._text())

    def _text(self) -> Content:
        lines: list[Content] = []
        for group in self._groups:
            lines.append(Content.assemble((group.title, "bold $accent")))
            for binding in group.bindings:
                keys = keys_shown(binding.key)
                lines.append(Content.assemble((f"  {keys:<16}", "bold"), (binding.tooltip, "")))
            lines.append(Content(""))
        return Content("\n").join(lines[:-1])

    def action_scroll(self, lines: int) -> None:
        """Move the text by some lines."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)
