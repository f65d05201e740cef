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

import numpy as np
from numpy.typing import NDArray

from media.ears import Ears
from media.relay.bpf import RING_BUFFER, create_map
from media.relay.program import LARGE, SMALL, TOLD

_RECORD_HEADER = 8
_BUSY, _DISCARDED = np.uint32(1 << 31), np.uint32(1 << 30)
_SECONDS = 0.5  # that a ring holds while every leg is listened to
_PACKETS_PER_SECOND = 50
_LEAST, _MOST = 1 << 17, 1 << 23  # octets of a ring


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

    def read(self) -> tuple[NDArray[np.void], NDArray[np.uint8]] | None:
        """What is in the ring: facts (`TOLD`) and octets, one row per packet, copies; None if it is empty."""
        consumed = self._consumed[0]
        count = (self._produced[0] - consumed) // self._stride
        if not count:
            return None
        self._order()
        at = consumed % self._size
        records = self._data[at : at + count * self._stride].reshape(count, self._stride)
        lengths = records[:, :4].copy().view(np.uint32)[:, 0]
        busy = lengths & _BUSY
        if busy.any():
            count = int(np.argmax(busy != 0))  # Being written on another processor: next time.
            lengths, records = lengths[:count], records[:count]
            if not count:
                return None
        self._order()
        kept = records[(lengths & _DISCARDED) == 0]
        facts = kept[:, _RECORD_HEADER : _RECORD_HEADER + TOLD.itemsize].copy().view(TOLD)[:, 0]
        octets = kept[:, _RECORD_HEADER + TOLD.itemsize :].copy()
        self._order()
        self._consumed[0] = consumed + count * self._stride
        return facts, octets

    def _order(self) -> None:
        """What was read before this has been read, on machines that reorder, too: giving up a lock and taking it sees to that."""
        with self._fence:
            pass

    def close(self) -> None:
        os.close(self.descriptor)


class Tap:
    """Both rings of a relay, and the way to the ears."""

    def __init__(self, legs: int) -> None:
        self.small = Ring(SMALL, _size(legs, SMALL), "told")
        self.large = Ring(LARGE, _size(legs // 4, LARGE), "told_large")

    def read(self, ears: Ears | None, clock: int) -> int:
        """Hand over what has been copied. Returns how many packets there were."""
        count = 0
        for ring in (self.small, self.large):
            if (found := ring.read()) is not None:
                facts, octets = found
                count += len(facts)
                if ears is not None and len(facts):
                    _hand_over(ears, facts, octets, clock)
        return count

    def close(self) -> None:
        self.small.close()
        self.large.close()


def _size(legs: int, room: int) -> int:
    """The power of two that holds what `legs` say in half a second."""
    wanted = int(legs * _PACKETS_PER_SECOND * _SECONDS * (_RECORD_HEADER + TOLD.itemsize + room))
    return min(max(1 << (wanted - 1).bit_length() if wanted > 0 else 0, _LEAST), _MOST)


def _hand_over(ears: Ears, facts: NDArray[np.void], octets: NDArray[np.uint8], clock: int) -> None:
    """The ears take one packet of a leg at a time: first packets first, then second ones, and so on."""
    legs = facts["leg"].astype(np.int64)
    order = np.argsort(legs, kind="stable")
    ordered = legs[order]
    first = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    if len(first) == len(legs):
        rounds = [np.arange(len(legs))]
    else:
        turn = np.arange(len(legs)) - np.repeat(first, np.diff(np.r_[first, len(legs)]))
        rounds = [np.sort(order[turn == number]) for number in range(int(turn.max(axis=0)) + 1)]
    for rows in rounds:
        ears.hear_batch(
            legs[rows],
            facts["packet"][rows].astype(np.int64),
            facts["timestamp"][rows].astype(np.uint32),
            octets[rows],
            facts["size"][rows].astype(np.int64),
            clock,
        )
