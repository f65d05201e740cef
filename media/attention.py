"""Can anything be heard on a leg? Found out from a packet now and then, not from all of them (MED-25).

Once a second one packet of a leg is looked at. If there is something to be heard in it, that was all. If not, all that follow
are looked at, until something is heard: a leg that is silent for long costs as much as one that is recorded, and
few are. Silence is what a muted phone sends: samples next to zero, comfort noise, or the empty packets of a codec that pauses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from media.audience import Audience
from media.g711 import DECODE
from media.rtp import COMFORT_NOISE, HEADER_SIZE

FAINT: Final = 16  # a 16-bit sample that is no more than that is silence: -66 dB below full scale
PAUSE_OCTETS: Final = 8  # of a packet of any other codec that says nothing
_AUDIBLE: Final = [np.abs(table.astype(np.int32)) > FAINT for table in DECODE]


class Attention:
    """`law(leg)`: of G.711, -1 for another codec. Time in 1/8000 s."""

    def __init__(self, legs: int, audience: Audience, law: Callable[[int], int]) -> None:
        self.listening: set[int] = set()
        self._audience = audience
        self._law = law
        self._silent_from: NDArray[np.int64] = np.full(legs, -1, np.int64)

    def look(self, leg: int) -> None:
        """Look at the next packet of an open leg."""
        if leg not in self.listening:
            self.listening.add(leg)
            self._audience.subscribe(leg, self)

    def forget(self, leg: int) -> None:
        """The leg is closed, or there is nothing to be heard from it for a good reason."""
        self._silent_from[leg] = -1
        if leg in self.listening:
            self.listening.discard(leg)
            self._audience.unsubscribe(leg, self)

    def silent_from(self, leg: int) -> int:
        """Since when all packets of a leg were silence; -1: the last one was not."""
        return int(self._silent_from[leg])

    def hear(self, leg: int, packet: int, timestamp: int, kind: int, payload: memoryview, clock: int) -> None:
        """One packet."""
        law = self._law(leg)
        if kind == COMFORT_NOISE:
            audible = False
        elif law >= 0:
            audible = bool(_AUDIBLE[law].take(np.frombuffer(payload, np.uint8)).any())
        else:
            audible = len(payload) > PAUSE_OCTETS
        self._note(leg, audible, clock)

    def hear_batch(
        self,
        legs: NDArray[np.int64],
        packets: NDArray[np.int64],
        timestamps: NDArray[np.uint32],
        octets: NDArray[np.uint8],
        sizes: NDArray[np.int64],
        clock: int,
    ) -> None:
        """Many packets."""
        for leg, row, size in zip(legs.tolist(), octets, sizes.tolist(), strict=True):
            law = self._law(leg)
            codes = row[HEADER_SIZE:size]
            self._note(leg, bool(_AUDIBLE[law].take(codes).any()) if law >= 0 else len(codes) > PAUSE_OCTETS, clock)

    def _note(self, leg: int, audible: bool, clock: int) -> None:
        if audible:
            self.forget(leg)
        elif self._silent_from[leg] < 0:
            self._silent_from[leg] = clock
