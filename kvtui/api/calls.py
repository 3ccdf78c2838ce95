"""One request and one answer, as plain values: what the client says and what the wire brings back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from kvtui.api.errors import Refused

Progress = Callable[[int, int | None], None]
"""Told the bytes read so far and, where the server says, how many there will be."""

READ_S = 30.0
"""How long an answer to an ordinary request may keep silent, in seconds."""

BULK_S = 300.0
"""The same for a bulk call: 10,000 pairs take a local server a minute, Cloudflare up to two."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request. `path` begins with a slash below the base URL and is escaped already.

    `body` goes with its `content_type`; `form` is the (value, metadata) of a multipart write instead.
    `changes` says that the call may change what is stored: unless told otherwise, all but a GET do.
    `once` is a call that must never be repeated. `value` is a call on the value of one key, `exact`
    one whose answer must arrive as the stored bytes.
    """

    method: str
    path: str
    params: Mapping[str, str | int] = field(default_factory=dict)
    body: bytes | None = None
    content_type: str = "application/json"
    form: tuple[bytes, str] | None = None
    reads: bool = False
    once: bool = False
    value: bool = False
    exact: bool = False
    silence: float = READ_S
    progress: Progress | None = None

    @property
    def changes(self) -> bool:
        return self.method != "GET" and not self.reads


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer (2xx): its headers by lower-case name, and its whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def segment(text: str, what: str) -> str:
    """`text` as exactly one segment of a path. Raises Refused when it cannot be one.

    Dot segments are refused because they are removed on the way, and another path would be addressed.
    """
    if text in ("", ".", ".."):
        shown = f'"{text}" is not' if text else "An empty text is not"
        raise Refused(f"{shown} {what}, so no request was sent.", f"Name {what}.")
    try:
        return quote(text, safe="")
    except UnicodeEncodeError as problem:
        raise Refused(f"This is not {what}: it is not valid Unicode.", f"Name {what}.") from problem
