"""Everything that can be played, coded once, end to end in one array.

A position is 1/8000 s in it, the same for all forms; so the next frame of any leg, whatever it plays, is one row of a window over
the array, and the frames of a thousand legs are gathered by one index. Recordings begin at whole blocks of 20 ms, so that
a codec which knows only whole packets can be addressed by the same positions. What is not needed takes no memory: of the
forms beyond G.711 only those stretches exist that a leg has heard.
"""

from __future__ import annotations

import mmap
from bisect import insort
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from media.codec import Octets
from media.forms import BLOCK, OCTETS, Audio, Coding, Form, Piece
from media.g711 import SILENCE, encode_both
from media.g722 import REST

MAX_FRAME = 480  # positions: 60 ms, the longest packet that we send
_FIRST_CAPACITY = 1 << 25  # positions, over an hour; only what is used takes memory. Doubled when full.
_MATRIX = 3  # forms of an octet per position, which lie in one array: mu-law, A-law, G.722


def _room(capacity: int) -> NDArray[np.uint8]:
    """A matrix that takes memory by the page. numpy would ask for pages of 2 MiB, of which each form takes one at least."""
    memory = mmap.mmap(-1, _MATRIX * capacity, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    return np.frombuffer(memory, np.uint8).reshape(_MATRIX, capacity)


class Span(NamedTuple):
    """Where a recording lies: `start` to `end`. `loop` positions before `end` it goes on from again; 0: it ends."""

    start: int
    end: int
    loop: int = 0


class Bank:
    """Grows: what a leg still plays stays where it is when a recording is replaced. Only what is `release`d makes room again."""

    def __init__(self, capacity: int = _FIRST_CAPACITY) -> None:
        self._data = _room(capacity)
        self._used = 0
        # Released stretches in whole blocks: start and end, in order, none touching.
        self._free: list[tuple[int, int]] = []
        self._windows: dict[int, NDArray[np.void]] = {}
        self._linear: dict[Form, NDArray[np.uint8]] = {}
        self._packets: dict[int, bytes] = {}  # of Opus, by block
        self._there: NDArray[np.bool_] = np.zeros((len(Form), capacity // BLOCK), bool)  # of each form, which blocks
        self.silence = self.add_loop(encode_both(np.zeros(MAX_FRAME, np.int16)))

    # --- what is loaded ----------------------------------------------------------------------------------------------

    def add(self, codes: Octets) -> Span:
        """A recording that ends, as `g711.encode_both` gives it. An empty one is allowed, and is over at once."""
        start = self._append(codes)
        return Span(start, start + codes.shape[1])

    def add_loop(self, codes: Octets, once: Octets | None = None) -> Span:
        """A recording that goes round, after what is heard once."""
        length = codes.shape[1]
        assert length, "a loop has at least one sample"
        # Behind the end lies the beginning once more, so that a frame across it is read in one piece.
        tail = codes.take(np.arange(MAX_FRAME) % length, axis=1)
        head = codes if once is None else np.concatenate((once, codes), axis=1)
        start = self._append(np.concatenate((head, tail), axis=1))
        return Span(start, start + head.shape[1], length)

    def _append(self, codes: Octets) -> int:
        count = codes.shape[1]
        blocks = -(-count // BLOCK) * BLOCK
        start = self._reuse(blocks)
        if start < 0:
            start = self._used
            if start + count + MAX_FRAME > self._data.shape[1]:
                self._grow(start + count + MAX_FRAME)
            self._used = start + blocks
        self._data[:2, start : start + count] = codes
        return start

    def _reuse(self, size: int) -> int:
        """Room of that size that was released; -1: there is none."""
        for index, (start, end) in enumerate(self._free):
            if size and end - start >= size:
                if end - start == size:
                    del self._free[index]
                else:
                    self._free[index] = start + size, end
                return start
        return -1

    def release(self, span: Span) -> None:
        """Nobody plays a recording any more, and nobody will: its room may be used again."""
        start, end = span.start, span.start + -(-(span.end - span.start) // BLOCK) * BLOCK
        if start == end:
            return
        self._there[:, start // BLOCK : end // BLOCK] = False
        for block in range(start // BLOCK, end // BLOCK):
            self._packets.pop(block, None)
        insort(self._free, (start, end))
        merged: list[tuple[int, int]] = []
        for one in self._free:
            if merged and merged[-1][1] == one[0]:
                merged[-1] = merged[-1][0], one[1]
            else:
                merged.append(one)
        if merged[-1][1] == self._used:
            self._used = merged.pop()[0]
        self._free = merged

    def _grow(self, least: int) -> None:
        before = capacity = self._data.shape[1]
        while capacity < least:
            capacity *= 2
        used = self._used
        data = _room(capacity)
        rows = _MATRIX if self._there[Form.G722].any() else _MATRIX - 1
        data[:rows, :used] = self._data[:rows, :used]
        there: NDArray[np.bool_] = np.zeros((len(Form), capacity // BLOCK), bool)
        there[:, : before // BLOCK] = self._there
        self._data, self._there, self._windows = data, there, {}
        for form, octets in self._linear.items():
            self._linear[form] = np.empty(capacity * OCTETS[form], np.uint8)
            self._linear[form][: used * OCTETS[form]] = octets[: used * OCTETS[form]]

    # --- forms beyond G.711 ------------------------------------------------------------------------------------------

    def has(self, form: int, position: int) -> bool:
        """Whether what lies at a position can be had in a form."""
        if form <= Form.A:
            return True
        if not self._there[form, self.silence.start // BLOCK]:
            self._code_silence(Form(form))
        return bool(self._there[form, position // BLOCK])

    def have(self, form: NDArray[np.int64], position: NDArray[np.int64]) -> NDArray[np.bool_]:
        """`has`, of many; for forms of an octet per position."""
        have: NDArray[np.bool_] = (form <= Form.A) | self._there[form, position // BLOCK]
        return have

    def store(self, piece: Piece) -> None:
        """Take over what was coded."""
        form, material, block = piece.form, piece.material, piece.position // BLOCK
        if isinstance(material, list):
            self._packets.update(enumerate(material, block))
            self._there[form, block : block + len(material)] = True
            return
        width = OCTETS[form]
        if form == Form.G722:
            row = self._data[form]
        else:
            if form not in self._linear:
                self._linear[form] = np.empty(self._data.shape[1] * width, np.uint8)
            row = self._linear[form]
        row[piece.position * width : piece.position * width + len(material)] = material
        self._there[form, block : block + -(-len(material) // (width * BLOCK))] = True

    def _code_silence(self, form: Form) -> None:
        start, length = self.silence.start, self.silence.end + MAX_FRAME - self.silence.start
        quiet = Audio(np.zeros(length, np.int16), np.zeros(2 * length, np.int16))
        for piece in Coding(form, start, lambda: quiet).pieces():
            self.store(piece)

    # --- reading -----------------------------------------------------------------------------------------------------

    def frames(self, law: NDArray[np.int64], position: NDArray[np.int64], size: int) -> Octets:
        """The `size` codes from each position, one row per position; of forms of an octet per position."""
        return self.whole_frames(law, position, size).view(np.uint8).reshape(-1, size)

    def whole_frames(self, law: NDArray[np.int64], position: NDArray[np.int64], size: int) -> NDArray[np.void]:
        """As `frames`, but each frame is one thing, which is copied in a fifth of the time."""
        window = self._windows.get(size)
        if window is None:
            data = self._data.reshape(-1)
            window = self._windows[size] = np.ndarray((len(data) - size + 1,), f"V{size}", data.data, strides=(1,))
        frames: NDArray[np.void] = window[law * self._data.shape[1] + position]
        return frames

    def codes(self, form: int, start: int, end: int) -> bytes:
        """The codes of a stretch; of Opus, the packet that it begins in."""
        if form < _MATRIX:
            return self._data[form, start:end].tobytes()
        if form == Form.OPUS:
            return self._packets[start // BLOCK]
        width = OCTETS[Form(form)]
        return self._linear[Form(form)][start * width : end * width].tobytes()

    def pad(self, form: int, count: int) -> bytes:
        """That many codes of silence."""
        if form <= Form.A:
            return bytes((SILENCE[form],)) * count
        self.has(form, self.silence.start)
        codes = self.codes(form, self.silence.start, self.silence.start + count)
        if form == Form.G722:
            # What was before is silenced by the one, and its traces in the decoder's state by the other.
            codes = bytes((REST,)) * min(count, BLOCK // 2) + codes[BLOCK // 2 :]
        return codes

    @property
    def used(self) -> int:
        """Positions that are taken."""
        return self._used
