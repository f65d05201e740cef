"""A matrix whose rows hold packets, with what it takes to send from it: views for system calls, addresses for the kernel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Rows:
    """`count` rows of `width` octets, a multiple of four."""

    def __init__(self, count: int, width: int) -> None:
        self.octets: NDArray[np.uint8] = np.zeros((count, width), np.uint8)
        self.words: NDArray[np.uint32] = self.octets.view(np.uint32)
        self.views = [memoryview(row) for row in self.octets]
        self.addresses: NDArray[np.uint64] = self.octets.ctypes.data + width * np.arange(count, dtype=np.uint64)
        self._cut: dict[int, list[memoryview]] = {}

    def packets(self, count: int, size: int) -> list[memoryview]:
        """The first `size` octets of the first rows."""
        cut = self._cut.get(size)
        if cut is None:
            cut = self._cut[size] = [view[:size] for view in self.views]
        return cut[:count]
