"""Where wrangler keeps KV on disk: the names of databases, folders and blobs.

Below a persist folder (`<project>/.wrangler/state`, or what `--persist-to` names) lies `v3/kv`:
`miniflare-KVNamespaceObject/<64 hex>.sqlite` is one namespace's table, `<namespace id>/blobs/<80 hex>`
is one value. The same in wrangler 4.84 and 4.164 (miniflare's KV simulator, November 2026).
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from pathlib import Path

OBJECTS = "miniflare-KVNamespaceObject"
"""The Durable Object class of the simulator, which is also the folder of its databases."""

TABLE = """
CREATE TABLE IF NOT EXISTS _mf_entries (
  key TEXT PRIMARY KEY,
  blob_id TEXT NOT NULL,
  expiration INTEGER,
  metadata TEXT
)"""
INDEX = "CREATE INDEX IF NOT EXISTS _mf_entries_expiration_idx ON _mf_entries(expiration)"

_DOTS = re.compile(r"(^|[/\\])(\.+)(?=[/\\]|$)")
_ILLEGAL = re.compile(r"[?<>*\"'^/\\:|\x00-\x1f\x80-\x9f]")
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
_OUTER = re.compile(r"^[ /\\]+|[ /\\]+$")
_LONGEST = 255


def kv_folder(persist: Path) -> Path:
    """The folder of everything KV below a persist folder."""
    return persist / "v3" / "kv"


def database(kv: Path, namespace: str) -> Path:
    """The file of a namespace's table: named by the Durable Object id that the namespace's id gives."""
    key = hashlib.sha256(OBJECTS.encode()).digest()
    half = hmac.digest(key, namespace.encode(), "sha256")[:16]
    return kv / OBJECTS / f"{(half + hmac.digest(key, half, 'sha256')[:16]).hex()}.sqlite"


def blobs(kv: Path, namespace: str) -> Path:
    """The folder of a namespace's values."""
    return kv / folder_name(namespace) / "blobs"


def folder_name(namespace: str) -> str:
    """A namespace id as the name of a folder, made harmless in the way that miniflare does it."""
    name = _DOTS.sub(lambda dots: dots[1] + "_" * len(dots[2]), namespace)
    name = _ILLEGAL.sub("_", name)
    if _RESERVED.fullmatch(name):
        name = "_"
    return _OUTER.sub(lambda outer: "_" * len(outer[0]), name)[:_LONGEST]


def new_blob(now: float) -> str:
    """A name for a new blob: 32 random bytes and the time in milliseconds, as 80 hex digits."""
    return (secrets.token_bytes(32) + int(now * 1000).to_bytes(8, "big")).hex()
