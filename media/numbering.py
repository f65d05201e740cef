"""The next packets of a leg's one outgoing stream: sequence number, timestamp, marker, and the counting of what is sent.

Whatever is made here, played or mixed, continues the stream as a relayed packet would (see `session.py`): numbers go on by one,
timestamps follow real time, and the first packet of a source has the marker bit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from media.legs import FRESH, KIND, LINE, OUT_CLOCK, OUT_OCTETS, OUT_SEQ, OUT_STEP, OUT_TS, SENT, SSRC, Legs
from media.rtp import HEADER, MARKER, VERSION_2


def number_rows(
    legs: Legs, due: NDArray[np.int64], playout: NDArray[np.int64], heads: NDArray[np.uint32], size: int, clock: int
) -> None:
    """Write the headers of one packet to each of these legs, of `size` samples that are octets as well.

    `playout`: their rows of that table; `heads`: the first three words of each packet; `clock`: now, in 1/8000 s.
    """
    outbound = legs.outbound.take(due, axis=0)
    fresh = outbound[:, FRESH]
    elapsed = np.maximum(outbound[:, OUT_STEP], np.where(fresh, clock - outbound[:, OUT_CLOCK], 0))
    outbound[:, OUT_SEQ] += 1
    outbound[:, OUT_TS] += np.where(outbound[:, SENT] > 0, elapsed, 0)
    first = VERSION_2 << 24 | fresh << 23 | playout[:, KIND] << 16 | outbound[:, OUT_SEQ] & 0xFFFF
    heads[:, 0] = first.astype(np.uint32).byteswap()
    heads[:, 1] = outbound[:, OUT_TS].astype(np.uint32).byteswap()
    heads[:, 2] = playout[:, SSRC].astype(np.uint32).byteswap()
    outbound[:, OUT_CLOCK] = clock
    outbound[:, OUT_STEP] = size
    outbound[:, SENT] += 1
    outbound[:, OUT_OCTETS] += size
    outbound[:, FRESH] = 0
    legs.outbound.view(LINE)[:, 0][due] = outbound.view(LINE)[:, 0]


def number_one(legs: Legs, leg: int, packet: memoryview, step: int, scale: int, octets: int, clock: int) -> None:
    """The same for one packet with a payload of `octets`, which lasts `step` units of a clock of `scale` * 8000 Hz."""
    fresh = legs.fresh[leg]
    sequence = legs.out_seq[leg] = legs.out_seq[leg] + 1
    if legs.sent[leg]:
        elapsed = (clock - legs.out_clock[leg]) * scale if fresh else 0
        legs.out_ts[leg] += max(legs.out_step[leg], elapsed)
    HEADER.pack_into(
        packet,
        0,
        VERSION_2,
        MARKER * fresh | legs.kind[leg],
        sequence & 0xFFFF,
        legs.out_ts[leg] & 0xFFFFFFFF,
        legs.ssrc[leg],
    )
    legs.out_clock[leg] = clock
    legs.out_step[leg] = step
    legs.sent[leg] += 1
    legs.out_octets[leg] += octets
    legs.fresh[leg] = 0
