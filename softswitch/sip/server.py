"""The server transactions (RFC 3261 section 17.2, RFC 6026): figures 7 and 8 as tables. See `transaction` for the rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from softswitch.effects import Flow, Send
from softswitch.sip.core import Core, Input, State
from softswitch.sip.items import AckMissing, AckReceived, RequestReceived, ServerFailed
from softswitch.sip.message import Message, response
from softswitch.sip.timers import LINGER, T1, T2, T4, TRYING_DELAY


def _released() -> Message:
    message = Message()
    message.flow = Flow("udp", "", 0)
    message.headers = {}
    message.branch = message.call_id = message.cseq_method = message.from_tag = message.to_tag = ""
    message.method = message.reason = message.uri = ""
    message.cseq = message.status = message.size = 0
    message.body = b""
    return message


# Stands where a message was that is no longer needed: thousands of answered transactions linger for 32 s.
RELEASED: Final = _released()


class ServerTransaction:
    """Absorbs retransmitted requests and repeats the answers (RFC 3261 section 17.2).

    `message` and `owner` are there until the final response has been sent and the next `drain()` begins. An INVITE answered
    with 2xx keeps its `owner` until `acknowledged` or AckMissing.
    """

    __slots__ = (
        "core",
        "data",
        "flow",
        "interval",
        "key",
        "merge",
        "message",
        "open",
        "owner",
        "reliable",
        "reply",
        "state",
        "table",
        "to_tag",
    )

    def __init__(self, core: Core, key: str, message: Message, reply: Flow, *, merge: str = "") -> None:
        self.core = core
        self.key = key
        self.message = message
        self.flow = message.flow
        self.reply = reply  # where responses go: the flow, or another port of its host (section 18.2.2)
        self.merge = merge
        self.owner: Any = None
        self.open = True  # no final response yet
        self.data = b""  # the last response
        self.to_tag = ""  # of our responses
        self.interval = T1
        self.reliable = message.flow.transport != "udp"
        self.table = INVITE_SERVER if message.method == "INVITE" else NON_INVITE_SERVER
        self.state = State.INITIAL

    @property
    def invite(self) -> bool:
        return self.table is INVITE_SERVER

    def handle(self, what: Input, now: float, payload: bytes | Message = b"") -> None:
        """One input; `payload` is the response to send, or the ACK."""
        arrow = self.table[self.state].get(what)
        if arrow is None:
            return
        action, self.state = arrow
        action(self, now, payload)
        if self.state is State.TERMINATED:
            self._leave()

    fire = handle

    def awaits(self, what: Input) -> bool:
        return what in self.table[self.state]

    def slim(self) -> None:
        """Give up what is no longer needed, and break the cycle with the owner."""
        self.message = RELEASED
        if self.state is not State.ACCEPTED:
            self.owner = None

    def _leave(self) -> None:
        core = self.core
        core.servers.pop(self.key, None)
        if self.merge:
            core.merged.discard(self.merge)
        if self.reliable:
            core.detach(self.flow, self.key)
        self.close()

    def close(self) -> None:
        """There is a final response, or there never will be one."""
        if self.open:
            self.open = False
            self.core.answered(self.flow.host)
            self.core.settled.append(self)


ServerAction: TypeAlias = Callable[[ServerTransaction, float, bytes | Message], None]


def _ignore(tx: object, now: float, payload: object) -> None:
    """An arrow without an action."""


def _register(tx: ServerTransaction, now: float, _: object) -> None:
    core = tx.core
    core.servers[tx.key] = tx
    host = tx.flow.host
    core.pending[host] = core.pending.get(host, 0) + 1
    if tx.merge:
        core.merged.add(tx.merge)
    if tx.reliable:
        core.attach(tx.flow, tx.key, tx)


def _receive(tx: ServerTransaction, now: float, _: object) -> None:
    _register(tx, now, _)
    tx.core.out.append(RequestReceived(tx, tx.message))


def _receive_invite(tx: ServerTransaction, now: float, _: object) -> None:
    _receive(tx, now, _)
    tx.core.timers.arm(TRYING_DELAY, now, tx, Input.TIMER_TRYING)


def _resume_trying(tx: ServerTransaction, now: float, _: object) -> None:
    _register(tx, now, _)
    tx.core.timers.arm(TRYING_DELAY, now, tx, Input.TIMER_TRYING)


def _resume_accepted(tx: ServerTransaction, now: float, _: object) -> None:
    """Another process has accepted it and seen no ACK: the 2xx is repeated."""
    _register(tx, now, _)
    tx.close()
    tx.core.timers.arm(T1, now, tx, Input.TIMER_2XX)
    tx.core.timers.arm(LINGER, now, tx, Input.TIMER_L)


def _send(tx: ServerTransaction, now: float, data: bytes | Message) -> None:
    assert isinstance(data, bytes)
    tx.data = data
    tx.core.out.append(Send(data, tx.reply))


def _send_trying(tx: ServerTransaction, now: float, _: object) -> None:
    # 8.2.6.1: a Timestamp is copied into the 100.
    stamp = tx.message.header("timestamp")
    headers = f"Timestamp: {stamp}\r\n" if stamp else ""
    _send(tx, now, response(tx.message, 100, headers=headers + tx.core.signature))


def _resend(tx: ServerTransaction, now: float, _: object) -> None:
    tx.core.counters.retransmissions_in += 1
    if tx.data:
        tx.core.out.append(Send(tx.data, tx.reply))


def _absorb(tx: ServerTransaction, now: float, _: object) -> None:
    tx.core.counters.retransmissions_in += 1


def _final(tx: ServerTransaction, now: float, data: bytes | Message) -> None:
    _send(tx, now, data)
    tx.close()


def _reject(tx: ServerTransaction, now: float, data: bytes | Message) -> None:
    if data:  # Nothing: whoever asked is to hear nothing.
        _send(tx, now, data)
    tx.core.counters.rejected += 1


def _complete(tx: ServerTransaction, now: float, data: bytes | Message) -> None:
    _final(tx, now, data)
    tx.core.timers.arm(LINGER, now, tx, Input.TIMER_J)


def _refuse_reliable(tx: ServerTransaction, now: float, data: bytes | Message) -> None:
    _final(tx, now, data)
    tx.core.timers.arm(LINGER, now, tx, Input.TIMER_H)


def _refuse(tx: ServerTransaction, now: float, data: bytes | Message) -> None:
    _refuse_reliable(tx, now, data)
    tx.core.timers.arm(T1, now, tx, Input.TIMER_G)


def _accept(tx: ServerTransaction, now: float, data: bytes | Message) -> None:
    # 13.3.1.4: the 2xx is repeated on every transport, because the ACK comes end to end.
    _final(tx, now, data)
    tx.core.timers.arm(T1, now, tx, Input.TIMER_2XX)
    tx.core.timers.arm(LINGER, now, tx, Input.TIMER_L)


def _repeat(tx: ServerTransaction, now: float, what: Input) -> None:
    core = tx.core
    core.counters.retransmissions_out += 1
    core.out.append(Send(tx.data, tx.reply))
    tx.interval = min(2 * tx.interval, T2)
    core.timers.arm(tx.interval, now, tx, what)


def _repeat_final(tx: ServerTransaction, now: float, _: object) -> None:
    _repeat(tx, now, Input.TIMER_G)


def _repeat_2xx(tx: ServerTransaction, now: float, _: object) -> None:
    _repeat(tx, now, Input.TIMER_2XX)


def _confirm(tx: ServerTransaction, now: float, _: object) -> None:
    tx.data = b""
    tx.core.timers.arm(T4, now, tx, Input.TIMER_I)


def _pass_ack(tx: ServerTransaction, now: float, ack: bytes | Message) -> None:
    assert isinstance(ack, Message)
    tx.core.out.append(AckReceived(ack, tx))


def _acknowledged(tx: ServerTransaction, now: float, _: object) -> None:
    tx.data = b""
    tx.core.settled.append(tx)


def _ack_missing(tx: ServerTransaction, now: float, _: object) -> None:
    tx.core.counters.timeouts += 1
    tx.core.settled.append(tx)
    tx.core.out.append(AckMissing(tx))


def _server_failed(tx: ServerTransaction, now: float, _: object) -> None:
    tx.core.out.append(ServerFailed(tx))


ServerTable: TypeAlias = dict[State, dict[Input, tuple[ServerAction, State]]]

# RFC 3261 figure 7 with RFC 6026 figure 3 (Accepted, timer L).
INVITE_SERVER: Final[ServerTable] = {
    State.INITIAL: {
        Input.REQUEST:          (_receive_invite,  State.TRYING),
        Input.WAS_TRYING:       (_resume_trying,   State.TRYING),      # before a restart
        Input.WAS_PROCEEDING:   (_register,        State.PROCEEDING),
        Input.WAS_ACCEPTED:     (_resume_accepted, State.ACCEPTED),
    },
    State.TRYING: {
        Input.REQUEST:          (_absorb,          State.TRYING),
        Input.TIMER_TRYING:     (_send_trying,     State.PROCEEDING),
        Input.PROVISIONAL:      (_send,            State.PROCEEDING),
        Input.SUCCESS:          (_accept,          State.ACCEPTED),
        Input.FINAL:            (_refuse,          State.COMPLETED),
        Input.FINAL_RELIABLE:   (_refuse_reliable, State.COMPLETED),
        Input.REJECT:           (_reject,          State.TERMINATED),
        Input.TRANSPORT_ERROR:  (_server_failed,   State.TERMINATED),
    },
    State.PROCEEDING: {
        Input.REQUEST:          (_resend,          State.PROCEEDING),  # the most recent provisional, again
        Input.PROVISIONAL:      (_send,            State.PROCEEDING),
        Input.SUCCESS:          (_accept,          State.ACCEPTED),
        Input.FINAL:            (_refuse,          State.COMPLETED),
        Input.FINAL_RELIABLE:   (_refuse_reliable, State.COMPLETED),
        Input.TRANSPORT_ERROR:  (_server_failed,   State.TERMINATED),
    },
    State.COMPLETED: {
        Input.REQUEST:          (_resend,          State.COMPLETED),
        Input.ACK:              (_confirm,         State.CONFIRMED),
        Input.ACK_RELIABLE:     (_ignore,          State.TERMINATED),  # timer I is zero
        Input.TIMER_G:          (_repeat_final,    State.COMPLETED),
        Input.TIMER_H:          (_ignore,          State.TERMINATED),
        Input.TRANSPORT_ERROR:  (_ignore,          State.TERMINATED),
    },
    State.CONFIRMED: {
        Input.REQUEST:          (_absorb,          State.CONFIRMED),
        Input.ACK:              (_absorb,          State.CONFIRMED),
        Input.TIMER_I:          (_ignore,          State.TERMINATED),
    },
    State.ACCEPTED: {
        Input.REQUEST:          (_absorb,          State.ACCEPTED),    # RFC 6026 section 7.1: no response
        Input.ACK:              (_pass_ack,        State.ACCEPTED),
        Input.ACK_RELIABLE:     (_pass_ack,        State.ACCEPTED),
        Input.ACKNOWLEDGED:     (_acknowledged,    State.ACKNOWLEDGED),
        Input.TIMER_2XX:        (_repeat_2xx,      State.ACCEPTED),
        Input.TIMER_L:          (_ack_missing,     State.TERMINATED),
    },
    State.ACKNOWLEDGED: {
        Input.REQUEST:          (_absorb,          State.ACKNOWLEDGED),
        Input.ACK:              (_absorb,          State.ACKNOWLEDGED),
        Input.ACK_RELIABLE:     (_absorb,          State.ACKNOWLEDGED),
        Input.TIMER_L:          (_ignore,          State.TERMINATED),
    },
    State.TERMINATED: {},
}  # fmt: skip

# RFC 3261 figure 8.
NON_INVITE_SERVER: Final[ServerTable] = {
    State.INITIAL: {
        Input.REQUEST:          (_receive,         State.TRYING),
        Input.REQUEST_OURS:     (_register,        State.TRYING),      # CANCEL
    },
    State.TRYING: {
        Input.REQUEST:          (_absorb,          State.TRYING),      # 17.2.2: discarded, the TU has not spoken
        Input.PROVISIONAL:      (_send,            State.PROCEEDING),
        Input.FINAL:            (_complete,        State.COMPLETED),
        Input.FINAL_RELIABLE:   (_final,           State.TERMINATED),  # timer J is zero
        Input.REJECT:           (_reject,          State.TERMINATED),
        Input.TRANSPORT_ERROR:  (_ignore,          State.TERMINATED),
    },
    State.PROCEEDING: {
        Input.REQUEST:          (_resend,          State.PROCEEDING),
        Input.PROVISIONAL:      (_send,            State.PROCEEDING),
        Input.FINAL:            (_complete,        State.COMPLETED),
        Input.FINAL_RELIABLE:   (_final,           State.TERMINATED),
        Input.TRANSPORT_ERROR:  (_ignore,          State.TERMINATED),
    },
    State.COMPLETED: {
        Input.REQUEST:          (_resend,          State.COMPLETED),   # never reaches the TU twice
        Input.TIMER_J:          (_ignore,          State.TERMINATED),
        Input.TRANSPORT_ERROR:  (_ignore,          State.TERMINATED),
    },
    State.TERMINATED: {},
}  # fmt: skip
