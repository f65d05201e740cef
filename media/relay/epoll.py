"""The relay that runs everywhere: epoll says which legs have a packet, one packet of each is read into the buffer matrix, and
the matrix is handled as a whole. Below a certain number of packets the array arithmetic costs more than it saves; those
are handled one by one.
"""

from __future__ import annotations

from os import readv
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from media.engine import Engine
from media.legs import Legs
from media.player import deliver
from media.ports import PortPool
from media.relay.batch import Batch, Buffers
from media.relay.sockets import GUARDED, HANDLED, SocketRelay
from media.rtp import CLOCK_RATE, HEADER_SIZE

ROWS = 1024  # packets in one pass; what is ready beyond that is read in the next
CROSSOVER = 24  # packets from which on a batch is cheaper (bench/micro/relay.py)
_USUAL = HEADER_SIZE + 160


class EpollRelay(SocketRelay):
    """Gathers, computes, sends."""

    name = "epoll"

    def __init__(self, pool: PortPool, legs: Legs) -> None:
        super().__init__(pool, legs)
        self._buffers = Buffers(ROWS)
        self._batch = Batch(legs, self._buffers)
        self._targets = [(view,) for view in self._buffers.views]
        self._read_files: NDArray[np.int64] = np.zeros(ROWS, np.int64)

    def attach(self, engine: Engine) -> None:
        super().attach(engine)
        self._receive = engine.session.receive
        self._batch.ears = engine.session.ears

    def poll(self, timeout: float) -> int:
        reading, targets, sizes, files = self._reading, self._targets, self._buffers.sizes, self._read_files.data
        count = other = 0
        slow: list[int] = []
        for descriptor, _ in self._epoll.poll(timeout, ROWS):
            how = reading[descriptor]
            if how == HANDLED:
                slow.append(descriptor)
                continue
            try:
                size = readv(descriptor, targets[count])
            except OSError:
                self.receive_errors += 1
                continue
            if how == GUARDED:
                size = self._unwrap[descriptor](targets[count][0], size)
                if not size:
                    other += 1
                    continue
            sizes[count] = size
            files[count] = descriptor
            count += 1
        self.received += count + other
        if count:
            self.batches += 1
            self._buffers.leg[:count] = self._leg_of[self._read_files[:count]]
            clock = int(monotonic() * CLOCK_RATE)
            if count < CROSSOVER:
                self._one_by_one(range(count), clock)
            else:
                self._together(count, clock)
        for descriptor in slow:
            handle = self._slow.get(descriptor)
            if handle is not None:  # A packet before this one may have closed it.
                handle()
        self._attend()
        return count + other

    def _together(self, count: int, clock: int) -> None:
        rows, routes, slow = self._batch.relay(count, clock)
        if len(routes):
            sizes, views, usual = self._buffers.size, self._buffers.views, self._buffers.usual
            if rows is None and (sizes[:count] == _USUAL).all():
                packets = usual[:count]
            else:
                chosen = range(count) if rows is None else rows.tolist()
                packets = [views[row][: self._buffers.sizes[row]] for row in chosen]
            deliver(self, routes, packets)
        if slow:
            self.slow_packets += len(slow)
            self._one_by_one(slow, clock)

    def _one_by_one(self, rows: range | list[int], clock: int) -> None:
        receive, route_of, senders = self._receive, self._legs.route, self._senders
        legs, sizes, usual, views = self._buffers.legs, self._buffers.sizes, self._buffers.usual, self._buffers.views
        for row in rows:
            leg = legs[row]
            size = receive(leg, views[row], sizes[row], clock)
            if size:
                packet = usual[row] if size == _USUAL else views[row][:size]
                try:
                    senders[route_of[leg]](packet)
                except OSError as error:
                    self.failed(route_of[leg], packet, error)
