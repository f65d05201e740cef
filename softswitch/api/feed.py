"""Events for programs and pages (API-02): in order, from any sequence number on, and nothing is lost to who is slow.

A follower is a cursor. What happens now is handed over from memory; whoever is behind, because they begin in the past or
do not keep up, reads the journal until they are not. So a slow one costs a bounded piece of memory, and never waits us.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Protocol

AHEAD: Final = 2_000  # events that are kept for a follower in memory
BATCH: Final = 200  # events that are handed over at once

Line = dict[str, Any]  # seq, time, event, and the fields of the event


class Past(Protocol):
    """The journal."""

    def last(self) -> int:
        """The number of the last event that has happened."""
        ...

    async def read(self, after: int, limit: int) -> list[Line]:
        """Events from the one after `after` on, everything that has happened before the call included."""
        ...


class Follower:
    """One who follows. `wants(line)`: whether an event is for them; `after`: the last one that they know."""

    def __init__(self, feed: Feed, wants: Callable[[Line], bool], after: int) -> None:
        self.position = after  # up to here everything was handed over
        self._feed = feed
        self._wants = wants
        self._ahead: deque[Line] = deque()
        self._live = after >= feed.past.last()  # what happens is kept in memory for them
        self._more = asyncio.Event()

    def offer(self, line: Line) -> None:
        if not self._live:
            return
        if len(self._ahead) >= AHEAD:  # They read on in the journal.
            self._ahead.clear()
            self._live = False
        else:
            self._ahead.append(line)
        self._more.set()

    async def next(self) -> list[Line]:
        """The next events that are for them; waits until there is one."""
        while True:
            found = await (self._from_memory() if self._live else self._from_journal())
            if found:
                return found

    async def _from_memory(self) -> list[Line]:
        if not self._ahead:
            self._more.clear()
            await self._more.wait()
        found = [self._ahead.popleft() for _ in range(min(BATCH, len(self._ahead)))]
        return self._taken(found)

    async def _from_journal(self) -> list[Line]:
        reached = self._feed.past.last()
        found = await self._feed.past.read(self.position, BATCH)
        taken = self._taken(found)
        if len(found) < BATCH:
            # No await between this look and the next event: nothing can happen unseen.
            self.position = max(self.position, reached)
            self._live = self.position >= self._feed.past.last()
        return taken

    def _taken(self, lines: list[Line]) -> list[Line]:
        fresh = [line for line in lines if line["seq"] > self.position]
        if fresh:
            self.position = fresh[-1]["seq"]
        return [line for line in fresh if self._wants(line)]


class Feed:
    """All who follow."""

    def __init__(self, past: Past) -> None:
        self.past = past
        self._followers: set[Follower] = set()

    @property
    def followed(self) -> bool:
        return bool(self._followers)

    def publish(self, line: Line) -> None:
        for follower in self._followers:
            follower.offer(line)

    def follow(self, wants: Callable[[Line], bool], after: int | None = None) -> Follower:
        """Begin with what comes after the event `after`; None: with what happens from now on. Ends with `leave`."""
        follower = Follower(self, wants, self.past.last() if after is None else after)
        self._followers.add(follower)
        return follower

    def leave(self, follower: Follower) -> None:
        self._followers.discard(follower)
