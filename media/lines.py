"""One leg whose codec keeps state from packet to packet (G.722, Opus), or which is not sent a packet every 20 ms.

Such a stream must be decoded in order and each packet once. So its packets wait as they came, and are decoded into the
ring of the jitter buffer just before they are heard; what was lost is concealed by the decoder, which knows best.
"""

from __future__ import annotations

import numpy as np

from media.codec import Codec, Decoder, Encoder, Samples
from media.jitter import END, MODE, NOISE, POS, Jitter
from media.rings import EMPTY
from media.rtp import CLOCK_RATE

MAX_WAITING = 64  # packets of one leg: more than fits into the ring, whatever their length
GAP_MS = 120  # a longer gap is no loss that could be concealed


class Listening:
    """The packets of one leg, until they are decoded."""

    def __init__(self, leg: int, codec: Codec, decoder: Decoder, jitter: Jitter) -> None:
        self._leg = leg
        self._codec = codec
        self._decoder = decoder
        self._jitter = jitter
        self._waiting: dict[int, tuple[int, bytes]] = {}  # by number: position, payload
        self._next = -1  # the number of the packet to be decoded next; -1: the first that is there
        self._until = 0  # up to where the ring is filled
        self._stamp = self._extended = 0  # the newest RTP timestamp, as it came and with its wraps
        self.span = jitter.frame  # samples of the packet that was decoded last

    def place(self, stamp: int) -> int:
        """Where a packet with this timestamp lies, in samples since some beginning."""
        self._extended += (stamp - self._stamp + 0x80000000 & 0xFFFFFFFF) - 0x80000000
        self._stamp = stamp
        return self._extended * self._jitter.rate // self._codec.clock

    def put(self, packet: int, payload: bytes, at: int, *, began: bool) -> None:
        """A packet that came in time, and its position in the ring. `began`: with it a stream began."""
        if began:
            self._waiting.clear()
            self._next, self._until = -1, at
        if len(self._waiting) < MAX_WAITING and (self._next < 0 or packet >= self._next):
            self._waiting[packet] = at, payload

    def skip(self, packet: int) -> None:
        """The packet of that number was no audio: it is not missing."""
        if self._next == packet:
            self._next += 1

    def fill(self) -> None:
        """Decode what is to be heard next, and a little more where it is there."""
        state, frame = self._jitter.state[self._leg], self._jitter.frame
        if not self._waiting or int(state[MODE]) == 0:
            return
        needed = int(state[POS]) + frame
        if self._until < int(state[POS]):
            self._until = int(state[POS])  # What was not there in time has been filled in otherwise.
        while self._until < needed + frame and self._waiting:
            number = self._next if self._next in self._waiting else min(self._waiting)
            at, payload = self._waiting[number]
            lost = number - self._next if self._next >= 0 else 0
            if lost > 0 and at > self._until and not state[NOISE]:
                if self._until >= needed:
                    return  # It may come yet.
                if at - self._until <= GAP_MS * self._jitter.rate // 1000:
                    self._conceal(at - self._until, payload if lost == 1 else None)
            del self._waiting[number]
            self._decode(number, at, payload)

    def _conceal(self, samples: int, following: bytes | None) -> None:
        made = self._decoder.conceal(samples, following)
        self._write(self._until, made)
        self._jitter.note_concealed(self._leg, len(made))

    def _decode(self, number: int, at: int, payload: bytes) -> None:
        samples = self._decoder.decode(payload)
        self._next = number + 1
        if len(samples):
            self.span = len(samples)
            self._write(max(at, self._until) if abs(at - self._until) < 8 else at, samples)

    def _write(self, at: int, samples: Samples) -> None:
        self._jitter.write(self._leg, at, len(samples), np.maximum(samples, EMPTY + 1))
        self._until = at + len(samples)
        state = self._jitter.state[self._leg]
        state[END] = max(int(state[END]), self._until)


class Speaking:
    """What one leg is to hear, in packets of its own length."""

    def __init__(self, codec: Codec, encoder: Encoder, milliseconds: int) -> None:
        self.rtp_clock = codec.clock
        self.rate = encoder.rate
        self.step = milliseconds * codec.clock // 1000
        self.ticks = milliseconds * CLOCK_RATE // 1000
        self._size = milliseconds * encoder.rate // 1000
        self._encoder = encoder
        self._samples: Samples = np.zeros(0, np.int16)

    def say(self, samples: Samples) -> list[bytes]:
        """The payloads that are complete with these samples."""
        if not len(self._samples) and len(samples) == self._size:
            return [self._encoder.encode(samples)]
        samples = np.concatenate((self._samples, samples))
        whole = len(samples) // self._size * self._size
        self._samples = samples[whole:]
        return [self._encoder.encode(samples[start : start + self._size]) for start in range(0, whole, self._size)]

    def forget(self) -> None:
        """What follows does not go on from what was said."""
        self._samples = self._samples[:0]
