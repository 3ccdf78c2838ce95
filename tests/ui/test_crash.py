"""A bug ends the program with a report that holds no token and no value, and an exit code that says so."""

from __future__ import annotations

import subprocess
import sys

CRASH = """
import sys
from kvtui.api.credentials import Credentials
from kvtui.ui.app import KvtuiApp
from kvtui.ui.start import Start, Way

async def open_store():
    token = "s3cret-" + "token"
    credentials = Credentials.token(token)
    headers = credentials.headers()
    raise RuntimeError("a bug of ours")

app = KvtuiApp([Way("x", "", open_store)], Start(), environ={})
app.run(headless=True)
sys.exit(app.return_code)
"""


def test_a_crash_in_a_worker_prints_no_secret_and_does_not_exit_with_zero() -> None:
    done = subprocess.run([sys.executable, "-c", CRASH], capture_output=True, text=True, timeout=60)
    printed = done.stdout + done.stderr
    assert "a bug of ours" in printed
    assert "s3cret" not in printed
    assert done.returncode == 1
