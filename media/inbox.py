"""Packets that were heard, until somebody has time for them: the tick after they came.

Handling them all at once costs a fraction of handling each when it comes, and nobody needs them before.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from media.rtp import HEADER_SIZE

ROWS = 4096  # packets: 40 ms of two thousand legs
WIDTH = 1500  # octets; longer payloads do not fit into an Ethernet frame
AUDIO = -1  # in place of a payload type: the one that was negotiated

_COLUMNS = ("leg", "packet", "stamp", "kind", "size", "clock")
LEG, PACKET, STAMP, KIND, SIZE, CLOCK = range(6)


class Heard(NamedTuple):
    """Some packets, at most one of each leg. `table` has the columns named above."""

    table: NDArray[np.int64]
    octets: NDArray[np.uint8]


class Inbox:
    """The ears that do not listen yet."""

    def __init__(self) -> None:
        self._table: NDArray[np.int64] = np.zeros((ROWS, len(_COLUMNS)), np.int64)
        self._cells = [self._table[:, column].data for column in range(len(_COLUMNS))]
        self._octets: NDArray[np.uint8] = np.zeros((ROWS, WIDTH), np.uint8)
        self._count = 0
        self.dropped = 0  # for want of room: nobody has looked for much too long

    def __len__(self) -> int:
        return self._count

    def hear(self, leg: int, packet: int, timestamp: int, kind: int, payload: memoryview, clock: int) -> None:
        """One packet; `kind` as in `Ears`, or AUDIO."""
        row, size = self._count, len(payload)
        if row == ROWS or size > WIDTH or not size:
            self.dropped += 1
            return
        legs, packets, stamps, kinds, sizes, clocks = self._cells
        legs[row], packets[row], stamps[row] = leg, packet, timestamp
        kinds[row], sizes[row], clocks[row] = kind, size, clock
        self._octets[row].data[:size] = payload
        self._count += 1

    def hear_batch(
        self,
        legs: NDArray[np.int64],
        packets: NDArray[np.int64],
        timestamps: NDArray[np.uint32],
        octets: NDArray[np.uint8],
        sizes: NDArray[np.int64],
        clock: int,
    ) -> None:
        """Many packets of audio."""
        start, count = self._count, len(legs)
        if start + count > ROWS:
            self.dropped += count
            return
        rows = self._table[start : start + count]
        rows[:, LEG], rows[:, PACKET], rows[:, STAMP] = legs, packets, timestamps
        rows[:, KIND], rows[:, CLOCK] = AUDIO, clock
        rows[:, SIZE] = np.minimum(sizes - HEADER_SIZE, WIDTH)
        width = min(octets.shape[1] - HEADER_SIZE, WIDTH)
        self._octets[start : start + count, :width] = octets[:, HEADER_SIZE : HEADER_SIZE + width]
        self._count += count

    def take(self) -> Iterator[Heard]:
        """All that was heard, in the order of arrival of each leg. What is given is valid until the next packet is heard."""
        table, octets = self._table[: self._count], self._octets[: self._count]
        self._count = 0
        parts: list[NDArray[np.int64]] = []
        rows = np.arange(len(table))
        if not len(rows):
            return
        last: NDArray[np.int64] = np.empty(int(table[:, LEG].max(axis=0)) + 1, np.int64)
        while len(rows):
            last[table[rows, LEG]] = rows
            is_last = last[table[rows, LEG]] == rows
            parts.append(rows[is_last])
            rows = rows[~is_last]
        if len(parts) == 1:
            yield Heard(table, octets)
            return
        for part in reversed(parts):
            yield Heard(table[part], octets[part])
