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
    """An ordered line. Entries are tuples whose leading values are unique, so that what they carry is never compared."""

    __slots__ = ("_entries", "_head")

    def __init__(self) -> None:
        self._entries: list[E] = []
        self._head = 0

    def __len__(self) -> int:
        return len(self._entries) - self._head

    def __iter__(self) -> Iterator[E]:
        return islice(self._entries, self._head, None)

    @property
    def first(self) -> E:
        """The head. The line must not be empty."""
        return self._entries[self._head]

    def add(self, entry: E) -> None:
        entries = self._entries
        if not entries or entries[-1] < entry:
            entries.append(entry)
        elif self._head and entry < entries[self._head]:
            self._head -= 1
            entries[self._head] = entry
        else:
            insort(entries, entry, self._head)

    def remove(self, entry: E) -> None:
        """Take out exactly this entry; it must be in the line."""
        entries, head = self._entries, self._head
        index = bisect_left(entries, entry, head)
        assert index < len(entries) and entries[index] is entry, "the entry is not in this line"
        if index == head:
            head += 1
            if head == len(entries):
                entries.clear()
                head = 0
            elif head >= COMPACT_AT and head * 2 >= len(entries):
                del entries[:head]
                head = 0
            self._head = head
        else:
            del entries[index]

    def ahead_of(self, entry: E) -> int:
        """How many entries stand before this one, which need not be in the line."""
        return bisect_left(self._entries, entry, self._head) - self._head

    def after(self, key: tuple[Any, ...]) -> E:
        """The first entry whose leading values are beyond `key`, or the head if there is none. The line must not be empty."""
        entries = self._entries
        index = bisect_left(entries, key, self._head)
        while index < len(entries) and entries[index][: len(key)] == key:
            index += 1
        return entries[index if index < len(entries) else self._head]

    def head(self, count: int) -> list[E]:
        """The first `count` entries."""
        return self._entries[self._head : self._head + count]

    def at(self, index: int) -> E:
        """The entry at a 0-based place."""
        return self._entries[self._head + index]
