"""RTP packets as RFC 3550 section 5.1 draws them.

 0                   1                   2                   3
 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
|V=2|P|X|  CC   |M|     PT      |       sequence number         |
|                           timestamp                           |
|           synchronization source (SSRC) identifier            |
|            contributing source (CSRC) identifiers, CC of them |
+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct

HEADER = Struct("!BBHII")
HEADER_SIZE = 12
MAX_SIZE = 1500  # octets of a whole packet: what is longer is no telephony
VERSION_2 = 0x80  # the first octet of a packet without padding, extension and contributors
MARKER = 0x80

CLOCK_RATE = 8000  # G.711 and telephone-event/8000: RTP timestamp units per second
COMFORT_NOISE = 13  # RFC 3389, static payload type

# RFC 3550 appendix A.1: how far a sequence number may jump before it is taken for another stream.
MAX_DROPOUT = 3000
MAX_MISORDER = 100

Buffer = bytes | bytearray | memoryview


@dataclass(slots=True)
class Packet:
    """One RTP packet, as values."""

    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    marker: bool = False
    contributors: tuple[int, ...] = ()

    def __bytes__(self) -> bytes:
        header = HEADER.pack(
            VERSION_2 | len(self.contributors),
            MARKER * self.marker | self.payload_type,
            self.sequence,
            self.timestamp,
            self.ssrc,
        )
        return header + b"".join(ssrc.to_bytes(4, "big") for ssrc in self.contributors) + self.payload


def payload_bounds(data: Buffer, size: int) -> tuple[int, int]:
    """Where the payload of the packet `data[:size]` begins and ends; (0, 0) if its header is not valid (appendix A.1)."""
    if size < HEADER_SIZE or data[0] & 0xC0 != VERSION_2:
        return 0, 0
    first = data[0]
    start = HEADER_SIZE + 4 * (first & 0x0F)
    if first & 0x10:  # 5.3.1: a 16-bit profile value, then a 16-bit count of 32-bit words
        if size < start + 4:
            return 0, 0
        start += 4 + 4 * (data[start + 2] << 8 | data[start + 3])
    end = size
    if first & 0x20:  # 5.1: the last octet counts the padding, itself included
        if start >= size or data[size - 1] == 0:
            return 0, 0
        end -= data[size - 1]
    return (start, end) if start <= end else (0, 0)


def parse(data: Buffer) -> Packet | None:
    """The packet, or None if its header is not valid."""
    start, end = payload_bounds(data, len(data))
    if not start:
        return None
    first, second, sequence, timestamp, ssrc = HEADER.unpack_from(data)
    contributors = tuple(
        int.from_bytes(data[at : at + 4], "big") for at in range(HEADER_SIZE, HEADER_SIZE + 4 * (first & 0x0F), 4)
    )
    return Packet(second & 0x7F, sequence, timestamp, ssrc, bytes(data[start:end]), second >= MARKER, contributors)
