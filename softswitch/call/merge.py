"""Legs that change from one call to another: two calls become one, somebody takes another's place (XFR-03, MED-21)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from softswitch.call.flow import Mark
from softswitch.events import CallBridged, CallMerged, LegMoved
from softswitch.outside import TRUNK

if TYPE_CHECKING:
    from softswitch.call.board import Board
    from softswitch.call.call import Call
    from softswitch.call.leg import Leg
    from softswitch.call.queueing import Offer
    from softswitch.directory import Account

PRESS = 1.0  # seconds after which a key counts as let go
MAX_PARTIES = 8  # of one call that is not a conference


def merge(one: Call, other: Call, now: float) -> str:
    """Make one conversation of two that the same phone is in; "" or the reason why that cannot be.

    The phone keeps one of its two legs, all other parties stay. The call that came from a queue lives on, else the older one.
    """
    if one is other or one.peer is None or other.peer is None:
        return "both calls must be conversations"
    shared = {leg.device for leg in one.members} & {leg.device for leg in other.members} - {""}
    shared = {
        device for device in shared if not device.startswith(TRUNK)
    }  # A trunk carries many calls: it is no phone.
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


def substitute(
    call: Call, leg: Leg, successor: Leg, cause: str, now: float, *, along: Leg | None = None
) -> None:  # fmt: skip
    """Put a leg of another call, which ends with that, in the place of one in this conversation, which is left over.

    `along`: a further leg of the other call, which is no part of the conversation.
    """
    led = leg is call.caller
    offer = _conversation(successor)
    move(successor, call, cause, now, along=along)
    call.exchange(leg, successor, now)
    if offer is not None:
        _carry_on(call, successor, offer)
    if led:
        call.present(successor)
    other = call.other(successor)
    if other is not None:
        call.board.publish(CallBridged(call.id, other.id, successor.id))
    call.changed(now)


def move(leg: Leg, call: Call, cause: str, now: float, *, along: Leg | None = None) -> None:
    """Bring a leg of another call, which ends with that, into this one."""
    kept = (leg,) if along is None else (leg, along)
    leg.call.end(cause, now, keep=kept)
    for one in kept:
        enlist(call, one)
    if leg.media.worker != call.worker:
        leg.relocate(call.worker, now)


def _conversation(leg: Leg) -> Offer | None:
    """Take the conversation of an agent with a caller of a queue out of their call, which ends: it goes on elsewhere."""
    visit = leg.call.visit
    offer = visit.talking if visit is not None else None
    if visit is None or offer is None or offer.leg is not leg:
        return None
    visit.talking = None
    visit.offers.pop(offer.id, None)
    return offer


def _carry_on(call: Call, agent: Leg, offer: Offer) -> None:
    """The agent serves the caller of this call from now on, by the rules of the queue that they were rung for."""
    old, new = call.visit, offer.call.visit
    if new is None or (old is not None and old.talking is not None):
        agent.occupy("internal")  # Two agents talk; the other one has the caller of the queue.
        offer.leave()
        return
    offer.call = call
    call.visit = new.succeeded(call, offer)
    call.reached = offer.agent


def found(board: Board, account: Account, dialled: str, worker: int, now: float) -> Call:
    """A call that nobody has dialled: of two who are left over from another one."""
    from softswitch.call.call import Call

    return Call(board, account, dialled, worker, now)


def enlist(call: Call, leg: Leg) -> None:
    """The leg belongs to this call from now on."""
    was = leg.call
    was.legs.pop(leg, None)
    leg.call = call
    leg.owner = call
    call.legs[leg] = None
    call.board.publish(LegMoved(call.id, leg.id, was.id))


def _adopt(call: Call, leg: Leg, now: float) -> None:
    enlist(call, leg)
    if leg.media.worker != call.worker:
        leg.relocate(call.worker, now)
