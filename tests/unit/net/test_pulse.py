"""How late the loop runs, and what it costs to know."""

from __future__ import annotations

import pytest

from softswitch.net.limits import PULSE_SECONDS, QUIET_SECONDS, Pulse


def test_nobody_asks() -> None:
    pulse = Pulse()
    assert pulse.lateness(5.0) == 0.0  # It has not begun to beat.
    assert pulse.beat(10.0) == PULSE_SECONDS
    assert pulse.beat(10.0 + PULSE_SECONDS) == QUIET_SECONDS
    assert pulse.beat(10.0 + PULSE_SECONDS + QUIET_SECONDS) == QUIET_SECONDS


def test_as_long_as_anybody_asks() -> None:
    pulse = Pulse()
    now = 10.0
    pulse.beat(now)
    for _ in range(5):
        assert pulse.lateness(now) == 0.0
        now = pulse.due
        assert pulse.beat(now) == PULSE_SECONDS
    assert pulse.lag == 0.0


def test_whoever_asks_first_makes_it_hurry() -> None:
    pulse, hurried = Pulse(), []
    pulse.hurry = lambda: hurried.append(pulse.due)
    pulse.beat(10.0)
    assert pulse.lateness(10.3) == 0.0
    assert hurried == [pytest.approx(10.3 + PULSE_SECONDS)]
    assert pulse.lateness(10.5) == pytest.approx(0.2 - PULSE_SECONDS)  # The loop is stuck behind what it began at 10.3.
    pulse.beat(10.6)
    assert pulse.lag == pytest.approx(0.3 - PULSE_SECONDS) and pulse.lateness(10.6) == pulse.lag
    assert len(hurried) == 1


def test_a_beat_that_is_late() -> None:
    pulse = Pulse()
    pulse.beat(10.0)
    due = pulse.due
    assert pulse.lateness(due + 0.3) == pytest.approx(0.3)
    pulse.beat(due + 0.5)
    assert (pulse.lag, pulse.worst) == pytest.approx((0.5, 0.5))
    assert pulse.lateness(due + 0.5) == pytest.approx(0.5)  # What is handled now has waited behind the same thing.
    pulse.beat(pulse.due)
    assert (pulse.lag, pulse.worst) == pytest.approx((0.0, 0.5))
