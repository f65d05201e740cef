"""Everything that can be played, coded in both laws once, end to end in one array.

A position is a sample's index in it, the same for both laws; so the next frame of any leg, whatever it plays, is one row of a
window over the array, and the frames of a thousand legs are gathered by one index.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from media.codec import Octets
from media.g711 import SILENCE, encode_both

MAX_FRAME = 480  # samples: 60 ms, the longest packet that we send
_FIRST_CAPACITY = 1 << 25  # samples, over an hour; only what is used takes memory. Doubled when full.


class Span(NamedTuple):
    """Where a recording lies: `start` to `end`. `loop` samples before `end` it goes on from again; 0: it ends."""

    start: int
    end: int
    loop: int = 0


class Bank:
    """Grows, never shrinks: what a leg still plays stays where it is when a recording is replaced."""

    def __init__(self, capacity: int = _FIRST_CAPACITY) -> None:
        self._data: NDArray[np.uint8] = np.empty((2, capacity), np.uint8)
        self._used = 0
        self._windows: dict[int, NDArray[np.uint8]] = {}
        self.silence = self.add_loop(encode_both(np.zeros(MAX_FRAME, np.int16)))

    def add(self, codes: Octets) -> Span:
        """A recording that ends, as `g711.encode_both` gives it. An empty one is allowed, and is over at once."""
        start = self._append(codes)
        return Span(start, start + codes.shape[1])

    def add_loop(self, codes: Octets, once: Octets | None = None) -> Span:
        """A recording that goes round, after what is heard once."""
        length = codes.shape[1]
        assert length, "a loop has at least one sample"
        # Behind the end lies the beginning once more, so that a frame across it is read in one piece.
        tail = codes.take(np.arange(MAX_FRAME) % length, axis=1)
        head = codes if once is None else np.concatenate((once, codes), axis=1)
        start = self._append(np.concatenate((head, tail), axis=1))
        return Span(start, start + head.shape[1], length)

    def _append(self, codes: Octets) -> int:
        start, count = self._used, codes.shape[1]
        if start + count + MAX_FRAME > self._data.shape[1]:
            capacity = self._data.shape[1]
            while start + count + MAX_FRAME > capacity:
                capacity *= 2
            grown: NDArray[np.uint8] = np.empty((2, capacity), np.uint8)
            grown[:, :start] = self._data[:, :start]
            self._data, self._windows = grown, {}
        self._data[:, start : start + count] = codes
        self._used += count
        return start

    def frames(self, law: NDArray[np.int64], position: NDArray[np.int64], size: int) -> Octets:
        """The `size` codes from each position, one row per position."""
        window = self._windows.get(size)
        if window is None:
            window = self._windows[size] = sliding_window_view(self._data.reshape(-1), size)
        frames: Octets = window[law * self._data.shape[1] + position]
        return frames

    def codes(self, law: int, start: int, end: int) -> bytes:
        """The codes of a stretch."""
        return self._data[law, start:end].tobytes()

    def pad(self, law: int, count: int) -> bytes:
        """That many codes of silence."""
        return bytes((SILENCE[law],)) * count

    @property
    def used(self) -> int:
        """Samples held."""
        return self._used
