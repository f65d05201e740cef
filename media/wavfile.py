"""WAV files while they are being written: a header that is true after every block, and the repair of one that is not.

0      4       8      12     16    20        22         24     28       32      34     36     40      44
+------+-------+------+------+-----+---------+----------+------+--------+-------+------+------+-------+----
| RIFF | size  | WAVE | fmt  | 16  | PCM = 1 | channels | rate | octets | frame | bits | data | size  | ...
+------+-------+------+------+-----+---------+----------+------+--------+-------+------+------+-------+----
"""

from __future__ import annotations

import os
from struct import Struct
from typing import Final

HEADER: Final = Struct("<4sI4s4sIHHIIHH4sI")
PCM: Final = 1
CHANNELS: Final = 2
SAMPLE: Final = 2  # octets
FRAME: Final = CHANNELS * SAMPLE  # octets of a stereo file
MAX_DATA: Final = (1 << 32) - 1 - HEADER.size - FRAME  # its sizes have 32 bits


def header(rate: int, octets: int, channels: int = CHANNELS) -> bytes:
    """The header of a file of 16-bit samples that holds so many octets of them."""
    frame = channels * SAMPLE
    return HEADER.pack(
        b"RIFF", octets + HEADER.size - 8, b"WAVE", b"fmt ", 16, PCM, channels, rate, rate * frame, frame, 16, b"data", octets
    )  # fmt: skip


def form_of(head: bytes) -> tuple[int, int]:
    """(sample rate, channels), if these are the first octets of a file of ours; else 0 and 0."""
    if len(head) < HEADER.size:
        return 0, 0
    riff, _, wave, form, size, code, channels, rate, _, frame, bits, data, _ = HEADER.unpack_from(head)
    ours = (b"RIFF", b"WAVE", b"fmt ", 16, PCM, channels * SAMPLE, 16, b"data")
    if (riff, wave, form, size, code, frame, bits, data) != ours or channels not in (1, CHANNELS) or not rate:
        return 0, 0
    return rate, channels


def repair(file: int, head: bytes) -> float | None:
    """Let the header of an open file say what is there. Returns the seconds in it, None if it is no file of ours."""
    rate, channels = form_of(head)
    if not rate:
        return None
    frame = channels * SAMPLE
    octets = min(max(os.fstat(file).st_size - HEADER.size, 0), MAX_DATA) // frame * frame
    os.ftruncate(file, HEADER.size + octets)
    os.pwrite(file, header(rate, octets, channels), 0)
    return octets / (rate * frame)
