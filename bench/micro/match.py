"""Queue decisions a second: agents who become free, callers who wait, several queues.

    python -m bench.micro.match [--agents 1000] [--callers 10000] [--queues 8] [--seats 2] [--decisions 20000]
    python -m bench.micro.match --each [--queues 100] [--seats 4]

Three figures: `decide_us`, to find who is rung for whom when an agent is free and callers wait in all the agent's queues;
`match_us`, the whole match after such a change: decide, reserve, order the ring, publish both events, find nothing more to
do; and `cycle_us`, all the engine's work for one distributed call (hang-up, match, ringing, answer, the next caller).
`reasons_us` of a match go into noting why (the ranking of the offer).
`--each` does it with every strategy, with callers who ask for skills, and with callers who wait for one agent first.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import deque
from statistics import median
from time import perf_counter, process_time
from typing import Any

from softswitch.acd.custom import Snapshot
from softswitch.acd.dispatcher import RANKED, is_before
from softswitch.acd.engine import Engine
from softswitch.acd.line import Line
from softswitch.acd.strategy import STRATEGIES
from softswitch.directory import Agent, Membership, Need, Queue, StrategyRule
from softswitch.effects import AgentCommand, DeviceReachable, EnterQueue, RingAgent

BATCH = 1000  # decisions; figures are medians over batches, so that a disturbed one does not count


class _Entropy:
    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def token(self) -> str:
        return f"{self._random.getrandbits(64):016x}"

    def below(self, n: int) -> int:
        return self._random.randrange(n)


class _Timed:
    """Adds up the time spent in the engine's match, wherever it is called from."""

    def __init__(self, engine: Engine) -> None:
        self.seconds = 0.0
        self._match = engine.dispatcher.match
        engine.dispatcher.match = self  # type: ignore[method-assign, assignment]

    def __call__(self, now: float) -> None:
        start = perf_counter()
        self._match(now)
        self.seconds += perf_counter() - start


def _longest(known: Snapshot) -> list[str]:
    return [max(known.candidates, key=lambda one: one.idle_seconds).agent]


# What a variant of the site is: its queues' policy, and what callers ask for.
SKILLS = ("english", "german", "claims", "sales")
VARIANTS: dict[str, dict[str, Any]] = {
    **{name: {"strategy": name} for name in STRATEGIES},
    "plugin": {"strategy": "plugin:own"},
    "skills of the queue": {
        "strategy": "skills",
        "needs": (Need("english", 50), Need("english", 20, after=30.0), Need("english", after=90.0, drop=True)),
    },
    "skills of callers": {"strategy": "skills"},
    "agents of one's own": {"preferred_wait": 30.0},
    "rules": {"strategy_rules": (StrategyRule("ring_all", waiting=100_000), StrategyRule("linear", load=1.0))},
}


def _asks(variant: str, index: int, agents: int) -> dict[str, Any]:
    """What a caller says on entering."""
    if variant == "skills of callers":
        return {"needs": (Need(SKILLS[index % 4], index % 3 * 30),) if index % 5 else ()}
    return {"preferred": f"agent{index * 7 % agents:04}"} if variant == "agents of one's own" else {}


def _site(
    agents: int, queues: int, seats: int, tiers: int, policy: dict[str, Any], seed: int, skills: bool = False
) -> Engine:
    draw = random.Random(seed)
    members: dict[str, list[Membership]] = {f"queue{n}": [] for n in range(queues)}
    for index in range(agents):
        for name in draw.sample(sorted(members), min(seats, queues)):
            members[name].append(Membership(f"agent{index:04}", draw.randrange(tiers), index))
    engine = Engine(_Entropy(seed))
    engine.configure(
        {name: Queue(name, members=tuple(listed), wrap_up=0.0, **policy) for name, listed in members.items()},
        {
            f"agent{index:04}": Agent(
                f"agent{index:04}", f"phone{index:04}",
                skills={skill: draw.choice((20, 40, 60, 80)) for skill in SKILLS if draw.random() < 0.7} if skills else {},
            )
            for index in range(agents)
        },
        0.0,
    )  # fmt: skip
    engine.plug_in({"own": _longest}, 0.0)
    for index in range(agents):
        engine.handle(DeviceReachable(f"phone{index:04}", True), 0.0)
        engine.handle(AgentCommand(f"agent{index:04}", "login"), 0.0)
    return engine


def run(
    agents: int = 1000,
    callers: int = 10_000,
    queues: int = 8,
    seats: int = 2,
    decisions: int = 20_000,
    tiers: int = 2,
    timed: bool = False,
    seed: int = 1,
    variant: str = "",
) -> dict[str, Any]:
    """Measure a site in overload: every agent who hangs up is given the next of `callers` who wait. `variant`: of VARIANTS."""
    policy: dict[str, Any] = {"tier_mode": "both", "tier_after": {1: 30.0}} if timed else {}
    engine = _site(agents, queues, seats, tiers, policy | VARIANTS.get(variant, {}), seed, "skills" in variant)
    now = 1.0
    for index in range(callers + agents):
        asked = _asks(variant, index, agents)
        engine.handle(
            EnterQueue(f"c{index}", f"queue{index % queues}", str(600_000_000 + index), **asked), now + index * 1e-4
        )
    now += 10.0
    engine.expire(now)
    ringing = [item.offer for item in engine.drain() if isinstance(item, RingAgent)]
    waiting = sum(queue.waiting for queue in engine.queues.values())
    for offer in ringing:
        engine.offer_answered(offer, now)
    engine.drain()
    batches = max(1, decisions // BATCH)
    load = _Load(engine, queues, callers + agents, now, variant, agents)
    cycles = [load.run(BATCH) / BATCH * 1e6 for _ in range(batches)]
    timed = _Timed(engine)
    matches: list[float] = []
    for _ in range(batches):
        timed.seconds = 0.0
        load.run(BATCH)
        matches.append(timed.seconds / BATCH * 1e6)
    reasons = _reasons(engine, load.now)
    return {
        "agents": agents,
        "callers_waiting": waiting,
        "queues": queues,
        "queues_per_agent": seats,
        "decisions": batches * BATCH,
        **({} if variant else {"decide_us": round(_decide(engine, load.now), 2)}),
        "match_us": round(median(matches), 2),
        "match_us_best_batch": round(min(matches), 2),
        "reasons_us": round(reasons, 2),
        "reasons_percent": round(100.0 * reasons / (min(matches) - reasons), 1),
        "cycle_us": round(median(cycles), 2),
        "cycle_us_best_batch": round(min(cycles), 2),
        "decisions_per_second": round(1e6 / median(cycles)),
    }


def _reasons(engine: Engine, now: float) -> float:
    """Microseconds to note the reasons of an offer: the best agents of the tier in its order, and what ranked them."""
    queue = next(iter(engine.queues.values()))
    tier = max(queue.tiers, key=lambda one: len(one.seats))
    strategy, line, label = queue.strategy, Line[Any](), tier.label
    for seat in list(tier.seats.values())[: 2 * RANKED]:
        line.add((strategy.key(seat.agent), seat.position, seat.agent.name, seat))
    caller = next(iter(engine.visits.callers.values()))
    samples = []
    for _ in range(50):
        start = perf_counter()
        for _ in range(BATCH):
            head = line.head(RANKED)
            (*label, *[place[2] for place in head])
            strategy.values(head, caller, now)
        samples.append((perf_counter() - start) / BATCH * 1e6)
    return min(samples)


def _decide(engine: Engine, now: float) -> float:
    """Microseconds to find the pair, in the site as it is, with one agent free whom nobody has been given yet."""
    dispatcher, match = engine.dispatcher, engine.dispatcher.match
    dispatcher.match = lambda now: None  # type: ignore[method-assign]
    offer = next(iter(dispatcher.offers.values()))
    queues = [seat.queue for seat in offer.agent.seats]
    engine.conversation_ended(offer.id, now)
    entropy = _Entropy(1)
    samples: list[float] = []
    for _ in range(50):
        start = perf_counter()
        for _ in range(BATCH):
            best = None
            for queue in queues:
                found = queue.candidate(now)
                if found is not None and (best is None or is_before(found[0], best[0])):
                    best = found
            assert best is not None
            best[0].queue.strategy.choose(best[1][0], best[0], now, entropy)
        samples.append((perf_counter() - start) / BATCH * 1e6)
    dispatcher.match = match  # type: ignore[method-assign]
    engine.expire(now)
    return median(samples)


class _Load:
    """Keeps the site in overload: as many callers join as are served."""

    def __init__(
        self, engine: Engine, queues: int, callers: int, now: float, variant: str = "", agents: int = 1
    ) -> None:
        self._engine = engine
        self._variant = variant
        self._agents = agents
        self._queues = queues
        self._callers = callers
        self.now = now
        self._talks = deque(offer.id for offer in engine.dispatcher.offers.values())

    def run(self, count: int) -> float:
        """`count` times: an agent hangs up, is offered the next caller, rings, answers; a caller joins. Seconds of CPU."""
        engine, talks, now = self._engine, self._talks, self.now
        start = process_time()
        for index in range(self._callers, self._callers + count):
            now += 0.01
            last = engine.dispatcher.last
            if self._variant:
                engine.expire(now)
            engine.conversation_ended(talks.popleft(), now)
            for offer in range(last + 1, engine.dispatcher.last + 1):
                talks.append(offer)
                engine.offer_ringing(offer, now)
                engine.offer_answered(offer, now)
            asked = _asks(self._variant, index, self._agents)
            engine.enter(EnterQueue(f"c{index}", f"queue{index % self._queues}", "600100200", **asked), now)
            engine.drain()
        spent = process_time() - start
        self._callers += count
        self.now = now
        return spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=int, default=1000)
    parser.add_argument("--callers", type=int, default=10_000)
    parser.add_argument("--queues", type=int, default=8)
    parser.add_argument("--seats", type=int, default=2, help="queues each agent serves")
    parser.add_argument("--decisions", type=int, default=20_000)
    parser.add_argument("--tiers", type=int, default=2)
    parser.add_argument("--timed", action="store_true", help="tiers open by load or by time, with a timer per caller")
    parser.add_argument("--variant", choices=list(VARIANTS), default="", help="of the site, see --each")
    parser.add_argument("--each", action="store_true", help="one line for each variant")
    arguments = vars(parser.parse_args())
    if not arguments.pop("each"):
        print(json.dumps(run(**arguments), indent=2))
        return
    for name in VARIANTS:
        found = run(**(arguments | {"variant": name, "decisions": min(arguments["decisions"], 5_000)}))
        print(
            f"{name:<22} waiting {found['callers_waiting']:>6}  match {found['match_us']:>8.1f} us"
            f"  best {found['match_us_best_batch']:>8.1f}  cycle {found['cycle_us']:>8.1f} us",
            flush=True,
        )


if __name__ == "__main__":
    main()
