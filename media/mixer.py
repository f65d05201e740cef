"""Everybody hears the others: the sums of rooms, all at once, without a click where something changes.

The legs of one room are neighbours in the matrix, one row of 16-bit samples each. The sum of each room is the difference of
two rows of the running sum over all legs, whatever the sizes of the rooms; a leg hears the sum without its own part in it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from media.codec import Samples
from media.stretch import ramp

MAX_TALKERS = 5  # of a room are heard at once: the breathing of fifty people is a storm
ADVANTAGE = 2.0  # somebody else must be that much louder to take the place of one who is heard
DECAY = 0.9  # of the loudness in 20 ms: a pause between two words is no end


@dataclass(slots=True)
class Seating:
    """Who sits where in a matrix. Rows of one room are neighbours; `starts` and `ends` are of rooms, the last row inclusive.

    `talks`: how loud each is to be heard by all, 0 or 1. `whispers`: (row, row of the only one who hears it, how loud).
    """

    legs: NDArray[np.int64]
    room: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    talks: NDArray[np.float32]
    whispers: list[tuple[int, int, float]] = field(default_factory=list)
    silent: NDArray[np.int64] = field(init=False)
    crowded: list[int] = field(init=False)  # rooms with more talkers than are heard at once

    def __post_init__(self) -> None:
        self.silent = np.flatnonzero(self.talks == 0)
        talkers = np.add.reduceat(self.talks, self.starts) if len(self.starts) else self.talks
        self.crowded = np.flatnonzero(talkers > MAX_TALKERS).tolist()


class Mixer:
    """Remembers how loud each leg was heard, so that nothing changes but gradually, within one frame."""

    def __init__(self, legs: int) -> None:
        self._gain: NDArray[np.float32] = np.zeros(legs, np.float32)
        self._loudness: NDArray[np.float32] = np.zeros(legs, np.float32)
        self._heard: NDArray[np.bool_] = np.zeros(legs, bool)  # in a crowded room
        self._whispered: dict[tuple[int, int], float] = {}

    def enter(self, leg: int, *, heard: bool) -> None:
        """`heard`: it was, by somebody, until now; so its voice does not fade in."""
        self._gain[leg] = 1.0 if heard else 0.0
        self._loudness[leg] = 0.0
        self._heard[leg] = False

    def gain(self, leg: int) -> float:
        """How loud the leg was heard last."""
        return float(self._gain[leg])

    def leave(self, leg: int) -> None:
        self._gain[leg] = 0.0
        for pair in [pair for pair in self._whispered if leg in pair]:
            del self._whispered[pair]

    def mix(
        self, seating: Seating, samples: NDArray[np.int16], farewells: list[tuple[int, NDArray[np.int16]]]
    ) -> NDArray[np.int32]:
        """What each leg hears, not yet clipped. `samples` are changed. `farewells`: (room, last words of one who left)."""
        legs = seating.legs
        wanted = self._chosen(seating, samples) if seating.crowded else seating.talks
        before = self._gain.take(legs)
        changed = np.flatnonzero(before != wanted)
        whispered = [(to, self._whisper(legs, seating, row, to, loud, samples)) for row, to, loud in seating.whispers]
        if len(changed):
            rising = ramp(samples.shape[1])
            level = before[changed, None] + (wanted - before)[changed, None] * rising
            faded = (samples[changed] * level).astype(np.int16)
            self._gain[legs] = wanted
        silent = seating.silent if wanted is seating.talks else np.flatnonzero(wanted == 0)
        if len(silent):
            samples[silent] = 0
        if len(changed):
            samples[changed] = faded

        running = np.cumsum(samples, axis=0, dtype=np.int32)
        totals: NDArray[np.int32] = running[seating.ends]
        totals[1:] -= running[seating.ends[:-1]]
        for room, last in farewells:
            totals[room] += last
        heard: NDArray[np.int32] = totals[seating.room]
        heard -= samples
        for to, words in whispered:
            heard[to] += words
        return heard

    def _whisper(
        self, legs: NDArray[np.int64], seating: Seating, row: int, to: int, loud: float, samples: NDArray[np.int16]
    ) -> NDArray[np.int32]:
        pair = int(legs[row]), int(legs[to])
        before = self._whispered.get(pair, 0.0)
        self._whispered[pair] = loud
        level = loud if before == loud else before + (loud - before) * ramp(samples.shape[1])
        words: NDArray[np.int32] = (samples[row] * level).astype(np.int32)
        return words

    def fading(self, whisper: tuple[int, int]) -> bool:
        """A whisper (from leg, to leg) that has ended was heard until now, and has yet to fade."""
        if self._whispered.get(whisper, 0.0) > 0:
            return True
        self._whispered.pop(whisper, None)
        return False

    @property
    def whispers(self) -> list[tuple[int, int]]:
        """All that were heard lately."""
        return list(self._whispered)

    def _chosen(self, seating: Seating, samples: NDArray[np.int16]) -> NDArray[np.float32]:
        """In crowded rooms the loudest are heard. Who is heard already has an advantage, so that places do not flutter."""
        wanted = seating.talks.copy()
        for room in seating.crowded:
            rows = slice(int(seating.starts[room]), int(seating.ends[room]) + 1)
            legs = seating.legs[rows]
            now = np.abs(samples[rows].astype(np.int32)).mean(axis=1, dtype=np.float32)
            loudness = np.maximum(now, self._loudness[legs] * np.float32(DECAY))
            self._loudness[legs] = loudness
            rank = np.where(self._heard[legs], loudness * np.float32(ADVANTAGE), loudness)
            rank = np.where(wanted[rows] > 0, rank, np.float32(-1))
            chosen = np.argpartition(rank, -MAX_TALKERS)[-MAX_TALKERS:]
            heard = np.zeros(len(legs), bool)
            heard[chosen] = True
            self._heard[legs] = heard
            wanted[rows] *= heard
        return wanted


def clip(heard: NDArray[np.int32]) -> Samples:
    """To 16 bits: what is too loud is cut off."""
    clipped: Samples = np.minimum(np.maximum(heard, -32768), 32767).astype(np.int16)
    return clipped
