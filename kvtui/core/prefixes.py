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

PIECE = 512
"""Names looked at together."""

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
        """Look at the names that came since the last time. `names` is sorted, and longer only at its end.

        Of names that come or go elsewhere, `put` and `removed` tell.
        """
        if self.full:
            return
        self._at = bisect_left(names, self.prefix, self._at)
        if self.groups:
            self._extend(names, self.groups.pop())
        end = _end_of(names, self.prefix, self._at)
        while True:
            self._at = self._next_parted(names, self._at, end, self.prefix)
            if self._at == end:
                return
            if len(self.groups) == GROUPS_MOST:
                self.full = True
                return
            name = names[self._at]
            self._extend(names, Group(name[: self._cut(name, len(self.prefix))], 0, False))

    def put(self, names: Sequence[str], name: str) -> None:
        """Take in a name that was inserted; `names` holds it already.

        Of several changes at once, which `names` has all seen, they must be told in the order of the names.
        A name behind those that were looked at is left to `grow`.
        """
        self._change(names, name, 1)

    def removed(self, names: Sequence[str], name: str) -> None:
        """Leave out a name that was removed; `names` has it no more. For the rest, see `put`.

        Whether its group goes deeper is not looked up: that it might stays until a level is made anew.
        """
        self._change(names, name, -1)

    def _change(self, names: Sequence[str], name: str, by: int) -> None:
        # A full level looks no further: what groups it has are whole, and no other is counted.
        if not self.full:
            if bisect_left(names, name) >= self._at:
                return
            self._at += by
        if not name.startswith(self.prefix) or (cut := self._cut(name, len(self.prefix))) is None:
            return
        prefix = name[:cut]
        at = bisect_left(self.groups, prefix, key=lambda group: group.prefix)
        old = self.groups[at] if at < len(self.groups) else None
        if old is None or old.prefix != prefix:
            if by < 0 or self.full:
                return
            old = Group(prefix, 0, False)
            self.groups.insert(at, old)
        deeper = old.deeper or (by > 0 and self._cut(name, cut) is not None)
        self.groups[at] = Group(prefix, old.size + by, deeper)
        if old.size + by <= 0:
            del self.groups[at]
        elif len(self.groups) > GROUPS_MOST:
            self.groups.pop()
            self.full = True

    def _extend(self, names: Sequence[str], group: Group) -> None:
        """Take the names that begin with a group's prefix into it, from where we are."""
        start, self._at = self._at, _end_of(names, group.prefix, self._at)
        deeper = group.deeper or self._next_parted(names, start, self._at, group.prefix) < self._at
        self.groups.append(Group(group.prefix, group.size + self._at - start, deeper))

    def _next_parted(self, names: Sequence[str], start: int, end: int, prefix: str) -> int:
        """The first name within these, all of which begin with a prefix, that has a delimiter after it."""
        for piece in range(start, end, PIECE):
            found = names[piece : min(piece + PIECE, end)]
            # Counting in one long text is a hundred times as quick as looking at name after name.
            text = "\n".join(found)
            if all(text.count(mark) <= prefix.count(mark) * len(found) for mark in self._delimiters):
                continue
            for row, name in enumerate(found, piece):
                if self._cut(name, len(prefix)) is not None:
                    return row
        return end

    def _cut(self, name: str, start: int) -> int | None:
        """Where the next part of a name ends, its delimiter included."""
        ends = [at + len(mark) for mark in self._delimiters if (at := name.find(mark, start)) >= 0]
        return min(ends, default=None)


def children(names: Sequence[str], prefix: str = "", delimiters: Sequence[str] = DELIMITERS) -> list[Group]:
    """The groups one level below a prefix, in sorted names that are all there."""
    level = Level(prefix, delimiters)
    level.grow(names)
    return level.groups


def _end_of(names: Sequence[str], prefix: str, start: int) -> int:
    """Where the names end that begin with a prefix, in sorted names of which the first at `start` may."""
    return bisect_left(names, True, start, key=lambda name: not name.startswith(prefix))
