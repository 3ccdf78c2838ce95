"""The copy flow: text goes as it is, other bytes only in a form that keeps them, which is asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from textual.app import App
from textual.content import Content

if TYPE_CHECKING:
    from kvtui.ui.clipboard import Copied

Carry = Callable[[bytes, str], Awaitable["Copied"]]
"""Copies bytes as "text", as "base64" or to a "file"."""


class Said(NamedTuple):
    """How a copy ended, in words, and whether it went well."""

    words: str
    ok: bool


class Copier:
    """One copy at a time: two at once could ask twice, and end in the wrong order."""

    def __init__(self, carry: Carry) -> None:
        self._carry = carry
        self._busy = False

    async def copy(self, app: App[Any], data: bytes, what: str) -> Said:
        """Copy by the best way there is; the words name the way and say whether it is confirmed."""
        if self._busy:
            return Said("The copy before is still under way.", True)
        self._busy = True
        try:
            copied = await self._carry(data, "text")
            if copied.not_text and (form := await self._ask_for_form(app)):
                copied = await self._carry(data, form)
            return Said(f"{what}: {copied.message}", copied.ok)
        finally:
            self._busy = False

    async def _ask_for_form(self, app: App[Any]) -> str | None:
        from kvtui.ui.dialogs.choose import Choice, ChooseDialog

        return await app.push_screen_wait(
            ChooseDialog(
                "Copy",
                Content("This value is not plain text. Pasted as text it would be damaged."),
                [
                    Choice("base64", "Copy as base64", "text that decodes to the same bytes"),
                    Choice("file", "Save to a private file", "and show its path"),
                ],
            )
        )
