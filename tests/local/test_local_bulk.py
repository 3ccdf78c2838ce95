"""Bulk write, bulk delete, bulk get."""

from __future__ import annotations

from base64 import b64encode

import httpx
import pytest

from tests.local.kit import NOW, Api, error_of, value_path

BYTES = bytes(range(256))


async def names(api: Api, one: str) -> list[str]:
    return [row["name"] for row in (await api.http.get(f"{one}/keys")).json()["result"]]


async def test_a_bulk_write_stores_text_bytes_metadata_and_expirations(api: Api) -> None:
    one = await api.make()
    pairs = [
        {"key": "text", "value": "välue", "metadata": {"a": [1]}, "expiration": NOW + 100},
        {"key": "bytes/%2F", "value": b64encode(BYTES).decode(), "base64": True, "expiration_ttl": 60},
        {
            "key": "bare",
            "value": b64encode(b"x").decode().rstrip("=") + "\n",
            "base64": True,
            "metadata": None,
        },
        {"key": "empty", "value": "", "base64": None, "expiration": None},
    ]
    answer = (await api.http.put(f"{one}/bulk", json=pairs)).json()
    assert answer["result"] == {"successful_key_count": 4, "unsuccessful_keys": []}
    text = await api.http.get(value_path(one, "text"))
    assert (text.text, text.headers["expiration"]) == ("välue", str(NOW + 100))
    assert (await api.http.get(value_path(one, "bytes/%2F"))).content == BYTES
    assert (await api.http.get(value_path(one, "bare"))).content == b"x"
    listed = (await api.http.get(f"{one}/keys")).json()["result"]
    assert listed == [
        {"name": "bare"},
        {"name": "bytes/%2F", "expiration": NOW + 60},
        {"name": "empty"},
        {"name": "text", "expiration": NOW + 100, "metadata": {"a": [1]}},
    ]


@pytest.mark.parametrize(
    ("pairs", "status", "code"),
    [
        ({"key": "k", "value": "v"}, 400, 10012),
        (["k"], 400, 10012),
        ([{"key": "k"}], 400, 10012),
        ([{"key": 1, "value": "v"}], 400, 10012),
        ([{"key": "k", "value": "not base64!", "base64": True}], 400, 10012),
        ([{"key": "k", "value": "aé==", "base64": True}], 400, 10012),
        ([{"key": "k", "value": "a-_b", "base64": True}], 400, 10012),
        ([{"key": "", "value": "v"}], 400, 10042),
        ([{"key": "..", "value": "v"}], 400, 10042),
        ([{"key": "x" * 513, "value": "v"}], 414, 10030),
        ([{"key": "k", "value": "v", "metadata": "x" * 1023}], 413, 10047),
        ([{"key": "k", "value": "v", "expiration_ttl": 59}], 400, 10034),
        ([{"key": "k", "value": "v", "expiration_ttl": 60.5}], 400, 10034),
        ([{"key": "k", "value": "v", "expiration": NOW}], 400, 10033),
        ([{"key": "k", "value": "x" * (25 * 1024 * 1024 + 1)}], 413, 10024),
        ([{"key": "k", "value": "1"}, {"key": "k", "value": "2"}], 400, 10012),
    ],
)
async def test_a_bulk_write_that_is_refused_has_written_nothing(
    api: Api, pairs: object, status: int, code: int
) -> None:
    one = await api.make()
    if isinstance(pairs, list):
        pairs = [{"key": "first", "value": "v"}, *pairs]
    assert error_of(await api.http.put(f"{one}/bulk", json=pairs))[:2] == (status, code)
    assert await names(api, one) == []


async def test_half_of_a_surrogate_pair_is_refused(api: Api) -> None:
    one = await api.make()
    for body in (rb'[{"key":"\ud800","value":"v"}]', rb'[{"key":"k","value":"\udfff"}]', b"[", b"\xff"):
        assert error_of(await api.http.put(f"{one}/bulk", content=body))[:2] == (400, 10012)
    assert error_of(await api.http.post(f"{one}/bulk/delete", content=rb'["\ud800"]'))[:2] == (400, 10012)


async def test_the_same_pair_twice_is_written_once(api: Api) -> None:
    one = await api.make()
    pair = {"key": "k", "value": "v", "metadata": {"a": 1}}
    answer = await api.http.put(f"{one}/bulk", json=[pair, pair])
    assert answer.json()["result"]["successful_key_count"] == 2
    other = error_of(await api.http.put(f"{one}/bulk", json=[pair, {"key": "k", "value": "v"}]))
    assert 'received duplicate key with different values or expiration parameters: "k"' in other[2]


async def test_ten_thousand_pairs_are_written_and_deleted_and_no_more(api: Api) -> None:
    one = await api.make()
    keys = [f"k{number:05}" for number in range(10_001)]
    pairs = [{"key": key, "value": ""} for key in keys]
    assert error_of(await api.http.put(f"{one}/bulk", json=pairs))[:2] == (400, 10012)
    assert error_of(await api.http.post(f"{one}/bulk/delete", json=keys))[:2] == (400, 10012)
    assert await names(api, one) == []
    written = await api.http.put(f"{one}/bulk", json=pairs[:2000])
    assert written.json()["result"]["successful_key_count"] == 2000
    deleted = await api.http.post(f"{one}/bulk/delete", json=keys[:10_000])
    assert deleted.json()["result"]["successful_key_count"] == 10_000
    assert await names(api, one) == []


@pytest.mark.parametrize(("method", "path"), [("POST", "/bulk/delete"), ("DELETE", "/bulk")])
async def test_a_bulk_delete_goes_both_ways_and_minds_no_missing_key(
    api: Api, method: str, path: str
) -> None:
    one = await api.make()
    await api.http.put(f"{one}/bulk", json=[{"key": key, "value": ""} for key in ("a", "b/%2F", "c")])
    answer = await api.http.request(method, one + path, json=["a", "b/%2F", "never there"])
    assert answer.json()["result"] == {"successful_key_count": 3, "unsuccessful_keys": []}
    assert await names(api, one) == ["c"]
    assert (await api.http.request(method, one + path, json=[])).status_code == 200
    for body in ([{"name": "c"}], {"keys": ["c"]}, [1]):
        assert error_of(await api.http.request(method, one + path, json=body))[:2] == (400, 10012)
    assert await names(api, one) == ["c"]


async def get(api: Api, one: str, **asked: object) -> httpx.Response:
    return await api.http.post(f"{one}/bulk/get", json=asked)


async def test_a_bulk_get_answers_text_json_metadata_and_null(api: Api) -> None:
    one = await api.make()
    number = '{"n": 12345678901234567890.10}'
    form = {"value": (None, number), "metadata": (None, '{"m": 1}')}
    await api.http.put(value_path(one, "json"), files=form, params={"expiration_ttl": "60"})
    await api.http.put(value_path(one, "text"), content="välue".encode())
    plain = (await get(api, one, keys=["text", "none", "json"])).json()["result"]["values"]
    assert plain == {"text": "välue", "none": None, "json": number}
    full = (await get(api, one, keys=["text", "none", "json"], withMetadata=True)).json()["result"]["values"]
    assert full == {
        "text": {"value": "välue", "metadata": None},
        "none": None,
        "json": {"value": number, "metadata": {"m": 1}, "expiration": NOW + 60},
    }
    assert f'"json":{number}' in (await get(api, one, keys=["json"], type="json")).text
    error = error_of(await get(api, one, keys=["json", "text"], type="json"))
    said = "At least one of the requested keys corresponds to a non-json value"
    assert error == (400, 10029, f"bulk get keys: '{said}'")


async def test_a_bulk_get_refuses_what_is_not_text(api: Api) -> None:
    one = await api.make()
    await api.http.put(value_path(one, "bytes"), content=b"\xff")
    said = "bulk get keys: 'At least one of the requested keys corresponds to a non-text value'"
    assert error_of(await get(api, one, keys=["bytes", "none"])) == (400, 10029, said)


async def test_a_bulk_get_takes_1_to_100_keys_and_25_mb(api: Api) -> None:
    one = await api.make()
    assert error_of(await get(api, one, keys=[]))[:2] == (400, 10029)
    assert error_of(await get(api, one, keys=[f"k{n}" for n in range(101)]))[:2] == (400, 10029)
    assert len((await get(api, one, keys=[f"k{n}" for n in range(100)])).json()["result"]["values"]) == 100
    for key in "ab":
        await api.http.put(value_path(one, key), content=b"x" * 13_000_000)
    assert error_of(await get(api, one, keys=["a", "b"]))[:2] == (413, 10024)
    assert (await get(api, one, keys=["a"])).status_code == 200
    for body in ({}, {"keys": "a"}, ["a"], {"keys": ["a"], "type": "stream"}):
        assert error_of(await api.http.post(f"{one}/bulk/get", json=body))[:2] == (400, 10012)
