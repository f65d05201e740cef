"""Many packets at once: what `session.py` does to a packet of an established stream, as array arithmetic.

The packets lie in the rows of one matrix, 32-bit words of it are the columns that matter. A batch holds at most one packet of
each leg, so a row of the tables is read and written once. What is not an audio packet that goes on where the last one was -
an event, a new stream, a jump, garbage - is left alone, for the session to handle one by one; legs do not touch each other's
numbers, so the order between these two makes no difference.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from media.ears import Ears
from media.g711 import TRANSCODE
from media.legs import (
    HEARD,
    HIGHEST,
    IN_SSRC,
    JITTER,
    KEY,
    MAP_BASE,
    NONE,
    OCTETS,
    OUT_CLOCK,
    OUT_OCTETS,
    OUT_SEQ,
    OUT_SSRC,
    OUT_STEP,
    OUT_TS,
    PAIR,
    RECEIVED,
    ROUTE,
    SCALE,
    SENT,
    SEQ_OFFSET,
    TRANSIT,
    TRANSLATE,
    TS_OFFSET,
    USUAL,
    WORD,
    Legs,
)
from media.rows import Rows
from media.rtp import HEADER_SIZE, MAX_DROPOUT, MAX_MISORDER, MAX_SIZE

USUAL_SIZE = 176  # octets, in which most packets fit
ROW = 1600  # octets: a whole Ethernet frame, and rows do not all fall on the same lines of the cache

# Numbers as arrays without a dimension: numpy takes half as long to find out what to do with them.
MARKER = np.array(0x00800000, np.uint32)
FIXED = np.array(0xFF7F0000, np.uint32)  # version, padding, extension, count, type: all but marker and sequence number
LOW_16 = np.array(0xFFFF, np.uint32)
NOBODY = np.array(NONE, np.uint64)
HEADER, ZERO, ONE, FOUR, EIGHT = (np.array(each) for each in (HEADER_SIZE, 0, 1, 4, 8))
LARGEST = np.array(MAX_SIZE - HEADER_SIZE, np.uint64)
DROPOUT, MISORDER = np.array(MAX_DROPOUT), np.array(-MAX_MISORDER)
LINE = np.dtype("V64")  # a row of a table as one thing: scattered in half the time
_NOBODY: NDArray[np.int64] = np.zeros(0, np.int64)


class Buffers(Rows):
    """The buffer matrix: `rows` packets, and beside each its leg and its size."""

    def __init__(self, rows: int) -> None:
        super().__init__(rows, ROW)
        self.rows = rows
        self.heads = self.octets.view(np.complex128)[
            :, 0
        ]  # the first 16 octets of each row: copied at once, never computed with
        self.usual = self.packets(rows, HEADER_SIZE + 160)  # to send 20 ms of G.711 from
        # The beginning of each row as one thing, for packets up to that size: copied in a third of the time.
        self._whole = {
            size: np.ndarray((rows,), f"V{size}", self.octets.data, strides=(ROW,)) for size in (USUAL_SIZE, ROW)
        }
        self.leg: NDArray[np.int64] = np.zeros(rows, np.int64)
        self.size: NDArray[np.int64] = np.zeros(rows, np.int64)
        self.legs = self.leg.data
        self.sizes = self.size.data

    def copy(self, rows: NDArray[np.int64], to: Buffers, longest: int) -> None:
        """Copy packets, none of which is longer than that, into the first rows of another matrix."""
        size = USUAL_SIZE if longest <= USUAL_SIZE else ROW
        to._whole[size][: len(rows)] = self._whole[size][rows]


class Batch:
    """Applies the tables to the buffer matrix."""

    def __init__(self, legs: Legs, buffers: Buffers) -> None:
        self._legs = legs
        self._buffers = buffers
        self.ears: Ears | None = None
        self._zeros: NDArray[np.int64] = np.zeros(buffers.rows, np.int64)
        self._ones: NDArray[np.int64] = np.ones(buffers.rows, np.int64)

    def relay(
        self, count: int, clock: int, start: int = 0
    ) -> tuple[NDArray[np.int64] | None, NDArray[np.int64], list[int]]:
        """Handle `count` rows from `start` on. Returns the rows to send (None: all), the legs they go to, and the rows left

        to the session; all numbers of rows count from `start`.
        """
        legs, buffers, stop = self._legs, self._buffers, start + count
        number, size, octets = buffers.leg[start:stop], buffers.size[start:stop], buffers.octets[start:stop]
        if legs.lending:
            legs.take_back_all(number)
        head = buffers.heads[start:stop].copy().view(np.uint32)
        head.byteswap(inplace=True)
        first, timestamp, ssrc = head[0::4], head[1::4], head[2::4]
        mapping = legs.mapping.take(number, axis=0)
        inbound = legs.inbound.take(number, axis=0)
        highest = inbound[:, HIGHEST]
        ahead = (first - highest.astype(np.uint32)).astype(np.int16).astype(np.int64)
        packet = highest + ahead
        payload = size - HEADER
        good = (first & FIXED) == mapping[:, KEY]
        good &= ssrc == mapping[:, IN_SSRC]
        good &= (payload - ONE).view(np.uint64) < LARGEST  # Less than one is more than anything.
        good &= ahead < DROPOUT
        good &= ahead > MISORDER
        good &= packet >= inbound[:, MAP_BASE]
        rows: NDArray[np.int64] | None = None
        slow: list[int] = []
        if b"\0" in good.tobytes():
            rows = np.flatnonzero(good)
            slow = np.flatnonzero(~good).tolist()
            if not len(rows):
                return rows, _NOBODY, slow
            number, size, payload, packet = number[rows], size[rows], payload[rows], packet[rows]
            mapping, inbound = mapping[rows], inbound[rows]
            head = head.reshape(-1, 4)[rows].reshape(-1)
            first, timestamp, ssrc = head[0::4], head[1::4], head[2::4]

        now = np.array(clock)
        timing = legs.timing.take(number, axis=0) if legs.scaled else None
        self._count(number, inbound, packet, timestamp, payload, now, timing)
        if self._legs.listening and self.ears is not None:
            self._tell(self.ears, octets, rows, number, packet, timestamp, size, clock)
        translate: NDArray[np.uint32] | None = None
        if b"\0" in (mapping.view(np.uint64)[:, ROUTE // 2] < NOBODY).tobytes():
            # Somebody has no listener, or one of the other law.
            keep = np.flatnonzero(mapping[:, ROUTE] != NONE)
            if not len(keep):
                return keep, _NOBODY, slow
            rows = keep if rows is None else rows[keep]
            size, payload, mapping = size[keep], payload[keep], mapping[keep]
            head = head.reshape(-1, 4)[keep].reshape(-1)
            first, timestamp, ssrc = head[0::4], head[1::4], head[2::4]
            timing = None if timing is None else timing[keep]
            translate = mapping[:, TRANSLATE]

        route = mapping[:, ROUTE].astype(np.int64)
        out_seq = first + mapping[:, SEQ_OFFSET]
        out_seq &= LOW_16
        first &= MARKER
        first |= mapping[:, WORD]
        first |= out_seq
        timestamp += mapping[:, TS_OFFSET]
        ssrc[:] = mapping[:, OUT_SSRC]
        self._count_sent(route, out_seq, timestamp, payload, now, timing)
        head.byteswap(inplace=True)
        buffers.heads[start:stop][slice(None) if rows is None else rows] = head.view(np.complex128)
        if translate is not None and rows is not None:
            self._transcode(octets, rows, translate, size)
        return rows, route, slow

    def _count(
        self,
        number: NDArray[np.int64],
        inbound: NDArray[np.int64],
        packet: NDArray[np.int64],
        timestamp: NDArray[np.uint32],
        payload: NDArray[np.int64],
        clock: NDArray[np.int64],
        timing: NDArray[np.int64] | None,
    ) -> None:
        """Statistics of what arrived (RFC 3550 appendices A.1, A.3, A.8). `timing`: None if all legs have G.711's."""
        highest, jitter, received, octets = (
            inbound[:, HIGHEST],
            inbound[:, JITTER],
            inbound[:, RECEIVED],
            inbound[:, OCTETS],
        )
        np.maximum(highest, packet, out=highest)
        transit = (clock if timing is None else clock * timing[:, SCALE]) - timestamp.astype(np.int64)
        moved = np.abs((transit - inbound[:, TRANSIT]).astype(np.int32).astype(np.int64))
        moved -= jitter + EIGHT >> FOUR
        jitter += moved
        inbound[:, TRANSIT] = transit
        received += self._ones[: len(number)]
        octets += payload
        inbound[:, HEARD] = clock
        self._legs.inbound.view(LINE)[:, 0][number] = inbound.view(LINE)[:, 0]

    def _tell(
        self,
        ears: Ears,
        octets: NDArray[np.uint8],
        rows: NDArray[np.int64] | None,
        number: NDArray[np.int64],
        packet: NDArray[np.int64],
        timestamp: NDArray[np.uint32],
        size: NDArray[np.int64],
        clock: int,
    ) -> None:
        """Hand the packets of legs that are listened to over to the ears, before they are turned into other ones."""
        chosen = np.flatnonzero(self._legs.flags[:, 0].take(number))
        if len(chosen):
            longest = int(size[chosen].max(axis=0))  # What is behind is not worth copying.
            heard = octets[chosen if rows is None else rows[chosen], :longest]
            ears.hear_batch(number[chosen], packet[chosen], timestamp[chosen], heard, size[chosen], clock)

    def _count_sent(
        self,
        route: NDArray[np.int64],
        out_seq: NDArray[np.uint32],
        out_ts: NDArray[np.uint32],
        payload: NDArray[np.int64],
        clock: NDArray[np.int64],
        timing: NDArray[np.int64] | None,
    ) -> None:
        """What was last sent, and how much: the numbers only ever go forward."""
        outbound, zeros = self._legs.outbound.take(route, axis=0), self._zeros[: len(route)]
        sequence, timestamp, sent, octets = (
            outbound[:, OUT_SEQ],
            outbound[:, OUT_TS],
            outbound[:, SENT],
            outbound[:, OUT_OCTETS],
        )
        sequence += np.maximum((out_seq - sequence.astype(np.uint32)).astype(np.int16).astype(np.int64), zeros)
        ahead = (out_ts - timestamp.astype(np.uint32)).astype(np.int32).astype(np.int64)
        timestamp += np.maximum(ahead, zeros)
        np.copyto(outbound[:, OUT_CLOCK], clock, where=ahead > ZERO)
        outbound[:, OUT_STEP] = payload if timing is None else (payload * timing[:, PAIR] >> 1) + timing[:, USUAL]
        sent += self._ones[: len(route)]
        octets += payload
        self._legs.outbound.view(LINE)[:, 0][route] = outbound.view(LINE)[:, 0]

    def _transcode(
        self,
        octets: NDArray[np.uint8],
        rows: NDArray[np.int64] | None,
        translate: NDArray[np.uint32],
        size: NDArray[np.int64],
    ) -> None:
        """Change the law of the payloads that need it. Rows are cut at the longest of them: what is behind is never sent."""
        for law in (1, 2):
            chosen = np.flatnonzero(translate == law)
            if len(chosen):
                where = chosen if rows is None else rows[chosen]
                end = int(size[chosen].max(axis=0))
                octets[where, HEADER_SIZE:end] = TRANSCODE[law - 1].take(octets[where, HEADER_SIZE:end], mode="clip")
