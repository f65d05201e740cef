"""SIP over UDP, TCP, TLS and WebSocket for load generators: one wire for each phone, whole messages in and out, nothing else.

No retransmission, no checks: that is for who uses it. The loop is uvloop, as the switch's is.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import re
import socket
import ssl
import struct
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar, cast

import uvloop

TRANSPORTS: Final = ("udp", "tcp", "tls", "ws")
T = TypeVar("T")
Address = tuple[str, int]
_length = re.compile(rb"\r\nContent-Length: *(\d+)", re.IGNORECASE).search


def run(work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def context() -> ssl.SSLContext:
    """The lab's certificate is its own: what is measured is the work, not whom it trusts."""
    made = ssl.create_default_context()
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    return made


class Wire:
    """One phone's way to the switch. `received` is called with each message; `local` is what goes into Via and Contact."""

    def __init__(self, transport: str, received: Callable[[bytes], None]) -> None:
        self.transport = transport
        self.received = received
        self.local: Address = ("", 0)
        self.dropped: Callable[[], None] = lambda: (
            None
        )  # is called when the switch, or the network, has closed the connection
        self.send: Callable[[bytes], object] = lambda data: None
        self.close: Callable[[], None] = lambda: None

    async def open(self, server: Address, host: str, tls: ssl.SSLContext | None = None) -> None:
        """`host`: the phone's own loopback address."""
        loop = asyncio.get_running_loop()
        if self.transport == "udp":
            self._open_udp(server, host)
            return
        kind = _WebSocket if self.transport == "ws" else _Stream
        _, protocol = await loop.create_connection(
            lambda: kind(self), *server, local_addr=(host, 0), ssl=tls if self.transport == "tls" else None
        )
        await protocol.ready

    def _open_udp(self, server: Address, host: str) -> None:
        loop = asyncio.get_running_loop()
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        sock.bind((host, 0))
        sock.connect(server)
        self.local = sock.getsockname()

        def readable() -> None:
            with contextlib.suppress(OSError):
                while True:
                    self.received(sock.recv(65_535))

        def send(data: bytes) -> None:
            with contextlib.suppress(OSError):
                sock.send(data)

        def close() -> None:
            loop.remove_reader(sock)
            sock.close()

        loop.add_reader(sock, readable)
        self.send, self.close = send, close


class _Stream(asyncio.Protocol):
    """Messages cut by Content-Length."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.wire.local = transport.get_extra_info("sockname")[:2]
        self.wire.close = transport.close
        self.begin()

    def begin(self) -> None:
        self.wire.send = self.transport.write
        self.ready.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ready.done():
            self.ready.set_exception(exc or ConnectionResetError())
        else:
            self.wire.dropped()

    def data_received(self, data: bytes) -> None:
        buffer = self.buffer
        buffer += data
        while (end := buffer.find(b"\r\n\r\n")) >= 0:
            if end == 0:
                del buffer[:4]
                continue
            found = _length(buffer, 0, end)
            size = end + 4 + (int(found[1]) if found else 0)
            if len(buffer) < size:
                return
            message = bytes(buffer[:size])
            del buffer[:size]
            self.wire.received(message)


class _WebSocket(_Stream):
    """RFC 6455, as far as it takes: text frames, whose mask is zero, so that masking them changes nothing."""

    def begin(self) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        self.transport.write(
            f"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sip\r\n\r\n".encode()
        )
        self.wire.send = self.write

    def write(self, data: bytes) -> None:
        size = len(data)
        head = struct.pack("!BB", 0x81, 0x80 | size) if size < 126 else struct.pack("!BBH", 0x81, 0x80 | 126, size)
        self.transport.write(head + b"\0\0\0\0" + data)

    def data_received(self, data: bytes) -> None:
        buffer = self.buffer
        buffer += data
        if not self.ready.done():
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            if b" 101 " not in buffer[:end]:
                self.ready.set_exception(ConnectionError(bytes(buffer[:end]).decode("latin-1")))
                return
            del buffer[: end + 4]
            self.ready.set_result(None)
        while len(buffer) >= 2:
            size, at = buffer[1] & 127, 2
            if size == 126:
                if len(buffer) < 4:
                    return
                size, at = int.from_bytes(buffer[2:4], "big"), 4
            if len(buffer) < at + size:
                return
            kind, payload = buffer[0] & 15, bytes(buffer[at : at + size])
            del buffer[: at + size]
            if kind in (1, 2):
                self.wire.received(payload)
