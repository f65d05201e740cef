"""The sockets of the legs, and what every relay that reads them through the socket interface does alike.

A leg whose remote address is settled has a connected socket: the kernel delivers packets from there only, so what strangers
send costs this process nothing. A leg that waits for its latch has an unconnected one, read packet by packet.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Callable
from time import monotonic

from media.engine import Engine
from media.latch import Address
from media.legs import Legs
from media.ports import RCVBUF_CLOSED, RCVBUF_OPEN, PortPool, drain, family_of, unconnect
from media.rtcp import MAX_PACKET
from media.rtp import CLOCK_RATE

BURST = 64  # packets read in a row from a leg that waits for its latch: a flood must not hold up the others
SCRATCH = 2048


def _nowhere(_: memoryview) -> int:
    return 0


class SocketRelay:
    """Sockets, their registration with epoll, and the packets that are handled one by one."""

    name = "sockets"

    def __init__(self, pool: PortPool, legs: Legs) -> None:
        self.received = self.slow_packets = self.batches = 0
        self.send_errors = self.receive_errors = 0
        self._pool = pool
        self._legs = legs
        self._senders: list[Callable[[memoryview], object]] = [_nowhere] * legs.count
        self._rtcp_senders: list[Callable[[bytes], object] | None] = [None] * legs.count
        self._live: list[tuple[socket.socket, socket.socket] | None] = [None] * legs.count
        # What to do with a descriptor that became readable: `_fast` receives, `_slow` does everything.
        size = pool.highest_file + 1
        self._fast: list[Callable[[memoryview], int] | None] = [None] * size
        self._leg_of: list[int] = [-1] * size
        self._slow: dict[int, Callable[[], None]] = {}
        self._epoll = select.epoll()
        self._scratch = memoryview(bytearray(SCRATCH))
        self._engine: Engine

    def attach(self, engine: Engine) -> None:
        self._engine = engine

    def watch(self, descriptor: int, handle: Callable[[], None]) -> None:
        self._epoll.register(descriptor, select.EPOLLIN)
        self._slow[descriptor] = handle

    def close(self) -> None:
        self._epoll.close()
        self._pool.close()

    # --- sending -----------------------------------------------------------------------------------------------------

    @property
    def senders(self) -> list[Callable[[memoryview], object]]:
        return self._senders

    def failed(self, leg: int, packet: memoryview, error: OSError) -> None:
        """A connected socket reports the ICMP error of an earlier packet in place of sending this one: once more."""
        if isinstance(error, ConnectionRefusedError):
            try:
                self._senders[leg](packet)
            except OSError:
                self.send_errors += 1
        else:
            self.send_errors += 1

    def send_rtcp(self, leg: int, data: bytes) -> None:
        send = self._rtcp_senders[leg]
        if send is not None:
            try:
                send(data)
            except OSError:
                self.send_errors += 1  # A phone without RTCP: it answers each report with an ICMP error.

    # --- where legs send and receive ---------------------------------------------------------------------------------

    def aim(self, leg: int, rtp: Address, rtcp: Address, *, keep: bool) -> None:
        family = family_of(rtp[0])
        media, control = self._pool.rtp(leg, family), self._pool.rtcp(leg, family)
        if not keep:
            self.quiet(leg)
        unconnect(media)
        media.connect(rtp)
        unconnect(control)
        control.connect(rtcp)
        if not keep:
            # What arrived for the call before this one, or from a stranger before the socket was connected.
            drain(media)
            drain(control)
            self._register(leg, media, control)
        self._slow.pop(media.fileno(), None)
        self._fast[media.fileno()] = media.recv_into
        self._senders[leg] = media.send
        self._register_rtcp(leg, control)

    def listen(self, leg: int, host: str, rtp: Address | None, rtcp: Address | None) -> None:
        family = family_of(host)
        media, control = self._pool.rtp(leg, family), self._pool.rtcp(leg, family)
        self.quiet(leg)
        drain(media)
        self._register(leg, media, control)
        self._slow[media.fileno()] = lambda: self._admit(leg, media)
        if rtp is not None and rtcp is not None and family_of(rtp[0]) == family:
            self._senders[leg] = lambda packet: media.sendto(packet, rtp)
            self._rtcp_senders[leg] = lambda packet: control.sendto(packet, rtcp)

    def quiet(self, leg: int) -> None:
        self._senders[leg], self._rtcp_senders[leg] = _nowhere, None
        live, self._live[leg] = self._live[leg], None
        if live is None:
            return
        for each in live:
            descriptor = each.fileno()
            if self._fast[descriptor] is not None or descriptor in self._slow:
                self._epoll.unregister(descriptor)
            self._fast[descriptor] = None
            self._slow.pop(descriptor, None)
            unconnect(each)
            each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RCVBUF_CLOSED)
            drain(each)

    def _register(self, leg: int, media: socket.socket, control: socket.socket) -> None:
        self._live[leg] = media, control
        media.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RCVBUF_OPEN)
        self._leg_of[media.fileno()] = leg
        self._epoll.register(media.fileno(), select.EPOLLIN)
        # Set by whoever calls: how the socket is read.
        self._slow[media.fileno()] = lambda: None

    def _register_rtcp(self, leg: int, control: socket.socket) -> None:
        if control.fileno() not in self._slow:
            control.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RCVBUF_OPEN // 4)
            self._epoll.register(control.fileno(), select.EPOLLIN)
        self._slow[control.fileno()] = lambda: self._receive_rtcp(leg, control)
        self._rtcp_senders[leg] = control.send

    # --- packets one by one ------------------------------------------------------------------------------------------

    def _admit(self, leg: int, media: socket.socket) -> None:
        """Read a leg that waits for its latch. Once it is settled, what came before the socket was connected is sifted."""
        engine, scratch, left = self._engine, self._scratch, BURST
        # Once the socket is connected it must be emptied: the fast path takes what it finds for the phone's.
        while left > 0 or self._fast[media.fileno()] is not None:
            left -= 1
            try:
                size, source = media.recvfrom_into(scratch)
            except BlockingIOError:
                return
            except OSError:
                self.receive_errors += 1
                continue
            self.received += 1
            self.slow_packets += 1
            host = source[0].partition("%")[0]
            if engine.admit(leg, (host, source[1]), scratch, size):
                self._handle(leg, scratch, size, int(monotonic() * CLOCK_RATE))

    def _handle(self, leg: int, buffer: memoryview, size: int, clock: int) -> None:
        """One packet, by the book."""
        route = self._legs.route[leg]
        size = self._engine.session.receive(leg, buffer, size, clock)
        if size:
            packet = buffer[:size]
            try:
                self._senders[route](packet)
            except OSError as error:
                self.failed(route, packet, error)

    def _receive_rtcp(self, leg: int, control: socket.socket) -> None:
        try:
            data = control.recv(MAX_PACKET + 1)
        except OSError:
            return
        self._engine.receive_rtcp(leg, data, monotonic())
