"""Numbered pages, as the lists of namespaces and of accounts have them."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import QueryParams
from starlette.responses import Response

from kvtui.local.envelope import Refusal, success


def page_of(items: Sequence[object], query: QueryParams, *, least: int, most: int) -> Response:
    """The page that `page` and `per_page` ask for; empty past the end, where clients stop."""
    page = _number(query, "page", 1, 1, 2**31, 10007)
    per_page = _number(query, "per_page", 20, least, most, 10008)
    rows = items[(page - 1) * per_page : page * per_page]
    info = {
        "page": page,
        "per_page": per_page,
        "count": len(rows),
        "total_count": len(items),
        "total_pages": -(-len(items) // per_page),
    }
    return success(rows, info)


def _number(query: QueryParams, name: str, usual: int, least: int, most: int, code: int) -> int:
    text = query.get(name) or str(usual)
    if text.isdecimal() and len(text) < 12 and least <= int(text) <= most:
        return int(text)
    raise Refusal(400, code, f"malformed {name} argument '{text[:40]}': from {least} to {most}")
