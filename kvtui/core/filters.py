"""The filter line: text, `~regex`, and `!` before either for what must not match.

Both ignore case unless an upper-case letter is typed. Text is looked for as it stands; regular expressions
are Python's, run where they can be ended (regexes.py).
"""

from __future__ import annotations

import re
import time
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from kvtui.core.regexes import RegexProcess, RunawayRegex, check_regex

SLICE = 4096
"""Names looked at between two glances at the world, some 0.5 ms: a key press waits for several of these."""

PUBLISH_S = 0.05
"""How often hits are handed over while a search goes on."""

Picker = Callable[[Sequence[int], Sequence[str]], list[int]]
"""Takes rows and their names, and gives the rows that pass."""


class FilterError(Exception):
    """The filter line cannot be followed; the text says why."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter line that was understood."""

    wanted: str
    refuse: bool = False
    regex: bool = False
    fold: bool = True

    def narrows(self, older: Filter) -> bool:
        """Whether whatever passes this one passed the older too, so that only its hits need a look."""
        if self.regex or older.regex or self.refuse != older.refuse:
            return False
        strict, loose = (older, self) if self.refuse else (self, older)
        return (loose.fold or not strict.fold) and loose.wanted in (
            strict.wanted.lower() if loose.fold else strict.wanted
        )


def read_filter(line: str) -> Filter | None:
    """Understand a filter line; None where it lets everything through. Raises FilterError."""
    refuse, line = line.startswith("!"), line.removeprefix("!")
    regex, wanted = line.startswith("~"), line.removeprefix("~")
    if not wanted:
        return None
    if not regex:
        return Filter(wanted, refuse, regex=False, fold=wanted == wanted.lower())
    try:
        check_regex(wanted)
    except ValueError as error:
        raise FilterError(f"This regex cannot be read: {error}.") from error
    letters = re.sub(r"\\.", "", wanted)  # the S of \S is not a letter that anyone looks for
    return Filter(wanted, refuse, regex=True, fold=letters == letters.lower())


def search(
    names: Sequence[str],
    parts: Iterable[Sequence[int]],
    filter: Filter,
    hits: array[int],
    found_so_far: Callable[[int], None],
    cancelled: Callable[[], bool],
) -> None:
    """Add to `hits` the rows whose names pass, in a thread; part after part, rows ascending.

    `found_so_far` is told now and then up to which row all hits are found. The interpreter is yielded between
    slices: the event loop stays as quick as with nothing running. Raises FilterError when a regex runs away.
    """
    told = time.monotonic()
    with picking(filter, cancelled) as pick:
        for piece in (rows[start : start + SLICE] for rows in parts for start in range(0, len(rows), SLICE)):
            hits.extend(pick(piece, _names_of(names, piece)))
            time.sleep(0)
            if cancelled():
                return
            if time.monotonic() - told > PUBLISH_S:
                found_so_far(piece[-1] + 1)
                told = time.monotonic()


def _names_of(names: Sequence[str], rows: Sequence[int]) -> Sequence[str]:
    if isinstance(rows, range):  # a plain slice takes a tenth of the time
        return names[rows.start : rows.stop]
    return [names[row] for row in rows]


@contextmanager
def picking(filter: Filter, cancelled: Callable[[], bool]) -> Iterator[Picker]:
    """What a filter does to a slice of names, for as long as it is needed."""
    if not filter.regex:
        yield _text_picker(filter.wanted, filter.refuse, filter.fold)
        return
    try:
        with RegexProcess(filter.wanted, ignore_case=filter.fold, cancelled=cancelled) as process:
            # No answer comes when it was cancelled.
            yield lambda rows, names: [
                row
                for row, found in zip(rows, process.found_in(names), strict=False)
                if found != filter.refuse
            ]
    except RunawayRegex as error:
        raise FilterError("This regex takes too long on these names: it was stopped.") from error
    except OSError as error:
        raise FilterError(f"No process could be started for this regex: {error.strerror}.") from error


def _text_picker(wanted: str, refuse: bool, fold: bool) -> Picker:
    if fold:
        return lambda rows, names: [
            row for row, name in zip(rows, names, strict=True) if (wanted in name.lower()) != refuse
        ]
    return lambda rows, names: [
        row for row, name in zip(rows, names, strict=True) if (wanted in name) != refuse
    ]
