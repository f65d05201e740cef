"""Provisional responses that arrive (RFC 3262), as the one who sends them and as the one who gets them.

Sent: one at a time, repeated until its PRACK comes; the next one waits for that. A 2xx waits too, as long as the PRACK of a
response with a description is missing. Got: acknowledged in order, each once; what is repeated or comes too early is not
looked at. Each early dialog counts by itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from softswitch.call.body import NO_OFFER, offer_of
from softswitch.call.description import NotAcceptable
from softswitch.call.headers import SDP
from softswitch.call.states import LegInput
from softswitch.errors import ParseError
from softswitch.sip.grammar import MAX_UINT31, number
from softswitch.sip.headers import option_tags
from softswitch.sip.timers import T1

if TYPE_CHECKING:
    from softswitch.call.board import Policy
    from softswitch.call.codecs import Format
    from softswitch.call.description import Description
    from softswitch.call.early import EarlyDialog
    from softswitch.call.leg import Leg
    from softswitch.sip.endpoint import ServerTransaction
    from softswitch.sip.message import Message

TAG: Final = "100rel"
OFF, MEDIA, ALL = "off", "media", "all"
MAX_WAITING: Final = 8  # responses that wait for the PRACK of another
GIVE_UP: Final = 64 * T1  # seconds without PRACK


@dataclass(slots=True)
class Reliable:
    """What is sent reliably on one INVITE. `required`: the peer takes nothing else."""

    required: bool
    cseq: int  # of the INVITE
    rseq: int = 0  # the last number given
    status: int = 0  # of the response that waits for its PRACK, 0 if none does
    headers: str = ""
    body: bytes = b""
    waiting: list[tuple[int, str, bytes]] = field(default_factory=list)
    interval: float = T1
    sent_at: float = 0.0
    described: bool = False  # a description went out in one of them
    prefer: tuple[Format, ...] = ()  # for the answer that is held back

    @property
    def holds_back(self) -> bool:
        """Whether a 2xx must wait (section 3)."""
        return bool(self.status and (self.body or any(body for _, _, body in self.waiting)))


# --- as a user agent server --------------------------------------------------------------------------------------------


def wanted(message: Message, policy: Policy) -> Reliable | None:
    """What an INVITE says about it: None if its sender does not know of PRACK, or we are not to."""
    headers = message.headers
    if policy.reliable_provisional == OFF or ("supported" not in headers and "require" not in headers):
        return None
    if _lists(message, "require"):
        return Reliable(True, message.cseq)
    return Reliable(False, message.cseq) if _lists(message, "supported") else None


def suits(leg: Leg, body: bytes) -> bool:
    """Whether a provisional response is to be sent reliably."""
    state = leg.reliable
    if state is None:
        return False
    # Behind one that has not been acknowledged, an unreliable one could overtake it.
    return bool(state.required or body or state.status or leg.board.policy.reliable_provisional == ALL)


def send(leg: Leg, status: int, headers: str, body: bytes, now: float) -> None:
    """Send a provisional response reliably, as soon as it is its turn."""
    state = leg.reliable
    assert state is not None
    if state.status:
        if len(state.waiting) < MAX_WAITING:
            state.waiting.append((status, headers, body))
        return
    state.rseq = state.rseq + 1 if state.rseq else 1 + leg.board.entropy.below(2**30)
    state.status, state.headers, state.body = status, f"{headers}Require: {TAG}\r\nRSeq: {state.rseq}\r\n", body
    state.interval, state.sent_at = T1, now
    state.described = state.described or bool(body)
    _transmit(leg, state, now)


def _transmit(leg: Leg, state: Reliable, now: float) -> None:
    leg.respond(leg.tx, state.status, now, state.headers, state.body)
    leg.board.deadlines.set((leg, "reliable"), min(now + state.interval, state.sent_at + GIVE_UP))


def due(leg: Leg, now: float) -> None:
    """No PRACK has come: once more, or never again (section 3)."""
    state = leg.reliable
    if state is None or not state.status or leg.gone or not leg.tx.open:
        return
    if now >= state.sent_at + GIVE_UP:
        _refuse(leg, now, 504, "prack_missing")
        return
    state.interval *= 2
    _transmit(leg, state, now)


def resume(leg: Leg, now: float) -> None:
    """After a restart: what waits for its PRACK is sent again."""
    state = leg.reliable
    if state is not None and state.status:
        state.interval, state.sent_at = T1, now
        _transmit(leg, state, now)


def finished(leg: Leg) -> None:
    """The final response goes out: nothing is repeated any more. A PRACK that is under way still gets its answer."""
    leg.board.deadlines.clear((leg, "reliable"))


_rack = re.compile(r"([0-9]{1,10})[ \t]+([0-9]{1,10})[ \t]+([!-~]+)").fullmatch


def prack(leg: Leg, tx: ServerTransaction, message: Message, now: float) -> None:
    """PRACK: it acknowledges, and may bring the answer to our offer, or another offer (section 5)."""
    found = _rack(message.header("rack"))
    if found is None:
        leg.respond(tx, 400, now)
        return
    state = leg.reliable
    rack = int(found[1]), int(found[2]), found[3]
    if state is None or not state.status or rack != (state.rseq, state.cseq, "INVITE"):
        leg.respond(tx, 481, now)
        return
    description = offer_of(leg.board, message, leg.respond, tx, now, leg.negotiation.terms)
    if description is None:
        return  # Refused; the response still waits, and the peer may try again without.
    state.status = 0
    leg.board.deadlines.clear((leg, "reliable"))
    if leg.negotiation.offered:
        if not leg.take_answer(message.body, now):
            leg.respond(tx, 488, now)
            _refuse(leg, now, 488, "no_answer_in_prack")
            return
        leg.respond(tx, 200, now)
    elif description is NO_OFFER:
        leg.respond(tx, 200, now)
    else:
        _answer(leg, tx, description, now)
    if state.waiting and leg.tx is not None and leg.tx.open:
        send(leg, *state.waiting.pop(0), now)
    leg.owner.leg_changed(leg, now)
    if not state.holds_back:
        leg.handle(LegInput.PRACK, now)


def _refuse(leg: Leg, now: float, status: int, cause: str) -> None:
    if leg._gone(now, status, cause, "failure"):
        leg.handle(LegInput.HANG_UP, now, (status, ""))
        leg.owner.leg_gone(leg, now)


def _answer(leg: Leg, tx: ServerTransaction, offer: Description, now: float) -> None:
    """Answer the offer in a PRACK. It does not matter to the response that is acknowledged whether that works."""
    if leg.offer is not None:
        leg.respond(tx, 500, now)  # The offer of the INVITE was not answered yet.
        return
    leg.offer = offer
    try:
        body = leg.description((), now)
    except NotAcceptable as refusal:
        leg.offer = None
        leg.respond(tx, 488, now, refusal.warning(leg.negotiation.host))
        return
    leg.respond(tx, 200, now, SDP, body)


# --- as a user agent client --------------------------------------------------------------------------------------------


def received(leg: Leg, early: EarlyDialog, message: Message, now: float) -> bool:
    """A provisional response in an early dialog: whether it counts. One that is reliable is acknowledged."""
    if "rseq" not in message.headers or not _lists(message, "require"):
        return True
    try:
        rseq = number(message.header("rseq"), MAX_UINT31)
    except ParseError:
        return False
    if early.rseq and rseq != early.rseq + 1:
        return False  # Repeated: its PRACK is on the way. Or one before it is missing, and will be repeated.
    early.rseq = rseq
    rack = f"RAck: {rseq} {message.cseq} INVITE\r\n"
    early.dialog.request(leg.board.endpoint, "PRACK", now, headers=rack, owner=leg)
    return True


def _lists(message: Message, name: str) -> bool:
    if name not in message.headers:
        return False
    try:
        return any(option.lower() == TAG for option in option_tags(message, name))
    except ParseError:
        return False
