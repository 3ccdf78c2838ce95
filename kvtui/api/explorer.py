"""The two dialects of the API, and how to tell them apart by asking.

`wrangler dev` serves a subset of the KV API without accounts in its paths (its Local Explorer), and
describes itself: GET of its base URL answers an OpenAPI 3 document. Nothing else does.
"""

from __future__ import annotations

from enum import Enum
from urllib.parse import urlsplit

import msgspec
from msgspec import Raw, Struct

CLOUDFLARE_HOSTS = ("api.cloudflare.com", "api.fed.cloudflare.com")
"""Cloudflare's own: they speak their own dialect and need not be asked."""


class Dialect(Enum):
    CLOUDFLARE = "cloudflare"
    EXPLORER = "explorer"


class Abilities(Struct, frozen=True):
    """Which dialect a server speaks, and which calls it offers beyond the common ones."""

    dialect: Dialect = Dialect.CLOUDFLARE
    bulk_write: bool = True
    bulk_delete: bool = True


class _OpenAPI(Struct):
    openapi: str = ""
    paths: dict[str, dict[str, Raw]] = {}


def abilities_of(body: bytes) -> Abilities:
    """What the answer to GET of a base URL says of the server: an explorer if it is an OpenAPI 3 document.

    A document whose paths hold accounts describes Cloudflare's own dialect.
    """
    try:
        document = msgspec.json.decode(body, type=_OpenAPI)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Abilities()
    if not document.openapi.startswith("3") or any("/accounts/" in path for path in document.paths):
        return Abilities()
    return Abilities(
        Dialect.EXPLORER,
        bulk_write=_offers(document, "put", "/bulk"),
        bulk_delete=_offers(document, "post", "/bulk/delete"),
    )


def is_cloudflare(base_url: str) -> bool:
    return urlsplit(base_url).hostname in CLOUDFLARE_HOSTS


def _offers(document: _OpenAPI, method: str, ending: str) -> bool:
    return any(path.endswith(ending) and method in calls for path, calls in document.paths.items())
