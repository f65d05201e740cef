"""Records from one process to another through shared memory, without a system call per record.

One writer, one reader per ring. Both sides only ever move their own counter:

    0            64           128            192            256                          256 + capacity
    +------------+------------+--------------+--------------+----------------------------+
    | written    | read       | reader flags | writer flags | records, each 8-aligned    |
    +------------+------------+--------------+--------------+----------------------------+

A record is `length (u32), check (u32), octets, padding to 8`. A record never wraps: where it would, a length of SKIP says
that the rest of the lap is empty. The check is a CRC over the octets seeded with the record's absolute position, so what
an earlier lap left behind never passes for news: on a machine that makes the counter visible before the octets (ARM64)
the reader simply finds the record not there yet and looks again. That is why records need no fence; going to sleep does.
"""

from __future__ import annotations

import mmap
import os
import select
import tempfile
import threading
from collections import deque
from struct import Struct
from zlib import crc32

HEADER = 256
SKIP = 0xFFFFFFFF
MAX_LOOKS = 1000  # at a record that is counted but does not become readable
MAX_BACKLOG = 65_536  # records kept aside while a ring is full; more are counted as lost

_RECORD = Struct("<II")

# 64-bit words of the header
_WRITTEN, _READ, _SLEEPING, _BLOCKED, _HIGH_WATER, _RECORDS = 0, 8, 16, 24, 25, 26


class RingError(Exception):
    """The shared memory holds something that no writer of ours put there."""


def shared_memory(size: int) -> int:
    """A file descriptor of `size` octets of anonymous shared memory, inherited by nobody unless passed on."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("softswitch-media", getattr(os, "MFD_CLOEXEC", 1))
    else:  # No memfd on this system: an unlinked file does the same.
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, size)
    return descriptor


class Wake:
    """Something a poll wakes up for: an eventfd, or a pipe where there is none."""

    def __init__(self, descriptors: tuple[int, int] | None = None) -> None:
        if descriptors is None:
            if hasattr(os, "eventfd"):
                one = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
                descriptors = (one, one)
            else:
                descriptors = os.pipe()
                for descriptor in descriptors:
                    os.set_blocking(descriptor, False)
        self.reader, self.writer = descriptors

    def set(self) -> None:
        """Wake whoever polls `reader`. Setting it twice wakes once."""
        try:
            os.write(self.writer, b"\1\0\0\0\0\0\0\0")
        except BlockingIOError:
            pass  # It is set already, many times over.
        except OSError:
            pass  # The other side is gone; its own watch tells us.

    def clear(self) -> None:
        try:
            while len(os.read(self.reader, 4096)) == 4096:
                pass
        except BlockingIOError:
            pass

    def wait(self, timeout: float) -> bool:
        """Sleep until set, at most `timeout` seconds."""
        return bool(select.select([self.reader], [], [], timeout)[0])

    def close(self) -> None:
        for descriptor in {self.reader, self.writer}:
            os.close(descriptor)


class Ring:
    """One direction. `memory` is `HEADER + capacity` octets of shared memory, zero at the start."""

    def __init__(self, memory: memoryview) -> None:
        self._memory = memory
        self._words = memory[:HEADER].cast("Q")
        self._data = memory[HEADER:]
        self._unreadable = 0
        self._fence = threading.Lock()
        self.capacity = len(self._data)
        assert self.capacity % 8 == 0 and self.capacity >= 64, "a ring is a multiple of eight octets"

    # --- the writer's side -------------------------------------------------------------------------------------------

    def write(self, octets: bytes) -> bool:
        """Append a record; False if there is no room for it now."""
        words, capacity = self._words, self.capacity
        written = words[_WRITTEN]
        need = (len(octets) + 15) & ~7
        assert need <= capacity // 2, "a record that no empty ring could be sure to hold"
        at = written % capacity
        skip = capacity - at if at + need > capacity else 0
        used = written - words[_READ]
        if used + skip + need > capacity:
            words[_BLOCKED] = 1  # The reader wakes us once it has made room,
            used = written - words[_READ]  # unless it made room while we were saying so.
            if used + skip + need > capacity:
                return False
        if skip:
            _RECORD.pack_into(self._data, at, SKIP, written & 0xFFFFFFFF)
            written += skip
            at = 0
        self._data[at + 8 : at + 8 + len(octets)] = octets
        _RECORD.pack_into(self._data, at, len(octets), crc32(octets, written & 0xFFFFFFFF))
        words[_WRITTEN] = written + need
        words[_RECORDS] += 1
        used += skip + need
        if used > words[_HIGH_WATER]:
            words[_HIGH_WATER] = used
        return True

    @property
    def reader_sleeps(self) -> bool:
        """The reader said that it is about to wait: wake it."""
        self._order()
        return self._words[_SLEEPING] != 0

    @property
    def high_water(self) -> int:
        """The most octets that ever waited in the ring."""
        return self._words[_HIGH_WATER]

    @property
    def records(self) -> int:
        """Records written since the start."""
        return self._words[_RECORDS]

    # --- the reader's side -------------------------------------------------------------------------------------------

    @property
    def empty(self) -> bool:
        return self._words[_WRITTEN] == self._words[_READ]

    def sleep(self, sleeping: bool) -> None:
        """Say that the reader is about to wait (then look once more before waiting), or that it is awake."""
        self._words[_SLEEPING] = sleeping
        if sleeping:
            self._order()

    def _order(self) -> None:
        """What was written before is visible before what is read next; taking a lock is the one fence that Python has.

        Without it both sides could miss each other, and the reader would sleep over a record.
        """
        with self._fence:
            pass

    def read(self) -> list[bytes]:
        """All records there are, oldest first. RingError if the memory is damaged."""
        words, capacity = self._words, self.capacity
        written, read = words[_WRITTEN], words[_READ]
        if written - read > capacity or (written | read) & 7:
            raise RingError(f"{written} written, {read} read, {capacity} fit")
        records: list[bytes] = []
        while read != written:
            at = read % capacity
            length, check = _RECORD.unpack_from(self._data, at)
            if length == SKIP and check == read & 0xFFFFFFFF:
                read += capacity - at
                continue
            octets = bytes(self._data[at + 8 : at + 8 + length]) if length <= capacity else b""
            if crc32(octets, read & 0xFFFFFFFF) != check or len(octets) != length:
                break  # Counted but not visible yet; it will be when we look again.
            records.append(octets)
            read += (length + 15) & ~7
        self._unreadable = self._unreadable + 1 if read == words[_READ] != written else 0
        words[_READ] = read
        if self._unreadable > MAX_LOOKS:
            self._unreadable = 0
            words[_READ] = written
            raise RingError(f"{written - read} octets were not records, and are skipped")
        return records

    def take_blocked(self) -> bool:
        """Whether the writer found the ring full since the last call: it waits to be woken."""
        if not self._words[_BLOCKED]:
            return False
        self._words[_BLOCKED] = 0
        return True

    def release(self) -> None:
        """Let go of the memory, so that its map can be closed."""
        self._words.release()
        self._data.release()
        self._memory.release()


class Outbox:
    """The writer's end of a ring that never loses a record to a stall: what does not fit waits here, in order.

    `polled`: the reader looks at the ring by itself while it is awake, and says when it sleeps; otherwise it is woken always.
    """

    def __init__(self, ring: Ring, wake: Wake, *, polled: bool) -> None:
        self.ring = ring
        self.lost = 0
        self._wake = wake
        self._polled = polled
        self._backlog: deque[bytes] = deque()
        self._news = False

    def post(self, octets: bytes) -> None:
        """Append a record without waking the reader; `flush` does that."""
        self._news = True
        if not self._backlog and self.ring.write(octets):
            return
        if len(self._backlog) >= MAX_BACKLOG:
            self.lost += 1
            return
        self._backlog.append(octets)

    def flush(self) -> None:
        """Move what waits into the ring, and wake the reader if it needs that."""
        while self._backlog and self.ring.write(self._backlog[0]):
            self._backlog.popleft()
            self._news = True
        if self._news and (not self._polled or self.ring.reader_sleeps):
            self._wake.set()
        self._news = False

    @property
    def waiting(self) -> int:
        return len(self._backlog)


class Channel:
    """The shared memory of one worker: gauges, a ring of commands to it, a ring of events from it.

    Gauges are 64-bit words that the worker writes and anybody may read at any time, without asking it.
    """

    GAUGES = (
        "heartbeat", "open_legs", "playing_legs", "packets_received", "packets_sent", "send_errors", "receive_errors",
        "slow_packets", "batches", "busy_per_mille", "late_ticks", "faults", "event_high_water", "command_high_water",
        "recordings", "recording_lost_ms", "kernel_legs", "kernel_packets",
    )  # fmt: skip
    GAUGE_PAGE = 4096
    COMMANDS = 1 << 20
    EVENTS = 1 << 20
    SIZE = GAUGE_PAGE + 2 * HEADER + COMMANDS + EVENTS

    def __init__(self, descriptor: int) -> None:
        self._map = mmap.mmap(descriptor, self.SIZE)
        memory = memoryview(self._map)
        first, second = self.GAUGE_PAGE, self.GAUGE_PAGE + HEADER + self.COMMANDS
        self.gauges = memory[: 8 * len(self.GAUGES)].cast("Q")
        self.commands = Ring(memory[first:second])
        self.events = Ring(memory[second:])
        memory.release()

    def read_gauges(self) -> dict[str, int]:
        return dict(zip(self.GAUGES, self.gauges, strict=True))

    def close(self) -> None:
        self.gauges.release()
        self.commands.release()
        self.events.release()
        self._map.close()
