"""Legs of any codec and clock: what is relayed, what is measured, and key presses that go from one clock to another."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media import rtcp
from media.codecs import codec_of
from media.control import Alarm, Bridge, Close, Digit, Modify, Music, Open, SendDigits, Stop, Tone
from media.dtmf import END, EVENT, EventReceiver, event_packets
from media.passing import Passage
from media.rtp import Packet
from media.terms import Terms, packet_ms, relayable
from tests.unit.media.twins import World, audio

CODECS = [("PCMU", 8000, 160), ("G722", 8000, 160), ("L16", 16_000, 640), ("speex", 16_000, 70), ("opus", 48_000, 90)]
each_codec = pytest.mark.parametrize(("codec", "clock", "octets"), CODECS)


def open_leg(world: World, leg: int, codec: str, clock: int, kind: int = 96, **values: object) -> None:
    world.do(Open(leg, f"192.0.2.{leg + 1}", 4000, codec, kind, 101, clock=clock, **values))  # type: ignore[arg-type]


def bridged(codec: str, clock: int) -> World:
    world = World()
    open_leg(world, 0, codec, clock, 96)
    open_leg(world, 1, codec, clock, 111)
    world.do(Bridge(0, 1))
    assert world.events() == []
    return world


def said(number: int, clock: int, octets: int, kind: int = 96, ssrc: int = 77) -> Packet:
    return audio(number, number * clock // 50, kind=kind, payload=bytes(octets), ssrc=ssrc)


# --- relaying ---------------------------------------------------------------------------------------------------------


@each_codec
def test_what_both_sides_speak_goes_through_untouched(codec: str, clock: int, octets: int) -> None:
    world = bridged(codec, clock)
    for number in range(20):
        packet = said(number, clock, octets)
        packet.payload = bytes((number,)) * octets
        out = world.relayed(0, packet)
        assert (out.payload, out.payload_type) == (packet.payload, 111)
        world.pass_time(0.02)
    steps = {(b.sequence - a.sequence, b.timestamp - a.timestamp) for a, b in pairwise(world.network.packets(1))}
    assert steps == {(1, clock // 50)}


@each_codec
def test_a_stream_goes_on_in_its_own_clock_across_a_pause(codec: str, clock: int, octets: int) -> None:
    world = bridged(codec, clock)
    before = world.relayed(0, said(1, clock, octets))
    world.do(Stop(1))
    world.pass_time(3.0)
    world.do(Bridge(0, 1))
    after = world.relayed(0, said(151, clock, octets))
    assert (after.timestamp - before.timestamp) & 0xFFFFFFFF == pytest.approx(3 * clock, abs=8 * clock // 8000)
    # At once after another source, one packet later at the least.
    open_leg(world, 2, codec, clock)
    world.do(Bridge(2, 1))
    assert world.relayed(2, said(9, clock, octets)).timestamp - after.timestamp == clock // 50


@each_codec
def test_jitter_is_measured_in_the_clock_of_the_leg(codec: str, clock: int, octets: int) -> None:
    world = bridged(codec, clock)
    for number in range(400):
        world.arrive(0, said(number, clock, octets))
        world.pass_time(0.015 if number % 2 else 0.025)
    leg = world.engine.session.open[0]
    assert leg is not None
    assert world.engine.session.statistics(leg).jitter_ms == pytest.approx(5.0, abs=0.3)
    world.do(Close(0))
    report = rtcp.parse(world.network.rtcp[-1][1])
    assert report is not None
    assert report.blocks[0].jitter == pytest.approx(clock * 0.005, rel=0.05)


@each_codec
def test_rtcp_speaks_of_the_same_clock(codec: str, clock: int, octets: int) -> None:
    world = bridged(codec, clock)
    last = world.relayed(0, said(1, clock, octets)).timestamp
    sent_at = world.now
    while not (reports := [rtcp.parse(data) for leg, data in world.network.rtcp if leg == 1]):
        world.pass_time(0.005)
    sender = reports[0].sender if reports[0] is not None else None
    assert sender is not None
    moved = (sender.timestamp - last) & 0xFFFFFFFF
    assert moved == pytest.approx((world.now - sent_at) * clock, abs=0.006 * clock)
    # What the far end says of our stream is in that clock as well.
    leg = world.engine.session.open[1]
    assert leg is not None
    block = rtcp.ReportBlock(world.engine.legs.ssrc[1], 0, 0, 1, jitter=clock // 100)
    world.engine.receive_rtcp(1, rtcp.build(rtcp.Report(5, blocks=[block])), world.now)
    assert leg.reporter.remote_jitter_ms == pytest.approx(10.0)


def test_a_change_of_clock_is_no_jitter() -> None:
    world = bridged("PCMU", 8000)
    for number in range(50):
        world.arrive(0, said(number, 8000, 160))
        world.pass_time(0.02)
    for leg in (0, 1):
        world.do(Modify(leg, f"192.0.2.{leg + 1}", 4000, "opus", 96, 101, clock=48_000))
    for number in range(50, 100):
        world.arrive(0, said(number, 48_000, 80))
        world.pass_time(0.02)
    packets = world.network.packets(1)
    assert len(packets) == 100
    assert {(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in pairwise(packets[51:])} == {960}
    leg = world.engine.session.open[0]
    assert leg is not None
    assert world.engine.session.statistics(leg).jitter_ms < 0.5
    assert world.engine.legs.scaled == 2
    world.do(Close(0), Close(1))
    assert world.engine.legs.scaled == 0


# --- what can be relayed ----------------------------------------------------------------------------------------------


def terms(codec: str, clock: int = 8000, ptime: int = 20, max_ptime: int = 0) -> Terms:
    found = codec_of(codec, clock)
    length = packet_ms(found, ptime, max_ptime) * 8
    return Terms(found, 0, -1, 0, -1, samples=length, limit=max(length, max_ptime * 8))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (terms("PCMU"), terms("PCMA"), True),
        (terms("PCMU"), terms("G722"), False),
        (terms("G722"), terms("G722"), True),
        (terms("opus", 48_000), terms("opus", 48_000), True),
        (terms("opus", 48_000), terms("PCMU"), False),
        (terms("L16", 8000), terms("L16", 16_000), False),
        (terms("G729"), terms("g729"), True),
        (terms("G729"), terms("PCMU"), False),
        (terms("G729"), terms("iLBC"), False),
        (terms("PCMU", 16_000), terms("PCMA", 16_000), False),
        (terms("speex", 16_000), terms("speex", 16_000), True),
        (terms("speex", 16_000), terms("speex", 32_000), False),
        # Packets longer than the other side said it takes, or wishes, are made anew; shorter ones are not.
        (terms("PCMU", ptime=20), terms("PCMU", ptime=30), False),
        (terms("PCMU", ptime=20, max_ptime=60), terms("PCMU", ptime=30), True),
        (terms("PCMU", ptime=20, max_ptime=20), terms("PCMU", ptime=30), False),
        (terms("PCMU", ptime=20, max_ptime=20), terms("PCMU", ptime=30, max_ptime=20), True),
        (terms("opus", 48_000, 20, 120), terms("opus", 48_000, 60), True),
        # Nobody here could make these anew.
        (terms("G729", ptime=20), terms("G729", ptime=40), True),
    ],
)
def test_what_can_be_relayed(one: Terms, other: Terms, expected: bool) -> None:
    assert relayable(one, other) is relayable(other, one) is expected


@pytest.mark.parametrize(
    ("codec", "clock", "ptime", "max_ptime", "sent"),
    [
        ("PCMU", 8000, 20, 0, 20),
        ("PCMU", 8000, 25, 0, 20),
        ("PCMU", 8000, 5, 0, 10),
        ("PCMU", 8000, 200, 0, 60),
        ("PCMU", 8000, 30, 20, 20),
        ("G722", 8000, 50, 0, 50),
        ("opus", 48_000, 30, 0, 20),
        ("opus", 48_000, 60, 40, 40),
        ("L16", 8000, 60, 0, 60),
        ("L16", 16_000, 60, 0, 40),
    ],
)
def test_how_long_packets_are(codec: str, clock: int, ptime: int, max_ptime: int, sent: int) -> None:
    assert packet_ms(codec_of(codec, clock), ptime, max_ptime) == sent


@dataclass
class Booth:
    """Stands in for whoever makes audio anew: remembers what it was asked for."""

    said: list[tuple[object, ...]] = field(default_factory=list)

    def pair(self, one: int, other: int, now: float) -> None:
        self.said.append(("pair", one, other))

    def leave(self, leg: int, now: float) -> None:
        self.said.append(("leave", leg))


def translated() -> tuple[World, Booth]:
    world, booth = World(), Booth()
    world.engine.sources.translate_by(booth)
    open_leg(world, 0, "opus", 48_000)
    open_leg(world, 1, "PCMU", 8000, 0)
    world.do(Bridge(0, 1))
    return world, booth


def test_legs_that_cannot_be_relayed_are_handed_to_the_translator_once() -> None:
    world, booth = translated()
    assert sorted(booth.said[0][1:]) == [0, 1]  # type: ignore[type-var]
    assert [name for name, *_ in booth.said] == ["pair"]
    world.do(Bridge(1, 0), Bridge(0, 1))
    world.arrive(0, said(1, 48_000, 80))
    assert world.network.sent == []
    assert len(booth.said) == 1


def test_the_translator_is_told_who_hears_something_else() -> None:
    world, booth = translated()
    booth.said.clear()
    world.do(Tone(0, "busy"))
    assert booth.said == [("leave", 0)]
    world.do(Bridge(0, 1))
    assert [name for name, *_ in booth.said[1:]] == ["pair"]
    booth.said.clear()
    world.do(Close(1))
    assert booth.said == [("leave", 0)]


def test_a_new_answer_moves_a_bridge_to_the_translator_and_back() -> None:
    world, booth = translated()
    booth.said.clear()
    world.do(Modify(0, "192.0.2.1", 4000, "PCMA", 8))
    assert sorted(booth.said) == [("leave", 0), ("leave", 1)]
    assert world.relayed(0, audio(1, kind=8)).payload_type == 0
    booth.said.clear()
    world.do(Modify(1, "192.0.2.2", 4000, "PCMU", 0, ptime=40))
    assert [name for name, *_ in booth.said] == ["pair"]
    assert world.arrive(0, audio(2, kind=8)) == b""
    world.do(Modify(1, "192.0.2.2", 4000, "PCMU", 0, ptime=40), Modify(0, "192.0.2.1", 4000, "PCMA", 8, max_ptime=60))
    assert world.relayed(0, audio(3, kind=8)).payload_type == 0


def test_one_side_of_a_pair_may_hear_something_else() -> None:
    world, booth = translated()
    world.do(Music(0, "none"))
    world.events()
    booth.said.clear()
    world.do(Modify(1, "192.0.2.2", 4000, "PCMA", 8))
    assert booth.said == []  # Leg 1 goes on to hear leg 0.
    world.do(Bridge(1, 0))
    assert [name for name, *_ in booth.said] == ["pair"]


def test_without_a_translator_both_hear_that_they_are_still_connected() -> None:
    world = World()
    open_leg(world, 0, "G729", 8000, 18)
    open_leg(world, 1, "PCMU", 8000, 0)
    world.do(Bridge(0, 1))
    told = [event.what for event in world.events() if isinstance(event, Alarm)]
    assert sorted(told) == ["cannot bridge", "cannot bridge", "cannot play"]
    world.pass_time(1.0)
    assert len(world.network.packets(1)) == 50


def test_packet_times_are_no_obstacle_while_nobody_could_change_them() -> None:
    world = World()
    world.engine.session.translating = False
    open_leg(world, 0, "PCMU", 8000, 0, ptime=20)
    open_leg(world, 1, "PCMU", 8000, 0, ptime=40)
    world.do(Bridge(0, 1))
    assert world.relayed(0, audio(1)).payload == b"\x55" * 160
    assert world.events() == []


# --- telephone-events -------------------------------------------------------------------------------------------------


def press(clock: int, timestamp: int, code: int = 5, milliseconds: int = 120) -> list[Packet]:
    step = clock // 50
    total = milliseconds * clock // 1000
    parts = [
        Packet(101, 0, timestamp, 77, EVENT.pack(code, 10, length), marker=length == step)
        for length in range(step, total, step)
    ]
    return parts + [Packet(101, 0, timestamp, 77, EVENT.pack(code, END | 10, total))] * 3


def numbered(packets: list[Packet], first: int) -> list[Packet]:
    return [
        Packet(each.payload_type, first + index, each.timestamp, each.ssrc, each.payload, each.marker)
        for index, each in enumerate(packets)
    ]


@pytest.mark.parametrize("clock", [8000, 16_000, 32_000, 48_000])
def test_durations_are_milliseconds_at_every_clock(clock: int) -> None:
    world = World()
    open_leg(world, 0, "opus" if clock == 48_000 else "speex", clock)
    for packet in numbered(press(clock, 1000)[2:], 1):
        world.arrive(0, packet)
    assert world.events() == [Digit(0, "5", 60)]


def presses_of(packets: list[Packet], clock: int) -> list[tuple[str, int]]:
    """What the far end makes of them: digits and their last duration in milliseconds."""
    receiver, found = EventReceiver(clock), []
    for packet in packets:
        assert packet.payload_type == 101
        digit = receiver.receive(packet.ssrc, packet.timestamp, packet.marker, packet.payload)
        if digit is not None:
            found.append([digit[0], 0])
        start = receiver.since_start(packet.ssrc, packet.timestamp)
        if start is not None:
            found[-1][1] = (start + EVENT.unpack(packet.payload)[2]) * 1000 // clock
    return [(str(digit), int(duration)) for digit, duration in found]


@pytest.mark.parametrize(("clock", "other"), [(48_000, 8000), (8000, 48_000), (16_000, 48_000), (8000, 8000)])
@pytest.mark.parametrize("milliseconds", [120, 1300, 3000])
def test_a_key_press_between_two_clocks(clock: int, other: int, milliseconds: int) -> None:
    world, booth = World(), Booth()
    world.engine.sources.translate_by(booth)
    open_leg(world, 0, "speex" if clock == 16_000 else "G722" if clock == 8000 else "opus", clock)
    open_leg(world, 1, "PCMU" if other == 8000 else "opus", other)
    world.do(Bridge(0, 1))
    world.events()
    if clock == 16_000:
        world.do(Modify(0, "192.0.2.1", 4000, "L16", 96, 101, clock=16_000), Bridge(0, 1))
    # Two presses as a phone sends them, the long ones in segments.
    sent: list[Packet] = []
    origin = 0
    for index, packet in enumerate(event_packets("57", milliseconds, 20, clock)):
        if packet is not None:
            origin = index * clock // 50 if packet.first else origin
            sent.append(Packet(101, index & 0xFFFF, 999 + origin + packet.start, 77, packet.payload, packet.first))
            world.arrive(0, sent[-1])
        world.pass_time(0.02)
    assert [event.digit for event in world.events() if isinstance(event, Digit)] == ["5", "7"]
    out = world.network.packets(1)
    assert len(out) == len(sent)
    assert [b.sequence - a.sequence for a, b in pairwise(out)] == [1] * (len(out) - 1)
    assert presses_of(out, other) == [("5", milliseconds), ("7", milliseconds)]


def test_packets_of_a_press_that_come_late_do_not_make_a_second_one() -> None:
    world, _ = translated()
    first, second = press(48_000, 0, 1), press(48_000, 20_000, 2)
    order = numbered(first[:3] + second[:2] + first[3:4] + second[2:], 1)
    for packet in order:
        world.arrive(0, packet)
        world.pass_time(0.02)
    assert [digit for digit, _ in presses_of(world.network.packets(1), 8000)] == ["1", "2"]
    assert len(world.network.packets(1)) == len(order) - 1


def test_audio_beside_a_press_is_not_moved_by_it() -> None:
    world, _ = translated()
    legs = world.engine.legs
    legs.sent[1], legs.out_clock[1] = 1, int(world.now * 8000)
    before = legs.out_ts[1]
    for packet in numbered(press(48_000, 0), 1):
        world.arrive(0, packet)
        world.pass_time(0.02)
    assert legs.out_ts[1] == before
    assert {packet.timestamp for packet in world.network.packets(1)} == {before + 160 & 0xFFFFFFFF}


def test_a_press_goes_nowhere_while_its_listener_cannot_be_sent_to() -> None:
    world, _ = translated()
    world.do(Modify(1, "192.0.2.2", 4000, "PCMU", 0, 101, send=False))
    for packet in numbered(press(48_000, 0), 1):
        world.arrive(0, packet)
    world.do(Modify(1, "192.0.2.2", 4000, "PCMU", 0, -1))
    for packet in numbered(press(48_000, 9000), 20):
        world.arrive(0, packet)
    world.pass_time(0.1)
    assert world.network.sent == []


# Many phones say telephone-event/8000 beside Opus: durations count in that clock, timestamps in the stream's.


def pressed_beside(clock: int, event_clock: int, milliseconds: int = 120) -> list[Packet]:
    """Key 5, in a stream of `clock`."""
    return numbered([
        Packet(101, 0, 9000, 77, EVENT.pack(5, END * ended | 10, length * event_clock // 1000), marker=length == 20)
        for length, ended in [*((each, 0) for each in range(20, milliseconds, 20)), *[(milliseconds, 1)] * 3]
    ], 1)  # fmt: skip


def durations(packets: list[Packet]) -> list[int]:
    return [EVENT.unpack(packet.payload)[2] for packet in packets]


@pytest.mark.parametrize(
    ("codec", "event_clock", "out_clock"), [("PCMU", 8000, 0), ("opus", 8000, 48_000), ("opus", 8000, 0), ("opus", 48_000, 8000)]
)  # fmt: skip
def test_a_press_that_counts_in_another_clock_than_its_stream(codec: str, event_clock: int, out_clock: int) -> None:
    world = World()
    world.engine.sources.translate_by(Booth())
    open_leg(world, 0, "opus", 48_000, dtmf_clock=event_clock)
    open_leg(world, 1, codec, 8000 if codec == "PCMU" else 48_000, dtmf_clock=out_clock)
    world.do(Bridge(0, 1))
    for packet in pressed_beside(48_000, event_clock):
        world.arrive(0, packet)
        world.pass_time(0.02)
    assert [event for event in world.events() if isinstance(event, Digit)] == [Digit(0, "5", 20)]
    out = world.network.packets(1)
    assert [(packet.payload[0], packet.timestamp) for packet in out] == [(5, out[0].timestamp)] * 8
    heard_at = out_clock or (8000 if codec == "PCMU" else 48_000)
    assert durations(out) == [each * heard_at // 1000 for each in (20, 40, 60, 80, 100, 120, 120, 120)]


def test_a_press_for_a_listener_who_counts_in_another_clock_than_its_stream() -> None:
    world = World()
    world.engine.sources.translate_by(Booth())
    open_leg(world, 0, "PCMU", 8000)
    open_leg(world, 1, "opus", 48_000, dtmf_clock=8000)
    world.do(Bridge(0, 1))
    for packet in pressed_beside(8000, 8000):
        world.arrive(0, packet)
        world.pass_time(0.02)
    assert durations(world.network.packets(1)) == [160, 320, 480, 640, 800, 960, 960, 960]


def test_a_press_in_a_stream_of_its_own_counts_as_the_listener_does() -> None:
    world = World()
    open_leg(world, 0, "opus", 48_000, dtmf_clock=8000)
    open_leg(world, 1, "opus", 48_000)
    world.do(Bridge(0, 1))
    world.arrive(0, said(1, 48_000, 80, ssrc=5))
    for packet in pressed_beside(48_000, 8000):
        world.arrive(0, packet)
        world.pass_time(0.02)
    assert durations(world.network.packets(1)[1:]) == [960, 1920, 2880, 3840, 4800, 5760, 5760, 5760]


def test_a_key_that_was_held_longer_than_the_field_is_cut_off_there_between_legs_of_one_codec() -> None:
    world = World()
    open_leg(world, 0, "opus", 48_000, dtmf_clock=8000)
    open_leg(world, 1, "opus", 48_000)
    world.do(Bridge(0, 1))
    for packet in pressed_beside(48_000, 8000, 2000)[-1:]:
        world.arrive(0, packet)
    assert durations(world.network.packets(1)) == [0xFFFF]


@pytest.mark.parametrize("moving", [False, True])
def test_a_long_press_beside_opus_is_one_digit_however_its_timestamps_move(moving: bool) -> None:
    world = World()
    open_leg(world, 0, "opus", 48_000, dtmf_clock=8000)
    for index in range(20):
        payload = EVENT.pack(5, END | 10 if index == 19 else 10, 160 if moving else 160 * index + 160)
        timestamp = 9000 + 960 * index * moving
        world.arrive(0, Packet(101, index, timestamp, 77, payload, index == 0))
        world.pass_time(0.02)
    assert [event.digit for event in world.events() if isinstance(event, Digit)] == ["5"]


def test_digits_that_we_send_count_as_the_far_end_named_it() -> None:
    world = World()
    open_leg(world, 0, "opus", 48_000, dtmf_clock=8000)
    world.do(SendDigits(0, "1", 160))
    world.pass_time(1.0)
    assert presses_of(world.network.packets(0), 8000) == [("1", 160)]


@pytest.mark.parametrize("clock", [-8000, 1, 7999, 1 << 40])
def test_an_event_clock_that_is_none_is_refused(clock: int) -> None:
    world = World()
    open_leg(world, 0, "opus", 48_000, dtmf_clock=clock)
    assert [event.what for event in world.events() if isinstance(event, Alarm)] == ["unknown codec"]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 0xFFFFFFFF), st.binary(max_size=8)), max_size=20))
def test_any_events_of_any_clock(packets: list[tuple[int, int, bytes]]) -> None:
    receiver, passage = EventReceiver(48_000), Passage()
    for ssrc, timestamp, payload in packets:
        receiver.receive(ssrc, timestamp, False, payload)
        elapsed = passage.place(receiver, ssrc, timestamp, 0)
        if elapsed >= 0:
            out_ts, out = passage.convert(payload, elapsed, terms("opus", 48_000), terms("PCMU"))
            assert out_ts >= passage.timestamp
            assert len(out) in (len(payload), EVENT.size)


@pytest.mark.parametrize("clock", [16_000, 48_000])
@pytest.mark.parametrize("milliseconds", [100, 4000])
def test_digits_that_we_send_are_in_the_clock_of_the_leg(clock: int, milliseconds: int) -> None:
    world = World()
    open_leg(world, 0, "speex", clock)
    world.do(SendDigits(0, "1#", milliseconds))
    world.pass_time(2 * milliseconds / 1000 + 1.0)
    out = world.network.packets(0)
    assert presses_of(out, clock) == [("1", milliseconds), ("#", milliseconds)]
    marked = [packet for packet in out if packet.marker]
    assert len(marked) == 2
    apart = (marked[1].timestamp - marked[0].timestamp) & 0xFFFFFFFF
    assert apart == pytest.approx((milliseconds + 100) * clock // 1000, abs=clock // 50)
    assert max(EVENT.unpack(packet.payload)[2] for packet in out) <= 0xFFFF


# --- comfort noise ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("noise_type", "sent_as"), [(13, 13), (97, 97)])
def test_comfort_noise_is_relayed_where_the_listener_agreed_on_it(noise_type: int, sent_as: int) -> None:
    world = World()
    open_leg(world, 0, "L16", 16_000, noise_type=98)
    open_leg(world, 1, "L16", 16_000, noise_type=noise_type)
    world.do(Bridge(0, 1))
    world.arrive(0, said(1, 16_000, 640))
    out = world.relayed(0, audio(2, 640, kind=98, payload=b"\x30\x40"))
    assert (out.payload_type, out.payload) == (sent_as, b"\x30\x40")
    assert world.relayed(0, audio(3, 960, kind=13, payload=b"\x31")).payload_type == sent_as


def test_comfort_noise_is_left_out_without_a_gap_where_it_was_not_agreed_on() -> None:
    world = bridged("G722", 8000)
    for number in range(10):
        if number in (3, 4, 7):
            assert world.arrive(0, audio(number, kind=13, payload=b"\x30")) == b""
        else:
            world.relayed(0, said(number, 8000, 160))
    out = world.network.packets(1)
    assert [b.sequence - a.sequence for a, b in pairwise(out)] == [1] * 6
    leg = world.engine.session.open[0]
    assert leg is not None
    statistics = world.engine.session.statistics(leg)
    assert (statistics.lost, statistics.dropped_invalid, statistics.packets_received) == (0, 0, 10)
