"""Hands the packets of a leg to everybody who wants to hear it.

The packet path knows one pair of ears and one flag per leg (`Legs.listened`); this is that pair of ears. Behind it stand
several listeners - jitter buffers, a recorder, detectors - each of which subscribes to the legs that it wants, and gets
the packets as they came, many at once where they came so.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from media.ears import Ears
from media.legs import Legs

MAX_LISTENERS = 32  # bits of a number; listeners are parts of the program, not legs or calls


class Audience:
    """The ears of one worker. A listener is one part of the program, whatever number of legs it listens to."""

    def __init__(self, legs: Legs) -> None:
        self._legs = legs
        self._wanted: NDArray[np.uint32] = np.zeros((legs.count, 1), np.uint32)  # by leg: a bit for each listener
        self._wanted_by_leg = self._wanted[:, 0].data
        self._listeners: list[Ears] = []

    # --- who listens to whom -----------------------------------------------------------------------------------------

    def subscribe(self, leg: int, listener: Ears) -> None:
        """From now on the listener hears every packet of an open leg. Twice is as good as once."""
        self._want(leg, self._wanted_by_leg[leg] | 1 << self._number(listener))

    def unsubscribe(self, leg: int, listener: Ears) -> None:
        """The listener hears no more of the leg."""
        self._want(leg, self._wanted_by_leg[leg] & ~(1 << self._number(listener)))

    def forget(self, leg: int) -> None:
        """The leg is closed: nobody listens to it any more."""
        self._want(leg, 0)

    def listens(self, leg: int, listener: Ears) -> bool:
        return bool(self._wanted_by_leg[leg] >> self._number(listener) & 1)

    def _number(self, listener: Ears) -> int:
        for number, each in enumerate(self._listeners):
            if each is listener:
                return number
        assert len(self._listeners) < MAX_LISTENERS, "a listener is a part of the program: there are few"
        self._listeners.append(listener)
        return len(self._listeners) - 1

    def _want(self, leg: int, wanted: int) -> None:
        self._wanted_by_leg[leg] = wanted
        self._legs.listen(leg, wanted != 0)

    # --- the ears ----------------------------------------------------------------------------------------------------

    def hear(self, leg: int, packet: int, timestamp: int, kind: int, payload: memoryview, clock: int) -> None:
        """One packet, to everybody who listens to its leg."""
        wanted = self._wanted_by_leg[leg]
        for listener in self._listeners:
            if wanted & 1:
                listener.hear(leg, packet, timestamp, kind, payload, clock)
            wanted >>= 1

    def hear_batch(
        self,
        legs: NDArray[np.int64],
        packets: NDArray[np.int64],
        timestamps: NDArray[np.uint32],
        octets: NDArray[np.uint8],
        sizes: NDArray[np.int64],
        clock: int,
    ) -> None:
        """Many packets: each listener gets those of its legs in one piece."""
        wanted = self._wanted[:, 0].take(legs)
        for number, listener in enumerate(self._listeners):
            chosen = np.flatnonzero(wanted >> np.uint32(number) & np.uint32(1))
            if len(chosen) == len(legs):
                listener.hear_batch(legs, packets, timestamps, octets, sizes, clock)
            elif len(chosen):
                listener.hear_batch(
                    legs[chosen], packets[chosen], timestamps[chosen], octets[chosen], sizes[chosen], clock
                )
