"""What the switch costs when nothing happens: CPU share and memory; and its memory with phones and with calls."""

from __future__ import annotations

import time
from typing import Any

from bench import progress
from bench.lab import Lab
from bench.load.phones import Phones

SECONDS = 10.0
AUDIO_SECONDS = 2.0


def run(*, seconds: float = SECONDS, phones: int = 1_000, calls: int = 500) -> dict[str, Any]:
    """Idle CPU percent and MiB; MiB with `phones` registered, and with `calls` between them that carry audio.

    `_mib`: the proportional set (shared pages count once); `_rss_mib`: the resident set of each process, added up.
    """
    with Lab(accounts=phones) as lab:
        time.sleep(2.0)  # Start-up work is not idling.
        progress.note("nothing")
        before, at = lab.cpu(), time.monotonic()
        time.sleep(seconds)  # Idling is what is measured.
        percent = 100 * (lab.cpu() - before) / (time.monotonic() - at)
        figures: dict[str, Any] = {"idle_cpu_percent": round(percent, 2)} | _memory(lab, "idle")
        with Phones(lab, phones) as them:
            progress.note(f"{phones:,} phones")
            them.register(range(phones))
            before, at = lab.cpu(), time.monotonic()
            time.sleep(seconds / 2)  # As above.
            percent = 100 * (lab.cpu() - before) / (time.monotonic() - at)
            figures |= {"registered": phones, "registered_cpu_percent": round(percent, 2)} | _memory(lab, "registered")
            progress.note(f"{calls:,} calls")
            them.call((2 * i, them.accounts[2 * i + 1][0]) for i in range(calls))
            them.audio(range(2 * calls), AUDIO_SECONDS, 0.5)
            figures |= {"calls": calls} | _memory(lab, "calls")
    return figures


def _memory(lab: Lab, when: str) -> dict[str, float]:
    return {
        f"{when}_mib": round(lab.proportional() / 2**20, 1),
        f"{when}_rss_mib": round(lab.resident() / 2**20, 1),
    }


if __name__ == "__main__":
    import json

    print(json.dumps(run(), indent=2))
