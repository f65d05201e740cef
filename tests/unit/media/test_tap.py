"""Rows are handed to the ears so that each leg is there once at a time, in order, and as rarely copied as can be."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from media.relay.tap import _size, _turns


@given(st.lists(st.integers(0, 12), max_size=60))
def test_every_row_is_handed_over_once_and_each_leg_in_order(legs: list[int]) -> None:
    rows = np.arange(len(legs))
    numbers = np.array(legs, np.int64)
    handed: dict[int, list[int]] = {}
    for part in _turns(numbers):
        chosen = rows[part].tolist()
        assert len({legs[row] for row in chosen}) == len(chosen)
        for row in chosen:
            handed.setdefault(legs[row], []).append(row)
    assert sum(map(len, handed.values())) == len(legs)
    assert all(found == sorted(found) for found in handed.values())


def test_who_speaks_in_turn_is_handed_over_without_copying() -> None:
    assert _turns(np.arange(100)) == [slice(0, 100)]
    assert _turns(np.arange(100) % 60) == [slice(0, 60), slice(60, 100)]


def test_rings_are_powers_of_two_within_limits() -> None:
    sizes = [_size(legs, 256, 1 << 22) for legs in (0, 1, 8, 100, 1000, 10_000)]
    assert sizes == sorted(sizes) and all(size & size - 1 == 0 for size in sizes)
    assert (sizes[0], sizes[-1]) == (1 << 17, 1 << 22)
    assert sizes[3] >= 100 * 25 * 288
