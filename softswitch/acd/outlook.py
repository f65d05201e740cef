"""How long callers will wait: what the estimator of `estimate` is fed with, learnt from every call as it ends (FEATURES C.7).

Kept up in O(1) per call, per wrap-up and per visit; asking costs a look at the members of one queue, once a second at most.
"""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from softswitch.acd.estimate import Wait, give_up_rate, learned, queue_length_wait
from softswitch.effects import Outcome

if TYPE_CHECKING:
    from softswitch.acd.agent import AgentState
    from softswitch.acd.caller import Caller
    from softswitch.acd.queue import QueueState, Section, Tier
    from softswitch.events import CallerLeft

HOUR: Final = 3600.0
DAY: Final = 24  # hours whose mean the moving average is shrunk to
RECENT: Final = 50  # calls of the moving average of handle times
STEADY: Final = 50  # calls' weight that the mean of a day has against it
GUESS: Final = 3  # calls' weight of the operator's own guess
PATIENCE: Final = 400.0  # visits that the rate of giving up is learnt from
SHARES: Final = 50.0  # calls of an agent that their shares of time are learnt from
EVENLY: Final = 600.0  # seconds' weight of the assumption that all queues of an agent get the same
MOST_TIERS: Final = 10_000  # whose agents are remembered
FRESH: Final = 1.0  # seconds for which the count of agents holds
GAVE_UP: Final = frozenset(
    {Outcome.ABANDONED, Outcome.ABANDONED_SHORT, Outcome.ABANDONED_RINGING, Outcome.ABANDONED_CONNECTING}
)


@dataclass(slots=True)
class Pace:
    """What is known of one queue's calls. Handle times are talk and wrap-up, in seconds."""

    recent: float | None = None
    calls: int = 0  # in the moving average, at most RECENT
    hours: deque[list[float]] = field(default_factory=deque)  # [hour, seconds, calls] of the last day
    gave_up: float = 0.0  # decayed sums over visits
    waited: float = 0.0

    def handled(self, seconds: float, now: float) -> None:
        """A call and its wrap-up are over."""
        self.recent = learned(self.recent, seconds, calls=RECENT)
        self.calls = min(self.calls + 1, RECENT)
        hour = now // HOUR
        if not self.hours or self.hours[-1][0] != hour:
            self.hours.append([hour, 0.0, 0.0])
            while self.hours[0][0] <= hour - DAY:
                self.hours.popleft()
        self.hours[-1][1] += seconds
        self.hours[-1][2] += 1.0

    def left(self, waited: float, gave_up: bool) -> None:
        """Somebody waits no longer."""
        keep = 1.0 - 1.0 / PATIENCE
        self.waited = self.waited * keep + waited
        self.gave_up = self.gave_up * keep + gave_up

    def handle_time(self, guess: float) -> float | None:
        """Seconds to expect of a call: the moving average, shrunk to the mean of a day. `guess` counts until calls say more."""
        weight = GUESS if guess > 0.0 else 0
        calls = sum(hour[2] for hour in self.hours) + weight
        if not calls:
            return self.recent
        day = (sum(hour[1] for hour in self.hours) + weight * guess) / calls
        if self.recent is None:
            return day
        steady = min(calls, STEADY)
        return (self.calls * self.recent + steady * day) / (self.calls + steady)

    def export(self, now: float) -> dict[str, Any]:
        return {
            "recent": self.recent, "calls": self.calls, "gave_up": self.gave_up, "waited": self.waited,
            "hours": [[now // HOUR - hour, seconds, calls] for hour, seconds, calls in self.hours],
        }  # fmt: skip

    @classmethod
    def restored(cls, kept: Mapping[str, Any], now: float) -> Pace:
        hours = deque([now // HOUR - age, seconds, calls] for age, seconds, calls in kept["hours"])
        return cls(kept["recent"], kept["calls"], hours, kept["gave_up"], kept["waited"])


@dataclass(slots=True)
class Shares:
    """Seconds that an agent has spent on each queue ("" = calls outside of queues), older ones fading."""

    seconds: dict[str, float] = field(default_factory=dict)

    def add(self, queue: str, seconds: float) -> None:
        keep = 1.0 - 1.0 / SHARES
        for name in self.seconds:
            self.seconds[name] *= keep
        self.seconds[queue] = self.seconds.get(queue, 0.0) + seconds

    def of(self, queue: str, queues: int) -> float:
        """The share of time for a queue, of an agent who serves so many."""
        total = sum(self.seconds.values())
        return (self.seconds.get(queue, 0.0) + EVENLY / max(queues, 1)) / (total + EVENLY)


@dataclass(slots=True, frozen=True)
class Prospect:
    """What one caller may expect."""

    wait: Wait
    people: int  # who serve the caller's pool

    @property
    def seconds(self) -> float:
        """What to tell: infinite where nobody serves."""
        return self.wait.cautious


NOBODY: Final = Prospect(Wait(math.inf, math.inf), 0)
AT_ONCE: Final = Wait(0.0, 0.0)


class Outlook:
    """The estimator of all queues. The engine tells it what ends; whoever wants an estimate asks."""

    def __init__(self) -> None:
        self.paces: defaultdict[str, Pace] = defaultdict(Pace)  # by queue
        self.shares: defaultdict[str, Shares] = defaultdict(Shares)  # by agent
        self._talks: dict[str, tuple[str, float]] = {}  # by agent: a talk whose wrap-up is not over
        self._fresh = FRESH
        self._staff: dict[Tier, tuple[float, float, int]] = {}  # when, weighted, people

    # --- learning ----------------------------------------------------------------------------------------------------

    def talked(self, agent: AgentState, queue: str, seconds: float, now: float) -> None:
        """A conversation has ended; its wrap-up, if there is one, belongs to it."""
        if agent.name in self._talks:
            self.wrapped_up(agent, 0.0, now)  # One before, whose wrap-up a call of the agent's own has hidden.
        if agent.wrap_up_until:
            self._talks[agent.name] = queue, seconds
        else:
            self._handled(agent, queue, seconds, now)

    def wrapped_up(self, agent: AgentState, seconds: float, now: float) -> None:
        """The wrap-up is over, or was interrupted."""
        talk = self._talks.pop(agent.name, None)
        if talk is not None:
            self._handled(agent, talk[0], talk[1] + seconds, now)

    def elsewhere(self, agent: AgentState, seconds: float) -> None:
        """A call outside of queues has ended."""
        if len(agent.seats) and seconds > 0.0:
            self.shares[agent.name].add("", seconds)

    def left(self, event: CallerLeft) -> None:
        """A visit has ended. Who waits to be called back has no telephone at the ear, and says nothing of patience."""
        if event.kind:
            return
        self.paces[event.queue].left(event.waited, event.outcome in GAVE_UP)

    def _handled(self, agent: AgentState, queue: str, seconds: float, now: float) -> None:
        self.paces[queue].handled(seconds, now)
        self.shares[agent.name].add(queue, seconds)

    def forget(self, queues: Iterable[str], agents: Iterable[str]) -> None:
        """Keep only these."""
        self._staff.clear()
        names, people = set(queues), set(agents)
        for name in self.paces.keys() - names:
            del self.paces[name]
        for name in self.shares.keys() - people:
            del self.shares[name]

    # --- telling -----------------------------------------------------------------------------------------------------

    def caller(self, caller: Caller, now: float, *, exact: bool = False) -> Prospect:
        """What a caller who waits may expect from now on. `exact`: agents are counted anew, for decisions."""
        queue, section = caller.queue, caller.section
        self._fresh = 0.0 if exact else FRESH
        if caller.offers:
            return Prospect(AT_ONCE, self.people(queue, now))
        # Who is being rung for needs nobody any more.
        ahead: float = queue.ahead_of(caller) - queue.ringing.ahead_of(caller.entry)
        if section is not queue:
            # Of those who may be given to others, too, as many are in the way as these agents are of all.
            own = section.waiting_ahead_of(caller)
            everybody = self._sum(queue, queue.tiers, now)[0]
            share = min(self._sum(queue, section.tiers, now)[0] / everybody, 1.0) if everybody else 1.0
            ahead = own + (ahead - own) * share
        return self._prospect(queue, section, int(ahead), caller.lane, now - caller.joined, now)

    def knows(self, queue: QueueState) -> bool:
        """Whether anything is known of how long its calls take."""
        pace = self.paces.get(queue.name) or Pace()
        return bool(pace.handle_time(queue.config.announce.handle_time))

    def newcomer(self, queue: QueueState, now: float, priority: int = 0) -> Prospect:
        """What somebody who entered now would have to expect."""
        self._fresh = FRESH
        if queue.idle > queue.waiting:
            return Prospect(AT_ONCE, self.people(queue, now))
        ahead = queue.waiting_before(priority, now)
        return self._prospect(queue, queue, ahead, queue.lane_of(0.0), 0.0, now)

    def people(self, queue: QueueState, now: float) -> int:
        """Who is there for a queue: logged in and not paused."""
        return sum(self._serving(queue, tier, now)[1] for tier in queue.tiers)

    def _prospect(
        self, queue: QueueState, section: Section, ahead: int, lane: int, waited: float, now: float
    ) -> Prospect:  # fmt: skip
        pace = self.paces.get(queue.name)
        handle = (pace or Pace()).handle_time(queue.config.announce.handle_time)
        if not handle:
            return NOBODY
        theta = give_up_rate(pace.gave_up, pace.waited) if pace is not None else 0.0
        # By load every tier is open by the time that anybody waits; by time only some are, and more later.
        timed = queue.config.tier_mode == "timed"
        tiers = section.open_tiers(lane, now) if timed else section.tiers
        agents, people = self._sum(queue, tiers, now)
        wait = queue_length_wait(ahead, agents, 1.0 / handle, theta)
        if timed and lane < len(queue.steps):
            opens = max(0.0, queue.steps[lane] - waited)
            if wait.mean > opens:
                agents_later, people = self._sum(queue, section.open_tiers(lane + 1, now), now)
                wait = _opening(wait, opens, agents, queue_length_wait(ahead, agents_later, 1.0 / handle, theta))
        return Prospect(wait, people)

    def _sum(self, queue: QueueState, tiers: Iterable[Tier], now: float) -> tuple[float, int]:
        found = [self._serving(queue, tier, now) for tier in tiers]
        return sum(weighted for weighted, _ in found), sum(people for _, people in found)

    def _serving(self, queue: QueueState, tier: Tier, now: float) -> tuple[float, int]:
        """Agents of a tier, each by their share of time on this queue; and how many they are."""
        known = self._staff.get(tier)
        if known is not None and 0.0 <= now - known[0] <= self._fresh:
            return known[1], known[2]
        weighted, people = 0.0, 0
        for seat in tier.seats.values():
            agent = seat.agent
            if agent.serving and agent.reachable and seat.open:
                people += 1
                shares = self.shares.get(agent.name)
                weighted += (shares or _NONE).of(queue.name, len(agent.seats))
        if len(self._staff) > MOST_TIERS:
            self._staff.clear()  # Sections come and go with their callers.
        self._staff[tier] = now, weighted, people
        return weighted, people

    # --- restart -----------------------------------------------------------------------------------------------------

    def export(self, now: float) -> dict[str, Any]:
        return {
            "paces": {name: pace.export(now) for name, pace in sorted(self.paces.items())},
            "shares": {name: dict(shares.seconds) for name, shares in sorted(self.shares.items())},
        }

    def restore(self, kept: Mapping[str, Any], exported: float) -> None:
        self.paces.clear()
        self.paces.update((name, Pace.restored(pace, exported)) for name, pace in kept.get("paces", {}).items())
        self.shares.clear()
        self.shares.update((name, Shares(dict(seconds))) for name, seconds in kept.get("shares", {}).items())


_NONE: Final = Shares()


def _opening(before: Wait, opens: float, agents: float, after: Wait) -> Wait:
    """The wait of somebody whom more agents will serve from a moment on: the work that is left by then is done by all."""
    if not math.isfinite(after.mean):
        return before
    left = 1.0 - opens / before.mean if math.isfinite(before.mean) else 1.0
    return Wait(opens + left * after.mean, left * after.variance)
