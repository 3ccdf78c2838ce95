"""The operations log: what kvtui has changed, what became of it, and the way back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.css.query import NoMatches
from textual.widgets import OptionList, Static

from kvtui.api.models import Namespace
from kvtui.core.journal.records import Brief, Noted, Outcome, Record, state_words, what_words
from kvtui.core.wording import size_words, when_words
from kvtui.ui.dialogs.dialog import Dialog, MarkedList, labelled
from kvtui.ui.present import safe_content

EMPTY_LOG = """\
Nothing has been changed yet.

What kvtui changes is listed here, the newest first, and z takes it back."""

CHANGES_MOST = 500
"""Changes of one step that are listed."""

WIDEST = 120
SHORT_BELOW, ROOMY_FROM = 70, 100
"""Cells of a line below which the columns are cut to what is needed most, and from which they are wide."""

_OUTCOMES = {
    Outcome.PLANNED: "not sent",
    Outcome.SENT: "sent, not known yet",
    Outcome.CONFIRMED: "confirmed",
    Outcome.UNCONFIRMED: "taken, not read back yet",
    Outcome.FAILED: "refused",
    Outcome.UNKNOWN: "unknown: the answer was lost",
    Outcome.DROPPED: "given up, not sent",
}


@dataclass(frozen=True, slots=True)
class Undo:
    """Take this step back."""

    id: int


@dataclass(frozen=True, slots=True)
class Restore:
    """Bring back the record that was there before this change of this step."""

    id: int
    index: int


class OperationsDialog(Dialog[Restore | Undo | None]):
    """Returns what to bring or take back, or None. `records` come with the newest first."""

    BINDINGS = [
        Binding("escape,q", "back", "Close"),
        Binding("at", "dismiss(None)", "Close", show=False),
        Binding("j", "move('down')", "Down", show=False),
        Binding("k", "move('up')", "Up", show=False),
        Binding("ctrl+d,space", "read(4)", "Read on", show=False),
        Binding("ctrl+u", "read(-4)", "Read back", show=False),
        Binding("z", "undo", "Take back"),
        Binding("b", "restore", "Bring back"),
    ]

    def __init__(self, records: Sequence[Record], now: Callable[[], float]) -> None:
        super().__init__()
        self._records = records
        self._now = now
        self._listed: Record | None = None

    def compose(self) -> ComposeResult:
        box = self.frame(Content("Operations"))
        with box:
            if not self._records:
                yield Static(EMPTY_LOG)
                return
            box.add_class("log")
            yield Static(id="columns", classes="one-line")
            yield MarkedList(id="steps")
            yield Static(id="step", classes="one-line")
            yield MarkedList(id="changes")
            with VerticalScroll(id="details", can_focus=False):
                yield Static(id="detail")
            yield Static(id="said")

    def on_mount(self) -> None:
        if self._records:
            self.query_one("#steps").focus()

    def on_resize(self) -> None:
        super().on_resize()
        if self._records:
            self._write_steps()

    def hints(self) -> Sequence[str]:
        if not self._records:
            return ("esc close",)
        return (
            "enter its changes · z take back · b bring back one · esc close",
            "z undo · b bring back · esc close",
        )

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        self.say(Content(""))
        if event.option_list.id == "steps":
            self._show_step()
        self._show_change()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Show the details only: on to the changes, if there is a choice among them."""
        event.stop()
        if event.option_list.id == "steps" and len(self._record.changes) > 1:
            self.query_one("#changes").focus()

    def action_move(self, way: str) -> None:
        """Move the cursor with letters."""
        if isinstance(self.focused, OptionList):
            self.focused.action_cursor_down() if way == "down" else self.focused.action_cursor_up()

    def action_read(self, lines: int) -> None:
        """Move the details."""
        for details in self.query("#details"):
            details.scroll_relative(y=lines, animate=False)

    def action_back(self) -> None:
        """From the changes to the steps, and from there out."""
        if self.focused is not None and self.focused.id == "changes":
            self.query_one("#steps").focus()
        else:
            self.dismiss(None)

    def action_undo(self) -> None:
        """Take the step back, if that can be."""
        if not self._records:
            return
        if self._record.undoable:
            self.dismiss(Undo(self._record.id))
        else:
            self._say(f"z cannot: {self._record.why_not}")

    def action_restore(self) -> None:
        """Bring back one record as it was before."""
        if not self._records or not self._record.changes:
            return
        changes, steps_focused = self._record.changes, getattr(self.focused, "id", "") == "steps"
        if len(changes) > 1 and steps_focused:
            self.query_one("#changes").focus()
            self._say("Choose which of its records to bring back, then press b.")
        elif why_not := self._why_no_record():
            self._say(why_not)
        else:
            self.dismiss(Restore(self._record.id, self._index))

    @property
    def _record(self) -> Record:
        return self._records[self.query_one("#steps", OptionList).highlighted or 0]

    @property
    def _index(self) -> int:
        return min(self.query_one("#changes", OptionList).highlighted or 0, len(self._record.changes) - 1)

    def _why_no_record(self) -> str:
        noted = self._record.changes[self._index]
        if noted.ref is None:
            return "b brings back a key's record; this is about a namespace."
        if not self._record.images:
            return "What was there before was not kept, as it was declined."
        if noted.before is None:
            return "There was no such key before, so there is no record to bring back."
        return ""

    def _say(self, words: str) -> None:
        self.say(safe_content(words, "$text-warning"), 2)

    def _write_steps(self) -> None:
        when, what, outcome = self._widths
        head = f"  {'when':<{when}}z {'what':<{what}}{'outcome':<{outcome}}"[: 4 + when + what + outcome]
        self.query_one("#columns", Static).update(Content.styled(f"{head}where", "dim"))
        self.query_one("#steps", MarkedList).write([self._row(record) for record in self._records])

    @property
    def room(self) -> int:
        return max(min(self.size.width, WIDEST) - 4, 1)

    @property
    def _widths(self) -> tuple[int, int, int]:
        """Cells of the columns when, what and outcome."""
        if self.room < SHORT_BELOW:
            return 6, 8, 0
        return 11, 26 if self.room >= ROOMY_FROM else 19, 19

    def _row(self, record: Record) -> Content:
        widths, what = self._widths, what_words(record)
        if self.room < SHORT_BELOW:
            what = what.partition(" of ")[0]
        words = self._when(record.begun), what, state_words(record)
        cells = [
            Content(word).truncate(width - 1, ellipsis=True, pad=True) + Content(" ")
            if width
            else Content("")
            for word, width in zip(words, widths, strict=True)
        ]
        cells.insert(1, Content("z " if record.undoable else "– "))
        room = self.room - sum(cell.cell_length for cell in cells) - 3  # the mark and the scroll bar
        return Content("").join([*cells, self._where(record, max(room, 6))])

    def _where(self, record: Record, room: int) -> Content:
        if not record.changes:
            return Content("–")
        more = len(record.changes) - 1
        tail = f" +{more:,} more" if more else ""
        first = _ref(record.changes[0], alone=self.room < SHORT_BELOW)
        return first.truncate(max(room - len(tail), 4), ellipsis=True) + Content(tail)

    def _when(self, begun: float) -> str:
        local, today = time.localtime(begun), time.localtime(self._now())
        short = self.room < SHORT_BELOW
        if local[:3] == today[:3]:
            return time.strftime("%H:%M" if short else "%H:%M:%S", local)
        return time.strftime("%m-%d" if short else "%Y-%m-%d", local)

    def _show_step(self) -> None:
        record = self._record
        if record is self._listed:
            return
        self._listed = record
        count = len(record.changes)
        head = f"Step {record.id}: {what_words(record)}, {count:,} change{'s' if count != 1 else ''}"
        self.query_one("#step", Static).update(Content.styled(head, "bold"))
        changes = self.query_one("#changes", MarkedList)
        changes.display = count > 1
        changes.write([_change_line(noted) for noted in record.changes[:CHANGES_MOST]], 0)

    def _show_change(self) -> None:
        try:
            detail = self.query_one("#detail", Static)
        except NoMatches:
            return
        self.query_one("#details").scroll_home(animate=False)
        detail.update(Content("\n").join(self._detail_lines()))

    def _detail_lines(self) -> Iterator[Content]:
        record = self._record
        if record.changes:
            noted = record.changes[self._index]
            yield self._line("where", _ref(noted))
            yield self._line("before", _record_words(noted.before))
            yield self._line("after", _record_words(noted.after))
            outcome = _OUTCOMES[noted.outcome] + (f". {noted.detail}" if noted.detail else "")
            yield self._line("outcome", safe_content(outcome))
        begun = f"{when_words(record.begun)} · {when_words(record.begun, local=True)}"
        yield self._line("step", Content(f"{state_words(record)}, begun {begun}"))
        if record.reason:
            yield self._line("reason", safe_content(record.reason))
        back = "z takes the whole step back." if record.undoable else record.why_not
        yield self._line("undo", safe_content(back))

    def _line(self, label: str, words: Content) -> Content:
        return labelled(label, words, self.room - 2)


def _ref(noted: Noted, *, alone: bool = False) -> Content:
    title = safe_content(noted.namespace.title)
    if noted.ref is None:
        return title
    key = safe_content(noted.ref.key)
    return key if alone else Content.assemble(title, (" ▸ ", "dim"), key)


def _change_line(noted: Noted) -> Content:
    name = safe_content(noted.namespace.title if noted.ref is None else noted.ref.key)
    return Content.assemble(
        f"{_short(noted.before)} → {_short(noted.after)}".ljust(20),
        " ",
        (f"{noted.outcome:<12}", "dim"),
        name,
    )


def _short(side: Brief | Namespace | None) -> str:
    if side is None:
        return "none"
    return size_words(side.size) if isinstance(side, Brief) else "named"


def _record_words(side: Brief | Namespace | None) -> Content:
    if side is None:
        return Content("nothing")
    if isinstance(side, Namespace):
        return safe_content(side.title)
    expires = "never expires" if side.expiration is None else f"expires {when_words(side.expiration)}"
    metadata = safe_content("no metadata" if side.metadata is None else f"metadata {side.metadata}")
    kept = [Content(size_words(side.size))]
    if not side.sha256:
        return Content.assemble(*kept, ", not kept")
    return Content.assemble(*kept, f", sha256 {side.sha256[:8]}…, ", metadata, f", {expires}")
