"""`kvtui serve` as a process of its own, and state in folders that one may only read."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from kvtui.api.models import Entry
from kvtui.local import layout
from kvtui.local.server import BASE, create_app
from kvtui.local.serving import serve
from kvtui.local.state import KVState
from tests.local.kit import Served

PROJECT = Path(__file__).parents[2]


@contextmanager
def running(folder: Path, *arguments: str, **env: str) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """`kvtui serve` over a folder; the process, its base URL and its account id."""
    command = [sys.executable, "-m", "kvtui", "serve", "--local", str(folder), "--port", "0", *arguments]
    process = subprocess.Popen(
        command,
        cwd=PROJECT,
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        lines = process.stdout.readline(), process.stdout.readline()
        yield process, lines[0].split()[-1], lines[1].split()[-1]
    finally:
        process.kill()
        process.communicate()


def test_serve_says_where_it_listens_and_ends_quietly(tmp_path: Path) -> None:
    with running(tmp_path / "new", "--account", "a" * 32, KVTUI_SERVE_TOKEN="s3cret") as (
        process,
        url,
        account,
    ):
        assert account == "a" * 32
        assert url.startswith("http://127.0.0.1:")
        assert url.endswith(BASE)
        home = f"{url}/accounts/{account}/storage/kv/namespaces"
        assert httpx.get(home).status_code == 401
        bearer = {"authorization": "Bearer s3cret"}
        assert httpx.post(home, json={"title": "x"}, headers=bearer).json()["success"] is True
        assert (tmp_path / "new/v3/kv/kvtui.json").exists()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (0, "", "")


def test_serve_opens_nothing_but_loopback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    app = create_app(KVState(tmp_path))
    for host in ("0.0.0.0", "::", "192.168.1.1", "example.com", ""):
        assert serve(app, host=host, port=0) == 2
        assert "is not this machine alone" in capsys.readouterr().err


def test_a_port_that_is_taken_is_said_kindly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        assert serve(create_app(KVState(tmp_path)), port=other.getsockname()[1]) == 1
    assert "is taken" in capsys.readouterr().err
    assert serve(create_app(KVState(tmp_path)), port=99999) == 2
    assert "99999" in capsys.readouterr().err


def test_a_large_value_makes_the_trip_over_a_real_port(served: Served) -> None:
    state = served.state
    home = f"{served.base_url}/accounts/{'0' * 32}/storage/kv/namespaces"
    id = httpx.post(home, json={"title": "x"}).json()["result"]["id"]
    value = bytes(range(256)) * 102_400
    assert httpx.put(f"{home}/{id}/values/k", content=value, timeout=60).status_code == 200
    assert httpx.get(f"{home}/{id}/values/k", timeout=60).content == value
    refused = httpx.put(f"{home}/{id}/values/k", content=value * 2, timeout=60)
    assert refused.status_code == 413
    entry = state.pairs(id).read("k")
    assert entry is not None
    assert entry.value == value


as_root = pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can become nobody")

READ_AS_NOBODY = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from kvtui.api.models import Entry
from kvtui.local.database import StateUnreadable
from kvtui.local.state import open_state
os.setgroups([]); os.setgid(65534); os.setuid(65534)
state = open_state(Path(sys.argv[1]))
try:
    pairs = state.pairs("ns")
    print([row.key for row in pairs.page()[0]], pairs.read("k").value)
    pairs.write([("k", Entry(b"new"))])
except StateUnreadable as problem:
    print("StateUnreadable:", problem)
"""


@as_root
@pytest.mark.parametrize("left_open", [False, True])
def test_state_that_one_may_only_read_is_read(folder: Path, left_open: bool) -> None:
    """By one who owns nothing: from the file alone, or with the write-ahead log of a wrangler that runs."""
    KVState(folder).pairs("ns").write([("k", Entry(b"v"))])
    table = layout.database(folder / "v3/kv", "ns")
    other = sqlite3.connect(table, isolation_level=None)
    if left_open:
        other.execute("INSERT INTO _mf_entries VALUES ('late', 'no file', NULL, NULL)")
    else:
        other.close()
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    command = [sys.executable, "-c", READ_AS_NOBODY, str(folder), str(PROJECT)]
    done = subprocess.run(command, capture_output=True, text=True)
    other.close()
    assert done.returncode == 0, done.stderr
    keys, problem = done.stdout.splitlines()
    assert keys == ("['k', 'late'] b'v'" if left_open else "['k'] b'v'")
    assert problem.startswith("StateUnreadable:")
    assert "not be written" in problem or "Permission denied" in problem


@as_root
def test_a_folder_that_one_may_not_look_into_is_said_kindly(folder: Path) -> None:
    command = [sys.executable, "-c", READ_AS_NOBODY, str(folder / "state"), str(PROJECT)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert f"StateNotFound: You may not look into {folder}/state" in done.stderr
