"""Telephone-events on their way to a listener beside its audio: from a stream of their own, or while the audio is made anew.

The listener's clock may be another one (RFC 4733 section 2.1: it is that of the codec beside the event). All packets of a key
press have one timestamp in the listener's stream, which is drawn with the first of them; durations are converted, and
where they outgrow their field the press goes on in segments (2.5.1.3).
"""

from __future__ import annotations

from dataclasses import dataclass

from media.dtmf import EVENT, EventReceiver, segment


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

    def convert(self, payload: bytes, elapsed: int, clock: int, listener_clock: int) -> tuple[int, bytes]:
        """The timestamp and the payload of a packet for the listener."""
        if clock == listener_clock or len(payload) < EVENT.size:
            return self.timestamp + elapsed * listener_clock // clock, payload
        event, flags, duration = EVENT.unpack_from(payload)
        start, shown = segment((elapsed + duration) * listener_clock // clock)
        return self.timestamp + start, EVENT.pack(event, flags, shown)
