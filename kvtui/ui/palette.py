"""The command palette: every action of every pane, found by its name or by its sentence."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from textual.binding import Binding
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.dom import DOMNode

from kvtui.ui.bindings import keys_shown

if TYPE_CHECKING:
    from kvtui.ui.browser import Browser


class Command(NamedTuple):
    """A line of the palette."""

    words: str
    keys: str
    run: Callable[[], Coroutine[Any, Any, None] | None]


class Actions(Provider):
    """Offers what the Browser's panes declare, and the themes.

    It takes the place of Textual's own commands: their screenshot would write what is on screen, values
    among it, to a file that all may read.
    """

    def _commands(self) -> Iterator[Command]:
        from kvtui.ui.browser import Browser

        if isinstance(self.screen, Browser):
            for node, binding in self.screen.actions():
                words = f"{binding.description}: {binding.tooltip}"
                yield Command(words, keys_shown(binding.key), partial(_run, self.screen, node, binding))
        yield Command("theme: Choose another theme.", "", self.app.action_change_theme)

    async def discover(self) -> Hits:
        for words, keys, run in self._commands():
            yield DiscoveryHit(Content(words), run, text=words, help=keys)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for words, keys, run in self._commands():
            if (score := matcher.match(words)) > 0:
                yield Hit(score, matcher.highlight(words), run, text=words, help=keys)


async def _run(screen: Browser, node: DOMNode, binding: Binding) -> None:
    await screen.app.run_action(binding.action, default_namespace=node)
