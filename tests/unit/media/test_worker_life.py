"""A worker as a process: how it starts, how it ends, who notices."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys

import pytest

from media.client import MediaClient, start_worker
from media.control import (
    Bridge,
    Close,
    Failed,
    Latched,
    Open,
    Ready,
    Statistics,
    Stopped,
    WorkerEvent,
)
from tests.unit.media.rig import Bench, free_ports


def test_a_taken_port_is_named_before_ready() -> None:
    base = free_ports(4)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", base + 3))
        with start_worker(1, hosts=("127.0.0.1",), base_port=base, legs=4) as client:
            failed, stopped = client.wait_for(Stopped)
    assert isinstance(failed, Failed) and failed.worker == 1
    assert f"RTCP port {base + 3} on 127.0.0.1" in failed.reason and "errno 98" in failed.reason
    assert stopped == Stopped(1, "exit status 1")


def test_the_worker_ends_on_sigterm_and_the_client_tells() -> None:
    with start_worker(hosts=("127.0.0.1",), base_port=free_ports(2), legs=2) as client:
        client.wait_for(Ready)
        client.process.send_signal(signal.SIGTERM)
        assert client.wait_for(Stopped)[-1] == Stopped(0, "exit status 0")
        assert not client.alive
        assert client.events() == []


def test_a_killed_worker_is_noticed() -> None:
    with start_worker(hosts=("127.0.0.1",), base_port=free_ports(2), legs=2) as client:
        client.wait_for(Ready)
        client.process.kill()
        assert client.wait_for(Stopped)[-1] == Stopped(0, "ended by signal SIGKILL")


def test_the_worker_ends_with_its_parent() -> None:
    program = (
        "import sys, os\n"
        "from media.client import start_worker\n"
        "from media.control import Ready\n"
        f"client = start_worker(hosts=('127.0.0.1',), base_port={free_ports(2)}, legs=2)\n"
        "client.wait_for(Ready)\n"
        "print(client.process.pid, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)
    pid = int(ended.stdout)
    try:
        watcher = os.pidfd_open(pid)
    except ProcessLookupError:
        return  # It has ended already.
    ready, _, _ = select.select([watcher], [], [], 5.0)
    os.close(watcher)
    assert ready, "the worker outlived its parent"


def test_ipv6_beside_ipv4() -> None:
    base = free_ports(3)
    with start_worker(hosts=("127.0.0.1", "::1"), base_port=base, legs=3) as client:
        bench = Bench(client, base)
        bench.wait(Ready)
        four, six = bench.phone("127.0.0.2"), bench.phone("::1")
        bench.open(0, four)
        client.post(Open(1, "", 0, "PCMU", 0, 101, latch_host="0:0:0:0:0:0:0:1"))
        client.post(Bridge(0, 1))
        bench.settle(2)
        for _ in range(2):
            six.say(("::1", base + 2))
        assert bench.wait(Latched) == Latched(1, *six.address)
        four.hear()
        four.say(("127.0.0.1", base), b"\x44" * 160)
        assert six.hear().payload == b"\x44" * 160
        for phone in bench.phones:
            phone.socket.close()


def test_the_client_imports_no_numpy() -> None:
    program = "import sys, media.client, media.control; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize("policy", ["asyncio", "uvloop"])
def test_events_arrive_in_a_loop(policy: str) -> None:
    import asyncio

    import uvloop

    async def scenario(client: MediaClient) -> list[WorkerEvent]:
        loop = asyncio.get_running_loop()
        seen: list[WorkerEvent] = []
        stopped = loop.create_future()

        def read() -> None:
            seen.extend(client.events())
            if any(isinstance(event, Ready) for event in seen) and not any(isinstance(e, Statistics) for e in seen):
                client.post_all([Open(0, "", 0, "PCMU", 0), Close(0)])
            if any(isinstance(event, Statistics) for event in seen) and client.alive:
                client.process.send_signal(signal.SIGTERM)
            if any(isinstance(event, Stopped) for event in seen):
                loop.remove_reader(client.fileno())
                stopped.set_result(None)

        loop.add_reader(client.fileno(), read)
        await asyncio.wait_for(stopped, 20)
        return seen

    factory = uvloop.new_event_loop if policy == "uvloop" else asyncio.new_event_loop
    with (
        start_worker(hosts=("127.0.0.1",), base_port=free_ports(2), legs=2) as client,
        asyncio.Runner(loop_factory=factory) as runner,
    ):
        seen = runner.run(scenario(client))
    kinds = [type(event) for event in seen]
    assert kinds[0] is Ready and kinds[-1] is Stopped and Statistics in kinds
