"""RTP bleed and injection, junk and floods, on real sockets: what strangers send is neither heard nor answered."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from functools import cache
from itertools import product
from random import Random

import pytest

from media import rtcp, stun
from media.control import Bridge, Echo, Latched, Open, Tone
from media.dtls import Identity
from media.relay.sockets import DOOR_PACKETS
from media.rtp import Packet
from tests.unit.media.loopback import ICE, SecurePhone, Switch, check_ice, shake_hands
from tests.unit.media.relays import relays
from tests.unit.media.rig import Phone
from tests.unit.media.test_dtls import client
from tests.unit.media.test_dtls import taken as datagrams_of
from tests.unit.media.test_transports import secret
from tests.unit.media.twins import audio

NAT = "127.0.0.9"
EVIL = b"\x66" * 160


@pytest.fixture(params=relays("tcx", "uring", "epoll", "reference"))
def switch(request: pytest.FixtureRequest) -> Iterator[Switch]:
    switch = Switch(request.param)
    yield switch
    switch.close()


@cache
def junk(ssrc: int = 77) -> list[bytes]:
    """What has no business on a port of RTP."""
    report = rtcp.build(rtcp.Report(ssrc, rtcp.SenderInfo(1, 2, 3, 4), cname="x", goodbye=(ssrc,)))
    stun = bytes.fromhex("000100002112a442") + bytes(12)
    (hello,) = datagrams_of(client(Identity(b"m"), None))
    return [
        b"",
        b"\x80",
        bytes(172),
        b"\xff" * 172,
        bytes(Packet(99, 5, 800, ssrc, EVIL)),
        bytes(Packet(0, 5, 800, ssrc, b"\x66" * 1589)),
        bytes(Packet(0, 5, 800, ssrc, b"\x66" * 8000)),
        b"\x9f" + bytes(Packet(0, 5, 800, ssrc, EVIL))[1:40],
        report,
        report[:-3],
        stun,
        stun + bytes(200),
        hello,
        hello[:40],
        b"\x16\xfe\xfd" + bytes(60),
        b"\x15\xfe\xfd" + bytes(8) + b"\x00\x02\x02\x28",
        *(Random(seed).randbytes(1 + 37 * seed) for seed in range(20)),
    ]


def attack(switch: Switch, stranger: Phone, port: tuple[str, int], ssrc: int = 77) -> None:
    """Everything at once: audio that looks as the phone's does, and junk."""
    for number in range(5):
        for data in (bytes(audio(number, payload=EVIL, ssrc=ssrc)), bytes(audio(number, payload=EVIL, ssrc=666))):
            send(stranger, data, port)
    for data in junk(ssrc):
        send(stranger, data, port)
        send(stranger, data, (port[0], port[1] + 1))


def send(phone: Phone, data: bytes, to: tuple[str, int]) -> None:
    try:
        phone.socket.sendto(data, to)
    except ConnectionRefusedError:  # The kernel has refused the one before.
        phone.socket.sendto(data, to)


def silent(phone: Phone) -> bool:
    """Nothing came, but perhaps the kernel's word that nobody is there."""
    phone.socket.setblocking(False)
    try:
        return not phone.socket.recv(2048)
    except (BlockingIOError, ConnectionRefusedError):
        return True
    finally:
        phone.socket.settimeout(5.0)


def conversation(switch: Switch, number: int, phones: dict[int, Phone]) -> None:
    for leg, phone in phones.items():
        send(phone, bytes(audio(number)), switch.port(leg))
    switch.work()


@pytest.mark.parametrize(("where", "who"), list(product(["stated", "latched"], ["third", "neighbour"])))
def test_nothing_of_a_stranger_passes_in_any_phase(switch: Switch, where: str, who: str) -> None:
    """Before the first packet, before and after the latch, during the call, during hold, after a new answer, after the end.

    `neighbour`: behind the same NAT as the phone, from another port: where the address had to be learnt, he may be taken for
    the phone as long as that has not spoken, but not once it has.
    """
    alice, bob = switch.phone(Phone(NAT)), switch.plain(1)
    stranger = switch.phone(Phone(NAT if who == "neighbour" else "127.0.0.66"))
    address = ("10.0.0.1", 4000) if where == "latched" else alice.address
    latch = {"latch_host": NAT} if where == "latched" else {}
    opened = Open(0, *address, "PCMU", 0, 101, **latch)
    attack(switch, stranger, switch.port(0))
    switch.do(opened, Bridge(0, 1))
    learning = where == "latched" and who == "neighbour"
    if not learning:
        attack(switch, stranger, switch.port(0))
        switch.work()
    conversation(switch, 0, {0: alice, 1: bob})
    if not learning:
        attack(switch, stranger, switch.port(0))
        switch.work()
    for number in range(1, 30):
        conversation(switch, number, {0: alice, 1: bob})
        attack(switch, stranger, switch.port(0))
        attack(switch, stranger, switch.port(1))
        switch.work()
    assert silent(stranger)
    for phone in (alice, bob):
        packets = phone.listen(27 if where == "latched" else 29)
        assert {packet.payload for packet in packets} == {b"\x55" * 160}
        first = packets[0].sequence
        assert [packet.sequence - first & 0xFFFF for packet in packets] == list(range(len(packets)))
    phone.waiting()
    statistics = switch.statistics(0)
    assert statistics.lost == 0 and statistics.packets_received in (28, 29, 30)
    assert statistics.dropped_invalid == 0, "none of it even reached the packet path"
    attack(switch, stranger, switch.port(0))
    switch.work()
    assert silent(stranger)


def test_rtcp_moves_nothing(switch: Switch) -> None:
    alice, stranger = switch.plain(0), switch.phone(Phone("127.0.0.66"))
    switch.do(Tone(0, "dial"))
    leg = switch.engine.session.open[0]
    assert leg is not None
    switch.engine.watchman.report(leg, time.monotonic())  # Opens the RTCP port.
    for data in junk():
        send(stranger, data, (switch.port(0)[0], switch.port(0)[1] + 1))
    switch.work(0.1)
    switch.engine.watchman.report(leg, time.monotonic())
    assert silent(stranger) and len(alice.listen(4)) == 4
    assert leg.reporter.remote_lost == 0 and leg.invalid == 0


def test_junk_from_the_phone_itself_is_counted_and_has_no_effect(switch: Switch) -> None:
    alice, bob = switch.plain(0), switch.plain(1)
    switch.do(Bridge(0, 1))
    wrong = [data for data in junk() if data]
    for number in range(20):
        conversation(switch, number, {0: alice, 1: bob})
        for data in wrong:
            send(alice, data, switch.port(0))
        switch.work()
    packets = bob.listen(20)
    assert {packet.payload for packet in packets} == {b"\x55" * 160} and bob.waiting() == 0
    assert [packet.sequence - packets[0].sequence for packet in packets] == list(range(20))
    statistics = switch.statistics(0)
    assert statistics.packets_received == 20 and statistics.dropped_invalid >= 20 * len(wrong) - 20


@pytest.mark.parametrize("kind", ["stated", "latched", "protected", "ice"])
def test_a_flood_does_not_cost_the_call_a_packet(switch: Switch, kind: str) -> None:
    """Two hundred packets of a stranger for every one of the phone, and a look at the sockets every 20 ms."""
    extra: dict[str, object] = {"latch_host": NAT} if kind == "latched" else {}
    if kind == "protected":
        extra = dict(secret(0))
    if kind == "ice":
        extra = dict(ICE)
    phone = switch.phone(Phone(NAT))
    address = ("10.0.0.1", 4000) if kind == "latched" else ("", 0) if kind == "ice" else phone.address
    switch.do(Open(0, *address, "PCMU", 0, 101, **extra), Echo(0))  # type: ignore[arg-type]
    say = speaker(switch, kind, phone)
    for number in range(3):
        say(number)
    switch.work()
    stranger = switch.phone(Phone("127.0.0.66"))
    flood = [bytes(audio(number, payload=EVIL)) for number in range(100)] + [
        data for data in junk() if len(data) < 1500
    ][:20]
    began, before = time.process_time(), switch.relay.received
    for number in range(3, 53):
        for data in flood[:100]:
            send(stranger, data, switch.port(0))
        say(number)
        switch.work()
    if kind != "ice":
        assert switch.relay.received - before == 50, "the kernel has refused all of it"
    assert time.process_time() - began < 5.0
    assert silent(stranger)
    statistics = switch.statistics(0)
    assert statistics.packets_received >= 52 and statistics.lost == 0
    assert statistics.packets_sent >= 52


def speaker(switch: Switch, kind: str, phone: Phone):  # type: ignore[no-untyped-def]
    """How the phone says something; with ICE it has checked its address before."""
    if kind == "protected":
        secure = switch.phone(SecurePhone(0, NAT))
        secure.socket.close()
        secure.socket = phone.socket
        return lambda number: secure.speak(switch.port(0), audio(number))  # type: ignore[attr-defined]
    if kind == "ice":
        check_ice(switch, 0, phone)
    return lambda number: send(phone, bytes(audio(number)), switch.port(0))


def test_a_latch_is_not_moved_by_who_comes_later(switch: Switch) -> None:
    phone, thief = switch.phone(Phone(NAT)), switch.phone(Phone(NAT))
    switch.do(Open(0, "10.0.0.1", 4000, "PCMU", 0, latch_host=NAT), Echo(0))
    for number in range(3):
        send(phone, bytes(audio(number)), switch.port(0))
    for number in range(50):
        send(thief, bytes(audio(number)), switch.port(0))
    switch.work()
    assert switch.events() == [Latched(0, *phone.address)]
    assert silent(thief) and len(phone.listen(1)) == 1


def test_checks_without_the_password_are_not_answered_and_move_nothing(switch: Switch) -> None:

    phone, stranger = switch.phone(Phone(NAT)), switch.phone(Phone("127.0.0.66"))
    switch.do(Open(0, "", 0, "PCMU", 0, **ICE), Echo(0))
    wrong = stun.build(
        stun.REQUEST,
        bytes(12),
        [(stun.USERNAME, b"ours:them"), (stun.USE_CANDIDATE, b""), (stun.PRIORITY, b"\xff" * 4)],
        b"wrong password, wrong password",
    )
    for data in (wrong, *junk()):
        send(stranger, data, switch.port(0))
    switch.work()
    assert silent(stranger)
    check_ice(switch, 0, phone)
    for number in range(30):
        send(phone, bytes(audio(number)), switch.port(0))
        for data in (wrong, bytes(audio(number, payload=EVIL))):
            send(stranger, data, switch.port(0))
        switch.work()
    packets = phone.listen(30)
    assert {packet.payload for packet in packets} == {b"\x55" * 160}
    assert silent(stranger) and phone.waiting() == 0
    statistics = switch.statistics(0)
    assert statistics.packets_received == 30 and statistics.dropped_foreign + statistics.dropped_invalid >= 30


def test_a_hello_from_who_is_not_validated_begins_no_handshake(switch: Switch) -> None:
    """CVE-2023-49786: the stranger's comes first, and from an address that ICE knows nothing of."""
    stranger = switch.phone(Phone("127.0.0.66"))
    identity = Identity(b"them")
    switch.do(
        Open(0, "", 0, "PCMU", 0, suite="DTLS", setup="passive", fingerprint=identity.fingerprint, rtcp_mux=True, **ICE)
    )
    for _ in range(20):
        (hello,) = datagrams_of(client(Identity(b"m"), None))
        send(stranger, hello, switch.port(0))
    switch.work()
    leg = switch.engine.session.open[0]
    assert silent(stranger) and leg is not None and leg.foreign == 20
    phone = switch.phone(Phone(NAT))

    check_ice(switch, 0, phone)
    assert shake_hands(switch, 0, phone, identity) is not None


def test_a_socket_that_is_shared_for_a_moment_is_not_shared_for_good(switch: Switch) -> None:

    phone = switch.phone(Phone(NAT))
    switch.do(Open(0, "", 0, "PCMU", 0, **ICE))
    check_ice(switch, 0, phone)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with pytest.raises(OSError, match="in use"):
            thief.bind(switch.port(0))


def test_a_flood_of_checks_waits_and_the_far_end_can_move_all_the_same(switch: Switch) -> None:
    """During a call strangers are looked at so often and no more; a check of the far end gets its turn afterwards."""
    phone, moved, stranger = (switch.phone(Phone(host)) for host in (NAT, "127.0.0.10", "127.0.0.66"))
    switch.do(Open(0, "", 0, "PCMU", 0, **ICE), Echo(0))
    check_ice(switch, 0, phone)
    before = switch.relay.received
    for _ in range(100):
        send(stranger, b"\x00\x01" + bytes(18), switch.port(0))
    switch.work()
    assert switch.relay.received - before <= 2 * DOOR_PACKETS
    deadline = time.monotonic() + 5
    while switch.relay.received - before < 100 and time.monotonic() < deadline:
        switch.work(0.01)
    assert switch.relay.received - before == 100, "what waits is looked at in due time"
    state = switch.engine.sources.states[0]
    path = switch.engine.sources.states[0].transport.agent._paths[phone.address]  # type: ignore[union-attr]
    assert path.nominated_at is not None
    path.nominated_at -= 10  # It has not been nominated lately.
    switch.work(0.03)
    check_ice(switch, 0, moved)
    assert state.remote == moved.address and silent(stranger)


def test_a_call_that_the_kernel_relays_is_as_safe(switch: Switch) -> None:
    """At the pace of a call, so that a relay inside the kernel takes it over; then strangers come."""
    alice, bob = switch.plain(0), switch.plain(1)
    stranger, neighbour = switch.phone(Phone("127.0.0.66")), switch.phone(Phone(alice.address[0]))
    switch.do(Bridge(0, 1))
    for number in range(60):
        conversation(switch, number, {0: alice, 1: bob})
        switch.work(0.01)
        if number >= 40:
            for each in (stranger, neighbour):
                attack(switch, each, switch.port(0))
                attack(switch, each, switch.port(1))
    if switch.relay.name.startswith("tcx"):
        assert switch.engine.legs.lent[0] and switch.engine.legs.lent[1]
    for phone in (alice, bob):
        packets = phone.listen(60)
        assert {packet.payload for packet in packets} == {b"\x55" * 160} and phone.waiting() == 0
        assert [packet.sequence - packets[0].sequence & 0xFFFF for packet in packets] == list(range(60))
    assert silent(stranger) and silent(neighbour)
    statistics = switch.statistics(0)
    assert (statistics.packets_received, statistics.lost, statistics.dropped_invalid) == (60, 0, 0)
