"""Audio to send, and verdicts on what was heard. Mono float arrays in -1..1; numpy only.

The verdicts are made for what a phone's recorder really leaves on disk: headers that still say "0 bytes" because the
process was stopped, a lead-in of silence, 8 kHz companding, slips of a jitter buffer.
"""

from __future__ import annotations

import struct
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Signal = NDArray[np.float64]

# --- G.711, written from the ITU tables and independent of the product's own ------------------------------------------


def _ulaw_table() -> Signal:
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    magnitude = (((code & 0x0F) << 3) + 0x84) << ((code >> 4) & 7)
    return np.where(code & 0x80, 0x84 - magnitude, magnitude - 0x84) / 32768.0


def _alaw_table() -> Signal:
    code = np.arange(256, dtype=np.int32) ^ 0x55
    exponent, mantissa = (code >> 4) & 7, code & 15
    value = np.where(exponent == 0, (mantissa << 4) + 8, ((mantissa << 4) + 0x108) << np.maximum(exponent - 1, 0))
    return np.where(code & 0x80, value, -value) / 32768.0


G711 = {0: _ulaw_table(), 8: _alaw_table()}  # payload type -> sample by code


def encode_g711(samples: Signal, payload_type: int) -> bytes:
    """The nearest code of each sample."""
    table = G711[payload_type]
    order = np.argsort(table, kind="stable")
    values = table[order]
    right = np.clip(np.searchsorted(values, samples), 1, 255)
    nearer = np.where(samples - values[right - 1] < values[right] - samples, right - 1, right)
    return order[nearer].astype(np.uint8).tobytes()


# --- WAV --------------------------------------------------------------------------------------------------------------


def write_wav(path: Path, samples: Signal, rate: int = 8000) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(samples, -1.0, 1.0) * 32767).astype("<i2").tobytes())
    return path


def read_wav(path: Path) -> tuple[int, Signal]:
    """(rate, samples), also of a file whose recorder did not finish the header. Raises ValueError."""
    raw = path.read_bytes()
    if len(raw) < 12 or raw[:4] != b"RIFF" or raw[8:12] != b"WAVE":
        raise ValueError(f"{path}: not a RIFF/WAVE file ({len(raw)} bytes)")
    position, layout, data = 12, None, b""
    while position + 8 <= len(raw):
        chunk, size = raw[position : position + 4], struct.unpack_from("<I", raw, position + 4)[0]
        body = position + 8
        if chunk == b"fmt ":
            layout = struct.unpack_from("<HHIIHH", raw, body)
        elif chunk == b"data":
            if size == 0 or body + size > len(raw):  # the recorder did not close it
                size = len(raw) - body
            data = raw[body : body + size]
            break
        position = body + size + (size & 1)
    if layout is None:
        raise ValueError(f"{path}: no fmt chunk")
    form, channels, rate, _, _, bits = layout
    match form, bits:
        case 1, 16:
            samples = np.frombuffer(data[: len(data) // 2 * 2], "<i2") / 32768
        case 1, 8:
            samples = (np.frombuffer(data, "u1") - 128.0) / 128
        case _:
            raise ValueError(f"{path}: format {form} with {bits} bits is not read here")
    return rate, samples[: len(samples) // channels * channels].reshape(-1, channels).mean(axis=1)


def resample(samples: Signal, source: int, target: int) -> Signal:
    """By FFT: good for verdicts, not for streams."""
    if source == target or not len(samples):
        return samples
    count = round(len(samples) * target / source)
    spectrum = np.fft.rfft(samples)
    fitted = np.zeros(count // 2 + 1, dtype=complex)
    kept = min(len(spectrum), len(fitted))
    fitted[:kept] = spectrum[:kept]
    return np.fft.irfft(fitted, count) * (count / len(samples))


def load(path: Path, rate: int = 8000) -> Signal:
    source, samples = read_wav(path)
    return resample(samples, source, rate)


# --- what phones say --------------------------------------------------------------------------------------------------


def tone(hertz: float, seconds: float, rate: int = 8000, level: float = 0.3) -> Signal:
    return level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def babble(seconds: float, rate: int = 8000, seed: int = 1, level: float = 0.4) -> Signal:
    """Speech-like noise (300 to 3,400 Hz, syllables), the same for the same seed.

    Unlike a tone it matches itself at one lag only, so that loss, delay and disorder show.
    """
    rng = np.random.default_rng(seed)
    count = round(seconds * rate)
    spectrum = np.fft.rfft(rng.standard_normal(count))
    hertz = np.fft.rfftfreq(count, 1 / rate)
    spectrum[(hertz < 300) | (hertz > 3400)] = 0
    samples = np.fft.irfft(spectrum / np.maximum(hertz, 300), count)
    syllables = max(2, round(seconds * 4))
    samples *= np.interp(np.arange(count) / rate * 4, np.arange(syllables), rng.uniform(0.15, 1.0, syllables))
    return samples / np.abs(samples).max() * level


def babble_wav(path: Path, seconds: float = 30, rate: int = 8000, seed: int = 1) -> Path:
    return write_wav(path, babble(seconds, rate, seed), rate)


# --- verdicts ---------------------------------------------------------------------------------------------------------


def rms(samples: Signal) -> float:
    return float(np.sqrt(np.mean(np.square(samples)))) if len(samples) else 0.0


def tone_seconds(samples: Signal, hertz: float, rate: int = 8000, share: float = 0.6, floor: float = 0.01) -> float:
    """How many seconds of the recording are clearly that tone: most of the energy within 30 Hz of it."""
    size = rate // 20
    count = len(samples) // size
    if not count:
        return 0.0
    frames = samples[: count * size].reshape(count, size)
    power = np.abs(np.fft.rfft(frames * np.hanning(size), axis=1)) ** 2
    near = np.abs(np.fft.rfftfreq(size, 1 / rate) - hertz) <= 30
    shares = power[:, near].sum(axis=1) / (power.sum(axis=1) + 1e-12)
    loud = np.sqrt(np.mean(frames**2, axis=1)) >= floor
    return float(np.count_nonzero((shares >= share) & loud)) / 20


@dataclass(frozen=True, slots=True)
class Match:
    """How well a reference was found in a recording."""

    score: float  # median normalised correlation of the matched parts, 0..1
    coverage: float  # share of the parts of the reference, other than silence, that were found
    lag: float  # seconds from the start of the recording to the start of the reference
    spread: float  # of the lag between the parts, seconds

    def __bool__(self) -> bool:
        return self.coverage >= 0.7 and self.score >= 0.7


NO_MATCH = Match(0.0, 0.0, 0.0, 0.0)


def find(reference: Signal, recording: Signal, rate: int = 8000) -> Match:
    """Where, and how faithfully, is the reference contained in the recording?

    Parts of a quarter of a second are looked for one by one, so that a slip of a jitter buffer does not spoil the verdict.
    For speech, babble and music; a pure tone matches itself everywhere.
    """
    parts = list(_look_up(reference, recording, rate))
    found = [(score, lag) for score, lag in parts if score >= _GOOD]
    if not found:
        return NO_MATCH
    middle = float(np.median([lag for _, lag in found]))
    near = [(score, lag) for score, lag in found if abs(lag - middle) < 0.5]
    if not near:
        return NO_MATCH
    lags = [lag for _, lag in near]
    return Match(float(np.median([score for score, _ in near])), len(near) / len(parts), middle, max(lags) - min(lags))


def contains(source: Signal, recording: Signal, rate: int = 8000) -> float:
    """The share of the recording, silence left out, that comes from a source which is played round and round.

    The other way round than `find`: for a few seconds of something long, entered anywhere, such as music on hold.
    """
    size = int(_PART * rate)
    parts = list(_look_up(recording, np.concatenate([source, source[:size]]), rate))
    return sum(score >= _GOOD for score, _ in parts) / len(parts) if parts else 0.0


def stretch(source: Signal, recording: Signal, rate: int = 8000) -> float:
    """The share that comes from the source, as `contains`, of the best second and a half of the recording.

    For "they hear each other" on a machine that others use, too: a telephone that stumbles for a moment, and goes on, is heard.
    """
    size = int(_PART * rate)
    found = [score >= _GOOD for score, _ in _look_up(recording, np.concatenate([source, source[:size]]), rate)]
    size = min(len(found), _STRETCH)
    if size < _LEAST:
        return 0.0
    return max(sum(found[at : at + size]) for at in range(len(found) - size + 1)) / size


_STRETCH = 6  # parts
_LEAST = 3  # parts that must be there at all
_PART = 0.25  # seconds: short, so that a softphone that stumbles spoils few of them
_GOOD = 0.6  # normalised correlation from which a part counts as found


def _look_up(sought: Signal, line: Signal, rate: int) -> Iterator[tuple[float, float]]:
    """For each audible part of what is sought: (best normalised correlation in the line, its lag there in seconds)."""
    size = int(_PART * rate)
    if len(line) < size:
        return
    points = _fast_length(len(line) + size)
    spectrum = np.fft.rfft(line, points)
    energy = np.concatenate([[0.0], np.cumsum(line**2)])
    local = np.sqrt(np.maximum(energy[size:] - energy[:-size], 1e-9))
    audible = local > 0.05 * local.max()
    threshold = 0.25 * rms(sought)
    for start in range(0, len(sought) - size + 1, size):
        piece = sought[start : start + size]
        if rms(piece) <= threshold:
            continue
        correlation = np.fft.irfft(spectrum * np.conj(np.fft.rfft(piece, points)), points)[: len(local)]
        correlation = np.where(audible, correlation / (local * np.linalg.norm(piece)), 0)
        best = int(np.argmax(correlation))
        yield float(correlation[best]), (best - start) / rate


def _fast_length(least: int) -> int:
    """The first length from `least` on whose prime factors are 2, 3 and 5: a power of two may be almost twice as long."""
    best = 1 << (least - 1).bit_length()
    for fives in (5**power for power in range(10)):
        for odd in (fives * 3**power for power in range(14)):
            if odd < best:
                best = min(best, odd << max(0, -(-least // odd) - 1).bit_length())
    return best
