"""Makes screenshots/*.png: `python -m tests.screenshots [NAME...]`. Needs chromium and the Fira Code font.

The program is the real one, on the demo, at a fixed time. It runs headless, because what Textual draws
can be exported as a vector picture, sharper than any terminal's.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textual.app import App
from textual.pilot import Pilot

FOLDER = Path(__file__).parents[1] / "screenshots"

NOW = 1_795_435_200.0
"""When all pictures are taken: 23 November 2026, 12:00 UTC."""

SHARPNESS = 1.5
"""Pixels of the picture for each pixel of the vector picture."""

PATIENCE_S = 15.0
"""How long to wait for what must appear."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture: how the program is started, and what happens until it is taken, a step a line.

    `see TEXT` waits until that is on the screen, `type TEXT` types it, `press KEYS` presses keys by
    Textual's names for them; `j*3` is three times j. `meanwhile KEY TEXT` has someone else store TEXT.
    """

    name: str
    columns: int
    rows: int
    start: str
    story: str


SCENES = (
    Scene(
        "browse",
        120,
        36,
        "--namespace sessions",
        """
        see lock:order
        press ctrl+l
        see user:  1,200
        press 1 j*4 enter
        see user:1015
        press j*14
        see "qty": 3
        press y
        see Sent
        """,
    ),
    Scene(
        "filter",
        120,
        30,
        "--namespace cache --prefix page/",
        """
        see 1,000
        press ctrl+l
        see complete
        press slash
        type checkout
        press enter j space*3
        see Rendered
        """,
    ),
    Scene("hex", 120, 30, "--namespace cache --prefix image/", "see IHDR"),
    Scene(
        "hostile",
        120,
        30,
        "--namespace content --prefix hostile:",
        """
        see complete
        press j*5
        see admin
        """,
    ),
    Scene(
        "help",
        100,
        36,
        "--namespace flags",
        """
        see complete
        press question_mark
        see Help
        """,
    ),
    Scene(
        "edit",
        120,
        30,
        "--namespace flags --prefix prod:",
        """
        see rollout
        press e down*2 end backspace*2
        type 75,
        see ~prod:alerts
        """,
    ),
    Scene(
        "card",
        100,
        30,
        "--namespace flags --prefix prod:",
        """
        see rollout
        press e down*2 end backspace*2
        type 75,
        press ctrl+s
        see Save these changes?
        """,
    ),
    Scene(
        "conflict",
        100,
        32,
        "--namespace flags --prefix prod:",
        """
        see rollout
        press e down*2 end backspace*2
        type 75,
        meanwhile prod:alerts {"enabled": true, "rollout": 100, "note": "on for all"}
        press ctrl+s
        see Save these changes?
        press y
        see Changed by someone else
        """,
    ),
    Scene(
        "metadata",
        100,
        24,
        "--namespace flags --prefix prod:",
        """
        see rollout
        press m down end
        type ,,
        see is missing
        """,
    ),
    Scene(
        "expiration",
        100,
        28,
        "--namespace sessions",
        "see lock:order\npress t\nsee Expiration\ntype 90m\nsee in 1h",
    ),
    Scene(
        "rename",
        100,
        24,
        "--namespace flags --prefix prod:",
        "see rollout\npress r\nsee Rename\ntype -v2\nsee of at",
    ),
    Scene(
        "copy",
        100,
        24,
        "--namespace flags --prefix prod:",
        "see rollout\npress c\nsee Copy\ntype -v2\nsee of at",
    ),
    Scene(
        "new-key",
        100,
        24,
        "--namespace flags --prefix prod:",
        "see rollout\npress a\nsee New key\ntype beta\nsee of at",
    ),
    Scene(
        "delete",
        100,
        24,
        "--namespace flags --prefix prod:",
        """
        see rollout
        press space*3 d
        see Delete 3 keys?
        """,
    ),
    Scene(
        "remove-namespace",
        100,
        24,
        "--namespace flags",
        """
        see rollout
        press 1 d
        see Remove this namespace?
        """,
    ),
    Scene(
        "undo",
        100,
        24,
        "--namespace flags --prefix prod:",
        """
        see rollout
        press d
        see Delete this key?
        press y
        see Deleted
        press z
        see Take this back?
        """,
    ),
    Scene(
        "operations",
        100,
        28,
        "--namespace flags --prefix prod:",
        """
        see rollout
        press r
        see Rename
        type -v2
        press enter
        see Renamed
        press d
        see Delete this key?
        press y
        see Deleted
        press z
        see Take this back?
        press y
        see Taken back
        press at
        see Operations
        press j*2
        """,
    ),
    Scene("80x24", 80, 24, "--namespace flags --prefix prod:", "see rollout"),
    Scene("40x12", 40, 12, "--namespace flags --prefix prod:", "see complete"),
    Scene(
        "card-40x12",
        40,
        12,
        "--namespace flags --prefix prod:",
        "see complete\npress m\nsee editing\npress f7 delete ctrl+s\nsee erase",
    ),
)

LIGHT = {
    *("edit", "card", "conflict", "metadata", "expiration", "rename", "copy", "new-key", "delete"),
    *("remove-namespace", "undo", "operations"),
}
"""Scenes that are taken in the light theme as well: what asks must be as clear there."""


def main(names: list[str]) -> int:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        print("These pictures are drawn by chromium, which is not installed.", file=sys.stderr)
        return 1
    hold_the_clock()
    FOLDER.mkdir(exist_ok=True)
    looks = [(scene, scene.name, "") for scene in SCENES]
    looks += [(scene, f"{scene.name}-light", "textual-light") for scene in SCENES if scene.name in LIGHT]
    for scene, name, theme in looks:
        if not names or name in names:
            svg = asyncio.run(play(scene, theme))
            to_png(svg, FOLDER / f"{name}.png", chromium)
            print(FOLDER / f"{name}.png")
    return 0


def hold_the_clock() -> None:
    """It is NOW, in UTC, whoever asks. To be called before kvtui is imported."""
    os.environ["TZ"] = "UTC"
    time.tzset()
    time.time = lambda: NOW


async def play(scene: Scene, theme: str = "") -> str:
    """Act out a scene with the real program on the demo; the last screen as SVG."""
    from kvtui import cli, config
    from kvtui.ui.app import KvtuiApp
    from kvtui.ui.start import Start

    with ExitStack() as closing:
        settings = config.read(cli.parser().parse_args(["--demo", *scene.start.split()]), {})
        start = Start(settings.namespace, settings.prefix)
        app = KvtuiApp(cli.ways(settings, closing), start, environ={})
        async with app.run_test(size=(scene.columns, scene.rows)) as pilot:
            app.theme = theme or app.theme
            for step in scene.story.strip().splitlines():
                verb, _, rest = step.strip().partition(" ")
                match verb:
                    case "see":
                        await seen(pilot, rest)
                    case "type":
                        await pilot.press(*rest)
                    case "meanwhile":
                        await meanwhile(app, *rest.split(" ", 1))
                    case _:
                        await pilot.press(*keys(rest))
            await pilot.pause()
            return app.export_screenshot(title="kvtui")


async def meanwhile(app: App[Any], key: str, value: str) -> None:
    """Someone else stores a value under a key of the open namespace."""
    from kvtui.api.models import Entry
    from kvtui.ui.browser import Browser

    screen = app.screen
    assert isinstance(screen, Browser)
    assert screen.place is not None
    await screen.store._client.write(screen.place.namespace, key, Entry(value.encode()))


def keys(words: str) -> Iterator[str]:
    """The keys that words stand for: `g j*2` is g, j, j."""
    for word in words.split():
        key, _, times = word.partition("*")
        yield from [key] * int(times or 1)


async def seen(pilot: Pilot[Any], text: str) -> None:
    """Wait until the screen shows this."""
    deadline = time.monotonic() + PATIENCE_S
    while text not in (screen := screen_text(pilot.app)):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{text!r} did not appear; the screen was:\n{screen}")
        await pilot.pause(0.05)


def screen_text(app: App[Any]) -> str:
    """What the screen shows, a line a row."""
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


def to_png(svg: str, path: Path, chromium: str) -> None:
    """Draw a vector picture with a browser, the one converter that keeps every cell in its place."""
    # The font is the installed one: what the picture would fetch from the network is taken out.
    svg = re.sub(r"@font-face\s*\{.*?\}", "", svg, flags=re.DOTALL)
    svg = svg.replace("</style>", "text { font-variant-ligatures: none; }</style>", 1)
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    assert box, "Textual's export has a viewBox"
    width, height = (round(float(side)) for side in box.groups())
    with tempfile.TemporaryDirectory(prefix="kvtui-") as folder:
        source = Path(folder, "screen.svg")
        source.write_text(svg, encoding="utf-8")
        subprocess.run(
            [
                chromium,
                "--headless=new",
                "--no-sandbox",
                "--hide-scrollbars",
                "--disable-gpu",
                "--default-background-color=00000000",
                f"--user-data-dir={folder}/profile",
                f"--force-device-scale-factor={SHARPNESS}",
                f"--window-size={width},{height}",
                f"--screenshot={path}",
                source.as_uri(),
            ],
            check=True,
            capture_output=True,
            timeout=60,
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
