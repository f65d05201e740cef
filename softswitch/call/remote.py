"""Orders of programs about the phones in a call (API-05, API-07): hold and resume for a phone, answer at it, play something,
connect two calls.

The phone need not support any of it, answering apart: the switch stands between the two and decides what each hears. What
takes time has an id, by which its end is told (`call.order` and `Ordered`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from softswitch.call import merge, pickup, sources
from softswitch.call.flow import MAX_PLAY, Mark
from softswitch.call.ledger import Ordered
from softswitch.call.leg import Leg, LegState
from softswitch.call.park import Parked
from softswitch.events import CallOrderEnded

if TYPE_CHECKING:
    from softswitch.call.board import Board
    from softswitch.call.call import Call
    from softswitch.sip.endpoint import RequestFailed, ResponseReceived

NO_CALL: Final = "there is no such call"
NO_TALK: Final = "it is no conversation of two"
WHOM: Final = ("caller", "called", "both")
MOST_CLIPS: Final = 20


def end(board: Board, order: Ordered, failed: str = "") -> None:
    """An order is carried out, or cannot be."""
    if order.state == "pending":
        order.state, order.detail = ("failed" if failed else "done"), failed
        board.publish(CallOrderEnded(order.call, order.order, order.verb, order.state, failed, order.by))


# --- hold ----------------------------------------------------------------------------------------------------------


def hold(board: Board, call: str, account: str, held: bool, now: float) -> str:
    """Hold the other party for the phone of an account, or let the two talk again; "" or why not."""
    leg = _phone(board, call, account)
    if isinstance(leg, str):
        return leg
    if held == leg.holding:
        return "it is on hold already" if held else "it is not on hold"
    if not held and not leg.held:
        return "the phone itself has put it on hold"
    leg.held = held
    leg.holding = held or leg.negotiation.held
    leg.call.leg_changed(leg, now)
    return ""


def let_go(leg: Leg, now: float) -> None:
    """A phone whose other party was put on hold for it is to talk to somebody else."""
    if leg.held:
        leg.held = False
        leg.holding = leg.negotiation.held
        leg.call.leg_changed(leg, now)


def _phone(board: Board, call: str, account: str) -> Leg | str:
    """The leg of an account in a conversation of two; without an account the one of whoever of the site was called."""
    found = board.calls.get(call)
    if found is None:
        return NO_CALL
    if found.peer is None or found.extra or found.lead is not None or not found.caller.up:
        return NO_TALK
    known = board.directory.accounts
    for leg in reversed(found.members):
        if leg.device == account if account else leg.device in known:
            return leg
    return f"{account} is not in it" if account else "no phone of the site is in it"


# --- answer --------------------------------------------------------------------------------------------------------


class Talk:
    """A phone that was asked to answer what rings there (the event "talk", which phones of several makers know)."""

    __slots__ = ("board", "order")

    def __init__(self, board: Board, order: Ordered) -> None:
        self.board = board
        self.order = order


class Talks:
    """What phones say to that."""

    def on_response(self, item: ResponseReceived, now: float) -> None:
        status = item.message.status
        if status >= 200:
            talk = item.transaction.owner
            end(talk.board, talk.order, "" if status < 300 else f"the phone does not do that (status {status})")

    def on_failed(self, item: RequestFailed, now: float) -> None:
        talk = item.transaction.owner
        end(talk.board, talk.order, "the phone does not answer")


def answer(board: Board, call: str, account: str, by: str, now: float) -> tuple[Ordered | None, str]:
    """Have a phone answer what rings there, as if somebody had touched it."""
    found = board.calls.get(call)
    if found is None:
        return None, NO_CALL
    leg = next(
        (
            one
            for one in found.legs
            if one.state is LegState.RINGING and one.device == account and one.dialog.remote_tag
        ),
        None,
    )
    if leg is None:
        return None, f"it does not ring at {account}"
    order = board.ledger.begin(board.entropy.token(), call, "answer", by)
    leg.reach(now)
    leg.dialog.request(
        board.endpoint, "NOTIFY", now,
        headers=f"Event: talk\r\nSubscription-State: active\r\n{board.place(leg.dialog.flow).contact}",
        owner=Talk(board, order),
    )  # fmt: skip
    return order, ""


# --- play ----------------------------------------------------------------------------------------------------------


class Playing:
    """Clips that are played into a conversation; whoever does not hear them hears music meanwhile."""

    __slots__ = ("call", "order", "plays")

    def __init__(self, call: Call, order: Ordered, plays: dict[Leg, int]) -> None:
        self.call = call
        self.order = order
        self.plays = plays

    def refresh(self) -> None:
        for leg in self.call.members:
            if leg not in self.plays:
                sources.hold(self.call, leg)

    def played(self, leg: Leg, play: int, now: float) -> bool:
        """Whether that was ours; when all have heard it the conversation goes on."""
        if self.plays.get(leg) != play:
            return False
        del self.plays[leg]
        if self.plays:
            self.refresh()
        else:
            self.over("", now)
        return True

    def expire(self, kind: str, now: float) -> None:
        self.over("it took too long", now)

    def over(self, failed: str, now: float) -> None:
        call = self.call
        call.playing = None
        call.board.deadlines.clear((self, "playing"))
        end(call.board, self.order, failed)
        if call.peer is not None and call.board.calls.get(call.id) is call:
            call.changed(now)


def play(board: Board, call: str, clips: tuple[str, ...], whom: str, by: str, now: float) -> tuple[Ordered | None, str]:
    """Play clips to the parties of a conversation. A new one takes the place of one that is being played."""
    found = board.calls.get(call)
    if found is None:
        return None, NO_CALL
    if found.peer is None or found.extra or found.watchers or found.lead is not None:
        return None, f"{NO_TALK} that nobody supervises"
    names = board.resolve(clips, found.language, found.visitor.prompts, found.id)
    if board.clips is not None and (lacking := [one for one in names if one not in board.clips]):
        return None, f"there is no clip {lacking[0]}"
    legs = [
        leg for name, leg in (("caller", found.caller), ("called", found.peer)) if whom in (name, "both") and leg.up
    ]
    legs = [leg for leg in legs if not leg.holding]
    if not legs:
        return None, "nobody listens there"
    if found.playing is not None:
        found.playing.over("replaced", now)
    order = board.ledger.begin(board.entropy.token(), call, "play", by)
    found.playing = Playing(found, order, {leg: leg.media.play_clips(names) for leg in legs})
    board.deadlines.set((found.playing, "playing"), now + MAX_PLAY)
    found.mark(Mark("played", " ".join(clips)))
    found.playing.refresh()
    return order, ""


# --- connect -------------------------------------------------------------------------------------------------------


def bridge(board: Board, call: str, other: str, now: float) -> str:
    """Connect the customers of two calls, who talk to each other from now on; whoever served them is let go.

    The first is a conversation or parked. Of a call the customer is who is no phone of the site, else who has called.
    """
    one, two = board.calls.get(call), board.calls.get(other)
    if one is None or two is None:
        return NO_CALL
    if one is two:
        return "it is one call"
    for each in (one, two):
        if each.summoning or not each.caller.up or each.extra or each.watchers or each.meeting is not None:
            return f"{each.id} has no caller who could be connected"
        if each.visit is not None and each.visit.waiting:
            return f"{each.id} waits in a queue: take it out first"
        if each.lead is not None and not isinstance(each.lead, Parked):
            return f"{each.id} is being transferred"
    successor, stays = _customer(two), _customer(one)
    if one.peer is None and not isinstance(one.lead, Parked):
        return f"{one.id} is no conversation, and is not parked"
    let_go(stays, now)
    let_go(successor, now)
    if isinstance(one.lead, Parked):
        one.lead.leave("bridged")
        pickup.join(one, successor, "bridged", now)
        return ""
    left = one.other(stays)
    assert left is not None
    merge.substitute(one, left, successor, "bridged", now)
    left.hang_up(now, 480, "bridged")
    one.mark(Mark("bridged", two.id))
    return ""


def _customer(call: Call) -> Leg:
    known = call.board.directory.accounts
    outside = [leg for leg in call.members if leg.device not in known]
    return outside[0] if len(outside) == 1 else call.caller
