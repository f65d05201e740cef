"""Levels and rounding; 8 <-> 16 kHz as audio flows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.resample import (
    MUSIC_PEAK_DBFS,
    MUSIC_RMS_DBFS,
    TAPS,
    Downsampler,
    Upsampler,
    downsample_rows,
    downsample_state,
    normalise,
    round_to_16,
    to_samples,
    upsample_rows,
    upsample_state,
)


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


# --- streams ---------------------------------------------------------------------------------------------------------


def tone(frequency: float, rate: int, samples: int) -> np.ndarray:
    return np.round(8000 * np.sin(2 * np.pi * frequency * np.arange(samples) / rate)).astype(np.int16)


def in_pieces(stream: Upsampler | Downsampler, samples: np.ndarray, size: int) -> np.ndarray:
    return np.concatenate([stream.process(samples[at : at + size]) for at in range(0, len(samples), size)])


def fit(samples: np.ndarray, frequency: float, rate: int) -> tuple[float, float]:
    """How strong the tone is in it, and how far everything else is below (dB)."""
    time = 2 * np.pi * frequency * np.arange(len(samples)) / rate
    waves = np.stack((np.sin(time), np.cos(time)), axis=1)
    parts = np.linalg.lstsq(waves, samples.astype(float), rcond=None)[0]
    rest = samples - waves @ parts
    return float(np.hypot(*parts)), float(10 * np.log10(np.mean(np.square(samples, dtype=float)) / np.mean(rest**2)))


@pytest.mark.parametrize("frequency", [100, 440, 1000, 2500, 3300])
def test_speech_band_is_flat_and_clean_either_way(frequency: int) -> None:
    up = in_pieces(Upsampler(), tone(frequency, 8000, 8000), 160)
    strength, clean = fit(up[1000:], frequency, 16_000)
    assert (strength, clean) == (pytest.approx(8000, rel=0.001), pytest.approx(85, abs=11))
    down = in_pieces(Downsampler(), tone(frequency, 16_000, 16_000), 320)
    strength, clean = fit(down[1000:], frequency, 8000)
    assert (strength, clean) == (pytest.approx(8000, rel=0.001), pytest.approx(90, abs=15))


@pytest.mark.parametrize("frequency", [4600, 5000, 6000, 7500])
def test_what_8_khz_cannot_carry_is_not_folded_down(frequency: int) -> None:
    down = Downsampler().process(tone(frequency, 16_000, 16_000))[1000:].astype(float)
    assert 10 * np.log10(np.mean(down**2) / (8000**2 / 2) + 1e-12) < -70


@pytest.mark.parametrize("size", [80, 160, 480])
def test_rows_are_streams_side_by_side(size: int) -> None:
    rng = np.random.default_rng(5)
    narrow, wide = (rng.integers(-9000, 9000, (4, 1920 * times)).astype(np.int16) for times in (1, 2))
    up_state, down_state = upsample_state(4), downsample_state(4)
    up = [round_to_16(upsample_rows(up_state, narrow[:, at : at + size])) for at in range(0, 1920, size)]
    down = [round_to_16(downsample_rows(down_state, wide[:, at : at + 2 * size])) for at in range(0, 3840, 2 * size)]
    for leg in range(4):
        # A sum of products may be rounded the other way when it is computed in another order.
        assert np.abs(np.concatenate(up, axis=1)[leg] - in_pieces(Upsampler(), narrow[leg], 160)).max() <= 1
        assert np.abs(np.concatenate(down, axis=1)[leg] - in_pieces(Downsampler(), wide[leg], 320)).max() <= 1


@given(st.lists(st.integers(0, 700), max_size=8))
def test_packets_may_be_of_any_size(sizes: list[int]) -> None:
    samples = np.random.default_rng(1).integers(-30_000, 30_000, sum(sizes)).astype(np.int16)
    whole, up, parts = Upsampler().process(samples), Upsampler(), []
    for end, size in zip(np.cumsum(sizes), sizes, strict=True):
        parts.append(up.process(samples[end - size : end]))
    assert [len(part) for part in parts] == [2 * size for size in sizes]
    if parts:
        assert np.abs(np.concatenate(parts).astype(int) - whole).max(initial=0) <= 1


def test_full_scale_is_clipped_not_wrapped() -> None:
    loud = np.tile(np.array([32_767] * 20 + [-32_768] * 20, np.int16), 20)
    up = Upsampler().process(loud).astype(int)
    assert (np.abs(np.diff(up)) > 60_000).sum() == 0
    assert up.max() == 32_767
    assert up.min() == -32_768


def test_there_and_back_is_the_same_but_for_the_delay() -> None:
    speech = in_pieces(Downsampler(), np.random.default_rng(3).integers(-9000, 9000, 32_000).astype(np.int16), 320)
    back = Downsampler().process(Upsampler().process(speech))
    delay = TAPS - 1
    error = back[delay:].astype(float) - speech[: len(speech) - delay]
    spectrum = np.abs(np.fft.rfft(error))
    true = np.abs(np.fft.rfft(speech.astype(float)))
    in_band = slice(0, int(len(spectrum) * 0.8))
    assert 20 * np.log10(np.sum(spectrum[in_band]) / np.sum(true[in_band])) < -40
