"""The plain commands: for scripts, for pipes and for screen readers. They load nothing of Textual."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import sys
from collections.abc import Awaitable, Callable

import msgspec

from kvtui.api.errors import Denied, KVError, NotFound, Refused
from kvtui.api.models import KeyInfo, Namespace
from kvtui.core.escape import safe_str
from kvtui.core.store import Store

_NOT_PLAIN = re.compile(r"[^\x20-\x7e]")

FAILED, WRONG, MISSING, DENIED, INTERRUPTED, PIPE_CLOSED = 1, 2, 3, 4, 130, 141


def run(flags: argparse.Namespace, open_store: Callable[[], Awaitable[Store]]) -> int:
    """Run `ls` or `get`; returns the exit code, having said on standard error what went wrong."""
    command = {"ls": ls, "get": get}[flags.command]

    # A lone surrogate is the one thing that UTF-8 cannot say; it must not end a listing.
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # TextIO in typeshed

    async def with_store() -> None:
        store = await open_store()
        try:
            await command(store, flags)
            sys.stdout.flush()
        finally:
            await store.close()

    try:
        asyncio.run(with_store())
    except BrokenPipeError:  # `kvtui ls | head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except KeyboardInterrupt:
        return INTERRUPTED
    except KVError as error:
        complain(str(error))
        return exit_code(error)
    except OSError as error:  # the output's disk is full, or gone
        complain(f"The output could not be written: {error.strerror or error}.")
        return FAILED
    return 0


def complain(words: str) -> None:
    """Say on standard error what went wrong."""
    print(f"kvtui: {safe_str(words)}", file=sys.stderr)


def exit_code(error: KVError) -> int:
    """The exit code that tells a script what kind of failure this was."""
    match error:
        case NotFound():
            return MISSING
        case Denied():
            return DENIED
        case Refused():
            return WRONG
        case _:
            return FAILED


async def ls(store: Store, flags: argparse.Namespace) -> None:
    """List the namespaces, or a namespace's keys page by page as they come."""
    if not flags.namespace:
        await _ls_namespaces(store, flags)
        return
    namespace = await store.find_namespace(flags.namespace)
    show = key_json if flags.json else lambda key: _shown(key.name)
    async for page in store.pages(namespace, flags.prefix):
        for key in page.keys:
            _print_line(show(key))
        sys.stdout.flush()


async def _ls_namespaces(store: Store, flags: argparse.Namespace) -> None:
    if flags.prefix:
        raise Refused("A prefix is one of keys, and no namespace is named.", "kvtui ls NAMESPACE --prefix P")
    branches = await store.branches()
    for branch in branches:
        for namespace in branch.namespaces:
            plain = f"{_shown(namespace.id)}  {_shown(namespace.title)}"
            _print_line(namespace_json(namespace) if flags.json else plain)
    for branch in branches:
        if branch.problem is not None:
            raise branch.problem  # what could be listed is listed; the exit code tells of the rest


async def get(store: Store, flags: argparse.Namespace) -> None:
    """Write a value: its very bytes, or, on a terminal, escaped so that they cannot touch it."""
    namespace = await store.find_namespace(flags.namespace)
    value = await store.value(namespace, flags.key)
    if sys.stdout.isatty() and not flags.raw:
        for line in value.decode(errors="surrogateescape").split("\n"):
            print(safe_str(line))
    else:
        sys.stdout.buffer.write(value)


def namespace_json(namespace: Namespace) -> str:
    """A namespace as one line of JSON."""
    return _json_line({"id": namespace.id, "title": namespace.title, "account": namespace.account})


def key_json(key: KeyInfo) -> str:
    """A key as one line of JSON: name, and expiration and metadata where it has them."""
    line: dict[str, object] = {"name": key.name}
    if key.expiration is not None:
        line["expiration"] = key.expiration
    if (metadata := key.metadata_text) is not None:
        line["metadata"] = msgspec.Raw(msgspec.json.format(metadata.encode(), indent=-1))
    return _json_line(line)


def _json_line(line: dict[str, object]) -> str:
    try:
        text = msgspec.json.encode(line).decode()
        return _NOT_PLAIN.sub(_json_escape, text) if sys.stdout.isatty() else text
    except UnicodeEncodeError:  # half of a surrogate pair: JSON can say it, but only escaped
        name, rest = json.dumps(line.pop("name")), _json_line(line)
        return '{"name":' + name + ("," if line else "") + rest[1:]


def _json_escape(found: re.Match[str]) -> str:
    """A character as JSON spells it in ASCII, so that it cannot touch the terminal."""
    units = found[0].encode("utf-16-be").hex(" ", 2).split()  # astral characters are two of them
    return "".join(f"\\u{unit}" for unit in units)


def _shown(name: str) -> str:
    return safe_str(name) if sys.stdout.isatty() else name


def _print_line(line: str) -> None:
    sys.stdout.write(line + "\n")
