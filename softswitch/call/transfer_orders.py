"""What operators, pages and programs may order about transfers (XFR-05, XFR-08). Each gives "" or the reason why it cannot be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from softswitch.call import merge, transfer
from softswitch.call.consult import Consultation
from softswitch.call.dialling import disturbed
from softswitch.call.recall import HEAD
from softswitch.call.remote import let_go
from softswitch.call.routing import Destination, Refusal, route
from softswitch.call.supervise import may_supervise

if TYPE_CHECKING:
    from softswitch.call.board import Board
    from softswitch.call.call import Call
    from softswitch.call.leg import Leg

VERBS: Final = ("complete", "abort", "swap", "merge", "escalate")
UNKNOWN: Final = "there is no such call"


def begin(board: Board, call: str, to: str, attended: bool, by: str, note: transfer.Note, now: float) -> str:
    """Lead the other party of a phone elsewhere, at once or after a consultation. `by`: the account; "" = who was called."""
    leg = _transferor(board, call, by)
    if isinstance(leg, str):
        return leg
    destination = route(to, board.directory)
    if isinstance(destination, Refusal) or not transfer.permitted(destination):
        return f"{to} leads nowhere"
    let_go(leg, now)
    if not attended:
        transfer.blind(leg, destination, to, note, now, linger=False)
    elif destination.kind not in transfer.ASKED:
        return f"nobody answers at {to} who could be asked"
    else:
        Consultation(leg, destination, to).begin(note, now)
    return ""


def steer(board: Board, call: str, verb: str, now: float) -> str:
    """Complete, abort, swap or merge what was begun, by order or by a phone with two calls."""
    found = board.calls.get(call)
    if found is None:
        return UNKNOWN
    if verb == "escalate":
        leg = _transferor(board, call, "")
        return leg if isinstance(leg, str) else escalate(leg, now)
    lead = found.lead
    if isinstance(lead, Consultation):
        if verb == "complete":
            return lead.complete(now)
        if verb == "swap":
            return lead.swap(now)
        return lead.together(now) if verb == "merge" else lead.abort(now)
    if isinstance(lead, transfer.Transfer):
        return lead.abort(now) if verb == "abort" else "nobody has been consulted"
    return _steer_two(board, found, verb, now)


def _steer_two(board: Board, call: Call, verb: str, now: float) -> str:
    """The same with a phone that has put one call on hold to make another."""
    for leg in call.members if call.peer is not None else ():
        second = next(
            (one for one in board.legs.values() if leg.device and one.device == leg.device and one.call is not call
             and not one.gone and board.calls.get(one.call.id) is one.call and one in one.call.members),
            None,
        )  # fmt: skip
        if second is None or call.lead is not None or second.call.lead is not None:
            continue
        if verb == "complete":
            return transfer.to_consulted(leg, second, transfer.Note(), now, linger=False)
        if verb == "merge":
            return merge.merge(call, second.call, now)
        if verb == "abort":
            second.call.end("aborted", now)
            return ""
        return "the phone itself changes between its calls"
    return "nothing has been begun"


def escalate(leg: Leg, now: float) -> str:
    """To a supervisor who is free, without a queue; if there is none, to the head of the queue (XFR-08)."""
    board, call = leg.board, leg.call
    directory = board.directory
    busy = {one.device for one in board.legs.values() if not one.gone}
    for user, account in directory.accounts.items():
        if user in busy or disturbed(board, account, leg.device) or not may_supervise(account, leg.device, directory):
            continue
        if board.bindings(user, now):
            transfer.blind(leg, Destination("account", user), user, transfer.Note(), now, linger=False)
            return ""
    if call.visit is None or call.origin:
        return "no supervisor is free"
    queue = Destination("queue", call.visit.config.name)
    transfer.blind(leg, queue, queue.name, transfer.Note(), now, linger=False, priority=HEAD)
    return ""


def _transferor(board: Board, call: str, by: str) -> Leg | str:
    """The leg that a transfer is made for: an account's, or whoever of the site was called."""
    found = board.calls.get(call)
    if found is None:
        return UNKNOWN
    accounts = board.directory.accounts
    for leg in reversed(found.members):
        if leg.device == by if by else leg.device in accounts:
            return leg if transfer.possible(leg) else "it is no conversation of two, or is being transferred"
    return f"{by} is not in it" if by else "no phone of the site is in it"
