"""One declaration of each binding feeds the help, the palette, the footer and the README.

A binding that is shown anywhere has an id (so that it can be remapped) and a tooltip (its help line).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from textual.binding import ActiveBinding, Binding
from textual.dom import DOMNode
from textual.keys import format_key

FOOTER_MOST = 8


def verb(keys: str, action: str, label: str, id: str, sentence: str) -> Binding:
    """A binding that the footer shows while it has the room."""
    return Binding(keys, action, label, id=id, tooltip=sentence)


def quiet(keys: str, action: str, label: str, id: str, sentence: str) -> Binding:
    """A binding that help and palette know, but that the footer has no room for."""
    return Binding(keys, action, label, id=id, tooltip=sentence, show=False)


class Group(NamedTuple):
    """The bindings of one place in the program."""

    title: str
    bindings: list[Binding]


def declared(owner: type[DOMNode]) -> list[Binding]:
    """The bindings that a class declares itself and explains, each once, as it was declared."""
    return [binding for binding in owner.BINDINGS if isinstance(binding, Binding) and binding.tooltip]


def keys_shown(keys: str) -> str:
    """The keys of a binding as a person reads them: `question_mark,f1` is `? f1`."""
    return " ".join(_one_key(key.strip()) for key in keys.split(","))


def _one_key(key: str) -> str:
    if key == "enter":
        return key  # its sign is in few terminals' fonts
    shown = format_key(key)
    return f"ctrl+{shown[1:]}" if len(shown) > 1 and shown.startswith("^") else shown


class Hint(NamedTuple):
    """A key and what it does, for the footer. A refused one stays in sight, and says why when pressed."""

    key: str
    label: str
    refused: bool = False


def footer_hints(
    active: Iterable[ActiveBinding], screen: DOMNode, is_refused: Callable[[str], bool] = lambda action: False
) -> list[Hint]:
    """At most eight: help, what the focused pane offers, then the rest."""
    shown = [one for one in active if one.binding.show and one.enabled]
    near_first = sorted(shown, key=lambda one: (one.binding.description != "help", one.node is screen))
    by_label = {one.binding.description: one.binding for one in reversed(near_first)}
    hints = [
        Hint(_one_key(binding.key), label, is_refused(binding.action))
        for label, binding in reversed(by_label.items())
    ]
    return hints[:FOOTER_MOST]
