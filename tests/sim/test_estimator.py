"""Estimates of the wait against what comes true, in the four scenarios of FEATURES C.8, beside Asterisk's estimator.

The long version, with more days of each scenario: `python -m bench micro estimator`.
"""

from __future__ import annotations

import pytest

from tests.sim.waiting_room import SCENARIOS, Errors, WaitingRoom

DAYS = {"A": 4, "B": 2, "C": 4, "D": 14}  # so many that a thousand callers or more had to wait


@pytest.mark.parametrize("name", SCENARIOS)
def test_estimates_are_much_better_than_a_moving_average_and_rightly_cautious(name: str) -> None:
    guesses = [guess for day in range(DAYS[name]) for guess in WaitingRoom(SCENARIOS[name], 100 + day).run()]
    errors = Errors.of(guesses)
    assert errors.count > 1_000
    assert errors.rmse <= 0.7 * errors.rival_rmse, errors
    assert errors.told_rmse <= 0.7 * errors.rival_rmse, errors
    assert 0.60 <= errors.covered <= 0.70, errors
    assert errors.bias > 0.0, "told is rather too long than too short"
