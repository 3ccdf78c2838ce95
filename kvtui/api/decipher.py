"""From an HTTP answer to the error that it means: pure, told apart by code before status.

Codes and statuses as recorded in Cloudflare's OpenAPI description, its SDKs and wrangler, and in
public notes of live calls. Cloudflare answers one 404 for a missing key, namespace and account
alike, and a 405 to a token that may not write: only the code tells.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import msgspec
from msgspec import Struct

from kvtui.api import errors
from kvtui.api.budget import retry_after
from kvtui.api.errors import KVError

_THROTTLED = {971, 10022, 10429}
_CREDENTIALS = {1000, 6003, 6103, 6111, 9106, 10502}
_PERMISSION = {9109, 10026, 10037}

_BY_CODE: dict[int, type[KVError]] = {
    7000: errors.Unsupported,
    7003: errors.AccountNotFound,
    10009: errors.KeyNotFound,
    10013: errors.NamespaceNotFound,
    10014: errors.TitleTaken,
    10024: errors.TooLarge,
    10025: errors.Unsupported,
    10030: errors.TooLarge,
    10041: errors.CursorLost,
    10045: errors.Unsupported,
    10405: errors.Unsupported,
}

_BY_STATUS: dict[int, type[KVError]] = {
    400: errors.Invalid,
    401: errors.BadCredentials,
    404: errors.NotFound,
    405: errors.Unsupported,
    413: errors.TooLarge,
    414: errors.TooLarge,
    501: errors.Unsupported,
}

_INVALID = {
    10007: ("The server refused the page number.", ""),
    10008: ("The server refused the size of a page.", ""),
    10010: ("This is not the id of a namespace.", "A namespace id is 32 hex digits; check it."),
    10011: ("This is not the id of a namespace.", "A namespace id is 32 hex digits; check it."),
    10018: (
        "This account holds as many namespaces as it may.",
        "Remove one first, or ask Cloudflare for more.",
    ),
    10019: ("A namespace needs a title.", "Give one of 1 to 512 characters."),
    10033: (
        "The server refused the expiration, so nothing was written.",
        "It must lie at least 60 seconds ahead; check this machine's clock too.",
    ),
    10034: (
        "The server refused the time to live, so nothing was written.",
        "It must be at least 60 seconds.",
    ),
    10042: ("The server refused the name of this key.", "Use another name."),
    10047: (
        "The server refused the metadata, so nothing was written.",
        "It must be JSON of at most 1,024 bytes.",
    ),
    10147: (
        "The server refused the metadata, so nothing was written.",
        "It must be JSON of at most 1,024 bytes.",
    ),
}

_PLAIN_ENOUGH = {errors.KeyNotFound, errors.NamespaceNotFound, errors.TitleTaken, errors.RateLimited}
"""What the server says adds nothing to these."""

_FAULTS = {
    520: "got an answer it could not understand from its own server",
    521: "found its own server down",
    522: "waited too long for its own server to connect",
    523: "could not reach its own server",
    524: "waited too long for its own server to answer",
    525: "could not agree on encryption with its own server",
    526: "could not verify its own server",
    530: "could not find its own server",
}


class _Problem(Struct):
    code: int = 0
    message: str = ""
    error_chain: list[_Problem] | None = None


class _Failure(Struct):
    success: bool | None = None
    errors: list[_Problem | str] | None = None
    code: int | None = None
    message: str | None = None
    error: str | None = None


def decipher(
    status: int, headers: Mapping[str, str], body: bytes, *, method: str = "GET", now: float = 0.0
) -> KVError:
    """The error that an answer means. `headers` are looked up in lower case; `now` is in Unix seconds.

    Call it for any answer that is not a success, also for `success: false` under HTTP 200.
    """
    ray = headers.get("cf-ray")
    if headers.get("cf-mitigated", "").lower() == "challenge":
        return errors.Blocked(_with_ray(errors.Blocked.message, ray), status=status, ray=ray)
    problems = list(_problems(body))
    code, said = problems[0] if problems else (0, _plain(headers, body))
    kind, message, remedy = _kind(status, code, said, {code for code, _ in problems}, method)
    if not message:
        message = kind.message if code or status != 200 else "The server reports a failure without naming it."
    if kind not in _PLAIN_ENOUGH:
        message += _quoted(code, said, status)
    if issubclass(kind, errors.ServerFault):
        message = _with_ray(message, ray)
    if issubclass(kind, errors.RateLimited):
        pause = retry_after(headers, now)
        return kind(message, remedy, retry_after=pause, status=status, code=code or None, ray=ray)
    return kind(message, remedy, status=status, code=code or None, ray=ray)


def throttled(body: bytes) -> bool:
    """Whether a body is the API's flat "slow down", which has been seen even under HTTP 200."""
    return any(code in _THROTTLED for code, _ in _problems(body))


def reports_failure(body: bytes) -> bool:
    """Whether a body says `success: false` or names a problem, whatever its HTTP status."""
    try:
        return msgspec.json.decode(body, type=_Failure, strict=False).success is False or any(_problems(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def _kind(status: int, code: int, said: str, codes: set[int], method: str) -> tuple[type[KVError], str, str]:
    """The class, and a sentence and a remedy where those of the class would say too little."""
    if 10048 in codes:
        return errors.QuotaSpent, "", ""
    if 10046 in codes:
        return errors.Busy, "", ""
    if status == 429 or codes & _THROTTLED:
        return errors.RateLimited, "", ""
    if codes & _CREDENTIALS:
        return errors.BadCredentials, "", _credentials_remedy(codes)
    if code == 10000 and status in (401, 403, 405):
        return (_denial(method), "", "") if status != 401 else (errors.BadCredentials, "", "")
    if code in _PERMISSION or (status == 403 and code not in _BY_CODE):
        return _denial(method), "", ""
    if code == 10029 and "non-text" in said.lower():
        return errors.NotText, "", ""
    if code in _BY_CODE:
        return _BY_CODE[code], "", ""
    if code in _INVALID:
        return errors.Invalid, *_INVALID[code]
    if (
        code == 10001 and status != 400
    ):  # 400 is wrangler's explorer, for which 10001 is any malformed request
        return errors.ServerFault, "Workers KV is unavailable for the moment.", ""
    return _by_status(status, said)


def _by_status(status: int, said: str) -> tuple[type[KVError], str, str]:
    if status in _BY_STATUS:
        return _BY_STATUS[status], "", ""
    if status == 408:
        return errors.Unreachable, "The request took too long to arrive.", ""
    if status >= 500:
        if status in _FAULTS:
            message = f"Cloudflare {_FAULTS[status]} (HTTP {status})."
            remedy = (
                "Whether a change arrived is not known: read before you repeat it." if status == 524 else ""
            )
            return errors.ServerFault, message, remedy
        return errors.ServerFault, f"The server failed while it answered (HTTP {status}).", ""
    if 300 <= status < 400:
        return (
            errors.BadAnswer,
            f"The server sends kvtui on to another address (HTTP {status}), where it does not follow.",
            "Give the final address as the API address; a login page or a proxy may stand in between.",
        )
    return errors.Invalid, "", ""


def _denial(method: str) -> type[KVError]:
    return errors.MayNotRead if method in ("GET", "HEAD") else errors.MayNotWrite


def _credentials_remedy(codes: set[int]) -> str:
    if 6103 in codes:
        return "It was sent as a global key: if it is an API token, set CLOUDFLARE_API_TOKEN instead."
    if 6111 in codes:
        return "It does not have the shape of a token: copy it again, whole and without quotes."
    if 10502 in codes:
        return "After many failed tries the server refuses for a while: correct the token, wait some minutes."
    return ""


def _problems(body: bytes) -> Iterator[tuple[int, str]]:
    """The (code, message) pairs of a JSON failure in any shape that was seen, outermost first."""
    try:
        failure = msgspec.json.decode(body, type=_Failure, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    waiting = list(failure.errors or [])
    while waiting:
        problem = waiting.pop(0)
        if isinstance(problem, str):
            yield 0, problem
        else:
            yield problem.code, problem.message
            waiting.extend(problem.error_chain or [])
    if failure.code is not None or failure.error is not None:
        yield failure.code or 0, failure.message or failure.error or ""


def _plain(headers: Mapping[str, str], body: bytes) -> str:
    """What a body without JSON says, when it is a line of text; a web page says nothing worth quoting."""
    text = body[:2000].decode("utf-8", "replace").strip()
    kind = headers.get("content-type", "").lower()
    if text[:1] in ("<", "{", "[") or "html" in kind or "\n" in text:
        return ""
    return text


def _quoted(code: int, said: str, status: int) -> str:
    said = re.sub(r"\s+", " ", said).strip()
    said = said if len(said) <= 300 else said[:299] + "…"
    if code and said:
        return f" It says: {said} ({code})."
    if said:
        return f" It says: {said} (HTTP {status})."
    return f" ({code})" if code else ""


def _with_ray(message: str, ray: str | None) -> str:
    return f"{message} Ray ID: {ray}." if ray else message
