"""Sample rates: from a recording of any rate to the ones we code, once, when it is loaded; and 8 <-> 16 kHz as audio flows.

The flowing conversion is a half-band filter in its two phases. One phase is a delay, the other `TAPS` coefficients, so
twice the rate costs one sum of products per new sample. Over many legs at once that is one matrix product: the rows
are the legs, the columns of the matrix the same coefficients, each time moved on by one.

Flat within 0.002 dB up to 3.4 kHz; what would be heard at a wrong place is 74 dB down from 4.6 kHz on; delay 2.5 ms.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from media.codec import Samples
from media.wav import Signal, Wav

RATE = 8000
WIDE_RATE = 16000
MUSIC_RMS_DBFS = -24.0  # music on hold is background: well below speech, which sits near -20
MUSIC_PEAK_DBFS = -6.0
MAX_GAIN_DB = 20.0  # of a very quiet recording; more would only bring up its noise
_FRAME = 400  # 50 ms, for telling music from silence
_GATE_DBFS = -50.0


# --- recordings -------------------------------------------------------------------------------------------------------


def to_rate(wav: Wav, rate: int) -> Signal:
    """The recording at that rate; what lies above half of it is filtered out, not folded down."""
    if wav.rate == rate:
        return wav.signal
    # Here, because a worker that never loads such a file need not have it in memory.
    import soxr  # type: ignore[import-untyped]

    resampled: Signal = soxr.resample(wav.signal, wav.rate, rate, quality="HQ").astype(np.float32)
    return resampled


def to_samples(signal: Signal) -> Samples:
    """Rounded to 16 bits, clipped where it is too loud."""
    scaled: Samples = np.clip(np.round(signal * 32768.0), -32768, 32767).astype(np.int16)
    return scaled


def music_gain(signal: Signal) -> np.float32:
    """What brings music to the level that every class of it has: loudness of its sounding parts, peaks that never clip."""
    whole = signal[: len(signal) // _FRAME * _FRAME].reshape(-1, _FRAME) if len(signal) >= _FRAME else signal[None, :]
    power = np.mean(np.square(whole, dtype=np.float64), axis=1)
    sounding = power[power > 10 ** (_GATE_DBFS / 10)]
    if not len(sounding):
        return np.float32(1)
    gain = 10 ** (MUSIC_RMS_DBFS / 20) / np.sqrt(sounding.mean())
    peak = float(np.abs(signal).max())
    return np.float32(min(gain, 10 ** (MUSIC_PEAK_DBFS / 20) / peak, 10 ** (MAX_GAIN_DB / 20)))


def normalise(signal: Signal) -> Signal:
    """Music at its level."""
    return (signal * music_gain(signal)).astype(np.float32)


# --- streams ----------------------------------------------------------------------------------------------------------

TAPS = 40  # of the phase that is not a mere delay
HISTORY = TAPS - 1  # input samples at 8 kHz that the next output needs
_BETA = 7.0  # Kaiser's: side lobes against steepness
_CENTRE = TAPS // 2 - 1  # where in a window of TAPS the other phase is


def _half_band() -> NDArray[np.float32]:
    odd = np.arange(1 - TAPS, TAPS, 2)
    taps = np.sinc(odd / 2) * np.i0(_BETA * np.sqrt(1 - (odd / TAPS) ** 2))
    phase: NDArray[np.float32] = (taps / taps.sum()).astype(np.float32)
    return phase


_ODD = _half_band()  # symmetric, so that direction does not matter


@lru_cache(maxsize=16)
def _shifted(samples: int) -> NDArray[np.float32]:
    """The coefficients in each column, one lower each time."""
    matrix = np.zeros((HISTORY + samples, samples), np.float32)
    for column in range(samples):
        matrix[column : column + TAPS, column] = _ODD
    return matrix


def round_to_16(audio: NDArray[Any]) -> Samples:
    """Rounded and clipped to 16 bits."""
    rounded: Samples = np.clip(np.rint(audio), -32768, 32767).astype(np.int16)
    return rounded


def upsample_state(legs: int) -> NDArray[np.float32]:
    """What `upsample_rows` keeps of as many legs, each of which was silent so far."""
    return np.zeros((legs, HISTORY), np.float32)


def downsample_state(legs: int) -> NDArray[np.float32]:
    """What `downsample_rows` keeps of as many legs, each of which was silent so far."""
    return np.zeros((legs, 2 * HISTORY), np.float32)


def upsample_rows(state: NDArray[np.float32], rows: NDArray[Any]) -> NDArray[np.float32]:
    """The next samples of each leg at 8 kHz, one row each, at 16 kHz. `state` goes on.

    Neither rounded nor clipped: mix first, then `round_to_16`.
    """
    legs, count = rows.shape
    extended = np.concatenate((state, rows), axis=1, dtype=np.float32)
    wide = np.empty((legs, count, 2), np.float32)
    wide[:, :, 0] = extended[:, _CENTRE : _CENTRE + count]
    np.matmul(extended, _shifted(count), out=wide[:, :, 1])
    state[:] = extended[:, count:]
    return wide.reshape(legs, 2 * count)


def downsample_rows(state: NDArray[np.float32], rows: NDArray[Any]) -> NDArray[np.float32]:
    """The next samples of each leg at 16 kHz, an even number in each row, at 8 kHz. `state` goes on. Not rounded."""
    count = rows.shape[1] // 2
    extended = np.concatenate((state, rows), axis=1, dtype=np.float32)
    narrow = np.ascontiguousarray(extended[:, 1::2]) @ _shifted(count)
    narrow += extended[:, 2 * _CENTRE + 2 : 2 * (_CENTRE + count) + 2 : 2]
    narrow *= np.float32(0.5)
    state[:] = extended[:, 2 * count :]
    return narrow


class Upsampler:
    """One stream from 8 to 16 kHz."""

    def __init__(self) -> None:
        self._past = np.zeros(HISTORY, np.float32)

    def process(self, samples: Samples) -> Samples:
        """The next samples, twice as many. May overshoot where the input is at full scale: it is clipped there."""
        if not len(samples):
            return samples
        extended = np.concatenate((self._past, samples), dtype=np.float32)
        wide = np.empty((len(samples), 2), np.float32)
        wide[:, 0] = extended[_CENTRE : _CENTRE + len(samples)]
        wide[:, 1] = np.convolve(extended, _ODD, "valid")
        self._past = extended[len(samples) :]
        return round_to_16(wide.reshape(-1))


class Downsampler:
    """One stream from 16 to 8 kHz."""

    def __init__(self) -> None:
        self._past = np.zeros(2 * HISTORY, np.float32)

    def process(self, samples: Samples) -> Samples:
        """The next samples, an even number of them, half as many."""
        count = len(samples) // 2
        if not count:
            return samples[:0]
        extended = np.concatenate((self._past, samples), dtype=np.float32)
        narrow = np.convolve(extended[1::2], _ODD, "valid")
        narrow += extended[2 * _CENTRE + 2 : 2 * (_CENTRE + count) + 2 : 2]
        self._past = extended[2 * count :]
        return round_to_16(narrow * np.float32(0.5))


def widen(samples: Samples) -> Samples:
    """A whole recording from 8 to 16 kHz, without the delay of a stream."""
    return Upsampler().process(np.concatenate((samples, np.zeros(TAPS // 2, np.int16))))[TAPS:]
