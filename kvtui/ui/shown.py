"""From a value and a view to a layout that can be drawn. What takes long is done in threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from kvtui.core.decoding import decode
from kvtui.core.values import PRETTY_UNASKED, SMALL, Facts, Kind, View, kind_of, look, pretty_json
from kvtui.ui.entrywords import view_words
from kvtui.ui.rows import HexLayout, Layout, TextLayout

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Shown:
    """A layout, and what the view that it stands for is called."""

    layout: Layout
    words: str


async def facts_of(value: bytes) -> Facts:
    """Find out about a value."""
    return await _by_size(look, value)


async def lay_out(value: bytes, facts: Facts, view: View) -> Shown:
    """A value in one of its views. JSON that cannot be indented is shown as the text that it is."""
    if view is View.DECODED:
        return await asyncio.to_thread(_decoded, value)
    if view is View.HEX:
        return Shown(HexLayout(value), view_words(view))
    if view is View.JSON and (pretty := await _by_size(pretty_json, value)) is not None:
        return Shown(TextLayout(pretty, json=True), view_words(view))
    return Shown(TextLayout(value), view_words(View.TEXT))


def lay_out_metadata(metadata: str) -> Shown:
    """Metadata is at most a kilobyte of JSON."""
    data = metadata.encode("utf-8", "surrogateescape")
    pretty = pretty_json(data)
    if pretty is None:
        return Shown(TextLayout(data), view_words(View.TEXT))
    return Shown(TextLayout(pretty, json=True), view_words(View.JSON))


def _decoded(value: bytes) -> Shown:
    decoded = decode(value)
    inside = kind_of(decoded.data)
    words = view_words(View.DECODED, decoded, inside)
    if inside is Kind.JSON and len(decoded.data) <= PRETTY_UNASKED:
        return Shown(TextLayout(pretty_json(decoded.data) or decoded.data, json=True), words)
    if inside in (Kind.JSON, Kind.TEXT, Kind.BASE64, Kind.EMPTY):
        return Shown(TextLayout(decoded.data), words)
    return Shown(HexLayout(decoded.data), words)


async def _by_size(work: Callable[[bytes], T], value: bytes) -> T:
    """On the spot while it is quick, else in a thread."""
    return work(value) if len(value) <= SMALL else await asyncio.to_thread(work, value)
