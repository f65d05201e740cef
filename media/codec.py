"""What a codec is to the parts that decode, mix and encode. Each implementation is behind these two protocols.

Linear audio is 16-bit mono at 8000 or 16000 hertz: what a telephone carries, and what wideband codecs add to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(slots=True, frozen=True)
class Codec:
    """`clock`: of RTP timestamps, hertz; `rate`: of its linear audio, hertz, 0 if it cannot be decoded here."""

    name: str
    clock: int
    rate: int
    fmtp: str = ""

    @property
    def decodable(self) -> bool:
        return self.rate > 0


class Decoder(Protocol):
    """One stream in one direction. Keeps state from packet to packet."""

    rate: int

    def decode(self, payload: bytes) -> NDArray[np.int16]:
        """The audio of one packet; empty if the payload makes no sense. Never raises for what a peer sent."""
        ...

    def conceal(self, samples: int, following: bytes | None) -> NDArray[np.int16]:
        """What may have been in a lost packet of that many samples. `following`: the packet after it, if it is there already,

        which may hold a second, coarser copy of the lost one (RFC 6716 section 2.1.7).
        """
        ...


class Encoder(Protocol):
    """One stream in one direction. Keeps state from packet to packet."""

    rate: int

    def encode(self, samples: NDArray[np.int16]) -> bytes:
        """The payload of one packet of 10 to 60 ms at `rate`."""
        ...
