"""Opus (RFC 6716, RFC 7587) by libopus: mono at 8 or 16 kHz, as everything else here is.

The library is the one that comes inside the wheel of PyAV, or else the system's. It is called directly, which spares the memory
of all the rest that is in that wheel. RTP always counts Opus at 48 kHz, whatever rate is coded or decoded.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from media.codec import Samples, parameters

CLOCK = 48000
RATES = (8000, 16000)
FRAMES_MS = (10, 20, 40, 60)  # a packet that we make is one frame
COMPLEXITY = 5  # of 10: what follows costs half as much again and is not heard at these rates
BIT_RATE = {8000: 16_000, 16000: 28_000}  # RFC 7587 section 3.1.1: the sweet spots for speech, with room for music
MIN_BIT_RATE, MAX_BIT_RATE = 6_000, 510_000
LOSS_ASSUMED = 5  # per cent; where redundancy is wanted it is worth its bits from the first packet on
MAX_LOSS = 30

_VOIP, _AUDIO = 2048, 2049
_SET_BITRATE, _SET_MAX_BANDWIDTH, _SET_VBR, _SET_COMPLEXITY = 4002, 4004, 4006, 4010
_SET_INBAND_FEC, _SET_PACKET_LOSS, _SET_DTX, _SET_PREDICTION_DISABLED = 4012, 4014, 4016, 4042
_GET_LOOKAHEAD = 4027
# RFC 7587 section 6.1: the highest rate that the far end can play, and the bandwidth that goes with it.
_BANDWIDTHS = ((8000, 1101), (12000, 1102), (16000, 1103), (24000, 1104), (48000, 1105))
_MAX_SECONDS = 0.120  # RFC 6716: no packet is longer
_MAX_PACKET = 1275  # octets of one frame
_CONCEAL_STEP = 400  # in a second: losses are counted in 2.5 ms


class OpusError(Exception):
    """libopus is not here, or it refused what no peer can cause."""


def _candidates() -> list[str]:
    """Where libopus may be: inside PyAV's wheel (which is not imported for that), or in the system."""
    found: list[str] = []
    spec = find_spec("av")
    if spec is not None and spec.origin:
        package = Path(spec.origin).parent
        for pattern in (package.parent / "av.libs", package / ".dylibs"):
            found += sorted(str(each) for each in pattern.glob("libopus[-.]*"))
    return [*found, "libopus.so.0", "libopus.0.dylib"]


@cache
def _library() -> ctypes.CDLL | None:
    for name in _candidates():
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        return _declare(library)
    return None


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    c_int, c_int32, pointer, octets = ctypes.c_int, ctypes.c_int32, ctypes.c_void_p, ctypes.c_char_p
    library.opus_encoder_get_size.argtypes = library.opus_decoder_get_size.argtypes = [c_int]
    library.opus_encoder_init.argtypes = [pointer, c_int32, c_int, c_int]
    library.opus_decoder_init.argtypes = [pointer, c_int32, c_int]
    library.opus_encode.argtypes = [pointer, pointer, c_int, pointer, c_int32]
    library.opus_encode.restype = c_int32
    library.opus_decode.argtypes = [pointer, octets, c_int32, pointer, c_int, c_int]
    library.opus_encoder_ctl.argtypes = [pointer, c_int]  # and what the request needs
    library.opus_strerror.argtypes = [c_int]
    library.opus_strerror.restype = ctypes.c_char_p
    return library


def available() -> bool:
    """Whether there is a libopus."""
    return _library() is not None


def _loaded() -> ctypes.CDLL:
    library = _library()
    if library is None:
        raise OpusError("libopus is not installed: neither PyAV's wheel nor the system has it")
    return library


def _checked(library: ctypes.CDLL, result: int, what: str) -> int:
    if result < 0:
        raise OpusError(f"{what}: {library.opus_strerror(result).decode()}")
    return result


def duration(payload: bytes | memoryview) -> int:
    """How long a packet lasts, in RTP units; 0 if it is none (RFC 6716 section 3.1)."""
    if not len(payload):
        return 0
    config, code = payload[0] >> 3, payload[0] & 3
    if config < 12:
        frame = (480, 960, 1920, 2880)[config & 3]
    elif config < 16:
        frame = (480, 960)[config & 1]
    else:
        frame = (120, 240, 480, 960)[config & 3]
    if code == 3:
        count = payload[1] & 0x3F if len(payload) > 1 else 0
    else:
        count = 2 if code else 1
    return frame * count if frame * count <= int(CLOCK * _MAX_SECONDS) else 0


@dataclass(slots=True, frozen=True)
class Wishes:
    """What the far end wants to receive (RFC 7587 section 6.1); 0: it said nothing about it."""

    bit_rate: int = 0
    playback_rate: int = 0
    redundancy: bool = False
    constant: bool = False
    pauses: bool = False

    @classmethod
    def parse(cls, fmtp: str) -> Wishes:
        """From its SDP. What makes no sense was not said."""
        said = parameters(fmtp)
        bit_rate, playback_rate = said.get("maxaveragebitrate", 0), said.get("maxplaybackrate", 0)
        return cls(
            min(max(bit_rate, MIN_BIT_RATE), MAX_BIT_RATE) if bit_rate else 0,
            playback_rate if playback_rate >= RATES[0] else 0,
            said.get("useinbandfec", 0) == 1,
            said.get("cbr", 0) == 1,
            said.get("usedtx", 0) == 1,
        )


def rate_for(fmtp: str) -> int:
    """The rate of our linear audio for a peer that said this: more than it can play would be wasted."""
    playback_rate = Wishes.parse(fmtp).playback_rate
    return RATES[0] if 0 < playback_rate <= RATES[0] else RATES[1]


class OpusDecoder:
    """One stream. Losses are concealed by libopus, which also makes the noise of pauses (DTX)."""

    def __init__(self, rate: int) -> None:
        library = self._library = _loaded()
        self.rate = rate
        self._state = ctypes.create_string_buffer(library.opus_decoder_get_size(1))
        _checked(library, library.opus_decoder_init(self._state, rate, 1), f"decoder at {rate} Hz")
        self._room = int(rate * _MAX_SECONDS)
        self._samples: NDArray[np.int16] = np.zeros(self._room, np.int16)
        self._target = self._samples.ctypes.data

    def decode(self, payload: bytes) -> Samples:
        """The audio of one packet, of 2.5 to 120 ms. Two channels become one."""
        if not payload:
            return self._samples[:0].copy()
        return self._run(payload, self._room, 0)

    def conceal(self, samples: int, following: bytes | None = None) -> Samples:
        """In place of a lost packet: from the copy in the one that follows, if it holds one, or made up."""
        step = self.rate // _CONCEAL_STEP
        parts: list[Samples] = []
        missing = samples
        while missing > 0:
            # The copy is of what was directly before; what was lost before that is made up.
            count = min(-(-missing // step) * step, self._room)
            last = missing <= self._room
            part = self._run(following, count, 1) if following and last else self._run(None, count, 0)
            if not len(part):
                part = self._run(None, count, 0)
            parts.append(part if len(part) else np.zeros(count, np.int16))
            missing -= len(parts[-1])
        return np.concatenate(parts)[:samples] if parts else self._samples[:0].copy()

    def _run(self, payload: bytes | None, room: int, copy: int) -> Samples:
        count = self._library.opus_decode(self._state, payload, len(payload or b""), self._target, room, copy)
        return self._samples[: max(count, 0)].copy()  # Less than nothing: the payload is no Opus.


class OpusEncoder:
    """One stream, as its receiver wishes it. `independent`: of music as well as of speech, and each frame can be the first

    that is heard. With two `channels` their samples take turns.
    """

    def __init__(
        self, rate: int, wishes: Wishes | None = None, *, independent: bool = False, channels: int = 1
    ) -> None:
        library = self._library = _loaded()
        self.rate = rate
        self._channels = channels
        self._wishes = wishes = wishes or Wishes()
        self._state = ctypes.create_string_buffer(library.opus_encoder_get_size(channels))
        use = _AUDIO if independent else _VOIP
        _checked(library, library.opus_encoder_init(self._state, rate, channels, use), f"encoder at {rate} Hz")
        bit_rate = BIT_RATE[rate] * channels
        self._set(_SET_BITRATE, min(wishes.bit_rate or bit_rate, bit_rate))
        self._set(_SET_COMPLEXITY, COMPLEXITY)
        for playback_rate, bandwidth in _BANDWIDTHS:
            if wishes.playback_rate and wishes.playback_rate <= playback_rate:
                self._set(_SET_MAX_BANDWIDTH, bandwidth)
                break
        self._set(_SET_VBR, int(not wishes.constant))
        self._set(_SET_DTX, int(wishes.pauses))
        self._set(_SET_INBAND_FEC, int(wishes.redundancy))
        self._set(_SET_PREDICTION_DISABLED, int(independent))
        self.expect_loss(LOSS_ASSUMED)
        self._packet = ctypes.create_string_buffer(_MAX_PACKET)

    def encode(self, samples: Samples) -> bytes:
        """The payload of one packet of 10, 20, 40 or 60 ms. While DTX pauses it is an octet or two."""
        samples = np.ascontiguousarray(samples)
        count = self._library.opus_encode(
            self._state, samples.ctypes.data, len(samples) // self._channels, self._packet, len(self._packet)
        )
        return self._packet.raw[: _checked(self._library, count, f"encoding {len(samples)} samples")]

    def expect_loss(self, percent: int) -> None:
        """How much of the stream is lost on its way: more redundancy is sent, if its receiver can use it."""
        self._set(_SET_PACKET_LOSS, min(max(percent, LOSS_ASSUMED), MAX_LOSS) if self._wishes.redundancy else 0)

    @property
    def lookahead(self) -> int:
        """Samples by which what is decoded comes later than what was encoded."""
        value = ctypes.c_int32(0)
        result = self._library.opus_encoder_ctl(self._state, _GET_LOOKAHEAD, ctypes.byref(value))
        _checked(self._library, result, "asking for the lookahead")
        return value.value

    def _set(self, request: int, value: int) -> None:
        result = self._library.opus_encoder_ctl(self._state, request, ctypes.c_int32(value))
        _checked(self._library, result, f"setting {request} to {value}")
