"""What the worlds around the queue engine give it: chance, an engine whose choices are checked, and inputs by name.

The inputs of a run make a journal, so that a run can be repeated from it (`replay`).
"""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

from softswitch.acd.agent import AgentState
from softswitch.acd.caller import AGED, Caller, CallerState
from softswitch.acd.engine import Engine
from softswitch.acd.invariants import usable_agents
from softswitch.acd.queue import Seat, Tier
from softswitch.acd.strategy import STRATEGIES, Strategy
from softswitch.callbacks import Kind
from softswitch.effects import Outcome
from softswitch.machine import Entropy

if TYPE_CHECKING:
    from tests.sim.queue_world import World


class Dice:
    """The engine's entropy, from the world's seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def token(self) -> str:
        return f"{self._random.getrandbits(64):016x}"

    def below(self, n: int) -> int:
        return self._random.randrange(n)


class Oracle:
    """A strategy that checks each choice of the engine before it is made, and then asks the real one."""

    def __init__(self, strategy: Strategy) -> None:
        self.name = strategy.name
        self.several = strategy.several
        self.engine: Engine
        self._strategy = strategy

    def width(self, caller: Caller, now: float) -> int:
        return self._strategy.width(caller, now)

    def key(self, agent: AgentState) -> float:
        return self._strategy.key(agent)

    def values(self, places: Any, caller: Caller, now: float) -> tuple[float, ...]:
        return self._strategy.values(places, caller, now)

    def choose(self, tier: Tier, caller: Caller, now: float, entropy: Entropy) -> Seat:
        seat = self._strategy.choose(tier, caller, now, entropy)
        agents = usable_agents(self.engine, caller, now)
        if caller.offers and tier.number <= max(offer.tier for offer in caller.offers.values()):
            return seat  # Ring all: one more phone of a tier that rings already.
        assert seat.agent in agents.get(tier.number, ()), f"{seat.agent.name} is not to be rung for {caller.id}"
        if not caller.offers:
            assert tier.number == min(agents), f"tier {tier.number} is rung before tier {min(agents)}"
            self._check_rank(caller, now)
        best = self._best(agents[tier.number], tier, caller)
        assert best is None or best is seat.agent, f"{seat.agent.name} is rung before {best and best.name}"
        return seat

    def _check_rank(self, caller: Caller, now: float) -> None:
        """No caller of better rank could be served now (ACD-03, ACD-04)."""
        for other in self.engine.visits.callers.values():
            kept = other.queue.idle <= other.queue.called  # for customers of callbacks who are being called
            if other.state is CallerState.WAITING and _rank(other) < _rank(caller) and not kept:
                assert not usable_agents(self.engine, other, now), f"{caller.id} is served before {other.id}"

    def _best(self, agents: list[AgentState], tier: Tier, caller: Caller) -> AgentState | None:
        places = {agent.name: (tier.seats[agent.name].position, agent.name) for agent in agents}
        if self.name in ("longest_idle", "progressive"):
            return min(agents, key=lambda agent: (agent.idle_since, *places[agent.name]))
        if self.name == "skills":
            asked = {need.skill: need.weight for need in caller.needs if not need.drop}
            return min(
                agents,
                key=lambda agent: (
                    -sum(weight * agent.config.skills.get(skill, -1) for skill, weight in asked.items()),
                    agent.idle_since,
                    *places[agent.name],
                ),
            )
        if self.name in ("linear", "ring_all"):
            return min(agents, key=lambda agent: places[agent.name])
        return None


def _rank(caller: Caller) -> tuple[float, ...]:
    config, effective = caller.queue.config, caller.joined - caller.credit
    place: tuple[float, ...] = (-caller.priority, effective, caller.visit)
    if config.priority_seconds:
        place = (0.0, effective - caller.priority * config.priority_seconds, caller.visit)
    place = caller.moved or place
    if caller.aged:
        place = min(place, (AGED, effective, caller.visit))
    return (0.0, 0.0, *place) if place[0] == AGED else (1.0, -config.weight, *place)


def new_engine(seed: int, check: bool) -> Engine:
    oracles = {name: Oracle(strategy) for name, strategy in STRATEGIES.items()}
    peak: list[bool] = []  # the scheme is open now and then: at every third question

    def is_open(name: str) -> bool:
        peak.append(True)
        return len(peak) % 3 == 0

    engine = Engine(Dice(seed), strategies=oracles if check else STRATEGIES, is_open=is_open)
    for oracle in oracles.values():
        oracle.engine = engine
    return engine


def apply_input(engine: Engine, kind: str, value: Any, now: float, seed: int, check: bool) -> Engine:
    """One input, as recorded in a journal; the engine that is there afterwards."""
    if kind == "item":
        engine.handle(value, now)
    elif kind == "expire":
        engine.expire(now)
    elif kind == "configure":
        engine.configure(value[0], value[1], now)
    elif kind == "priority":
        engine.set_priority(value[0], value[1], now)
    elif kind == "steer":
        verb, *arguments = value
        engine.steer(verb, *arguments, "eva", now)
    elif kind == "release":
        engine.release(value[0], Outcome.WITHDRAWN, "", now, "supervisor")
    elif kind == "callback":
        order_callback(engine, value, now)
    elif kind == "close":
        engine.shut_down(now)
    elif kind == "close_visits":
        engine.close_visits(now)
    else:
        assert json.loads(json.dumps(engine.export_state(now))) == value[0], "the state is not what the journal gives"
        engine = new_engine(seed if value[3] is None else seed + int(now * 1e6), check)  # No id is given twice.
        engine.configure(value[1], value[2], now)
        engine.restore_state(value[0], now)
        engine.callbacks.restore(value[3] or (), now)
    return engine


def order_callback(engine: Engine, value: tuple[Any, ...], now: float) -> None:
    """What a person does with the list of callbacks."""
    verb, task, owner, queue, due = value
    book = engine.callbacks
    if verb == "assign":
        book.assign(task, "eva", now, owner=owner, queue=queue, due=now + due)
    elif verb == "add":
        book.add(queue, f"+4870{len(book.tasks):02d}", now, kind=Kind.SCHEDULED, due=now + due)
        engine.match(now)
    else:
        getattr(book, verb)(task, "eva", now)


def replay(world: World) -> tuple[list[object], dict[str, Any]]:
    """Give the journal of a run to a fresh engine: what comes out, and the state it ends in."""
    engine = new_engine(world.seed, False)
    output: list[object] = []
    for now, kind, value in world.journal:
        engine = apply_input(engine, kind, value, now, world.seed, False)
        output += engine.drain()
    return output, engine.export_state(world.now)
