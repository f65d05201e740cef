"""`softswitch report ewt` over the books of a switch."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from softswitch.config import load_config
from softswitch.events import CallerLeft, EwtTold
from softswitch.store import Store
from tests.unit.cli.test_cli import data, empty_folder, run, site

__all__ = ["empty_folder", "site"]  # fixtures


def test_the_report_is_daily_and_by_queue(site: dict[str, Any], tmp_path: Any) -> None:
    path = load_config(tmp_path / "site" / "softswitch.toml").paths.database

    async def write() -> None:
        store = await Store.open(path)
        seq = (await store.load()).next_seq
        for number in range(40):
            wall = time.time() - 86_400.0 * (number % 2) - 60.0
            events = (
                EwtTold("infolinia", f"c{number}", 2, 100.0, 90.0, 1, 3, 10.0),
                CallerLeft("infolinia", f"c{number}", number, "answered", 10.0 + (80.0 if number % 4 else 120.0), 1, 1),
            )
            for event in events:
                store.publish(seq, wall, 1.0, event)
                seq += 1
        await store.close()

    assert "No caller was told" in run("report", "ewt").output
    asyncio.run(write())
    found = data("report", "ewt")
    assert [one["told"] for one in found["days"]] == [20, 20]
    (whole,) = found["queues"]
    assert (whole["served"], whole["bias"], whole["covered"]) == (40, 10.0, 0.75)
    assert data("report", "ewt", "--queue", "other")["queues"] == []
    assert data("report", "ewt", "--days", "1")["queues"][0]["told"] == 20
    shown = run("report", "ewt").output
    assert "75 %" in shown and "+10 s" in shown
