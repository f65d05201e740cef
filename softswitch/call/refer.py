"""REFER (RFC 3515, RFC 5589): a phone asks us to lead the other side of its call to somebody else, and is told how it goes.

We are in the middle of every call, so the REFER is consumed here: nobody else is asked to dial. It is answered at once,
whatever offer is under way in the dialog (XFR-12). A refusal is one that leaves the dialog alone (RFC 5057 section 5.1); what is
wrong with the target is told by NOTIFY.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, Final

from softswitch.call import park, replaces, transfer
from softswitch.call.indialog import SESSION
from softswitch.call.routing import Destination, Refusal, route_uri
from softswitch.errors import ParseError
from softswitch.sip.grammar import number
from softswitch.sip.headers import header_list
from softswitch.sip.status import REASON
from softswitch.sip.uri import Address, Uri, uri_user

if TYPE_CHECKING:
    from softswitch.call.leg import Leg
    from softswitch.sip.endpoint import RequestFailed, ResponseReceived, ServerTransaction
    from softswitch.sip.message import Message

SECONDS: Final = 180  # that the implicit subscription lasts, longer than any transfer
MAX_NOTE: Final = 512  # characters


class Referral:
    """The implicit subscription of a REFER: the transferor's phone is told what becomes of it. One NOTIFY at a time."""

    __slots__ = ("dialled", "event", "leg", "over", "quiet", "refusal", "refused_at", "status", "under_way")

    def __init__(self, leg: Leg, cseq: int, *, quiet: bool) -> None:
        self.leg = leg
        # 2.4.6: of several in one dialog, all but the first carry an id.
        self.event = "refer" if leg.referral is None else f"refer;id={cseq}"
        self.quiet = quiet  # the phone does not want to be told (RFC 4488)
        self.over = False  # the last NOTIFY is out
        self.under_way = False
        self.status = 0  # what the phone is to be told next
        self.dialled = ""
        self.refusal = 0  # why nothing came of it, as a status
        self.refused_at = -inf
        leg.referral = self

    def keep(self) -> dict[str, Any]:
        """As JSON values, for a restart."""
        return {"event": self.event, "quiet": self.quiet, "over": self.over}

    @classmethod
    def resume(cls, leg: Leg, kept: dict[str, Any]) -> None:
        """After a restart."""
        referral = cls(leg, 0, quiet=bool(kept["quiet"]))
        referral.event, referral.over = str(kept["event"]), bool(kept["over"])

    def refuse(self, status: int, now: float) -> None:
        """Nothing has come of it, and the call goes on as it was."""
        self.refusal, self.refused_at = status, now
        self.tell(status, now)

    def tell(self, status: int, now: float) -> None:
        """The target's answer so far; a final one ends the subscription."""
        if self.quiet or self.over or self.status >= 200:
            return
        self.status = status
        if not self.under_way:
            self._notify(now)

    def _notify(self, now: float) -> None:
        status, self.status = self.status, 0
        self.over = status >= 200
        self.under_way = True
        state = "terminated;reason=noresource" if self.over else f"active;expires={SECONDS}"
        leg = self.leg
        leg.reach(now)
        leg.dialog.request(
            leg.board.endpoint, "NOTIFY", now,
            headers=f"Event: {self.event}\r\nSubscription-State: {state}\r\n{leg.board.place(leg.dialog.flow).contact}"
            "Content-Type: message/sipfrag;version=2.0\r\n",
            body=f"SIP/2.0 {status} {REASON.get(status, 'Failed')}\r\n".encode(), owner=self,
        )  # fmt: skip

    def answered(self, taken: bool, now: float) -> None:
        """The phone has taken a NOTIFY, or has not: then it is told nothing more. Its call is not touched by that."""
        self.under_way = False
        if not taken:
            self.over = True
        elif self.status:
            self._notify(now)


class Referrals:
    """Answers to NOTIFYs."""

    def on_response(self, item: ResponseReceived, now: float) -> None:
        status = item.message.status
        if status >= 200:
            item.transaction.owner.answered(status < 300, now)

    def on_failed(self, item: RequestFailed, now: float) -> None:
        item.transaction.owner.answered(False, now)


def refer(leg: Leg, tx: ServerTransaction, message: Message, now: float) -> None:
    """A REFER inside the dialog of a call."""
    call, board = leg.call, leg.board
    if leg.device not in board.directory.accounts:
        leg.respond(tx, 403, now)  # XFR-11: only phones of our own may lead calls elsewhere.
        return
    if leg.state not in SESSION or leg.gone:
        leg.respond(tx, 500, now, "Retry-After: 1\r\n")
        return
    target = _refer_to(message)
    if target is None:
        leg.respond(tx, 400, now)
        return
    if target.parameters.get("method", "INVITE").upper() != "INVITE" or not transfer.possible(leg):
        leg.respond(tx, 603, now)
        return
    quiet = _quiet(message)
    extra = "Refer-Sub: false\r\n" if quiet else ""
    leg.respond(tx, 202, now, leg.board.place(leg.dialog.flow).contact + extra)
    referral = Referral(leg, message.cseq, quiet=quiet)
    note = transfer.Note(_passed(message, "referred-by"), _passed(message, "x-note"), _passed(message, "x-customer"))
    text = str(Uri(target.scheme, target.user, "", target.host, target.port))
    referral.dialled = uri_user(text) or text
    wanted = target.header("replaces")
    if wanted:
        consulted = replaces.find(board, wanted)
        if consulted is not None and (consulted.device != leg.device or consulted.call is call):
            consulted = None
        if consulted is None or transfer.to_consulted(leg, consulted, note, now):
            referral.refuse(481, now)
        return
    destination = route_uri(text, board.directory, board.local)
    if isinstance(destination, Destination) and park.is_parking(destination):
        status = park.transfer_to(leg, destination, now)
        (referral.tell if status < 300 else referral.refuse)(status, now)
        return
    if isinstance(destination, Refusal) or not transfer.permitted(destination):
        referral.refuse(destination.status if isinstance(destination, Refusal) else 403, now)
        return
    assert isinstance(destination, Destination)
    transfer.blind(leg, destination, referral.dialled, note, now)


def subscribe(leg: Leg, tx: ServerTransaction, message: Message, now: float) -> None:
    """A SUBSCRIBE in the dialog of a call: the subscription of a REFER is renewed or given up (RFC 6665)."""
    referral = leg.referral
    if referral is None or referral.over or message.header("event").partition(";")[0].strip(" \t").lower() != "refer":
        leg.respond(tx, 489, now, "Allow-Events: refer\r\n")
        return
    text = message.header("expires")
    try:
        seconds = number(text, 2**32 - 1) if text else SECONDS
    except ParseError:
        leg.respond(tx, 400, now)
        return
    leg.respond(
        tx, 200, now, f"Expires: {min(seconds, SECONDS)}\r\n{leg.board.place(leg.dialog.flow).contact}"
    )  # fmt: skip
    if not seconds:
        referral.tell(200, now)  # It does not care any more; every subscription ends with a NOTIFY.


def notify(leg: Leg, tx: ServerTransaction, message: Message, now: float) -> None:
    """We have subscribed to nothing inside a call. Some phones send these to keep their way through a NAT open."""
    leg.respond(tx, 489, now)


def _refer_to(message: Message) -> Uri | None:
    """The one Refer-To of a request; None if there is none, several, or something else."""
    try:
        values = header_list(message, "refer-to")
        return Uri.parse(Address.parse(values[0]).uri) if len(values) == 1 else None
    except ParseError:
        return None


def _quiet(message: Message) -> bool:
    return message.header("refer-sub").partition(";")[0].strip(" \t").lower() == "false"


def _passed(message: Message, name: str) -> str:
    value = message.header(name)
    return value if len(value) <= MAX_NOTE else ""
