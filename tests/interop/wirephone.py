"""A SIP phone at the level of the socket: light enough for a hundred at once, exact about when things happened.

It shares nothing with the switch under test. Times are seconds of the wall clock; for UDP the kernel's time of arrival.
Whatever arrives and does not fit goes to `WirePhone.unexpected`: a test asserts that it is empty.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import ssl
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Self

import websockets
from websockets.typing import Subprotocol

from .sipharness import audio
from .sipharness.core import LOOPBACK
from .wirecall import WireCall
from .wirertp import Address, receive_stamped, stamped_socket
from .wiresip import T1, T2, Message, SipFailure, credentials, reply

TRANSACTION = 8.0  # seconds to give up after: on loopback 64*T1 is only patience


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
        self.scheme = "sip"  # of its Contact
        self.host = LOOPBACK  # its own address
        self.network: contextlib.AbstractContextManager[object] = contextlib.nullcontext()  # the namespace it lives in
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
        with self.network:
            wire = stamped_socket(self.host)
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
        with self.network:
            wire = socket.create_connection(self.server, 5.0, (self.host, 0))
        wire.setblocking(False)
        context = self._trust()
        reader, writer = await asyncio.open_connection(
            sock=wire, ssl=context, server_hostname=self.server[0] if context is not None else None
        )
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
        return f"<{self.scheme}:{self.user}@{self.local[0]}:{self.local[1]};transport={self.transport}>"

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
        uri = target if target.startswith(("sip:", "sips:")) else f"sip:{target}@{self.domain}"
        call = self.kind_of_call(self, None, uri)
        self.calls[call.call_id] = call
        call.invite()
        return call

    async def next_call(self, timeout: float = 5.0) -> WireCall:
        """The next call that came in. Raises TimeoutError."""
        async with asyncio.timeout(timeout):
            return await self.incoming.get()
