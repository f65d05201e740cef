"""What may have been in a lost packet of speech: the last pitch periods go on, and fade (as ITU-T G.711 Appendix I does it).

A voice repeats itself 65 to 200 times a second, so its last period, said again, is what nobody notices for 10 ms. Two and
three periods in turn follow, as one alone would buzz. From 10 ms on it fades, after 60 ms it is silent. What arrives after
the loss is faded in over what would have been said next. No delay is added: where the appendix holds back the newest
samples to join them, the step at the joint is spread over the first quarter of a period instead.
"""

from __future__ import annotations

from collections import deque
from functools import cache

import numpy as np
from numpy.typing import NDArray

from media.codec import Samples

SHORTEST, LONGEST = 5, 15  # milliseconds of a pitch period: 200 to 67 Hz
WINDOW = 20  # milliseconds that are compared
LOUD, SILENT = 10, 60  # milliseconds of loss at which fading begins and ends
BLOCK = 10  # milliseconds after which one more period joins the cycle
MAX_PERIODS = 3
MAX_FADE_IN = 10  # milliseconds
REMEMBERED = 49  # milliseconds: three of the longest periods, and a quarter
_PACKETS = 5  # of 10 ms or more: as much as must be remembered


class Concealment:
    """The output of one decoder. Give it all audio that was decoded; ask it for what was not."""

    def __init__(self, rate: int) -> None:
        self._per_ms = rate // 1000
        self._recent: deque[Samples] = deque(maxlen=_PACKETS)
        self._made: Samples = np.zeros(0, np.int16)  # what would be said next, from the loss to silence
        self._quarter = 0  # of a period
        self._lost = 0  # samples so far, in one loss

    def heard(self, samples: Samples) -> Samples:
        """Audio that was decoded. Returns it, joined to what was made up before."""
        if self._lost:
            samples = self._fade_in(samples)
            self._lost = 0
        self._recent.append(samples)
        return samples

    def conceal(self, samples: int) -> Samples:
        """That many samples, to follow what was last given."""
        if not self._lost:
            self._make()
        made = self._next(samples)
        self._lost += samples
        self._recent.append(made)
        return made

    def _next(self, samples: int) -> Samples:
        made = np.zeros(samples, np.int16)
        left = self._made[self._lost : self._lost + samples]
        made[: len(left)] = left
        return made

    def _make(self) -> None:
        """Say the last period of what was heard again and again, until it has faded."""
        wanted = REMEMBERED * self._per_ms
        past = np.concatenate((np.zeros(wanted, np.int16), *self._recent))[-wanted:].astype(np.float32)
        period = _period(past, self._per_ms)
        quarter = self._quarter = period // 4
        rising = np.arange(1, quarter + 1, dtype=np.float32) / (quarter + 1)
        block, end = BLOCK * self._per_ms, SILENT * self._per_ms
        made = np.empty(end, np.float32)
        former = None
        for count in range(1, MAX_PERIODS + 1):
            cycle = past[-count * period :].copy()
            # The end of a cycle is followed by its beginning: let it become what was before that beginning.
            cycle[-quarter:] += (past[-count * period - quarter : -count * period] - cycle[-quarter:]) * rising
            start = (count - 1) * block
            until = end if count == MAX_PERIODS else start + block
            # In step whatever their number, as the time is counted from the loss.
            made[start:until] = cycle.take(np.arange(start, until), mode="wrap")
            if former is not None:
                other = former.take(np.arange(start, start + quarter), mode="wrap")
                made[start : start + quarter] = other + (made[start : start + quarter] - other) * rising
            former = cycle
        made[:quarter] += (past[-1] - past[-period - 1]) * rising[::-1]
        made *= _fading(self._per_ms)
        self._made = np.rint(np.minimum(np.maximum(made, -32768), 32767)).astype(np.int16)

    def _fade_in(self, samples: Samples) -> Samples:
        longer = (self._lost // (BLOCK * self._per_ms) - 1) * 4 * self._per_ms
        count = min(self._quarter + max(longer, 0), MAX_FADE_IN * self._per_ms, len(samples))
        weight = np.arange(1, count + 1, dtype=np.float32) / (count + 1)
        joined, made = samples.copy(), self._next(count)
        joined[:count] = np.rint(made + (samples[:count] - made.astype(np.float32)) * weight)
        return joined


@cache
def _fading(per_ms: int) -> NDArray[np.float32]:
    time = np.arange(SILENT * per_ms) / per_ms
    return np.minimum((SILENT - time) / (SILENT - LOUD), 1).astype(np.float32)


def _period(past: NDArray[np.float32], per_ms: int) -> int:
    """The lag at which the last 20 ms are most like what was before; searched at 8 kHz, then refined."""
    fold = per_ms // 8
    if fold == 1:
        return _most_alike(past, WINDOW * 8, SHORTEST * 8, LONGEST * 8)
    coarse = past[len(past) % fold :].reshape(-1, fold).mean(axis=1)
    lag = _most_alike(coarse, WINDOW * 8, SHORTEST * 8, LONGEST * 8) * fold
    return _most_alike(past, WINDOW * per_ms, max(lag - fold, SHORTEST * per_ms), min(lag + fold, LONGEST * per_ms))


def _most_alike(signal: NDArray[np.float32], window: int, shortest: int, longest: int) -> int:
    """The lag from `shortest` to `longest` at which the end of a signal is most like itself (normalised correlation)."""
    newest = signal[-window:]
    former = signal[len(signal) - window - longest : len(signal) - shortest]
    energy = np.concatenate((np.zeros(1), np.cumsum(np.square(former, dtype=np.float64))))
    energy = energy[window:] - energy[:-window]
    alike = np.correlate(former, newest, "valid") / np.sqrt(np.maximum(energy, window))
    return longest - int(alike.argmax())
