"""SIP over WebSocket (RFC 7118), for phones in browsers: one message in each message of the WebSocket.

The protocol itself is the `websockets` library's, without its sockets. A browser says which site its page came from (Origin):
only pages of this very host, or of those in the settings, may use a phone here; programs that are no browsers say nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

from websockets.exceptions import ProtocolError
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from softswitch.net.stream import Connection, StreamListener
from softswitch.sip.message import MAX_MESSAGE
from softswitch.sip.stream import PONG

SUBPROTOCOL: Final = Subprotocol("sip")
PING: Final = b"\r\n\r\n"
UNHEARD: Final = 3  # pings without an answer after which a peer is gone


def same_host(origin: str, host: str) -> bool:
    """Whether a page from `origin` ("https://pbx.example:8443") came from the host it now talks to (Host header)."""
    try:
        name = urlsplit(origin).hostname
        return name is not None and name == urlsplit(f"//{host}").hostname
    except ValueError:
        return False


class Frames:
    """The framing of one WebSocket: handshake first, then messages."""

    def __init__(self, origins: Collection[str]) -> None:
        self.error = ""
        self.since = 0.0
        self.refused = False
        self.protocol = ServerProtocol(subprotocols=[SUBPROTOCOL], max_size=MAX_MESSAGE)
        self._origins = origins
        self._parts: list[bytes] = []
        self._size = 0

    @property
    def pending(self) -> bool:
        """Whether something has begun that is not complete: the handshake, a frame, or a message of several frames."""
        if self.protocol.state is State.CONNECTING:
            return self.since > 0.0
        return bool(self.error or self._parts or self.protocol.reader.buffer)

    def feed(self, data: bytes, now: float) -> list[bytes]:
        """The messages that `data` completes, in order."""
        if not self.pending:
            self.since = now
        protocol = self.protocol
        protocol.receive_data(data)
        messages: list[bytes] = []
        for event in protocol.events_received():
            if isinstance(event, Request):
                self._shake_hands(event)
            elif isinstance(event, Frame):
                self._frame(event, messages)
        if protocol.parser_exc is not None or protocol.handshake_exc is not None or protocol.close_expected():
            self.error = str(protocol.parser_exc or protocol.handshake_exc or "closed")
        return messages

    def _shake_hands(self, request: Request) -> None:
        response = self._answer(request)
        self.refused = response.status_code != 101
        self.protocol.send_response(response)
        if self.refused:
            self.error = f"refused with {response.status_code}"

    def _answer(self, request: Request) -> Response:
        headers, protocol = request.headers, self.protocol
        offered = [name.strip() for value in headers.get_all("Sec-WebSocket-Protocol") for name in value.split(",")]
        origin = headers.get("Origin")
        if origin is not None and not (
            "*" in self._origins or origin.lower() in self._origins or same_host(origin, headers.get("Host", ""))
        ):
            return protocol.reject(403, "Pages of another site may not use this switch: see sip.origins.\n")
        if headers.get("Upgrade", "").lower() == "websocket" and SUBPROTOCOL not in offered:
            return protocol.reject(400, "The subprotocol must be sip (RFC 7118).\n")
        return protocol.accept(request)

    def _frame(self, frame: Frame, messages: list[bytes]) -> None:
        if frame.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            return  # Pings are answered by the protocol itself.
        self._size += len(frame.data)
        if self._size > MAX_MESSAGE:
            self.protocol.fail(1009, "message too large")
            self.error = "message too large"
            return
        self._parts.append(bytes(frame.data))
        if not frame.fin:
            return
        message = b"".join(self._parts)
        self._parts, self._size = [], 0
        if message == PING:
            messages.append(PONG)
        elif message.strip(b"\r\n"):
            messages.append(message)

    def wrap(self, message: bytes) -> None:
        """Have a message sent: as text where it is text, as RFC 7118 section 5 leaves open."""
        try:
            message.decode()
        except UnicodeDecodeError:
            self.protocol.send_binary(message)
        else:
            self.protocol.send_text(message)


class WebSocket(Connection):
    """One browser, or whatever speaks as browsers do."""

    __slots__ = ("_asked", "_asked_at", "frames")

    def __init__(self, listener: WebSocketListener) -> None:
        super().__init__(listener)
        self.framer = self.frames = Frames(listener.origins)
        self._asked = 0
        self._asked_at = 0.0

    def flush(self) -> None:
        self._asked = 0  # Whatever it said, it is there.
        if self.frames.protocol.state is State.OPEN:
            self.messages += 1  # A page may wait as long as it likes before it registers.
        for data in self.frames.protocol.data_to_send():
            if data:
                self.write_raw(data)
        if self.frames.refused:
            self._listener.counters.upgrades_refused += 1
            self.frames.refused = False

    def write(self, data: bytes) -> bool:
        if self.frames.protocol.state is not State.OPEN:
            return False
        try:
            self.frames.wrap(data)
        except ProtocolError:
            return False
        return self.write_raw(b"".join(self.frames.protocol.data_to_send()))

    def keep_alive(self, now: float) -> str:
        """NATs and proxies forget quiet connections, and a laptop that was closed says nothing."""
        ping = self._listener.limits.ping
        if self.frames.protocol.state is State.OPEN and now - max(self.heard_at, self._asked_at) > ping:
            if self._asked == UNHEARD:
                return "gone"
            self._asked += 1
            self._asked_at = now
            self.frames.protocol.send_ping(b"")
            for data in self.frames.protocol.data_to_send():
                self.write_raw(data)
        return ""


class WebSocketListener(StreamListener):
    """`origins`: of pages that may connect beside those of this host, in lower case; "*" is any."""

    origins: Collection[str] = ()

    def connection(self) -> Connection:
        return WebSocket(self)
