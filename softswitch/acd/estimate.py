"""The estimated wait of a caller: QLm (Ibrahim and Whitt) and how it is told (FEATURES C.7).

Pure functions: what they are fed with (callers ahead, agents, rates) is known to the engine and to its history.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

CAUTION = (
    0.1  # standard deviations added before telling: about the 65th percentile, measured (tests/sim/test_estimator.py)
)
MINUTES = (1, 2, 3, 5, 10, 15, 20, 30)  # what is told; less than a minute and more than the last are told as such
EXACT = 64  # callers ahead that are summed one by one
LESS_THAN_A_MINUTE = 0
MORE_THAN_ANY = 31


@dataclass(slots=True, frozen=True)
class Wait:
    """An estimate in seconds: mean and variance. Infinite where nobody serves."""

    mean: float
    variance: float

    @property
    def cautious(self) -> float:
        """The value to tell: more often too long than too short."""
        return self.mean + CAUTION * math.sqrt(self.variance) if math.isfinite(self.mean) else math.inf


def queue_length_wait(ahead: int, agents: float, service_rate: float, give_up_rate: float) -> Wait:
    """QLm: the wait of a caller with `ahead` callers before them, all agents being busy.

    `agents` are those who serve the caller's pool, each by their share of time on it; `service_rate` is calls per agent and
    second (of talk and wrap-up), `give_up_rate` abandonments per waiting caller and second.
    """
    serve = agents * service_rate
    if serve <= 0.0:
        return Wait(math.inf, math.inf)
    if give_up_rate <= 0.0:
        return Wait((ahead + 1) / serve, (ahead + 1) / serve**2)
    mean = variance = 0.0
    for i in range(min(ahead, EXACT) + 1):
        rate = serve + i * give_up_rate
        mean += 1.0 / rate
        variance += 1.0 / rate**2
    if ahead > EXACT:  # The rest as an integral (midpoint rule): a long line costs no more than a short one.
        first, last = (serve + (end + 0.5) * give_up_rate for end in (EXACT, ahead))
        mean += math.log(last / first) / give_up_rate
        variance += (1.0 / first - 1.0 / last) / give_up_rate
    return Wait(mean, variance)


def give_up_rate(abandoned: float, waited: float) -> float:
    """Exponential patience by maximum likelihood: abandonments over all seconds waited by anybody (C.3)."""
    return abandoned / waited if waited > 0.0 else 0.0


def learned(mean: float | None, value: float, *, calls: int = 50) -> float:
    """The moving average of handle times over about so many calls, after one more value."""
    return value if mean is None else mean + 2.0 / (calls + 1) * (value - mean)


def told_minutes(seconds: float) -> int | None:
    """The estimate as it is told, rounded up to a value people say: 0 = less than a minute, 31 = more than 30, None = unknown."""
    if not math.isfinite(seconds):
        return None
    if seconds < 60.0:
        return LESS_THAN_A_MINUTE
    return next((minutes for minutes in MINUTES if seconds <= minutes * 60.0), MORE_THAN_ANY)


def never_growing(estimate: float, told: float | None, *, staff_fell: bool = False) -> float:
    """What to tell a caller who was told something before: never more than that, unless agents have left since."""
    return estimate if told is None or staff_fell else min(estimate, told)
