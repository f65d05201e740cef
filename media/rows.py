"""A matrix whose rows hold packets, with what it takes to send from it: views for system calls, addresses for the kernel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Rows:
    """`count` rows of `width` octets, a multiple of four."""

    def __init__(self, count: int, width: int) -> None:
        self.octets: NDArray[np.uint8] = np.zeros((count, width), np.uint8)
        self.words: NDArray[np.uint32] = self.octets.view(np.uint32)
        whole = self.octets.reshape(-1).data  # Cut from one view: a row as an array of its own is three times as large.
        self.views = [whole[at : at + width] for at in range(0, count * width, width)]
        self.addresses: NDArray[np.uint64] = self.octets.ctypes.data + width * np.arange(count, dtype=np.uint64)
        self._pieces: dict[tuple[int, int], NDArray[np.void]] = {}
        self._cut: dict[int, list[memoryview]] = {}

    def pieces(self, start: int, size: int) -> NDArray[np.void]:
        """Those octets of each row as one thing, to be copied at once."""
        piece = self._pieces.get((start, size))
        if piece is None:
            rows, width = self.octets.shape
            piece = np.ndarray((rows,), f"V{size}", self.octets.data, offset=start, strides=(width,))
            self._pieces[start, size] = piece
        return piece

    def packets(self, count: int, size: int) -> list[memoryview]:
        """The first `size` octets of the first rows."""
        cut = self._cut.get(size)
        if cut is None:
            cut = self._cut[size] = [view[:size] for view in self.views]
        return cut[:count]
