"""Asks where a key is to be copied to: under which name, and into which namespace."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.widgets import Static

from kvtui.api.limits import key_problem
from kvtui.api.models import Account, Namespace
from kvtui.core.changes import KeyRef
from kvtui.ui.dialogs.dialog import PickList, capped
from kvtui.ui.dialogs.name import Naming, key_facts
from kvtui.ui.present import safe_content


class CopyDialog(Naming[KeyRef]):
    """Returns where to, or None. The namespace that the key is in is the one marked at first."""

    BINDINGS = [
        Binding("down,tab", "pick(1)", "Down", show=False),
        Binding("up,shift+tab", "pick(-1)", "Up", show=False),
        Binding("pagedown", "pick(5)", "Page down", show=False),
        Binding("pageup", "pick(-5)", "Page up", show=False),
    ]

    def __init__(self, source: KeyRef, namespaces: Sequence[tuple[Account, Namespace]]) -> None:
        super().__init__("Copy a key", Content(""), source.key, placeholder="name of the copy", act="copy")
        self._source = source
        if not any(self._is_source(namespace) for _account, namespace in namespaces):
            here = source.namespace  # its account could not be listed anew
            namespaces = [(Account(here.account), here), *namespaces]
        self._namespaces = [namespace for _account, namespace in namespaces]
        many = len({account.id for account, _namespace in namespaces}) > 1
        self._labels = [_label(account if many else None, one) for account, one in namespaces]
        self._at = next((at for at, one in enumerate(self._namespaces) if self._is_source(one)), 0)

    def compose_above(self) -> ComposeResult:
        yield Static(id="about")
        yield Static(Content.styled("Name of the copy", "dim"), classes="spaced")

    def compose_below(self) -> ComposeResult:
        yield Static(Content.styled("In the namespace", "dim"), classes="spaced")
        yield PickList(self._labels, self._at)

    def hints(self) -> Sequence[str]:
        return ("arrows choose the namespace · enter copy · esc cancel", "enter copy · arrows · esc cancel")

    def review(self) -> None:
        about = Content.assemble(
            "Copy ", safe_content(self._source.key, "bold"), " whole, with its metadata."
        )
        self.query_one("#about", Static).update(capped(about, self.room, 2))
        super().review()

    def problem(self, name: str) -> str | None:
        if self._is_source(self._target) and name == self._source.key:
            return "This is the key itself: choose another name or another namespace."
        return key_problem(name)

    def facts(self, name: str) -> Content:
        return key_facts(name)

    def answer(self, name: str) -> KeyRef:
        return KeyRef(self._target, name)

    def action_pick(self, by: int) -> None:
        """Mark another namespace."""
        self.query_one(PickList).move(by)
        self.review()

    def on_option_list_option_highlighted(self) -> None:
        self.review()

    @property
    def _target(self) -> Namespace:
        return self._namespaces[self.query_one(PickList).picked]

    def _is_source(self, namespace: Namespace) -> bool:
        there = self._source.namespace
        return (namespace.account, namespace.id) == (there.account, there.id)


def _label(account: Account | None, namespace: Namespace) -> Content:
    title = safe_content(namespace.title)
    if account is None:
        return title
    return Content.assemble(title, ("  in ", "dim"), safe_content(account.name or account.id))
