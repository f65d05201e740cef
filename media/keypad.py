"""Digits that we send to a leg, in place of its source while they last: as events, or as tones where none were agreed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TypeAlias

from media.bank import Bank
from media.dtmf import EventPacket, event_packets
from media.forms import Form
from media.library import Library
from media.player import TICK_SAMPLES, Sink
from media.rtp import CLOCK_RATE, HEADER, MARKER, VERSION_2
from media.session import Leg, Session

MAX_DIGITS = 64  # in one command
MAX_WAITING = 8  # commands waiting for one leg

Step: TypeAlias = EventPacket | bytes | None
"""What is sent in the time of one packet: an event, audio, or nothing."""


@dataclass(slots=True)
class _Typing:
    """Digits on their way to one leg."""

    steps: Iterator[Step]
    next_tick: int
    waiting: int = 0
    timestamp: int = -1  # of the last packet; -1: none yet
    start: int = 0  # timestamp of the present event


class Keypad:
    """The legs that are being sent digits."""

    def __init__(self, session: Session, library: Library, bank: Bank, sink: Sink) -> None:
        self._session = session
        self._library = library
        self._bank = bank
        self._sink = sink
        self._typing: dict[int, _Typing] = {}

    @property
    def busy(self) -> bool:
        return bool(self._typing)

    def press(self, leg: Leg, digits: str, duration_ms: int, tick: int) -> None:
        """Send these digits after those that are on their way already. The leg counts as interrupted while they last."""
        digits = digits[:MAX_DIGITS]
        steps: Iterator[Step]
        if leg.terms.dtmf_type >= 0:
            step_ms = self._frame(leg) * 1000 // CLOCK_RATE
            steps = event_packets(digits, duration_ms, step_ms, leg.terms.event_clock)
        else:
            steps = self._sounding(leg, digits, duration_ms)
        typing = self._typing.get(leg.number)
        if typing is None:
            self._typing[leg.number] = _Typing(steps, tick + 1)
            leg.interrupted = True
        elif typing.waiting < MAX_WAITING:
            typing.waiting += 1
            typing.steps = chain(typing.steps, steps)

    def _frame(self, leg: Leg) -> int:
        """How long a packet lasts, in 1/8000 s, as when the leg is played to."""
        return self._session.legs.frame[leg.number]

    def forget(self, leg: Leg) -> None:
        """The leg is closed."""
        self._typing.pop(leg.number, None)

    def run(self, tick: int, clock: int) -> list[Leg]:
        """Send what is due by now. Returns the legs that have been sent all their digits."""
        finished: list[Leg] = []
        for number, typing in list(self._typing.items()):
            leg = self._session.open[number]
            assert leg is not None, "a leg is forgotten when it is closed"
            while typing.next_tick <= tick:
                typing.next_tick += self._frame(leg) // TICK_SAMPLES
                try:
                    step = next(typing.steps)
                except StopIteration:
                    del self._typing[number]
                    leg.interrupted = False
                    finished.append(leg)
                    break
                if step is not None and leg.hearing:
                    self._send(leg, typing, step, clock)
        return finished

    def _sounding(self, leg: Leg, digits: str, duration_ms: int) -> Iterator[bytes]:
        """The digits as audio."""
        legs, number = self._session.legs, leg.number
        for digit in digits:
            form, size = legs.law[number], legs.frame[number]
            if form < 0:
                return  # Nothing can be said in its codec.
            span = self._library.digit(digit, duration_ms)
            self._library.code_now(Form(form), span)
            for start in range(span.start, span.end, size):
                end = min(start + size, span.end)
                codes = self._bank.codes(form, start, end)
                yield codes + self._bank.pad(form, start + size - end) if end < start + size else codes

    def _send(self, leg: Leg, typing: _Typing, step: EventPacket | bytes, clock: int) -> None:
        legs, number, begins = self._session.legs, leg.number, typing.timestamp < 0
        if isinstance(step, EventPacket):
            if leg.terms.dtmf_type < 0:
                return  # A new answer took the type away in the middle of a digit.
            payload, kind, marked = step.payload, leg.terms.dtmf_type, step.first
            if step.first or begins:
                typing.start = self._session.next_timestamp(number, clock)
            # RFC 4733 section 2.5.1.2: every packet of an event has the timestamp of its start, or of its segment's.
            timestamp = typing.start + step.start * leg.terms.codec.clock // leg.terms.event_clock
        else:
            payload, kind, marked = step, leg.terms.payload_type, begins
            timestamp = typing.timestamp + self._frame(leg) * leg.terms.scale
            if begins:
                timestamp = self._session.next_timestamp(number, clock)
        if timestamp != typing.timestamp:
            typing.timestamp = timestamp
            legs.out_ts[number], legs.out_clock[number] = timestamp, clock
        legs.out_seq[number] += 1
        header = HEADER.pack(
            VERSION_2,
            MARKER * marked | kind,
            legs.out_seq[number] & 0xFFFF,
            typing.timestamp & 0xFFFFFFFF,
            legs.ssrc[number],
        )
        legs.sent[number] += 1
        legs.out_octets[number] += len(payload)
        packet = memoryview(header + payload)
        try:
            self._sink.senders[number](packet)
        except OSError as error:
            self._sink.failed(number, packet, error)
