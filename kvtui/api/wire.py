"""The door to the network: one request out, one answer or one KVError back.

Every request passes here and nowhere else. This is also the only module that loads httpx, which
takes as long as drawing the first screen, so it is imported when the first request is made.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import TypeVar
from urllib.parse import urlsplit

import httpx

from kvtui import __version__
from kvtui.api.budget import Budget
from kvtui.api.calls import Answer, Call
from kvtui.api.credentials import Credentials, is_loopback
from kvtui.api.decipher import decipher
from kvtui.api.errors import BadAnswer, KVError, RateLimited, Refused, Unreachable, Untrusted
from kvtui.api.retry import Retries, persist

T = TypeVar("T")

CONNECT_S = 10.0
CONNECTIONS = 8
"""Past 40 connections httpx's pool slows down by their square; bulk calls do more for speed."""

THREAD_BYTES = 256 * 1024
"""Larger answers are decoded in a thread: no keystroke waits for them."""

Transport = httpx.AsyncBaseTransport | Callable[[], httpx.AsyncBaseTransport]


class Wire:
    """An open connection pool to one base URL, with its credentials, budget and retries."""

    def __init__(
        self,
        base_url: str,
        credentials: Credentials | None,
        transport: Transport | None,
        *,
        budget: Budget,
        retries: Retries,
        clock: Callable[[], float],
    ) -> None:
        self._base_url = base_url
        self._root = httpx.URL(base_url).raw_path.rstrip(b"/")
        self._host = urlsplit(base_url).hostname or ""
        self._budget = budget
        self._retries = retries
        self._clock = clock
        hush()
        self._http = _pool(base_url, self._host, credentials, transport)

    async def send(self, call: Call, read: Callable[[Answer], T]) -> T:
        """What `read` makes of the answer. Retries what may be retried; raises KVError."""

        async def attempt() -> T:
            answer = await self._ask(call)
            if len(answer.body) > THREAD_BYTES and not call.exact:
                return await asyncio.to_thread(read, answer)
            return read(answer)

        return await persist(self._retries, attempt, once=call.once)

    async def aclose(self) -> None:
        await self._http.aclose()

    async def _ask(self, call: Call) -> Answer:
        now = self._clock()
        if (pause := self._budget.blocked_for(now)) is not None:
            raise RateLimited("Cloudflare asked for a pause, which is not over.", retry_after=pause)
        request = self._request(call)
        self._budget.spend(now)
        try:
            response = await self._http.send(request, stream=True)
            try:
                body = await _body(response, call)
            finally:
                await response.aclose()
        except httpx.HTTPError as error:
            raise lost(error, self._host, call) from error
        now = self._clock()
        self._budget.observe(response.headers, response.status_code, now)
        challenged = "cf-mitigated" in response.headers
        if not response.is_success or challenged:
            raise decipher(response.status_code, response.headers, body, method=_verb(call), now=now)
        return Answer(response.status_code, response.headers, body)

    def _request(self, call: Call) -> httpx.Request:
        headers = {"Content-Type": call.content_type} if call.body is not None else {}
        if call.exact:
            headers["Accept-Encoding"] = "identity"
        files = None
        if call.form is not None:
            value, metadata = call.form
            files = {
                "value": ("blob", value, "application/octet-stream"),
                "metadata": (None, metadata.encode(), "application/json"),
            }
        request = self._http.build_request(
            call.method,
            self._base_url + call.path,
            params=dict(call.params) or None,
            content=call.body,
            files=files,
            headers=headers,
            timeout=httpx.Timeout(call.silence, connect=CONNECT_S, pool=None),
        )
        self._guard(request, call)
        return request

    def _guard(self, request: httpx.Request, call: Call) -> None:
        """Refuse a request whose path is not the one that was meant, as when dot segments were removed.

        `DELETE .../values/..` would arrive as DELETE of the whole namespace.
        """
        path = request.url.raw_path.partition(b"?")[0]
        _, values, key = path.rpartition(b"/values/")
        astray = call.value and not (values and key)
        if astray or path != (self._root + call.path.encode() or b"/"):
            raise Refused("The address of this request would have changed on its way, so it was not sent.")


def hush() -> None:
    """Keep the libraries below from writing to the terminal, which belongs to the screen."""
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)


def lost(error: httpx.HTTPError, host: str, call: Call) -> KVError:
    """The error for a request that got no whole answer."""
    causes = list(_causes(error))
    remedy = ""
    if call.changes:
        remedy = "Whether the change arrived is not known: refresh before you repeat it."
    match error:
        case httpx.DecodingError():
            return BadAnswer("The answer's compression is damaged, so none of it was used.")
        case httpx.ConnectTimeout():
            return Unreachable(f"{host} did not take the connection within {CONNECT_S:.0f} s.")
        case httpx.TimeoutException():
            return Unreachable(f"{host} kept silent for {call.silence:.0f} s.", remedy)
        case httpx.ProxyError():
            return Unreachable(
                "The proxy did not let the request through.", "Check HTTPS_PROXY and NO_PROXY."
            )
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return Untrusted(f"The certificate of {host} could not be verified, so nothing was sent to it.")
    if isinstance(error, httpx.ConnectError):
        if any(isinstance(cause, socket.gaierror) for cause in causes):
            return Unreachable(
                f"There is no address for {host} (DNS).", "Check the API address and the network."
            )
        if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
            return Unreachable(
                f"{host} refuses the connection: nothing listens there.", "Is the server running?"
            )
        if any(isinstance(cause, ssl.SSLError) for cause in causes):
            return Unreachable(
                f"{host} and kvtui could not agree on encryption.", "Is it https that it speaks?"
            )
        return Unreachable(f"{host} cannot be reached.")
    return Unreachable(f"The connection to {host} broke before the answer was complete.", remedy)


def _pool(
    base_url: str, host: str, credentials: Credentials | None, transport: Transport | None
) -> httpx.AsyncClient:
    """The HTTP client. Requests to this machine bypass any proxy: credentials must not go through one."""
    local = base_url.startswith("http://") and is_loopback(host)
    if transport is not None and not isinstance(transport, httpx.AsyncBaseTransport):
        transport = transport()
    try:
        return httpx.AsyncClient(
            headers={"User-Agent": f"kvtui/{__version__}", **(credentials.headers() if credentials else {})},
            transport=transport,
            limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
            follow_redirects=False,
            trust_env=not local,
            verify=not local and transport is None,
        )
    except (ImportError, ValueError, httpx.InvalidURL) as problem:
        raise Refused(
            "The proxy that the environment names cannot be used.", "Check HTTPS_PROXY."
        ) from problem
    except OSError as problem:
        raise Refused(f"The certificates cannot be read: {problem}.", "Check SSL_CERT_FILE.") from problem


async def _body(response: httpx.Response, call: Call) -> bytes:
    """The whole body, and for a stored value nothing but its bytes."""
    coding = response.headers.get("content-encoding", "").lower()
    if call.exact and coding not in ("", "identity", "gzip", "deflate"):
        raise BadAnswer(f"The value came compressed as {coding[:40]}, which was not asked for.")
    if call.progress is None or not response.is_success:
        return await response.aread()
    length = response.headers.get("content-length", "")
    total = int(length) if length.isdecimal() and coding in ("", "identity") else None
    pieces, size = [], 0
    async for piece in response.aiter_bytes():
        pieces.append(piece)
        size += len(piece)
        call.progress(size, total)
    return b"".join(pieces)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An exception and all that led to it, through groups (one per address that was tried)."""
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting:
        cause = waiting.pop()
        if cause is None or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        waiting += [cause.__cause__, cause.__context__]
        if isinstance(cause, BaseExceptionGroup):
            waiting += cause.exceptions


def _verb(call: Call) -> str:
    """The method by its meaning: a POST that only reads is refused as a reading."""
    return call.method if call.changes else "GET"
