"""Telephone-events: digits that travel beside the audio (RFC 4733).

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |     event     |E|R| volume    |          duration             |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

All packets of one event carry the RTP timestamp of its start, so (SSRC, timestamp) names the event: whichever of its packets
arrives first reports it, and all others are repetitions, in any order and however many of them were lost.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from struct import Struct

from media.rtp import CLOCK_RATE, Buffer

DIGITS = "0123456789*#ABCD!"  # by event code; 16 is the hook flash
EVENT_OF = {digit: event for event, digit in enumerate(DIGITS)} | {"a": 12, "b": 13, "c": 14, "d": 15}

END = 0x80
VOLUME = 10  # -10 dBm0, what every phone sends
END_PACKETS = 3  # 2.5.1.4: the last packet is sent three times
MIN_DURATION_MS, MAX_DURATION_MS = 40, 8000  # the duration field ends at 8.19 s
GAP_MS = 60  # between two digits; 50 is the least that a detector must tell apart

EVENT = Struct("!BBH")
_REMEMBERED = 8  # events; a packet delayed longer than this many digits does not exist


@dataclass(slots=True)
class EventReceiver:
    """Tells new digits from repetitions, for one leg. Keeps a bounded memory whatever it is sent."""

    _seen: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    _event: int = -1
    _ssrc: int = 0
    _timestamp: int = 0
    _duration: int = 0
    _ended: bool = True

    def receive(self, ssrc: int, timestamp: int, marker: bool, payload: Buffer) -> tuple[str, int] | None:
        """The digit and its duration so far (ms) if these are the first octets that we see of it."""
        if len(payload) < EVENT.size:
            return None
        event, flags, duration = EVENT.unpack_from(payload)
        name = (ssrc, timestamp)
        if name in self._seen:
            if name == (self._ssrc, self._timestamp):
                self._duration = max(self._duration, duration)
                self._ended = self._ended or flags & END != 0
            return None
        continued = self._continues(ssrc, timestamp, marker, event)
        self._seen.append(name)
        self._event, self._ssrc, self._timestamp = event, ssrc, timestamp
        self._duration, self._ended = duration, flags & END != 0
        if continued or event >= len(DIGITS):
            return None
        return DIGITS[event], duration * 1000 // CLOCK_RATE

    def _continues(self, ssrc: int, timestamp: int, marker: bool, event: int) -> bool:
        """2.5.1.3: a key held longer than the duration field is sent as segments that join without a gap.

        Phones that move the timestamp with every packet of one key press are covered by the same rule.
        """
        if self._ended or marker or event != self._event or ssrc != self._ssrc:
            return False
        elapsed = (timestamp - self._timestamp) & 0xFFFFFFFF
        return elapsed <= self._duration + 3 * CLOCK_RATE // 50


@dataclass(slots=True)
class EventPacket:
    """One packet of an event that we send. `first`: it starts an event (marker bit, new timestamp)."""

    payload: bytes
    first: bool


def event_packets(digits: str, duration_ms: int, step_ms: int) -> Iterator[EventPacket | None]:
    """What to send every `step_ms` milliseconds so that the far end reads `digits`; None: a pause.

    Characters that are no digits are skipped.
    """
    duration_ms = min(max(duration_ms, MIN_DURATION_MS), MAX_DURATION_MS)
    total, step = duration_ms * CLOCK_RATE // 1000, step_ms * CLOCK_RATE // 1000
    for digit in digits:
        event = EVENT_OF.get(digit)
        if event is None:
            continue
        for duration in range(step, max(total, step + 1), step):
            yield EventPacket(EVENT.pack(event, VOLUME, duration), first=duration == step)
        for _ in range(END_PACKETS):
            yield EventPacket(EVENT.pack(event, END | VOLUME, total), first=False)
        for _ in range(-(-GAP_MS // step_ms)):
            yield None
