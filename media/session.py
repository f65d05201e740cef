"""What happens to one RTP packet, step by step (RFC 3550, RFC 4733).

A packet that came from the address of its leg is counted, its digits are reported, and it is turned into the packet that
the listening leg hears. The outgoing stream of a leg is one stream whatever feeds it: its SSRC never changes, its sequence
numbers go on by one where one source replaces another, its timestamps follow real time, and the first packet of a new source
has the marker bit. Between two such moments a relayed packet differs from the received one by constants only, which is
what the fast relays live on; each of them must leave the same octets and the same numbers behind as this module does.

`clock` is the time of arrival in 1/8000 s of any steady clock. A leg counts RTP units of its own, `scale` of them in that time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from media.control import Digit, Statistics, WorkerEvent
from media.dtmf import EVENT, EventReceiver
from media.ears import Ears
from media.legs import NONE, UNMAPPED, UNROUTED, Legs
from media.passing import Passage, restate
from media.rtcp import Reporter, Stream
from media.rtp import (
    COMFORT_NOISE,
    HEADER,
    HEADER_SIZE,
    MARKER,
    MAX_DROPOUT,
    MAX_MISORDER,
    MAX_SIZE,
    VERSION_2,
    payload_bounds,
)
from media.terms import Terms, relayable, translation

Address: TypeAlias = tuple[str, int]

OVERLAP = 480  # RTP units, 60 ms: a stream that was heard since is not replaced by one of another SSRC

_unpack = HEADER.unpack_from
_pack = HEADER.pack_into


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
    passage: Passage = field(default_factory=Passage)  # of events that go to the listener beside its audio
    beside: int = -1  # the leg that is sent its events, while its audio is made anew for that
    spent: tuple[int, int] | None = None  # the last key press before its listener heard it: meant for somebody else
    retimed: bool = False  # its clock has changed: the next packet begins the measurement of jitter anew

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
        self.asides: list[tuple[int, bytes]] = []  # packets for legs, which go beside what is relayed to them
        self.unsettled: set[int] = set()  # listeners for whom somebody should see whether they are relayed to
        self.translating = False  # whether audio that cannot be relayed is made anew by somebody
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
        if not HEADER_SIZE <= size <= MAX_SIZE:
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
        event = not audio and kind == terms.receive_dtmf_type
        if not audio and not event and kind != COMFORT_NOISE and kind != terms.noise_type:
            leg.invalid += 1
            return 0

        legs = self.legs
        if not leg.started or ssrc != legs.in_ssrc[number]:
            if event and leg.started:
                return self._insert(leg, buffer, size, clock)
            if leg.started and clock - legs.heard[number] < OVERLAP:
                # Whoever can write the far end's address on a packet must not be able to take its place while it talks.
                leg.invalid += 1
                return 0
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
                transit = clock * legs.scale[number] - timestamp
                if leg.retimed:
                    self._measure_anew(leg, transit)
                moved = (transit - legs.transit[number]) & 0xFFFFFFFF
                legs.transit[number] = transit
                jitter = legs.jitter[number]
                legs.jitter[number] = jitter + min(moved, 0x100000000 - moved) - (jitter + 8 >> 4)
        legs.received[number] += 1
        legs.octets[number] += size - HEADER_SIZE
        legs.heard[number] = clock
        if event:
            self._detect(leg, ssrc, timestamp, second >= MARKER, buffer, size)
            if leg.spent is not None and leg.events.belongs(ssrc, timestamp, leg.spent):
                self._leave_out(number, packet)
                return 0
        elif legs.listened[number] and self.ears is not None:
            self.ears.hear(number, packet, timestamp, kind, memoryview(buffer)[HEADER_SIZE:size], clock)

        route = legs.route[number]
        if route == NONE:
            if event and leg.beside >= 0:
                self._pass_beside(leg, leg.beside, buffer, size, clock)
            return 0
        if audio:
            out_type = legs.word[number] >> 16 & 0x7F
        else:
            listener = self.open[route]
            assert listener is not None, "a route leads to an open leg"
            out_type = listener.terms.dtmf_type if event else listener.terms.noise_type
            if event:
                restate(buffer, size, terms.event_clock, listener.terms.event_clock)
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
            legs.out_step[route] = ((size - HEADER_SIZE) * legs.pair[number] >> 1) + legs.usual[number]
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
        leg.retimed = False
        legs.transit[number] = clock * legs.scale[number] - timestamp
        legs.jitter[number] = 0
        if legs.route[number] != NONE:
            legs.map_base[number] = UNMAPPED
        self.refresh(leg)
        return sequence

    def _measure_anew(self, leg: Leg, transit: int) -> None:
        self.legs.transit[leg.number] = transit
        leg.retimed = False
        self.refresh(leg)

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
        elapsed = (clock - legs.out_clock[number]) * legs.scale[number]
        return legs.out_ts[number] + max(legs.out_step[number], elapsed)

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
        if leg.spent is not None and leg.events.belongs(ssrc, timestamp, leg.spent):
            return 0
        route = legs.route[number]
        if route == NONE:
            if leg.beside >= 0:
                self._pass_beside(leg, leg.beside, buffer, size, clock)
            return 0
        listener = self.open[route]
        if listener is None or listener.terms.dtmf_type < 0 or size < HEADER_SIZE + EVENT.size:
            return 0
        elapsed = leg.passage.place(leg.events, ssrc, timestamp, self.next_timestamp(route, clock))
        if elapsed < 0:
            return 0
        out_ts = leg.passage.timestamp + elapsed
        if out_ts > legs.out_ts[route]:
            legs.out_ts[route], legs.out_clock[route] = out_ts, clock
        if legs.map_base[number] != UNMAPPED:
            legs.seq_offset[number] = (legs.seq_offset[number] + 1) & 0xFFFF
            legs.map_base[number] = legs.highest[number] + 1
        restate(buffer, size, leg.terms.event_clock, listener.terms.event_clock)
        _pack(buffer, 0, *self._next_event(listener, second, out_ts, size - HEADER_SIZE))
        return size

    def _pass_beside(self, leg: Leg, number: int, buffer: memoryview | bytearray, size: int, clock: int) -> None:
        """An event for a listener whose audio comes from elsewhere: the packets of both take turns in one stream.

        Its timestamp is that of the audio beside it, which does not wait for it.
        """
        listener = self.open[number]
        if listener is None or listener.terms.dtmf_type < 0 or size < HEADER_SIZE + EVENT.size:
            return
        _, second, _, timestamp, ssrc = _unpack(buffer)
        elapsed = leg.passage.place(leg.events, ssrc, timestamp, self.next_timestamp(number, clock))
        if elapsed < 0:
            return
        payload = bytes(buffer[HEADER_SIZE:size])
        out_ts, payload = leg.passage.convert(payload, elapsed, leg.terms, listener.terms)
        header = HEADER.pack(*self._next_event(listener, second, out_ts, len(payload)))
        self.asides.append((number, header + payload))

    def _next_event(self, listener: Leg, second: int, out_ts: int, octets: int) -> tuple[int, int, int, int, int]:
        """The header of an event that is put into a leg's stream now. It is counted as sent."""
        legs, number = self.legs, listener.number
        legs.out_seq[number] += 1
        legs.sent[number] += 1
        legs.out_octets[number] += octets
        kind = second & MARKER | listener.terms.dtmf_type
        return VERSION_2, kind, legs.out_seq[number] & 0xFFFF, out_ts & 0xFFFFFFFF, legs.ssrc[number]

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
        source.passage = Passage()
        self.reroute(source)

    def disconnect(self, listener: int) -> None:
        """The leg hears no other leg from now on."""
        target = self.open[listener]
        if target is None or target.hears < 0:
            return
        source = self.open[target.hears]
        target.hears = -1
        self.unsettled.add(listener)
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

    def relays(self, leg: Leg, listener: Leg) -> bool:
        """Whether what one of them says goes to the other as it is. If not, it is made anew, or cannot be heard."""
        return relayable(leg.terms, listener.terms, any_length=not self.translating)

    def reroute(self, leg: Leg) -> None:
        """Fill in what the leg's packets become, after anything about it or its listener has changed."""
        legs, number = self.legs, leg.number
        if legs.lent[number]:
            legs.take_back(number)
        listener = self.open[leg.heard_by] if leg.heard_by >= 0 else None
        before = legs.route[number], leg.beside
        leg.beside = -1
        if listener is not None:
            self.unsettled.add(listener.number)
        if listener is None or not listener.hearing or listener.interrupted or not leg.terms.receive:
            legs.route[number] = NONE
            legs.map_base[number] = UNROUTED
        elif not self.relays(leg, listener):
            leg.beside = listener.number
            legs.route[number] = NONE
            legs.map_base[number] = UNROUTED
        else:
            if legs.route[number] != listener.number:
                legs.route[number] = listener.number
                legs.map_base[number] = UNMAPPED
            legs.word[number] = VERSION_2 << 24 | listener.terms.payload_type << 16
            legs.out_ssrc[number] = legs.ssrc[listener.number]
            legs.translate[number] = translation(leg.terms, listener.terms)
        if (legs.route[number], leg.beside) != before:
            # What was begun for a menu is not for whoever answers while the key is still down; and of a press that the
            # listener knows already, the rest would be a second one.
            leg.spent = leg.events.press
        self.refresh(leg)

    def refresh(self, leg: Leg) -> None:
        """Say which packets of the leg need nothing but counting and constants."""
        steady = leg.started and not leg.retimed
        self.legs.key[leg.number] = VERSION_2 << 24 | leg.terms.receive_type << 16 if steady else NONE

    def agree(self, leg: Leg, terms: Terms) -> None:
        """New terms for a leg. Its stream goes on, in another clock if that has changed."""
        legs, number = self.legs, leg.number
        if legs.lent[number]:
            legs.take_back(number)
        if terms.scale != legs.scale[number] and leg.started:
            leg.retimed = True
            legs.jitter[number] = 0
        if terms.timing != leg.terms.timing or not legs.sent[number]:
            legs.out_step[number] = terms.samples * terms.scale
        leg.terms = terms
        leg.events.stream_clock = leg.reporter.clock = terms.codec.clock
        leg.events.clock = terms.event_clock
        legs.time(number, terms.timing)

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
            jitter_ms=(legs.jitter[number] >> 4) * 1000 / leg.terms.codec.clock,
            round_trip_ms=reporter.round_trip_ms,
            dropped_foreign=leg.foreign,
            dropped_invalid=leg.invalid,
            dropped_forged=leg.forged,
            digits=leg.digits,
            remote_lost=reporter.remote_lost,
            remote_jitter_ms=reporter.remote_jitter_ms,
        )
