"""The receive requests of the `uring` relay: one for each leg that is aimed, which stays until it is cancelled or ends by itself.

Nothing is lost or duplicated when a leg is aimed elsewhere: a socket is emptied before its receive request begins, and the
request before it is cancelled first, in the same order in which they are submitted. Neither takes a packet in before the next
`Ring.enter`, and whatever that has brought is handled before anything is aimed again. Each request is marked with its
generation, so that what a cancelled one says is told from what the present one says.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from media.relay.iouring import (
    ASYNC_CANCEL,
    BUFFER_SELECT,
    FIXED_FILE,
    FLAGS,
    MARK,
    MORE,
    MULTISHOT,
    RECEIVE,
    SKIP_SUCCESS,
    SQE,
    USER,
)
from media.relay.sends import Sends

CANCELLED = 2 << 16  # mark of a cancellation; those of receives are below 1 << 16: their generation
GENERATIONS = 1 << 16


class Receives:
    """What is wanted of each leg, and what stands in the kernel."""

    def __init__(self, legs: int, sends: Sends) -> None:
        self._sends = sends
        self.place: NDArray[np.int32] = np.full(
            legs, -1, np.int32
        )  # of its socket in the ring's list of files; -1: not read
        self.unsettled = 0  # cancelled requests whose end has not been seen
        self._generation: NDArray[np.uint32] = np.zeros(legs, np.uint32)
        self._standing: NDArray[np.bool_] = np.zeros(legs, np.bool_)
        self._to_begin: list[int] = []
        self._to_cancel: list[int] = []

    def begin(self, leg: int, place: int) -> None:
        """Receive from this socket, from the next `order` on."""
        self.place[leg] = place
        self._to_begin.append(leg)

    def end(self, leg: int) -> None:
        """Receive no longer."""
        self.place[leg] = -1
        if self._standing[leg]:
            self._standing[leg] = False
            self._to_cancel.append(int(self._generation[leg]) << 32 | leg)
            self.unsettled += 1
        self._generation[leg] = (int(self._generation[leg]) + 1) % GENERATIONS

    @property
    def changed(self) -> bool:
        return bool(self._to_begin or self._to_cancel)

    def order(self) -> None:
        """Tell the kernel what has changed: the old request of a leg is cancelled before its new one begins."""
        if self._to_cancel:
            cancels = np.zeros(len(self._to_cancel), SQE)
            cancels["opcode"], cancels["fd"], cancels["flags"] = ASYNC_CANCEL, -1, SKIP_SUCCESS
            cancels["addr"], cancels["user"] = self._to_cancel, CANCELLED << 32
            self._to_cancel.clear()
            self._sends.request(cancels)
        if self._to_begin:
            legs = np.unique(np.array(self._to_begin, np.int64))
            self._to_begin.clear()
            legs = legs[(self.place[legs] >= 0) & ~self._standing[legs]]
            receives = np.zeros(len(legs), SQE)
            receives["opcode"], receives["flags"] = RECEIVE, FIXED_FILE | BUFFER_SELECT
            receives["ioprio"], receives["fd"] = MULTISHOT, self.place[legs]
            receives["user"] = self._generation[legs].astype(np.uint64) << np.uint64(32) | legs.astype(np.uint64)
            self._standing[legs] = True
            self._sends.request(receives)

    def current(self, done: NDArray[np.uint32]) -> NDArray[np.bool_]:
        """Which of these completions are of the present request of their leg."""
        current: NDArray[np.bool_] = done[:, MARK] == self._generation.take(done[:, USER])
        return current

    def note_ends(self, done: NDArray[np.uint32]) -> None:
        """Of these completions of receives, some may be the last of theirs. Those that are still wanted begin anew.

        A request ends when it is cancelled, when no buffer is left, with an error of the socket, and with an empty packet.
        """
        ended = done[done[:, FLAGS] & MORE == 0]
        if len(ended):
            current = self.current(ended)
            self.unsettled -= int(np.count_nonzero(~current))
            legs = ended[current, USER]
            self._standing[legs] = False
            self._to_begin += legs.tolist()
