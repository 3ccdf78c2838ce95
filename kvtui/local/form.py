"""A value with metadata, sent as multipart/form-data in every way that real clients do.

wrangler gives a file's value a filename, the Python SDK always does, the npm SDK never; metadata comes
as a JSON text with any content type, or (npm SDK, from an object) as fields `metadata[a]`, `metadata[b][]`.
"""

from __future__ import annotations

import re
from typing import TypeAlias

import msgspec
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from kvtui.local.envelope import MALFORMED_BODY, Refusal

AROUND = 64 * 1024
"""How much longer than its value a form may be: metadata, the parts' headers, boundaries."""

MOST_PARTS = 1000

Tree: TypeAlias = "dict[str, Tree] | list[Tree] | str"

_NESTED = re.compile(r"metadata((?:\[[^\[\]]*\])+)")
_STEP = re.compile(r"\[([^\[\]]*)\]")
_DEEPEST = 32


def is_form(content_type: str) -> bool:
    return parse_options_header(content_type)[0] == b"multipart/form-data"


def parse(body: bytes, content_type: str) -> tuple[bytes, str | None]:
    """The value's bytes and the metadata's JSON text, None without. Raises Refusal."""
    parts = _parts(body, parse_options_header(content_type)[1].get(b"boundary", b""))
    value = next((bytes(data) for name, data in parts if name == "value"), None)
    if value is None:
        raise Refusal(400, 10047, "multipart put request does not contain required form field 'value'")
    try:
        fields = [(name, data.decode()) for name, data in parts if name.startswith("metadata")]
    except UnicodeDecodeError:
        raise Refusal(400, 10147, "metadata must be valid json") from None
    plain = next((text for name, text in fields if name == "metadata"), None)
    nested = [(found[1], text) for name, text in fields if (found := _NESTED.fullmatch(name))]
    if plain is None and nested:
        plain = msgspec.json.encode(_tree(nested)).decode()
    return value, plain


def _parts(body: bytes, boundary: bytes) -> list[tuple[str, bytearray]]:
    """The parts of a form in their order: names and bytes."""
    parts: list[tuple[str, bytearray]] = []
    header, content = bytearray(), bytearray()
    ended = False

    def begin() -> None:
        if len(parts) == MOST_PARTS:
            raise FormParserError("it has too many parts")
        parts.append(("", bytearray()))

    def header_begin() -> None:
        header.clear()
        content.clear()

    def header_end() -> None:
        if header.lower() == b"content-disposition":
            name = parse_options_header(bytes(content).decode("latin-1"))[1].get(b"name", b"")
            parts[-1] = (name.decode(errors="replace"), parts[-1][1])

    def end() -> None:
        nonlocal ended
        ended = True

    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": begin,
                "on_part_data": lambda data, start, stop: parts[-1][1].extend(memoryview(data)[start:stop]),
                "on_header_begin": header_begin,
                "on_header_field": lambda data, start, stop: header.extend(data[start:stop]),
                "on_header_value": lambda data, start, stop: content.extend(data[start:stop]),
                "on_header_end": header_end,
                "on_end": end,
            },
        )
        parser.write(body)
        parser.finalize()
        if not boundary or not ended:
            raise FormParserError("it ends too early" if boundary else "it names no boundary")
    except FormParserError as problem:
        raise Refusal(400, MALFORMED_BODY, f"could not parse the multipart request: {problem}") from None
    return parts


def _tree(fields: list[tuple[str, str]]) -> Tree:
    """The object that was spread over fields: `[a]` is a member, `[]` one more element."""
    root: dict[str, Tree] = {}
    for path, text in fields:
        steps = _STEP.findall(path)
        if len(steps) > _DEEPEST:
            raise Refusal(400, 10147, "metadata must be valid json")
        _plant(root, steps, text)
    return root


def _plant(tree: Tree, steps: list[str], text: str) -> None:
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        fresh: Tree = text if following is None else [] if following == "" else {}
        if isinstance(tree, list) and step == "":
            if following is None or not _may_grow(tree, following):
                tree.append(fresh)
            tree = tree[-1]
        elif isinstance(tree, dict) and step != "":
            tree = tree.setdefault(step, fresh)
        else:
            raise Refusal(400, 10147, "metadata must be valid json")


def _may_grow(elements: list[Tree], member: str) -> bool:
    """Whether the last element of a list is an object that still lacks this member."""
    return bool(elements) and isinstance(elements[-1], dict) and member not in elements[-1]
