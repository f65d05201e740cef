from __future__ import annotations

import socket

import pytest

from softswitch.net.address import family, is_loopback, join_host_port, sendable, split_host_port


@pytest.mark.parametrize(
    "host, expected",
    [
        ("192.0.2.7", socket.AF_INET),
        ("::1", socket.AF_INET6),
        ("2001:db8::5", socket.AF_INET6),
        ("localhost", 0),
        ("example.com", 0),
        ("127.1", 0),  # inet_aton would take these three
        ("0x7f.0.0.1", 0),
        ("2130706433", 0),
        ("127.0.0.1\0", 0),
        ("", 0),
        ("0.0.0.0", 0),
        ("::", 0),
        ("224.0.0.1", 0),
        ("255.255.255.255", 0),
        ("١.٢.٣.٤", 0),
    ],
)
def test_only_literals_that_can_be_answered(host: str, expected: int) -> None:
    assert family(host) == expected


@pytest.mark.parametrize("port", [0, -1, 65_536, 70_000, 1 << 40])
def test_a_port_that_no_socket_has_is_never_sent_to(port: int) -> None:
    assert not sendable("192.0.2.7", port, socket.AF_INET)


def test_a_literal_of_the_other_family_is_never_sent_to() -> None:
    assert sendable("192.0.2.7", 5060, socket.AF_INET)
    assert not sendable("::1", 5060, socket.AF_INET)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("0.0.0.0:5060", ("0.0.0.0", 5060)),
        ("[::]:5070", ("::", 5070)),
        ("::1", ("::1", 5060)),
        ("[::1]", ("::1", 5060)),
        ("10.0.0.1", ("10.0.0.1", 5060)),
        ("127.0.0.1:0", ("127.0.0.1", 0)),
    ],
)
def test_listen_addresses_as_people_write_them(text: str, expected: tuple[str, int]) -> None:
    assert split_host_port(text) == expected


@pytest.mark.parametrize("text", ["", "phone:5060", "1.2.3.4:70000", "1.2.3.4:5o60", "[::1", "[::1]5060", "1.2.3.4:²"])
def test_a_wrong_listen_address_says_so(text: str) -> None:
    with pytest.raises(ValueError, match=r"address|port"):
        split_host_port(text)


@pytest.mark.parametrize("host, port", [("10.0.0.1", 5060), ("::1", 5061)])
def test_joining_inverts_splitting(host: str, port: int) -> None:
    assert split_host_port(join_host_port(host, port)) == (host, port)


def test_loopback() -> None:
    assert is_loopback("127.3.2.1") and is_loopback("::1") and is_loopback("localhost")
    assert not is_loopback("0.0.0.0") and not is_loopback("10.0.0.1") and not is_loopback("example.com")
