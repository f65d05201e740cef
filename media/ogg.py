"""Opus in Ogg (RFC 3533, RFC 7845): pages that are whole when they are written, and the repair of a file
that ends in the midst of one.

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |                            "OggS"                             |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |    version    |     flags     |  granule position (8 octets), |
    |  serial (4), page number (4), checksum (4), segments (1), table of their lengths, packets ...
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

The granule position of a page counts the samples at 48 kHz up to its end, those included that the decoder leaves out at first.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from struct import Struct
from typing import Final
from zlib import crc32

RATE: Final = 48_000
FIRST: Final = 0x02
LAST: Final = 0x04
MAX_SEGMENTS: Final = 255
MAX_PAGE: Final = 27 + 255 + 255 * 255
_PAGE: Final = Struct("<4sBBQIIIB")
_HEAD: Final = Struct("<8sBBHIhB")
_CHECKSUM: Final = slice(22, 26)
# The checksum is the one of zlib with every octet and the result read from the other end, beginning with zero.
_REVERSED: Final = bytes(int(f"{octet:08b}"[::-1], 2) for octet in range(256))


def checksum(page: bytes) -> int:
    """CRC-32 as RFC 3533 has it: polynomial 0x04c11db7, nothing reflected, begun with zero."""
    reflected = crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(reflected.to_bytes(4, "little").translate(_REVERSED), "big")


def page(serial: int, number: int, granule: int, packets: Sequence[bytes], flags: int = 0) -> bytes:
    """One page of whole packets; they need at most `MAX_SEGMENTS` of the table (`segments`)."""
    table = b"".join(b"\xff" * (len(packet) // 255) + bytes((len(packet) % 255,)) for packet in packets)
    assert len(table) <= MAX_SEGMENTS
    head = _PAGE.pack(b"OggS", 0, flags, granule, serial, number, 0, len(table))
    return sealed(head + table + b"".join(packets))


def sealed(octets: bytes) -> bytes:
    """The page with its checksum."""
    bare = octets[:22] + b"\0\0\0\0" + octets[26:]
    return bare[:22] + checksum(bare).to_bytes(4, "little") + bare[26:]


def segments(packet: bytes) -> int:
    """How much of a page's table a packet takes."""
    return len(packet) // 255 + 1


def opus_head(channels: int, skip: int, rate: int) -> bytes:
    """RFC 7845 section 5.1. `skip`: samples at 48 kHz that the decoder gives before the first of ours."""
    return _HEAD.pack(b"OpusHead", 1, channels, skip, rate, 0, 0)


def opus_tags(vendor: str) -> bytes:
    """RFC 7845 section 5.2."""
    name = vendor.encode()
    return b"OpusTags" + len(name).to_bytes(4, "little") + name + bytes(4)


def pages(file: int, size: int) -> Iterator[tuple[int, bytes]]:
    """Every whole page from the beginning of an open file, with its place, up to the first that is none."""
    at = 0
    while at + _PAGE.size <= size:
        octets = os.pread(file, MAX_PAGE, at)
        if octets[:4] != b"OggS" or len(octets) < _PAGE.size:
            return
        body = _PAGE.size + octets[26]
        length = body + sum(octets[_PAGE.size : body])
        octets = octets[:length]
        if len(octets) < length or sealed(octets) != octets:
            return
        yield at, octets
        at += length


def length(file: int) -> float:
    """Seconds of audio in an open file; 0.0 if it is none of ours."""
    skip, granule = -1, 0
    for _, octets in pages(file, os.fstat(file).st_size):
        if skip < 0:
            head = octets[_PAGE.size + octets[26] :]
            if head[:8] != b"OpusHead":
                return 0.0
            skip = _HEAD.unpack_from(head)[3]
        granule = _PAGE.unpack_from(octets)[3]
    return max(granule - skip, 0) / RATE


def repair(file: int) -> float | None:
    """Cut an open file behind its last whole page, and mark that as the last. Returns the seconds, None if it is none of ours."""
    last: tuple[int, bytes] | None = None
    skip = -1
    for place, octets in pages(file, os.fstat(file).st_size):
        if last is None:
            head = octets[_PAGE.size + octets[26] :]
            if head[:8] != b"OpusHead":
                return None
            skip = _HEAD.unpack_from(head)[3]
        last = place, octets
    if last is None:
        return None
    place, octets = last
    os.ftruncate(file, place + len(octets))
    if place and octets[5] & LAST == 0:
        os.pwrite(file, sealed(octets[:5] + bytes((octets[5] | LAST,)) + octets[6:]), place)
    granule: int = _PAGE.unpack_from(octets)[3]
    return max(granule - skip, 0) / RATE
