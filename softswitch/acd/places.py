"""Who is told when their place in line becomes better: the first of each queue, who asked for it (FEATURES ACD-30).

A departure looks at the head of one queue only, however long the line is. Whoever stands further back hears of the better
place with the next announcement of their cadence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from softswitch.effects import PlaceImproved

if TYPE_CHECKING:
    from softswitch.acd.caller import Caller
    from softswitch.acd.queue import QueueState

HEAD: Final = 50  # places of a queue that are looked at


class Places:
    """Callers by queue, each with the place that is to be bettered."""

    def __init__(self, emit: Callable[[object], None]) -> None:
        self._emit = emit
        self._watched: dict[QueueState, dict[str, int]] = {}

    def watch(self, caller: Caller, below: int) -> None:
        """Tell once when the caller's place is less than `below`; 0 = not any more."""
        watched = self._watched.setdefault(caller.queue, {})
        if below > 0:
            watched[caller.id] = below
        else:
            watched.pop(caller.id, None)

    def gone(self, caller: Caller) -> None:
        """The caller waits no longer: others may have a better place."""
        watched = self._watched.get(caller.queue)
        if not watched:
            self._watched.pop(caller.queue, None)
            return
        watched.pop(caller.id, None)
        self.look(caller.queue)

    def look(self, queue: QueueState) -> None:
        """Somebody may have a better place: who stood before them has gone, or stands elsewhere."""
        watched = self._watched.get(queue)
        if not watched:
            return
        for place, entry in enumerate(queue.first(HEAD), 1):
            other = entry[-1].id
            if place < watched.get(other, 0):
                del watched[other]
                self._emit(PlaceImproved(other))
