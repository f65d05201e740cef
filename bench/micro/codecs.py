"""What codecs cost: coding, decoding, concealing a lost packet, changing the rate, and playing to legs of each codec.

python -m bench.micro.codecs
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np

from bench.micro.relay import Nowhere
from media.bank import Bank
from media.codecs import codec_of, decoder, encoder
from media.control import Load, Music, Open
from media.engine import Engine
from media.forms import Coding
from media.g711 import encode_both
from media.legs import SENT, Legs
from media.library import Recording
from media.player import TICK
from media.resample import Downsampler, Upsampler, downsample_rows, downsample_state, upsample_rows, upsample_state

CODECS = (("PCMU", 8000), ("G722", 8000), ("L16", 16_000), ("opus", 48_000))
LEGS = (1, 10, 100, 500)  # whose rate is changed at once
LISTENERS = 1000
SECONDS = 0.2  # per measurement


def _best(step: Callable[[], object], count: int = 1) -> float:
    """Microseconds per leg and 20 ms, of the fastest tenth of the rounds."""
    rounds: list[int] = []
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        start = time.perf_counter_ns()
        step()
        rounds.append(time.perf_counter_ns() - start)
    return _fastest(rounds) / count


def _fastest(rounds: list[int]) -> float:
    rounds.sort()
    tenth = rounds[: max(1, len(rounds) // 10)]
    return round(sum(tenth) / len(tenth) / 1000, 3)


def coding(name: str, clock: int) -> dict[str, float]:
    """One stream."""
    codec = codec_of(name, clock)
    coder, plain, size = encoder(codec), decoder(codec), codec.rate // 50
    time_ = np.arange(size * 50) / codec.rate
    noise = np.random.default_rng(1).normal(0, 300, size * 50)
    samples = (6000 * np.sin(2 * np.pi * 220 * time_) + noise).astype(np.int16).reshape(-1, size)
    packets = [coder.encode(row) for row in samples]
    costs = {
        "encode_us": _best(lambda: coder.encode(samples[7])),
        "decode_us": _best(lambda: plain.decode(packets[7])),
    }

    def lose() -> None:
        plain.conceal(size, None)
        plain.decode(packets[7])

    costs["conceal_us"] = round(_best(lose) - costs["decode_us"], 3)
    return costs


def rates() -> dict[str, Any]:
    """8 to 16 kHz and back: a stream, and rows of legs."""
    narrow = np.random.default_rng(1).integers(-9000, 9000, (max(LEGS), 160)).astype(np.int16)
    wide = np.repeat(narrow, 2, axis=1)
    up, down = Upsampler(), Downsampler()
    rows: dict[str, Any] = {
        "stream": {
            "up_us": _best(lambda: up.process(narrow[0])),
            "down_us": _best(lambda: down.process(wide[0])),
        }
    }
    for legs in LEGS:
        ups, downs = upsample_state(legs), downsample_state(legs)
        rows[str(legs)] = {
            "up_us": round(_best(lambda: upsample_rows(ups, narrow[:legs]), legs), 3),  # noqa: B023
            "down_us": round(_best(lambda: downsample_rows(downs, wide[:legs]), legs), 3),  # noqa: B023
        }
    return rows


def playing(name: str, clock: int) -> float:
    """Microseconds per packet of music to a thousand listeners, sending excluded."""
    wanted: list[Load | Coding] = []
    engine = Engine(Legs(LISTENERS), Bank(), Nowhere(LISTENERS), Random(1).getrandbits, wanted.append)
    music = np.random.default_rng(1).integers(-9000, 9000, 80_000).astype(np.int16)
    engine.library.add(Recording("bench", True, encode_both(music)))
    for leg in range(LISTENERS):
        engine.perform(Open(leg, "192.0.2.1", 4000, name, 96, clock=clock), 0.0)
        engine.perform(Music(leg, "bench"), 0.0)
    rounds: list[int] = []
    now = 0.0
    for _ in range(400):
        now += TICK
        before = int(engine.legs.outbound[:, SENT].sum())
        start = time.perf_counter_ns()
        engine.run(now + TICK / 2)
        elapsed = time.perf_counter_ns() - start
        if packets := int(engine.legs.outbound[:, SENT].sum()) - before:
            rounds.append(elapsed // packets)
        while wanted:
            work = wanted.pop()
            assert isinstance(work, Coding)
            for piece in work.pieces():
                engine.coded(piece)
    return _fastest(rounds)


def run() -> dict[str, Any]:
    """All figures of this module."""
    return {
        "packet_of_20_ms": {f"{name}/{clock}": coding(name, clock) for name, clock in CODECS},
        "change_of_rate_per_leg": rates(),
        "music_us_per_packet": {f"{name}/{clock}": playing(name, clock) for name, clock in CODECS},
    }


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
