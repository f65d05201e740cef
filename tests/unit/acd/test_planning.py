"""Staffing: the reference vectors of FEATURES C.9, and what must hold between the models."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.acd.planning import agents_needed, erlang_a, erlang_b, erlang_c, with_shrinkage

RATE, HANDLE, THRESHOLD = 100 / 1800, 180.0, 20.0


@pytest.mark.parametrize(
    "n, waiting, asa, level, occupancy",
    [
        (12, 0.449388, 40.44494, 0.640158, 0.833333),
        (13, 0.285270, 17.116227, 0.795595, 0.769231),
        (14, 0.174132, 7.835937, 0.888350, 0.714286),
        (15, 0.102042, 3.673525, 0.941453, 0.666667),
    ],
)
def test_erlang_c_vectors(n: int, waiting: float, asa: float, level: float, occupancy: float) -> None:
    forecast = erlang_c(n, RATE, HANDLE, THRESHOLD)
    assert forecast.waiting_probability == pytest.approx(waiting, abs=6e-7)
    assert forecast.mean_wait == pytest.approx(asa, abs=6e-6)
    assert forecast.service_level == pytest.approx(level, abs=6e-7)
    assert forecast.occupancy == pytest.approx(occupancy, abs=6e-7)


@pytest.mark.parametrize(
    "n, waiting, abandon, wait, occupancy, level",
    [
        (9, 0.667180, 0.179317, 32.2771, 0.911870, 0.455470),
        (10, 0.542070, 0.125110, 22.5198, 0.874890, 0.586980),
        (11, 0.416960, 0.083414, 15.0145, 0.833260, 0.705371),
        (12, 0.303224, 0.053092, 9.5565, 0.789090, 0.802304),
        (14, 0.135536, 0.018694, 3.3649, 0.700933, 0.925560),
    ],
)
def test_erlang_a_vectors(n: int, waiting: float, abandon: float, wait: float, occupancy: float, level: float) -> None:
    forecast = erlang_a(n, RATE, HANDLE, 180.0, THRESHOLD)
    assert forecast.waiting_probability == pytest.approx(waiting, abs=6e-7)
    assert forecast.abandonment == pytest.approx(abandon, abs=6e-7)
    assert forecast.mean_wait == pytest.approx(wait, abs=6e-5)
    assert forecast.occupancy == pytest.approx(occupancy, abs=6e-7)
    assert forecast.service_level == pytest.approx(level, abs=6e-7)


def test_erlang_b_known_values() -> None:
    assert erlang_b(0, 3.0) == 1.0
    assert erlang_b(1, 1.0) == 0.5
    assert erlang_b(2, 1.0) == pytest.approx(0.2)
    assert erlang_b(100, 100.0) == pytest.approx(0.0757, abs=5e-5)


def test_a_load_that_cannot_be_carried() -> None:
    forecast = erlang_c(10, RATE, HANDLE, THRESHOLD)
    assert (forecast.waiting_probability, forecast.mean_wait, forecast.service_level) == (1.0, math.inf, 0.0)


def test_eighty_twenty_needs_fewer_agents_when_callers_may_give_up() -> None:
    assert agents_needed(0.8, lambda n: erlang_c(n, RATE, HANDLE, THRESHOLD)).agents == 14
    assert agents_needed(0.8, lambda n: erlang_a(n, RATE, HANDLE, 180.0, THRESHOLD)).agents == 12
    assert agents_needed(0.8, lambda n: erlang_c(n, RATE, HANDLE, THRESHOLD), at_least=20).agents == 20


def test_no_staffing_reaches_more_than_everything() -> None:
    with pytest.raises(ValueError, match="no staffing"):
        agents_needed(1.1, lambda n: erlang_c(n, 0.001, 1.0, 1.0))


def test_shrinkage() -> None:
    assert with_shrinkage(14, 0.3) == 20
    assert with_shrinkage(7, 0.0) == 7
    assert with_shrinkage(7, 0.3) == 10
    with pytest.raises(ValueError, match="shrinkage"):
        with_shrinkage(7, 1.0)


@given(
    st.integers(1, 60),
    st.floats(0.001, 0.2),
    st.floats(20.0, 600.0),
    st.floats(10.0, 3000.0),
    st.floats(0.0, 120.0),
)
def test_erlang_a_is_a_distribution_and_improves_with_staff(
    n: int, rate: float, handle: float, patience: float, threshold: float
) -> None:
    forecast, better = (erlang_a(count, rate, handle, patience, threshold) for count in (n, n + 1))
    for share in (forecast.waiting_probability, forecast.service_level, forecast.occupancy, forecast.abandonment):
        assert -1e-9 <= share <= 1.0 + 1e-9
    # What is not abandoned is served: the rate through the agents is the rate of calls less those who gave up.
    assert forecast.occupancy * n / handle == pytest.approx(rate * (1.0 - forecast.abandonment), rel=1e-6)
    assert better.service_level >= forecast.service_level - 1e-9
    assert better.mean_wait <= forecast.mean_wait + 1e-9


def test_erlang_a_with_endless_patience_is_erlang_c() -> None:
    a, c = erlang_a(14, RATE, HANDLE, 1e9, THRESHOLD), erlang_c(14, RATE, HANDLE, THRESHOLD)
    assert a.waiting_probability == pytest.approx(c.waiting_probability, rel=1e-4)
    assert a.mean_wait == pytest.approx(c.mean_wait, rel=1e-4)
    assert a.service_level == pytest.approx(c.service_level, rel=1e-4)


def test_nobody_is_answered_within_no_time_unless_an_agent_is_free() -> None:
    at_once = erlang_a(10, RATE, HANDLE, 180.0, 0.0)
    assert at_once.service_level == pytest.approx(1.0 - at_once.waiting_probability)
    at_last = erlang_a(10, RATE, HANDLE, 180.0, 1e6)
    assert at_last.service_level == pytest.approx(1.0 - at_last.abandonment)
