"""Callers who gave up and call again: within a while they take the place that they had (FEATURES ACD-28).

Known by their number; who shows none comes anew. A place is given back once in that while, so nobody keeps one by hanging up
and calling over and over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from softswitch.acd.caller import Caller
    from softswitch.acd.queue import QueueState

NO_NUMBERS: Final = frozenset({"", "anonymous", "unknown", "restricted", "unavailable", "private"})
MOST: Final = 10_000  # places kept in all; the oldest go first


def is_known(number: str) -> bool:
    """Whether a number tells who calls."""
    return number.lower() not in NO_NUMBERS


@dataclass(slots=True)
class Place:
    """What is kept of who has gone. Monotonic seconds."""

    since: float  # when they had come, as far as the order is concerned
    left: float
    taken: float = float("-inf")  # when a place was last given back to this number


class Returns:
    """Places by queue and number, in the order in which they were left."""

    def __init__(self) -> None:
        self._places: dict[tuple[str, str], Place] = {}

    def left(self, caller: Caller, now: float) -> None:
        """The caller has hung up without an agent."""
        within = caller.queue.config.resume_within
        if within <= 0.0 or not is_known(caller.number):
            return
        name = (caller.queue.name, caller.number)
        past = self._places.pop(name, None)
        place = Place(caller.effective, now) if past is None else Place(caller.effective, now, past.taken)
        self._places[name] = place
        if len(self._places) > MOST:
            del self._places[next(iter(self._places))]

    def credit(self, queue: QueueState, number: str, now: float) -> float:
        """The seconds that count for who comes with this number, from the place they had; 0 if there is none to give back."""
        place = self._places.get((queue.name, number))
        if place is None:
            return 0.0
        within = queue.config.resume_within
        if now - place.taken <= within:
            return 0.0
        if now - place.left > within:
            del self._places[queue.name, number]
            return 0.0
        place.taken, place.left = now, float("-inf")
        self._places[queue.name, number] = self._places.pop((queue.name, number))
        return max(0.0, now - place.since)

    def forget(self, queues: Iterable[str]) -> None:
        """Drop the places of queues that are gone."""
        kept = frozenset(queues)
        self._places = {name: place for name, place in self._places.items() if name[0] in kept}

    def forget_numbers(self, is_theirs: Callable[[str], bool]) -> None:
        """Drop the places of somebody's numbers."""
        self._places = {name: place for name, place in self._places.items() if not is_theirs(name[1])}

    # --- restart -----------------------------------------------------------------------------------------------------

    def export(self, now: float) -> list[list[Any]]:
        """[queue, number, age of the place, seconds since it was left, seconds since one was given back] each; None = never."""
        return [
            [*name, now - place.since, _age(now, place.left), _age(now, place.taken)]
            for name, place in self._places.items()
        ]

    def restore(self, stored: Iterable[Iterable[Any]], now: float) -> None:
        self._places = {
            (queue, number): Place(now - since, _at(now, left), _at(now, taken))
            for queue, number, since, left, taken in stored
        }


def _age(now: float, at: float) -> float | None:
    return None if at == float("-inf") else now - at


def _at(now: float, age: float | None) -> float:
    return float("-inf") if age is None else now - age
