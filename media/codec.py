"""What a codec is to the parts that decode, mix and encode. Each implementation is behind these two protocols.

Linear audio is 16-bit mono at 8000 or 16000 hertz: what a telephone carries, and what wideband codecs add to it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Octets: TypeAlias = NDArray[np.uint8]
Samples: TypeAlias = NDArray[np.int16]


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

    def decode(self, payload: bytes) -> Samples:
        """The audio of one packet; empty if the payload makes no sense. Never raises for what a peer sent."""
        ...

    def conceal(self, samples: int, following: bytes | None) -> Samples:
        """What may have been in a lost packet of that many samples. `following`: the packet after it, if it is there already,

        which may hold a second, coarser copy of the lost one (RFC 6716 section 2.1.7).
        """
        ...


class Encoder(Protocol):
    """One stream in one direction. Keeps state from packet to packet."""

    rate: int

    def encode(self, samples: Samples) -> bytes:
        """The payload of one packet of 10, 20, 40 or 60 ms at `rate`; all but Opus take 30 and 50 ms as well."""
        ...

    def expect_loss(self, percent: int) -> None:
        """How much of the stream does not arrive, as the far end reports: a codec may send more redundancy."""
        ...


_NUMBER = re.compile(r"[0-9]{1,10}")


def parameters(fmtp: str) -> dict[str, int]:
    """The numbers in the format parameters of an SDP: "useinbandfec=1;stereo=0". What is no number is left out."""
    found = {}
    for part in fmtp.split(";"):
        name, _, value = part.partition("=")
        if _NUMBER.fullmatch(value := value.strip(" \t")):
            found[name.strip(" \t").casefold()] = int(value)
    return found
