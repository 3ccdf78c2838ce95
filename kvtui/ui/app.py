"""The program around the screens: palette, signals, the last wall against hostile text, crash reports."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from textual import work
from textual.filter import LineFilter
from textual.screen import Screen

from kvtui.core.escape import safe_str
from kvtui.ui.browser import Browser
from kvtui.ui.palette import Actions
from kvtui.ui.present import ControlFilter
from kvtui.ui.start import Start, Way
from kvtui.ui.typeahead import TypeAheadApp

if TYPE_CHECKING:
    from kvtui.ui.clipboard import Copied

SETTLED_S = 0.5
"""By then the first screen has been drawn."""

SHUTDOWN_S = 2.0
"""How long an orderly end may take after a signal before the process is ended anyway."""


class KvtuiApp(TypeAheadApp):
    """kvtui on one of the ways in."""

    CSS_PATH = "kvtui.tcss"
    TITLE = "kvtui"
    COMMANDS = {Actions}

    def __init__(
        self, ways: Sequence[Way], start: Start, *, clipboard_route: str = "auto", environ: Mapping[str, str]
    ) -> None:
        self._control_filter = ControlFilter()  # one instance: Textual caches lines by the filter's identity
        super().__init__()
        self._ways = ways
        self._start = start
        self._clipboard_route = clipboard_route
        self._environ = environ

    def get_default_screen(self) -> Screen[Any]:
        if len(self._ways) == 1:
            return self._browser(self._ways[0])
        return super().get_default_screen()

    def _browser(self, way: Way) -> Browser:
        return Browser(way, self._start, self._carry, self._environ)

    def on_mount(self) -> None:
        self._listen_for_signals()
        if len(self._ways) > 1:
            self.choose_way()
        self.set_timer(SETTLED_S, gc_from_now_on)

    @work
    async def choose_way(self) -> None:
        """Offer the ways in, and go by the one that is chosen."""
        from kvtui.ui.dialogs.welcome import WelcomeScreen

        way = await self.push_screen_wait(WelcomeScreen(self._ways))
        if way is None:
            self.exit()
        else:
            self.push_screen(self._browser(way))

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), self._control_filter]

    def copy_to_clipboard(self, text: str) -> None:
        """All of Textual's own copying (a selection, an input) goes the way that `y` goes."""
        self._clipboard = text
        if isinstance(self.screen, Browser):
            self.screen.copy(text.encode(errors="surrogatepass"), "selection")

    async def _carry(self, data: bytes, form: str) -> Copied:
        """Copy by the route that was chosen at the start, or by the best there is."""
        from kvtui.ui import clipboard

        return await clipboard.copy(
            data,
            route="file" if form == "file" else self._clipboard_route,
            form="base64" if form == "base64" else "text",
            env=self._environ,
            write=self._write_control,
        )

    def _write_control(self, sequence: str) -> None:
        """Hand the terminal a control sequence of our own."""
        if self._driver:
            self._driver.write(sequence)

    # Ends

    async def action_quit(self) -> None:
        """Quit, unless the main screen has something to say about it."""
        if (browser := self._main_screen) is None:
            self.exit()
        elif self.screen is browser:
            browser.leave()
        else:
            self.bell()  # a question is open: it is answered first

    @property
    def _main_screen(self) -> Browser | None:
        return next((screen for screen in self.screen_stack if isinstance(screen, Browser)), None)

    def _listen_for_signals(self) -> None:
        """A hang-up or a request to end restores the terminal; a watchdog ends what hangs on a dead one."""

        def end(number: int) -> None:
            watchdog = threading.Timer(SHUTDOWN_S, os._exit, (128 + number,))
            watchdog.daemon = True
            watchdog.start()
            if (browser := self._main_screen) is not None:
                browser.keep_draft()
            self.exit(return_code=128 + number)

        if self._loop and threading.current_thread() is threading.main_thread() and not self.is_headless:
            for number in (signal.SIGHUP, signal.SIGTERM):
                self._loop.add_signal_handler(number, end, number)

    def _fatal_error(self) -> None:
        """Report without local variables: Textual's own report prints them, tokens and values among them."""
        # Rich's tracebacks take as long to load as a tenth of the start.
        from rich.segment import Segment, Segments
        from rich.traceback import Traceback

        self.bell()
        report = Traceback.from_exception(*_current_exception(), show_locals=False, extra_lines=0)
        # This is drawn after the screen has gone, past the wall that the screen has.
        drawn = [
            Segment("\n".join(map(safe_str, text.split("\n"))), style)
            for text, style, _control in self.console.render(report, self.console.options)
        ]
        self._exit_renderables.append(Segments(drawn))
        self._close_messages_no_wait()


def _current_exception() -> tuple[type[BaseException], BaseException, TracebackType | None]:
    kind, error, trace = sys.exc_info()
    assert kind is not None and error is not None
    return kind, error, trace


def gc_from_now_on() -> None:
    """What start-up made lives as long as the program: the collector is never to look at it."""
    gc.freeze()
    gc.enable()
