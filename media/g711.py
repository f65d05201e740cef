"""G.711 in tables: 16-bit linear to and from mu-law and A-law, exactly as ITU-T G.191 computes them.

`ENCODE[law]` maps the bit pattern of a 16-bit sample to its code, `DECODE[law]` a code to its sample,
`TRANSCODE[law]` a code of the other law to the code of this one.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from media.codec import Octets, Samples
from media.concealment import Concealment
from media.rtp import CLOCK_RATE


class Law(IntEnum):
    """The two companding laws."""

    MU = 0
    A = 1

    @property
    def other(self) -> Law:
        return Law(1 - self)


CODECS = {"PCMU": Law.MU, "PCMA": Law.A}
SILENCE = (0xFF, 0xD5)  # the code of zero, by law


def _segment(magnitude: NDArray[np.int64]) -> NDArray[np.int64]:
    """The position of the highest bit set, counted from one; zero for zero (exact: frexp splits off the exponent)."""
    return np.frexp(magnitude.astype(np.float64))[1].astype(np.int64)


def _encode_mu() -> Octets:
    linear = np.arange(65536).astype(np.uint16).view(np.int16).astype(np.int64)
    magnitude = np.minimum((np.where(linear < 0, ~linear, linear) >> 2) + 33, 0x1FFF)
    segment = _segment(magnitude >> 6) + 1
    code = (8 - segment) << 4 | 0xF - (magnitude >> segment & 0xF)
    codes: Octets = np.where(linear >= 0, code | 0x80, code).astype(np.uint8)
    return codes


def _decode_mu() -> Samples:
    code = np.arange(256)
    inverted = ~code & 0xFF
    exponent, mantissa = inverted >> 4 & 7, inverted & 0xF
    magnitude = (((mantissa << 1) + 33) << exponent) - 33 << 2
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


def _encode_a() -> Octets:
    linear = np.arange(65536).astype(np.uint16).view(np.int16).astype(np.int64)
    magnitude = np.where(linear < 0, ~linear, linear) >> 4
    exponent = np.maximum(_segment(magnitude) - 5, 0) + (magnitude > 15)
    mantissa = np.where(magnitude > 15, (magnitude >> np.maximum(exponent - 1, 0)) - 16, magnitude)
    code = mantissa + (exponent << 4)
    codes: Octets = (np.where(linear >= 0, code | 0x80, code) ^ 0x55).astype(np.uint8)
    return codes


def _decode_a() -> Samples:
    code = np.arange(256) ^ 0x55
    exponent, mantissa = code >> 4 & 7, code & 0xF
    magnitude = np.where(exponent > 0, (mantissa + 16 << 4) + 8 << np.maximum(exponent - 1, 0), (mantissa << 4) + 8)
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


ENCODE: tuple[Octets, Octets] = (_encode_mu(), _encode_a())
DECODE: tuple[Samples, Samples] = (_decode_mu(), _decode_a())


def encode(samples: Samples, law: Law) -> Octets:
    """The codes of 16-bit samples."""
    return ENCODE[law].take(samples.view(np.uint16), mode="clip")


def encode_both(samples: Samples) -> Octets:
    """The codes of 16-bit samples in both laws, one row each."""
    return np.stack([encode(samples, law) for law in Law])


def decode(codes: Octets, law: Law) -> Samples:
    """The 16-bit samples of codes."""
    return DECODE[law].take(codes, mode="clip")


TRANSCODE: tuple[Octets, Octets] = (encode(DECODE[Law.A], Law.MU), encode(DECODE[Law.MU], Law.A))
"""By the law to be made."""

TRANSLATE: tuple[bytes, bytes] = (TRANSCODE[Law.MU].tobytes(), TRANSCODE[Law.A].tobytes())
"""The same for `bytes.translate`."""


class G711Decoder:
    """One stream."""

    rate = CLOCK_RATE

    def __init__(self, law: Law) -> None:
        self._table = DECODE[law]
        self._concealment = Concealment(self.rate)

    def decode(self, payload: bytes) -> Samples:
        """The audio of one packet."""
        return self._concealment.heard(self._table.take(np.frombuffer(payload, np.uint8), mode="clip"))

    def conceal(self, samples: int, following: bytes | None = None) -> Samples:
        """In place of a lost packet."""
        return self._concealment.conceal(samples)


class G711Encoder:
    """One stream."""

    rate = CLOCK_RATE

    def __init__(self, law: Law) -> None:
        self._law = law

    def encode(self, samples: Samples) -> bytes:
        """The payload of one packet."""
        return encode(np.ascontiguousarray(samples), self._law).tobytes()

    def expect_loss(self, percent: int) -> None:
        """Nothing is sent twice."""
