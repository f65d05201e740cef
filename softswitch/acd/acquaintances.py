"""Who talked to whom: the last agent of each caller's number (ACD-22). Bounded; the longest ago are forgotten first."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

LIMIT = 10_000  # numbers


class Acquaintances:
    """Times are monotonic seconds."""

    __slots__ = ("_last", "limit")

    def __init__(self, limit: int = LIMIT) -> None:
        self.limit = limit
        self._last: dict[str, tuple[str, float]] = {}  # number -> (agent, when they began to talk), oldest first

    def __len__(self) -> int:
        return len(self._last)

    def met(self, number: str, agent: str, now: float) -> None:
        last = self._last
        last.pop(number, None)
        last[number] = agent, now
        if len(last) > self.limit:
            del last[next(iter(last))]

    def last_agent(self, number: str, now: float, within: float) -> str:
        """Who talked to this number last, "" if nobody did within so many seconds."""
        known = self._last.get(number)
        return known[0] if known is not None and now - known[1] <= within else ""

    def forget(self, is_theirs: Callable[[str], bool]) -> None:
        """Forget the numbers of somebody."""
        self._last = {number: known for number, known in self._last.items() if not is_theirs(number)}

    def export(self, now: float) -> list[list[Any]]:
        """[number, agent, age], oldest first."""
        return [[number, agent, now - at] for number, (agent, at) in self._last.items()]

    def restore(self, data: Iterable[Iterable[Any]], now: float) -> None:
        self._last = {str(number): (str(agent), now - float(age)) for number, agent, age in data}
