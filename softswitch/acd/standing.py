"""How a waiting caller stands, as announcements tell it (FEATURES ACD-30, ACD-31)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from softswitch.acd.estimate import never_growing, told_minutes
from softswitch.effects import Standing

if TYPE_CHECKING:
    from softswitch.acd.engine import Engine


def standing(engine: Engine, caller_id: str, now: float, told: float, people: int) -> Standing | None:
    """What may be told to a waiting caller who was told `told` seconds (-1 = nothing) when `people` served them."""
    caller = engine.visits.callers.get(caller_id)
    place = engine.visits.position(caller) if caller is not None else None
    if caller is None or place is None:
        return None
    prospect = engine.outlook.caller(caller, now)
    before = told if told >= 0.0 else None
    seconds = never_growing(prospect.seconds, before, staff_fell=prospect.people < people)
    return Standing(
        place, len(caller.queue), bool(caller.offers), seconds, told_minutes(seconds), prospect.wait.mean, prospect.people,
        now - caller.joined, caller.queue.positions,
    )  # fmt: skip
