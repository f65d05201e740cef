"""What G.711 costs: coding, decoding, changing the law, in batches of a thousand packets and one packet at a time.

python -m bench.micro.g711
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from media import g711
from media.g711 import Law

PACKETS, SAMPLES = 1000, 160
SECONDS = 0.3  # per measurement


def _best(step: Callable[[], object], packets: int) -> float:
    """Microseconds per packet, of the fastest tenth of the rounds."""
    rounds: list[int] = []
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        start = time.perf_counter_ns()
        step()
        rounds.append(time.perf_counter_ns() - start)
    rounds.sort()
    tenth = rounds[: max(1, len(rounds) // 10)]
    return round(sum(tenth) / len(tenth) / 1000 / packets, 4)


def run() -> dict[str, Any]:
    """Microseconds per packet of 20 ms."""
    random = np.random.default_rng(1)
    samples = random.integers(-32768, 32767, (PACKETS, SAMPLES)).astype(np.int16)
    codes = random.integers(0, 256, (PACKETS, SAMPLES)).astype(np.uint8)
    packet = codes[0].tobytes()
    result: dict[str, Any] = {"packets_per_batch": PACKETS}
    for law in Law:
        name = "mu" if law is Law.MU else "a"
        result[f"encode_{name}_us"] = _best(lambda law=law: g711.encode(samples, law), PACKETS)  # type: ignore[misc]
        result[f"decode_{name}_us"] = _best(lambda law=law: g711.decode(codes, law), PACKETS)  # type: ignore[misc]
        result[f"transcode_to_{name}_us"] = _best(
            lambda law=law: g711.TRANSCODE[law].take(codes, mode="clip"),  # type: ignore[misc]
            PACKETS,
        )
    result["transcode_one_packet_us"] = _best(lambda: packet.translate(g711.TRANSLATE[Law.A]), 1)
    return result


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
