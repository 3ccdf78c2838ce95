"""A line at the top of a pane that asks for a few words: a filter, a prefix, something to find."""

from __future__ import annotations

from textual.widgets import Input


class LineInput(Input):
    """Hidden until it is opened, and disabled: a hidden widget can still be given the focus."""

    def __init__(self, placeholder: str, *, id: str | None = None) -> None:
        super().__init__(placeholder=placeholder, id=id, classes="line-input", compact=True)

    def on_mount(self) -> None:
        self._show(False)

    def open(self, value: str | None = None) -> None:
        """Show the line and give it the keyboard."""
        if value is not None:
            self.value = value
            self.cursor_position = len(value)
        self._show(True)
        self.screen.set_focus(self)

    def close(self) -> None:
        """Hide the line, emptied. Nobody is told that its text has changed."""
        with self.prevent(Input.Changed):
            self.value = ""
        self._show(False)

    def _show(self, shown: bool) -> None:
        self.display = shown
        self.disabled = not shown
