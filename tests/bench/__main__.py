"""`python -m tests.bench [NAME...]`: every bench, or those named, as one table with the machine it ran on."""

from __future__ import annotations

import importlib
import os
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path

NAMES = ("startup", "listing", "keylist", "values")

Row = tuple[str, str, str]


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        print(
            f"There is no bench named {', '.join(unknown)}; there are: {', '.join(NAMES)}.", file=sys.stderr
        )
        return 2
    rows: list[Row] = []
    for name in names or NAMES:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        rows += importlib.import_module(f"tests.bench.{name}").run()
    print(machine())
    show(rows)
    return 0


def machine() -> str:
    """What the numbers belong to."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("textual", "httpx", "cloudflare"))
    return (
        f"{time.strftime('%Y-%m-%d')}, {platform.system()} {platform.machine()}, "
        f"{os.cpu_count()} x {_processor()}, CPython {platform.python_version()}, {packages}\n"
        "Medians of one run, side by side. Times wander by 30 % on a shared machine: trust the ratios.\n"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "CPU"
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "CPU")


def show(rows: list[Row]) -> None:
    """Print rows as a table that is also Markdown."""
    table = [("what", "kvtui", "beside it"), *rows]
    widths = [max(len(row[column]) for row in table) for column in range(3)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in table
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    print("\n".join(lines))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
