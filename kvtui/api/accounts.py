"""All that lies above the keys: the way to a server, its accounts, its tokens, its namespaces.

Facts: Cloudflare's OpenAPI description and API reference; for the explorer dialect, wrangler's
Local Explorer (4.84 to 4.164).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from msgspec.structs import replace

from kvtui.api import answers, bodies, limits
from kvtui.api.budget import Budget
from kvtui.api.calls import Answer, Call, segment
from kvtui.api.connection import Connection
from kvtui.api.credentials import Credentials, checked_base_url
from kvtui.api.errors import BadCredentials, Invalid, NamespaceNotFound, Unsupported
from kvtui.api.explorer import Dialect, is_cloudflare
from kvtui.api.models import Account, Namespace

if TYPE_CHECKING:
    from kvtui.api.retry import Retries
    from kvtui.api.wire import Transport

T = TypeVar("T")

ACCOUNTS_PER_PAGE = 50
SMALL_PAGE = 100
"""Namespaces a page, for a server that keeps to the 100 that the published description once named."""


class Accounts:
    """The part of the client that needs no key: KVClient adds the rest."""

    def __init__(
        self,
        base_url: str,
        credentials: Credentials | None = None,
        *,
        transport: Transport | None = None,
        read_only: bool = False,
        budget: Budget | None = None,
        retries: Retries | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.base_url = checked_base_url(base_url, credentials)
        self.budget = budget or (Budget.of_cloudflare() if is_cloudflare(self.base_url) else Budget())
        self._credentials = credentials
        self._connection = Connection(
            self.base_url,
            credentials,
            transport=transport,
            read_only=read_only,
            budget=self.budget,
            retries=retries,
            clock=clock,
        )

    @property
    def read_only(self) -> bool:
        """Whether every call that could change something is refused before it leaves."""
        return self._connection.read_only

    @read_only.setter
    def read_only(self, wanted: bool) -> None:
        self._connection.read_only = wanted

    # -- accounts and tokens ------------------------------------------------------------------------

    async def accounts(self) -> list[Account]:
        """All accounts that the credentials can see: maybe none, for a token that may only touch KV."""
        if await self.dialect() is Dialect.EXPLORER:
            return [Account("", "local")]
        return await self._all_pages("/accounts", ACCOUNTS_PER_PAGE, answers.accounts)

    async def verify_token(self, account: str = "") -> str:
        """How the credentials fare: "active", "disabled" or "expired"; "not needed" for an explorer.

        With an account, a token that the account owns is verified too. Raises BadCredentials.
        """
        if await self.dialect() is Dialect.EXPLORER:
            return "not needed"
        credentials = self._credentials
        if credentials and credentials.kind == "key":  # a key is no token: it works or it does not
            await self._send(Call("GET", "/user"), answers.done)
            return "active"
        owned = f"/accounts/{segment(account, 'an account id')}/tokens/verify" if account else ""
        if not (owned and credentials and credentials.owned_by_account):
            try:
                return await self._send(Call("GET", "/user/tokens/verify"), answers.status_word)
            except BadCredentials:
                if not owned:
                    raise
        return await self._send(Call("GET", owned), answers.status_word)

    # -- namespaces ---------------------------------------------------------------------------------

    async def namespaces(self, account: str) -> list[Namespace]:
        """All namespaces of an account."""
        home = await self._connection.home(account)
        try:
            found = await self._all_pages(home, limits.NAMESPACES_PER_PAGE_MAX, answers.namespaces)
        except Invalid as error:
            if error.code != 10008:
                raise
            found = await self._all_pages(home, SMALL_PAGE, answers.namespaces)
        return [replace(namespace, account=account) for namespace in found]

    async def namespace(self, account: str, id: str) -> Namespace:
        """One namespace by its id. Raises NamespaceNotFound, or Invalid when it cannot be an id."""
        if await self.dialect() is Dialect.EXPLORER:
            for namespace in await self.namespaces(account):
                if namespace.id == id:
                    return namespace
            raise NamespaceNotFound()
        path = await self._path(Namespace(id, "", account))
        return replace(await self._send(Call("GET", path), answers.namespace), account=account)

    async def create_namespace(self, account: str, title: str) -> Namespace:
        """Make a namespace. Never tried twice: a lost answer would leave two. Raises TitleTaken."""
        self._connection.refuse_if_read_only()
        body = bodies.title(title)
        await self._refuse_if_explorer("create namespaces")
        call = Call("POST", await self._connection.home(account), body=body, once=True)
        return replace(await self._send(call, answers.namespace), account=account)

    async def rename_namespace(self, namespace: Namespace, title: str) -> Namespace:
        """Give a namespace another title; its id and keys stay. Raises TitleTaken."""
        self._connection.refuse_if_read_only()
        body = bodies.title(title)
        await self._refuse_if_explorer("rename namespaces")
        renamed = await self._send(Call("PUT", await self._path(namespace), body=body), answers.renamed)
        return replace(namespace, title=renamed.title if renamed else title)

    async def remove_namespace(self, namespace: Namespace) -> None:
        """Remove a namespace **and every key in it**."""
        self._connection.refuse_if_read_only()
        await self._refuse_if_explorer("remove namespaces")
        try:
            await self._send(Call("DELETE", await self._path(namespace)), answers.done)
        except NamespaceNotFound as error:
            if error.attempts < 2:  # else the first try removed it and only its answer was lost
                raise

    # -- the server and the connection --------------------------------------------------------------

    async def dialect(self) -> Dialect:
        """Which dialect the server speaks: asked once, by GET of the base URL. Cloudflare is never asked."""
        return (await self._connection.abilities()).dialect

    async def aclose(self) -> None:
        """Close the connections. The client may be used again and then opens new ones."""
        await self._connection.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    # -- within -------------------------------------------------------------------------------------

    async def _send(self, call: Call, read: Callable[[Answer], T]) -> T:
        """What `read` makes of the answer to a call. Every method speaks through here."""
        return await self._connection.send(call, read)

    async def _path(self, namespace: Namespace, key: str | None = None) -> str:
        """The path of a namespace, or of a key's value in it."""
        if key is not None:
            bodies.check(limits.key_problem(key))
        below = segment(namespace.id, "a namespace id")
        path = f"{await self._connection.home(namespace.account)}/{below}"
        return path if key is None else f"{path}/values/{segment(key, 'a key name')}"

    async def _all_pages(
        self, path: str, per_page: int, read: Callable[[Answer], tuple[list[T], answers.PageInfo]]
    ) -> list[T]:
        """A numbered list, up to a page that is short, or that repeats itself because `page` is ignored."""
        found: list[T] = []
        page = 1
        while True:
            rows, info = await self._send(Call("GET", path, {"page": page, "per_page": per_page}), read)
            if not rows or rows[0] in found:
                return found
            found += rows
            if info.total_count is None:
                over = len(rows) < (info.per_page or per_page)
            else:
                over = len(found) >= info.total_count
            if over:
                return found
            page += 1

    async def _refuse_if_explorer(self, what: str) -> None:
        if await self.dialect() is Dialect.EXPLORER:
            raise Unsupported(
                f"wrangler's explorer cannot {what}, so nothing was changed.",
                "Do it in wrangler's configuration, or open the project's folder with --local DIR.",
            )
