"""What callers were told against what came true."""

from __future__ import annotations

import random

import pytest

from softswitch.acd.calibration import Calibration, Comparison, Told
from softswitch.events import CallerLeft, EwtTold


def told(caller: str, seconds: float, minutes: int = 2, waited: float = 0.0, queue: str = "q") -> EwtTold:
    return EwtTold(queue, caller, minutes, seconds, seconds - 10.0, 1, 3, waited)


def left(caller: str, waited: float, outcome: str = "answered", queue: str = "q") -> CallerLeft:
    return CallerLeft(queue, caller, 1, outcome, waited, 1, 1)


def test_everything_told_is_compared_with_the_rest_of_the_wait() -> None:
    comparison = Comparison()
    for event in (
        told("a", 100.0), told("b", 80.0), told("a", 50.0, 1, waited=60.0), left("a", 90.0), left("b", 30.0, "abandoned"),
        told("c", 70.0), left("c", 10.0, "overflow"), left("d", 5.0), told("e", 60.0),
    ):  # fmt: skip
        comparison.see(event, "2026-03-02")
    assert [(one.waited, one.seconds, one.served) for one in comparison.found] == [
        (90.0, 100.0, True), (30.0, 50.0, True), (30.0, 80.0, False),
    ]  # fmt: skip
    (found,) = comparison.by_queue().values()
    assert (found.told, found.served, found.gave_up) == (3, 2, 1)
    assert found.bias == pytest.approx(15.0) and found.rmse == pytest.approx((500 / 2) ** 0.5)
    assert found.minutes == {1: 1, 2: 2}
    assert found.covered == pytest.approx(1.0)
    assert list(comparison.by_day()) == [("q", "2026-03-02")]


def test_a_visit_to_another_queue_is_not_what_was_told() -> None:
    comparison = Comparison()
    comparison.see(told("a", 100.0), "d")
    comparison.see(left("a", 20.0, "transferred_out"), "d")
    comparison.see(left("a", 50.0, queue="other"), "d")
    assert comparison.found == []


def test_who_gave_up_does_not_make_it_look_better_than_it_was() -> None:
    """Waits are exponential and half of the callers give up: the coverage is that of the waits, not of those who stayed."""
    draw = random.Random(4)
    found = []
    for _ in range(6_000):
        wait, patience = draw.expovariate(1 / 100.0), draw.expovariate(1 / 100.0)
        found.append(Told("q", "d", 2, 100.0, 90.0, min(wait, patience), wait <= patience))
    calibration = Calibration.of(found)
    assert calibration.covered == pytest.approx(1 - 2.71828**-1, abs=0.02)
    stayed = [one for one in found if one.served]
    assert sum(one.waited <= 100.0 for one in stayed) / len(stayed) > 0.8, "which is what a plain share would say"


def test_what_was_said_in_minutes() -> None:
    def said(minutes: int) -> float:
        return Told("q", "d", minutes, 10.0, 10.0, 5.0, True).said

    assert (said(0), said(1), said(30)) == (60.0, 60.0, 1800.0)
    assert said(31) == float("inf")


def test_nothing_told_and_nobody_served() -> None:
    assert Calibration.of([]).covered is None
    assert Calibration.of([Told("q", "d", 1, 60.0, 50.0, 5.0, False)]).bias is None
