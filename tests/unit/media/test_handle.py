"""Workers that outlive their commander: real processes on the loopback interface."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from media.client import MediaClient, adopt_worker, dismiss_worker, start_worker
from media.control import Bridge, Close, Echo, Open, Play, PlayDone, Ready, Statistics, Stopped, Tone
from media.handle import Card, take_over
from tests.unit.media.rig import Bench, Phone, free_ports

LEGS = 4
GRACE = 30.0


class World:
    """A folder for handles, and every process that was started: none is left behind."""

    def __init__(self, folder: Path) -> None:
        self.handle = folder / "switch.sqlite.media-0"
        self.base = free_ports(LEGS)
        self.clients: list[MediaClient] = []
        self.pids: dict[int, int] = {}

    @property
    def plan(self) -> dict[str, Any]:
        return {"hosts": ("127.0.0.1",), "base_port": self.base, "legs": LEGS, "relay": "epoll"}

    def start(self, grace: float = GRACE) -> Bench:
        return self.bench(start_worker(**self.plan, handle=self.handle, grace=grace))

    def adopt(self, **changes: Any) -> Bench | None:
        client = adopt_worker(self.handle, **self.plan | changes)
        return self.bench(client) if client is not None else None

    def bench(self, client: MediaClient) -> Bench:
        self.clients.append(client)
        pid = client.process.pid
        if pid not in self.pids:
            self.pids[pid] = os.pidfd_open(pid)
        bench = Bench(client, self.base)
        bench.wait(Ready)
        return bench

    def ended(self, pid: int, timeout: float = 10.0) -> bool:
        return bool(select.select([self.pids[pid]], [], [], timeout)[0])

    def close(self) -> None:
        for client in self.clients:
            client.abandon()
        for watcher in self.pids.values():
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(watcher, signal.SIGKILL)
            select.select([watcher], [], [], 10)
            os.close(watcher)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    # As deep as a path of a socket must not be (107 octets), to prove that it may.
    folder = tmp_path / ("d" * 120)
    folder.mkdir()
    world = World(folder)
    try:
        yield world
    finally:
        world.close()


def test_a_call_goes_on_and_is_taken_over(world: World) -> None:
    bench = world.start()
    one, two = bench.phone(), bench.phone()
    bench.open(0, one)
    bench.open(1, two, ssrc=77)
    bench.client.post(Bridge(0, 1))
    bench.settle(2)
    one.say(bench.port(0))
    before = two.hear()
    pid = bench.client.process.pid
    bench.client.abandon()  # as a kill -9 does: without a word
    for _ in range(20):
        one.say(bench.port(0))
    heard = two.listen(20)
    assert [packet.sequence for packet in heard] == [(before.sequence + n) & 0xFFFF for n in range(1, 21)]
    assert not any(packet.marker for packet in heard)

    after = world.adopt()
    assert after is not None and after.client.process.pid == pid
    opens = [one for one in after.client.standing if isinstance(one, Open)]
    assert [(each.leg, each.port, each.ssrc) for each in opens] == [(0, one.address[1], 0), (1, two.address[1], 77)]
    assert after.client.standing[2:] == [Bridge(0, 1)] * 2
    one.say(after.port(0))
    assert two.hear().sequence == (heard[-1].sequence + 1) & 0xFFFF
    after.client.post(Close(0))
    assert after.wait(Statistics).packets_received == 22  # type: ignore[union-attr]
    after.client.close()
    assert world.ended(pid)
    assert not world.handle.exists()


def test_what_happened_meanwhile_is_told(world: World) -> None:
    bench = world.start()
    phone = bench.phone()
    bench.open(0, phone)
    bench.client.post(Play(0, 9, (), 1))  # nothing to play: done at once
    bench.wait(PlayDone)
    bench.client.post(Echo(0))
    bench.settle(1)
    bench.client.abandon()
    phone.press(bench.port(0), 5)
    phone.say(bench.port(0))
    phone.listen(1)
    after = world.adopt()
    assert after is not None
    (digit,) = [event for event in after.seen if type(event).__name__ == "Digit"]
    assert digit.digit == "5"  # type: ignore[union-attr]
    assert after.client.standing[1:] == [Echo(0)]


def test_the_handle_is_private(world: World) -> None:
    world.start()
    assert stat.S_IMODE(world.handle.stat().st_mode) == 0o600


def test_without_calls_it_ends_at_once(world: World) -> None:
    bench = world.start()
    bench.client.abandon()
    assert world.ended(bench.client.process.pid)
    assert not world.handle.exists()


def test_nobody_comes_in_time(world: World) -> None:
    bench = world.start(grace=0.3)
    bench.open(0, bench.phone())
    bench.settle(1)
    bench.client.abandon()
    assert world.ended(bench.client.process.pid)
    assert not world.handle.exists()
    assert world.adopt() is None


@pytest.mark.parametrize("change", [{"legs": 3}, {"base_port": 30_000}, {"hosts": ("127.0.0.2",)}, {"worker": 1}])
def test_another_worker_than_wanted_is_ended(world: World, change: dict[str, Any]) -> None:
    bench = world.start()
    bench.open(0, bench.phone())
    bench.settle(1)
    bench.client.abandon()
    assert world.adopt(**change) is None
    assert world.ended(bench.client.process.pid, 0)


def test_another_format_is_ended(world: World) -> None:
    bench = world.start()
    bench.open(0, bench.phone())
    bench.settle(1)
    bench.client.abandon()
    card = Card(0, ("127.0.0.1",), world.base, LEGS, "epoll", format=1)
    assert take_over(world.handle, card) is None
    assert world.ended(bench.client.process.pid, 0)


def test_a_worker_that_is_commanded_listens_to_nobody_else(world: World) -> None:
    bench = world.start()
    assert world.adopt() is None
    dismiss_worker(world.handle)
    bench.client.post(Tone(3, "busy"))  # for a leg that is not open, which it says
    assert bench.client.wait_for(Stopped, 0.5)[0].what == "unknown leg"  # type: ignore[union-attr]
    assert bench.client.alive


def test_what_a_killed_worker_left_is_swept(world: World) -> None:
    bench = world.start()
    bench.client.process.kill()
    bench.client.close()
    assert world.handle.exists()
    assert world.adopt() is None
    assert not world.handle.exists()


def test_a_worker_that_does_not_answer_is_killed(world: World) -> None:
    bench = world.start()
    bench.open(0, bench.phone())
    bench.settle(1)
    bench.client.process.send_signal(signal.SIGSTOP)
    bench.client.abandon()
    assert world.adopt() is None
    assert world.ended(bench.client.process.pid, 0)


def test_a_visitor_that_goes_away_does_no_harm(world: World) -> None:
    bench = world.start()
    bench.open(0, bench.phone())
    bench.settle(1)
    bench.client.abandon()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as visitor:
        folder = os.open(world.handle.parent, os.O_RDONLY)
        visitor.connect(f"/proc/self/fd/{folder}/{world.handle.name}")
        os.close(folder)
        visitor.settimeout(5)
        assert visitor.recv(8192)
    assert world.adopt() is not None


def test_it_is_taken_over_again_and_again(world: World) -> None:
    bench = world.start()
    phone = bench.phone()
    bench.open(0, phone)
    bench.client.post(Echo(0))
    bench.settle(1)
    for _ in range(3):
        bench.client.abandon()
        found = world.adopt()
        assert found is not None
        bench = found
        phone.say(bench.port(0))
        phone.hear()


def test_a_real_kill(world: World) -> None:
    phone = Phone("127.0.0.2")
    program = (
        "import os\nfrom pathlib import Path\n"
        "from media.client import start_worker\nfrom media.control import *\n"
        f"client = start_worker(hosts=('127.0.0.1',), base_port={world.base}, legs={LEGS}, relay='epoll',"
        f" handle=Path({str(world.handle)!r}), grace={GRACE})\n"
        "client.wait_for(Ready)\n"
        f"client.post_all([Open(0, {phone.address[0]!r}, {phone.address[1]}, 'PCMU', 0), Tone(0, 'ringback')])\n"
        f"client.post_all([Open(1, '', 0, 'PCMU', 0), Close(1)])\n"
        "client.wait_for(Statistics)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    # No pipe: the worker would hold its other end, and the test wait for that.
    ended = subprocess.run([sys.executable, "-c", program], timeout=30, check=False)
    assert ended.returncode == -9
    after = world.adopt()
    assert after is not None
    first = phone.hear()
    packets = phone.listen(25)
    assert [packet.sequence for packet in packets] == [(first.sequence + n) & 0xFFFF for n in range(1, 26)]
