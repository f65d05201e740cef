"""Queue decisions a second: agents who become free, callers who wait, several queues.

    python -m bench.micro.match [--agents 1000] [--callers 10000] [--queues 8] [--seats 2] [--decisions 20000]

Three figures: `decide_us`, to find who is rung for whom when an agent is free and callers wait in all the agent's queues;
`match_us`, the whole match after such a change: decide, reserve, order the ring, publish both events, find nothing more to
do; and `cycle_us`, all the engine's work for one distributed call (hang-up, match, ringing, answer, the next caller).
"""

from __future__ import annotations

import argparse
import json
import random
from collections import deque
from statistics import median
from time import perf_counter, process_time
from typing import Any

from softswitch.acd.dispatcher import is_before
from softswitch.acd.engine import Engine
from softswitch.directory import Agent, Membership, Queue
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


def _site(agents: int, queues: int, seats: int, tiers: int, policy: dict[str, Any], seed: int) -> Engine:
    draw = random.Random(seed)
    members: dict[str, list[Membership]] = {f"queue{n}": [] for n in range(queues)}
    for index in range(agents):
        for name in draw.sample(sorted(members), min(seats, queues)):
            members[name].append(Membership(f"agent{index:04}", draw.randrange(tiers), index))
    engine = Engine(_Entropy(seed))
    engine.configure(
        {name: Queue(name, members=tuple(listed), wrap_up=0.0, **policy) for name, listed in members.items()},
        {f"agent{index:04}": Agent(f"agent{index:04}", f"phone{index:04}") for index in range(agents)},
        0.0,
    )
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
) -> dict[str, Any]:
    """Measure a site in overload: every agent who hangs up is given the next of `callers` who wait."""
    policy: dict[str, Any] = {"tier_mode": "both", "tier_after": {1: 30.0}} if timed else {}
    engine = _site(agents, queues, seats, tiers, policy, seed)
    now = 1.0
    for index in range(callers + agents):
        engine.handle(EnterQueue(f"c{index}", f"queue{index % queues}", str(600_000_000 + index)), now + index * 1e-4)
    now += 10.0
    engine.expire(now)
    ringing = [item.offer for item in engine.drain() if isinstance(item, RingAgent)]
    waiting = sum(queue.waiting for queue in engine.queues.values())
    for offer in ringing:
        engine.offer_answered(offer, now)
    engine.drain()
    batches = max(1, decisions // BATCH)
    load = _Load(engine, queues, callers + agents, now)
    cycles = [load.run(BATCH) / BATCH * 1e6 for _ in range(batches)]
    timed = _Timed(engine)
    matches: list[float] = []
    for _ in range(batches):
        timed.seconds = 0.0
        load.run(BATCH)
        matches.append(timed.seconds / BATCH * 1e6)
    return {
        "agents": agents,
        "callers_waiting": waiting,
        "queues": queues,
        "queues_per_agent": seats,
        "decisions": batches * BATCH,
        "decide_us": round(_decide(engine, load.now), 2),
        "match_us": round(median(matches), 2),
        "match_us_best_batch": round(min(matches), 2),
        "cycle_us": round(median(cycles), 2),
        "cycle_us_best_batch": round(min(cycles), 2),
        "decisions_per_second": round(1e6 / median(cycles)),
    }


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

    def __init__(self, engine: Engine, queues: int, callers: int, now: float) -> None:
        self._engine = engine
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
            engine.conversation_ended(talks.popleft(), now)
            offer = engine.dispatcher.last
            talks.append(offer)
            engine.offer_ringing(offer, now)
            engine.offer_answered(offer, now)
            engine.enter(EnterQueue(f"c{index}", f"queue{index % self._queues}", "600100200"), now)
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
    arguments = parser.parse_args()
    print(json.dumps(run(**vars(arguments)), indent=2))


if __name__ == "__main__":
    main()
