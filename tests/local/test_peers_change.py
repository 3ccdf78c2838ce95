"""What kvtui changed, as other programs see it: the official SDK, wrangler, and a Worker in real workerd.

Keys are pressed in the real program, and a second client says what there was before and is after.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import cloudflare
import httpx
import pytest
from cloudflare import Cloudflare

from kvtui.api.models import Entry
from kvtui.local.server import ACCOUNT
from tests.e2e.conftest import Kvtui, Tmux, kvtui, tmux
from tests.local.kit import Served
from tests.peers import Dev, Peers
from tests.plain import Plain

__all__ = ["kvtui", "tmux"]

pytestmark = pytest.mark.peer

TEXT = "grüße\n".encode()
BINARY = bytes(range(256)) * 40
METADATA = {"v": 3, "who": "kö"}
AWKWARD = "a/b:é %2F"
LATER = int(time.time()) + 86_400

Seen = tuple[bytes, object, int | None] | None
"""Value, metadata and expiration, as another client has them; None for no such key."""


@dataclass
class Sdk:
    """The official Python SDK on one namespace."""

    kv: Cloudflare
    namespace: str

    def put(self, key: str, value: bytes, metadata: object = None, expiration: int | None = None) -> None:
        more = {} if metadata is None else {"metadata": metadata}
        if expiration is not None:
            more["expiration"] = expiration
        self.kv.kv.namespaces.values.update(
            key,
            account_id=ACCOUNT,
            namespace_id=self.namespace,
            value=value,
            **more,  # type: ignore[arg-type]
        )

    def see(self, key: str) -> Seen:
        """A key by all three ways of asking for it."""
        spaces = self.kv.kv.namespaces
        listed = [one for one in spaces.keys.list(self.namespace, account_id=ACCOUNT) if one.name == key]
        try:
            value = spaces.values.get(key, account_id=ACCOUNT, namespace_id=self.namespace).read()
        except cloudflare.NotFoundError:
            assert not listed
            return None
        metadata = spaces.metadata.get(key, account_id=ACCOUNT, namespace_id=self.namespace)
        expiration = listed[0].expiration
        assert listed[0].metadata == metadata
        return value, metadata, None if expiration is None else int(expiration)

    def names(self) -> list[str]:
        return [one.name for one in self.kv.kv.namespaces.keys.list(self.namespace, account_id=ACCOUNT)]


@pytest.fixture
def sdk(served: Served) -> Iterator[Sdk]:
    with Cloudflare(api_token="any", base_url=served.base_url, max_retries=0) as client:
        made = client.kv.namespaces.create(account_id=ACCOUNT, title="KV")
        assert made is not None
        reader = Sdk(client, made.id)
        reader.put(AWKWARD, TEXT, METADATA, LATER)
        reader.put("binary", BINARY, METADATA, LATER)
        reader.put("plain", b"-")
        yield reader


@pytest.fixture
def open_key(kvtui: Kvtui, tmp_path: Path) -> Callable[..., Tmux]:
    """Starts kvtui on a source, at the one key with a prefix, once its entry is read."""

    def start(*source: str, key: str, shows: str = "") -> Tmux:
        screen = kvtui(
            *source, "--namespace", "KV", "--prefix", key, env={"XDG_STATE_HOME": str(tmp_path / "state")}
        )
        screen.wait(f">  {key}", *([shows] if shows else []))
        return screen

    return start


def take_back(screen: Tmux, what: str) -> None:
    screen.keys("z")
    screen.wait("Take this back?")
    screen.keys("y")
    screen.wait(f"Taken back: {what}")


def save(screen: Tmux, *words: str, said: str = "Saved") -> None:
    screen.wait("y save" if said == "Saved" else "y create", *words)
    screen.keys("y")
    screen.wait(said)


def leave(screen: Tmux) -> None:
    screen.keys("q")
    assert screen.wait_exit() == 0


def edit_at_the_start(screen: Tmux, text: str) -> None:
    screen.keys("e")
    screen.wait("editing value")
    screen.type(text)
    screen.keys("C-s")


def rename_to(screen: Tmux, name: str) -> None:
    screen.keys("r")
    screen.wait("Rename a key")
    screen.keys("C-u")
    screen.type(name)
    screen.keys("Enter")
    screen.wait("Renamed to")


def wrangler_sees(peers: Peers, served: Served, sdk: Sdk, folder: Path, key: str) -> Seen:
    """A key, and all keys, as wrangler reads them from the embedded server."""
    env = {
        "CLOUDFLARE_API_BASE_URL": served.base_url,
        "CLOUDFLARE_API_TOKEN": "any",
        "CLOUDFLARE_ACCOUNT_ID": ACCOUNT,
    }
    there = ("--remote", "--namespace-id", sdk.namespace)
    listed = json.loads(peers.wrangler("kv", "key", "list", *there, cwd=folder, env=env).stdout)
    (row,) = [one for one in listed if one["name"] == key]
    value = peers.wrangler("kv", "key", "get", key, *there, cwd=folder, env=env).stdout
    return value, row.get("metadata"), row.get("expiration")


# kvtui serve, and the official SDK


def test_an_edit_keeps_metadata_and_expiration(
    served: Served, sdk: Sdk, open_key: Callable[..., Tmux], peers: Peers, tmp_path: Path
) -> None:
    before = sdk.see(AWKWARD)
    assert before == (TEXT, METADATA, LATER)
    screen = open_key("--api-url", served.base_url, key=AWKWARD, shows="8 B")
    edit_at_the_start(screen, "new ")
    save(screen, "changed", "kept")
    after = (b"new " + TEXT, METADATA, LATER)
    assert sdk.see(AWKWARD) == after
    assert wrangler_sees(peers, served, sdk, tmp_path, AWKWARD) == after
    take_back(screen, "edit")
    leave(screen)
    assert sdk.see(AWKWARD) == before


def test_a_rename_keeps_all_three_and_the_old_key_is_gone(
    served: Served, sdk: Sdk, open_key: Callable[..., Tmux], peers: Peers, tmp_path: Path
) -> None:
    before = sdk.see("binary")
    assert before == (BINARY, METADATA, LATER)
    screen = open_key("--api-url", served.base_url, key="binary", shows="10 KiB")
    rename_to(screen, "binary/é 2")
    assert sdk.see("binary") is None
    assert sdk.see("binary/é 2") == before
    assert wrangler_sees(peers, served, sdk, tmp_path, "binary/é 2") == before
    take_back(screen, "rename")
    leave(screen)
    assert sdk.see("binary") == before
    assert sdk.names() == [AWKWARD, "binary", "plain"]


def test_another_expiration_keeps_value_and_metadata_byte_for_byte(
    served: Served, sdk: Sdk, open_key: Callable[..., Tmux]
) -> None:
    before = sdk.see("binary")
    screen = open_key("--api-url", served.base_url, key="binary", shows="10 KiB")
    screen.keys("t")
    screen.wait("Expiration")
    screen.type("@2000000000")
    screen.keys("Enter")
    save(screen, "changed", "2033-05-18 03:33:20 UTC")
    assert sdk.see("binary") == (BINARY, METADATA, 2_000_000_000)
    screen.keys("t")
    screen.wait("Expiration")
    screen.keys("Down", "Enter")
    save(screen, "never")
    assert sdk.see("binary") == (BINARY, METADATA, None)
    take_back(screen, "expire")
    assert sdk.see("binary") == (BINARY, METADATA, 2_000_000_000)
    take_back(screen, "expire")
    leave(screen)
    assert sdk.see("binary") == before


def test_other_metadata_keep_value_and_expiration_byte_for_byte(
    served: Served, sdk: Sdk, open_key: Callable[..., Tmux]
) -> None:
    before = sdk.see("binary")
    screen = open_key("--api-url", served.base_url, key="binary", shows="10 KiB")
    screen.keys("m")
    screen.wait("editing metadata")
    screen.keys("Right")
    screen.type('"w": [1.50, "☃"],')
    screen.keys("C-s")
    save(screen, "metadata", "changed")
    assert sdk.see("binary") == (BINARY, {"w": [1.5, "☃"], **METADATA}, LATER)
    take_back(screen, "edit")
    leave(screen)
    assert sdk.see("binary") == before


def test_a_copy_is_the_whole_record_and_a_deletion_comes_back_whole(
    served: Served, sdk: Sdk, open_key: Callable[..., Tmux]
) -> None:
    before = sdk.see("binary")
    screen = open_key("--api-url", served.base_url, key="binary", shows="10 KiB")
    screen.keys("c")
    screen.wait("Copy a key")
    screen.type(".copy")
    screen.keys("Enter")
    screen.wait("Copied to binary.copy.")
    assert sdk.see("binary") == sdk.see("binary.copy") == before
    take_back(screen, "copy")
    assert sdk.names() == [AWKWARD, "binary", "plain"]
    screen.keys("d")
    screen.wait("Delete this key?", "with metadata")
    screen.keys("y")
    screen.wait("Deleted binary.")
    assert sdk.see("binary") is None
    take_back(screen, "delete")
    leave(screen)
    assert sdk.see("binary") == before


def test_a_new_key_with_metadata_and_an_expiration(
    served: Served, sdk: Sdk, open_key: Callable[..., Tmux]
) -> None:
    screen = open_key("--api-url", served.base_url, key="plain", shows="1 B")
    screen.keys("a")
    screen.wait("New key")
    screen.keys("C-u")
    screen.type("fresh")
    screen.keys("Enter")
    screen.wait("editing value")
    screen.type("vä 1")
    screen.keys("C-p")
    screen.wait("🔎")
    screen.type("Edit the metadata, as")
    screen.wait("Metadata: Edit")
    screen.keys("Enter")
    screen.wait("editing metadata")
    screen.type('{"by": "hand"}')
    screen.keys("C-p")
    screen.wait("🔎")
    screen.type("Choose when the key")
    screen.wait("Expiration: Choose")
    screen.keys("Enter")
    screen.wait("> keep it")
    screen.type("@2000000000")
    screen.keys("Enter")
    save(screen, "Create this key?", "2033-05-18", said="Created fresh.")
    assert sdk.see("fresh") == ("vä 1".encode(), {"by": "hand"}, 2_000_000_000)
    take_back(screen, "create")
    leave(screen)
    assert sdk.see("fresh") is None
    assert sdk.names() == [AWKWARD, "binary", "plain"]


def test_the_plain_commands_do_the_same(served: Served, sdk: Sdk, tmp_path: Path) -> None:
    plain = Plain(tmp_path, tmp_path / "state")

    def well(*arguments: str, stdin: bytes = b"") -> None:
        done = plain(*arguments, "--api-url", served.base_url, stdin=stdin, here=False)
        assert done.code == 0, done.said

    before = {key: sdk.see(key) for key in sdk.names()}
    well("put", "KV", AWKWARD, "-", stdin=BINARY)
    assert sdk.see(AWKWARD) == (BINARY, METADATA, LATER)
    well("put", "KV", "binary", "--expires", "@2000000000")
    assert sdk.see("binary") == (BINARY, METADATA, 2_000_000_000)
    well("mv", "KV", "binary", "moved")
    assert (sdk.see("binary"), sdk.see("moved")) == (None, (BINARY, METADATA, 2_000_000_000))
    well("put", "KV", "new", "--value", "1", "--metadata", "[1]", "--expires", "@2000000000")
    assert sdk.see("new") == (b"1", [1], 2_000_000_000)
    well("rm", "KV", AWKWARD, "plain")
    assert sdk.names() == ["moved", "new"]
    for _ in range(5):
        well("undo")
    assert {key: sdk.see(key) for key in sdk.names()} == before


# Real workerd


@dataclass
class Workerd:
    """A running `wrangler dev`: what its Worker and wrangler say of the namespace KV."""

    dev: Dev
    peers: Peers

    def value(self, key: str) -> bytes | None:
        """A key as the Worker reads it."""
        status, body = self.dev.ask("GET", f"/KV/{quote(key, safe='')}")
        return body if status == 200 else None

    def listed(self) -> dict[str, tuple[object, int | None]]:
        """Metadata and expiration of every key, as `wrangler kv key list --local` has them."""
        there = ("--local", "--namespace-id", "kv-id")
        rows = json.loads(self.peers.wrangler("kv", "key", "list", *there, cwd=self.dev.project).stdout)
        return {row["name"]: (row.get("metadata"), row.get("expiration")) for row in rows}

    def put(self, pairs: dict[str, Entry]) -> None:
        """Bulk PUT at the Local Explorer, which is how it takes an expiration."""
        rows = []
        for key, entry in pairs.items():
            row: dict[str, object] = {"key": key, "value": entry.value.decode("latin-1")}
            if entry.metadata is not None:
                row["metadata"] = json.loads(entry.metadata)
            if entry.expiration is not None:
                row["expiration"] = entry.expiration
            rows.append(row)
        there = f"{self.dev.explorer}/storage/kv/namespaces/kv-id/bulk"
        assert httpx.put(there, json=rows, timeout=60).status_code == 200


@pytest.fixture
def workerd(wrangler_dev: Dev, peers: Peers) -> Workerd:
    there = Workerd(wrangler_dev, peers)
    facts = json.dumps(METADATA, ensure_ascii=False)
    there.put({AWKWARD: Entry(b"first", facts, LATER), "plain": Entry(b"-")})
    assert there.value(AWKWARD) == b"first"
    return there


def test_real_workerd_keeps_what_kvtui_keeps(workerd: Workerd, open_key: Callable[..., Tmux]) -> None:
    asked = workerd.value
    kept = (METADATA, LATER)
    before = workerd.listed()
    assert before == {AWKWARD: kept, "plain": (None, None)}
    screen = open_key("--api-url", workerd.dev.explorer, key=AWKWARD, shows="5 B")

    edit_at_the_start(screen, "new ")
    save(screen, "changed", "kept")
    assert asked(AWKWARD) == b"new first"
    assert workerd.listed() == before
    take_back(screen, "edit")
    assert asked(AWKWARD) == b"first"

    screen.keys("t")
    screen.wait("Expiration")
    screen.type("@2000000000")
    screen.keys("Enter")
    save(screen, "changed")
    assert workerd.listed()[AWKWARD] == (METADATA, 2_000_000_000)
    assert asked(AWKWARD) == b"first"
    take_back(screen, "expire")

    rename_to(screen, f"{AWKWARD}.2")
    assert (asked(AWKWARD), asked(f"{AWKWARD}.2")) == (None, b"first")
    assert workerd.listed() == {f"{AWKWARD}.2": kept, "plain": (None, None)}
    take_back(screen, "rename")
    assert (asked(AWKWARD), asked(f"{AWKWARD}.2")) == (b"first", None)
    screen.wait(f"─ {AWKWARD} ─", "5 B")

    screen.keys("d")
    screen.wait("Delete this key?")
    screen.keys("y")
    screen.wait("Deleted")
    assert asked(AWKWARD) is None
    take_back(screen, "delete")
    assert asked(AWKWARD) == b"first"
    leave(screen)
    assert workerd.listed() == before


def test_real_workerd_takes_new_keys_and_no_namespaces(
    workerd: Workerd, open_key: Callable[..., Tmux], tmp_path: Path
) -> None:
    before = workerd.listed()
    source = ("--api-url", workerd.dev.explorer)
    plain = Plain(tmp_path, tmp_path / "state")
    put = ("put", "KV", "new", "-", "--metadata", '{"n":[1]}', "--expires", "@2000000000")
    done = plain(*put, *source, stdin=BINARY, here=False)
    assert done.code == 0, done.said
    assert workerd.value("new") == BINARY
    assert workerd.listed() == before | {"new": ({"n": [1]}, 2_000_000_000)}
    done = plain("undo", *source, here=False)
    assert done.code == 0, done.said
    assert workerd.value("new") is None
    assert workerd.listed() == before

    namespaces = "/cdn-cgi/explorer/api/storage/kv/namespaces"
    titles = workerd.dev.ask("GET", namespaces)
    screen = open_key(*source, key="plain", shows="1 B")
    screen.keys("1", "N")
    screen.wait("New namespace")
    screen.type("another")
    screen.keys("Enter")
    screen.wait("wrangler's explorer cannot create namespaces, so nothing was changed.")
    screen.keys("r")
    screen.wait("Rename the namespace")
    screen.type("X")
    screen.keys("Enter")
    screen.wait("wrangler's explorer cannot rename namespaces, so nothing was changed.")
    screen.keys("d")
    screen.wait("Remove this namespace?")
    screen.type("KV")
    screen.keys("Enter")
    screen.wait("wrangler's explorer cannot remove namespaces, so nothing was changed.")
    leave(screen)
    assert workerd.dev.ask("GET", namespaces) == titles
    assert workerd.listed() == before


def test_an_edit_beside_a_running_wrangler_dev_is_seen_at_once(
    workerd: Workerd, open_key: Callable[..., Tmux]
) -> None:
    screen = open_key("--local", str(workerd.dev.project), key="plain", shows="1 B")
    edit_at_the_start(screen, "seen ")
    save(screen)
    assert workerd.value("plain") == b"seen -"
    assert workerd.dev.ask("PUT", "/KV/plain", b"theirs")[0] == 200
    edit_at_the_start(screen, "mine ")
    screen.wait("y save")
    screen.keys("y")
    screen.wait("Changed by someone else")
    assert workerd.value("plain") == b"theirs"
    screen.answer("t", "Changed by someone else")
    screen.wait("theirs is shown")
    leave(screen)
    assert workerd.value("plain") == b"theirs"
    assert workerd.listed()[AWKWARD] == (METADATA, LATER)
