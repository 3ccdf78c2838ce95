"""Real wrangler and the real SDKs, held against kvtui's state and kvtui's server."""

from __future__ import annotations

import asyncio
import json
import random
import time
from pathlib import Path

import cloudflare
import httpx
import pytest
from cloudflare import Cloudflare

from kvtui.api.models import Entry
from kvtui.local.server import ACCOUNT, create_app
from kvtui.local.state import KVState, open_state

pytestmark = pytest.mark.peer

LARGE = random.Random(1).randbytes(25 * 1024 * 1024)


def test_wrangler_reads_what_we_wrote_and_we_read_what_it_wrote(peers, tmp_path: Path) -> None:
    state = KVState(tmp_path / "st")
    pairs = state.pairs("abc123")
    pairs.write([("theirs/é %2F", Entry(b"\x00\xffbytes", '{"a":1}')), ("gone", Entry(b"x"))])
    here = ["--local", "--persist-to", str(state.folder), "--namespace-id", "abc123"]
    got = peers.wrangler("kv", "key", "get", "theirs/é %2F", *here, cwd=tmp_path)
    assert got.stdout == b"\x00\xffbytes"
    print(peers.wrangler("kv", "key", "list", *here, cwd=tmp_path).stdout)
    peers.wrangler(
        "kv",
        "key",
        "put",
        "from wrangler",
        "välue",
        *here,
        "--metadata",
        '{"m":[1]}',
        "--ttl",
        "600",
        cwd=tmp_path,
    )
    peers.wrangler("kv", "key", "delete", "gone", *here, cwd=tmp_path)
    entry = pairs.read("from wrangler")
    assert entry is not None
    assert entry.value == "välue".encode()
    assert entry.metadata == '{"m":[1]}'
    assert pairs.read("gone") is None
