"""Takes an operator's recording in: any WAV file that can be read becomes one that is level and has one channel.

Speech is brought to the loudness of the prompts that we ship, so that sentences of both kinds do not jump. What is wrong with a
file is said, and how to mend it; nothing is guessed.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from media.resample import RATE, WIDE_RATE, to_rate, to_samples
from media.wav import Wav, WavError, read
from media.wavfile import header

SPEECH_DBFS: Final = -20.0  # RMS of the speech without its pauses
PEAK_DBFS: Final = -3.0
MAX_GAIN_DB: Final = 24.0  # more would only bring up the noise
SILENT_DBFS: Final = -55.0  # a recording whose loudest parts are below that has nothing on it
ACTIVE_DB: Final = -30.0  # a frame this far under the loudest one is no speech
SHORTEST: Final = 0.1  # seconds
LONGEST: Final = 600.0  # of a prompt
CLIPPED: Final = 0.002  # share of samples at full scale from which on it is heard
FULL_SCALE: Final = 0.999

CONVERT: Final = "Convert it first, for example: ffmpeg -i {} -ac 1 -ar 16000 -c:a pcm_s16le prompt.wav"


class IntakeError(Exception):
    """The file cannot be taken; `hint` says how to mend it."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(slots=True, frozen=True)
class Facts:
    """What a recording is like. Levels in dB of full scale."""

    seconds: float
    rate: int
    channels: int
    coding: str
    level: float  # of its speech or music, pauses left out
    peak: float
    clipped: float  # share of samples at full scale


@dataclass(slots=True, frozen=True)
class Taken:
    """A recording that was taken in."""

    before: Facts
    rate: int  # of the file that was written
    gain: float  # dB
    warnings: tuple[str, ...]


def look(path: Path) -> Facts:
    """What is in a file. Raises IntakeError if it cannot be read."""
    return _facts(_read(path))


def take_in(source: Path, target: Path, *, music: bool = False, as_it_is: bool = False) -> Taken:
    """Write `source` to `target`: one channel of 16 bits at 8 or 16 kHz. Speech is levelled unless `as_it_is`.

    Music keeps its level here: the workers level it, all classes alike. Raises IntakeError, OSError.
    """
    wav = _read(source)
    facts = _facts(wav)
    _check(source, facts, music=music)
    rate = WIDE_RATE if wav.rate > RATE else RATE
    signal = to_rate(wav, rate)
    gain = 0.0 if music or as_it_is else _gain(facts)
    samples = to_samples(signal * np.float32(10 ** (gain / 20)))
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        temporary.write_bytes(header(rate, 2 * len(samples), 1) + samples.astype("<i2").tobytes())
        temporary.replace(target)  # It is never there half written.
    finally:
        temporary.unlink(missing_ok=True)
    return Taken(facts, rate, gain, tuple(_warnings(facts, gain, levelled=not (music or as_it_is))))


def _read(path: Path) -> Wav:
    try:
        return read(path)
    except WavError as error:
        hint = CONVERT.format(path.name) if path.is_file() else "Name a WAV file that this user may read."
        raise IntakeError(str(error), hint) from None


def _facts(wav: Wav) -> Facts:
    size = max(wav.rate // 50, 1)
    frames = (
        wav.signal[: len(wav.signal) // size * size].reshape(-1, size) if len(wav.signal) >= size else wav.signal[None]
    )
    power = np.mean(np.square(frames, dtype=np.float64), axis=1)
    active = power[power > power.max() * 10 ** (ACTIVE_DB / 10)]
    peak = float(np.abs(wav.signal).max())
    clipped = float(np.mean(np.abs(wav.signal) >= FULL_SCALE))
    level = float(active.mean()) if len(active) else 0.0
    return Facts(wav.seconds, wav.rate, wav.channels, wav.coding, _db(level) / 2, _db(peak), clipped)


def _db(value: float) -> float:
    """Of an amplitude; half of it of a power."""
    return 20.0 * float(np.log10(max(value, 1e-9)))


def _check(source: Path, facts: Facts, *, music: bool) -> None:
    if facts.peak < SILENT_DBFS:
        raise IntakeError(
            f"{source}: it is silent: its loudest sample is at {facts.peak:.0f} dB of full scale.",
            "Record it anew, with the right microphone and more gain.",
        )
    if facts.seconds < SHORTEST:
        raise IntakeError(
            f"{source}: it lasts {1000 * facts.seconds:.0f} ms; a prompt has at least {1000 * SHORTEST:.0f} ms.",
            "Look whether the recording was cut off, and export it whole.",
        )
    if not music and facts.seconds > LONGEST:
        raise IntakeError(
            f"{source}: it lasts {facts.seconds / 60:.0f} minutes; a prompt has at most {LONGEST / 60:.0f}.",
            "Cut it; or if it is music on hold, give --music.",
        )


def _gain(facts: Facts) -> float:
    """What brings speech to its level, without bending its peaks."""
    return min(SPEECH_DBFS - facts.level, PEAK_DBFS - facts.peak, MAX_GAIN_DB)


def _warnings(facts: Facts, gain: float, *, levelled: bool) -> list[str]:
    found = []
    if facts.clipped > CLIPPED:
        found.append(
            f"{100 * facts.clipped:.1f} % of it is at full scale, which is heard as crackling: record it with less gain"
        )
    if levelled and gain >= MAX_GAIN_DB:
        found.append(f"it is very quiet ({facts.level:.0f} dB): made {MAX_GAIN_DB:.0f} dB louder, its noise too")
    elif levelled and facts.level + gain < SPEECH_DBFS - 6.0:
        found.append("it has single loud peaks, so that the rest stays quiet: use a compressor, or cut out the knocks")
    if facts.rate < RATE:
        found.append(f"its sample rate of {facts.rate} Hz is lower than a telephone's: it will sound dull")
    return found
