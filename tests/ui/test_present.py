"""What the panes draw with: text that is safe and as wide as asked, and the words for sizes and times."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.segment import ControlType, Segment
from rich.style import Style
from textual.color import Color

from kvtui.core.escape import escape
from kvtui.core.wording import countdown, size_words, when_words
from kvtui.ui.present import ControlFilter, safe_content, safe_segments, safe_text

MARKUP = ["[/]", "[red]x[/]", "[@click=app.boom]", "\\[", "[b"]
hostile = st.text(st.one_of(st.characters(), st.sampled_from("\x1b\x9b日[]\\\u202e\u0301\ud800")))
BOLD = Style(bold=True)


def shown(text: str) -> str:
    return "".join(run for run, _hidden in escape(text))


@given(hostile | st.sampled_from(MARKUP))
def test_content_and_text_hold_the_escaped_text_and_no_markup(text: str) -> None:
    assert safe_content(text, "bold").plain == shown(text)
    assert safe_text(text, "bold").plain == shown(text)


@given(hostile, st.integers(0, 60))
def test_segments_are_exactly_as_wide_as_asked(text: str, width: int) -> None:
    segments = safe_segments(text, BOLD, width)
    assert sum(cell_len(segment.text) for segment in segments) == width
    drawn = "".join(segment.text for segment in segments)
    if cell_len(shown(text)) <= width:
        assert drawn.rstrip(" ") == shown(text).rstrip(" ")
    elif width:
        kept, ellipsis, filled = drawn.rpartition("…")
        assert shown(text).startswith(kept) and ellipsis and not filled.strip()


def test_an_escape_differs_from_its_letters_by_style_also_where_text_is_reversed() -> None:
    for style in (Style(), Style(reverse=True)):
        real, letters = safe_segments("\x1b", style, 2), safe_segments("\\e", style, 2)
        assert [segment.text for segment in real] == [segment.text for segment in letters]
        assert real[0].style is not None and letters[0].style is not None
        assert bool(real[0].style.reverse) != bool(letters[0].style.reverse)
    assert safe_content("\x1b").spans and not safe_content("\\e").spans


@given(hostile)
def test_the_last_wall_lets_no_control_and_no_direction_through(text: str) -> None:
    passed = ControlFilter().apply([Segment(text, BOLD)], Color.parse("black"))
    for char in "".join(segment.text for segment in passed):
        assert unicodedata.category(char) not in ("Cc", "Cs", "Zl", "Zp")
        assert unicodedata.bidirectional(char) not in (
            "LRE",
            "RLE",
            "LRO",
            "RLO",
            "PDF",
            "LRI",
            "RLI",
            "FSI",
            "PDI",
        )


def test_the_last_wall_keeps_what_is_harmless_and_our_own_control_segments() -> None:
    segments = [Segment("日本 é │ plain", BOLD), Segment("\x1b[H", None, [(ControlType.HOME,)])]
    assert ControlFilter().apply(segments, Color.parse("black")) == segments


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 B"), (1204, "1,204 B"), (24_883, "24.3 KiB"), (25 * 1024**2, "25 MiB"), (5_000_000, "4.8 MiB")],
)
def test_sizes(count: int, words: str) -> None:
    assert size_words(count) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "never"),
        (-3, "expired"),
        (0, "expired"),
        (0.2, "1s"),
        (58, "58s"),
        (245, "4m"),
        (2_600, "43m"),
        (7_380, "2h 03m"),
        (12 * 86_400 + 4 * 3_600, "12d 04h"),
        (400 * 86_400, "400d"),
    ],
)
def test_what_is_left(seconds: float | None, words: str) -> None:
    assert countdown(seconds) == words


def test_moments(monkeypatch: pytest.MonkeyPatch) -> None:
    assert when_words(1_795_435_200) == "2026-11-23 12:00:00 UTC"
    assert when_words(1_795_435_200, local=True).startswith("2026-11-2")
    assert "1" + "0" * 20 in when_words(1e20)
