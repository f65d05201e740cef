"""Seeded randomness for the tests of call control."""

from __future__ import annotations

import random

import pytest

from tests.sim.world import SeededEntropy


@pytest.fixture
def entropy() -> SeededEntropy:
    return SeededEntropy(random.Random(1))
