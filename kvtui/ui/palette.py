"""The command palette: every action of every pane, found by its name or by its sentence."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from textual.binding import Binding
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.dom import DOMNode

from kvtui.core.escape import safe_str
from kvtui.ui.bindings import keys_shown

if TYPE_CHECKING:
    from kvtui.ui.browser import Browser


class Command(NamedTuple):
    """A line of the palette."""

    words: str
    keys: str
    run: Callable[[], Coroutine[Any, Any, None] | None]


RW_FORM = "rw: Say for how long and why: rw 10m INC-4711"


def seconds_of(span: str) -> float | None:
    """A span such as `10m` or `1h30m` in seconds; None where it is none."""
    from kvtui.core.moments import WhenError, read_when

    try:
        end = read_when(f"+{span}", 0, base=0) if span[:1].isdecimal() else None
    except WhenError:
        return None
    return float(end) if end else None


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

    def _spoken(self, query: str) -> Command | None:
        """`rw 10m INC-4711` opens a read-only session for a while, `ro` closes it."""
        from kvtui.ui.browser import Browser

        screen = self.screen
        if not isinstance(screen, Browser) or not screen.connected:
            return None
        word, _, rest = query.strip().partition(" ")
        if word == "ro" and not rest:
            return Command("ro: Read-only from now on.", "", screen.close_writing)
        if word != "rw":
            return None
        span, _, reason = rest.strip().partition(" ")
        reason = reason.strip().strip('"')
        seconds = seconds_of(span)
        if seconds is None or not reason:
            return Command(RW_FORM, "", lambda: screen.say(RW_FORM))
        words = f"rw: Allow changes for {span}, noting “{safe_str(reason)}” in the journal."
        return Command(words, "", partial(screen.open_writing, seconds, reason))

    async def discover(self) -> Hits:
        for words, keys, run in self._commands():
            yield DiscoveryHit(Content(words), run, text=words, help=keys)

    async def search(self, query: str) -> Hits:
        if spoken := self._spoken(query):
            words, keys, run = spoken
            yield Hit(1.0, Content(words), run, text=query, help=keys)
            return
        matcher = self.matcher(query)
        for words, keys, run in self._commands():
            if (score := matcher.match(words)) > 0:
                yield Hit(score, matcher.highlight(words), run, text=words, help=keys)


async def _run(screen: Browser, node: DOMNode, binding: Binding) -> None:
    await screen.app.run_action(binding.action, default_namespace=node)
