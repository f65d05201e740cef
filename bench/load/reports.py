"""Reports over a month of a million calls: what the counting costs, and how long each report takes (RPT-16)."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import tempfile
import time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bench import progress
from softswitch.reports.build import REPORTS, Ask, make
from softswitch.reports.range import Range, midnight, named
from softswitch.store import Store
from softswitch.store.ledger import Ledger
from tests.sim.month import Month, write

CALLS = int(os.environ.get("SOFTSWITCH_BENCH_CALLS", "1000000"))
QUEUES, AGENTS, DAYS = 10, 100, 30
ZONE = ZoneInfo("Europe/Warsaw")
RUNS = 3  # of each report; the slowest counts


def run() -> dict[str, Any]:
    """Seconds; octets of the files; MiB of this process when it has counted. The timeline is that of a day."""
    from datetime import date

    month = named("month", date(2026, 9, 15), ZONE)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "softswitch.sqlite"
        asyncio.run(_create(path))
        progress.note(f"writing the journal of {CALLS:,} calls")
        rate = CALLS / DAYS / 24.0 / QUEUES / 0.95  # the day's profile of `Month` has a mean of 0.95
        events = write(Month(float(month.since), float(DAYS), QUEUES, AGENTS, rate).lines(), path)
        progress.note(f"counting {events:,} events")
        ledger, began = Ledger(path), time.process_time()
        counted = ledger.catch_up()
        spent = time.process_time() - began
        found: dict[str, Any] = {}
        variants: dict[str, dict[str, Any]] = {name: {} for name in REPORTS}
        variants |= {f"{name}, within 30 s": {"level": 30} for name in ("queues", "intervals")}
        for title, more in variants.items():
            name = title.partition(",")[0]
            progress.note(title)
            span = (
                Range(midnight(date(2026, 9, 16), ZONE), midnight(date(2026, 9, 17), ZONE), ZONE)
                if name == "timeline"
                else month
            )
            took = []
            for _ in range(RUNS):
                at = time.perf_counter()
                report = make(name, ledger, Ask(span, "15", now=float(month.until), **more))
                took.append(time.perf_counter() - at)
            found[title] = {
                "seconds": round(max(took), 3),
                "rows": len(report["rows"]),
                "kilobytes": len(json.dumps(report)) // 1024,
            }
        calls = sum(row["entered"] for row in make("queues", ledger, Ask(month))["rows"])
        figures = {
            "calls": calls, "events": counted, "counting_seconds": round(spent, 1),
            "counting_us_per_event": round(spent / counted * 1e6, 2), "journal_mib": path.stat().st_size >> 20,
            "rows_mib": ledger.path.stat().st_size >> 20,
            "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
            "slowest_report": max(one["seconds"] for one in found.values()),
            "reports": found,
        }  # fmt: skip
        ledger.close()
        return figures


async def _create(path: Path) -> None:
    await (await Store.open(path)).close()
