"""The timers of RFC 3261 section 17, as first-in-first-out queues: one per length of time.

All timers of the section have one of about nine lengths, and what is armed later with the same length is due later, so
each queue is in order by construction. Arming is an append, and nothing is ever cancelled: a timer that fires in a state
without an arrow for it is dropped, as in the figures. A heap would cost ten times as much per transaction.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import Final, Generic, Protocol, TypeVar

T1: Final = 0.5  # seconds: the estimate of the round-trip time (RFC 3261 table 4)
T2: Final = 4.0  # seconds: the longest interval between retransmissions of a non-INVITE request or a response
T4: Final = 5.0  # seconds: how long a message may remain in the network
LINGER: Final = 64 * T1  # timers B, D, F, H, J, L, M
TRYING_DELAY: Final = 0.2  # seconds until 100 is sent for a silent TU (section 17.2.1)

NEVER: Final = float("inf")

W = TypeVar("W", bound=Hashable, contravariant=True)


class Timed(Protocol[W]):
    """What a timer belongs to."""

    def awaits(self, what: W) -> bool:
        """Whether this input still means anything."""
        ...

    def fire(self, what: W, now: float) -> None: ...


class TimerQueues(Generic[W]):
    """Timers without cancellation. `next` is never later than the first timer that matters, but may be earlier."""

    __slots__ = ("_queues", "next")

    def __init__(self) -> None:
        self._queues: dict[float, deque[tuple[float, Timed[W], W]]] = {}
        self.next = NEVER

    def arm(self, seconds: float, now: float, owner: Timed[W], what: W) -> None:
        at = now + seconds
        queue = self._queues.get(seconds)
        if queue is None:
            queue = self._queues[seconds] = deque()
        queue.append((at, owner, what))
        if at < self.next:
            self.next = at

    def expire(self, now: float) -> None:
        """Fire what is due. The order between timers of different lengths that are due at once is that of the lengths."""
        if now < self.next:
            return
        self.next = NEVER
        for seconds in sorted(self._queues):
            queue = self._queues[seconds]
            while queue and queue[0][0] <= now:
                _, owner, what = queue.popleft()
                owner.fire(what, now)
        for queue in self._queues.values():
            while queue and not queue[0][1].awaits(queue[0][2]):
                queue.popleft()
            if queue and queue[0][0] < self.next:
                self.next = queue[0][0]

    def __len__(self) -> int:
        """Entries held, fired or not."""
        return sum(map(len, self._queues.values()))
