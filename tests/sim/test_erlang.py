"""Theory as an oracle: with exponential times the engine must agree with Erlang C and Erlang A (FEATURES C.9)."""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass
from statistics import fmean, stdev

from softswitch.acd.engine import Engine
from softswitch.acd.planning import Forecast, erlang_a, erlang_c
from softswitch.directory import Agent, Membership, Queue
from softswitch.effects import (
    AgentCommand,
    ConnectOffer,
    ConversationEnded,
    DeviceReachable,
    EnterQueue,
    LeaveQueue,
    OfferAnswered,
    Publish,
    RingAgent,
)
from softswitch.events import CallerLeft
from tests.sim.queue_inputs import Dice

RATE, HANDLE, THRESHOLD = 100 / 1800, 180.0, 20.0
BATCHES = 24


@dataclass
class Day:
    """What one batch of calls came to."""

    waited: int = 0
    abandoned: int = 0
    served_on_time: int = 0
    seconds_waited: float = 0.0
    calls: int = 0


class Centre:
    """One queue, agents who answer at once, exponential arrivals, talks and (if any) patience."""

    def __init__(self, agents: int, patience: float | None, seed: int) -> None:
        self._random = random.Random(seed)
        self._patience = patience
        self._engine = Engine(Dice(seed))
        names = [f"a{n}" for n in range(agents)]
        queue = Queue("q", members=tuple(Membership(name) for name in names), wrap_up=0.0)
        self._engine.configure({"q": queue}, {name: Agent(name, f"d{name}") for name in names}, 0.0)
        for name in names:
            self._engine.handle(DeviceReachable(f"d{name}", True), 0.0)
            self._engine.handle(AgentCommand(name, "login"), 0.0)
        self._now = 0.0
        self._calls = 0
        self._heap: list[tuple[float, int, object]] = []
        self._sequence = 0
        self.busy_seconds = 0.0

    def run(self, calls: int) -> Day:
        day = Day()
        left = calls
        self._at(self._random.expovariate(RATE), None)
        while self._heap and left:
            self._now, _, item = heapq.heappop(self._heap)
            if item is None:
                left -= 1
                self._arrive()
                if left:
                    self._at(self._random.expovariate(RATE), None)
            else:
                self._engine.handle(item, self._now)
            self._settle(day)
        return day

    def _at(self, seconds: float, item: object) -> None:
        self._sequence += 1
        heapq.heappush(self._heap, (self._now + seconds, self._sequence, item))

    def _arrive(self) -> None:
        self._calls += 1
        self._engine.handle(EnterQueue(f"c{self._calls}", "q"), self._now)
        if self._patience is not None:
            self._at(self._random.expovariate(1 / self._patience), LeaveQueue(f"c{self._calls}"))

    def _settle(self, day: Day) -> None:
        while items := self._engine.drain():
            for item in items:
                if isinstance(item, RingAgent):
                    self._engine.handle(OfferAnswered(item.offer), self._now)
                elif isinstance(item, ConnectOffer):
                    talk = self._random.expovariate(1 / HANDLE)
                    self.busy_seconds += talk
                    self._at(talk, ConversationEnded(item.offer))
                elif isinstance(item, Publish) and isinstance(item.event, CallerLeft):
                    self._count(day, item.event)

    @staticmethod
    def _count(day: Day, event: CallerLeft) -> None:
        day.calls += 1
        day.waited += event.waited > 0.0
        day.seconds_waited += event.waited
        day.abandoned += event.outcome != "answered"
        day.served_on_time += event.outcome == "answered" and event.waited <= THRESHOLD


def simulate(agents: int, patience: float | None, calls: int, seed: int) -> list[Day]:
    centre = Centre(agents, patience, seed)
    centre.run(calls // BATCHES)  # The empty start is no part of the steady state.
    return [centre.run(calls // BATCHES) for _ in range(BATCHES)]


def agrees(days: list[Day], figures: dict[str, tuple[list[float], float]]) -> None:
    """Each mean over batches lies within four of its own standard errors, and those errors are small enough to tell."""
    for name, (values, expected) in figures.items():
        error = stdev(values) / len(values) ** 0.5
        assert abs(fmean(values) - expected) < 4 * error, (
            f"{name}: {fmean(values):.4f} +- {error:.4f}, theory {expected:.4f}"
        )
        assert error < 0.12 * expected, f"{name}: the run is too short to say anything"


def figures(days: list[Day], forecast: Forecast) -> dict[str, tuple[list[float], float]]:
    return {
        "waiting probability": ([day.waited / day.calls for day in days], forecast.waiting_probability),
        "mean wait": ([day.seconds_waited / day.calls for day in days], forecast.mean_wait),
        "service level": ([day.served_on_time / day.calls for day in days], forecast.service_level),
    }


def test_without_abandonment_the_engine_is_an_m_m_n_queue() -> None:
    days = simulate(14, None, 36_000, seed=5)
    agrees(days, figures(days, erlang_c(14, RATE, HANDLE, THRESHOLD)))


def test_with_exponential_patience_the_engine_is_an_m_m_n_m_queue() -> None:
    days = simulate(10, HANDLE, 36_000, seed=7)
    forecast = erlang_a(10, RATE, HANDLE, HANDLE, THRESHOLD)
    agrees(
        days,
        figures(days, forecast) | {"abandonment": ([day.abandoned / day.calls for day in days], forecast.abandonment)},
    )
