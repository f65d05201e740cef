"""How certain a mean over replications is: Student's interval, without a library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist, fmean, stdev
from typing import Final

LEVEL: Final = 0.95


@dataclass(slots=True, frozen=True)
class Estimate:
    """A mean and half the width of its confidence interval (None with a single run)."""

    mean: float
    half_width: float | None
    runs: int

    def as_dict(self) -> dict[str, float | int | None]:
        return {"mean": self.mean, "half_width": self.half_width, "runs": self.runs}


def estimate(values: Sequence[float | None], level: float = LEVEL) -> Estimate | None:
    """Over the runs that have the figure; None if none has."""
    known = [one for one in values if one is not None]
    if not known:
        return None
    if len(known) < 2:
        return Estimate(known[0], None, 1)
    return Estimate(fmean(known), t_quantile(len(known) - 1, level) * stdev(known) / math.sqrt(len(known)), len(known))


@cache
def t_quantile(freedom: int, level: float = LEVEL) -> float:
    """The two-sided quantile of Student's t. By bisection of the distribution's integral, exact to six digits."""
    high = 2.0
    while _within(high, freedom) < level:
        high *= 2.0
    low = NormalDist().inv_cdf(0.5 + level / 2.0) * 0.5
    for _ in range(60):
        middle = (low + high) / 2.0
        low, high = (middle, high) if _within(middle, freedom) < level else (low, middle)
    return (low + high) / 2.0


def _within(t: float, freedom: int) -> float:
    """P(|T| < t) for whole degrees of freedom (Abramowitz and Stegun 26.7.3 and 26.7.4)."""
    theta = math.atan(t / math.sqrt(freedom))
    sine, cosine = math.sin(theta), math.cos(theta)
    if freedom == 1:
        return 2.0 * theta / math.pi
    term = total = cosine if freedom % 2 else 1.0
    for k in range(3 if freedom % 2 else 2, freedom - 1, 2):
        term *= cosine * cosine * (k - 1) / k
        total += term
    return 2.0 / math.pi * (theta + sine * total) if freedom % 2 else sine * total
