"""Call control as one machine: requests, responses, media events and orders of the queue engine in; calls in between."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

from softswitch.call import early, errands, indialog, movement, orders, refer, reliable, studio, timer, transfer_orders
from softswitch.call.board import Board, Policy
from softswitch.call.call import Call
from softswitch.call.entrance import Entrance
from softswitch.call.headers import redirection
from softswitch.call.leg import Leg
from softswitch.call.outward import challenged
from softswitch.call.queue_orders import QueueOrder, QueueOrders
from softswitch.call.reconfiguring import reconfigure
from softswitch.call.reports import MediaReports
from softswitch.call.restart import Restart
from softswitch.call.states import LegInput, LegState
from softswitch.call.supervise import steer
from softswitch.effects import (
    ErrandDone,
    Flow,
)
from softswitch.machine import take
from softswitch.sip.endpoint import ServerTransaction

if TYPE_CHECKING:
    from media.control import WorkerEvent
    from softswitch.call.transfer import Note
    from softswitch.directory import Account, Directory
    from softswitch.machine import Entropy
    from softswitch.outside import Trunk
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
    from softswitch.sip.trunks import Trunks

T = TypeVar("T")
DEFAULT_POLICY: Final = Policy()
HANDLERS: Final = indialog.HANDLERS | {"REFER": refer.refer, "SUBSCRIBE": refer.subscribe, "NOTIFY": refer.notify}
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
        trunks: Trunks | None = None,
    ) -> None:
        self.board = Board(
            directory, endpoint, bindings, entropy, is_open=is_open, policy=policy, media_host=media_host, trunks=trunks
        )
        self.out = self.board.out
        self.restart = Restart(self.board)
        self.current: Call | None = None  # the call that the present input is about, for `abort`
        self._answering: ServerTransaction | None = None  # the request that is being answered
        self._orders = QueueOrders(self.board, self._about)
        self._reports = MediaReports(self.board, self._about)
        self._entrance = Entrance(self.board, self._about)

    # --- the site and the media plane -----------------------------------------------------------------------------------

    def configure(self, directory: Directory, now: float) -> None:
        """Take a new snapshot of the site. Calls in progress keep the flows that they have begun."""
        before = self.board.directory
        self.board.directory = self.board.site.directory = directory
        self.board.phones.configure(before, directory)
        self.board.desk.configure(directory)
        self.board.forget_terms()
        reconfigure(self.board, now)

    def set_clips(self, names: Container[str]) -> None:
        """The names that workers can play: clips missing in a language are replaced by those of another."""
        self.board.took_clips(names)

    def add_range(
        self, worker: int, base_port: int, legs: int, taken: Collection[int] = (), *,
        codecs: Sequence[str] = (), fingerprint: str = "", now: float = 0.0,
    ) -> None:  # fmt: skip
        """A worker has bound `legs` pairs of ports from `base_port` up. See `MediaReports.add_range`."""
        self._reports.add_range(worker, base_port, legs, taken, codecs=codecs, fingerprint=fingerprint, now=now)

    # --- the machine's three verbs ---

    def next_deadline(self) -> float | None:
        return self.board.deadlines.next()

    def expire(self, now: float) -> None:
        for owner, kind in self.board.deadlines.due(now):
            if isinstance(owner, Leg):
                self._leg_expired(owner, kind, now)
            elif kind == "worker":
                self._reports.worker_lost(owner, now)
            elif kind == "statistics":
                self.board.without_statistics(owner)
            else:  # A call, or a part of one.
                self._about(owner if isinstance(owner, Call) else owner.call)
                owner.expire(kind, now)

    def _about(self, call: Call) -> None:
        """The present input is about this call."""
        self.current = call
        self.board.touch(call)

    def drain(self) -> list[object]:
        return take(self.out)

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
            self.board.endpoint.reject(tx, 481, now)  # 12.2.2: it means something inside dialogs only.
        elif account is None:
            self.board.endpoint.reject(tx, 403, now)
        else:
            self._entrance.invite(tx, message, account, now)
        self._answering = None

    def on_trunk(self, item: RequestReceived, trunk: Trunk, now: float) -> None:
        """An INVITE that comes by a trunk."""
        self._answering, self.current = item.transaction, None
        self._entrance.from_trunk(item.transaction, item.message, trunk, now)
        self._answering = None

    def must_prove(self, message: Message, now: float) -> bool:
        """Whether a request inside a dialog comes from where its sender must first show whose phone it is."""
        leg = self.board.legs.get(message.to_tag)
        return leg is not None and movement.must_prove(leg, message, now)

    def on_ack(self, item: AckReceived, now: float) -> None:
        message = item.message
        leg = self.board.legs.get(message.to_tag)
        if leg is None or leg.dialog.call_id != message.call_id:
            # Some phones repeat the branch of the INVITE, and no tag of ours: the transaction knows whose it is.
            leg = item.transaction.owner if item.transaction is not None else None
        if isinstance(leg, Leg) and (message.flow.host == leg.dialog.flow.host or movement.by_trunk(leg, message)):
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
        elif tx.method == "PRACK":
            pass  # What becomes of the INVITE says its final response.
        elif (status == 481 or (status == 408 and tx.method != "OPTIONS")) and not leg.gone:
            leg.drop(now, status, "dialog_lost")  # 12.2.1.2: the peer has forgotten the dialog.
        elif tx.method == "UPDATE" and status >= 200:
            timer.updated(leg, message, now)
        elif tx.method == "INFO" and status >= 300:
            leg.info_refused()

    def _first_invite(self, leg: Leg, tx: Any, message: Message, now: float) -> None:
        status = message.status
        if status < 200:
            if status > 100 and early.provisional(leg, message, now):
                leg.handle(LegInput.PROVISIONAL, now, message)
        elif status == 422 and leg.state in early.WAITING and timer.raised(leg, message):
            leg.invite_again(now)
        elif status in (401, 407) and challenged(leg, message, now):
            return
        elif status >= 300:
            leg.redirect = redirection(message) if status < 400 else ""
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
        elif tx is leg.updating and timer.unsent(leg, item.status):
            return
        elif tx.method not in ("OPTIONS", "PRACK") and not leg.gone:  # A phone need not answer those.
            leg.drop(now, item.status, "dialog_lost")

    # --- media ------------------------------------------------------------------------------------------------------------

    def on_media(self, worker: int, event: WorkerEvent, now: float) -> None:
        self._reports.handle(worker, event, now)

    # --- orders of the queue engine -------------------------------------------------------------------------------------------

    def on_item(self, item: QueueOrder, now: float) -> None:
        self._orders.carry_out(item, now)

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
            return orders.NO_CALL
        self.current = found
        return self.board.recorder.order(found, verb, by, now)

    def spy(
        self, call: str, account: str, mode: str, by: str, now: float, granted: bool = False, device: str = ""
    ) -> str:  # fmt: skip
        """Ring the phone of `account` and let it supervise a call; "" or why not."""
        self.current = self.board.calls.get(call)
        return orders.spy(self.board, call, account, mode, by, now, granted, device)

    def supervise(self, call: str, account: str, mode: str, by: str, now: float) -> str:
        """Change what the phone of `account` does to a call that it hears; "" or why not."""
        found = self.board.calls.get(call)
        if found is None:
            return orders.NO_CALL
        self.current = found
        return steer(found, account, mode, by, now)

    def originate(self, account: str, number: str, by: str, by_itself: bool, now: float) -> tuple[str, str]:
        """Ring a phone, and call a number for whoever answers; (the call's id, ""), or ("", why not)."""
        return orders.originate(self.board, account, number, by, by_itself, now)

    def record_prompt(self, account: str, prompt: str, language: str, by: str, now: float) -> tuple[str, str]:
        """Ring a phone, and have whoever answers speak a prompt; (the call's id, ""), or ("", why not)."""
        return studio.ring(self.board, account, prompt, language, by, now)

    def merge(self, call: str, other: str, now: float) -> str:
        """Make one conversation of two that the same phone is in; "" or why not."""
        self.current = self.board.calls.get(call)
        return orders.merge_calls(self.board, call, other, now)

    def transfer(
        self, call: str, to: str, attended: bool, by: str, note: Note, now: float
    ) -> str:  # fmt: skip
        """Lead a party of a call elsewhere; "" or why not."""
        self.current = self.board.calls.get(call)
        return transfer_orders.begin(self.board, call, to, attended, by, note, now)

    def steer_transfer(self, call: str, verb: str, now: float) -> str:
        """Complete, abort, swap, merge or escalate; "" or why not."""
        self.current = self.board.calls.get(call)
        return transfer_orders.steer(self.board, call, verb, now)

    def conference(self, name: str, verb: str, call: str, by: str, now: float) -> str:
        """Carry out an order for a conference; "" or why not."""
        self.current = self.board.calls.get(call)
        return orders.conference(self.board, name, verb, call, by, now)

    def ordered(self, call: str, order: Callable[[Board], T]) -> T:
        """Carry out an order about a call."""
        found = self.board.calls.get(call)
        if found is not None:
            self._about(found)
        return order(self.board)

    def errand_done(self, done: ErrandDone, now: float) -> None:
        """What a call has sent somebody to do is done, or cannot be."""
        found = self.board.calls.get(done.errand.partition("/")[0])
        if found is not None:
            self._about(found)
            errands.done(found, done, now)

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
        if kind == "session":
            timer.due(leg, now)
        elif kind == "reliable":
            reliable.due(leg, now)
        elif kind == "reoffer":
            leg.reoffer_due(now)
        elif kind == "probe":
            leg.probe(now)
        elif kind == "secure":
            leg.drop(now, 488, "dtls_failed")
        elif kind == "invitation":
            leg.handle(LegInput.CANCEL, now, "expired")  # 13.3.1; no arrow leads from it once there is an answer.
        elif kind == "toll":
            if self.board.guard.due(leg, now):
                leg.drop(now, 480, "minutes_used_up")
        else:
            leg.drop(now, 408, "rtp_timeout_hold", "timeout")

    def _in_dialog(self, tx: ServerTransaction, message: Message, account: Account | None, now: float) -> None:
        board = self.board
        leg = board.legs.get(message.to_tag)
        if leg is None:
            board.endpoint.reject(tx, 481, now)
            return
        self._about(leg.call)
        aside = early.aside(leg, message)
        if aside is not None:
            early.request_aside(leg, aside, tx, message, now)
            return
        status = movement.receive(leg, message, account, now)
        if status:
            board.endpoint.reject(tx, status, now)
            return
        HANDLERS.get(message.method, indialog.unknown)(leg, tx, message, now)
