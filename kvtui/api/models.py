"""What the API speaks of: accounts, namespaces, keys and entries.

Frozen and slotted. Metadata is always the JSON *text* that the server holds, so that number
spellings, key order and duplicate keys survive; None means that there is none (a JSON `null`
counts as none: production lists and stores it so).
"""

from __future__ import annotations

from msgspec import Raw, Struct


class Account(Struct, frozen=True):
    """A Cloudflare account. `id` is 32 hex digits; empty where a server knows no accounts."""

    id: str
    name: str = ""


class Namespace(Struct, frozen=True):
    """A KV namespace and the id of the account it lives in. `title` is unique in its account."""

    id: str
    title: str
    account: str = ""


class KeyInfo(Struct, frozen=True, gc=False):
    """One row of a key listing, as it came. `expiration` is in Unix seconds, None for never."""

    name: str
    expiration: int | None = None
    metadata: Raw = Raw(b"")

    @property
    def metadata_text(self) -> str | None:
        """The metadata's JSON text, None when there is none. Copies it out of the page's buffer.

        Bytes that are no UTF-8 become half surrogate pairs, so that text and bytes stay one to one.
        """
        text = bytes(self.metadata).decode("utf-8", "surrogateescape")
        return None if text in ("", "null") else text


class KeyPage(Struct, frozen=True):
    """One page of a listing. `cursor` is None at the end, and only there: a page may be short or empty."""

    keys: list[KeyInfo]
    cursor: str | None = None


class Entry(Struct, frozen=True):
    """All that KV stores under a key: the unit of reading and of writing.

    `metadata` is JSON text; `expiration` is in Unix seconds; None stands for none and for never.
    """

    value: bytes
    metadata: str | None = None
    expiration: int | None = None


class BulkResult(Struct, frozen=True):
    """What became of a bulk write or delete: how many keys succeeded, and which must be tried again."""

    successful: int
    unsuccessful: tuple[str, ...] = ()
