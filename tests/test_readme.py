"""The README is true: its commands, keys and pictures. Run as a script, this writes its table of keys."""

from __future__ import annotations

import re
from pathlib import Path

from kvtui.ui.bindings import Group, declared, keys_shown
from kvtui.ui.browser import Browser
from kvtui.ui.hands import Hands
from kvtui.ui.panes.entry import EntryPane
from kvtui.ui.panes.keys import KeysPane
from kvtui.ui.panes.namespaces import NamespacesPane, NamespaceTree

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
KEYS = re.compile(r"(<!-- keys: .*? -->\n)(.*?)(<!-- /keys -->)", re.DOTALL)


def commands() -> list[str]:
    """The two commands that do all the set-up, as the README gives them."""
    blocks: list[str] = re.findall(r"```sh\n(.*?)\n```", README.read_text(), re.DOTALL)
    return blocks[:2]


def keys_table() -> str:
    """The bindings of every pane as a Markdown table."""
    groups = [
        Group("everywhere", declared(Browser)),
        Group("change", declared(Hands)),
        Group("namespaces", declared(NamespacesPane) + declared(NamespaceTree)),
        Group("keys", declared(KeysPane)),
        Group("entry", declared(EntryPane)),
    ]
    rows = [
        f"| {group.title} | {keys_cell(binding.key)} | {binding.tooltip} |"
        for group in groups
        for binding in group.bindings
    ]
    return "\n".join(["| where | key | what it does |", "|---|---|---|", *rows, ""])


def keys_cell(keys: str) -> str:
    return " ".join(f"`{key}`" for key in keys_shown(keys).split(" ")).replace("|", "\\|")


def test_the_table_of_keys_is_that_of_the_bindings() -> None:
    written = KEYS.search(README.read_text())
    assert written is not None
    assert written[2] == keys_table(), "python tests/test_readme.py writes it anew"


def test_the_last_line_of_ci_is_the_readmes_test_command() -> None:
    last = (ROOT / ".ci" / "run").read_text().rstrip().splitlines()[-1]
    assert last == commands()[1]
    assert last.endswith("-m pytest")


def test_the_first_command_runs_the_demo() -> None:
    assert commands()[0].endswith("kvtui --demo")


def test_every_picture_is_there() -> None:
    pictures = re.findall(r"!\[[^]]*\]\(([^)]+)\)", README.read_text())
    assert pictures
    assert [picture for picture in pictures if not (ROOT / picture).is_file()] == []


def test_every_dependency_is_named_with_its_reason() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["serve"]
    table = README.read_text().split("## Dependencies")[1].split("##")[0]
    names = [re.match(r"[a-z0-9-]+", requirement) for requirement in wanted]
    assert [name[0] for name in names if name and name[0] not in table] == []


if __name__ == "__main__":
    README.write_text(KEYS.sub(lambda found: found[1] + keys_table() + found[3], README.read_text()))
