"""The change card: all that a save would change and what it would not, before it is made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from kvtui.core.diffs import DiffLine
from kvtui.ui.dialogs.dialog import SCROLLING, Dialog, capped
from kvtui.ui.present import safe_content

ERASED = "ERASED"
NO_PART = "", "", Content("")

LINES_MOST = 1000
"""Lines of a difference that are shown."""

CHARACTERS_MOST = 2000
"""Characters of a line that are shown."""

_SIGN_STYLES = {"-": "$text-error", "+": "$text-success", "~": "$text-warning"}
_STATE_STYLES = {"kept": "dim", "none": "dim", "changed": "bold", "new": "bold"}


class Part(NamedTuple):
    """A part of the record: its name, what becomes of it (kept, changed, ERASED, new, none), in few words."""

    name: str
    state: str
    words: Content


@dataclass(frozen=True, slots=True)
class Card:
    """What is said before a save.

    `layouts` are the names among which `l` goes round (none where there is no choice), `layout` is the
    number of the present one; `undoable` says how to take it back or why that cannot be.
    """

    title: str
    subject: Content
    parts: tuple[Part, ...]
    diff: tuple[DiffLine, ...]
    warnings: tuple[str, ...]
    price: str
    truths: str
    layouts: tuple[str, ...]
    layout: int
    undoable: str
    act: str = "save"

    @property
    def erases(self) -> bool:
        """Whether something that is stored would be gone."""
        return any(part.state == ERASED for part in self.parts)


class CardAnswer(NamedTuple):
    """A yes, to the card in this layout."""

    layout: int


class ChangeCard(Dialog[CardAnswer | None]):
    """Returns a yes, or None to go on editing. `again` gives the card for another layout."""

    BINDINGS = [
        Binding("escape", "dismiss(None)", "Go on editing"),
        Binding("enter,n,q", "dismiss(None)", "Go on editing", show=False),
        Binding("y", "save(False)", "Save"),
        Binding("x", "save(True)", "Erase and save"),
        Binding("l", "turn_layout", "Layout"),
        *SCROLLING,
    ]

    def __init__(self, card: Card, again: Callable[[int], Card] | None = None) -> None:
        super().__init__()
        self._card = card
        self._again = again

    def compose(self) -> ComposeResult:
        with self.frame(safe_content(self._card.title)):
            yield Static(id="subject")
            with Vertical(id="parts", classes="spaced"):
                for _part in self._card.parts:
                    with Horizontal(classes="part"):
                        yield Static(classes="part-name")
                        yield Static(classes="part-state")
                        yield Static(classes="part-words")
            yield Static(id="said")
            with VerticalScroll(can_focus=False, classes="gives spaced"):
                yield Static(id="warnings")
                yield Static(id="diff")
                yield Static(classes="truths", id="truths-within")
            yield Static(classes="truths spaced", id="truths-below")

    def on_mount(self) -> None:
        self._show()

    def on_resize(self) -> None:
        super().on_resize()
        self._show()

    def hints(self) -> Sequence[str]:
        card = self._card
        yes = f"x erase and {card.act}" if card.erases else f"y {card.act}"
        layout = " · l layout" if self._turns else ""
        return (
            f"{yes}{layout} · j k scroll · enter/esc go on editing",
            f"{yes}{layout} · enter/esc go on editing",
            f"{yes}{layout} · esc back",
            f"{yes}{layout} · esc",
        )

    def action_save(self, erasing: bool) -> None:
        """Save, by the key that is for it: what erases has one of its own."""
        if self.too_small:
            self.app.bell()
        elif erasing == self._card.erases:
            self.dismiss(CardAnswer(self._card.layout))
        elif self._card.erases:
            erased = [part.name for part in self._card.parts if part.state == ERASED]
            gone = " and ".join("expiration" if name == "expires" else name for name in erased)
            self._say(f"The {gone} would be ERASED: y does not do that, x does.")
        else:
            self._say(f"Nothing would be erased: y is to {self._card.act}.")

    def action_turn_layout(self) -> None:
        """The card for the next layout."""
        if self._turns and self._again is not None:
            self._card = self._again((self._card.layout + 1) % len(self._card.layouts))
            self._show()

    @property
    def _turns(self) -> bool:
        return self._again is not None and len(self._card.layouts) > 1

    def _say(self, words: str) -> None:
        self.say(Content.styled(words, "$text-warning"), 2)

    def _show(self) -> None:
        card = self._card
        self.query_one("#subject", Static).update(capped(card.subject, self.room, 2))
        for row, part in zip_longest(self.query(".part"), card.parts[: len(self.query(".part"))]):
            name, state, words = part or NO_PART
            row.query_one(".part-name", Static).update(Content.styled(name, "dim"))
            style = _STATE_STYLES.get(state, "bold reverse")
            row.query_one(".part-state", Static).update(Content.styled(state, style))
            row.query_one(".part-words", Static).update(capped(words, max(self.room - 18, 8), 2))
        warnings = [Content.assemble(("! ", "bold"), safe_content(one)) for one in card.warnings]
        self._put("#warnings", Content("\n").join(warnings))
        self._put("#diff", diff_content(card.diff))
        tall = not self.has_class("-short")
        truths = self._truths()
        self._put("#truths-below", truths if tall else Content(""))
        self.query_one(VerticalScroll).display = bool(warnings or card.diff or not tall)
        self._put("#truths-within", Content("") if tall else truths)
        self.say(Content(""))

    def _put(self, selector: str, words: Content) -> None:
        place = self.query_one(selector, Static)
        place.update(words)
        place.display = bool(words)

    def _truths(self) -> Content:
        card = self._card
        layout = f"Layout: {card.layouts[card.layout]}" if card.layouts else ""
        said = [layout, card.price, card.truths, card.undoable]
        return Content("\n").join(safe_content(one, "dim") for one in said if one)


def diff_content(lines: Sequence[DiffLine]) -> Content:
    """The lines of a difference, each led by its sign."""
    shown = [_diff_line(line) for line in lines[:LINES_MOST]]
    if len(lines) > LINES_MOST:
        shown.append(Content.styled(f"  … {len(lines) - LINES_MOST:,} more lines", "dim"))
    return Content("\n").join(shown)


def _diff_line(line: DiffLine) -> Content:
    style = _SIGN_STYLES.get(line.sign, "")
    text = line.text
    more = len(text) - CHARACTERS_MOST
    tail = Content.styled(f" … {more:,} more characters", "dim") if more > 0 else Content("")
    return Content.assemble(
        (f"{line.sign or ' '} ", style), safe_content(text[:CHARACTERS_MOST], style), tail
    )
