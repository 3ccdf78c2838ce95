"""The plain commands: for scripts, for pipes and for screen readers. They load nothing of Textual.

Here are those that look, and what all share: how they run, how they end, how they write.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import sys
from collections.abc import Awaitable, Callable
from functools import partial

import msgspec

from kvtui.api.errors import Denied, KVError, NotFound, ReadOnly, Refused
from kvtui.api.models import KeyInfo, Namespace
from kvtui.core.escape import safe_str
from kvtui.core.journal.errors import JournalFull, JournalUnusable
from kvtui.core.stops import Conflict, Stopped
from kvtui.core.store import Store

_NOT_PLAIN = re.compile(r"[^\x20-\x7e]")

FAILED, WRONG, MISSING, DENIED, OCCUPIED, INTERRUPTED, PIPE_CLOSED = 1, 2, 3, 4, 5, 130, 141

Command = Callable[[Store, argparse.Namespace], Awaitable[None]]


class Occupied(Refused):
    """Something is there already that is not to be written over."""


def run(flags: argparse.Namespace, open_store: Callable[[], Awaitable[Store]]) -> int:
    """Run a command on a source; returns the exit code, having said on standard error what went wrong."""

    async def with_store(command: Command) -> None:
        store = await open_store()
        try:
            await command(store, flags)
            sys.stdout.flush()
        finally:
            if _changes(flags):
                from kvtui.plain.applying import look_back

                await look_back(store)
            await store.close()

    return exit_code_of(lambda: asyncio.run(with_store(_command(flags))))


def _changes(flags: argparse.Namespace) -> bool:
    changing = ("put", "rm", "mv", "undo", "redo", "restore", "finish", "leave")
    return flags.command in changing or getattr(flags, "action", "") in changing


def _command(flags: argparse.Namespace) -> Command:
    """What carries this command out. A value that is given is read here: see changing.given_value."""
    match flags.command:
        case "ls":
            return ls
        case "get":
            return get
        case "put" | "rm" | "mv":
            from kvtui.plain import changing

            if flags.command == "put":
                return partial(changing.put, value=changing.given_value(flags))
            return changing.rm if flags.command == "rm" else changing.mv
        case "journal" if flags.action == "list":
            from kvtui.plain import journaling

            return journaling.list_here
        case "journal" if flags.action in ("finish", "leave"):
            from kvtui.plain import interrupted

            return interrupted.finish if flags.action == "finish" else interrupted.leave
        case _:
            from kvtui.plain import takingback

            by_name = {"undo": takingback.undo, "redo": takingback.redo}
            return by_name.get(flags.command, takingback.restore)


def exit_code_of(work: Callable[[], None]) -> int:
    """Do the work; returns the exit code, having said on standard error what went wrong."""
    # A lone surrogate is the one thing that UTF-8 cannot say; it must not end a listing.
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # TextIO in typeshed
    try:
        work()
        sys.stdout.flush()
    except BrokenPipeError:  # `kvtui ls | head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except KeyboardInterrupt:
        return INTERRUPTED
    except Stopped as stopped:
        from kvtui.plain.applying import stopped_words

        complain(stopped_words(stopped))
        return exit_code(stopped)
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
        case Conflict() | Occupied():
            return OCCUPIED
        case Stopped(unknown=True) | Stopped(error=Refused()):  # the journal's disk, or KV is too slow
            return FAILED
        case Stopped():
            return exit_code(error.error)
        case NotFound():
            return MISSING
        case Denied() | ReadOnly():
            return DENIED
        case JournalFull() | JournalUnusable():
            return FAILED
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
            print_line(show(key))
        sys.stdout.flush()


async def _ls_namespaces(store: Store, flags: argparse.Namespace) -> None:
    if flags.prefix:
        raise Refused("A prefix is one of keys, and no namespace is named.", "kvtui ls NAMESPACE --prefix P")
    branches = await store.branches()
    for branch in branches:
        for namespace in branch.namespaces:
            plain = f"{_shown(namespace.id)}  {_shown(namespace.title)}"
            print_line(namespace_json(namespace) if flags.json else plain)
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
        return plain_json(msgspec.json.encode(line).decode())
    except UnicodeEncodeError:  # half of a surrogate pair: JSON can say it, but only escaped
        name, rest = json.dumps(line.pop("name")), _json_line(line)
        return '{"name":' + name + ("," if line else "") + rest[1:]


def plain_json(text: str) -> str:
    """A line of JSON as it may be written here: in ASCII on a terminal, where it says the same."""
    return _NOT_PLAIN.sub(_json_escape, text) if sys.stdout.isatty() else text


def _json_escape(found: re.Match[str]) -> str:
    """A character as JSON spells it in ASCII, so that it cannot touch the terminal."""
    units = (
        found[0].encode("utf-16-be", "surrogatepass").hex(" ", 2).split()
    )  # astral characters are two of them
    return "".join(f"\\u{unit}" for unit in units)


def _shown(name: str) -> str:
    return safe_str(name) if sys.stdout.isatty() else name


def print_line(line: str) -> None:
    """Write a line that is safe where standard output leads."""
    sys.stdout.write(line + "\n")
