"""From a recording of any rate to the 16-bit 8 kHz samples that G.711 codes; once, when it is loaded."""

from __future__ import annotations

import numpy as np

from media.g711 import Samples
from media.wav import Signal, Wav

RATE = 8000
MUSIC_RMS_DBFS = -24.0  # music on hold is background: well below speech, which sits near -20
MUSIC_PEAK_DBFS = -6.0
MAX_GAIN_DB = 20.0  # of a very quiet recording; more would only bring up its noise
_FRAME = 400  # 50 ms, for telling music from silence
_GATE_DBFS = -50.0


def to_8k(wav: Wav) -> Signal:
    """The recording at 8 kHz; what lies above 4 kHz is filtered out, not folded down."""
    if wav.rate == RATE:
        return wav.signal
    # Here, because a worker that never loads such a file need not have it in memory.
    import soxr  # type: ignore[import-untyped]

    resampled: Signal = soxr.resample(wav.signal, wav.rate, RATE, quality="HQ").astype(np.float32)
    return resampled


def to_samples(signal: Signal) -> Samples:
    """Rounded to 16 bits, clipped where it is too loud."""
    scaled: Samples = np.clip(np.round(signal * 32768.0), -32768, 32767).astype(np.int16)
    return scaled


def normalise(signal: Signal) -> Signal:
    """Music at the level that every class of it has: loudness of its sounding parts, and peaks that never clip."""
    whole = signal[: len(signal) // _FRAME * _FRAME].reshape(-1, _FRAME) if len(signal) >= _FRAME else signal[None, :]
    power = np.mean(np.square(whole, dtype=np.float64), axis=1)
    sounding = power[power > 10 ** (_GATE_DBFS / 10)]
    if not len(sounding):
        return signal
    gain = 10 ** (MUSIC_RMS_DBFS / 20) / np.sqrt(sounding.mean())
    peak = float(np.abs(signal).max())
    gain = min(gain, 10 ** (MUSIC_PEAK_DBFS / 20) / peak, 10 ** (MAX_GAIN_DB / 20))
    return (signal * np.float32(gain)).astype(np.float32)
