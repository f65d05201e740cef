"""Taking a call that rings on somebody else's phone, or waits in a parking place (SIG-32, SIG-33).

The leg of whoever takes it moves from a call of its own into that call, which goes on with it. Callers of queues are the queue's
to give away, unless it says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from softswitch.call import merge, replaces
from softswitch.call.flow import Mark
from softswitch.call.headers import ELSEWHERE
from softswitch.call.leg import LegState
from softswitch.call.replaces import may_pick_up
from softswitch.call.routing import Destination, route
from softswitch.effects import LeaveQueue, Outcome
from softswitch.events import CallPickedUp

if TYPE_CHECKING:
    from softswitch.call.board import Board
    from softswitch.call.call import Call
    from softswitch.call.leg import Leg
    from softswitch.directory import Account

RINGING = (LegState.CALLING, LegState.RINGING)


def ringing(board: Board) -> Iterator[tuple[Call, Leg, str]]:
    """(Call, leg that rings, what was called) of all that could be taken."""
    for call in board.calls.values():
        if call.summoning:
            continue
        if call.fork is not None:
            kind, _, name = call.fork.name.partition(":")
            group = board.directory.groups.get(name) if kind == "group" else None
            if group is None or group.pickup:
                yield from ((call, leg, call.fork.name) for leg in call.fork.legs if leg.state in RINGING)
        elif call.visit is not None and call.visit.waiting and call.visit.config.pickup:
            for offer in call.visit.offers.values():
                for leg in offer.fork.legs if offer.fork is not None else ():
                    if leg.state in RINGING:
                        yield call, leg, f"queue:{call.visit.config.name}"


def find(board: Board, account: Account, number: str = "") -> tuple[Call, Leg] | None:
    """What rings longest at a number, or ("") in the pickup groups of an account."""
    wanted = route(number, board.directory) if number else None
    found = [
        (call, leg)
        for call, leg, name in ringing(board)
        if leg.device != account.user and call.caller.device != account.user
        and may_pick_up(account, leg.device, board.directory) and (not number or _means(wanted, leg, name))
    ]  # fmt: skip
    return min(found, key=lambda one: one[1].started, default=None)


def _means(wanted: object, leg: Leg, name: str) -> bool:
    if not isinstance(wanted, Destination):
        return False
    return wanted.name == leg.device if wanted.kind == "account" else str(wanted) == name


def worker_for(board: Board, account: Account, destination: Destination) -> int | None:
    """The media worker of the call that is about to be taken, so that nobody must move."""
    if destination.kind == "slot":
        parked = board.parked.get(destination.name)
        return parked.call.worker if parked is not None else None
    if not destination.name.startswith("pickup."):
        return None
    found = find(board, account, destination.detail)
    return found[0].worker if found is not None else None


def pick_up(own: Call, number: str, now: float) -> bool:
    """Answer what rings at a number, or ("") in the pickup groups, with the phone of this call. False if nothing does."""
    found = find(own.board, own.account, number)
    return found is not None and take_ringing(found[1], own, now)


def take_ringing(leg: Leg, own: Call, now: float) -> bool:
    """The phone of `own`, a call that has just begun, answers what rings at a leg. False if they cannot understand each other."""
    call, mine = leg.call, own.caller
    if mine.offer is not None and not mine.understands:
        return False
    visit = call.visit
    if visit is None or not visit.waiting:
        replaces.take(leg, mine, now)
        return not mine.gone
    mine.answer(call.caller.negotiation.speaks, now)
    if mine.gone:
        return False
    visit.waiting = False
    call.board.out.append(LeaveQueue(visit.caller, Outcome.WITHDRAWN, "picked_up"))
    call.board.publish(CallPickedUp(call.id, leg.device, mine.device))
    join(call, mine, "picked_up", now)
    return True


def join(call: Call, leg: Leg, cause: str, now: float) -> None:
    """The caller of a call, who waits, talks to the phone of another from now on."""
    if call.runner is not None:
        call.runner.stop()
    fork, call.fork = call.fork, None
    if fork is not None:
        fork.cancel(now, cause, ELSEWHERE)
    merge.move(leg, call, cause, now)
    call.mark(Mark(cause, leg.party))
    call.join(leg, now)
