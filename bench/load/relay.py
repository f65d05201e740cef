"""Audio through one media worker: cost per relayed packet, loss and added delay by number of calls; music listeners.

python -m bench.load.relay
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from bench import lab

CALLS = (100, 500, 700, 1000)
BEYOND = (1150, 1300, 1500)  # tried while the step before went well
LISTENERS = 1000
SECONDS = 5.0
LOSS_PERCENT, P95_MS = 0.1, 20.0  # what "went well" means
SENT_PERCENT = 97.0  # below that it was the generator that could not follow, and the run proves nothing


def measure(*arguments: str) -> dict[str, Any]:
    """One run of the generator against a worker of its own, in a process of its own."""
    command = [
        sys.executable,
        "-m",
        "bench.load.rtp_generator",
        "--seconds",
        str(SECONDS),
        "--relay",
        lab.relay,
        *arguments,
    ]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    report: dict[str, Any] = json.loads(ended.stdout)
    return report


def _row(report: dict[str, Any]) -> dict[str, Any]:
    extra = report["extra"]
    counts = ("sent", "sent_percent", "lost", "loss_percent", "misrouted", "reordered")
    delays = ("delay_p50_ms", "delay_p95_ms", "delay_p99_ms")
    costs = ("worker_us_per_packet", "cpu_ms_per_call_second", "worker_cpu_percent")
    return {name: report[name] for name in counts + delays} | {name: extra[name] for name in costs}


def _went_well(row: dict[str, Any]) -> bool:
    good = row["loss_percent"] < LOSS_PERCENT and row["delay_p95_ms"] <= P95_MS and not row["misrouted"]
    return bool(good and row["sent_percent"] >= SENT_PERCENT)


def run() -> dict[str, Any]:
    """All figures of this module."""
    bridged: dict[str, Any] = {}
    highest = 0
    well = True
    for calls in CALLS + BEYOND:
        if calls in BEYOND and not well:
            break
        bridged[str(calls)] = row = _row(measure("--calls", str(calls)))
        if well := _went_well(row):
            highest = calls
    music = measure("--listeners", str(LISTENERS))
    return {
        "bridged": bridged,
        f"highest_calls_loss_below_{LOSS_PERCENT}_percent_p95_within_{P95_MS:.0f}_ms": highest,
        "transcoded": {"300": _row(measure("--calls", "300", "--transcode"))},
        "music": {
            "listeners": LISTENERS,
            "packets": music["foreign"],
            "gaps": music["foreign_gaps"],
            "worker_us_per_packet": music["extra"]["worker_us_per_packet"],
            "worker_cpu_percent": music["extra"]["worker_cpu_percent"],
            "late_ticks": music["extra"]["gauges"]["late_ticks"],
        },
        "generator_alone": {"500": measure("--direct", "--calls", "500")["generator_cpu_percent"]},
    }


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
