from __future__ import annotations

import random
from math import exp, inf, isinf

import pytest

from softswitch.sim.patience import Patience


def test_the_textbook_example() -> None:
    """Kaplan and Meier by hand: give-ups at 6 (of 5), 10 (of 3), 12 (of 1); censored at 8 and 11."""
    curve = Patience.of([(6, True), (8, False), (10, True), (11, False), (12, True)])
    assert curve.times == [6, 10, 12]
    assert curve.share == pytest.approx([4 / 5, 4 / 5 * 2 / 3, 0.0])
    assert (curve.after(5), curve.after(6), curve.after(9.9)) == pytest.approx((1.0, 0.8, 0.8))
    assert curve.median() == 12


def test_ties_of_give_ups_count_together_and_before_the_censored() -> None:
    curve = Patience.of([(5, True), (5, True), (5, False), (9, False)])
    assert curve.times == [5] and curve.share == pytest.approx([0.5])
    assert curve.median() == 5


def test_exponential_patience_is_found_although_most_are_answered_first() -> None:
    source = random.Random(1)
    waits = []
    for _ in range(20_000):
        patience, answered = source.expovariate(1 / 240), source.expovariate(1 / 60)
        waits.append((min(patience, answered), patience < answered))
    curve = Patience.of(waits)
    for seconds in (30.0, 60.0, 120.0, 240.0):
        assert curve.after(seconds) == pytest.approx(exp(-seconds / 240), abs=0.04)
    draws = [curve.draw(1.0 - source.random(), 100.0) for _ in range(20_000)]
    assert min(draws) > 100.0
    assert sum(draws) / len(draws) == pytest.approx(340.0, rel=0.08), "no memory: another 240 s"


def test_where_nobody_gave_up_patience_is_endless() -> None:
    curve = Patience.of([(10, False), (20, False)])
    assert isinf(curve.draw(0.5)) and curve.median() is None and curve.after(1e9) == 1.0
    assert Patience.of([]).draw(0.5) == inf


def test_beyond_what_was_seen_the_rate_goes_on() -> None:
    curve = Patience.of([(10, True), (50, False), (50, False)])
    assert curve.draw(0.99) == 10 and curve.draw(0.2) > 10
    assert curve.draw(0.5, 60.0) > 60.0
