"""How a leg sounds: the score, whether there is anything to hear at all, and that nobody is left in silence."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from media import g711
from media.control import Audio, Bridge, Close, Load, Modify, Music, Open, Play, PlayDone, Quality, Statistics
from media.library import Recording
from media.quality import Losses, class_of, mos, mos_of, rating
from media.rtp import CLOCK_RATE, Packet
from tests.unit.media.twins import World, audio

SPEECH = g711.encode((6000 * np.sin(np.arange(160) * 0.4)).astype(np.int16), g711.Law.MU).tobytes()
SILENCE = b"\xff" * 160


# --- the score --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("r", "expected"),
    [(93.2, 4.41), (90, 4.34), (80, 4.03), (70, 3.60), (60, 3.10), (50, 2.58), (0, 1.0), (-9, 1.0), (100, 4.5)],
)  # table B.1 of G.107
def test_the_scale_is_that_of_the_recommendation(r: float, expected: float) -> None:
    assert mos_of(r) == pytest.approx(expected, abs=0.011)


def test_what_costs_how_much() -> None:
    assert rating("PCMU", 0.0, 1.0, 0.0) == pytest.approx(93.2)
    assert rating("PCMA", 0.03, 1.0, 100.0) == pytest.approx(93.2 - 2.4 - 95 * 3 / 28.1)
    assert rating("G729", 0.0, 1.0, 0.0) == pytest.approx(82.2)
    assert rating("PCMU", 0.0, 1.0, 300.0) < rating("PCMU", 0.0, 1.0, 150.0) - 10  # G.114: talkers feel it
    assert mos("PCMU", 0.05, 4.0, 5.0, 40.0) < mos("PCMU", 0.05, 1.0, 5.0, 40.0)  # In groups it is heard more.
    assert mos("nothing known", 0.0, 1.0, 0.0, 0.0) < mos("PCMU", 0.0, 1.0, 0.0, 0.0)
    assert [class_of(score) for score in (4.4, 3.8, 3.3, 1.5, 0.0)] == ["good", "fair", "poor", "bad", ""]


@pytest.mark.parametrize(("burst", "least", "most"), [(1.0, 1.0, 1.6), (4.0, 2.5, 6.0)])
def test_losses_that_come_together_are_told_from_random_ones(burst: float, least: float, most: float) -> None:
    chance, losses = Random(3), Losses()
    expected = lost = 0
    bad = False
    to_good, to_bad = 0.95 / burst, 0.05 / burst
    for _ in range(300):
        for _ in range(50):
            bad = chance.random() >= to_good if bad else chance.random() < to_bad
            expected += 1
            lost += bad
        losses.note(expected, lost)
    assert losses.share == pytest.approx(0.05, abs=0.012)
    assert least <= losses.burst <= most


def test_another_stream_is_no_loss() -> None:
    losses = Losses()
    losses.note(100, 2)
    losses.note(5, 0)
    losses.note(55, 0)
    assert (losses.expected, losses.lost) == (150, 2)


def world() -> World:
    """One that tells how it sounds."""
    found = World()
    found.sound = True
    return found


# --- reports ----------------------------------------------------------------------------------------------------------


def talk(hall: World, seconds: float, *legs: int, payload: bytes = SPEECH, lose: float = 0.0, start: int = 0) -> int:
    """Packets of all these legs, in step with time. Returns the number of the next one."""
    chance = Random(9)
    count = round(seconds * 50)
    for index in range(start, start + count):
        hall.pass_time(0.02)
        for leg in legs:
            if chance.random() >= lose:
                hall.arrive(leg, audio(index, payload=payload))
    return start + count


def test_the_record_of_a_leg_has_a_score() -> None:
    hall = world()
    hall.open(0, 1, 2)
    hall.do(Bridge(0, 1))
    talk(hall, 20.0, 0, lose=0.1)
    hall.do(Close(0), Close(2))
    found = {event.leg: event for event in hall.events() if isinstance(event, Statistics)}
    assert 2.4 < found[0].mos < 3.9 and found[0].remote_mos == 0.0
    assert found[2].mos == 0.0  # Nothing came: nothing is known.


def test_quality_is_told_when_it_changes_and_now_and_then() -> None:
    hall = world()
    hall.open(0, 1)
    hall.do(Bridge(0, 1))
    at = talk(hall, 31.0, 0, 1)
    good = [event for event in hall.events() if isinstance(event, Quality) and event.leg == 0]
    assert 3 <= len(good) <= 4
    assert all(event.mos > 4.2 and event.loss == 0.0 for event in good)
    talk(hall, 8.0, 0, 1, lose=0.3, start=at)
    bad = [event for event in hall.events() if isinstance(event, Quality) and event.leg == 0]
    assert bad and class_of(bad[-1].mos) in ("bad", "poor") and 0.1 < bad[-1].loss < 0.5


# --- is there anything to hear? ---------------------------------------------------------------------------------------


def told(hall: World, leg: int = 0) -> list[str]:
    return [event.state for event in hall.events() if isinstance(event, Audio) and event.leg == leg]


def test_a_dead_leg_is_told_within_five_seconds_and_when_it_comes_back() -> None:
    hall = world()
    hall.open(0, 1)
    hall.do(Bridge(0, 1))
    at = talk(hall, 6.0, 0, 1)
    assert told(hall) == []
    talk(hall, 5.0, 1, start=at)
    events = [event for event in hall.events() if isinstance(event, Audio)]
    assert [(event.leg, event.state) for event in events] == [(0, "dead")]
    assert 4.0 <= events[0].seconds <= 5.0
    talk(hall, 2.0, 0, 1, start=at + 250)
    assert told(hall) == ["heard"]


def test_a_leg_that_never_sends_is_dead() -> None:
    hall = world()
    hall.open(0)
    hall.pass_time(5.1)
    assert told(hall) == ["dead"]


@pytest.mark.parametrize("kind", ["samples", "noise", "faint"])
def test_packets_of_silence_are_told_within_five_seconds(kind: str) -> None:
    hall = world()
    hall.open(0, 1)
    hall.do(Bridge(0, 1))
    at = talk(hall, 4.0, 0, 1)
    for index in range(at, at + 255):
        hall.pass_time(0.02)
        packet = audio(index, payload=SILENCE if kind == "samples" else b"\xfe\x7e" * 80)
        if kind == "noise":
            packet = Packet(13, index, index * 160, 77, b"\x40")
        hall.arrive(0, packet)
    assert told(hall) == ["silent"]
    hall.arrive(0, audio(at + 255, payload=SPEECH))
    talk(hall, 1.2, 0, start=at + 256)
    assert told(hall) == ["heard"]


def test_pauses_of_speech_are_no_silence() -> None:
    hall = world()
    hall.open(0)
    at = 0
    for _ in range(6):
        at = talk(hall, 3.0, 0, payload=SILENCE, start=at)
        at = talk(hall, 0.04, 0, start=at)
    assert told(hall) == []


def test_on_hold_nothing_need_be_heard() -> None:
    hall = world()
    hall.open(0)
    talk(hall, 2.0, 0)
    hall.do(Modify(0, "192.0.2.1", 4000, "PCMU", 0, 101, receive=False))
    hall.pass_time(20.0)
    assert told(hall) == []
    hall.do(Modify(0, "192.0.2.1", 4000, "PCMU", 0, 101))
    hall.pass_time(3.0)
    assert told(hall) == []
    hall.pass_time(2.0)
    assert told(hall) == ["dead"]


def test_looking_at_a_leg_costs_a_packet_now_and_then() -> None:
    hall = world()
    hall.open(0, 1)
    hall.do(Bridge(0, 1))
    legs, heard = hall.engine.legs, 0
    for index in range(500):
        hall.pass_time(0.02)
        heard += legs.listened[0]
        hall.arrive(0, audio(index, payload=SPEECH))
    assert heard <= 24  # Two legs are visited twice a second.


# --- nobody is left in silence (B-11) ---------------------------------------------------------------------------------


def audible(hall: World, leg: int, since: int) -> float:
    """Seconds until the first packet that can be heard, from that packet sent on; infinite if there is none."""
    for index, packet in enumerate(hall.network.packets(leg)[since:]):
        if np.abs(g711.DECODE[0][np.frombuffer(packet.payload, np.uint8)].astype(int)).max() > 100:
            return index * 0.02
    return float("inf")


def test_a_missing_clip_is_the_hold_tone_at_once() -> None:
    hall = world()
    hall.open(0)
    hall.do(Play(0, 1, ("not/there",)))
    hall.pass_time(0.2)
    assert hall.network.packets(0) and audible(hall, 0, 0) <= 0.18


def test_a_music_folder_that_is_gone() -> None:
    hall = world()
    hall.open(0)
    hall.do(Load("default", "/nowhere/at/all.wav", music=True), Music(0, "default"))
    hall.engine.loaded(Recording("default", True, error="cannot read it"), hall.now)
    hall.pass_time(0.2)
    assert audible(hall, 0, 0) <= 0.18


def test_a_file_that_takes_its_time() -> None:
    hall = world()
    hall.open(0)
    hall.do(Load("pl/welcome", "/slow/disk.wav"), Play(0, 7, ("pl/welcome",)))
    hall.pass_time(0.2)
    assert hall.network.packets(0) and audible(hall, 0, 0) <= 0.06
    assert not [event for event in hall.events() if isinstance(event, PlayDone)]
    tone = g711.encode_both((9000 * np.sin(np.arange(8000) * 0.9)).astype(np.int16))
    hall.engine.loaded(Recording("pl/welcome", False, tone), hall.now)
    hall.pass_time(1.1)
    assert [event.cause for event in hall.events() if isinstance(event, PlayDone)] == ["end"]


def test_a_source_that_is_stuck_is_replaced() -> None:
    hall = world()
    hall.open(0)
    hall.do(Music(0, "none"))
    hall.pass_time(3.0)
    hall.events()
    hall.engine.legs.next_tick[0] = 1 << 62  # As a fault of the player would leave it.
    hall.engine.player._in_phase[hall.engine.player._phase_of.pop(0)] -= 1
    sent = len(hall.network.packets(0))
    hall.pass_time(3.5)
    assert len(hall.network.packets(0)) > sent
    assert audible(hall, 0, sent) <= 0.2
    assert any(getattr(event, "what", "") == "dead air" for event in hall.events())


def test_what_is_looked_at_in_batches_is_what_single_packets_show() -> None:
    hall = world()
    hall.open(0, 1, 2)
    attention, clock = hall.engine.attention, int(hall.now * CLOCK_RATE)
    for leg in (0, 1, 2):
        attention.look(leg)
    octets = np.zeros((3, 172), np.uint8)
    octets[0, 12:], octets[1, 12:] = np.frombuffer(SPEECH, np.uint8), np.frombuffer(SILENCE, np.uint8)
    octets[2, 12:] = 0x7F
    sizes = np.full(3, 172)
    attention.hear_batch(np.arange(3), np.arange(3), np.zeros(3, np.uint32), octets, sizes, clock)
    assert [attention.silent_from(leg) for leg in (0, 1, 2)] == [-1, clock, clock]
    assert [bool(hall.engine.legs.listened[leg]) for leg in (0, 1, 2)] == [False, True, True]


def test_a_codec_that_pauses() -> None:
    hall = world()
    hall.do(Open(0, "192.0.2.1", 4000, "opus", 107, clock=48000))
    for index in range(260):
        hall.pass_time(0.02)
        hall.arrive(0, Packet(107, index, index * 960, 4, b"\x08"))
    assert told(hall) == ["silent"]
