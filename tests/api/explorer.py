"""wrangler's Local Explorer as measured (4.84 and 4.164): the dialect's shape and its oddities, in memory.

No accounts, no metadata endpoint; PUT of a value forgets expirations in silence; GET of a value sends
no `expiration`; a bulk get mangles bytes and leaves metadata out; no prefix with a NUL lists anything;
what is not there is a plain 404.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

BASE = "/cdn-cgi/explorer/api"
N = "/storage/kv/namespaces"


@dataclass
class Explorer:
    """The server and what it holds: {key: (value, metadata, expiration)}, whatever the namespace."""

    bulk: bool = True
    stored: dict[str, tuple[bytes, Any, int | None]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def app(self) -> Starlette:
        routes = [
            Route(BASE, self.describe),
            Route(BASE + N, self.namespaces),
            Route(BASE + N + "/{ns}/keys", self.keys),
            Route(BASE + N + "/{ns}/values/{key:path}", self.value, methods=["GET", "PUT", "DELETE"]),
            Route(BASE + N + "/{ns}/bulk/get", self.bulk_get, methods=["POST"]),
        ]
        if self.bulk:
            routes += [
                Route(BASE + N + "/{ns}/bulk", self.bulk_write, methods=["PUT"]),
                Route(BASE + N + "/{ns}/bulk/delete", self.bulk_delete, methods=["POST"]),
            ]
        return Starlette(routes=routes)

    async def describe(self, request: Request) -> Response:
        paths: dict[str, Any] = {
            N: {"get": {}},
            N + "/{namespace_id}/keys": {"get": {}},
            N + "/{namespace_id}/values/{key_name}": {"get": {}, "put": {}, "delete": {}},
            N + "/{namespace_id}/bulk/get": {"post": {}},
        }
        if self.bulk:
            paths |= {
                N + "/{namespace_id}/bulk": {"put": {}},
                N + "/{namespace_id}/bulk/delete": {"post": {}},
            }
        return JSONResponse({"openapi": "3.0.3", "info": {"title": "Local Explorer"}, "paths": paths})

    async def namespaces(self, request: Request) -> Response:
        return _said([{"id": "KV", "title": "KV"}, {"id": "other", "title": "other"}], count=2)

    async def keys(self, request: Request) -> Response:
        prefix, after = request.query_params.get("prefix", ""), request.query_params.get("cursor", "")
        limit = int(request.query_params.get("limit", 1000))
        if not 10 <= limit <= 1000:
            return _failed(400, 10001, "limit: out of range")
        if "\0" in prefix:
            return _said([], count=0, cursor="")
        names = sorted(name for name in self.stored if name.startswith(prefix) and name > after)
        rows = []
        for name in names[:limit]:
            _, metadata, expiration = self.stored[name]
            more = {"metadata": metadata, "expiration": expiration}
            rows.append({"name": name} | {fact: given for fact, given in more.items() if given is not None})
        return _said(rows, count=len(rows), cursor=rows[-1]["name"] if len(names) > limit else "")

    async def value(self, request: Request) -> Response:
        segment = request.scope["raw_path"].decode().partition("/values/")[2]
        if "/" in segment:
            return PlainTextResponse("404 Not Found", 404)
        self.asked.append(f"{request.method} value")
        key = request.path_params["key"]
        if request.method == "GET":
            if key not in self.stored:
                return _failed(404, 10009, "get: 'key not found'")
            return Response(self.stored[key][0])
        if request.method == "DELETE":
            self.stored.pop(key, None)
            return _said({})
        if "multipart" in request.headers.get("content-type", ""):
            async with request.form() as form:
                value, metadata = form["value"], form.get("metadata")
                data = value.encode() if isinstance(value, str) else await value.read()
            self.stored[key] = (data, json.loads(str(metadata)) if metadata else None, None)
        else:
            self.stored[key] = (await request.body(), None, None)
        return _said({})

    async def bulk_write(self, request: Request) -> Response:
        self.asked.append("PUT bulk")
        pairs = await request.json()
        for pair in pairs:
            text = pair["value"]
            data = base64.b64decode(text) if pair.get("base64") else text.encode()
            expiration = pair.get("expiration") or (pair.get("expiration_ttl") and 2_000_000_000)
            self.stored[pair["key"]] = (data, pair.get("metadata"), expiration)
        return _said({"successful_key_count": len(pairs), "unsuccessful_keys": []})

    async def bulk_delete(self, request: Request) -> Response:
        self.asked.append("POST bulk/delete")
        names = await request.json()
        for name in names:
            self.stored.pop(name, None)
        return _said({"successful_key_count": len(names), "unsuccessful_keys": []})

    async def bulk_get(self, request: Request) -> Response:
        self.asked.append("POST bulk/get")
        names = (await request.json())["keys"]
        held = {
            name: self.stored[name][0].decode(errors="replace") if name in self.stored else None
            for name in names
        }
        return _said({"values": held})


def _said(result: Any, **info: Any) -> Response:
    body = {"success": True, "errors": [], "messages": [], "result": result}
    return JSONResponse(body | ({"result_info": info} if info else {}))


def _failed(status: int, code: int, message: str) -> Response:
    errors = [{"code": code, "message": message}]
    return JSONResponse({"success": False, "errors": errors, "messages": [], "result": None}, status)
