"""SIP over streams (RFC 3261 section 18): accepting, dialling, framing, and cutting whoever abuses a connection.

TCP and TLS carry messages that Content-Length cuts; WebSockets (`websocket.py`, RFC 7118) carry one message in each frame.

A connection is a Flow; its number is never used again. Half a message, silence, a peer that does not read, too many
connections: each has a limit with a name, because sixty silent connections must not be enough to stop a switch.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from typing import Final, Protocol, cast

from softswitch.effects import Flow
from softswitch.net.address import sendable
from softswitch.net.bind import open_tcp
from softswitch.net.limits import Census, Counters, Limits, Pulse
from softswitch.net.tls import CertificateError, Certificates
from softswitch.net.udp import Upcall
from softswitch.sip.stream import PONG, Framer

READ_SIZE: Final = 65_536
SWEEP_SECONDS: Final = 1.0
BACKLOG: Final = 1024
MAX_EXPECTED: Final = 4_096


class Framing(Protocol):
    """Bytes to messages, and back. What `Framer` does for TCP and TLS."""

    error: str
    since: float

    @property
    def pending(self) -> bool: ...
    def feed(self, data: bytes, now: float) -> list[bytes]: ...


class Connection(asyncio.BufferedProtocol):
    """One connection: bytes in, whole messages up."""

    __slots__ = (
        "_buffer", "_listener", "dialled", "flow", "framer", "heard_at", "messages", "opened_at", "stalled_since",
        "transport",
    )  # fmt: skip

    def __init__(self, listener: StreamListener, *, dialled: bool = False) -> None:
        self.dialled = dialled
        self._listener = listener
        self._buffer = listener.buffer
        self.framer: Framing = Framer()
        self.flow = Flow(listener.transport, "", 0, listener.index, 0)
        self.transport: asyncio.Transport | None = None
        self.opened_at = self.heard_at = 0.0
        self.stalled_since = 0.0  # when the peer stopped reading; 0 = it reads
        self.messages = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)  # uvloop's does not inherit from it
        self.transport = transport
        self.opened_at = self.heard_at = time.monotonic()
        transport.set_write_buffer_limits(high=self._listener.limits.write_buffer // 4)
        sock = transport.get_extra_info("socket")
        if sock is not None:
            _tune(sock)
        self._listener.made(self, transport.get_extra_info("peername"))

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        listener = self._listener
        if self.flow.connection == 0:
            return  # refused: over a cap
        now = self.heard_at = time.monotonic()
        listener.counters.bytes_received += nbytes
        framer = self.framer
        if framer.error:
            return  # Its last answer is being written; what still comes is not read.
        frames = framer.feed(bytes(self._buffer[:nbytes]), now)
        self.flush()
        for frame in frames:
            if frame is PONG:
                self.write(PONG)
                listener.counters.keepalives += 1
                continue
            self.messages += 1
            listener.counters.stream_messages_received += 1
            listener.upcall.received(frame, self.flow, listener.behind())
        listener.upcall.settled()
        if framer.error:
            listener.counters.cut_framing += 1
            self.close()

    def eof_received(self) -> bool:
        return False  # Close our side too: SIP has no half-open dialogue.

    def pause_writing(self) -> None:
        self.stalled_since = time.monotonic()

    def resume_writing(self) -> None:
        self.stalled_since = 0.0

    def connection_lost(self, exc: Exception | None) -> None:
        self._listener.lost(self)
        self.transport = None

    def flush(self) -> None:
        """Write what the framing itself has to say."""

    def keep_alive(self, now: float) -> str:
        """Called now and then; a reason to cut the connection, or ""."""
        return ""

    def write(self, data: bytes) -> bool:
        """Queue a message for the peer; False if the connection is gone or was cut for not reading."""
        return self.write_raw(data)

    def write_raw(self, data: bytes) -> bool:
        """Queue bytes as they are."""
        transport = self.transport
        if transport is None or transport.is_closing():
            return False
        if transport.get_write_buffer_size() + len(data) > self._listener.limits.write_buffer:
            self._listener.counters.cut_stalled += 1
            self.cut("the peer does not read")
            return False
        transport.write(data)
        self._listener.counters.bytes_sent += len(data)
        return True

    def cut(self, reason: str) -> None:
        if self.transport is not None:
            self.transport.abort()

    def close(self) -> None:
        """Close after what is queued has been written."""
        if self.transport is not None:
            self.transport.close()


class StreamListener:
    """One listening address with all connections accepted on it and dialled from it.

    `transport`: "tcp" | "tls" | "ws" | "wss"; with `certificates` connections are secured by TLS. Dialled are plain TCP, and TLS
    where we know whose certificate to expect (`expect`): a phone has none that we could check, and a browser does not listen.
    """

    def __init__(
        self,
        index: int,
        host: str,
        port: int,
        upcall: Upcall,
        *,
        limits: Limits | None = None,
        counters: Counters,
        transport: str = "tcp",
        certificates: Certificates | None = None,
        census: Census | None = None,
        pulse: Pulse | None = None,
    ) -> None:
        """`census` and `pulse` are those of all listeners together."""
        self.transport = transport
        self.certificates = certificates
        self.index = index
        self.host = host
        self.port = port
        self.upcall = upcall
        self.limits = limits or Limits()
        self._census = census or Census(self.limits)
        self._pulse = pulse or Pulse()
        self.counters = counters
        self.buffer = memoryview(bytearray(READ_SIZE))  # One for all: its content is taken before the next read.
        self._family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._connections: dict[int, Connection] = {}
        self._by_peer: dict[tuple[str, int], Connection] = {}
        self._dialling: dict[tuple[str, int], _Dial] = {}
        self._expected: dict[tuple[str, int], str] = {}  # TLS servers that may be dialled, and what their names must be
        self._handshakes: dict[
            asyncio.Task[None], str
        ] = {}  # connections that are being secured, with their peers' hosts
        # A registration outlives us with the number of its connection: after a restart it must not mean another one.
        self._last_number = time.time_ns() >> 20
        self._socket: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sweeper: asyncio.TimerHandle | None = None

    # --- life ----------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Bind and listen; port 0 becomes the port that the kernel chose. Raises ListenError."""
        self._socket = open_tcp(self.host, self.port)
        self.port = self._socket.getsockname()[1]

    async def start(self) -> None:
        """Begin to accept, on the running loop."""
        assert self._socket is not None
        self._loop = asyncio.get_running_loop()
        if self.certificates is None:
            self._server = await self._loop.create_server(self.connection, sock=self._socket, backlog=BACKLOG)
        else:
            self._loop.add_reader(self._socket, self._accept)

    def connection(self) -> Connection:
        """A connection that was accepted."""
        return Connection(self)

    def _accept(self) -> None:
        """Take connections that are to be secured; they count from now on, so that handshakes that never end do."""
        assert self._socket is not None and self._loop is not None
        for _ in range(BACKLOG):
            try:
                accepted, (host, *_) = self._socket.accept()
            except OSError:
                return  # No more, or no file left: the next one comes when one is.
            accepted.setblocking(False)
            if self._census.is_full(host):
                self.counters.connections_refused += 1
                accepted.close()
                continue
            task = self._loop.create_task(self._secure(accepted))
            self._handshakes[task] = host
            self._census.came(host)
            task.add_done_callback(self._handshake_over)

    async def _secure(self, accepted: socket.socket) -> None:
        assert self._loop is not None and self.certificates is not None
        try:
            await self._loop.connect_accepted_socket(
                self.connection, accepted, ssl=self.certificates.context,
                ssl_handshake_timeout=self.limits.handshake, ssl_shutdown_timeout=self.limits.handshake,
            )  # fmt: skip
        except (OSError, TimeoutError):  # ssl.SSLError is an OSError
            self.counters.handshakes_failed += 1
            accepted.close()

    def _handshake_over(self, task: asyncio.Task[None]) -> None:
        self._census.went(self._handshakes.pop(task))

    def close(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        for task in (*self._handshakes, *(dial.task for dial in self._dialling.values())):
            task.cancel()
        if self._server is not None:
            self._server.close()
        elif self._socket is not None:
            if self._loop is not None:
                self._loop.remove_reader(self._socket)
            self._socket.close()
        for connection in list(self._connections.values()):
            connection.close()

    def __len__(self) -> int:
        return len(self._connections)

    def behind(self) -> float:
        """How late the loop runs: a stream's backlog cannot be seen, the loop's delay can."""
        return self._pulse.lateness(time.monotonic())

    # --- sending -------------------------------------------------------------------------------------------------

    def send(self, data: bytes, flow: Flow) -> None:
        """Write to the flow's connection; a flow without one is dialled first. Failure comes back as flow_failed."""
        if flow.connection:
            connection = self._connections.get(flow.connection)
            if connection is not None and connection.flow != flow:
                connection = None
        else:
            connection = self._by_peer.get((flow.host, flow.port))
            if connection is not None and self.certificates is not None and not connection.dialled:
                connection = None  # Who has called us has not shown who they are.
            if connection is None:
                self._dial(data, flow)
                return
        if connection is None or not connection.write(data):
            self.counters.flows_gone += 1
            self._report(flow)
        else:
            self.counters.stream_messages_sent += 1

    def close_flow(self, flow: Flow, reason: str) -> None:
        connection = self._connections.get(flow.connection)
        if connection is not None:
            connection.close()

    def _report(self, flow: Flow) -> None:
        # Not from inside a send: the machine is being drained there.
        assert self._loop is not None
        self._loop.call_soon(self.upcall.flow_failed, flow)

    # --- dialling ------------------------------------------------------------------------------------------------

    def _dial(self, data: bytes, flow: Flow) -> None:
        assert self._loop is not None
        peer = (flow.host, flow.port)
        dial = self._dialling.get(peer)
        if dial is None:
            if self.transport != "tcp" and peer not in self._expected:
                self.counters.flows_gone += 1
                self._report(flow)
                return
            if not sendable(flow.host, flow.port, self._family):
                self.counters.send_refused_address += 1
                self._report(flow)
                return
            if len(self._dialling) >= self.limits.dials:
                self.counters.dial_failed += 1
                self._report(flow)
                return
            dial = self._dialling[peer] = _Dial(self._loop.create_task(self._connect(flow)))
        if len(dial.queue) < self.limits.dial_queue:
            dial.queue.append(data)
        else:
            self.counters.dial_failed += 1

    def expect(self, flow: Flow, name: str) -> None:
        """When this place is dialled, the certificate there must be for `name`."""
        if len(self._expected) >= MAX_EXPECTED:
            del self._expected[next(iter(self._expected))]
        self._expected[flow.host, flow.port] = name

    async def _connect(self, flow: Flow) -> None:
        assert self._loop is not None
        peer = (flow.host, flow.port)
        local = None if self.host in ("0.0.0.0", "::") else (self.host, 0)
        connection: Connection | None = None
        try:
            async with asyncio.timeout(self.limits.dial):
                _, connection = await self._loop.create_connection(
                    lambda: Connection(self, dialled=True), flow.host, flow.port, local_addr=local,
                    ssl=self.certificates.dialling() if self.certificates is not None else None,
                    server_hostname=self._expected.get(peer, flow.host) if self.certificates is not None else None,
                )  # fmt: skip
        except CertificateError as error:
            self.counters.dial_failed += 1
            self.upcall.alarm("certificates", str(error))
        except (OSError, TimeoutError):  # ssl.SSLError, too
            self.counters.dial_failed += 1
        dial = self._dialling.pop(peer)
        if connection is None or connection.flow.connection == 0:
            self.upcall.flow_failed(flow)
            return
        for data in dial.queue:
            self.send(data, connection.flow)

    # --- connections ---------------------------------------------------------------------------------------------

    def made(self, connection: Connection, peer: tuple[str, int] | None) -> None:
        """Give a new connection its number, or cut it if there are too many. `peer` is None if it was reset already."""
        if not peer:
            connection.cut("gone before it was accepted")
            return
        host, port = peer[0], peer[1]
        if (self.certificates is None or connection.dialled) and self._census.is_full(host):
            self.counters.connections_refused += 1
            connection.cut("too many connections")
            return
        self._last_number += 1
        self._census.came(host)
        connection.flow = Flow(self.transport, host, port, self.index, self._last_number)
        self._connections[self._last_number] = connection
        if self._sweeper is None and self._loop is not None:
            self._sweeper = self._loop.call_later(SWEEP_SECONDS, self._sweep)
        self._by_peer[host, port] = connection
        if connection.dialled:
            self.counters.connections_dialled += 1
        else:
            self.counters.connections_accepted += 1

    def lost(self, connection: Connection) -> None:
        """A connection ended, whoever ended it."""
        flow = connection.flow
        if self._connections.pop(flow.connection, None) is None:
            return
        if self._by_peer.get((flow.host, flow.port)) is connection:
            del self._by_peer[flow.host, flow.port]
        self._census.went(flow.host)
        self.upcall.flow_failed(flow)

    def _sweep(self) -> None:
        assert self._loop is not None
        self._sweeper = None
        if not self._connections:
            return  # The next one that is made begins it again.
        now = time.monotonic()
        for connection in list(self._connections.values()):
            self._judge(connection, now)
        self._sweeper = self._loop.call_later(SWEEP_SECONDS, self._sweep)

    def _judge(self, connection: Connection, now: float) -> None:
        limits, counters = self.limits, self.counters
        if connection.framer.pending and now - connection.framer.since > limits.half_message:
            counters.cut_half_message += 1
            connection.cut("half a message")
        elif not (connection.messages or connection.dialled) and now - connection.opened_at > limits.first_message:
            counters.cut_silent += 1
            connection.cut("silent")
        elif connection.stalled_since and now - connection.stalled_since > limits.write_stall:
            counters.cut_stalled += 1
            connection.cut("the peer does not read")
        elif now - connection.heard_at > limits.idle:
            counters.cut_idle += 1
            connection.close()
        elif reason := connection.keep_alive(now):
            counters.cut_idle += 1
            connection.cut(reason)


class _Dial:
    """A connection being set up, and what is to be sent on it."""

    __slots__ = ("queue", "task")

    def __init__(self, task: asyncio.Task[None]) -> None:
        self.task = task
        self.queue: list[bytes] = []


def _tune(sock: socket.socket) -> None:
    """Send small messages at once, and notice within two minutes a peer that vanished without a word."""
    with contextlib.suppress(OSError, AttributeError):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 15)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4)
