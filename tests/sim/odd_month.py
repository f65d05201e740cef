"""Happenings of all odd kinds at odd moments: engines full of faults, crashes and changes of mind, at midnight, across both
changes of the clock, over the bounds of quarters; as lines of a journal and as the events themselves."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from softswitch.events import Event
from tests.sim.queue_world import World
from tests.sim.recount import Line

WARSAW = ZoneInfo("Europe/Warsaw")
# Local times at which something goes on; each goes on for some five minutes.
MOMENTS = (
    "2026-03-01 00:00:02", "2026-03-02 08:58", "2026-03-07 23:57:30", "2026-03-28 23:58", "2026-03-29 01:57", "2026-03-29 03:01",
    "2026-03-29 23:56", "2026-03-31 23:57", "2026-10-24 23:58", "2026-10-25 00:59", "2026-10-25 01:58", "2026-10-25 02:20",
    "2026-10-25 02:58", "2026-10-25 03:05", "2026-10-25 23:57", "2026-10-26 12:13", "2026-10-31 23:57",
)  # fmt: skip


class Recorded(World):
    """Whose events have their moments."""

    def __init__(self, seed: int) -> None:
        self.moments: list[float] = []
        super().__init__(seed, check=False)

    def _perform(self, item: object) -> None:
        super()._perform(item)
        self.moments += [self.now] * (len(self.events) - len(self.moments))


def odd_month(worlds: int = len(MOMENTS)) -> list[tuple[float, Event]]:
    """Events with their times. Callers of different worlds are different; agents and queues are the same ones."""
    found: list[tuple[float, Event]] = []
    for number in range(worlds):
        fold = number == 11  # the second time that it is twenty past two
        start = datetime.fromisoformat(MOMENTS[number]).replace(tzinfo=WARSAW, fold=int(fold)).timestamp()
        world = Recorded(4_000 + number)
        first = world.now
        world.run()
        assert len(world.moments) == len(world.events)
        for at, event in zip(world.moments, world.events, strict=True):
            names = {one.name for one in fields(event)}
            changed: dict[str, Any] = {"caller": f"{number}-{event.caller}"} if "caller" in names else {}  # type: ignore[attr-defined]
            if "visit" in names:
                changed["visit"] = 1_000 * number + event.visit  # type: ignore[attr-defined]
            found.append((round(start + at - first, 6), replace(event, **changed)))
    return sorted(found, key=lambda one: one[0])


def lines_of(events: list[tuple[float, Event]]) -> list[Line]:
    """As the journal tells them."""
    return [
        (at, event.name, json.loads(json.dumps({one.name: getattr(event, one.name) for one in fields(event)})))
        for at, event in events
    ]
