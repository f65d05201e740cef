"""Legs with SRTP, in virtual time: what they are sent, what is taken from them, and what is not."""

from __future__ import annotations

from base64 import b64encode
from random import Random

import pytest

from media import rtcp, rtp, srtp
from media.control import Alarm, Bridge, Close, Digit, Echo, Latched, Modify, Music, Open, SendDigits, Statistics, Tone
from media.dtmf import EVENT
from media.g711 import encode_both
from media.latch import Address
from media.library import Recording
from media.rtp import Packet
from media.srtp import SUITES, Cipher
from tests.unit.media.stage import RAMP
from tests.unit.media.twins import World, audio

NAME = "AES_CM_128_HMAC_SHA1_80"


def key(seed: int, suite: str = NAME) -> str:
    return b64encode(Random(seed).randbytes(SUITES[suite].key + SUITES[suite].salt)).decode()


def secret(number: int, suite: str = NAME, *, send: int = 1, receive: int = 2) -> dict[str, str]:
    """The fields of Open for a leg; the seeds of its keys differ from those of other legs."""
    return {
        "suite": suite,
        "send_key": key(10 * number + send, suite),
        "receive_key": key(10 * number + receive, suite),
    }


class Far:
    """The far end of a leg with SRTP."""

    def __init__(self, world: World, number: int, suite: str = NAME, *, send: int = 1, receive: int = 2) -> None:
        self.world, self.number = world, number
        self.cipher = Cipher(srtp.keys(suite, key(10 * number + receive, suite), key(10 * number + send, suite)))

    def seal(self, packet: Packet | bytes) -> bytes:
        return bytes(self.cipher.protect(bytes(packet)))

    def say(self, packet: Packet | bytes) -> bytes:
        return self.world.arrive(self.number, self.seal(packet))

    def heard(self) -> list[Packet]:
        """Everything that it was sent, which must all be authentic."""
        packets = []
        for number, data in self.world.network.sent:
            if number == self.number:
                room = memoryview(bytearray(data))
                size = self.cipher.unprotect(room, len(data))
                packet = rtp.parse(bytes(room[:size]))
                assert packet is not None, "neither in the clear nor under another key"
                packets.append(packet)
        self.world.network.sent = [each for each in self.world.network.sent if each[0] != self.number]
        return packets


@pytest.fixture
def world() -> World:
    """Legs 0 and 1 with SRTP, each with keys of its own, leg 2 without."""
    world = World()
    world.open(0, **secret(0))
    world.open(1, **secret(1))
    world.open(2)
    world.engine.loaded(Recording("moh", True, encode_both(RAMP)), world.now)
    return world


def forged(world: World, leg: int) -> int:
    opened = world.engine.session.open[leg]
    assert opened is not None
    return opened.forged


# --- bridges, sources, digits -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("suite", SUITES)
def test_a_protected_leg_and_a_plain_one_hear_each_other(suite: str) -> None:
    world = World()
    world.open(0, **secret(0, suite))
    world.open(1)
    world.do(Bridge(0, 1))
    phone = Far(world, 0, suite)
    for number in range(65_500, 65_600):
        phone.say(audio(number, payload=bytes([number & 0xFF]) * 160))
        world.arrive(1, audio(number, payload=bytes([~number & 0xFF]) * 160))
    assert [packet.payload[0] for packet in world.network.packets(1)] == [
        number & 0xFF for number in range(65_500, 65_600)
    ]
    assert [packet.payload[0] for packet in phone.heard()] == [~number & 0xFF for number in range(65_500, 65_600)]


def test_two_protected_legs_hear_each_other_each_under_its_own_key(world: World) -> None:
    world.do(Bridge(0, 1))
    alice, bob = Far(world, 0), Far(world, 1)
    for number in range(50):
        alice.say(audio(number))
        bob.say(audio(number, payload=b"\x66" * 160))
    assert {packet.payload for packet in bob.heard()} == {b"\x55" * 160}
    assert {packet.payload for packet in alice.heard()} == {b"\x66" * 160}
    assert forged(world, 0) == forged(world, 1) == 0


def test_music_tones_and_digits_are_protected(world: World) -> None:
    alice, bob = Far(world, 0), Far(world, 1)
    world.do(Music(0, "moh", from_start=True), Tone(1, "dial"))
    world.pass_time(0.5)
    packets = alice.heard()
    assert b"".join(packet.payload for packet in packets)[:3000] == encode_both(RAMP)[0, :3000].tobytes()
    assert len(bob.heard()) == pytest.approx(len(packets), abs=1)
    world.do(SendDigits(0, "5", 100))
    world.pass_time(0.3)
    assert {packet.payload_type for packet in alice.heard()} == {0, 101}
    alice.say(Packet(101, 1, 160, 5, EVENT.pack(7, 0, 160)))
    assert world.events() == [Digit(0, "7", 20)]


def test_an_echo(world: World) -> None:
    world.do(Echo(0))
    alice = Far(world, 0)
    for number in range(10):
        alice.say(audio(number, payload=bytes([number]) * 160))
    assert [packet.payload[0] for packet in alice.heard()] == list(range(10))


# --- what is not authentic --------------------------------------------------------------------------------------------


def test_what_is_not_authentic_is_dropped_and_counted_and_moves_nothing(world: World) -> None:
    world.do(Bridge(0, 2))
    alice, stranger = Far(world, 0), Far(world, 0, send=8, receive=9)
    first = alice.seal(audio(1))
    assert world.arrive(0, first)
    before = world.engine.legs.inbound.tobytes()
    for data in (bytes(audio(2)), stranger.seal(audio(3)), first, first[:-1], bytes([first[0], *first[1:40]])):
        assert world.arrive(0, data) == b""
    assert world.engine.legs.inbound.tobytes() == before and forged(world, 0) == 5
    for data in (
        b"",
        b"\x80",
        b"garbage",
        bytes(20),
        b"\xc0" * 200,
        b"\x16\xfe\xfd" + bytes(60),
        b"\x00\x01" + bytes(30),
    ):
        assert world.arrive(0, data) == b""
    assert alice.say(audio(2)), "and the call goes on"
    world.do(Close(0))
    (statistics,) = (event for event in world.events() if isinstance(event, Statistics))
    assert (statistics.dropped_forged, statistics.dropped_invalid, statistics.packets_received) == (5, 7, 2)


def test_ten_thousand_forged_packets_do_not_end_a_call(world: World) -> None:
    world.do(Bridge(0, 2))
    alice = Far(world, 0)
    for number in range(10_000):
        world.arrive(0, audio(number))
    assert forged(world, 0) == 10_000 and alice.say(audio(5)) and world.events() == []


def test_a_leg_with_srtp_is_never_sent_plain_rtp(world: World) -> None:
    world.do(Bridge(0, 2))
    for number in range(100):
        world.arrive(2, audio(number))
    packets = [data for number, data in world.network.sent if number == 0]
    assert len(packets) == 100 and all(len(data) == 182 and b"\x55" * 8 not in data for data in packets)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"suite": NAME, "send_key": key(1), "receive_key": "c2hvcnQ="}, "receive_key has 5 octets"),
        ({"suite": NAME, "send_key": "", "receive_key": key(1)}, "send_key has 0 octets"),
        ({"suite": "ROT13", "send_key": key(1), "receive_key": key(1)}, "'ROT13'"),
    ],
)
def test_a_leg_whose_keys_make_no_sense_is_not_opened_in_the_clear(
    world: World, values: dict[str, str], says: str
) -> None:
    world.do(Open(3, "192.0.2.9", 4000, "PCMU", 0, **values), Tone(3, "dial"))  # type: ignore[arg-type]
    world.do(Modify(0, "192.0.2.9", 4000, "PCMU", 0, **values))  # type: ignore[arg-type]
    events = world.events()
    assert [event.what for event in events if isinstance(event, Alarm)] == ["bad keys", "unknown leg", "bad keys"]
    assert says in events[0].detail  # type: ignore[union-attr]
    world.pass_time(0.1)
    assert world.network.packets(3) == []
    assert Far(world, 0).say(audio(1)) == b"" and forged(world, 0) == 0, "the leg that was open keeps its keys"


# --- changes during a call --------------------------------------------------------------------------------------------


def terms(number: int, **values: object) -> Modify:
    return Modify(number, f"192.0.2.{1 + number}", 4000, "PCMU", 0, 101, **values)  # type: ignore[arg-type]


def test_the_same_keys_in_a_new_answer_forget_nothing(world: World) -> None:
    world.do(Bridge(0, 2))
    alice = Far(world, 0)
    sealed = [alice.seal(audio(number)) for number in range(65_530, 65_540)]
    assert all(world.arrive(0, data) for data in sealed)
    world.arrive(2, audio(1))
    world.do(terms(0, send=False, **secret(0)), terms(0, **secret(0)))
    assert not any(world.arrive(0, data) for data in sealed) and forged(world, 0) == 10
    assert alice.say(audio(65_540))
    world.arrive(2, audio(2))
    assert len(alice.heard()) == 2


def test_new_keys_do_not_interrupt_the_stream(world: World) -> None:
    world.do(Bridge(0, 2))
    alice = Far(world, 0)
    for number in range(10):
        assert alice.say(audio(number))
        world.arrive(2, audio(number))
    under_way = [alice.seal(audio(number)) for number in range(10, 15)]
    assert len(alice.heard()) == 10
    world.do(terms(0, **secret(0, send=3, receive=4)))
    alice = Far(world, 0, send=3, receive=4)
    assert all(world.arrive(0, data) for data in under_way)
    for number in range(15, 25):
        assert alice.say(audio(number))
        world.arrive(2, audio(number))
    assert forged(world, 0) == 0
    sequences = [packet.sequence for packet in alice.heard()]
    assert sequences == list(range(sequences[0], sequences[0] + 10))
    assert [packet.sequence for packet in world.network.packets(2)] == list(
        range(world.network.packets(2)[0].sequence, world.network.packets(2)[0].sequence + 25)
    )


def test_a_leg_may_become_protected_and_plain_again(world: World) -> None:
    world.do(Bridge(2, 0))
    assert world.arrive(2, audio(1))
    world.do(terms(2, **secret(2)))
    phone = Far(world, 2)
    assert world.arrive(2, audio(2)) == b"" and phone.say(audio(2))
    world.do(terms(2))
    assert world.arrive(2, audio(3)) and phone.say(audio(4)) != b"", "plain RTP has no way to tell"
    assert world.network.transports[2] is None


def test_a_leg_that_is_opened_again_begins_anew(world: World) -> None:
    alice = Far(world, 0)
    alice.say(audio(1))
    world.do(Close(0))
    assert world.network.transports[0] is None
    world.open(0)
    world.do(Echo(0))
    assert world.arrive(0, audio(1))


# --- addresses --------------------------------------------------------------------------------------------------------

NAT = "203.0.113.9"


def admit(world: World, leg: int, source: Address, data: bytes) -> bytes:
    room = memoryview(bytearray(data))
    return bytes(room[: world.engine.admit(leg, source, room, len(data))])


def test_only_authentic_packets_settle_an_address(world: World) -> None:
    world.do(Open(3, "10.0.0.5", 4000, "PCMU", 0, latch_host=NAT, **secret(3)), Tone(3, "dial"))  # type: ignore[arg-type]
    phone, stranger = Far(world, 3), Far(world, 3, send=8, receive=9)
    for number in range(20):
        assert not admit(world, 3, (NAT, 6666), stranger.seal(audio(number)))
        assert not admit(world, 3, (NAT, 7777), bytes(audio(number)))
        assert not admit(world, 3, ("203.0.113.10", 4000), stranger.seal(audio(number)))
    assert not admit(world, 3, (NAT, 4000), phone.seal(audio(1)))
    assert admit(world, 3, (NAT, 4000), phone.seal(audio(2))) == bytes(audio(2))
    assert world.events() == [Latched(3, NAT, 4000)]
    assert admit(world, 3, (NAT, 4000), phone.seal(audio(3))) == bytes(audio(3))
    assert not admit(world, 3, (NAT, 4002), phone.seal(audio(4)))
    leg = world.engine.session.open[3]
    assert leg is not None and (leg.forged, leg.foreign) == (40, 21)
    world.pass_time(0.1)
    assert phone.heard()


# --- RTCP -------------------------------------------------------------------------------------------------------------


def sealed_report(far: Far, lost: int) -> bytes:
    ssrc = far.world.engine.legs.ssrc[far.number]
    report = rtcp.build(rtcp.Report(5, None, [rtcp.ReportBlock(ssrc, 0, lost, 9, 160)]))
    return bytes(far.cipher.protect_rtcp(report))


def remote_lost(world: World, leg: int) -> int:
    opened = world.engine.session.open[leg]
    assert opened is not None
    return opened.reporter.remote_lost


def test_reports_are_protected_both_ways(world: World) -> None:
    world.do(Tone(0, "dial"))
    world.pass_time(8.0)
    alice = Far(world, 0)
    reports = [data for leg, data in world.network.rtcp if leg == 0]
    assert reports and all(rtcp.parse(data) is None for data in reports)
    for data in reports:
        room = memoryview(bytearray(data))
        report = rtcp.parse(bytes(room[: alice.cipher.unprotect_rtcp(room, len(data))]))
        assert report is not None and report.sender is not None
    world.engine.receive_rtcp(0, sealed_report(alice, 7), world.now)
    assert remote_lost(world, 0) == 7
    plain = rtcp.build(rtcp.Report(5, None, [rtcp.ReportBlock(world.engine.legs.ssrc[0], 0, 99, 9, 160)]))
    for data in (plain, b"", b"\x80\xc9", sealed_report(alice, 7)[:-1]):
        world.engine.receive_rtcp(0, data, world.now)
    assert remote_lost(world, 0) == 7 and forged(world, 0) == 4


@pytest.mark.parametrize("protected", [True, False])
def test_reports_on_the_port_of_rtp(protected: bool) -> None:
    world = World()
    world.open(0, rtcp_mux=True, **(secret(0) if protected else {}))
    world.open(1)
    world.do(Bridge(0, 1))
    alice = Far(world, 0)
    packet = alice.seal(audio(1)) if protected else bytes(audio(1))
    assert world.arrive(0, packet)
    report = rtcp.build(rtcp.Report(5, None, [rtcp.ReportBlock(world.engine.legs.ssrc[0], 0, 7, 9, 160)]))
    assert world.arrive(0, sealed_report(alice, 7) if protected else report) == b""
    assert remote_lost(world, 0) == 7
    world.pass_time(8.0)
    assert world.network.rtcp and all(leg == 1 for leg, _ in world.network.rtcp)
    sent = [data for leg, data, to in world.network.datagrams if leg == 0 and to is None]
    assert sent and all((rtcp.parse(data) is None) is protected for data in sent)


def test_a_flood_of_reports_is_bounded(world: World) -> None:
    world.open(3, rtcp_mux=True)
    transport = world.network.transports[3]
    assert transport is not None
    junk = memoryview(bytearray(b"\x80\xc9" + bytes(100)))
    for _ in range(10_000):
        transport.unwrap(junk, 102)
    assert len(world.engine.inbox) <= 256
    world.engine.attend(world.now)
    assert world.engine.inbox == []
    leg = world.engine.session.open[3]
    assert leg is not None and leg.invalid == 10_000
