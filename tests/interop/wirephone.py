"""A SIP phone at the level of the socket: light enough for a hundred at once, exact about when things happened.

It shares nothing with the switch under test. Times are seconds of the wall clock; for UDP the kernel's time of arrival.
Whatever arrives and does not fit goes to `WirePhone.unexpected`: a test asserts that it is empty.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import ssl
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Self

import websockets
from websockets.typing import Subprotocol

from .sipharness import audio
from .sipharness.core import LOOPBACK
from .wirertp import Address, Media, Metronome, receive_stamped, stamped_socket
from .wiresip import Description, Message, credentials, describe, parameter, uri_of

T1, T2 = 0.5, 4.0  # RFC 3261 section 17
TRANSACTION = 8.0  # seconds to give up after: on loopback 64*T1 is only patience
EVENT_TYPE = 101

_metronomes: dict[asyncio.AbstractEventLoop, Metronome] = {}


class SipFailure(RuntimeError):
    """A request was answered by a status that the test did not expect."""

    def __init__(self, message: Message) -> None:
        super().__init__(str(message))
        self.status = message.status


class CallOver(RuntimeError):
    """A call ended before what the test waited for."""


@dataclass(slots=True)
class Transaction:
    """A request of ours and the responses to it."""

    request: Message
    responses: asyncio.Queue[Message] = field(default_factory=asyncio.Queue)
    timer: asyncio.TimerHandle | None = None

    def stop(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class WirePhone:
    """One phone with one socket. `on_call`: what to do with a call that comes in; by default it only rings."""

    def __init__(self, user: str, password: str, server: Address, domain: str, transport: str = "udp") -> None:
        self.user, self.password, self.server, self.domain, self.transport = user, password, server, domain, transport
        self.voice: audio.Signal = audio.tone(440, 1.0)
        self.calls: dict[str, WireCall] = {}  # by Call-ID
        self.incoming: asyncio.Queue[WireCall] = asyncio.Queue()
        self.on_call: Callable[[WireCall], None] = WireCall.ring
        self.kind_of_call: type[WireCall] = WireCall
        self.unexpected: list[str] = []
        self.lost = False  # the connection was closed by the switch
        self.registered = False
        self.local: Address = (LOOPBACK, 0)
        self.name = ""  # in place of an address, for who does not know his own
        self.certificate = ""  # the file to trust
        self._transactions: dict[tuple[str, str], Transaction] = {}
        self.answers: dict[tuple[str, str], bytes] = {}  # to requests, for retransmissions
        self.transmit: Callable[[bytes], None] = lambda data: None
        self._close: Callable[[], None] = lambda: None
        self._tasks: set[asyncio.Task[None]] = set()
        self._registration = f"{secrets.token_hex(8)}@{LOOPBACK}"
        self._sequence = 0

    # --- life cycle

    async def start(self) -> Self:
        if self.transport == "udp":
            self._start_udp()
        elif self.transport in ("ws", "wss"):
            await self._start_websocket()
        else:
            await self._start_stream()
        return self

    def _start_udp(self) -> None:
        loop = asyncio.get_running_loop()
        wire = stamped_socket(LOOPBACK)
        self.local = wire.getsockname()

        def readable() -> None:
            while True:
                try:
                    data, at, _ = receive_stamped(wire)
                except OSError:  # nothing left, or ICMP: the switch is down
                    return
                self._receive(data, at)

        def send(data: bytes) -> None:
            with contextlib.suppress(ConnectionError):
                wire.sendto(data, self.server)

        def close() -> None:
            loop.remove_reader(wire)
            wire.close()

        loop.add_reader(wire, readable)
        self.transmit, self._close = send, close

    def _trust(self) -> ssl.SSLContext | None:
        """For an encrypted transport: believe in the switch's own certificate, and in no other."""
        if self.transport not in ("tls", "wss"):
            return None
        return ssl.create_default_context(cafile=self.certificate)

    async def _start_websocket(self) -> None:
        context = self._trust()
        url = f"{self.transport}://{self.server[0]}:{self.server[1]}/"
        connection = await websockets.connect(url, subprotocols=[Subprotocol("sip")], ssl=context)
        self.local = connection.local_address
        self.name = f"{secrets.token_hex(6)}.invalid"  # A page does not know its own address (RFC 7118 section 5).
        outbox: asyncio.Queue[bytes] = asyncio.Queue()

        async def write() -> None:
            while True:
                await connection.send((await outbox.get()).decode())

        async def read() -> None:
            async for message in connection:
                self._receive(message.encode() if isinstance(message, str) else message, time.time())
            self.lost = True

        self.spawn(write())
        self.spawn(read())
        self.transmit, self._close = outbox.put_nowait, connection.transport.close

    async def _start_stream(self) -> None:
        reader, writer = await asyncio.open_connection(*self.server, ssl=self._trust())
        self.local = writer.get_extra_info("sockname")
        self.transmit, self._close = writer.write, writer.close
        self.spawn(self._read_stream(reader))

    async def _read_stream(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if head == b"\r\n\r\n":  # a keep-alive
                    continue
                message = Message.parse(head, time.time())
                body = await reader.readexactly(int(message.get("content-length") or 0))
                self._receive(head.lstrip(b"\r\n") + body, time.time())
        except (asyncio.IncompleteReadError, ConnectionError):
            self.lost = True

    async def leave(self) -> None:
        """Hang up, unregister, stop: so that the next test finds nothing of this one."""
        try:
            async with asyncio.timeout(5):
                await asyncio.gather(*(call.hang_up() for call in self.calls.values()), return_exceptions=True)
                if self.registered and not self.lost:
                    await self.register(0)
        finally:
            await self.stop()

    def forget(self) -> None:
        """Drop all calls without a word, as a phone does that is switched off; its registration stays."""
        for call in self.calls.values():
            call.media.close()
        self.calls.clear()
        for transaction in self._transactions.values():
            transaction.stop()
        while not self.incoming.empty():
            self.incoming.get_nowait()

    async def stop(self) -> None:
        for call in list(self.calls.values()):
            call.media.close()
        for transaction in self._transactions.values():
            transaction.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._close()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something for as long as the phone lives."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- messages

    @property
    def aor(self) -> str:
        return f"sip:{self.user}@{self.domain}"

    @property
    def contact(self) -> str:
        if self.name:
            return f"<sip:{self.user}@{self.name};transport=ws>"
        return f"<sip:{self.user}@{self.local[0]}:{self.local[1]};transport={self.transport}>"

    def via(self) -> str:
        branch = f"z9hG4bK{secrets.token_hex(8)}"
        sent_by = self.name or f"{self.local[0]}:{self.local[1]}"
        return f"SIP/2.0/{self.transport.upper()} {sent_by};branch={branch};rport"

    def send(self, message: Message) -> None:
        """Put a message on the wire; `at` becomes the moment."""
        data = message.encode()
        message.at = time.time()
        if message.status:
            self.answers[message.branch, message.method] = data
        self.transmit(data)

    def request(self, message: Message) -> Transaction:
        """Start a client transaction: retransmitted over UDP until something comes back."""
        transaction = Transaction(message)
        self._transactions[message.branch, message.method] = transaction
        self.send(message)
        if self.transport == "udp":
            data = message.encode()
            loop = asyncio.get_running_loop()

            def again(interval: float) -> None:
                self.transmit(data)
                following = 2 * interval if message.method == "INVITE" else min(2 * interval, T2)
                transaction.timer = loop.call_later(following, again, following)

            transaction.timer = loop.call_later(T1, again, T1)
        return transaction

    async def transact(self, message: Message, timeout: float = TRANSACTION) -> Message:
        """Send a request and wait for its final response. Raises TimeoutError."""
        transaction = self.request(message)
        try:
            async with asyncio.timeout(timeout):
                while (response := await transaction.responses.get()).status < 200:
                    pass
        finally:
            transaction.stop()
        return response

    def _receive(self, data: bytes, at: float) -> None:
        if not data.strip(b"\r\n\0"):  # a keep-alive
            return
        try:
            message = Message.parse(data, at)
        except ValueError as error:
            self.unexpected.append(str(error))
            return
        if message.status:
            self._response(message)
        else:
            self._request(message)

    def _response(self, message: Message) -> None:
        transaction = self._transactions.get((message.branch, message.method))
        if transaction is None:
            self.unexpected.append(f"stray response: {message}")
            return
        transaction.stop()
        transaction.responses.put_nowait(message)
        call = self.calls.get(message.get("call-id"))
        if call is not None and message.method == "INVITE":
            call.on_response(message, transaction)

    def _request(self, message: Message) -> None:
        if stored := self.answers.get((message.branch, message.method)):
            self.transmit(stored)  # a retransmission
            return
        call = self.calls.get(message.get("call-id"))
        if call is not None:
            call.on_request(message)
        elif message.method == "INVITE":
            call = self.calls[message.get("call-id")] = self.kind_of_call(self, message)
            self.on_call(call)
            self.incoming.put_nowait(call)
        elif message.method in ("OPTIONS", "NOTIFY"):
            self.send(reply(message, 200))
        else:
            self.unexpected.append(f"outside of a call: {message}")
            if message.method != "ACK":
                self.send(reply(message, 481))

    # --- verbs

    async def register(self, expires: int = 300) -> Message:
        """REGISTER with digest. Raises SipFailure for anything but 200."""
        uri = f"sip:{self.domain}"
        authorization: list[tuple[str, str]] = []
        while True:
            self._sequence += 1
            headers = [
                ("via", self.via()),
                ("from", f"<{self.aor}>;tag={secrets.token_hex(6)}"),
                ("to", f"<{self.aor}>"),
                ("call-id", self._registration),
                ("cseq", f"{self._sequence} REGISTER"),
                ("contact", self.contact),
                ("max-forwards", "70"),
                ("expires", str(expires)),
                *authorization,
            ]
            response = await self.transact(Message(f"REGISTER {uri} SIP/2.0", headers))
            if response.status != 401 or authorization:
                break
            challenges = response.all("www-authenticate")
            authorization = [("authorization", credentials(challenges, self.user, self.password, "REGISTER", uri))]
        if response.status != 200:
            raise SipFailure(response)
        return response

    def call(self, target: str) -> WireCall:
        """Send INVITE; what comes of it is told by the call."""
        uri = target if target.startswith("sip:") else f"sip:{target}@{self.domain}"
        call = self.kind_of_call(self, None, uri)
        self.calls[call.call_id] = call
        call.invite()
        return call

    async def next_call(self, timeout: float = 5.0) -> WireCall:
        """The next call that came in. Raises TimeoutError."""
        async with asyncio.timeout(timeout):
            return await self.incoming.get()


class WireCall:
    """One call: a dialog and its audio.

    `times` has a moment for each of: invite, ringing, answered, held, resumed, cancelled, hung_up, ended; `held` and
    `resumed`: the far end's latest re-INVITE of that kind; `hung_up`: our BYE or CANCEL left.
    """

    def __init__(self, phone: WirePhone, invite: Message | None, target: str = "") -> None:
        self.phone = phone
        self.incoming = invite is not None
        self.times: dict[str, float] = {}
        self.status = 0  # final response to the first INVITE
        self.by_us = False  # who hung up
        self._changed = asyncio.Event()
        self._version = 1
        self._sequence = 1
        self._tag = secrets.token_hex(6)
        self._remote_tag = ""
        self._routes: list[str] = []
        self._authorized = False
        self._acknowledged = asyncio.Event()
        self._settling = 0, "", 0.0  # sequence, moment and time of a re-INVITE that is not acknowledged yet
        self.reinvites: list[Message] = []  # from the far end, for assertions
        loop = asyncio.get_running_loop()
        self.media = Media(phone.voice, _metronomes.setdefault(loop, Metronome()))
        self.direction = "sendrecv"
        self._invite = invite
        self._transaction: Transaction | None = None
        if invite is None:
            self.call_id = f"{secrets.token_hex(10)}@{LOOPBACK}"
            self.target = self._aor = target
        else:
            self.call_id = invite.get("call-id")
            self.target = uri_of(invite.get("contact"))
            self._aor = invite.get("from")
            self._remote_tag = parameter(self._aor, "tag")
            self._routes = invite.all("record-route")
            self._note("invite", invite.at)

    def _note(self, what: str, at: float) -> None:
        self.times.setdefault(what, at)
        self._changed.set()
        self._changed = asyncio.Event()

    async def reaches(self, what: str, timeout: float = 5.0) -> float:
        """Wait for a moment of `times` and return it. Raises CallOver, TimeoutError."""
        async with asyncio.timeout(timeout):
            while what not in self.times:
                if "ended" in self.times:
                    raise CallOver(f"{self.phone.user}: ended with {self.status} before it was {what}")
                await self._changed.wait()
        return self.times[what]

    async def answered(self, timeout: float = 5.0) -> float:
        return await self.reaches("answered", timeout)

    async def ended(self, timeout: float = 5.0) -> float:
        return await self.reaches("ended", timeout)

    @property
    def alive(self) -> bool:
        return "answered" in self.times and "ended" not in self.times

    # --- as caller

    def _request(self, method: str, sequence: int, body: str = "") -> Message:
        phone = self.phone
        if self.incoming and self._invite is not None:
            local = f"{self._invite.get('to').partition(';tag=')[0]};tag={self._tag}"
            remote = self._aor
        else:
            local = f"<{phone.aor}>;tag={self._tag}"
            remote = f"<{self._aor}>" + (f";tag={self._remote_tag}" if self._remote_tag else "")
        headers = [
            ("via", phone.via()),
            ("from", local),
            ("to", remote),
            ("call-id", self.call_id),
            ("cseq", f"{sequence} {method}"),
            ("contact", phone.contact),
            ("max-forwards", "70"),
            *(("route", route) for route in self._routes),
            *([("content-type", "application/sdp")] if body else []),
        ]
        return Message(f"{method} {self.target} SIP/2.0", headers, body)

    def _description(self, types: tuple[int, ...], event_type: int) -> str:
        self._version += 1
        return describe(LOOPBACK, self.media.port, types, event_type, self.direction, self._version)

    def invite(self, authorization: tuple[str, str] | None = None) -> None:
        message = self._request("INVITE", self._sequence, self._description((8, 0), EVENT_TYPE))
        if authorization is not None:
            message.headers.append(authorization)
        self._invite = message
        self._transaction = self.phone.request(message)
        self.times["invite"] = message.at

    def on_response(self, message: Message, transaction: Transaction) -> None:
        """A response to an INVITE of ours, the first or a later one."""
        if transaction is not self._transaction:
            if message.status >= 200:
                self._acknowledge(message, transaction)
            return
        if message.status < 200:
            if message.status > 100:
                self._note("ringing", message.at)
                if message.body:
                    self._apply(message)
            return
        self._acknowledge(message, transaction)
        if message.status in (401, 407) and not self._authorized and "cancelled" not in self.times:
            self._authorized = True
            self._sequence += 1
            kind = "www-authenticate" if message.status == 401 else "proxy-authenticate"
            name = "authorization" if message.status == 401 else "proxy-authorization"
            value = credentials(message.all(kind), self.phone.user, self.phone.password, "INVITE", self.target)
            self.invite((name, value))
        elif message.status < 300:
            if "answered" in self.times:
                return  # the 200 once more: acknowledged again
            self.status = message.status
            self._apply(message)
            self._note("answered", message.at)
            self.media.speak(True)
        else:
            self.status = message.status
            self._end(message.at)

    def _acknowledge(self, message: Message, transaction: Transaction) -> None:
        sent = transaction.request
        if message.status < 300:
            self._remote_tag = parameter(message.get("to"), "tag")
            self.target = uri_of(message.get("contact")) or self.target
            self._routes = message.all("record-route")[::-1]
            ack = self._request("ACK", sent.sequence)
        else:  # hop by hop, with the branch of the INVITE
            headers = [(name, sent.get(name)) for name in ("via", "from", "call-id", "max-forwards")]
            headers += [("to", message.get("to")), ("cseq", f"{sent.sequence} ACK")]
            ack = Message(sent.start.replace("INVITE", "ACK", 1), headers)
        self.phone.send(ack)

    def _apply(self, message: Message) -> None:
        """Take the far end's description."""
        remote = Description.parse(message.body)
        codec = next(number for number in remote.payload_types if number in audio.G711)
        self.media.negotiated((remote.host, remote.port), codec, remote.event_type)
        self.remote = remote

    def cancel(self) -> None:
        """CANCEL the INVITE; the end is told by its 487, or a 200 that was quicker (then hang up)."""
        sent = self._invite
        if sent is None:
            raise RuntimeError("nothing to cancel")
        headers = [(name, sent.get(name)) for name in ("via", "from", "to", "call-id", "max-forwards")]
        headers.append(("cseq", f"{sent.sequence} CANCEL"))
        message = Message(sent.start.replace("INVITE", "CANCEL", 1), headers)
        self.phone.request(message)
        self.times["hung_up"] = message.at
        self._note("cancelled", message.at)

    # --- as callee

    def ring(self) -> None:
        self._answer_invite(180)
        self._note("ringing", time.time())

    def answer(self) -> None:
        """200 with our description, retransmitted until the ACK."""
        if self._invite is None or "ended" in self.times:
            return
        offer = Description.parse(self._invite.body)
        codec = next(number for number in offer.payload_types if number in audio.G711)
        self.media.negotiated((offer.host, offer.port), codec, offer.event_type)
        self.remote = offer
        self._answer_invite(200, self._description((codec,), offer.event_type))
        self.status = 200
        self._note("answered", time.time())
        self.media.speak(True)
        if self.phone.transport == "udp":
            self.phone.spawn(self._repeat_until_acknowledged(self._invite))

    async def _repeat_until_acknowledged(self, invite: Message) -> None:
        interval = T1
        data = self.phone.answers[invite.branch, "INVITE"]
        while "ended" not in self.times:
            try:
                async with asyncio.timeout(interval):
                    await self._acknowledged.wait()
                return
            except TimeoutError:
                self.phone.transmit(data)
                interval = min(2 * interval, T2)

    def reject(self, status: int = 486) -> None:
        self._answer_invite(status)
        self.status = status
        self._end(time.time())

    def _answer_invite(self, status: int, body: str = "") -> None:
        if self._invite is not None:
            self.phone.send(reply(self._invite, status, tag=self._tag, contact=self.phone.contact, body=body))

    def on_request(self, message: Message) -> None:
        """A request inside the call."""
        match message.method:
            case "ACK":
                self._acknowledged.set()
                sequence, what, at = self._settling
                if message.sequence == sequence and what not in self.times:
                    self._note(what, at)
            case "CANCEL":
                self.phone.send(reply(message, 200, tag=self._tag))
                self._note("cancelled", message.at)
                if "answered" not in self.times and "ended" not in self.times:
                    self._answer_invite(487)
                    self.status = 487
                    self._end(message.at)
            case "BYE":
                known = "answered" in self.times
                self.phone.send(reply(message, 200 if known else 481, tag=self._tag))
                if known:
                    self._end(message.at)
                else:
                    self.phone.unexpected.append(f"BYE of a call that was not answered: {message}")
            case "INVITE":
                self._on_reinvite(message)
            case "INFO" | "UPDATE" | "OPTIONS":
                self.phone.send(reply(message, 200, tag=self._tag))
            case _:
                self.phone.unexpected.append(f"in a call: {message}")
                self.phone.send(reply(message, 501, tag=self._tag))

    def _on_reinvite(self, message: Message) -> None:
        self.reinvites.append(message)
        mirrored = {"sendonly": "recvonly", "recvonly": "sendonly"}
        body = ""
        if message.body:
            self._apply(message)
            self.direction = mirrored.get(self.remote.direction, self.remote.direction)
            body = self._description((self.media.payload_type,), self.media.event_type)
            self.media.speak(self.direction in ("sendrecv", "sendonly"))
            what = "resumed" if self.direction == "sendrecv" else "held"
            self.times.pop(what, None)
            self._settling = message.sequence, what, message.at
        else:
            body = self._description((8, 0), EVENT_TYPE)
        self.phone.send(reply(message, 200, tag=self._tag, contact=self.phone.contact, body=body))

    # --- as either

    async def _reinvite(self, direction: str) -> None:
        self.direction = direction
        self._sequence += 1
        body = self._description((self.media.payload_type,), self.media.event_type)
        response = await self.phone.transact(self._request("INVITE", self._sequence, body))
        if response.status != 200:
            raise SipFailure(response)
        self._apply(response)
        self.media.speak(direction in ("sendrecv", "sendonly"))

    async def hold(self) -> None:
        """Hold the far end: we stop listening, and speak no more."""
        await self._reinvite("sendonly")
        self.media.speak(False)

    async def resume(self) -> None:
        await self._reinvite("sendrecv")

    async def hang_up(self) -> None:
        """End the call, whatever its state is. Raises SipFailure if BYE is not answered by 200."""
        if "ended" in self.times:
            return
        self.by_us = True
        if "answered" in self.times:
            self._sequence += 1
            message = self._request("BYE", self._sequence)
            self.media.speak(False)
            response = await self.phone.transact(message)
            self.times["hung_up"] = message.at
            self._end(message.at)
            if response.status != 200:
                raise SipFailure(response)
        elif self.incoming:
            self.reject(486)
        else:
            self.cancel()
            await self.ended()

    def _end(self, at: float) -> None:
        self.media.close()
        self._note("ended", at)


def reply(request: Message, status: int, *, tag: str = "", contact: str = "", body: str = "") -> Message:
    """A response with what it copies from its request."""
    reasons = {
        180: "Ringing",
        200: "OK",
        481: "Call/Transaction Does Not Exist",
        486: "Busy Here",
        487: "Request Terminated",
    }
    to = request.get("to")
    if tag and not parameter(to, "tag"):
        to += f";tag={tag}"
    headers = [("via", value) for value in request.all("via")]
    headers += [
        ("from", request.get("from")),
        ("to", to),
        ("call-id", request.get("call-id")),
        ("cseq", request.get("cseq")),
    ]
    headers += [("record-route", value) for value in request.all("record-route")]
    if contact:
        headers.append(("contact", contact))
    if body:
        headers.append(("content-type", "application/sdp"))
    return Message(f"SIP/2.0 {status} {reasons.get(status, 'Status')}", headers, body)
