"""Surges: more callers come than can be served, so they are told that before anything else (FEATURES ACD-27).

A queue surges by threshold, and calms down with fewer callers than it took to begin; or by hand, until a hand ends it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from softswitch.events import Event, SurgeChanged

if TYPE_CHECKING:
    from softswitch.acd.queue import QueueState
    from softswitch.machine import Deadlines

ORDERS: Final = ("on", "off", "auto")
MOST: Final = 10_000  # callers remembered


class Surges:
    """Turns surges on and off. Shares the engine's deadlines."""

    def __init__(self, deadlines: Deadlines[tuple[str, object]], publish: Callable[[Event], None]) -> None:
        self._deadlines = deadlines
        self._publish = publish
        self._asked: dict[str, None] = {}  # callers who were asked whether we may call back, the last ones

    def asks(self, caller: str) -> bool:
        """Whether this caller is to be asked now, which happens once in a call: who declines comes to wait."""
        if caller in self._asked:
            return False
        self._asked[caller] = None
        if len(self._asked) > MOST:
            del self._asked[next(iter(self._asked))]
        return True

    def order(self, queue: QueueState, order: str, by: str, now: float) -> None:
        """By hand: "on", "off", or "auto" for by threshold again."""
        queue.surge_order = order
        self.weigh(queue, now, by)

    def weigh(self, queue: QueueState, now: float, by: str = "system") -> None:
        """Look whether it surges: when somebody has come or gone, or has waited too long."""
        surge = queue.config.surge
        if not (surge.length or surge.wait or queue.surging or queue.surge_order != "auto"):
            return
        waiting = len(queue)
        first = min((caller.joined for caller in queue.on_the_line()), default=now) if surge.wait else now
        if queue.surge_order != "auto":
            surging, cause = queue.surge_order == "on", "order"
        elif queue.surging:
            long = bool(surge.wait) and waiting > 0 and now >= first + surge.wait / 2.0
            surging, cause = long or (surge.length > 0 and waiting > surge.calm), "calm"
        else:
            long = bool(surge.wait) and waiting > 0 and now >= first + surge.wait
            surging, cause = long or 0 < surge.length <= waiting, "wait" if long else "length"
            if surge.wait and waiting and not surging:
                self._deadlines.set(("surge", queue.name), first + surge.wait)
        if surging is not queue.surging:
            queue.surging = surging
            self._publish(SurgeChanged(queue.name, surging, cause, waiting, by, queue.surge_order))
