"""Listing 100,000 keys by one cursor: kvtui's listing beside bare httpx and the official Python SDK.

The server is a process of its own on loopback that sends pages made beforehand, so that what is
measured is the client. Every side runs in a fresh process, and its imports are not counted.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from statistics import median
from urllib.parse import parse_qs, urlsplit

from tests.bench.pty import PROJECT

Row = tuple[str, str, str]

KEYS, PER_PAGE = 100_000, 1000
ACCOUNT, NAMESPACE, TOKEN = "a" * 32, "b" * 32, "a-token"


def run(rounds: int = 5, slow_rounds: int = 1) -> list[Row]:
    """Two rows a latency: against httpx, whose JSON the standard library reads, and against the SDK."""
    rows: list[Row] = []
    for latency_ms, repeat, target in ((0, rounds, ""), (50, slow_rounds, " (target 1.1 x)")):
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in SIDES}
        with serving(latency_ms / 1000) as port:
            for _ in range(repeat):
                for name in SIDES:
                    taken[name].append(_measured(name, port))
        seconds = {name: median(each[0] for each in measured) for name, measured in taken.items()}
        memory = {name: median(each[1] for each in measured) for name, measured in taken.items()}
        ours = seconds["kvtui"]
        for name, words in (("httpx", "httpx, names only"), ("sdk", "Python SDK")):
            ratio = f"{ours / seconds[name]:.2f} x" + (target if name == "httpx" else "")
            rows.append(
                (
                    f"list {KEYS:,} keys, {latency_ms} ms a page",
                    f"{ours:.2f} s, {memory['kvtui']:.0f} MiB = {ratio}",
                    f"{words}: {seconds[name]:.2f} s, {memory[name]:.0f} MiB",
                )
            )
    return rows


def _measured(side: str, port: int) -> tuple[float, float]:
    """Seconds that a side took, and the MiB that its process held at most."""
    argv = [sys.executable, "-m", "tests.bench.listing", side, str(port)]
    out = subprocess.run(argv, cwd=PROJECT, stdout=subprocess.PIPE, check=True).stdout.split()
    assert int(out[2]) == KEYS, f"{side} listed {out[2].decode()} keys"
    return float(out[0]), float(out[1])


# The sides: each lists everything and returns how many keys it got


async def by_kvtui(base_url: str) -> int:
    """The client, and the listing that the key list shows: names, expirations and metadata, in columns."""
    from kvtui.api.client import KVClient
    from kvtui.api.credentials import Credentials
    from kvtui.api.models import Namespace
    from kvtui.core.store import Store

    async with KVClient(base_url, Credentials.token(TOKEN)) as client:
        listing = Store(client, label="bench").listing(Namespace(NAMESPACE, "bench", ACCOUNT))
        await listing.load_all()
        return len(listing.table)


async def by_httpx(base_url: str) -> int:
    """The least one can do: a loop over pages that keeps the names."""
    import httpx

    names: list[str] = []
    url = f"{base_url}/accounts/{ACCOUNT}/storage/kv/namespaces/{NAMESPACE}/keys"
    params = {"limit": str(PER_PAGE)}
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"}) as client:
        while True:
            page = json.loads((await client.get(url, params=params)).content)
            names += [key["name"] for key in page["result"]]
            if not (cursor := page["result_info"]["cursor"]):
                return len(names)
            params["cursor"] = cursor


async def by_sdk(base_url: str) -> int:
    """The official SDK's own way through all pages."""
    from cloudflare import AsyncCloudflare

    names: list[str] = []
    async with AsyncCloudflare(base_url=base_url, api_token=TOKEN) as client:
        pages = client.kv.namespaces.keys.list(NAMESPACE, account_id=ACCOUNT, limit=PER_PAGE)
        async for key in pages:
            names.append(key.name)
    return len(names)


SIDES: dict[str, Callable[[str], Coroutine[None, None, int]]] = {
    "httpx": by_httpx,
    "kvtui": by_kvtui,
    "sdk": by_sdk,
}
IMPORTS = {
    "httpx": ["httpx"],
    "kvtui": ["httpx", "kvtui.api.client", "kvtui.core.store"],
    "sdk": ["httpx", "cloudflare"],
}


def run_side(name: str, port: int) -> None:
    """In the side's own process: import, list, print seconds, MiB and the count."""
    import resource

    for module in IMPORTS[name]:
        importlib.import_module(module)
    started = time.perf_counter()
    count = asyncio.run(SIDES[name](f"http://127.0.0.1:{port}/client/v4"))
    took = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(took, peak / (1024 * 1024 if sys.platform == "darwin" else 1024), count)


# The server


@contextmanager
def serving(latency: float) -> Iterator[int]:
    """A server in a process of its own, on the port that is given; `latency` in seconds an answer."""
    argv = [sys.executable, "-m", "tests.bench.listing", "serve", str(latency)]
    with subprocess.Popen(argv, cwd=PROJECT, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        yield int(server.stdout.readline())
        server.kill()


async def serve(latency: float) -> None:
    """Answer key listings from pages made beforehand; the cursor is the number of the next page."""
    pages = [_answer(200, _page(number)) for number in range(KEYS // PER_PAGE)]
    unknown = _answer(
        404, b'{"success":false,"errors":[{"code":7003,"message":"no route"}],"messages":[],"result":null}'
    )

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await _request(reader):
            target = urlsplit(request.split()[1].decode())
            await asyncio.sleep(latency)
            if target.path.endswith(f"/namespaces/{NAMESPACE}/keys"):
                writer.write(pages[int(parse_qs(target.query).get("cursor", ["0"])[0])])
            else:
                writer.write(unknown)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def _request(reader: asyncio.StreamReader) -> bytes:
    """The head of the next request, empty at the end. Listings have no body."""
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionResetError):
        return b""


def _page(number: int) -> bytes:
    """Half of the keys expire, a third have metadata."""
    keys: list[dict[str, object]] = []
    for index in range(number * PER_PAGE, (number + 1) * PER_PAGE):
        key: dict[str, object] = {"name": f"user:{index:08d}:session:{index * 2654435761 % 10**9:09d}"}
        if index % 2:
            key["expiration"] = 1_900_000_000 + index
        if index % 3 == 0:
            key["metadata"] = {"v": index % 7, "owner": f"team-{index % 40}"}
        keys.append(key)
    last = number == KEYS // PER_PAGE - 1
    info = {"count": len(keys), "cursor": "" if last else str(number + 1)}
    body = {"result": keys, "success": True, "errors": [], "messages": [], "result_info": info}
    return json.dumps(body, separators=(",", ":")).encode()


def _answer(status: int, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", seconds]:
            asyncio.run(serve(float(seconds)))
        case [side, port]:
            run_side(side, int(port))
        case _:
            from tests.bench.__main__ import show

            show(run())
