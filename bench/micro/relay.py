"""What the relay computes per packet, without any socket: one by one and in batches of several sizes.

python -m bench.micro.relay
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from media.bank import Bank
from media.control import Bridge, Music, Open
from media.engine import Engine
from media.latch import Address
from media.legs import SENT, Legs
from media.player import FEW, TICK
from media.relay.batch import Batch, Buffers
from media.rows import Rows

SIZES = (1, 4, 8, 16, 24, 32, 48, 64, 128, 256, 512)
PLAYING = (1, 4, 8, 12, 16, 64, 1000)
SECONDS = 0.15  # per measurement


class Nowhere:
    """A network that swallows everything."""

    def __init__(self, legs: int) -> None:
        self.senders: list[Callable[[memoryview], object]] = [len] * legs
        self.files = np.full(legs, -1)

    def failed(self, leg: int, packet: memoryview, error: OSError) -> None: ...
    def deliver(self, legs: NDArray[np.int64], rows: Rows, size: int) -> None: ...
    def aim(self, leg: int, rtp: Address, rtcp: Address, *, keep: bool) -> None: ...
    def listen(self, leg: int, host: str, rtp: Address | None) -> None: ...
    def quiet(self, leg: int) -> None: ...
    def send_rtcp(self, leg: int, data: bytes) -> None: ...


def _ignore(_: object) -> None:
    """Nothing is loaded here."""


def _engine(legs: int, codecs: tuple[str, str] = ("PCMU", "PCMU")) -> Engine:
    engine = Engine(Legs(legs), Bank(), Nowhere(legs), Random(1).getrandbits, _ignore)
    for leg in range(legs):
        name = codecs[leg % 2]
        engine.perform(Open(leg, "192.0.2.1", 4000, name, 8 if name == "PCMA" else 0), 0.0)
    return engine


class Stream:
    """As many packets as there are legs, the next ones of their streams each time."""

    def __init__(self, engine: Engine, size: int, codecs: tuple[str, str]) -> None:
        self.size = size
        self.buffers = Buffers(size)
        self.batch = Batch(engine.legs, self.buffers)
        self.session = engine.session
        self._types = np.array([(8 if codecs[leg % 2] == "PCMA" else 0) << 16 | 0x80000000 for leg in range(size)])
        self._number = 0

    def refill(self) -> None:
        self._number += 1
        head = np.empty((self.size, 3), np.uint32)
        head[:, 0] = (self._types | self._number & 0xFFFF).astype(np.uint32)
        head[:, 1] = self._number * 160 & 0xFFFFFFFF
        head[:, 2] = np.arange(self.size) + 1
        self.buffers.words[:, :3] = head.byteswap()
        self.buffers.leg[:] = np.arange(self.size)
        self.buffers.size[:] = 172

    def together(self) -> None:
        self.batch.relay(self.size, self._number * 160)

    def one_by_one(self) -> None:
        receive, buffers, clock = self.session.receive, self.buffers, self._number * 160
        for row in range(self.size):
            receive(buffers.legs[row], buffers.views[row], buffers.sizes[row], clock)


def _measure(stream: Stream, step: Callable[[], None]) -> float:
    """Microseconds per packet, of the fastest tenth of the rounds: what it costs when nobody disturbs."""
    rounds: list[int] = []
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        stream.refill()
        start = time.perf_counter_ns()
        step()
        rounds.append(time.perf_counter_ns() - start)
    rounds.sort()
    tenth = rounds[: max(1, len(rounds) // 10)]
    return sum(tenth) / len(tenth) / 1000 / stream.size


def relay(codecs: tuple[str, str] = ("PCMU", "PCMU")) -> dict[str, Any]:
    """Cost per packet by the number of packets in hand."""
    rows: dict[str, Any] = {}
    for size in SIZES:
        engine = _engine(max(size, 2), codecs)
        for leg in range(0, size - 1, 2):
            engine.perform(Bridge(leg, leg + 1), 0.0)
        stream = Stream(engine, size, codecs)
        for _ in range(3):
            stream.refill()
            stream.one_by_one()
        rows[str(size)] = {
            "one_by_one_us": round(_measure(stream, stream.one_by_one), 3),
            "batch_us": round(_measure(stream, stream.together), 3),
        }
    return rows


def player(listeners: int, few: int = FEW) -> float:
    """Microseconds per packet of music, sending excluded, when this many are due at once."""
    engine = _engine(listeners)
    engine.player.few = few
    engine.library.add(_music())
    for leg in range(listeners):
        engine.perform(Music(leg, "bench"), 0.0)
    rounds = []
    now = 0.0
    for _ in range(1200):
        now += TICK
        before = int(engine.legs.outbound[:, SENT].sum())
        start = time.perf_counter_ns()
        engine.run(now + TICK / 2)
        elapsed = time.perf_counter_ns() - start
        packets = int(engine.legs.outbound[:, SENT].sum()) - before
        if packets:
            rounds.append(elapsed / packets)
    rounds.sort()
    tenth = rounds[: max(1, len(rounds) // 10)]
    return round(sum(tenth) / len(tenth) / 1000, 3)


def _music() -> Any:
    from media.g711 import encode_both
    from media.library import Recording

    return Recording(
        "bench", True, encode_both(np.random.default_rng(1).integers(-9000, 9000, 80_000).astype(np.int16))
    )


def run() -> dict[str, Any]:
    """All figures of this module."""
    rows = relay()
    crossover = next((int(size) for size, row in rows.items() if row["batch_us"] < row["one_by_one_us"]), 0)
    return {
        "relay_us_per_packet": rows,
        "transcoding_us_per_packet": relay(("PCMU", "PCMA")),
        "crossover_packets": crossover,
        "player_us_per_packet": {
            str(count): {"one_by_one": player(count, 10_000), "together": player(count, 0)} for count in PLAYING
        },
    }


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
