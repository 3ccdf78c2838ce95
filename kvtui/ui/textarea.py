"""The text area that a value or its metadata is edited in. It is loaded when something is first edited."""

from __future__ import annotations

from textual.widgets import TextArea
from textual.widgets.text_area import Document

from kvtui.core.values import SMALL


class Editor(TextArea):
    """Text under the cursor. Tab goes to the next pane, as everywhere."""

    DEFAULT_CSS = """
    Editor {
        height: 1fr;
        border: none;
        padding: 0 1;
        scrollbar-size-vertical: 1;
        &:nocolor .text-area--cursor { text-style: reverse; }
    }
    """

    def __init__(self, text: str) -> None:
        super().__init__(text, soft_wrap=len(text) <= SMALL, compact=True, highlight_cursor_line=False)


def gives_back(text: str) -> str:
    """What the text area makes of a text that nobody touches: it turns some separators into line ends."""
    return Document(text).text
