"""Accounts and tokens: one account, and whoever asks is welcome in it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from kvtui.local.envelope import success
from kvtui.local.paging import page_of

CREATED = "2020-01-01T00:00:00Z"
NAME = "kvtui local"
EMAIL = "local@localhost"


class Identity:
    """The routes that say who one is."""

    def __init__(self, account: str) -> None:
        self._account = {"id": account, "name": NAME, "type": "standard", "created_on": CREATED}

    async def accounts(self, request: Request) -> Response:
        return page_of([self._account], request.query_params, least=1, most=1000)

    async def account(self, request: Request) -> Response:
        return success(self._account)

    async def memberships(self, request: Request) -> Response:
        roles = ["Super Administrator - All Privileges"]
        membership = {"id": "0" * 32, "status": "accepted", "account": self._account, "roles": roles}
        return page_of([membership], request.query_params, least=1, most=1000)

    async def user(self, request: Request) -> Response:
        return success({"id": "0" * 32, "email": EMAIL})

    async def verify(self, request: Request) -> Response:
        welcome = {"code": 10000, "message": "This API Token is valid and active", "type": None}
        return success({"id": "0" * 32, "status": "active"}, messages=(welcome,))
