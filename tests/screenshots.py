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
    Textual's names for them; `j*3` is three times j.
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
    Scene("80x24", 80, 24, "--namespace flags --prefix prod:", "see rollout"),
    Scene("40x12", 40, 12, "--namespace flags --prefix prod:", "see complete"),
)


def main(names: list[str]) -> int:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        print("These pictures are drawn by chromium, which is not installed.", file=sys.stderr)
        return 1
    hold_the_clock()
    FOLDER.mkdir(exist_ok=True)
    for scene in SCENES:
        if not names or scene.name in names:
            svg = asyncio.run(play(scene))
            to_png(svg, FOLDER / f"{scene.name}.png", chromium)
            print(FOLDER / f"{scene.name}.png")
    return 0


def hold_the_clock() -> None:
    """It is NOW, in UTC, whoever asks. To be called before kvtui is imported."""
    os.environ["TZ"] = "UTC"
    time.tzset()
    time.time = lambda: NOW


async def play(scene: Scene) -> str:
    """Act out a scene with the real program on the demo; the last screen as SVG."""
    from kvtui import cli, config
    from kvtui.ui.app import KvtuiApp
    from kvtui.ui.start import Start

    with ExitStack() as closing:
        settings = config.read(cli.parser().parse_args(["--demo", *scene.start.split()]), {})
        start = Start(settings.namespace, settings.prefix)
        app = KvtuiApp(cli.ways(settings, closing), start, environ={})
        async with app.run_test(size=(scene.columns, scene.rows)) as pilot:
            for step in scene.story.strip().splitlines():
                verb, _, rest = step.strip().partition(" ")
                match verb:
                    case "see":
                        await seen(pilot, rest)
                    case "type":
                        await pilot.press(*rest)
                    case _:
                        await pilot.press(*keys(rest))
            await pilot.pause()
            return app.export_screenshot(title="kvtui")


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
