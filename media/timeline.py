"""Where audio lies in time: the packets of many legs, decoded and placed on the clock of the worker, one row for each stream.

A row is a ring of samples at 8 kHz, and all rows share one clock: sample `t` of each lies at `t % RING`. The first packet of a
stream is placed where it arrives; from there on its RTP timestamps say where packets belong, so loss leaves a hole of the
right length, and what arrives out of order lies in order. A sender whose clock is not ours is followed slowly.

     flushed, being cleared    being flushed        now is in here        still empty
    +----------------------+----------------------+----------------------+----------------------+
    |      segment s-2     |          s-1         |           s          |          s+1         |
    +----------------------+----------------------+----------------------+----------------------+

Packets that are up to WINDOW late or early find their place; so a segment is complete WINDOW after its end.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from media.codec import Samples
from media.g711 import DECODE
from media.rtp import HEADER_SIZE

SEGMENT = 4096  # samples, 0.5 s
RING = 4 * SEGMENT
MASK = RING - 1
WINDOW = SEGMENT // 2
MARGIN = 1600  # behind a row: whatever fits into one packet is written in one piece
EMPTY = -32768  # where nothing arrived; G.711 decodes to no such sample
FAR = 24_000  # 3 s: a timestamp that far from where it should be belongs to another stream
AHEAD = 400  # earlier than expected by so much: the stream is looked at more closely
DRIFT_SEGMENTS = 8  # over which the earliest packet is taken for the state of the sender's clock
DRIFT_STEP = 8  # samples by which a row is shifted at most in that time: 244 parts in a million
TOLERANCE = 8  # samples of difference that are no drift
_NEVER = -(1 << 40)
_LATEST = np.int32(0x7FFFFFFF)


class TimeLine:
    """`rows` streams at most. `clock` is the time of arrival in 1/8000 s."""

    def __init__(self, rows: int) -> None:
        # Only rows that were used take memory. The last used is used again first.
        self._samples: NDArray[np.int16] = np.empty((rows, RING + MARGIN), np.int16)
        self._flat = self._samples.reshape(-1)
        self._windows: dict[int, NDArray[np.int16]] = {}
        self._free = list(range(rows - 1, -1, -1))
        self._offset: NDArray[np.int64] = np.zeros(rows, np.int64)  # what added to a timestamp makes a time
        self._law: NDArray[np.int64] = np.zeros(rows, np.int64)
        self._heard: NDArray[np.int64] = np.zeros(rows, np.int64)  # when the last packet came
        self._earliest: NDArray[np.int32] = np.zeros(rows, np.int32)  # least lateness in this span
        self._usual: NDArray[np.int32] = np.zeros(rows, np.int32)  # least lateness in the first span
        self._settled = np.zeros(rows, bool)  # `_usual` is known
        self._anchored = np.zeros(rows, bool)  # `_offset` is known
        self._before: dict[int, tuple[int, int]] = {}  # row: offset until the last break, and when that was
        self._catching: dict[int, int] = {}  # row: when it began to make up for a hold-up
        self._spans = 0
        self.shifted = 0  # samples by which rows were moved, to follow their senders
        self.misfits = 0  # packets that found no place

    def take(self, law: int) -> int:
        """An empty row for a stream coded by this law; -1 if all are used. Law -1: only to `locate` its packets."""
        if not self._free:
            return -1
        row = self._free.pop()
        if law >= 0:
            self._samples[row] = EMPTY
        self._law[row] = law
        self._anchored[row] = self._settled[row] = False
        self._earliest[row] = _LATEST
        self._heard[row] = _NEVER
        return row

    def give_back(self, row: int) -> None:
        """The row is used no more."""
        self._before.pop(row, None)
        self._catching.pop(row, None)
        self._free.append(row)

    # --- placing -----------------------------------------------------------------------------------------------------

    def place(self, row: int, timestamp: int, codes: NDArray[np.uint8], clock: int) -> None:
        """One packet of G.711."""
        position = self.locate(row, timestamp, len(codes), clock)
        if position is not None:
            self._write(row, position, DECODE[self._law[row]].take(codes, mode="clip"))

    def quiet(self, row: int, timestamp: int, count: int, clock: int) -> None:
        """The sender says that it is silent: that is no loss."""
        position = self.locate(row, timestamp, count, clock)
        if position is not None:
            self._write(row, position, np.zeros(count, np.int16))

    def place_rows(
        self,
        rows: NDArray[np.int64],
        timestamps: NDArray[np.uint32],
        octets: NDArray[np.uint8],
        sizes: NDArray[np.int64],
        clock: int,
    ) -> None:
        """At most one packet of each row: whole RTP packets with a header of 12."""
        late = (clock - timestamps.astype(np.int64) - self._offset[rows]).astype(np.int32)
        fits = self._anchored[rows] & (late <= WINDOW) & (late >= -AHEAD)
        if not fits.all():
            for index in np.flatnonzero(~fits).tolist():
                row, size = int(rows[index]), int(sizes[index])
                self.place(row, int(timestamps[index]), octets[index, HEADER_SIZE:size], clock)
            rows, late, octets, sizes = rows[fits], late[fits], octets[fits], sizes[fits]
            if not len(rows):
                return
        self._earliest[rows] = np.minimum(self._earliest[rows], late)
        self._heard[rows] = clock
        law = self._law[rows]
        size = int(sizes[0])
        if (sizes == size).all() and (law == law[0]).all():
            self._write_rows(rows, clock - late.astype(np.int64), octets, size, int(law[0]))
            return
        for size in np.unique(sizes).tolist():
            for each in (0, 1):
                chosen = np.flatnonzero((sizes == size) & (law == each))
                if len(chosen):
                    self._write_rows(rows[chosen], clock - late[chosen].astype(np.int64), octets[chosen], size, each)

    def _write_rows(
        self, rows: NDArray[np.int64], positions: NDArray[np.int64], octets: NDArray[np.uint8], size: int, law: int
    ) -> None:
        count = size - HEADER_SIZE
        window = self._windows.get(count)
        if window is None:
            window = self._windows[count] = sliding_window_view(self._flat, count, writeable=True)
        codes = octets[:, HEADER_SIZE:size]
        at = positions & MASK
        if count % 2:
            samples = DECODE[law].take(codes, mode="clip")
        else:
            samples = _pairs(law).take(codes.view(np.uint16), mode="clip").view(np.int16)
        window[rows * (RING + MARGIN) + at] = samples
        for index in np.flatnonzero(at + count > RING).tolist():
            row, over = rows[index], int(at[index]) + count - RING
            self._samples[row, :over] = self._samples[row, RING : RING + over]

    def _write(self, row: int, position: int, samples: Samples) -> None:
        at = position & MASK
        self._samples[row, at : at + len(samples)] = samples
        over = at + len(samples) - RING
        if over > 0:
            self._samples[row, :over] = samples[-over:]

    def locate(self, row: int, timestamp: int, count: int, clock: int) -> int | None:
        """Where a packet of `count` samples belongs; None: nowhere any more."""
        late = _signed(clock - timestamp - int(self._offset[row]))
        if not self._anchored[row] or abs(late) > FAR:
            late = self._anchor(row, timestamp, count, clock)
        elif late > WINDOW:
            # In the midst of a stream, what is too late is too late. After a pause, a sender may go on with the timestamp where
            # it stopped; or the network gives back at once what it held up, and the next packets will tell.
            if clock - self._heard[row] <= WINDOW or clock - self._catching.get(row, _NEVER) <= RING:
                self.misfits += 1
                return None
            late = self._anchor(row, timestamp, count, clock)
        elif late < -AHEAD:
            before, at = self._before.pop(row, (0, _NEVER))
            if clock - at <= WINDOW:  # They come faster than they were spoken: it was the network.
                self._offset[row] = before
                self._heard[row] = self._catching[row] = clock
                late = _signed(clock - timestamp - before)
                if late > WINDOW:
                    self.misfits += 1
                    return None
            elif late < -WINDOW:
                late = self._anchor(row, timestamp, count, clock)
        self._earliest[row] = min(int(self._earliest[row]), late)
        self._heard[row] = clock
        return clock - late

    def _anchor(self, row: int, timestamp: int, count: int, clock: int) -> int:
        """A stream begins, or goes on after a break: what arrives now was said just now."""
        if self._anchored[row]:
            self._before[row] = (int(self._offset[row]), clock)
        self._anchored[row] = True
        self._settled[row] = False
        self._earliest[row] = _LATEST
        self._offset[row] = clock - count - timestamp
        return count

    # --- time goes on ------------------------------------------------------------------------------------------------

    def read(self, row: int, start: int, end: int, target: Samples) -> None:
        """What was said in a stretch within one segment, EMPTY where nothing arrived. It is forgotten here."""
        at = start & MASK
        part = self._samples[row, at : at + end - start]
        target[:] = part
        part.fill(EMPTY)

    def forget(self, row: int, end: int) -> None:
        """What was placed shortly before a moment is not wanted."""
        at = end - WINDOW & MASK
        self._samples[row, at : at + WINDOW] = EMPTY
        if at + WINDOW > RING:
            self._samples[row, : at + WINDOW - RING] = EMPTY

    def turn(self) -> None:
        """A segment is over. Every few of them the rows are shifted a little, after the clocks of their senders."""
        for row in [row for row, (_, at) in self._before.items() if self._heard[row] - at > RING]:
            del self._before[row]
        for row in [row for row, at in self._catching.items() if self._heard[row] - at > RING]:
            del self._catching[row]
        self._spans += 1
        if self._spans % DRIFT_SEGMENTS:
            return
        known = self._anchored & (self._earliest != _LATEST)
        drift = np.where(known & self._settled, self._earliest - self._usual, 0)
        step = np.where(np.abs(drift) >= TOLERANCE, np.clip(drift, -DRIFT_STEP, DRIFT_STEP), 0)
        self._offset += step
        self.shifted += int(np.abs(step).sum())
        first = known & ~self._settled
        self._usual[first] = self._earliest[first]
        self._settled |= first
        self._earliest[:] = _LATEST


@cache
def _pairs(law: int) -> NDArray[np.uint32]:
    """What two codes in a row decode to: half as many look-ups."""
    codes = np.arange(1 << 16).astype(np.uint16).view(np.uint8)  # in the order of memory, whatever that is
    pairs: NDArray[np.uint32] = DECODE[law].take(codes, mode="clip").view(np.uint32)
    return pairs


def _signed(value: int) -> int:
    """The difference of two timestamps, which wrap at 2^32."""
    return (value + 0x80000000 & 0xFFFFFFFF) - 0x80000000
