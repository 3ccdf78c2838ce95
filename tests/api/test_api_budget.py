"""The request budget: what headers say, what is counted here, and when it starts anew."""

from __future__ import annotations

from email.utils import formatdate

import httpx
import pytest

from kvtui.api.budget import Budget, retry_after
from tests.api.kit import NS, MakeClient, Speaker, envelope

NOW = 1_800_000_000.0


def test_the_headers_say_all() -> None:
    budget = Budget()
    budget.observe(
        {"ratelimit": '"default";r=50;t=30', "ratelimit-policy": '"default";q=1200;w=300'}, 200, NOW
    )
    assert (budget.limit, budget.remaining, budget.resets_in(NOW)) == (1200, 50, 30)
    assert budget.resets_in(NOW + 10) == 20


def test_of_several_limits_the_tightest_counts() -> None:
    headers = {
        "ratelimit": '"default";r=900;t=200, "burst" ; t=7 ; r=3',
        "ratelimit-policy": '"burst";q=100;w=60,"default";q=1200;w=300',
    }
    budget = Budget()
    budget.observe(headers, 200, NOW)
    assert (budget.limit, budget.remaining, budget.resets_in(NOW)) == (100, 3, 7)


def test_after_its_window_the_budget_is_whole_again() -> None:
    budget = Budget()
    budget.observe({"ratelimit": '"d";r=0;t=30', "ratelimit-policy": '"d";q=1200;w=300'}, 200, NOW)
    assert budget.resets_in(NOW + 30) is None
    assert budget.remaining == 1200


def test_requests_between_two_answers_are_counted() -> None:
    budget = Budget()
    budget.observe({"ratelimit": '"d";r=2;t=30'}, 200, NOW)
    for _ in range(3):
        budget.spend(NOW)
    assert budget.remaining == 0


@pytest.mark.parametrize(
    "header",
    [
        "",
        "nonsense",
        ";;;",
        '"d"',
        '"d";r=x;t=y',
        '"d;r=5',
        "\x00" * 50,
        '"d";r=99999999999999999999',
        '"d";r=5.5',
        "," * 9,
    ],
)
def test_a_malformed_header_changes_nothing(header: str) -> None:
    budget = Budget()
    budget.observe({"ratelimit": header, "ratelimit-policy": header}, 200, NOW)
    assert (budget.limit, budget.remaining, budget.resets_in(NOW)) == (None, None, None)


def test_a_name_may_hold_separators() -> None:
    budget = Budget()
    budget.observe({"ratelimit": '"a;r=1,\\"b\\"";r=7;t=1'}, 200, NOW)
    assert budget.remaining == 7


def test_a_pause_is_kept_until_it_is_over() -> None:
    budget = Budget()
    budget.observe({"retry-after": "240"}, 429, NOW)
    assert budget.blocked_until == NOW + 240
    assert budget.blocked_for(NOW + 200) == 40
    assert budget.blocked_for(NOW + 240) is None
    assert budget.blocked_until is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        ("0", 0),
        ("1.5", 1.5),
        (formatdate(NOW + 90, usegmt=True), 90),
        (formatdate(NOW - 90, usegmt=True), 0),
    ],
)
def test_a_pause_comes_as_seconds_or_as_a_date(text: str, seconds: float) -> None:
    assert retry_after({"retry-after": text}, NOW) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-5", "1e9", "nan", "Mon, 99 Foo 2026", "9" * 40])
def test_a_pause_that_cannot_be_read_is_none(text: str) -> None:
    assert retry_after({"retry-after": text}, NOW) is None


async def test_a_server_that_says_nothing_has_no_known_budget(client_of: MakeClient) -> None:
    client = client_of(Speaker(lambda _: httpx.Response(200, json=envelope([]))), "http://127.0.0.1:8799")
    await client.keys(NS)
    assert (client.budget.limit, client.budget.remaining) == (None, None)


async def test_what_goes_to_cloudflare_is_counted_here(client_of: MakeClient) -> None:
    now = NOW
    client = client_of(Speaker(lambda _: httpx.Response(200, json=envelope([]))), clock=lambda: now)
    await client.keys(NS)
    await client.keys(NS)
    assert (client.budget.limit, client.budget.remaining, client.budget.resets_in(now)) == (1200, 1198, 300)
    now += 301
    await client.keys(NS)
    assert client.budget.remaining == 1199


async def test_every_attempt_counts(client_of: MakeClient) -> None:
    client = client_of(
        Speaker([httpx.Response(503), httpx.Response(503), httpx.Response(200, json=envelope([]))])
    )
    await client.keys(NS)
    assert client.budget.remaining == 1197


async def test_headers_take_the_place_of_the_count(client_of: MakeClient) -> None:
    headers = {"Ratelimit": '"default";r=50;t=30', "Ratelimit-Policy": '"default";q=1200;w=300'}
    client = client_of(Speaker(lambda _: httpx.Response(200, json=envelope([]), headers=headers)))
    await client.keys(NS)
    assert client.budget.remaining == 50
