"""Other programs as fixtures. Where they cannot be had, the tests that need them are skipped and say why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.peers import Dev, Missing, Peers, StartDev, find_peers, start_dev, stop
from tests.project import project

__all__ = ["project"]


@pytest.fixture(scope="session")
def peers(tmp_path_factory: pytest.TempPathFactory) -> Peers:
    """wrangler and the npm SDK, with a node that runs them."""
    try:
        return find_peers(tmp_path_factory.mktemp("peers-home"))
    except Missing as problem:
        pytest.skip(str(problem))


@pytest.fixture
def start_wrangler_dev(peers: Peers) -> Iterator[StartDev]:
    """Starts `wrangler dev` in a folder, with bindings (binding -> namespace id); it ends with the test."""
    running: list[Dev] = []

    def start(project: Path, bindings: Mapping[str, str]) -> Dev:
        running.append(start_dev(peers, project, bindings))
        return running[-1]

    yield start
    for dev in running:
        stop(dev)


@pytest.fixture
def wrangler_dev(start_wrangler_dev: StartDev, tmp_path: Path) -> Dev:
    """A `wrangler dev` in a fresh project with the bindings KV (id "kv-id") and CACHE (id "cache-id")."""
    return start_wrangler_dev(tmp_path / "project", {"KV": "kv-id", "CACHE": "cache-id"})
