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
MIN_DURATION_MS, MAX_DURATION_MS = 40, 8000
MAX_SEGMENT = 0xFFFF  # RTP units in the duration field: 8.19 s at 8000, 1.37 s at 48000
GAP_MS = 60  # between two digits; 50 is the least that a detector must tell apart

EVENT = Struct("!BBH")
_REMEMBERED = 8  # events; a packet delayed longer than this many digits does not exist


@dataclass(slots=True)
class EventReceiver:
    """Tells new digits from repetitions, for one leg. Keeps a bounded memory whatever it is sent.

    `clock`: of its durations, hertz (2.1: that of the codec beside it, but many phones say 8000 beside all of them);
    `stream_clock`: of its timestamps, 0: the same.
    """

    clock: int = CLOCK_RATE
    stream_clock: int = 0
    _seen: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    _event: int = -1
    _ssrc: int = 0
    _timestamp: int = 0
    _start: int = 0  # timestamp of the first segment
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
        if not continued:
            self._start = timestamp
        if continued or event >= len(DIGITS):
            return None
        return DIGITS[event], duration * 1000 // self.clock

    @property
    def press(self) -> tuple[int, int] | None:
        """SSRC and timestamp of the start of the last key press, whether it has ended or not; None: there was none."""
        return (self._ssrc, self._start) if self._seen else None

    def since_start(self, ssrc: int, timestamp: int) -> int | None:
        """How long after the start of the last key press that timestamp is, in RTP units; None: it is of an earlier one."""
        if ssrc != self._ssrc:
            return None
        elapsed = (timestamp - self._start) & 0xFFFFFFFF
        return elapsed if elapsed <= (self._timestamp - self._start) & 0xFFFFFFFF else None

    def belongs(self, ssrc: int, timestamp: int, press: tuple[int, int]) -> bool:
        """Whether that is a packet of this press, or of one before it; the receiver has seen it already."""
        elapsed = self.since_start(ssrc, timestamp)
        if elapsed is None:
            return self.press == press
        return (ssrc, (timestamp - elapsed) & 0xFFFFFFFF) == press

    def _continues(self, ssrc: int, timestamp: int, marker: bool, event: int) -> bool:
        """2.5.1.3: a key held longer than the duration field is sent as segments that join without a gap.

        Phones that move the timestamp with every packet of one key press are covered by the same rule.
        """
        if self._ended or marker or event != self._event or ssrc != self._ssrc:
            return False
        elapsed = (timestamp - self._timestamp) & 0xFFFFFFFF
        clock = self.stream_clock or self.clock
        return elapsed <= self._duration * clock // self.clock + 3 * clock // 50


@dataclass(slots=True)
class EventPacket:
    """One packet of an event that we send. `first`: it starts an event (marker bit, new timestamp).

    `start`: of its segment, in RTP units since the start of the event.
    """

    payload: bytes
    first: bool
    start: int = 0


def segment(duration: int) -> tuple[int, int]:
    """2.5.1.3: where the segment begins that ends at a duration, and what its duration field says."""
    start = max(duration - 1, 0) // MAX_SEGMENT * MAX_SEGMENT
    return start, duration - start


def event_packets(digits: str, duration_ms: int, step_ms: int, clock: int = CLOCK_RATE) -> Iterator[EventPacket | None]:
    """What to send every `step_ms` milliseconds so that the far end reads `digits`; None: a pause.

    Characters that are no digits are skipped.
    """
    duration_ms = min(max(duration_ms, MIN_DURATION_MS), MAX_DURATION_MS)
    total, step = duration_ms * clock // 1000, step_ms * clock // 1000
    for digit in digits:
        event = EVENT_OF.get(digit)
        if event is None:
            continue
        for duration in range(step, max(total, step + 1), step):
            start, shown = segment(duration)
            yield EventPacket(EVENT.pack(event, VOLUME, shown), first=duration == step, start=start)
        start, shown = segment(total)
        for _ in range(END_PACKETS):
            yield EventPacket(EVENT.pack(event, END | VOLUME, shown), first=False, start=start)
        for _ in range(-(-GAP_MS // step_ms)):
            yield None
