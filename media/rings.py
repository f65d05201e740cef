"""Rings of samples, one per leg: positions count up for ever, what is written last stays as long as the ring is long."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

EMPTY = -32768  # nothing was written here. No decoder gives it: G.711 and G.722 do not reach it, others are clipped
_NONE: list[int] = []


class Rings:
    """As many rings of the same length, in one array, so that rows of many are read and written at once."""

    def __init__(self, legs: int, length: int) -> None:
        self._ring = length
        # Left as it is until somebody writes: a leg that is never decoded takes no memory.
        self._flat: NDArray[np.int16] = np.empty(legs * length, np.int16)
        self._windows: dict[int, NDArray[np.int16]] = {}

    def _window(self, count: int) -> NDArray[np.int16]:
        window = self._windows.get(count)
        if window is None:
            window = self._windows[count] = sliding_window_view(self._flat, count, writeable=True)
        return window

    def _places(
        self, legs: NDArray[np.int64], at: NDArray[np.int64], count: int
    ) -> tuple[NDArray[np.int64], list[int]]:
        """Where `count` samples of each leg begin, and the rows of which a part lies at the beginning of the ring."""
        offset = at % self._ring
        beyond = offset > self._ring - count
        return legs * self._ring + offset, beyond.nonzero()[0].tolist() if beyond.any() else _NONE

    def read_rows(self, legs: NDArray[np.int64], at: NDArray[np.int64], count: int) -> NDArray[np.int16]:
        """A copy of `count` samples of each of these legs, one row each, from a position of its own."""
        places, beyond = self._places(legs, at, count)
        for row in beyond:
            places[row] = 0
        samples: NDArray[np.int16] = self._window(count)[places]
        for row in beyond:
            samples[row] = self.read(int(legs[row]), int(at[row]), count)
        return samples

    def write_rows(
        self, legs: NDArray[np.int64], at: NDArray[np.int64], count: int, samples: NDArray[np.int16] | int
    ) -> None:
        """Put a row of samples of each of these legs where it belongs, or the same value everywhere."""
        places, beyond = self._places(legs, at, count)
        if beyond:
            for row in beyond:
                self.write(int(legs[row]), int(at[row]), count, samples if isinstance(samples, int) else samples[row])
            keep = np.ones(len(legs), bool)
            keep[beyond] = False
            places = places[keep]
            samples = samples if isinstance(samples, int) else samples[keep]
        self._window(count)[places] = samples

    def read(self, leg: int, at: int, count: int) -> NDArray[np.int16]:
        """A copy of some samples of one leg."""
        ring = self._flat[leg * self._ring : (leg + 1) * self._ring]
        return ring.take(np.arange(at, at + count), mode="wrap")

    def write(self, leg: int, at: int, count: int, samples: NDArray[np.int16] | int) -> None:
        """Put samples of one leg where they belong, or the same value everywhere."""
        ring, offset = self._flat[leg * self._ring : (leg + 1) * self._ring], at % self._ring
        head = min(count, self._ring - offset)
        ring[offset : offset + head] = samples if isinstance(samples, int) else samples[:head]
        if head < count:
            ring[: count - head] = samples if isinstance(samples, int) else samples[head:]
