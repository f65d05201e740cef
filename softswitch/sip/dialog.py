"""Dialogs (RFC 3261 section 12): the state two user agents share, and the requests that are sent inside it.

Where a request goes: along the route set, but always on the flow of the peer (`listener.peer_flow`). We are a user agent
next to the phone or proxy that sent the message, so the first hop of the route set is the peer itself; a Record-Route or
Contact that names some other host changes the Request-URI and Route headers, never the address we send to.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from softswitch.effects import Flow
from softswitch.errors import ParseError
from softswitch.sip.headers import contacts, header_list
from softswitch.sip.listener import peer_flow
from softswitch.sip.message import Message
from softswitch.sip.uri import Address, addr_uri

if TYPE_CHECKING:
    from softswitch.sip.endpoint import ClientTransaction, Endpoint

MAX_CSEQ = 2**31 - 1
# 12.2: requests that move the remote target.
_REFRESH = frozenset({"INVITE", "UPDATE", "SUBSCRIBE", "NOTIFY", "REFER"})


# The spelling of nearly every phone; the rest goes through the full grammar.
plain_contact = re.compile(
    r"""(?:"[^"\\<>]*+" ?)?<(sips?:[-A-Za-z0-9_.!~*'()&=+$;/%#@:\[\]]++)>(?:;[-A-Za-z0-9_.=+:]*+(?:"[^"\\]*+")?+)*+"""
).fullmatch


class DialogState(StrEnum):
    EARLY = "early"
    CONFIRMED = "confirmed"


def contact_uri(message: Message) -> str:
    """The URI of the one Contact of a message; "" if there is none, several, or a malformed one."""
    values = message.headers.get("contact")
    if values is None or len(values) != 1:
        return ""
    plain = plain_contact(values[0])
    if plain:
        return plain[1]
    try:
        found = contacts(message)
    except ParseError:
        return ""
    return found[0].uri if len(found) == 1 and found[0].uri[:4].lower() in ("sip:", "sips") else ""


def without_tag(value: str, tag: str) -> str:
    """A From or To value without its tag parameter."""
    if not tag:
        return value
    if value.endswith(f";tag={tag}"):
        return value[: -len(tag) - 5]
    try:
        address = Address.parse(value)
    except ParseError:
        return value
    address.parameters.pop("tag", None)
    return str(address)


def _record_route(message: Message) -> tuple[str, ...]:
    if "record-route" not in message.headers:
        return ()
    try:
        routes = tuple(header_list(message, "record-route"))
        for route in routes:
            addr_uri(route)
    except ParseError:
        return ()
    return routes


def _is_loose(route: str) -> bool:
    uri = route.partition("<")[2].partition(">")[0] or route
    return any(parameter.partition("=")[0].strip().lower() == "lr" for parameter in uri.split(";")[1:])


@dataclass(slots=True)
class Dialog:
    """One dialog with one peer. `local` and `remote` are From/To values without a tag, ready to be sent."""

    call_id: str
    local_tag: str
    remote_tag: str
    local: str
    remote: str
    local_cseq: int
    remote_cseq: int  # -1: no request of the peer yet
    remote_target: str
    route_set: tuple[str, ...]
    flow: Flow
    state: DialogState = DialogState.EARLY

    @classmethod
    def uas(cls, request: Message, local_tag: str, flow: Flow) -> Dialog:
        """The dialog of a request that we answer (12.1.1). Without a usable Contact the target is the From URI."""
        from_, to = request.header("from"), request.header("to")
        return cls(
            request.call_id, local_tag, request.from_tag, without_tag(to, request.to_tag), without_tag(from_, request.from_tag),
            0, request.cseq, contact_uri(request) or addr_uri(from_), _record_route(request), flow,
        )  # fmt: skip

    @classmethod
    def uac(
        cls, from_: str, to: str, call_id: str, local_tag: str, cseq: int, flow: Flow, *, target: str = ""
    ) -> Dialog:
        """The dialog-to-be of a request that we send (12.1.2). `from_` and `to` have no tag; `cseq` is the last one used."""
        return cls(call_id, local_tag, "", from_, to, cseq, -1, target or addr_uri(to), (), flow)

    @property
    def secure(self) -> bool:
        """Whether it was begun by a sips URI: whoever is called by one, or calls one, has a sips Contact (8.1.1.8, 12.1.1)."""
        return self.remote_target[:5].lower() == "sips:"

    def early(self, response: Message) -> None:
        """A provisional response with a To tag: the dialog is early. Without one it changes nothing."""
        if response.to_tag:
            self._adopt(response)

    def confirm(self, response: Message) -> None:
        """A 2xx: the route set is computed anew (13.2.2.4) and the dialog is confirmed."""
        self._adopt(response)
        self.state = DialogState.CONFIRMED

    def fork(self, response: Message) -> Dialog:
        """Another dialog of the same request, for a response with another To tag (12.1.2)."""
        dialog = Dialog(
            self.call_id,
            self.local_tag,
            "",
            self.local,
            self.remote,
            self.local_cseq,
            -1,
            self.remote_target,
            (),
            self.flow,
        )
        dialog._adopt(response)
        if response.status >= 200:
            dialog.state = DialogState.CONFIRMED
        return dialog

    def _adopt(self, response: Message) -> None:
        self.remote_tag = response.to_tag
        self.route_set = _record_route(response)[::-1]
        self._refresh(response)

    def refresh(self, response: Message) -> None:
        """A 2xx to a re-INVITE or UPDATE of ours: the peer may have moved (12.2.1.2)."""
        self._refresh(response)

    def _refresh(self, message: Message) -> None:
        self.remote_target = contact_uri(message) or self.remote_target
        if self.flow.transport != "udp":
            self.flow = message.flow

    def matches(self, request: Message) -> bool:
        """Whether a request of the peer carries this dialog's id (12.2.2). A missing tag is a tag of its own (RFC 2543)."""
        return (
            request.to_tag == self.local_tag and request.from_tag == self.remote_tag and request.call_id == self.call_id
        )

    def receive(self, request: Message, *, trusted: bool = False) -> int:
        """A request inside the dialog: 0, or the status to answer with. An ACK is judged but changes no sequence number.

        481: not of this dialog, or from another address than the peer's; with `trusted` (the TU has authenticated the
        sender) the peer has moved there instead. 500: its CSeq is lower than the last one (12.2.2).
        """
        if not self.matches(request):
            return 481
        source = request.flow
        if source != self.flow:
            if source.host != self.flow.host and not trusted:
                return 481
            if trusted or self.flow.transport != "udp":
                self.flow = source
        if request.method == "ACK":
            return 0
        if request.cseq < self.remote_cseq:
            return 500
        self.remote_cseq = request.cseq
        if request.method in _REFRESH and "contact" in request.headers:
            self.remote_target = contact_uri(request) or self.remote_target
        return 0

    def routing(self) -> tuple[str, str, Flow]:
        """(Request-URI, Route lines, flow) of a request to the peer (12.2.1.1)."""
        routes = self.route_set
        if not routes:
            return self.remote_target, "", peer_flow(self.remote_target, self.flow)
        uri = self.remote_target
        first = addr_uri(routes[0])
        flow = peer_flow(first, self.flow)
        if not _is_loose(routes[0]):
            # A strict router expects itself in the Request-URI, and the target at the end of the routes.
            routes = (*routes[1:], f"<{uri}>")
            uri = first.partition("?")[0]
        return uri, "".join(f"Route: {route}\r\n" for route in routes), flow

    def request(
        self, endpoint: Endpoint, method: str, now: float, *, headers: str = "", body: bytes = b"", owner: Any = None
    ) -> ClientTransaction:
        """Send a request inside the dialog, with the next sequence number."""
        self.local_cseq = cseq = self.local_cseq % MAX_CSEQ + 1
        uri, routes, flow = self.routing()
        return endpoint.request(
            method, uri, flow, now, from_=f"{self.local};tag={self.local_tag}", to=self._to(), call_id=self.call_id,
            cseq=cseq, headers=routes + headers, body=body, owner=owner,
        )  # fmt: skip

    def ack(
        self,
        endpoint: Endpoint,
        tx: ClientTransaction,
        response: Message,
        now: float,
        *,
        headers: str = "",
        body: bytes = b"",
    ) -> None:
        """Acknowledge a 2xx of an INVITE in this dialog (13.2.2.4): the number of the INVITE, the routes of the dialog."""
        uri, routes, flow = self.routing()
        endpoint.ack(
            tx, uri, now, flow=flow, from_=f"{self.local};tag={self.local_tag}", to=self._to(), call_id=self.call_id,
            cseq=response.cseq, headers=routes + headers, body=body,
        )  # fmt: skip

    def _to(self) -> str:
        return f"{self.remote};tag={self.remote_tag}" if self.remote_tag else self.remote
