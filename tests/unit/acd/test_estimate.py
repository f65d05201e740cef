"""The estimated wait: QLm against plain sums, and how it is told."""

from __future__ import annotations

import math
import random

import pytest

from softswitch.acd.estimate import (
    CAUTION,
    give_up_rate,
    learned,
    never_growing,
    queue_length_wait,
    told_minutes,
)


def test_without_abandonment_it_is_the_textbook_formula() -> None:
    wait = queue_length_wait(4, 10, 1 / 180, 0.0)
    assert wait.mean == pytest.approx(5 * 180 / 10)
    assert wait.variance == pytest.approx(5 * 18.0**2)


def test_with_abandonment_those_ahead_leave_too() -> None:
    wait = queue_length_wait(2, 2, 0.01, 0.005)
    assert wait.mean == pytest.approx(1 / 0.02 + 1 / 0.025 + 1 / 0.03)
    assert wait.variance == pytest.approx(1 / 0.02**2 + 1 / 0.025**2 + 1 / 0.03**2)
    assert wait.cautious == pytest.approx(wait.mean + CAUTION * math.sqrt(wait.variance))


def test_it_is_the_mean_of_simulated_waits_and_the_cautious_value_is_mostly_enough() -> None:
    draw = random.Random(3)
    ahead, serve, give_up = 6, 0.05, 0.004
    waits = [sum(draw.expovariate(serve + i * give_up) for i in range(ahead + 1)) for _ in range(20_000)]
    wait = queue_length_wait(ahead, 5, 0.01, give_up)
    assert sum(waits) / len(waits) == pytest.approx(wait.mean, rel=0.01)
    assert 0.55 <= sum(each <= wait.cautious for each in waits) / len(waits) <= 0.65


def test_nobody_serving_is_no_estimate() -> None:
    wait = queue_length_wait(0, 0, 0.01, 0.01)
    assert math.isinf(wait.mean) and math.isinf(wait.cautious)
    assert told_minutes(wait.cautious) is None


@pytest.mark.parametrize(
    "seconds, minutes",
    [(0.0, 0), (59.9, 0), (60.0, 1), (61.0, 2), (121.0, 3), (200.0, 5), (301.0, 10), (1801.0, 31), (math.nan, None)],
)
def test_it_is_told_in_values_people_say(seconds: float, minutes: int | None) -> None:
    assert told_minutes(seconds) == minutes


def test_it_never_grows_for_the_same_caller_unless_agents_left() -> None:
    assert never_growing(120.0, None) == 120.0
    assert never_growing(200.0, 120.0) == 120.0
    assert never_growing(60.0, 120.0) == 60.0
    assert never_growing(200.0, 120.0, staff_fell=True) == 200.0


def test_rates_are_learned() -> None:
    assert give_up_rate(0, 0.0) == 0.0
    assert give_up_rate(3, 600.0) == pytest.approx(0.005)
    mean = None
    for _ in range(500):
        mean = learned(mean, 180.0)
    assert mean == 180.0
    assert learned(100.0, 200.0, calls=1) == 200.0
