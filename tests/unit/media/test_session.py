"""The packet path: what each packet becomes, and what is counted (RFC 3550, RFC 4733)."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

from media import g711, rtp
from media.control import Bridge, Close, Digit, Echo, Modify, Music, Stop, Tone
from media.dtmf import END, EVENT
from media.rtp import Packet
from tests.unit.media.twins import World, audio


@pytest.fixture
def world() -> World:
    world = World()
    world.open(0, 1)
    world.do(Bridge(0, 1))
    world.events()
    return world


def event(
    sequence: int, timestamp: int, code: int = 5, *, flags: int = 0, duration: int = 160, **values: int
) -> Packet:
    """A packet of a telephone-event. `values`: kind, ssrc."""
    payload = EVENT.pack(code, flags, duration)
    return Packet(values.get("kind", 101), sequence, timestamp, values.get("ssrc", 77), payload)


# --- one stream becomes another ---------------------------------------------------------------------------------------


def test_the_outgoing_stream_is_ours(world: World) -> None:
    first, second = world.relayed(0, audio(500)), world.relayed(0, audio(501))
    assert first.ssrc == second.ssrc == world.engine.legs.ssrc[1] != 77
    assert second.sequence == first.sequence + 1 and second.timestamp == first.timestamp + 160
    assert first.payload == b"\x55" * 160
    assert (first.marker, second.marker) == (True, False)


def test_loss_and_disorder_are_passed_on_as_they_are(world: World) -> None:
    sequences = [100, 101, 104, 103, 104, 106]
    out = [world.relayed(0, audio(number)) for number in sequences]
    assert [packet.sequence - out[0].sequence for packet in out] == [0, 1, 4, 3, 4, 6]
    assert [(packet.timestamp - out[0].timestamp) // 160 for packet in out] == [0, 1, 4, 3, 4, 6]


def test_numbers_wrap(world: World) -> None:
    out = [world.relayed(0, audio(number, number * 160 + 0xFFFFF000)) for number in range(65_530, 65_560)]
    for before, after in pairwise(out):
        assert after.sequence == (before.sequence + 1) & 0xFFFF
        assert after.timestamp == (before.timestamp + 160) & 0xFFFFFFFF
    assert world.engine.session.statistics(world.engine.session.open[0]).lost == 0  # type: ignore[arg-type]


def test_a_marker_of_the_sender_is_kept(world: World) -> None:
    world.arrive(0, audio(1))
    packet = audio(2)
    packet.marker = True
    assert world.relayed(0, packet).marker


def test_contributors_extension_and_padding_end_here(world: World) -> None:
    world.arrive(0, audio(1))
    data = bytes(audio(2, payload=b"abcd"))
    dressed = bytes([0xB1]) + data[1:12] + b"CSRC" + b"\xbe\xde\0\1extn" + b"abcd" + b"\0\0\0\4"
    out = world.arrive(0, dressed)
    assert out[0] == 0x80 and out[12:] == b"abcd"


def test_types_are_mapped_between_legs_that_number_them_differently() -> None:
    world = World()
    world.open(0, receive_type=0)
    world.do(Modify(0, "192.0.2.1", 4000, "PCMU", 96, 101, receive_type=97, receive_dtmf_type=98))
    world.open(1, codec="PCMA", dtmf_type=110)
    world.do(Bridge(0, 1))
    assert world.arrive(0, audio(1, kind=96)) == b""
    out = world.relayed(0, audio(2, kind=97))
    assert out.payload_type == 8
    assert world.relayed(0, event(3, 320, kind=98)).payload_type == 110
    assert world.relayed(1, audio(1, kind=8)).payload_type == 96


def test_laws_are_transcoded_and_events_are_not() -> None:
    world = World()
    world.open(0)
    world.open(1, codec="PCMA")
    world.do(Bridge(0, 1))
    payload = bytes(range(160))
    assert world.relayed(0, audio(1, payload=payload)).payload == payload.translate(g711.TRANSLATE[g711.Law.A])
    assert world.relayed(1, audio(1, kind=8, payload=payload)).payload == payload.translate(g711.TRANSLATE[g711.Law.MU])
    assert world.relayed(0, event(2, 320)).payload == EVENT.pack(5, 0, 160)


# --- sources that change ----------------------------------------------------------------------------------------------


def check_stream(packets: list[Packet]) -> None:
    """What RFC 3550 section 5.1 asks of one stream."""
    assert len({packet.ssrc for packet in packets}) == 1
    for before, after in pairwise(packets):
        assert after.sequence == (before.sequence + 1) & 0xFFFF
        assert 0 < (after.timestamp - before.timestamp) & 0xFFFFFFFF < 0x80000000


def test_a_stream_goes_on_whatever_feeds_it(world: World) -> None:
    for number in range(5):
        world.arrive(0, audio(number))
        world.pass_time(0.02)
    world.do(Tone(1, "busy"))
    world.pass_time(0.2)
    world.open(2)
    world.do(Bridge(1, 2))
    for number in range(5):
        world.arrive(2, audio(40_000 + number, ssrc=5))
        world.pass_time(0.02)
    world.do(Echo(1))
    world.arrive(1, audio(7))
    packets = world.network.packets(1)
    check_stream(packets)
    assert len(packets) == 5 + 10 + 5 + 1
    marked = [index for index, packet in enumerate(packets) if packet.marker]
    assert marked == [0, 5, 15, 20]


def test_timestamps_follow_real_time_across_a_pause(world: World) -> None:
    before = world.relayed(0, audio(1))
    world.do(Stop(1))
    world.pass_time(3.0)
    world.do(Bridge(0, 1))
    after = world.relayed(0, audio(151))
    assert after.timestamp - before.timestamp == pytest.approx(24_000, abs=8)
    assert after.sequence == before.sequence + 1


def test_what_is_late_from_before_the_switch_is_left_out(world: World) -> None:
    for number in range(10):
        world.arrive(0, audio(number))
        world.pass_time(0.02)
    world.do(Tone(1, "busy"))
    world.pass_time(0.1)
    world.do(Bridge(0, 1))
    world.arrive(0, audio(12))
    assert world.arrive(0, audio(11)) == b""
    world.arrive(0, audio(13))
    check_stream(world.network.packets(1))


def test_a_new_ssrc_goes_on_in_the_same_stream(world: World) -> None:
    world.arrive(0, audio(1))
    world.pass_time(0.06)
    world.arrive(0, audio(60_000, 5, ssrc=78))
    world.pass_time(0.02)
    world.arrive(0, audio(60_001, 165, ssrc=78))
    packets = world.network.packets(1)
    check_stream(packets)
    assert [packet.marker for packet in packets] == [True, True, False]


def test_an_ssrc_does_not_take_the_place_of_one_that_talks(world: World) -> None:
    """Somebody writes the phone's address on his packets: he is not heard, and the phone goes on being heard."""
    for number in range(100):
        world.arrive(0, audio(number))
        world.pass_time(0.01)
        for _ in range(10):
            assert world.arrive(0, audio(number, ssrc=666, payload=b"\x66" * 160)) == b""
        world.pass_time(0.01)
    packets = world.network.packets(1)
    check_stream(packets)
    assert len(packets) == 100 and {packet.payload for packet in packets} == {b"\x55" * 160}
    leg = world.engine.session.open[0]
    assert leg is not None and leg.invalid == 1000 and world.engine.session.statistics(leg).lost == 0


@pytest.mark.parametrize("size", [1501, 1600])
def test_oversize_packets_are_dropped(world: World, size: int) -> None:
    world.arrive(0, audio(1))
    assert world.arrive(0, audio(2, payload=b"\x55" * (size - 12))) == b""
    leg = world.engine.session.open[0]
    assert leg is not None and leg.invalid == 1
    assert world.arrive(0, audio(2, payload=b"\x55" * 1488)) != b""


def test_numbers_that_start_anew_are_believed_at_the_second_packet(world: World) -> None:
    world.arrive(0, audio(1))
    world.pass_time(0.02)
    assert world.arrive(0, audio(30_000)) == b""
    world.pass_time(0.02)
    assert world.arrive(0, audio(30_001))
    check_stream(world.network.packets(1))
    statistics = world.engine.session.statistics(world.engine.session.open[0])  # type: ignore[arg-type]
    assert (statistics.packets_received, statistics.lost, statistics.dropped_invalid) == (2, 0, 1)


def test_bridging_again_what_is_bridged_changes_nothing(world: World) -> None:
    world.arrive(0, audio(1))
    world.do(Bridge(1, 0), Bridge(0, 1))
    assert not world.relayed(0, audio(2)).marker


def test_a_third_leg_takes_the_place_of_the_second(world: World) -> None:
    world.open(2)
    world.do(Bridge(0, 2))
    assert world.arrive(1, audio(1)) == b""
    world.arrive(0, audio(1))
    world.arrive(2, audio(1))
    assert [leg for leg, _ in world.network.sent] == [2, 0]


def test_a_leg_on_hold_is_sent_nothing_and_goes_on_after(world: World) -> None:
    world.arrive(0, audio(1))
    world.do(Modify(1, "192.0.2.2", 4000, "PCMU", 0, 101, send=False))
    world.pass_time(0.02)
    assert world.arrive(0, audio(2)) == b""
    assert world.arrive(1, audio(1)) != b""  # It may still be heard.
    world.do(Modify(1, "192.0.2.2", 4000, "PCMU", 0, 101))
    world.pass_time(0.02)
    world.arrive(0, audio(3))
    check_stream(world.network.packets(1))


def test_a_leg_that_we_do_not_receive_from_is_counted_but_not_heard(world: World) -> None:
    world.do(Modify(0, "192.0.2.1", 4000, "PCMU", 0, 101, receive=False))
    assert world.arrive(0, audio(1)) == b""
    assert world.arrive(0, event(2, 320)) == b""
    assert world.events() == []
    leg = world.engine.session.open[0]
    assert leg is not None and world.engine.session.statistics(leg).packets_received == 2


# --- what is dropped --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80",
        b"\x80\x00\x00\x01\x00\x00\x00\xa0\x00\x00\x00",
        bytes(audio(1, kind=8)),
        bytes(audio(1, kind=18)),
        b"\x00" + bytes(audio(1))[1:],
        b"\x9f" + bytes(audio(1, payload=b"x"))[1:],
    ],
)
def test_garbage_is_counted_and_dropped(world: World, data: bytes) -> None:
    world.arrive(0, audio(5))
    before = bytes(world.engine.legs.inbound.tobytes())
    assert world.arrive(0, data) == b""
    assert world.engine.legs.inbound.tobytes() == before, "only valid packets move the statistics"
    leg = world.engine.session.open[0]
    assert leg is not None and leg.invalid == 1


def test_comfort_noise_leaves_no_gap(world: World) -> None:
    out = [world.relayed(0, audio(1)), world.relayed(0, audio(2))]
    assert world.arrive(0, audio(3, kind=13, payload=b"\x20")) == b""
    out.append(world.relayed(0, audio(4)))
    assert [packet.sequence - out[0].sequence for packet in out] == [0, 1, 2]
    leg = world.engine.session.open[0]
    assert leg is not None
    statistics = world.engine.session.statistics(leg)
    assert (statistics.packets_received, statistics.lost, statistics.dropped_invalid) == (4, 0, 0)


def test_a_closed_leg_takes_nothing(world: World) -> None:
    world.do(Close(0))
    assert world.arrive(0, audio(1)) == b""


def test_the_corpora_never_crash_and_never_send_elsewhere(world: World, shared: Path) -> None:
    folder = shared / "corpora" / "rtp-rtcp"
    world.arrive(0, audio(1))
    for item in json.loads((folder / "index.json").read_text())["items"]:
        data = (folder / item["file"]).read_bytes()[:1500]
        world.arrive(0, data)
        world.engine.receive_rtcp(0, data, world.now)
        world.engine.receive_rtcp(0, data[:1501], world.now)
    assert {leg for leg, _ in world.network.sent} == {1}
    assert world.arrive(0, audio(2)) or world.arrive(0, audio(3))


# --- statistics -------------------------------------------------------------------------------------------------------


def test_loss_is_what_was_expected_less_what_came(world: World) -> None:
    for number in [*range(10), *range(15, 30), 12, 40]:
        world.arrive(0, audio(number))
    world.pass_time(0.1)
    world.arrive(0, audio(5, ssrc=99))
    world.arrive(0, audio(8, ssrc=99))
    leg = world.engine.session.open[0]
    assert leg is not None
    statistics = world.engine.session.statistics(leg)
    assert statistics.packets_received == 29
    assert statistics.lost == (41 - 27) + 2
    assert statistics.bytes_received == 29 * 160


def test_jitter_is_that_of_the_rfc(world: World) -> None:
    jitter = 0.0
    arrivals = [0.0, 0.020, 0.043, 0.060, 0.085, 0.100, 0.121, 0.140]
    start, previous = world.now, None
    for number, at in enumerate(arrivals):
        world.now = start + at
        world.arrive(0, audio(number))
        transit = int(world.now * 8000) - number * 160
        if previous is not None:
            jitter += (abs(transit - previous) - jitter) / 16
        previous = transit
    leg = world.engine.session.open[0]
    assert leg is not None
    stream = world.engine.session.stream(leg)
    assert stream is not None and stream.jitter == pytest.approx(jitter, abs=1.5)
    assert world.engine.session.statistics(leg).jitter_ms == pytest.approx(jitter / 8, abs=0.2)


def test_events_are_no_jitter(world: World) -> None:
    world.arrive(0, audio(0))
    for number in range(1, 20):
        world.pass_time(0.02)
        world.arrive(0, event(number, 160, duration=160 * number))
    world.pass_time(0.02)
    world.arrive(0, audio(20))
    leg = world.engine.session.open[0]
    assert leg is not None and world.engine.session.statistics(leg).jitter_ms < 0.2


# --- digits -----------------------------------------------------------------------------------------------------------


def test_a_digit_is_reported_once_and_relayed_whole(world: World) -> None:
    world.arrive(0, audio(1))
    for number in range(5):
        world.arrive(0, event(2 + number, 320, duration=160 * (1 + number)))
    for number in range(3):
        world.arrive(0, event(7 + number, 320, flags=END, duration=960))
    world.pass_time(0.16)
    world.arrive(0, audio(10))
    assert world.events() == [Digit(0, "5", 20)]
    packets = world.network.packets(1)
    assert [packet.payload_type for packet in packets] == [0] + [101] * 8 + [0]
    assert len({packet.timestamp for packet in packets[1:9]}) == 1
    assert {after.sequence - before.sequence for before, after in pairwise(packets)} == {1}


def test_digits_for_a_listener_without_them_leave_no_gap() -> None:
    world = World()
    world.open(0)
    world.open(1, dtmf_type=-1)
    world.do(Bridge(0, 1))
    first = world.relayed(0, audio(1))
    assert all(world.arrive(0, event(number, 320)) == b"" for number in range(2, 8))
    assert world.relayed(0, audio(8)).sequence == first.sequence + 1
    assert world.events() == [Digit(0, "5", 20)]


def test_events_that_come_beside_the_stream(world: World) -> None:
    """SIPp's play_dtmf: an SSRC of its own, from the same port, between the packets of the audio."""
    for number in range(20):
        world.arrive(0, audio(number))
        if 5 <= number < 12:
            flags = END if number > 8 else 0
            world.arrive(0, event(100 + number, 9999, 7, ssrc=123, flags=flags, duration=160 * (number - 4)))
        world.pass_time(0.02)
    assert world.events() == [Digit(0, "7", 20)]
    packets = world.network.packets(1)
    assert len(packets) == 27
    assert {(after.sequence - before.sequence) & 0xFFFF for before, after in pairwise(packets)} == {1}
    events = [packet for packet in packets if packet.payload_type == 101]
    assert len(events) == 7 and len({packet.timestamp for packet in events}) == 1
    sound = [packet for packet in packets if packet.payload_type == 0]
    assert {after.timestamp - before.timestamp for before, after in pairwise(sound)} == {160}
    assert [packet.marker for packet in sound] == [True] + [False] * 19
    leg = world.engine.session.open[0]
    assert leg is not None and world.engine.session.statistics(leg).lost == 0


def test_digits_of_a_leg_that_nobody_hears_are_reported() -> None:
    world = World()
    world.open(0)
    world.do(Music(0, "none"))
    world.events()
    world.arrive(0, event(1, 160))
    assert world.events() == [Digit(0, "5", 20)]


def test_audio_after_an_event_keeps_its_distance(world: World) -> None:
    """A source that follows an event begins after it, not at its start."""
    world.arrive(0, audio(1))
    for number in range(8):
        world.arrive(0, event(2 + number, 320, duration=160 * (1 + number)))
        world.pass_time(0.02)
    world.do(Tone(1, "busy"))
    world.pass_time(0.02)
    packets = world.network.packets(1)
    assert packets[-1].timestamp - packets[1].timestamp >= 8 * 160


def test_a_relayed_packet_is_parsed_by_others(world: World) -> None:
    out = world.arrive(0, audio(1))
    assert rtp.payload_bounds(out, len(out)) == (12, 172)


# --- a key that is still down when somebody else begins to hear the leg ------------------------------------------------


@pytest.mark.parametrize("codec", ["PCMU", "G722"])
@pytest.mark.parametrize("heard_first", [2, 8])
def test_a_key_pressed_for_a_menu_is_not_heard_by_whoever_answers(codec: str, heard_first: int) -> None:
    world = World()
    world.open(0, 1, 2)
    world.do(Modify(1, "192.0.2.2", 4000, codec, 9 if codec == "G722" else 0, 101))
    # Six packets while the key is down and its end three times; the call is answered in between. Then a key for the callee.
    for key, start in ((1, 160), (2, 160 * 40)):
        for index in range(9):
            if (key, index) == (1, heard_first):
                world.do(Bridge(0, 1))
            code = 10 | (END if index > 5 else 0)
            payload = EVENT.pack(key, code, 160 * min(index + 1, 6))
            world.arrive(0, Packet(101, 10 * key + index, start, 77, payload, index == 0))
            world.pass_time(0.02)
        assert [packet.payload[0] for packet in world.network.packets(1) if packet.payload_type == 101] == [2] * 9 * (
            key - 1
        )
    assert [each.digit for each in world.events() if isinstance(each, Digit)] == ["1", "2"]


def test_audio_behind_a_key_that_was_not_passed_on_is_where_it_belongs(world: World) -> None:
    world.relayed(0, audio(9))
    world.do(Echo(1))
    for index in range(10, 20):
        if index == 15:
            world.do(Bridge(0, 1))
        world.arrive(0, Packet(101, index, 160 * 10, 77, EVENT.pack(1, 10, 160 * (index - 9)), index == 10))
        world.pass_time(0.02)
    before = world.network.packets(1)[-1]
    after = [world.relayed(0, audio(20)), world.relayed(0, audio(21))]
    assert [packet.sequence - before.sequence for packet in after] == [1, 2]
    # Not the length of the key press ahead of its time.
    assert after[0].timestamp - before.timestamp == pytest.approx(10 * 160, abs=8)
    assert after[1].timestamp - after[0].timestamp == 160


@pytest.mark.parametrize("beside", [False, True])
def test_of_a_key_that_is_interrupted_the_rest_is_not_a_second_one(beside: bool, world: World) -> None:
    world.relayed(0, audio(9, ssrc=77))
    ssrc = 78 if beside else 77
    for index in range(10, 20):
        if index in (14, 16):
            world.do(Modify(1, "192.0.2.2", 4000, "PCMU", 0, 101, send=index == 16))
        world.arrive(0, Packet(101, index, 160 * 10, ssrc, EVENT.pack(1, 10, 160 * (index - 9)), index == 10))
        world.pass_time(0.02)
    sent = [packet for packet in world.network.packets(1) if packet.payload_type == 101]
    assert len(sent) == 4
    assert len({packet.timestamp for packet in sent}) == 1
