"""A line of people: tuples kept in ascending order, cheap at both ends.

A queue serves its head and admits at its tail, and so does *longest idle*; both ends must not cost the length of the line.
The list keeps served entries in front of an offset and drops them in bulk, so taking the head is O(1), joining at the tail
is O(1), a place in the middle is a binary search and one block move, and a position is a binary search.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from itertools import islice
from typing import Any, Generic, TypeVar

E = TypeVar("E", bound=tuple[Any, ...])

COMPACT_AT = 64  # Served entries kept before they are dropped in bulk.


class Line(Generic[E]):
    """An ordered line. Entries are tuples whose leading values are unique, so that what they carry is never compared.

    `entries` is for looking only, on the hot path: the line starts at `start`, and the list is empty exactly when the line is.
    """

    __slots__ = ("entries", "start")

    def __init__(self) -> None:
        self.entries: list[E] = []
        self.start = 0

    def __len__(self) -> int:
        return len(self.entries) - self.start

    def __iter__(self) -> Iterator[E]:
        return islice(self.entries, self.start, None)

    @property
    def first(self) -> E:
        """The head. The line must not be empty."""
        return self.entries[self.start]

    def add(self, entry: E) -> None:
        entries = self.entries
        if not entries or entries[-1] < entry:
            entries.append(entry)
        elif self.start and entry < entries[self.start]:
            self.start -= 1
            entries[self.start] = entry
        else:
            insort(entries, entry, self.start)

    def remove(self, entry: E) -> None:
        """Take out exactly this entry; it must be in the line."""
        entries, start = self.entries, self.start
        if entries and entries[start] is entry:
            start += 1
            if start == len(entries):
                entries.clear()
                start = 0
            elif start >= COMPACT_AT and start * 2 >= len(entries):
                del entries[:start]
                start = 0
            self.start = start
            return
        index = bisect_left(entries, entry, start)
        assert index < len(entries) and entries[index] is entry, "the entry is not in this line"
        del entries[index]

    def ahead_of(self, entry: E) -> int:
        """How many entries stand before this one, which need not be in the line."""
        entries, start = self.entries, self.start
        if entries and entries[-1] is entry:  # Who has just come stands behind all others.
            return len(entries) - 1 - start
        return bisect_left(entries, entry, start) - start

    def after(self, key: tuple[Any, ...]) -> E:
        """The first entry whose leading values are beyond `key`, or the head if there is none. The line must not be empty."""
        entries = self.entries
        index = bisect_left(entries, key, self.start)
        while index < len(entries) and entries[index][: len(key)] == key:
            index += 1
        return entries[index if index < len(entries) else self.start]

    def head(self, count: int) -> list[E]:
        """The first `count` entries."""
        return self.entries[self.start : self.start + count]

    def at(self, index: int) -> E:
        """The entry at a 0-based place."""
        return self.entries[self.start + index]
