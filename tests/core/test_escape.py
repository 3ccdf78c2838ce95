"""Untrusted text becomes visible text: nothing that acts is left, and nothing is lost on the way."""

from __future__ import annotations

import itertools
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from kvtui.core.escape import escape, safe_str

ACTS = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}

hostile = st.text(
    st.one_of(st.characters(), st.sampled_from("\x1b\x07\x9b\n\r\\ex0[]\u202e\u200d\u0301\ud800"))
)


def unescaped(runs: list[tuple[str, bool]]) -> str:
    """The way back, which exists only if nothing was lost."""
    named = {"0": "\0", "t": "\t", "n": "\n", "r": "\r", "e": "\x1b"}
    text = ""
    for shown, hidden in runs:
        if not hidden:
            text += shown
            continue
        while shown:
            letter = shown[1]
            digits = {"x": 2, "u": 4, "U": 8}.get(letter, 0)
            text += chr(int(shown[2 : 2 + digits], 16)) if digits else named[letter]
            shown = shown[2 + digits :]
    return text


@given(hostile)
def test_every_text_can_be_had_back_from_its_runs(text: str) -> None:
    assert unescaped(escape(text)) == text


@given(hostile)
def test_nothing_that_acts_on_a_terminal_is_left(text: str) -> None:
    shown = "".join(run for run, _hidden in escape(text))
    assert not {unicodedata.category(char) for char in shown} & ACTS
    assert not {unicodedata.category(char) for char in safe_str(text)} & ACTS


@given(hostile)
def test_escapes_are_plain_letters_and_runs_alternate(text: str) -> None:
    runs = escape(text)
    assert all(shown.isascii() and shown.startswith("\\") for shown, hidden in runs if hidden)
    assert all(before[1] != after[1] for before, after in itertools.pairwise(runs))


@given(hostile, hostile)
def test_different_texts_stay_different_without_styles(one: str, other: str) -> None:
    assert (safe_str(one) == safe_str(other)) == (one == other)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[c", "\\e[c"),
        ("\\e[c", "\\\\e[c"),
        ("a\nb\r\t\0\x7f", "a\\nb\\r\\t\\0\\x7f"),
        ("\x9b31m", "\\x9b31m"),
        ("safe\u202egpj.exe", "safe\\u202egpj.exe"),
        ("\ud800", "\\ud800"),
        ("a\xa0b\u3000c", "a\\xa0b\\u3000c"),
        ("\U000e0041", "\\U000e0041"),
        ("é e\u0301 日本 한글 \u1112\u1161\u11ab", "é e\u0301 日本 한글 \u1112\u1161\u11ab"),
        ("\u0301x", "\\u0301x"),
        ("\n\u0301", "\\n\\u0301"),
        ("👍\U0001f3fd", "👍\\U0001f3fd"),
        ("\u2800\u3164", "\\u2800\\u3164"),
        ("", ""),
    ],
)
def test_what_is_shown(text: str, shown: str) -> None:
    assert safe_str(text) == shown


def test_marks_that_would_climb_over_other_lines_are_escaped() -> None:
    tower = "e" + "\u0301" * 6
    assert escape(tower) == [("e" + "\u0301" * 4, False), ("\\u0301" * 2, True)]


def test_whatever_is_drawn_alone_takes_a_cell_of_its_own() -> None:
    for low in range(0, 0x20000, 64):
        for char in map(chr, range(low, low + 64)):
            assert cell_len("".join(shown for shown, _hidden in escape(char))) > 0, hex(ord(char))
