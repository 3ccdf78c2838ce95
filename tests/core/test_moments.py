"""Expirations as people type them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvtui.core.moments import LATEST, WhenError, check_when, read_when

NOW = 1_790_000_000.25
CEIL = 1_790_000_001
PLUS_2 = timezone(timedelta(hours=2))


def unix(*parts: int, zone: tzinfo = UTC) -> int:
    year, month, day, *time = parts
    hour, minute, second = (*time, 0, 0, 0)[:3]
    return int(datetime(year, month, day, hour, minute, second, tzinfo=zone).timestamp())


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("never", None),
        (" Never ", None),
        ("45s", CEIL + 45),
        ("90m", CEIL + 5400),
        ("+90m", CEIL + 5400),
        ("+ 1h 30m", CEIL + 5400),
        ("2d12h", CEIL + 216_000),
        ("1W", CEIL + 604_800),
        ("1h30m", CEIL + 5400),
        ("2026-12-01", unix(2026, 12, 1)),
        ("2026-12-01 10:00", unix(2026, 12, 1, 10)),
        ("2026-12-01T10:00:05Z", unix(2026, 12, 1, 10, 0, 5)),
        ("2026-12-01 10:00 UTC", unix(2026, 12, 1, 10)),
        ("2026-12-01T10:00+02:00", unix(2026, 12, 1, 8)),
        ("2026-12-01 10:00 -0530", unix(2026, 12, 1, 15, 30)),
        ("2026-12-01 10:00:00.5", unix(2026, 12, 1, 10, 0, 1)),
        ("@1790000000", 1_790_000_000),
        ("@5", 5),
        ("1790000000", 1_790_000_000),
        ("9999-12-31 23:59:59", LATEST),
    ],
)
def test_moments_are_read(text: str, moment: int | None) -> None:
    assert read_when(text, NOW) == moment


def test_a_plus_extends_the_present_expiration() -> None:
    assert read_when("+1h", NOW, base=1_800_000_000) == 1_800_003_600
    assert read_when("1h", NOW, base=1_800_000_000) == CEIL + 3600


def test_a_date_is_in_the_zone_that_was_given() -> None:
    assert read_when("2026-12-01 10:00", NOW, zone=PLUS_2) == unix(2026, 12, 1, 10, zone=PLUS_2)
    assert read_when("2026-12-01", NOW, zone=PLUS_2) == unix(2026, 11, 30, 22)
    assert read_when("2026-12-01 10:00Z", NOW, zone=PLUS_2) == unix(2026, 12, 1, 10)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "No time is given"),
        ("soon", '"soon" is no time'),
        ("-5m", "is no time"),
        ("5 years", "is no time"),
        ("12:00", "is no time"),
        ("2026-13-01", "no date in the calendar"),
        ("2026-02-30 10:00", "no date in the calendar"),
        ("2026-12-01 25:00", "no date in the calendar"),
        ("3600", "say 3600s or 3600m"),
        ("1790000000000", "@1790000000"),
        ("9" * 5000, "too big"),
        ("999999999999w", "after the year 9999"),
        ("@253402300800", "after the year 9999"),
        ("9999-12-31 23:59-10:00", "after the year 9999"),
        ("٣٤m", "is no time"),
        ("\x1b[2Jx" + "y" * 99, '"\\e[2Jx'),
    ],
)
def test_what_is_not_understood_is_answered_kindly(text: str, words: str) -> None:
    with pytest.raises(WhenError) as raised:
        read_when(text, NOW)
    assert words in str(raised.value)
    assert str(raised.value).isprintable() and len(str(raised.value)) < 200


@settings(deadline=None, max_examples=300)
@given(st.text() | st.text(alphabet="0123456789wdhms+-:@TZ ", max_size=24))
def test_no_text_does_more_than_be_read_or_refused(text: str) -> None:
    try:
        moment = read_when(text, NOW)
    except WhenError:
        return
    assert moment is None or moment <= LATEST


@pytest.mark.parametrize(
    ("expiration", "words"),
    [
        (None, None),
        (CEIL + 60, None),
        (1_790_000_012, "KV keeps nothing for less than 60 s: this is 11 s ahead."),
        (1_790_000_060, "KV keeps nothing for less than 60 s: this is 59 s ahead."),
        (1_790_000_000, "in the past"),
        (-5, "in the past"),
        (LATEST + 1, "after the year 9999"),
    ],
)
def test_what_kv_refuses_is_said_before(expiration: int | None, words: str | None) -> None:
    said = check_when(expiration, NOW)
    assert said == words if words is None else words in (said or "")


def test_sixty_seconds_are_never_too_few() -> None:
    assert check_when(read_when("60s", NOW), NOW) is None
