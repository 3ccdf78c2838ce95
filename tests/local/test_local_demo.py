"""The demo's sample: plausible, hostile, and the same every time."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from kvtui.api import limits
from kvtui.local import sample
from kvtui.local.demo import make_demo
from kvtui.local.server import create_app
from kvtui.local.state import KVState
from tests.local.kit import HOME, NOW, Clock, client_of, value_path


@pytest.fixture
def small(folder: Path, clock: Clock) -> KVState:
    return make_demo(folder, now=NOW, clock=clock)


def test_it_has_four_namespaces_and_some_5000_keys(small: KVState) -> None:
    assert sorted(namespace.title for namespace in small.namespaces()) == [
        "cache",
        "content",
        "flags",
        "sessions",
    ]
    counts = {title: len(pairs) for title, pairs in sample.namespaces(NOW).items()}
    assert 4_500 <= sum(counts.values()) <= 5_500
    assert counts["sessions"] > 1000


async def test_what_the_server_lists_is_the_sample(small: KVState, clock: Clock) -> None:
    async with client_of(create_app(small, clock=clock)) as http:
        namespaces = (await http.get(HOME)).json()["result"]
        for namespace in namespaces:
            expected = dict(sample.namespaces(NOW)[namespace["title"]])
            listed: list[str] = []
            cursor = ""
            while True:
                query = {"cursor": cursor}
                page = (await http.get(f"{HOME}/{namespace['id']}/keys", params=query)).json()
                listed += [row["name"] for row in page["result"]]
                cursor = page["result_info"]["cursor"]
                if not cursor:
                    break
            assert listed == sorted(expected, key=str.encode)
            for name in listed[:: len(listed) // 20]:
                answer = await http.get(value_path(f"{HOME}/{namespace['id']}", name))
                assert answer.content == expected[name].value


def test_it_is_the_same_every_time_but_for_the_times() -> None:
    first, second = sample.namespaces(NOW), sample.namespaces(NOW)
    assert first == second
    later = sample.namespaces(NOW + 10)
    for title, pairs in first.items():
        for (name, entry), (same, moved) in zip(pairs, later[title], strict=True):
            assert (name, entry.metadata) == (same, moved.metadata)
            assert moved.expiration == (None if entry.expiration is None else entry.expiration + 10)


def test_every_pair_could_be_stored_by_the_api() -> None:
    for pairs in sample.namespaces(NOW).values():
        names = [name for name, _ in pairs]
        assert len(set(names)) == len(names)
        for name, entry in pairs:
            assert limits.key_problem(name) is None
            assert limits.value_problem(len(entry.value)) is None
            assert entry.metadata is None or limits.metadata_problem(entry.metadata) is None
            assert entry.expiration is None or entry.expiration >= NOW + limits.MIN_TTL


def test_it_holds_all_that_a_look_at_kv_may_meet() -> None:
    entries = [entry for pairs in sample.namespaces(NOW).values() for _, entry in pairs]
    names = [name for pairs in sample.namespaces(NOW).values() for name, _ in pairs]
    left = [entry.expiration - NOW for entry in entries if entry.expiration is not None]
    assert min(left) < 5 * 60
    assert max(left) > 360 * 86400
    assert any(entry.expiration is None for entry in entries)
    assert any(entry.value == b"" for entry in entries)
    assert any(entry.value.startswith(b"\x89PNG\r\n\x1a\n") for entry in entries)
    assert any(entry.value[:2] == b"\x1f\x8b" and gzip.decompress(entry.value) for entry in entries)
    large = max((entry.value for entry in entries), key=len)
    assert 5_000_000 <= len(large) < 5_200_000
    assert b"\n" not in large
    assert len(json.loads(large)["items"]) > 10_000
    assert max(len(name.encode()) for name in names) == limits.KEY_BYTES
    for piece in ("\x1b[c", "[/]", "\u202e", "\u200b", "\n", "\x00", "a/../b", "%2F"):
        assert any(piece in name for name in names), piece
