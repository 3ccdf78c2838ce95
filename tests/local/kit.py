"""What the tests of the embedded server share."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

import httpx
from starlette.applications import Starlette

from kvtui.local.server import ACCOUNT, BASE
from kvtui.local.state import KVState

NOW = 1_800_000_000
HOME = f"{BASE}/accounts/{ACCOUNT}/storage/kv/namespaces"


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


@dataclass
class Api:
    """A plain HTTP client at the server, with the paths that tests need."""

    http: httpx.AsyncClient

    async def make(self, title: str = "KV") -> str:
        """Create a namespace; its path."""
        answer = await self.http.post(HOME, json={"title": title})
        assert answer.status_code == 200, answer.text
        return f"{HOME}/{answer.json()['result']['id']}"


@dataclass
class Served:
    """The app on a loopback port, over a state on disk, by the real clock."""

    state: KVState
    port: int

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}{BASE}"


def client_of(app: Starlette) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


def value_path(namespace: str, key: str) -> str:
    return f"{namespace}/values/{quote(key, safe='')}"


def error_of(answer: httpx.Response) -> tuple[int, int, str]:
    """Status, code and message of an enveloped failure."""
    body = answer.json()
    assert body["success"] is False
    assert body["result"] is None
    assert answer.headers["content-type"] == "application/json"
    return answer.status_code, body["errors"][0]["code"], body["errors"][0]["message"]
