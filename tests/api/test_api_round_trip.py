"""Whatever the name, the value and the metadata: over real HTTP the same comes back."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator

import pytest
import uvicorn
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kvtui.api.client import KVClient
from kvtui.api.limits import KEY_BYTES, METADATA_BYTES, key_problem
from kvtui.api.models import Entry
from kvtui.local.server import create_app
from kvtui.local.state import open_state

FAR = 4_000_000_000

names = (
    st.one_of(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60),
        st.text("./%\\?#&+=:;@ \x00\x1f\x7f~^é🙂", min_size=1, max_size=12),
        st.sampled_from(["...", "a/../b", "../x", "%2e%2e", "%2F", "/", "//", "./", "metadata", "values/x"]),
    )
    .filter(lambda name: key_problem(name) is None)
    .map(lambda name: name.encode()[:KEY_BYTES].decode(errors="ignore"))
)

numbers = st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False)
plain = st.none() | st.booleans() | numbers | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
trees = st.recursive(
    plain,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abé", max_size=3), inner, max_size=3)
    ),
)
spelled = st.tuples(trees, st.booleans()).map(lambda pair: json.dumps(pair[0], ensure_ascii=pair[1]))
metadata = st.none() | spelled.filter(lambda text: text != "null" and len(text.encode()) <= METADATA_BYTES)

entries = st.builds(Entry, st.binary(max_size=300), metadata, st.none() | st.integers(FAR, FAR + 10**6))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The embedded server behind uvicorn on a free port of loopback: its base URL."""
    app = create_app(open_state(tmp_path_factory.mktemp("state"), create=True))
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
    # Bound here, so who comes early waits in its backlog; named as TCP, or asyncio leaves Nagle's delay on.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/client/v4"
        server.should_exit = True
        thread.join(10)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(names, entries, min_size=1, max_size=8))
@example(
    {"..a": Entry(b""), "a/": Entry(b"\r\n", '"\\u00e9\\ud83d\\ude42"'), "\x00": Entry(b"\x00", "1.0E5", FAR)}
)
def test_what_is_written_is_what_is_read(served: str, wanted: dict[str, Entry]) -> None:
    async def round_trip() -> None:
        async with KVClient(served) as client:
            account = (await client.accounts())[0].id
            ns = await client.create_namespace(account, "t")
            try:
                await asyncio.gather(*(client.write(ns, key, entry) for key, entry in wanted.items()))
                for key, entry in wanted.items():
                    assert await client.read_entry(ns, key) == entry
                rows = (await client.keys(ns)).keys
                assert [row.name for row in rows] == sorted(wanted, key=str.encode)
                assert {row.name: Entry(b"", row.metadata_text, row.expiration) for row in rows} == {
                    key: Entry(b"", entry.metadata, entry.expiration) for key, entry in wanted.items()
                }
                gone = await client.bulk_delete(ns, list(wanted))
                assert gone.successful == len(wanted)
                await client.bulk_write(ns, wanted)
                for key, entry in wanted.items():
                    assert await client.read_entry(ns, key) == entry
                    await client.delete(ns, key)
                assert (await client.keys(ns)).keys == []
            finally:
                await client.remove_namespace(ns)

    asyncio.run(round_trip())
