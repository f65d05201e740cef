"""Visits across a restart: kept as plain values, resumed when their callers are there again, closed when they are not.

Times are stored as waits so far, because another process has another clock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from softswitch.acd.caller import Caller
from softswitch.effects import Outcome
from softswitch.events import CallerLeft, Event

if TYPE_CHECKING:
    from softswitch.acd.queue import QueueState
    from softswitch.acd.sections import Sections

CALLBACK: Final = "callback"  # the kind of a visit
# Of visits that an earlier version has exported.
LATER_FIELDS: Final[dict[str, Any]] = {"climbed": [], "moved": None, "told": None}


class Interrupted:
    """The part of the visits that a restart concerns."""

    callers: dict[str, Caller]
    interrupted: dict[str, dict[str, Any]]
    _publish: Callable[[Event], None]
    _sections: Sections

    def _admit(self, caller: Caller) -> None:
        raise NotImplementedError

    def _arm(self, caller: Caller, now: float) -> None:
        raise NotImplementedError

    def reached(self, caller: Caller, now: float) -> None:
        raise NotImplementedError

    def export(self, now: float) -> list[dict[str, Any]]:
        """Visits in progress as plain values, in order of entry."""
        live = [
            {
                "queue": caller.queue.name,
                "caller": caller.id,
                "visit": caller.visit,
                "number": caller.number,
                "name": caller.name,
                "priority": caller.priority,
                "waited": now - caller.joined,
                "credit": caller.credit,
                "position_at_entry": caller.position_at_entry,
                "offers": caller.offers_made,
                "climbed": [
                    index for index, rung in enumerate(caller.queue.config.escalation) if rung in caller.climbed
                ],
                "moved": None if caller.moved is None else [caller.moved[0], now - caller.moved[1], caller.moved[2]],
                "told": caller.told,
                "kind": CALLBACK if caller.callback is not None else "",
                **self._sections.export(caller),
            }
            for caller in self.callers.values()
        ]
        aged = [{**past, "waited": past["waited"] + now - past["at"]} for past in self.interrupted.values()]
        for past in aged:
            del past["at"]
        return sorted([*live, *aged], key=lambda visit: int(visit["visit"]))

    def restore(self, visits: list[dict[str, Any]], now: float) -> None:
        """Remember the visits of before; each is resumed when its caller enters again, or closed."""
        self.interrupted = {visit["caller"]: {**LATER_FIELDS, **visit, "at": now} for visit in visits}

    def _resume(self, past: dict[str, Any], queue: QueueState, now: float) -> Caller:
        caller = Caller(
            past["caller"],
            queue,
            past["visit"],
            past["number"],
            past["name"],
            past["priority"],
            past["at"] - past["waited"],
            past["credit"],
            position_at_entry=past["position_at_entry"],
            offers_made=past["offers"],
            told=past["told"],
        )
        ladder = queue.config.escalation
        caller.climbed = frozenset(ladder[index] for index in past["climbed"] if index < len(ladder))
        if (moved := past["moved"]) is not None:
            caller.moved = (moved[0], past["at"] - moved[1], moved[2])
            caller.rank()
        caller.lane, caller.height = queue.lane_of(now - caller.joined), queue.height_of(caller.climbed)
        self._sections.readmit(caller, past, now)
        self._admit(caller)
        self._arm(caller, now)
        return caller

    def return_of(self, caller: str, queue: QueueState, now: float) -> Caller | None:
        """A caller of before a restart who is still there; None if no visit to this queue is known of them."""
        if (present := self.callers.get(caller)) is not None:
            if present.absent and present.queue is queue:
                self.reached(present, now)
            return present if present.queue is queue else None
        past = self.interrupted.get(caller)
        if past is None or past["queue"] != queue.name:
            return None
        del self.interrupted[caller]
        return self._resume(past, queue, now)

    def close_interrupted(self, now: float) -> None:
        """Close the visits that a restart cut off and nobody resumed: the books balance (B-7)."""
        for past in self.interrupted.values():
            self._cut_off(past, Outcome.SYSTEM_SHUTDOWN, now)
        self.interrupted = {}

    def leave_interrupted(self, caller: str, outcome: Outcome, now: float, detail: str) -> bool:
        """The caller of such a visit hung up before entering again. Whether there was one."""
        past = self.interrupted.pop(caller, None)
        if past is not None:
            self._cut_off(past, outcome, now, detail)
        return past is not None

    def _cut_off(self, past: dict[str, Any], outcome: Outcome, now: float, detail: str = "") -> None:
        self._publish(
            CallerLeft(
                past["queue"],
                past["caller"],
                past["visit"],
                outcome,
                past["waited"] + now - past["at"],
                past["position_at_entry"],
                past["offers"],
                detail=detail,
                told=past["told"],
                kind=past.get("kind", ""),
            )
        )
