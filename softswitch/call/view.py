"""What call control can tell about itself: calls and media ports as plain values, durations in seconds. Read only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from softswitch.call import sound
from softswitch.call.consult import Consultation
from softswitch.call.outward import trunk_of
from softswitch.call.phones import SETTINGS

if TYPE_CHECKING:
    from softswitch.call.board import Board
    from softswitch.call.call import Call
    from softswitch.call.leg import Leg

Values = dict[str, Any]


def calls(board: Board, now: float) -> list[Values]:
    """The calls that are going on, the oldest first."""
    return [
        _call(board, call, now)
        for call in sorted(board.calls.values(), key=lambda call: call.started)
        if call.ended is None
    ]


def _call(board: Board, call: Call, now: float) -> Values:
    return {
        "call": call.id,
        "caller": call.caller_number,
        "caller_name": call.caller_name,
        "dialled": call.dialled,
        "account": call.account.user,
        "trunk": trunk_of(call),
        "state": _state(call),
        "seconds": now - call.started,
        "talking_seconds": now - call.bridged_at if call.peer is not None and call.bridged_at else 0.0,
        "queue": call.visit.config.name if call.visit is not None else "",
        "callback": call.visit.caller if call.visit is not None and call.visit.attempt is not None else "",
        "agent": call.reached,
        "transfers": call.transfers,
        "consultation": _consultation(call),
        "path": list(call.path),
        "recording": _recording(board, call, now),
        "worker": call.worker,
        "conference": call.meeting.name if call.meeting is not None else "",
        "parked": next((slot for slot, parked in board.parked.items() if parked.call is call), ""),
        "diversions": [f"{one.number} {one.reason}" for one in call.diversions],
        "supervises": call.supervision.device if call.supervision is not None else "",
        "supervised_by": [watcher.call.account.user for watcher in call.watchers],
        "legs": [_leg(leg) for leg in (*call.members, *_asked(call))],
    }


def _asked(call: Call) -> tuple[Leg, ...]:
    """Whoever was asked, and has answered."""
    lead = call.lead
    return (lead.asked,) if isinstance(lead, Consultation) and lead.asked is not None else ()


def _consultation(call: Call) -> Values | None:
    """Who asks whom, and to whom of the two they talk (`aside`: to whoever is asked)."""
    lead = call.lead
    if not isinstance(lead, Consultation):
        return None
    return {"by": lead.by, "to": lead.dialled, "answered": lead.asked is not None, "aside": lead.aside}


def by_device(board: Board, now: float) -> dict[str, tuple[Values, float]]:
    """The conversation on each phone of ours, as a board shows it, and its seconds: the latest one that is not on hold."""
    found: dict[str, tuple[tuple[bool, float], Values, float]] = {}
    for call in board.calls.values():
        if call.ended is not None or call.summoning or call.supervision is not None:
            continue
        for leg in call.members:
            if not leg.device or not leg.up:
                continue
            rank = not leg.holding, call.bridged_at
            if leg.device not in found or found[leg.device][0] < rank:
                since = call.bridged_at if call.peer is not None and call.bridged_at else call.started
                found[leg.device] = rank, _brief(board, call, leg), now - since
    return {device: (values, seconds) for device, (_, values, seconds) in found.items()}


def _brief(board: Board, call: Call, leg: Leg) -> Values:
    return {
        "call": call.id,
        "state": _state(call),
        "number": call.dialled if leg is call.caller else call.caller_number,
        "name": "" if leg is call.caller else call.caller_name,
        "queue": call.visit.config.name if call.visit is not None else "",
        "held": leg.holding,
        "recording": board.recorder.current(call) is not None,
        "supervised_by": [
            {"account": watcher.call.account.user, "mode": watcher.mode, "by": watcher.by}
            for watcher in call.watchers
            if watcher.device == leg.device
        ],
    }


def _recording(board: Board, call: Call, now: float) -> Values | None:
    found = board.recorder.current(call)
    if found is None:
        return None
    return {"recording": found.id, "path": found.path, "seconds": found.seconds(now), "paused": found.paused_at >= 0}


def _state(call: Call) -> str:
    if call.lead is not None:
        return call.lead.state
    if call.peer is not None:
        return "talking"
    if call.supervision is not None:
        return "supervising"
    if call.meeting is not None:
        return "conference"
    if call.visit is not None and call.visit.waiting:
        return "queued"
    if call.fork is not None:
        return "ringing"
    return "answered" if call.runner is not None else "starting"


def _leg(leg: Leg) -> Values:
    return {
        "leg": leg.id,
        "role": leg.role,
        "party": leg.party,
        "device": leg.device,
        "state": str(leg.state),
        "holding": leg.holding,
        "codec": leg.negotiation.codec,
        "security": leg.negotiation.security,
        "media_port": leg.media.port,
        "sip_call_id": leg.dialog.call_id,
        **sound.of_leg(leg),
    }


def conferences(board: Board, now: float) -> list[Values]:
    """The conferences of the site, with whoever is in them."""
    found = []
    for name, config in board.directory.conferences.items():
        meeting = board.meetings.get(name)
        empty = {"conference": name, "title": config.title, "locked": False, "muted": config.muted, "seconds": 0.0}
        found.append(meeting.view(now) if meeting is not None else {**empty, "members": []})
    return found


def parked(board: Board, now: float) -> list[Values]:
    """The calls that wait in parking places."""
    return [
        {
            "slot": one.slot,
            "call": one.call.id,
            "party": one.call.caller.party,
            "by": one.by,
            "seconds": now - one.since,
            "comes_back_in": max(0.0, (board.deadlines.at((one, "parked")) or now) - now),
        }
        for one in sorted(board.parked.values(), key=lambda one: (len(one.slot), one.slot))
    ]


def phones(board: Board) -> list[Values]:
    """What holds for the phones of all accounts; `overruled`: which of it is not the site's."""
    return [
        {
            "account": user,
            "name": account.name,
            **{name: board.phones.setting(account, name) for name in SETTINGS},
            "overruled": sorted(board.phones.overruled(user)),
        }
        for user, account in board.directory.accounts.items()
    ]


def media(board: Board, now: float) -> Values:
    """The media ports: in use, free, and how often one had to be used again before its rest was over."""
    pool = board.pool
    return {
        "legs_in_use": len(pool.legs),
        "legs_free": pool.free(now),
        "legs_reused_early": pool.reused_early,
        **sound.summary(board),
    }
