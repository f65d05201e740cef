"""What the switch costs when nothing happens, and with 1,000 phones registered: CPU share and resident memory."""

from __future__ import annotations

import time
from typing import Any

from bench.lab import Lab, free_port
from bench.load import sipp
from bench.load.register import write_fields

SECONDS = 10.0


def run(*, seconds: float = SECONDS, phones: int = 1_000) -> dict[str, Any]:
    """Idle CPU percent and MiB; MiB with `phones` registered."""
    with Lab(accounts=phones) as lab:
        time.sleep(2.0)  # Start-up work is not idling.
        before, at = lab.cpu(), time.monotonic()
        time.sleep(seconds)
        percent = 100 * (lab.cpu() - before) / (time.monotonic() - at)
        empty = lab.resident()
        port = free_port()
        write_fields(lab, port)
        argv = sipp.command(
            "register.xml",
            f"127.0.0.1:{lab.port}",
            port,
            "-inf",
            "fields.csv",
            "-r",
            "500",
            "-m",
            str(phones),
            "-timeout",
            "60s",
        )
        registered = sipp.drive(argv, lab.directory, timeout=90).successful
        return {
            "idle_cpu_percent": round(percent, 2),
            "idle_mib": round(empty / 2**20, 1),
            "registered": registered,
            "registered_mib": round(lab.resident() / 2**20, 1),
        }


if __name__ == "__main__":
    import json

    print(json.dumps(run(), indent=2))
