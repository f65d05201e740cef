"""The media plane over one death after the other: real workers, no switch."""

from __future__ import annotations

import asyncio
import os
import select
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from media.control import Close, Music, Open, Ready, Statistics
from softswitch.effects import MediaCommand
from softswitch.mediaplane import MediaPlane, WorkerPlan
from tests.unit.media.rig import free_ports

LEGS = 4


class Lives:
    """Planes on the same handles and ports, one after the other."""

    def __init__(self, folder: Path) -> None:
        self.handles = folder / "x.sqlite.media-"
        self.base = free_ports(LEGS)
        self.events: list[Any] = []
        self.plane: MediaPlane

    async def start(self, *, base: int = 0, grace: float = 30.0) -> None:
        plan = WorkerPlan(base or self.base, LEGS, ("127.0.0.1",), "epoll")
        self.events = []
        self.plane = MediaPlane(
            [plan], lambda worker, event: self.events.append(event), handles=self.handles, grace=grace
        )
        self.plane.start()
        await self.plane.wait()

    def kill(self) -> None:
        """As a kill -9: nothing is told to anybody."""
        (slot,) = self.plane._slots
        assert slot.worker is not None
        asyncio.get_running_loop().remove_reader(slot.fd)
        slot.worker.abandon()
        self.plane._nursery.close()

    async def call(self) -> int:
        """Open a leg with music; the worker's process."""
        self.plane.begin()
        for command in (Open(0, "127.0.0.1", 9, "PCMU", 0), Music(0, "x"), Open(1, "", 0, "PCMU", 0), Close(1)):
            self.plane.post(MediaCommand(0, command))
        await self.told(lambda event: isinstance(event, Statistics))
        return self.pid

    @property
    def pid(self) -> int:
        pid: int = self.plane.rows()[0]["pid"]
        return pid

    async def told(self, what: Callable[[Any], bool]) -> None:
        async with asyncio.timeout(30):
            while not any(map(what, self.events)):  # noqa: ASYNC110 - the events are a plain list
                await asyncio.sleep(0.01)


@pytest.fixture
async def lives(tmp_path: Path) -> Any:
    found = Lives(tmp_path)
    await found.start()
    yield found
    found.plane.close()


async def test_the_next_plane_goes_on_with_the_worker_and_tells_what_it_does(lives: Lives) -> None:
    pid = await lives.call()
    lives.kill()
    await lives.start()
    assert lives.pid == pid and lives.plane.rows()[0]["adopted"]
    (commands,) = lives.plane.standing().values()
    assert [type(one) for one in commands] == [Open, Music]
    assert [type(event) for event in lives.events] == [Ready]


async def test_what_happens_to_legs_is_told_when_the_calls_are_back(lives: Lives) -> None:
    await lives.call()
    lives.kill()
    await lives.start()
    lives.plane.post(MediaCommand(0, Close(0)))
    lives.plane.post(MediaCommand(0, Open(1, "", 0, "PCMU", 0)))
    await asyncio.sleep(0.2)  # it would have been told by now
    assert [type(event) for event in lives.events] == [Ready]
    lives.plane.begin()
    assert Statistics in [type(event) for event in lives.events]


async def test_a_start_that_fails_leaves_the_calls_to_the_next(lives: Lives) -> None:
    pid = await lives.call()
    lives.kill()
    await lives.start()
    lives.plane.close()
    await lives.start()
    assert lives.pid == pid
    watcher = os.pidfd_open(pid)
    lives.plane.begin()
    lives.plane.close()  # of a switch that has run: its worker ends
    assert select.select([watcher], [], [], 30)[0]
    os.close(watcher)
    assert not list(lives.handles.parent.glob("*.media-*"))


async def test_other_ports_end_the_old_worker(lives: Lives) -> None:
    pid = await lives.call()
    watcher = os.pidfd_open(pid)
    lives.kill()
    await lives.start(base=free_ports(LEGS))
    assert select.select([watcher], [], [], 0)[0], "it has ended before the new one began"
    os.close(watcher)
    assert lives.pid != pid and not lives.plane.standing()


async def test_without_grace_workers_end_with_the_plane(lives: Lives) -> None:
    lives.plane.close()
    await lives.start(grace=0.0)
    pid = await lives.call()
    watcher = os.pidfd_open(pid)
    lives.kill()
    assert select.select([watcher], [], [], 30)[0]
    os.close(watcher)


async def test_a_worker_that_dies_is_replaced_at_once(lives: Lives) -> None:
    pid = await lives.call()
    lives.events.clear()
    os.kill(pid, 9)
    await lives.told(lambda event: isinstance(event, Ready))
    assert lives.pid != pid and lives.plane.rows()[0]["restarts"] == 1
