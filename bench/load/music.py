"""Music on one core: callers who dial the music extension, and whether each of them gets every packet on time."""

from __future__ import annotations

import time
from typing import Any

from bench.lab import Lab
from bench.load import ladder
from bench.load.ladder import Step
from bench.load.phones import Phones, generator_limits

LISTENERS = (250, 500, 1_000, 1_250)
SECONDS = 5.0
WARM_UP = 1.0
SETTLE = 0.5  # seconds: the journal of the calls' set-up is written behind, and is no cost of their audio
JITTER_MS = 20.0


def good(step: Step) -> bool:
    """Every listener got 99.5 % of 50 packets a second, and 95 % of all gaps are within 20 ms of what they should be."""
    return bool(step["listeners_short"] == 0 and step["jitter_p95_ms"] <= JITTER_MS)


def run(*, listeners: tuple[int, ...] = LISTENERS, seconds: float = SECONDS) -> dict[str, Any]:
    """Climb the numbers of listeners, who say nothing; then the best number again with phones that send audio."""
    steps = ladder.climb(listeners, lambda count: listen(count, seconds), good, refine=1, unit="listeners")
    best = ladder.highest(steps, good, "listeners")
    figures: dict[str, Any] = {
        "listeners": best["listeners"] if best else 0,
        "cpu_us_per_packet": (best or steps[0])["cpu_us_per_packet"],
        "cpu_ms_per_listener_second": (best or steps[0])["cpu_ms_per_listener_second"],
        "steps": steps,
    }
    if best:
        figures["with_microphones"] = listen(best["listeners"], seconds, talks=True)
    return figures


def listen(count: int, seconds: float, *, talks: bool = False) -> Step:
    """One step, on a switch of its own: silent phones are hung up after a while."""
    with Lab(accounts=count) as lab, Phones(lab, count) as phones:
        phones.call((index, lab.info["extensions"]["music"]) for index in range(count))
        time.sleep(SETTLE)  # See there: writing behind cannot be awaited from outside.
        before, at = lab.cpu(), time.monotonic()
        report, _ = phones.audio(range(count), seconds, WARM_UP, talks=talks)
        # The music plays all the time, not only while the generator looks.
        used, lasted = lab.cpu() - before, time.monotonic() - at
        return {
            "listeners": count,
            "listeners_short": report.foreign_short,
            "least_percent": report.foreign_least_percent,
            "jitter_p95_ms": report.foreign_jitter_p95_ms,
            "sequence_gaps": report.foreign_gaps,
            "cpu_us_per_packet": round(1e6 * used / lasted / (50 * count), 2),
            "cpu_ms_per_listener_second": round(1e3 * used / lasted / count, 4),
            "core_percent": round(100 * used / lasted, 1),
            "calls_ended_early": phones.ended,
            **generator_limits(report),
        }


if __name__ == "__main__":
    import json

    print(json.dumps(run(), indent=2))
