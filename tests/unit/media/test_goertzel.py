"""Keys heard in audio: every one of them, once, and none in speech or music."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from media.control import Digit, Modify, Open, Play
from media.dtmf import EVENT
from media.g711 import Law, encode
from media.goertzel import HIGH, KEYS, LOW, Keys
from media.rtp import Packet
from tests.unit.media.twins import World

ROOT = Path(__file__).parents[3]


def key(name: str, milliseconds: float, *, level: float = -10.0, twist: float = 0.0, off: float = 0.0) -> np.ndarray:
    """The two tones of a key. `level` of each in dBm0, `twist`: decibels by which the high one is stronger, `off`: per cent."""
    index = KEYS.index(name)
    amplitude = 32_768 * 10 ** ((level - 3.14) / 20) * np.sqrt(1.0)
    time = np.arange(int(milliseconds * 8)) / 8000
    tone = np.zeros(len(time))
    for pitch, decibels in ((LOW[index // 4], -twist / 2), (HIGH[index % 4], twist / 2)):
        tone += amplitude * 10 ** (decibels / 20) * np.sin(2 * np.pi * pitch * (1 + off / 100) * time + 0.7)
    return tone


def heard(audio: np.ndarray, rate: int = 8000) -> str:
    """The keys in the audio."""
    found: list[str] = []
    keys = Keys(3, lambda leg, name: found.append(name))
    keys.begin(1)
    frame = rate // 50
    audio = np.concatenate((audio, np.zeros(5 * frame)))
    for start in range(0, len(audio) - frame + 1, frame):
        rows = np.clip(audio[start : start + frame], -32768, 32767).astype(np.int16)
        keys.follow(np.array([1]), rows[None, :], rate, 0)
    return "".join(found)


def pause(milliseconds: float) -> np.ndarray:
    return np.zeros(int(milliseconds * 8))


@pytest.mark.parametrize("shift", range(0, 160, 23))
def test_all_keys_at_the_shortest(shift: int) -> None:
    """Q.24: tones of 40 ms and pauses of 40 ms, wherever packets begin."""
    parts = [pause(50), np.zeros(shift)]
    for name in KEYS:
        parts += [key(name, 40), pause(40)]
    assert heard(np.concatenate(parts)) == KEYS


def test_the_same_key_again_and_again() -> None:
    parts = [np.concatenate((key("5", 50), pause(50))) for _ in range(20)]
    assert heard(np.concatenate(parts)) == "5" * 20


def test_a_key_that_is_held_is_one_key() -> None:
    assert heard(key("7", 3000)) == "7"


@pytest.mark.parametrize("shift", range(0, 160, 17))
def test_a_tone_that_is_too_short_is_none(shift: int) -> None:
    parts = [np.zeros(shift)] + [np.concatenate((key(name, 22), pause(80))) for name in KEYS]
    assert heard(np.concatenate(parts)) == ""


@pytest.mark.parametrize("shift", range(0, 160, 17))
def test_a_short_interruption_does_not_make_two_of_one(shift: int) -> None:
    tone = key("9", 200)
    tone[800 : 800 + 80] = 0
    assert heard(np.concatenate((np.zeros(shift), tone))) == "9"


@pytest.mark.parametrize("off", [-1.5, 1.5])
def test_tones_that_are_a_little_off(off: float) -> None:
    assert heard(np.concatenate([np.concatenate((key(n, 60, off=off), pause(60))) for n in KEYS])) == KEYS


@pytest.mark.parametrize("off", [-6.0, 6.0])
def test_tones_that_are_far_off(off: float) -> None:
    assert heard(np.concatenate([np.concatenate((key(n, 60, off=off), pause(60))) for n in KEYS])) == ""


@pytest.mark.parametrize(("twist", "expected"), [(4, KEYS), (-8, KEYS), (12, ""), (-16, "")])
def test_twist(twist: float, expected: str) -> None:
    parts = [np.concatenate((key(n, 60, level=-14, twist=twist), pause(60))) for n in KEYS]
    assert heard(np.concatenate(parts)) == expected


@pytest.mark.parametrize(("level", "expected"), [(-3, KEYS), (-27, KEYS), (-50, "")])
def test_levels(level: float, expected: str) -> None:
    assert heard(np.concatenate([np.concatenate((key(n, 60, level=level), pause(60))) for n in KEYS])) == expected


def test_noise_and_a_dial_tone_do_not_hide_keys() -> None:
    random = np.random.default_rng(5)
    audio = np.concatenate([np.concatenate((key(n, 60), pause(60))) for n in KEYS])
    amplitude = 32_768 * 10 ** (-13.14 / 20)
    audio += random.standard_normal(len(audio)) * amplitude * 10 ** (-15 / 20)
    assert heard(audio) == KEYS


def test_wide_audio_too() -> None:
    narrow = np.concatenate([np.concatenate((key(n, 60), pause(60))) for n in KEYS])
    wide = np.interp(np.arange(2 * len(narrow)) / 2, np.arange(len(narrow)), narrow)
    assert heard(wide, 16_000) == KEYS


@pytest.mark.parametrize("law", list(Law))
def test_speech_and_music_hold_no_keys(law: Law) -> None:
    """All prompts and all music that we have: minutes of speech and of pure, sustained notes."""
    files = sorted((ROOT / "prompts").rglob("*.wav"))
    assert len(files) > 100
    found: list[str] = []
    keys = Keys(1, lambda leg, name: found.append(name))
    for path in files[law :: len(Law)]:
        with wave.open(str(path)) as file:
            audio = np.frombuffer(file.readframes(file.getnframes()), np.int16)
            step = file.getframerate() // 8000
        audio = audio[: len(audio) // step * step].reshape(-1, step).mean(axis=1).astype(np.int16)
        keys.begin(0)
        for start in range(0, len(audio) - 159, 160):
            keys.follow(np.array([0]), audio[None, start : start + 160], 8000, 0)
    assert found == []


# --- on a leg ---------------------------------------------------------------------------------------------------------


def send(world: World, leg: int, audio: np.ndarray, first: int = 1, lost: int = -1) -> None:
    """A phone sends this audio as G.711, in packets of 20 ms."""
    codes = encode(audio.astype(np.int16), Law.MU)
    for number in range(len(codes) // 160):
        if number != lost:
            payload = codes[number * 160 : (number + 1) * 160].tobytes()
            world.arrive(leg, Packet(0, first + number, (first + number) * 160, 55, payload))
        world.pass_time(0.02)


def test_a_leg_without_telephone_events() -> None:
    world = World()
    world.do(Open(0, "192.0.2.1", 4000, "PCMU", 0, inband=True), Open(1, "192.0.2.2", 4000, "PCMU", 0))
    audio = np.concatenate((pause(100), key("1", 80), pause(60), key("#", 80), pause(300)))
    send(world, 0, audio)
    send(world, 1, audio)
    assert [event for event in world.events() if isinstance(event, Digit)] == [
        Digit(0, "1", 40, "inband"),
        Digit(0, "#", 40, "inband"),
    ]


def test_a_lost_packet_within_a_key() -> None:
    world = World()
    world.do(Open(0, "192.0.2.1", 4000, "PCMU", 0, inband=True))
    send(world, 0, np.concatenate((pause(100), key("4", 120), pause(300))), lost=7)
    assert [event.digit for event in world.events() if isinstance(event, Digit)] == ["4"]


def test_a_key_stops_what_may_be_stopped() -> None:
    world = World()
    world.do(Open(0, "192.0.2.1", 4000, "PCMU", 0, inband=True), Play(0, 1, ("gone",), until_digit=True))
    world.do(Play(0, 2, (), until_digit=True))
    world.events()
    world.do(Play(0, 3, ("gone",)))
    send(world, 0, np.concatenate((pause(40), key("4", 80), pause(100))))
    assert any(isinstance(event, Digit) for event in world.events())


def test_who_sends_events_after_all_is_not_heard_twice() -> None:
    world = World()
    world.do(Open(0, "192.0.2.1", 4000, "PCMU", 0, receive_dtmf_type=101, inband=True))
    send(world, 0, pause(200))
    world.arrive(0, Packet(101, 11, 1760, 55, EVENT.pack(3, 10, 160)))
    send(world, 0, np.concatenate((key("3", 80), pause(200))), first=12)
    assert [event.method for event in world.events() if isinstance(event, Digit)] == ["rfc4733"]


def test_a_new_answer_that_agrees_on_events_ends_listening() -> None:
    world = World()
    world.do(Open(0, "192.0.2.1", 4000, "PCMU", 0, inband=True))
    assert world.engine.legs.listening == 1
    world.do(Modify(0, "192.0.2.1", 4000, "PCMU", 0, 101))
    assert world.engine.legs.listening == 0
