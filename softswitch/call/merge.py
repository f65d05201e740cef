"""Legs that change from one call to another: two calls become one, somebody takes another's place (XFR-03, MED-21)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from softswitch.call.flow import Mark
from softswitch.events import CallBridged, CallMerged

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.leg import Leg

PRESS = 1.0  # seconds after which a key counts as let go
MAX_PARTIES = 8  # of one call that is not a conference


def merge(one: Call, other: Call, now: float) -> str:
    """Make one conversation of two that the same phone is in; "" or the reason why that cannot be.

    The phone keeps one of its two legs, all other parties stay. The call that came from a queue lives on, else the older one.
    """
    if one is other or one.peer is None or other.peer is None:
        return "both calls must be conversations"
    shared = {leg.device for leg in one.members} & {leg.device for leg in other.members} - {""}
    if not shared:
        return "no phone is in both calls"
    if len(one.members) + len(other.members) - 1 > MAX_PARTIES:
        return f"a call has at most {MAX_PARTIES} parties"
    if (one.queued, -one.started) < (other.queued, -other.started):
        one, other = other, one
    device = min(shared)
    first, second = (next(leg for leg in call.members if leg.device == device) for call in (one, other))
    joining = [leg for leg in other.members if leg is not second]
    # A phone that holds one of its calls talks on the other.
    change = first.holding and not second.holding
    other.end("merged", now, keep=(*joining, second) if change else joining)
    if change:
        _adopt(one, second, now)
        one.exchange(first, second, now)
        first.hang_up(now, 480, "merged")
        first = second
    for leg in joining:
        _adopt(one, leg, now)
        one.extra.append(leg)
        one.board.publish(CallBridged(one.id, first.id, leg.id))
    one.board.publish(CallMerged(one.id, other.id, tuple([leg.id for leg in one.members])))
    one.mark(Mark("merged", other.id))
    one.changed(now)
    return ""


def replace(call: Call, leg: Leg, successor: Leg, cause: str, now: float) -> None:
    """Put the leg of another call, which ends with that, in the place of one in this conversation, which is hung up.

    It has been asked for by a key, of which the other side is to hear nothing.
    """
    call.pressing = successor
    call.board.deadlines.set((call, "pressing"), now + PRESS)
    successor.call.end(cause, now, keep=(successor,))
    _adopt(call, successor, now)
    call.exchange(leg, successor, now)
    leg.hang_up(now, 480, cause)
    call.mark(Mark(cause, successor.party))
    other = call.other(successor)
    if other is not None:
        call.board.publish(CallBridged(call.id, other.id, successor.id))
    call.changed(now)


def _adopt(call: Call, leg: Leg, now: float) -> None:
    leg.call.legs.pop(leg, None)
    leg.call = call
    leg.owner = call
    call.legs[leg] = None
    if leg.media.worker != call.worker:
        leg.relocate(call.worker, now)
