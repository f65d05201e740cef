"""One port for TLS and for whoever comes without it: the first octet tells, and who comes in clear is sent to https."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl
from collections.abc import Callable
from typing import Final

HANDSHAKE: Final = b"\x16"  # the content type that a TLS connection begins with (RFC 8446 section 5.1)
LONGEST_HEAD: Final = 16_384  # octets of a request in clear
AT_ONCE: Final = 64  # connections accepted at a stretch
BREATH: Final = 1.0  # seconds without accepting, when there are no descriptors left
_is_host = re.compile(rb"[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?").fullmatch
_is_target = re.compile(rb"/[\x21-\x7e]*").fullmatch


class Entrance:
    """Takes the connections of a listening socket; `context` is asked for each one, so that renewed certificates count."""

    def __init__(
        self,
        sock: socket.socket,
        protocol: Callable[[], asyncio.Protocol],
        context: Callable[[], ssl.SSLContext],
        *,
        patience: float,
        most: int,
    ) -> None:
        """`patience`: seconds until the first octet, and for the handshake; `most`: connections that may be in that."""
        self._socket = sock
        self._protocol = protocol
        self._context = context
        self._patience = patience
        self._most = most
        self._waiting: dict[socket.socket, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()

    def open(self) -> None:
        self._loop.add_reader(self._socket.fileno(), self._accept)

    def close(self) -> None:
        """Take nobody any more; who is through is not ours."""
        self._loop.remove_reader(self._socket.fileno())
        for sock in list(self._waiting):
            self._leave(sock)
        for task in self._tasks:
            task.cancel()

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            try:
                sock, _address = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:  # No descriptors: the listening socket would be readable for ever.
                self._loop.remove_reader(self._socket.fileno())
                self._loop.call_later(BREATH, self._again)
                return
            if len(self._waiting) + len(self._tasks) >= self._most:
                sock.close()
                continue
            sock.setblocking(False)
            self._waiting[sock] = self._loop.call_later(self._patience, self._leave, sock)
            self._loop.add_reader(sock.fileno(), self._look, sock)

    def _again(self) -> None:
        if self._socket.fileno() >= 0:
            self.open()

    def _leave(self, sock: socket.socket) -> None:
        self._waiting.pop(sock).cancel()
        self._loop.remove_reader(sock.fileno())
        sock.close()

    def _look(self, sock: socket.socket) -> None:
        """The first octet is there: it stays where it is for whoever reads on."""
        try:
            first = sock.recv(1, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            first = b""
        if not first:
            self._leave(sock)
            return
        self._waiting.pop(sock).cancel()
        self._loop.remove_reader(sock.fileno())
        task = self._loop.create_task(self._connect(sock, first == HANDSHAKE))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, sock: socket.socket, secure: bool) -> None:
        try:
            if secure:
                await self._loop.connect_accepted_socket(
                    self._protocol, sock, ssl=self._context(),
                    ssl_handshake_timeout=self._patience, ssl_shutdown_timeout=self._patience,
                )  # fmt: skip
            else:
                await self._loop.connect_accepted_socket(lambda: Redirect(self._patience), sock)
        except (OSError, TimeoutError):  # ssl.SSLError is an OSError: what a client does wrong is its own matter.
            sock.close()


class Redirect(asyncio.Protocol):
    """Answers one request that came in clear: pages are where https is (RFC 9110 section 15.4.9), orders are refused.

    An order may carry a token, and whoever sends one in clear should hear of it, not be helped to go on.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._head = bytearray()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        self._timer = asyncio.get_running_loop().call_later(self._patience, transport.abort)

    def connection_lost(self, error: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._head += data
        if b"\r\n\r\n" not in self._head and len(self._head) <= LONGEST_HEAD:
            return
        self._transport.write(answer_in_clear(bytes(self._head)))
        with contextlib.suppress(OSError):
            self._transport.close()


def answer_in_clear(head: bytes) -> bytes:
    """What a request without TLS is told."""
    lines = head.partition(b"\r\n\r\n")[0].split(b"\r\n")
    method, _, rest = lines[0].partition(b" ")
    target = rest.partition(b" ")[0]
    headers = {name.strip().lower(): value.strip() for name, _, value in (one.partition(b":") for one in lines[1:])}
    host = headers.get(b"host", b"")
    if not _is_host(host) or not _is_target(target):
        return _answer("400 Bad Request", b"", b"The request cannot be read. These pages speak https.\n")
    if method not in (b"GET", b"HEAD"):
        return _answer(
            "403 Forbidden", b"", b"Not in clear: use https, and another token if this one was in the request.\n"
        )
    return _answer("308 Permanent Redirect", b"Location: https://" + host + target + b"\r\n", b"")


def _answer(status: str, header: bytes, text: bytes) -> bytes:
    length = f"Content-Length: {len(text)}\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    return f"HTTP/1.1 {status}\r\n".encode() + header + length.encode() + text
