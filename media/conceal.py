"""Audio that nobody sent: what stands in for lost packets, and what makes time a little longer or shorter.

A voice repeats itself with every vibration of the vocal cords. So a lost stretch is filled with the last of these periods,
over and over and fading out (as ITU-T G.711 appendix I does it), and time is stretched by going back one period, shortened
by leaving one out, with a cross-fade where the two ends are alike.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from media.g711 import Samples

LOWEST_PITCH, HIGHEST_PITCH = 66, 400  # hertz
LOUD = 0.020  # seconds of a loss that are filled at full level, as most are over by then
FADED = 0.080  # seconds after which nothing is left
REJOIN = 0.005  # seconds of cross-fade back to what was received


@lru_cache(maxsize=32)
def ramp(samples: int) -> NDArray[np.float32]:
    """From nearly 0 to nearly 1, so that two of them back to back step by the same amount throughout."""
    return ((np.arange(samples) + 0.5) / samples).astype(np.float32)


def cross_fade(before: NDArray[np.int16], after: NDArray[np.int16]) -> Samples:
    """From one stretch of audio to another of the same length."""
    rising = ramp(before.shape[-1])
    mixed: Samples = np.rint(before + (after.astype(np.float32) - before) * rising).astype(np.int16)
    return mixed


def best_lag(audio: NDArray[np.int16], at: int, window: int, least: int, most: int) -> int:
    """How far back from `at` the audio is most like the `window` samples before `at`: between `least` and `most`."""
    signal = audio[at - window - most : at].astype(np.float32)
    template = signal[-window:]
    products = np.correlate(signal[: len(signal) - least], template, "valid")  # [0] is the longest lag
    squares = np.concatenate((np.zeros(1, np.float32), np.cumsum(np.square(signal))))
    energy = squares[window : window + len(products)] - squares[: len(products)]
    alike = products / np.sqrt(np.maximum(energy, 1.0))
    return most - int(alike.argmax())


class Concealment:
    """Fills one gap in one stream: first after what was heard before, then as long as it lasts."""

    def __init__(self, past: Samples, rate: int) -> None:
        """`past`: what was heard last, at least twice the longest period of a voice, and half as much again."""
        least, most = rate // HIGHEST_PITCH, rate // LOWEST_PITCH
        lag = best_lag(past, len(past), rate // 100, least, most)
        period = past[-lag:].astype(np.float32)
        # The joint between the end of a period and its beginning is smoothed over a quarter of it.
        quarter = max(lag // 4, 1)
        before = past[-lag - quarter : -lag].astype(np.float32)
        tail = period[-quarter:]
        period[-quarter:] = tail + (before - tail) * ramp(quarter)
        self._period = period
        self._rate = rate
        self._at = 0

    @property
    def faded(self) -> bool:
        return self._at >= FADED * self._rate

    def next(self, count: int) -> Samples:
        """The samples that come next."""
        samples: Samples = np.rint(self._next(count)).astype(np.int16)
        return samples

    def _next(self, count: int) -> NDArray[np.float32]:
        place = self._at + np.arange(count)
        fall = (FADED - LOUD) * self._rate
        level = np.clip(1 - (place - LOUD * self._rate) / fall, 0, 1).astype(np.float32)
        self._at += count
        filled: NDArray[np.float32] = self._period.take(place, mode="wrap") * level
        return filled

    def rejoin(self, received: Samples) -> None:
        """Fade over, in place, to what is received again."""
        count = min(len(received), int(REJOIN * self._rate))
        received[:count] = cross_fade(self.next(count), received[:count])
