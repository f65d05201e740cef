"""The people of a scenario: callers who arrive at random, agents who work in shifts."""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator
from itertools import count
from typing import Final

from softswitch.effects import AgentCommand, DeviceReachable, OfferResult, RingAgent
from softswitch.sim.scenario import Callers, Scenario, Team
from softswitch.sim.world import Visitor

HOUR: Final = 3_600.0


class Dice:
    """The engine's entropy in virtual time, from a seed."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)

    def token(self) -> str:
        return f"{self._random.getrandbits(64):016x}"

    def below(self, n: int) -> int:
        return self._random.randrange(n)


class Crowd:
    """The people of one replication. Each stream and each agent draws from a source of its own, so that what one of them
    does never changes what another would have done: two policies are compared on the same day."""

    def __init__(self, scenario: Scenario, replication: int) -> None:
        self._scenario = scenario
        self._seed = f"{scenario.seed}/{replication}"
        self._teams: dict[str, Team] = {name: team for team in scenario.teams for name in team.names()}
        self._sources: dict[str, random.Random] = {}
        self._numbers: dict[str, Iterator[int]] = {}  # by stream

    def inputs(self) -> Iterator[tuple[float, object]]:
        streams = [self._arrivals(index, one) for index, one in enumerate(self._scenario.callers)]
        return heapq.merge(self._shifts(), *streams, key=lambda one: one[0])

    def _arrivals(self, index: int, stream: Callers) -> Iterator[tuple[float, object]]:
        """A Poisson process whose rate is constant in each span. Spans of one stream may overlap: rates add up."""
        processes = [self._poisson(index, stream, nth) for nth in range(len(stream.rate))]
        return heapq.merge(*processes, key=lambda one: one[0]) if len(processes) > 1 else iter(processes[0])

    def _poisson(self, index: int, stream: Callers, nth: int) -> Iterator[tuple[float, object]]:
        span, rate = stream.rate[nth]
        source = random.Random(f"{self._seed}/callers/{index}/{nth}")
        numbers = self._numbers.setdefault(stream.label, count(1))
        talk, patience = stream.talk.draw, stream.patience.draw
        for begin, end in self._scenario.spans((span,)) if rate else ():
            at = begin
            while (at := at + source.expovariate(rate / HOUR)) < end:
                yield at, Visitor(
                    f"{stream.label}-{next(numbers)}", stream.queue, index, talk(source), patience(source), "",
                    stream.priority, stream.wait_credit,
                )  # fmt: skip

    def _shifts(self) -> Iterator[tuple[float, object]]:
        """Phones are registered all the time; people come, pause and go."""
        agents = self._scenario.policy.agents
        found: list[tuple[float, int, object]] = []
        for name, team in self._teams.items():
            found.append((0.0, 0, DeviceReachable(agents[name].device, True)))
            for begin, end in self._scenario.spans(team.shift):
                found += [(begin, 1, _command(name, "login")), (end, 3, _command(name, "logout"))]
            for begin, end in self._scenario.spans(team.breaks) if team.breaks else ():
                found += [(begin, 2, _command(name, "not_ready", "break")), (end, 2, _command(name, "ready"))]
        found.sort(key=lambda one: one[:2])
        return iter([(at, item) for at, _, item in found])

    # --- agents ------------------------------------------------------------------------------------------------------

    def _source(self, agent: str) -> random.Random:
        source = self._sources.get(agent)
        if source is None:
            source = self._sources[agent] = random.Random(f"{self._seed}/agent/{agent}")
        return source

    def ring(self, item: RingAgent) -> tuple[float, OfferResult]:
        team = self._teams.get(item.agent)
        if team is None:
            return 0.0, OfferResult.NO_ANSWER
        source = self._source(item.agent)
        seconds = team.answer.draw(source)
        if team.no_answer or team.reject:
            chance = source.random()
            if chance < team.no_answer:
                return 0.0, OfferResult.NO_ANSWER
            if chance < team.no_answer + team.reject:
                return seconds, OfferResult.REJECTED
        return seconds, OfferResult.ANSWERED

    def wrap_up(self, agent: str) -> float | None:
        team = self._teams.get(agent)
        if team is None or team.wrap_up is None:
            return None
        return team.wrap_up.draw(self._source(agent))


def stream_of(caller: str) -> str:
    """The stream of a caller of a scenario: their id is its name and a number."""
    return caller.rpartition("-")[0]


def _command(agent: str, verb: str, reason: str = "") -> AgentCommand:
    return AgentCommand(agent, verb, reason, actor="phone")
