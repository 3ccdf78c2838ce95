"""Real wrangler: over the same files, beside us, and against our server."""

from __future__ import annotations

import json
import random
from pathlib import Path
from threading import Thread

import pytest

from kvtui.api.models import Entry
from kvtui.local.server import ACCOUNT
from kvtui.local.state import KVState, open_state
from tests.local.kit import Served
from tests.peers import Dev, Peers

pytestmark = pytest.mark.peer

BYTES = random.Random(3).randbytes(100_000)
NAME = "a/b:é %2F"
EXPIRES = 2_000_000_000
"""wrangler itself takes no later --expiration than 2**31."""


def test_wrangler_reads_what_we_wrote_and_we_read_what_it_wrote(peers: Peers, tmp_path: Path) -> None:
    state = KVState(tmp_path / "state")
    pairs = state.pairs("abc123")
    pairs.write([(NAME, Entry(BYTES, '{"a":1}', EXPIRES)), ("gone", Entry(b"x")), ("old", Entry(b"x"))])
    here = ("--local", "--persist-to", str(state.folder), "--namespace-id", "abc123")

    def kv(*arguments: str) -> bytes:
        return peers.wrangler("kv", "key", *arguments, *here, cwd=tmp_path).stdout

    assert kv("get", NAME) == BYTES
    listed = json.loads(kv("list"))
    assert listed == [
        {"name": NAME, "expiration": EXPIRES, "metadata": {"a": 1}},
        {"name": "gone"},
        {"name": "old"},
    ]
    kv("put", "from wrangler", "välue", "--metadata", '{"m":[1]}', "--expiration", str(EXPIRES))
    kv("put", "old", "replaced")
    kv("delete", "gone")
    assert pairs.read("from wrangler") == Entry("välue".encode(), '{"m":[1]}', EXPIRES)
    assert pairs.read("old") == Entry(b"replaced")
    assert pairs.read("gone") is None
    assert [namespace.id for namespace in open_state(state.folder).namespaces()] == ["abc123"]


def test_wrangler_does_all_its_kv_commands_against_our_server(
    peers: Peers, served: Served, tmp_path: Path
) -> None:
    env = {
        "CLOUDFLARE_API_BASE_URL": served.base_url,
        "CLOUDFLARE_API_TOKEN": "any",
        "CLOUDFLARE_ACCOUNT_ID": ACCOUNT,
    }

    def kv(*arguments: str) -> bytes:
        return peers.wrangler("kv", *arguments, cwd=tmp_path, env=env).stdout

    kv("namespace", "create", "sessions")
    (made,) = json.loads(kv("namespace", "list"))
    assert (made["title"], len(made["id"])) == ("sessions", 32)
    there = ("--remote", "--namespace-id", made["id"])
    kv("namespace", "rename", "--namespace-id", made["id"], "--new-name", "renamed")
    (tmp_path / "bytes").write_bytes(BYTES)
    kv("key", "put", NAME, "--path", "bytes", *there)
    kv("key", "put", "with", "--path", "bytes", "--metadata", '{"m":1}', "--ttl", "600", *there)
    kv("key", "put", "text", "välue", *there)
    assert kv("key", "get", NAME, *there) == BYTES
    assert kv("key", "get", "with", *there) == BYTES
    listed = json.loads(kv("key", "list", *there))
    assert [row["name"] for row in listed] == [NAME, "text", "with"]
    assert listed[2]["metadata"] == {"m": 1}
    assert "expiration" in listed[2]
    assert [row["name"] for row in json.loads(kv("key", "list", "--prefix", "a/b:", *there))] == [NAME]
    kv("key", "delete", NAME, *there)

    bulk = [{"key": f"bulk:{number:04}", "value": str(number)} for number in range(1500)]
    (tmp_path / "put.json").write_text(json.dumps(bulk))
    kv("bulk", "put", "put.json", *there)
    assert len(json.loads(kv("key", "list", "--prefix", "bulk:", *there))) == 1500
    (tmp_path / "get.json").write_text(json.dumps(["bulk:0007", "text", "missing"]))
    got = kv("bulk", "get", "get.json", *there)
    assert "välue".encode() in got
    assert b"bulk:0007" in got
    (tmp_path / "delete.json").write_text(json.dumps([pair["key"] for pair in bulk]))
    kv("bulk", "delete", "delete.json", "--force", *there)
    assert [row["name"] for row in json.loads(kv("key", "list", *there))] == ["text", "with"]
    kv("namespace", "delete", "--namespace-id", made["id"], "--skip-confirmation")
    assert json.loads(kv("namespace", "list")) == []
    assert served.state.namespaces() == []


def test_a_running_wrangler_dev_and_we_see_each_others_writes(wrangler_dev: Dev) -> None:
    state = open_state(wrangler_dev.project)
    assert [(namespace.id, namespace.title) for namespace in state.namespaces()] == [
        ("cache-id", "CACHE"),
        ("kv-id", "KV"),
    ]
    ours = state.pairs("kv-id")
    for turn in range(3):
        value = BYTES + bytes([turn])
        assert wrangler_dev.ask("PUT", "/KV/theirs", value) == (200, value)
        assert ours.read("theirs") == Entry(value)
        ours.write([("ours", Entry(value)), (f"turn {turn}", Entry(b"", '{"a":1}', EXPIRES))])
        assert wrangler_dev.ask("GET", "/KV/ours") == (200, value)
    assert wrangler_dev.ask("DELETE", "/KV/ours")[0] == 404
    assert ours.read("ours") is None
    ours.delete(["theirs"])
    assert wrangler_dev.ask("GET", "/KV/theirs")[0] == 404
    assert [row.key for row in ours.page()[0]] == ["turn 0", "turn 1", "turn 2"]
    status, body = wrangler_dev.ask("GET", "/cdn-cgi/explorer/api/storage/kv/namespaces/kv-id/keys")
    assert status == 200
    listed = [{"name": f"turn {n}", "expiration": EXPIRES, "metadata": {"a": 1}} for n in range(3)]
    assert json.loads(body)["result"] == listed
    state.remove("kv-id")
    assert wrangler_dev.ask("GET", "/KV/turn%200")[0] == 404
    wrangler_dev.ask("PUT", "/KV/again", b"after the removal")
    assert state.pairs("kv-id").read("again") == Entry(b"after the removal")


def test_a_wrangler_dev_that_writes_is_not_disturbed_by_our_bulk_write(wrangler_dev: Dev) -> None:
    ours = open_state(wrangler_dev.project).pairs("kv-id")
    wrangler_dev.ask("PUT", "/KV/first", b"x")
    bulk = Thread(target=ours.write, args=([(f"k{number}", Entry(b"v")) for number in range(2000)],))
    bulk.start()
    answers = [wrangler_dev.ask("PUT", f"/KV/theirs{number}", b"v")[0] for number in range(40)]
    bulk.join()
    # workerd does not wait for a lock at all: each of our ten commits may hit one of its writes.
    assert answers.count(200) >= 30
    assert len(ours.page(prefix="k", limit=3000)[0]) == 2000
