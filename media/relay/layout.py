"""What the relay inside the kernel and the part of it that is written in Python say to each other through memory.

Who handles a leg is said by its gate. Gate and numbers of a leg are changed under the gate's spin lock only, by the program
and by user space (`LockedArray.write`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SHUT, READY, OPEN = 0, 1, 2
GATE = ("state", "next", "spare")  # the words behind the lock; `next`: the sequence number that READY waits for
STATE_AT, NEXT_AT = 4, 8

# Where the packets of a leg come from, and where they go. Addresses and ports lie there as in a packet; of an address of
# IPv4 only the first word counts. `sum` of what changes: one's complement of the old words and the new ones, added up.
WAY = np.dtype(
    [
        ("theirs", "V16"), ("ours", "V16"), ("source", "V16"), ("target", "V16"),
        ("arrives", "V4"), ("leaves", "V4"),  # source and destination port
        ("version", "u1"), ("scale", "u1"), ("pair", "u1"), ("listened", "u1"),  # timing and flag of the leg (`Legs`)
        ("usual", "<u4"), ("listener", "<u4"), ("interface", "<u4"), ("address_sum", "<u4"), ("port_sum", "<u4"),
        ("moved", "<u8"), ("shut", "<u8"), ("untold", "<u8"),  # counted by the program
        ("spare", "<u8"),
    ]
)  # fmt: skip
assert WAY.itemsize == 128, "two lines of the cache"

# What is handed to the ears: one record in a ring, its payload behind it.
TOLD = np.dtype([("leg", "<u4"), ("size", "<u4"), ("packet", "<i8"), ("timestamp", "<u4"), ("spare", "<u4")])
SMALL, LARGE = 256, 1256  # octets of RTP that a record of either ring has room for


@dataclass(slots=True)
class Maps:
    """Descriptors of what the program reads and writes. `clock`: an array that holds the time; -1: ask the kernel."""

    ways: int
    gates: int
    mapping: int
    inbound: int
    outbound: int
    small: int
    large: int
    clock: int = -1


def way_at(name: str) -> int:
    """Where a field of a way lies in it."""
    return int(WAY.fields[name][1])  # type: ignore[index]


def told_at(name: str) -> int:
    """Where a field of a record lies in it."""
    return int(TOLD.fields[name][1])  # type: ignore[index]
