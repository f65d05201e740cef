"""Rings of samples: what is written at a position is read there, wherever the ring begins anew."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from media.rings import EMPTY, Rings

LEGS, LENGTH = 3, 100

positions = st.lists(st.integers(0, 1000), min_size=LEGS, max_size=LEGS)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(positions, st.integers(1, LENGTH)), min_size=1, max_size=8))
def test_many_at_once_are_each_alone(writes: list[tuple[list[int], int]]) -> None:
    together, alone = Rings(LEGS, LENGTH), Rings(LEGS, LENGTH)
    legs = np.arange(LEGS)
    for rings in (together, alone):
        for leg in range(LEGS):
            rings.write(leg, 0, LENGTH, EMPTY)
    for number, (at, count) in enumerate(writes):
        samples = np.arange(LEGS * count, dtype=np.int16).reshape(LEGS, count) + 1000 * number
        together.write_rows(legs, np.array(at), count, samples)
        for leg in range(LEGS):
            alone.write(leg, at[leg], count, samples[leg])
        assert (together.read_rows(legs, np.array(at), count) == samples).all()
        for leg in range(LEGS):
            assert (alone.read(leg, at[leg], count) == samples[leg]).all()
            assert (together.read(leg, 0, LENGTH) == alone.read(leg, 0, LENGTH)).all()


def test_the_same_everywhere() -> None:
    rings = Rings(LEGS, LENGTH)
    rings.write(1, 0, LENGTH, 7)
    rings.write_rows(np.array([0, 1]), np.array([250, 295]), 10, 5)
    assert (rings.read(0, 250, 10) == 5).all()
    assert (rings.read(1, 295, 10) == 5).all() and (rings.read(1, 305, 90) == 7).all()
