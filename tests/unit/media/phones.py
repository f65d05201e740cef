"""Phones for tests of what is heard: each says a tone of its own, and remembers what it was sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from media import g711
from media.rtp import Packet
from tests.unit.media.twins import World

FRAME = 0.02
AMPLITUDE = 4000


@dataclass
class Phone:
    """A phone of G.711 that talks without a pause. `phase`: when in 20 ms its packets come, in seconds."""

    leg: int
    pitch: float
    law: g711.Law = g711.Law.MU
    phase: float = 0.0
    amplitude: float = AMPLITUDE
    span: int = 160
    sequence: int = 100
    stamp: int = 5000
    next_at: float = -1.0
    _said: int = 0

    def say(self) -> Packet:
        time = (self._said + np.arange(self.span)) / 8000
        samples = (self.amplitude * np.sin(2 * np.pi * self.pitch * time)).astype(np.int16)
        self._said += self.span
        self.sequence += 1
        self.stamp += self.span
        payload = g711.encode(samples, self.law).tobytes()
        return Packet(8 if self.law else 0, self.sequence & 0xFFFF, self.stamp & 0xFFFFFFFF, 1000 + self.leg, payload)


@dataclass
class Hall:
    """A world with phones that talk."""

    world: World = field(default_factory=lambda: World(16))
    phones: dict[int, Phone] = field(default_factory=dict)

    def phone(self, leg: int, pitch: float, *, law: g711.Law = g711.Law.MU, **values: object) -> Phone:
        """Open a leg with a phone on it."""
        phase = values.pop("phase", 0.0013 * (leg + 1))
        amplitude, span = values.pop("amplitude", AMPLITUDE), values.pop("span", 160)
        self.world.open(leg, codec="PCMA" if law else "PCMU", **values)
        phone = self.phones[leg] = Phone(leg, pitch, law, phase, amplitude, span)  # type: ignore[arg-type]
        phone.next_at = self.world.now + phone.phase
        return phone

    def talk(self, seconds: float) -> None:
        """Let time pass while all talk."""
        end = self.world.now + seconds
        while self.world.now < end - 1e-9:
            self.world.pass_time(0.005)
            for phone in self.phones.values():
                while phone.next_at <= self.world.now:
                    phone.next_at += phone.span / 8000
                    if self.world.engine.session.open[phone.leg] is not None:
                        self.world.arrive(phone.leg, phone.say())

    def forget(self) -> None:
        """What was sent so far."""
        self.world.network.sent.clear()

    def packets(self, leg: int) -> list[Packet]:
        return [packet for packet in self.world.network.packets(leg) if packet.payload_type in (0, 8)]

    def heard(self, leg: int) -> np.ndarray:
        """What the phone was sent, in the order of its timestamps; what is missing is silence."""
        packets = self.packets(leg)
        law = self.phones[leg].law
        first = packets[0].timestamp
        parts = [(packet.timestamp - first & 0xFFFFFFFF, packet.payload) for packet in packets]
        audio = np.zeros(max(at + len(payload) for at, payload in parts), np.int16)
        for at, payload in parts:
            audio[at : at + len(payload)] = g711.decode(np.frombuffer(payload, np.uint8), law)
        return audio


def loudness(audio: np.ndarray, pitch: float, rate: int = 8000) -> float:
    """The amplitude of a tone in what was heard."""
    time = np.arange(len(audio)) / rate
    return float(2 * np.abs((audio * np.exp(-2j * np.pi * pitch * time)).mean()))


def unbroken(packets: list[Packet]) -> bool:
    """One stream: numbers go on by one, timestamps as far as the packet before lasts."""
    return all(
        (b.sequence - a.sequence) & 0xFFFF == 1 and (b.timestamp - a.timestamp) & 0xFFFFFFFF == len(a.payload)
        for a, b in pairwise(packets)
    )


def steepest(audio: np.ndarray) -> int:
    """The biggest jump from one sample to the next."""
    return int(np.abs(np.diff(audio.astype(int))).max())
