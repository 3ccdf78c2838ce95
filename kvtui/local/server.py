"""The Workers KV REST API over a project's state on this machine, as an ASGI app.

Every endpoint under `/client/v4`, with production's envelopes, limits and errors, for kvtui itself
(mounted in process), for wrangler and for the official SDKs (over a loopback port).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeAlias
from urllib.parse import unquote_to_bytes

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from kvtui.local.bulk import Bulk
from kvtui.local.database import StateUnreadable
from kvtui.local.envelope import NO_OBJECT, NO_ROUTE, SERVICE_FAILED, Refusal, failure, namespace_not_found
from kvtui.local.guard import Guard
from kvtui.local.identity import Identity
from kvtui.local.namespaces import Namespaces
from kvtui.local.pairs import Pairs
from kvtui.local.rates import RateLimit
from kvtui.local.state import KVState
from kvtui.local.values import Values

BASE = "/client/v4"
ACCOUNT = "0" * 32
"""The id of the one account, unless another is asked for."""

Handler: TypeAlias = Callable[[Request], Coroutine[Any, Any, Response]]


def create_app(
    state: KVState,
    *,
    account: str = ACCOUNT,
    token: str | None = None,
    rate_limit: RateLimit | None = None,
    clock: Callable[[], float] = time.time,
) -> Starlette:
    """The app. With `token` every request must carry it; with `rate_limit` requests are counted.

    It needs no lifespan. Mount it with `httpx.ASGITransport(app, raise_app_exceptions=False)`: a
    handler that fails has answered 500, as production would.
    """
    app = Starlette(
        routes=_routes(state, account, clock),
        middleware=[Middleware(Guard, token, rate_limit, clock)],
        exception_handlers={
            Refusal: _refused,
            HTTPException: _no_route,
            ClientDisconnect: _gone,
            StateUnreadable: _unreadable,
            OSError: _unreadable,
            Exception: _failed,
        },
    )
    app.router.redirect_slashes = False
    return app


def _routes(state: KVState, account: str, clock: Callable[[], float]) -> list[Route]:
    who, spaces, values, bulk = Identity(account), Namespaces(state), Values(clock), Bulk(clock)
    home = f"{BASE}/accounts/{{account}}"
    namespaces = f"{home}/storage/kv/namespaces"
    one = f"{namespaces}/{{namespace}}"

    def in_account(answer: Handler) -> Handler:
        async def handler(request: Request) -> Response:
            _check_account(request, account)
            return await answer(request)

        return handler

    def on_namespace(operation: str, answer: Callable[[Request, str], Awaitable[Response]]) -> Handler:
        async def handler(request: Request) -> Response:
            _check_account(request, account)
            id = _segment(request, "namespace")
            if not await asyncio.to_thread(state.exists, id):
                raise _no_namespace(id, operation)
            return await answer(request, id)

        return handler

    def on_pairs(operation: str, answer: Callable[[Request, Pairs], Awaitable[Response]]) -> Handler:
        return on_namespace(operation, lambda request, id: answer(request, state.pairs(id)))

    def on_key(operation: str, answer: Callable[[Request, Pairs, str], Awaitable[Response]]) -> Handler:
        return on_pairs(operation, lambda request, pairs: answer(request, pairs, _segment(request, "key")))

    key = f"{one}/values/{{key:path}}"
    return [
        Route(f"{BASE}/accounts", who.accounts, methods=["GET"]),
        Route(f"{BASE}/memberships", who.memberships, methods=["GET"]),
        Route(f"{BASE}/user", who.user, methods=["GET"]),
        Route(f"{BASE}/user/tokens/verify", who.verify, methods=["GET"]),
        Route(home, in_account(who.account), methods=["GET"]),
        Route(f"{home}/tokens/verify", in_account(who.verify), methods=["GET"]),
        Route(namespaces, in_account(spaces.list), methods=["GET"]),
        Route(namespaces, in_account(spaces.create), methods=["POST"]),
        Route(f"{namespaces}/", in_account(spaces.list), methods=["GET"]),
        Route(one, on_namespace("get namespace", spaces.get), methods=["GET"]),
        Route(one, on_namespace("rename namespace", spaces.rename), methods=["PUT"]),
        Route(one, on_namespace("remove namespace", spaces.remove), methods=["DELETE"]),
        Route(f"{one}/keys", on_pairs("list keys", values.keys), methods=["GET"]),
        Route(f"{one}/bulk", on_pairs("bulk put keys", bulk.put), methods=["PUT"]),
        Route(f"{one}/bulk", on_pairs("bulk remove keys", bulk.delete), methods=["DELETE"]),
        Route(f"{one}/bulk/delete", on_pairs("bulk remove keys", bulk.delete), methods=["POST"]),
        Route(f"{one}/bulk/get", on_pairs("bulk get keys", bulk.get), methods=["POST"]),
        Route(f"{one}/metadata/{{key:path}}", on_key("metadata", values.metadata), methods=["GET"]),
        Route(key, on_key("get", values.get), methods=["GET"]),
        Route(key, on_key("put", values.put), methods=["PUT"]),
        Route(key, on_key("remove key", values.delete), methods=["DELETE"]),
    ]


def _segment(request: Request, name: str) -> str:
    """A part of the path, decoded once. Slashes that came bare belong to the key."""
    raw: str = request.path_params[name]
    try:
        return unquote_to_bytes(raw.encode("latin-1")).decode()
    except UnicodeDecodeError:
        raise Refusal(400, 10042, f"illegal {name} name: it is not UTF-8") from None


def _check_account(request: Request, account: str) -> None:
    if _segment(request, "account") != account:
        said = f"Could not route to {request.url.path}, perhaps your object identifier is invalid?"
        raise Refusal(404, NO_OBJECT, said)


def _no_namespace(id: str, operation: str) -> Refusal:
    if len(id) == 32 and set(id.lower()) <= set("0123456789abcdef"):
        return namespace_not_found(operation)
    said = f"could not parse UUID from request's namespace_id: 'uuid: incorrect UUID length: {id[:64]}'"
    return Refusal(400, 10011, said)


async def _refused(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, Refusal)
    return failure(problem.status, problem.code, problem.message)


async def _no_route(request: Request, problem: Exception) -> Response:
    if isinstance(problem, HTTPException) and problem.status_code == 405:
        return failure(405, 10405, "Method not allowed for this endpoint")
    return failure(404, NO_ROUTE, "No route for that URI")


async def _gone(request: Request, problem: Exception) -> Response:
    return failure(400, SERVICE_FAILED, "the client went away")


async def _unreadable(request: Request, problem: Exception) -> Response:
    return failure(500, SERVICE_FAILED, str(problem))


async def _failed(request: Request, problem: Exception) -> Response:
    return failure(500, SERVICE_FAILED, "service temporarily unavailable")
