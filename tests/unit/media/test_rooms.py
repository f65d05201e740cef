"""Rooms, by what is heard in them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from media import g711
from media.control import Alarm, Bridge, Close, Digit, Join, Modify, Music, Play, SendDigits, Stop
from media.dtmf import EVENT
from media.rtp import Packet
from tests.unit.media.phones import AMPLITUDE, Hall, loudness, steepest, unbroken

PITCHES = (400.0, 650.0, 900.0, 1150.0, 1400.0, 1650.0, 1900.0, 2150.0)
ROOM = 7


def hall(count: int, **values: object) -> Hall:
    """As many phones, of both laws in turn."""
    made = Hall()
    for leg in range(count):
        made.phone(leg, PITCHES[leg % 8], law=g711.Law(leg % 2), **values)
    made.talk(0.1)
    return made


def voices(made: Hall, leg: int, last: float = 0.4) -> list[int]:
    """The legs that were heard on one, lately."""
    audio = made.heard(leg)[-int(last * 8000) :]
    return [
        other for other, phone in made.phones.items() if loudness(audio, phone.pitch) > max(phone.amplitude * 0.3, 100)
    ]


def test_everybody_hears_all_others() -> None:
    made = hall(4)
    made.world.do(*(Join(leg, ROOM) for leg in range(4)))
    made.talk(1.0)
    for leg in range(4):
        assert voices(made, leg) == [other for other in range(4) if other != leg]
        audio = made.heard(leg)[-3200:]
        for other in range(4):
            expected = 0 if other == leg else AMPLITUDE
            assert loudness(audio, PITCHES[other]) == pytest.approx(expected, abs=AMPLITUDE * 0.03)


def test_a_sum_is_clean() -> None:
    made = hall(3)
    made.world.do(*(Join(leg, ROOM) for leg in range(3)))
    made.talk(1.0)
    audio = made.heard(0)[-4000:].astype(float)
    time = np.arange(4000) / 8000
    basis = np.stack([wave(2 * np.pi * pitch * time) for pitch in PITCHES[1:3] for wave in (np.sin, np.cos)], axis=1)
    rest = audio - basis @ np.linalg.lstsq(basis, audio, rcond=None)[0]
    assert 10 * np.log10(np.square(audio).mean() / np.square(rest).mean()) > 30


def test_what_is_too_loud_is_clipped() -> None:
    made = hall(4, amplitude=30_000)
    made.world.do(*(Join(leg, ROOM) for leg in range(4)))
    made.talk(0.5)
    audio = made.heard(0)[-1600:]
    assert audio.max() > 31_000 and audio.min() < -31_000
    # A sum that wrapped around would jump across the whole range.
    assert steepest(audio) < 60_000


def test_rooms_do_not_hear_each_other() -> None:
    made = hall(8)
    made.world.do(*(Join(leg, leg % 2) for leg in range(8)))
    made.talk(0.8)
    for leg in range(8):
        assert voices(made, leg) == [other for other in range(leg % 2, 8, 2) if other != leg]


def test_rooms_of_all_sizes() -> None:
    made = Hall()
    sizes = (1, 3, 5, 4)
    made.world.__init__(16)  # type: ignore[misc]
    rooms = [room for room, size in enumerate(sizes) for _ in range(size)]
    for leg, room in enumerate(rooms):
        made.phone(leg, 350 + 225 * leg)
        made.world.do(Join(leg, room))
    made.talk(0.9)
    for leg, room in enumerate(rooms):
        expected = [other for other, its in enumerate(rooms) if its == room and other != leg]
        assert voices(made, leg) == expected


def test_one_alone_is_sent_silence() -> None:
    made = hall(1)
    made.world.do(Join(0, ROOM))
    made.forget()
    made.talk(0.5)
    packets = made.packets(0)
    assert len(packets) in (24, 25, 26) and unbroken(packets)
    assert not made.heard(0).any()


def test_the_stream_is_one_whatever_its_source() -> None:
    made = hall(4)
    made.world.do(Music(0, "none"))
    made.talk(0.3)
    made.world.do(*(Join(leg, ROOM) for leg in range(3)))
    made.talk(0.3)
    made.world.do(Bridge(0, 3))
    made.talk(0.3)
    made.world.do(Join(0, ROOM))
    made.talk(0.3)
    packets = made.packets(0)
    assert {(b.sequence - a.sequence) & 0xFFFF for a, b in pairwise(packets)} == {1}
    steps = [(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in pairwise(packets)]
    assert min(steps) == 160
    # A new source may have to wait for its first packet, and says so with the marker bit.
    assert all(b.marker for (a, b), step in zip(pairwise(packets), steps, strict=True) if step > 160)
    assert max(steps) < 160 + 400
    assert 1 <= sum(packet.marker for packet in packets) <= 5
    assert len({packet.ssrc for packet in packets}) == 1


def test_a_silent_monitor() -> None:
    """FEATURES MED-20: the supervisor hears both, nobody hears the supervisor."""
    made = hall(3)
    made.world.do(Bridge(0, 1))
    made.talk(0.5)
    made.forget()
    made.world.do(Join(0, ROOM), Join(1, ROOM), Join(2, ROOM, "listen"))
    made.talk(0.6)
    assert voices(made, 0) == [1] and voices(made, 1) == [0] and voices(made, 2) == [0, 1]


def test_two_that_are_monitored_notice_nothing() -> None:
    """From a bridge into a room and back: not a gap of 20 ms, no number twice, no audio lost or said again."""
    made = hall(3)
    made.world.do(Bridge(0, 1))
    made.talk(0.5)
    made.forget()
    made.talk(0.2)
    made.world.do(Join(0, ROOM), Join(1, ROOM), Join(2, ROOM, "listen"))
    made.talk(0.8)
    made.world.do(Close(2))
    made.talk(0.5)
    for leg in (0, 1):
        packets = made.packets(leg)
        assert {(b.sequence - a.sequence) & 0xFFFF for a, b in pairwise(packets)} == {1}
        steps = [(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in pairwise(packets)]
        assert min(steps) >= 80 and max(steps) < 320
        assert sum(step > 160 for step in steps) <= 1
        # All that was said is heard: the phase of the tone goes on, but for what was drawn out at the change.
        audio = np.concatenate([g711.decode(np.frombuffer(p.payload, np.uint8), made.phones[leg].law) for p in packets])
        assert steepest(audio) < 1.5 * AMPLITUDE * 2 * np.pi * PITCHES[1 - leg] / 8000
        assert np.abs(audio[: len(audio) // 80 * 80].reshape(-1, 80)).max(axis=1).min() > AMPLITUDE * 0.6


def test_whispering() -> None:
    """FEATURES MED-21: only the agent hears it."""
    made = hall(3)
    made.world.do(Join(0, ROOM), Join(1, ROOM), Join(2, ROOM, "whisper", 1))
    made.talk(0.8)
    assert voices(made, 0) == [1] and voices(made, 1) == [0, 2] and voices(made, 2) == [0, 1]


def test_modes_change_live() -> None:
    made = hall(3)
    made.world.do(Join(0, ROOM), Join(1, ROOM), Join(2, ROOM, "listen"))
    expected = {
        ("listen", -1): ([1], [0]),
        ("whisper", 1): ([1], [0, 2]),
        ("whisper", 0): ([1, 2], [0]),
        ("talk", -1): ([1, 2], [0, 2]),
    }
    made.talk(0.5)
    for part, to in [*expected, *reversed(expected)]:
        made.world.do(Join(2, ROOM, part, to))
        made.talk(0.6)
        assert (voices(made, 0), voices(made, 1)) == expected[part, to]
        assert voices(made, 2) == [0, 1]
    for leg in (0, 1, 2):
        assert unbroken(made.packets(leg)[30:])


@pytest.mark.parametrize("change", ["whisper", "talk"])
def test_a_change_is_heard_within_twenty_milliseconds_and_without_a_click(change: str) -> None:
    made = hall(3)
    made.phones[0].amplitude = 0
    made.world.do(Join(0, ROOM), Join(1, ROOM), Join(2, ROOM, "listen"))
    made.talk(0.6)
    for part in (change, "listen"):
        made.forget()
        made.world.do(Join(2, ROOM, part, 1))
        made.talk(0.04)
        packets = made.packets(1)
        first = g711.decode(np.frombuffer(packets[0].payload, np.uint8), g711.Law.A).astype(int)
        second = g711.decode(np.frombuffer(packets[1].payload, np.uint8), g711.Law.A).astype(int)
        early, late = np.abs(first[:40]).max(), np.abs(first[-40:]).max()
        assert (early < 1200 < 2500 < late) if part == change else (late < 1200 < 2500 < early)
        assert bool(np.abs(second).max() > 3500) is (part == change)
        both = np.concatenate((first, second))
        assert steepest(both) < 1.4 * AMPLITUDE * 2 * np.pi * PITCHES[2] / 8000
    made.talk(0.1)


def test_who_leaves_in_the_middle_of_a_word_fades() -> None:
    made = hall(3)
    made.phones[0].amplitude = made.phones[1].amplitude = 0
    made.world.do(*(Join(leg, ROOM) for leg in range(3)))
    made.talk(0.5)
    for end in (Stop(2), Close(2)):
        made.forget()
        made.talk(0.1)
        made.world.do(end)
        made.talk(0.2)
        audio = made.heard(1)
        assert np.abs(audio[:400]).max() > 3500 and np.abs(audio[-400:]).max() <= 8
        assert steepest(audio) < 1.4 * AMPLITUDE * 2 * np.pi * PITCHES[2] / 8000
        if isinstance(end, Stop):
            made.world.do(Join(2, ROOM))
            made.talk(0.4)


def test_two_alone_are_relayed() -> None:
    made = hall(2)
    made.world.do(Join(0, ROOM), Join(1, ROOM))
    made.talk(0.2)
    made.forget()
    packet = made.phones[0].say()
    assert (
        made.world.relayed(0, packet).payload
        == g711.TRANSCODE[g711.Law.A].take(np.frombuffer(packet.payload, np.uint8)).tobytes()
    )
    assert made.world.listening() == 0


def test_a_third_and_back_again() -> None:
    made = hall(3)
    made.world.do(Join(0, ROOM), Join(1, ROOM))
    made.talk(0.4)
    made.world.do(Join(2, ROOM))
    made.talk(0.5)
    assert voices(made, 0) == [1, 2]
    assert made.world.engine.legs.listening == 3
    made.world.do(Close(2))
    made.talk(0.5)
    assert voices(made, 0) == [1] and voices(made, 1) == [0]
    assert made.world.listening() == 0
    for leg in (0, 1):
        packets = made.packets(leg)
        assert {(b.sequence - a.sequence) & 0xFFFF for a, b in pairwise(packets)} == {1}


def test_the_rest_of_a_room_that_falls_apart() -> None:
    made = hall(2)
    made.world.do(Join(0, ROOM), Join(1, ROOM))
    made.talk(0.3)
    made.world.do(Close(1))
    del made.phones[1]
    made.talk(2.5)
    made.forget()
    made.talk(0.5)
    assert len(made.packets(0)) in (24, 25, 26) and not made.heard(0).any()
    assert not [event for event in made.world.events() if isinstance(event, Alarm)]
    made.world.do(Close(0))
    assert made.world.engine.studio.next_due() is None


def test_another_source_takes_a_leg_out() -> None:
    made = hall(4)
    made.world.do(*(Join(leg, ROOM) for leg in range(4)))
    made.talk(0.3)
    made.world.do(Play(3, 1, ("gone",)))
    made.talk(0.6)
    assert voices(made, 0) == [1, 2]
    assert loudness(made.heard(3)[-3200:], 425) > 500  # the tone that says: wait
    made.world.do(Join(3, ROOM))
    made.talk(0.6)
    assert voices(made, 0) == [1, 2, 3] and voices(made, 3) == [0, 1, 2]


def test_from_one_room_to_another() -> None:
    made = hall(6)
    made.world.do(*(Join(leg, leg // 3) for leg in range(6)))
    made.talk(0.4)
    made.world.do(Join(0, 1))
    made.talk(0.6)
    assert voices(made, 0) == [3, 4, 5] and voices(made, 3) == [0, 4, 5] and voices(made, 1) == [2]


def test_the_loudest_are_heard() -> None:
    made = Hall()
    for leg in range(8):
        made.phone(leg, PITCHES[leg], amplitude=4000.0 if leg < 5 else 500.0)
        made.world.do(Join(leg, ROOM))
    made.talk(1.0)
    made.phones[7].amplitude = 500.0
    assert voices(made, 7) == [0, 1, 2, 3, 4]
    made.phones[0].amplitude = 0.0
    made.phones[6].amplitude = 4000.0
    made.talk(1.5)
    assert 6 in voices(made, 7) and 0 not in voices(made, 7)


@pytest.mark.parametrize("ptime", [10, 30, 40, 60])
def test_each_gets_packets_of_its_length(ptime: int) -> None:
    made = Hall()
    for leg in range(3):
        made.phone(leg, PITCHES[leg], ptime=20 if leg else ptime, span=ptime * 8)
        made.world.do(Join(leg, ROOM))
    made.talk(1.2)
    assert voices(made, 0) == [1, 2] and voices(made, 1) == [0, 2]
    packets = made.packets(0)
    assert {len(packet.payload) for packet in packets} == {ptime * 8} and unbroken(packets)
    assert len(packets) == pytest.approx(1200 / ptime, abs=3)


def test_keys_are_told_and_not_heard() -> None:
    made = hall(3)
    made.world.do(*(Join(leg, ROOM) for leg in range(3)))
    made.talk(0.5)
    made.forget()
    made.world.arrive(0, Packet(101, 200, 16_000, 1000, EVENT.pack(5, 10, 160)))
    made.talk(0.2)
    assert [event.digit for event in made.world.events() if isinstance(event, Digit)] == ["5"]
    assert all(packet.payload_type != 101 for leg in (1, 2) for packet in made.world.network.packets(leg))


def test_keys_between_two_alone_are_relayed() -> None:
    made = hall(2)
    made.world.do(Join(0, ROOM), Join(1, ROOM))
    made.talk(0.2)
    relayed = made.world.relayed(0, Packet(101, 200, 16_000, 1000, EVENT.pack(5, 10, 160)))
    assert relayed.payload_type == 101


def test_hold_and_digits_interrupt_what_is_heard() -> None:
    made = hall(3)
    made.world.do(*(Join(leg, ROOM) for leg in range(3)))
    made.talk(0.3)
    made.world.do(SendDigits(0, "1"))
    made.forget()
    made.talk(0.1)
    assert all(packet.payload_type == 101 for packet in made.world.network.packets(0))
    made.talk(0.4)
    made.world.do(Modify(1, "192.0.2.2", 4000, "PCMA", 8, 101, send=False))
    made.forget()
    made.talk(0.3)
    assert made.packets(1) == [] and unbroken(made.packets(0))
    made.world.do(Modify(1, "192.0.2.2", 4000, "PCMA", 8, 101, receive=False))
    made.talk(0.6)
    assert voices(made, 1, 0.2) == [0, 2] and voices(made, 0) == [2]


def with_short_packets() -> tuple[Hall, float]:
    """Three in a room, the first of whom takes packets of 10 ms: of two that are made at once, one waits at this moment."""
    made = Hall()
    for leg in range(3):
        made.phone(leg, PITCHES[leg], ptime=10 if leg == 0 else 20)
        made.world.do(Join(leg, ROOM))
    made.talk(0.5)
    count = len(made.packets(0))
    while len(made.packets(0)) == count or made.world.engine.studio._bench.next_later is None:
        count = len(made.packets(0))
        made.talk(0.005)
    return made, made.world.now


def test_what_waits_to_be_sent_is_not_sent_between_the_packets_of_a_key() -> None:
    made, began = with_short_packets()
    before = made.packets(0)[-1]
    made.forget()
    made.world.do(SendDigits(0, "1", 160))
    made.talk(0.15)
    assert all(packet.payload_type == 101 for packet in made.world.network.packets(0))
    made.talk(0.2)
    after = made.packets(0)
    # Timestamps have gone on with real time, so that what follows is not taken for late.
    elapsed = (after[-1].timestamp - before.timestamp) / 8000
    assert elapsed == pytest.approx(made.world.now - began, abs=0.03) and unbroken(after)


def test_what_waits_to_be_sent_is_not_sent_to_whom_nothing_may_be_sent() -> None:
    made, _ = with_short_packets()
    made.forget()
    made.world.do(Modify(0, "192.0.2.1", 4000, "PCMU", 0, 101, ptime=10, send=False))
    made.talk(0.1)
    assert made.world.network.packets(0) == []


def test_what_waits_to_be_sent_comes_before_what_two_alone_still_hear_of_each_other() -> None:
    made, _ = with_short_packets()
    made.world.do(Close(2))
    made.talk(0.5)
    packets = made.packets(0)
    assert all((b.sequence - a.sequence) & 0xFFFF == 1 for a, b in pairwise(packets))
    assert all(0 < (b.timestamp - a.timestamp) & 0xFFFFFFFF < 1600 for a, b in pairwise(packets))
    assert voices(made, 0, 0.2) == [1]


def test_two_alone_of_whom_one_is_on_hold_are_sent_nothing_when_a_room_ends() -> None:
    made = hall(3)
    made.world.do(*(Join(leg, ROOM) for leg in range(3)))
    made.talk(0.5)
    made.world.do(Modify(0, "192.0.2.1", 4000, "PCMU", 0, 101, send=False))
    made.talk(0.1)
    made.forget()
    made.world.do(Close(2))
    made.talk(0.2)
    assert made.world.network.packets(0) == []


def test_a_room_that_makes_no_sense() -> None:
    made = hall(1)
    made.world.do(Join(0, -1), Join(0, ROOM, "shout"), Join(0, ROOM, "whisper", 99))
    assert [event.what for event in made.world.events() if isinstance(event, Alarm)] == ["bad room", "bad room"]
    made.talk(0.1)
