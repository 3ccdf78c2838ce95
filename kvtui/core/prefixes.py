"""The prefixes in a listing, one level at a time, growing as its pages come.

Names of a listing come in UTF-8 byte order, in which all names with one prefix stand together: the end of a
group is found by bisection, and only the last group can still grow. A level remembers how far it has looked,
so a new page costs what the page holds, whatever was loaded before.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

DELIMITERS = (":", "/")
"""What separates the parts of a key's name, unless told otherwise."""

GROUPS_MOST = 500
"""Groups kept of one level; past it the list and its filter serve better than a tree."""


class Group(NamedTuple):
    """A prefix that ends in a delimiter, how many names begin with it, and whether any goes deeper."""

    prefix: str
    size: int
    deeper: bool


class Level:
    """The groups one level below a prefix. `full` says that there are more than are kept."""

    def __init__(self, prefix: str = "", delimiters: Sequence[str] = DELIMITERS) -> None:
        self.prefix = prefix
        self.groups: list[Group] = []
        self.full = False
        self._delimiters = delimiters
        self._at = 0

    def grow(self, names: Sequence[str]) -> None:
        """Look at the names that came since the last time. `names` is sorted and only ever longer."""
        self._at = bisect_left(names, self.prefix, self._at)
        if self.groups:
            self._extend(names, self.groups.pop())
        while self._at < len(names) and names[self._at].startswith(self.prefix):
            cut = self._cut(names[self._at], len(self.prefix))
            if cut is None:
                self._at += 1
            elif len(self.groups) == GROUPS_MOST:
                self.full = True
                return
            else:
                self._extend(names, Group(names[self._at][:cut], 0, False))

    def _extend(self, names: Sequence[str], group: Group) -> None:
        """Take the names that begin with a group's prefix into it, from where we are."""
        start = self._at
        end = bisect_left(names, True, start, key=lambda name: not name.startswith(group.prefix))
        deeper = group.deeper or self._goes_deeper(names, start, end, len(group.prefix))
        self.groups.append(Group(group.prefix, group.size + end - start, deeper))
        self._at = end

    def _cut(self, name: str, start: int) -> int | None:
        """Where the next part of a name ends, its delimiter included."""
        ends = [at + len(mark) for mark in self._delimiters if (at := name.find(mark, start)) >= 0]
        return min(ends, default=None)

    def _goes_deeper(self, names: Sequence[str], start: int, end: int, below: int) -> bool:
        return any(self._cut(names[row], below) is not None for row in range(start, end))
