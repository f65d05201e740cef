"""Is somebody speaking? By level, against the noise of the line: good enough to end a message that nobody speaks into any more.

What is louder than the noise by SPEECH_DB in several frames of a block is speech. The noise is followed: down at once, up
slowly, so that a tone that never ends (a trunk whose far end has hung up) becomes noise after a while.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from media.codec import Samples

FRAME_MS: Final = 20
FAINT_DB: Final = -52.0  # under full scale: nothing below is speech
SPEECH_DB: Final = 9.0  # over the noise
RISE_DB: Final = 1.0  # per second, of what counts as noise
FEWEST: Final = 3  # frames in a block: a click is no speech
_FLOOR_DB: Final = -90.0


class Speech:
    """Follows one voice, block by block. Positions in samples at `rate`."""

    def __init__(self, rate: int) -> None:
        self.spoken_until = 0  # where the last block ends in which something was said
        self.frames = 0  # of speech so far, each of FRAME_MS
        self._size = rate * FRAME_MS // 1000
        self._noise = FAINT_DB - SPEECH_DB

    @property
    def seconds(self) -> float:
        """How long somebody spoke, pauses left out."""
        return self.frames * FRAME_MS / 1000

    def hear(self, position: int, samples: Samples) -> None:
        """A block of audio, at least a frame long."""
        count = len(samples) // self._size
        if not count:
            return
        frames = samples[: count * self._size].reshape(count, self._size).astype(np.float32)
        power = np.square(frames).mean(axis=1) / np.float32(32768.0**2)
        levels = np.maximum(10 * np.log10(power + 1e-12), _FLOOR_DB)
        spoken = int((levels > max(self._noise + SPEECH_DB, FAINT_DB)).sum())
        if spoken >= min(FEWEST, count):
            self.spoken_until = position + len(samples)
            self.frames += spoken
        levels.sort()
        quietest = float(levels[count // 10])
        risen = self._noise + RISE_DB * count * FRAME_MS / 1000
        self._noise = max(min(quietest, risen), _FLOOR_DB)
