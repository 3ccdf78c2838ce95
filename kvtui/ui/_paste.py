"""The child that puts text on the desktop's clipboard: `python -m kvtui.ui._paste < text`.

pyperclip waits for ever on a display that has stalled, and reports success on one that is dead. So
it runs here, where its parent can kill it, and what it copied is pasted back and compared.
The answer is the exit status and one line on stdout: a tool's name (0) or a reason (1).
"""

from __future__ import annotations

import os
import sys
import tempfile
from typing import BinaryIO


def main() -> int:
    text = sys.stdin.buffer.read().decode()
    # xclip stays behind to serve the clipboard, and keeps its stdout and stderr: they must not be ours.
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    with answer, tempfile.TemporaryFile() as heard:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(heard.fileno(), 2)
        code, words = put(text, heard)
        answer.write(words)
    return code


def put(text: str, heard: BinaryIO) -> tuple[int, str]:
    """Copy and paste back. `heard` is where the tool's own complaints end up."""
    import pyperclip  # type: ignore[import-untyped]  # it ships no type hints

    copy, paste = pyperclip.determine_clipboard()
    tool = getattr(copy, "__name__", "").removeprefix("copy_").removeprefix("osx_")
    if not tool or tool == "qt":  # a Qt clipboard is gone with the process that filled it
        return 1, "no clipboard tool was found (xclip, xsel or wl-clipboard)"
    try:
        copy(text)
        if paste() == text:
            return 0, {"wl": "wl-copy"}.get(tool, tool)
    except (OSError, UnicodeDecodeError, pyperclip.PyperclipException) as error:
        return 1, str(error)
    heard.seek(0)
    complaint = heard.read(200).decode(errors="replace").strip().removeprefix("Error: ")
    return 1, complaint.splitlines()[0] if complaint else "it did not give the same text back"


if __name__ == "__main__":
    sys.exit(main())
