"""Says that someone else has changed a record, shows the three versions, and asks which is to be."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Literal

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from kvtui.api.models import Entry
from kvtui.core.diffs import diff_values
from kvtui.core.values import SMALL
from kvtui.core.wording import size_words, when_words
from kvtui.ui.dialogs.card import diff_content
from kvtui.ui.dialogs.dialog import SCROLLING, Dialog, capped
from kvtui.ui.present import safe_content

Choice = Literal["mine", "theirs", "edit"]

SETTLED_S = 0.4
"""It comes up by itself, maybe while one types: keys that come this soon are no answers to it."""

PARTS = ("value", "metadata", "expires")


class ConflictDialog(Dialog[Choice | None]):
    """Returns what is to be done, or None to leave the draft as it is.

    `base` is what was read, `theirs` what is stored by now, `yours` what was to be written; None stands
    for no such key.
    """

    BINDINGS = [
        Binding("escape", "dismiss(None)", "Leave the draft as it is"),
        Binding("enter,n,q", "dismiss(None)", "Leave the draft as it is", show=False),
        Binding("e", "choose('edit')", "Edit again"),
        Binding("t", "choose('theirs')", "Take theirs"),
        Binding("m", "choose('mine')", "Keep mine"),
        *SCROLLING,
    ]

    def __init__(
        self,
        subject: Content,
        base: Entry | None,
        theirs: Entry | None,
        yours: Entry | None,
        *,
        of_draft: bool = True,
    ) -> None:
        super().__init__()
        self._of_draft = of_draft
        self._opened = time.monotonic()
        self._subject = subject
        self._base = base
        self._theirs = theirs
        self._yours = yours

    def compose(self) -> ComposeResult:
        with self.frame(Content("Changed by someone else")):
            yield Static(id="subject")
            with Vertical(classes="spaced"):
                for row in ("", *PARTS):
                    with Horizontal(classes="part"):
                        yield Static(Content.styled(row, "dim"), classes="part-name")
                        for _version in range(3):
                            yield Static(classes="version")
            with VerticalScroll(can_focus=False, classes="gives spaced"):
                yield Static(id="differences")
            yield Static(id="answers", classes="spaced")

    def on_mount(self) -> None:
        sizes = [len(entry.value) for entry in (self._base, self._theirs, self._yours) if entry]
        if max(sizes, default=0) <= SMALL:
            self.query_one("#differences", Static).update(self._differences())
        else:
            self._compare()

    @work
    async def _compare(self) -> None:
        """Big values take a while: what else there is to see is shown meanwhile."""
        place = self.query_one("#differences", Static)
        place.update(Content.styled("comparing…", "dim"))
        place.update(await asyncio.to_thread(self._differences))

    def on_resize(self) -> None:
        self.query_one("#subject", Static).update(capped(self._subject, self.room, 1))
        super().on_resize()
        short = self.has_class("-narrow")
        cells = [cell for row in ("", *PARTS) for cell in self._row(row, short)]
        for place, cell in zip(self.query(".version").results(Static), cells, strict=True):
            place.update(cell)
        self.query_one("#answers", Static).update(self._answers())
        self.fit()

    def hints(self) -> Sequence[str]:
        if not self._of_draft:
            return ("j k scroll · enter/esc leave it as it is", "enter/esc leave it as it is")
        leave = "enter/esc leave the draft as it is"
        if self.has_class("-short"):
            return (f"e edit again · {leave}", "e edit again · esc leave it")
        return (f"j k scroll · {leave}", "esc leave the draft as it is")

    def action_choose(self, choice: Choice) -> None:
        """Leave with this answer; what writes or drops needs a window that shows it all."""
        early = time.monotonic() - self._opened < SETTLED_S
        if early or (self.too_small and choice != "edit"):
            self.app.bell()
        else:
            self.dismiss(choice)

    def _answers(self) -> Content:
        mine = "delete all the same" if self._yours is None else "keep mine (writes over theirs)"
        if not self._of_draft:
            mine = "delete all the same" if self._yours is None else "write over it all the same"
            return Content.assemble(("m", "bold"), f" {mine}")
        answers = [("e", "edit again"), ("t", "take theirs (drops the draft)"), ("m", mine)]
        shown = answers[1:] if self.has_class("-short") else answers
        return Content("\n").join(Content.assemble((key, "bold"), f" {words}") for key, words in shown)

    def _row(self, part: str, short: bool) -> list[Content]:
        if not part:
            return [Content.styled(words, "dim") for words in ("as read", "theirs", "yours")]
        versions = (self._theirs, self._yours)
        return [
            _words(part, self._base, short),
            *(_compared(part, self._base, one, short) for one in versions),
        ]

    def _differences(self) -> Content:
        blocks = [
            _difference("Theirs, against what was read", self._base, self._theirs),
            _difference("Yours, against what was read", self._base, self._yours),
        ]
        return Content("\n").join(blocks)


def _of(part: str, entry: Entry) -> bytes | str | int | None:
    if part == "value":
        return entry.value
    return entry.metadata if part == "metadata" else entry.expiration


def _words(part: str, entry: Entry | None, short: bool = False) -> Content:
    if entry is None:
        return Content("no key" if part == "value" else "–")
    if part == "value":
        return Content(size_words(len(entry.value)))
    if part == "metadata":
        if entry.metadata is None:
            return Content("none")
        return Content("some") if short else safe_content(entry.metadata).truncate(40, ellipsis=True)
    if entry.expiration is None:
        return Content("never")
    return Content("set" if short else when_words(entry.expiration))


def _compared(part: str, base: Entry | None, entry: Entry | None, short: bool) -> Content:
    if entry is None:
        gone = "deleted" if part == "value" else "–"
        return Content("no key" if base is None and part == "value" else gone)
    if base is not None and _of(part, base) == _of(part, entry):
        return Content("same")
    word = "new" if base is None else "changed"
    if short:
        return Content.styled(word, "bold")
    return Content.assemble((word, "bold"), " ", _words(part, entry))


def _difference(title: str, base: Entry | None, entry: Entry | None) -> Content:
    head = Content.styled(title, "bold")
    if base == entry:
        return Content.assemble(head, "\n  the same")
    if entry is None:
        return Content.assemble(head, "\n  there is no such key")
    lines = [head]
    if base is None or base.value != entry.value:
        lines.append(diff_content(diff_values(base.value if base else None, entry.value)))
    for part in PARTS[1:]:
        if base is None or _of(part, base) != _of(part, entry):
            lines.append(Content.assemble(f"{part}: ", _words(part, base), " → ", _words(part, entry)))
    return Content("\n").join(lines)
