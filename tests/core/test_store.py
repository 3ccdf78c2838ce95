"""The read side over several accounts, of which a token may read only some."""

from __future__ import annotations

import httpx
import pytest

from kvtui.api.client import KVClient
from kvtui.api.errors import Denied, NamespaceNotFound, Refused
from kvtui.api.models import Namespace
from kvtui.core.store import Store, choose_namespace

DENIED = {"success": False, "errors": [{"code": 10000, "message": "Authentication error"}], "result": None}


def store(*, readable: str) -> Store:
    """A Store over two accounts, `a` and `b`, of which only `readable` lets its namespaces be listed."""

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path.endswith("/accounts"):
            found = [{"id": id, "name": id.upper()} for id in "ab"]
        elif f"/accounts/{readable}/storage" in path:
            found = [{"id": "1" * 32, "title": "flags"}]
        elif "/storage/" in path:
            return httpx.Response(403, json=DENIED)
        else:
            return httpx.Response(404, json=DENIED)
        return httpx.Response(200, json={"success": True, "errors": [], "messages": [], "result": found})

    transport = httpx.MockTransport(answer)
    return Store(KVClient("http://localhost/client/v4", transport=transport), label="test")


async def test_an_account_that_may_not_be_read_hides_no_other() -> None:
    refused, open_one = await store(readable="b").branches()
    assert (refused.account.id, refused.namespaces) == ("a", [])
    assert isinstance(refused.problem, Denied)
    assert open_one.namespaces == [Namespace("1" * 32, "flags", "b")]
    assert open_one.problem is None
    assert (await store(readable="b").find_namespace("flags")).account == "b"


async def test_where_no_account_may_be_read_the_reason_is_raised() -> None:
    with pytest.raises(Denied):
        await store(readable="none").branches()


def test_an_id_goes_before_a_title_and_a_title_must_be_unique() -> None:
    one, other, third = Namespace("x", "y", "a"), Namespace("y", "t", "a"), Namespace("z", "t", "b")
    assert choose_namespace([one, other], "y") is other
    with pytest.raises(Refused, match="id"):
        choose_namespace([other, third], "t")
    with pytest.raises(NamespaceNotFound):
        choose_namespace([one], "nothing")
