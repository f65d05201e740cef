"""Followers of events: in order, complete, and none waits for another."""

from __future__ import annotations

import asyncio
import json
import random
import sys
from typing import Any

from softswitch.api.feed import AHEAD, BATCH, BEAT, SLICE, Feed, Line, frame


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


# --- connections to which everything is written at once ---------------------------------------------------------------


class Wire:
    """A connection. `full`: it does not keep up."""

    def __init__(self) -> None:
        self.full = False
        self.pushed: list[bytes] = []

    def push(self, frames: bytes) -> None:
        self.pushed.append(frames)

    def seqs(self) -> list[int]:
        return [line["seq"] for frames in self.pushed for line in unframed(frames)]


def unframed(data: bytes) -> list[Line]:
    """The messages of unmasked text frames (RFC 6455)."""
    found = []
    while data:
        assert data[0] == 0x81
        size, at = data[1], 2
        if size >= 126:
            at = 4 if size == 126 else 10
            size = int.from_bytes(data[2:at])
        found.append(json.loads(data[at : at + size]))
        data = data[at + size :]
    return found


async def beat(world: World) -> None:
    """The next beat is now, and all its slices are written."""
    world.feed._beat()
    for _ in range(20):
        await asyncio.sleep(0)


async def test_an_event_is_written_once_for_all_who_see_the_same() -> None:
    world = World()
    wires = [Wire() for _ in range(3 * SLICE)]
    following = [
        asyncio.ensure_future(world.feed.follow(everything).stream(wire, lambda: "everything")) for wire in wires
    ]  # fmt: skip
    await asyncio.sleep(0)
    world.happen(4)
    await beat(world)
    assert all(wire.seqs() == [1, 2, 3, 4] and len(wire.pushed) == 1 for wire in wires)
    assert all(wire.pushed[0] is wires[0].pushed[0] for wire in wires) and world.feed.encoded == 4
    for one in following:
        one.cancel()
    await asyncio.gather(*following, return_exceptions=True)
    world.happen(1)
    await beat(world)
    assert world.feed.encoded == 4, "nobody looks, and nothing is written"


async def test_the_loop_may_do_something_else_between_slices_of_connections() -> None:
    world = World()
    following = []
    for number in range(4 * SLICE):

        def own(number: int = number) -> int:
            return number

        following.append(asyncio.ensure_future(world.feed.follow(everything).stream(Wire(), own)))
    await asyncio.sleep(0)
    followers, most, before = list(world.feed._followers), 0, 0
    world.happen(1)
    while before < len(followers):
        await asyncio.sleep(0)
        done = sum(follower.position == 1 for follower in followers)
        most, before = max(most, done - before), done
    assert 0 < most <= SLICE
    for one in following:
        one.cancel()


async def test_each_view_gets_its_own() -> None:
    world = World()
    all_of_it, some = Wire(), Wire()
    following = [
        asyncio.ensure_future(world.feed.follow(everything).stream(all_of_it, lambda: "all")),
        asyncio.ensure_future(world.feed.follow(lambda line: line["seq"] % 2 == 0).stream(some, lambda: "even")),
    ]
    await asyncio.sleep(0)
    world.happen(5)
    await beat(world)
    world.happen(1, "queue.entered")
    await beat(world)
    assert all_of_it.seqs() == [1, 2, 3, 4, 5, 6] and some.seqs() == [2, 4, 6]
    for one in following:
        one.cancel()


async def test_whoever_does_not_keep_up_reads_the_journal_and_comes_back() -> None:
    rng = random.Random(11)
    for _ in range(10):
        world, wire, found = World(), Wire(), list[int]()
        world.happen(rng.randrange(3))
        follower = world.feed.follow(everything, after=0)

        async def follow(follower: Any = follower, wire: Wire = wire, found: list[int] = found) -> None:
            while True:
                if follower.live:
                    await follower.stream(wire, lambda: "all")
                    found += wire.seqs()
                    wire.pushed.clear()
                else:
                    found += seqs(await follower.next())

        following = asyncio.ensure_future(follow())
        for _ in range(40):
            world.happen(rng.randrange(4))
            wire.full = rng.random() < 0.3
            if rng.random() < 0.5:
                await asyncio.sleep(BEAT * rng.random())
        wire.full = False
        world.happen(1)
        last = world.journal.last()
        async with asyncio.timeout(5):
            while follower.position < last:
                await beat(world)
        following.cancel()
        assert found + wire.seqs() == list(range(1, last + 1))


def test_the_size_of_a_frame() -> None:
    for size in (0, 1, 125, 126, 65_535, 65_536):
        text = json.dumps("x" * size)
        assert unframed(frame(text)) == [json.loads(text)]


async def test_who_looks_costs_little() -> None:
    """What a beat of ten events for five hundred who see the same costs: functions in Python, which nothing else disturbs."""
    world, lines, followers = World(), 10, 500
    following = [
        asyncio.ensure_future(world.feed.follow(everything).stream(Wire(), lambda: "everything")) for _ in range(followers)
    ]  # fmt: skip
    await asyncio.sleep(0)
    called = 0

    def count(frame: Any, event: str, _: Any) -> None:
        nonlocal called
        called += event == "call"

    world.happen(lines)
    sys.setprofile(count)
    try:
        await beat(world)
    finally:
        sys.setprofile(None)
    for one in following:
        one.cancel()
    assert all(follower.position == lines for follower in world.feed._followers)
    assert called < 6 * followers + 100 * lines, f"{called}: per event and follower there is nothing to be done"
