"""The client transactions (RFC 3261 section 17.1, RFC 6026): figures 5 and 6 as tables. See `transaction` for the rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from softswitch.effects import Flow, Send
from softswitch.sip.core import Core, Input, State
from softswitch.sip.items import RequestFailed, ResponseReceived
from softswitch.sip.message import Message, request
from softswitch.sip.timers import LINGER, T1, T2, T4

MAX_FORKS: Final = 32  # 2xx with different To tags to one INVITE


@dataclass(slots=True)
class Head:
    """What a request was built from: an ACK or CANCEL of the same transaction is built from it again (17.1.1.3, 9.1)."""

    via: str
    from_: str
    to: str
    call_id: str
    cseq: int
    headers: str

    def routes(self) -> str:
        """The Route lines of the request: ACK and CANCEL must take the same way."""
        if "\nRoute:" not in self.headers and not self.headers.startswith("Route:"):
            return ""
        return "".join(f"{line}\r\n" for line in self.headers.split("\r\n") if line.startswith("Route:"))


# Stands where a head was that is no longer needed: no ACK or CANCEL can follow.
SPENT: Final = Head("", "", "", "", 0, "")


class ClientTransaction:
    """Retransmits a request until it is answered, and acknowledges the final response of an INVITE (RFC 3261 section 17.1).

    `owner` is there until the last item about the transaction has been handled, that is until the next `drain()` begins;
    an INVITE accepted with 2xx keeps it for 64*T1, for the 2xx of other forks, unless the TU sets it to None.
    """

    __slots__ = (
        "acks", "branch", "cancel_headers", "core", "data", "flow", "head", "interval", "key", "method", "owner", "reliable",
        "request_uri", "state", "table",
    )  # fmt: skip

    def __init__(self, core: Core, method: str, uri: str, flow: Flow, branch: str, head: Head, data: bytes) -> None:
        self.core = core
        self.method = method
        self.request_uri = uri
        self.flow = flow
        self.branch = branch
        # 17.1.3: a CANCEL has the branch of its INVITE.
        self.key = branch if method != "CANCEL" else f"{branch} CANCEL"
        self.head = head
        self.data = data  # what is repeated: the request, later the ACK of a failure
        self.owner: Any = None
        self.cancel_headers = ""
        self.acks: dict[str, Send | None] | None = None  # To tag of a 2xx -> its ACK
        self.interval = T1
        self.reliable = flow.transport != "udp"
        self.table = INVITE_CLIENT if method == "INVITE" else NON_INVITE_CLIENT
        self.state = State.INITIAL

    @property
    def invite(self) -> bool:
        return self.table is INVITE_CLIENT

    def handle(self, what: Input, now: float, message: Message | None = None) -> None:
        """One input; `message` is the response, if the input is one."""
        arrow = self.table[self.state].get(what)
        if arrow is None:
            return
        action, self.state = arrow
        action(self, now, message)
        if self.state is State.TERMINATED:
            self._leave()

    fire = handle

    def awaits(self, what: Input) -> bool:
        return what in self.table[self.state]

    def classify(self, status: int) -> Input:
        """A response as an input of this transaction's table."""
        if status < 200:
            return Input.PROVISIONAL if status > 100 else Input.TRYING
        if status < 300 and self.table is INVITE_CLIENT:
            return Input.SUCCESS
        return Input.FINAL_RELIABLE if self.reliable else Input.FINAL

    def slim(self) -> None:
        """Give up what is no longer needed, and break the cycle with the owner."""
        self.head = SPENT
        self.owner = None

    def _leave(self) -> None:
        core = self.core
        core.clients.pop(self.key, None)
        core.detach(self.flow, self.key)
        self.data = b""
        self.acks = None
        core.settled.append(self)


ClientAction: TypeAlias = Callable[[ClientTransaction, float, Message | None], None]


def _ignore(tx: object, now: float, message: object) -> None:
    """An arrow without an action."""


def _start(tx: ClientTransaction, now: float, what: Input) -> None:
    core = tx.core
    core.clients[tx.key] = tx
    core.attach(tx.flow, tx.key, tx)
    core.out.append(Send(tx.data, tx.flow))
    core.timers.arm(LINGER, now, tx, what)


def _resume(tx: ClientTransaction, now: float, _: object) -> None:
    """Another process has sent the request, and had an answer."""
    core = tx.core
    core.clients[tx.key] = tx
    core.attach(tx.flow, tx.key, tx)


def _resume_calling(tx: ClientTransaction, now: float, _: object) -> None:
    """Another process has sent the request, and had no answer."""
    _resume(tx, now, _)
    tx.core.timers.arm(LINGER, now, tx, Input.TIMER_B)
    tx.core.timers.arm(T1, now, tx, Input.TIMER_A)


def _call_reliable(tx: ClientTransaction, now: float, _: object) -> None:
    _start(tx, now, Input.TIMER_B)


def _call(tx: ClientTransaction, now: float, _: object) -> None:
    _start(tx, now, Input.TIMER_B)
    tx.core.timers.arm(T1, now, tx, Input.TIMER_A)


def _try_reliable(tx: ClientTransaction, now: float, _: object) -> None:
    _start(tx, now, Input.TIMER_F)


def _try(tx: ClientTransaction, now: float, _: object) -> None:
    _start(tx, now, Input.TIMER_F)
    tx.core.timers.arm(T1, now, tx, Input.TIMER_E)


def _retransmit(tx: ClientTransaction, now: float, what: Input, interval: float) -> None:
    core = tx.core
    core.counters.retransmissions_out += 1
    core.out.append(Send(tx.data, tx.flow))
    tx.interval = interval
    core.timers.arm(interval, now, tx, what)


def _retransmit_a(tx: ClientTransaction, now: float, _: object) -> None:
    _retransmit(tx, now, Input.TIMER_A, 2 * tx.interval)


def _retransmit_e(tx: ClientTransaction, now: float, _: object) -> None:
    _retransmit(tx, now, Input.TIMER_E, min(2 * tx.interval, T2))


def _retransmit_t2(tx: ClientTransaction, now: float, _: object) -> None:
    _retransmit(tx, now, Input.TIMER_E, T2)


def _pass_up(tx: ClientTransaction, now: float, message: Message | None) -> None:
    assert message is not None
    if tx.method != "CANCEL":  # The fate of a cancelled INVITE is told by its own final response.
        tx.core.out.append(ResponseReceived(tx, message))


def _finish(tx: ClientTransaction, now: float, message: Message | None) -> None:
    _pass_up(tx, now, message)
    tx.data = b""
    tx.core.settled.append(tx)
    tx.core.timers.arm(T4, now, tx, Input.TIMER_K)


def _acknowledge_reliable(tx: ClientTransaction, now: float, message: Message | None) -> None:
    assert message is not None
    head = tx.head
    # 17.1.1.3: the To of the response, everything else as in the INVITE.
    tx.data = request(
        "ACK", tx.request_uri, via=head.via, from_=head.from_, to=message.header("to"), call_id=head.call_id, cseq=head.cseq,
        headers=head.routes(),
    )  # fmt: skip
    tx.core.out.append(Send(tx.data, tx.flow))
    _pass_up(tx, now, message)


def _acknowledge(tx: ClientTransaction, now: float, message: Message | None) -> None:
    _acknowledge_reliable(tx, now, message)
    tx.core.settled.append(tx)
    tx.core.timers.arm(LINGER, now, tx, Input.TIMER_D)


def _acknowledge_again(tx: ClientTransaction, now: float, _: object) -> None:
    tx.core.counters.retransmissions_in += 1
    tx.core.out.append(Send(tx.data, tx.flow))


def _succeed(tx: ClientTransaction, now: float, message: Message | None) -> None:
    assert message is not None
    tx.data = b""
    tx.head = SPENT
    tx.acks = {message.to_tag: None}
    tx.core.timers.arm(LINGER, now, tx, Input.TIMER_M)
    _pass_up(tx, now, message)


def _succeed_again(tx: ClientTransaction, now: float, message: Message | None) -> None:
    # 13.2.2.4: every 2xx is acknowledged; the first of a fork goes to the TU, a copy gets the ACK it got before.
    assert message is not None and tx.acks is not None
    if message.to_tag not in tx.acks:
        if len(tx.acks) < MAX_FORKS:
            tx.acks[message.to_tag] = None
            _pass_up(tx, now, message)
        return
    tx.core.counters.retransmissions_in += 1
    ack = tx.acks[message.to_tag]
    if ack is not None:
        tx.core.out.append(Send(ack.data, ack.flow))


def _send_cancel(tx: ClientTransaction, now: float, _: object) -> None:
    head = tx.head
    headers = head.routes()
    # 9.1: To, Via, Call-ID, the number of CSeq and the Request-URI are those of the INVITE, to the letter.
    data = request(
        "CANCEL", tx.request_uri, via=head.via, from_=head.from_, to=head.to, call_id=head.call_id, cseq=head.cseq,
        headers=headers + tx.cancel_headers,
    )  # fmt: skip
    cancel = ClientTransaction(tx.core, "CANCEL", tx.request_uri, tx.flow, tx.branch, head, data)
    cancel.handle(Input.REQUEST_RELIABLE if tx.reliable else Input.REQUEST, now)
    tx.core.timers.arm(LINGER, now, tx, Input.TIMER_CANCEL)


def _fail(tx: ClientTransaction, status: int) -> None:
    if tx.method != "CANCEL":
        tx.core.out.append(RequestFailed(tx, status))


def _time_out(tx: ClientTransaction, now: float, _: object) -> None:
    tx.core.counters.timeouts += 1
    _fail(tx, 408)


def _cancel_timed_out(tx: ClientTransaction, now: float, _: object) -> None:
    tx.core.counters.timeouts += 1
    _fail(tx, 487)


def _transport_failed(tx: ClientTransaction, now: float, _: object) -> None:
    _fail(tx, 503)


ClientTable: TypeAlias = dict[State, dict[Input, tuple[ClientAction, State]]]

# RFC 3261 figure 5 with RFC 6026 figure 1 (Accepted, timer M).
INVITE_CLIENT: Final[ClientTable] = {
    State.INITIAL: {
        Input.REQUEST:          (_call,                 State.CALLING),
        Input.REQUEST_RELIABLE: (_call_reliable,        State.CALLING),
        Input.WAS_CALLING:      (_resume_calling,       State.CALLING),     # before a restart
        Input.WAS_PROCEEDING:   (_resume,               State.PROCEEDING),
        Input.TRANSPORT_ERROR:  (_transport_failed,     State.TERMINATED),
    },
    State.CALLING: {
        Input.TIMER_A:          (_retransmit_a,         State.CALLING),
        Input.TIMER_B:          (_time_out,             State.TERMINATED),
        Input.TRYING:           (_pass_up,              State.PROCEEDING),
        Input.PROVISIONAL:      (_pass_up,              State.PROCEEDING),
        Input.SUCCESS:          (_succeed,              State.ACCEPTED),
        Input.FINAL:            (_acknowledge,          State.COMPLETED),
        Input.FINAL_RELIABLE:   (_acknowledge_reliable, State.TERMINATED),  # timer D is zero
        Input.CANCEL:           (_ignore,               State.CANCEL_WAITING),
        Input.TRANSPORT_ERROR:  (_transport_failed,     State.TERMINATED),
    },
    # 17.1.1.2: once a provisional has arrived the transaction has no timeout of its own: a phone may ring longer than
    # 64*T1 and its answer must still find us.
    State.PROCEEDING: {
        Input.PROVISIONAL:      (_pass_up,              State.PROCEEDING),
        Input.SUCCESS:          (_succeed,              State.ACCEPTED),
        Input.FINAL:            (_acknowledge,          State.COMPLETED),
        Input.FINAL_RELIABLE:   (_acknowledge_reliable, State.TERMINATED),
        Input.CANCEL:           (_send_cancel,          State.CANCELLED),
        Input.TRANSPORT_ERROR:  (_transport_failed,     State.TERMINATED),
    },
    State.CANCEL_WAITING: {
        Input.TIMER_A:          (_retransmit_a,         State.CANCEL_WAITING),
        Input.TIMER_B:          (_time_out,             State.TERMINATED),
        Input.TRYING:           (_send_cancel,          State.CANCELLED),
        Input.PROVISIONAL:      (_send_cancel,          State.CANCELLED),
        Input.SUCCESS:          (_succeed,              State.ACCEPTED),
        Input.FINAL:            (_acknowledge,          State.COMPLETED),
        Input.FINAL_RELIABLE:   (_acknowledge_reliable, State.TERMINATED),
        Input.TRANSPORT_ERROR:  (_transport_failed,     State.TERMINATED),
    },
    State.CANCELLED: {
        Input.SUCCESS:          (_succeed,              State.ACCEPTED),    # the answer won the race
        Input.FINAL:            (_acknowledge,          State.COMPLETED),
        Input.FINAL_RELIABLE:   (_acknowledge_reliable, State.TERMINATED),
        Input.TIMER_CANCEL:     (_cancel_timed_out,     State.TERMINATED),
        Input.TRANSPORT_ERROR:  (_transport_failed,     State.TERMINATED),
    },
    State.COMPLETED: {
        Input.FINAL:            (_acknowledge_again,    State.COMPLETED),
        Input.TIMER_D:          (_ignore,               State.TERMINATED),
        Input.TRANSPORT_ERROR:  (_ignore,               State.TERMINATED),
    },
    State.ACCEPTED: {
        Input.SUCCESS:          (_succeed_again,        State.ACCEPTED),
        Input.TIMER_M:          (_ignore,               State.TERMINATED),
    },
    State.TERMINATED: {},
}  # fmt: skip

# RFC 3261 figure 6.
NON_INVITE_CLIENT: Final[ClientTable] = {
    State.INITIAL: {
        Input.REQUEST:          (_try,                  State.TRYING),
        Input.REQUEST_RELIABLE: (_try_reliable,         State.TRYING),
        Input.TRANSPORT_ERROR:  (_transport_failed,     State.TERMINATED),
    },
    State.TRYING: {
        Input.TIMER_E:          (_retransmit_e,         State.TRYING),
        Input.TIMER_F:          (_time_out,             State.TERMINATED),
        Input.TRYING:           (_pass_up,              State.PROCEEDING),
        Input.PROVISIONAL:      (_pass_up,              State.PROCEEDING),
        Input.FINAL:            (_finish,               State.COMPLETED),
        Input.FINAL_RELIABLE:   (_pass_up,              State.TERMINATED),  # timer K is zero
        Input.TRANSPORT_ERROR:  (_transport_failed,     State.TERMINATED),
    },
    State.PROCEEDING: {
        Input.TIMER_E:          (_retransmit_t2,        State.PROCEEDING),
        Input.TIMER_F:          (_time_out,             State.TERMINATED),
        Input.PROVISIONAL:      (_pass_up,              State.PROCEEDING),
        Input.FINAL:            (_finish,               State.COMPLETED),
        Input.FINAL_RELIABLE:   (_pass_up,              State.TERMINATED),
        Input.TRANSPORT_ERROR:  (_transport_failed,     State.TERMINATED),
    },
    State.COMPLETED: {
        Input.TIMER_K:          (_ignore,               State.TERMINATED),
        Input.TRANSPORT_ERROR:  (_ignore,               State.TERMINATED),
    },
    State.TERMINATED: {},
}  # fmt: skip
