"""Layouts of JSON: found out, put back, and never anything but white space."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvtui.core.layouts import (
    INDENTED,
    MINIFIED,
    ON_ONE_LINE,
    Layout,
    json_problem,
    lay_out,
    layout_of,
)

leaves = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
containers = st.recursive(
    st.lists(leaves, max_size=3) | st.dictionaries(st.text(), leaves, max_size=3),
    lambda inner: (
        st.lists(inner | leaves, max_size=3) | st.dictionaries(st.text(), inner | leaves, max_size=3)
    ),
    max_leaves=8,
)
edges = st.sampled_from(["", "\n", "\r\n", " \t\n"])
layouts = st.one_of(
    st.builds(Layout, st.sampled_from([-1, 0]), before=edges, after=edges),
    st.builds(Layout, st.integers(1, 8), crlf=st.booleans(), before=edges, after=edges),
    st.builds(Layout, st.just(1), st.just(True), crlf=st.booleans(), before=edges, after=edges),
)


def dump(data: Any, layout: Layout) -> bytes:
    """The text as Python writes it: an oracle that knows nothing of ours."""
    if layout.indent > 0:
        text = json.dumps(data, indent="\t" if layout.tabs else layout.indent)
    else:
        text = json.dumps(data, separators=(",", ":") if layout.indent < 0 else (", ", ": "))
    return (layout.before + (text.replace("\n", "\r\n") if layout.crlf else text) + layout.after).encode()


@settings(deadline=None, max_examples=150)
@given(containers, layouts, layouts)
def test_what_json_dumps_writes_has_a_layout_and_goes_into_any_other(
    data: Any, layout: Layout, other: Layout
) -> None:
    text = dump(data, layout)
    found = layout_of(text)
    assert found is not None
    assert lay_out(text, found) == text
    assert lay_out(text, other) == dump(data, other)
    assert lay_out(lay_out(text, INDENTED), found) == text


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (b'{"a":[1,2]}', "minified"),
        (b'{"a": [1, 2]}', "on one line"),
        (b'{\n  "a": 1\n}', "indented by 2"),
        (b'{\n  "a": 1\n}\n', "indented by 2, final newline"),
        (b'{\r\n\t"a": {}\r\n}', "indented by tabs, CRLF"),
        (b" [1,2]", "minified, white space around"),
        (b"{}", "minified"),
        (b'"text"', "minified"),
    ],
)
def test_layouts_have_names(text: bytes, name: str) -> None:
    found = layout_of(text)
    assert found and found.name == name
    assert lay_out(text, found) == text


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b" ",
        b"[1,  2]",
        b"[1, 2,3]",
        b"[\n1\n]",
        b"[\n  1\n ]",
        b"[ ]",
        b"[\n         1\n]",
        b"[1,",
        b"[\r1\r]",
    ],
)
def test_mixed_white_space_and_what_is_no_json_has_no_layout(text: bytes) -> None:
    assert layout_of(text) is None


def test_a_lot_of_white_space_around_is_no_layout() -> None:
    assert layout_of(b"[1]" + b" " * 1000) is None


def test_only_white_space_changes() -> None:
    text = rb'{"b":1e5,"a":1.0,"a":-0,"u":"\u00e9\/ ","n":123456789012345678901234567890,"e":[{},[]]}'
    assert lay_out(lay_out(text, Layout(4, crlf=True, after="\n")), MINIFIED) == text
    assert b'\n\t"a": 1.0,\n\t"a": -0,' in lay_out(text, Layout(1, tabs=True))


def test_half_a_surrogate_pair_as_javascript_writes_it_is_json() -> None:
    text = rb'{"cut":"\ud83d","slash":"\\ud83d\"\u00e9","more":["\udc00"]}'
    assert json_problem(text) is None
    assert layout_of(text) == MINIFIED
    assert lay_out(lay_out(text, Layout(1, tabs=True)), MINIFIED) == text


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ('{"a": 1,\n "b": 2\n "c": 3}', 3, 2, "a comma or a closing bracket is missing"),
        ("[1,]", 1, 4, "a comma too many before ]"),
        ('{"é": 1,}', 1, 9, "a comma too many before }"),
        ('{"a" 1}', 1, 6, "a colon is missing"),
        ("{a: 1}", 1, 2, "a key in double quotes is missing"),
        ('{"a": }', 1, 7, "a value is missing"),
        ('{"a": [1', 1, 9, "the text ends too soon"),
        ("", 1, 1, "there is nothing here"),
        ('["abc', 1, 2, "has no end"),
        ("[1]\n]", 2, 1, "more text follows"),
        ('["a\nb"]', 1, 4, "line break"),
        ('["\\q"]', 1, 3, "escapes"),
        ('["\\u12"]', 1, 4, "hex digits"),
        ("\ufeff{}", 1, 1, "byte order mark"),
        ('["NaN", \nNaN]', 2, 1, "NaN is no JSON number"),
        ('["\\"NaN", -Infinity]', 1, 11, "-Infinity is no JSON number"),
        (b'{\n"a": "\xff"}', 2, 7, "not UTF-8"),
        ('{\n"a": "\udcff"}', 2, 7, "no valid Unicode"),
    ],
)
def test_problems_say_where_and_why(text: str | bytes, line: int, column: int, words: str) -> None:
    problem = json_problem(text)
    assert problem is not None
    assert (problem.line, problem.column) == (line, column)
    assert problem.words.startswith(f"line {line}, column {column}: ") and words in problem.words


def test_deep_nesting_is_a_problem_and_no_crash() -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    problem = json_problem(deep)
    assert problem and "nested too deep" in problem.words
    assert layout_of(deep) is None
    with pytest.raises(ValueError, match="nested too deep"):
        lay_out(deep, MINIFIED)


def test_a_huge_integer_is_json() -> None:
    huge = b"[" + b"1" * 10_000 + b', "\\ud800"]'
    assert json_problem(huge) is None
    assert layout_of(huge) == ON_ONE_LINE


def test_laying_out_what_is_no_json_says_where() -> None:
    with pytest.raises(ValueError, match="line 2, column 1: a value is missing"):
        lay_out(b"[1,\nx]", MINIFIED)


@settings(deadline=None, max_examples=300)
@given(st.text(alphabet='{}[]",:\\u0d8e1-.+ntf \n\t', max_size=12))
def test_a_text_has_a_problem_just_when_python_says_so(text: str) -> None:
    try:
        json.loads(text, parse_constant=float)
        sound = True
    except json.JSONDecodeError:
        sound = False
    assert (json_problem(text) is None) == sound
    if sound:
        again = lay_out(text.encode(), MINIFIED)
        assert json.loads(again) == json.loads(text)
