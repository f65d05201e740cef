"""What the studio computes, without any socket: conferences, transcoding, jitter buffers, keys in audio; per leg and 20 ms.

python -m bench.micro.mixer
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.micro.relay import Nowhere
from media import codecs
from media.bank import Bank
from media.control import Bridge, Join, Open
from media.desk import encode_rows
from media.engine import Engine
from media.g711 import DECODE, Law, encode
from media.goertzel import Keys
from media.jitter import Jitter
from media.legs import Legs
from media.mixer import Mixer, Seating
from media.player import TICK
from media.rtp import HEADER_SIZE

TYPES = {"PCMU": (0, 8000), "PCMA": (8, 8000), "G722": (9, 8000), "opus": (111, 48000)}
PAIRS = (("PCMU", "G722"), ("PCMU", "opus"), ("G722", "opus"))
TICKS = 400  # of 5 ms, per measurement


def _ignore(_: object) -> None:
    """Nothing is loaded here."""


def _speech(legs: int, samples: int, rate: int) -> NDArray[np.int16]:
    time_ = np.arange(samples) / rate
    pitch = 100 + np.arange(legs)[:, None] % 150
    voice = sum(np.sin(2 * np.pi * k * pitch * time_) / k for k in range(1, 8))
    return np.asarray(voice * 3000).astype(np.int16)


class Crowd:
    """An engine whose legs all talk: their packets go straight into the studio, as those of a relay do."""

    def __init__(self, names: list[str]) -> None:
        self.count = len(names)
        self.engine = Engine(Legs(self.count), Bank(), Nowhere(self.count), Random(1).getrandbits, _ignore)
        for leg, name in enumerate(names):
            kind, clock = TYPES[name]
            self.engine.perform(Open(leg, "192.0.2.1", 4000, name, kind, 101, clock=clock), 0.0)
        self.names = names
        self.now = 0.0025
        self.number = 1000
        self.put_ns = self.run_ns = 0
        self._plain = np.array([leg for leg, name in enumerate(names) if name.startswith("PCM")])
        codes = encode(_speech(len(self._plain), 1600, 8000), Law.MU) if len(self._plain) else np.zeros((0, 1600))
        self._octets = [
            np.concatenate(
                (np.zeros((len(self._plain), HEADER_SIZE), np.uint8), codes[:, at : at + 160]), axis=1
            ).astype(np.uint8)
            for at in range(0, 1600, 160)
        ]
        self._others = {leg: self._packets(name) for leg, name in enumerate(names) if not name.startswith("PCM")}

    @staticmethod
    def _packets(name: str) -> list[memoryview]:
        codec = codecs.codec_of(name, TYPES[name][1])
        encoder, frame = codecs.encoder(codec), codec.rate // 50
        audio = _speech(1, 10 * frame, codec.rate)[0]
        return [memoryview(encoder.encode(audio[at : at + frame])) for at in range(0, len(audio), frame)]

    def step(self) -> None:
        """20 ms: one packet of each leg, and four ticks."""
        studio, clock = self.engine.studio, int(self.now * 8000)
        number, plain = self.number, self._plain
        start = time.perf_counter_ns()
        for part in np.array_split(np.arange(len(plain)), 10):  # as a relay that looks every 2 ms hands them over
            legs, count = plain[part], len(part)
            if count:
                numbers, stamps = np.full(count, number), np.full(count, number * 160, np.uint32)
                studio.hear_batch(legs, numbers, stamps, self._octets[number % 10][part], np.full(count, 172), clock)
        for leg, packets in self._others.items():
            kind, rate = TYPES[self.names[leg]]
            studio.hear(leg, number, number * rate // 50, kind, packets[number % 10], clock)
        middle = time.perf_counter_ns()
        for _ in range(4):
            self.now += TICK
            self.engine.run(self.now)
        self.run_ns += time.perf_counter_ns() - middle
        self.put_ns += middle - start
        self.number += 1

    def measure(self) -> dict[str, float]:
        """Microseconds per leg and 20 ms, of the fastest tenth of the rounds."""
        for _ in range(20):
            self.step()
        rounds = []
        for _ in range(TICKS // 4):
            self.put_ns = self.run_ns = 0
            self.step()
            rounds.append((self.put_ns + self.run_ns, self.put_ns))
        rounds.sort()
        tenth = rounds[: max(1, len(rounds) // 10)]
        total, put = (sum(column) / len(tenth) / 1000 / self.count for column in zip(*tenth, strict=True))
        return {"total_us": round(total, 3), "of_it_handing_over_us": round(put, 3)}


def conference(rooms: int, members: int, names: tuple[str, ...] = ("PCMU",)) -> dict[str, float]:
    """Everything between the relay and the send: handed over, buffered, mixed, coded, header written."""
    crowd = Crowd([names[leg % len(names)] for leg in range(rooms * members)])
    for leg in range(rooms * members):
        crowd.engine.perform(Join(leg, leg // members), 0.0)
    return crowd.measure()


def bridges(pairs: int, names: tuple[str, str]) -> dict[str, float]:
    """Two legs of different codecs each."""
    crowd = Crowd([names[leg % 2] for leg in range(2 * pairs)])
    for leg in range(0, 2 * pairs, 2):
        crowd.engine.perform(Bridge(leg, leg + 1), 0.0)
    return crowd.measure()


def _best(step: Callable[[], object], legs: int) -> float:
    rounds = []
    for _ in range(150):
        start = time.perf_counter_ns()
        step()
        rounds.append(time.perf_counter_ns() - start)
    rounds.sort()
    return round(sum(rounds[:15]) / 15 / 1000 / legs, 4)


def mixing(rooms: int, members: int) -> float:
    """Decoding, mixing and coding alone, in matrices of a tick."""
    legs = rooms * members
    codes = encode(_speech(legs, 160, 8000), Law.MU)
    starts = np.arange(0, legs, members)
    seating = Seating(
        np.arange(legs), np.repeat(np.arange(rooms), members), starts, starts + members - 1, np.ones(legs, np.float32)
    )
    mixer = Mixer(legs)
    for leg in range(legs):
        mixer.enter(leg, heard=True)
    return _best(lambda: encode_rows(mixer.mix(seating, DECODE[0].take(codes, mode="clip"), []), 0), legs)


def jitter(legs: int) -> dict[str, float]:
    """One packet put and one frame read."""
    buffers, numbers = Jitter(legs, 8000), np.arange(legs)
    for leg in range(legs):
        buffers.add(leg)
    samples, state = _speech(legs, 160, 8000), [1000]

    def put() -> None:
        state[0] += 1
        at = state[0]
        buffers.put(numbers, np.full(legs, at), np.full(legs, at * 160, np.uint32), samples, np.full(legs, at * 160))

    def both() -> None:
        put()
        buffers.pull(numbers, state[0] * 160 + 40)

    both()
    together = _best(both, legs)
    rounds = []
    for _ in range(100):
        put()
        start = time.perf_counter_ns()
        buffers.pull(numbers, state[0] * 160 + 40)
        rounds.append(time.perf_counter_ns() - start)
    pull = round(sorted(rounds)[5] / 1000 / legs, 4)
    return {"put_us": round(together - pull, 4), "pull_us": pull}


def keys(legs: int) -> float:
    """Looking for keys in audio."""
    detector, samples = Keys(legs, lambda leg, key: None), _speech(legs, 160, 8000)
    numbers = np.arange(legs)
    return _best(lambda: detector.follow(numbers, samples, 8000, 0), legs)


def run() -> dict[str, Any]:
    """All figures of this module."""
    return {
        "decode_mix_encode_us": {"250x4": mixing(250, 4), "62x4": mixing(62, 4), "333x3": mixing(333, 3)},
        "conference_us": {
            "250x4": conference(250, 4),
            "25x4": conference(25, 4),
            "1x4": conference(1, 4),
            "10x100": conference(10, 100),
            "250x4 both laws": conference(250, 4, ("PCMU", "PCMA")),
            "25x4 one in four wide": conference(25, 4, ("PCMU", "PCMU", "PCMU", "G722")),
        },
        "transcoding_us": {f"{one}-{other}": bridges(25, (one, other)) for one, other in PAIRS},
        "jitter_us": {str(legs): jitter(legs) for legs in (16, 250, 1000)},
        "keys_us": keys(250),
    }


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
