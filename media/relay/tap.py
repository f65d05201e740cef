"""The packets that the relay in the kernel copies for the ears, read from its ring buffers (BPF_MAP_TYPE_RINGBUF).

    consumer page (ours)     producer page (the kernel's)     data, mapped twice so that no record is cut
    +----------------+       +----------------+               +-----------------------------------+----
    | consumed       |       | produced       |               | length+flags, page, record | ...  |  (again)
    +----------------+       +----------------+               +-----------------------------------+----

All records of a ring have one size, so that what is there is a matrix.
"""

from __future__ import annotations

import mmap
import os
import threading
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from media.ears import Ears
from media.relay.bpf import RING_BUFFER, create_map
from media.relay.layout import LARGE, SMALL, TOLD

_RECORD_HEADER = 8
_BUSY, _DISCARDED = np.uint32(1 << 31), np.uint32(1 << 30)
_SECONDS = 0.5  # that a ring holds while every leg is listened to
_PACKETS_PER_SECOND = 50
_CUTS = 4  # parts up to which rows are cut where a leg speaks again
# Octets of a ring, which the kernel takes at once, whether anybody is listened to or not. At most what 580 legs say in half
# a second, and of large packets 130 legs in a quarter.
_LEAST = 1 << 17
_MOST_SMALL, _MOST_LARGE = 1 << 22, 1 << 21


HandOver: TypeAlias = Callable[[NDArray[np.void], NDArray[np.uint8]], None]


class Ring:
    """One ring buffer, of records with `room` octets of RTP."""

    def __init__(self, room: int, size: int, name: str) -> None:
        self.descriptor = create_map(RING_BUFFER, 0, size, 0, name)
        self._size, self._stride = size, _RECORD_HEADER + TOLD.itemsize + room
        page = mmap.PAGESIZE
        ours = mmap.mmap(self.descriptor, page)
        theirs = mmap.mmap(self.descriptor, page + 2 * size, mmap.MAP_SHARED, mmap.PROT_READ, offset=page)
        self._consumed = memoryview(ours)[:8].cast("Q")
        self._produced = memoryview(theirs)[:8].cast("Q")
        self._data: NDArray[np.uint8] = np.frombuffer(theirs, np.uint8, 2 * size, page)
        self._fence = threading.Lock()

    def read(self, hand_over: HandOver) -> int:
        """Hand over what is in the ring, a row per packet: facts (`TOLD`), and octets where they lie. Returns how many."""
        consumed = self._consumed[0]
        count = (self._produced[0] - consumed) // self._stride
        if not count:
            return 0
        self._order()
        at = consumed % self._size
        records = self._data[at : at + count * self._stride].reshape(count, self._stride)
        lengths = records[:, :4].copy().view(np.uint32)[:, 0]
        busy = lengths & _BUSY != 0
        if busy.any():
            count = int(np.argmax(busy))  # Being written on another processor: next time.
            lengths, records = lengths[:count], records[:count]
        self._order()
        try:
            if count:
                kept = records
                if (lengths & _DISCARDED).any():
                    kept = records[lengths & _DISCARDED == 0]
                facts = kept[:, _RECORD_HEADER : _RECORD_HEADER + TOLD.itemsize].copy().view(TOLD)[:, 0]
                hand_over(facts, kept[:, _RECORD_HEADER + TOLD.itemsize :])
        finally:
            self._order()
            self._consumed[0] = consumed + count * self._stride
        return count

    def _order(self) -> None:
        """What was read before this has been read, on machines that reorder, too: giving up a lock and taking it sees to that."""
        with self._fence:
            pass

    def close(self) -> None:
        os.close(self.descriptor)


class Tap:
    """Both rings of a relay, and the way to the ears."""

    def __init__(self, legs: int) -> None:
        self.small = Ring(SMALL, _size(legs, SMALL, _MOST_SMALL), "told")
        self.large = Ring(LARGE, _size(legs // 4, LARGE, _MOST_LARGE), "told_large")

    def read(self, ears: Ears, clock: int) -> int:
        """Hand over what has been copied. Returns how many packets there were."""

        def hand_over(facts: NDArray[np.void], octets: NDArray[np.uint8]) -> None:
            _hand_over(ears, facts, octets, clock)

        return self.small.read(hand_over) + self.large.read(hand_over)

    def close(self) -> None:
        self.small.close()
        self.large.close()


def _size(legs: int, room: int, most: int) -> int:
    """The power of two that holds what `legs` say in half a second, within limits."""
    wanted = int(legs * _PACKETS_PER_SECOND * _SECONDS * (_RECORD_HEADER + TOLD.itemsize + room))
    return min(max(1 << (wanted - 1).bit_length() if wanted > 0 else 0, _LEAST), most)


def _hand_over(ears: Ears, facts: NDArray[np.void], octets: NDArray[np.uint8], clock: int) -> None:
    """The ears take one packet of a leg at a time."""
    legs, packets = facts["leg"].astype(np.int64), facts["packet"].astype(np.int64)
    timestamps, sizes = facts["timestamp"].copy(), facts["size"].astype(np.int64)
    for rows in _turns(legs):
        ears.hear_batch(legs[rows], packets[rows], timestamps[rows], octets[rows], sizes[rows], clock)


def _turns(legs: NDArray[np.int64]) -> list[slice] | list[NDArray[np.int64]]:
    """Rows in parts that have each leg once at most, in order.

    Everybody speaks in turn, so a few cuts do: slices, of which nothing needs to be copied. If not, all first packets are a
    part, all second ones, and so on.
    """
    count = len(legs)
    order = np.argsort(
        legs.astype(np.uint16), kind="stable"
    )  # There are no more ports, and few bits are sorted faster.
    again = np.flatnonzero(legs[order[1:]] == legs[order[:-1]])
    if not len(again):
        return [slice(0, count)]
    before: NDArray[np.int64] = np.full(count, -1, np.int64)  # the row in which the leg had its packet before this one
    before[order[again + 1]] = order[again]
    cuts = [0]
    while len(late := np.flatnonzero(before[cuts[-1] :] >= cuts[-1])) and len(cuts) <= _CUTS:
        cuts.append(cuts[-1] + int(late[0]))
    if len(cuts) <= _CUTS:
        return [slice(start, end) for start, end in zip(cuts, [*cuts[1:], count], strict=True)]
    turn: NDArray[np.int64] = np.zeros(count, np.int64)
    for row in np.flatnonzero(before >= 0).tolist():
        turn[row] = turn[before[row]] + 1
    return [np.flatnonzero(turn == number) for number in range(int(turn.max(axis=0)) + 1)]
