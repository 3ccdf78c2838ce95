"""What a person edits of a value, and what is stored of it."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from collections.abc import Callable
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from kvtui.core.decoding import decode
from kvtui.core.editing import (
    KEEP,
    close_metadata,
    close_value,
    in_place_problem,
    metadata_editable,
    metadata_state,
    open_value,
)
from kvtui.core.layouts import INDENTED, MINIFIED, Layout

PNG = b"\x89PNG\r\n\x1a\n\x00\x01\xff\xfe" * 4


def wrap(data: bytes, width: int, line_end: bytes, final: bool) -> bytes:
    text = base64.b64encode(data)
    lines = [text[at : at + width] for at in range(0, len(text), width)]
    return line_end.join(lines) + (line_end if final else b"")


COMPRESS: list[Callable[[bytes], bytes]] = [gzip.compress, zlib.compress, zstandard.ZstdCompressor().compress]
BASE64: list[Callable[[bytes], bytes]] = [
    base64.b64encode,
    base64.encodebytes,
    base64.urlsafe_b64encode,
    lambda data: base64.urlsafe_b64encode(data).rstrip(b"="),
    lambda data: wrap(data, 64, b"\r\n", True),
    lambda data: wrap(data, 76, b"\n", False),
    lambda data: wrap(data, 7, b"\n", True),
]

texts = st.text(min_size=1).map(lambda text: ("a text: " + text).encode())
jsons = st.builds(
    lambda data, style, end: (json.dumps(data, **style) + end).encode(),
    st.dictionaries(
        st.text(),
        st.integers() | st.text() | st.lists(st.floats(allow_nan=False, allow_infinity=False)),
        min_size=1,
    ),
    st.sampled_from(
        [{}, {"separators": (",", ":")}, {"indent": 2}, {"indent": "\t"}, {"separators": (" ,", " : ")}]
    ),
    st.sampled_from(["", "\n", "\r\n", "  "]),
)


@st.composite
def nests(draw: st.DrawFn, inside: st.SearchStrategy[bytes]) -> bytes:
    """Bytes within up to two compressions, within up to two writings of base64."""
    value = draw(inside)
    for pack in draw(st.lists(st.sampled_from(COMPRESS), max_size=2)):
        value = pack(value)
    for pack in draw(st.lists(st.sampled_from(BASE64), max_size=2)):
        value = pack(value)
    return value


@settings(deadline=None, max_examples=200)
@given(st.binary() | nests(texts | jsons | st.binary()))
def test_untouched_data_is_stored_byte_for_byte(value: bytes) -> None:
    opened = open_value(value)
    assert close_value(opened, opened.data) == value
    assert close_value(opened, opened.data, opened.layout) == value
    assert close_value(opened, opened.data, None) == value


@settings(deadline=None, max_examples=200)
@given(nests(texts | jsons), st.text().map(lambda text: ("another text: " + text).encode()))
def test_what_was_typed_is_what_is_inside(value: bytes, typed: bytes) -> None:
    opened = open_value(value)
    inner = close_value(opened, typed)
    for _ in opened.forms:
        letters = b"".join(inner.split()).translate(bytes.maketrans(b"-_", b"+/")).rstrip(b"=")
        inner = base64.b64decode(letters + b"=" * (-len(letters) % 4), validate=True)
    compressions = opened.layers[len(opened.forms) :]
    assert (decode(inner).data, decode(inner).layers) == (typed, compressions)


@settings(deadline=None, max_examples=100)
@given(jsons, st.sampled_from([*COMPRESS, bytes]), st.integers())
def test_json_is_stored_in_the_layout_it_had(
    value: bytes, pack: Callable[[bytes], bytes], number: int
) -> None:
    opened = open_value(pack(value))
    assert opened.is_json and opened.suffix == ".json"
    data = {**json.loads(opened.data), "added": number}
    stored = close_value(opened, json.dumps(data, indent=2).encode() + b"\n")
    if opened.layout:
        assert open_value(stored).layout == opened.layout
    assert json.loads(decode(stored).data) == data


@pytest.mark.parametrize("encode", BASE64)
def test_base64_is_written_as_it_was(encode: Callable[[bytes], bytes]) -> None:
    """Bytes that use all of the alphabet and need padding, so that each variant can be told."""
    before, after = ("ÿ¾ÿþ?>" * 30 + "x").encode(), ("ÿ¾ÿþ?>" * 41).encode() + b"?~"
    opened = open_value(encode(before))
    assert opened.layers == ("base64",) and opened.data == before
    assert close_value(opened, after) == encode(after)


@pytest.mark.parametrize(
    "stored",
    [
        b"aGVsbG8gdGhlcmUsIHdvcmxkIR==",  # the last letter holds bits that encoding again would lose
        base64.b64encode(b"lines of text")[:8] + b"\n" + base64.b64encode(b"lines of text")[8:] + b"\n\n",
        b"aGVsbG8gdGhlcm-sIHdvcmxk+SE=",
        b"  " + base64.b64encode(b"hello there, world!"),
        b"aGVsbG8g\rdGhlcm\nUsIHdv\r\ncmxkIQ==",
    ],
)
def test_base64_that_could_not_be_written_again_is_edited_as_the_text_it_is(stored: bytes) -> None:
    opened = open_value(stored)
    assert (opened.data, opened.layers) == (stored, ())
    assert close_value(opened, stored + b"x") == stored + b"x"


@pytest.mark.parametrize(
    ("value", "words", "suffix"),
    [
        (b"", "text", ".txt"),
        (b"42", "text", ".txt"),
        (b"hello", "text", ".txt"),
        (b'{"a":1}', "JSON, stored minified", ".json"),
        (b'{"a":1, "b":2}', "JSON, in a layout of its own", ".json"),
        (gzip.compress(b"hello"), "gzip → text", ".txt"),
        (base64.b64encode(zlib.compress(b'{"a": 1}')), "base64 → zlib → JSON, stored on one line", ".json"),
        (PNG, "binary", ".bin"),
        (gzip.compress(PNG), "binary", ".bin"),
        (base64.b64encode(PNG), "text", ".txt"),
        (base64.b64encode(gzip.compress(PNG)), "text", ".txt"),
        (gzip.compress(b"hello" * 99)[:-4], "binary", ".bin"),
        (gzip.compress(b"hello") + b"more", "binary", ".bin"),
    ],
)
def test_what_is_edited_is_said(value: bytes, words: str, suffix: str) -> None:
    opened = open_value(value)
    assert (opened.words, opened.suffix) == (words, suffix)
    assert opened.binary == (suffix == ".bin")
    if not opened.layers and not opened.is_json:
        assert opened.data == value


def test_json_is_indented_for_the_person_unless_it_is_already() -> None:
    assert open_value(b'{"a":[1]}\n').data == b'{\n  "a": [\n    1\n  ]\n}'
    for stored in (b'{\r\n\t"a": 1\r\n}\r\n', b'{"a":1, "b":2}'):
        assert open_value(stored).data == stored


def test_a_final_newline_from_an_editor_changes_nothing() -> None:
    stored = gzip.compress(b'{"a":1}', mtime=77)
    opened = open_value(stored)
    assert close_value(opened, opened.data + b"\n") == stored


def test_another_layout_may_be_asked_for() -> None:
    opened = open_value(b'{"a":1}')
    assert close_value(opened, opened.data, INDENTED) == b'{\n  "a": 1\n}'
    assert close_value(opened, b'{"a": 2 }', KEEP) == b'{"a":2}'
    assert close_value(opened, b'{"a": 2 }', None) == b'{"a": 2 }'


def test_what_is_no_json_is_stored_as_typed() -> None:
    opened = open_value(b'{"a":1}')
    assert close_value(opened, b'{"a": 1,\n}\n') == b'{"a": 1,\n}\n'


def test_the_same_text_gives_the_same_gzip() -> None:
    opened = open_value(gzip.compress(b"hello", mtime=1_700_000_000))
    assert close_value(opened, b"bye") == gzip.compress(b"bye", mtime=0)


@pytest.mark.parametrize(
    "text",
    ["", "hello\n", "a\tb\n", "a\r\nb\r\n", "grüße ☃ 漢字\n", "e\u0301", "x" * 4096 + "\n" + "y" * 4096],
)
def test_plain_text_may_be_edited_in_place(text: str) -> None:
    assert in_place_problem(text.encode(), lambda same: same) is None


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\xff", "not UTF-8"),
        (b"line of text\n" * 30_000, "over 256 KiB"),
        (b"ok\n" + b"x" * 4097, "Line 2 is over 4 KiB"),
        (b"a\0", "Line 1 holds \\0,"),
        (b"one\ntwo \x1b[31m", "Line 2 holds \\e,"),
        (b"a\r\nb\n", "Line 1 holds \\r,"),
        (b"a\rb", "holds \\r,"),
        ("one\ntab\t\u202eabc\u202e\u202d".encode(), "Line 2 holds \\u202e,"),
        ("\ufeff{}".encode(), "holds \\ufeff,"),
        ("no\u00a0break".encode(), "holds \\xa0,"),
    ],
)
def test_what_could_go_wrong_in_place_is_for_the_editor(data: bytes, words: str) -> None:
    problem = in_place_problem(data, lambda same: same)
    assert problem and words in problem
    assert problem.endswith("in $EDITOR.") and " E opens " in problem


def test_a_widget_that_changes_the_text_is_not_used() -> None:
    assert "more than you type" in (in_place_problem(b"a\n", str.strip) or "")


@pytest.mark.parametrize(
    ("metadata", "shown", "layout"),
    [
        (None, "", None),
        ('{"v":3}', '{\n  "v": 3\n}', MINIFIED),
        ('{"v":1, "w":2}', '{"v":1, "w":2}', None),
        ("5", "5", MINIFIED),
        ('"\udcff"', '"\udcff"', MINIFIED),
        ('"\ud800"', '"\ud800"', None),
    ],
)
def test_metadata_is_shown_indented_and_kept_when_untouched(
    metadata: str | None, shown: str, layout: Layout | None
) -> None:
    assert metadata_editable(metadata) == (shown, layout)
    assert close_metadata(shown, layout, metadata) == metadata


def test_metadata_is_stored_as_it_was_laid_out() -> None:
    assert close_metadata('{\n  "v": 4\n}', MINIFIED, '{"v":3}') == '{"v":4}'
    assert close_metadata('{"v":4}', Layout(0), '{"v": 3}') == '{"v": 4}'
    assert close_metadata('{ "v" : 4 }', None, None) == '{"v":4}'
    assert close_metadata('{ "v" : 4 }', None, '{"v":1, "w":2}') == '{ "v" : 4 }'
    assert close_metadata("{", MINIFIED, '{"v":3}') == "{"


@pytest.mark.parametrize("text", ["", " \n", "null", " null\n"])
def test_no_metadata_is_none(text: str) -> None:
    assert close_metadata(text, MINIFIED, '{"v":3}') is None
    assert metadata_state(text) == (0, None)


def test_the_state_of_metadata_counts_what_would_be_stored() -> None:
    assert metadata_state('{\n  "ü": 1\n}') == (len('{"ü":1}'.encode()), None)
    assert metadata_state('{"a":1}', Layout(2)) == (len('{\n  "a": 1\n}'), None)
    size, words = metadata_state('{"a":\n1,}')
    assert size == 9 and words == "line 2, column 3: there is a comma too many before }"
    size, words = metadata_state(json.dumps(["x" * 1021]))
    assert size == 1025 and words and "at most 1,024 bytes" in words
    assert metadata_state(json.dumps(["x" * 1020])) == (1024, None)
    assert metadata_state('"\ud800"')[1]


@settings(deadline=None, max_examples=100)
@given(st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)))
def test_any_metadata_is_kept_when_untouched(data: Any) -> None:
    metadata = None if data is None else json.dumps(data)
    shown, layout = metadata_editable(metadata)
    assert close_metadata(shown, layout, metadata) == metadata
