"""Who may ask, how often, and in which form values come."""

from __future__ import annotations

import msgspec
import pytest

from kvtui.local import form
from kvtui.local.envelope import Refusal
from kvtui.local.rates import RateLimit
from kvtui.local.server import BASE, create_app
from kvtui.local.state import KVState
from tests.local.kit import HOME, Api, Clock, client_of, error_of

HERE = [
    "localhost",
    "localhost:8799",
    "127.0.0.1",
    "127.0.0.1:80",
    "127.8.9.1",
    "[::1]",
    "[::1]:8799",
    "LOCALHOST",
]
ELSEWHERE = [
    "example.com", "localhost.example.com", "127.0.0.1.nip.io", "192.168.0.1:8799", "0.0.0.0", "",
    "[::]", "[::1", "evil@127.0.0.1.example", "2130706433",
]  # fmt: skip


@pytest.mark.parametrize("host", HERE)
async def test_a_host_that_is_this_machine_is_answered(api: Api, host: str) -> None:
    assert (await api.http.get(f"{BASE}/accounts", headers={"host": host})).status_code == 200
    assert (await api.http.get(f"{BASE}/accounts", headers={"origin": f"http://{host}"})).status_code == 200


@pytest.mark.parametrize("host", ELSEWHERE)
async def test_a_host_or_origin_elsewhere_is_refused(api: Api, host: str) -> None:
    status, _, message = error_of(await api.http.get(f"{BASE}/accounts", headers={"host": host}))
    assert status == 403
    assert message.startswith("Invalid Host header")
    answer = await api.http.post(HOME, json={"title": "x"}, headers={"origin": f"https://{host}"})
    assert error_of(answer)[0] == 403
    assert (await api.http.get(HOME)).json()["result"] == []


async def test_an_origin_that_is_none_is_refused(api: Api) -> None:
    for origin in ("null", "", "file://", "http://["):
        assert error_of(await api.http.get(HOME, headers={"origin": origin}))[0] == 403


async def test_a_token_must_come_with_every_request(state: KVState) -> None:
    async with client_of(create_app(state, token="s3cret")) as http:
        for headers in (
            {},
            {"authorization": "Bearer wrong"},
            {"authorization": "s3cret"},
            {"authorization": "Basic s3cret"},
            {"x-auth-key": "wrong", "x-auth-email": "a@example.com"},
            {"authorization": "Bearer "},
        ):
            for path in (HOME, f"{BASE}/user/tokens/verify", "/nowhere"):
                assert error_of(await http.get(path, headers=headers)) == (401, 10000, "Authentication error")
        for headers in ({"authorization": "Bearer s3cret"}, {"x-auth-key": "s3cret"}):
            assert (await http.get(HOME, headers=headers)).status_code == 200


async def test_without_a_token_any_token_will_do(api: Api) -> None:
    assert (await api.http.get(HOME, headers={"authorization": "Bearer whatever"})).status_code == 200


async def test_a_rate_limit_bites_with_productions_headers(state: KVState, clock: Clock) -> None:
    async with client_of(create_app(state, clock=clock, rate_limit=RateLimit(3, 60))) as http:
        for left in (2, 1, 0):
            answer = await http.get(HOME)
            assert answer.status_code == 200
            assert answer.headers["ratelimit"] == f'"default";r={left};t=60'
            assert answer.headers["ratelimit-policy"] == '"default";q=3;w=60'
            assert "retry-after" not in answer.headers
        clock.now += 30.5
        for wait in ("60", "40"):
            answer = await http.get(HOME)
            assert answer.status_code == 429
            said = {"code": 971, "message": "Please wait and consider throttling your request speed"}
            assert answer.json() == said
            assert answer.headers["retry-after"] == wait
            assert answer.headers["ratelimit"] == f'"default";r=0;t={wait}'
            clock.now += 20
        clock.now += 20
        assert (await http.get(HOME)).status_code == 200


async def test_without_a_rate_limit_nothing_is_said_of_it(api: Api) -> None:
    assert not [name for name in (await api.http.get(HOME)).headers if "rate" in name]


# -- forms ----------------------------------------------------------------------------------------------


def multipart(*parts: tuple[str, bytes]) -> tuple[bytes, str]:
    body = b"".join(
        b"--b\r\nContent-Disposition: form-data; " + head.encode() + b"\r\n\r\n" + data + b"\r\n"
        for head, data in parts
    )
    return body + b"--b--\r\n", "multipart/form-data; boundary=b"


def metadata_of(*fields: tuple[str, str]) -> object:
    parts = [(f'name="{name}"', text.encode()) for name, text in fields]
    _, text = form.parse(*multipart(('name="value"', b""), *parts))
    return None if text is None else msgspec.json.decode(text)


def test_fields_of_the_npm_sdk_become_an_object_again() -> None:
    fields = (
        ("metadata[a]", "1"),
        ("metadata[b][c][]", "x"),
        ("metadata[b][c][]", "y"),
        ("metadata[list][][n]", "1"),
        ("metadata[list][][m]", "2"),
        ("metadata[list][][n]", "3"),
        ("metadata[é]", "ü"),
    )
    assert metadata_of(*fields) == {
        "a": "1",
        "b": {"c": ["x", "y"]},
        "list": [{"n": "1", "m": "2"}, {"n": "3"}],
        "é": "ü",
    }
    assert metadata_of(("metadata", '{"a":1}'), ("metadata[b]", "ignored")) == {"a": 1}
    assert metadata_of() is None


@pytest.mark.parametrize(
    "fields",
    [
        [("metadata[a]", "1"), ("metadata[a][b]", "2")],
        [("metadata[]", "1")],
        [("metadata[a][]", "1"), ("metadata[a][b]", "2")],
        [("metadata" + "[a]" * 40, "1")],
    ],
)
def test_fields_that_contradict_each_other_are_refused(fields: list[tuple[str, str]]) -> None:
    with pytest.raises(Refusal) as refusal:
        metadata_of(*fields)
    assert refusal.value.code == 10147


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\r\n",
        b"--b",
        b"\r\n--",
        b"\r\n--bx",
        b"\r\n-\r\n--\r\n--c--\r\n",
        b"\x00\xff\r\n\r\n",
        b"\n" * 3000,
    ],
)
def test_a_value_that_looks_like_a_boundary_comes_through(value: bytes) -> None:
    for head in (
        'name="value"',
        'name="value"; filename="upload"',
        "name=value",
        'filename="x"; name="value"',
    ):
        if b"\r\n--b" in value and b"\r\n--bx" not in value:
            continue
        assert form.parse(*multipart((head, value)))[0] == value


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", "multipart/form-data; boundary=b"),
        (b'--b\r\nContent-Disposition: form-data; name="value"\r\n\r\nx', "multipart/form-data; boundary=b"),
        (b"nothing like it", "multipart/form-data; boundary=b"),
        (b"--b--", "multipart/form-data"),
        (b"--b--", "multipart/form-data; boundary=" + "x" * 300),
        multipart(('name="other"', b"x")),
        multipart(*[('name="x"', b"")] * 1001),
    ],
)
def test_a_broken_form_is_refused(body: bytes, content_type: str) -> None:
    with pytest.raises(Refusal) as refusal:
        form.parse(body, content_type)
    assert refusal.value.status == 400
