"""Durations drawn at random: `exponential(240)`, `lognormal(180, 0.9)`, `uniform(2, 8)`, `never`, a plain number.

The first argument is the mean, the second the coefficient of variation (standard deviation over mean) unless the table
below says otherwise. All in seconds.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from softswitch.decode import Rule

Draw: TypeAlias = "Callable[[random.Random], float]"

EXPECTED: Final = (
    'seconds, or a distribution such as "exponential(240)", "lognormal(180, 0.9)", "gamma(180, 0.5)", "weibull(180, 1.5)", '
    '"uniform(2, 8)", "never"'
)


@dataclass(slots=True, frozen=True)
class Duration:
    """A distribution of seconds, as it is written."""

    text: str
    mean: float  # infinite for "never"
    draw: Draw

    def __reduce__(self) -> tuple[Any, ...]:
        return parse, (self.text,)  # Replications run in processes of their own.


def parse(value: object) -> Duration:
    """Raises ValueError for what is no duration."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _constant(float(value))
    if not isinstance(value, str):
        raise TypeError
    name, numbers = _split(value)
    if name == "never" and not numbers:
        return Duration("never", math.inf, lambda source: math.inf)
    if not name and len(numbers) == 1:
        return _constant(numbers[0])
    if name not in FAMILIES:
        raise ValueError(value)
    count, make = FAMILIES[name]
    if len(numbers) not in count or any(one < 0.0 for one in numbers):
        raise ValueError(value)
    return make(value, numbers)


def _split(text: str) -> tuple[str, list[float]]:
    found = re.fullmatch(r"\s*([a-z]*)\s*(?:\(([^()]*)\))?\s*", text)
    if found is None:
        return "", [float(text)]
    inner = found[2] or ""
    return found[1], [float(one) for one in inner.split(",")] if inner.strip() else []


def _constant(seconds: float) -> Duration:
    if not 0.0 <= seconds < math.inf:
        raise ValueError(seconds)
    return Duration(f"{seconds:g}", seconds, lambda source: seconds)


def _exponential(text: str, numbers: Sequence[float]) -> Duration:
    mean = _positive(numbers[0])
    rate = 1.0 / mean
    return Duration(text, mean, lambda source: source.expovariate(rate))


def _lognormal(text: str, numbers: Sequence[float]) -> Duration:
    mean, variation = _positive(numbers[0]), numbers[1] if len(numbers) > 1 else 0.9
    sigma = math.sqrt(math.log1p(variation**2))
    mu = math.log(mean) - sigma**2 / 2.0
    exp = math.exp
    return Duration(text, mean, lambda source: exp(source.gauss(mu, sigma)))


def _gamma(text: str, numbers: Sequence[float]) -> Duration:
    mean, variation = _positive(numbers[0]), _positive(numbers[1] if len(numbers) > 1 else 1.0)
    shape = 1.0 / variation**2
    return Duration(text, mean, lambda source: source.gammavariate(shape, mean / shape))


def _weibull(text: str, numbers: Sequence[float]) -> Duration:
    mean, shape = _positive(numbers[0]), _positive(numbers[1])
    scale = mean / math.gamma(1.0 + 1.0 / shape)
    return Duration(text, mean, lambda source: source.weibullvariate(scale, shape))


def _uniform(text: str, numbers: Sequence[float]) -> Duration:
    low, high = numbers
    if low > high:
        raise ValueError(text)
    return Duration(text, (low + high) / 2.0, lambda source: source.uniform(low, high))


def _positive(value: float) -> float:
    if not 0.0 < value < math.inf:
        raise ValueError(value)
    return value


# Name -> how many arguments it takes, and what makes it.
FAMILIES: Final[dict[str, tuple[Sequence[int], Callable[[str, Sequence[float]], Duration]]]] = {
    "exponential": ((1,), _exponential),
    "lognormal": ((1, 2), _lognormal),
    "gamma": ((1, 2), _gamma),
    "weibull": ((2,), _weibull),
    "uniform": ((2,), _uniform),
}

RULE: Final = Rule(EXPECTED, parse, lambda duration: duration.text)
NEVER: Final = parse("never")
AT_ONCE: Final = parse(0)
