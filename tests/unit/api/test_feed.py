"""Followers of events: in order, complete, and none waits for another."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from softswitch.api.feed import AHEAD, BATCH, Feed, Line


class Journal:
    """Events that have happened, written a moment later."""

    def __init__(self, first: int = 1) -> None:
        self.lines: list[Line] = []
        self.first = first
        self.reads = 0

    def last(self) -> int:
        return self.lines[-1]["seq"] if self.lines else self.first - 1

    async def read(self, after: int, limit: int) -> list[Line]:
        self.reads += 1
        for _ in range(3):
            await asyncio.sleep(0)
        return [line for line in self.lines if line["seq"] > after][:limit]


class World:
    def __init__(self) -> None:
        self.journal = Journal()
        self.feed = Feed(self.journal)

    def happen(self, count: int = 1, name: str = "call.started") -> None:
        for _ in range(count):
            line: dict[str, Any] = {"seq": self.journal.last() + 1, "event": name}
            self.journal.lines.append(line)
            self.feed.publish(line)


def everything(line: Line) -> bool:
    return True


def seqs(lines: list[Line]) -> list[int]:
    return [line["seq"] for line in lines]


async def take(follower: Any, count: int) -> list[int]:
    found: list[int] = []
    async with asyncio.timeout(5):
        while len(found) < count:
            found += seqs(await follower.next())
    return found


async def test_from_now_on_and_from_the_past_on() -> None:
    world = World()
    world.happen(3)
    now, past = world.feed.follow(everything), world.feed.follow(everything, after=1)
    world.happen(2)
    assert await take(now, 2) == [4, 5]
    assert await take(past, 4) == [2, 3, 4, 5]
    world.happen(1)
    assert await take(now, 1) == await take(past, 1) == [6]
    assert world.journal.reads <= 3, "whoever has caught up reads no journal"


async def test_a_slow_one_misses_nothing_and_costs_little() -> None:
    world = World()
    slow = world.feed.follow(everything)
    world.happen(AHEAD + 5 * BATCH)
    assert len(slow._ahead) <= AHEAD
    assert await take(slow, AHEAD + 5 * BATCH) == list(range(1, AHEAD + 5 * BATCH + 1))
    world.happen(2)
    assert len(await take(slow, 2)) == 2


async def test_only_what_is_wanted() -> None:
    world = World()
    follower = world.feed.follow(lambda line: line["event"].startswith("queue."), after=0)
    world.happen(3)
    world.happen(1, "queue.entered")
    world.happen(3)
    assert await take(follower, 1) == [4]
    assert follower.position >= 4
    waiting = asyncio.ensure_future(follower.next())
    world.happen(5)
    await asyncio.sleep(0)
    world.happen(1, "queue.left")
    assert seqs(await asyncio.wait_for(waiting, 5)) == [13]


async def test_nobody_is_kept_after_leaving() -> None:
    world = World()
    follower = world.feed.follow(everything)
    assert world.feed.followed
    world.feed.leave(follower)
    assert not world.feed.followed


async def test_whatever_the_pace_everything_comes_once_and_in_order() -> None:
    rng = random.Random(5)
    for _ in range(20):
        world = World()
        world.happen(rng.randrange(400))
        after = rng.randrange(world.journal.last() + 1)
        follower, found = world.feed.follow(everything, after=after), list[int]()
        for _ in range(60):
            world.happen(rng.choice((0, 1, 5, 300, AHEAD)) if rng.random() < 0.3 else rng.randrange(3))
            if rng.random() < 0.6 and world.journal.last() > (found[-1] if found else after):
                found += seqs(await follower.next())
        while not found or found[-1] < world.journal.last():
            if world.journal.last() == after:
                break
            found += seqs(await follower.next())
        assert found == list(range(after + 1, world.journal.last() + 1))
