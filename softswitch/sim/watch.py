"""Looks for what breaks an expectation of a scenario, in the moment in which it does."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from softswitch.acd.agent import AgentState, Condition
from softswitch.acd.caller import Caller, CallerState
from softswitch.acd.invariants import check_invariants, usable_tiers
from softswitch.events import AgentActivityChanged, AgentPresenceChanged, CallerJoined, CallerLeft, Event, OfferMade
from softswitch.sim.rules import Expectation
from softswitch.sim.world import Look, See

if TYPE_CHECKING:
    from softswitch.acd.engine import Engine
    from softswitch.sim.world import World

SEEN: Final = frozenset({AgentActivityChanged, AgentPresenceChanged, CallerJoined, CallerLeft, OfferMade})
MOST: Final = 1_000  # breaches of one expectation that are counted in a run


@dataclass(slots=True)
class Breach:
    """An expectation that did not hold, and for whom."""

    expectation: str
    replication: int
    at: float
    caller: str = ""
    other: str = ""  # the caller who went first
    agent: str = ""
    detail: str = ""


class Watch:
    """A witness of the rules of a scenario: those that are no figures. `world` is given when there is one."""

    settles = True

    def __init__(
        self, expectations: Iterable[Expectation], replication: int, label: Callable[[str], str], since: float
    ) -> None:
        self.breaches: dict[str, list[Breach]] = {}
        self.world: World
        self._replication = replication
        self._label = label
        self._since = since
        kinds: dict[str, list[Expectation]] = {}
        for one in expectations:
            kinds.setdefault(one.kind, []).append(one)
        self._waits = kinds.get("wait", []) + kinds.get("idle", [])
        self._idle = kinds.get("idle", [])
        self._tiers = kinds.get("tier", [])
        self._firsts = kinds.get("first", [])
        self._invariants = kinds.get("invariants", [])
        self._due: list[tuple[float, int, str, Expectation]] = []
        self._sequence = 0
        self._freed: list[str] = []  # agents who may have become free in this input
        self._offers: list[OfferMade] = []  # made in this input

    @property
    def needed(self) -> bool:
        return bool(self._waits or self._tiers or self._firsts or self._invariants)

    # --- the witness -------------------------------------------------------------------------------------------------

    def sees(self, kind: type[Event]) -> See | None:
        return self.saw if kind in SEEN else None

    def saw(self, event: Event, now: float) -> None:
        kind = type(event)
        if kind is CallerJoined:
            if self._waits:
                self._clock(event, now)  # type: ignore[arg-type]
        elif kind is OfferMade:
            self._offered(event, now)  # type: ignore[arg-type]
        elif kind is CallerLeft:
            for one in self._waits:
                # Who is served in the very moment in which the limit ends has waited no longer than that.
                if one.kind == "wait" and event.waited > one.value and self._concerns(one, event.queue, event.caller):  # type: ignore[attr-defined]
                    self._found(one, now, event.caller)  # type: ignore[attr-defined]
        elif self._idle and (kind is AgentActivityChanged or kind is AgentPresenceChanged):
            self._freed.append(event.agent)  # type: ignore[attr-defined]

    def began(self, engine: Engine, now: float) -> None:
        """Nothing is to be done."""

    def settled(self, now: float) -> None:
        while self._due and self._due[0][0] <= now:
            _, _, caller, one = heapq.heappop(self._due)
            if one.kind == "idle":
                self._overdue(one, caller, now)
        for name in self._freed:
            self._is_free(name, now)
        self._freed.clear()
        if self._offers:
            for event in self._offers:
                self._check_first(event, now)
            self._offers.clear()
        if self._invariants:
            self._check_invariants(now)

    # --- nobody waits ... --------------------------------------------------------------------------------------------

    def _clock(self, event: CallerJoined, now: float) -> None:
        for one in self._idle:
            if self._concerns(one, event.queue, event.caller):
                self._sequence += 1
                heapq.heappush(self._due, (now + one.value, self._sequence, event.caller, one))
                self.world.after(one.value, Look())

    def _overdue(self, one: Expectation, name: str, now: float) -> None:
        caller = self.world.engine.visits.callers.get(name)
        if caller is None or caller.state is not CallerState.WAITING:
            return
        agents = [agent for agent in self._members(caller) if agent.condition(caller.queue.name) is Condition.IDLE]
        if agents:
            self._found(one, now, name, agent=agents[0].name)

    def _members(self, caller: Caller) -> list[AgentState]:
        agents = self.world.engine.roster.agents
        return [agents[one.agent] for one in caller.queue.config.members if one.agent in agents]

    def _is_free(self, name: str, now: float) -> None:
        """An agent is free: does anybody wait for whom it has been too long?"""
        agent = self.world.engine.roster.agents.get(name)
        if agent is None or agent.condition() is not Condition.IDLE:
            return
        mine = {seat.queue.name for seat in agent.seats if seat.queue.name not in agent.paused_in}
        for caller in self.world.engine.visits.callers.values():
            if caller.state is CallerState.WAITING and caller.queue.name in mine:
                for one in self._idle:
                    if now - caller.joined > one.value and self._concerns(one, caller.queue.name, caller.id):
                        self._found(one, now, caller.id, agent=name)

    # --- offers ------------------------------------------------------------------------------------------------------

    def _offered(self, event: OfferMade, now: float) -> None:
        for one in self._tiers:
            if (
                self._concerns(one, event.queue, event.caller)
                and event.waited < one.value
                and self._is_tier(one, event)
            ):
                detail = f"{event.agent} of tier {event.tier} was rung after {event.waited:.1f} s"
                self._found(one, now, event.caller, agent=event.agent, detail=detail)
        if self._firsts:
            self._offers.append(event)

    def _is_tier(self, one: Expectation, event: OfferMade) -> bool:
        if not one.nth:
            return event.tier >= one.tier
        numbers = sorted({member.tier for member in self.world.engine.queues[event.queue].config.members})
        return one.tier < len(numbers) and event.tier >= numbers[one.tier]

    def _check_first(self, event: OfferMade, now: float) -> None:
        """Was somebody left waiting who should have come first, and could have had this agent?"""
        agent = self.world.engine.roster.agents.get(event.agent)
        for one in self._firsts:
            if agent is None or self._label(event.caller) == one.callers or one.queue not in ("", event.queue):
                continue
            seats = {seat.queue.name: seat.tier.number for seat in agent.seats}
            for caller in self.world.engine.visits.callers.values():
                if (
                    caller.state is CallerState.WAITING
                    and caller.joined < now
                    and self._label(caller.id) == one.callers
                    and caller.queue.name in seats
                    and seats[caller.queue.name] in usable_tiers(self.world.engine, caller, now)
                ):
                    self._found(one, now, caller.id, other=event.caller, agent=event.agent)

    # --- invariants --------------------------------------------------------------------------------------------------

    def _check_invariants(self, now: float) -> None:
        try:
            check_invariants(self.world.engine, now)
        except AssertionError as error:
            for one in self._invariants:
                self._found(one, now, detail=str(error))

    # --- breaches ----------------------------------------------------------------------------------------------------

    def _concerns(self, one: Expectation, queue: str, caller: str) -> bool:
        return one.queue in ("", queue) and (not one.callers or one.callers == self._label(caller))

    def _found(
        self, one: Expectation, now: float, caller: str = "", *, other: str = "", agent: str = "", detail: str = ""
    ) -> None:
        found = self.breaches.setdefault(one.text, [])
        if now >= self._since and len(found) < MOST:
            found.append(Breach(one.text, self._replication, now, caller, other, agent, detail))
