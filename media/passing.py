"""Telephone-events on their way to a listener beside its audio: from a stream of their own, or while the audio is made anew.

The listener's clocks may be others: timestamps count in that of the stream, durations in that of the event, which should be the
same (RFC 4733 section 2.1) and often is not. All packets of a key press have one timestamp in the listener's stream, which is
drawn with the first of them; durations are converted, and where they outgrow their field the press goes on in segments (2.5.1.3).
"""

from __future__ import annotations

from dataclasses import dataclass

from media.dtmf import EVENT, MAX_SEGMENT, EventReceiver, segment
from media.rtp import HEADER_SIZE
from media.terms import Terms


@dataclass(slots=True)
class Passage:
    """The key presses of one leg, as its listener gets them."""

    press: tuple[int, int] | None = None  # SSRC and timestamp of the last one
    timestamp: int = 0  # of its start in the listener's stream

    def place(self, receiver: EventReceiver, ssrc: int, timestamp: int, next_timestamp: int) -> int:
        """Where in the present press a packet belongs, in RTP units of its sender; -1: it is of an earlier one.

        `next_timestamp` is taken if the press is a new one. The receiver has seen the packet already.
        """
        elapsed = receiver.since_start(ssrc, timestamp)
        if elapsed is None:
            return -1  # Its press would get a second timestamp, and be heard twice.
        press = ssrc, (timestamp - elapsed) & 0xFFFFFFFF
        if self.press != press:
            later = self.timestamp + 1 if self.press is not None else next_timestamp
            self.press, self.timestamp = press, max(next_timestamp, later)
        return elapsed

    def convert(self, payload: bytes, elapsed: int, speaker: Terms, listener: Terms) -> tuple[int, bytes]:
        """The timestamp and the payload of a packet for the listener."""
        stream, clock = listener.codec.clock, listener.event_clock
        if (speaker.codec.clock, speaker.event_clock) == (stream, clock) or len(payload) < EVENT.size:
            return self.timestamp + elapsed * stream // speaker.codec.clock, payload
        event, flags, duration = EVENT.unpack_from(payload)
        counted, stamped = speaker.event_clock, speaker.codec.clock
        start, shown = segment((elapsed * counted + duration * stamped) * clock // (stamped * counted))
        return self.timestamp + start * stream // clock, EVENT.pack(event, flags, shown)


def restate(packet: memoryview | bytearray, size: int, clock: int, listener_clock: int) -> None:
    """Convert the duration in an event that stays where it is in its stream. What outgrows the field is cut off there."""
    if clock != listener_clock and size >= HEADER_SIZE + EVENT.size:
        event, flags, duration = EVENT.unpack_from(packet, HEADER_SIZE)
        EVENT.pack_into(packet, HEADER_SIZE, event, flags, min(duration * listener_clock // clock, MAX_SEGMENT))
