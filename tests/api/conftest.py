"""Clients that retry at once and are closed in the end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from kvtui.api.client import KVClient
from tests.api.kit import AT_ONCE, MakeClient, Speaker


@pytest.fixture
async def client_of() -> AsyncIterator[MakeClient]:
    async with AsyncExitStack() as closing:
        made: list[KVClient] = []

        def make(
            transport: Any, base_url: str = "https://api.cloudflare.com/client/v4", **options: Any
        ) -> KVClient:
            transport = transport.transport if isinstance(transport, Speaker) else transport
            made.append(KVClient(base_url, transport=transport, **{"retries": AT_ONCE, **options}))
            return made[-1]

        yield make
        for client in made:
            await closing.enter_async_context(client)
