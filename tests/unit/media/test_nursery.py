"""Workers that are born by fork: real processes on the loopback interface."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from media.client import MediaClient, adopt_worker, start_worker
from media.control import Echo, Failed, Ready, Stopped
from media.nursery import Nursery
from tests.unit.media.rig import Bench, free_ports

LEGS = 4


@pytest.fixture
def nursery() -> Iterator[Nursery]:
    found = Nursery()
    try:
        yield found
    finally:
        found.close()


def born(nursery: Nursery, base: int, handle: Path | None = None) -> MediaClient:
    return start_worker(
        hosts=("127.0.0.1",), base_port=base, legs=LEGS, relay="epoll", nursery=nursery, handle=handle, grace=30.0
    )


def test_a_worker_works_and_ends_when_it_is_told(nursery: Nursery) -> None:
    base = free_ports(LEGS)
    with born(nursery, base) as client:
        bench = Bench(client, base)
        ready = bench.wait(Ready)
        assert ready.pid == client.process.pid != os.getpid()  # type: ignore[union-attr]
        phone = bench.phone()
        bench.open(0, phone)
        client.post(Echo(0))
        bench.settle(1)
        phone.say(bench.port(0))
        phone.hear()
        phone.socket.close()
        client.process.send_signal(signal.SIGTERM)
        assert client.wait_for(Stopped)[-1] == Stopped(0, "exit status 0")
        assert not client.alive


def test_the_next_one_is_there_at_once_on_the_same_ports(nursery: Nursery) -> None:
    base = free_ports(LEGS)
    for _ in range(3):
        with born(nursery, base) as client:
            assert any(isinstance(event, Ready) for event in client.wait_for(Ready, 30.0))
            client.process.kill()
            assert client.wait_for(Stopped)[-1] == Stopped(0, "ended by signal SIGKILL")
    began = time.process_time()
    with born(nursery, base) as client:
        client.wait_for(Ready, 30.0)
    assert time.process_time() - began < 0.5, "nothing was imported here"


def test_a_worker_that_cannot_start_says_why(nursery: Nursery) -> None:
    base = free_ports(LEGS)
    with born(nursery, base) as first:
        first.wait_for(Ready, 30.0)
        with born(nursery, base) as second:
            failed, stopped = second.wait_for(Stopped, 30.0)
    assert isinstance(failed, Failed) and "already in use" in failed.reason
    assert stopped == Stopped(0, "exit status 1")


def test_workers_outlive_the_nursery_and_it_is_started_anew(nursery: Nursery) -> None:
    base = free_ports(2 * LEGS)
    with born(nursery, base) as first:
        first.wait_for(Ready, 30.0)
        assert nursery._process is not None
        nursery._process.kill()
        nursery._process.wait()
        assert first.alive
        with born(nursery, base + 2 * LEGS) as second:
            assert any(isinstance(event, Ready) for event in second.wait_for(Ready, 30.0))
        first.process.kill()
        assert first.wait_for(Stopped)[-1] == Stopped(0, "it ended")


def test_a_nursery_that_dies_before_the_birth(nursery: Nursery) -> None:
    client = born(nursery, free_ports(LEGS))
    assert nursery._process is not None
    nursery._process.kill()
    assert client.wait_for(Stopped, 30.0)[-1] == Stopped(0, "it ended")
    assert client.process.pid == 0 and not client.alive
    client.close()


def test_it_ends_with_whoever_started_it_and_its_workers_can_be_taken_over(tmp_path: Path) -> None:
    base, handle = free_ports(LEGS), tmp_path / "switch.sqlite.media-0"
    program = (
        "import os\nfrom pathlib import Path\n"
        "from media.client import start_worker\nfrom media.control import *\nfrom media.nursery import Nursery\n"
        "nursery = Nursery()\n"
        f"client = start_worker(hosts=('127.0.0.1',), base_port={base}, legs={LEGS}, relay='epoll',"
        f" handle=Path({str(handle)!r}), grace=30.0, nursery=nursery)\n"
        "client.wait_for(Ready, 30.0)\n"
        "client.post_all([Open(0, '127.0.0.1', 9, 'PCMU', 0), Open(1, '', 0, 'PCMU', 0), Close(1)])\n"
        "client.wait_for(Statistics)\n"
        f"Path({str(tmp_path / 'nursery')!r}).write_text(str(nursery._process.pid))\n"
        "os.kill(os.getpid(), 9)\n"
    )
    assert subprocess.run([sys.executable, "-c", program], timeout=60, check=False).returncode == -9
    client = adopt_worker(handle, hosts=("127.0.0.1",), base_port=base, legs=LEGS, relay="epoll")
    assert client is not None
    with client:
        assert any(isinstance(event, Ready) for event in client.wait_for(Ready))
    try:
        watcher = os.pidfd_open(int((tmp_path / "nursery").read_text()))
    except ProcessLookupError:
        return
    assert select.select([watcher], [], [], 10)[0]
    os.close(watcher)
