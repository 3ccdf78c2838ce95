"""What stands before every route: who may ask, how often, and paths as they were sent."""

from __future__ import annotations

import hmac
import ipaddress
import math
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kvtui.local.envelope import AUTHENTICATION, UNAUTHORIZED, as_json, failure
from kvtui.local.rates import RateLimit


class Guard:
    """ASGI middleware that refuses what is not from this machine, lacks the token or comes too often.

    A web page elsewhere can make a browser send requests here, also under a name of its own that
    resolves to this machine: its Origin or its Host gives it away.
    """

    def __init__(
        self, app: ASGIApp, token: str | None, rate_limit: RateLimit | None, clock: Callable[[], float]
    ) -> None:
        self._app = app
        self._token = token
        self._rate_limit = rate_limit
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(Headers(scope=scope))
        if self._rate_limit is not None:
            send = self._with_headers(self._rate_limit, send)
        if refusal is None:
            # A key is one segment as it was sent: decoded, its slashes would pass for the path's.
            raw = scope.get("raw_path") or scope["path"].encode()
            await self._app({**scope, "path": raw.decode("latin-1")}, receive, send)
            return
        async for _ in Request(scope, receive).stream():
            pass  # a client answered while it sends would see a broken connection
        await refusal(scope, receive, send)

    def _refusal(self, headers: Headers) -> Response | None:
        if not is_loopback(headers.get("host", "")):
            return failure(403, UNAUTHORIZED, "Invalid Host header: this server is for this machine only.")
        if "origin" in headers and not is_loopback(headers["origin"].partition("://")[2]):
            return failure(403, UNAUTHORIZED, "Invalid Origin header: this server is for this machine only.")
        if self._token is not None and not _carries(headers, self._token):
            return failure(401, AUTHENTICATION, "Authentication error")
        now = self._clock()
        wait = self._rate_limit.spend(now) if self._rate_limit else None
        if wait is None:
            return None
        said = "Please wait and consider throttling your request speed"
        throttled = as_json({"code": 971, "message": said}, 429)
        throttled.headers["retry-after"] = str(math.ceil(wait))
        return throttled

    def _with_headers(self, rate_limit: RateLimit, send: Send) -> Send:
        async def send_more(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(rate_limit.headers(self._clock()))
            await send(message)

        return send_more


def is_loopback(netloc: str) -> bool:
    """Whether `host` or `host:port` names this machine by what cannot be made to mean another."""
    try:
        host = urlsplit(f"//{netloc}").hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _carries(headers: Headers, token: str) -> bool:
    """Whether the token comes as an API token or as a global key."""
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    given = (bearer.strip() if scheme.lower() == "bearer" else "", headers.get("x-auth-key", ""))
    return any(hmac.compare_digest(one.encode(), token.encode()) for one in given)
