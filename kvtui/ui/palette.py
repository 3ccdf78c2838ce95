"""The command palette: every action of every pane, found by its name or by its sentence."""

from __future__ import annotations

from collections.abc import Coroutine, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from textual.binding import Binding
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.dom import DOMNode

from kvtui.ui.bindings import keys_shown

if TYPE_CHECKING:
    from kvtui.ui.browser import Browser


class Actions(Provider):
    """Offers what the Browser's panes declare."""

    def _actions(self) -> Iterator[tuple[str, Binding, partial[Coroutine[Any, Any, None]]]]:
        from kvtui.ui.browser import Browser

        if isinstance(self.screen, Browser):
            for node, binding in self.screen.actions():
                yield (
                    f"{binding.description}: {binding.tooltip}",
                    binding,
                    partial(_run, self.screen, node, binding),
                )

    async def discover(self) -> Hits:
        for words, binding, run in self._actions():
            yield DiscoveryHit(Content(words), run, text=words, help=keys_shown(binding.key))

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for words, binding, run in self._actions():
            if (score := matcher.match(words)) > 0:
                yield Hit(score, matcher.highlight(words), run, text=words, help=keys_shown(binding.key))


async def _run(screen: Browser, node: DOMNode, binding: Binding) -> None:
    await screen.app.run_action(binding.action, default_namespace=node)
