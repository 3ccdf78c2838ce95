"""Bytes in rows: all of them, once, in order, whatever they are and however narrow the view."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.style import Style

from kvtui.core.values import pretty_json
from kvtui.ui.rows import HexLayout, Inks, Layout, Mark, Row, TextLayout

INKS = Inks(*(Style(color=f"color({number})") for number in range(len(Inks._fields))))

texts = st.text(st.sampled_from("ab é日\n\t\x1b\u202e\u0301{}\"':1,")).map(str.encode)
longs = st.builds(lambda part, times: part * times, texts, st.integers(0, 800))
values = texts | longs | st.binary(max_size=200)
widths = st.integers(1, 90)


def all_rows(layout: Layout, width: int) -> list[Row]:
    return layout.rows(0, 1_000_000, width)


@settings(deadline=None)
@given(values, widths)
@example(b"x" * 10_000, 7)
@example("日".encode() * 5_000, 10)
def test_the_rows_hold_every_byte_once_and_in_order(value: bytes, width: int) -> None:
    rows = all_rows(TextLayout(value), width)
    held = b""
    for row in rows:
        assert row.text.encode("utf-8", "surrogateescape") == value[row.start : row.end]
        between = value[len(held) : row.start]
        assert between in (b"", b"\n"), "only line breaks lie between rows"
        held = value[: row.end]
    assert held == value, "a line break at the very end is shown"


@settings(deadline=None)
@given(texts | longs, st.integers(10, 90))
def test_no_row_is_wider_than_the_view(value: bytes, width: int) -> None:
    layout = TextLayout(value)
    for row in all_rows(layout, width):
        drawn = "".join(segment.text for segment in layout.paint(row, width, INKS, ()))
        assert cell_len(drawn) <= width


@settings(deadline=None)
@given(values, st.integers(1, 40), st.integers(0, 400), st.integers(0, 30))
def test_going_up_from_a_row_leads_to_the_rows_above(value: bytes, width: int, at: int, count: int) -> None:
    for layout in (TextLayout(value), HexLayout(value)):
        rows = all_rows(layout, width)
        if rows:
            at %= len(rows)
            assert layout.above(rows[at].start, count, width) == rows[max(at - count, 0)].start
            assert layout.rows(rows[at].start, 5, width) == rows[at : at + 5]


@given(st.binary(max_size=100), st.integers(1, 100))
def test_hex_shows_each_byte_in_hex_and_as_its_letter(value: bytes, width: int) -> None:
    layout = HexLayout(value)
    held = b""
    for row in all_rows(layout, width):
        drawn = "".join(segment.text for segment in layout.paint(row, width, INKS, ()))
        assert drawn.startswith(f"{row.start:04x}  {value[row.start]:02x}")
        letters = drawn[-(row.end - row.start) :]
        part = value[row.start : row.end]
        assert [letter for letter in letters] == [chr(c) if 32 <= c < 127 else "·" for c in part]
        held += part
        assert cell_len(drawn) <= max(width, 11)
    assert held == value


def tones(line: bytes) -> dict[str, str]:
    layout = TextLayout(line, json=True)
    names = dict(zip(INKS, Inks._fields, strict=True))
    return {
        segment.text: names[segment.style]
        for row in all_rows(layout, 80)
        for segment in layout.paint(row, 80, INKS, ())
        if segment.style
    }


def test_json_is_painted_by_what_it_is() -> None:
    painted = tones(b'"key": ["text", -1.5e3, true],')
    assert painted.items() >= {('"key"', "key"), ('"text"', "string"), ("-1.5e3", "number"), ("true", "word")}
    assert tones(b'"a \\" b": "c: \\\\"') == {
        '"a \\" b"': "key",
        ":": "faint",
        " ": "plain",
        '"c: \\\\"': "string",
    }


@given(st.binary(max_size=80), st.integers(1, 30))
def test_paint_changes_styles_and_never_the_text(value: bytes, width: int) -> None:
    plain, painted = TextLayout(value), TextLayout(value, json=True)
    marks = [Mark(2, 5, False), Mark(7, 60, True)]
    for row in all_rows(plain, width):
        shown = "".join(segment.text for segment in plain.paint(row, width, INKS, ()))
        assert "".join(segment.text for segment in plain.paint(row, width, INKS, marks)) == shown
    for one, other in zip(all_rows(plain, width), all_rows(painted, width), strict=True):
        assert (one.start, one.end, one.text) == (other.start, other.end, other.text)


@pytest.mark.parametrize("layout", [TextLayout("aé\x1bneedle".encode()), HexLayout("aé\x1bneedle".encode())])
def test_what_was_found_stands_out(layout: Layout) -> None:
    [row] = layout.rows(0, 1, 80)
    segments = layout.paint(row, 80, INKS, [Mark(4, 7, True)])
    marked = "".join(segment.text for segment in segments if segment.style == INKS.here)
    assert marked in ("nee", "6e 65 65nee")


def test_a_regex_does_not_run_away_on_a_hostile_line() -> None:
    line = b'"' + b"\\" * 4001 + b'"' * 3
    assert tones(line)
    assert pretty_json(b'["' + b"\\\\" * 2000 + b'"]')
