"""The transaction layer's owner (RFC 3261 sections 17 and 18): matches messages to transactions, retransmits, times out.

Contract with the transaction user (TU), who calls the methods below and reads the items that `drain()` returns beside
`Send` and `CloseFlow` effects:

items
    RequestReceived(transaction: ServerTransaction, message)   a new request; never ACK nor CANCEL
    AckReceived(message, transaction | None)                   an ACK for a 2xx: the TU finds its dialog and calls `acknowledged`
    CancelReceived(transaction, message)                       `transaction` is the INVITE's; the CANCEL was answered here
    ServerFailed(transaction)                                  the connection of an unanswered INVITE is gone
    AckMissing(transaction: ServerTransaction)                 a 2xx was not ACKed for 64*T1: the TU sends BYE (section 13.3.1.4)
    ResponseReceived(transaction: ClientTransaction, message)  1xx (not 100 twice), final, and further 2xx of a forked INVITE
    RequestFailed(transaction: ClientTransaction, status)      408 timer B/F ran out, 487 a CANCEL had no effect for 64*T1,
                                                               503 the transport failed

Both transaction classes have `owner`: any object of the TU's (a leg), None at first. It is cleared, to break the cycle,
by the `drain()` that follows the one with the last item about the transaction.

100 (Trying) is sent by the layer when the TU has not answered an INVITE within 200 ms (17.2.1); a TU that accepts a call may
send it earlier itself. A request that is refused at once is so answered with one packet, which is what a stranger gets.

Strangers cost no memory: `reject` answers and forgets the transaction, so that the next copy of the request comes as a new
one; the To tag of such answers is a function of the request, and the ACK they cause is recognised by it and absorbed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from softswitch.effects import Flow, Send
from softswitch.errors import ParseError
from softswitch.machine import Entropy
from softswitch.sip import message as wire
from softswitch.sip import revival
from softswitch.sip.admission import DEFAULT_METHODS, DEFAULT_SCHEMES, Admission
from softswitch.sip.client import Head
from softswitch.sip.identifiers import COOKIE, Identifiers
from softswitch.sip.items import (
    AckMissing,
    AckReceived,
    CancelReceived,
    RequestFailed,
    RequestReceived,
    ResponseReceived,
    ServerFailed,
)
from softswitch.sip.listener import Listener, reply_flow, valid_destination
from softswitch.sip.message import Message
from softswitch.sip.modest import MAX_AMPLIFICATION, shortened
from softswitch.sip.timers import NEVER
from softswitch.sip.transaction import ClientTransaction, Core, Counters, Input, ServerTransaction
from softswitch.sip.uri import tag

__all__ = [
    "AckMissing", "AckReceived", "CancelReceived", "ClientTransaction", "Endpoint", "Limits", "RequestFailed", "RequestReceived",
    "ResponseReceived", "ServerFailed", "ServerTransaction",
]  # fmt: skip

RETRY_AFTER: Final = 5  # seconds, at least; up to four times as long, so that clients do not come back in step
MAX_KEEPALIVE: Final = 4  # bytes: CRLF CRLF, four NULs and their like are pings, not messages


@dataclass(slots=True, frozen=True)
class Limits:
    """Bounds of the memory that peers can make us use."""

    transactions: int = 400_000  # server transactions, the answered ones that linger for 32 s included
    pending_per_source: int = 8_192  # server transactions without a final response, per source address


def _place(message: Message) -> str:
    """What a request's server transaction is found by, but for the method: ACK is matched to its INVITE (17.2.3)."""
    via = message.headers["via"][0]
    if message.branch[:7] == COOKIE:
        # Whatever the Via says: a copy from another address is another request, and its sender must authenticate.
        return f"{message.branch} {via.partition(';')[0]} {message.flow.host} "
    return f"{message.from_tag} {message.call_id} {message.cseq} {via} {message.uri} {message.flow.host} "


def _nobody(flow: Flow) -> bool:
    return False


class Endpoint:
    """All transactions of this host, and the requests and responses that belong to none."""

    def __init__(
        self,
        entropy: Entropy,
        listeners: Sequence[Listener],
        *,
        node: str = "0",
        server: str = "softswitch",
        methods: Iterable[str] = DEFAULT_METHODS,
        schemes: Iterable[str] = DEFAULT_SCHEMES,
        supported: Iterable[str] = (),
        limits: Limits = Limits(),
        verified: Callable[[Flow], bool] = _nobody,
    ) -> None:
        """`verified`: whether a flow is known to be whose it says, so that it may be given long answers."""
        self._entropy = entropy
        self.listeners = tuple(listeners)
        self._identifiers = Identifiers(entropy, self.listeners, node)
        self._server = f"Server: {server}\r\n" if server else ""
        self._agent = f"User-Agent: {server}\r\n" if server else ""
        self._admission = Admission(methods, schemes, supported)
        self._limits = limits
        self._verified = verified
        self._core = Core(self._server)
        self._slim: list[ServerTransaction | ClientTransaction] = []
        # (Request-URI, flow, now) -> what they really are, and Route lines: the location service knows (`Location.way`).
        self.way: Callable[[str, Flow, float], tuple[str, Flow, str]] | None = None

    @property
    def counters(self) -> Counters:
        return self._core.counters

    def transactions(self) -> dict[str, int]:
        """How many there are by the side that we are on."""
        return {"server": len(self._core.servers), "client": len(self._core.clients)}

    # --- the machine's three verbs ---

    def next_deadline(self) -> float | None:
        at = self._core.timers.next
        return at if at != NEVER else None

    def expire(self, now: float) -> None:
        self._core.timers.expire(now)

    def drain(self) -> list[object]:
        core = self._core
        out = core.out
        if self._slim or core.settled:
            for tx in self._slim:
                tx.slim()
            # Those that ended just now may be in the items that the TU is about to read.
            self._slim, core.settled = core.settled, []
            if not out:
                for tx in self._slim:
                    tx.slim()
                self._slim = []
        if out:
            core.out = []
        return out

    # --- from the network ---

    def receive(self, data: bytes, flow: Flow, now: float) -> None:
        """One datagram, or one message that a connection's framer cut."""
        core = self._core
        core.counters.received += 1
        try:
            message = wire.parse(data, flow)
        except ParseError as error:
            self._malformed(data, error, now)
            return
        if message.status:
            self._response(message, now)
            return
        method = message.method
        place = _place(message)
        if method == "ACK":
            self._ack(message, place, now)
            return
        tx = core.servers.get(place + method)
        if tx is not None:
            tx.handle(Input.REQUEST, now)
        elif method == "CANCEL":
            self._cancel(message, place, now)
        else:
            self._request(message, place + method, now)

    def knows(self, message: Message) -> bool:
        """Whether a request repeats one that is being served: load shedding must not refuse it."""
        return _place(message) + message.method in self._core.servers

    def flow_failed(self, flow: Flow, now: float) -> None:
        """A connection was closed, or could not be opened, or refuses to carry data: its transactions end."""
        found = self._core.by_flow.get(flow)
        if found:
            for tx in list(found.values()):
                tx.handle(Input.TRANSPORT_ERROR, now)

    def _malformed(self, data: bytes, error: ParseError, now: float) -> None:
        counters = self._core.counters
        if len(data) <= MAX_KEEPALIVE or not data.strip(b"\r\n\x00"):
            counters.keepalives += 1
        elif error.partial is None:
            counters.malformed += 1
        else:
            counters.refused += 1
            self._reply(error.partial, error.status_hint, "", int(MAX_AMPLIFICATION * len(data)))

    def _request(self, message: Message, key: str, now: float) -> None:
        core = self._core
        core.counters.requests += 1
        refusal = self._admission.refuse(message)
        if refusal is not None:
            core.counters.refused += 1
            self.reply_stateless(message, refusal.status, now, refusal.headers)
            return
        merge = ""
        if not message.to_tag:
            if self._overloaded(message, now):
                return
            # 8.2.2.2: the same request over two paths of a forking proxy. Not so a registration: each copy of it must prove
            # whose it is, and a replayed one learns nothing but that.
            if message.method != "REGISTER":
                merge = f"{message.call_id} {message.from_tag} {message.cseq} {message.method}"
            if merge and merge in core.merged:
                core.counters.merged += 1
                self.reply_stateless(message, 482, now)
                return
        ServerTransaction(core, key, message, reply_flow(message), merge=merge).handle(Input.REQUEST, now)

    def _overloaded(self, message: Message, now: float) -> bool:
        core, limits = self._core, self._limits
        pending = core.pending.get(message.flow.host, 0)
        if pending < limits.pending_per_source and len(core.servers) < limits.transactions:
            return False
        core.counters.overload += 1
        delay = RETRY_AFTER + self._entropy.below(3 * RETRY_AFTER + 1)
        self.reply_stateless(message, 503, now, f"Retry-After: {delay}\r\n")
        return True

    def _ack(self, message: Message, place: str, now: float) -> None:
        core = self._core
        tx = core.servers.get(place + "INVITE")
        if tx is not None:
            tx.handle(Input.ACK_RELIABLE if tx.reliable else Input.ACK, now, message)
        elif self._identifiers.is_stateless(message.to_tag):
            core.counters.stray_acks += 1
        else:
            core.out.append(AckReceived(message))

    def _cancel(self, message: Message, place: str, now: float) -> None:
        core = self._core
        core.counters.requests += 1
        invite = core.servers.get(place + "INVITE")
        # 9.2: no such transaction. That the CANCEL comes from elsewhere than its INVITE counts as none.
        if invite is None or invite.flow.host != message.flow.host:
            self.reply_stateless(message, 481, now)
            return
        cancel = ServerTransaction(core, place + "CANCEL", message, reply_flow(message))
        cancel.handle(Input.REQUEST_OURS, now)
        self.respond(cancel, 200, now, to_tag=self._to_tag(invite))
        if invite.open:
            core.out.append(CancelReceived(invite, message))

    def _response(self, message: Message, now: float) -> None:
        core = self._core
        core.counters.responses += 1
        branch = message.branch
        tx = core.clients.get(branch if message.cseq_method != "CANCEL" else f"{branch} CANCEL")
        # 17.1.3: branch and method match; 8.1.3.3: it has our Via only; and it comes from where the request went.
        if tx is None or tx.method != message.cseq_method or len(message.headers["via"]) != 1:
            core.counters.stray_responses += 1
            return
        flow, source = tx.flow, message.flow
        if source != flow:
            if source.host != flow.host or source.transport != flow.transport:
                core.counters.stray_responses += 1
                return
            if not flow.connection and source.connection:
                # The daemon dialled: from now on the transaction depends on that connection.
                core.detach(flow, tx.key)
                tx.flow = source
                core.attach(source, tx.key, tx)
        tx.handle(tx.classify(message.status), now, message)

    # --- for the transaction user: server side ---

    def respond(
        self,
        tx: ServerTransaction,
        status: int,
        now: float,
        *,
        to_tag: str = "",
        headers: str = "",
        body: bytes = b"",
        reason: str = "",
    ) -> None:
        """Answer a request. An INVITE's 2xx is repeated until `acknowledged`, other finals as section 17.2 has it.

        Without `to_tag` the tag of the earlier responses is used, or a new one. A second final response is ignored.
        """
        if not tx.open:
            return
        if status > 100:
            tx.to_tag = to_tag = to_tag or self._to_tag(tx)
        data = wire.response(
            tx.message, status, to_tag=to_tag, headers=headers + self._server, body=body, reason=reason
        )
        if status < 200:
            what = Input.PROVISIONAL
        elif status < 300 and tx.invite:
            what = Input.SUCCESS
        else:
            what = Input.FINAL_RELIABLE if tx.reliable else Input.FINAL
        tx.handle(what, now, data)

    def reject(self, tx: ServerTransaction, status: int, now: float, *, headers: str = "", body: bytes = b"") -> None:
        """Answer with a final response and forget: for challenges and all else that strangers can provoke."""
        if not tx.awaits(Input.REJECT):  # A provisional response has gone out: the final must be sent reliably.
            self.respond(tx, status, now, headers=headers, body=body)
            return
        tx.handle(Input.REJECT, now, self._modest(tx.message, status, headers, body))

    def ignore(self, tx: ServerTransaction, now: float) -> None:
        """Give no answer, and forget: for who only asks whether there is anybody. A CANCEL or retransmission is news again."""
        if tx.awaits(Input.REJECT):
            tx.handle(Input.REJECT, now)

    def reply_stateless(self, message: Message, status: int, now: float, headers: str = "") -> None:
        """Answer a message that has no transaction (8.2.7). An ACK has no answer."""
        if message.method != "ACK":
            self._reply(message, status, headers, wire.MAX_MESSAGE)

    def _modest(self, message: Message, status: int, headers: str, body: bytes = b"") -> bytes:
        """A stateless answer, cut to what its receiver may be sent; nothing if it should get none."""
        tag = self._identifiers.stateless_tag(message)
        data = wire.response(message, status, to_tag=tag, headers=headers, body=body)
        flow = message.flow
        if flow.transport != "udp" or len(data) <= MAX_AMPLIFICATION * message.size or self._verified(flow):
            return data
        left = shortened(message, status, headers, len(data))
        return b"" if left is None else wire.response(message, status, to_tag=tag, headers=left, body=body)

    def _reply(self, message: Message, status: int, headers: str, limit: int) -> None:
        data = self._modest(message, status, headers)
        flow = reply_flow(message)
        if data and len(data) <= limit and valid_destination(flow.host, flow.port):
            self._core.out.append(Send(data, flow))
        else:
            self._core.counters.unsendable += 1

    def acknowledged(self, tx: ServerTransaction, now: float) -> None:
        """The ACK of the 2xx has come: stop repeating it."""
        tx.handle(Input.ACKNOWLEDGED, now)

    # --- for the transaction user: client side ---

    def request(
        self,
        method: str,
        uri: str,
        flow: Flow,
        now: float,
        *,
        from_: str,
        to: str,
        call_id: str,
        cseq: int,
        headers: str = "",
        body: bytes = b"",
        owner: Any = None,
        max_forwards: int = 70,
    ) -> ClientTransaction:
        """Send a request. `from_` and `to` are complete header values, `headers` complete lines (with Route, Contact ...)."""
        if self.way is not None:
            uri, flow, routes = self.way(uri, flow, now)
            if routes and "Route:" not in headers:
                headers = routes + headers
        via, branch = self._identifiers.via(flow)
        data = wire.request(
            method, uri, via=via, from_=from_, to=to, call_id=call_id, cseq=cseq, headers=headers + self._agent, body=body,
            max_forwards=max_forwards,
        )  # fmt: skip
        tx = ClientTransaction(
            self._core, method, uri, flow, branch, Head(via, from_, to, call_id, cseq, headers), data
        )
        tx.owner = owner
        if not valid_destination(flow.host, flow.port):
            self._core.counters.unsendable += 1
            tx.handle(Input.TRANSPORT_ERROR, now)
        else:
            tx.handle(Input.REQUEST_RELIABLE if tx.reliable else Input.REQUEST, now)
        return tx

    def cancel(self, tx: ClientTransaction, now: float, *, headers: str = "") -> None:
        """Cancel an INVITE; its final response still comes. Waits for the first provisional one as section 9.1 demands."""
        tx.cancel_headers = headers + self._agent
        tx.handle(Input.CANCEL, now)

    def ack(
        self,
        tx: ClientTransaction,
        uri: str,
        now: float,
        *,
        flow: Flow,
        from_: str,
        to: str,
        call_id: str,
        cseq: int,
        headers: str = "",
        body: bytes = b"",
    ) -> None:
        """Acknowledge a 2xx (13.2.2.4): kept, and sent again for each copy of that 2xx."""
        if self.way is not None:
            uri, flow, routes = self.way(uri, flow, now)
            if routes and "Route:" not in headers:
                headers = routes + headers
        via, _ = self._identifiers.via(flow)
        data = wire.request(
            "ACK",
            uri,
            via=via,
            from_=from_,
            to=to,
            call_id=call_id,
            cseq=cseq,
            headers=headers + self._agent,
            body=body,
        )
        if not valid_destination(flow.host, flow.port):
            self._core.counters.unsendable += 1
            return
        ack = Send(data, flow)
        if tx.acks is not None:
            tx.acks[tag(to)] = ack
        self._core.out.append(ack)

    def send(self, data: bytes, flow: Flow) -> None:
        """Send bytes outside of any transaction."""
        if valid_destination(flow.host, flow.port):
            self._core.out.append(Send(data, flow))
        else:
            self._core.counters.unsendable += 1

    # --- restart ---

    def revive_client(self, kept: dict[str, Any], owner: Any, now: float) -> ClientTransaction:
        """Go on with an INVITE of ours that an earlier process sent (`revival.keep_client`)."""
        return revival.revive_client(self._core, kept, owner, now)

    def revive_server(self, kept: dict[str, Any], owner: Any, now: float) -> ServerTransaction:
        """Go on with an INVITE that an earlier process received (`revival.keep_server`)."""
        return revival.revive_server(self._core, kept, owner, now)

    # --- our names ---

    def tag(self) -> str:
        """A fresh tag for a dialog; its first character is the node that owns it."""
        return self._identifiers.tag()

    def _to_tag(self, tx: ServerTransaction) -> str:
        if not tx.to_tag:
            tx.to_tag = tx.message.to_tag or self._identifiers.tag()
        return tx.to_tag
