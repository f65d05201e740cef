"""Sends what was made here to legs: numbers it as the next packets of their one stream (see `session.py`)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from media.legs import Legs
from media.numbering import number_one, number_rows
from media.player import Sink
from media.rows import Rows
from media.rtp import CLOCK_RATE, HEADER_SIZE

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
        self._octets[:count, HEADER_SIZE : HEADER_SIZE + size] = payloads
        number_rows(legs, due, playout, self._heads[:count], size, clock)
        self._sink.deliver(due, self._rows, HEADER_SIZE + size)

    def send(self, leg: int, payload: bytes, step: int, rtp_clock: int, clock: int) -> None:
        """One packet of any codec to one leg. `step`: how long it lasts, in units of `rtp_clock` (hertz)."""
        packet = memoryview(bytearray(HEADER_SIZE) + payload)
        number_one(self._legs, leg, packet, step, rtp_clock // CLOCK_RATE, len(payload), clock)
        try:
            self._sink.senders[leg](packet)
        except OSError as error:
            self._sink.failed(leg, packet, error)
