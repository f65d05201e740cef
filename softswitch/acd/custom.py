"""Strategies of the site's own: a pure function that ranks the free agents of a tier (ACD-21), and its contract.

The function is given what is known and returns names, the best first. It may not fail, name anybody who is not free, or take
longer than the budget: then another strategy chooses, an event tells why, and after `STRIKES` faults in a row the function is
not asked any more. So the worst that it can do is to be ignored: callers and agents never wait for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from softswitch.events import Event, StrategyFailed

if TYPE_CHECKING:
    from softswitch.acd.agent import AgentState
    from softswitch.acd.caller import Caller
    from softswitch.acd.section import Place, Seat, Tier
    from softswitch.machine import Entropy

PREFIX: Final = "plugin:"  # before the name, where a queue names it
BUDGET: Final = 0.005  # seconds for one ranking
STRIKES: Final = 3  # faults in a row, after which it is not asked any more
DETAIL: Final = 200  # characters of an error that the event tells


@dataclass(slots=True, frozen=True)
class Candidate:
    """A free agent who may be given to the caller."""

    agent: str
    position: int
    weight: int
    idle_seconds: float  # of the idle clock
    calls: int  # answered in the last 8 h
    occupied_seconds: float  # talk and wrap-up of the last hour
    skills: Mapping[str, int]


@dataclass(slots=True, frozen=True)
class Snapshot:
    """What a strategy may know. `candidates`, by position, are those of one tier: the tier is not a strategy's to choose."""

    queue: str
    caller: str  # the id of the call
    number: str
    name: str
    priority: int
    waited: float  # seconds
    needs: Mapping[str, int]  # skills that the caller asks for now, and the levels
    waiting: int  # callers of the queue who have no agent
    tier: int
    candidates: tuple[Candidate, ...]


Ranking: TypeAlias = Sequence[str]
Ranker: TypeAlias = Callable[[Snapshot], Ranking]


class Custom:
    """A ranking function as a strategy of the engine. One phone rings at a time; who is not ranked comes last.

    `clock`: seconds, to measure the function by; where there is none, as under virtual time, the budget does not count.
    """

    def __init__(
        self,
        name: str,
        rank: Ranker,
        publish: Callable[[Event], None],
        clock: Callable[[], float] | None = None,
        budget: float = BUDGET,
    ) -> None:
        self.name = PREFIX + name
        self.several = False
        self.faults = 0  # in a row
        self._rank = rank
        self._publish = publish
        self._clock = clock
        self._budget = budget

    @property
    def disabled(self) -> bool:
        return self.faults >= STRIKES

    def width(self, caller: Caller, now: float) -> int:
        return 1

    def key(self, agent: AgentState) -> float:
        return 0.0

    def values(self, places: Sequence[Place], caller: Caller, now: float) -> tuple[float, ...]:
        return ()

    def choose(self, tier: Tier, caller: Caller, now: float, entropy: Entropy) -> Seat:
        """The first in the ranking, or the longest idle if there is none that counts."""
        if not self.disabled:
            chosen = self._ask(tier, caller, now)
            if chosen is not None:
                return chosen
        return min(tier.idle, key=lambda place: (place[3].agent.idle_since, place[1], place[2]))[3]

    def _ask(self, tier: Tier, caller: Caller, now: float) -> Seat | None:
        seats = {place[2]: place[3] for place in tier.idle}
        snapshot = snapshot_of(tier, caller, now)
        clock = self._clock
        began = clock() if clock is not None else 0.0
        try:
            ranking = list(self._rank(snapshot))
        except Exception as error:  # Whatever it raises is the plug-in's.
            self._failed(caller, "error", f"{type(error).__name__}: {error}")
            return None
        took = clock() - began if clock is not None else 0.0
        problem, detail = _broken(ranking, seats)
        if problem:
            self._failed(caller, problem, detail)
            return None
        if took > self._budget:
            # What it says is good, if late; but nobody waits for it again and again.
            self._failed(caller, "slow", f"{took * 1000:.1f} ms of {self._budget * 1000:g}")
        else:
            self.faults = 0
        return seats[ranking[0]]

    def _failed(self, caller: Caller, problem: str, detail: str) -> None:
        self.faults += 1
        self._publish(StrategyFailed(self.name, caller.queue.name, problem, detail[:DETAIL], self.disabled))


def _broken(ranking: list[str], seats: Mapping[str, Seat]) -> tuple[str, str]:
    """What is wrong with a ranking, and a detail; "" if it is good."""
    if not ranking:
        return "nobody ranked", ""
    for name in ranking:
        if not isinstance(name, str) or name not in seats:
            return "unknown agent", repr(name)
    return ("agent named twice", repr(ranking)) if len(set(ranking)) < len(ranking) else ("", "")


def snapshot_of(tier: Tier, caller: Caller, now: float) -> Snapshot:
    """What is known, as plain values that nothing can be changed by."""
    queue = caller.queue
    return Snapshot(
        queue.name, caller.id, caller.number, caller.name, caller.priority, now - caller.joined, dict(caller.section.key[1]),
        len(queue), tier.number, tuple(_candidate(place[3], now) for place in tier.idle),
    )  # fmt: skip


def _candidate(seat: Seat, now: float) -> Candidate:
    agent = seat.agent
    return Candidate(
        agent.name, seat.position, seat.weight, now - agent.idle_since, agent.load.calls(now), agent.load.occupied(now),
        dict(agent.config.skills),
    )  # fmt: skip
