from __future__ import annotations

import asyncio
import math
import os
import socket
import statistics
import time
from collections.abc import AsyncIterator

import pytest

from softswitch.effects import Flow
from softswitch.net import bind
from softswitch.net.limits import Counters, Limits
from softswitch.net.udp import UdpListener, waited

from .conftest import Ear

MESSAGE = b"OPTIONS sip:a SIP/2.0\r\n\r\n"


@pytest.fixture
async def listener(ear: Ear) -> AsyncIterator[UdpListener]:
    listener = UdpListener(3, "127.0.0.1", 0, ear, counters=Counters(), limits=Limits(batch=8))
    listener.open()
    listener.start()
    yield listener
    listener.close()


@pytest.fixture
def phone() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.setblocking(False)
    return sock


async def test_a_datagram_comes_up_with_the_way_back(listener: UdpListener, ear: Ear, phone: socket.socket) -> None:
    with phone:
        phone.sendto(MESSAGE, ("127.0.0.1", listener.port))
        await ear.until(lambda: len(ear.heard) == 1)
        data, flow = ear.heard[0]
        assert data == MESSAGE
        assert flow == Flow("udp", "127.0.0.1", phone.getsockname()[1], 3)
        listener.send(b"SIP/2.0 200 OK\r\n\r\n", flow)
        assert await asyncio.get_running_loop().sock_recv(phone, 100) == b"SIP/2.0 200 OK\r\n\r\n"


async def test_a_long_queue_is_read_in_batches_and_reported_as_backlog(
    listener: UdpListener, ear: Ear, phone: socket.socket
) -> None:
    with phone:
        for _ in range(30):
            phone.sendto(MESSAGE, ("127.0.0.1", listener.port))
        await ear.until(lambda: len(ear.heard) == 30)
        assert ear.settles >= 4  # 30 datagrams in batches of 8
        assert ear.behind[0] == 0.0 and ear.behind[-1] > 0.0
        phone.sendto(MESSAGE, ("127.0.0.1", listener.port))
        await ear.until(lambda: len(ear.heard) == 31)
        assert ear.behind[-1] == 0.0  # The socket had been emptied.


async def test_busy_is_not_behind(listener: UdpListener, ear: Ear, phone: socket.socket) -> None:
    """A socket that is never empty, though nothing waits long in it: that is work, not overload."""
    with phone:

        def one_more(data: bytes, flow: Flow) -> None:
            if len(ear.heard) < 2_000:
                phone.sendto(MESSAGE, ("127.0.0.1", listener.port))

        ear.on_message = one_more
        began = time.monotonic()
        for _ in range(20):
            phone.sendto(MESSAGE, ("127.0.0.1", listener.port))
        await ear.until(lambda: len(ear.heard) >= 2_000)
        assert 0.0 < statistics.median(ear.behind[1_000:2_000]) < (time.monotonic() - began) / 5


def test_a_kernel_that_does_not_say_when_leaves_the_length_of_the_backlog() -> None:
    assert waited([]) == math.inf


@pytest.mark.parametrize("host, port", [("127.0.0.1", 70_000), ("127.0.0.1", 0), ("localhost", 5060), ("::1", 5060)])
async def test_what_cannot_be_sent_to_is_counted_and_nothing_breaks(
    listener: UdpListener, ear: Ear, phone: socket.socket, host: str, port: int
) -> None:
    listener.send(b"x" * 20, Flow("udp", host, port, 3))
    assert listener._counters.send_refused_address == 1
    with phone:
        phone.sendto(MESSAGE, ("127.0.0.1", listener.port))
        await ear.until(lambda: len(ear.heard) == 1)


async def test_a_port_nobody_listens_on_does_not_stop_the_listener(
    listener: UdpListener, ear: Ear, phone: socket.socket
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        dead = gone.getsockname()[1]
    for _ in range(5):
        listener.send(MESSAGE, Flow("udp", "127.0.0.1", dead, 3))
    with phone:
        phone.sendto(MESSAGE, ("127.0.0.1", listener.port))
        await ear.until(lambda: len(ear.heard) == 1)


async def test_a_message_larger_than_a_datagram_is_counted(listener: UdpListener) -> None:
    listener.send(b"x" * 70_000, Flow("udp", "127.0.0.1", 9, 3))
    assert listener._counters.send_errors == 1


async def test_keepalives_are_not_messages(listener: UdpListener, ear: Ear, phone: socket.socket) -> None:
    with phone:
        for keepalive in (b"\r\n\r\n", b"\0", b""):
            phone.sendto(keepalive, ("127.0.0.1", listener.port))
        phone.sendto(MESSAGE, ("127.0.0.1", listener.port))
        await ear.until(lambda: len(ear.heard) == 1)
    assert listener._counters.keepalives == 3


async def test_the_watchdog_opens_a_lost_socket_again_on_the_same_port(
    listener: UdpListener, ear: Ear, phone: socket.socket
) -> None:
    port = listener.port
    assert listener._socket is not None
    listener._socket.close()
    listener.check()
    await ear.until(lambda: bool(ear.alarms))
    assert ear.alarms[0][0] == "listener_lost"
    await ear.until(lambda: listener._counters.reopened == 1)
    with phone:
        phone.sendto(MESSAGE, ("127.0.0.1", port))
        await ear.until(lambda: len(ear.heard) == 1)


async def test_ipv6(ear: Ear) -> None:
    assert bind.has_ipv6(), "this test needs IPv6 on the loopback interface"
    listener = UdpListener(0, "::1", 0, ear, counters=Counters())
    listener.open()
    listener.start()
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as phone:
            phone.bind(("::1", 0))
            phone.setblocking(False)
            phone.sendto(MESSAGE, ("::1", listener.port))
            await ear.until(lambda: len(ear.heard) == 1)
            listener.send(b"SIP/2.0 200 OK", ear.heard[0][1])
            assert await asyncio.get_running_loop().sock_recv(phone, 100) == b"SIP/2.0 200 OK"
    finally:
        listener.close()


async def test_random_bytes_come_up_unchanged(listener: UdpListener, ear: Ear, phone: socket.socket) -> None:
    sent = [os.urandom(size) for size in (16, 500, 9000)]
    with phone:
        for data in sent:
            phone.sendto(data, ("127.0.0.1", listener.port))
        await ear.until(lambda: len(ear.heard) == 3)
    assert [data for data, _ in ear.heard] == sent
