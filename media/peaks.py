"""What a recording looks like: the loudest value of each side in each of so many slices. `python -m media.peaks FILE SLICES`.

A program of its own: an hour of both sides is 57 million samples, and whoever asks has calls to look after.
"""

from __future__ import annotations

import json
import sys
from typing import Any, Final

import numpy as np

from media import wavfile

BLOCK: Final = 1 << 20  # frames that are looked at at once
MOST: Final = 4_000  # slices
FULL: Final = 32_768.0
SIDES: Final = 2


class Peaks:
    """Takes frames as they come, in order. `frames`: how many there will be."""

    def __init__(self, channels: int, frames: int, slices: int) -> None:
        self.values = np.zeros((channels, slices))
        self._at = 0
        self._frames = max(frames, 1)
        self._slices = slices

    def take(self, block: Any) -> None:
        """Frames by channels, 16-bit."""
        count = len(block)
        if not count:
            return
        loud = np.abs(block.astype(np.int32))
        index = np.minimum((self._at + np.arange(count)) * self._slices // self._frames, self._slices - 1)
        starts = np.flatnonzero(np.diff(index, prepend=-1))
        found = np.maximum.reduceat(loud, starts, axis=0).T
        where = index[starts]
        self.values[:, where] = np.maximum(self.values[:, where], found)
        self._at += count

    def rounded(self) -> list[list[float]]:
        return [[round(float(one) / FULL, 3) for one in side] for side in self.values]


def of_file(path: str, slices: int) -> dict[str, Any]:
    """`{"seconds", "sides": [[0.0 ... 1.0], ...]}`. Raises OSError, ValueError for what is no recording of ours."""
    slices = min(max(slices, 1), MOST)
    with open(path, "rb") as file:
        head = file.read(wavfile.HEADER.size)
        if head[:4] == b"OggS":
            return _of_opus(path, slices)
        rate, channels = wavfile.form_of(head)
        if not rate or channels not in (1, SIDES):
            raise ValueError("no recording of ours")
        octets = file.seek(0, 2) - wavfile.HEADER.size
        file.seek(wavfile.HEADER.size)
        frames = octets // (wavfile.SAMPLE * channels)
        peaks = Peaks(channels, frames, slices)
        while data := file.read(BLOCK * wavfile.SAMPLE * channels):
            whole = len(data) - len(data) % (wavfile.SAMPLE * channels)
            peaks.take(np.frombuffer(data[:whole], "<i2").reshape(-1, channels))
    return {"seconds": frames / rate, "sides": peaks.rounded()}


def _of_opus(path: str, slices: int) -> dict[str, Any]:
    import av

    with av.open(path) as container:
        stream = container.streams.audio[0]
        channels, rate = stream.channels, stream.rate
        blocks = []
        for frame in container.decode(stream):
            samples: Any = frame.to_ndarray()
            if samples.dtype != np.int16:
                samples = (np.clip(samples, -1.0, 1.0) * (FULL - 1)).astype(np.int16)
            # Loudest of every 10 ms: the whole of an hour at 48 kHz would be 700 MB.
            flat = samples.T if samples.shape[0] == channels else samples.reshape(-1, channels)
            step = max(rate // 100, 1)
            loud = np.abs(flat.astype(np.int32))
            blocks.append(np.maximum.reduceat(loud, np.arange(0, len(loud), step), axis=0))
    found = np.concatenate(blocks) if blocks else np.zeros((0, channels), np.int32)
    peaks = Peaks(channels, len(found), slices)
    peaks.take(found)
    return {"seconds": len(found) / 100.0, "sides": peaks.rounded()}


if __name__ == "__main__":
    print(json.dumps(of_file(sys.argv[1], int(sys.argv[2])), separators=(",", ":")))
