"""What is handed to a server outside and may fail for a while: one at a time, tried again after growing pauses."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

FIRST = 30.0  # seconds; twice as long each time ...
DOUBLINGS = 20  # ... as far as numbers go


class Attempted(Protocol):
    """Something on its way. The moments are those of one clock."""

    first: float  # when it was tried first
    at: float  # when it is tried next
    attempts: int


Item = TypeVar("Item", bound=Attempted)


class Retrying(Generic[Item]):
    """What waits. `attempt(item)` removes it or postpones it; `longest`: between two attempts, in seconds of `clock`."""

    def __init__(self, attempt: Callable[[Item], Awaitable[None]], clock: Callable[[], float], longest: float) -> None:
        self.items: list[Item] = []
        self._attempt = attempt
        self._clock = clock
        self._longest = longest
        self._more = asyncio.Event()

    def __len__(self) -> int:
        return len(self.items)

    def add(self, item: Item) -> None:
        self.items.append(item)
        self._more.set()

    def postpone(self, item: Item, give_up: float) -> bool:
        """After a failure: try again later; False: `give_up` seconds have passed since the first attempt."""
        now = self._clock()
        if now - item.first >= give_up:
            return False
        item.at = now + min(FIRST * 2 ** min(item.attempts - 1, DOUBLINGS), self._longest)
        return True

    async def attempt(self, item: Item) -> None:
        item.attempts += 1
        await self._attempt(item)

    async def run(self) -> None:
        """Attempt what is due, one after the other, until cancelled."""
        while True:
            self._more.clear()
            now = self._clock()
            due = min(self.items, key=lambda item: item.at, default=None)
            if due is not None and due.at <= now:
                await self.attempt(due)
                continue
            try:
                await asyncio.wait_for(self._more.wait(), None if due is None else due.at - now)
            except TimeoutError:
                continue
