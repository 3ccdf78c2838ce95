"""From the bytes of a successful answer to what it says: typed, and never broken by one hostile name.

Every answer but a value comes in an envelope, `{"result": ..., "success": true, "result_info": {...}}`.
`success: false` under HTTP 200 has been seen, so it is looked at every time.
"""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec
from msgspec import Raw, Struct
from msgspec.json import Decoder

from kvtui.api.calls import Answer
from kvtui.api.decipher import decipher, reports_failure, throttled
from kvtui.api.errors import BadAnswer, KVError
from kvtui.api.models import Account, BulkResult, Entry, KeyInfo, KeyPage, Namespace
from kvtui.api.surrogates import back_in_json, back_in_text, moved_away

T = TypeVar("T")
S = TypeVar("S", bound="Sealed")


class PageInfo(Struct):
    """What `result_info` may say; a listing of keys has a cursor, the others have numbers."""

    cursor: str | None = None
    per_page: int | None = None
    total_count: int | None = None


class Sealed(Struct):
    success: bool | None = None


class Envelope(Sealed, Generic[T]):
    result: T | None = None
    result_info: PageInfo | None = None


class Anything(Sealed):
    result: Raw = Raw(b"")


class _Bulk(Struct):
    successful_key_count: int | None = None
    unsuccessful_keys: list[str] | None = None


class _Pair(Struct):
    value: str | None
    metadata: Raw = Raw(b"")
    expiration: int | None = None


class _Pairs(Struct):
    values: dict[str, _Pair | None]


class _Status(Struct):
    status: str = ""


_KEYS = Decoder(Envelope[list[KeyInfo]])
_NAMESPACES = Decoder(Envelope[list[Namespace]])
_NAMESPACE = Decoder(Envelope[Namespace])
_ACCOUNTS = Decoder(Envelope[list[Account]])
_BULK = Decoder(Envelope[_Bulk])
_PAIRS = Decoder(Envelope[_Pairs])
_STATUS = Decoder(Envelope[_Status])
_ANYTHING = Decoder(Anything)


def done(answer: Answer) -> None:
    """Success, whatever else it says."""
    if answer.body or answer.status not in (204, 205):
        _opened(_ANYTHING, answer)


def keys(answer: Answer) -> KeyPage:
    """A page of keys. Its end is an absent, null or empty cursor, never a short page."""
    page, moved = _opened(_KEYS, answer)
    cursor = page.result_info.cursor if page.result_info else None
    rows = _given(page.result, answer)
    if moved:
        rows = [
            KeyInfo(back_in_text(row.name), row.expiration, Raw(back_in_json(bytes(row.metadata))))
            for row in rows
        ]
    return KeyPage(rows, cursor or None)


def namespaces(answer: Answer) -> tuple[list[Namespace], PageInfo]:
    """A page of namespaces, without their account."""
    page, moved = _opened(_NAMESPACES, answer)
    found = _given(page.result, answer)
    if moved:
        found = [Namespace(namespace.id, back_in_text(namespace.title)) for namespace in found]
    return found, page.result_info or PageInfo()


def namespace(answer: Answer) -> Namespace:
    return _given(_opened(_NAMESPACE, answer)[0].result, answer)


def renamed(answer: Answer) -> Namespace | None:
    """The namespace after a rename; None where the server does not repeat it."""
    try:
        return _opened(_NAMESPACE, answer)[0].result
    except BadAnswer:  # `{}` in the place of the namespace was an answer once
        done(answer)
        return None


def accounts(answer: Answer) -> tuple[list[Account], PageInfo]:
    page, _ = _opened(_ACCOUNTS, answer)
    return _given(page.result, answer), page.result_info or PageInfo()


def status_word(answer: Answer) -> str:
    """How a token fares: "active", "disabled" or "expired"."""
    return _given(_opened(_STATUS, answer)[0].result, answer).status


def value(answer: Answer) -> tuple[bytes, int | None]:
    """The stored bytes, and the expiration in Unix seconds where the server sends it along.

    Values come without an envelope, so a "slow down" under HTTP 200 would pass for one: as JSON by
    its content type, which stored values are not given, it is told apart.
    """
    kind = answer.headers.get("content-type", "").lower()
    if kind.startswith("application/json") and len(answer.body) < 2000 and throttled(answer.body):
        raise decipher(answer.status, answer.headers, answer.body)
    header = answer.headers.get("expiration", "").strip()
    try:
        return answer.body, int(header) if header else None
    except ValueError as problem:
        raise BadAnswer("The server sent an expiration that is not a number.") from problem


def metadata(answer: Answer) -> str | None:
    """The metadata's JSON text exactly as sent, None when there is none."""
    found, moved = _opened(_ANYTHING, answer)
    text = back_in_json(bytes(found.result)) if moved else bytes(found.result)
    return _json_text(text)


def bulk(answer: Answer, *, asked: int) -> BulkResult:
    """What became of a bulk call for `asked` keys. Older servers answer null: all went well."""
    result = _opened(_BULK, answer)[0].result or _Bulk()
    failed = tuple(result.unsuccessful_keys or ())
    count = result.successful_key_count
    return BulkResult(asked - len(failed) if count is None else count, failed)


def entries(answer: Answer) -> dict[str, Entry | None]:
    """The entries of a bulk get with metadata; None for a key that does not exist."""
    pairs = _given(_opened(_PAIRS, answer)[0].result, answer).values
    return {
        name: None
        if pair is None or pair.value is None
        else Entry(pair.value.encode(), _json_text(bytes(pair.metadata)), pair.expiration)
        for name, pair in pairs.items()
    }


def _opened(decoder: Decoder[S], answer: Answer) -> tuple[S, bool]:
    """What the envelope holds, and whether half surrogate pairs were moved away to read it.

    Raises the deciphered error when it reports a failure, BadAnswer when it is no such envelope.
    """
    moved = False
    try:
        found = decoder.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        away = moved_away(answer.body)
        moved = away != answer.body
        try:
            if not moved:
                raise
            found = decoder.decode(away)
        except (msgspec.DecodeError, RecursionError):
            raise _unreadable(answer, problem) from problem
    if found.success is not True:
        raise _unreadable(answer, None)
    return found, moved


def _unreadable(answer: Answer, problem: Exception | None) -> KVError:
    """The failure that a 2xx answer reports, or what is wrong with its form."""
    if reports_failure(answer.body):
        return decipher(answer.status, answer.headers, answer.body)
    kind = answer.headers.get("content-type", "").lower()
    if "html" in kind or answer.body[:64].lstrip().startswith(b"<"):
        return BadAnswer("The server answered with a web page, not as a KV API does.")
    if not answer.body:
        return BadAnswer("The server answered without saying anything.")
    if problem is not None and not isinstance(problem, msgspec.ValidationError):
        return BadAnswer("The server's answer is cut short or is not JSON, so none of it was used.")
    return BadAnswer("The server's answer does not have the form of the KV API's.")


def _given(result: T | None, answer: Answer) -> T:
    if result is None:
        raise _unreadable(answer, None)
    return result


def _json_text(text: bytes) -> str | None:
    return None if text in (b"", b"null") else text.decode("utf-8", "surrogateescape")
