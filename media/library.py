"""What can be played, by name: recordings that were loaded, tones and digits that are generated when first asked for."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from media.bank import Bank, Span
from media.codec import Octets
from media.dtmf import GAP_MS, MAX_DURATION_MS, MIN_DURATION_MS
from media.g711 import encode_both
from media.resample import normalise, to_8k, to_samples
from media.tones import DEFAULT_COUNTRY, RATE, TONES, dtmf, find, render
from media.wav import WavError, read

Identity: TypeAlias = tuple[tuple[str, int, int], ...]


@dataclass(slots=True)
class Recording:
    """A file, ready for the bank; or why it is not."""

    name: str
    music: bool
    codes: Octets | None = None  # in both laws
    error: str = ""
    identity: Identity | None = None  # path, time and size: the same file need not be read again


def identify(paths: Sequence[str]) -> Identity | None:
    """What tells these files from others, and from what they were before; None if one is not there."""
    found = []
    for path in paths:
        try:
            status = os.stat(path)
        except OSError:
            return None
        found.append((path, status.st_mtime_ns, status.st_size))
    return tuple(found)


def prepare(name: str, path: str, music: bool, more: Sequence[str] = ()) -> Recording:
    """Read, resample and level files. Takes its time (up to a second for minutes of music): for a thread of its own."""
    paths = (path, *more)
    identity = identify(paths)
    parts = []
    for each in paths:
        try:
            signal = to_8k(read(each))
        except WavError as error:
            return Recording(name, music, error=str(error))
        except ImportError as error:
            return Recording(name, music, error=f"{each}: its rate is not 8 kHz, and it cannot be resampled: {error}")
        parts.append(to_samples(normalise(signal) if music else signal))
    return Recording(name, music, encode_both(np.concatenate(parts)), identity=identity)


class Library:
    """Names to spans of the bank."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self._clips: dict[str, Span] = {}
        self._music: dict[str, Span] = {}
        self._identities: dict[tuple[str, bool], Identity | None] = {}
        self._tones: dict[tuple[str, str], Span] = {}
        self._digits: dict[tuple[str, int], Span] = {}

    def has(self, name: str, paths: Sequence[str], music: bool) -> bool:
        """Whether these very files are there already under that name."""
        identity = identify(paths)
        return identity is not None and self._identities.get((name, music)) == identity

    def add(self, recording: Recording) -> None:
        """Make a prepared recording playable. One that could not be read must not be added."""
        assert recording.codes is not None
        if recording.music:
            self._music[recording.name] = self._bank.add_loop(recording.codes)
        else:
            self._clips[recording.name] = self._bank.add(recording.codes)
        self._identities[recording.name, recording.music] = recording.identity

    def clip(self, name: str) -> Span | None:
        """A clip by name. A class of music may be played as a clip, too: once through."""
        span = self._clips.get(name)
        if span is None and (loop := self._music.get(name)) is not None:
            span = Span(loop.start, loop.end)
        return span

    def music(self, name: str) -> Span | None:
        """A class of music by name."""
        return self._music.get(name)

    def tone(self, name: str, country: str) -> Span | None:
        """A tone by name and country."""
        country = country.lower()
        key = (name, country if country in TONES else DEFAULT_COUNTRY)
        span = self._tones.get(key)
        if span is None and (tone := find(*key)) is not None:
            once, loop = render(tone)
            span = self._tones[key] = self._bank.add_loop(encode_both(loop), encode_both(once))
        return span

    @property
    def hold(self) -> Span:
        """What is heard where nothing else is."""
        span = self.tone("hold", DEFAULT_COUNTRY)
        assert span is not None, "every country has a hold tone"
        return span

    def digit(self, digit: str, milliseconds: int) -> Span:
        """A key as it sounds, and the pause behind it."""
        milliseconds = min(max(milliseconds, MIN_DURATION_MS), MAX_DURATION_MS) // 20 * 20
        key = (digit.upper(), milliseconds)
        span = self._digits.get(key)
        if span is None:
            samples = np.concatenate((dtmf(digit, milliseconds), np.zeros(RATE * GAP_MS // 1000, np.int16)))
            span = self._digits[key] = self._bank.add(encode_both(samples))
        return span
