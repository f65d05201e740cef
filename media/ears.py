"""Who else wants to hear what arrives on a leg: a mixer, a recorder, a detector.

The packet path counts and relays; a leg whose row in `Legs.listened` is not 0 is, besides, handed to the ears: every packet
of its audio or comfort noise, once, in order of arrival (which need not be the order in which it was spoken), with the
payload as it came. The relays that handle many packets at once hand over many at once.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Ears(Protocol):
    """`packet` is the extended sequence number, which goes on across wraps and begins anew with each stream of a leg."""

    def hear(self, leg: int, packet: int, timestamp: int, kind: int, payload: memoryview, clock: int) -> None:
        """One packet. `kind` is its payload type; `payload` must be copied if it is to be kept. `clock`: arrival, 1/8000 s."""
        ...

    def hear_batch(
        self,
        legs: NDArray[np.int64],
        packets: NDArray[np.int64],
        timestamps: NDArray[np.uint32],
        octets: NDArray[np.uint8],
        sizes: NDArray[np.int64],
        clock: int,
    ) -> None:
        """Audio packets of the negotiated type, at most one of each leg, one per row of `octets`, which holds whole RTP packets

        of `sizes` octets with a header of 12. The rows are the caller's again afterwards.
        """
        ...
