"""Reaching somebody, wherever they are: the phones of an account, or a number outside by the trunks that lead there.

    attempt = reach(board, call, owner, invitation, destination, timeout)
    attempt.start(now)

An attempt is a `Fork`: it has legs that ring, `cancel` and `expire`, and tells its owner that somebody rings, has answered,
or why nobody could be reached - which may be at once, inside `start`. Whoever leads a call further sets `call.authority` before:
a number outside is called by the rights of that account.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from softswitch.call.fork import Fork, ForkOwner, Invitation
from softswitch.call.headers import party
from softswitch.call.outward import OutwardAttempt
from softswitch.call.routing import Destination, route

if TYPE_CHECKING:
    from softswitch.call.board import Board
    from softswitch.call.call import Call

OUTSIDE: Final = "outside"


def reach(
    board: Board, call: Call, owner: ForkOwner, invitation: Invitation, destination: Destination, timeout: float
) -> Fork:
    """An attempt to reach a destination of kind "account" or "outside", for `timeout` seconds. It is not started yet."""
    if destination.kind == OUTSIDE:
        invitation = replace(invitation, device="", occupies="", party=invitation.party or destination.name)
        return OutwardAttempt(board, call, owner, invitation, destination, timeout)
    if destination.detail:  # The one phone that a GRUU means.
        invitation = replace(invitation, only=replace(invitation.only, instance=destination.detail))
    return Fork(board, call, owner, invitation, None, timeout)


def dial_out(call: Call, destination: Destination, now: float) -> None:
    """Put the caller of a call through to a number outside."""
    board = call.board
    to = party("", destination.name, board.directory.domain)
    invitation = Invitation(
        "callee", "", destination.name, call.identity(), to, call.headers, call.max_forwards, call.caller_speaks(),
    )  # fmt: skip
    call.fork = reach(board, call, call, invitation, destination, board.policy.no_answer_timeout)
    call.fork.start(now)


def resolve(board: Board, device: str) -> Destination | None:
    """Where a device of the site rings: an account, or a number outside that the site names (ACD-44). None if nowhere."""
    if device in board.directory.accounts:
        return Destination("account", device)
    target = route(device, board.directory)
    if not isinstance(target, Destination) or target.kind not in ("account", OUTSIDE):
        return None
    return replace(target, detail="site") if target.kind == OUTSIDE else target
