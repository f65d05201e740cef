"""Protected legs on the loopback interface, on every relay that runs here."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from media import rtcp, rtp, srtp
from media.control import Bridge, Echo, Latched, Modify, Open, Tone
from media.relay import epoll, uring
from media.srtp import Cipher
from tests.unit.media.loopback import HOST, SecurePhone, Switch
from tests.unit.media.relays import relays
from tests.unit.media.rig import Phone
from tests.unit.media.test_transports import key, secret
from tests.unit.media.twins import audio


@pytest.fixture(params=relays("tcx", "uring", "uring-batch", "epoll", "epoll-batch", "reference"))
def switch(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Switch]:
    if request.param.endswith("-batch"):
        for module in (epoll, uring):
            monkeypatch.setattr(module, "CROSSOVER", 1)  # Even one packet goes through the array code.
    switch = Switch(request.param.partition("-")[0])
    yield switch
    switch.close()


def test_protected_and_plain_legs_side_by_side(switch: Switch) -> None:
    """Bridges of every kind at once, in one batch: protected with plain, plain with plain, protected with protected."""
    phones = [switch.secure(0), switch.plain(1), switch.plain(2), switch.plain(3), switch.secure(4), switch.secure(5)]
    switch.do(Bridge(0, 1), Bridge(2, 3), Bridge(4, 5))
    for number in range(30):
        for leg, phone in enumerate(phones):
            packet = audio(number, payload=bytes([leg * 40 + number]) * 160)
            if isinstance(phone, SecurePhone):
                phone.speak(switch.port(leg), packet)
            else:
                phone.socket.sendto(bytes(packet), switch.port(leg))
        switch.work()
    for leg, peer in ((0, 1), (1, 0), (2, 3), (3, 2), (4, 5), (5, 4)):
        packets = phones[leg].listen(30)
        assert [packet.payload[0] for packet in packets] == [peer * 40 + number for number in range(30)]
        first = packets[0].sequence
        assert [packet.sequence for packet in packets] == list(range(first, first + 30))
    assert switch.statistics(0).dropped_forged == 0


def test_a_tone_to_protected_and_plain_legs_in_one_tick(switch: Switch) -> None:
    phones = [switch.secure(0), switch.plain(1), switch.secure(2)]
    switch.engine.player.few = 0  # In one batch.
    switch.do(*(Tone(leg, "dial") for leg in range(3)))
    switch.work(0.15)
    heard = [phone.listen(5) for phone in phones]
    assert len({b"".join(packet.payload for packet in each) for each in heard}) == 1


def test_what_is_not_authentic_reaches_nobody(switch: Switch) -> None:
    alice, bob = switch.secure(0), switch.plain(1)
    switch.do(Bridge(0, 1))
    for number in range(20):
        alice.speak(switch.port(0), audio(number))
        for junk in (bytes(audio(number)), b"", b"\x80", bytes(1400), b"\x16\xfe\xfd" + bytes(40), bytes(1700)):
            alice.socket.sendto(junk, switch.port(0))
        switch.work()
    assert len(bob.listen(20)) == 20
    assert bob.waiting() == 0
    statistics = switch.statistics(0)
    assert (statistics.packets_received, statistics.dropped_forged, statistics.dropped_invalid) == (20, 20, 100)


def test_reports_on_one_port_and_on_two(switch: Switch) -> None:
    alice, bob = switch.secure(0, rtcp_mux=True), switch.secure(1)
    control = Phone(bob.address[0], bob.address[1] + 1)
    switch.phone(control)
    switch.do(Tone(0, "dial"), Tone(1, "dial"))
    switch.work(0.05)
    for leg, phone in ((0, alice), (1, bob)):
        opened = switch.engine.session.open[leg]
        assert opened is not None
        switch.engine.watchman.report(opened, time.monotonic())
        ssrc = switch.engine.legs.ssrc[leg]
        report = rtcp.build(rtcp.Report(5, None, [rtcp.ReportBlock(ssrc, 0, 7, 9, 160)]))
        address = switch.port(leg) if phone is alice else (HOST, switch.base + 2 * leg + 1)
        (phone if phone is alice else control).socket.sendto(phone.cipher.protect_rtcp(report), address)
        switch.work(0.02)
        assert opened.reporter.remote_lost == 7
    room = memoryview(bytearray(control.socket.recv(2048)))
    assert rtcp.parse(bytes(room[: bob.cipher.unprotect_rtcp(room, len(room))])) is not None
    while (data := alice.socket.recv(2048))[1] != rtcp.SENDER_REPORT:  # Between packets of the tone.
        assert data[1] & 0x7F == 0
    room = memoryview(bytearray(data))
    assert rtcp.parse(bytes(room[: alice.cipher.unprotect_rtcp(room, len(data))])) is not None


def test_a_latch_that_only_the_key_opens(switch: Switch) -> None:
    phone, thief = SecurePhone(0, "127.0.0.9"), SecurePhone(7, "127.0.0.9")
    bob = switch.plain(1)
    switch.phones += [phone, thief]
    switch.do(Open(0, "10.0.0.1", 4000, "PCMU", 0, latch_host="127.0.0.9", **secret(0)), Bridge(0, 1))  # type: ignore[arg-type]
    for number in range(10):
        thief.speak(switch.port(0), audio(number))
        thief.say(switch.port(0))
    switch.work()
    for number in range(10):
        phone.speak(switch.port(0), audio(number, payload=b"\x66" * 160))
    switch.work()
    assert switch.events() == [Latched(0, *phone.address)]
    assert {packet.payload for packet in bob.listen(9)} == {b"\x66" * 160}
    bob.say(switch.port(1))
    switch.work()
    assert phone.hear().payload == b"\x55" * 160
    assert bob.waiting() == 0 and thief.waiting() == 0
    assert switch.statistics(0).dropped_forged == 20


def test_keys_change_while_they_talk(switch: Switch) -> None:
    alice = switch.secure(0)
    switch.do(Echo(0))
    for number in range(10):
        alice.speak(switch.port(0), audio(number))
    switch.work()
    assert len(alice.listen(10)) == 10
    switch.do(Modify(0, *alice.address, "PCMU", 0, 101, **secret(0, send=3, receive=4)))  # type: ignore[arg-type]
    alice.cipher = Cipher(srtp.keys("AES_CM_128_HMAC_SHA1_80", key(4), key(3)))
    for number in range(10, 20):
        alice.speak(switch.port(0), audio(number))
    switch.work()
    assert len(alice.listen(10)) == 10
    switch.do(Modify(0, *alice.address, "PCMU", 0, 101))
    alice.ssrc = audio(1).ssrc
    alice.sequence = 19
    alice.say(switch.port(0))
    switch.work()
    assert rtp.parse(alice.socket.recv(2048)) is not None
