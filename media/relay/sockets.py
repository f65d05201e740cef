"""The sockets of the legs, and what every relay that reads them through the socket interface does alike.

A leg whose remote address is settled has a connected socket: the kernel delivers packets from there only, so what strangers
send costs this process nothing. A leg that waits for its latch has an unconnected one, read packet by packet. A leg with a
transport (`guard`) differs in two calls: what is read from its socket is unwrapped before anything else is done to it, and
what is sent goes through its sender, as its entry in `files` is -1.
"""

from __future__ import annotations

import contextlib
import select
import socket
from collections.abc import Callable
from time import monotonic, sleep

import numpy as np
from numpy.typing import NDArray

from media.engine import Engine
from media.latch import Address
from media.legs import Legs
from media.player import deliver
from media.ports import RCVBUF_CLOSED, RCVBUF_OPEN, PortPool, drain, family_of, unconnect
from media.rows import Rows
from media.rtcp import MAX_PACKET
from media.rtp import CLOCK_RATE
from media.transport import Transport

GATHER = 0.002  # seconds between looks under load
BUSY = 2000  # packets per second: from there on, looking costs less than being woken
BURST = 64  # packets read in a row from a leg that waits for its latch: a flood must not hold up the others
BACKLOG = 512  # packets: more than a socket holds
SCRATCH = 2048
DOOR_PACKETS, DOOR_WINDOW = 16, 0.02  # how many packets of strangers are looked at in so many seconds, during a call
MAX_OTHER_FILES = 1024  # descriptors below this may be watched even if no port has one as high

# How a descriptor is read: by its handler; or straight into a buffer, whose contents are RTP, or have to be unwrapped first.
HANDLED, PLAIN, GUARDED = range(3)


def _nowhere(_: memoryview) -> int:
    return 0


def _wrapping(transport: Transport, send: Callable[[memoryview], object]) -> Callable[[memoryview], object]:
    """A sender of what the transport makes of a packet."""
    wrap = transport.wrap

    def sender(packet: memoryview) -> None:
        wrapped = wrap(packet)
        if wrapped:
            try:
                send(wrapped)
            except ConnectionRefusedError:
                send(wrapped)  # As in `failed`, which must not wrap it a second time: that would be a replay.

    return sender


class SocketRelay:
    """Sockets, their registration with epoll, and the packets that are handled one by one."""

    name = "sockets"

    def __init__(self, pool: PortPool, legs: Legs) -> None:
        self.received = self.slow_packets = self.batches = 0
        self.send_errors = self.receive_errors = self.kernel_packets = 0
        self._pool = pool
        self._legs = legs
        self._senders: list[Callable[[memoryview], object]] = [_nowhere] * legs.count
        self._targets_of: list[Address | None] = [None] * legs.count  # where listening legs send already
        self._rtcp_addresses: list[Address | None] = [None] * legs.count
        self._live: list[socket.socket | None] = [None] * legs.count  # RTP sockets that are read
        self._controls: list[socket.socket | None] = [None] * legs.count  # and those of RTCP
        self._doors: dict[int, dict[int, socket.socket]] = {}  # of legs with open doors, by address family
        self._visits: dict[int, tuple[float, int]] = {}  # of second sockets: since when, how many packets
        self._resting: dict[int, float] = {}  # those that are not read until then
        self._connected: set[int] = set()
        self._transports: list[Transport | None] = [None] * legs.count
        # By descriptor: how it is read, whose it is, and what to do with the others. Plain octets
        # and numbers, because at a thousand calls every object that a packet touches has left the cache since the last one.
        self._reading = bytearray(max(pool.files, MAX_OTHER_FILES))
        self._leg_of: NDArray[np.int64] = np.full(len(self._reading), -1, np.int64)
        self._unwrap: dict[int, Callable[[memoryview, int], int]] = {}  # of guarded ones
        self._slow: dict[int, Callable[[], object]] = {}
        self._files: NDArray[np.int64] = np.full(legs.count, -1, np.int64)
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

    def pace(self, packets_per_second: float) -> float:
        return GATHER if packets_per_second >= BUSY else 0.0

    def poll(self, timeout: float) -> int:
        raise NotImplementedError

    def gather(self, until: float) -> int:
        if (nap := until - monotonic()) > 0:
            sleep(nap)
        return self.poll(0.0)

    # --- sending -----------------------------------------------------------------------------------------------------

    @property
    def senders(self) -> list[Callable[[memoryview], object]]:
        return self._senders

    @property
    def files(self) -> NDArray[np.int64]:
        return self._files

    def failed(self, leg: int, packet: memoryview, error: OSError) -> None:
        """A connected socket reports the ICMP error of an earlier packet in place of sending this one: once more."""
        if isinstance(error, ConnectionRefusedError):
            try:
                self._senders[leg](packet)
            except OSError:
                self.send_errors += 1
        else:
            self.send_errors += 1

    def deliver(self, legs: NDArray[np.int64], rows: Rows, size: int) -> None:
        deliver(self, legs, rows.packets(len(legs), size))

    def send_rtcp(self, leg: int, data: bytes) -> None:
        control = self._controls[leg]
        if control is None:
            control = self._open_rtcp(leg)
        if control is not None:
            try:
                control.send(data)
            except OSError:
                self.send_errors += 1  # A phone without RTCP: it answers each report with an ICMP error.

    def send_datagram(self, leg: int, data: bytes, to: Address | None = None) -> None:
        media = self._live[leg]
        if to is not None:
            media = self._doors.get(leg, {}).get(family_of(to[0]), media)
        if media is None:
            return
        try:
            if to is None:
                media.send(data)
            else:
                media.sendto(data, to)
        except OSError:
            self.send_errors += 1

    # --- where legs send and receive ---------------------------------------------------------------------------------

    def aim(self, leg: int, rtp: Address, rtcp: Address, *, keep: bool) -> None:
        media = self._pool.rtp(leg, family_of(rtp[0]))
        if not keep:
            self.quiet(leg)
        self._connect(media, rtp)
        if not keep:
            # What arrived for the call before this one, or from a stranger before the socket was connected.
            drain(media)
            self._open_rtp(leg, media)
        self._slow.pop(media.fileno(), None)
        self._begin(leg, media, admitted=keep)
        self._rtcp_addresses[leg] = rtcp
        self._targets_of[leg] = None
        self._attach_leg(leg)

    def listen(self, leg: int, host: str, rtp: Address | None) -> None:
        media = self._pool.rtp(leg, family_of(host))
        self.quiet(leg)
        self._disconnect(media)
        drain(media)
        self._open_rtp(leg, media)
        self._epoll.register(media.fileno(), select.EPOLLIN)
        self._slow[media.fileno()] = lambda: self._admit(leg, media)
        self._targets_of[leg] = rtp
        self._attach_leg(leg)

    # A leg with open doors has a socket per address family that takes packets from anybody, one by one. Once an address is
    # selected, the socket of its family is connected to it, and read as any other that is aimed; a second one on the same
    # port stands open for everybody else: their flood neither fills the buffer of the first, nor takes its turn.

    def open_doors(self, leg: int) -> None:
        self.quiet(leg)
        for media in self._pool.all_rtp(leg):
            self._disconnect(media)
            drain(media)
            self._open_door(leg, media)

    def select(self, leg: int, rtp: Address) -> None:
        family, live = family_of(rtp[0]), self._live[leg]
        media = self._pool.rtp(leg, family)
        self._connect(media, rtp)
        if live is media:
            return
        if live is not None:
            self._close_door(leg, live.family)
            self._end(leg, live)
            self._reading[live.fileno()] = HANDLED
            self._disconnect(live)
            self._open_door(leg, live)
        self._doors[leg].pop(family, None)
        self._slow.pop(media.fileno(), None)
        self._open_rtp(leg, media)
        self._begin(leg, media, admitted=True)
        self._targets_of[leg] = None
        self._attach_leg(leg)
        with contextlib.suppress(OSError):  # Without a door the far end cannot move, but it can talk.
            door = self._pool.door(leg, family)
            self._open_door(leg, door)
            self._slow[door.fileno()] = lambda: self._visit(leg, door)

    def sift(self, leg: int) -> None:
        """Judge what came to a leg before its address was selected: the fast path takes what it finds for the phone's."""
        media = self._live[leg]
        if media is not None:
            self._admit(leg, media)

    def _open_door(self, leg: int, door: socket.socket) -> None:
        self._doors.setdefault(leg, {})[door.family] = door
        door.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RCVBUF_OPEN)
        self._epoll.register(door.fileno(), select.EPOLLIN)
        self._slow[door.fileno()] = lambda: self._admit(leg, door)

    def _close_door(self, leg: int, family: int) -> None:
        door = self._doors.get(leg, {}).pop(family, None)
        if door is None:
            return
        if self._resting.pop(door.fileno(), None) is None:
            self._epoll.unregister(door.fileno())
        self._visits.pop(door.fileno(), None)
        self._slow.pop(door.fileno(), None)
        if door is self._pool.rtp(leg, family):
            door.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RCVBUF_CLOSED)
        else:
            door.close()

    def _visit(self, leg: int, door: socket.socket) -> None:
        """Read the second socket of a leg. What comes too fast waits, or is dropped by the kernel: the call goes on elsewhere."""
        now, descriptor = monotonic(), door.fileno()
        since, count = self._visits.get(descriptor, (now, 0))
        if now - since >= DOOR_WINDOW:
            since, count = now, 0
        count += self._admit(leg, door, DOOR_PACKETS - count)
        self._visits[descriptor] = since, count
        if count >= DOOR_PACKETS:
            self._epoll.unregister(descriptor)
            self._resting[descriptor] = since + DOOR_WINDOW

    def _disconnect(self, media: socket.socket) -> None:
        if media.fileno() in self._connected:
            unconnect(media)
            self._connected.discard(media.fileno())

    def guard(self, leg: int, transport: Transport | None) -> None:
        self._transports[leg] = transport
        if self._live[leg] is not None:
            self._attach_leg(leg)

    def _attach_leg(self, leg: int) -> None:
        """How a live socket is read, and how it is written to."""
        media, transport = self._live[leg], self._transports[leg]
        assert media is not None, "only legs that receive are attached"
        descriptor = media.fileno()
        aimed = descriptor not in self._slow
        self._reading[descriptor] = HANDLED if not aimed else PLAIN if transport is None else GUARDED
        self._unwrap.pop(descriptor, None)
        if transport is not None:
            self._unwrap[descriptor] = transport.unwrap
        target = self._targets_of[leg]
        send: Callable[[memoryview], object] = _nowhere
        if aimed:
            send = media.send
        elif target is not None:
            send = lambda packet: media.sendto(packet, target)  # noqa: E731
        wraps = transport is not None and transport.wraps
        self._files[leg] = descriptor if aimed and not wraps else -1
        self._senders[leg] = _wrapping(transport, send) if transport is not None and wraps else send

    def quiet(self, leg: int) -> None:
        self._senders[leg], self._rtcp_addresses[leg], self._files[leg] = _nowhere, None, -1
        for family in list(self._doors.get(leg, ())):
            self._close_door(leg, family)
        self._doors.pop(leg, None)
        live, self._live[leg] = self._live[leg], None
        control, self._controls[leg] = self._controls[leg], None
        if live is not None:
            if self._reading[live.fileno()] != HANDLED:
                self._end(leg, live)
            else:
                self._epoll.unregister(live.fileno())
        if control is not None:
            self._epoll.unregister(control.fileno())
        # Left connected: until its next call the kernel refuses what anybody but the last peer sends it.
        for each in (live, control):
            if each is not None:
                descriptor = each.fileno()
                self._reading[descriptor] = HANDLED
                self._unwrap.pop(descriptor, None)
                self._slow.pop(descriptor, None)
                each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RCVBUF_CLOSED)

    def _begin(self, leg: int, media: socket.socket, *, admitted: bool) -> None:
        """Read the packets of a leg that is aimed. `admitted`: until now it was one that waits for its latch."""
        if not admitted:
            self._epoll.register(media.fileno(), select.EPOLLIN)

    def _end(self, leg: int, media: socket.socket) -> None:
        """Read them no longer."""
        self._epoll.unregister(media.fileno())

    def _connect(self, opened: socket.socket, address: Address) -> None:
        if opened.fileno() in self._connected:
            unconnect(opened)
        opened.connect(address)
        self._connected.add(opened.fileno())

    def _open_rtp(self, leg: int, media: socket.socket) -> None:
        self._live[leg] = media
        self._leg_of[media.fileno()] = leg
        media.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RCVBUF_OPEN)

    def _open_rtcp(self, leg: int) -> socket.socket | None:
        """The RTCP port is looked after from the first report on: most calls that fail are over by then."""
        address = self._rtcp_addresses[leg]
        if address is None:
            return None
        control = self._pool.rtcp(leg, family_of(address[0]))
        self._connect(control, address)
        drain(control)
        control.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RCVBUF_OPEN // 4)
        self._epoll.register(control.fileno(), select.EPOLLIN)
        self._slow[control.fileno()] = lambda: self._receive_rtcp(leg, control)
        self._controls[leg] = control
        return control

    # --- packets one by one ------------------------------------------------------------------------------------------

    def _admit(self, leg: int, media: socket.socket, most: int = BURST) -> int:
        """Read a leg that waits for its latch. Once it is settled, what came before the socket was connected is sifted."""
        engine, scratch, count = self._engine, self._scratch, 0
        # Once the socket is connected it must be emptied: the fast path takes what it finds for the phone's.
        while count < most or self._reading[media.fileno()]:
            try:
                size, source = media.recvfrom_into(scratch)
            except BlockingIOError:
                break
            except OSError:
                self.receive_errors += 1
                count += 1
                continue
            count += 1
            host = source[0].partition("%")[0]
            size = engine.admit(leg, (host, source[1]), scratch, size)
            if size:
                self._handle(leg, scratch, size, int(monotonic() * CLOCK_RATE))
        self.received += count
        self.slow_packets += count
        return count

    def catch_up(self, leg: int) -> int:
        media, transport = self._live[leg], self._transports[leg]
        if media is None:
            return -1
        for count in range(BACKLOG):
            try:
                size = media.recv_into(self._scratch)
            except BlockingIOError:
                return count
            except OSError:
                self.receive_errors += 1
                continue
            self.received += 1
            if transport is not None:
                size = transport.unwrap(self._scratch, size)
                if not size:
                    continue
            self.slow_packets += 1
            self._handle(leg, self._scratch, size, int(monotonic() * CLOCK_RATE))
        return -1

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

    def _attend(self) -> None:
        """To be called at the end of `poll`: what was put aside by transports may open, close and aim legs."""
        if self._engine.inbox:
            self._engine.attend(monotonic())
        if self._resting:
            now = monotonic()
            for descriptor, until in list(self._resting.items()):
                if now >= until:
                    del self._resting[descriptor]
                    self._epoll.register(descriptor, select.EPOLLIN)

    def _receive_rtcp(self, leg: int, control: socket.socket) -> None:
        try:
            data = control.recv(MAX_PACKET + 1)
        except OSError:
            return
        self._engine.receive_rtcp(leg, data, monotonic())
