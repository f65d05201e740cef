"""Callers and phones around the production engine, in virtual time.

The world sees only what call control sees: it performs what the engine orders and reports what people do. Who they are and
how long things take is said by `people`; the same world plays scenarios and recorded days.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from softswitch.effects import (
    AgentCommand,
    ConnectOffer,
    ConversationEnded,
    EnterQueue,
    LeaveQueue,
    OfferAnswered,
    OfferConnected,
    OfferFailed,
    OfferResult,
    Outcome,
    Publish,
    ReleaseCaller,
    RingAgent,
)
from softswitch.events import Event
from softswitch.sim.replay import made

if TYPE_CHECKING:
    from softswitch.acd.engine import Engine
    from softswitch.machine import Entropy
    from softswitch.sim.policy import Policy

See: TypeAlias = "Callable[[Any, float], object]"

QUEUE: Final = "queue:"
MOMENT: Final = 0.1  # seconds: a queue that keeps a caller no longer has only passed them on ...
MAX_RUSH: Final = 20  # ... which so many in a row may do
GREETING: Final = 3.0  # seconds that an agent is spoken to before the two hear each other
SETTLE: Final = 7_200.0  # virtual seconds after the last arrival in which what is going on may end


@dataclass(slots=True, eq=False)
class Visitor:
    """A caller, with all that is drawn for them beforehand: so another policy meets the very same people."""

    id: str
    queue: str
    stream: int
    talk: float
    patience: float
    number: str = ""
    priority: int = 0
    wait_credit: float = 0.0
    outcome: Outcome = Outcome.ABANDONED  # when the patience is over
    came: float = 0.0  # when they called
    entered: float = 0.0  # ... and entered the present queue
    rush: int = 0  # queues before it that passed them on at once


@dataclass(slots=True, eq=False)
class Done:
    """Something that is done to the engine, other than telling it an item."""

    do: Callable[[Engine, float], object]


@dataclass(slots=True, eq=False)
class Look:
    """A moment in which nothing happens, but somebody wants to look."""


class People(Protocol):
    """Who calls and who answers."""

    def inputs(self) -> Iterator[tuple[float, object]]:
        """In order of time: a `Visitor` who calls, or an item for the engine."""
        ...

    def ring(self, item: RingAgent) -> tuple[float, OfferResult]:
        """After how many seconds the agent does what; NO_ANSWER: nothing, the engine gives up by itself."""
        ...

    def wrap_up(self, agent: str) -> float | None:
        """Seconds of work after a conversation; None: as long as the queue gives."""
        ...


class Witness(Protocol):
    """Who watches a run: `sees(kind)` gives what is called with (event, now) for each event of a class, None for nothing;
    `settled` is called when all of an input is done, if the witness `settles`; `began`: a state was taken over."""

    settles: bool

    def sees(self, kind: type[Event]) -> See | None: ...
    def settled(self, now: float) -> None: ...
    def began(self, engine: Engine, now: float) -> None: ...


class World:
    """One run of an engine among people."""

    def __init__(
        self,
        policy: Policy,
        people: People,
        entropy: Entropy,
        witnesses: list[Witness],
        start: float = 0.0,
        is_open: Callable[[str, float], bool] = lambda name, now: True,
    ) -> None:
        """`is_open`: whether an opening-hours scheme is open at a time."""
        self.now = start
        self.engine = made(entropy, lambda name: is_open(name, self.now))
        self.visitors: dict[str, Visitor] = {}  # who has called and is neither gone nor served
        self.calls = 0
        self._people = people
        self._witnesses: list[Witness] = []
        self._settlers: list[Witness] = []
        self._seen: dict[type[Event], tuple[See, ...]] = {}
        for witness in witnesses:
            self.watch(witness)
        self._inputs = people.inputs()
        self._heap: list[tuple[float, int, object]] = []
        self._sequence = 0
        self._talks: dict[int, float] = {}  # offer -> seconds
        self._agents: dict[int, str] = {}  # offer -> who talks, where the wrap-up is drawn
        self._perform: dict[type, Callable[[Any], None]] = {
            RingAgent: self._ring,
            ConnectOffer: self._connect,
            ReleaseCaller: self._release,
        }
        self.engine.configure(policy.queues, policy.agents, start)

    def watch(self, witness: Witness) -> None:
        """Have somebody watch from now on."""
        self._witnesses.append(witness)
        if witness.settles:
            self._settlers.append(witness)
        self._seen.clear()

    # --- time --------------------------------------------------------------------------------------------------------

    def run(self, until: float = inf) -> World:
        """Live until nothing is left to happen, or until a moment."""
        engine, heap, inputs = self.engine, self._heap, self._inputs
        self._settle()
        arrival = next(inputs, None)
        last = inf
        while True:
            at = heap[0][0] if heap else inf
            deadline = engine.next_deadline()
            if arrival is not None and arrival[0] < at and (deadline is None or arrival[0] < deadline):
                at, item = arrival
                if at > until:
                    return self
                self.now = at
                self._take(item)
                arrival = next(inputs, None)
                if arrival is None:
                    last = at + SETTLE
            elif deadline is not None and deadline <= at:
                if deadline > until or deadline > last:
                    return self
                self.now = deadline
                engine.expire(deadline)
            elif heap:
                if at > until or at > last:
                    return self
                self.now = at
                self._happen(heapq.heappop(heap)[2])
            else:
                return self
            self._settle()

    def after(self, seconds: float, item: object) -> None:
        if seconds < inf:
            self._sequence += 1
            heapq.heappush(self._heap, (self.now + seconds, self._sequence, item))

    def _happen(self, item: object) -> None:
        """What was to happen, unless it is pointless by now."""
        kind = type(item)
        if kind is LeaveQueue:
            if item.caller not in self.engine.visits.callers:  # type: ignore[attr-defined]
                return
            self.visitors.pop(item.caller, None)  # type: ignore[attr-defined]
        elif kind is OfferAnswered or kind is OfferFailed:
            if item.offer not in self.engine.dispatcher.offers:  # type: ignore[attr-defined]
                return
        elif kind is Look:
            return
        elif kind is _WrapUpOver:
            self._end_wrap_up(item)  # type: ignore[arg-type]
            return
        elif kind is ConversationEnded and (agent := self._agents.pop(item.offer, None)):  # type: ignore[attr-defined]
            self.engine.handle(item, self.now)
            self._begin_wrap_up(agent)
            return
        self.engine.handle(item, self.now)

    def _settle(self) -> None:
        engine, perform, seen, now = self.engine, self._perform, self._seen, self.now
        while items := engine.drain():
            for item in items:
                if type(item) is Publish:
                    event = item.event
                    sees = seen.get(type(event))
                    for see in self._sees(type(event)) if sees is None else sees:
                        see(event, now)
                elif (do := perform.get(type(item))) is not None:
                    do(item)
        for witness in self._settlers:
            witness.settled(now)

    def _sees(self, kind: type[Event]) -> tuple[See, ...]:
        found = self._seen[kind] = tuple(see for one in self._witnesses if (see := one.sees(kind)) is not None)
        return found

    def _take(self, item: object) -> None:
        kind = type(item)
        if kind is Visitor:
            self._come(item)  # type: ignore[arg-type]
        elif kind is Done:
            item.do(self.engine, self.now)  # type: ignore[attr-defined]
            for witness in self._witnesses:
                witness.began(self.engine, self.now)
        else:
            self.engine.handle(item, self.now)

    # --- callers -----------------------------------------------------------------------------------------------------

    def _come(self, visitor: Visitor) -> None:
        self.calls += 1
        self.visitors[visitor.id] = visitor
        self.after(visitor.patience, LeaveQueue(visitor.id, visitor.outcome))
        visitor.came = self.now
        self._enter(visitor, visitor.queue, visitor.priority, visitor.wait_credit)

    def _enter(self, visitor: Visitor, queue: str, priority: int, credit: float) -> None:
        visitor.entered = self.now
        self.engine.handle(EnterQueue(visitor.id, queue, visitor.number, "", priority, credit), self.now)

    def _release(self, item: ReleaseCaller) -> None:
        """On to another queue, with the priority and the wait that count there, or out of the picture."""
        visitor = self.visitors.get(item.caller)
        name, _, rank = item.destination.removeprefix(QUEUE).partition(":")
        queue = self.engine.queues.get(name) if item.destination.startswith(QUEUE) else None
        if visitor is None or queue is None:
            self.visitors.pop(item.caller, None)
            return
        waited = self.now - visitor.entered
        visitor.rush = visitor.rush + 1 if waited < MOMENT else 0
        if visitor.rush >= MAX_RUSH:  # As call control does with queues that lead to each other.
            self.visitors.pop(item.caller)
            return
        credit = item.credit + waited if queue.config.carry_wait else 0.0
        if queue.config.base == "call":
            credit = max(credit, self.now - visitor.came)
        self._enter(visitor, name, int(rank or 0) or item.priority, credit)

    # --- agents ------------------------------------------------------------------------------------------------------

    def _ring(self, item: RingAgent) -> None:
        seconds, result = self._people.ring(item)
        if result is OfferResult.ANSWERED:
            if seconds > 0.0:
                self.after(seconds, OfferAnswered(item.offer))
            else:
                self.engine.handle(OfferAnswered(item.offer), self.now)
        elif result is not OfferResult.NO_ANSWER:
            self.after(seconds, OfferFailed(item.offer, result))

    def _connect(self, item: ConnectOffer) -> None:
        visitor = self.visitors.pop(item.caller, None)
        talk = visitor.talk if visitor is not None else 0.0
        if self.engine.queues[item.queue].config.agent_greeting:
            self.after(GREETING, OfferConnected(item.offer))
            talk += GREETING
        self._agents[item.offer] = item.agent
        self.after(talk, ConversationEnded(item.offer))

    def _begin_wrap_up(self, agent: str) -> None:
        needed = self._people.wrap_up(agent)
        state = self.engine.roster.agents.get(agent)
        if needed is None and state is not None and state.owes:
            needed = state.wrap_up_due - self.now
        if needed is not None and state is not None and state.wrap_up_until:
            self._wait_for_wrap_up(agent, self.now + needed, state.wrap_up_until)

    def _wait_for_wrap_up(self, agent: str, done: float, until: float) -> None:
        """The agent ends it early, or asks for more time in the moment before it is over."""
        self.after(max(0.0, min(done, until - EARLY) - self.now), _WrapUpOver(agent, done, until))

    def _end_wrap_up(self, item: _WrapUpOver) -> None:
        state = self.engine.roster.agents.get(item.agent)
        if state is None or state.wrap_up_until != item.until:
            return  # It is over, or another one by now.
        verb = "end_wrap_up" if self.now >= item.done - EARLY / 2 else "extend_wrap_up"
        if verb == "end_wrap_up" and state.owes and state.handled is not None:
            (said, *_) = self.engine.queues[state.handled.queue].config.dispositions
            self.engine.handle(AgentCommand(item.agent, "disposition", said, actor="phone"), self.now)
            if not state.wrap_up_until:
                return
        self.engine.handle(AgentCommand(item.agent, verb, actor="phone"), self.now)
        if state.wrap_up_until > item.until:
            self._wait_for_wrap_up(item.agent, item.done, state.wrap_up_until)


EARLY: Final = 0.001  # seconds


@dataclass(slots=True, eq=False)
class _WrapUpOver:
    """The agent has done what was to be done after a conversation, or runs out of time."""

    agent: str
    done: float
    until: float  # of the wrap-up that is meant
