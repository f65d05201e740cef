"""One queue of the production engine under virtual time, fed by chance: for judging estimates of the wait (FEATURES C.8).

Every caller who has to wait is followed until an agent would have been theirs, also if they give up before (a ghost stays in
line): so an estimate is compared with the wait that it was about.
"""

from __future__ import annotations

import heapq
import math
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from softswitch.acd.engine import Engine
from softswitch.acd.estimate import told_minutes
from softswitch.directory import Agent, Announce, Membership, Queue
from softswitch.effects import (
    AgentCommand,
    ConversationEnded,
    DeviceReachable,
    EnterQueue,
    LeaveQueue,
    OfferAnswered,
    RingAgent,
)
from tests.sim.queue_inputs import Dice

TALK, VARIATION, WRAP_UP, PATIENCE = 180.0, 0.9, 20.0, 240.0  # means in seconds; C.8
HANDLE = TALK + WRAP_UP
HOUR = 3600.0


@dataclass
class Scenario:
    """`load` and `agents` at a time of the day, in seconds after the beginning. Load is that of all agents."""

    name: str
    staff: int
    load: Callable[[float], float]
    agents: Callable[[float], int] | None = None
    hours: float = 8.0


def _peak(at: float) -> float:
    """A day: it begins slowly, has its peak in the late morning, and a second, smaller one."""
    hour = at / HOUR
    return 0.75 + 0.35 * math.exp(-((hour - 2.5) ** 2) / 0.8) + 0.15 * math.exp(-((hour - 6.5) ** 2) / 0.8)


def _lunch(at: float) -> int:
    return 7 if 4.0 <= at / HOUR < 5.0 else 10


SCENARIOS = {
    "A": Scenario("steady, 10 agents, load 0.95", 10, lambda at: 0.95),
    "B": Scenario("overload 1.20", 10, lambda at: 1.2),
    "C": Scenario("a morning peak, and lunch from 10 to 7 agents", 10, _peak, _lunch),
    "D": Scenario("3 agents, load 0.9", 3, lambda at: 0.9),
}


@dataclass
class Guess:
    """What was estimated when a caller came, and what came true."""

    caller: int
    at: float
    mean: float
    told: float  # with caution
    rival: float  # by Asterisk's estimator
    actual: float = -1.0

    @property
    def announced(self) -> float:
        """The told value as it is said, in seconds; less than a minute counts as one."""
        minutes = told_minutes(self.told)
        return 60.0 * max(minutes, 1) if minutes is not None else math.inf


@dataclass
class Errors:
    """Of many guesses."""

    count: int
    rmse: float  # of the expectation
    told_rmse: float  # of what is told
    rival_rmse: float
    bias: float
    covered: float  # share of waits that were no longer than told
    mean_covered: float
    mean_wait: float
    announced: float = 0.0  # share of waits that were no longer than was said in minutes

    @classmethod
    def of(cls, guesses: list[Guess]) -> Errors:
        n = len(guesses)
        return cls(
            n,
            math.sqrt(sum((one.mean - one.actual) ** 2 for one in guesses) / n),
            math.sqrt(sum((one.told - one.actual) ** 2 for one in guesses) / n),
            math.sqrt(sum((one.rival - one.actual) ** 2 for one in guesses) / n),
            sum(one.told - one.actual for one in guesses) / n,
            sum(one.actual <= one.told for one in guesses) / n,
            sum(one.actual <= one.mean for one in guesses) / n,
            sum(one.actual for one in guesses) / n,
            sum(one.actual <= one.announced for one in guesses) / n,
        )


@dataclass
class WaitingRoom:
    """One day of one scenario."""

    scenario: Scenario
    seed: int
    guesses: list[Guess] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self.engine = Engine(Dice(self.seed))
        names = [f"a{number}" for number in range(self.scenario.staff)]
        members = tuple(Membership(name) for name in names)
        queue = Queue("q", members=members, wrap_up=WRAP_UP, announce=Announce(handle_time=HANDLE))
        self.now = 1_000.0
        self.began = self.now
        self.engine.configure({"q": queue}, {name: Agent(name, name) for name in names}, self.now)
        for name in names:
            self.give(DeviceReachable(name, True))
            self.give(AgentCommand(name, "login"))
        self._events: list[tuple[float, int, str, Any]] = []
        self._sequence = 0
        self._open: deque[Guess] = deque()  # who came first is first
        self._joined: dict[int, float] = {}
        self._rival = 0.0
        self._callers = 0
        self._present = self.scenario.staff

    def at(self, when: float, what: str, value: Any = None) -> None:
        self._sequence += 1
        heapq.heappush(self._events, (when, self._sequence, what, value))

    def give(self, item: object) -> None:
        self.engine.handle(item, self.now)
        self.settle()

    def settle(self) -> None:
        """Phones are picked up at once."""
        while items := self.engine.drain():
            for item in items:
                if isinstance(item, RingAgent):
                    self.rung(item)

    def rung(self, ring: RingAgent) -> None:
        caller = int(ring.caller)
        wait = self.now - self._joined.pop(caller)
        self._rival = (3.0 * self._rival + wait) / 4.0
        self._resolve(caller)
        self.engine.handle(OfferAnswered(ring.offer), self.now)
        sigma = math.sqrt(math.log(1.0 + VARIATION**2))
        talk = self.dice.lognormvariate(math.log(TALK) - sigma**2 / 2.0, sigma)
        self.at(self.now + talk, "ended", ring.offer)

    def _resolve(self, caller: int) -> None:
        """An agent is free for this caller: so it would be for everybody who came before."""
        while self._open and self._open[0].caller <= caller:
            guess = self._open.popleft()
            guess.actual = self.now - guess.at

    def arrive(self) -> None:
        self._callers += 1
        caller = self._callers
        self._joined[caller] = self.now
        rival = self._rival
        self.give(EnterQueue(str(caller), "q"))
        if caller in self._joined:  # Nobody was free.
            prospect = self.engine.outlook.caller(self.engine.visits.callers[str(caller)], self.now)
            guess = Guess(caller, self.now, prospect.wait.mean, prospect.seconds, rival)
            self.guesses.append(guess)
            self._open.append(guess)
            self.at(self.now + self.dice.expovariate(1.0 / PATIENCE), "leave", caller)

    def staff(self) -> None:
        wanted = self.scenario.agents(self.now - self.began) if self.scenario.agents else self._present
        while self._present != wanted:
            back = wanted > self._present
            self._present += 1 if back else -1
            name = f"a{self._present - 1 if back else self._present}"
            self.give(AgentCommand(name, "ready" if back else "not_ready"))

    def run(self) -> list[Guess]:
        """The guesses of the day, without those of its first hour and those that are still open."""
        end = self.began + self.scenario.hours * HOUR
        peak = max(self.scenario.load(minute * 60.0) for minute in range(int(self.scenario.hours * 60)))
        rate = peak * self.scenario.staff / HANDLE
        self.at(self.now + self.dice.expovariate(rate), "arrive", rate / peak)
        while True:
            deadline = self.engine.next_deadline()
            at = self._events[0][0]
            self.now = at if deadline is None else min(at, deadline)
            if self.now > end:
                break
            if deadline is not None and deadline <= at:
                self.engine.expire(self.now)
                self.settle()
            else:
                self._happen(*heapq.heappop(self._events)[2:], rate, peak)
            self.staff()
            if self._open and self.engine.queues["q"].idle:
                self._resolve(self._callers)
        return [one for one in self.guesses if one.actual >= 0.0 and one.at > self.began + HOUR]

    def _happen(self, what: str, value: Any, rate: float, peak: float) -> None:
        if what == "arrive":
            if self.dice.random() * peak < self.scenario.load(self.now - self.began):  # thinning
                self.arrive()
            self.at(self.now + self.dice.expovariate(rate), "arrive")
        elif what == "ended":
            self.give(ConversationEnded(value))
        elif value in self._joined:
            del self._joined[value]
            self.give(LeaveQueue(str(value)))
