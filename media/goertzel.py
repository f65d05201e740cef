"""Keys that are heard in the audio, for legs on which no telephone-event was agreed (ITU-T Q.23, Q.24).

The energy at each of the eight frequencies, in windows of 20 ms that begin every 10 ms, is one matrix product over all legs.
A window belongs to a key if nearly all its energy is at one low and one high frequency, neither much stronger than the other.
Three such windows in a row are a key: every tone of 40 ms has them, none under 28 ms, and speech does not hold two pure tones
of these frequencies for that long. Three windows without it end the key: a pause of 40 ms has them, a drop-out of 10 ms not.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

RATE = 8000
WINDOW, HOP = 160, 80  # samples
LOW = (697, 770, 852, 941)
HIGH = (1209, 1336, 1477, 1633)
KEYS = "123A456B789C*0#D"  # by low, then by high frequency
# Q.24 asks for tones that are off by 1.5 %: a third and a fourth look beside the middle find those.
DETUNED = (-0.0125, 0.0, 0.0125)
PURITY = 0.70  # of the energy of a window that is in the two tones; a window that is covered to 70 % has as much
CERTAINTY, CERTAIN = 0.94, 2  # the same, of the windows that lie within a key, and how many there are at least
MIN_AMPLITUDE = 400.0  # of each tone: about -35 dBm0
MAX_TWIST, MAX_REVERSE_TWIST = 10**0.6, 10**1.0  # how much stronger the high, or the low tone may be: 6 dB, 10 dB
CLEARANCE = 4.0  # the strongest of each four above the next one: 6 dB
BEGIN, END = 3, 3  # windows
SHORTEST_MS = 40  # what is told of a key that has just begun

_SECOND_HARMONIC = 0.15  # a voice has one, a telephone has not: at most that share of the tone's energy


def _basis() -> NDArray[np.float32]:
    middle = np.array(LOW + HIGH, float)
    pitches = np.concatenate([middle * (1 + off) for off in DETUNED] + [2 * middle])
    angle = 2 * np.pi * np.arange(WINDOW)[:, None] * pitches / RATE
    return np.concatenate((np.cos(angle), np.sin(angle)), axis=1).astype(np.float32)


_BASIS = _basis()
_LOOKS = 8 * len(DETUNED)


class Keys:
    """Hears the keys of legs that it follows. `pressed(leg, key)` is told each, once, while it is still held."""

    def __init__(self, legs: int, pressed: Callable[[int, str], None]) -> None:
        self._pressed = pressed
        self._past: NDArray[np.float32] = np.zeros((legs, HOP), np.float32)
        self._candidate: NDArray[np.int64] = np.full(legs, -1, np.int64)
        self._hits: NDArray[np.int64] = np.zeros(legs, np.int64)
        self._certain: NDArray[np.int64] = np.zeros(legs, np.int64)
        self._held: NDArray[np.int64] = np.full(legs, -1, np.int64)
        self._misses: NDArray[np.int64] = np.zeros(legs, np.int64)

    def begin(self, leg: int) -> None:
        """Nothing was heard of this leg yet."""
        self._past[leg] = 0
        self._candidate[leg] = self._held[leg] = -1
        self._hits[leg] = self._misses[leg] = 0

    def follow(self, legs: NDArray[np.int64], samples: NDArray[np.int16], rate: int, tick: int) -> None:
        """The next 20 ms of these legs."""
        if rate != RATE:
            samples = (samples[:, ::2] >> 1) + (samples[:, 1::2] >> 1)
        audio = np.concatenate((self._past[legs], samples), axis=1, dtype=np.float32)
        self._past[legs] = audio[:, -HOP:]
        count = len(legs)
        windows = np.concatenate((audio[:, :WINDOW], audio[:, HOP:]))
        key, purity = classify(windows)
        self._step(legs, key[:count], purity[:count])
        self._step(legs, key[count:], purity[count:])

    def _step(self, legs: NDArray[np.int64], key: NDArray[np.int64], purity: NDArray[np.float32]) -> None:
        """One window of each leg."""
        candidate, hits, held = self._candidate[legs], self._hits[legs], self._held[legs]
        if (key < 0).all() and (held < 0).all() and not hits.any():
            return
        same = (key == candidate) & (key >= 0)
        hits = np.where(same, hits + 1, np.where(key >= 0, 1, 0))
        certain = np.where(same, self._certain[legs], 0) + (purity >= CERTAINTY)
        misses = np.where(key == held, 0, self._misses[legs] + 1)
        held = np.where((held >= 0) & (misses >= END), -1, held)
        new = (hits >= BEGIN) & (certain >= CERTAIN) & (key != held)
        held = np.where(new, key, held)
        self._candidate[legs], self._hits[legs], self._certain[legs] = key, hits, certain
        self._held[legs], self._misses[legs] = held, np.where(new, 0, misses)
        for row in np.flatnonzero(new).tolist():
            self._pressed(int(legs[row]), KEYS[int(key[row])])


def classify(windows: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """For each window the number of its key, or -1, and how much of its energy is in the two tones."""
    product = windows @ _BASIS
    half = product.shape[1] // 2
    power = np.square(product[:, :half]) + np.square(product[:, half:])
    # (A n / 2)^2 for a tone of amplitude A, whose energy is A^2 n / 2.
    power *= np.float32(2 / WINDOW)
    energy = np.einsum("ij,ij->i", windows, windows)
    tones = power[:, :_LOOKS].reshape(-1, len(DETUNED), 8).max(axis=1)
    low, high = tones[:, :4], tones[:, 4:]
    rows = np.arange(len(windows))
    which_low, which_high = low.argmax(axis=1), high.argmax(axis=1)
    best_low, best_high = low[rows, which_low], high[rows, which_high]
    purity = (best_low + best_high) / np.maximum(energy, 1)
    least = MIN_AMPLITUDE**2 * WINDOW / 2 * PURITY**2
    is_key = (purity >= PURITY) & (best_low >= least) & (best_high >= least)
    if not is_key.any():
        return np.full(len(windows), -1, np.int64), purity
    is_key &= (best_high <= best_low * MAX_TWIST) & (best_low <= best_high * MAX_REVERSE_TWIST)
    for group, best in ((low, best_low), (high, best_high)):
        is_key &= np.partition(group, 2, axis=1)[:, 2] * CLEARANCE <= best
    harmonics = power[:, _LOOKS:]
    is_key &= harmonics[rows, which_low] <= best_low * _SECOND_HARMONIC
    is_key &= harmonics[rows, which_high + 4] <= best_high * _SECOND_HARMONIC
    return np.where(is_key, which_low * 4 + which_high, -1), purity
