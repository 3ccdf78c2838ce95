"""A server as the client knows it: where it is, what it speaks, whether it may be changed, and the way in."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

from kvtui.api.budget import Budget
from kvtui.api.calls import Answer, Call, segment
from kvtui.api.credentials import Credentials
from kvtui.api.errors import KVError, RateLimited, ReadOnly, Refused, ServerFault, Unreachable
from kvtui.api.explorer import Abilities, Dialect, abilities_of, is_cloudflare

if TYPE_CHECKING:
    from kvtui.api.retry import Retries
    from kvtui.api.wire import Transport, Wire

T = TypeVar("T")


class Connection:
    """The way to one server. Nothing is loaded or opened before the first call."""

    def __init__(
        self,
        base_url: str,
        credentials: Credentials | None,
        *,
        transport: Transport | None,
        read_only: bool,
        budget: Budget,
        retries: Retries | None,
        clock: Callable[[], float],
    ) -> None:
        self.read_only = read_only
        self._base_url = base_url
        self._credentials = credentials
        self._transport = transport
        self._budget = budget
        self._retries = retries
        self._clock = clock
        self._abilities = Abilities() if is_cloudflare(base_url) else None
        self._wire: Wire | None = None
        self._opening = asyncio.Lock()
        self._asking = asyncio.Lock()

    async def send(self, call: Call, read: Callable[[Answer], T]) -> T:
        """What `read` makes of the answer. The last wall of read-only stands here."""
        if call.changes:
            self.refuse_if_read_only()
        if self._wire is None:
            async with self._opening:
                if self._wire is None:
                    self._wire = await asyncio.to_thread(self._open)
        return await self._wire.send(call, read)

    async def abilities(self) -> Abilities:
        """What the server can do, by GET of its base URL. Cloudflare's own is known without asking."""
        async with self._asking:
            if self._abilities is None:
                try:
                    self._abilities = await self.send(
                        Call("GET", ""), lambda answer: abilities_of(answer.body)
                    )
                except (Unreachable, ServerFault, RateLimited, Refused):
                    raise
                except KVError:  # it answers, though not with a description of itself
                    self._abilities = Abilities()
            return self._abilities

    async def home(self, account: str) -> str:
        """The path of an account's namespaces; an explorer knows no accounts."""
        if (await self.abilities()).dialect is Dialect.EXPLORER:
            return "/storage/kv/namespaces"
        if not account:
            raise Refused("No account is named, so no request was sent.", "Name one with --account ID.")
        return f"/accounts/{segment(account, 'an account id')}/storage/kv/namespaces"

    def refuse_if_read_only(self) -> None:
        if self.read_only:
            raise ReadOnly()

    async def aclose(self) -> None:
        async with self._opening:
            wire, self._wire = self._wire, None
        if wire is not None:
            await wire.aclose()

    def _open(self) -> Wire:
        # httpx loads its own command line wherever click is installed: 40 ms that this keeps it from.
        cast(Any, sys.modules).setdefault("httpx._main", None)
        from kvtui.api.retry import Retries
        from kvtui.api.wire import Wire

        return Wire(
            self._base_url,
            self._credentials,
            self._transport,
            budget=self._budget,
            retries=self._retries or Retries(),
            clock=self._clock,
        )
