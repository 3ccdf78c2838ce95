"""The filter line: text, `~regex`, and `!` before either for what must not match.

Text ignores case unless it has an upper-case letter. Regular expressions are RE2's: they cannot run away
on a hostile name, as Python's own can (a key press would wait for ever). They have no look-around and no
back-references.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kvtui.core.keys import View

SLICE = 8192
"""Names looked at between two glances at the world, some 0.5 ms: a key press waits no longer."""

PUBLISH_S = 0.05
"""How often hits are handed over while a search goes on."""

PATTERN_CHARS = 500


class FilterError(Exception):
    """The filter line cannot be understood; the text says why."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter line that was understood. `matches` takes a key's name."""

    line: str
    matches: Callable[[str], bool]

    def narrows(self, older: Filter) -> bool:
        """Whether whatever passes this one passed the older too, so that only its hits need a look."""
        return _is_plain(older.line) and _is_plain(self.line) and _folds_alike(older.line, self.line)


def read_filter(line: str) -> Filter | None:
    """Understand a filter line; None where it lets everything through. Raises FilterError."""
    wanted = line.removeprefix("!")
    refuse = wanted is not line
    if wanted in ("", "~"):
        return None
    matches = _regex(wanted[1:]) if wanted.startswith("~") else _text(wanted)
    return Filter(line, (lambda name: not matches(name)) if refuse else matches)


def search(
    names: Sequence[str],
    rows: View,
    filter: Filter,
    publish: Callable[[array[int]], None],
    cancelled: Callable[[], bool],
) -> None:
    """Find the rows whose names pass, in a thread, and publish all hits so far now and then and at the end.

    It yields the interpreter between slices: the event loop stays as quick as with nothing running.
    """
    candidates: Sequence[int] = range(len(names)) if rows is None else rows
    matches = filter.matches
    hits = array("I")
    published = time.monotonic()
    for start in range(0, len(candidates), SLICE):
        hits.extend([row for row in candidates[start : start + SLICE] if matches(names[row])])
        time.sleep(0)
        if cancelled():
            return
        if time.monotonic() - published > PUBLISH_S:
            publish(array("I", hits))
            published = time.monotonic()
    publish(hits)


def _text(wanted: str) -> Callable[[str], bool]:
    if wanted != wanted.lower():
        return lambda name: wanted in name
    return lambda name: wanted in name.lower()


def _regex(pattern: str) -> Callable[[str], bool]:
    import re2  # only who filters by a regex pays for loading it

    if len(pattern) > PATTERN_CHARS:
        raise FilterError(f"A regex is at most {PATTERN_CHARS} characters long.")
    options = re2.Options()
    options.log_errors = False  # else RE2 writes to the terminal behind Textual's back
    options.case_sensitive = pattern != pattern.lower()
    try:
        compiled = re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0]
        raise FilterError(
            reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        ) from error
    except UnicodeEncodeError as error:
        raise FilterError("This is not valid Unicode.") from error

    def matches(name: str) -> bool:
        try:
            return compiled.search(name) is not None
        except UnicodeEncodeError:  # half of a surrogate pair: no regex can name it
            return False

    return matches


def _is_plain(line: str) -> bool:
    return bool(line) and line[0] not in "!~"


def _folds_alike(older: str, newer: str) -> bool:
    """A longer text keeps to the hits of a shorter one within it, unless only the longer ignores case."""
    return older in newer and (older == older.lower() or newer != newer.lower())
