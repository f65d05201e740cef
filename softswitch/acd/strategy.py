"""Which idle agent of a tier is rung: one small interface, one class per strategy (FEATURES ACD-11..19).

A strategy says how many phones may ring for a caller at once, keeps a tier's idle agents in order by a key that does not
change while an agent is idle, and picks one of them. The tier itself is never a strategy's concern: lower tiers go first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from softswitch.acd.agent import SHIFT
from softswitch.acd.skills import score

if TYPE_CHECKING:
    from softswitch.acd.agent import AgentState
    from softswitch.acd.caller import Caller
    from softswitch.acd.section import Place, Seat, Tier
    from softswitch.machine import Entropy

EVERYBODY = 1_000_000  # More phones than any tier has.


class Strategy(Protocol):
    """The order of agents inside a tier."""

    name: str
    several: bool  # whether more than one phone may ring for a caller

    def width(self, caller: Caller, now: float) -> int:
        """How many phones may ring for this caller at once."""
        ...

    def key(self, agent: AgentState) -> float:
        """The sort key of an agent who becomes idle, lowest first; ties go by position, then by name."""
        ...

    def choose(self, tier: Tier, caller: Caller, now: float, entropy: Entropy) -> Seat:
        """One of `tier.idle`, which is not empty, for this caller."""
        ...

    def values(self, places: Sequence[Place], caller: Caller, now: float) -> tuple[float, ...]:
        """What these agents are ranked by, for explanations; () where it is the order alone."""
        ...


class _OneByOne:
    """Ring one phone: the first in the tier's order."""

    name = ""
    several = False

    def width(self, caller: Caller, now: float) -> int:
        return 1

    def key(self, agent: AgentState) -> float:
        return 0.0

    def choose(self, tier: Tier, caller: Caller, now: float, entropy: Entropy) -> Seat:
        line = tier.idle
        return line.entries[line.start][3]

    def values(self, places: Sequence[Place], caller: Caller, now: float) -> tuple[float, ...]:
        return ()


class LongestIdle(_OneByOne):
    """The agent whose idle clock (C.5) started first; the clock is one for all queues (ACD-15)."""

    name = "longest_idle"

    def key(self, agent: AgentState) -> float:
        return agent.idle_since

    def values(self, places: Sequence[Place], caller: Caller, now: float) -> tuple[float, ...]:
        return tuple([now - place[0] for place in places])


class RingAll(_OneByOne):
    """Every idle agent of the open tiers rings; the first to answer wins (ACD-12)."""

    name = "ring_all"
    several = True

    def width(self, caller: Caller, now: float) -> int:
        return EVERYBODY


class Linear(_OneByOne):
    """By position, always from the first (ACD-11)."""

    name = "linear"


class RoundRobin(_OneByOne):
    """The next by position after the last one rung (ACD-16). The memory is a place, not an index: members may come and go."""

    name = "round_robin"

    def choose(self, tier: Tier, caller: Caller, now: float, entropy: Entropy) -> Seat:
        last = tier.whole.last
        if last is None:
            return tier.idle.first[-1]
        return tier.idle.after((0.0, *last))[-1]


class Random(_OneByOne):
    """Any idle agent, each as likely (ACD-14)."""

    name = "random"

    def choose(self, tier: Tier, caller: Caller, now: float, entropy: Entropy) -> Seat:
        return tier.idle.at(entropy.below(len(tier.idle)))[-1]


class WeightedRandom(_OneByOne):
    """Any idle agent, each as likely as the weight of the membership says (ACD-14)."""

    name = "weighted_random"

    def choose(self, tier: Tier, caller: Caller, now: float, entropy: Entropy) -> Seat:
        seats = [entry[3] for entry in tier.idle]
        drawn = entropy.below(sum(seat.weight for seat in seats))
        for seat in seats:
            drawn -= seat.weight
            if drawn < 0:
                return seat
        raise AssertionError("weights are at least 1")


class Progressive(_OneByOne):
    """First one phone rings, then after every `ring_step` seconds one more, longest idle first (ACD-18).

    The steps count from the first ring of the visit: nobody who has been kept ringing begins anew with one phone.
    """

    name = "progressive"
    several = True

    def width(self, caller: Caller, now: float) -> int:
        return steps_taken(caller, now)

    def key(self, agent: AgentState) -> float:
        return agent.idle_since

    def values(self, places: Sequence[Place], caller: Caller, now: float) -> tuple[float, ...]:
        return tuple([now - place[0] for place in places])


class Skills(_OneByOne):
    """The best score in the skills that the caller asks for, then the longest idle (ACD-19).

    Whom a caller may have at all is no strategy's concern: those who lack a skill are not among the tier's seats here.
    """

    name = "skills"

    def choose(self, tier: Tier, caller: Caller, now: float, entropy: Entropy) -> Seat:
        needs = caller.needs

        def fitness(entry: tuple[float, int, str, Seat]) -> tuple[float, float]:
            agent = entry[3].agent
            return -score(agent.config.skills, needs), agent.idle_since

        return min(tier.idle, key=fitness)[3]

    def values(self, places: Sequence[Place], caller: Caller, now: float) -> tuple[float, ...]:
        return tuple(score(place[3].agent.config.skills, caller.needs) for place in places)


def _median(values: Iterable[int]) -> float:
    """Of at least one value. `statistics` has it as well, with a decade of other things behind it: 0.7 MiB."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


class FewestCalls(_OneByOne):
    """The fewest answered calls in the last shift (ACD-17).

    Who logged in during that shift counts as having at least the median of the tier: a newcomer is not flooded.
    """

    name = "fewest_calls"

    def choose(self, tier: Tier, caller: Caller, now: float, entropy: Entropy) -> Seat:
        floor = _median(seat.agent.load.calls(now) for seat in tier.seats.values() if seat.agent.present)

        def calls(entry: tuple[float, int, str, Seat]) -> tuple[float, float]:
            agent = entry[-1].agent
            answered = agent.load.calls(now)
            counted = answered if now - agent.logged_in >= SHIFT else max(answered, floor)
            return counted, agent.idle_since

        return min(tier.idle, key=calls)[-1]

    def values(self, places: Sequence[Place], caller: Caller, now: float) -> tuple[float, ...]:
        return tuple(float(place[3].agent.load.calls(now)) for place in places)


class LeastBusy(_OneByOne):
    """The fewest occupied seconds (talk and wrap-up, in and out) in the last hour (ACD-13)."""

    name = "least_busy"

    def choose(self, tier: Tier, caller: Caller, now: float, entropy: Entropy) -> Seat:
        def occupied(entry: tuple[float, int, str, Seat]) -> tuple[float, float]:
            agent = entry[-1].agent
            return agent.load.occupied(now), agent.idle_since

        return min(tier.idle, key=occupied)[-1]

    def values(self, places: Sequence[Place], caller: Caller, now: float) -> tuple[float, ...]:
        return tuple(place[3].agent.load.occupied(now) for place in places)


def steps_taken(caller: Caller, now: float) -> int:
    """How many phones may ring for a caller by now under `progressive`."""
    if not caller.rung_first:
        return 1
    # A timer may wake us a rounding error before the step is over.
    return 1 + int((now - caller.rung_first) / caller.queue.config.ring_step + 1e-6)


DEFAULT = "longest_idle"

STRATEGIES: Mapping[str, Strategy] = MappingProxyType(
    {
        strategy.name: strategy
        for strategy in (
            LongestIdle(),
            RingAll(),
            Linear(),
            RoundRobin(),
            Random(),
            WeightedRandom(),
            Progressive(),
            Skills(),
            FewestCalls(),
            LeastBusy(),
        )
    }
)
