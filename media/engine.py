"""Performs the commands of call control on the legs of one worker. Computes only: sockets, clock and chance are handed in.

`now` is monotonic seconds. What is to be told to call control collects in `events`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from media.bank import Bank
from media.control import (
    Close,
    Command,
    Latched,
    Load,
    Modify,
    Open,
    SendDigits,
    WorkerEvent,
)
from media.g711 import CODECS, TRANSLATE
from media.keypad import Keypad
from media.latch import Address, Latch, literal, remote
from media.legs import Legs
from media.library import Library, Recording
from media.player import TICK, Player, Sink
from media.rtcp import Reporter
from media.rtp import CLOCK_RATE
from media.session import Leg, Session, Terms
from media.sources import Sources, State
from media.studio import Studio
from media.survey import Survey

FRAMES_MS = (10, 20, 30, 40, 50, 60)
ROUNDS = 4  # calls of `survey` in which every leg is visited once

Chance: TypeAlias = Callable[[int], int]
"""As many random bits as the argument says, that nobody can predict."""


class Network(Sink, Protocol):
    """The sockets of the legs, as the relay keeps them."""

    def aim(self, leg: int, rtp: Address, rtcp: Address, *, keep: bool) -> None:
        """Send there and receive from there only. `keep`: what has arrived from there already still counts."""
        ...

    def listen(self, leg: int, host: str, rtp: Address | None) -> None:
        """Receive from anywhere, for `Engine.admit` to judge; send to `rtp` if given. `host` tells the address family."""
        ...

    def quiet(self, leg: int) -> None:
        """Neither send nor receive."""
        ...

    def send_rtcp(self, leg: int, data: bytes) -> None:
        """Send one RTCP packet where the leg is aimed at."""
        ...


class Engine:
    """The legs of one worker. `load` begins to read a file, and answers with `loaded`; `epoch` is Unix time minus `now`."""

    def __init__(
        self, legs: Legs, bank: Bank, network: Network, chance: Chance, load: Callable[[Load], None], epoch: float = 0.0
    ) -> None:
        self.legs = legs
        self.session = Session(legs, TRANSLATE)
        self.studio = Studio(legs)
        self.session.ears = self.studio
        self.library = Library(bank)
        self.player = Player(legs, bank, network)
        self.keypad = Keypad(self.session, self.library, bank, network)
        self.watchman = Survey(self.session, chance, network.send_rtcp, epoch)
        self.sources = Sources(self.session, self.player, self.library, bank.silence, load)
        self._network = network
        self._chance = chance
        self._states = self.sources.states
        self._to_visit: list[int] = []
        self._perform: dict[type, Callable[..., None]] = {
            Open: self._open, Modify: self._modify, Close: self._close, SendDigits: self._send_digits,
            **self.sources.commands,
        }  # fmt: skip

    @property
    def events(self) -> list[WorkerEvent]:
        """What is to be reported, in order; the reader empties it."""
        return self.session.events

    @property
    def open_legs(self) -> int:
        return len(self._states)

    def next_deadline(self) -> float | None:
        """When something is to be sent next, as `now`; None: not before another command or packet."""
        if self.keypad.busy:
            return (self.player.tick + 1) * TICK
        due = self.player.next_due()
        return None if due is None else due * TICK

    def perform(self, command: Command, now: float) -> None:
        """Carry out one command. One that makes no sense is answered by an Alarm, and changes nothing."""
        leg = getattr(command, "leg", -1)
        if not isinstance(command, Load | Open) and leg not in self._states:
            if isinstance(command, Close):
                return  # Closing twice is what a tidy caller does.
            self.alarm("unknown leg", f"{type(command).__name__} for leg {leg}, which is not open")
            return
        self._perform[type(command)](command, now)

    def alarm(self, what: str, detail: str = "") -> None:
        self.sources.alarm(what, detail)

    # --- legs --------------------------------------------------------------------------------------------------------

    def _open(self, command: Open, now: float) -> None:
        number = command.leg
        if not 0 <= number < self.legs.count:
            self.alarm("unknown leg", f"Open for leg {number}; there are {self.legs.count}")
            return
        terms = self._terms(command)
        if terms is None:
            return
        if number in self._states:
            self._close(Close(number), now)
        legs = self.legs
        legs.clear(number)
        chance = self._chance(96 + 32 + 32 + 15)  # Drawn at once: asking the kernel is what takes the time.
        ssrc = command.ssrc & 0xFFFFFFFF or (chance >> 47 & 0xFFFFFFFF) or 1
        leg = Leg(number, terms, Reporter(ssrc, f"{chance >> 79:024x}"))  # RFC 7022: 96 bits make a name unique
        self.session.open[number] = leg
        self._states[number] = State(command, self.watchman.begin(now))
        legs.ssrc[number] = ssrc
        legs.out_seq[number] = chance & 0x7FFF  # 5.1: random; the upper half is left for wrapping late
        legs.out_ts[number] = chance >> 15 & 0xFFFFFFFF
        legs.out_step[number] = terms.samples
        self._fill_in(leg)
        self._point(leg, command)

    def _modify(self, command: Modify, now: float) -> None:
        leg, state = self.sources.get(command.leg)
        terms = self._terms(command)
        if terms is None:
            return
        if terms.receive and not leg.terms.receive:
            state.watch.heard_from, state.watch.timed_out = now, False
        before, state.command, leg.terms = state.command, command, terms
        self._fill_in(leg)
        if any(getattr(before, name) != getattr(command, name) for name in ("host", "port", "latch_host", "rtcp_port")):
            state.watch.heard_from, state.watch.timed_out = now, False
            self._point(leg, command)
        self.sources.settle(leg)

    def _close(self, command: Close, now: float) -> None:
        leg, state = self.sources.get(command.leg)
        number = leg.number
        self.sources.end(leg, state)
        self.sources.bereave(number, now)
        self.keypad.forget(leg)
        self.watchman.report(leg, now, goodbye=True)
        self.events.append(self.session.statistics(leg))
        self._network.quiet(number)
        self.session.open[number] = None
        del self._states[number]
        self.studio.forget(number)
        self.legs.clear(number)

    def _terms(self, command: Open | Modify) -> Terms | None:
        law = CODECS.get(command.codec)
        if law is None or not 0 <= command.payload_type < 128:
            what = f"leg {command.leg}: codec {command.codec!r}, payload type {command.payload_type}"
            self.alarm("unknown codec", what)
            return None
        ptime = max((each for each in FRAMES_MS if each <= command.ptime), default=FRAMES_MS[0])
        dtmf_type = command.dtmf_type if 0 <= command.dtmf_type < 128 else -1
        receive_type, receive_dtmf_type = command.receive_type, command.receive_dtmf_type
        return Terms(
            law,
            command.payload_type,
            dtmf_type,
            receive_type if 0 <= receive_type < 128 else command.payload_type,
            receive_dtmf_type if 0 <= receive_dtmf_type < 128 else dtmf_type,
            ptime * CLOCK_RATE // 1000,
            command.send,
            command.receive,
            command.timeout,
        )

    def _fill_in(self, leg: Leg) -> None:
        """What the player needs to know of the terms."""
        legs, number, terms = self.legs, leg.number, leg.terms
        legs.frame[number], legs.law[number], legs.kind[number] = terms.samples, terms.law, terms.payload_type

    def _point(self, leg: Leg, command: Open | Modify) -> None:
        """Where the leg sends and from where it receives (the media address policy)."""
        state = self._states[leg.number]
        stated, latch_host = remote(command.host, command.port), literal(command.latch_host)
        if command.latch_host and not latch_host:
            self.alarm("bad address", f"leg {leg.number}: latch_host {command.latch_host!r} is no address literal")
        rtcp = (stated[0], command.rtcp_port or min(stated[1] + 1, 65535)) if stated else None
        state.latch = Latch(latch_host, stated) if latch_host else None
        leg.address = state.latch.reachable if state.latch else stated
        try:
            if state.latch is not None:
                self._network.listen(leg.number, latch_host, leg.address)
            elif stated is not None and rtcp is not None:
                self._network.aim(leg.number, stated, rtcp, keep=False)
            else:
                self._network.quiet(leg.number)
        except OSError as error:
            leg.address = state.latch = None
            self._network.quiet(leg.number)
            self.alarm("unreachable address", f"leg {leg.number}: {command.host} port {command.port}: {error}")
        self.sources.settle(leg)

    # --- what arrives ------------------------------------------------------------------------------------------------

    def admit(self, number: int, source: Address, packet: memoryview, size: int) -> bool:
        """Whether a packet that came to a listening leg may be taken. May settle the remote address."""
        state = self._states.get(number)
        leg = self.session.open[number]
        if state is None or leg is None:
            return False
        if state.latch is None:
            if source == leg.address:
                return True
            leg.foreign += 1
            return False
        if not state.latch.accepts(source, leg.terms.receive_type, packet, size):
            if state.latch.foreign(source):
                leg.foreign += 1
            return False
        rtcp_port = state.command.rtcp_port if source == state.latch.stated else 0
        state.latch, leg.address = None, source
        try:
            self._network.aim(number, source, (source[0], rtcp_port or min(source[1] + 1, 65535)), keep=True)
        except OSError as error:
            leg.address = None
            self.alarm("unreachable address", f"leg {number}: {source[0]} port {source[1]}: {error}")
            return False
        self.events.append(Latched(number, *source))
        self.sources.settle(leg)
        return True

    def receive_rtcp(self, number: int, data: bytes, now: float) -> None:
        """An RTCP packet from the address of the leg."""
        leg = self.session.open[number]
        if leg is not None and not leg.reporter.receive(data, self.watchman.epoch + now):
            leg.invalid += 1

    def loaded(self, recording: Recording, now: float) -> None:
        """A file was read."""
        self.sources.loaded(recording, now)

    def _send_digits(self, command: SendDigits, now: float) -> None:
        leg, _ = self.sources.get(command.leg)
        self.keypad.press(leg, command.digits, command.duration_ms, self.player.tick)
        self.sources.settle(leg)

    # --- time --------------------------------------------------------------------------------------------------------

    def run(self, now: float) -> int:
        """Send what is due by now, settle what has happened. Returns how many ticks came too late to be made up for."""
        tick, clock = int(now / TICK), int(now * CLOCK_RATE)
        if self.session.pressed:
            self.sources.stop_by_digit()
        late = self.player.run(tick, clock)
        if self.keypad.busy:
            for leg in self.keypad.run(tick, clock):
                self.sources.settle(leg)
        if self.player.done:
            self.sources.finish_plays()
        return late

    def survey(self, now: float) -> None:
        """Look after some of the legs; to be called a few times a second while any are open."""
        if not self._to_visit:
            self._to_visit = list(self._states)
        for _ in range(-(-len(self._states) // ROUNDS)):
            if not self._to_visit:
                return
            number = self._to_visit.pop()
            state, leg = self._states.get(number), self.session.open[number]
            if state is None or leg is None:
                continue
            if self.watchman.visit(leg, state.watch, now) and state.wants:
                self.sources.comfort(leg, state)
