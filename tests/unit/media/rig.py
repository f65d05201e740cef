"""A worker process to call, phones of plain sockets to call it with, and measures of what they hear."""

from __future__ import annotations

import os
import socket
import time
import wave
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np

from media import g711, rtp
from media.client import MediaClient
from media.control import (
    Close,
    Open,
    Statistics,
    WorkerEvent,
)
from media.dtmf import EVENT
from media.rtp import Packet

LEGS = 16


class Phone:
    """A test socket with a stream of its own."""

    def __init__(self, host: str, port: int = 0) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.settimeout(5.0)
        self.socket.bind((host, port))
        self.address: tuple[str, int] = self.socket.getsockname()[:2]
        self.sequence, self.timestamp, self.ssrc = 1000, 160_000, 0x5EED

    def say(self, to: tuple[str, int], payload: bytes = b"\x55" * 160, kind: int = 0, *, marker: bool = False) -> None:
        self.sequence += 1
        self.timestamp += 160
        packet = Packet(kind, self.sequence & 0xFFFF, self.timestamp, self.ssrc, payload, marker)
        self.socket.sendto(bytes(packet), to)

    def press(self, to: tuple[str, int], event: int, kind: int = 101) -> None:
        """One whole key press: seven packets of one event."""
        self.timestamp += 160
        for duration, flags in ((160, 0), (320, 0), (480, 0), (640, 0), (800, 128), (800, 128), (800, 128)):
            self.sequence += 1
            payload = EVENT.pack(event, flags | 10, duration)
            packet = Packet(kind, self.sequence & 0xFFFF, self.timestamp, self.ssrc, payload, duration == 160)
            self.socket.sendto(bytes(packet), to)

    def hear(self) -> Packet:
        data, _ = self.socket.recvfrom(2048)
        packet = rtp.parse(data)
        assert packet is not None
        return packet

    def listen(self, count: int) -> list[Packet]:
        return [self.hear() for _ in range(count)]

    def waiting(self) -> int:
        """How many packets lie in the socket; throws them away."""
        self.socket.setblocking(False)
        count = 0
        try:
            while self.socket.recv(2048):
                count += 1
        except BlockingIOError:
            pass
        self.socket.settimeout(5.0)
        return count


def free_ports(count: int) -> int:
    """The first port of a range that is free now."""
    first = os.getpid() % 300 * 64  # Two test runs at once do not begin at the same place.
    for step in range(0, 20_000, 2 * count):
        base = 12_000 + (first + step) % 20_000
        held: list[socket.socket] = []
        try:
            for port in range(base, base + 2 * count):
                held.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                held[-1].bind(("127.0.0.1", port))
            return base
        except OSError:
            continue
        finally:
            for each in held:
                each.close()
    raise AssertionError("no free ports")


class Bench:
    """A worker, and phones to call it with."""

    def __init__(self, client: MediaClient, base: int) -> None:
        self.client = client
        self.base = base
        self.phones: list[Phone] = []
        self.seen: list[WorkerEvent] = []

    def port(self, leg: int) -> tuple[str, int]:
        return "127.0.0.1", self.base + 2 * leg

    def phone(self, host: str = "127.0.0.2") -> Phone:
        self.phones.append(Phone(host))
        return self.phones[-1]

    def open(self, leg: int, phone: Phone, codec: str = "PCMU", dtmf_type: int = 101, **values: object) -> None:
        kind = 8 if codec == "PCMA" else 0
        self.client.post(Open(leg, *phone.address, codec, kind, dtmf_type, **values))  # type: ignore[arg-type]

    def wait(self, kind: type, when: Callable[..., bool] = lambda event: True, timeout: float = 10.0) -> WorkerEvent:
        """The next event of a kind that satisfies `when`."""
        deadline = time.monotonic() + timeout
        while True:
            for index, event in enumerate(self.seen):
                if isinstance(event, kind) and when(event):
                    del self.seen[index]
                    return event
            assert time.monotonic() < deadline, f"no {kind.__name__}; seen: {self.seen}"
            self.client.wait(deadline - time.monotonic())
            self.seen += self.client.events()

    def settle(self, leg: int = LEGS - 1) -> None:
        """Return when the worker has performed everything posted so far."""
        self.client.post(Open(leg, "", 0, "PCMU", 0))
        self.client.post(Close(leg))
        self.wait(Statistics, lambda event: event.leg == leg)


def tone(frequency: float, seconds: float, rate: int = 8000, level: float = 8000.0) -> np.ndarray:
    return (level * np.sin(2 * np.pi * frequency * np.arange(int(rate * seconds)) / rate)).astype(np.int16)


def write_wav(path: Path, samples: np.ndarray, rate: int = 8000) -> str:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())
    return str(path)


def heard(packets: list[Packet], law: g711.Law = g711.Law.MU) -> np.ndarray:
    codes = np.frombuffer(b"".join(packet.payload for packet in packets), np.uint8)
    return g711.decode(codes, law).astype(np.float64)


def share_of(signal: np.ndarray, frequency: float) -> float:
    """How much of the signal's power is at this frequency."""
    n = np.arange(len(signal))
    part = np.abs(np.sum(signal * np.exp(-2j * np.pi * frequency * n / 8000))) ** 2 * 2 / len(signal)
    return float(part / np.sum(signal**2))


def check_continuous(packets: list[Packet], step: int = 160) -> None:
    """One stream: one SSRC, numbers without a gap, timestamps that grow."""
    assert len({packet.ssrc for packet in packets}) == 1
    for before, after in pairwise(packets):
        assert after.sequence == (before.sequence + 1) & 0xFFFF
        assert step <= (after.timestamp - before.timestamp) & 0xFFFFFFFF < 80_000
