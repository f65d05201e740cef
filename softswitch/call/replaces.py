"""Replaces (RFC 3891): a dialog of ours, named by another request, whose place somebody wants to take.

A REFER names the consultation that its sender has had with the target: resolved here and never by the user part of the URI, which
may be our own contact (INTEROP rule 5). An INVITE names a call that it takes over, or one that still rings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from softswitch.call import merge
from softswitch.call.fork import Fork
from softswitch.call.leg import Leg, LegState
from softswitch.call.supervise import may_supervise
from softswitch.errors import ParseError
from softswitch.events import CallPickedUp
from softswitch.sip.headers import parameters

if TYPE_CHECKING:
    from softswitch.call.board import Board
    from softswitch.directory import Account, Directory
    from softswitch.sip.message import Message

MAX_LENGTH: Final = 1_024  # characters of a value
RINGING: Final = frozenset({LegState.CALLING, LegState.RINGING})
TALKING: Final = frozenset({LegState.ANSWERED, LegState.ESTABLISHED})


@dataclass(slots=True, frozen=True)
class Replaces:
    """A dialog, as whoever shares it with us sees it: `to_tag` is ours."""

    call_id: str
    to_tag: str
    from_tag: str
    early_only: bool = False

    @classmethod
    def parse(cls, value: str) -> Replaces:
        """Raises ParseError."""
        call_id, semicolon, rest = value.partition(";")
        if len(value) > MAX_LENGTH:
            raise ParseError("Replaces is too long")
        params = parameters(semicolon + rest) if semicolon else {}
        to_tag, from_tag = params.get("to-tag", ""), params.get("from-tag", "")
        if not call_id.strip(" \t") or not to_tag or not from_tag:
            raise ParseError("Replaces names no dialog")
        return cls(call_id.strip(" \t"), to_tag, from_tag, "early-only" in params)

    def leg(self, board: Board) -> Leg | None:
        """The leg whose dialog this is; some phones confuse the two tags."""
        for ours, theirs in ((self.to_tag, self.from_tag), (self.from_tag, self.to_tag)):
            leg = board.legs.get(ours)
            # A peer of RFC 2543 has no tag, and "0" stands for that (section 3).
            if leg is not None and leg.dialog.call_id == self.call_id and theirs in (leg.dialog.remote_tag or "0", "0"):
                return leg if leg.dialog.remote_tag in (theirs, "") else None
        return None


def find(board: Board, value: str) -> Leg | None:
    """The leg that a value of Replaces names, while it is of use; None if there is none."""
    try:
        leg = Replaces.parse(value).leg(board)
    except ParseError:
        return None
    return leg if leg is not None and not leg.gone else None


def may_pick_up(account: Account | None, device: str, directory: Directory) -> bool:
    """Whether an account may take what rings at a phone: they share a pickup group, or have none both."""
    other = directory.accounts.get(device)
    if account is None or other is None:
        return False
    if not account.pickup_groups and not other.pickup_groups:
        return True
    return not set(account.pickup_groups).isdisjoint(other.pickup_groups)


def may_take(account: Account, leg: Leg) -> bool:
    """Who may take a call away from a phone: its own account, and whoever may take it over by supervision."""
    directory = leg.board.directory
    if leg.state in RINGING and may_pick_up(account, leg.device, directory) and given_away(leg):
        return True
    return account.user == leg.device or may_supervise(account, leg.device, directory)


def given_away(leg: Leg) -> bool:
    """Whether what rings there is for others to pick up: callers of queues are not, unless the queue says so."""
    call = leg.call
    if call.fork is not None:
        kind, _, name = call.fork.name.partition(":")
        group = leg.board.directory.groups.get(name) if kind == "group" else None
        return group is None or group.pickup
    return call.visit is not None and call.visit.config.pickup


def wanted(board: Board, message: Message, account: Account) -> Leg | int | None:
    """Whose place an INVITE is to take; the status that refuses it (section 3), or None if it replaces nobody."""
    values = message.headers.get("replaces")
    if values is None:
        return None
    if len(values) != 1:
        return 400
    try:
        asked = Replaces.parse(values[0])
    except ParseError:
        return 400
    leg = asked.leg(board)
    if leg is None or leg.state is LegState.INCOMING:
        return 481  # An early dialog that its own phone has begun cannot be answered by another.
    if leg.gone:
        return 603
    if not may_take(account, leg):
        return 403
    if leg.state in TALKING:
        if asked.early_only:
            return 486
        return leg if leg in leg.call.members and leg.call.other(leg) is not None else 603
    return leg if leg.state in RINGING and isinstance(leg.owner, Fork) and leg.owner.owner in (
        leg.call, leg.call.fork,
    ) else 603  # fmt: skip


def take(leg: Leg, caller: Leg, now: float) -> None:
    """Put the caller of a new call into the place of a leg: who talked, or rang, there is let go."""
    call = leg.call
    if leg.state in RINGING:
        fork = leg.owner
        assert isinstance(fork, Fork)
        caller.answer(call.caller.negotiation.speaks or call.caller_speaks(), now)
        if caller.gone:
            return
        merge.move(caller, call, "pickup", now)
        call.board.publish(CallPickedUp(call.id, leg.device, caller.device))
        fork.leg_answered(caller, now)
        return
    other = call.other(leg)
    assert other is not None
    caller.answer(other.negotiation.speaks, now)
    if not caller.gone:
        merge.substitute(call, leg, caller, "replaced", now)
        leg.hang_up(now, 480, "replaced")
