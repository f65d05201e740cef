"""The codecs by name: which of them can be decoded here, and the objects that do it.

Libraries are loaded with the first call that needs them; where one is missing its codec is passed through like any other name.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from media import g722, opus
from media.codec import Codec, Decoder, Encoder
from media.g711 import CODECS, G711Decoder, G711Encoder
from media.l16 import L16Decoder, L16Encoder
from media.rtp import CLOCK_RATE

LINEAR_RATES = (8000, 16000)
_DECODERS: dict[str, Callable[[Codec, int], Decoder]] = {
    "PCMU": lambda codec, rate: G711Decoder(CODECS[codec.name]),
    "PCMA": lambda codec, rate: G711Decoder(CODECS[codec.name]),
    "G722": lambda codec, rate: g722.G722Decoder(),
    "L16": lambda codec, rate: L16Decoder(rate),
    "opus": lambda codec, rate: opus.OpusDecoder(rate),
}
_ENCODERS: dict[str, Callable[[Codec, int], Encoder]] = {
    "PCMU": lambda codec, rate: G711Encoder(CODECS[codec.name]),
    "PCMA": lambda codec, rate: G711Encoder(CODECS[codec.name]),
    "G722": lambda codec, rate: g722.G722Encoder(),
    "L16": lambda codec, rate: L16Encoder(rate),
    "opus": lambda codec, rate: opus.OpusEncoder(rate, opus.Wishes.parse(codec.fmtp)),
}
# Names of media types do not depend on case (RFC 4855 section 3).
_SPELLINGS = {name.casefold(): name for name in _DECODERS}


@cache
def available() -> tuple[str, ...]:
    """The names of the codecs that can be decoded and encoded here."""
    missing = {name for name, there in (("G722", g722.available), ("opus", opus.available)) if not there()}
    return tuple(name for name in _DECODERS if name not in missing)


def codec_of(name: str, clock: int, fmtp: str = "") -> Codec:
    """The codec of an SDP's rtpmap and fmtp. One that we do not know, or not at that clock, can be passed through."""
    name = _SPELLINGS.get(name.casefold(), name)
    return Codec(name, clock, _rate(name, clock, fmtp) if name in available() else 0, fmtp)


def _rate(name: str, clock: int, fmtp: str) -> int:
    if name == "L16":
        return clock if clock in LINEAR_RATES else 0
    if name == "opus":
        return opus.rate_for(fmtp) if clock == opus.CLOCK else 0
    if clock != CLOCK_RATE:
        return 0
    return g722.RATE if name == "G722" else CLOCK_RATE


def decoder(codec: Codec, rate: int = 0) -> Decoder:
    """For one stream of a codec that is decodable. `rate`: 8000 or 16000 in place of the codec's own, if it can choose (Opus)."""
    assert codec.decodable
    return _DECODERS[codec.name](codec, _chosen(codec, rate))


def encoder(codec: Codec, rate: int = 0) -> Encoder:
    """For one stream of a codec that is decodable, as `codec.fmtp` wishes it. `rate` as in `decoder`."""
    assert codec.decodable
    return _ENCODERS[codec.name](codec, _chosen(codec, rate))


def _chosen(codec: Codec, rate: int) -> int:
    return rate if rate and codec.name == "opus" else codec.rate
