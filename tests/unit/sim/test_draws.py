from __future__ import annotations

import math
import pickle
import random
from statistics import fmean, stdev

import pytest

from softswitch.sim import draws


@pytest.mark.parametrize(
    "text, mean, variation",
    [
        ("exponential(240)", 240.0, 1.0),
        ("lognormal(180, 0.9)", 180.0, 0.9),
        ("lognormal(180)", 180.0, 0.9),
        ("gamma(60, 0.5)", 60.0, 0.5),
        ("gamma(60)", 60.0, 1.0),
        ("weibull(100, 1)", 100.0, 1.0),
        ("uniform(2, 8)", 5.0, math.sqrt(3.0) / 5.0),
    ],
)
def test_what_is_drawn_has_the_mean_and_the_variation_that_are_written(
    text: str, mean: float, variation: float
) -> None:
    duration = draws.parse(text)
    source = random.Random(1)
    values = [duration.draw(source) for _ in range(40_000)]
    assert duration.mean == pytest.approx(mean)
    assert fmean(values) == pytest.approx(mean, rel=0.03)
    assert stdev(values) / fmean(values) == pytest.approx(variation, rel=0.05)


@pytest.mark.parametrize("value, seconds", [(20, 20.0), (1.5, 1.5), ("20", 20.0), ("never", math.inf), (0, 0.0)])
def test_constants_and_never(value: object, seconds: float) -> None:
    assert draws.parse(value).draw(random.Random(1)) == seconds


@pytest.mark.parametrize(
    "value",
    ["exponential", "exponential()", "exponential(0)", "exponential(-5)", "uniform(8, 2)", "lognormal(1,2,3)", "normal(5)", "",
     -1, "nan", math.inf, True, None, [], "exponential(5", "weibull(5)", "__import__('os')"],
)  # fmt: skip
def test_what_is_no_duration_is_refused(value: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        draws.parse(value)


def test_a_duration_goes_to_another_process() -> None:
    duration = draws.parse("lognormal(180, 0.9)")
    again = pickle.loads(pickle.dumps(duration))
    assert again.text == duration.text
    assert again.draw(random.Random(3)) == duration.draw(random.Random(3))
