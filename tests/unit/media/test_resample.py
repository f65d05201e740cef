"""Levels and rounding."""

from __future__ import annotations

import numpy as np
import pytest

from media.resample import MUSIC_PEAK_DBFS, MUSIC_RMS_DBFS, normalise, to_samples


def sine(level: float, seconds: float = 1.0) -> np.ndarray:
    return (level * np.sin(2 * np.pi * 300 * np.arange(int(8000 * seconds)) / 8000)).astype(np.float32)


def rms_db(signal: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.square(signal, dtype=np.float64))))


@pytest.mark.parametrize("level", [0.02, 0.1, 1.0])
def test_music_has_one_level_however_loud_it_was(level: float) -> None:
    assert rms_db(normalise(sine(level))) == pytest.approx(MUSIC_RMS_DBFS, abs=0.1)


def test_pauses_do_not_make_it_louder() -> None:
    broken = np.concatenate((sine(0.3), np.zeros(24_000, np.float32)))
    assert rms_db(normalise(broken)[:8000]) == pytest.approx(MUSIC_RMS_DBFS, abs=0.1)


def test_peaks_stay_below_full_scale() -> None:
    signal = sine(0.001)
    signal[4000] = 0.9
    assert 20 * np.log10(np.abs(normalise(signal)).max()) <= MUSIC_PEAK_DBFS + 0.01


def test_a_whisper_is_not_made_a_shout() -> None:
    assert rms_db(normalise(sine(0.005))) == pytest.approx(rms_db(sine(0.005)) + 20, abs=0.1)


def test_silence_stays_silence() -> None:
    assert not normalise(np.zeros(8000, np.float32)).any()
    assert len(normalise(np.full(10, 0.5, np.float32))) == 10


def test_rounding_and_clipping() -> None:
    samples = to_samples(np.array([0.0, 1.0, -1.0, 2.0, -2.0, 0.6 / 32768], np.float32))
    assert samples.tolist() == [0, 32_767, -32_768, 32_767, -32_768, 1]
