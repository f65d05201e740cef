from __future__ import annotations

import random

import pytest

from softswitch.sim.confidence import estimate, t_quantile


@pytest.mark.parametrize(
    "freedom, quantile",
    [(1, 12.7062), (2, 4.3027), (3, 3.1824), (4, 2.7764), (9, 2.2622), (10, 2.2281), (29, 2.0452)],
)
def test_student_s_quantiles_are_those_of_the_tables(freedom: int, quantile: float) -> None:
    assert t_quantile(freedom) == pytest.approx(quantile, abs=1e-4)


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    source = random.Random(1)
    covered = 0
    for _ in range(2_000):
        found = estimate([source.gauss(10.0, 3.0) for _ in range(6)])
        assert found is not None and found.half_width is not None
        covered += abs(found.mean - 10.0) <= found.half_width
    assert 0.935 < covered / 2_000 < 0.965


def test_few_runs() -> None:
    assert estimate([]) is None and estimate([None, None]) is None
    one = estimate([None, 4.0])
    assert one is not None and one.mean == 4.0 and one.half_width is None and one.runs == 1
