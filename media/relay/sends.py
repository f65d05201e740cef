"""The sends of the `uring` relay: each slot for a request is filled in beforehand as one; a packet takes three numbers."""

from __future__ import annotations

import ctypes
import os
import socket
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from media.relay.iouring import FIXED_FILE, MARK, RESULT, SEND, SKIP_SUCCESS, USER, Ring

SENT = 1 << 16  # mark of a send; its number is that of its slot

Failed = Callable[[int, memoryview, OSError], None]


class Sends:
    """Fills in slots and submits them. `failed(file, packet, error)` is told of each packet that the kernel did not take."""

    def __init__(self, ring: Ring, failed: Failed) -> None:
        self._ring = ring
        self._failed = failed
        requests = ring.requests
        requests["opcode"], requests["flags"] = SEND, FIXED_FILE | SKIP_SUCCESS
        # MSG_DONTWAIT: the packet is sent, or has failed, when the system call returns; its row may be used again.
        requests["op_flags"] = socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL
        requests["user"] = SENT << 32 | np.arange(len(requests), dtype=np.uint64)
        self._template = requests.copy()
        self._file, self._address, self._size = requests["fd"], requests["addr"], requests["len"]

    def queue(self, files: NDArray[np.int32], addresses: NDArray[np.uint64], sizes: NDArray[np.int64]) -> None:
        """Packets to be sent with the next `submit`, or before it if there are more than slots."""
        done, count = 0, len(files)
        while done < count:
            start, stop = self._ring.room(count - done)
            if start == stop:
                self.submit()
                continue
            part = slice(done, done + stop - start)
            self._file[start:stop], self._address[start:stop], self._size[start:stop] = (
                files[part],
                addresses[part],
                sizes[part],
            )
            self._ring.advance(stop - start)
            done += stop - start

    def submit(self) -> None:
        """Send what is queued. All of it is done afterwards."""
        ring = self._ring
        if not ring.waiting:
            return
        ring.submit()
        done = ring.completions()
        # Nothing else completes here: packets are taken in only by the system call that waits for them.
        if done is not None and (done[:, MARK] == SENT).all():
            ring.release()
            for slot, result in zip(done[:, USER].tolist(), done[:, RESULT].view(np.int32).tolist(), strict=True):
                self._tell(slot, -result)

    def _tell(self, slot: int, code: int) -> None:
        """The slot still holds what was to be sent."""
        file, address, size = int(self._file[slot]), int(self._address[slot]), int(self._size[slot])
        packet = memoryview((ctypes.c_char * size).from_address(address)).cast("B")
        self._failed(file, packet, OSError(code, os.strerror(code)))

    def request(self, requests: NDArray[Any]) -> None:
        """Submit requests that are no sends."""
        ring, done = self._ring, 0
        while done < len(requests):
            start, stop = ring.room(len(requests) - done)
            ring.requests[start:stop] = requests[done : done + stop - start]
            ring.advance(stop - start)
            ring.submit()
            ring.requests[start:stop] = self._template[start:stop]
            done += stop - start
