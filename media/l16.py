"""L16: 16-bit samples in network order (RFC 3551 section 4.5.11). Nothing is coded, so nothing is lost."""

from __future__ import annotations

import numpy as np

from media.codec import Samples
from media.concealment import Concealment


class L16Decoder:
    """One stream."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._concealment = Concealment(rate)

    def decode(self, payload: bytes) -> Samples:
        """The audio of one packet. An odd octet at its end is no sample."""
        samples = np.frombuffer(payload, ">i2", len(payload) // 2).astype(np.int16)
        return self._concealment.heard(samples)

    def conceal(self, samples: int, following: bytes | None = None) -> Samples:
        """In place of a lost packet."""
        return self._concealment.conceal(samples)


class L16Encoder:
    """One stream."""

    def __init__(self, rate: int) -> None:
        self.rate = rate

    def encode(self, samples: Samples) -> bytes:
        """The payload of one packet."""
        return samples.astype(">i2").tobytes()

    def expect_loss(self, percent: int) -> None:
        """Nothing is sent twice."""
