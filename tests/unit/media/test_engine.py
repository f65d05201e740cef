"""Commands performed on legs, in virtual time."""

from __future__ import annotations

import wave
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from media import g711, rtcp
from media.control import (
    Alarm,
    Bridge,
    Close,
    Digit,
    Echo,
    Latched,
    Load,
    Modify,
    Music,
    Open,
    Play,
    PlayDone,
    RtpTimeout,
    SendDigits,
    Statistics,
    Stop,
    Tone,
)
from media.dtmf import EVENT
from media.g711 import encode_both
from media.library import Recording, prepare
from media.rtcp import SenderInfo
from media.rtp import Packet
from tests.unit.media.twins import World, audio

RAMP = np.linspace(-30_000, 30_000, 8000).astype(np.int16)
HOLD = 425


@pytest.fixture
def world() -> World:
    world = World()
    world.open(0, 1)
    for name, start in (("one", 0), ("two", 1000), ("three", 3000)):
        world.engine.loaded(Recording(name, False, encode_both(RAMP[start : start + 1000])), world.now)
    world.engine.loaded(Recording("moh", True, encode_both(RAMP)), world.now)
    return world


def codes(packets: list[Packet]) -> bytes:
    return b"".join(packet.payload for packet in packets)


def coded(samples: np.ndarray, law: g711.Law = g711.Law.MU) -> bytes:
    return g711.encode(samples.astype(np.int16), law).tobytes()


def frequency(payload: bytes) -> float:
    """The strongest frequency."""
    signal = g711.decode(np.frombuffer(payload, np.uint8), g711.Law.MU).astype(float)
    return float(np.abs(np.fft.rfft(signal, 8000)).argmax())


# --- clips ------------------------------------------------------------------------------------------------------------


def test_a_clip_is_played_and_silence_follows(world: World) -> None:
    world.do(Play(0, 7, ("one",)))
    world.pass_time(0.3)
    packets = world.network.packets(0)
    assert codes(packets)[:1000] == coded(RAMP[:1000])
    assert set(codes(packets)[1000:]) == {0xFF}
    assert world.events() == [PlayDone(0, 7, "end")]
    assert [packet.marker for packet in packets] == [True] + [False] * (len(packets) - 1)
    assert {(b.sequence - a.sequence, b.timestamp - a.timestamp) for a, b in pairwise(packets)} == {(1, 160)}


def test_clips_are_gapless_whatever_their_lengths(world: World) -> None:
    for length, name in ((1, "a"), (159, "b"), (160, "c"), (161, "d"), (500, "e"), (0, "f")):
        world.engine.loaded(Recording(name, False, encode_both(RAMP[length : 2 * length])), world.now)
    order = ("a", "b", "f", "c", "d", "a", "a", "e", "f")
    world.do(Play(1, 1, order))
    world.pass_time(0.4)
    lengths = {"a": 1, "b": 159, "c": 160, "d": 161, "e": 500, "f": 0}
    expected = np.concatenate([RAMP[lengths[name] : 2 * lengths[name]] for name in order])
    played = codes(world.network.packets(1))
    assert played[: len(expected)] == coded(expected)
    assert set(played[len(expected) :]) == {0xFF}
    assert world.events() == [PlayDone(1, 1, "end")]


def test_the_end_is_told_with_the_last_packet(world: World) -> None:
    world.engine.loaded(Recording("exact", False, encode_both(RAMP[:320])), world.now)
    world.do(Play(0, 1, ("exact",)))
    while not world.events():
        world.pass_time(0.005)
    assert len(world.network.packets(0)) == 2


def test_repeating(world: World) -> None:
    world.do(Play(0, 1, ("one", "two"), repeat=3), Play(1, 2, ("one",), repeat=0))
    world.pass_time(1.0)
    expected = coded(np.concatenate((RAMP[:2000],) * 3))
    assert codes(world.network.packets(0))[:6000] == expected
    assert codes(world.network.packets(1))[:7000] == coded(np.concatenate((RAMP[:1000],) * 7))
    assert world.events() == [PlayDone(0, 1, "end")]


def test_a_clip_replaced(world: World) -> None:
    world.do(Play(0, 1, ("three",), repeat=0))
    world.pass_time(0.1)
    world.do(Play(0, 2, ("one",)))
    world.pass_time(0.02)
    world.do(Close(0))
    events = world.events()
    assert events[:2] == [PlayDone(0, 1, "replaced"), PlayDone(0, 2, "replaced")]
    assert isinstance(events[2], Statistics)


def test_nothing_to_play_is_over_at_once(world: World) -> None:
    world.engine.loaded(Recording("empty", False, encode_both(RAMP[:0])), world.now)
    world.do(Play(0, 1, ()), Play(1, 2, ("empty", "empty"), repeat=0))
    assert world.events() == [PlayDone(0, 1, "end"), PlayDone(1, 2, "end")]
    world.pass_time(0.05)
    assert set(codes(world.network.packets(0))) == {0xFF}


def test_missing_clips_are_skipped_and_told(world: World) -> None:
    world.do(Play(0, 1, ("one", "gone", "two")))
    world.pass_time(0.3)
    assert codes(world.network.packets(0))[:2000] == coded(RAMP[:2000])
    assert world.events() == [Alarm("missing clip", "leg 0: gone"), PlayDone(0, 1, "end")]


@pytest.mark.parametrize("command", [Play(0, 1, ("gone",)), Music(0, "gone"), Tone(0, "gone")])
def test_with_nothing_there_the_hold_tone_is_heard(world: World, command: Play | Music | Tone) -> None:
    world.do(command)
    world.pass_time(0.1)
    assert frequency(codes(world.network.packets(0))) == pytest.approx(HOLD, abs=3)
    assert isinstance(world.events()[0], Alarm)


def test_a_digit_stops_what_may_be_stopped(world: World) -> None:
    world.do(Play(0, 1, ("three",), repeat=0, until_digit=True), Play(1, 2, ("three",), repeat=0))
    world.pass_time(0.1)
    for leg in (0, 1):
        world.arrive(leg, Packet(101, 1, 160, 5, EVENT.pack(4, 0, 160)))
    world.pass_time(0.1)
    assert world.events() == [Digit(0, "4", 20), Digit(1, "4", 20), PlayDone(0, 1, "digit")]
    assert set(world.network.packets(0)[-1].payload) == {0xFF}
    assert set(world.network.packets(1)[-1].payload) != {0xFF}


def test_a_clip_in_each_law() -> None:
    world = World()
    world.open(0, codec="PCMA")
    world.engine.loaded(Recording("one", False, encode_both(RAMP[:1000])), world.now)
    world.do(Play(0, 1, ("one",)))
    world.pass_time(0.2)
    packets = world.network.packets(0)
    assert codes(packets)[:1000] == coded(RAMP[:1000], g711.Law.A)
    assert packets[-1].payload == b"\xd5" * 160
    assert {packet.payload_type for packet in packets} == {8}


@pytest.mark.parametrize(
    ("ptime", "samples"), [(10, 80), (20, 160), (30, 240), (60, 480), (25, 160), (5, 80), (200, 480)]
)
def test_packet_times(ptime: int, samples: int) -> None:
    world = World()
    world.open(0, ptime=ptime)
    world.engine.loaded(Recording("one", False, encode_both(RAMP)), world.now)
    world.do(Play(0, 1, ("one",)))
    world.pass_time(1.2)
    packets = world.network.packets(0)
    assert {len(packet.payload) for packet in packets} == {samples}
    assert codes(packets)[:8000] == coded(RAMP)
    assert {b.timestamp - a.timestamp for a, b in pairwise(packets)} == {samples}


def test_a_clip_waits_for_an_address_and_for_the_end_of_hold(world: World) -> None:
    world.do(Open(2, "", 0, "PCMU", 0), Play(2, 1, ("one",)))
    world.pass_time(0.5)
    assert world.network.packets(2) == []
    world.do(Modify(2, "192.0.2.3", 4000, "PCMU", 0))
    world.pass_time(0.06)
    world.do(Modify(2, "192.0.2.3", 4000, "PCMU", 0, send=False))
    before = len(world.network.packets(2))
    world.pass_time(0.5)
    assert len(world.network.packets(2)) == before == 3
    world.do(Modify(2, "192.0.2.3", 4000, "PCMU", 0))
    world.pass_time(0.3)
    packets = world.network.packets(2)
    assert codes(packets)[:1000] == coded(RAMP[:1000])
    assert packets[3].marker and packets[3].timestamp - packets[2].timestamp == pytest.approx(4160, abs=200)


# --- music, tones, loading --------------------------------------------------------------------------------------------


def test_music_is_one_for_all_or_from_its_start(world: World) -> None:
    world.open(2, 3)
    world.do(Music(0, "moh"))
    world.pass_time(0.333)
    world.do(Music(1, "moh"), Music(2, "moh", from_start=True))
    world.pass_time(0.1)
    loop = coded(RAMP) * 2

    def position(leg: int) -> int:
        packet = world.network.packets(leg)[-1]
        assert packet.payload in loop
        return loop.index(packet.payload)

    assert codes(world.network.packets(2))[:480] == coded(RAMP)[:480]
    assert abs(position(0) - position(1)) <= 160
    assert position(2) < 900
    # Whoever comes after a while without listeners finds that it has gone on.
    for leg in (0, 1, 2):
        world.do(Stop(leg))
    before = position(0)
    world.pass_time(0.5)
    world.do(Music(3, "moh"))
    world.pass_time(0.02)
    assert position(3) == pytest.approx(before + 4000, abs=320)


def test_music_goes_round(world: World) -> None:
    world.do(Music(0, "moh", from_start=True))
    world.pass_time(2.5)
    played = codes(world.network.packets(0))
    assert played == (coded(RAMP) * 3)[: len(played)]
    assert world.events() == []


def test_a_tone_has_its_cadence(world: World) -> None:
    world.do(Tone(0, "ringback", "de"))
    world.pass_time(6.0)
    played = codes(world.network.packets(0))
    assert frequency(played[:8000]) == pytest.approx(425, abs=1)
    assert set(played[8000:40_000]) == {0xFF}
    assert played[40_000:41_000] == played[:1000]


def test_a_beep_is_heard_once(world: World) -> None:
    world.do(Tone(0, "beep"))
    world.pass_time(3.0)
    played = codes(world.network.packets(0))
    assert frequency(played[:2000]) == pytest.approx(1000, abs=2)
    assert set(played[2000:]) == {0xFF}


def write(path: Path, samples: np.ndarray) -> str:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(samples.astype("<i2").tobytes())
    return str(path)


def test_what_is_being_loaded_is_waited_for(world: World, tmp_path: Path) -> None:
    path = write(tmp_path / "new.wav", RAMP[:800])
    world.do(Tone(0, "dial"), Load("new", path), Play(0, 5, ("one", "new")), Music(1, "new music"))
    assert world.events() == [Alarm("missing music", "leg 1: new music")]
    world.pass_time(0.1)
    assert frequency(codes(world.network.packets(0))) == pytest.approx(425, abs=5)
    assert [load.name for load in world.loads] == ["new"]
    sent = len(world.network.packets(0))
    world.engine.loaded(prepare("new", path, False), world.now)
    world.pass_time(0.3)
    assert codes(world.network.packets(0)[sent:])[:1800] == coded(np.concatenate((RAMP[:1000], RAMP[:800])))
    assert world.events() == [PlayDone(0, 5, "end")]


def test_waiting_for_a_load_ends_with_another_command_or_the_leg(world: World) -> None:
    world.do(Load("new", "/nowhere.wav"), Play(0, 1, ("new",)), Play(0, 2, ("new",)), Tone(0, "dial"))
    world.do(Play(1, 3, ("new",)), Close(1))
    assert world.events()[:3] == [PlayDone(0, 1, "replaced"), PlayDone(0, 2, "replaced"), PlayDone(1, 3, "replaced")]
    world.open(1)
    world.do(Play(1, 4, ("new",)), Play(1, 5, ("one",)))
    assert world.events() == [PlayDone(1, 4, "replaced")]
    world.engine.loaded(Recording("new", False, encode_both(RAMP[:100])), world.now)
    world.pass_time(0.1)
    assert frequency(codes(world.network.packets(0))) == pytest.approx(425, abs=5)


def test_a_file_that_cannot_be_read_is_told_and_its_plays_end(world: World) -> None:
    world.do(Load("bad", "/nowhere/bad.wav"), Play(0, 1, ("bad",)))
    world.engine.loaded(prepare("bad", "/nowhere/bad.wav", False), world.now)
    events = world.events()
    assert events[0] == Alarm("cannot load", "bad: cannot read /nowhere/bad.wav: No such file or directory")
    assert events[-1] == PlayDone(0, 1, "missing")


def test_a_file_is_read_again_only_when_it_has_changed(world: World, tmp_path: Path) -> None:
    path = write(tmp_path / "clip.wav", RAMP[:800])
    world.engine.loaded(prepare("clip", path, False), world.now)
    world.do(Load("clip", path))
    assert world.loads == []
    write(tmp_path / "clip.wav", RAMP[:900])
    world.do(Load("clip", path))
    assert len(world.loads) == 1


# --- digits that we send ----------------------------------------------------------------------------------------------


def test_digits_take_the_place_of_the_source(world: World) -> None:
    world.do(Music(0, "moh"))
    world.pass_time(0.1)
    world.do(SendDigits(0, "12", 100))
    world.pass_time(1.0)
    packets = world.network.packets(0)
    events = [packet for packet in packets if packet.payload_type == 101]
    assert len(events) == 14
    starts = [packet for packet in events if packet.marker]
    assert [EVENT.unpack(packet.payload)[0] for packet in starts] == [1, 2]
    assert {b.sequence - a.sequence & 0xFFFF for a, b in pairwise(packets)} == {1}
    last, first_after = packets.index(events[-1]), packets[packets.index(events[-1]) + 1]
    assert first_after.marker and first_after.payload_type == 0
    assert first_after.timestamp - packets[last].timestamp >= 800
    assert all(b.timestamp >= a.timestamp for a, b in pairwise(packets))


def test_digits_to_a_bridged_leg_silence_its_peer_meanwhile(world: World) -> None:
    world.do(Bridge(0, 1))
    world.arrive(1, audio(1))
    world.do(SendDigits(0, "5", 60), SendDigits(0, "6", 60))
    number = 2
    for _ in range(40):
        world.pass_time(0.02)
        world.arrive(1, audio(number))
        number += 1
    packets = world.network.packets(0)
    kinds = "".join("e" if packet.payload_type == 101 else "a" for packet in packets)
    assert kinds.strip("a") == "e" * 10 and kinds.endswith("aaa")
    assert {b.sequence - a.sequence & 0xFFFF for a, b in pairwise(packets)} == {1}
    assert all(b.timestamp >= a.timestamp for a, b in pairwise(packets))


def test_a_leg_without_events_hears_the_tones() -> None:
    world = World()
    world.open(0, dtmf_type=-1)
    world.do(SendDigits(0, "1D", 200))
    world.pass_time(1.0)
    packets = world.network.packets(0)
    assert {packet.payload_type for packet in packets} == {0}
    assert {b.timestamp - a.timestamp for a, b in pairwise(packets)} == {160}
    signal = g711.decode(np.frombuffer(codes(packets), np.uint8), g711.Law.MU).astype(float)
    spectrum = np.abs(np.fft.rfft(signal[:1600], 8000))
    assert {int(spectrum[:1000].argmax()), 1000 + int(spectrum[1000:].argmax())} == {697, 1209}
    spectrum = np.abs(np.fft.rfft(signal[2080:3680], 8000))
    assert {int(spectrum[:1100].argmax()), 1100 + int(spectrum[1100:].argmax())} == {941, 1633}


def test_digits_of_a_leg_that_closes(world: World) -> None:
    world.do(SendDigits(0, "123"))
    world.pass_time(0.1)
    world.do(Close(0))
    world.open(0)
    world.pass_time(0.5)
    assert world.engine.session.open[0] is not None and not world.engine.session.open[0].interrupted


# --- addresses --------------------------------------------------------------------------------------------------------


def admit(world: World, leg: int, source: tuple[str, int], packet: Packet) -> bool:
    data = bytes(packet)
    return world.engine.admit(leg, source, memoryview(bytearray(data)), len(data))


def test_an_address_from_the_sdp_is_aimed_at(world: World) -> None:
    assert world.network.aimed[0] == (("192.0.2.1", 4000), ("192.0.2.1", 4001))
    world.do(Modify(0, "192.0.2.1", 4000, "PCMU", 0, rtcp_port=4444))
    assert world.network.aimed[0] == (("192.0.2.1", 4000), ("192.0.2.1", 4444))


def test_a_latch_settles_the_address_and_music_begins(world: World) -> None:
    world.do(Open(2, "10.0.0.5", 4000, "PCMU", 0, latch_host="203.0.113.9"), Music(2, "moh"))
    assert world.network.listening[2] == ("203.0.113.9", None)
    world.pass_time(0.1)
    assert world.network.packets(2) == []
    source = ("203.0.113.9", 61_000)
    assert not admit(world, 2, ("203.0.113.66", 61_000), audio(1))
    assert not admit(world, 2, source, audio(1))
    assert admit(world, 2, source, audio(2))
    assert world.network.aimed[2] == (source, ("203.0.113.9", 61_001))
    assert world.events() == [Latched(2, *source)]
    world.pass_time(0.1)
    assert world.network.packets(2)
    assert admit(world, 2, source, audio(3))
    assert not admit(world, 2, ("203.0.113.9", 61_002), audio(4))
    leg = world.engine.session.open[2]
    assert leg is not None and leg.foreign == 2


def test_only_a_new_address_arms_the_latch_again(world: World) -> None:
    terms = ("10.0.0.5", 4000, "PCMU", 0)
    world.do(Open(2, *terms, latch_host="203.0.113.9"))
    for number in range(2):
        admit(world, 2, ("203.0.113.9", 61_000), audio(number))
    world.do(Modify(2, *terms, latch_host="203.0.113.9", send=False))
    assert 2 not in world.network.listening
    world.do(Modify(2, "10.0.0.5", 4002, "PCMU", 0, latch_host="203.0.113.9"))
    assert 2 in world.network.listening


@pytest.mark.parametrize(("host", "port"), [("", 0), ("0.0.0.0", 4000), ("192.0.2.1", 0), ("name.example", 4000)])
def test_an_address_that_is_none_is_not_sent_to(world: World, host: str, port: int) -> None:
    world.do(Open(2, host, port, "PCMU", 0), Tone(2, "dial"))
    world.pass_time(0.1)
    assert 2 not in world.network.aimed and world.network.packets(2) == []


def test_an_address_that_cannot_be_reached_is_told(world: World) -> None:
    world.network.refused.add("198.51.100.1")
    world.do(Open(2, "198.51.100.1", 4000, "PCMU", 0))
    assert world.events() == [
        Alarm("unreachable address", "leg 2: 198.51.100.1 port 4000: [Errno 101] Network is unreachable")
    ]
    world.do(Open(3, "", 0, "PCMU", 0, latch_host="198.51.100.1"))
    for number in range(3):
        assert not admit(world, 3, ("198.51.100.1", 5000), audio(number))
    assert [event.what for event in world.events() if isinstance(event, Alarm)] == ["unreachable address"]


def test_opening_an_open_leg_closes_it_first(world: World) -> None:
    world.arrive(0, audio(1))
    world.open(0)
    events = world.events()
    assert isinstance(events[0], Statistics) and events[0].packets_received == 1
    leg = world.engine.session.open[0]
    assert leg is not None and world.engine.session.statistics(leg).packets_received == 0


def test_every_leg_has_chance_values_of_its_own(world: World) -> None:
    legs = world.engine.legs
    assert legs.ssrc[0] != legs.ssrc[1] and legs.out_seq[0] != legs.out_seq[1] and legs.out_ts[0] != legs.out_ts[1]
    names = {leg.reporter.cname for leg in world.engine.session.open if leg}
    assert len(names) == 2 and all(len(name) == 24 for name in names)


def test_commands_that_make_no_sense(world: World) -> None:
    commands = [Tone(7, "dial"), Bridge(0, 7), Open(8, "", 0, "PCMU", 0), Open(-1, "", 0, "PCMU", 0)]
    commands += [Open(2, "", 0, "", 96), Open(2, "", 0, "PCMU", 128), Modify(0, "", 0, "L16", 96, clock=44_100)]
    commands += [Open(2, "", 0, "L16", 96, clock=clock) for clock in (0, -8000, 12_000, 192_000)]
    world.do(*commands, Close(6))
    events = world.events()
    assert [type(event) for event in events] == [Alarm] * 11
    assert world.engine.open_legs == 2


# --- time -------------------------------------------------------------------------------------------------------------


def test_rtp_timeout_is_told_once_until_rtp_comes_again(world: World) -> None:
    world.open(2, timeout=5.0)
    world.pass_time(4.9)
    world.arrive(2, audio(1))
    world.pass_time(4.9)
    assert world.events() == []
    world.pass_time(3.0)
    (event,) = world.events()
    assert isinstance(event, RtpTimeout) and event.leg == 2 and 5.0 <= event.seconds <= 6.5
    world.pass_time(20.0)
    assert world.events() == []
    world.arrive(2, audio(2))
    world.pass_time(8.0)
    assert [type(event) for event in world.events()] == [RtpTimeout]


def test_hold_stops_the_clock_of_the_timeout(world: World) -> None:
    terms = ("192.0.2.3", 4000, "PCMU", 0)
    world.do(Open(2, *terms, timeout=5.0))
    world.pass_time(3.0)
    world.do(Modify(2, *terms, receive=False, timeout=5.0))
    world.pass_time(30.0)
    world.do(Modify(2, *terms, timeout=5.0))
    world.pass_time(4.0)
    assert world.events() == []
    world.pass_time(3.0)
    assert [type(event) for event in world.events()] == [RtpTimeout]


def test_who_loses_the_peer_hears_the_hold_tone(world: World) -> None:
    world.do(Bridge(0, 1))
    world.arrive(1, audio(1))
    world.do(Close(1))
    world.events()
    world.pass_time(0.9)
    assert len(world.network.packets(0)) == 1
    world.pass_time(2.0)
    assert world.events() == [Alarm("dead air", "leg 0 has lost its source")]
    assert frequency(codes(world.network.packets(0)[-150:])) == pytest.approx(HOLD, abs=5)


def test_who_is_given_a_source_in_time_does_not(world: World) -> None:
    world.open(2)
    world.do(Bridge(0, 1), Bridge(1, 2), Music(0, "moh"))
    world.pass_time(5.0)
    assert world.events() == []


def test_who_was_stopped_or_never_given_a_source_stays_quiet(world: World) -> None:
    world.do(Bridge(0, 1), Stop(0), Close(1))
    world.open(2)
    world.events()
    world.pass_time(5.0)
    assert world.events() == [] and world.network.packets(0) == [] and world.network.packets(2) == []


def test_an_echo_that_closes_leaves_nobody_behind(world: World) -> None:
    world.do(Echo(0))
    world.arrive(0, audio(1))
    world.do(Close(0))
    world.pass_time(3.0)
    assert [type(event) for event in world.events()] == [Statistics]


def test_rtcp_is_sent_now_and_then_and_at_the_end(world: World) -> None:
    world.do(Tone(0, "dial"))
    for number in range(1500):
        world.arrive(1, audio(number))
        world.pass_time(0.02)
    reports = [rtcp.parse(data) for leg, data in world.network.rtcp if leg == 0]
    assert 4 <= len(reports) <= 13
    for report in reports:
        assert report is not None and report.ssrc == world.engine.legs.ssrc[0] and report.sender is not None
    listening = [rtcp.parse(data) for leg, data in world.network.rtcp if leg == 1]
    assert listening[-1] is not None and listening[-1].sender is None
    assert listening[-1].blocks[0].ssrc == 77 and listening[-1].blocks[0].lost == 0
    world.do(Close(0))
    last = rtcp.parse(world.network.rtcp[-1][1])
    assert last is not None and last.goodbye == (last.ssrc,)


def test_sender_reports_relate_wall_clock_and_timestamps(world: World) -> None:
    world.do(Tone(0, "dial"))
    world.pass_time(20.0)
    reports = [rtcp.parse(data) for leg, data in world.network.rtcp if leg == 0]
    senders = [report.sender for report in reports if report is not None and report.sender is not None]
    first, last = senders[0], senders[-1]
    seconds = (last.ntp - first.ntp) / (1 << 32)
    assert (last.timestamp - first.timestamp) / 8000 == pytest.approx(seconds, abs=0.03)
    assert last.packets - first.packets == pytest.approx(seconds * 50, abs=2)
    assert last.octets == last.packets * 160


def test_who_never_spoke_does_not_say_goodbye(world: World) -> None:
    world.do(Close(0))
    assert world.network.rtcp == []


def test_the_round_trip_reaches_the_statistics(world: World) -> None:
    world.do(Tone(0, "dial"))
    world.pass_time(8.0)
    sent = [(leg, data) for leg, data in world.network.rtcp if leg == 0][-1][1]
    ours = rtcp.parse(sent)
    assert ours is not None and isinstance(ours.sender, SenderInfo)
    answered = rtcp.ntp_middle(ours.sender.ntp)
    wall = 1.7e9 + world.now
    elapsed = (rtcp.ntp_middle(rtcp.ntp_time(wall)) - answered) & 0xFFFFFFFF
    block = rtcp.ReportBlock(ours.ssrc, 0, 9, 0, 160, answered, elapsed - 6554)
    world.engine.receive_rtcp(0, rtcp.build(rtcp.Report(5, None, [block])), world.now)
    world.engine.receive_rtcp(0, b"\x80\xc9garbage", world.now)
    world.do(Close(0))
    statistics = world.events()[-1]
    assert isinstance(statistics, Statistics)
    assert statistics.round_trip_ms == pytest.approx(100, abs=1)
    assert (statistics.remote_lost, statistics.remote_jitter_ms, statistics.dropped_invalid) == (9, 20.0, 1)


def test_a_stall_is_not_made_up_for_by_a_burst(world: World) -> None:
    world.do(Music(0, "moh"))
    world.pass_time(0.2)
    before = world.network.packets(0)
    world.now += 2.0
    late = world.engine.run(world.now)
    burst = world.network.packets(0)[len(before) :]
    assert late == pytest.approx(378, abs=2) and len(burst) in (5, 6)
    world.pass_time(0.2)
    packets = world.network.packets(0)
    assert packets[-1].timestamp - packets[0].timestamp == pytest.approx(2.4 * 8000 - 160, abs=200)
    assert {b.sequence - a.sequence for a, b in pairwise(packets)} == {1}


def test_a_leg_that_cannot_hear_is_not_late(world: World) -> None:
    world.do(Modify(0, "192.0.2.1", 4000, "PCMU", 0, send=False), Music(0, "moh"))
    world.now += 60.0
    assert world.engine.run(world.now) == 0
    assert world.network.packets(0) == []


def test_a_short_stall_is_made_up_for(world: World) -> None:
    world.do(Music(0, "moh"))
    world.pass_time(0.2)
    count = len(world.network.packets(0))
    world.now += 0.08
    assert world.engine.run(world.now) == 0
    assert len(world.network.packets(0)) == count + 4


def test_deadlines(world: World) -> None:
    assert world.engine.next_deadline() is None
    world.do(Tone(0, "dial"))
    first = world.engine.next_deadline()
    assert first is not None and world.now < first <= world.now + 0.025
    world.pass_time(first - world.now + 0.001)
    assert len(world.network.packets(0)) == 1
    second = world.engine.next_deadline()
    assert second is not None and second - first == pytest.approx(0.02)
    world.do(Modify(0, "192.0.2.1", 4000, "PCMU", 0, send=False))
    assert world.engine.next_deadline() is None
    world.do(SendDigits(1, "1"))
    soon = world.engine.next_deadline()
    assert soon is not None and soon <= world.now + 0.01


def bursts(world: World, ticks: int = 8) -> list[int]:
    """How many packets are sent in each tick."""
    counts = []
    for _ in range(ticks):
        before = len(world.network.sent)
        world.pass_time(0.005)
        counts.append(len(world.network.sent) - before)
    return counts


def test_few_listeners_share_a_tick_and_many_are_spread() -> None:
    world = World(400)
    world.open(*range(400))
    world.do(*(Tone(leg, "dial") for leg in range(20)))
    world.pass_time(0.02)
    assert sorted(bursts(world)) == [0] * 6 + [20] * 2
    world.do(*(Tone(leg, "dial") for leg in range(20, 400)))
    world.pass_time(0.02)
    assert sorted(bursts(world)) == [100] * 8
    world.do(*(Stop(leg) for leg in range(390)))
    world.pass_time(0.02)
    assert sum(bursts(world)) == 20
    world.do(*(Close(leg) for leg in range(400)))
    assert world.engine.player._in_phase == [0, 0, 0, 0] and world.engine.player.playing == 0


def test_one_by_one_is_the_same_as_together() -> None:
    sent = []
    for few in (0, 100):
        world = World(12)
        world.engine.player.few = few
        for leg in range(12):
            world.open(leg, codec="PCMA" if leg % 3 == 0 else "PCMU", ptime=(10, 20, 30, 60)[leg % 4])
        for name, start, end in (("one", 0, 333), ("two", 333, 1000), ("tiny", 5, 10), ("empty", 0, 0)):
            world.engine.loaded(Recording(name, False, encode_both(RAMP[start:end])), world.now)
        world.engine.loaded(Recording("moh", True, encode_both(RAMP[:1700])), world.now)
        for leg in range(4):
            world.do(Play(leg, leg, ("one", "tiny", "tiny", "empty", "two", "one"), repeat=2))
            world.do(Music(leg + 4, "moh", from_start=leg % 2 == 0), Tone(leg + 8, "beep" if leg % 2 else "busy"))
            world.pass_time(0.013)
        for step in range(10):
            world.pass_time(0.1)
            leg = step % 12
            world.do(Bridge(leg, (leg + 5) % 12), SendDigits((leg + 3) % 12, "7", 50))
            world.arrive(leg, audio(step, kind=8 if leg % 3 == 0 else 0))
            world.do(Modify((leg + 4) % 12, "192.0.2.1", 4000, "PCMU", 0, 101, send=step % 2 == 0))
            world.do(Music(leg, "moh"), Play((leg + 5) % 12, 50 + step, ("two", "one")))
        world.now += 1.7
        world.engine.run(world.now)
        world.pass_time(0.5)
        sent.append((world.network.sent, world.events(), world.engine.legs.outbound.tolist()))
    (one, events, table), (other, other_events, other_table) = sent
    assert sorted(one) == sorted(other) and sorted(map(repr, events)) == sorted(map(repr, other_events))
    assert table == other_table
    for leg in range(12):
        assert [data for number, data in one if number == leg] == [data for number, data in other if number == leg]
