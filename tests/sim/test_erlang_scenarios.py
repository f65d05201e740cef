"""Theory as an oracle of `softswitch sim`: figures agree with Erlang C and A within the simulation's own interval (C.9)."""

from __future__ import annotations

from typing import Any

from softswitch.acd.planning import erlang_a, erlang_c
from softswitch.sim.confidence import Estimate, t_quantile
from softswitch.sim.scenario import parse_scenario
from softswitch.sim.study import Study, run

RATE, HANDLE, THRESHOLD = 200.0, 180.0, 20.0
RUNS = 10
SAFE = t_quantile(RUNS - 1, 0.999) / t_quantile(RUNS - 1)  # Eight figures are compared: one in a thousand may be off.


def centre(agents: int, patience: str) -> Study:
    data: dict[str, Any] = {
        "days": 1,
        "replications": RUNS,
        "warm_up": 60,
        "queue": {"q": {"wrap_up": 0, "service_level_seconds": THRESHOLD, "short_abandon": 0, "fair_after": 0}},
        "callers": [
            {"queue": "q", "rate": {"Mon 00:00-09:00": RATE}, "talk": f"exponential({HANDLE})", "patience": patience}
        ],
        "teams": [{"name": "t", "count": agents, "queues": {"q": 0}, "answer": 0, "shift": ["Mon 00:00-09:00"]}],
    }
    return run(parse_scenario(data))


def agrees(found: Estimate | None, theory: float) -> None:
    assert found is not None and found.half_width is not None
    assert abs(found.mean - theory) <= SAFE * found.half_width, (
        f"{found.mean:.3f} +- {found.half_width:.3f}, theory {theory:.3f}"
    )
    assert found.half_width < 0.9 * theory, "the run is too short to say anything"


def test_without_abandonment_it_is_erlang_c() -> None:
    study, theory = centre(14, "never"), erlang_c(14, RATE / 3_600, HANDLE, THRESHOLD)
    figures = study.estimates(("q", ""))
    agrees(figures["sl"], 100 * theory.service_level)
    agrees(figures["wait"], theory.mean_wait)
    agrees(study.occupancy()["t"], 100 * theory.occupancy)


def test_with_exponential_patience_it_is_erlang_a() -> None:
    study, theory = centre(10, "exponential(180)"), erlang_a(10, RATE / 3_600, HANDLE, 180.0, THRESHOLD)
    figures = study.estimates(("q", ""))
    agrees(figures["sl"], 100 * theory.service_level)
    agrees(figures["wait"], theory.mean_wait)
    agrees(figures["abandon"], 100 * theory.abandonment)
    agrees(study.occupancy()["t"], 100 * theory.occupancy)
