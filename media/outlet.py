"""Sends what was made here to legs: numbers it as the next packets of their one stream (see `session.py`)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from media.legs import FRESH, KIND, OUT_CLOCK, OUT_OCTETS, OUT_SEQ, OUT_STEP, OUT_TS, SENT, SSRC, Legs
from media.player import Sink
from media.rows import Rows
from media.rtp import CLOCK_RATE, HEADER, HEADER_SIZE, MARKER, VERSION_2

_ROWS = 512


class Outlet:
    """The way out of one worker's studio."""

    def __init__(self, legs: Legs, sink: Sink) -> None:
        self._legs = legs
        self._sink = sink
        self._rows = Rows(_ROWS, HEADER_SIZE + 480)
        self._octets, self._heads = self._rows.octets, self._rows.words[:, :3]

    def send_rows(self, legs: NDArray[np.int64], payloads: NDArray[np.uint8], clock: int) -> None:
        """One packet of G.711 to each of these legs, all of the same length. `clock`: now, in 1/8000 s."""
        for start in range(0, len(legs), _ROWS):
            self._send_rows(legs[start : start + _ROWS], payloads[start : start + _ROWS], clock)

    def _send_rows(self, due: NDArray[np.int64], payloads: NDArray[np.uint8], clock: int) -> None:
        legs, (count, size) = self._legs, payloads.shape
        playout = legs.playout.take(due, axis=0)
        outbound = legs.outbound.take(due, axis=0)
        fresh = outbound[:, FRESH]
        elapsed = np.maximum(outbound[:, OUT_STEP], np.where(fresh, clock - outbound[:, OUT_CLOCK], 0))
        outbound[:, OUT_SEQ] += 1
        outbound[:, OUT_TS] += np.where(outbound[:, SENT] > 0, elapsed, 0)
        first = VERSION_2 << 24 | fresh << 23 | playout[:, KIND] << 16 | outbound[:, OUT_SEQ] & 0xFFFF
        head = self._heads[:count]
        head[:, 0] = first.astype(np.uint32).byteswap()
        head[:, 1] = outbound[:, OUT_TS].astype(np.uint32).byteswap()
        head[:, 2] = playout[:, SSRC].astype(np.uint32).byteswap()
        self._octets[:count, HEADER_SIZE : HEADER_SIZE + size] = payloads
        outbound[:, OUT_CLOCK] = clock
        outbound[:, OUT_STEP] = size
        outbound[:, SENT] += 1
        outbound[:, OUT_OCTETS] += size
        outbound[:, FRESH] = 0
        legs.outbound[due] = outbound
        self._sink.deliver(due, self._rows, HEADER_SIZE + size)

    def send(self, leg: int, payload: bytes, step: int, rtp_clock: int, clock: int) -> None:
        """One packet of any codec to one leg. `step`: how long it lasts, in units of `rtp_clock` (hertz)."""
        legs = self._legs
        fresh = legs.fresh[leg]
        sequence = legs.out_seq[leg] = legs.out_seq[leg] + 1
        if legs.sent[leg]:
            elapsed = (clock - legs.out_clock[leg]) * rtp_clock // CLOCK_RATE if fresh else 0
            legs.out_ts[leg] += max(legs.out_step[leg], elapsed)
        header = HEADER.pack(
            VERSION_2,
            MARKER * fresh | legs.kind[leg],
            sequence & 0xFFFF,
            legs.out_ts[leg] & 0xFFFFFFFF,
            legs.ssrc[leg],
        )
        legs.out_clock[leg] = clock
        legs.out_step[leg] = step
        legs.sent[leg] += 1
        legs.out_octets[leg] += len(payload)
        legs.fresh[leg] = 0
        packet = memoryview(header + payload)
        try:
            self._sink.senders[leg](packet)
        except OSError as error:
            self._sink.failed(leg, packet, error)
