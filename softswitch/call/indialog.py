"""Requests inside a dialog (RFC 3261 sections 12.2.2, 14.2 and 15; RFC 3311; RFC 6086): one function per method.

Offers are answered here, leg by leg: media is ours, so a new address, codec or direction of one side is no business of
the other, and hold becomes music. What the other side should follow (its codec) is offered to it by `Call`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from softswitch.call import reliable, timer
from softswitch.call.board import ALLOW
from softswitch.call.body import offer_of
from softswitch.call.description import Description, NotAcceptable
from softswitch.call.headers import ACCEPT, ACCEPT_INFO, SDP
from softswitch.call.leg import Leg
from softswitch.call.states import LegInput, LegState
from softswitch.errors import ParseError
from softswitch.sip.headers import media_type

if TYPE_CHECKING:
    from softswitch.call.codecs import Format
    from softswitch.sip.endpoint import ServerTransaction
    from softswitch.sip.message import Message

SESSION: Final = frozenset({LegState.ANSWERED, LegState.ESTABLISHED})
EARLY: Final = frozenset({LegState.INCOMING, LegState.WITHHELD, LegState.RINGING})
DIGITS: Final = frozenset("0123456789*#ABCD")
EVENTS: Final = {
    "10": "*",
    "11": "#",
    "12": "A",
    "13": "B",
    "14": "C",
    "15": "D",
}  # RFC 4733 numbers that some phones send
MAX_UNACKED: Final = 4  # answers to re-INVITEs that we repeat because no ACK has come
MAX_INFO: Final = 1_024  # bytes of a body


def reinvite(leg: Leg, tx: ServerTransaction, message: Message, now: float) -> None:
    """A new offer, or with an empty body the wish for one of ours."""
    if leg.state not in SESSION:
        # 14.2: the first INVITE has no final response yet.
        leg.respond(tx, 500, now, _retry_after(leg))
        return
    if leg.reinvite is not None or leg.negotiation.offered:
        leg.respond(tx, 491, now)  # 14.2: glare
        return
    if len(leg.unacked) >= MAX_UNACKED:
        leg.respond(tx, 500, now, _retry_after(leg))
        return
    if refusal := timer.too_short(leg.board.policy, message):
        leg.respond(tx, 422, now, refusal)
        return
    description = offer_of(leg.board, message, leg.respond, tx, now, leg.negotiation.terms)
    if description is None:
        return
    if description.formats:
        answer = _answer(leg, tx, description, now)
        if answer is None:
            return
        body = answer
    else:
        body = leg.negotiation.offer(leg.negotiation.speaks)  # RFC 6337 section 5.3: a full offer, so that hold can end
    leg.unacked[message.cseq] = tx
    tx.owner = leg
    headers = f"{leg.contact}{timer.agree(leg, message, now)}{SDP}"
    leg.respond(tx, 200, now, headers, body)
    leg.owner.leg_changed(leg, now)


def update(leg: Leg, tx: ServerTransaction, message: Message, now: float) -> None:
    """UPDATE (RFC 3311 section 5.2): as re-INVITE, in early dialogs as well, or a mere sign of life."""
    if refusal := timer.too_short(leg.board.policy, message):
        leg.respond(tx, 422, now, refusal)
        return
    description = offer_of(leg.board, message, leg.respond, tx, now, leg.negotiation.terms)
    if description is None:
        return
    if not description.formats:
        body = b""
    elif leg.reinvite is not None or leg.negotiation.offered:
        leg.respond(tx, 491, now)  # An offer of ours has no answer yet.
        return
    elif leg.offer is not None or not (leg.state in SESSION or (leg.state in EARLY and leg.negotiation.agreed)):
        leg.respond(tx, 500, now, _retry_after(leg))  # One of theirs has none.
        return
    else:
        answer = _answer(leg, tx, description, now)
        if answer is None:
            return
        body = answer
    headers = leg.contact + timer.agree(leg, message, now)
    leg.respond(tx, 200, now, headers + SDP if body else headers, body)
    if body:
        leg.owner.leg_changed(leg, now)


def _answer(leg: Leg, tx: ServerTransaction, offer: Description, now: float) -> bytes | None:
    """Our answer to a new offer; None if the request has been refused because of it."""
    leg.offer = offer
    try:
        return leg.description(_preferred(leg), now)
    except NotAcceptable as refusal:
        leg.offer = None
        leg.respond(tx, 488, now, refusal.warning(leg.negotiation.host))
        return None


def bye(leg: Leg, tx: ServerTransaction, message: Message, now: float) -> None:
    leg.respond(tx, 200, now)
    leg.handle(LegInput.BYE, now)


def info(leg: Leg, tx: ServerTransaction, message: Message, now: float) -> None:
    """Digits as dtmf-relay or dtmf (SIG-27); an empty INFO is a sign of life.

    Candidates that a browser finds later (RFC 8840) are taken note of: its checks tell us all that we need of them.
    """
    if not message.body:
        leg.respond(tx, 200, now)
        return
    try:
        kind = media_type(message.header("content-type")).kind
    except ParseError:
        kind = ""
    text = str(message.body[:MAX_INFO], "latin-1")
    if kind == "application/dtmf-relay":
        digit, duration_ms = _relay(text)
    elif kind == "application/dtmf":
        digit, duration_ms = _key(text.strip(" \t\r\n")), 160
    elif kind == "application/trickle-ice-sdpfrag":
        leg.respond(tx, 200, now)
        return
    else:
        leg.respond(tx, 415, now, ACCEPT_INFO)
        return
    if not digit:
        leg.respond(tx, 400, now)
        return
    leg.respond(tx, 200, now)
    if leg.state in SESSION:
        leg.pressed(digit, duration_ms, "info", now)


def options(leg: Leg, tx: ServerTransaction, message: Message, now: float) -> None:
    leg.respond(tx, 200, now, f"{leg.contact}{ACCEPT}Accept-Encoding: identity\r\n")


def unknown(leg: Leg, tx: ServerTransaction, message: Message, now: float) -> None:
    leg.respond(tx, 405, now, ALLOW)


HANDLERS: Final[dict[str, Callable[[Leg, ServerTransaction, Message, float], None]]] = {
    "INVITE": reinvite,
    "UPDATE": update,
    "BYE": bye,
    "INFO": info,
    "OPTIONS": options,
    "PRACK": reliable.prack,
}


def acknowledge(leg: Leg, message: Message, now: float) -> None:
    """An ACK of the leg's dialog. It may bring the answer to our offer."""
    tx = leg.unacked.pop(message.cseq, None)
    if tx is None:
        return
    leg.board.endpoint.acknowledged(tx, now)
    if leg.gone:
        leg.handle(LegInput.ACK, now)
        return
    first = leg.state is LegState.ANSWERED
    # The offer of a reliable response is answered by PRACK, that of our own re-INVITE by its 2xx.
    if leg.negotiation.offered and leg.reinvite is None:
        taken = leg.take_answer(message.body, now)
        if not taken and first:
            leg.handle(LegInput.ACK, now)
            leg.drop(now, 488, "no_answer_in_ack")
            return
        if not first:
            leg.owner.leg_changed(leg, now)
    if first:
        leg.handle(LegInput.ACK, now)


def _preferred(leg: Leg) -> tuple[Format, ...]:
    """The codec that spares us transcoding, then the one that changes nothing."""
    other = leg.call.other(leg)
    return other.negotiation.speaks if other is not None and other.up else ()


def _retry_after(leg: Leg) -> str:
    return f"Retry-After: {leg.board.entropy.below(11)}\r\n"


_signal = re.compile(r"(?im)^signal[ \t]*=[ \t]*([0-9*#A-D]{1,2})[ \t]*\r?$").search
_duration = re.compile(r"(?im)^duration[ \t]*=[ \t]*([0-9]{1,5})[ \t]*\r?$").search


def _relay(text: str) -> tuple[str, int]:
    """The digit ("" if none) and its milliseconds from an application/dtmf-relay body."""
    signal, duration = _signal(text), _duration(text)
    return _key(signal[1]) if signal else "", min(int(duration[1]), 8_000) if duration else 160


def _key(text: str) -> str:
    text = text.upper()
    return text if text in DIGITS else EVENTS.get(text, "")
