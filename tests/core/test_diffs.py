"""What changes in a value, in a few lines."""

from __future__ import annotations

import gzip
import hashlib
import time
from itertools import takewhile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvtui.core.diffs import DiffLine, diff_values

MIB = 1024 * 1024


def shown(before: bytes | None, after: bytes | None, lines: int = 200) -> list[str]:
    return [line.sign + line.text for line in diff_values(before, after, lines=lines)]


def test_text_is_compared_by_lines_with_a_little_around() -> None:
    before = b"".join(b"line %d\n" % number for number in range(1, 21))
    after = before.replace(b"line 10\n", b"LINE 10\n")
    assert shown(before, after) == [
        "~line 8",
        " line 8",
        " line 9",
        "-line 10",
        "+LINE 10",
        " line 11",
        " line 12",
    ]


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        (b"a", b"a", []),
        (None, b"a\nb\n", ["+a", "+b"]),
        (b"a\nb", None, ["-a", "-b"]),
        (b"a", b"", ["-a"]),
        (None, b"", ["~an empty value is added"]),
        (b"", None, ["~an empty value is removed"]),
        (b"a\r\n", b"a\n", ["-a\r", "+a"]),
        (b"a\n", b"a", ["~the newline at the end goes"]),
        (b"a", b"b\n", ["-a", "+b", "~a newline at the end comes"]),
        (b"\x1b[31m", "\u202e".encode(), ["-\x1b[31m", "+\u202e"]),
    ],
)
def test_small_cases(before: bytes | None, after: bytes | None, lines: list[str]) -> None:
    assert shown(before, after) == lines


def test_json_in_one_line_is_compared_indented() -> None:
    assert shown(b'{"a":1,"b":[1,2]}', b'{"a":1,"b":[1,3]}') == [
        "~line 3",
        '   "b": [',
        "     1,",
        "-    2",
        "+    3",
        "   ]",
        " }",
    ]


def test_a_change_of_layout_is_said() -> None:
    assert shown(b'{"a":1}', b'{"a": 1}\n') == [
        "~only white space differs: minified → on one line, final newline"
    ]
    assert shown(b'{"a":1}', b'{\n  "a": 2\n}')[0] == "~white space: minified → indented by 2"
    assert shown(b'{\n"a":\n1}', b'{\n"a":\n2}') == [" {", ' "a":', "-1}", "+2}"]


def test_packed_text_is_compared_inside() -> None:
    assert shown(gzip.compress(b"a\nb"), gzip.compress(b"a\nc")) == ["~inside gzip:", " a", "-b", "+c"]


def test_what_is_no_text_is_summed_up() -> None:
    hashes = [hashlib.sha256(value).hexdigest()[:12] for value in (b"abc\xff", b"abd\xff\xff")]
    assert shown(b"abc\xff", b"abd\xff\xff") == [
        "~4 bytes → 5 bytes",
        "~first difference at byte 2 (0x2)",
        f"~sha256 {hashes[0]} → {hashes[1]}",
    ]
    assert shown(None, b"\xff") == ["~comes: 1 byte, sha256 a8100ae6aa19"]
    assert shown(b"\xff", None) == ["~goes: 1 byte, sha256 a8100ae6aa19"]
    assert shown(b"\xff", b"")[0] == "~1 byte → 0 bytes"


def test_long_lines_show_the_part_that_changes() -> None:
    before = ("漢" * 50_000 + "old" + "字" * 50_000).encode()
    after = ("漢" * 50_000 + "new!" + "字" * 50_000).encode()
    sums, where, minus, plus = shown(before, after)
    assert sums == "~300,003 bytes → 300,004 bytes, compared from both ends"
    assert where == "~from byte 150,000: 3 bytes → 4 bytes"
    assert minus.strip("-漢字") == "old" and plus.strip("+漢字") == "new!"
    assert len(plus) < 200


def test_no_more_lines_than_asked_for() -> None:
    many = b"".join(b"%d\n" % number for number in range(300))
    found = shown(None, many, lines=10)
    assert len(found) == 10 and found[-1] == "~more lines follow"
    assert len(shown(many, many[::-1], lines=7)) == 7
    assert len(shown(many * 500, many[::-1] * 500, lines=7)) <= 7
    assert shown(None, many * 5000, lines=5) == ["+0", "+1", "+2", "+3", "~more lines follow"]


@settings(deadline=None, max_examples=300)
@given(
    st.none() | st.lists(st.sampled_from([b"a", b"b", b"{", b"\xff", b""]), max_size=9).map(b"\n".join),
    st.none() | st.lists(st.sampled_from([b"a", b"b", b"[]", b"c", b""]), max_size=9).map(b"\n".join),
    st.integers(2, 30),
)
def test_any_change_is_said_and_no_line_is_made_up(
    before: bytes | None, after: bytes | None, most: int
) -> None:
    found = diff_values(before, after, lines=most)
    assert bool(found) == (before != after) and len(found) <= most
    for line in found:
        text = line.text.encode()
        assert line.sign == "~" or text in ((after if line.sign == "+" else before) or b"").split(b"\n")


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=300), st.binary(max_size=300), st.binary(max_size=300), st.binary(max_size=300))
def test_the_first_difference_is_found_in_big_values(
    start: bytes, gone: bytes, come: bytes, end: bytes
) -> None:
    start = b"\xff" + start * 700
    before, after = start + gone + end * 700, start + come + end * 700
    if before == after:
        return
    alike = takewhile(lambda pair: pair[0] == pair[1], zip(before, after, strict=False))
    at = sum(1 for _ in alike)
    assert DiffLine("~", f"first difference at byte {at:,} (0x{at:x})") in diff_values(before, after)


@settings(deadline=None, max_examples=30)
@given(st.text(max_size=200), st.text(max_size=200), st.text(max_size=200))
def test_the_ends_of_big_text_are_found(start: str, middle: str, end: str) -> None:
    before = (start * 500 + "é" + end * 500).encode() + b"x" * 300_000
    after = (start * 500 + "é" + middle + end * 500).encode() + b"x" * 300_000
    found = diff_values(before, after)
    assert bool(found) == bool(middle)
    if middle:
        assert found[1].text.endswith(
            f": 0 bytes → {len(middle.encode()):,} bytes".replace(" 1 bytes", " 1 byte")
        )


def test_big_values_are_quick() -> None:
    big = b'{"key": "value"}\n' * (25 * MIB // 17)
    started = time.perf_counter()
    assert diff_values(big, big[: 12 * MIB] + b"changed" + big[12 * MIB :])
    assert diff_values(None, big)
    assert time.perf_counter() - started < 1  # some 10 ms, on a machine that does other things too
