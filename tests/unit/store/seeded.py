"""A seeded source of randomness for the tests of this package."""

from __future__ import annotations

import random


class SeededEntropy:
    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)

    def token(self) -> str:
        return f"{self._random.getrandbits(64):016x}"

    def below(self, n: int) -> int:
        return self._random.randrange(n)
