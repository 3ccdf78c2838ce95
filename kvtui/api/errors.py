"""Every way in which a request can fail, as one tree under KVError, each with a sentence and a remedy.

`KVError.message` says what happened, `KVError.remedy` what to do about it. What a server said is
quoted as it came, cropped: it is untrusted text, so whoever shows it escapes it first.
The deciphering of an answer into one of these is in decipher.py.
"""

from __future__ import annotations

from typing import ClassVar


class KVError(Exception):
    """An expected failure. `status` is HTTP's, `code` the API's own, `ray` Cloudflare's Ray ID for support.

    `transient` says that the same request may well succeed a moment later. `attempts` is how often
    the request was tried (0: it never left).
    """

    message: str = "Something went wrong."
    remedy: str = "Try again."
    transient: ClassVar[bool] = False

    def __init__(
        self,
        message: str = "",
        remedy: str = "",
        *,
        status: int | None = None,
        code: int | None = None,
        ray: str | None = None,
    ) -> None:
        self.message = message or type(self).message
        self.remedy = remedy or type(self).remedy
        self.status = status
        self.code = code
        self.ray = ray
        self.attempts = 0
        super().__init__(self.message, self.remedy)

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}"


class Refused(KVError):
    """kvtui itself refused: no request was sent."""

    message = "kvtui did not send this request."
    remedy = "Nothing was changed."


class ReadOnly(Refused):
    """A change was asked of a client that only reads."""

    message = "This session is read-only, so nothing was sent and nothing was changed."
    remedy = "Start without --read-only to make changes."


class Unsupported(KVError):
    """The server has no such call, or cannot do what was asked (an older `wrangler dev`, another dialect)."""

    message = "This server does not offer that call."
    remedy = "Check that the API address is right and that the server is up to date."


class NotFound(KVError):
    """A 404. The plain class means that the server did not say what is missing."""

    message = "Nothing is there (404), and the server does not say what is missing."
    remedy = "Refresh the list; if all calls end so, check the API address and the account id."


class KeyNotFound(NotFound):
    message = "This key does not exist (any more)."
    remedy = "It was deleted, has expired, or is too new to be seen from here; refresh the list in a minute."


class NamespaceNotFound(NotFound):
    message = "This namespace does not exist in this account."
    remedy = "Refresh the list of namespaces; a new one may take a few seconds to appear."


class AccountNotFound(NotFound):
    message = "The server knows no such account."
    remedy = "Check the account id: it is the 32 hex digits in the dashboard's address."


class Denied(KVError):
    """The credentials are missing, wrong, or do not reach this far."""

    message = "The server denies access."
    remedy = "Check the token and its permissions."


class BadCredentials(Denied):
    message = "The server does not accept these credentials."
    remedy = "Check that the token is complete, has not expired and belongs to this account."


class MayNotRead(Denied):
    message = "These credentials may not read here."
    remedy = 'Give the token "Workers KV Storage Read" for this account.'


class MayNotWrite(Denied):
    message = "This token may not write, so nothing was changed."
    remedy = 'Give the token "Workers KV Storage Write" for this account, or go on reading.'


class RateLimited(KVError):
    """Too many requests. `retry_after` is in seconds from now, None when the server did not say."""

    message = "Too many requests: the server asks for a pause."
    remedy = "Wait a moment, then try again; the budget counts every tool and the dashboard together."
    transient = True

    def __init__(
        self,
        message: str = "",
        remedy: str = "",
        *,
        retry_after: float | None = None,
        status: int | None = None,
        code: int | None = None,
        ray: str | None = None,
    ) -> None:
        if retry_after is not None and not remedy:
            remedy = f"It may be tried again in {max(1, round(retry_after)):,} s."
        super().__init__(message, remedy, status=status, code=code, ray=ray)
        self.retry_after = retry_after


class Busy(RateLimited):
    message = "Too many bulk operations are running in this account already."
    remedy = "Wait until one completes, then try again."


class QuotaSpent(RateLimited):
    """The plan's daily allowance is used up: no pause of seconds helps."""

    message = "The plan's daily limit of KV operations is used up."
    remedy = "It starts anew at 00:00 UTC; the paid plan has no daily limit."
    transient = False


class Invalid(KVError):
    """The server understood the request and refused it."""

    message = "The server refused this request."
    remedy = "Nothing was changed; correct what it names and try again."


class TitleTaken(Invalid):
    message = "Another namespace of this account has this title already."
    remedy = "Choose another title."


class TooLarge(Invalid):
    message = "This is more than Workers KV takes in one request."
    remedy = "A key is at most 512 bytes, metadata 1,024 bytes, a value 25 MiB, a bulk get 25 MB in all."


class NotText(Invalid):
    message = "A bulk read was refused because one of its values is not text."
    remedy = "Read these keys one by one."


class CursorLost(Invalid):
    message = "The server does not accept the place where this listing stopped."
    remedy = "Refresh, and the listing starts from the beginning."


class Unreachable(KVError):
    """The request or its answer was lost on the way: refused, dropped, timed out, no such host."""

    message = "The server cannot be reached."
    remedy = "Check the network and the API address, then try again."
    transient = True


class Untrusted(Unreachable):
    message = "The server's certificate could not be verified, so nothing was sent to it."
    remedy = "Check the API address and this machine's clock; behind a company proxy, set SSL_CERT_FILE."
    transient = False


class ServerFault(KVError):
    message = "The server failed while it answered."
    remedy = "Try again in a moment; www.cloudflarestatus.com tells of wider trouble."
    transient = True


class Unsettled(KVError):
    """Only half of a record can be seen: it was made or deleted within the last minute."""

    message = "Only half of this record shows yet."
    remedy = "KV takes up to a minute, or more, to settle: try again then."


class Blocked(KVError):
    message = "Cloudflare's firewall answered with a challenge page instead of the API."
    remedy = (
        "It takes this address for a robot: try from another network, or give support the Ray ID. "
        "The token is not at fault."
    )


class BadAnswer(KVError):
    message = "The server's answer cannot be understood."
    remedy = "Check that the address is that of a KV API; a proxy in between may have changed the answer."
