"""A hundred thousand keys: what kvtui's server wrote, seen through `wrangler dev` and on disk."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from kvtui.api.client import KVClient
from kvtui.api.models import Entry, Namespace
from kvtui.local.server import create_app
from kvtui.local.state import open_state

if TYPE_CHECKING:
    from tests.e2e.conftest import Kvtui
    from tests.peers import StartDev

MANY = 100_000
CHUNK = 10_000

pytestmark = pytest.mark.peer


async def fill(project: Path) -> None:
    """Write the keys with kvtui's own server."""
    transport = httpx.ASGITransport(create_app(open_state(project, create=True)), raise_app_exceptions=False)
    names = [f"user:{number:06}" for number in range(MANY)]
    async with KVClient("http://localhost/client/v4", transport=transport) as client:
        for start in range(0, MANY, CHUNK):
            chunk = names[start : start + CHUNK]
            pairs = {name: Entry(b"{}", '{"v":1}' if name.endswith("7") else None) for name in chunk}
            await client.bulk_write(Namespace("many", "MANY", "0" * 32), pairs)


def listed(*where: str) -> list[object]:
    """All keys by the plain command."""
    done = subprocess.run(
        [sys.executable, "-m", "kvtui", *where, "ls", "MANY", "--json"], capture_output=True, timeout=120
    )
    assert done.returncode == 0, done.stderr.decode()
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_all_keys_load_through_wrangler_dev_and_from_its_folder(
    kvtui: Kvtui, start_wrangler_dev: StartDev, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    dev = start_wrangler_dev(project, {"MANY": "many"})
    asyncio.run(fill(project))

    from_disk = listed("--local", str(project))
    assert len(from_disk) == MANY
    assert listed("--api-url", dev.explorer) == from_disk

    screen = kvtui("--api-url", dev.explorer, "--namespace", "MANY")
    screen.wait("user:000000")
    screen.keys("C-l")
    screen.wait("100,000 keys · complete", timeout=60)
    screen.keys("/")
    for typed, hits in (("7", "40,951"), ("77", "3,691"), ("777", "280")):
        screen.type(typed[-1])
        screen.wait(f"{hits} of 100,000")
    screen.keys("Enter")
    screen.wait("user:000777")
