"""The ladder of a queue: what is done for who waits too long, too far behind, or in vain (FEATURES ACD-25).

Each caller climbs each rung once, from the bottom: a rung is climbed when all that it names is so for that caller. Waits are
timers of the caller's own, to the millisecond; places, estimates, service levels and missing agents are looked at when
something changes them. Looking at all callers of a queue costs as much as there are, so that happens at most once in
`LOOK_INTERVAL`; who has just come is looked at at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from softswitch.acd.caller import Caller, CallerState
from softswitch.directory.waiting import AGENTS, PRIORITY, TIER, Rung
from softswitch.effects import Outcome, TellCaller
from softswitch.events import CallerEscalated, Event

if TYPE_CHECKING:
    from softswitch.acd.dispatcher import Dispatcher
    from softswitch.acd.measure import Measure
    from softswitch.acd.queue import QueueState
    from softswitch.acd.visits import Visits
    from softswitch.machine import Deadlines

IN_LINE: Final = (CallerState.WAITING, CallerState.OFFERING)
LOOK_INTERVAL: Final = 1.0  # seconds between two looks at all callers of a queue

Estimate = Callable[[Caller, float], float | None]


def unknown(caller: Caller, now: float) -> float | None:
    """No estimate of the wait is to be had."""
    return None


class Ladder:
    """Climbs for everybody whom `visits` has noted. Shares the engine's visits, dispatcher, deadlines and counters.

    `estimate`: seconds that a caller still has to expect; infinite where nobody serves, None where that is not known.
    """

    def __init__(
        self,
        visits: Visits,
        dispatcher: Dispatcher,
        deadlines: Deadlines[tuple[str, object]],
        measure: Measure,
        publish: Callable[[Event], None],
        emit: Callable[[object], None],
    ) -> None:
        self.estimate: Estimate = unknown
        self._visits = visits
        self._dispatcher = dispatcher
        self._deadlines = deadlines
        self._measure = measure
        self._publish = publish
        self._emit = emit

    def due(self, caller_id: str) -> None:
        """A rung that waits for time only may be climbed."""
        if (caller := self._visits.callers.get(caller_id)) is not None:
            self._visits.fresh[caller] = None

    def look_again(self, queue: QueueState) -> None:
        """The interval since the last look is over."""
        self._visits.stirred[queue] = None

    def climb(self, now: float) -> None:
        """Look at everybody who was noted. What that does to the queues is matched afterwards."""
        visits = self._visits
        callers = list(visits.fresh)
        visits.fresh.clear()
        for queue in list(visits.stirred):
            if now - queue.looked_at >= LOOK_INTERVAL:
                queue.looked_at = now
                callers += queue.in_order()
            elif len(queue):
                self._deadlines.set(("ladder", queue.name), queue.looked_at + LOOK_INTERVAL)
        visits.stirred.clear()
        for caller in dict.fromkeys(callers):
            self._look(caller, now)

    def _look(self, caller: Caller, now: float) -> None:
        """Climb every rung that is due, lowest first, until one leads away."""
        if caller.state not in IN_LINE or caller.callback is not None:
            return  # Looked at again if the agent does not stay; nobody hears anything who is to be called back.
        for index, rung in enumerate(caller.queue.config.escalation):
            if self._visits.callers.get(caller.id) is not caller:
                return
            if rung not in caller.climbed and self._may_climb(rung, caller) and self._holds(rung, caller, now):
                self._climb(index, rung, caller, now)
        if self._visits.callers.get(caller.id) is caller:
            self._arm(caller, now)

    def _arm(self, caller: Caller, now: float) -> None:
        waits = (rung.wait for rung in caller.queue.config.escalation if rung not in caller.climbed)
        later = [caller.joined + wait for wait in waits if caller.joined + wait > now]
        if later:
            self._visits.arm(caller, "rung", min(later))
        else:
            self._visits.disarm(caller, "rung")

    def _may_climb(self, rung: Rung, caller: Caller) -> bool:
        """Who is being rung for leaves by time only, and only where the queue is strict about that (ACD-26)."""
        if rung.kind != "leave" or caller.state is CallerState.WAITING:
            return True
        return rung.timed and caller.queue.config.max_wait_strict

    def _holds(self, rung: Rung, caller: Caller, now: float) -> bool:
        queue = caller.queue
        if now < caller.joined + rung.wait:
            return False
        if rung.length and queue.ahead_of(caller) < rung.length:
            return False
        if rung.no_agents and not queue.is_vacant(now, queue.leave_when, now - caller.joined):
            return False
        if rung.service_level and not self._below(rung.service_level, queue, now):
            return False
        return not rung.estimate or self._longer(rung.estimate, caller, now)

    def _longer(self, limit: float, caller: Caller, now: float) -> bool:
        estimate = self.estimate(caller, now)
        return estimate is not None and estimate > limit

    def _below(self, level: float, queue: QueueState, now: float) -> bool:
        """By the counters, and by those who already wait too long to count as in time any more."""
        too_long = sum(now - one.joined > queue.config.service_level_seconds for one in queue.on_the_line())
        value = self._measure.queues[queue.name].figures(too_long)["sl_live"].value
        return value is not None and value < level

    def _climb(self, index: int, rung: Rung, caller: Caller, now: float) -> None:
        queue, visits = caller.queue, self._visits
        caller.climbed |= {rung}
        priority = rung.priority(caller.priority) if rung.kind == PRIORITY else None
        self._publish(
            CallerEscalated(
                queue.name, caller.id, caller.visit, index + 1, rung.trigger, rung.do, now - caller.joined, priority
            )
        )  # fmt: skip
        if rung.play:
            self._emit(TellCaller(caller.id, queue.name, rung.play))
        if priority is not None:
            visits.set_priority(caller, priority)
        elif rung.kind in (TIER, AGENTS):
            visits.rise(caller, now)
        elif rung.do:
            self._dispatcher.release(caller, Outcome.OVERFLOW, rung.do, now, rung.do)
