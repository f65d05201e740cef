"""What can be played, by name: recordings that were loaded, tones and digits that are generated when first asked for."""

from __future__ import annotations

import contextlib
import os
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

import numpy as np

from media.bank import MAX_FRAME, Bank, Span
from media.codec import Octets, Samples
from media.dtmf import GAP_MS, MAX_DURATION_MS, MIN_DURATION_MS
from media.forms import Audio, Coding, Form
from media.g711 import Law, decode, encode_both
from media.resample import RATE, WIDE_RATE, music_gain, to_rate, to_samples, widen
from media.tones import DEFAULT_COUNTRY, TONES, Tone, dtmf, find, render
from media.wav import Wav, WavError, look, read

Identity: TypeAlias = tuple[tuple[str, int, int], ...]


@dataclass(slots=True)
class Recording:
    """A file, ready for the bank; or why it is not."""

    name: str
    music: bool
    codes: Octets | None = None  # in both laws; None without an error: it was only looked at
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


def look_at(name: str, path: str) -> Recording:
    """A clip that is to be read when it is first heard: without codes, and with an error if it is none."""
    try:
        look(path)
    except WavError as error:
        return Recording(name, False, error=str(error))
    return Recording(name, False)


def prepare(name: str, path: str, music: bool, more: Sequence[str] = ()) -> Recording:
    """Read, resample and level files. Takes its time (up to a second for minutes of music): for a thread of its own."""
    paths = (path, *more)
    identity = identify(paths)
    parts = []
    for each in paths:
        try:
            parts.append(_narrow(read(each), music)[0])
        except WavError as error:
            return Recording(name, music, error=str(error))
        except ImportError as error:
            return Recording(name, music, error=f"{each}: its rate is not 8 kHz, and it cannot be resampled: {error}")
    return Recording(name, music, encode_both(np.concatenate(parts)), identity=identity)


def _narrow(wav: Wav, music: bool) -> tuple[Samples, np.float32]:
    """A recording at 8 kHz and at its level, and the gain that this took."""
    signal = to_rate(wav, RATE)
    gain = music_gain(signal) if music else np.float32(1)
    return to_samples(signal * gain), gain


def _both(path: str, music: bool) -> Audio:
    """A recording at both rates, at the same level. A narrow one is widened, which adds nothing to it."""
    wav = read(path)
    narrow, gain = _narrow(wav, music)
    if wav.rate <= RATE:
        return Audio(narrow, widen(narrow))
    wide = to_samples(to_rate(wav, WIDE_RATE) * gain)
    return Audio(narrow, np.resize(np.concatenate((wide, np.zeros(2, np.int16))), 2 * len(narrow)))


def _join(parts: Sequence[Audio]) -> Audio:
    return Audio(np.concatenate([part.narrow for part in parts]), np.concatenate([part.wide for part in parts]))


def _with_tail(once: Audio | None, loop: Audio) -> Audio:
    """What goes round as it lies in the bank: its beginning once more behind its end."""
    narrow = loop.narrow.take(np.arange(MAX_FRAME) % len(loop.narrow))
    wide = loop.wide.take(np.arange(2 * MAX_FRAME) % len(loop.wide))
    return _join([*([once] if once is not None else []), loop, Audio(narrow, wide)])


def _read_again(recording: Recording, bank: Bank, start: int, length: int) -> Audio:
    """What was loaded, at both rates. Where its files are not what they were, all there is of it is in the bank."""
    identity = recording.identity
    paths = [path for path, _, _ in identity or ()]
    with contextlib.suppress(WavError, ImportError):
        if paths and identify(paths) == identity:
            audio = _join([_both(path, recording.music) for path in paths])
            audio = _with_tail(None, audio) if recording.music else audio
            if len(audio.narrow) == length:
                return audio
    narrow = decode(np.frombuffer(bank.codes(Law.MU, start, start + length), np.uint8), Law.MU)
    return Audio(narrow, widen(narrow))


def _tone(tone: Tone) -> Audio:
    (once, loop), (wide_once, wide_loop) = render(tone, RATE), render(tone, WIDE_RATE)
    return _with_tail(Audio(once, wide_once), Audio(loop, wide_loop))


def _key(digit: str, milliseconds: int) -> Audio:
    """A key as it sounds, and the pause behind it."""
    narrow, wide = (
        np.concatenate((dtmf(digit, milliseconds, rate), np.zeros(rate * GAP_MS // 1000, np.int16)))
        for rate in (RATE, WIDE_RATE)
    )
    return Audio(narrow, wide)


class Library:
    """Names to spans of the bank."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self._clips: dict[str, Span] = {}
        self._music: dict[str, Span] = {}
        self._identities: dict[tuple[str, bool], Identity | None] = {}
        self._tones: dict[tuple[str, str], Span] = {}
        self._digits: dict[tuple[str, int], Span] = {}
        self._starts: list[int] = []  # of everything that was put into the bank here, in order
        self._makers: list[Callable[[], Audio]] = []  # and what gives its audio once more
        self._begun: dict[tuple[int, int], Coding] = {}  # by form and start: what is coded, or about to be

    def has(self, name: str, paths: Sequence[str], music: bool) -> bool:
        """Whether these very files are there already under that name."""
        identity = identify(paths)
        return identity is not None and self._identities.get((name, music)) == identity

    def add(self, recording: Recording) -> None:
        """Make a prepared recording playable. One that could not be read must not be added."""
        assert recording.codes is not None
        length = recording.codes.shape[1]
        if recording.music:
            span = self._music[recording.name] = self._bank.add_loop(recording.codes)
            length += MAX_FRAME
        else:
            span = self._clips[recording.name] = self._bank.add(recording.codes)
        kept = replace(recording, codes=None)
        self._keep(span, partial(_read_again, kept, self._bank, span.start, length))
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
            self._keep(span, partial(_tone, tone))
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
            span = self._digits[key] = self._bank.add(encode_both(_key(*key).narrow))
            self._keep(span, partial(_key, *key))
        return span

    # --- forms beyond G.711 ------------------------------------------------------------------------------------------

    def _keep(self, span: Span, maker: Callable[[], Audio]) -> None:
        if span.end > span.start:
            index = bisect_right(self._starts, span.start)
            self._starts.insert(index, span.start)
            self._makers.insert(index, maker)

    def drop(self, name: str) -> None:
        """Forget a clip that nobody plays any more."""
        span = self._clips.pop(name, None)
        self._identities.pop((name, False), None)
        if span is None or span.end == span.start:
            return
        index = bisect_right(self._starts, span.start) - 1
        del self._starts[index], self._makers[index]
        for form in Form:
            if (coding := self._begun.pop((form, span.start), None)) is not None:
                coding.cancelled = True
        self._bank.release(span)

    def coding(self, form: Form, position: int) -> Coding | None:
        """The work of making what lies at a position playable in a form; None if it was given out already."""
        index = bisect_right(self._starts, position) - 1
        name = form, self._starts[index]
        if index < 0 or name in self._begun:
            return None
        coding = self._begun[name] = Coding(form, self._starts[index], self._makers[index])
        return coding

    def code_now(self, form: Form, span: Span) -> None:
        """Make something short playable at once."""
        if not self._bank.has(form, span.start) and (coding := self.coding(form, span.start)) is not None:
            for piece in coding.pieces():
                self._bank.store(piece)
