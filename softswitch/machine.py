"""The one shape of every core: inputs taking `now`, and three verbs.

Time enters only as `now` (monotonic seconds), randomness only as an injected `Entropy`.
One input, then drain to empty: what a core wants done comes out as an ordered list of small effect objects.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, Generic, Protocol, TypeVar

K = TypeVar("K", bound=Hashable)


class Machine(Protocol):
    """A part of the switch that only computes: no socket, no clock, no await."""

    def next_deadline(self) -> float | None: ...
    def expire(self, now: float) -> None: ...
    def drain(self) -> Sequence[object]: ...


def take(out: list[object]) -> list[object]:
    """What a machine has put out, for its `drain`. The list is its own for good, so whoever asks many can look into it first."""
    items = out[:]
    out.clear()
    return items


class Entropy(Protocol):
    """Unpredictable values, injected: `secrets` in the daemon, seeded in tests."""

    def token(self) -> str:
        """16 lower-case hex digits (64 bits) for tags, branches and ids."""
        ...

    def below(self, n: int) -> int:
        """A uniform integer in [0, n)."""
        ...


class Deadlines(Generic[K]):
    """Named deadlines in one heap. Clearing is lazy: a stale entry is dropped when due.

    A name has at most one deadline; setting it again moves it.
    """

    __slots__ = ("_at", "_heap", "_sequence")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, K]] = []
        self._at: dict[K, tuple[float, int, K]] = {}  # the entry of the heap that counts
        self._sequence = 0  # Keeps the order of equal times, and keeps the heap from comparing names.

    def set(self, name: K, at: float) -> None:
        self._sequence += 1
        entry = self._at[name] = (at, self._sequence, name)
        heapq.heappush(self._heap, entry)
        if len(self._heap) > 64 and len(self._heap) > 4 * len(self._at):
            self._compact()

    def clear(self, name: K) -> None:
        self._at.pop(name, None)

    def at(self, name: K) -> float | None:
        """When `name` is due, or None if it is not set."""
        entry = self._at.get(name)
        return entry[0] if entry else None

    def next(self) -> float | None:
        heap, live = self._heap, self._at
        while heap:
            first = heap[0]
            if live.get(first[2]) is first:
                return first[0]
            heapq.heappop(heap)
        return None

    def due(self, now: float) -> list[K]:
        """Remove and return every name whose deadline is at or before `now`, in order of time."""
        names: list[K] = []
        while (at := self.next()) is not None and at <= now:
            name = heapq.heappop(self._heap)[2]
            del self._at[name]
            names.append(name)
        return names

    def names(self) -> list[K]:
        """Every name that has a deadline, in no particular order."""
        return list(self._at)

    def __len__(self) -> int:
        return len(self._at)

    def _compact(self) -> None:
        # Bound the memory of lazily cleared entries: never more than four times the live ones.
        self._heap = [entry for entry in self._heap if self._at.get(entry[2]) is entry]
        heapq.heapify(self._heap)


class OwnedDeadlines(Deadlines[tuple[Any, str]]):
    """Deadlines of many owners: a name is an owner and what it waits for."""

    __slots__ = ()

    def forget(self, owner: Any, kinds: Iterable[str]) -> None:
        """Clear all of an owner that may be set."""
        at = self._at
        for kind in kinds:
            at.pop((owner, kind), None)
