"""What happens to one RTP packet, step by step (RFC 3550, RFC 4733).

A packet that came from the address of its leg is counted, its digits are reported, and it is turned into the packet that
the listening leg hears. The outgoing stream of a leg is one stream whatever feeds it: its SSRC never changes, its sequence
numbers go on by one where one source replaces another, its timestamps follow real time, and the first packet of a new source
has the marker bit. Between two such moments a relayed packet differs from the received one by constants only, which is
what the fast relays live on; each of them must leave the same octets and the same numbers behind as this module does.

`clock` is the time of arrival in RTP units (1/8000 s) of any steady clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from media.control import Digit, Statistics, WorkerEvent
from media.dtmf import EventReceiver
from media.ears import Ears
from media.legs import NONE, UNMAPPED, UNROUTED, Legs
from media.rtcp import Reporter, Stream
from media.rtp import (
    CLOCK_RATE,
    COMFORT_NOISE,
    HEADER,
    HEADER_SIZE,
    MARKER,
    MAX_DROPOUT,
    MAX_MISORDER,
    VERSION_2,
    payload_bounds,
)

Address: TypeAlias = tuple[str, int]

_unpack = HEADER.unpack_from
_pack = HEADER.pack_into


@dataclass(slots=True)
class Terms:
    """What the two sides agreed for one leg. `law` is G.711's (`g711.Law`); a type of -1 was not agreed."""

    law: int
    payload_type: int
    dtmf_type: int
    receive_type: int
    receive_dtmf_type: int
    samples: int = 160  # per packet that we send
    send: bool = True
    receive: bool = True
    timeout: float = 0.0


@dataclass(slots=True)
class Leg:
    """An open leg: what is not in the tables because few packets need it."""

    number: int
    terms: Terms
    reporter: Reporter
    address: Address | None = None  # where its RTP goes; None: not known yet
    hears: int = -1  # the leg whose packets it is sent
    heard_by: int = -1  # the leg that is sent its packets
    interrupted: bool = False  # something else is sent in place of its source
    started: bool = False  # a stream arrives
    bad_sequence: int = -1  # appendix A.1: a second packet that goes on from here makes a new stream
    received_before: int = 0  # in streams before the present one
    lost_before: int = 0
    foreign: int = 0
    invalid: int = 0
    forged: int = 0
    digits: int = 0
    events: EventReceiver = field(default_factory=EventReceiver)
    inserted: tuple[int, int] | None = None  # SSRC and timestamp of an event that came beside the stream
    inserted_ts: int = 0

    @property
    def hearing(self) -> bool:
        """RTP may be sent to it now."""
        return self.address is not None and self.terms.send


class Session:
    """The packet path of one worker: the tables, the open legs, and what they reported."""

    def __init__(self, legs: Legs, translations: tuple[bytes, bytes]) -> None:
        """`translations`: what `bytes.translate` needs to make mu-law of A-law, and the reverse."""
        self.legs = legs
        self.open: list[Leg | None] = [None] * legs.count
        self.events: list[WorkerEvent] = []
        self.pressed: list[int] = []  # legs that sent a digit, until somebody looks
        self.ears: Ears | None = None
        self._translations = (b"", *translations)

    # --- one packet --------------------------------------------------------------------------------------------------

    def receive(self, number: int, buffer: memoryview | bytearray, size: int, clock: int) -> int:
        """Take the packet `buffer[:size]` of a leg, and turn it in place into what its listener hears.

        Returns the size of that, for the leg `legs.route[number]`, or 0 if nothing is to be sent. `buffer` is writable.
        """
        leg = self.open[number]
        if leg is None:
            return 0
        if self.legs.lending and self.legs.lent[number]:
            self.legs.take_back(number)
        if size < HEADER_SIZE:
            leg.invalid += 1
            return 0
        first, second, sequence, timestamp, ssrc = _unpack(buffer)
        if first != VERSION_2:
            start, end = payload_bounds(buffer, size)
            if not start:
                leg.invalid += 1
                return 0
            # Contributors, extension and padding end here: the other leg agreed on none of them.
            buffer[HEADER_SIZE : HEADER_SIZE + end - start] = bytes(buffer[start:end])
            size = HEADER_SIZE + end - start
        kind = second & 0x7F
        terms = leg.terms
        audio = kind == terms.receive_type
        if not audio and kind != terms.receive_dtmf_type and kind != COMFORT_NOISE:
            leg.invalid += 1
            return 0
        event = not audio and kind == terms.receive_dtmf_type

        legs = self.legs
        if not leg.started or ssrc != legs.in_ssrc[number]:
            if event and leg.started:
                return self._insert(leg, buffer, size, clock)
            packet = self._start(leg, ssrc, sequence, timestamp, clock)
        else:
            highest = legs.highest[number]
            ahead = (sequence - highest) & 0xFFFF
            if ahead < MAX_DROPOUT:
                legs.highest[number] = packet = highest + ahead
            elif ahead > 0x10000 - MAX_MISORDER:
                packet = highest + ahead - 0x10000
            elif sequence == leg.bad_sequence:
                packet = self._start(leg, ssrc, sequence, timestamp, clock)
            else:
                leg.bad_sequence = (sequence + 1) & 0xFFFF
                leg.invalid += 1
                return 0
            if audio:  # An event keeps its timestamp while it lasts, which is no jitter.
                transit = clock - timestamp
                moved = (transit - legs.transit[number]) & 0xFFFFFFFF
                legs.transit[number] = transit
                jitter = legs.jitter[number]
                legs.jitter[number] = jitter + min(moved, 0x100000000 - moved) - (jitter + 8 >> 4)
        legs.received[number] += 1
        legs.octets[number] += size - HEADER_SIZE
        legs.heard[number] = clock
        if event:
            self._detect(leg, ssrc, timestamp, second >= MARKER, buffer, size)
        elif legs.listened[number] and self.ears is not None:
            self.ears.hear(number, packet, timestamp, kind, memoryview(buffer)[HEADER_SIZE:size], clock)

        route = legs.route[number]
        if route == NONE:
            return 0
        if event:
            listener = self.open[route]
            out_type = listener.terms.dtmf_type if listener is not None else -1
        else:
            out_type = legs.word[number] >> 16 & 0x7F if audio else -1
        if out_type < 0 or size == HEADER_SIZE:
            self._leave_out(number, packet)
            return 0
        map_base = legs.map_base[number]
        if packet < map_base:
            if map_base != UNMAPPED:
                return 0  # Its place in the outgoing stream was taken by what came before the switch.
            self._map(number, route, packet, sequence, timestamp, clock)
            second |= MARKER
        out_seq = (sequence + legs.seq_offset[number]) & 0xFFFF
        out_ts = (timestamp + legs.ts_offset[number]) & 0xFFFFFFFF
        _pack(buffer, 0, VERSION_2, second & MARKER | out_type, out_seq, out_ts, legs.out_ssrc[number])
        if audio:
            law = legs.translate[number]
            if law:
                buffer[HEADER_SIZE:size] = bytes(buffer[HEADER_SIZE:size]).translate(self._translations[law])
            legs.out_step[route] = size - HEADER_SIZE
        ahead = (out_seq - legs.out_seq[route]) & 0xFFFF
        if ahead < 0x8000:
            legs.out_seq[route] += ahead
        ahead = (out_ts - legs.out_ts[route]) & 0xFFFFFFFF
        if 0 < ahead < 0x80000000:
            legs.out_ts[route] += ahead
            legs.out_clock[route] = clock
        legs.sent[route] += 1
        legs.out_octets[route] += size - HEADER_SIZE
        return size

    def _start(self, leg: Leg, ssrc: int, sequence: int, timestamp: int, clock: int) -> int:
        """A stream begins: the first of the leg, a new SSRC, or numbers that start anew. Returns its first number."""
        legs, number = self.legs, leg.number
        if leg.started:
            leg.lost_before, leg.received_before = self._lost(leg), legs.received[number]
        leg.started = True
        leg.bad_sequence = -1
        legs.in_ssrc[number] = ssrc
        legs.highest[number] = legs.lowest[number] = sequence
        legs.transit[number] = clock - timestamp
        legs.jitter[number] = 0
        if legs.route[number] != NONE:
            legs.map_base[number] = UNMAPPED
        self.refresh(leg)
        return sequence

    def _map(self, number: int, route: int, packet: int, sequence: int, timestamp: int, clock: int) -> None:
        """Draw the line from this packet, the first of a source, to the next one of the outgoing stream."""
        legs = self.legs
        out_seq, out_ts = legs.out_seq[route] + 1, self.next_timestamp(route, clock)
        legs.out_seq[route], legs.out_ts[route], legs.out_clock[route] = out_seq, out_ts, clock
        legs.seq_offset[number] = (out_seq - sequence) & 0xFFFF
        legs.ts_offset[number] = (out_ts - timestamp) & 0xFFFFFFFF
        legs.map_base[number] = packet
        legs.fresh[route] = 0

    def next_timestamp(self, number: int, clock: int) -> int:
        """The timestamp of what is sent to a leg now: real time has gone on since its last one was given, if any was."""
        legs = self.legs
        if not legs.sent[number]:
            return legs.out_ts[number]
        return legs.out_ts[number] + max(legs.out_step[number], clock - legs.out_clock[number])

    def _leave_out(self, number: int, packet: int) -> None:
        """Close the gap that a packet which is not relayed leaves, so that the listener does not take it for lost."""
        legs = self.legs
        if packet == legs.highest[number] and legs.map_base[number] <= packet:
            legs.seq_offset[number] = (legs.seq_offset[number] - 1) & 0xFFFF
            legs.map_base[number] = packet + 1  # What is older would now take a number twice.

    def _insert(self, leg: Leg, buffer: memoryview | bytearray, size: int, clock: int) -> int:
        """An event with an SSRC of its own (some senders do that): goes out between the packets of the stream."""
        legs, number = self.legs, leg.number
        _, second, _, timestamp, ssrc = _unpack(buffer)
        legs.heard[number] = clock
        self._detect(leg, ssrc, timestamp, second >= MARKER, buffer, size)
        route = legs.route[number]
        listener = self.open[route] if route != NONE else None
        if listener is None or listener.terms.dtmf_type < 0 or size == HEADER_SIZE:
            return 0
        if leg.inserted != (ssrc, timestamp):
            leg.inserted, leg.inserted_ts = (ssrc, timestamp), self.next_timestamp(route, clock)
            legs.out_ts[route], legs.out_clock[route] = leg.inserted_ts, clock
        legs.out_seq[route] += 1
        if legs.map_base[number] != UNMAPPED:
            legs.seq_offset[number] = (legs.seq_offset[number] + 1) & 0xFFFF
            legs.map_base[number] = legs.highest[number] + 1
        out_seq, out_ts = legs.out_seq[route] & 0xFFFF, leg.inserted_ts & 0xFFFFFFFF
        _pack(buffer, 0, VERSION_2, second & MARKER | listener.terms.dtmf_type, out_seq, out_ts, legs.out_ssrc[number])
        legs.sent[route] += 1
        legs.out_octets[route] += size - HEADER_SIZE
        return size

    def _detect(
        self, leg: Leg, ssrc: int, timestamp: int, marker: bool, buffer: memoryview | bytearray, size: int
    ) -> None:
        found = leg.events.receive(ssrc, timestamp, marker, buffer[HEADER_SIZE:size])
        if found and leg.terms.receive:
            leg.digits += 1
            self.events.append(Digit(leg.number, *found))
            self.pressed.append(leg.number)

    # --- who hears whom ----------------------------------------------------------------------------------------------

    def connect(self, speaker: int, listener: int) -> None:
        """The packets of one leg go to another (or to itself) from now on. Both are open."""
        source, target = self.open[speaker], self.open[listener]
        assert source is not None and target is not None
        if target.hears == speaker:
            return
        self.disconnect(listener)
        self.silence(speaker)
        source.heard_by, target.hears = listener, speaker
        self.reroute(source)

    def disconnect(self, listener: int) -> None:
        """The leg hears no other leg from now on."""
        target = self.open[listener]
        if target is None or target.hears < 0:
            return
        source = self.open[target.hears]
        target.hears = -1
        if source is not None:
            source.heard_by = -1
            self.reroute(source)

    def silence(self, speaker: int) -> int:
        """Nobody hears the leg from now on; returns who did, or -1."""
        source = self.open[speaker]
        if source is None or source.heard_by < 0:
            return -1
        listener = source.heard_by
        self.disconnect(listener)
        return listener

    def reroute(self, leg: Leg) -> None:
        """Fill in what the leg's packets become, after anything about it or its listener has changed."""
        legs, number = self.legs, leg.number
        if legs.lent[number]:
            legs.take_back(number)
        listener = self.open[leg.heard_by] if leg.heard_by >= 0 else None
        if listener is None or not listener.hearing or listener.interrupted or not leg.terms.receive:
            legs.route[number] = NONE
            legs.map_base[number] = UNROUTED
        else:
            if legs.route[number] != listener.number:
                legs.route[number] = listener.number
                legs.map_base[number] = UNMAPPED
            legs.word[number] = VERSION_2 << 24 | listener.terms.payload_type << 16
            legs.out_ssrc[number] = legs.ssrc[listener.number]
            legs.translate[number] = listener.terms.law + 1 if listener.terms.law != leg.terms.law else 0
        self.refresh(leg)

    def refresh(self, leg: Leg) -> None:
        """Say which packets of the leg need nothing but counting and constants."""
        self.legs.key[leg.number] = VERSION_2 << 24 | leg.terms.receive_type << 16 if leg.started else NONE

    # --- statistics --------------------------------------------------------------------------------------------------

    def stream(self, leg: Leg) -> Stream | None:
        """The stream that arrives now, for RTCP."""
        if not leg.started:
            return None
        legs, number = self.legs, leg.number
        expected = legs.highest[number] - legs.lowest[number] + 1
        received = legs.received[number] - leg.received_before
        return Stream(legs.in_ssrc[number], expected, received, legs.highest[number], legs.jitter[number] >> 4)

    def _lost(self, leg: Leg) -> int:
        """Lost in all streams so far. Duplicates may not make it less than nothing."""
        stream = self.stream(leg)
        return leg.lost_before + (max(0, stream.expected - stream.received) if stream else 0)

    def statistics(self, leg: Leg) -> Statistics:
        legs, number, reporter = self.legs, leg.number, leg.reporter
        return Statistics(
            number,
            packets_received=legs.received[number],
            bytes_received=legs.octets[number],
            packets_sent=legs.sent[number],
            bytes_sent=legs.out_octets[number],
            lost=self._lost(leg),
            jitter_ms=(legs.jitter[number] >> 4) * 1000 / CLOCK_RATE,
            round_trip_ms=reporter.round_trip_ms,
            dropped_foreign=leg.foreign,
            dropped_invalid=leg.invalid,
            dropped_forged=leg.forged,
            digits=leg.digits,
            remote_lost=reporter.remote_lost,
            remote_jitter_ms=reporter.remote_jitter_ms,
        )
