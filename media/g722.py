"""G.722 at 64 kbit/s (mode 1): 16 kHz audio, an octet for every two samples (ITU-T G.722).

Its RTP clock is 8000 although its audio is at 16 kHz: an error of RFC 1890 that RFC 3551 section 4.5.2 keeps for good. So a
payload of 160 octets is 20 ms, as in G.711. Lower bits belong to the lower band, the upper two to the upper one, earlier octets
come first; the library agrees with the vectors of ITU-T to the bit, in both directions.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec

import numpy as np

from media.codec import Samples
from media.concealment import Concealment

RATE = 16000
BIT_RATE = 64000
REST = 0xFE  # again and again, it decodes to next to nothing, whatever was before
DELAY = 22  # samples by which what is decoded is late: the two filters of 24 taps


@cache
def available() -> bool:
    """Whether the library is installed."""
    return find_spec("G722") is not None


class G722Decoder:
    """One stream."""

    rate = RATE

    def __init__(self) -> None:
        from G722 import G722  # type: ignore[import-not-found, import-untyped, unused-ignore]

        self._codec = G722(RATE, BIT_RATE)
        self._concealment = Concealment(RATE)

    def decode(self, payload: bytes) -> Samples:
        """The audio of one packet: any octets are valid."""
        if not payload:
            return np.zeros(0, np.int16)
        return self._concealment.heard(np.frombuffer(self._codec.decode(payload), np.int16))

    def conceal(self, samples: int, following: bytes | None = None) -> Samples:
        """In place of a lost packet."""
        return self._concealment.conceal(samples)


class G722Encoder:
    """One stream."""

    rate = RATE

    def __init__(self) -> None:
        from G722 import G722

        self._codec = G722(RATE, BIT_RATE)

    def encode(self, samples: Samples) -> bytes:
        """The payload of one packet: half as many octets, of an even number of samples."""
        coded: bytes = self._codec.encode(np.ascontiguousarray(samples))
        return coded

    def expect_loss(self, percent: int) -> None:
        """Nothing is sent twice."""
