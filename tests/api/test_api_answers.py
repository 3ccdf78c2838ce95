"""How answers are read: ends of listings, numbered pages, hostile names, exact bytes."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator
from urllib.parse import parse_qs

import httpx
import pytest

from kvtui.api import errors
from kvtui.api.models import Account, BulkResult, Entry, Namespace
from tests.api.kit import NS, MakeClient, Speaker, envelope, failure


@pytest.mark.parametrize("info", [None, {}, {"cursor": ""}, {"cursor": None}, {"count": 2}])
async def test_only_the_cursor_ends_a_listing(client_of: MakeClient, info: dict[str, object] | None) -> None:
    body = envelope([{"name": "a"}, {"name": "b"}])
    if info is not None:
        body["result_info"] = info
    page = await client_of(Speaker([httpx.Response(200, json=body)])).keys(NS)
    assert [row.name for row in page.keys] == ["a", "b"]
    assert page.cursor is None


async def test_an_empty_page_with_a_cursor_goes_on_and_prefix_and_limit_go_with_it(
    client_of: MakeClient,
) -> None:
    server = Speaker(lambda _: httpx.Response(200, json=envelope([], cursor="c/2 +", count=0)))
    client = client_of(server)
    page = await client.keys(NS, prefix="ü :&", limit=50)
    assert (page.keys, page.cursor) == ([], "c/2 +")
    await client.keys(NS, prefix="ü :&", cursor=page.cursor, limit=50)
    first, second = (parse_qs(request.url.query.decode(), strict_parsing=True) for request in server.requests)
    assert first == {"limit": ["50"], "prefix": ["ü :&"]}
    assert second == first | {"cursor": ["c/2 +"]}


async def test_a_limit_is_brought_into_the_range_that_servers_take(client_of: MakeClient) -> None:
    server = Speaker(lambda _: httpx.Response(200, json=envelope([])))
    client = client_of(server)
    for limit, sent in ((1, b"10"), (10, b"10"), (5000, b"1000")):
        await client.keys(NS, limit=limit)
        assert server.requests[-1].url.query == b"limit=" + sent


@pytest.mark.parametrize("prefix", ["x" * 513, "\udc00"])
async def test_a_prefix_of_no_key_is_refused(client_of: MakeClient, prefix: str) -> None:
    with pytest.raises(errors.Refused, match="prefix"):
        await client_of(Speaker([])).keys(NS, prefix=prefix)


async def test_metadata_keeps_its_spelling_to_the_digit(client_of: MakeClient) -> None:
    spelled = b'{"n":1.0E5,"big":12345678901234567890123,"n":2, "s":"\\u00e9"}'
    body = b'{"result":[{"name":"k","expiration":1900000000,"metadata":' + spelled + b'}],"success":true}'
    page = await client_of(Speaker([httpx.Response(200, content=body)])).keys(NS)
    assert page.keys[0].metadata_text == spelled.decode()
    assert page.keys[0].expiration == 1_900_000_000
    other = b'{"result":' + spelled + b',"success":true}'
    assert (
        await client_of(Speaker([httpx.Response(200, content=other)])).read_metadata(NS, "k")
        == spelled.decode()
    )


async def test_one_hostile_name_does_not_break_a_listing(client_of: MakeClient) -> None:
    body = (
        rb'{"result":[{"name":"plain","metadata":{"n":1.0E5}},'
        rb'{"name":"half \ud800 pair \\ud801 \ud83d\ude42"},'
        rb'{"name":"m","metadata":{"a":"\uDFFF","n":1e400}},{"name":"bytes '
        + b"\xff\xfe"
        + rb'"}],"success":true}'
    )
    page = await client_of(Speaker([httpx.Response(200, content=body)])).keys(NS)
    names = [row.name for row in page.keys]
    assert names == ["plain", "half \ud800 pair \\ud801 🙂", "m", "bytes \udcff\udcfe"]
    assert page.keys[0].metadata_text == '{"n":1.0E5}'
    assert page.keys[2].metadata_text == r'{"a":"\udfff","n":1e400}'


async def test_a_hostile_title_does_not_break_the_namespaces(client_of: MakeClient) -> None:
    body = rb'{"result":[{"id":"1","title":"\udc00"},{"id":"2","title":"b"}],"success":true}'
    found = await client_of(Speaker([httpx.Response(200, content=body)])).namespaces("acc")
    assert found == [Namespace("1", "\udc00", "acc"), Namespace("2", "b", "acc")]


def _numbered(total: int, size: int, **said: int) -> Speaker:
    rows = [{"id": f"{number:032x}", "title": f"t{number}"} for number in range(total)]

    def answer(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params["page"])
        return httpx.Response(200, json=envelope(rows[(page - 1) * size : page * size], **said))

    return Speaker(answer)


@pytest.mark.parametrize(
    ("total", "size", "said", "requests"),
    [
        (0, 1000, {}, 1),
        (999, 1000, {}, 1),
        (1000, 1000, {}, 2),
        (1000, 1000, {"total_count": 1000}, 1),
        (250, 100, {"per_page": 100}, 3),
        (250, 100, {"per_page": 100, "total_count": 250}, 3),
        (200, 100, {"total_count": 999}, 3),
    ],
)
async def test_all_pages_of_namespaces_are_walked(
    client_of: MakeClient, total: int, size: int, said: dict[str, int], requests: int
) -> None:
    server = _numbered(total, size, **said)
    found = await client_of(server).namespaces(NS.account)
    assert len({namespace.id for namespace in found}) == len(found) == total
    assert {namespace.account for namespace in found} <= {NS.account}
    assert len(server.requests) == requests


async def test_a_server_that_ignores_the_page_number_ends_too(client_of: MakeClient) -> None:
    rows = [{"id": f"{number:032x}", "title": f"t{number}"} for number in range(1000)]
    server = Speaker(lambda _: httpx.Response(200, json=envelope(rows)))
    assert len(await client_of(server).namespaces(NS.account)) == 1000
    assert len(server.requests) == 2


async def test_a_server_that_refuses_large_pages_is_asked_for_small_ones(client_of: MakeClient) -> None:
    small = _numbered(150, 100, per_page=100)

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.params["per_page"] != "100":
            return failure(10008, "malformed per_page", 400)
        return small._answer(request)

    assert len(await client_of(Speaker(answer)).namespaces(NS.account)) == 150


async def test_accounts_are_read_to_the_last_page(client_of: MakeClient) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params["page"])
        rows = [
            {"id": f"{page}-{number}", "name": "n", "settings": {}} for number in range(50 if page < 3 else 1)
        ]
        return httpx.Response(200, json=envelope(rows, page=page, per_page=50))

    found = await client_of(Speaker(answer)).accounts()
    assert len(found) == 101
    assert found[-1] == Account("3-0", "n")


class _Slow(httpx.AsyncByteStream):
    def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


async def test_a_value_is_its_bytes_and_its_progress_is_told(client_of: MakeClient) -> None:
    answer = httpx.Response(
        200, headers={"expiration": "1900000000", "content-length": "7"}, stream=_Slow(b"\x00\xff", b"12345")
    )
    told: list[tuple[int, int | None]] = []
    server = Speaker([answer])
    read = await client_of(server).read_value(
        NS, "k", progress=lambda so_far, total: told.append((so_far, total))
    )
    assert read == (b"\x00\xff12345", 1_900_000_000)
    assert told == [(2, 7), (7, 7)]
    assert server.requests[0].headers["accept-encoding"] == "identity"


async def test_a_value_that_a_proxy_compressed_is_unpacked_and_a_compressed_value_is_not(
    client_of: MakeClient,
) -> None:
    packed = gzip.compress(b"stored")
    told: list[int | None] = []
    proxied = httpx.Response(200, headers={"content-encoding": "gzip"}, stream=_Slow(packed))
    client = client_of(Speaker([proxied, httpx.Response(200, stream=_Slow(packed))]))
    assert (await client.read_value(NS, "k", progress=lambda _, total: told.append(total)))[0] == b"stored"
    assert (await client.read_value(NS, "k"))[0] == packed
    assert set(told) == {None}


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, br", "rot13"])
async def test_a_value_in_an_unknown_packing_is_not_shown_as_if_it_were_the_value(
    client_of: MakeClient, coding: str
) -> None:
    answer = httpx.Response(200, headers={"content-encoding": coding}, stream=_Slow(b"??"))
    with pytest.raises(errors.BadAnswer, match="compressed as"):
        await client_of(Speaker([answer])).read_value(NS, "k")


async def test_an_expiration_that_is_no_number_is_not_taken_for_never(client_of: MakeClient) -> None:
    with pytest.raises(errors.BadAnswer, match="expiration"):
        await client_of(Speaker([httpx.Response(200, headers={"expiration": "soon"})])).read_value(NS, "k")


async def test_an_entry_is_read_by_two_requests_and_one_failure_is_raised_alone(
    client_of: MakeClient,
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if "/metadata/" in request.url.path:
            return httpx.Response(200, json=envelope({"v": 3}))
        return httpx.Response(200, content=b"value", headers={"expiration": "1900000000"})

    server = Speaker(answer)
    assert await client_of(server).read_entry(NS, "a/b") == Entry(b"value", '{"v":3}', 1_900_000_000)
    assert sorted(line.rpartition("/namespaces/")[2] for line in server.lines) == [
        f"{NS.id}/metadata/a%2Fb",
        f"{NS.id}/values/a%2Fb",
    ]
    gone = Speaker(lambda _: failure(10009, "get: 'key not found'", 404))
    with pytest.raises(errors.KeyNotFound):
        await client_of(gone).read_entry(NS, "k")


@pytest.mark.parametrize("result", [None, {}, {"successful_key_count": 2, "unsuccessful_keys": []}])
async def test_a_bulk_answer_old_or_new_is_understood(client_of: MakeClient, result: object) -> None:
    client = client_of(Speaker(lambda _: httpx.Response(200, json=envelope(result))))
    assert await client.bulk_write(NS, {"a": Entry(b""), "b": Entry(b"")}) == BulkResult(2)
    assert await client.bulk_delete(NS, ["a", "b"]) == BulkResult(2)


async def test_keys_that_a_bulk_call_could_not_do_are_named(client_of: MakeClient) -> None:
    result = {"successful_key_count": 1, "unsuccessful_keys": ["b"]}
    client = client_of(Speaker(lambda _: httpx.Response(200, json=envelope(result))))
    assert await client.bulk_write(NS, [("a", Entry(b"")), ("b", Entry(b""))]) == BulkResult(1, ("b",))


async def test_a_bulk_write_carries_text_as_text_and_bytes_as_base64(client_of: MakeClient) -> None:
    server = Speaker([httpx.Response(200, json=envelope())])
    await client_of(server).bulk_write(
        NS, {"a/b": Entry("é\x00".encode(), '{"n":1.0E5}', 1_900_000_000), "b": Entry(b"\xff")}
    )
    assert server.lines[0].startswith("PUT ") and server.lines[0].endswith(f"{NS.id}/bulk")
    assert server.body() == [
        {"key": "a/b", "value": "é\x00", "expiration": 1_900_000_000, "metadata": {"n": 100000.0}},
        {"key": "b", "value": "/w==", "base64": True},
    ]
    assert b'"metadata":{"n":1.0E5}' in server.requests[0].content


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(404, text="404 Not Found"),
        failure(10405, "method not allowed", 405),
        failure(10025, "no such path", 404),
    ],
)
async def test_where_there_is_only_the_old_bulk_delete_that_is_used(
    client_of: MakeClient, answer: httpx.Response
) -> None:
    server = Speaker([answer, httpx.Response(200, json=envelope())])
    assert await client_of(server).bulk_delete(NS, ["a/b"]) == BulkResult(1)
    assert [line.split("/")[0] for line in server.lines] == ["POST ", "DELETE "]
    assert json.loads(server.requests[1].content) == ["a/b"]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (failure(10013, "bulk remove keys: 'namespace not found'", 404), errors.NamespaceNotFound),
        (
            failure(10000, "POST method not allowed for the api_token authentication scheme", 405),
            errors.MayNotWrite,
        ),
    ],
)
async def test_a_refused_bulk_delete_is_not_tried_another_way(
    client_of: MakeClient, answer: httpx.Response, kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        await client_of(Speaker([answer])).bulk_delete(NS, ["a"])


async def test_a_bulk_get_tells_missing_from_empty(client_of: MakeClient) -> None:
    values = {
        "a": {"value": "", "metadata": {"v": 1}, "expiration": 1_900_000_000},
        "b": None,
        "c": {"value": "x", "metadata": None},
    }
    server = Speaker([httpx.Response(200, json=envelope({"values": values}))])
    found = await client_of(server).bulk_get(NS, ["a", "b", "c", "d"])
    assert found == {"a": Entry(b"", '{"v":1}', 1_900_000_000), "b": None, "c": Entry(b"x"), "d": None}
    assert server.body() == {"keys": ["a", "b", "c", "d"], "type": "text", "withMetadata": True}


async def test_a_value_that_a_bulk_get_may_have_mangled_is_read_again_by_itself(
    client_of: MakeClient,
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            pairs = {"a": {"value": "\ufffd", "metadata": None}, "b": {"value": "fine", "metadata": None}}
            return httpx.Response(200, json=envelope({"values": pairs}))
        return (
            httpx.Response(200, json=envelope())
            if "/metadata/" in request.url.path
            else httpx.Response(200, content=b"\xff")
        )

    server = Speaker(answer)
    assert await client_of(server).bulk_get(NS, ["a", "b"]) == {"a": Entry(b"\xff"), "b": Entry(b"fine")}
    assert len(server.requests) == 3


async def test_a_bulk_get_without_metadata_is_not_taken_for_one_with_none(client_of: MakeClient) -> None:
    with pytest.raises(errors.BadAnswer):
        await client_of(Speaker([httpx.Response(200, json=envelope({"values": {"a": "text"}}))])).bulk_get(
            NS, ["a"]
        )


async def test_too_many_keys_are_refused_with_the_count(client_of: MakeClient) -> None:
    client = client_of(Speaker([]))
    names = [f"k{number}" for number in range(10_001)]
    with pytest.raises(errors.Refused, match=r"100 keys.*101"):
        await client.bulk_get(NS, names[:101])
    with pytest.raises(errors.Refused, match=r"10,000 keys.*10,001"):
        await client.bulk_delete(NS, names)
    with pytest.raises(errors.Refused, match=r"10,000 keys.*10,001"):
        await client.bulk_write(NS, dict.fromkeys(names, Entry(b"")))
    assert await client.bulk_get(NS, []) == {}


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (Entry(bytes(25 * 1024 * 1024 + 1)), "26,214,401"),
        (Entry(b"", json.dumps("x" * 1023)), "1,024 bytes"),
        (Entry(b"", "{"), "must be JSON"),
        (Entry(b"", "NaN"), "must be JSON"),
        (Entry(b"", ""), "must be JSON"),
        (Entry(b"", '"\ud800"'), "Unicode"),
    ],
)
async def test_what_cannot_be_stored_is_refused_before_it_is_sent(
    client_of: MakeClient, entry: Entry, words: str
) -> None:
    client = client_of(Speaker([]))
    with pytest.raises(errors.Refused, match=words):
        await client.write(NS, "k", entry)
    with pytest.raises(errors.Refused, match=words):
        await client.bulk_write(NS, {"k": entry})


async def test_a_key_twice_in_one_bulk_write_is_refused(client_of: MakeClient) -> None:
    with pytest.raises(errors.Refused, match="more than once"):
        await client_of(Speaker([])).bulk_write(NS, [("k", Entry(b"1")), ("k", Entry(b"2"))])


async def test_a_write_without_metadata_is_the_raw_bytes(client_of: MakeClient) -> None:
    server = Speaker(lambda _: httpx.Response(200, json=envelope()))
    client = client_of(server)
    await client.write(NS, "k", Entry(b'{"json":1}', None, 1_900_000_000))
    (request,) = server.requests
    assert request.content == b'{"json":1}'
    assert request.headers["content-type"] == "application/octet-stream"
    assert request.url.query == b"expiration=1900000000"
    await client.write(NS, "k", Entry(b"", None, 1_900_000_000), ttl=60)
    assert server.requests[-1].url.query == b"expiration_ttl=60"
    assert server.requests[-1].headers["content-length"] == "0"
    with pytest.raises(errors.Refused, match="60 seconds"):
        await client.write(NS, "k", Entry(b""), ttl=59)


async def test_a_write_with_metadata_is_a_form_of_two_parts(client_of: MakeClient) -> None:
    server = Speaker([httpx.Response(200, json=envelope())])
    await client_of(server).write(NS, "k", Entry(b"\x00--\r\n\xff", '{"n":1.0E5}', 1_900_000_000))
    (request,) = server.requests
    kind, _, boundary = request.headers["content-type"].partition("; boundary=")
    assert kind == "multipart/form-data"
    value, metadata = (
        part.strip(b"\r\n").split(b"\r\n\r\n", 1)
        for part in request.content.split(b"--" + boundary.encode())[1:3]
    )
    assert value == [
        b'Content-Disposition: form-data; name="value"; filename="blob"\r\n'
        b"Content-Type: application/octet-stream",
        b"\x00--\r\n\xff",
    ]
    assert metadata == [
        b'Content-Disposition: form-data; name="metadata"\r\nContent-Type: application/json',
        b'{"n":1.0E5}',
    ]
    assert request.url.query == b"expiration=1900000000"


async def test_a_rename_may_answer_with_nothing(client_of: MakeClient) -> None:
    for result in (None, {}, {"id": NS.id, "title": "new"}):
        renamed = await client_of(Speaker([httpx.Response(200, json=envelope(result))])).rename_namespace(
            NS, "new"
        )
        assert renamed == Namespace(NS.id, "new", NS.account)


@pytest.mark.parametrize("title", ["", "  ", "x" * 513, "\ud800"])
async def test_a_title_that_cannot_be_is_refused(client_of: MakeClient, title: str) -> None:
    with pytest.raises(errors.Refused, match="title"):
        await client_of(Speaker([])).create_namespace(NS.account, title)


async def test_a_success_of_no_content_is_a_success(client_of: MakeClient) -> None:
    await client_of(Speaker([httpx.Response(204)])).delete(NS, "k")
