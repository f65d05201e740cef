"""Call-progress tones by country (ITU-T E.180 supplement 2), generated, not recorded.

A cadence is a row of (frequencies in Hz, milliseconds); no frequency is a pause. What comes before `loop` is heard once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from media.codec import Samples

RATE = 8000
LEVEL_DBFS = -17.0  # of each frequency: about -14 dBm0, within what E.180 asks for
RAMP = 200  # of a second, 5 ms: a tone that starts abruptly clicks

Cadence: TypeAlias = tuple[tuple[tuple[int, ...], int], ...]


@dataclass(frozen=True, slots=True)
class Tone:
    """What is heard once, then again and again."""

    loop: Cadence
    once: Cadence = ()


_BEEP = Tone(once=(((1000,), 250),), loop=(((), 1000),))
# Heard where somebody waits and no music is there: unmistakably "still connected", and quiet between.
_HOLD = Tone(loop=(((425,), 120), ((), 120), ((425,), 120), ((), 3640)))

TONES: dict[str, dict[str, Tone]] = {
    "pl": {
        "dial": Tone((((425,), 1000),)),
        "ringback": Tone((((425,), 1000), ((), 4000))),
        "busy": Tone((((425,), 500), ((), 500))),
        "congestion": Tone((((425,), 250), ((), 250))),
    },
    "uk": {
        "dial": Tone((((350, 440), 1000),)),
        "ringback": Tone((((400, 450), 400), ((), 200), ((400, 450), 400), ((), 2000))),
        "busy": Tone((((400,), 375), ((), 375))),
        "congestion": Tone((((400,), 400), ((), 350), ((400,), 225), ((), 525))),
    },
    "us": {
        "dial": Tone((((350, 440), 1000),)),
        "ringback": Tone((((440, 480), 2000), ((), 4000))),
        "busy": Tone((((480, 620), 500), ((), 500))),
        "congestion": Tone((((480, 620), 250), ((), 250))),
    },
    "de": {
        "dial": Tone((((425,), 1000),)),
        "ringback": Tone((((425,), 1000), ((), 4000))),
        "busy": Tone((((425,), 480), ((), 480))),
        "congestion": Tone((((425,), 240), ((), 240))),
    },
}
for _table in TONES.values():
    _table["beep"] = _BEEP
    _table["hold"] = _HOLD

DEFAULT_COUNTRY = "pl"

# ITU-T Q.23: the two frequencies of each key; the lower one is sent 2 dB weaker.
DTMF = {
    digit: (low, high)
    for low, row in zip((697, 770, 852, 941), ("123A", "456B", "789C", "*0#D"), strict=True)
    for high, digit in zip((1209, 1336, 1477, 1633), row, strict=True)
}
DTMF_LEVELS_DBFS = (-12.0, -10.0)


def find(name: str, country: str) -> Tone | None:
    """The tone of that name; a country without a table of its own has the default one's."""
    return TONES.get(country, TONES[DEFAULT_COUNTRY]).get(name)


def sine(
    frequencies: tuple[int, ...], milliseconds: int, levels_dbfs: tuple[float, ...] = (), rate: int = RATE
) -> Samples:
    """The sum of sines, with soft ends unless it fills whole periods and so joins itself."""
    count = rate * milliseconds // 1000
    time = np.arange(count) / rate
    signal = np.zeros(count)
    for index, frequency in enumerate(frequencies):
        level = levels_dbfs[index] if levels_dbfs else LEVEL_DBFS
        signal += 10 ** (level / 20) * np.sin(2 * np.pi * frequency * time)
    return np.round(signal * 32767).astype(np.int16)


def _soften(samples: Samples, rate: int) -> Samples:
    """Let a burst rise and fall instead of clicking."""
    ramp = np.minimum(np.arange(1, len(samples) + 1) * RAMP / rate, 1.0)
    return np.round(samples * np.minimum(ramp, ramp[::-1])).astype(np.int16)


def _render(cadence: Cadence, rate: int) -> Samples:
    if len(cadence) == 1:
        return sine(*cadence[0], rate=rate)  # Continuous: a second of whole hertz ends where it begins.
    parts = [_soften(sine(frequencies, length, rate=rate), rate) for frequencies, length in cadence]
    return np.concatenate(parts) if parts else np.zeros(0, np.int16)


def render(tone: Tone, rate: int = RATE) -> tuple[Samples, Samples]:
    """What is heard once, and what is repeated after it."""
    steps = [_soften(sine(*step, rate=rate), rate) for step in tone.once]
    return np.concatenate(steps) if steps else np.zeros(0, np.int16), _render(tone.loop, rate)


def dtmf(digit: str, milliseconds: int, rate: int = RATE) -> Samples:
    """A key as it sounds; silence for what no key has."""
    frequencies = DTMF.get(digit.upper(), ())
    return _soften(sine(frequencies, milliseconds, DTMF_LEVELS_DBFS if frequencies else (), rate), rate)
