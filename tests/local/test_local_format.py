"""wrangler's format on disk: names, rows, blobs."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kvtui.api.models import Entry
from kvtui.local import database, layout
from kvtui.local.pairs import Pairs
from kvtui.local.state import KVState
from tests.local.kit import NOW, Clock


def keys_of(pairs: Pairs, prefix: str = "", limit: int = 1000) -> list[str]:
    """All keys, page by page."""
    found: list[str] = []
    more = True
    while more:
        rows, more = pairs.page(prefix, found[-1] if found else "", limit)
        found += [row.key for row in rows]
    return found


def blobs_of(pairs: Pairs, kv: Path, id: str) -> list[str]:
    folder = layout.blobs(kv, id)
    return sorted(blob.name for blob in folder.iterdir()) if folder.exists() else []


def test_a_database_is_named_as_wrangler_4_164_names_it() -> None:
    # Recorded: wrangler kv key put --local --namespace-id abc123
    name = "aef91bdfb405bfb5b9f6b37bb22913ea371a31a917d25e6fa469a45d2cfad734.sqlite"
    assert layout.database(Path("kv"), "abc123") == Path("kv/miniflare-KVNamespaceObject") / name


@pytest.mark.parametrize(
    ("id", "folder"),
    [
        ("0123456789abcdef", "0123456789abcdef"),
        ("a/b\\c:d?e*f<g>h\"i'j^k|l\x00m\x9fn", "a_b_c_d_e_f_g_h_i_j_k_l_m_n"),
        ("..", "__"),
        ("../..", "_____"),
        ("a/../b", "a____b"),
        ("a..b", "a..b"),
        ("CON", "_"),
        ("com1.txt", "_"),
        (" both ", "_both_"),
        ("x" * 300, "x" * 255),
        ("KV é", "KV é"),
    ],
)
def test_a_blob_folder_is_named_as_miniflare_names_it(id: str, folder: str) -> None:
    assert layout.folder_name(id) == folder


def test_a_blob_has_80_hex_digits_that_end_in_the_time() -> None:
    name = layout.new_blob(1_700_000_000.5)
    assert len(name) == 80
    assert int(name[64:], 16) == 1_700_000_000_500
    assert name[:64] != layout.new_blob(1_700_000_000.5)[:64]


def test_a_written_pair_lies_on_disk_as_wrangler_keeps_it(state: KVState) -> None:
    state.pairs("abc123").write([("k", Entry(b"bytes", '{"a": 1}', NOW + 100)), ("n", Entry(b""))])
    kv = state.folder / "v3/kv"
    with sqlite3.connect(layout.database(kv, "abc123")) as connection:
        rows = connection.execute("SELECT key, blob_id, expiration, metadata FROM _mf_entries").fetchall()
        mode = connection.execute("PRAGMA journal_mode").fetchone()
    connection.close()
    (key, blob, expiration, metadata), (other, _, never, nothing) = rows
    assert (key, expiration, metadata) == ("k", (NOW + 100) * 1000, '{"a": 1}')
    assert (other, never, nothing) == ("n", None, None)
    assert (kv / "abc123/blobs" / blob).read_bytes() == b"bytes"
    assert mode == ("wal",)


def test_a_replaced_and_a_deleted_value_leave_no_file_behind(state: KVState) -> None:
    pairs, kv = state.pairs("ns"), state.folder / "v3/kv"
    pairs.write([("k", Entry(b"old")), ("other", Entry(b"stays"))])
    pairs.write([("k", Entry(b"new"))])
    assert len(blobs_of(pairs, kv, "ns")) == 2
    pairs.delete(["k", "never there"])
    assert len(blobs_of(pairs, kv, "ns")) == 1
    assert pairs.read("other") == Entry(b"stays")


def test_reading_what_is_not_there_makes_nothing(state: KVState) -> None:
    pairs = state.pairs("ns")
    assert pairs.page() == ([], False)
    assert pairs.read("k") is None
    assert pairs.size("k") is None
    pairs.delete(["k"])
    assert not state.folder.exists()


def test_a_database_without_its_table_is_empty_and_can_be_written(state: KVState) -> None:
    table = layout.database(state.folder / "v3/kv", "ns")
    table.parent.mkdir(parents=True)
    sqlite3.connect(table).close()
    table.touch()
    pairs = state.pairs("ns")
    assert pairs.page() == ([], False)
    pairs.write([("k", Entry(b"v"))])
    assert pairs.read("k") == Entry(b"v")


def test_an_expired_pair_is_gone_everywhere_and_can_be_written_again(state: KVState, clock: Clock) -> None:
    pairs = state.pairs("ns")
    pairs.write([("brief", Entry(b"v", None, NOW + 60)), ("stays", Entry(b"v"))])
    assert keys_of(pairs) == ["brief", "stays"]
    clock.now += 60
    assert keys_of(pairs) == ["stays"]
    assert pairs.read("brief") is None
    assert pairs.row("brief") is None
    assert pairs.size("brief") is None
    pairs.write([("brief", Entry(b"again"))])
    assert pairs.read("brief") == Entry(b"again")


def test_metadata_null_on_disk_counts_as_none(state: KVState) -> None:
    pairs = state.pairs("ns")
    pairs.write([("k", Entry(b"v", "null"))])
    assert pairs.read("k") == Entry(b"v")
    assert pairs.page()[0][0].metadata is None


AWKWARD = [
    "",
    "a",
    "a\x00",
    "a\x00b",
    "ab",
    "\ud7ff",
    "\ue000",
    "\uffff",
    "\U00010000",
    "\U0010ffff",
    "é",
    "\x7f",
]
texts = st.lists(st.sampled_from([*AWKWARD, "z"]) | st.text(max_size=3), max_size=3).map("".join)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(keys=st.sets(texts.filter(bool), max_size=30), prefix=texts, limit=st.integers(1, 7))
def test_a_listing_is_what_sorting_and_filtering_gives(
    state: KVState, keys: set[str], prefix: str, limit: int
) -> None:
    pairs = state.pairs("ns")
    pairs.erase()
    pairs.write([(key, Entry(key.encode())) for key in keys])
    expected = sorted((key for key in keys if key.startswith(prefix)), key=str.encode)
    assert keys_of(pairs, prefix, limit) == expected
    for key in expected:
        assert pairs.read(key) == Entry(key.encode())


def test_a_prefix_that_ends_in_the_last_code_point_has_an_end(state: KVState) -> None:
    pairs = state.pairs("ns")
    keys = ["a\U0010ffff", "a\U0010ffff\U0010ffff", "b", "\U0010ffff", "\U0010ffffz"]
    pairs.write([(key, Entry(b"")) for key in keys])
    assert keys_of(pairs, "a\U0010ffff") == ["a\U0010ffff", "a\U0010ffff\U0010ffff"]
    assert keys_of(pairs, "\U0010ffff") == ["\U0010ffff", "\U0010ffffz"]


def test_a_listing_goes_on_after_its_place_was_deleted(state: KVState) -> None:
    pairs = state.pairs("ns")
    pairs.write([(f"k{number}", Entry(b"")) for number in range(6)])
    rows, more = pairs.page(limit=3)
    pairs.delete([row.key for row in rows])
    assert more
    assert [row.key for row in pairs.page(after=rows[-1].key)[0]] == ["k3", "k4", "k5"]


def test_a_full_last_page_says_that_nothing_follows(state: KVState) -> None:
    pairs = state.pairs("ns")
    pairs.write([(f"k{number}", Entry(b"")) for number in range(6)])
    assert pairs.page(limit=6)[1] is False
    assert pairs.page(limit=5)[1] is True


def test_a_page_deep_in_a_large_namespace_is_found_by_the_index(state: KVState) -> None:
    table = layout.database(state.folder / "v3/kv", "ns")
    query = (
        "EXPLAIN QUERY PLAN SELECT key, expiration, metadata FROM _mf_entries WHERE key > ? AND key < ?"
        " AND (+expiration IS NULL OR +expiration > ?) ORDER BY key LIMIT ?"
    )
    with database.writing(table) as connection:
        plan = [row[3] for row in connection.execute(query, ("a", "b", 1, 2))]
    assert plan == ["SEARCH _mf_entries USING INDEX sqlite_autoindex__mf_entries_1 (key>? AND key<?)"]


def test_a_value_replaced_between_row_and_file_is_read_again(
    state: KVState, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = state.pairs("ns")
    pairs.write([("k", Entry(b"old"))])
    read_bytes = Path.read_bytes
    replaced: list[Path] = []

    def replace_first(path: Path) -> bytes:
        if not replaced:
            replaced.append(path)
            state.pairs("ns").write([("k", Entry(b"new"))])
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", replace_first)
    assert pairs.read("k") == Entry(b"new")
    assert replaced


def test_a_row_whose_file_is_lost_counts_as_missing(state: KVState) -> None:
    pairs = state.pairs("ns")
    pairs.write([("k", Entry(b"v"))])
    for blob in layout.blobs(state.folder / "v3/kv", "ns").iterdir():
        blob.unlink()
    assert pairs.read("k") is None
    pairs.delete(["k"])
    assert keys_of(pairs) == []


def test_writers_and_readers_at_once_disturb_nobody(state: KVState) -> None:
    pairs = state.pairs("ns")
    pairs.write([("shared", Entry(b"0"))])

    def write(number: int) -> None:
        for turn in range(20):
            state.pairs("ns").write([("shared", Entry(b"%d" % turn)), (f"k{number}-{turn}", Entry(b"v"))])

    def read() -> None:
        for _ in range(60):
            assert state.pairs("ns").read("shared") is not None
            state.pairs("ns").page()

    with ThreadPoolExecutor(6) as threads:
        doing = [threads.submit(write, number) for number in range(4)] + [threads.submit(read) for _ in "12"]
        for done in doing:
            done.result()
    assert len(keys_of(pairs)) == 81
    assert len(blobs_of(pairs, state.folder / "v3/kv", "ns")) == 81


def test_a_writer_waits_for_another_programs_transaction(state: KVState) -> None:
    pairs = state.pairs("ns")
    pairs.write([("k", Entry(b"old"))])
    other = sqlite3.connect(layout.database(state.folder / "v3/kv", "ns"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writer = threading.Thread(target=pairs.write, args=([("k", Entry(b"new"))],))
    writer.start()
    assert pairs.read("k") == Entry(b"old")
    other.execute("COMMIT")
    other.close()
    writer.join()
    assert pairs.read("k") == Entry(b"new")


def test_a_write_that_another_program_blocks_for_too_long_is_refused_and_leaves_nothing(
    state: KVState, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs, kv = state.pairs("ns"), state.folder / "v3/kv"
    pairs.write([("k", Entry(b"old"))])
    monkeypatch.setattr(database, "BUSY_S", 0.05)
    with closing(sqlite3.connect(layout.database(kv, "ns"), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for fresh in ([("k", Entry(b"new"))], [("k", Entry(b"new")), ("more", Entry(b"new"))]):
            with pytest.raises(database.StateUnreadable, match="Another program is writing"):
                pairs.write(fresh)
    assert keys_of(pairs) == ["k"]
    assert pairs.read("k") == Entry(b"old")
    assert len(blobs_of(pairs, kv, "ns")) == 1


def test_of_a_key_that_comes_twice_the_last_counts(state: KVState) -> None:
    pairs = state.pairs("ns")
    pairs.write([("k", Entry(b"first")), ("k", Entry(b"last"))])
    assert pairs.read("k") == Entry(b"last")
    assert len(blobs_of(pairs, state.folder / "v3/kv", "ns")) == 1


def test_a_file_that_is_no_database_is_said_so(state: KVState) -> None:
    table = layout.database(state.folder / "v3/kv", "ns")
    table.parent.mkdir(parents=True)
    table.write_bytes(b"this is not SQLite at all, by no means " * 100)
    with pytest.raises(database.StateUnreadable, match="not a database that wrangler made"):
        state.pairs("ns").page()


def test_equal_values_may_share_a_file_until_one_is_replaced(state: KVState) -> None:
    pairs = state.pairs("ns")
    pairs.write([("a", Entry(b"same")), ("b", Entry(b"same")), ("c", Entry(b"else"))], shared={})
    files = list(layout.blobs(state.folder / "v3/kv", "ns").iterdir())
    assert len(files) == 3
    assert len({file.stat().st_ino for file in files}) == 2
    pairs.write([("a", Entry(b"changed"))])
    assert pairs.read("b") == Entry(b"same")
    pairs.delete(["b"])
    assert pairs.read("a") == Entry(b"changed")
