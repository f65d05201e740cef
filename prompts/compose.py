#!/usr/bin/env python3
"""Compose the music on hold: two calm pieces, synthesised from the scores below, written to `moh/*.wav`.

Everything is laid on a circle: a note or an echo that runs past the end goes on at the beginning, so the last sample is
followed by the first without a seam, however long the caller waits. The energy lies between 300 and 3,400 Hz, the level
is steady, and there are no loud entries: made for a telephone, not for a concert hall.

    python3 prompts/compose.py            # writes the pieces beside this script
"""

from __future__ import annotations

import argparse
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE = 16_000  # samples per second
LEVEL_DBFS = -24.0  # RMS of a whole piece: 4 dB under the speech of the prompts
PEAK_DBFS = -6.0

Signal = NDArray[np.float64]

_STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_CHORDS = {
    "": (0, 4, 7),
    "m": (0, 3, 7),
    "maj7": (0, 4, 7, 11),
    "m7": (0, 3, 7, 10),
    "7": (0, 4, 7, 10),
    "add9": (0, 4, 7, 14),
}


@dataclass(frozen=True, slots=True)
class Piece:
    """A score. `chords`: one symbol per bar. `melody`: bars divided by "|", each of "PITCH:BEATS" or "-:BEATS" (rest)."""

    name: str
    beats_per_minute: float
    beats_per_bar: int
    chords: str
    melody: str
    arpeggio: tuple[int, ...]  # which tones of the chord, in turn, spread evenly over the bar

    @property
    def beat(self) -> float:
        """Seconds per beat."""
        return 60.0 / self.beats_per_minute

    @property
    def length(self) -> int:
        """Samples of the whole loop."""
        return round(len(self.chords.split()) * self.beats_per_bar * self.beat * RATE)


MORNING = Piece(
    "morning",
    84,
    4,
    "Cmaj7 Am7 Fmaj7 G Cmaj7 Em7 Fadd9 G Am7 Em7 Fmaj7 Cadd9 Dm7 Am7 Fmaj7 G7 Cmaj7 Am7 Fmaj7 G Em7 Am7 Dm7 G7",
    "E5:2 G5:2 | A5:3 G5:1 | F5:2 A5:1 G5:1 | D5:4 | E5:2 C5:1 D5:1 | E5:3 G5:1 | A5:2 C6:2 | B5:3 -:1 |"
    "C6:2 B5:1 A5:1 | G5:3 E5:1 | F5:2 E5:1 F5:1 | E5:4 | D5:2 F5:2 | E5:3 C5:1 | A4:2 C5:2 | D5:3 -:1 |"
    "E5:2 G5:2 | A5:3 G5:1 | F5:1 G5:1 A5:2 | G5:3 D5:1 | E5:2 B4:2 | C5:3 D5:1 | F5:2 E5:2 | D5:3 -:1",
    (0, 2, 1, 3, 2, 1, 0, 2),
)

EVENING = Piece(
    "evening",
    66,
    3,
    "Dm7 G7 Cmaj7 Am7 Dm7 G7 Cadd9 Cadd9 Fmaj7 G Em7 Am7 Fmaj7 Dm7 G7 G7 Dm7 G7 Cmaj7 Am7 Fmaj7 G7 Cadd9 Cadd9",
    "F5:2 A5:1 | G5:3 | E5:2 G5:1 | E5:3 | D5:1 E5:1 F5:1 | G5:2 F5:1 | E5:3 | -:3 |"
    "A5:2 C6:1 | B5:2 G5:1 | G5:2 B5:1 | A5:3 | F5:2 A5:1 | F5:1 E5:1 D5:1 | G5:3 | -:3 |"
    "F5:2 A5:1 | G5:2 D5:1 | E5:2 G5:1 | E5:2 C5:1 | A4:1 C5:1 F5:1 | E5:2 D5:1 | C5:3 | -:3",
    (0, 2, 3, 1, 2, 3),
)

PIECES = (MORNING, EVENING)


def frequency(semitone: float) -> float:
    """Hertz of a MIDI note number (69 = A4 = 440 Hz)."""
    return 440.0 * 2.0 ** ((semitone - 69) / 12)


def note_number(pitch: str) -> int:
    """The MIDI note number of "A4" or "F#5"."""
    return 12 * (int(pitch[-1]) + 1) + _STEPS[pitch[0]] + pitch.count("#")


def chord_notes(symbol: str) -> list[int]:
    """The tones of a chord, its root between G3 and F#4 so that a telephone still carries it."""
    root = _STEPS[symbol[0]] + symbol[1:2].count("#")
    quality = symbol[1:].removeprefix("#")
    base = 55 + (root - 55) % 12
    tones = [base + step for step in _CHORDS[quality]]
    return tones if len(tones) > 3 else [*tones, tones[0] + 12]


def envelope(count: int, attack: float, release: float) -> Signal:
    """Raised-cosine attack and release in seconds, so that no note begins or ends with a click."""
    shape = np.ones(count)
    rise, fall = min(round(attack * RATE), count // 2), min(round(release * RATE), count // 2)
    shape[:rise] = 0.5 - 0.5 * np.cos(np.pi * np.arange(rise) / rise)
    shape[count - fall :] = 0.5 + 0.5 * np.cos(np.pi * np.arange(fall) / fall)
    return shape


def piano(semitone: int, seconds: float) -> Signal:
    """A soft electric piano: partials that die away, the higher the sooner."""
    count = round(seconds * RATE)
    t = np.arange(count) / RATE
    base = frequency(semitone)
    tone = np.zeros(count)
    for partial, weight in ((1, 1.0), (2, 0.45), (3, 0.18), (4, 0.08)):
        tone += weight * np.exp(-t * (1.1 + 0.9 * partial)) * np.sin(2 * np.pi * base * partial * t)
    return tone * envelope(count, 0.006, 0.12)


def flute(semitone: int, seconds: float) -> Signal:
    """The voice of the melody: nearly a sine, with a slow vibrato that sets in late."""
    count = round(seconds * RATE)
    t = np.arange(count) / RATE
    vibrato = 0.0025 * np.clip(t - 0.35, 0, 0.5) * 2 * np.sin(2 * np.pi * 4.8 * t)
    phase = 2 * np.pi * np.cumsum(frequency(semitone) * (1 + vibrato)) / RATE
    tone = np.sin(phase) + 0.22 * np.sin(2 * phase) + 0.07 * np.sin(3 * phase)
    return tone * envelope(count, 0.07, 0.18)


def pad(semitone: int, seconds: float) -> Signal:
    """Strings in the background: three slightly detuned voices with a slow attack."""
    count = round(seconds * RATE)
    t = np.arange(count) / RATE
    tone = np.zeros(count)
    for cents in (-5, 0, 6):
        base = frequency(semitone + cents / 100)
        for partial, weight in ((1, 1.0), (2, 0.5), (3, 0.22), (5, 0.06)):
            tone += weight * np.sin(2 * np.pi * base * partial * t + cents)
    return tone * envelope(count, 0.5, 0.7) / 3


def add(loop: Signal, at: float, sound: Signal, gain: float) -> None:
    """Mix a sound into the loop at a time in seconds, around the corner if need be."""
    index = (round(at * RATE) + np.arange(len(sound))) % len(loop)
    np.add.at(loop, index, gain * sound)


def melody_notes(piece: Piece) -> Iterator[tuple[float, int, float]]:
    """(start in beats, note, beats) of the melody; a bar that does not add up is an error in the score."""
    bars = piece.melody.split("|")
    if len(bars) != len(piece.chords.split()):
        raise ValueError(f"{piece.name}: {len(bars)} bars of melody over {len(piece.chords.split())} chords")
    for number, bar in enumerate(bars):
        at = 0.0
        for item in bar.split():
            pitch, _, beats = item.partition(":")
            if pitch != "-":
                yield number * piece.beats_per_bar + at, note_number(pitch), float(beats)
            at += float(beats)
        if at != piece.beats_per_bar:
            raise ValueError(f"{piece.name}: bar {number + 1} has {at} beats")


def reverberate(loop: Signal, seconds: float = 1.6, wet: float = 0.22) -> Signal:
    """A small room, by circular convolution: the tail of the end sounds into the beginning."""
    rng = np.random.default_rng(2)
    t = np.arange(round(seconds * RATE)) / RATE
    room = rng.standard_normal(len(t)) * np.exp(-t * 6.9 / seconds)
    room /= np.sqrt(np.sum(room**2))
    return loop + wet * np.fft.irfft(np.fft.rfft(loop) * np.fft.rfft(room, len(loop)), len(loop))


def telephone_band(loop: Signal) -> Signal:
    """Fade out what a telephone does not carry: below 150 Hz and above 5 kHz (G.722 has room up to 7)."""
    spectrum = np.fft.rfft(loop)
    hertz = np.fft.rfftfreq(len(loop), 1 / RATE)
    spectrum *= np.clip((hertz - 120) / 120, 0, 1) * np.clip((6_000 - hertz) / 1_500, 0, 1)
    return np.fft.irfft(spectrum, len(loop))


def level(loop: Signal) -> Signal:
    """Even out the loudness over about two seconds, set the RMS, and bend the highest peaks down."""
    window = np.zeros(len(loop))
    span = 2 * RATE
    window[:span] = np.hanning(span)
    window = np.roll(window / window.sum(), -span // 2)
    power = np.fft.irfft(np.fft.rfft(loop**2) * np.fft.rfft(window), len(loop))
    even = loop / np.sqrt(np.maximum(power, 0.05 * power.max())) ** 0.7
    even *= 10 ** (LEVEL_DBFS / 20) / np.sqrt(np.mean(even**2))
    ceiling = 10 ** (PEAK_DBFS / 20)
    return ceiling * np.tanh(even / ceiling)


def compose(piece: Piece) -> Signal:
    """The loop of a piece as samples in -1..1."""
    loop = np.zeros(piece.length)
    bar = piece.beats_per_bar * piece.beat
    for number, symbol in enumerate(piece.chords.split()):
        tones = chord_notes(symbol)
        for tone in tones:
            add(loop, number * bar - 0.25, pad(tone, bar + 0.75), 0.10)
        add(loop, number * bar, piano(tones[0], bar), 0.5)
        for step, choice in enumerate(piece.arpeggio):
            accent = 0.34 if step == 0 else 0.26
            add(loop, number * bar + step * bar / len(piece.arpeggio), piano(tones[choice] + 12, 1.4), accent)
    for start, note, beats in melody_notes(piece):
        add(loop, start * piece.beat, flute(note, beats * piece.beat + 0.1), 0.42)
    return level(telephone_band(reverberate(loop)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "moh", help="directory to write to")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for piece in PIECES:
        samples = compose(piece)
        with wave.open(str(args.out / f"{piece.name}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(np.round(samples * 32767).astype("<i2").tobytes())
        rms = 20 * np.log10(np.sqrt(np.mean(samples**2)))
        print(
            f"{piece.name}: {len(samples) / RATE:.1f} s, {rms:.1f} dBFS RMS, peak {20 * np.log10(np.abs(samples).max()):.1f}"
        )


if __name__ == "__main__":
    main()
