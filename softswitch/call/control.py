"""Call control as one machine: requests, responses, media events and orders of the queue engine in; calls in between."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Sequence
from typing import TYPE_CHECKING, Any, Final

from media.control import (
    Alarm,
    Audio,
    Digit,
    Failed,
    Latched,
    PlayDone,
    Quality,
    Ready,
    Recorded,
    RtpTimeout,
    Secured,
    Statistics,
    Stopped,
)
from softswitch.call import indialog, orders, sound
from softswitch.call.board import WORKER_GRACE, Board, Policy
from softswitch.call.body import NO_OFFER, offer_of
from softswitch.call.call import Call
from softswitch.call.fork import Fork
from softswitch.call.headers import anonymous, passed
from softswitch.call.leg import Leg, LegInput, LegState
from softswitch.call.restart import Restart, unanswered
from softswitch.call.routing import Destination, Refusal, route_uri
from softswitch.call.supervise import talks_on
from softswitch.effects import (
    ConnectOffer,
    ConversationEnded,
    Flow,
    OfferFailed,
    OfferResult,
    ReleaseCaller,
    RingAgent,
    WithdrawOffer,
)
from softswitch.events import CallEnded, CallStarted, MediaAlarm
from softswitch.sip.dialog import Dialog
from softswitch.sip.endpoint import ServerTransaction
from softswitch.sip.grammar import from_wire, number
from softswitch.sip.uri import uri_user

if TYPE_CHECKING:
    from media.control import WorkerEvent
    from softswitch.call.description import Description
    from softswitch.call.media import MediaLeg
    from softswitch.directory import Account, Directory
    from softswitch.machine import Entropy
    from softswitch.sip.endpoint import (
        AckMissing,
        AckReceived,
        CancelReceived,
        Endpoint,
        RequestFailed,
        RequestReceived,
        ResponseReceived,
        ServerFailed,
    )
    from softswitch.sip.message import Message
    from softswitch.sip.registrar import Binding

DEFAULT_POLICY: Final = Policy()
MAX_DIALLED: Final = 128  # characters of a dialled string that records keep


class CallControl:
    """All calls of the switch.

    `bindings(aor, now)` gives the contacts of an account; `is_open(name)` tells whether an opening-hours scheme is open now.
    """

    def __init__(
        self,
        directory: Directory,
        endpoint: Endpoint,
        bindings: Callable[[str, float], Sequence[Binding]],
        entropy: Entropy,
        *,
        is_open: Callable[[str], bool],
        policy: Policy = DEFAULT_POLICY,
        media_host: Callable[[Flow], str] | None = None,
    ) -> None:
        self.board = Board(
            directory, endpoint, bindings, entropy, is_open=is_open, policy=policy, media_host=media_host
        )
        self.restart = Restart(self.board)
        self.current: Call | None = None  # the call that the present input is about, for `abort`
        self._answering: ServerTransaction | None = None  # the request that is being answered
        self._orders: dict[type, Callable[[Any, float], None]] = {
            RingAgent: self._ring_agent,
            WithdrawOffer: self._withdraw_offer,
            ConnectOffer: self._connect_offer,
            ReleaseCaller: self._release_caller,
        }
        self._reports: dict[type, Callable[[int, Any, float], None]] = {
            Ready: self._ready,
            Failed: lambda worker, event, now: self.board.publish(MediaAlarm(worker, "worker_failed", event.reason)),
            Stopped: self._stopped,
            Digit: self._digit,
            PlayDone: self._play_done,
            RtpTimeout: self._rtp_timeout,
            Statistics: lambda worker, event, now: self.board.statistics(worker, event),
            Alarm: lambda worker, event, now: self.board.publish(MediaAlarm(worker, event.what, event.detail)),
            Secured: self._secured,
            Latched: _of_no_consequence,
            Audio: lambda worker, event, now: sound.audio(self.board, worker, event),
            Quality: lambda worker, event, now: sound.quality(self.board, worker, event),
            Recorded: self.board.recorder.recorded,
        }

    # --- the site and the media plane -----------------------------------------------------------------------------------

    def configure(self, directory: Directory) -> None:
        """Take a new snapshot of the site. Calls in progress keep the flows that they have begun."""
        self.board.site.directory = directory
        self.board.forget_terms()

    def set_clips(self, names: Container[str]) -> None:
        """The names that workers can play: clips missing in a language are replaced by those of another."""
        self.board.clips = names

    def add_range(
        self, worker: int, base_port: int, legs: int, taken: Collection[int] = (), *,
        codecs: Sequence[str] = (), fingerprint: str = "", now: float = 0.0,
    ) -> None:  # fmt: skip
        """A worker has bound `legs` pairs of ports from `base_port` up. `codecs`: what it decodes, if it says so;
        `fingerprint`: of its DTLS certificate.
        """
        board = self.board
        board.deadlines.clear((worker, "worker"))
        board.forget_terms()
        if not board.pool.add_range(worker, base_port, legs, taken, codecs=codecs, fingerprint=fingerprint):
            concerned = [leg for leg in board.legs.values() if leg.media.worker == worker]
            for leg in concerned:
                leg.renew_stream()
            board.pool.restore(worker)
            for leg in concerned:
                leg.certificate_changed(now)
            board.recorder.worker_back(worker, now)

    # --- the machine's three verbs ---

    def next_deadline(self) -> float | None:
        return self.board.deadlines.next()

    def expire(self, now: float) -> None:
        for owner, kind in self.board.deadlines.due(now):
            if isinstance(owner, Leg):
                self._leg_expired(owner, kind, now)
            elif isinstance(owner, Fork):
                self._about(owner.call)
                owner.expire(kind, now)
            elif isinstance(owner, Call):
                self._about(owner)
                owner.expire(kind, now)
            elif kind == "worker":
                self._worker_lost(owner, now)
            else:
                self.board.without_statistics(owner)

    def _about(self, call: Call) -> None:
        """The present input is about this call."""
        self.current = call
        self.board.touch(call)

    def drain(self) -> list[object]:
        out = self.board.out
        if not out:
            return []
        items = out[:]
        out.clear()  # The pool writes to the same list.
        return items

    @property
    def calls(self) -> dict[str, Call]:
        """The calls that are going on, by id."""
        return self.board.calls

    # --- requests -------------------------------------------------------------------------------------------------------

    def on_request(self, item: RequestReceived, account: Account | None, now: float) -> None:
        """An INVITE of an authenticated account, or any request inside a dialog.

        `account` is None if the sender was not authenticated; inside a dialog that is enough as long as the request comes
        from the address of the dialog's peer. An account may continue its call from another address.
        """
        tx, message = item.transaction, item.message
        self._answering = tx
        self.current = None
        if message.to_tag:
            self._in_dialog(tx, message, account, now)
        elif message.method != "INVITE":
            self.board.endpoint.reject(tx, 481 if message.method in ("BYE", "INFO", "UPDATE", "PRACK") else 405, now)
        elif account is None:
            self.board.endpoint.reject(tx, 403, now)
        else:
            self._invite(tx, message, account, now)
        self._answering = None

    def on_ack(self, item: AckReceived, now: float) -> None:
        message = item.message
        leg = self.board.legs.get(message.to_tag)
        if leg is None or leg.dialog.call_id != message.call_id:
            # Some phones repeat the branch of the INVITE, and no tag of ours: the transaction knows whose it is.
            leg = item.transaction.owner if item.transaction is not None else None
        if isinstance(leg, Leg) and message.flow.host == leg.dialog.flow.host:
            self._about(leg.call)
            indialog.acknowledge(leg, message, now)

    def on_cancel(self, item: CancelReceived, now: float) -> None:
        leg = item.transaction.owner
        if isinstance(leg, Leg):
            self._about(leg.call)
            leg.handle(LegInput.CANCEL, now)

    def on_server_failed(self, item: ServerFailed, now: float) -> None:
        """The connection of a caller whose call was not answered yet is gone."""
        leg = item.transaction.owner
        if isinstance(leg, Leg):
            self._about(leg.call)
            leg.handle(LegInput.CANCEL, now, "connection_lost")

    def on_ack_missing(self, item: AckMissing, now: float) -> None:
        leg = item.transaction.owner
        if isinstance(leg, Leg):
            self._about(leg.call)
            for cseq, tx in list(leg.unacked.items()):
                if tx is item.transaction:
                    del leg.unacked[cseq]
            leg.handle(LegInput.ACK_MISSING, now)

    # --- responses -------------------------------------------------------------------------------------------------------

    def on_response(self, item: ResponseReceived, now: float) -> None:
        tx, message = item.transaction, item.message
        leg = tx.owner
        if not isinstance(leg, Leg):
            return
        self._about(leg.call)
        status = message.status
        if tx.method == "INVITE":
            leg.heard = True
            if tx is leg.tx or (leg.state is LegState.ENDED and message.to_tag != leg.dialog.remote_tag):
                self._first_invite(leg, tx, message, now)
            elif status >= 200:
                leg.reoffer_answered(tx, message, now)
        elif tx.method == "BYE" and status >= 200:
            leg.handle(LegInput.BYE_DONE, now)
        elif (status == 481 or (status == 408 and tx.method != "OPTIONS")) and not leg.gone:
            leg.drop(now, status, "dialog_lost")  # 12.2.1.2: the peer has forgotten the dialog.
        elif tx.method == "INFO" and status >= 300:
            leg.info_refused()

    def _first_invite(self, leg: Leg, tx: Any, message: Message, now: float) -> None:
        status = message.status
        if status < 200:
            if status > 100:
                leg.handle(LegInput.PROVISIONAL, now, message)
        elif status >= 300:
            leg.handle(LegInput.FAILURE, now, status)
        elif leg.state in (LegState.CALLING, LegState.RINGING, LegState.CANCELLING):
            leg.handle(LegInput.SUCCESS, now, message)
        elif message.to_tag != leg.dialog.remote_tag:
            # 13.2.2.4: a proxy behind the contact has forked, and two have answered. The second gets ACK and BYE.
            dialog = leg.dialog.fork(message)
            dialog.ack(self.board.endpoint, tx, message, now)
            dialog.request(self.board.endpoint, "BYE", now)

    def on_failed(self, item: RequestFailed, now: float) -> None:
        tx = item.transaction
        leg = tx.owner
        if not isinstance(leg, Leg):
            return
        self._about(leg.call)
        if tx is leg.tx:
            leg.handle(LegInput.FAILURE, now, item.status)
        elif tx is leg.reinvite:
            leg.reoffer_failed(item.status, now)
        elif tx.method == "BYE":
            leg.handle(LegInput.BYE_DONE, now)
        elif tx.method != "OPTIONS" and not leg.gone:  # A phone need not answer those.
            leg.drop(now, item.status, "dialog_lost")

    # --- media ------------------------------------------------------------------------------------------------------------

    def on_media(self, worker: int, event: WorkerEvent, now: float) -> None:
        self._reports[type(event)](worker, event, now)

    def _leg_of(self, worker: int, index: int) -> Leg | None:
        media: MediaLeg | None = self.board.pool.legs.get((worker, index))
        leg = media.owner if media is not None else None
        if isinstance(leg, Leg):
            self._about(leg.call)
            return leg
        return None

    def _ready(self, worker: int, event: Ready, now: float) -> None:
        self.add_range(
            worker, event.base_port, event.legs, [int(leg) for leg in event.taken],
            codecs=event.codecs, fingerprint=event.fingerprint, now=now,
        )  # fmt: skip

    def _stopped(self, worker: int, event: Stopped, now: float) -> None:
        """A worker died. Its calls live on: a replacement with the same ports gets all their legs."""
        board = self.board
        board.publish(MediaAlarm(worker, "worker_stopped", event.reason))
        board.pool.suspend(worker)
        board.recorder.worker_lost(worker, now)
        board.deadlines.set((worker, "worker"), now + WORKER_GRACE)

    def _worker_lost(self, worker: int, now: float) -> None:
        for call in [call for call in self.board.calls.values() if call.worker == worker]:
            self._about(call)
            if unanswered(call):
                call.end("media_lost", now, 503)
            else:
                call.caller.drop(now, 503, "media_lost")

    def _digit(self, worker: int, event: Digit, now: float) -> None:
        leg = self._leg_of(worker, event.leg)
        if leg is not None:
            leg.pressed(event.digit, event.duration_ms, event.method, now)

    def _secured(self, worker: int, event: Secured, now: float) -> None:
        leg = self._leg_of(worker, event.leg)
        if leg is not None:
            leg.secured(event.suite, event.error, now)

    def _play_done(self, worker: int, event: PlayDone, now: float) -> None:
        leg = self._leg_of(worker, event.leg)
        if leg is not None:
            leg.owner.leg_played(leg, event.play, event.cause, now)

    def _rtp_timeout(self, worker: int, event: RtpTimeout, now: float) -> None:
        leg = self._leg_of(worker, event.leg)
        if leg is not None:
            leg.drop(now, 408, "rtp_timeout", "timeout")

    # --- orders of the queue engine -------------------------------------------------------------------------------------------

    def on_item(self, item: RingAgent | WithdrawOffer | ConnectOffer | ReleaseCaller, now: float) -> None:
        self._orders[type(item)](item, now)

    def _ring_agent(self, order: RingAgent, now: float) -> None:
        call = self.board.calls.get(order.caller)
        if call is None or call.visit is None or not call.visit.waiting:
            self.board.out.append(OfferFailed(order.offer, OfferResult.CANCELLED_CALLER_GONE))
            return
        self._about(call)
        call.visit.ring(order, now)

    def _withdraw_offer(self, order: WithdrawOffer, now: float) -> None:
        offer = self.board.offers.get(order.offer)
        if offer is not None:
            self._about(offer.call)
            offer.withdraw(order.result, now)

    def _connect_offer(self, order: ConnectOffer, now: float) -> None:
        offer = self.board.offers.get(order.offer)
        if offer is None:
            self.board.out.append(ConversationEnded(order.offer))  # One of the two is gone already.
            return
        self._about(offer.call)
        offer.connect(now)

    def _release_caller(self, order: ReleaseCaller, now: float) -> None:
        call = self.board.calls.get(order.caller)
        if call is not None and call.visit is not None and call.visit.waiting:
            self._about(call)
            call.visit.release(order.outcome, order.destination, now)

    # --- operations ----------------------------------------------------------------------------------------------------------

    def hang_up(self, call: str, now: float, cause: str = "operator") -> bool:
        """End a call from outside; False if there is none with this id."""
        found = self.board.calls.get(call)
        if found is not None:
            self._about(found)
            found.end(cause, now)
        return found is not None

    def record(self, call: str, verb: str, by: str, now: float) -> str:
        """Start, stop, pause or resume a recording by an operator's order; "" or why not."""
        found = self.board.calls.get(call)
        if found is None:
            return "there is no such call"
        self.current = found
        return self.board.recorder.order(found, verb, by, now)

    def spy(self, call: str, account: str, mode: str, by: str, now: float) -> str:
        """Ring the phone of `account` and let it supervise a call; "" or why not."""
        self.current = self.board.calls.get(call)
        return orders.spy(self.board, call, account, mode, by, now)

    def merge(self, call: str, other: str, now: float) -> str:
        """Make one conversation of two that the same phone is in; "" or why not."""
        self.current = self.board.calls.get(call)
        return orders.merge_calls(self.board, call, other, now)

    def conference(self, name: str, verb: str, call: str, by: str, now: float) -> str:
        """Carry out an order for a conference; "" or why not."""
        self.current = self.board.calls.get(call)
        return orders.conference(self.board, name, verb, call, by, now)

    def abort(self, call: Call | None, now: float) -> None:
        """Give up a call in which an exception was raised: hang up on everybody in it. Other calls are not touched.

        None: the call that the last input was about. Should this raise as well, `forget` is the last resort.
        """
        tx, self._answering = self._answering, None
        if tx is not None and tx.open:
            self.board.endpoint.respond(tx, 500, now)
        call = call or self.current
        if call is None:
            return
        legs = [leg for leg in self.board.legs.values() if leg.call is call]
        for leg in legs:
            leg.abandon(now)
        call.end("internal_error", now, 500)
        call.conclude()
        self.board.sweep(call, now)

    def forget(self, call: Call | None, now: float) -> None:
        """Take everything away from a call without a word to its phones: ports, dialogs, devices, offers, deadlines."""
        call = call or self.current
        self.current = None
        if call is not None:
            self.board.forget(call, now)

    # --- inside ------------------------------------------------------------------------------------------------------

    def _leg_expired(self, leg: Leg, kind: str, now: float) -> None:
        self._about(leg.call)
        if kind == "reoffer":
            leg.reoffer_due(now)
        elif kind == "probe":
            leg.probe(now)
        elif kind == "secure":
            leg.drop(now, 488, "dtls_failed")
        else:
            leg.drop(now, 408, "rtp_timeout_hold", "timeout")

    def _in_dialog(self, tx: ServerTransaction, message: Message, account: Account | None, now: float) -> None:
        board = self.board
        leg = board.legs.get(message.to_tag)
        if leg is None:
            board.endpoint.reject(tx, 481, now)
            return
        self._about(leg.call)
        trusted = account is not None and leg.device == account.user
        status = leg.dialog.receive(message, trusted=trusted)
        if status:
            board.endpoint.reject(tx, status, now)
            return
        indialog.HANDLERS.get(message.method, indialog.unknown)(leg, tx, message, now)

    def _invite(self, tx: ServerTransaction, message: Message, account: Account, now: float) -> None:
        """A new call: check what can be refused before it costs anything, then route it."""
        board, endpoint = self.board, self.board.endpoint
        if message.from_tag in board.legs:
            endpoint.respond(tx, 482, now)  # SIG-35: our own INVITE has come back to us.
            return
        terms = board.terms(account.user, message.flow)
        offer = offer_of(board, message, self._refuse, tx, now, terms)
        if offer is None:
            return
        if offer.host and all((":" in offer.host) != (":" in host) for host in terms.hosts):
            self._refuse(tx, 488, now, f'Warning: 301 {terms.hosts[0]} "Incompatible network address formats"\r\n')
            return
        destination = route_uri(message.uri, board.directory, board.local)
        if isinstance(destination, Refusal):
            self._refused(tx, message, account, destination, now)
            return
        if board.by_account[account.user] >= account.max_calls:
            self._refused(tx, message, account, Refusal(403, "too_many_calls"), now)
            return
        media = board.allocate(now, self._worker_for(destination), spare=1)
        if media is None:
            self._refused(tx, message, account, Refusal(503, "no_media_port"), now)
            return
        self._begin(tx, message, account, media, offer, now).start(destination, now)

    def _worker_for(self, destination: Destination) -> int | None:
        """The worker where those are whom the caller is to hear in a room; None: any."""
        board = self.board
        if destination.kind == "conference" and (meeting := board.meetings.get(destination.name)) is not None:
            return meeting.worker
        if destination.kind == "supervise" and (call := talks_on(board, destination.name)) is not None:
            return call.worker
        return None

    def _begin(
        self, tx: ServerTransaction, message: Message, account: Account, media: MediaLeg, offer: Description, now: float
    ) -> Call:
        board = self.board
        call = Call(board, account, _dialled(message), media.worker, now)
        self._about(call)
        call.hidden = "privacy" in message.headers and anonymous(message)
        call.headers = passed(message)
        hops = message.header("max-forwards")
        call.max_forwards = number(hops, 255) - 1 if hops else 69
        board.publish(CallStarted(call.id, call.caller_number, call.caller_name, call.dialled, account.user))
        dialog = Dialog.uas(message, board.endpoint.tag(), message.flow)
        name = account.name or account.user
        leg = Leg(board, call, call, "caller", name, account.user, dialog, media, now, occupies="internal")
        leg.tx = tx
        leg.allow = message.header("allow").upper()
        tx.owner = leg
        if offer is not NO_OFFER:
            leg.offer = offer
        call.caller = leg
        return call

    def _refuse(self, tx: ServerTransaction, status: int, now: float, headers: str = "") -> None:
        self.board.endpoint.respond(tx, status, now, headers=headers)

    def _refused(self, tx: ServerTransaction, message: Message, account: Account, refusal: Refusal, now: float) -> None:
        """Refuse a call that was understood: it has a record all the same."""
        headers = f"Retry-After: {5 + self.board.entropy.below(26)}\r\n" if refusal.status == 503 else ""
        self._refuse(tx, refusal.status, now, headers)
        call, dialled = self.board.entropy.token(), _dialled(message)
        self.board.publish(CallStarted(call, account.user, account.name, dialled, account.user))
        self.board.publish(
            CallEnded(
                call,
                account.user,
                account.name,
                dialled,
                account.user,
                "failed",
                refusal.status,
                refusal.cause,
                0.0,
                0.0,
                0.0,
            )
        )


def _of_no_consequence(worker: int, event: WorkerEvent, now: float) -> None:
    """What is reported for others."""


def _dialled(message: Message) -> str:
    return from_wire(uri_user(message.uri) or message.uri)[:MAX_DIALLED]
