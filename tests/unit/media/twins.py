"""What stands in for the world in tests of the media plane: a network that remembers, chance that repeats, a virtual clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

import numpy as np

from media import rtp
from media.bank import Bank
from media.control import Audio, Command, Load, Open, Quality, WorkerEvent
from media.dtls import Identity
from media.engine import Engine
from media.forms import Coding
from media.latch import Address
from media.legs import Legs
from media.rows import Rows
from media.rtp import CLOCK_RATE, Packet
from media.transport import Transport
from media.writing import Desk


@dataclass
class MemoryNetwork:
    """Keeps what legs are sent, and where each leg is aimed at."""

    count: int
    sent: list[tuple[int, bytes]] = field(default_factory=list)
    rtcp: list[tuple[int, bytes]] = field(default_factory=list)
    aimed: dict[int, tuple[Address, Address]] = field(default_factory=dict)
    listening: dict[int, tuple[str, Address | None]] = field(default_factory=dict)
    sifted: list[int] = field(default_factory=list)
    quieted: list[int] = field(default_factory=list)
    transports: dict[int, Transport | None] = field(default_factory=dict)
    datagrams: list[tuple[int, bytes, Address | None]] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    senders: list[Callable[[memoryview], object]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.files = np.full(self.count, -1)
        self.senders = [self._sender(leg) for leg in range(self.count)]

    def _sender(self, leg: int) -> Callable[[memoryview], object]:
        def send(packet: memoryview) -> None:
            transport = self.transports.get(leg)
            if data := bytes(transport.wrap(packet) if transport is not None else packet):
                self.sent.append((leg, data))

        return send

    def failed(self, leg: int, packet: memoryview, error: OSError) -> None:
        raise error

    def deliver(self, legs: np.ndarray, rows: Rows, size: int) -> None:
        for leg, packet in zip(legs.tolist(), rows.packets(len(legs), size), strict=True):
            self.senders[leg](packet)

    def aim(self, leg: int, rtp: Address, rtcp: Address, *, keep: bool) -> None:
        if rtp[0] in self.refused:
            raise OSError(101, "Network is unreachable")
        self.listening.pop(leg, None)
        self.aimed[leg] = rtp, rtcp

    def listen(self, leg: int, host: str, rtp: Address | None) -> None:
        self.aimed.pop(leg, None)
        self.listening[leg] = host, rtp

    def open_doors(self, leg: int) -> None:
        self.aimed.pop(leg, None)
        self.listening[leg] = "", None

    def select(self, leg: int, rtp: Address) -> None:
        if rtp[0] in self.refused:
            raise OSError(101, "Network is unreachable")
        self.aimed[leg] = rtp, rtp

    def sift(self, leg: int) -> None:
        self.sifted.append(leg)

    def quiet(self, leg: int) -> None:
        self.aimed.pop(leg, None)
        self.listening.pop(leg, None)
        self.quieted.append(leg)

    def guard(self, leg: int, transport: Transport | None) -> None:
        self.transports[leg] = transport

    def send_datagram(self, leg: int, data: bytes, to: Address | None = None) -> None:
        self.datagrams.append((leg, data, to))

    def send_rtcp(self, leg: int, data: bytes) -> None:
        self.rtcp.append((leg, data))

    def packets(self, leg: int) -> list[Packet]:
        """What the leg was sent so far, parsed."""
        packets = [rtp.parse(data) for number, data in self.sent if number == leg]
        assert None not in packets
        return [packet for packet in packets if packet is not None]


class World:
    """One engine in virtual time. Performs commands, lets packets arrive, lets time pass."""

    def __init__(
        self,
        legs: int = 8,
        seed: int = 1,
        network: MemoryNetwork | None = None,
        identity: Identity | None = None,
        desk: Desk | None = None,
    ) -> None:
        self.now = 1000.0025  # In the middle of a tick: sums of 0.005 are not exact.
        self.network = network or MemoryNetwork(legs)
        self.loads: list[Load] = []
        self.sound = False
        self.codings: list[Coding] = []
        self.bank = Bank(1 << 17)
        chance = Random(seed).getrandbits
        self.engine = Engine(Legs(legs), self.bank, self.network, chance, self._load, 1.7e9, identity, desk)
        self.engine.run(self.now)

    def _load(self, work: Load | Coding) -> None:
        if isinstance(work, Coding):
            self.codings.append(work)
        else:
            self.loads.append(work)

    def code(self) -> None:
        """Do what the worker's thread would have done by now."""
        while self.codings:
            for piece in self.codings.pop(0).pieces():
                self.engine.coded(piece)

    def do(self, *commands: Command) -> None:
        for command in commands:
            self.engine.perform(command, self.now)

    def open(self, *numbers: int, codec: str = "PCMU", dtmf_type: int = 101, **values: object) -> None:
        for number in numbers:
            payload_type = 0 if codec == "PCMU" else 8
            self.do(
                Open(
                    number,
                    f"192.0.{2 + number // 250}.{1 + number % 250}",
                    4000,
                    codec,
                    payload_type,
                    dtmf_type,
                    **values,
                )
            )  # type: ignore[arg-type]

    def arrive(self, leg: int, packet: Packet | bytes) -> bytes:
        """A packet comes from the address of the leg; returns what its listener is sent, b"" for nothing."""
        data = bytes(packet)
        buffer = bytearray(data.ljust(1600, b"\0"))
        size, transport = len(data), self.network.transports.get(leg)
        if transport is not None:
            size = transport.unwrap(memoryview(buffer), size)
            self.engine.attend(self.now)
            if not size:
                return b""
        size = self.engine.session.receive(leg, buffer, size, int(self.now * CLOCK_RATE))
        out = bytes(buffer[:size])
        if size:
            self.network.senders[self.engine.legs.route[leg]](memoryview(out))
        return out

    def relayed(self, leg: int, packet: Packet | bytes) -> Packet:
        """As `arrive`, for a packet that must be relayed; parsed."""
        out = rtp.parse(self.arrive(leg, packet))
        assert out is not None
        return out

    def pass_time(self, seconds: float) -> None:
        """Let time pass in steps of one tick."""
        end = self.now + seconds
        while self.now < end - 1e-9:
            self.now = min(self.now + 0.005, end)
            self.engine.run(self.now)
            if int(self.now / 0.25) != int((self.now - 0.005) / 0.25):
                self.engine.survey(self.now)

    def listening(self) -> int:
        """Legs that somebody listens to for longer than a moment."""
        for leg in list(self.engine.attention.listening):
            self.engine.attention.forget(leg)
        return self.engine.legs.listening

    def events(self) -> list[WorkerEvent]:
        """What was reported since the last call; how it sounds only where `sound` says so."""
        events = [one for one in self.engine.events if self.sound or not isinstance(one, Audio | Quality)]
        self.engine.events.clear()
        return events


def audio(
    sequence: int, timestamp: int = -1, *, ssrc: int = 77, kind: int = 0, payload: bytes = b"\x55" * 160
) -> Packet:
    """A packet of 20 ms, in step with the others of its stream unless a timestamp is given."""
    timestamp = sequence * 160 if timestamp < 0 else timestamp
    return Packet(kind, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc, payload)
