"""A leg: one dialog with one phone, its media port, and the state that both are in.

What can happen to it when is a table, in `arrows`. A leg tells its owner four things: it rings, it was answered, something
about its media changed, it is gone. "Gone" comes once, when the leg is of no more use to a call; what signalling remains
(CANCELLING, DEPARTING, LEAVING) the leg finishes alone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from softswitch.call import packets, reliable, timer
from softswitch.call.arrows import TABLE
from softswitch.call.body import described
from softswitch.call.description import Description, NotAcceptable
from softswitch.call.headers import DTMF_RELAY, SDP
from softswitch.call.keys import Keys
from softswitch.call.negotiation import Negotiation
from softswitch.call.security import Keying
from softswitch.call.states import LegInput, LegState
from softswitch.effects import CallerServed
from softswitch.errors import ParseError
from softswitch.events import LegEnded, LegRinging, LegSecured, LegStarted
from softswitch.outside import TRUNK
from softswitch.sip.dialog import Dialog
from softswitch.sip.headers import expires

if TYPE_CHECKING:
    from softswitch.call.board import Board
    from softswitch.call.call import Call
    from softswitch.call.codecs import Format
    from softswitch.call.early import EarlyDialog
    from softswitch.call.media import MediaLeg
    from softswitch.call.outward import Errand
    from softswitch.call.refer import Referral
    from softswitch.call.reliable import Reliable
    from softswitch.call.timer import SessionTimer
    from softswitch.effects import Flow
    from softswitch.sip.endpoint import ClientTransaction, ServerTransaction
    from softswitch.sip.message import Message


__all__ = ["TABLE", "Leg", "LegInput", "LegState", "Owner"]

FLASH: Final = "!"  # the hook, briefly: no key of a menu
SECURE_GRACE: Final = 5.0  # seconds after a DTLS handshake has failed
DEADLINES: Final = ("hold", "reoffer", "secure", "probe", "session", "reliable", "toll", "invitation")
ACK_PAUSE: Final = 0.2  # seconds after which a new offer is tried that has to wait for an ACK
MAX_RETRIES: Final = 5  # of a re-INVITE that meets another one


class Owner(Protocol):
    """Who a leg belongs to: a fork while it rings, then a call."""

    def leg_ringing(self, leg: Leg, message: Message, now: float) -> None: ...
    def leg_answered(self, leg: Leg, now: float) -> None: ...
    def leg_changed(self, leg: Leg, now: float) -> None: ...
    def leg_gone(self, leg: Leg, now: float) -> None: ...
    def leg_digit(self, leg: Leg, digit: str, duration_ms: int, method: str, now: float) -> None: ...
    def leg_played(self, leg: Leg, play: int, cause: str, now: float) -> None: ...


class Leg:
    """One phone's part in a call. `party` is who it is for people; `device` the account it rings on ("trunk:NAME" for a line to
    outside), "" if none."""

    __slots__ = (
        "allow", "answered_at", "board", "by", "call", "cause", "device", "dialog", "early", "errand", "gone_at", "heard", "held",
        "holding", "hops", "id", "keys", "media", "negotiation", "occupies", "offer", "owner", "party", "redirect", "referral",
        "reinvite", "reinvite_prefer", "reliable", "retries", "ringing_at", "role", "started", "state", "status", "timer", "tx",
        "unacked", "updating",
    )  # fmt: skip

    def __init__(
        self, board: Board, call: Call, owner: Owner, role: str, party: str, device: str, dialog: Dialog, media: MediaLeg,
        now: float, *, occupies: str = "", announce: bool = True,
    ) -> None:  # fmt: skip
        self.id = dialog.local_tag  # unguessable, and unique among all legs; the same in every early dialog
        self.board = board
        self.call = call
        self.owner: Owner = owner
        self.role = role  # "caller" | "callee" | "agent" | "customer" | "supervisor" | "originator"
        self.party = party
        self.device = device
        self.errand: Errand | None = None  # what a trunk was asked to do with it
        self.occupies = occupies  # why the device is busy outside the queues, "" if it is not
        self.dialog = dialog
        self.media: MediaLeg = media
        media.owner = self
        entropy = board.entropy
        terms = board.terms(device, dialog.flow, media.worker)
        self.negotiation = Negotiation(
            terms.hosts[0], media.port, entropy.below(2**31), terms, entropy, 1 + entropy.below(2**32 - 1)
        )
        self.offer: Description | None = None  # the peer's, while it waits for our answer
        self.state = LegState.INCOMING if role == "caller" else LegState.CALLING
        self.tx: Any = None  # the first INVITE's: a server transaction of the caller, else a client transaction
        self.unacked: dict[int, ServerTransaction] = {}  # CSeq -> accepted INVITE
        self.reinvite: ClientTransaction | None = None
        self.reinvite_prefer: tuple[Format, ...] = ()
        self.retries = 0
        self.updating: ClientTransaction | None = None
        self.timer: SessionTimer | None = None
        self.reliable: Reliable | None = None  # of the INVITE that we answer
        self.early: dict[str, EarlyDialog] | None = None  # of the INVITE that we have sent, by To tag
        self.hops = 70  # Max-Forwards of that INVITE
        self.started = now
        self.ringing_at = self.answered_at = self.gone_at = 0.0
        self.heard = False  # it has said anything at all
        self.holding = False  # the peer does not listen: it has put us on hold
        self.held = False  # ... because somebody has ordered it for the phone
        self.keys: Keys | None = None  # its recent presses
        self.allow = ""  # the methods that the peer takes, as it says; "" = it does not say
        self.redirect = ""  # where the phone has sent the call instead of answering
        self.referral: Referral | None = None  # the last REFER of the peer
        self.status = 0  # the final response of the first INVITE
        self.cause = ""
        self.by = ""
        board.legs[self.id] = self
        call.legs[self] = None
        if occupies:
            board.occupy(device, occupies)
        if announce:
            board.publish(LegStarted(call.id, self.id, role, party, dialog.call_id, device))

    @property
    def contact(self) -> str:
        """Our Contact line for the peer, and the capabilities that go with it."""
        return self.board.place(self.dialog.flow, self.dialog.secure).contact

    @property
    def gone(self) -> bool:
        return self.by != ""

    @property
    def up(self) -> bool:
        """Whether there is a session whose media can flow."""
        return self.media.opened is not None and not self.by

    @property
    def understands(self) -> bool:
        """Whether the offer that waits for our answer has a codec that we can play."""
        return self.offer is not None and any(
            one.key in self.negotiation.terms.repertoire.spoken for one in self.offer.formats
        )

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
        self, uri: str, flow: Flow, now: float, headers: str, prefer: tuple[Format, ...], max_forwards: int
    ) -> None:
        """Send the first INVITE, with an offer that puts the caller's codecs first."""
        self.hops = max_forwards
        packets.heed(self)
        lines = f"{self.board.place(flow, self.dialog.secure).contact}{headers}{SDP}"
        self._invite(uri, flow, now, lines, self.negotiation.offer(prefer))

    def _invite(self, uri: str, flow: Flow, now: float, headers: str, body: bytes) -> None:
        dialog = self.dialog
        dialog.local_cseq += 1
        self.early = None
        self.tx = self.board.endpoint.request(
            "INVITE", uri, flow, now, from_=f"{dialog.local};tag={dialog.local_tag}", to=dialog.remote, call_id=dialog.call_id,
            cseq=dialog.local_cseq, headers=timer.proposal(self) + headers, body=body, owner=self, max_forwards=self.hops,
        )  # fmt: skip

    def invite_again(self, now: float) -> None:
        """Send the first INVITE once more, which was refused for something that has been mended since (8.1.3.5)."""
        tx = self.tx
        lines = [line for line in tx.head.headers.split("\r\n")[:-1] if not line.startswith(timer.LINES)]
        self._invite(tx.request_uri, tx.flow, now, "\r\n".join((*lines, "")), self.negotiation.current())

    def ring(self, now: float) -> None:
        """Tell the caller that somebody rings: the phone makes the sound, so 180 carries no SDP."""
        if self.state is LegState.INCOMING and not self.ringing_at:
            self.ringing_at = now
            self.board.publish(LegRinging(self.call.id, self.id))
            self._provisional(180, now)

    def forwarded(self, now: float) -> None:
        """Tell the caller that the call goes on to somebody else."""
        self._provisional(181, now)

    def early_media(self, prefer: tuple[Format, ...], now: float) -> bool:
        """Answer the caller's offer in a 183, so that they hear what comes before the answer. False if that cannot be."""
        if self.state is not LegState.INCOMING:
            return False
        if self.offer is None:
            if self.reliable is not None and not self.negotiation.agreed and not self.negotiation.offered:
                self._provisional(183, now, self.negotiation.offer(prefer))  # The answer comes with PRACK.
            return self.up  # A late offer, or answered already.
        try:
            body = self._answer_offer(prefer, now)
        except NotAcceptable:
            return False
        self._provisional(183, now, body)
        return True

    def answer(self, prefer: tuple[Format, ...], now: float) -> None:
        """Answer the caller, with the codec that the other side uses if the caller has it."""
        if self.state is not LegState.INCOMING:
            return
        if self.reliable is not None and self.reliable.holds_back:
            self.reliable.prefer = prefer
            self.handle(LegInput.ANSWER_LATER, now)
            return
        try:
            body = self.description(prefer, now)
        except NotAcceptable as refusal:
            self._gone(now, 488, "no_common_codec", "failure")
            self.handle(LegInput.HANG_UP, now, (488, refusal.warning(self.negotiation.host)))
            self.owner.leg_gone(self, now)
            return
        self.handle(LegInput.ANSWER, now, body)

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

    def heed_expiry(self) -> None:
        """How long the INVITE that we have is valid, if its sender says so (RFC 3261 section 13.3.1)."""
        if lifetime := expires(self.tx.message.header("expires"), 0):
            self.board.deadlines.set((self, "invitation"), self.started + lifetime)

    def occupy(self, kind: str) -> None:
        """From now on the phone is on a call outside the queues."""
        if not self.occupies and not self.gone:
            self.occupies = kind
            self.board.occupy(self.device, kind)

    def pressed(self, digit: str, duration_ms: int, method: str, now: float) -> None:
        """The phone reports a key: tell the owner, unless it has been told by another way."""
        if self.keys is None:
            self.keys = Keys()
        if self.keys.press(digit, method, now):
            self.owner.leg_digit(self, digit, duration_ms, method, now)

    def send_digit(self, digit: str, duration_ms: int, method: str, now: float) -> None:
        """Give the phone a key that the other side pressed, in the way that it understands, if the worker does not do so.

        `method`: how it came. A telephone-event goes from worker port to worker port; a tone is in the audio anyway, and
        only needs to be said again to a phone that listens for something else.
        """
        negotiation, mode = self.negotiation, self.negotiation.terms.dtmf
        if negotiation.dtmf_type >= 0:
            if method != "rfc4733" and self.up:
                self.media.send_digits(digit, max(40, duration_ms))
        elif mode == "info" or (mode == "auto" and method != "inband" and (not self.allow or "INFO" in self.allow)):
            self._send_info(digit, duration_ms, now)
        elif mode in ("auto", "inband") and method != "inband" and self.up:
            self.media.send_digits(digit, max(40, duration_ms))

    def _send_info(self, digit: str, duration_ms: int, now: float) -> None:
        if self.state is LegState.ESTABLISHED and digit != FLASH:
            body = f"Signal={digit}\r\nDuration={max(40, duration_ms)}\r\n".encode()
            self.reach(now)
            self.dialog.request(self.board.endpoint, "INFO", now, headers=DTMF_RELAY, body=body, owner=self)

    def info_refused(self) -> None:
        """The phone does not take INFO: its next keys come as tones."""
        self.allow = self.allow.replace("INFO", "") or "-"

    def secured(self, suite: str, error: str, now: float) -> None:
        """The DTLS handshake is done, or has failed. A phone may try again for a moment before it is given up."""
        if error:
            self.board.publish(LegSecured(self.call.id, self.id, "", error))
            if not self.gone:
                self.board.deadlines.set((self, "secure"), now + SECURE_GRACE)
            return
        if self.negotiation.keying is Keying.DTLS:
            self.negotiation.suite = suite
        self.board.deadlines.clear((self, "secure"))
        self.board.publish(LegSecured(self.call.id, self.id, suite))

    def certificate_changed(self, now: float) -> None:
        """The worker was replaced: a phone that checks its certificate is told of the new one."""
        negotiation = self.negotiation
        terms = self.board.terms(self.device, self.dialog.flow, self.media.worker)
        if negotiation.keying is Keying.DTLS and terms.fingerprint != negotiation.terms.fingerprint and not self.gone:
            negotiation.terms = terms
            self.reoffer(negotiation.speaks, now)

    def renew_stream(self) -> None:
        """Another worker begins to number packets anew: under an old key only with a new SSRC, or the same key stream would
        be used twice (RFC 3711 section 9.1)."""
        negotiation, media = self.negotiation, self.media
        if negotiation.keying is Keying.SDES and not self.gone:
            negotiation.ssrc = 1 + self.board.entropy.below(2**32 - 1)
            if media.opened is not None:
                media.opened = replace(media.opened, ssrc=negotiation.ssrc)

    def connect(self, now: float) -> None:
        """Let the worker know what was agreed, and the clock of MED-24 what to expect."""
        policy = self.board.policy
        negotiation = self.negotiation
        if negotiation.held:
            self.held = False  # From now on it is the phone's own hold.
        self.holding = negotiation.held or self.held
        timeout = policy.rtp_timeout_hold if negotiation.held else policy.rtp_timeout
        media = self.media
        wanted = negotiation.open(media.index, self.dialog.flow.host, timeout)
        media.connect(wanted)
        key = (self, "hold")
        if negotiation.held and not wanted.receive and timeout:
            # Nothing will be received, so the worker cannot tell a phone on hold from one without power.
            self.board.deadlines.set(key, now + timeout)
        elif self.board.deadlines.at(key) is not None:
            self.board.deadlines.clear(key)

    # --- a new offer of ours (RFC 3261 section 14.1) -------------------------------------------------------------------

    def reoffer(self, prefer: tuple[Format, ...], now: float) -> None:
        """Offer anew, with other codecs first. Put off while another offer is under way."""
        self.reinvite_prefer = prefer
        if self.state is LegState.ANSWERED:
            self.board.deadlines.set((self, "reoffer"), now + ACK_PAUSE)
        if self.state is not LegState.ESTABLISHED:
            return
        if self.reinvite is not None or self.unacked or self.negotiation.offered:
            self._retry_later(now)
            return
        packets.heed(self)
        self._reinvite(self.negotiation.offer(prefer, self.negotiation.direction), now)

    def _reinvite(self, body: bytes, now: float) -> None:
        self.reach(now)
        headers = f"{self.contact}{timer.proposal(self)}{SDP}"
        self.reinvite = self.dialog.request(self.board.endpoint, "INVITE", now, headers=headers, body=body, owner=self)

    def reaffirm(self, now: float) -> None:
        """Send a re-INVITE that changes nothing, as a sign of life. None if another one is under way: that is one as well."""
        idle = self.reinvite is None and not self.unacked and not self.negotiation.offered
        if self.state is LegState.ESTABLISHED and self.negotiation.agreed and idle:
            self._reinvite(self.negotiation.reaffirm(), now)

    def relocate(self, worker: int, now: float) -> bool:
        """Move the media to another worker: a new port, offered to the phone. False if there is none left.

        A stream that begins anew may not repeat the key and numbers of the old one.
        """
        board, negotiation = self.board, self.negotiation
        media = board.allocate(now, worker)
        if media is None:
            return False
        self.media.close(now)
        self.media = media
        media.owner = self
        terms = board.terms(self.device, self.dialog.flow, worker)
        negotiation.move(media.port, terms, 1 + board.entropy.below(2**32 - 1))
        self.reoffer(negotiation.speaks, now)
        return True

    def reoffer_due(self, now: float) -> None:
        if self.state in (LegState.ANSWERED, LegState.ESTABLISHED) and not self.gone:
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
            timer.answered(self, response, now)
            try:
                self.negotiation.accept(described(self.board, response.body, self.negotiation.terms))
            except (ParseError, NotAcceptable):
                self.negotiation.withdraw()
                return
            self.retries = 0
            self.connect(now)
            self.owner.leg_changed(self, now)
            return
        same = self.negotiation.reaffirmed
        self.negotiation.withdraw()
        if status == 422 and timer.raised(self, response):
            self.reaffirm(now) if same else self.reoffer(self.reinvite_prefer, now)
        elif status == 491:
            self._retry_later(now)
        elif self.media.opened is None:
            self.drop(now, status, "no_media")  # It stays where its media no longer are.
        elif status in (408, 481):
            self.drop(now, status, "dialog_lost")

    def reoffer_failed(self, status: int, now: float) -> None:
        """No response to our re-INVITE: the dialog is dead (12.2.1.2)."""
        self.reinvite = None
        same = self.negotiation.reaffirmed
        if not self.gone:
            self.negotiation.withdraw()
            if not (same and timer.unsent(self, status)):
                self.drop(now, status, "dialog_lost")

    def _retry_later(self, now: float) -> None:
        # 14.1: whoever owns the Call-ID waits 2.1 to 4 s, the other side 0 to 2 s, both in steps of 10 ms.
        self.retries += 1
        if self.retries > MAX_RETRIES:
            if self.media.opened is None:
                self.drop(now, 488, "no_media")
            return
        below = self.board.entropy.below
        wait = (210 + below(191)) / 100 if self.role != "caller" else below(201) / 100
        self.board.deadlines.set((self, "reoffer"), now + wait)

    def reach(self, now: float) -> None:
        """After a restart a phone on a stream is reached by the connection that it has registered anew."""
        flow = self.dialog.flow
        if flow.transport == "udp" or flow.connection:
            return
        if self.device.startswith(TRUNK):
            self.dialog.flow = self.board.trunks.dialled(self.device.removeprefix(TRUNK), flow)
            return
        found = [
            binding.flow
            for binding in self.board.bindings(self.device, now)
            if (binding.flow.transport, binding.flow.host) == (flow.transport, flow.host)
        ]
        if found:
            self.dialog.flow = next((one for one in found if one.connection), found[0])

    def probe(self, now: float) -> None:
        """After a restart: ask whether the peer still knows the dialog. It may have hung up in the last moment before."""
        if self.state is LegState.ESTABLISHED and not self.gone:
            self.reach(now)
            self.dialog.request(self.board.endpoint, "OPTIONS", now, owner=self)

    def drop(self, now: float, status: int, cause: str, by: str = "failure") -> None:
        """The peer is lost or of no use: end the leg, and tell the owner."""
        if self._gone(now, status, cause, by):
            self.handle(LegInput.HANG_UP, now, (480, ""))
            self.owner.leg_gone(self, now)

    # --- inside ------------------------------------------------------------------------------------------------------

    def _provisional(self, status: int, now: float, body: bytes = b"") -> None:
        headers = self.contact
        if self.reliable is not None and reliable.suits(self, body):
            negotiation = self.negotiation
            if not (self.offer or body or negotiation.agreed or negotiation.offered):
                body = negotiation.offer()  # 13.2.1: the first response that arrives for certain has the offer.
            reliable.send(self, status, headers + SDP if body else headers, body, now)
        else:
            self.respond(self.tx, status, now, headers + SDP if body else headers, body)

    def _answer_offer(self, prefer: tuple[Format, ...], now: float) -> bytes:
        """Answer the peer's waiting offer, and open or change the media leg."""
        assert self.offer is not None
        packets.heed(self)
        body = self.negotiation.answer(self.offer, prefer)
        self.offer = None
        self.connect(now)
        return body

    def description(self, prefer: tuple[Format, ...], now: float) -> bytes:
        """The body of our 2xx: the answer, the answer again (it went out in a 183), or an offer of our own."""
        if self.offer is not None:
            return self._answer_offer(prefer, now)
        if self.negotiation.agreed:
            # RFC 6337 section 2.2: what arrived for certain is not said again.
            return b"" if self.reliable is not None and self.reliable.described else self.negotiation.current()
        return self.negotiation.offer(prefer)

    def take_answer(self, body: bytes, now: float) -> bool:
        """The peer's answer to our offer. False if it is none that we can work with."""
        try:
            self.negotiation.accept(described(self.board, body, self.negotiation.terms))
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
        board.deadlines.forget(self, DEADLINES)
        board.keypad.forget(self)
        if self.occupies:
            if self.occupies == "recall" and self.answered_at and self.call.visit is not None:
                board.out.append(CallerServed(self.device, self.call.visit.config.name))
            board.vacate(self.device)
        if self.errand is not None:
            board.guard.ended(self, now)
        answered = self.answered_at
        ring = (answered or now) - self.ringing_at if self.ringing_at else 0.0
        event = LegEnded(
            self.call.id, self.id, self.role, self.party, self.dialog.call_id, self.status, cause, by, ring,
            now - answered if answered else 0.0, self.negotiation.codec, None, self.negotiation.security,
        )  # fmt: skip
        self.call.unsettled += 1
        board.close_media(self.media, event, self.call.settled, now)
        return True

    def _end(self, now: float) -> None:
        """No signalling is left: forget the dialog, and break the cycles."""
        self.board.legs.pop(self.id, None)
        self.call.legs.pop(self, None)
        for tx in self.unacked.values():
            self.board.endpoint.acknowledged(tx, now)  # The peer has hung up instead of sending ACK.
        self.unacked.clear()
        self.tx = None
        self.reinvite = self.updating = None
        self.early = None
