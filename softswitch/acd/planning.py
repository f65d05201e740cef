"""How many agents a queue needs: Erlang B, C and A (FEATURES C.9).

Erlang C lets everybody wait for ever and so asks for more agents than are needed; Erlang A (Garnett, Mandelbaum, Reiman 2002)
lets callers give up. Rates are per second, times in seconds; a load that Erlang C cannot carry has infinite waits.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

MOST_AGENTS = 100_000  # Where the search for a staffing gives up.
TAIL = 1e-16  # States of Erlang A less likely than this, relative to the likeliest, are left out.


@dataclass(slots=True, frozen=True)
class Forecast:
    """What a staffing gives: probability of waiting, mean wait of all, service level, share of busy time, abandonment."""

    agents: int
    waiting_probability: float
    mean_wait: float
    service_level: float
    occupancy: float
    abandonment: float = 0.0


def erlang_b(agents: int, load: float) -> float:
    """The share of callers who find all agents busy if nobody may wait. `load` in erlang."""
    blocked = 1.0
    for k in range(1, agents + 1):
        blocked = load * blocked / (k + load * blocked)
    return blocked


def erlang_c(agents: int, rate: float, handle_time: float, threshold: float) -> Forecast:
    """M/M/n: nobody gives up. `threshold` is T of the service level."""
    load = rate * handle_time
    if load >= agents:
        return Forecast(agents, 1.0, math.inf, 0.0, 1.0)
    blocked = erlang_b(agents, load)
    waits = agents * blocked / (agents - load * (1.0 - blocked))
    free = agents - load
    return Forecast(
        agents,
        waits,
        waits * handle_time / free,
        1.0 - waits * math.exp(-free * threshold / handle_time),
        load / agents,
    )


def erlang_a(agents: int, rate: float, handle_time: float, patience: float, threshold: float) -> Forecast:
    """M/M/n+M: callers give up after an exponential patience of this mean. Exact, from the birth-death chain.

    The service level counts callers answered within `threshold` over all who called.
    """
    serve, give_up = 1.0 / handle_time, 1.0 / patience
    weights = _states(agents, rate, serve, give_up)
    total = math.fsum(weights)
    chances = [weight / total for weight in weights]
    queue = math.fsum((j - agents) * chance for j, chance in enumerate(chances) if j > agents)
    busy = math.fsum(min(j, agents) * chance for j, chance in enumerate(chances))
    on_time = math.fsum(chances[:agents]) + math.fsum(
        chance * _served_within(threshold, j - agents, agents * serve, give_up)
        for j, chance in enumerate(chances)
        if j >= agents
    )
    return Forecast(
        agents,
        math.fsum(chances[agents:]),
        queue / rate,
        on_time,
        busy / agents,
        give_up * queue / rate,
    )


def _states(agents: int, rate: float, serve: float, give_up: float) -> list[float]:
    """Unnormalised probabilities of j callers in the system, scaled so that the likeliest is 1."""
    logs = [0.0]
    peak = 0.0
    while logs[-1] > peak + math.log(TAIL) or len(logs) <= agents + 1:
        j = len(logs)
        out = min(j, agents) * serve + max(0, j - agents) * give_up
        logs.append(logs[-1] + math.log(rate / out))
        peak = max(peak, logs[-1])
    return [math.exp(value - peak) for value in logs]


def _served_within(threshold: float, ahead: int, serve: float, give_up: float) -> float:
    """The chance that a caller who finds `ahead` others waiting is answered, and within the threshold.

    With i callers ahead the place improves at rate `serve + i * give_up`. Such a passage time t is an order statistic of
    exponentials (Renyi), so u = 1 - exp(-give_up * t) has the density Beta(ahead + 1, serve / give_up). Not giving up until
    then multiplies it by 1 - u, which leaves a Beta(ahead + 1, serve / give_up + 1) and the factor below.
    """
    stages, ratio = ahead + 1.0, serve / give_up
    return ratio / (ratio + stages) * _beta_cdf(1.0 - math.exp(-give_up * threshold), stages, ratio + 1.0)


def _beta_cdf(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b), by its continued fraction (Lentz)."""
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    if x < (a + 1.0) / (a + b + 2.0):
        return front * _beta_fraction(x, a, b) / a
    return 1.0 - front * _beta_fraction(1.0 - x, b, a) / b


def _beta_fraction(x: float, a: float, b: float) -> float:
    tiny = 1e-300
    c, d = 1.0, 1.0 / _off_zero(1.0 - (a + b) * x / (a + 1.0), tiny)
    value = d
    for m in range(1, 10_000):
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1.0 / _off_zero(1.0 + numerator * d, tiny)
            c = _off_zero(1.0 + numerator / c, tiny)
            value *= c * d
        if abs(c * d - 1.0) < 1e-15:
            break
    return value


def _off_zero(value: float, tiny: float) -> float:
    return value if abs(value) > tiny else tiny


def agents_needed(target: float, forecast: Callable[[int], Forecast], *, at_least: int = 1) -> Forecast:
    """The smallest staffing whose service level reaches the target (0..1), for example by
    `lambda n: erlang_a(n, rate, handle_time, patience, 20.0)`."""
    low = high = max(1, at_least)
    while forecast(high).service_level < target:
        if high >= MOST_AGENTS:
            raise ValueError(f"no staffing up to {MOST_AGENTS} agents reaches {target}")
        low, high = high + 1, min(2 * high, MOST_AGENTS)
    while low < high:  # The service level grows with the staffing.
        middle = (low + high) // 2
        low, high = (low, middle) if forecast(middle).service_level >= target else (middle + 1, high)
    return forecast(high)


def with_shrinkage(agents: int, shrinkage: float) -> int:
    """People to employ so that so many are there: breaks, training and illness take the share `shrinkage` (0..1)."""
    if not 0.0 <= shrinkage < 1.0:
        raise ValueError("shrinkage must be at least 0 and less than 1")
    return math.ceil(agents / (1.0 - shrinkage) - 1e-9)
