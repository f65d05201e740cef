"""After a crash: the events that close what it left open, so that the books balance (offered = sum of outcomes).

A call that was cut off has a CDR with the cause "system_restart"; its legs are found in the journal; a caller who waited has
the outcome system_shutdown. All of it ends at the last moment the old process is known to have lived.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from softswitch.events import (
    BindingRemoved,
    CallBridged,
    CallEnded,
    CallerConnected,
    CallerJoined,
    CallerLeft,
    Event,
    LegAnswered,
    LegEnded,
    LegStarted,
)
from softswitch.outside import TRUNK
from softswitch.store.records import CallRecord, JournalEntry, LeftOpen, Recovery, VisitRecord

CAUSE: Final = "system_restart"
OUTCOME: Final = "system_shutdown"


@dataclass(slots=True)
class _Leg:
    started: JournalEntry
    answered: float | None = None


@dataclass(slots=True)
class _Traces:
    """What the journal says about the calls that were cut off."""

    legs: dict[tuple[str, str], _Leg] = field(default_factory=dict)
    bridged: dict[str, float] = field(default_factory=dict)  # call -> when first
    queue: dict[str, str] = field(default_factory=dict)  # call -> the queue it entered last
    agent: dict[str, str] = field(default_factory=dict)  # call -> who took it from there
    tried: dict[str, str] = field(default_factory=dict)  # call -> the trunk that it was sent to last
    trunk: dict[str, str] = field(default_factory=dict)  # call -> the trunk of the first who talked by one


def recover(
    left: LeftOpen,
    journal: Iterable[JournalEntry],
    resumed: Collection[tuple[int, str]] = (),
    calls: Collection[str] = (),
    legs: Collection[str] = (),
) -> Recovery:
    """The closing events. `journal` covers at least the open calls.

    `resumed`: visits (number, call) that the engine goes on with; `calls` and `legs`: those that call control goes on with.
    """
    at = left.at
    open_calls = {one.call: one for one in left.calls}
    traces = _trace(journal, open_calls)
    cut_off = [_leg_ended(one, at) for (_, leg), one in traces.legs.items() if leg not in legs]
    ended = [_call_ended(one, at, traces) for one in open_calls.values() if one.call not in calls]
    visits = [_caller_left(one, at) for one in left.visits if (one.visit, one.call) not in resumed]
    gone = [BindingRemoved(aor, contact, "expired") for aor, contact in left.expired]
    events: list[Event] = [*gone, *visits, *cut_off, *ended]
    return Recovery(at, events, len(ended), len(cut_off), len(visits), len(gone))


def _trace(journal: Iterable[JournalEntry], calls: Collection[str]) -> _Traces:
    traces = _Traces()
    for one in journal:
        if one.call not in calls:
            continue
        leg: tuple[str, str] = (one.call, str(one.payload.get("leg", "")))
        if one.name == LegStarted.name:
            traces.legs[leg] = _Leg(one)
            if trunk := _trunk(one):
                traces.tried[one.call] = trunk
        elif one.name == LegEnded.name:
            traces.legs.pop(leg, None)
        elif one.name == LegAnswered.name and leg in traces.legs:
            traces.legs[leg].answered = one.wall
        elif one.name == CallBridged.name:
            traces.bridged.setdefault(one.call, one.wall)
            for party in (leg, (one.call, str(one.payload.get("peer", "")))):
                if party in traces.legs and (trunk := _trunk(traces.legs[party].started)):
                    traces.trunk.setdefault(one.call, trunk)
        elif one.name == CallerJoined.name:
            traces.queue[one.call] = str(one.payload["queue"])
        elif one.name == CallerConnected.name:
            traces.agent[one.call] = str(one.payload["agent"])
    return traces


def _trunk(leg: JournalEntry) -> str:
    """The trunk that a leg is on, "" for one on a phone."""
    device = str(leg.payload.get("device", ""))
    return device.removeprefix(TRUNK) if device.startswith(TRUNK) else ""


def _leg_ended(leg: _Leg, at: float) -> LegEnded:
    payload: dict[str, Any] = leg.started.payload
    rang_until = at if leg.answered is None else leg.answered
    return LegEnded(
        call=leg.started.call,
        leg=payload["leg"],
        role=payload["role"],
        party=payload["party"],
        sip_call_id=payload["sip_call_id"],
        status=0,
        cause=CAUSE,
        by="failure",
        ring_seconds=max(0.0, rang_until - leg.started.wall),
        talk_seconds=0.0 if leg.answered is None else max(0.0, at - leg.answered),
    )


def _call_ended(call: CallRecord, at: float, traces: _Traces) -> CallEnded:
    bridged = traces.bridged.get(call.call)
    return CallEnded(
        call=call.call,
        caller=call.caller,
        caller_name=call.caller_name,
        dialled=call.dialled,
        account=call.account,
        outcome="failed" if bridged is None else "answered",
        status=0,
        cause=CAUSE,
        setup_seconds=max(0.0, (at if bridged is None else bridged) - call.started_at),
        talk_seconds=0.0 if bridged is None else max(0.0, at - bridged),
        total_seconds=max(0.0, at - call.started_at),
        queue=traces.queue.get(call.call, ""),
        agent=traces.agent.get(call.call, ""),
        trunk=call.trunk or traces.trunk.get(call.call, traces.tried.get(call.call, "") if bridged is None else ""),
    )


def _caller_left(visit: VisitRecord, at: float) -> CallerLeft:
    return CallerLeft(
        queue=visit.queue,
        caller=visit.call,
        visit=visit.visit,
        outcome=OUTCOME,
        waited=max(0.0, at - visit.entered_at),
        position_at_entry=visit.position,
        offers=visit.offers,
        detail=CAUSE,
    )
