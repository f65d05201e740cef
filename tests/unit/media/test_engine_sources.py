"""What a leg is made to hear: clips, music, tones, files being loaded, digits; in virtual time."""

from __future__ import annotations

import wave
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from media import g711
from media.control import (
    Alarm,
    Bridge,
    Close,
    Digit,
    Load,
    Modify,
    Music,
    Open,
    Play,
    PlayDone,
    SendDigits,
    Statistics,
    Stop,
    Tone,
)
from media.dtmf import EVENT
from media.g711 import encode_both
from media.library import Recording, look_at, prepare
from media.rtp import Packet
from tests.unit.media.stage import HOLD, RAMP, coded, codes, frequency, stage
from tests.unit.media.twins import World, audio


@pytest.fixture
def world() -> World:
    return stage()


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


def test_a_clip_on_demand_is_read_when_it_is_to_be_heard(world: World, tmp_path: Path) -> None:
    path = write(tmp_path / "new.wav", RAMP[:800])
    world.do(Load("new", path, on_demand=True))
    assert world.loads == [Load("new", path, on_demand=True)]
    world.engine.loaded(look_at("new", path), world.now)
    world.do(Play(0, 5, ("one", "new")), Play(1, 6, ("new",)))
    assert world.loads[1:] == [Load("new", path)], "once, whoever wants it"
    assert world.engine.library.clip("new") is None, "it takes no room before"
    world.engine.loaded(prepare("new", path, False), world.now)
    world.pass_time(0.3)
    assert codes(world.network.packets(0))[:1800] == coded(np.concatenate((RAMP[:1000], RAMP[:800])))
    assert codes(world.network.packets(1))[:800] == coded(RAMP[:800])
    assert world.events() == [PlayDone(1, 6, "end"), PlayDone(0, 5, "end")]
    world.do(Play(0, 7, ("new",)))
    assert len(world.loads) == 2


def test_a_clip_on_demand_that_changes_is_read_at_once_if_it_was_heard(world: World, tmp_path: Path) -> None:
    path = write(tmp_path / "new.wav", RAMP[:800])
    command = Load("new", path, on_demand=True)
    world.do(command, Play(0, 5, ("new",)))
    world.engine.loaded(prepare("new", path, False), world.now)
    world.do(command)
    assert world.loads == [command, Load("new", path)]
    write(tmp_path / "new.wav", RAMP[:900])
    world.do(command)
    assert world.loads[2:] == [Load("new", path)]


def test_a_clip_on_demand_that_is_none_is_told_before_anybody_hears_it(world: World, tmp_path: Path) -> None:
    path = str(tmp_path / "bad.wav")
    world.do(Load("bad", path, on_demand=True))
    world.engine.loaded(look_at("bad", path), world.now)
    assert world.events() == [Alarm("cannot load", f"bad: cannot read {path}: No such file or directory")]
    write(tmp_path / "bad.wav", RAMP[:800])  # Repaired: what is heard is what is there then.
    world.do(Play(0, 1, ("bad",)))
    world.engine.loaded(prepare("bad", path, False), world.now)
    world.pass_time(0.3)
    assert codes(world.network.packets(0))[:800] == coded(RAMP[:800])
    assert world.events() == [PlayDone(0, 1, "end")]


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
