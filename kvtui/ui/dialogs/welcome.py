"""The first screen where nothing says where to look: what was looked for, and each way in."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from kvtui.ui.start import Way

LOOKED_FOR = """\
kvtui looked for a Cloudflare token and found none: neither CLOUDFLARE_API_TOKEN, nor \
CLOUDFLARE_API_KEY with CLOUDFLARE_EMAIL, nor CLOUDFLARE_API_BASE_URL is set."""

OTHER_WAYS = """\
For your Cloudflare account, set a token that has Workers KV Storage Read, and start again:
  export CLOUDFLARE_API_TOKEN=...  CLOUDFLARE_ACCOUNT_ID=...
For a server that speaks the same API: kvtui --api-url URL"""


class WelcomeScreen(Screen[Way | None]):
    """Returns the way in that was chosen, or None to leave."""

    BINDINGS = [
        Binding("q,ctrl+q,escape", "leave", "Quit"),
        Binding("j", "move('down')", "Down", show=False),
        Binding("k", "move('up')", "Up", show=False),
        Binding("space,pagedown", "scroll(4)", "Read on", show=False),
        Binding("pageup", "scroll(-4)", "Read back", show=False),
    ]

    def __init__(self, ways: Sequence[Way]) -> None:
        super().__init__()
        self._ways = ways

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = "Welcome to kvtui"
            box.border_subtitle = Content("enter open · space reads on · q quit")
            yield OptionList(
                *(
                    Option(Content.assemble((way.label, "bold"), "  ", (way.detail, "$text-muted")))
                    for way in self._ways
                )
            )
            with VerticalScroll(can_focus=False):
                yield Static(f"{LOOKED_FOR}\n\n{OTHER_WAYS}", markup=False)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._ways[event.option_index])

    def action_move(self, way: str) -> None:
        """Move the cursor with letters."""
        options = self.query_one(OptionList)
        options.action_cursor_down() if way == "down" else options.action_cursor_up()

    def action_scroll(self, lines: int) -> None:
        """Move the text by some lines."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)

    def action_leave(self) -> None:
        """Choose none."""
        self.dismiss(None)
