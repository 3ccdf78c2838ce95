"""The command line: what may be said on it, and what contradicts itself."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from kvtui import __version__

if TYPE_CHECKING:
    Parsers = argparse._SubParsersAction[argparse.ArgumentParser]

EXITS = """\
exit codes:
  0    done
  1    the server, the network or the journal failed, or nobody knows whether a change arrived
  2    the command was wrong, or there is nowhere to look
  3    no such namespace, key or step
  4    these credentials may not do that, or the session is read-only
  5    something else is there than was read, or something that is not to be written over
  130  interrupted
  141  the reader of the output went away
"""


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The flags; ends the program where they contradict each other."""
    top = parser()
    flags, rest = top.parse_known_args(argv)
    if flags.command == "put":
        # Behind a flag argparse no longer takes a positional argument that may be missing.
        flags.stdin = bool(flags.stdin) or rest == ["-"] or flags.file == "-"
        rest = [] if rest == ["-"] else rest
        sources = [flags.stdin, flags.value is not None, flags.file not in (None, "-")]
        if sum(sources) > 1:
            top.error("give one value: --value V, --file F or - (standard input)")
    if rest:
        top.error(f"unrecognized arguments: {' '.join(map(ascii, rest))}")
    if [] in vars(flags).values():
        top.error('the name "--" cannot be given on a command line')
    if flags.prefix and flags.command not in (None, "ls", "get", "serve"):
        top.error("--prefix is for kvtui ls: a change names its keys")
    if sum([flags.demo, flags.local is not None, bool(flags.api_url)]) > 1:
        top.error("name one source: --demo, --local DIR or --api-url URL")
    if flags.command == "serve" and (flags.demo or flags.api_url or flags.read_only):
        top.error(
            "serve takes --local DIR, --account ID, --host and --port; what it serves can be written to"
        )
    return flags


def parser() -> argparse.ArgumentParser:
    """The whole command line. Source flags are understood before and after a command."""
    top = argparse.ArgumentParser(
        prog="kvtui",
        description="The terminal explorer for Cloudflare Workers KV. With no command it opens the program.",
        epilog=EXITS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[_source_flags(top=True)],
    )
    top.add_argument("--version", action="version", version=f"kvtui {__version__}")
    top.add_argument("--namespace", metavar="NAMESPACE", default="", help="open this namespace (title or id)")
    top.add_argument(
        "--clipboard",
        choices=("auto", "native", "tmux", "osc52", "file", "none"),
        help="how to copy (default: auto; or KVTUI_CLIPBOARD)",
    )
    commands = top.add_subparsers(dest="command", metavar="COMMAND")
    shared = _source_flags(top=False)

    ls = commands.add_parser("ls", parents=[shared], help="list namespaces, or the keys of one")
    ls.add_argument(
        "namespace", nargs="?", default=argparse.SUPPRESS, metavar="NAMESPACE", help="title or id"
    )
    ls.add_argument("--json", action="store_true", help="JSON Lines: name, expiration, metadata")

    get = commands.add_parser("get", parents=[shared], help="write a value's bytes to standard output")
    get.add_argument("namespace", metavar="NAMESPACE", help="title or id")
    get.add_argument("key", metavar="KEY")
    get.add_argument("--raw", action="store_true", help="raw bytes even when standard output is a terminal")

    _add_changes(commands, shared)

    serve = commands.add_parser("serve", help="serve a project's local KV over HTTP on 127.0.0.1")
    serve.add_argument(
        "--local", metavar="DIR", default=argparse.SUPPRESS, help="project, .wrangler or --persist-to folder"
    )
    serve.add_argument("--host", default="127.0.0.1", help="a loopback address (default: 127.0.0.1)")
    serve.add_argument("--port", type=int, default=8799)
    serve.add_argument(
        "--account",
        metavar="ID",
        default=argparse.SUPPRESS,
        help="account id to serve under (default: zeros)",
    )
    return top


def _add_changes(commands: Parsers, shared: argparse.ArgumentParser) -> None:
    """The commands of change. A key that begins with a dash goes behind `--`, after every flag."""
    put = commands.add_parser(
        "put",
        parents=[shared],
        help="store a value, metadata or an expiration; what is not given stays",
        epilog="A key that begins with a dash goes last, behind --.",
    )
    put.add_argument("namespace", metavar="NAMESPACE", help="title or id")
    put.add_argument("key", metavar="KEY")
    put.add_argument("stdin", nargs="?", choices=("-",), metavar="-", help="the value from standard input")
    put.add_argument("--value", metavar="V", help="the value, as text")
    put.add_argument("--file", metavar="F", help="the value, from a file")
    put.add_argument("--metadata", metavar="JSON", help="JSON of at most 1,024 bytes; null removes it")
    put.add_argument("--expires", metavar="WHEN", help="90m, 2d12h, +1w, a date (UTC), @UNIX-SECONDS, never")

    rm = commands.add_parser("rm", parents=[shared], help="delete keys, or none of them if one is missing")
    rm.add_argument("namespace", metavar="NAMESPACE", help="title or id")
    rm.add_argument("keys", metavar="KEY", nargs="+")
    rm.add_argument("--yes", action="store_true", help="also more than 10 keys")

    mv = commands.add_parser("mv", parents=[shared], help="rename a key, also into another namespace")
    mv.add_argument("namespace", metavar="NAMESPACE", help="title or id")
    mv.add_argument("key", metavar="KEY")
    mv.add_argument("new", metavar="NEW")
    mv.add_argument("--to", metavar="NAMESPACE", help="title or id of another namespace")
    mv.add_argument("--overwrite", action="store_true", help="also onto a key that is there")

    undo = commands.add_parser("undo", parents=[shared], help="take the newest step back, or the one named")
    redo = commands.add_parser("redo", parents=[shared], help="make a step again that was taken back")
    for action in (undo, redo):
        action.add_argument("id", nargs="?", type=int, metavar="ID", help="as kvtui journal list tells it")
        action.add_argument("--yes", action="store_true", help="do not ask; also to remove a namespace")
    _add_journal(commands, shared)


def _add_journal(commands: Parsers, shared: argparse.ArgumentParser) -> None:
    """The commands of the journal."""
    journal = commands.add_parser("journal", help="what was changed, and what was there before")
    actions = journal.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", parents=[shared], help="the steps, the newest first")
    listing.add_argument("--all", action="store_true", help="of every source; needs none")
    show = actions.add_parser("show", parents=[shared], help="a step's changes; needs no source")
    export = actions.add_parser(
        "export", parents=[shared], help="the records before and after, as JSON Lines; needs no source"
    )
    purge = actions.add_parser(
        "purge", parents=[shared], help="remove steps that have ended; needs no source"
    )
    purge.add_argument("--older-than", type=float, metavar="DAYS", help="only steps older than this")
    purge.add_argument("--yes", action="store_true", help="do not ask")
    restore = actions.add_parser("restore", parents=[shared], help="bring back what was there before a step")
    finish = actions.add_parser("finish", parents=[shared], help="go on with an interrupted step")
    finish.add_argument("--yes", action="store_true", help="also to remove a namespace")
    leave = actions.add_parser("leave", parents=[shared], help="end an interrupted step as it is")
    for action in (listing, show):
        action.add_argument("--json", action="store_true", help="JSON, one line a step")
    for action in (show, export, restore, finish, leave):
        action.add_argument("id", type=int, metavar="ID", help="the step's number")
    export.add_argument("file", nargs="?", metavar="FILE", help="a new file, for you alone")
    restore.add_argument(
        "index", nargs="?", type=int, metavar="INDEX", help="of one change, as show tells it"
    )


def _source_flags(*, top: bool) -> argparse.ArgumentParser:
    """The flags that say where to look. Below the top they set nothing unless given."""
    flags = argparse.ArgumentParser(add_help=False)
    where = flags.add_mutually_exclusive_group()

    def default(value: object) -> object:
        return value if top else argparse.SUPPRESS

    where.add_argument(
        "--demo", action="store_true", default=default(False), help="a private copy of sample data"
    )
    where.add_argument(
        "--local", metavar="DIR", default=default(None), help="a project's local wrangler state"
    )
    where.add_argument(
        "--api-url", metavar="URL", default=default(""), help="a server that speaks the KV API"
    )
    flags.add_argument("--account", metavar="ID", default=default(""), help="look at this account only")
    flags.add_argument("--prefix", default=default(""), help="only keys that begin with this")
    flags.add_argument("--read-only", action="store_true", default=default(False), help="refuse every write")
    flags.add_argument(
        "--no-journal",
        action="store_true",
        default=default(False),
        help="keep nothing to take changes back with",
    )
    return flags
