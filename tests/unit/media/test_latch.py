"""Where packets may come from (RELIABILITY section 3, MED-30)."""

from __future__ import annotations

import pytest

from media.latch import CANDIDATES, Latch, literal, remote
from media.rtp import Packet
from tests.unit.media.twins import audio

PHONE = ("203.0.113.7", 40_000)


def accepts(latch: Latch, source: tuple[str, int], packet: Packet | bytes, payload_type: int = 0) -> bool:
    data = bytes(packet)
    return latch.accepts(source, payload_type, data, len(data))


def test_two_packets_of_one_stream_settle_it() -> None:
    latch = Latch("203.0.113.7", None)
    assert not accepts(latch, PHONE, audio(1))
    assert accepts(latch, PHONE, audio(2))


def test_another_host_never_does() -> None:
    latch = Latch("203.0.113.7", ("192.168.1.2", 4000))
    assert not any(accepts(latch, ("203.0.113.8", 40_000), audio(n)) for n in range(10))
    assert latch.foreign(("203.0.113.8", 40_000))
    assert not latch.foreign(PHONE)


def test_the_stated_address_is_believed() -> None:
    latch = Latch("203.0.113.7", ("198.51.100.1", 5000))
    assert not accepts(latch, ("198.51.100.1", 5000), audio(1))
    assert accepts(latch, ("198.51.100.1", 5000), audio(2))


def test_another_port_of_the_stated_host_is_not() -> None:
    latch = Latch("203.0.113.7", ("198.51.100.1", 5000))
    assert not any(accepts(latch, ("198.51.100.1", 5002), audio(n)) for n in range(10))


@pytest.mark.parametrize(
    "packet",
    [
        audio(1, kind=8),  # a type that was not negotiated
        audio(1, kind=101),  # DTMF does not open the door
        audio(1, payload=b""),
        b"\x80\x00\x00",
        b"\x40" + bytes(audio(1))[1:],
        b"\x00\x01\x00\x00\x21\x12\xa4\x42" + bytes(12),  # STUN
        b"\x16\xfe\xff" + bytes(40),  # DTLS
    ],
)
def test_what_is_not_the_negotiated_audio_does_not_count(packet: Packet | bytes) -> None:
    latch = Latch("203.0.113.7", None)
    assert not any(accepts(latch, PHONE, packet) for _ in range(5))


def test_a_changing_ssrc_does_not_count() -> None:
    latch = Latch("203.0.113.7", None)
    assert not any(accepts(latch, PHONE, audio(n, ssrc=n)) for n in range(10))


def test_a_neighbour_behind_the_same_nat_cannot_keep_the_phone_out() -> None:
    latch = Latch("203.0.113.7", None)
    assert not accepts(latch, PHONE, audio(1))
    for n in range(5):
        assert not accepts(latch, ("203.0.113.7", 50_000 + n), audio(n, ssrc=n))
    assert accepts(latch, PHONE, audio(2))


def test_its_memory_is_bounded() -> None:
    latch = Latch("203.0.113.7", None)
    for n in range(1000):
        accepts(latch, ("203.0.113.7", 1024 + n), audio(n, ssrc=n))
    assert len(latch._candidates) == CANDIDATES


def test_where_to_send_before() -> None:
    assert Latch("203.0.113.7", PHONE).reachable == PHONE
    assert Latch("203.0.113.7", ("192.168.1.2", 4000)).reachable is None
    assert Latch("203.0.113.7", None).reachable is None


@pytest.mark.parametrize(
    ("host", "canonical"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("", ""),
        ("0.0.0.0", ""),
        ("::", ""),
        ("224.0.0.1", ""),
        ("127.1", ""),
        ("0x7f.1", ""),
        ("phone.example.com", ""),
        ("192.0.2.1\0", ""),
    ],
)
def test_literals(host: str, canonical: str) -> None:
    assert literal(host) == canonical


@pytest.mark.parametrize(("port", "good"), [(1, True), (65_535, True), (0, False), (65_536, False), (-1, False)])
def test_ports(port: int, good: bool) -> None:
    assert (remote("192.0.2.1", port) is not None) is good
