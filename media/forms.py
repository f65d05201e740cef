"""The forms in which the bank holds what can be played, one for each codec that a leg may have.

The two laws of G.711 are made of everything when it is loaded. The other forms take more time and memory and few legs want
them, so each recording gets them when the first leg hears it, in a thread, piece by piece: until the first is there the leg
hears silence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

import numpy as np

from media.codec import Codec, Octets, Samples
from media.g722 import DELAY, G722Encoder
from media.opus import OpusEncoder
from media.resample import RATE, WIDE_RATE

BLOCK = 160  # positions: 20 ms, in which Opus is coded, and by which is known what is there
PIECE = 10 * RATE  # positions that are coded before they are handed over
_SETTLED = WIDE_RATE // 2
_SLICE = 5 * BLOCK  # positions of G.722 in one call, which keeps all other threads waiting


class Form(IntEnum):
    """What a position of the bank, 1/8000 s, is in it."""

    MU = 0  # one octet
    A = 1  # one octet
    G722 = 2  # one octet
    L16 = 3  # a sample of 8 kHz, two octets
    WIDE_L16 = 4  # two samples of 16 kHz, four octets
    OPUS = 5  # 1/160 of a packet


OCTETS = {Form.MU: 1, Form.A: 1, Form.G722: 1, Form.L16: 2, Form.WIDE_L16: 4}  # per position
_FORMS = {("PCMU", RATE): Form.MU, ("PCMA", RATE): Form.A, ("L16", RATE): Form.L16, ("L16", WIDE_RATE): Form.WIDE_L16,
          ("G722", WIDE_RATE): Form.G722}  # fmt: skip


def form_of(codec: Codec) -> Form | None:
    """The form for a leg of that codec; None: nothing can be played to it."""
    if codec.name == "opus" and codec.decodable:
        return Form.OPUS
    return _FORMS.get((codec.name, codec.rate))


@dataclass(slots=True)
class Audio:
    """The same at 8 kHz and at 16 kHz: as many samples, and twice as many."""

    narrow: Samples
    wide: Samples


Material: TypeAlias = Octets | list[bytes]
"""Of a form: octets, or one packet for each 20 ms."""


@dataclass(slots=True)
class Piece:
    """Coded audio for the bank, from a position on, which is a multiple of BLOCK."""

    form: Form
    position: int
    material: Material
    coding: Coding


@dataclass(slots=True)
class Coding:
    """Work for a thread: to code what lies in the bank from `start` on. `audio` gets it, and takes its time."""

    form: Form
    start: int
    audio: Callable[[], Audio]
    cancelled: bool = False  # what lay there does so no more

    def pieces(self) -> Iterator[Piece]:
        """All of it, in order."""
        audio = self.audio()
        coder = _CODERS[self.form]()
        for at in range(0, len(audio.narrow), PIECE):
            if self.cancelled:
                return
            yield Piece(self.form, self.start + at, coder(audio, at, min(at + PIECE, len(audio.narrow))), self)


Coder: TypeAlias = Callable[[Audio, int, int], Material]
"""Codes a stretch of positions. The stretches come in order, and begin with whole blocks."""


def _ahead(audio: Audio, start: int, end: int, delay: int) -> Samples:
    """A stretch at 16 kHz, so much ahead that it is decoded in time: clips that follow each other are not cut short."""
    wide = audio.wide[max(2 * start + delay, 0) : max(2 * end + delay, 0)]
    before = max(-(2 * start + delay), 0)
    after = 2 * (end - start) - before - len(wide)
    return np.concatenate((np.zeros(before, np.int16), wide, np.zeros(after, np.int16))) if before or after else wide


def _g722() -> Coder:
    # A decoder comes to the beginning of a clip from silence (`Bank.pad`), and is then in another state than a new one. With
    # an encoder that has been through silence, too, what is heard of that difference is 39 dB below speech that was cut off.
    encoder = G722Encoder()
    encoder.encode(np.zeros(_SETTLED, np.int16))

    def code(audio: Audio, start: int, end: int) -> Material:
        if not start:
            encoder.encode(_ahead(audio, -BLOCK, 0, DELAY))
        parts = [encoder.encode(_ahead(audio, at, min(at + _SLICE, end), DELAY)) for at in range(start, end, _SLICE)]
        return np.frombuffer(b"".join(parts), np.uint8)

    return code


def _l16() -> Coder:
    return lambda audio, start, end: audio.narrow[start:end].astype(">i2").view(np.uint8)


def _wide_l16() -> Coder:
    return lambda audio, start, end: audio.wide[2 * start : 2 * end].astype(">i2").view(np.uint8)


def _opus() -> Coder:
    encoder = OpusEncoder(WIDE_RATE, independent=True)
    delay = encoder.lookahead

    def code(audio: Audio, start: int, end: int) -> Material:
        if not start:
            encoder.encode(_ahead(audio, -BLOCK, 0, delay))
        return [encoder.encode(_ahead(audio, at, at + BLOCK, delay)) for at in range(start, end, BLOCK)]

    return code


_CODERS: dict[Form, Callable[[], Coder]] = {
    Form.G722: _g722, Form.L16: _l16, Form.WIDE_L16: _wide_l16, Form.OPUS: _opus,
}  # fmt: skip
