"""What every test of the screen starts from."""

from __future__ import annotations

import pytest

from kvtui.ui.dialogs import conflict


@pytest.fixture(autouse=True)
def answers_count_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test presses a key as soon as it sees the question: it means that one."""
    monkeypatch.setattr(conflict, "SETTLED_S", 0.0)
