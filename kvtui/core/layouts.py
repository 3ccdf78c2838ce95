"""Layouts: the white space of JSON, so that what is edited indented is stored in the layout it had.

Only white space between tokens is ever changed: the order of keys, duplicate keys, number spellings and
the escapes in strings stay. All is pure; some 50 ms for 25 MiB of JSON.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final

import msgspec

SPACES_MOST = 8
"""The widest step of indentation that counts as a layout."""

EDGE_MOST = 64
"""White space around the JSON that counts as part of a layout; more of it is a matter of its own."""

_SPACE = b" \t\r\n"
_FIRST_STEP = re.compile(rb"[\[{](\r?)\n(?:(\t)| {1,8})")
_BREAK = re.compile(rb"\n *")
_ESCAPE = re.compile(rb"\\.")
_CONSTANT = re.compile(r'"(?:[^"\\]|\\.)*"|(-?Infinity|NaN)', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Layout:
    """White space of a JSON text: between its tokens, and before and after all of them.

    `indent` is -1 for none at all, 0 for one line with ", " and ": ", else the spaces of a step (with
    `tabs`, one tab a step instead). `crlf` is about the line breaks of an indented text.
    """

    indent: int
    tabs: bool = False
    crlf: bool = False
    before: str = ""
    after: str = ""

    @property
    def name(self) -> str:
        """What a person calls it."""
        words = {-1: "minified", 0: "on one line"}.get(self.indent, f"indented by {self.indent}")
        if self.tabs:
            words = "indented by tabs"
        if self.crlf:
            words += ", CRLF"
        if self.before or self.after not in ("", "\n", "\r\n"):
            return words + ", white space around"
        return words + (", final newline" if self.after else "")


MINIFIED: Final = Layout(-1)
ON_ONE_LINE: Final = Layout(0)
INDENTED: Final = Layout(2)


@dataclass(frozen=True, slots=True)
class JsonProblem:
    """Where a text stops being JSON (counted from 1, in characters), and why, in words that say both."""

    line: int
    column: int
    words: str


def layout_of(text: bytes) -> Layout | None:
    """The layout that reproduces the text exactly; None when none does, or when it is no JSON."""
    body = text.strip(_SPACE)
    start = text.find(body)
    before, after = text[:start].decode(), text[start + len(body) :].decode()
    if not body or max(len(before), len(after)) > EDGE_MOST:
        return None
    # A JSON string holds no raw line break, and an indented text breaks right after its first bracket.
    if step := _FIRST_STEP.match(body):
        width = 1 if step[2] else len(step[0]) - len(step[1]) - 2
        candidates = [Layout(width, bool(step[2]), bool(step[1]), before, after)]
    elif b"\n" in body or b"\r" in body:
        return None
    else:
        candidates = [Layout(-1, before=before, after=after), Layout(0, before=before, after=after)]
    try:
        return next((layout for layout in candidates if lay_out(body, layout) == text), None)
    except ValueError:
        return None


def lay_out(text: bytes, layout: Layout) -> bytes:
    """The same JSON in another layout. Raises ValueError, with the position in words, for what is no JSON."""
    try:
        body = msgspec.json.format(text, indent=layout.indent)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    except msgspec.DecodeError as error:
        if problem := json_problem(text):
            raise ValueError(problem.words) from None
        body = _format_around_escapes(text, layout.indent, error)
    if layout.tabs:
        body = _BREAK.sub(lambda found: b"\n" + b"\t" * (len(found[0]) - 1), body)
    if layout.crlf:
        body = body.replace(b"\n", b"\r\n")
    return layout.before.encode() + body + layout.after.encode()


def json_problem(text: str | bytes) -> JsonProblem | None:
    """Why this is no JSON; None when it is. NaN and Infinity are not JSON, whatever Python thinks."""
    try:
        raw = text.encode() if isinstance(text, str) else text
        text = raw.decode()
    except UnicodeEncodeError as error:
        return _problem(error.object, error.start, "half of a surrogate pair is no valid Unicode")
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode()
        return _problem(before, len(before), "from here on the bytes are not UTF-8")
    try:
        msgspec.json.decode(raw, type=msgspec.Raw)
    except msgspec.DecodeError:
        return _find_problem(text)
    except RecursionError:
        return JsonProblem(1, 1, _TOO_DEEP)
    return None


_TOO_DEEP = "it is nested too deep to be read"

_WORDS = {
    "Expecting value": "a value is missing",
    "Expecting property name": "a key in double quotes is missing",
    "Expecting ':'": "a colon is missing",
    "Expecting ','": "a comma or a closing bracket is missing",
    "Illegal trailing comma": "there is a comma too many",
    "Unterminated string": "the string that begins here has no end",
    "Invalid control character": "a line break or control character in a string must be an escape like \\n",
    "Invalid \\escape": "a backslash must be followed by one of the known escapes",
    "Invalid \\uXXXX": "\\u must be followed by four hex digits",
    "Extra data": "the JSON has ended, but more text follows",
    "Unexpected UTF-8 BOM": "a byte order mark, which cannot be seen, stands before the JSON",
}
"""Python's words for what is wrong, by how they begin, and ours."""


class _NotANumber(Exception):
    """NaN, Infinity or -Infinity was met."""


def _find_problem(text: str) -> JsonProblem | None:
    """Python's parser is slower, but says where and what. It takes half surrogate pairs, as JSON does."""
    try:
        json.loads(text, parse_int=str, parse_float=str, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        return _problem(text, error.pos, _explain(text, error))
    except _NotANumber:
        found = next(found for found in _CONSTANT.finditer(text) if found[1])
        return _problem(text, found.start(), f"{found[1]} is no JSON number")
    except RecursionError:
        return JsonProblem(1, 1, _TOO_DEEP)
    return None


def _refuse(_name: str) -> str:
    raise _NotANumber


def _explain(text: str, error: json.JSONDecodeError) -> str:
    if error.msg.startswith("Expecting"):
        rest = text[error.pos : error.pos + 64].strip()
        if not rest and not text[error.pos :].strip():
            return "the text ends too soon" if text.strip() else "there is nothing here"
        before = text[: error.pos].rstrip()[-1:]
        if rest[:1] in ("}", "]") and before == ",":
            return f"there is a comma too many before {rest[0]}"
    return next((words for begin, words in _WORDS.items() if error.msg.startswith(begin)), error.msg)


def _problem(text: str, at: int, words: str) -> JsonProblem:
    line = text.count("\n", 0, at) + 1
    column = at - text.rfind("\n", 0, at)
    return JsonProblem(line, column, f"line {line}, column {column}: {words}")


def _format_around_escapes(text: bytes, indent: int, error: msgspec.DecodeError) -> bytes:
    """For JSON with half a surrogate pair, which JavaScript writes as an escape and msgspec refuses.

    The escapes are swapped for harmless ones and, as their order stays, put back one by one.
    """
    escapes = iter(_ESCAPE.findall(text))
    masked = _ESCAPE.sub(rb"\\\\", text)
    try:
        body = msgspec.json.format(masked, indent=indent)
    except (msgspec.DecodeError, RecursionError):
        raise ValueError(str(error)) from None
    return _ESCAPE.sub(lambda _found: next(escapes), body)
