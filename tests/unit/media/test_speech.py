"""Whether somebody speaks, and messages of one voice that end with the last word."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from media import salvage, wav
from media.control import Finish, Quiet, Record, Recorded
from media.speech import FAINT_DB, Speech
from tests.unit.media.test_recorder import VOICE, Immediate, payload, recorded, talk, world
from tests.unit.media.twins import audio

RATE = 8000
CHANCE = np.random.default_rng(7)


def noise(seconds: float, level_db: float) -> np.ndarray:
    return (CHANCE.normal(0, 32768 * 10 ** (level_db / 20), int(RATE * seconds))).clip(-32768, 32767).astype(np.int16)


def words(seconds: float, level_db: float = -22.0) -> np.ndarray:
    """Bursts of 300 ms with pauses of 150 between, as speech has them."""
    time = np.arange(int(RATE * seconds)) / RATE
    return (noise(seconds, level_db) * ((time % 0.45) < 0.3)).astype(np.int16)


def heard(samples: np.ndarray) -> Speech:
    speech = Speech(RATE)
    for at in range(0, len(samples), RATE // 2):
        speech.hear(at, samples[at : at + RATE // 2])
    return speech


def test_silence_and_the_noise_of_a_line_are_no_speech() -> None:
    assert heard(np.zeros(10 * RATE, np.int16)).seconds == 0.0
    assert heard(noise(10, FAINT_DB - 6)).seconds == 0.0


@pytest.mark.parametrize("level", [-15.0, -25.0, -38.0])
@pytest.mark.parametrize("line", [-90.0, -60.0, -52.0])
def test_words_are_heard_over_the_noise(level: float, line: float) -> None:
    speech = heard(np.concatenate((noise(3, line), words(4, level) + noise(4, line), noise(6, line))))
    assert 1.5 < speech.seconds < 4.5
    assert 6.5 * RATE <= speech.spoken_until <= 8 * RATE


def test_a_tone_without_end_becomes_noise() -> None:
    tone = (8000 * np.sin(np.arange(80 * RATE) * 2 * np.pi * 425 / RATE)).astype(np.int16)
    assert heard(tone).spoken_until < 60 * RATE


def test_a_click_is_no_word() -> None:
    samples = noise(4, -70.0)
    samples[2 * RATE : 2 * RATE + 80] = 20_000
    assert heard(samples).seconds == 0.0


def mono(path: str | Path) -> np.ndarray:
    data = Path(path).read_bytes()
    assert int.from_bytes(data[22:24], "little") == 1
    assert int.from_bytes(data[40:44], "little") == len(data) - 44
    return np.frombuffer(data, "<i2", offset=44)


def test_a_message_is_one_voice_and_ends_with_the_last_word(tmp_path: Path) -> None:
    hall, _ = world()
    hall.open(0)
    path = str(tmp_path / "box" / "m.wav")
    hall.do(Record(7, path, 0, -1, "mono", silence=3.0))
    talk(hall, 0, VOICE, 0, 100)
    for index in range(100, 400):
        hall.pass_time(0.02)
        hall.arrive(0, audio(index, 160 * index, payload=b"\xff" * 160))
    told = [one for one in hall.events() if isinstance(one, Quiet | Recorded)]
    assert [type(one) for one in told] == [Quiet] and told[0].record == 7
    assert 3.0 <= told[0].seconds < 4.1  # type: ignore[union-attr]
    hall.do(Finish(7))
    hall.pass_time(0.01)
    done = recorded(hall)
    assert 2.4 <= done.seconds <= 3.1 and done.voiced == pytest.approx(2.0, abs=0.3)
    samples = mono(path)
    assert len(samples) == pytest.approx(done.seconds * RATE, abs=1) and done.octets == os.path.getsize(path)
    assert np.abs(samples[200:15_000].astype(int)).mean() > 3000
    assert salvage.length(path) == pytest.approx(done.seconds, abs=0.001)
    assert len(wav.read(path).signal) == len(samples)


def test_a_message_that_was_cut_off_is_repaired(tmp_path: Path) -> None:
    hall, desk = world()
    assert isinstance(desk, Immediate)
    hall.open(0)
    path = str(tmp_path / "m.wav")
    hall.do(Record(7, path, 0, -1, "mono", silence=3.0))
    talk(hall, 0, VOICE, 0, 150)
    os.close(os.dup(next(iter(desk.writer._tapes.values()))._file))
    for tape in desk.writer._tapes.values():
        os.close(tape._file)  # As when the process dies: the lock is gone.
    found = salvage.repair(path)
    assert found is not None and 2.0 <= found.seconds <= 3.1
    assert len(mono(path)) == found.seconds * RATE
    assert payload(VOICE, 0)


def test_silence_is_told_again_after_a_word(tmp_path: Path) -> None:
    hall, _ = world()
    hall.open(0)
    hall.do(Record(7, str(tmp_path / "m.wav"), 0, -1, "mono", silence=2.0))
    for _ in range(2):
        hall.pass_time(5.0)
        assert len([one for one in hall.events() if isinstance(one, Quiet)]) == 1
        talk(hall, 0, VOICE, 0, 60, ssrc=int(hall.now))
    hall.do(Finish(7))
