"""A wrangler project with local KV in it, as a fixture for every test that looks at one."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import httpx
import pytest

from kvtui.api.client import KVClient
from kvtui.api.models import Entry, Namespace
from kvtui.local.server import create_app
from kvtui.local.state import open_state

HOSTILE = "innocent\x1b[c-key"
SESSION = '{"id": 4711, "roles": ["admin", "dev"], "note": "grüße ☃"}'.encode()
BINARY = b"\x89PNG\r\n\x1a\n\x00\x01"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project's folder with two namespaces, `FLAGS` (empty) and `SESSIONS`; their ids are in lower case."""
    folder = tmp_path / "project"
    folder.mkdir()
    bindings = [{"binding": name.upper(), "id": name} for name in ("flags", "sessions")]
    (folder / "wrangler.json").write_text(json.dumps({"name": "shop", "kv_namespaces": bindings}))
    asyncio.run(_fill(folder))
    return folder


async def _fill(folder: Path) -> None:
    transport = httpx.ASGITransport(create_app(open_state(folder, create=True)), raise_app_exceptions=False)
    sessions = Namespace("sessions", "SESSIONS", "0" * 32)
    async with KVClient("http://localhost/client/v4", transport=transport) as client:
        pairs = {f"user:{number}": Entry(b"{}") for number in range(4700, 4730)}
        pairs |= {f"tmp:{number}": Entry(b"-") for number in range(10)}
        pairs["user:4711"] = Entry(SESSION, '{"v":3}', int(time.time()) + 7200)
        pairs["user:4712"] = Entry(BINARY)
        pairs["user:4713"] = Entry(b"{}", '{"by":"kö\u202e😀\x7f"}')
        pairs[HOSTILE] = Entry(b"clear \x1b[2J the screen")
        await client.bulk_write(sessions, pairs)
