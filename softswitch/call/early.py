"""The early dialogs of an INVITE of ours (RFC 3261 section 12.1, 13.2.2.4): one for each To tag that answers.

A proxy or a switch behind a contact may ring several phones for one INVITE, and each has a dialog of its own, with its own
sequence numbers and its own description. They are kept apart here. The first voice is the one that is heard; whose 2xx comes
first is talked to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from softswitch.call import reliable
from softswitch.call.headers import SDP
from softswitch.call.states import LegState
from softswitch.sip.dialog import Dialog

if TYPE_CHECKING:
    from softswitch.call.leg import Leg
    from softswitch.sip.endpoint import ServerTransaction
    from softswitch.sip.message import Message

MAX_EARLY: Final = 32  # dialogs of one INVITE
WAITING: Final = frozenset({LegState.CALLING, LegState.RINGING})


@dataclass(slots=True)
class EarlyDialog:
    """One of them. `answer`: the description of its peer, as far as there is one."""

    dialog: Dialog
    rseq: int = 0
    answer: bytes = b""


def provisional(leg: Leg, message: Message, now: float) -> bool:
    """A 101..199: whether the leg is to hear of it. Without a To tag there is no dialog (12.1)."""
    tag = message.to_tag
    if not tag:
        return True
    known = leg.early
    if known is None:
        known = leg.early = {}
    found = known.get(tag)
    if found is None:
        if len(known) >= MAX_EARLY:
            return False
        if known:
            dialog = leg.dialog.fork(message)
        else:
            dialog = leg.dialog
            dialog.early(message)
        found = known[tag] = EarlyDialog(dialog)
    else:
        found.dialog.early(message)
    if not reliable.received(leg, found, message, now):
        return False
    if message.body and leg.negotiation.offered and leg.state in WAITING:
        leg.dialog = found.dialog  # The first voice.
    if message.body and not found.answer:
        found.answer = message.body
    return True


def confirmed(leg: Leg, message: Message) -> bytes:
    """A 2xx: its dialog is the one that stays. The description of its peer, b"" if it is the one in force."""
    known, leg.early = leg.early, None
    body = message.body
    found = known.get(message.to_tag) if known is not None else None
    if found is not None and (found.dialog is not leg.dialog or not leg.negotiation.agreed):
        leg.dialog = found.dialog
        body = body or found.answer  # 13.2.1: where a reliable 183 brought the answer, the 2xx may leave it out.
    leg.dialog.confirm(message)
    return body


def aside(leg: Leg, message: Message) -> EarlyDialog | None:
    """The early dialog of a request of the peer, if it is another one than that of the voice."""
    known = leg.early
    if known is None or message.from_tag == leg.dialog.remote_tag:
        return None
    return known.get(message.from_tag)


def request_aside(leg: Leg, early: EarlyDialog, tx: ServerTransaction, message: Message, now: float) -> None:
    """A request in such a dialog: nobody hears its peer, but it may become the one that answers."""
    status = early.dialog.receive(message)
    if status:
        leg.respond(tx, status, now)
    elif message.method == "UPDATE" and message.body:
        if not early.answer:
            leg.respond(tx, 491, now)  # RFC 3311 section 5.2: it has not answered our offer yet.
            return
        early.answer = message.body
        leg.respond(tx, 200, now, leg.board.place(leg.dialog.flow).contact + SDP, leg.negotiation.current())
    elif message.method in ("UPDATE", "OPTIONS"):
        leg.respond(tx, 200, now, leg.board.place(leg.dialog.flow).contact)
    elif message.method == "BYE":
        leg.respond(tx, 200, now)
        assert leg.early is not None
        leg.early.pop(message.from_tag, None)
    else:
        leg.respond(tx, 481, now)
