"""Estimates of the wait against what comes true: many days of four scenarios, beside Asterisk's estimator (FEATURES C.8)."""

from __future__ import annotations

from typing import Any

from bench import progress
from tests.sim.waiting_room import SCENARIOS, Errors, WaitingRoom

DAYS = 12


def run() -> dict[str, Any]:
    """By scenario: root mean square errors in seconds, bias, and the share of waits that were no longer than told."""
    figures: dict[str, Any] = {}
    for name, scenario in SCENARIOS.items():
        guesses = []
        for day in range(DAYS):
            progress.note(f"{scenario.name}, day {day + 1} of {DAYS}")
            guesses += WaitingRoom(scenario, day).run()
        errors = Errors.of(guesses)
        figures[name] = {
            "callers": errors.count, "mean_wait": round(errors.mean_wait, 1), "rmse": round(errors.rmse, 1),
            "told_rmse": round(errors.told_rmse, 1), "asterisk_rmse": round(errors.rival_rmse, 1),
            "rmse_ratio": round(errors.rmse / errors.rival_rmse, 2), "bias": round(errors.bias, 1),
            "coverage": round(errors.covered, 3), "coverage_in_minutes": round(errors.announced, 3),
        }  # fmt: skip
    return figures
