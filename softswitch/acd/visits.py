"""Queue visits: admission, the place in line, tier steps and waiting limits, and the one outcome that ends each visit.

Nothing here knows agents; offers made for a caller are ended by the engine before the visit is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from softswitch.acd.caller import Caller, CallerInput, CallerState
from softswitch.effects import EnterQueue, Outcome, ReleaseCaller
from softswitch.events import CallerConnected, CallerJoined, CallerLeft, Event, TierOpened

if TYPE_CHECKING:
    from softswitch.acd.queue import QueueState
    from softswitch.machine import Deadlines


class Visits:
    """The callers of all queues by call id. Shares the engine's deadlines and its set of queues to match."""

    def __init__(
        self,
        publish: Callable[[Event], None],
        emit: Callable[[object], None],
        deadlines: Deadlines[tuple[str, object]],
        dirty: dict[QueueState, None],
    ) -> None:
        self.callers: dict[str, Caller] = {}
        self.interrupted: dict[str, dict[str, Any]] = {}  # of before a restart, by caller; not resumed yet
        self.last = 0
        self._publish = publish
        self._emit = emit
        self._deadlines = deadlines
        self._dirty = dirty

    # --- admission -----------------------------------------------------------------------------------------------

    def open(self, item: EnterQueue, queue: QueueState, now: float) -> Caller | None:
        """Begin a visit; None if the queue's rules refuse it (ACD-26), which is a visit with an outcome, too."""
        if (past := self.interrupted.pop(item.caller, None)) is not None:
            if past["queue"] == queue.name:
                past["name"] = past["name"] or item.name
                return self._resume(past, queue, now)
            self._cut_off(past, Outcome.TRANSFERRED_OUT, now, queue.name)
        self.last += 1
        caller = Caller(
            item.caller, queue, self.last, item.number, item.name, item.priority, now, max(0.0, item.wait_credit)
        )
        config = queue.config
        if 0 < config.max_length <= len(queue):
            self._refuse(caller, Outcome.FULL, config.on_full, now)
            return None
        if not config.join_without_agents and queue.is_vacant():
            self._refuse(caller, Outcome.NO_AGENTS_ON_ENTRY, config.on_no_agents, now)
            return None
        caller.lane = queue.lane_of(0.0)
        self._admit(caller)
        caller.position_at_entry = queue.ahead_of(caller) + 1
        self._publish(
            CallerJoined(
                queue.name,
                caller.id,
                caller.visit,
                caller.number,
                caller.priority,
                caller.position_at_entry,
                len(queue),
            )
        )
        if caller.lane:
            self._announce_tiers(caller, 0)
        self._arm(caller, now)
        return caller

    def _admit(self, caller: Caller) -> None:
        queue = caller.queue
        caller.step(CallerInput.ADMIT)
        caller.tier = queue.tiers[0].number if queue.tiers else 0
        self.callers[caller.id] = caller
        queue.enter(caller)
        if queue.idle:
            self._dirty[queue] = None

    def _refuse(self, caller: Caller, outcome: Outcome, destination: str, now: float) -> None:
        queue = caller.queue
        self._publish(CallerJoined(queue.name, caller.id, caller.visit, caller.number, caller.priority, 0, len(queue)))
        caller.step(CallerInput.REFUSE)
        self._ended(caller, outcome, now, "", "")
        self._emit(ReleaseCaller(caller.id, queue.name, outcome, destination))

    def _arm(self, caller: Caller, now: float) -> None:
        self.arm_tier_step(caller)
        self.arm_max_wait(caller)
        if caller.queue.vacant_since is not None:
            self.watch(caller.queue, now)

    # --- the place in line -----------------------------------------------------------------------------------------

    def position(self, caller: Caller) -> int | None:
        """The 1-based place among callers without an agent; None once one picked up."""
        if caller.state in (CallerState.WAITING, CallerState.OFFERING):
            return caller.queue.ahead_of(caller) + 1
        return None

    def set_priority(self, caller: Caller, priority: int) -> None:
        """ACD-23: takes effect at once, also for a caller whose agent is being rung and might come back."""
        queue, state = caller.queue, caller.state
        if state is CallerState.WAITING:
            queue.leave(caller)
        elif state is CallerState.OFFERING:
            queue.ringing.remove(caller.entry)
        caller.priority = priority
        caller.rank()
        if state is CallerState.WAITING:
            queue.enter(caller)
        elif state is CallerState.OFFERING:
            queue.ringing.add(caller.entry)
        self._dirty[queue] = None

    def offered(self, caller: Caller) -> None:
        """A phone rings for the caller."""
        if caller.state is CallerState.WAITING:
            queue, entry = caller.queue, caller.entry
            queue.lanes[caller.lane].remove(entry)
            queue.waiting -= 1
            queue.ringing.add(entry)
        caller.step(CallerInput.OFFER)

    def waits_again(self, caller: Caller, what: CallerInput) -> None:
        """No phone rings any more: back to the old place, by the original time of entry."""
        if caller.state is CallerState.OFFERING:
            caller.queue.ringing.remove(caller.entry)
        caller.step(what)
        caller.queue.enter(caller)
        self._dirty[caller.queue] = None

    def picked_up(self, caller: Caller, now: float) -> None:
        """An agent answered; the caller is nobody else's any more."""
        caller.queue.ringing.remove(caller.entry)
        caller.step(CallerInput.ANSWER)
        caller.answered = now

    # --- timers ----------------------------------------------------------------------------------------------------

    def arm_tier_step(self, caller: Caller) -> None:
        steps = caller.queue.steps
        if caller.lane < len(steps):
            self._deadlines.set(("tier", caller.id), caller.joined + steps[caller.lane])
        elif steps:
            self._deadlines.clear(("tier", caller.id))

    def arm_max_wait(self, caller: Caller) -> None:
        limit = caller.queue.config.max_wait
        if limit > 0.0:
            self._deadlines.set(("wait", caller.id), caller.joined + limit)
        else:
            self._deadlines.clear(("wait", caller.id))

    def tier_step(self, caller: Caller) -> None:
        """The next tiers open for this caller by time (ACD-10): a per-call timer, not a poll."""
        queue, before = caller.queue, caller.lane
        if caller.state is CallerState.WAITING:
            queue.leave(caller)
            caller.lane += 1
            queue.enter(caller)
        else:
            caller.lane += 1
        self._announce_tiers(caller, before)
        self.arm_tier_step(caller)
        self._dirty[queue] = None

    def _announce_tiers(self, caller: Caller, before: int) -> None:
        for tier in caller.queue.tiers:
            if before < tier.step <= caller.lane:
                self.tier_opened(caller, tier.number, "timed")

    def tier_opened(self, caller: Caller, number: int, cause: str) -> None:
        if number > caller.tier:
            caller.tier = number
            self._publish(TierOpened(caller.queue.name, caller.id, number, cause))

    def relay(self, queue: QueueState, steps_changed: bool, max_wait_changed: bool, now: float) -> None:
        """Fit the callers of a queue to its new policy. Order and times of entry are theirs and stay."""
        callers = [caller for caller in self.callers.values() if caller.queue is queue]
        if steps_changed:
            queue.relay([caller for caller in callers if caller.state is CallerState.WAITING], now)
            for caller in callers:
                caller.lane = queue.lane_of(now - caller.joined)
                self._deadlines.clear(("tier", caller.id))
                self.arm_tier_step(caller)
        if max_wait_changed:
            for caller in callers:
                caller.overdue = False
                self.arm_max_wait(caller)

    # --- nobody to answer ------------------------------------------------------------------------------------------

    def watch(self, queue: QueueState, now: float) -> None:
        """Note when a queue that its callers should leave becomes empty of agents, and when it is not any more."""
        if not (queue.config.leave_without_agents and queue.is_vacant()):
            queue.vacant_since = None
            self._deadlines.clear(("vacant", queue.name))
            return
        if queue.vacant_since is None:
            queue.vacant_since = now
        name = ("vacant", queue.name)
        if len(queue) and self._deadlines.at(name) is None:  # Who joins later leaves later.
            first = max(queue.vacant_since, min(caller.joined for caller in queue.in_order()))
            self._deadlines.set(name, first + queue.config.no_agents_grace)

    def stranded(self, queue: QueueState, now: float) -> list[Caller]:
        """Callers who have waited the grace in a queue without agents."""
        since = queue.vacant_since
        if since is None:
            return []
        grace = queue.config.no_agents_grace
        return [caller for caller in queue.in_order() if max(caller.joined, since) + grace <= now]

    # --- the end ---------------------------------------------------------------------------------------------------

    def connected(self, caller: Caller, agent: str, offer: int, now: float) -> None:
        """Caller and agent talk: the visit ended well. The wait is until the agent picked up (C.1)."""
        caller.step(CallerInput.CONNECT)
        self._publish(CallerConnected(caller.queue.name, caller.id, agent, offer, caller.answered - caller.joined))
        self._ended(caller, Outcome.ANSWERED, caller.answered, "", agent)

    def end(self, caller: Caller, outcome: Outcome, detail: str, now: float) -> None:
        """The caller leaves without an agent. Their offers have been ended."""
        if caller.state is CallerState.WAITING:
            caller.queue.leave(caller)
        elif caller.state is CallerState.OFFERING:
            caller.queue.ringing.remove(caller.entry)
        caller.step(CallerInput.LEAVE)
        self._ended(caller, outcome, now, detail, "")

    def _ended(self, caller: Caller, outcome: Outcome, now: float, detail: str, agent: str) -> None:
        if self.callers.pop(caller.id, None) is not None:
            self._deadlines.clear(("tier", caller.id))
            self._deadlines.clear(("wait", caller.id))
        self._publish(
            CallerLeft(
                caller.queue.name,
                caller.id,
                caller.visit,
                outcome,
                now - caller.joined,
                caller.position_at_entry,
                caller.offers_made,
                agent,
                detail,
            )
        )

    # --- restart ---------------------------------------------------------------------------------------------------

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
            }
            for caller in self.callers.values()
        ]
        aged = [{**past, "waited": past["waited"] + now - past["at"]} for past in self.interrupted.values()]
        for past in aged:
            del past["at"]
        return sorted([*live, *aged], key=lambda visit: int(visit["visit"]))

    def restore(self, visits: list[dict[str, Any]], now: float) -> None:
        """Remember the visits of before; each is resumed when its caller enters again, or closed."""
        self.interrupted = {visit["caller"]: {**visit, "at": now} for visit in visits}

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
        )
        caller.lane = queue.lane_of(now - caller.joined)
        self._admit(caller)
        self._arm(caller, now)
        return caller

    def return_of(self, caller: str, queue: QueueState, now: float) -> Caller | None:
        """A caller of before a restart who is still there; None if no visit to this queue is known of them."""
        if (present := self.callers.get(caller)) is not None:
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
            )
        )
