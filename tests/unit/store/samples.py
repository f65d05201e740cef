"""What the tests of the store tell it: events of calls, visits and registrations."""

from __future__ import annotations

from dataclasses import replace

from softswitch.effects import Flow
from softswitch.events import (
    BindingAdded,
    CallEnded,
    CallerJoined,
    CallerLeft,
    CallStarted,
    LegEnded,
    LegStarted,
)
from softswitch.store.records import Moment
from tests.unit.store.conftest import START

FLOW = Flow("udp", "192.0.2.7", 5062, 1)


def started(call: str, caller: str = "101", dialled: str = "800") -> CallStarted:
    return CallStarted(call, caller, "Anna", dialled, account=caller)


def ended(call: str, seconds: float = 10.0, **more: object) -> CallEnded:
    event = CallEnded(
        call, "101", "Anna", "800", "101", "answered", 200, "normal", 2.0, seconds - 2.0, seconds, path=("main", "1")
    )
    return replace(event, **more)  # type: ignore[arg-type]


def leg_started(call: str, leg: str) -> LegStarted:
    return LegStarted(call, leg, "caller", "101", f"{leg}@phone")


def leg_ended(call: str, leg: str) -> LegEnded:
    return LegEnded(call, leg, "caller", "101", f"{leg}@phone", 200, "bye", "remote", 2.0, 8.0, "PCMA", {"lost": 3})


def joined(visit: int, call: str, queue: str = "sales") -> CallerJoined:
    return CallerJoined(queue, call, visit, "600100200", 0, 1, 1)


def left(visit: int, call: str, outcome: str, waited: float = 5.0, queue: str = "sales", agent: str = "") -> CallerLeft:
    return CallerLeft(queue, call, visit, outcome, waited, 1, 2, agent=agent)


def bound(
    contact: str, seconds: float, *, now: Moment = START, aor: str = "101", refreshed: bool = False
) -> BindingAdded:
    return BindingAdded(
        aor, contact, now.mono + seconds, FLOW, "id@phone", 7, 0.5, "<urn:x>", "Phone/1", ("<sip:p;lr>",), refreshed
    )
