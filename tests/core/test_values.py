"""What values are, what is inside them, where something is in them, and files of one's own."""

from __future__ import annotations

import base64
import gzip
import json
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from kvtui.core.decoding import Encoding, decode
from kvtui.core.finding import find
from kvtui.core.saving import save_file
from kvtui.core.values import PRETTY_UNASKED, Kind, View, kind_of, look, pretty_json

PNG = b"\x89PNG\r\n\x1a\n\x00\x01"
zstd = zstandard.ZstdCompressor(write_checksum=True).compress

PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zlib": zlib.compress,
    "zstd": zstd,
    "base64": base64.b64encode,
}


@pytest.mark.parametrize(
    ("value", "kind", "views"),
    [
        (b"", "empty", "text"),
        (b'{"a": 1}', "JSON", "text JSON hex"),
        (b' \n["x"]\n', "JSON", "text JSON hex"),
        (b'"quoted"', "JSON", "text JSON hex"),
        (b"42", "text", "text hex"),
        (b"true", "text", "text hex"),
        (b'{"a": 1', "text", "text hex"),
        (b'["\xff"]', "binary", "hex"),
        ("grüße ☃".encode(), "text", "text hex"),
        ("grüße".encode("latin-1"), "binary", "hex"),
        (b"a\0b", "binary", "text hex"),
        (b"\x1b[31mred", "text", "text hex"),
        (b"x^ is the magic of zlib", "text", "text hex"),
        (b"x\x9c no zlib at all", "binary", "hex"),
        (gzip.compress(b"hello"), "gzip", "hex decoded"),
        (zlib.compress(b"hello"), "zlib", "hex decoded"),
        (zstd(b"hello"), "zstd", "hex decoded"),
        (base64.b64encode(b"hello there, world!"), "base64 text", "text hex decoded"),
        (base64.urlsafe_b64encode(b"\xfb\xff" * 20), "base64 text", "text hex decoded"),
        (base64.b64encode(PNG * 3), "base64 text", "text hex decoded"),
        (base64.encodebytes(b"lines of text " * 20), "base64 text", "text hex decoded"),
        (b"administrators", "text", "text hex"),
        (b"administratoradministratoradmini", "text", "text hex"),
        (b"0123456789abcdef0123456789abcdef", "text", "text hex"),
        (b"sk3xRt9QpL0aZ7vB8nM2wE4y", "text", "text hex"),
        (PNG, "PNG image", "hex"),
        (b"\xff\xd8\xff\xe0..", "JPEG image", "hex"),
        (b"GIF89a\x01\0", "GIF image", "text hex"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "WebP image", "text hex"),
        (b"%PDF-1.7 ...", "PDF", "text hex"),
    ],
)
def test_the_kind_of_a_value_and_the_views_that_apply(value: bytes, kind: str, views: str) -> None:
    facts = look(value)
    assert facts.kind == kind
    assert " ".join(facts.views) == views
    assert facts.best_view(len(value)) in facts.views


def test_what_is_shown_unasked() -> None:
    assert look(b"{}").best_view(2) is View.JSON
    assert look(b"{}").best_view(PRETTY_UNASKED + 1) is View.TEXT
    assert look(gzip.compress(b"x")).best_view(20) is View.DECODED
    assert look(base64.b64encode(b"hello there, world!")).best_view(28) is View.TEXT
    assert look(PNG).best_view(10) is View.HEX
    assert look(b"a\0b").best_view(3) is View.HEX


def test_nesting_that_no_parser_can_take_is_text_and_not_a_crash() -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    assert kind_of(deep) is Kind.TEXT
    assert pretty_json(deep) is None


documents: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(documents)
def test_pretty_json_is_the_same_document(document: Any) -> None:
    pretty = pretty_json(json.dumps(document).encode())
    assert pretty is not None
    assert json.loads(pretty) == document


@pytest.mark.parametrize(
    "spelled", ["1.0E5", "1e400", "12345678901234567890123", "0.1000", "-0", '"\\u00e9\\/"', '"é"']
)
def test_pretty_json_keeps_every_spelling(spelled: str) -> None:
    pretty = pretty_json(f'{{"b":{spelled},"a":[1],"b":2}}'.encode())
    assert pretty == f'{{\n  "b": {spelled},\n  "a": [\n    1\n  ],\n  "b": 2\n}}'.encode()


# Decoding


@given(st.binary(max_size=200), st.sampled_from(["gzip", "zlib", "zstd"]))
def test_what_was_packed_is_had_back(inside: bytes, encoding: Encoding) -> None:
    decoded = decode(PACK[encoding](b"\0" + inside))
    assert (decoded.data, decoded.layers, decoded.note) == (b"\0" + inside, (encoding,), "")


def test_encodings_within_each_other_are_all_taken_off() -> None:
    decoded = decode(base64.b64encode(gzip.compress(zstd(b'{"a": 1}'))))
    assert (decoded.data, decoded.layers) == (b'{"a": 1}', ("base64", "gzip", "zstd"))


def test_gzip_files_that_were_joined_give_all_of_their_contents() -> None:
    assert decode(gzip.compress(b"one ") + gzip.compress(b"two")).data == b"one two"


def test_much_compressed_data_is_fed_in_many_pieces() -> None:
    noise = os.urandom(300_000)
    for encoding in ("gzip", "zlib", "zstd"):
        assert decode(PACK[encoding](noise)).data == noise


@pytest.mark.parametrize("encoding", ["gzip", "zlib", "zstd"])
def test_a_bomb_is_cut_at_the_bound(encoding: str) -> None:
    decoded = decode(PACK[encoding](b"\0" * (9 * 1024**2)), most=1024**2)
    assert len(decoded.data) == 1024**2
    assert decoded.note == "cut at 1 MiB"


@pytest.mark.parametrize("encoding", ["gzip", "zlib", "zstd"])
def test_damaged_data_gives_what_can_be_had_and_says_so(encoding: str) -> None:
    whole = PACK[encoding](os.urandom(2000) * 300)
    assert decode(whole[: len(whole) // 2]).note
    broken = bytearray(whole)
    broken[len(whole) // 2] ^= 0xFF
    assert decode(bytes(broken)).note
    assert decode(gzip.compress(b"hello") + b"tail").note == "4 other bytes follow"


@given(st.binary(max_size=300))
def test_whatever_the_bytes_looking_and_decoding_do_not_fail(value: bytes) -> None:
    facts = look(value)
    assert facts.views
    for magic in (b"", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"x\x9c"):
        decode(magic + value)


# Finding

words = st.text("aAbé\n", max_size=300)


@given(words, st.text("aAbé\n", min_size=1, max_size=4))
def test_every_place_is_found_in_order(text: str, wanted: str) -> None:
    data, sought = text.encode(), wanted.encode()
    if wanted == wanted.lower():
        data, sought = data.lower(), sought.lower()  # of bytes: ASCII only
    expected, at = [], data.find(sought)
    while at >= 0:
        expected.append(at)
        at = data.find(sought, at + len(sought))
    hits = find(text.encode(), wanted)
    assert list(hits.starts) == expected
    assert hits.length == len(wanted.encode())


def test_a_place_across_two_slices_is_found_once() -> None:
    data = b"." * (128 * 1024 - 2) + b"needle" + b"." * (128 * 1024) + b"needle"
    assert list(find(data, "needle").starts) == [128 * 1024 - 2, len(data) - 6]
    assert len(find(b"a" * 1_000_001, "aa").starts) == 100_000
    assert find(b"a" * 1_000_001, "aa").more
    assert len(find(b"a" * 300_001, "aaa", most=10**6).starts) == 100_000


def test_bytes_are_found_by_their_hex_digits() -> None:
    assert list(find(b"\0\xde\xad0xdead", "0xDE ad").starts) == [1]
    assert list(find(b"0xdea", "0xdea").starts) == [0]


def test_a_search_that_is_cancelled_ends() -> None:
    assert not find(b"a" * 1_000_000, "a", lambda: True).starts


def test_places_are_counted_from_one() -> None:
    assert find(b"abab", "b").words(0) == "1 of 2"
    assert find(b"aaa", "a", most=2).words(1) == "2 of 2+"


# Files


def test_a_file_is_written_whole_and_for_its_owner_alone(tmp_path: Path) -> None:
    target = save_file(tmp_path / "value", b"\0\xff")
    assert target.read_bytes() == b"\0\xff"
    assert target.stat().st_mode & 0o777 == 0o600
    assert target.stat().st_nlink == 1
    assert os.listdir(tmp_path) == ["value"]


def test_a_file_that_exists_is_kept_unless_said_otherwise(tmp_path: Path) -> None:
    (tmp_path / "value").write_bytes(b"old")
    with pytest.raises(FileExistsError):
        save_file(tmp_path / "value", b"new")
    assert (tmp_path / "value").read_bytes() == b"old"
    save_file(tmp_path / "value", b"new", overwrite=True)
    assert (tmp_path / "value").read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["value"]


@pytest.mark.parametrize("dangling", [True, False])
def test_a_symbolic_link_is_never_followed(tmp_path: Path, dangling: bool) -> None:
    victim, link = tmp_path / "victim", tmp_path / "link"
    if not dangling:
        victim.write_bytes(b"precious")
    link.symlink_to(victim)
    with pytest.raises(FileExistsError):
        save_file(link, b"new")
    save_file(link, b"new", overwrite=True)
    assert not link.is_symlink() and link.read_bytes() == b"new"
    assert victim.exists() != dangling
    assert dangling or victim.read_bytes() == b"precious"


def test_home_is_spelled_with_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert save_file(Path("~/value"), b"") == tmp_path / "value"


def test_a_folder_and_a_place_that_is_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        save_file(tmp_path, b"", overwrite=True)
    with pytest.raises(FileNotFoundError):
        save_file(tmp_path / "none" / "value", b"")
    assert os.listdir(tmp_path) == []


def test_where_links_cannot_be_made_nothing_is_overwritten_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object, **_kwargs: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    save_file(tmp_path / "value", b"first")
    with pytest.raises(FileExistsError):
        save_file(tmp_path / "value", b"second")
    assert (tmp_path / "value").read_bytes() == b"first"
    assert os.listdir(tmp_path) == ["value"]
