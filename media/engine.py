"""Performs the commands of call control on the legs of one worker. Computes only: sockets, clock and chance are handed in.

`now` is monotonic seconds. What is to be told to call control collects in `events`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from media import transports
from media.attention import Attention
from media.bank import Bank
from media.codecs import codec_of
from media.control import (
    Close,
    Command,
    Finish,
    Load,
    Modify,
    Open,
    Pause,
    Record,
    SendDigits,
    Statistics,
    WorkerEvent,
)
from media.dtls import Identity
from media.forms import BLOCK, Coding, Form, Piece, form_of
from media.g711 import TRANSLATE
from media.inband import InBand
from media.keypad import Keypad
from media.latch import Address
from media.legs import Legs
from media.library import Library, Recording
from media.player import TICK, Player, Sink
from media.recorder import Recorders
from media.rtcp import Reporter
from media.rtp import CLOCK_RATE
from media.session import Leg, Session
from media.sources import Sources, State
from media.studio import Studio
from media.survey import Survey
from media.terms import MAX_CLOCK, Terms, packet_ms
from media.transport import Aside
from media.transports import Transports
from media.writing import Desk

WITHOUT_LEG = (Open, Load, Record, Pause, Finish)  # commands for which no leg needs to be open
STUCK = 2  # visits of a leg, a second apart, in which nothing was sent although something plays
FEWEST_VISITS, MOST_VISITS = 4, 100  # calls of `survey` in which every leg is visited once
LEGS_AT_ONCE = 8  # a report takes 0.1 ms: fifty in a row would hold up packets

Chance: TypeAlias = Callable[[int], int]
"""As many random bits as the argument says, that nobody can predict."""


class Network(Sink, transports.Network, Protocol):
    """The sockets of the legs, as the relay keeps them."""


class Engine:
    """The legs of one worker. `load` begins to read a file or to code what is to be played, and answers with `loaded` or

    `coded`. `epoch` is Unix time minus `now`. `identity`: the certificate for DTLS, without which there is none. `desk`: where
    recordings are written, likewise.
    """

    def __init__(
        self,
        legs: Legs,
        bank: Bank,
        network: Network,
        chance: Chance,
        load: Callable[[Load | Coding], None],
        epoch: float = 0.0,
        identity: Identity | None = None,
        desk: Desk | None = None,
    ) -> None:
        self.legs = legs
        self.session = Session(legs, TRANSLATE)
        self.studio = Studio(self.session, network)
        self.inband = InBand(self.session, self.studio)
        self.session.ears = self.studio
        self._bank = bank
        self.library = Library(bank)
        self.player = Player(legs, bank, network)
        self.keypad = Keypad(self.session, self.library, bank, network)
        self.sources = Sources(self.session, self.player, self.library, bank.silence, load, self.studio)
        self.sources.translate_by(self.studio)
        self.transports = Transports(self.session, self.sources, network, self._hear_rtcp, chance, identity)
        self.attention = Attention(legs.count, self.studio, self._law_of)
        self.watchman = Survey(self.session, chance, self.transports.send_rtcp, epoch, self.attention)
        self._network = network
        self._load = load
        self._chance = chance
        self._states = self.sources.states
        self.recorders = Recorders(legs.count, self.studio, self._terms_of, self.session.events, desk)
        self._to_visit: list[int] = []
        self._perform: dict[type, Callable[..., None]] = {
            Open: self._open, Modify: self._modify, Close: self._close, SendDigits: self._send_digits,
            **self.sources.commands, **self.recorders.commands,
        }  # fmt: skip

    @property
    def events(self) -> list[WorkerEvent]:
        """What is to be reported, in order; the reader empties it."""
        return self.session.events

    @property
    def open_legs(self) -> int:
        return len(self._states)

    def is_open(self, leg: int) -> bool:
        return leg in self._states

    def next_deadline(self) -> float | None:
        """When something is to be sent next, as `now`; None: not before another command or packet."""
        if self.keypad.busy:
            return (self.player.tick + 1) * TICK
        if self.sources.rooms.unsettled:
            return self.player.tick * TICK
        ticks = [each for each in (self.player.next_due(), self.studio.next_due()) if each is not None]
        deadlines = [each * TICK for each in ticks]
        deadlines += [each for each in (self.sources.next_feed(),) if each is not None]
        deadlines += [
            each for each in (self.transports.next_deadline(), self.recorders.next_deadline()) if each is not None
        ]
        return min(deadlines, default=None)

    def perform(self, command: Command, now: float) -> None:
        """Carry out one command. One that makes no sense is answered by an Alarm, and changes nothing."""
        leg = getattr(command, "leg", -1)
        if not isinstance(command, WITHOUT_LEG) and leg not in self._states:
            if isinstance(command, Close):
                return  # Closing twice is what a tidy caller does.
            self.alarm("unknown leg", f"{type(command).__name__} for leg {leg}, which is not open")
            return
        self._perform[type(command)](command, now)
        self._follow(now)

    def _follow(self, now: float) -> None:
        """After legs were connected, or have other terms."""
        if self.session.unsettled:
            self.sources.follow(now)

    def alarm(self, what: str, detail: str = "") -> None:
        self.sources.alarm(what, detail)

    # --- legs --------------------------------------------------------------------------------------------------------

    def _open(self, command: Open, now: float) -> None:
        number = command.leg
        if not 0 <= number < self.legs.count:
            self.alarm("unknown leg", f"Open for leg {number}; there are {self.legs.count}")
            return
        terms, protection = self._terms(command), self.transports.protection(command)
        if terms is None or protection is None:
            return
        if number in self._states:
            self._close(Close(number), now)
        legs = self.legs
        legs.clear(number)
        chance = self._chance(96 + 32 + 32 + 15)  # Drawn at once: asking the kernel is what takes the time.
        ssrc = command.ssrc & 0xFFFFFFFF or (chance >> 47 & 0xFFFFFFFF) or 1
        leg = Leg(number, terms, Reporter(ssrc, f"{chance >> 79:024x}"))  # RFC 7022: 96 bits make a name unique
        self.session.open[number] = leg
        state = self._states[number] = State(command, self.watchman.begin(now))
        legs.ssrc[number] = ssrc
        legs.out_seq[number] = chance & 0x7FFF  # 5.1: random; the upper half is left for wrapping late
        legs.out_ts[number] = chance >> 15 & 0xFFFFFFFF
        self.session.agree(leg, terms)
        self._fill_in(leg)
        self.inband.settle(leg, command.inband)
        self.transports.open(leg, state, protection, now)
        self.recorders.opened(number)

    def _modify(self, command: Modify, now: float) -> None:
        leg, state = self.sources.get(command.leg)
        terms, protection = self._terms(command), self.transports.protection(command)
        if terms is None or protection is None:
            return
        if terms.receive and not leg.terms.receive:
            state.watch.heard_from, state.watch.timed_out = now, False
        before, state.command = state.command, command
        self.session.agree(leg, terms)
        self._fill_in(leg)
        self.inband.settle(leg, command.inband)
        moved = any(
            getattr(before, name) != getattr(command, name)
            for name in ("host", "port", "latch_host", "rtcp_port", "arming")
        )
        if moved:
            state.watch.heard_from, state.watch.timed_out = now, False
        self.transports.modify(leg, state, protection, now, moved=moved)
        self.recorders.opened(leg.number)

    def _close(self, command: Close, now: float) -> None:
        leg, state = self.sources.get(command.leg)
        number = leg.number
        self.sources.end(leg, state)
        self.sources.bereave(number, now)
        self.recorders.closed(number, now)
        self.keypad.forget(leg)
        self.watchman.report(leg, now, goodbye=True)
        self.events.append(self._statistics(leg, state))
        self.attention.forget(number)
        self.transports.close(leg, state)
        self.session.open[number] = None
        del self._states[number]
        self.studio.close(number)
        self.inband.forget(number)
        self.legs.clear(number)

    def _statistics(self, leg: Leg, state: State) -> Statistics:
        """The last word about a leg."""
        statistics = self.session.statistics(leg)
        if leg.started:
            stream = self.session.stream(leg)
            assert stream is not None, "a stream has arrived"
            state.watch.losses.note(stream.expected, max(0, stream.expected - stream.received))
        statistics.mos, statistics.remote_mos = self.watchman.scores(leg, state.watch.losses)
        return statistics

    def _law_of(self, number: int) -> int:
        leg = self.session.open[number]
        return leg.terms.law if leg is not None else -1

    def _terms_of(self, number: int) -> Open | Modify | None:
        """What was agreed for an open leg."""
        state = self._states.get(number)
        return state.command if state is not None else None

    def _terms(self, command: Open | Modify) -> Terms | None:
        clock = command.clock
        if not command.codec or not 0 <= command.payload_type < 128 or clock % CLOCK_RATE or not 0 < clock <= MAX_CLOCK:
            what = f"leg {command.leg}: codec {command.codec!r}, {clock} Hz, payload type {command.payload_type}"
            self.alarm("unknown codec", what)
            return None
        codec = codec_of(command.codec, clock, command.fmtp)
        ptime = packet_ms(codec, command.ptime, command.max_ptime)
        if command.dtmf_clock % CLOCK_RATE or not 0 <= command.dtmf_clock <= MAX_CLOCK:
            self.alarm("unknown codec", f"leg {command.leg}: telephone-event at {command.dtmf_clock} Hz")
            return None
        dtmf_type = command.dtmf_type if 0 <= command.dtmf_type < 128 else -1
        receive_type, receive_dtmf_type = command.receive_type, command.receive_dtmf_type
        return Terms(
            codec,
            command.payload_type,
            dtmf_type,
            receive_type if 0 <= receive_type < 128 else command.payload_type,
            receive_dtmf_type if 0 <= receive_dtmf_type < 128 else dtmf_type,
            command.noise_type if 0 <= command.noise_type < 128 else -1,
            ptime * CLOCK_RATE // 1000,
            max(ptime, command.max_ptime) * CLOCK_RATE // 1000,
            command.send,
            command.receive,
            command.timeout,
            command.dtmf_clock,
        )

    def _fill_in(self, leg: Leg) -> None:
        """What the player needs to know of the terms."""
        legs, number, terms = self.legs, leg.number, leg.terms
        form = form_of(terms.codec)
        legs.frame[number] = BLOCK if form is Form.OPUS else terms.samples  # A packet of Opus is what it was coded as.
        legs.law[number], legs.kind[number] = -1 if form is None else form, terms.payload_type

    # --- what arrives ------------------------------------------------------------------------------------------------

    def admit(self, number: int, source: Address, packet: memoryview, size: int) -> int:
        """The size of the RTP packet that a packet which came to a listening leg is, unwrapped in place; 0: it must not be taken.

        May settle the remote address.
        """
        return self.transports.admit(number, source, packet, size)

    @property
    def inbox(self) -> list[Aside]:
        """What transports put aside, for `attend`."""
        return self.transports.inbox

    def attend(self, now: float) -> None:
        """Look at what transports put aside; to be called when the packets of the moment are moved."""
        self.transports.attend(now)

    def receive_rtcp(self, number: int, data: bytes, now: float) -> None:
        """An RTCP packet from the address of the leg, as it came."""
        self.transports.receive_rtcp(number, data, now)

    def _hear_rtcp(self, leg: Leg, data: bytes, now: float) -> None:
        if not leg.reporter.receive(data, self.watchman.epoch + now):
            leg.invalid += 1

    def loaded(self, recording: Recording, now: float) -> None:
        """A file was read."""
        self.sources.loaded(recording, now)

    def coded(self, piece: Piece) -> None:
        """Part of a recording was coded in another form."""
        if not piece.coding.cancelled:
            self._bank.store(piece)

    def _send_digits(self, command: SendDigits, now: float) -> None:
        leg, _ = self.sources.get(command.leg)
        self.keypad.press(leg, command.digits, command.duration_ms, self.player.tick)
        self.sources.settle(leg)

    # --- time --------------------------------------------------------------------------------------------------------

    def run(self, now: float) -> int:
        """Send what is due by now, settle what has happened. Returns how many ticks came too late to be made up for."""
        tick, clock = int(now / TICK), int(now * CLOCK_RATE)
        self.transports.run(now)
        if self.session.asides:
            self._send_asides()
        if self.session.pressed:
            self.sources.stop_by_digit()
        self.sources.feed(now)
        if self.sources.rooms.unsettled:
            self.sources.rooms.settle(clock)
        late = self.player.run(tick, clock)
        self.studio.run(tick, clock)
        if self.keypad.busy:
            for leg in self.keypad.run(tick, clock):
                self.sources.settle(leg)
        if self.player.done:
            self.sources.finish_plays()
        if self.player.wanted:
            self._code()
        self._follow(now)
        self.recorders.run(now)
        return late

    def _code(self) -> None:
        """Have coded what a leg has come to in a form in which it was not heard before."""
        for form, position in sorted(self.player.wanted):
            coding = self.library.coding(Form(form), position)
            if coding is not None:
                self._load(coding)
        self.player.wanted.clear()

    def _send_asides(self) -> None:
        for leg, data in self.session.asides:
            packet = memoryview(data)
            try:
                self._network.senders[leg](packet)
            except OSError as error:
                self._network.failed(leg, packet, error)
        self.session.asides.clear()

    @property
    def visits(self) -> int:
        """How many calls of `survey` it takes to visit all legs."""
        return min(max(len(self._states) // LEGS_AT_ONCE, FEWEST_VISITS), MOST_VISITS)

    def _prove(self, leg: Leg, state: State) -> None:
        """Who is played something must be sent something (B-11)."""
        watch, sent = state.watch, self.legs.sent[leg.number]
        playing = state.wants and leg.hearing and not leg.interrupted and self.player.feeds(leg.number)
        watch.stuck = watch.stuck + 1 if playing and sent == watch.sent else 0
        watch.sent = sent
        if watch.stuck >= STUCK:
            watch.stuck = 0
            self.sources.comfort(leg, state)

    def survey(self, now: float) -> None:
        """Look after some of the legs; to be called `visits` times a second while any are open."""
        if not self._to_visit:
            self._to_visit = list(self._states)
        for _ in range(-(-len(self._states) // self.visits)):
            if not self._to_visit:
                return
            number = self._to_visit.pop()
            state, leg = self._states.get(number), self.session.open[number]
            if state is None or leg is None:
                continue
            if self.watchman.visit(leg, state.watch, now) and state.wants:
                self.sources.comfort(leg, state)
            self._prove(leg, state)
