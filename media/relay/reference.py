"""The plain relay: reads each socket in turn and does to each packet what `session.py` says, one after the other.

It is what every faster relay is compared with, and the one to choose when a fault is to be understood.
"""

from __future__ import annotations

from os import readv
from time import monotonic

from media.relay.sockets import GUARDED, HANDLED, SocketRelay
from media.rtp import CLOCK_RATE


def _nothing() -> None:
    """The leg was closed by a packet before this one."""


class ReferenceRelay(SocketRelay):
    """One packet at a time."""

    name = "reference"

    def poll(self, timeout: float) -> int:
        count = 0
        for descriptor, _ in self._epoll.poll(timeout):
            reading = self._reading[descriptor]
            if reading == HANDLED:
                self._slow.get(descriptor, _nothing)()
                continue
            try:
                size = readv(descriptor, (self._scratch,))
            except OSError:
                self.receive_errors += 1
                continue
            count += 1
            if reading == GUARDED:
                size = self._unwrap[descriptor](self._scratch, size)
                if not size:
                    continue
            self._handle(int(self._leg_of[descriptor]), self._scratch, size, int(monotonic() * CLOCK_RATE))
        self._attend()
        self.received += count
        self.slow_packets += count
        return count
