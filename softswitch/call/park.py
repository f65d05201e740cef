"""Parking (SIG-33): a call waits at a number, with music, until somebody dials it; after a while it comes back.

The phone that parks leaves the call, and the party that it talked to stays, alone. A call that comes back rings in spite of
do not disturb, and is not forwarded: it is the owner's own. If nobody answers it goes to the fallback of the parking, or
waits again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from softswitch.call import pickup
from softswitch.call.dialling import resolve
from softswitch.call.flow import Mark
from softswitch.call.fork import Invitation
from softswitch.call.headers import party
from softswitch.call.lead import Lead
from softswitch.call.leaving import SATISFIED, Leaving, give_way
from softswitch.call.reach import reach
from softswitch.call.routing import Destination, parking_of
from softswitch.call.transfer import possible, set_aside
from softswitch.events import CallComeback, CallParked, CallUnparked

if TYPE_CHECKING:
    from softswitch.call.board import Board
    from softswitch.call.call import Call
    from softswitch.call.fork import Fork
    from softswitch.call.hunt import Hunt
    from softswitch.call.leg import Leg
    from softswitch.directory import Parking

NO_CONVERSATION: Final = "no_conversation"
TAKEN: Final = "slot_taken"
EMPTY: Final = "slot_empty"
NOT_POSSIBLE: Final = "not_possible"


class Parked(Lead):
    """A call in its place."""

    __slots__ = ("by", "lot", "since", "slot")

    state = "parked"

    def __init__(self, call: Call, lot: Parking, slot: str, by: str, now: float) -> None:
        super().__init__(call)
        self.lot = lot
        self.slot = slot
        self.by = by  # the account whose phone has parked it
        self.since = now
        call.lead = self
        self.board.parked[slot] = self

    def refresh(self) -> None:
        """What whoever waits hears: music."""
        leg = self.call.caller
        if leg.up and leg.holding:
            leg.media.stop()
        elif leg.up:
            self.call.music(self.lot.music)

    def wait(self, now: float) -> None:
        """Music, until the time is over."""
        self.refresh()
        self.board.deadlines.set((self, "parked"), now + self.lot.timeout)

    def expire(self, kind: str, now: float) -> None:
        """Nobody has come: back to whoever parked it."""
        board, call = self.board, self.call
        account = board.directory.accounts.get(self.by)
        call.mark(Mark("comeback", self.slot))
        if account is None:
            self._not_taken(now)
            return
        give_way(board, self.by, now)
        invitation = Invitation(
            "callee", self.by, account.name or self.by, call.identity(self.lot.caller_name_prefix),
            party("", self.by, board.directory.domain), call.headers + call.trail, call.max_forwards, call.caller_speaks(),
            "internal",
        )  # fmt: skip
        board.publish(CallComeback(call.id, self.slot, self.by))
        call.fork = reach(board, call, call, invitation, Destination("account", self.by), self.lot.ring_timeout)
        call.fork.start(now)

    # --- how that goes -----------------------------------------------------------------------------------------------

    def fork_answered(self, fork: Fork | Hunt, leg: Leg, now: float) -> None:
        self.leave("comeback", self.by)
        self.call.join(leg, now)

    def failed(self, status: int, cause: str, now: float) -> None:
        self._not_taken(now)

    def end(self, now: float) -> None:
        """The call is over."""
        self.leave("gone")

    def _not_taken(self, now: float) -> None:
        target = resolve(self.lot.otherwise, self.board) if self.lot.otherwise else None
        if target is None:
            self.wait(now)
            return
        self.leave("comeback", "")
        self.call.start(target, now)

    def leave(self, cause: str, by: str = "") -> None:
        """The place is free again."""
        if self.board.parked.pop(self.slot, None) is None:
            return
        self.call.lead = None
        self.board.deadlines.clear((self, "parked"))
        self.board.publish(CallUnparked(self.call.id, self.slot, cause, by))

    # --- restart -----------------------------------------------------------------------------------------------------

    def keep(self) -> dict[str, Any]:
        at = self.board.deadlines.at((self, "parked"))
        return {"kind": "parked", "slot": self.slot, "lot": self.lot.name, "by": self.by, "since": self.since, "at": at}

    @classmethod
    def resume(cls, call: Call, kept: dict[str, Any], shift: float) -> Parked:
        """After a restart: it has waited all the time."""
        lots = parking_of(call.board.directory)
        lot = lots.get(kept["lot"]) or next(iter(lots.values()))
        return cls(call, lot, str(kept["slot"]), str(kept["by"]), kept["since"] + shift)


def free_slot(board: Board, lot: Parking) -> str:
    """The first place that is free, "" if none is."""
    directory = board.directory
    return next(
        (
            slot
            for slot in map(str, lot.slots)
            if slot not in board.parked and slot not in directory.accounts and slot not in directory.extensions
        ),
        "",
    )


def park(leg: Leg, now: float, *, slot: str = "", lot: str = "", linger: bool = False) -> tuple[str, str]:
    """Park whoever the phone of `leg` talks to. (The place, ""), or ("", why it cannot be).

    That phone is hung up, or (`linger`) does so itself when it has been told.
    """
    call, board = leg.call, leg.board
    other = call.other(leg)
    if other is None or not other.up or not possible(leg):
        return "", NO_CONVERSATION
    lots = parking_of(board.directory)
    chosen = lots.get(lot) or next(iter(lots.values()))
    slot = slot or free_slot(board, chosen)
    if not slot or slot in board.parked:
        return "", TAKEN
    set_aside(leg, now)
    parked = Parked(call, chosen, slot, leg.device, now)
    board.publish(CallParked(call.id, slot, leg.device))
    call.mark(Mark("parked", slot))
    if linger:
        Leaving(leg, now, SATISFIED)
    else:
        leg.hang_up(now, 480, "parked")
    parked.wait(now)
    return slot, ""


def is_parking(destination: Destination) -> bool:
    """Whether a number that was dialled, or that a call is transferred to, means a place for it."""
    return destination.kind == "slot" or (destination.kind, destination.name) == ("feature", "park")


def transfer_to(leg: Leg, destination: Destination, now: float) -> int:
    """A phone transfers its call into a place, or into any: the status that it is told."""
    slot, lot = (destination.name, destination.detail) if destination.kind == "slot" else ("", "")
    _, why = park(leg, now, slot=slot, lot=lot, linger=True)
    return {"": 200, TAKEN: 486}.get(why, 603)


def on_hold(board: Board, device: str) -> Leg | None:
    """The leg of a phone whose other party is on hold, the latest; else none."""
    found = [
        leg for leg in board.legs.values()
        if leg.device == device and leg.holding and not leg.gone and leg.call.peer is not None and leg in leg.call.members
    ]  # fmt: skip
    return max(found, key=lambda leg: leg.call.bridged_at, default=None)


def park_held(board: Board, device: str, slot: str, lot: str, now: float) -> tuple[str, str]:
    """Park the call that a phone has on hold. (The place, ""), or ("", why it cannot be)."""
    leg = on_hold(board, device)
    return park(leg, now, slot=slot, lot=lot) if leg is not None else ("", NO_CONVERSATION)


def retrieve(own: Call, slot: str, now: float) -> str:
    """Give the parked call to the phone of `own`; "" or why that cannot be."""
    parked, leg = own.board.parked.get(slot), own.caller
    if parked is None or parked.call is own:
        return EMPTY
    if leg.offer is not None and not leg.understands:
        return NOT_POSSIBLE
    leg.answer(parked.call.caller.negotiation.speaks, now)
    if not leg.gone:
        parked.leave("retrieved", leg.device)
        pickup.join(parked.call, leg, "retrieved", now)
    return ""
