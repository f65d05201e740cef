"""A small site around the engine, in virtual time: what the call side would report, as one-line methods.

Every input is followed by the invariants, so each test of a behaviour is a test of them, too.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from softswitch.acd.engine import Engine
from softswitch.acd.invariants import check_invariants
from softswitch.acd.measure import recount
from softswitch.directory import Agent, Membership, Queue
from softswitch.effects import (
    AgentCommand,
    ConversationEnded,
    DeviceBusy,
    DeviceFree,
    DeviceReachable,
    EnterQueue,
    LeaveQueue,
    OfferAnswered,
    OfferFailed,
    OfferResult,
    OfferRinging,
    Outcome,
    Publish,
    RingAgent,
    WithdrawOffer,
)
from softswitch.events import AgentActivityChanged, AgentPresenceChanged, CallerLeft, Event, OfferEnded, OfferMade

T = TypeVar("T")


class SeededEntropy:
    """Reproducible randomness."""

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)

    def token(self) -> str:
        return f"{self._random.getrandbits(64):016x}"

    def below(self, n: int) -> int:
        return self._random.randrange(n)


def members(*tiers: str) -> tuple[Membership, ...]:
    """One string of space-separated names per tier, in order of position."""
    return tuple(
        Membership(name, tier, position)
        for tier, names in enumerate(tiers)
        for position, name in enumerate(names.split())
    )


def queue(*tiers: str, name: str = "q", **policy: Any) -> Queue:
    return Queue(name, members=members(*tiers), **{"wrap_up": 0.0, "fair_after": 0.0, **policy})


class Site:
    """Queues, agents who are logged in and reachable unless told otherwise, and a log of what came out."""

    def __init__(
        self,
        *queues: Queue,
        agents: Mapping[str, Mapping[str, Any]] | None = None,
        log_in: bool = True,
        now: float = 1000.0,
        **engine: Any,
    ) -> None:
        self.now = now
        self.engine = Engine(SeededEntropy(), **engine)
        self.queues = {queue.name: queue for queue in queues}
        own = agents or {}
        names = dict.fromkeys(member.agent for queue in queues for member in queue.members)
        self.agents = {name: Agent(name, device=f"phone-{name}") for name in names}
        for name, settings in own.items():
            self.agents[name] = replace(self.agents.get(name, Agent(name, device=f"phone-{name}")), **settings)
        self.items: list[object] = []
        self.events: list[Event] = []
        self.configure()
        if log_in:
            for name in self.agents:
                self.reachable(name)
                self.command(name, "login")
        self.clear()

    # --- time and output -----------------------------------------------------------------------------------------

    def _settle(self) -> None:
        for item in self.engine.drain():
            self.items.append(item)
            if isinstance(item, Publish):
                self.events.append(item.event)
        check_invariants(self.engine, self.now)

    def give(self, item: object) -> None:
        self.engine.handle(item, self.now)
        self._settle()

    def advance(self, seconds: float) -> None:
        """Let time pass, waking the engine exactly when it asked for it."""
        until = self.now + seconds
        while (at := self.engine.next_deadline()) is not None and at <= until:
            self.now = max(self.now, at)
            self.engine.expire(self.now)
            self._settle()
            next_at = self.engine.next_deadline()
            assert next_at is None or next_at > self.now, "a deadline was left behind"
        self.now = until

    def wake_late(self, seconds: float) -> None:
        """The process slept: the engine is woken long after the deadlines it asked for."""
        self.now += seconds
        self.engine.expire(self.now)
        self._settle()

    def clear(self) -> None:
        self.items.clear()

    def of(self, kind: type[T]) -> list[T]:
        """The items, or events, of one class since the last `clear`."""
        found = [item for item in self.items if isinstance(item, kind)]
        return found + [item.event for item in self.items if isinstance(item, Publish) and isinstance(item.event, kind)]

    def configure(self, *queues: Queue, agents: Iterable[Agent] = (), accounts: Any = None) -> None:
        self.queues |= {queue.name: queue for queue in queues}
        for queue in queues:
            for member in queue.members:
                self.agents.setdefault(member.agent, Agent(member.agent, f"phone-{member.agent}"))
        self.agents |= {agent.name: agent for agent in agents}
        self.engine.configure(self.queues, self.agents, self.now, accounts)
        self._settle()

    # --- callers -------------------------------------------------------------------------------------------------

    def enter(self, *callers: str, queue: str = "q", **values: Any) -> None:
        for caller in callers:
            self.give(EnterQueue(caller, queue, **values))

    def leave(self, caller: str, outcome: Outcome = Outcome.ABANDONED, detail: str = "") -> None:
        self.give(LeaveQueue(caller, outcome, detail))

    # --- agents and their phones -----------------------------------------------------------------------------------

    def offer(self, agent: str) -> int:
        """The id of the live offer or conversation of an agent."""
        offer = self.engine.roster.agents[agent].offer
        assert offer is not None, f"{agent} has no offer"
        return offer.id

    def rung(self) -> dict[str, str]:
        """Whose phone rings for whom."""
        return {
            offer.agent.name: offer.caller.id
            for offer in self.engine.dispatcher.offers.values()
            if offer.state == "ringing"
        }

    def talks(self) -> dict[str, str]:
        return {
            offer.agent.name: offer.caller.id
            for offer in self.engine.dispatcher.offers.values()
            if offer.state == "talking"
        }

    def rings(self, agent: str) -> None:
        self.give(OfferRinging(self.offer(agent)))

    def answer(self, agent: str) -> None:
        self.give(OfferAnswered(self.offer(agent)))

    def fail(self, agent: str, result: OfferResult, status: int = 0) -> None:
        self.give(OfferFailed(self.offer(agent), result, status))

    def hang_up(self, agent: str) -> None:
        self.give(ConversationEnded(self.offer(agent)))

    def serve(self, agent: str, seconds: float = 0.0) -> None:
        """Answer the phone that rings, talk, hang up."""
        self.answer(agent)
        self.advance(seconds)
        self.hang_up(agent)

    def command(self, agent: str, verb: str, reason: str = "", device: str = "", queue: str = "") -> str:
        refusal = self.engine.command(AgentCommand(agent, verb, reason, device, "test", queue), self.now)
        self._settle()
        return refusal

    def device(self, agent: str) -> str:
        return self.engine.roster.agents[agent].device if agent in self.engine.roster.agents else agent

    def reachable(self, agent: str, reachable: bool = True) -> None:
        self.give(DeviceReachable(self.device(agent), reachable))

    def busy(self, agent: str, kind: str = "outbound") -> None:
        self.give(DeviceBusy(self.device(agent), kind))

    def free(self, agent: str) -> None:
        self.give(DeviceFree(self.device(agent)))

    # --- what one asks of the log ----------------------------------------------------------------------------------

    def activity(self, agent: str) -> str:
        return str(self.engine.roster.agents[agent].activity)

    def presence(self, agent: str) -> tuple[str, str]:
        state = self.engine.roster.agents[agent]
        return str(state.presence), state.reason

    def activities(self, agent: str) -> list[str]:
        return [event.activity for event in self.of(AgentActivityChanged) if event.agent == agent]

    def presences(self, agent: str) -> list[tuple[str, str]]:
        return [(event.presence, event.reason) for event in self.of(AgentPresenceChanged) if event.agent == agent]

    def ring_order(self) -> list[str]:
        return [item.agent for item in self.of(RingAgent)]

    def offered(self) -> list[tuple[str, str]]:
        return [(event.caller, event.agent) for event in self.of(OfferMade)]

    def results(self) -> list[tuple[str, str]]:
        return [(event.agent, event.result) for event in self.of(OfferEnded)]

    def withdrawn(self) -> list[OfferResult]:
        return [item.result for item in self.of(WithdrawOffer)]

    def outcome(self, caller: str) -> CallerLeft:
        (left,) = [event for event in self.events if isinstance(event, CallerLeft) and event.caller == caller]
        return left

    def check_counters(self) -> None:
        """The counters are a recount of everything published."""
        fresh = recount(self.events, self.queues.values())
        assert fresh.as_dict() == self.engine.measure.as_dict()
