"""wrangler's configurations, and which folder is meant."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kvtui.api.models import Entry
from kvtui.local import jsonc, layout, wrangler
from kvtui.local.state import KVState, StateNotFound, TitleTaken, open_state

JSONC = """\
// comment with "quotes" and a , comma
{
  /* block, } ] */ "name": "worker", // end of line
  "vars": {"url": "https://example.com//x", "odd": "/* kept */ , ] \\" // kept", "trail": ",}"},
  "kv_namespaces": [
    {"binding": "SESSIONS", "id": "1111", "preview_id": "2222",},
    {"binding": "LOCAL_ONLY"},
    {"binding": "PREVIEW", "preview_id": "3333"}, // trailing comma follows
  ],
  "env": {
    "staging": {"kv_namespaces": [{"binding": "SESSIONS", "id": "4444"}, {"binding": "SAME", "id": "1111"}],},
  },
}
"""

TOML = """\
name = "worker"
kv_namespaces = [{ binding = "CACHE", id = "5555" }]

[env.production]
[[env.production.kv_namespaces]]
binding = "CACHE"
id = "6666"
preview_id = "7777"
"""

TITLES = {
    "1111": "SESSIONS",
    "2222": "SESSIONS_preview",
    "LOCAL_ONLY": "LOCAL_ONLY",
    "3333": "PREVIEW",
    "4444": "staging-SESSIONS",
}


def test_jsonc_keeps_strings_and_drops_comments_and_trailing_commas() -> None:
    read = jsonc.loads(JSONC)
    assert isinstance(read, dict)
    assert read["vars"] == {
        "url": "https://example.com//x",
        "odd": '/* kept */ , ] " // kept',
        "trail": ",}",
    }
    assert jsonc.loads("\ufeff[1, 2, // two\n /* three */ ]") == [1, 2]
    assert jsonc.loads("[1,\n // last\n]") == [1]
    assert jsonc.loads('"//"') == "//"


@pytest.mark.parametrize("text", ["", "{", "[1 2]", "// only", '{"a": }', '"open'])
def test_jsonc_refuses_what_is_not_json(text: str) -> None:
    with pytest.raises(ValueError):
        jsonc.loads(text)


def test_jsonc_reads_a_large_text_at_once() -> None:
    text = '{"a": ["' + "/*," * 200_000 + '"]}  // ' + '"' * 100_000
    assert jsonc.loads(text) == {"a": ["/*," * 200_000]}


def test_bindings_preview_ids_and_environments_become_namespaces(tmp_path: Path) -> None:
    config = tmp_path / "wrangler.jsonc"
    config.write_text(JSONC)
    assert wrangler.namespaces(config) == TITLES
    config.rename(tmp_path / "wrangler.json")
    assert wrangler.namespaces(tmp_path / "wrangler.json") == TITLES


def test_a_toml_configuration_is_read_too(tmp_path: Path) -> None:
    config = tmp_path / "wrangler.toml"
    config.write_text(TOML)
    expected = {"5555": "CACHE", "6666": "production-CACHE", "7777": "production-CACHE_preview"}
    assert wrangler.namespaces(config) == expected


@pytest.mark.parametrize(
    "text",
    [
        "not json",
        "[]",
        '{"kv_namespaces": {}}',
        '{"kv_namespaces": [1, {}, {"binding": 2, "id": "x"}], "env": []}',
        '{"env": {"a": 1}}',
    ],
)
def test_a_strange_configuration_names_no_namespaces(tmp_path: Path, text: str) -> None:
    config = tmp_path / "wrangler.json"
    config.write_text(text)
    assert wrangler.namespaces(config) == {}


def test_wranglers_order_of_names_goes_before_nearness(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "wrangler.toml").touch()
    (tmp_path / "wrangler.json").touch()
    assert wrangler.config_above(inner) == tmp_path / "wrangler.json"
    assert wrangler.config_in(inner) == inner / "wrangler.toml"


# -- which folder ---------------------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a configuration and some state."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "wrangler.jsonc").write_text(JSONC)
    KVState(folder / ".wrangler/state").pairs("1111").write([("k", Entry(b"v"))])
    return folder


@pytest.mark.parametrize("below", ["", ".wrangler", ".wrangler/state", ".wrangler/state/v3/kv"])
def test_a_project_is_found_by_each_of_its_folders(project: Path, below: str) -> None:
    state = open_state(project / below)
    assert state.folder == project / ".wrangler/state"
    assert {namespace.id: namespace.title for namespace in state.namespaces()} == TITLES
    assert state.pairs("1111").read("k") == Entry(b"v")


def test_the_dot_searches_upward(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = project / "src/deep"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    assert open_state(Path(".")).folder == project / ".wrangler/state"
    with pytest.raises(StateNotFound, match="no local KV in"):
        open_state(deep)


def test_a_persist_to_folder_is_found_and_its_namespaces_by_their_folders(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    KVState(folder).pairs("0123456789abcdef0123456789abcdef").write([("k", Entry(b"v"))])
    (folder / "v3/kv/orphans/blobs").mkdir(parents=True)
    ids = [namespace.id for namespace in open_state(folder).namespaces()]
    assert ids == ["0123456789abcdef0123456789abcdef"]


def test_a_project_that_was_never_run_is_empty_and_stays_untouched(tmp_path: Path) -> None:
    (tmp_path / "wrangler.toml").write_text(TOML)
    state = open_state(tmp_path)
    assert state.namespaces()[0].title == "CACHE"
    assert not (tmp_path / ".wrangler").exists()
    state.pairs("5555").write([("k", Entry(b"v"))])
    assert (tmp_path / ".wrangler/state/v3/kv/5555/blobs").is_dir()


@pytest.mark.parametrize("below", ["", "missing", "missing/.wrangler"])
def test_a_folder_without_kv_is_not_found(tmp_path: Path, below: str) -> None:
    with pytest.raises(StateNotFound) as problem:
        open_state(tmp_path / below)
    assert str(tmp_path) in str(problem.value)


def test_a_login_folder_is_not_taken_for_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".wrangler/config").mkdir(parents=True)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    with pytest.raises(StateNotFound):
        open_state(Path("."))


def test_a_file_is_not_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for create in (False, True):
        with pytest.raises(StateNotFound, match="is a file"):
            open_state(tmp_path / "file", create=create)


def test_create_makes_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = open_state(tmp_path / "new", create=True)
    assert state.folder == tmp_path / "new"
    assert not state.folder.exists()
    state.create("first")
    assert (tmp_path / "new/v3/kv").is_dir()
    monkeypatch.chdir(tmp_path)
    assert open_state(Path("."), create=True).folder == tmp_path / ".wrangler/state"


# -- namespaces -----------------------------------------------------------------------------------------


def test_titles_are_kept_beside_the_state_and_seen_by_everyone(tmp_path: Path) -> None:
    made = KVState(tmp_path).create("sessions")
    assert len(made.id) == 32
    assert KVState(tmp_path).namespaces() == [made]
    renamed = KVState(tmp_path).rename(made.id, "old sessions")
    assert KVState(tmp_path).find(made.id) == renamed
    assert json.loads((tmp_path / "v3/kv/kvtui.json").read_text())["titles"] == {made.id: "old sessions"}


def test_a_title_is_taken_only_once(tmp_path: Path) -> None:
    (tmp_path / "wrangler.toml").write_text(TOML)
    state = open_state(tmp_path)
    made = state.create("mine")
    for title in ("mine", "CACHE", "production-CACHE"):
        with pytest.raises(TitleTaken):
            state.create(title)
    with pytest.raises(TitleTaken):
        state.rename("5555", "mine")
    state.rename("5555", "CACHE")
    state.rename(made.id, "mine")


def test_two_bindings_never_share_a_title(tmp_path: Path) -> None:
    namespaces = [{"binding": "KV", "id": "a"}, {"binding": "KV", "id": "b"}]
    (tmp_path / "wrangler.json").write_text(json.dumps({"kv_namespaces": namespaces}))
    assert [namespace.title for namespace in open_state(tmp_path).namespaces()] == ["KV", "KV (b)"]


def test_a_removed_namespace_is_gone_with_its_pairs_until_somebody_writes_to_it(project: Path) -> None:
    state = open_state(project)
    state.remove("1111")
    assert not state.exists("1111")
    assert "1111" not in [namespace.id for namespace in state.namespaces()]
    assert not layout.blobs(state.folder / "v3/kv", "1111").exists()
    KVState(state.folder).pairs("1111").write([("new", Entry(b"by wrangler"))])
    assert state.exists("1111")
    assert [row.key for row in state.pairs("1111").page()[0]] == ["new"]


@pytest.mark.parametrize("id", ["", ".", "..", "../../..", "a/b", "miniflare-KVNamespaceObject"])
def test_no_id_reaches_outside_of_the_state(project: Path, id: str) -> None:
    assert not open_state(project).exists(id)


def test_a_title_file_that_is_not_ours_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "v3/kv").mkdir(parents=True)
    (tmp_path / "v3/kv/kvtui.json").write_text("[1, 2")
    assert KVState(tmp_path).namespaces() == []
