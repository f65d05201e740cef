"""Two-way calls with audio through the relay: packets lost, delay added, CPU, and how many calls one core carries.

Calls are set up by SIP between registered phones; then both sides of every call send G.711 at 50 packets a second. All calls
of a step stay up in the next one.
"""

from __future__ import annotations

import time
from typing import Any

from bench.lab import Lab
from bench.load import ladder
from bench.load.ladder import Step
from bench.load.phones import Phones, generator_limits

CALLS = (100, 300, 500, 700, 900, 1_000)
SECONDS = 5.0
WARM_UP = 1.0
SETTLE = 0.5  # seconds: the journal of the calls' set-up is written behind, and is no cost of their audio


def clean(step: Step) -> bool:
    """Nobody can hear a fault."""
    return bool(step["loss_percent"] < 0.1 and not step["generator_limited"])


def good(step: Step) -> bool:
    """The measure of the field: hardly audible faults."""
    return bool(step["loss_percent"] < 0.5 and step["delay_p95_ms"] <= 20 and not step["generator_limited"])


def run(*, calls: tuple[int, ...] = CALLS, seconds: float = SECONDS) -> dict[str, Any]:
    """Climb the numbers of calls. Delays in milliseconds, from the sender's system call to the receiver's kernel."""
    with Lab(accounts=2 * max(calls)) as lab, Phones(lab, 2 * max(calls)) as phones:
        phones.register(range(1, 2 * max(calls), 2))
        up = 0

        def measure(count: int) -> Step:
            nonlocal up
            if count > up:
                phones.call((2 * i, phones.accounts[2 * i + 1][0]) for i in range(up, count))
                up = count
                time.sleep(SETTLE)  # See there: writing behind cannot be awaited from outside.
            report, used = phones.audio(range(2 * count), seconds, WARM_UP)
            lasted = seconds + WARM_UP
            return {
                "calls": count,
                "loss_percent": report.loss_percent,
                "delay_p50_ms": report.delay_p50_ms,
                "delay_p95_ms": report.delay_p95_ms,
                "delay_p99_ms": report.delay_p99_ms,
                "cpu_us_per_packet": round(1e6 * used / max(1, report.handled), 2),
                "cpu_ms_per_call_second": round(1e3 * used / lasted / count, 3),
                "core_percent": round(100 * used / lasted, 1),
                "misrouted": report.misrouted,
                "reordered": report.reordered,
                "foreign": report.foreign,
                "calls_ended_early": phones.ended,
                **generator_limits(report),
            }

        steps = ladder.climb(calls, measure, good, unit="calls")
    best = ladder.highest(steps, good, "calls")
    faultless = ladder.highest(steps, clean, "calls")
    return {
        "calls_loss_below_0.1_percent": faultless["calls"] if faultless else 0,
        "calls_loss_below_0.5_percent_p95_20_ms": best["calls"] if best else 0,
        "cpu_us_per_packet": (best or steps[0])["cpu_us_per_packet"],
        "cpu_ms_per_call_second": (best or steps[0])["cpu_ms_per_call_second"],
        "at": {
            str(step["calls"]): {key: step[key] for key in AT} for step in sorted(steps, key=lambda one: one["calls"])
        },
        "steps": steps,
    }


AT = ("loss_percent", "delay_p50_ms", "delay_p95_ms", "delay_p99_ms", "cpu_us_per_packet")

if __name__ == "__main__":
    import json

    print(json.dumps(run(), indent=2))
