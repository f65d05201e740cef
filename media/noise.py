"""Comfort noise: what a line sounds like while nobody speaks, told in a few octets (RFC 3389).

    0                   1
    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 ...
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |0|   level     |      k1       |   k2 ... kM, reflection coefficients of its spectrum
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

The level is counted down from overload, a square wave at full scale, in decibels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from media.codec import Samples

MAX_ORDER = 20  # coefficients; more would be finer than any ear
LENGTH = 128  # samples of the response that shapes the noise
QUIETEST = 78  # decibels below overload from where 16 bits hold nothing
_STEADIEST = 0.98  # a coefficient of 1 would ring for ever


class ComfortNoise:
    """The noise of one stream. `seed`: two streams should not sound alike."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._shape: NDArray[np.float32] = np.zeros(LENGTH, np.float32)
        self._past: NDArray[np.float32] = np.zeros(LENGTH - 1, np.float32)
        self._described = b""

    def describe(self, payload: bytes) -> None:
        """A packet of comfort noise arrived. An empty one changes nothing."""
        payload = bytes(payload[: 1 + MAX_ORDER])
        if not payload or payload == self._described:
            return
        self._described = payload
        level = payload[0] & 0x7F
        if level >= QUIETEST:
            self._shape = np.zeros(LENGTH, np.float32)
            return
        response = _response([(octet - 127) / 128 for octet in payload[1:]])
        self._shape = (response * (32768 * 10 ** (-level / 20) / np.sqrt(np.sum(np.square(response))))).astype(
            np.float32
        )

    def make(self, samples: int) -> Samples:
        """The next samples, at the rate that the description was meant for."""
        white = np.concatenate((self._past, self._random.standard_normal(samples, np.float32)))
        self._past = white[samples:]
        noise = np.convolve(white, self._shape, "valid")
        return np.rint(np.minimum(np.maximum(noise, -32768), 32767)).astype(np.int16)


def _response(reflections: list[float]) -> NDArray[np.float64]:
    """How the all-pole filter of these coefficients answers one impulse (step-up recursion, then the filter itself)."""
    predictor: list[float] = []
    for reflection in reflections:
        reflection = min(max(reflection, -_STEADIEST), _STEADIEST)
        former = predictor
        predictor = [each + reflection * other for each, other in zip(former, reversed(former), strict=True)]
        predictor.append(reflection)
    response = np.zeros(LENGTH)
    response[0] = 1.0
    order = len(predictor)
    coefficients = np.array(predictor[::-1])
    for index in range(1, LENGTH):
        known = min(order, index)
        if known:
            response[index] = -float(coefficients[order - known :] @ response[index - known : index])
    return response
