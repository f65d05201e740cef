"""A leg: one dialog with one phone, its media port, and the state that both are in.

The table is the whole life of a leg. States:

    INCOMING     an INVITE has come and has no final response (UAS)
    CALLING      our INVITE is out, nobody has rung (UAC)
    RINGING      ... somebody rings
    CANCELLING   our INVITE is cancelled, its final response is on the way
    ANSWERED     our 2xx is out, its ACK has not come
    DEPARTING    as ANSWERED, and we want to hang up: BYE has to wait for the ACK (RFC 3261 section 15)
    ESTABLISHED  both sides agree that there is a session
    LEAVING      our BYE is out
    ENDED

A leg tells its owner four things: it rings, it was answered, something about its media changed, it is gone. "Gone" comes
once, when the leg is of no more use to a call; what signalling remains (CANCELLING, DEPARTING, LEAVING) the leg finishes alone.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from softswitch.call.body import described
from softswitch.call.headers import SDP
from softswitch.call.negotiation import Description, Negotiation, NotAcceptable
from softswitch.errors import ParseError
from softswitch.events import LegAnswered, LegEnded, LegRinging, LegStarted
from softswitch.sip.dialog import Dialog

if TYPE_CHECKING:
    from softswitch.call.board import Board
    from softswitch.call.call import Call
    from softswitch.call.media import MediaLeg
    from softswitch.effects import Flow
    from softswitch.sip.endpoint import ClientTransaction, ServerTransaction
    from softswitch.sip.message import Message


class LegState(StrEnum):
    INCOMING = "incoming"
    CALLING = "calling"
    RINGING = "ringing"
    CANCELLING = "cancelling"
    ANSWERED = "answered"
    DEPARTING = "departing"
    ESTABLISHED = "established"
    LEAVING = "leaving"
    ENDED = "ended"


class LegInput(StrEnum):
    START = "we send INVITE"
    PROVISIONAL = "1xx"
    SUCCESS = "2xx"
    FAILURE = "final failure"  # or none at all
    CANCEL = "CANCEL"
    ACK = "ACK"
    ACK_MISSING = "no ACK"
    BYE = "BYE"
    ANSWER = "we answer"
    HANG_UP = "we hang up"
    BYE_DONE = "BYE answered"  # or never answered
    LOST = "nothing to be said"  # after a fault of ours


class Owner(Protocol):
    """Who a leg belongs to: a fork while it rings, then a call."""

    def leg_ringing(self, leg: Leg, message: Message, now: float) -> None: ...
    def leg_answered(self, leg: Leg, now: float) -> None: ...
    def leg_changed(self, leg: Leg, now: float) -> None: ...
    def leg_gone(self, leg: Leg, now: float) -> None: ...
    def leg_digit(self, leg: Leg, digit: str, duration_ms: int, method: str, now: float) -> None: ...
    def leg_played(self, leg: Leg, play: int, cause: str, now: float) -> None: ...


class Leg:
    """One phone's part in a call. `party` is who it is for people; `device` the account it rings on, "" if none."""

    __slots__ = (
        "answered_at", "board", "by", "call", "cause", "device", "dialog", "digits_by", "gone_at", "heard",
        "holding", "media", "negotiation", "occupies", "offer", "owner", "party", "reinvite",
        "reinvite_prefer", "retries", "ringing_at", "role", "started", "state", "status", "tx", "unacked",
    )  # fmt: skip

    def __init__(
        self, board: Board, call: Call, owner: Owner, role: str, party: str, device: str, dialog: Dialog, media: MediaLeg,
        now: float, *, occupies: str = "", announce: bool = True,
    ) -> None:  # fmt: skip
        self.board = board
        self.call = call
        self.owner: Owner = owner
        self.role = role  # "caller" | "callee" | "agent"
        self.party = party
        self.device = device
        self.occupies = occupies  # why the device is busy outside the queues, "" if it is not
        self.dialog = dialog
        self.media: MediaLeg = media
        media.owner = self
        place = board.place(dialog.flow)
        self.negotiation = Negotiation(place.host, media.port, board.entropy.below(2**31))
        self.offer: Description | None = None  # the peer's, while it waits for our answer
        self.state = LegState.INCOMING if role == "caller" else LegState.CALLING
        self.tx: Any = None  # the first INVITE's: a server transaction of the caller, else a client transaction
        self.unacked: dict[int, ServerTransaction] = {}  # CSeq -> accepted INVITE
        self.reinvite: ClientTransaction | None = None
        self.reinvite_prefer: tuple[str, ...] = ()
        self.retries = 0
        self.started = now
        self.ringing_at = self.answered_at = self.gone_at = 0.0
        self.heard = False  # it has said anything at all
        self.holding = False  # the peer does not listen: it has put us on hold
        self.digits_by = ""  # how its digits come; the other way counts as a copy
        self.status = 0  # the final response of the first INVITE
        self.cause = ""
        self.by = ""
        board.legs[dialog.local_tag] = self
        call.legs[self] = None
        if occupies:
            board.occupy(device, occupies)
        if announce:
            board.publish(LegStarted(call.id, self.id, role, party, dialog.call_id))

    @property
    def id(self) -> str:
        """Our tag: unguessable, and unique among all legs."""
        return self.dialog.local_tag

    @property
    def gone(self) -> bool:
        return self.by != ""

    @property
    def up(self) -> bool:
        """Whether there is a session whose media can flow."""
        return self.media.opened is not None and not self.gone

    def __repr__(self) -> str:
        return f"<Leg {self.role} {self.party} {self.state}>"

    def handle(self, what: LegInput, now: float, payload: Any = None) -> None:
        """One input. An input without an arrow changes nothing."""
        arrow = TABLE[self.state].get(what)
        if arrow is None:
            return
        action, self.state = arrow
        action(self, now, payload)

    # --- what the call does with its leg -----------------------------------------------------------------------------

    def invite(
        self, uri: str, flow: Flow, now: float, headers: str, prefer: tuple[str, ...], max_forwards: int
    ) -> None:
        """Send the first INVITE, with an offer that puts the caller's codecs first."""
        dialog = self.dialog
        dialog.local_cseq += 1
        self.tx = self.board.endpoint.request(
            "INVITE", uri, flow, now, from_=f"{dialog.local};tag={dialog.local_tag}", to=dialog.remote, call_id=dialog.call_id,
            cseq=dialog.local_cseq, headers=f"{self.board.place(flow).contact}{headers}{SDP}",
            body=self.negotiation.offer(prefer), owner=self, max_forwards=max_forwards,
        )  # fmt: skip

    def ring(self, now: float) -> None:
        """Tell the caller that somebody rings: the phone makes the sound, so 180 carries no SDP."""
        if self.state is LegState.INCOMING and not self.ringing_at:
            self.ringing_at = now
            self.board.publish(LegRinging(self.call.id, self.id))
            self._provisional(180, now)

    def early_media(self, prefer: tuple[str, ...], now: float) -> bool:
        """Answer the caller's offer in a 183, so that they hear what comes before the answer. False if that cannot be."""
        if self.state is not LegState.INCOMING:
            return False
        if self.offer is None:
            return self.up  # Nothing to answer (late offer), or done already.
        body = self._answer_offer(prefer, now)
        self._provisional(183, now, SDP, body)
        return True

    def answer(self, prefer: tuple[str, ...], now: float) -> None:
        """Answer the caller, with the codec that the other side uses if the caller has it."""
        self.handle(LegInput.ANSWER, now, prefer)

    def hang_up(self, now: float, status: int = 480, cause: str = "normal", headers: str = "") -> None:
        """End the leg in whatever state it is: a final response, CANCEL or BYE. `headers` (Reason) go along."""
        unanswered = self.state in (LegState.CALLING, LegState.RINGING)
        self._gone(now, 487 if unanswered else status, cause, "local")
        self.handle(LegInput.HANG_UP, now, (status, headers))

    def abandon(self, now: float) -> None:
        """After a fault of ours: hang up as far as that is possible. The state may be ahead of what was sent."""
        self._gone(now, 500, "internal_error", "failure")
        tx = self.tx
        if self.role == "caller" and tx is not None and tx.open:
            self.respond(tx, 500, now)
            self.handle(LegInput.LOST, now)
        elif tx is None:
            self.handle(LegInput.LOST, now)  # Its INVITE was never sent.
        else:
            self.handle(LegInput.HANG_UP, now, (500, ""))
            if self.state is LegState.DEPARTING and not self.unacked:
                self.handle(LegInput.ACK, now)  # It was the ACK that failed us.

    def respond(self, tx: ServerTransaction, status: int, now: float, headers: str = "", body: bytes = b"") -> None:
        self.board.endpoint.respond(tx, status, now, to_tag=self.dialog.local_tag, headers=headers, body=body)

    def connect(self, now: float) -> None:
        """Let the worker know what was agreed, and the clock of MED-24 what to expect."""
        policy = self.board.policy
        negotiation = self.negotiation
        self.holding = negotiation.held
        timeout = policy.rtp_timeout_hold if self.holding else policy.rtp_timeout
        media = self.media
        ssrc = self.board.entropy.below(2**32) if media.opened is None else 0
        wanted = negotiation.open(media.index, self.dialog.flow.host, timeout, ssrc)
        media.connect(wanted)
        key = (self, "hold")
        if self.holding and not wanted.receive and timeout:
            # Nothing will be received, so the worker cannot tell a phone on hold from one without power.
            self.board.deadlines.set(key, now + timeout)
        elif self.board.deadlines.at(key) is not None:
            self.board.deadlines.clear(key)

    # --- a new offer of ours (RFC 3261 section 14.1) -------------------------------------------------------------------

    def reoffer(self, prefer: tuple[str, ...], now: float) -> None:
        """Offer anew, with other codecs first. Put off while another offer is under way."""
        self.reinvite_prefer = prefer
        if self.state is not LegState.ESTABLISHED:
            return
        if self.reinvite is not None or self.unacked or self.negotiation.offered:
            self._retry_later(now)
            return
        body = self.negotiation.offer(prefer, self.negotiation.direction)
        contact = self.board.place(self.dialog.flow).contact
        self.reinvite = self.dialog.request(
            self.board.endpoint, "INVITE", now, headers=contact + SDP, body=body, owner=self
        )

    def reoffer_due(self, now: float) -> None:
        if self.state is LegState.ESTABLISHED and not self.gone:
            self.reoffer(self.reinvite_prefer, now)

    def reoffer_answered(self, tx: ClientTransaction, response: Message, now: float) -> None:
        """A final response to our re-INVITE."""
        status = response.status
        if status < 300:
            self.dialog.refresh(response)
            self.dialog.ack(self.board.endpoint, tx, response, now)
        if tx is not self.reinvite:
            return
        self.reinvite = None
        if self.gone:
            return
        if status < 300:
            try:
                self.negotiation.accept(described(self.board, response.body, self.dialog.flow))
            except (ParseError, NotAcceptable):
                self.negotiation.withdraw()
                return
            self.retries = 0
            self.connect(now)
            self.owner.leg_changed(self, now)
            return
        self.negotiation.withdraw()
        if status == 491:
            self._retry_later(now)
        elif status in (408, 481):
            self.drop(now, status, "dialog_lost")

    def reoffer_failed(self, status: int, now: float) -> None:
        """No response to our re-INVITE: the dialog is dead (12.2.1.2)."""
        self.reinvite = None
        if not self.gone:
            self.negotiation.withdraw()
            self.drop(now, status, "dialog_lost")

    def _retry_later(self, now: float) -> None:
        # 14.1: whoever owns the Call-ID waits 2.1 to 4 s, the other side 0 to 2 s, both in steps of 10 ms.
        self.retries += 1
        if self.retries > MAX_RETRIES:
            return
        below = self.board.entropy.below
        wait = (210 + below(191)) / 100 if self.role != "caller" else below(201) / 100
        self.board.deadlines.set((self, "reoffer"), now + wait)

    def probe(self, now: float) -> None:
        """After a restart: ask whether the peer still knows the dialog. It may have hung up in the last moment before."""
        if self.state is LegState.ESTABLISHED and not self.gone:
            self.dialog.request(self.board.endpoint, "OPTIONS", now, owner=self)

    def drop(self, now: float, status: int, cause: str, by: str = "failure") -> None:
        """The peer is lost or of no use: end the leg, and tell the owner."""
        if self._gone(now, status, cause, by):
            self.handle(LegInput.HANG_UP, now, (480, ""))
            self.owner.leg_gone(self, now)

    # --- inside ------------------------------------------------------------------------------------------------------

    def _provisional(self, status: int, now: float, headers: str = "", body: bytes = b"") -> None:
        contact = self.board.place(self.dialog.flow).contact
        self.respond(self.tx, status, now, contact + headers, body)

    def _answer_offer(self, prefer: tuple[str, ...], now: float) -> bytes:
        """Answer the peer's waiting offer, and open or change the media leg."""
        assert self.offer is not None
        body = self.negotiation.answer(self.offer, prefer)
        self.offer = None
        self.connect(now)
        return body

    def description(self, prefer: tuple[str, ...], now: float) -> bytes:
        """The body of our 2xx: the answer, the answer again (it went out in a 183), or an offer of our own."""
        if self.offer is not None:
            return self._answer_offer(prefer, now)
        if self.negotiation.agreed:
            return self.negotiation.current()
        return self.negotiation.offer(prefer)

    def take_answer(self, body: bytes, now: float) -> bool:
        """The peer's answer to our offer. False if it is none that we can work with."""
        try:
            self.negotiation.accept(described(self.board, body, self.dialog.flow))
        except (ParseError, NotAcceptable):
            self.negotiation.withdraw()
            return False
        self.connect(now)
        return True

    def _gone(self, now: float, status: int, cause: str, by: str) -> bool:
        """The leg is of no more use: close its media and write its record. True the first time."""
        if self.by:
            return False
        self.by = by
        self.cause = cause
        self.status = self.status or status
        self.gone_at = now
        board = self.board
        for name in DEADLINES:
            board.deadlines.clear((self, name))
        if self.occupies:
            board.vacate(self.device)
        answered = self.answered_at
        ring = (answered or now) - self.ringing_at if self.ringing_at else 0.0
        event = LegEnded(
            self.call.id, self.id, self.role, self.party, self.dialog.call_id, self.status, cause, by, ring,
            now - answered if answered else 0.0, self.negotiation.codec,
        )  # fmt: skip
        self.call.unsettled += 1
        board.close_media(self.media, event, self.call.settled, now)
        return True

    def _end(self, now: float) -> None:
        """No signalling is left: forget the dialog, and break the cycles."""
        self.board.legs.pop(self.dialog.local_tag, None)
        self.call.legs.pop(self, None)
        for tx in self.unacked.values():
            self.board.endpoint.acknowledged(tx, now)  # The peer has hung up instead of sending ACK.
        self.unacked.clear()
        self.tx = None
        self.reinvite = None


DEADLINES: Final = ("hold", "reoffer", "probe")  # kinds, of a leg
MAX_RETRIES: Final = 5  # of a re-INVITE that meets another one
Action: TypeAlias = Callable[[Leg, float, Any], None]


# --- actions: what an arrow does -------------------------------------------------------------------------------------


def _nothing(leg: Leg, now: float, _: Any) -> None:
    """An arrow without an action."""


def _accept(leg: Leg, now: float, prefer: tuple[str, ...]) -> None:
    leg.answered_at = now
    leg.status = 200
    body = leg.description(prefer, now)
    tx = leg.tx
    leg.unacked[tx.message.cseq] = tx
    leg.respond(tx, 200, now, leg.board.place(leg.dialog.flow).contact + SDP, body)
    leg.board.publish(LegAnswered(leg.call.id, leg.id))


def _refuse(leg: Leg, now: float, final: tuple[int, str]) -> None:
    status, headers = final
    leg.respond(leg.tx, status, now, headers)
    leg._end(now)


def _cancelled(leg: Leg, now: float, cause: str | None) -> None:
    leg.respond(leg.tx, 487, now)
    leg._gone(now, 487, cause or "cancelled", "remote")
    leg._end(now)
    leg.owner.leg_gone(leg, now)


def _confirmed(leg: Leg, now: float, _: Any) -> None:
    leg.owner.leg_changed(leg, now)


def _ack_missing(leg: Leg, now: float, _: Any) -> None:
    # 13.3.1.4: without ACK there is no session; the peer may think otherwise, so BYE.
    leg._gone(now, 408, "ack_missing", "timeout")
    _bye_now(leg, now, None)
    leg.owner.leg_gone(leg, now)


def _rings(leg: Leg, now: float, message: Message) -> None:
    leg.dialog.early(message)
    if not leg.ringing_at:
        leg.ringing_at = now
        leg.board.publish(LegRinging(leg.call.id, leg.id))
    leg.owner.leg_ringing(leg, message, now)


def _answered(leg: Leg, now: float, message: Message) -> None:
    leg.answered_at = now
    leg.status = message.status
    leg.dialog.confirm(message)
    leg.dialog.ack(leg.board.endpoint, leg.tx, message, now)
    # 13.2.1: where a 183 brought the answer already, the 2xx may leave it out, or must repeat it: the newer one counts.
    if (message.body or not leg.negotiation.agreed) and not leg.take_answer(message.body, now):
        leg.status = 488
        leg.drop(now, 488, "no_common_codec")
        return
    leg.board.publish(LegAnswered(leg.call.id, leg.id))
    leg.owner.leg_answered(leg, now)


def _failed(leg: Leg, now: float, status: int) -> None:
    leg.status = status
    leg._gone(now, status, "refused", "remote")
    leg._end(now)
    leg.owner.leg_gone(leg, now)


def _cancel(leg: Leg, now: float, final: tuple[int, str]) -> None:
    leg.board.endpoint.cancel(leg.tx, now, headers=final[1])


def _answered_late(leg: Leg, now: float, message: Message) -> None:
    """The 2xx crossed our CANCEL: there is a session that nobody wants."""
    leg.dialog.confirm(message)
    leg.dialog.ack(leg.board.endpoint, leg.tx, message, now)
    _bye_now(leg, now, None)


def _finished(leg: Leg, now: float, _: Any) -> None:
    leg._end(now)


def _bye(leg: Leg, now: float, final: tuple[int, str]) -> None:
    leg.dialog.request(leg.board.endpoint, "BYE", now, headers=final[1], owner=leg)


def _bye_now(leg: Leg, now: float, _: Any) -> None:
    _bye(leg, now, (0, ""))


def _left(leg: Leg, now: float, _: Any) -> None:
    leg._gone(now, leg.status, "normal", "remote")
    leg._end(now)
    leg.owner.leg_gone(leg, now)


def _left_early(leg: Leg, now: float, _: Any) -> None:
    """BYE in the early dialog (15.1.2): the INVITE still needs its final response."""
    leg.respond(leg.tx, 487, now)
    _left(leg, now, None)


def _left_ringing(leg: Leg, now: float, _: Any) -> None:
    """A phone that rings must not send BYE, but some do: take it as a refusal."""
    leg._gone(now, 480, "refused", "remote")
    _cancel(leg, now, (480, ""))
    leg.owner.leg_gone(leg, now)


TABLE: Final[dict[LegState, dict[LegInput, tuple[Action, LegState]]]] = {
    LegState.INCOMING: {
        LegInput.LOST:        (_finished,      LegState.ENDED),
        LegInput.ANSWER:      (_accept,        LegState.ANSWERED),
        LegInput.HANG_UP:     (_refuse,        LegState.ENDED),
        LegInput.CANCEL:      (_cancelled,     LegState.ENDED),
        LegInput.BYE:         (_left_early,    LegState.ENDED),
    },
    LegState.ANSWERED: {
        LegInput.LOST:        (_finished,      LegState.ENDED),
        LegInput.ACK:         (_confirmed,     LegState.ESTABLISHED),
        LegInput.ACK_MISSING: (_ack_missing,   LegState.LEAVING),
        LegInput.HANG_UP:     (_nothing,       LegState.DEPARTING),
        LegInput.BYE:         (_left,          LegState.ENDED),
    },
    LegState.DEPARTING: {
        LegInput.LOST:        (_finished,      LegState.ENDED),
        LegInput.ACK:         (_bye_now,       LegState.LEAVING),
        LegInput.ACK_MISSING: (_bye_now,       LegState.LEAVING),
        LegInput.BYE:         (_finished,      LegState.ENDED),
    },
    LegState.CALLING: {
        LegInput.LOST:        (_finished,      LegState.ENDED),
        LegInput.PROVISIONAL: (_rings,         LegState.RINGING),
        LegInput.SUCCESS:     (_answered,      LegState.ESTABLISHED),
        LegInput.FAILURE:     (_failed,        LegState.ENDED),
        LegInput.HANG_UP:     (_cancel,        LegState.CANCELLING),
    },
    LegState.RINGING: {
        LegInput.LOST:        (_finished,      LegState.ENDED),
        LegInput.PROVISIONAL: (_rings,         LegState.RINGING),
        LegInput.SUCCESS:     (_answered,      LegState.ESTABLISHED),
        LegInput.FAILURE:     (_failed,        LegState.ENDED),
        LegInput.HANG_UP:     (_cancel,        LegState.CANCELLING),
        LegInput.BYE:         (_left_ringing,  LegState.CANCELLING),
    },
    LegState.CANCELLING: {
        LegInput.LOST:        (_finished,      LegState.ENDED),
        LegInput.SUCCESS:     (_answered_late, LegState.LEAVING),
        LegInput.FAILURE:     (_finished,      LegState.ENDED),
    },
    LegState.ESTABLISHED: {
        LegInput.LOST:        (_finished,      LegState.ENDED),
        LegInput.HANG_UP:     (_bye,           LegState.LEAVING),
        LegInput.ACK_MISSING: (_ack_missing,   LegState.LEAVING),     # of a re-INVITE
        LegInput.BYE:         (_left,          LegState.ENDED),
    },
    LegState.LEAVING: {
        LegInput.LOST:        (_finished,      LegState.ENDED),
        LegInput.BYE_DONE:    (_finished,      LegState.ENDED),
        LegInput.BYE:         (_nothing,       LegState.LEAVING),     # crossing: both get their 200
    },
    LegState.ENDED: {},
}  # fmt: skip
