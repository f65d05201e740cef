"""The port pool: bound at once, or a clear word about why not."""

from __future__ import annotations

import resource
import socket
import threading
from collections.abc import Callable

import pytest

from media.ports import PortError, PortPool, drain, family_of, unconnect
from tests.unit.media.rig import free_ports


@pytest.fixture
def pool() -> PortPool:
    return PortPool(["127.0.0.1", "::1"], free_ports(4), 4)


def test_pairs_of_ports_for_each_family(pool: PortPool) -> None:
    for leg in range(4):
        for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            port = pool.base_port + 2 * leg
            assert pool.rtp(leg, family).getsockname()[:2] == (host, port)
            assert pool.rtcp(leg, family).getsockname()[:2] == (host, port + 1)
            assert not pool.rtp(leg, family).getblocking()
    pool.close()


def test_a_family_that_is_not_there(pool: PortPool) -> None:
    pool.close()
    pool = PortPool(["127.0.0.1"], free_ports(1), 1)
    with pytest.raises(OSError, match="no IPv6 address"):
        pool.rtp(0, socket.AF_INET6)
    pool.close()


@pytest.mark.parametrize(
    ("hosts", "base", "legs", "says"),
    [
        ([], 20_000, 1, "no host"),
        (["localhost"], 20_000, 1, "'localhost' is not an address"),
        (["127.0.0.1", "127.0.0.2"], 20_000, 1, "same family"),
        (["127.0.0.1"], 20_001, 1, "must be even"),
        (["127.0.0.1"], 1000, 1, "1000 to 1001 do not lie"),
        (["127.0.0.1"], 65_000, 1000, "65000 to 66999 do not lie"),
        (["127.0.0.1"], 20_000, 0, "no legs"),
        (["192.0.2.1"], 29_000, 1, "RTP port 29000 on 192.0.2.1: .* does not have that address"),
    ],
)
def test_what_cannot_be_is_said(hosts: list[str], base: int, legs: int, says: str) -> None:
    with pytest.raises(PortError, match=says):
        PortPool(hosts, base, legs)


def test_a_taken_port_is_named_and_the_others_are_given_back() -> None:
    base = free_ports(4)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", base + 4))
        with pytest.raises(PortError, match=rf"RTP port {base + 4} .*errno 98.*ss -lunp"):
            PortPool(["127.0.0.1"], base, 4)
    PortPool(["127.0.0.1"], base, 4).close()


def test_one_taken_port_of_many_costs_its_leg_only() -> None:
    base = free_ports(20)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", base + 7))  # the RTCP port of leg 3
        pool = PortPool(["127.0.0.1", "::1"], base, 20)
    assert pool.taken == {3}
    assert pool.rtp(4, socket.AF_INET).getsockname() == ("127.0.0.1", base + 8)
    assert pool.rtp(3, socket.AF_INET6).getsockname()[1] == base + 6
    pool.close()


def test_a_port_that_is_given_back_in_time_is_not_missed() -> None:
    base = free_ports(20)
    taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    taken.bind(("127.0.0.1", base))
    release = threading.Timer(0.05, taken.close)
    release.start()
    pool = PortPool(["127.0.0.1"], base, 20)
    release.join()
    assert pool.taken == set()
    assert pool.rtp(0, socket.AF_INET).getsockname() == ("127.0.0.1", base)
    pool.close()


def test_too_few_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 1024))

    def refuse(_: int, limits: tuple[int, int]) -> None:
        raise PermissionError

    monkeypatch.setattr(resource, "setrlimit", refuse)
    with pytest.raises(PortError, match=r"the limit is 1024: raise it .* at most 480 legs"):
        PortPool(["127.0.0.1"], 20_000, 2000)


def test_the_limit_of_files_is_raised_as_far_as_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (10, 5000))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: asked.append(limits))
    PortPool(["127.0.0.1"], free_ports(2), 2).close()
    assert len(asked) == 1 and 68 <= asked[0][0] < 5000 and asked[0][1] == 5000


def test_an_idle_port_keeps_next_to_nothing(pool: PortPool) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for _ in range(500):
            stranger.sendto(bytes(1000), ("127.0.0.1", pool.base_port))
    kept = 0
    try:
        while pool.rtp(0, socket.AF_INET).recv(2000):
            kept += 1
    except BlockingIOError:
        pass
    assert kept <= 4
    pool.close()


def open_pair() -> tuple[socket.socket, Callable[[], socket.socket]]:
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind(("127.0.0.1", free_ports(1)))  # The kernel forgets a port that it has chosen itself.
    receiver.setblocking(False)

    def sender() -> socket.socket:
        each = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        each.bind(("127.0.0.1", 0))
        return each

    return receiver, sender


def test_an_unconnected_socket_hears_everybody_again() -> None:
    receiver, sender = open_pair()
    friend, stranger = sender(), sender()
    receiver.connect(friend.getsockname())
    address = receiver.getsockname()
    stranger.sendto(b"no", address)
    friend.sendto(b"yes", address)
    assert receiver.recv(10) == b"yes"
    unconnect(receiver)
    assert receiver.getsockname() == address
    stranger.sendto(b"again", address)
    assert receiver.recv(10) == b"again"
    for each in (receiver, friend, stranger):
        each.close()


def test_draining() -> None:
    receiver, sender = open_pair()
    phone = sender()
    for _ in range(20):
        phone.sendto(b"old", receiver.getsockname())
    drain(receiver)
    with pytest.raises(BlockingIOError):
        receiver.recv(10)
    drain(receiver)
    receiver.close()
    phone.close()


def test_families() -> None:
    assert family_of("::1") == socket.AF_INET6 and family_of("192.0.2.1") == socket.AF_INET
