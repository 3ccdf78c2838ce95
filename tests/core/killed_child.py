"""Processes that are killed: each line on stdin asks for one, its end is told on stdout.

A line is the JSON of an Errand. The imports are paid for once: this process has no threads, so that it may
fork a child for every errand, which runs a verb against a folder and dies on the way without any cleanup.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
from msgspec.structs import replace

from kvtui.api.client import KVClient
from kvtui.api.models import Entry, Namespace
from kvtui.core import plans
from kvtui.core.changes import KeyRef, Step
from kvtui.core.journal.journal import Journal
from kvtui.core.store import Store
from kvtui.local.server import ACCOUNT
from tests.core.kv import BINARY, KILL, KV, META, NOW, RETRIES, Clock, at_once, open_kv

OLD = Entry(BINARY, META, NOW + 7200)
THERE = Entry(b"something else", '{"mine":true}', None)
NEW = Entry(b"\x00new", META, NOW + 900)

World = dict[str, dict[str, Entry]]
"""Namespaces by title, and what is stored in them."""

FILLED: World = {"KV": {"old": OLD, "there": THERE}, "OTHER": {}, "third": {"old": OLD}}
RENAMED: World = FILLED | {"KV": {"there": OLD}}

AFTER: dict[str, World] = {
    "create": FILLED | {"KV": {"old": OLD, "there": THERE, "new": NEW}},
    "edit": FILLED | {"KV": {"old": replace(OLD, value=b"another"), "there": THERE}},
    "expire": FILLED | {"KV": {"old": replace(OLD, expiration=None), "there": THERE}},
    "copy": FILLED | {"OTHER": {"new": OLD}},
    "rename": RENAMED,
    "delete": FILLED | {"KV": {}},
    "undo of a rename": FILLED,
    "create namespace": FILLED | {"made": {}},
    "rename namespace": {"KV": FILLED["KV"], "OTHER": {}, "renamed": FILLED["third"]},
}
"""What each verb leads to when nothing kills it."""


def rename(namespace: Namespace) -> Step:
    return plans.rename(KeyRef(namespace, "old"), OLD, KeyRef(namespace, "there"), THERE)


async def third(kv: KV) -> Namespace:
    return next(one for one in await kv.honest.namespaces(ACCOUNT) if one.title == "third")


async def rename_namespace(kv: KV) -> object:
    return await kv.store.apply(plans.rename_namespace(await third(kv), "renamed"))


def apply(plan: Callable[[KV], Step]) -> Callable[[KV], Awaitable[object]]:
    return lambda kv: kv.store.apply(plan(kv))


VERBS: dict[str, Callable[[KV], Awaitable[object]]] = {
    "create": apply(lambda kv: plans.create(kv.ref("new"), NEW)),
    "edit": apply(lambda kv: plans.edit_value(kv.ref("old"), OLD, b"another")),
    "expire": apply(lambda kv: plans.expire(kv.ref("old"), OLD, None)),
    "copy": apply(lambda kv: plans.copy(OLD, kv.ref("new", kv.other), None)),
    "rename": apply(lambda kv: rename(kv.namespace)),
    "delete": apply(lambda kv: plans.delete([(kv.ref("old"), OLD), (kv.ref("there"), THERE)])),
    "undo of a rename": lambda kv: kv.store.undo(),
    "create namespace": apply(lambda kv: plans.create_namespace(ACCOUNT, "made")),
    "rename namespace": rename_namespace,
}


async def prepare(folder: Path, verb: str) -> World:
    """What is there before a verb."""
    async with open_kv(folder) as kv:
        extra = await kv.honest.create_namespace(ACCOUNT, "third")
        for namespace, pairs in ((kv.namespace, FILLED["KV"]), (extra, FILLED["third"])):
            for key, entry in pairs.items():
                await kv.honest.write(namespace, key, entry)
        if verb != "undo of a rename":
            return FILLED
        await kv.store.apply(rename(kv.namespace))
        return RENAMED


class Errand(msgspec.Struct):
    """Run a verb in a folder, and be killed at the request number `at`: before it or after it (`kind`).

    Or, with a `base_url`, rename there and be killed after so many `seconds`.
    """

    folder: str
    verb: str = "rename"
    kind: str = KILL
    at: int = 0
    base_url: str = ""
    namespace: Namespace | None = None
    seconds: float = 0.0


async def run(errand: Errand) -> None:
    folder = Path(errand.folder)
    if errand.namespace is not None:
        client = KVClient(errand.base_url, retries=RETRIES, clock=Clock())
        journal = Journal(folder / "journal", clock=Clock())
        store = Store(client, label="test", source="test", journal=journal, clock=Clock(), sleep=at_once)
        await store.apply(rename(errand.namespace))
        await store.close()
        return
    async with open_kv(folder) as kv:
        kv.wire.strike(errand.kind, errand.at)
        await VERBS[errand.verb](kv)


def born(errand: Errand) -> int:
    """A child at work; its process id."""
    if pid := os.fork():
        return pid
    try:
        asyncio.run(run(errand))
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def main() -> None:
    for line in sys.stdin:
        errand = msgspec.json.decode(line, type=Errand)
        pid = born(errand)
        if errand.namespace is not None:
            time.sleep(errand.seconds)
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
