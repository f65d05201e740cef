"""Events for programs and pages (API-02): in order, from any sequence number on, and nothing is lost to who is slow.

A follower is a cursor. What happens now is handed over from memory; whoever is behind, because they begin in the past or
do not keep up, reads the journal until they are not. So a slow one costs a bounded piece of memory, and never waits us.

Where a connection takes octets at once (`Sink`), what happens within a beat is written to it in one piece: an event is put
into JSON once, whoever sees the same gets the same octets, and no task wakes up for it. So 500 who look cost little more than
one, and calls wait for no more than `SLICE` of them.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from itertools import islice
from typing import Any, Final, Protocol

BEAT: Final = 0.02  # seconds that events are gathered for connections
SLICE: Final = 50  # connections that are written to before the loop may do something else
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


class Sink(Protocol):
    """A WebSocket connection that takes frames at once."""

    @property
    def full(self) -> bool:
        """It does not keep up, or is gone: nothing is to be written."""
        ...

    def push(self, frames: bytes) -> None: ...


class Follower:
    """One who follows. `wants(line)`: whether an event is for them; `after`: the last one that they know."""

    def __init__(self, feed: Feed, wants: Callable[[Line], bool], after: int) -> None:
        self.position = after  # up to here everything was handed over
        self._feed = feed
        self._wants = wants
        self._ahead: deque[Line] = deque()
        self._live = after >= feed.past.last()  # what happens is kept in memory for them
        self._more = asyncio.Event()
        self._fell: asyncio.Event | None = None  # set when `_sink` no longer keeps up; None: there is none
        self._sink: Sink | None = None

    @property
    def live(self) -> bool:
        """Whether everything that happened before now was handed over, or is in memory."""
        return self._live

    async def stream(self, sink: Sink, view: Callable[[], Hashable]) -> None:
        """Write to `sink` what happens, until it does not keep up; `next` goes on from there. Only for one who is `live`.

        `view`: asked at each beat; whoever has the same sees the same.
        """
        if self._ahead or self.position < self._feed.past.last():  # It happened while what was before was being sent.
            self._fall()
            return
        fell = self._fell = asyncio.Event()
        self._sink = sink
        self._feed.streams[self] = view
        try:
            await fell.wait()
        finally:
            del self._feed.streams[self]
            self._fell = self._sink = None
            self._fall()

    def _fall(self) -> None:
        """Read on in the journal."""
        self._ahead.clear()
        self._live = self.position >= self._feed.past.last()

    def take(self, frames: bytes, first: int, last: int, own: Callable[[int], bytes]) -> None:
        """The frames of a beat, of the events from `first` to `last`; `own(position)`: only those after it."""
        sink, fell = self._sink, self._fell
        if sink is None or fell is None or fell.is_set():
            return
        if sink.full:
            fell.set()
            return
        if self.position >= first:
            frames = own(self.position)
        if frames:
            sink.push(frames)
        self.position = max(self.position, last)

    def wants(self, line: Line) -> bool:
        return self._wants(line)

    def offer(self, line: Line) -> None:
        if not self._live or self._sink is not None:
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
        self.streams: dict[Follower, Callable[[], Hashable]] = {}  # with what each sees now
        self._fresh: list[Line] = []  # what happened since the last beat
        self._beating = False
        self.encoded = 0  # events that were put into JSON for connections

    @property
    def followed(self) -> bool:
        return bool(self._followers)

    def publish(self, line: Line) -> None:
        for follower in self._followers:
            follower.offer(line)
        if self.streams:
            self._fresh.append(line)
            if not self._beating:
                self._beating = True
                asyncio.get_running_loop().call_later(BEAT, self._beat)

    def follow(self, wants: Callable[[Line], bool], after: int | None = None) -> Follower:
        """Begin with what comes after the event `after`; None: with what happens from now on. Ends with `leave`."""
        follower = Follower(self, wants, self.past.last() if after is None else after)
        self._followers.add(follower)
        return follower

    def leave(self, follower: Follower) -> None:
        self._followers.discard(follower)

    def _beat(self) -> None:
        lines, self._fresh = self._fresh, []
        self._write(self._deliveries(lines))

    def _write(self, deliveries: Iterator[None]) -> None:
        loop = asyncio.get_running_loop()
        if sum(1 for _ in islice(deliveries, SLICE)) == SLICE:
            loop.call_soon(self._write, deliveries)  # Calls go first.
        elif self._fresh:
            loop.call_later(BEAT, self._beat)
        else:
            self._beating = False

    def _deliveries(self, lines: list[Line]) -> Iterator[None]:
        """Hand a beat's events over, one follower at each step."""
        frames: dict[int, bytes] = {}  # by the number of the event

        def framed(found: list[Line]) -> bytes:
            for line in found:
                if line["seq"] not in frames:
                    frames[line["seq"]] = frame(text_of(line))
                    self.encoded += 1
            return b"".join([frames[line["seq"]] for line in found])

        if not lines:
            return
        first, last = lines[0]["seq"], lines[-1]["seq"]
        views: dict[Hashable, tuple[list[Line], bytes]] = {}
        for follower, view in list(self.streams.items()):
            seen = view()
            if seen not in views:
                found = [line for line in lines if follower.wants(line)]
                views[seen] = found, framed(found)
            found, whole = views[seen]

            def own(position: int, found: list[Line] = found) -> bytes:
                return framed([line for line in found if line["seq"] > position])

            follower.take(whole, first, last, own)
            yield


def text_of(line: Line) -> str:
    """An event as followers read it."""
    return json.dumps(line, separators=(",", ":"), default=str)


def frame(text: str) -> bytes:
    """A text message of a server in one WebSocket frame (RFC 6455 section 5.2)."""
    data = text.encode()
    size = len(data)
    if size < 126:
        head = bytes((0x81, size))
    elif size < 1 << 16:
        head = b"\x81\x7e" + size.to_bytes(2)
    else:
        head = b"\x81\x7f" + size.to_bytes(8)
    return head + data
