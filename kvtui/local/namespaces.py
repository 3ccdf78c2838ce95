"""The routes of namespaces: list, create, get, rename, remove."""

from __future__ import annotations

import asyncio

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from kvtui.api import limits
from kvtui.api.models import Namespace
from kvtui.local import bodies
from kvtui.local.envelope import Refusal, success
from kvtui.local.paging import page_of
from kvtui.local.state import KVState, TitleTaken


class TitleBody(Struct):
    title: str | None = None


class Namespaces:
    """Reads and changes a state's namespaces. `{id}` in the path has been seen to exist."""

    def __init__(self, state: KVState) -> None:
        self._state = state

    async def list(self, request: Request) -> Response:
        query = request.query_params
        order, direction = query.get("order") or "id", query.get("direction") or "asc"
        if order not in ("id", "title"):
            raise Refusal(400, 10043, f"invalid order argument '{order[:40]}'")
        if direction not in ("asc", "desc"):
            raise Refusal(400, 10044, f"invalid direction argument '{direction[:40]}'")
        found = await asyncio.to_thread(self._state.namespaces)
        found.sort(key=lambda namespace: namespace.id if order == "id" else namespace.title)
        if direction == "desc":
            found.reverse()
        shown = [as_shown(namespace) for namespace in found]
        return page_of(
            shown, query, least=limits.NAMESPACES_PER_PAGE_MIN, most=limits.NAMESPACES_PER_PAGE_MAX
        )

    async def create(self, request: Request) -> Response:
        title = await _title(request, "create namespace")
        try:
            return success(as_shown(await asyncio.to_thread(self._state.create, title)))
        except TitleTaken:
            raise _taken("create namespace") from None

    async def get(self, request: Request, id: str) -> Response:
        found = await asyncio.to_thread(self._state.find, id)
        return success(as_shown(found or Namespace(id, id)))

    async def rename(self, request: Request, id: str) -> Response:
        title = await _title(request, "rename namespace")
        try:
            return success(as_shown(await asyncio.to_thread(self._state.rename, id, title)))
        except TitleTaken:
            raise _taken("rename namespace") from None

    async def remove(self, request: Request, id: str) -> Response:
        await asyncio.to_thread(self._state.remove, id)
        return success(None)


def as_shown(namespace: Namespace) -> dict[str, object]:
    """A namespace as the API shows it."""
    return {"id": namespace.id, "title": namespace.title, "supports_url_encoding": True}


async def _title(request: Request, operation: str) -> str:
    title = (await bodies.read_json(request, TitleBody, bodies.SMALL, operation)).title
    if not title:
        raise Refusal(400, 10019, "request is missing a title definition")
    if len(title) > limits.TITLE_CHARS:
        raise Refusal(400, 10019, f"{operation}: 'a title is at most {limits.TITLE_CHARS} characters'")
    return title


def _taken(operation: str) -> Refusal:
    said = "a namespace with this account ID and title already exists"
    return Refusal(400, 10014, f"{operation}: '{said}'")
