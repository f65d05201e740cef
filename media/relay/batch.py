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

ROW = 1600  # octets: a whole Ethernet frame, and rows do not all fall on the same lines of the cache
MARKER = np.uint32(0x00800000)
FIXED = np.uint32(0xFF7F0000)  # version, padding, extension, count and type: all but marker and sequence number
LOW_16 = np.uint32(0xFFFF)
_NOBODY: NDArray[np.int64] = np.zeros(0, np.int64)


class Buffers(Rows):
    """The buffer matrix: `rows` packets, and beside each its leg and its size."""

    def __init__(self, rows: int) -> None:
        super().__init__(rows, ROW)
        self.rows = rows
        self.usual = self.packets(rows, HEADER_SIZE + 160)  # to send 20 ms of G.711 from
        self.leg: NDArray[np.int64] = np.zeros(rows, np.int64)
        self.size: NDArray[np.int64] = np.zeros(rows, np.int64)
        self.legs = self.leg.data
        self.sizes = self.size.data


class Batch:
    """Applies the tables to the buffer matrix."""

    def __init__(self, legs: Legs, buffers: Buffers) -> None:
        self._legs = legs
        self._buffers = buffers
        self.ears: Ears | None = None

    def relay(
        self, count: int, clock: int, start: int = 0
    ) -> tuple[NDArray[np.int64] | None, NDArray[np.int64], list[int]]:
        """Handle `count` rows from `start` on. Returns the rows to send (None: all), the legs they go to, and the rows left

        to the session; all numbers of rows count from `start`.
        """
        legs, buffers, stop = self._legs, self._buffers, start + count
        number, size, words = buffers.leg[start:stop], buffers.size[start:stop], buffers.words[start:stop]
        octets = buffers.octets[start:stop]
        if legs.lending:
            legs.take_back_all(number)
        head = words[:, :3].byteswap()
        mapping = legs.mapping.take(number, axis=0)
        inbound = legs.inbound.take(number, axis=0)
        first = head[:, 0]
        highest = inbound[:, HIGHEST]
        ahead = (first - highest.astype(np.uint32)).astype(np.int16)
        packet = highest + ahead
        good = (first & FIXED) == mapping[:, KEY]
        good &= head[:, 2] == mapping[:, IN_SSRC]
        good &= (size > HEADER_SIZE) & (size <= MAX_SIZE)
        good &= ahead < MAX_DROPOUT
        good &= ahead > -MAX_MISORDER
        good &= packet >= inbound[:, MAP_BASE]
        rows: NDArray[np.int64] | None = None
        slow: list[int] = []
        if not good.all():
            rows = np.flatnonzero(good)
            slow = np.flatnonzero(~good).tolist()
            if not len(rows):
                return rows, _NOBODY, slow
            number, size, head, first, packet = number[rows], size[rows], head[rows], first[rows], packet[rows]
            mapping, inbound = mapping[rows], inbound[rows]

        timing = self._legs.timing.take(number, axis=0) if self._legs.scaled else None
        self._count(number, inbound, packet, head[:, 1], size, clock, timing)
        if self._legs.listening and self.ears is not None:
            self._tell(self.ears, octets, rows, number, packet, head[:, 1], size, clock)
        route = mapping[:, ROUTE]
        routed = route != NONE
        if not routed.all():
            keep = np.flatnonzero(routed)
            if not len(keep):
                return keep, _NOBODY, slow
            rows = keep if rows is None else rows[keep]
            head, first, size, mapping, route = head[keep], first[keep], size[keep], mapping[keep], route[keep]
            timing = None if timing is None else timing[keep]

        out_seq = first + mapping[:, SEQ_OFFSET] & LOW_16
        head[:, 0] = first & MARKER | mapping[:, WORD] | out_seq
        head[:, 1] += mapping[:, TS_OFFSET]
        head[:, 2] = mapping[:, OUT_SSRC]
        self._transcode(octets, rows, mapping[:, TRANSLATE], size)
        self._count_sent(route, out_seq, head[:, 1], size, clock, timing)
        if rows is None:
            words[:, :3] = head.byteswap()
        else:
            words[rows, :3] = head.byteswap()
        return rows, route.astype(np.int64), slow

    def _count(
        self,
        number: NDArray[np.int64],
        inbound: NDArray[np.int64],
        packet: NDArray[np.int64],
        timestamp: NDArray[np.uint32],
        size: NDArray[np.int64],
        clock: int,
        timing: NDArray[np.int64] | None,
    ) -> None:
        """Statistics of what arrived (RFC 3550 appendices A.1, A.3, A.8). `timing`: None if all legs have G.711's."""
        np.maximum(inbound[:, HIGHEST], packet, out=inbound[:, HIGHEST])
        transit = (clock if timing is None else clock * timing[:, SCALE]) - timestamp.astype(np.int64)
        moved = np.abs((transit - inbound[:, TRANSIT]).astype(np.int32).astype(np.int64))
        jitter = inbound[:, JITTER]
        jitter += moved - (jitter + 8 >> 4)
        inbound[:, TRANSIT] = transit
        inbound[:, RECEIVED] += 1
        inbound[:, OCTETS] += size - HEADER_SIZE
        inbound[:, HEARD] = clock
        self._legs.inbound[number] = inbound

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
        route: NDArray[np.uint32],
        out_seq: NDArray[np.uint32],
        out_ts: NDArray[np.uint32],
        size: NDArray[np.int64],
        clock: int,
        timing: NDArray[np.int64] | None,
    ) -> None:
        """What was last sent, and how much: the numbers only ever go forward."""
        outbound = self._legs.outbound.take(route, axis=0)
        sequence, timestamp = outbound[:, OUT_SEQ], outbound[:, OUT_TS]
        sequence += np.maximum((out_seq - sequence.astype(np.uint32)).astype(np.int16), 0)
        ahead = (out_ts - timestamp.astype(np.uint32)).astype(np.int32)
        timestamp += np.maximum(ahead, 0)
        outbound[:, OUT_CLOCK][ahead > 0] = clock
        if timing is None:
            outbound[:, OUT_STEP] = size - HEADER_SIZE
        else:
            outbound[:, OUT_STEP] = ((size - HEADER_SIZE) * timing[:, PAIR] >> 1) + timing[:, USUAL]
        outbound[:, SENT] += 1
        outbound[:, OUT_OCTETS] += size - HEADER_SIZE
        self._legs.outbound[route] = outbound

    def _transcode(
        self,
        octets: NDArray[np.uint8],
        rows: NDArray[np.int64] | None,
        translate: NDArray[np.uint32],
        size: NDArray[np.int64],
    ) -> None:
        """Change the law of the payloads that need it. Rows are cut at the longest of them: what is behind is never sent."""
        if not translate.any():
            return
        for law in (1, 2):
            chosen = np.flatnonzero(translate == law)
            if len(chosen):
                where = chosen if rows is None else rows[chosen]
                end = int(size[chosen].max(axis=0))
                octets[where, HEADER_SIZE:end] = TRANSCODE[law - 1].take(octets[where, HEADER_SIZE:end], mode="clip")
