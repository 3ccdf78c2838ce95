"""Asks before something is done that destroys: with one key, or with a word to type."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Input, Static

from kvtui.core.escape import safe_str
from kvtui.ui.dialogs.dialog import PAGING, SCROLLING, Dialog
from kvtui.ui.dialogs.name import NameField
from kvtui.ui.present import safe_content

NOT_YET = "Anything else does nothing."

TYPED_SHORT = 40
"""Characters up to which what is to be typed stands right above the line."""


class ConfirmDialog(Dialog[bool]):
    """Returns whether to do it. `act` says what `y` does; with `typed`, that has to be typed instead."""

    BINDINGS = [
        Binding("escape", "leave", "Cancel"),
        Binding("enter,n,q", "leave", "Cancel", show=False),
        Binding("y", "act", "Do it"),
        *SCROLLING,
        *PAGING,
    ]

    def __init__(self, title: str, body: Content, *, act: str, typed: str | None = None) -> None:
        super().__init__()
        self._title = title
        self._body = body
        self._act = act
        self._typed = typed

    def compose(self) -> ComposeResult:
        with self.frame(safe_content(self._title)):
            with VerticalScroll(can_focus=False, classes="gives"):
                yield Static(self._whole_body())
            if self._typed is not None:
                yield Static(self._ask(self._typed), classes="spaced")
                yield NameField("", placeholder="type it here")
                yield Static(Content.styled(NOT_YET, "dim"), id="said")

    def on_mount(self) -> None:
        if self._typed is not None:
            self.query_one(NameField).focus()

    def hints(self) -> Sequence[str]:
        if self._typed is None:
            return (f"y {self._act} · esc cancel", "y do it · esc cancel")
        return (f"enter {self._act} · esc cancel", "enter do it · esc cancel")

    def on_input_changed(self, event: Input.Changed) -> None:
        same = self._matches(event.value)
        self.say(Content.styled(f"It matches: enter will {self._act}." if same else NOT_YET, "dim"))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if self.too_small:
            self.app.bell()
        elif self._matches(event.value):
            self.dismiss(True)
        else:
            self.say(Content.styled("That does not match yet. Nothing has been done.", "$text-warning"))

    def action_act(self) -> None:
        """Do it."""
        if self._typed is not None or self.too_small:
            self.app.bell()
        else:
            self.dismiss(True)

    def action_leave(self) -> None:
        """Do nothing."""
        self.dismiss(False)

    def _matches(self, value: str) -> bool:
        return self._typed is not None and value in (self._typed, safe_str(self._typed))

    def _whole_body(self) -> Content:
        if self._typed is None or len(safe_str(self._typed)) <= TYPED_SHORT:
            return self._body
        return Content.assemble(self._body, "\n\nTo be typed:\n", (safe_str(self._typed), "bold"))

    def _ask(self, typed: str) -> Content:
        shown = safe_str(typed)
        if len(shown) <= TYPED_SHORT:
            return Content.assemble("Type ", (shown, "bold"), f" to {self._act}:")
        return Content(f"Type what is shown above to {self._act}:")
