"""The two lines that frame the panes: where one is, above; what was said and what can be done, below."""

from __future__ import annotations

import time
from collections.abc import Sequence

from textual.content import Content
from textual.reactive import reactive
from textual.widgets import Static

from kvtui.core.store import Store
from kvtui.ui.bindings import Hint
from kvtui.ui.panes.namespaces import Place
from kvtui.ui.present import safe_content

HINTS_LEAST = 34
"""Cells that the hints keep; a message that leaves fewer gets lines of its own."""


class TopLine(Static):
    """Source, account, namespace, prefix, READ-ONLY and the request budget."""

    store: reactive[Store | None] = reactive[Store | None](None)
    place: reactive[Place | None] = reactive[Place | None](None)
    account_name: reactive[str] = reactive("")
    budget_words: reactive[str] = reactive("")
    permission_words: reactive[str] = reactive("")
    doing: reactive[str] = reactive("")

    def __init__(self) -> None:
        super().__init__(id="top")

    def on_mount(self) -> None:
        self.set_interval(1, self.note_time)

    def note_time(self) -> None:
        """Read what changes by itself; the line is drawn again only when its words changed."""
        if self.store:
            self.budget_words = budget_words(self.store, time.time())
            account = self.place.namespace.account if self.place else ""
            self.permission_words = permission_words(self.store, account)

    def watch_store(self) -> None:
        self.note_time()

    def watch_place(self) -> None:
        self.note_time()

    def render(self) -> Content:
        if self.store is None:
            return Content.styled("kvtui", "bold $accent")
        marks = [(f"● {self.doing}", "bold $accent")] if self.doing else []
        marks += [(self.permission_words, "bold $text-warning")] if self.permission_words else []
        marks += [(self.budget_words, "$text-muted")] if self.budget_words else []
        right = Content("  ").join(safe_content(*mark) for mark in marks)
        room = max(self.size.width - right.cell_length - 2, 8)
        return Content.assemble(self._trail(room).truncate(room, ellipsis=True, pad=True), "  ", right)

    def _trail(self, room: int) -> Content:
        """Where one is. What stands in front goes first where there is no room for all of it."""
        steps = [self.store.label if self.store else "", self.account_name]
        if self.place:
            steps += [self.place.namespace.title, self.place.prefix]
        shown = [safe_content(step) for step in steps if step]
        head = Content.styled("kvtui  ", "bold $accent")
        while len(shown) > 1 and head.cell_length + sum(step.cell_length + 3 for step in shown) - 3 > room:
            shown.pop(0)
            head = Content("… ▸ ")
        return Content.assemble(head, Content(" ▸ ").join(shown))


def permission_words(store: Store, account: str) -> str:
    """`READ-ONLY`, or `WRITING 9:58 INC-4711` while a window is open, and `NO JOURNAL` where none is kept."""
    permission = store.permission
    words = []
    if permission.refusal_in(account):
        words.append("READ-ONLY")
    elif (left := permission.open_for) is not None:
        words.append(f"WRITING {clock_words(left)} {permission.reason}".rstrip())
    if store.history is None:
        words.append("NO JOURNAL")
    return "  ".join(words)


def budget_words(store: Store, now: float) -> str:
    """`API 1043/1200`, with the time to the next window while the budget is low; empty when unknown."""
    budget = store.budget
    if (pause := budget.blocked_for(now)) is not None:
        return f"API PAUSED {clock_words(pause)}"
    if budget.limit is None or budget.remaining is None:
        return ""
    words = f"API {budget.remaining}/{budget.limit}"
    if budget.remaining * 4 > budget.limit:
        return words
    return f"{words} · {clock_words(budget.resets_in(now) or 0)}"


def clock_words(seconds: float) -> str:
    """A short time as minutes and seconds: `1:40`."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02d}"


class FootLine(Static):
    """The last message on the left, the keys of the focus on the right.

    Messages stand here, not in toasts: a toast costs twenty times the bytes, and is gone when one looks.
    """

    message: reactive[Content] = reactive(Content(""), layout=True)
    hints: reactive[Sequence[Hint]] = reactive[Sequence[Hint]](())

    def __init__(self) -> None:
        super().__init__(id="foot")

    def render(self) -> Content:
        """Both on one line where there is room for them, else the message on lines of its own."""
        width, said = self.size.width, self.message
        alone = said.cell_length + HINTS_LEAST > width
        keys = self._keys(width if alone or not said else width - said.cell_length - 3)
        right = Content.assemble(" " * max(width - keys.cell_length, 0), keys)
        if not said:
            return right
        if alone:
            return Content.assemble(said, "\n", right)
        return Content.assemble(said, " " * (width - said.cell_length - keys.cell_length), keys)

    def _keys(self, room: int) -> Content:
        """As many of the hints as there is room for."""
        shown: list[Content] = []
        for key, label, refused in self.hints:
            style = "dim strike" if refused else ""
            hint = Content.assemble((key, style or "bold $accent"), " ", (label, style))
            room -= hint.cell_length + 2
            if room < -2:
                break
            shown.append(hint)
        return Content("  ").join(shown)
