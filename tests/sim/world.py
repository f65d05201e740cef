"""The world around a switch under test: a clock, lossy links, a media worker that keeps books, and virtual phones.

Time is a number that jumps from event to event. Everything random comes from one seed, so a failure is its seed.
"""

from __future__ import annotations

import hashlib
import heapq
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from media.control import (
    Bridge,
    Close,
    Digit,
    Echo,
    Finish,
    Join,
    Modify,
    Music,
    Open,
    Pause,
    Play,
    PlayDone,
    PlayFile,
    Quiet,
    Record,
    Recorded,
    RtpTimeout,
    SendDigits,
    Statistics,
    Stop,
    Tone,
)
from softswitch.directory import Account, Directory
from softswitch.sip.listener import Listener
from tests.sim.agent import UserAgent
from tests.sim.phone import Behaviour, VirtualPhone
from tests.sim.storage import Storage
from tests.sim.wiring import Wiring

SWITCH = ("192.0.2.1", 5060)
SWITCH6 = ("2001:db8::1", 5060)
CLIP_SECONDS = 1.0
FILE_SECONDS = 10.0


@dataclass
class Link:
    """What the network does to a datagram. Reordering follows from jitter."""

    loss: float = 0.0
    delay: float = 0.005
    jitter: float = 0.0
    duplicate: float = 0.0


LISTENERS = (Listener("udp", *SWITCH), Listener("udp", *SWITCH6))


class SeededEntropy:
    """The randomness of the switch, from the seed of the world."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def token(self) -> str:
        return f"{self._rng.getrandbits(64):016x}"

    def below(self, n: int) -> int:
        return self._rng.randrange(n)


@dataclass
class Port:
    """One open media leg as the worker sees it."""

    opened: Open
    source: object = None
    playing: int = 0


@dataclass
class Worker:
    """A media worker that plays nothing but keeps strict books."""

    world: World
    number: int = 0
    ports: dict[int, Port] = field(default_factory=dict)
    commands: list[object] = field(default_factory=list)
    digits: list[tuple[int, str]] = field(default_factory=list)
    recordings: dict[int, Record] = field(default_factory=dict)  # that go on
    began: dict[int, float] = field(default_factory=dict)  # recordings of one voice
    spoken: dict[int, float] = field(default_factory=dict)  # ... and how long somebody has spoken into them
    silent: bool = False  # reports nothing any more

    def perform(self, command: Any) -> None:
        self.commands.append(command)
        kind = type(command)
        if kind in (Record, Pause, Finish):
            self._record(command)
            return
        if kind is Open:
            assert command.leg not in self.ports, f"opened twice: {command}"
            self.ports[command.leg] = Port(command)
            return
        port = self.ports.get(command.leg)
        assert port is not None, f"not open: {command}"
        if kind is Modify:
            values = {name: getattr(command, name) for name in Modify.__dataclass_fields__}
            port.opened = Open(**values, ssrc=port.opened.ssrc)
        elif kind is Close:
            del self.ports[command.leg]
            self.report(0.02, Statistics(command.leg, packets_received=1))
        elif kind is SendDigits:
            self.digits.append((command.leg, command.digits))
        else:
            self._source(port, command)

    def _record(self, command: Any) -> None:
        if type(command) is Record:
            self.recordings[command.record] = command
            if command.silence:
                self.began[command.record] = self.world.now
            return
        assert command.record in self.recordings, f"nothing is recorded: {command}"
        if type(command) is Finish:
            recording = self.recordings.pop(command.record)
            if recording.silence:
                self.report(0.05, self._message(recording))
            else:
                self.report(0.05, Recorded(command.record, recording.path, 3.5, 112_044))

    def _message(self, recording: Record) -> Recorded:
        """What there is of a message: as long as somebody spoke, and half a second."""
        spoken = self.spoken.pop(recording.record, self.world.now - self.began[recording.record])
        seconds = min(spoken + 0.5, self.world.now - self.began.pop(recording.record)) if spoken else 0.5
        return Recorded(recording.record, recording.path, seconds, 44 + 2 * int(seconds * 8000), voiced=spoken)

    def hush(self, spoken: float) -> None:
        """Whoever speaks a message has spoken so long and says no more."""
        (recording,) = [one for one in self.recordings.values() if one.silence]
        self.spoken[recording.record] = spoken
        self.report(recording.silence, Quiet(recording.record, recording.silence))

    def _source(self, port: Port, command: Any) -> None:
        ports = [port]
        if type(command) is Bridge:
            peer = self.ports.get(command.peer)
            assert peer is not None, f"peer not open: {command}"
            ports.append(peer)
        if type(command) is Join and command.part == "whisper":
            assert command.to in self.ports, f"whispers to nobody: {command}"
        for one in ports:
            if one.playing:
                self.report(0.02, PlayDone(one.opened.leg, one.playing, "replaced"))
                one.playing = 0
            one.source = command
        if type(command) is Play:
            port.playing = command.play
            if command.repeat:
                length = CLIP_SECONDS * len(command.clips) * command.repeat
                self.world.after(length, lambda: self._played(port, command.play, "end"))
        elif type(command) is PlayFile:
            port.playing = command.play
            self.world.after(FILE_SECONDS - command.offset, lambda: self._played(port, command.play, "end"))

    def _played(self, port: Port, play: int, cause: str) -> None:
        if port.playing == play and self.ports.get(port.opened.leg) is port:
            port.playing = 0
            port.source = Tone(port.opened.leg, "hold")
            self.report(0.0, PlayDone(port.opened.leg, play, cause))

    def report(self, after: float, event: Any) -> None:
        if not self.silent:
            self.world.after(after, lambda: self.world.media_event(event, self.number))

    def leg_of(self, host: str, port: int) -> int | None:
        """The leg that sends to this address."""
        for leg, one in self.ports.items():
            if (one.opened.host, one.opened.port) == (host, port):
                return leg
        return None

    def press(self, leg: int, digit: str) -> None:
        port = self.ports[leg]
        self.report(0.0, Digit(leg, digit, 100))
        if isinstance(port.source, Play | PlayFile) and port.source.until_digit:
            self._played(port, port.playing, "digit")

    def starve(self, leg: int) -> None:
        """Report that no RTP comes any more."""
        self.report(0.0, RtpTimeout(leg, self.ports[leg].opened.timeout))


class World:
    """Clock, links, phones, worker and the switch under test."""

    domain = "pbx.test"

    def __init__(
        self, directory: Directory, *, seed: int = 0, link: Link | None = None, legs: int = 200,
        codecs: tuple[str, ...] = (), fingerprint: str = "", workers: int = 1, **policy: Any,
    ) -> None:  # fmt: skip
        """`legs` of each worker; `codecs`, `fingerprint`: what it says that it decodes, and of its certificate."""
        self.rng = random.Random(seed)
        self.now = 1_000.0
        self.link = link or Link()
        self.listening = (SWITCH, SWITCH6)
        self.phones: dict[tuple[str, int], UserAgent] = {}
        self.opening: dict[str, bool] = {}
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._sequence = 0
        self._rtp = 30_000
        self.workers = [Worker(self, number) for number in range(workers)]
        self.worker = self.workers[0]
        self.storage = Storage(self)
        self.down = False  # there is no switch
        self.missed: list[Any] = []  # what the workers have told meanwhile
        self.lives = 1
        self._policy = policy
        self.switch = Wiring(directory, SeededEntropy(random.Random(seed + 1)), self, LISTENERS, policy)
        for number in range(workers):
            base = 40_000 + number * 2 * legs
            self.switch.calls.add_range(number, base, legs, codecs=codecs, fingerprint=fingerprint)
        self.legs = legs * workers

    # --- death and birth -------------------------------------------------------------------------------------------------

    def kill(self) -> None:
        """kill -9 of the switch: the worker goes on, and phones talk to nobody."""
        self.down = True

    def restart(self, *, worker_too: bool = False) -> None:
        """A new switch begins with what was stored. `worker_too`: there is another worker as well."""
        self.lives += 1
        entropy = SeededEntropy(random.Random(self.rng.getrandbits(32)))
        if worker_too:
            self.workers, self.missed = [Worker(self, number) for number in range(len(self.workers))], []
            self.worker = self.workers[0]
        self.switch = Wiring(self.switch.switch.directory, entropy, self, LISTENERS, self._policy)
        self.down = False
        self.storage.restore(self.switch)
        missed, self.missed = self.missed, []
        for event, worker in missed:
            self.media_event(event, worker)

    # --- clock -----------------------------------------------------------------------------------------------------------

    def at(self, when: float, what: Callable[[], None]) -> None:
        self._sequence += 1
        heapq.heappush(self._events, (max(when, self.now), self._sequence, what))

    def after(self, seconds: float, what: Callable[[], None]) -> None:
        self.at(self.now + seconds, what)

    def run(self, seconds: float) -> None:
        """Let time pass."""
        until = self.now + seconds
        while True:
            deadline = None if self.down else self.switch.next_deadline()
            event = self._events[0][0] if self._events else None
            first = min((at for at in (deadline, event) if at is not None), default=None)
            if first is None or first > until:
                break
            self.now = max(self.now, first)
            if event is not None and event <= first:
                heapq.heappop(self._events)[2]()
            else:
                self.switch.expire(self.now)
        self.now = until

    # --- network ---------------------------------------------------------------------------------------------------------

    def attach(self, phone: UserAgent) -> None:
        self.phones[phone.address] = phone

    def transmit(self, data: bytes, source: tuple[str, int], target: tuple[str, int]) -> None:
        link, rng = self.link, self.rng
        copies = 1 + (rng.random() < link.duplicate)
        for _ in range(copies):
            if rng.random() < link.loss:
                continue
            delay = link.delay + (rng.expovariate(1 / link.jitter) if link.jitter else 0.0)
            self.after(delay, lambda: self._deliver(data, source, target))

    def _deliver(self, data: bytes, source: tuple[str, int], target: tuple[str, int]) -> None:
        if target in self.listening:
            if not self.down:
                self.switch.receive(data, source, self.now)
        elif (phone := self.phones.get(target)) is not None:
            phone.receive(data)

    def media_event(self, event: Any, worker: int = 0) -> None:
        if self.down:
            self.missed.append((event, worker))
        else:
            self.switch.media(worker, event, self.now)

    def rtp_port(self) -> int:
        self._rtp += 2
        return self._rtp

    # --- questions ---------------------------------------------------------------------------------------------------------

    def phone(self, user: str, number: int | None = None, **behaviour: Any) -> VirtualPhone:
        """A registered phone of an account, at an address of its own."""
        index = len(self.phones) + 1
        phone = VirtualPhone(
            self,
            user,
            f"secret-{user}",
            f"198.51.100.{index}",
            5060 + index if number is None else number,
            Behaviour(**behaviour),
        )
        phone.register()
        return phone

    def hears(self, line: Any) -> str:
        """What the far side of a line is sent by the worker: "bridge:<user>", "music:default", "play:a b", "tone:x",
        "room:<whom it hears there>" ..."""
        worker, leg = self.place(line)
        if leg is None:
            return "closed"
        source: Any = worker.ports[leg].source
        kind = type(source)
        if kind is Bridge:
            other = source.peer if source.leg == leg else source.leg
            peer = worker.ports[other].opened
            return "bridge:" + self._owner(peer.host, peer.port)
        if kind is Join:
            return "room:" + "+".join(self._heard_in_room(worker, leg, source.room))
        if kind is Music:
            return f"music:{source.name}"
        if kind is Play:
            return "play:" + " ".join(source.clips)
        if kind is PlayFile:
            return f"file:{source.path}"
        if kind is Tone:
            return f"tone:{source.name}"
        return {Echo: "echo", Stop: "stop", type(None): "nothing"}[kind]

    def place(self, line: Any) -> tuple[Worker, int | None]:
        """The worker that serves a line, and its leg there."""
        for worker in self.workers:
            leg = worker.leg_of(line.phone.address[0], line.rtp)
            if leg is not None:
                return worker, leg
        return self.worker, None

    def _heard_in_room(self, worker: Worker, leg: int, room: int) -> list[str]:
        """Who is heard by a member of a room."""
        found = []
        for one, port in worker.ports.items():
            source: Any = port.source
            if one == leg or type(source) is not Join or source.room != room:
                continue
            if source.part == "talk" or (source.part == "whisper" and source.to == leg):
                found.append(self._owner(port.opened.host, port.opened.port))
        return sorted(found)

    def _owner(self, host: str, port: int) -> str:
        for phone in self.phones.values():
            calling = isinstance(phone, VirtualPhone) and any(line.rtp == port for line in phone.lines)
            if calling and phone.address[0] == host:
                return phone.user
        return "?"

    def press(self, line: Any, digit: str) -> None:
        """The phone sends a telephone-event."""
        worker, leg = self.place(line)
        if leg is not None:
            worker.press(leg, digit)

    def assert_idle(self) -> None:
        """Nothing is left of any call: no leg, no dialog, no port, no deadline, no transaction."""
        board = self.switch.calls.board
        assert board.idle, (
            board.calls, board.legs, board.offers, board.pool.legs, dict(board._devices), board._closing, board.deadlines._at,
            board.by_account,
        )  # fmt: skip
        for worker in self.workers:
            assert not worker.ports and not worker.recordings, (worker.ports, worker.recordings)
        assert not board.recorder.live and not board.recorder.known
        assert board.pool.free(self.now) == self.legs
        self.switch.assert_idle()


def account(user: str, domain: str = World.domain, **more: Any) -> Account:
    """An account whose password is "secret-<user>"."""
    ha1 = hashlib.md5(f"{user}:{domain}:secret-{user}".encode()).hexdigest()
    return Account(user, ha1_md5=ha1, **more)


def site(*users: str, accounts: Mapping[str, Account] | None = None, **more: Any) -> Directory:
    """A site with these accounts."""
    found = {user: account(user, name=user.capitalize()) for user in users}
    found.update(accounts or {})
    return Directory(World.domain, accounts=found, aliases=(SWITCH[0],), **more)
