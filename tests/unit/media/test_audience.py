"""The ears of a worker: who hears which packets."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from media.control import Bridge, Close
from media.relay.batch import Batch, Buffers
from media.rtp import CLOCK_RATE
from tests.unit.media.twins import World, audio


@dataclass
class Listener:
    """Remembers what it heard: (leg, packet, timestamp, kind, payload)."""

    heard: list[tuple[int, int, int, int, bytes]] = field(default_factory=list)
    batches: int = 0

    def hear(self, leg: int, packet: int, timestamp: int, kind: int, payload: memoryview, clock: int) -> None:
        self.heard.append((leg, packet, timestamp, kind, bytes(payload)))

    def hear_batch(
        self,
        legs: NDArray[np.int64],
        packets: NDArray[np.int64],
        timestamps: NDArray[np.uint32],
        octets: NDArray[np.uint8],
        sizes: NDArray[np.int64],
        clock: int,
    ) -> None:
        self.batches += 1
        for row, leg in enumerate(legs.tolist()):
            payload = octets[row, 12 : int(sizes[row])].tobytes()
            self.heard.append((leg, int(packets[row]), int(timestamps[row]), int(octets[row, 1]) & 0x7F, payload))


def test_each_listener_hears_its_legs() -> None:
    world = World()
    world.open(0, 1, 2)
    studio, first, second = world.engine.studio, Listener(), Listener()
    studio.subscribe(0, first)
    studio.subscribe(1, first)
    studio.subscribe(1, second)
    for leg in (0, 1, 2):
        world.arrive(leg, audio(5, payload=bytes((leg,)) * 160))
    assert [heard[0] for heard in first.heard] == [0, 1]
    assert second.heard == [(1, 5, 800, 0, b"\x01" * 160)]
    assert studio.listens(1, second) and not studio.listens(0, second)


def test_nobody_hears_after_unsubscribing_or_closing() -> None:
    world = World()
    world.open(0, 1)
    studio, listener = world.engine.studio, Listener()
    for leg in (0, 1):
        studio.subscribe(leg, listener)
        studio.subscribe(leg, listener)
    assert world.engine.legs.listening == 2
    studio.unsubscribe(0, listener)
    world.do(Close(1))
    assert world.engine.legs.listening == 0
    world.open(1)
    for leg in (0, 1):
        world.arrive(leg, audio(5))
    assert listener.heard == []


def test_another_listener_stays_when_one_leaves() -> None:
    world = World()
    world.open(0)
    studio, stays, leaves = world.engine.studio, Listener(), Listener()
    studio.subscribe(0, leaves)
    studio.subscribe(0, stays)
    studio.unsubscribe(0, leaves)
    world.arrive(0, audio(5))
    assert len(stays.heard) == 1 and leaves.heard == []


def test_listeners_disturb_no_relay() -> None:
    world = World()
    world.open(0, 1)
    world.do(Bridge(0, 1))
    listener = Listener()
    world.engine.studio.subscribe(0, listener)
    relayed = world.relayed(0, audio(5, payload=b"\x11" * 160))
    assert relayed.payload == b"\x11" * 160
    assert len(listener.heard) == 1


def test_a_batch_is_handed_over_in_one_piece() -> None:
    world = World()
    world.open(0, 1, 2, 3)
    world.do(Bridge(0, 1))
    studio, some, all_of_them = world.engine.studio, Listener(), Listener()
    for leg in (0, 2):
        studio.subscribe(leg, some)
    for leg in range(4):
        studio.subscribe(leg, all_of_them)
    buffers = Buffers(4)
    batch = Batch(world.engine.legs, buffers)
    batch.ears = studio
    for number in (5, 6):
        clock = int(world.now * CLOCK_RATE)
        for leg in range(4):
            data = bytes(audio(number, payload=bytes((leg, number)) * (80 - leg)))
            buffers.octets[leg, : len(data)] = np.frombuffer(data, np.uint8)
            buffers.leg[leg], buffers.size[leg] = leg, len(data)
        _, _, slow = batch.relay(4, clock)
        for leg in slow:
            world.engine.session.receive(leg, buffers.views[leg], int(buffers.size[leg]), clock)
    assert sorted(all_of_them.heard) == [
        (leg, number, number * 160, 0, bytes((leg, number)) * (80 - leg)) for leg in range(4) for number in (5, 6)
    ]
    assert sorted(some.heard) == [heard for heard in sorted(all_of_them.heard) if heard[0] in (0, 2)]
    assert some.batches == all_of_them.batches == 1
