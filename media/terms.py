"""What the two sides agreed for one leg, and what follows from it for its packets."""

from __future__ import annotations

from dataclasses import dataclass

from media.codec import Codec
from media.g711 import CODECS
from media.opus import FRAMES_MS as OPUS_FRAMES_MS
from media.rtp import CLOCK_RATE

FRAMES_MS = (10, 20, 30, 40, 50, 60)  # of a packet that we send
MAX_CLOCK = 96_000
_L16_OCTETS = 1280  # of a payload: 40 ms at 16 kHz; more would not fit into one frame of an Ethernet


@dataclass(slots=True)
class Terms:
    """A type of -1 was not agreed. `samples`: how long a packet that we send lasts, in 1/8000 s whatever the codec.

    `limit`: how long one that we pass on may last at most, in the same units.
    """

    codec: Codec
    payload_type: int
    dtmf_type: int
    receive_type: int
    receive_dtmf_type: int
    noise_type: int = -1
    samples: int = 160
    limit: int = 160
    send: bool = True
    receive: bool = True
    timeout: float = 0.0
    dtmf_clock: int = 0  # of the durations of events, 0: the codec's

    @property
    def law(self) -> int:
        """G.711's (`g711.Law`), or -1."""
        return CODECS.get(self.codec.name, -1) if self.codec.decodable else -1

    @property
    def event_clock(self) -> int:
        """Of the durations of events, hertz; their timestamps are the stream's."""
        return self.dtmf_clock or self.codec.clock

    @property
    def scale(self) -> int:
        """RTP units in 1/8000 s."""
        return self.codec.clock // CLOCK_RATE

    @property
    def timing(self) -> tuple[int, int, int]:
        """What `Legs.timing` holds: the scale, RTP units in two octets of payload, and RTP units of a packet if those are 0."""
        codec = self.codec
        if codec.decodable and codec.name != "opus":
            return self.scale, 1 if codec.name == "L16" else 2, 0
        return self.scale, 0, self.samples * self.scale


def packet_ms(codec: Codec, ptime: int, max_ptime: int) -> int:
    """How long the packets are that we send to a peer with these wishes (RFC 4566: ptime is one, maxptime is a limit)."""
    allowed: tuple[int, ...] = OPUS_FRAMES_MS if codec.name == "opus" else FRAMES_MS
    if codec.name == "L16":
        allowed = tuple(each for each in allowed if 2 * codec.clock * each // 1000 <= _L16_OCTETS)
    longest = min(ptime, max_ptime) if max_ptime > 0 else ptime
    return max((each for each in allowed if each <= longest), default=allowed[0])


def relayable(one: Terms, other: Terms, *, any_length: bool = False) -> bool:
    """Whether the packets of each can be sent to the other as they are, but for the law of G.711.

    Codec and clock must be the same. Packets that are longer than the other side wants or allows are made anew where that can
    be done; shorter ones are no harm. `any_length`: there is nobody who could.
    """
    if one.codec.clock != other.codec.clock:
        return False
    if one.codec.name.casefold() != other.codec.name.casefold() and min(one.law, other.law) < 0:
        return False
    if any_length or not one.codec.decodable or not other.codec.decodable:
        return True  # There is no other way.
    return one.samples <= other.limit and other.samples <= one.limit


def translation(speaker: Terms, listener: Terms) -> int:
    """What `Legs.translate` holds for packets from one to the other: 0, or one more than the law to be made."""
    return listener.law + 1 if listener.law >= 0 and listener.law != speaker.law else 0
