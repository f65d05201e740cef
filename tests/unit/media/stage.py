"""Two legs and something to play to them, and what is heard of it."""

from __future__ import annotations

import numpy as np

from media import g711
from media.g711 import encode_both
from media.library import Recording
from media.rtp import Packet
from tests.unit.media.twins import World

RAMP = np.linspace(-30_000, 30_000, 8000).astype(np.int16)
HOLD = 425


def stage() -> World:
    """Two open legs, three clips and a loop of music."""
    world = World()
    world.open(0, 1)
    for name, start in (("one", 0), ("two", 1000), ("three", 3000)):
        world.engine.loaded(Recording(name, False, encode_both(RAMP[start : start + 1000])), world.now)
    world.engine.loaded(Recording("moh", True, encode_both(RAMP)), world.now)
    return world


def codes(packets: list[Packet]) -> bytes:
    return b"".join(packet.payload for packet in packets)


def coded(samples: np.ndarray, law: g711.Law = g711.Law.MU) -> bytes:
    return g711.encode(samples.astype(np.int16), law).tobytes()


def frequency(payload: bytes) -> float:
    """The strongest frequency."""
    signal = g711.decode(np.frombuffer(payload, np.uint8), g711.Law.MU).astype(float)
    return float(np.abs(np.fft.rfft(signal, 8000)).argmax())
