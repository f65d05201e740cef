"""Queue visits: admission, the place in line, tier steps and waiting limits, and the one outcome that ends each visit.

Nothing here knows agents; offers made for a caller are ended by the engine before the visit is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from softswitch.acd.caller import Caller, CallerInput, CallerState
from softswitch.acd.interrupted import CALLBACK, Interrupted
from softswitch.acd.places import Places
from softswitch.acd.queue import EXCLUDED
from softswitch.acd.returning import Returns
from softswitch.acd.strategy import steps_taken
from softswitch.callbacks import Kind
from softswitch.directory import Need
from softswitch.effects import EnterQueue, Outcome, Publish, ReleaseCaller
from softswitch.events import CallerConnected, CallerJoined, CallerLeft, Event, TierOpened

if TYPE_CHECKING:
    from softswitch.acd.queue import QueueState
    from softswitch.acd.sections import Sections
    from softswitch.callbacks import Callback
    from softswitch.directory import Queue
    from softswitch.machine import Deadlines

_plain = attrgetter(*(one.name for one in fields(Need)))  # as `dataclasses.astuple`, without its deep copies
GAVE_UP = frozenset(
    {
        Outcome.ABANDONED,
        Outcome.ABANDONED_SHORT,
        Outcome.ABANDONED_RINGING,
        Outcome.ABANDONED_CONNECTING,
        Outcome.FAILED,
    }
)  # who calls again after that may have the place back
IN_RINGING = (CallerState.OFFERING, CallerState.CALLED)  # states in which a caller stands in `QueueState.ringing`


def _nobody(caller: Caller, outcome: Outcome, agent: str, now: float) -> None:
    """Nobody wants to know."""


class Visits(Interrupted):
    """The callers of all queues by call id. Shares the engine's deadlines and its set of queues to match."""

    def __init__(
        self,
        publish: Callable[[Event], None],
        emit: Callable[[object], None],
        deadlines: Deadlines[tuple[str, object]],
        dirty: dict[QueueState, None],
        sections: Sections,
    ) -> None:
        self.callers: dict[str, Caller] = {}
        self.interrupted: dict[str, dict[str, Any]] = {}  # of before a restart, by caller; not resumed yet
        self.last = 0
        self.returns = Returns()
        self.fresh: dict[Caller, None] = {}  # callers to be looked at for the ladder
        self.stirred: dict[QueueState, None] = {}  # queues all of whose callers are
        self.counted: dict[QueueState, None] = {}  # queues that may begin to surge, or calm down
        self.on_end: Callable[[Caller, Outcome, str, float], None] = _nobody  # told of every end of a visit
        self._publish = publish
        self._emit = emit
        self._deadlines = deadlines
        self._dirty = dirty
        self.places = Places(emit)
        self._sections = sections

    # --- admission -----------------------------------------------------------------------------------------------

    def open(self, item: EnterQueue, queue: QueueState, now: float) -> Caller | None:
        """Begin a visit; None if the queue's rules refuse it (ACD-26), which is a visit with an outcome, too."""
        if (past := self.interrupted.pop(item.caller, None)) is not None:
            if past["queue"] == queue.name:
                past["name"] = past["name"] or item.name
                return self._resume(past, queue, now)
            self._cut_off(past, Outcome.TRANSFERRED_OUT, now, queue.name)
        self.last += 1
        config = queue.config
        credit = max(0.0, item.wait_credit, self.returns.credit(queue, item.number, now))
        caller = Caller(item.caller, queue, self.last, item.number, item.name, item.priority, now, credit)
        if 0 < config.max_length <= len(queue):
            self._refuse(caller, Outcome.FULL, config.on_full, now)
            return None
        surge = config.surge
        if queue.surging and surge.shed_to and caller.priority < surge.shed_below:
            self._refuse(caller, Outcome.OVERFLOW, surge.shed_to, now)
            return None
        vacant = not config.join_without_agents and queue.is_vacant(now, config.empty_when)
        if vacant and config.join_grace <= 0.0:
            self._refuse(caller, Outcome.NO_AGENTS_ON_ENTRY, config.on_no_agents, now)
            return None
        if queue.steps:
            caller.lane = queue.lane_of(0.0)
        if item.needs or item.preferred or config.needs or config.last_agent_hours:
            self._sections.admit(caller, item.needs, item.preferred, now)
        self._admit(caller)
        if vacant:
            self.arm(caller, "join", now + config.join_grace)
        caller.position_at_entry = queue.ahead_of(caller) + 1
        self._joined(caller)
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
        self.stir(caller)

    def stir(self, caller: Caller) -> None:
        """Have the caller looked at for the ladder, and everybody where a place or a figure may have changed."""
        queue = caller.queue
        if queue.may_surge:
            self.counted[queue] = None
        if queue.config.escalation:
            self.fresh[caller] = None
            if queue.live_rungs:
                self.stirred[queue] = None

    def _refuse(self, caller: Caller, outcome: Outcome, destination: str, now: float) -> None:
        self._joined(caller)
        caller.step(CallerInput.REFUSE)
        self._ended(caller, outcome, now, "", "")
        self._emit(ReleaseCaller(caller.id, caller.queue.name, outcome, destination, caller.priority, caller.credit))

    def _joined(self, caller: Caller, kind: str = "") -> None:
        """A visit has begun: what everybody else knows of it."""
        self._publish(
            CallerJoined(
                caller.queue.name,
                caller.id,
                caller.visit,
                caller.number,
                caller.priority,
                caller.position_at_entry,
                len(caller.queue),
                kind,
                caller.credit,
                caller.name,
                tuple([_plain(need) for need in caller.asks]),
                caller.preferred,
                caller.preferred_for if caller.preferred else 0.0,
            )
        )

    def _arm(self, caller: Caller, now: float) -> None:
        """The deadlines of a visit that begins, of those that the queue has rules for."""
        queue = caller.queue
        if queue.steps:
            self.arm_tier_step(caller)
        if queue.config.max_wait:
            self.arm_max_wait(caller)
        if queue.config.fair_after:
            self.arm_age(caller, now)
        if queue.vacant_since is not None:
            self.watch(queue, now)

    # --- the place in line -----------------------------------------------------------------------------------------

    def position(self, caller: Caller) -> int | None:
        """The 1-based place among callers without an agent; None once one picked up."""
        if caller.state in (CallerState.WAITING, CallerState.OFFERING, CallerState.CALLED):
            return caller.queue.ahead_of(caller) + 1
        return None

    def set_priority(self, caller: Caller, priority: int) -> None:
        """ACD-23: takes effect at once, also for a caller whose agent is being rung and might come back."""
        if priority != caller.priority:
            caller.moved = None
        caller.priority = priority
        self.rerank(caller)

    def rerank(self, caller: Caller) -> None:
        """Something that the place in the order depends on has changed."""
        self._step_out(caller)
        caller.rank()
        self._step_in(caller)
        self.places.look(caller.queue)

    def rise(self, caller: Caller, now: float) -> None:
        """The caller has climbed a rung that brings further agents (ACD-25)."""
        queue, before = caller.queue, caller.height
        caller.height = queue.height_of(caller.climbed)
        if caller.height == before:
            return
        self._sections.change(caller, now)
        for tier in (*queue.tiers, *queue.lent):
            if before < tier.rung <= caller.height:
                self.tier_opened(caller, tier.number, "escalation")

    def _step_out(self, caller: Caller) -> None:
        """Take the caller out of the line they stand in, before their place changes."""
        if caller.state is CallerState.WAITING:
            caller.queue.leave(caller)
        elif caller.state in IN_RINGING:
            caller.queue.ringing.remove(caller.entry)

    def _step_in(self, caller: Caller) -> None:
        queue = caller.queue
        if caller.state is CallerState.WAITING:
            queue.enter(caller)
        elif caller.state in IN_RINGING:
            queue.ringing.add(caller.entry)
        self._dirty[queue] = None
        if queue.live_rungs:
            self.stirred[queue] = None

    def offered(self, caller: Caller) -> None:
        """A phone rings for the caller."""
        if caller.state is CallerState.WAITING:
            queue, entry = caller.queue, caller.entry
            caller.section.lanes[caller.lane].remove(entry)
            queue.waiting -= 1
            queue.ringing.add(entry)
        caller.step(CallerInput.OFFER)

    def waits_again(self, caller: Caller, what: CallerInput) -> None:
        """No phone rings any more: back to the old place, by the original time of entry."""
        if caller.state is CallerState.OFFERING:
            caller.queue.ringing.remove(caller.entry)
            if caller.queue.widening:
                self._deadlines.clear(("widen", caller.id))
        caller.step(what)
        caller.assigned = False
        caller.queue.enter(caller)
        self._dirty[caller.queue] = None
        self.stir(caller)

    def picked_up(self, caller: Caller, now: float) -> None:
        """An agent answered; the caller is nobody else's any more."""
        caller.queue.ringing.remove(caller.entry)
        caller.step(CallerInput.ANSWER)
        caller.answered = now
        self.places.gone(caller)
        if caller.queue.widening:
            self._deadlines.clear(("widen", caller.id))

    # --- timers ----------------------------------------------------------------------------------------------------

    def arm(self, caller: Caller, timer: str, at: float) -> None:
        """Set a deadline that the end of the visit clears: "tier", "wait", "age", "rung", "join"."""
        if timer not in caller.timers:
            caller.timers += (timer,)
        self._deadlines.set((timer, caller.id), at)

    def disarm(self, caller: Caller, timer: str) -> None:
        if timer in caller.timers:
            self._deadlines.clear((timer, caller.id))

    def arm_tier_step(self, caller: Caller) -> None:
        steps = caller.queue.steps
        if caller.lane < len(steps):
            self.arm(caller, "tier", caller.joined + steps[caller.lane])
        elif steps:
            self.disarm(caller, "tier")

    def arm_max_wait(self, caller: Caller) -> None:
        limit = caller.queue.config.max_wait
        if limit > 0.0 and caller.callback is None:  # Who is called back is given up by rules of their own.
            self.arm(caller, "wait", caller.joined + limit)
        else:
            self.disarm(caller, "wait")

    def arm_widening(self, caller: Caller, now: float) -> None:
        """One more phone rings after the next step, counted from the first ring (ACD-18)."""
        step = caller.queue.widening
        if step and caller.state is CallerState.OFFERING:
            self._deadlines.set(("widen", caller.id), caller.rung_first + steps_taken(caller, now) * step)
        else:
            self._deadlines.clear(("widen", caller.id))

    def arm_age(self, caller: Caller, now: float) -> None:
        """From when on nobody who came later may go first (ACD-49)."""
        limit, since = caller.queue.config.fair_after, caller.effective
        if caller.callback is not None and caller.callback.kind != Kind.REQUESTED:
            limit = 0.0  # Who keeps no place in line does not get the first one by waiting.
        aged = 0.0 < limit <= now - since
        if aged is not caller.aged:
            caller.aged = aged
            self.rerank(caller)
        if limit > 0.0 and not aged:
            self.arm(caller, "age", max(now, since + limit))
        else:
            self.disarm(caller, "age")

    def age(self, caller: Caller) -> None:
        """The time has come."""
        caller.aged = True
        self.rerank(caller)

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

    def relay(self, queue: QueueState, before: Queue, steps: list[float], now: float) -> None:
        """Fit the callers of a queue to its new policy. Order and times of entry are theirs and stay."""
        config = queue.config
        callers = [caller for caller in self.callers.values() if caller.queue is queue]
        if steps != queue.steps:
            queue.relay([caller for caller in callers if caller.state is CallerState.WAITING], now)
            for caller in callers:
                caller.lane = queue.lane_of(now - caller.joined)
                self.disarm(caller, "tier")
                if caller.state is not CallerState.AWAY:
                    self.arm_tier_step(caller)
        if before.escalation != config.escalation:
            for caller in callers:
                caller.climbed &= frozenset(config.escalation)
                self.disarm(caller, "rung")
                self.stir(caller)
        if before.max_wait != config.max_wait:
            for caller in callers:
                caller.overdue = False
                self.arm_max_wait(caller)
        if before.priority_seconds != config.priority_seconds:
            for caller in callers:
                self.rerank(caller)
        if before.fair_after != config.fair_after:
            for caller in callers:
                self.arm_age(caller, now)

    # --- nobody to answer ------------------------------------------------------------------------------------------

    def watch(self, queue: QueueState, now: float) -> None:
        """Note when a queue that its callers should leave becomes empty of agents, and when it is not any more."""
        if queue.live_rungs:
            self.stirred[queue] = None
        if not (queue.config.leave_without_agents and self._is_vacant(queue, now)):
            queue.vacant_since = None
            self._deadlines.clear(("vacant", queue.name))
            return
        if queue.vacant_since is None:
            queue.vacant_since = now
        name = ("vacant", queue.name)
        if len(queue) and self._deadlines.at(name) is None:  # Who joins later leaves later; who is away stays.
            joined = [caller.joined for caller in queue.in_order() if not caller.absent]
            if joined:
                self._deadlines.set(name, max(queue.vacant_since, min(joined)) + queue.config.no_agents_grace)

    def _is_vacant(self, queue: QueueState, now: float) -> bool:
        """Whether nobody is there for who waits: as the one sees it who has waited longest."""
        conditions, waited = queue.leave_when, 0.0
        if EXCLUDED in conditions:
            waited = max((now - caller.joined for caller in queue.on_the_line()), default=0.0)
        return queue.is_vacant(now, conditions, waited)

    def stranded(self, queue: QueueState, now: float) -> list[Caller]:
        """Callers who have waited the grace in a queue without agents."""
        since = queue.vacant_since
        if since is None:
            return []
        grace = queue.config.no_agents_grace
        return [caller for caller in queue.in_order() if not caller.absent and max(caller.joined, since) + grace <= now]

    # --- the end ---------------------------------------------------------------------------------------------------

    def connected(self, caller: Caller, agent: str, offer: int, now: float) -> None:
        """Caller and agent talk: the visit ended well. The wait is until the agent picked up (C.1)."""
        caller.step(CallerInput.CONNECT)
        waited = caller.answered - caller.joined
        self._emit(Publish(CallerConnected(caller.queue.name, caller.id, agent, offer, waited)))
        self._ended(caller, Outcome.ANSWERED, caller.answered, "", agent)

    def end(self, caller: Caller, outcome: Outcome, detail: str, now: float) -> None:
        """The caller leaves without an agent. Their offers have been ended."""
        if caller.state is CallerState.WAITING:
            caller.queue.leave(caller)
        elif caller.state is CallerState.OFFERING:
            caller.queue.ringing.remove(caller.entry)
        elif caller.state is CallerState.CALLED:
            self._not_called(caller)
        caller.step(CallerInput.LEAVE)
        self.places.gone(caller)
        self._ended(caller, outcome, now, detail, "")

    def _ended(self, caller: Caller, outcome: Outcome, now: float, detail: str, agent: str) -> None:
        queue = caller.queue
        present = self.callers.pop(caller.id, None) is not None
        if present:
            for timer in caller.timers:
                self._deadlines.clear((timer, caller.id))
            if queue.widening:
                self._deadlines.clear(("widen", caller.id))
            if caller.section is not queue or caller.needs:
                self._sections.left(caller)
            if queue.live_rungs:
                self.stirred[queue] = None
            if queue.may_surge:
                self.counted[queue] = None
            if outcome in GAVE_UP and caller.callback is None:
                self.returns.left(caller, now)
        self._publish(
            CallerLeft(
                queue.name,
                caller.id,
                caller.visit,
                outcome,
                now - caller.joined,
                caller.position_at_entry,
                caller.offers_made,
                agent,
                detail,
                CALLBACK if caller.callback is not None else "",
                caller.told,
            )
        )
        if present:
            self.on_end(caller, outcome, agent, now)

    # --- callbacks: callers who are not on the line ------------------------------------------------------------------

    def book(self, callback: Callback, queue: QueueState, joined: float, credit: float, priority: int) -> Caller:
        """Begin the visit of a caller who is to be called back, with the place in line of who came at `joined`.

        They do not stand there before `step_back`. A visit of before a restart goes on.
        """
        past = self.interrupted.pop(callback.id, None)
        if past is None:
            self.last += 1
        caller = Caller(
            callback.id, queue, past["visit"] if past else self.last, callback.number, callback.name, priority, joined,
            credit, callback=callback, absent=True,
        )  # fmt: skip
        caller.step(CallerInput.ADMIT)
        caller.tier = queue.tiers[0].number if queue.tiers else 0
        self.callers[caller.id] = caller
        if past is not None:
            caller.position_at_entry, caller.offers_made = past["position_at_entry"], past["offers"]
        else:
            caller.position_at_entry = queue.ahead_of(caller) + 1
            self._joined(caller, CALLBACK)
        caller.step(CallerInput.ASIDE)
        return caller

    def step_aside(self, caller: Caller) -> None:
        """A callback is out of the line for a while. Its offers have been ended."""
        if caller.state is CallerState.WAITING:
            caller.queue.leave(caller)
        elif caller.state is CallerState.CALLED:
            self._not_called(caller)
        caller.step(CallerInput.ASIDE)
        caller.absent = True
        self.disarm(caller, "tier")

    def step_back(self, caller: Caller, now: float) -> None:
        """A callback is back in line, at its place."""
        caller.step(CallerInput.RETURN)
        self._stand(caller, now)

    def calling(self, caller: Caller) -> None:
        """The customer of a callback is called before an agent is: nobody else takes the place meanwhile."""
        caller.queue.leave(caller)
        caller.step(CallerInput.CALL)
        caller.queue.ringing.add(caller.entry)
        caller.queue.called += 1

    def _not_called(self, caller: Caller) -> None:
        caller.queue.ringing.remove(caller.entry)
        caller.queue.called -= 1
        self._dirty[caller.queue] = None

    def reached(self, caller: Caller, now: float) -> None:
        """The customer of a callback is on the line: a caller like any other, at the place of the callback."""
        if caller.state is CallerState.CALLED:
            self._not_called(caller)
        elif caller.state is CallerState.WAITING:
            caller.queue.leave(caller)
        caller.step(CallerInput.REACHED)
        caller.absent = False
        self._stand(caller, now)

    def _stand(self, caller: Caller, now: float) -> None:
        queue = caller.queue
        caller.lane = queue.lane_of(now - caller.joined)
        if queue.config.needs and not caller.needs:
            self._sections.admit(caller, (), "", now)
        queue.enter(caller)
        self.arm_tier_step(caller)
        self.arm_age(caller, now)
        self._dirty[queue] = None
