"""Asks for a key's new name, and says what renaming is: KV has no such thing."""

from __future__ import annotations

from textual.content import Content

from kvtui.api.limits import key_problem
from kvtui.ui.dialogs.name import NameDialog, key_facts

STEPS = (
    "1  copy value, metadata, expiration",
    "2  read the copy back",
    "3  delete the old key, only then",
)


class RenameDialog(NameDialog):
    """Returns the new name, or None. `about` says which key it is."""

    def __init__(self, key: str, *, about: Content) -> None:
        def problem(name: str) -> str | None:
            return "That is its name already." if name == key else key_problem(name)

        steps = Content.styled("\n".join(STEPS), "dim")
        super().__init__(
            "Rename a key",
            Content.assemble(about, "\n", steps),
            key,
            problem=problem,
            facts=key_facts,
            placeholder="the new name",
            act="rename",
        )
