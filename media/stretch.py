"""A little longer or shorter: where two stretches of a voice are alike, one can be faded into the other unheard."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from media.codec import Samples


@lru_cache(maxsize=32)
def ramp(samples: int) -> NDArray[np.float32]:
    """From nearly 0 to nearly 1, so that two of them back to back step by the same amount throughout."""
    return ((np.arange(samples) + 0.5) / samples).astype(np.float32)


def cross_fade(before: NDArray[np.int16], after: NDArray[np.int16]) -> Samples:
    """From one stretch of audio to another of the same length."""
    rising = ramp(before.shape[-1])
    mixed: Samples = np.rint(before + (after.astype(np.float32) - before) * rising).astype(np.int16)
    return mixed


def best_lag(audio: NDArray[np.int16], window: int, least: int, most: int) -> int:
    """How far back from its end the audio is most like its last `window` samples: between `least` and `most`."""
    signal = audio[-window - most :].astype(np.float32)
    products = np.correlate(signal[: len(signal) - least], signal[-window:], "valid")  # the first is that of `most`
    squares = np.concatenate((np.zeros(1, np.float32), np.cumsum(np.square(signal))))
    energy = squares[window : window + len(products)] - squares[: len(products)]
    return most - int((products / np.sqrt(np.maximum(energy, 1.0))).argmax())
