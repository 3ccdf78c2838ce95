"""The arrows between the rooms, and what each command is allowed to load."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def loaded_by(arguments: list[str]) -> set[str]:
    """The top-level modules in memory after a kvtui command has run."""
    script = (
        "import sys\nfrom kvtui.cli import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "print('\\n'.join(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True
    )
    return {name.split(".")[0] for name in done.stderr.split()} | set(done.stderr.split())


def test_the_import_contracts_hold() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert " 0 broken" in done.stdout


@pytest.mark.parametrize(
    "arguments", [["--demo", "ls"], ["--demo", "ls", "flags"], ["--demo", "ls", "--json"]]
)
def test_plain_commands_load_nothing_of_textual(arguments: list[str]) -> None:
    loaded = loaded_by(arguments)
    assert "kvtui.plain.commands" in loaded
    assert not loaded & {"textual", "rich", "pyperclip", "kvtui.ui"}


def test_the_version_loads_no_http_and_no_server() -> None:
    loaded = loaded_by(["--version"])
    assert "kvtui.cli" in loaded
    assert not loaded & {"textual", "httpx", "msgspec", "starlette", "asyncio", "kvtui.config"}
