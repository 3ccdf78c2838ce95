"""Asks for the name of a file to save to."""

from __future__ import annotations

import re

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static


class SaveDialog(ModalScreen[str | None]):
    """Returns the path as it was typed, or None. `about` says what will be in the file."""

    BINDINGS = [Binding("escape", "dismiss(None)", "Cancel")]

    def __init__(self, about: Content, suggested: str) -> None:
        super().__init__()
        self._about = about
        self._suggested = suggested

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = Content("Save to a file")
            box.border_subtitle = Content("enter save · esc cancel")
            yield Static(self._about)
            yield Input(self._suggested, placeholder="path of the file", classes="line-input", compact=True)
            yield Static(Content.styled("Only you will be able to read it. ~ is your home.", "$text-muted"))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.dismiss(event.value.strip() or None)


def suggested_name(key: str) -> str:
    """A plain file name that recalls a key, in the current folder."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", key).strip("._-")
    return plain[:80] or "value"
