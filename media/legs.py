"""The tables of legs: one row per RTP port, one column per number that the packet path reads or writes.

The numbers lie in four arrays, a row of which is one cache line or less, so that a batch gathers all it needs of a leg at
once (`relay/batch.py`). The code that handles one packet (`session.py`) sees the same memory column by column, through
memory views: reading one number that way costs a third of what numpy takes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

NONE = 0xFFFFFFFF  # `route`: nobody; `key`: no packet of this leg takes the fast path
UNMAPPED = 1 << 62  # `map_base`: the next packet draws the line to the outgoing stream
UNROUTED = -(1 << 62)  # `map_base`: nothing to map, every packet is only counted
NEVER = 1 << 62  # `next_tick`: the leg is not playing

# What the packets of a leg must look like and what they become. `key` is the first 32 bits without marker and sequence
# number, `word` the same of the outgoing packet, `translate` 0 or one more than the G.711 law to be made.
MAPPING = ("key", "in_ssrc", "word", "seq_offset", "ts_offset", "out_ssrc", "route", "translate")
# What is known of the stream that a leg receives. `highest` is the extended sequence number, `lowest` where it began,
# `map_base` the first one that belongs to the present mapping; `transit` and `jitter` (16 times the value) are in RTP units of
# the leg, `heard` (when) in 1/8000 s.
INBOUND = ("highest", "transit", "jitter", "received", "octets", "map_base", "heard", "lowest")
# What was last sent to a leg. `out_clock` is when `out_ts` was first sent, in 1/8000 s, and `out_step` how long a packet lasts,
# in RTP units of the leg; `fresh`: the next packet is the first of a source; `sent_before`: packets up to the last RTCP report.
OUTBOUND = ("out_seq", "out_ts", "out_clock", "out_step", "sent", "out_octets", "fresh", "sent_before")
# How RTP units relate to the rest: `scale` of them are 1/8000 s, `pair` of them are in two octets of payload; where the size
# of a packet does not tell how long it lasts (`pair` is 0), it lasts `usual`.
TIMING = ("scale", "pair", "usual")
PLAIN_TIMING = (1, 2, 0)  # G.711's, and G.722's
# Where a leg's player stands: positions in the bank, `frame` in 1/8000 s per packet, `kind` the second octet of its packets.
PLAYOUT = ("next_tick", "position", "limit", "loop", "frame", "law", "kind", "ssrc")

KEY, IN_SSRC, WORD, SEQ_OFFSET, TS_OFFSET, OUT_SSRC, ROUTE, TRANSLATE = range(8)
HIGHEST, TRANSIT, JITTER, RECEIVED, OCTETS, MAP_BASE, HEARD, LOWEST = range(8)
OUT_SEQ, OUT_TS, OUT_CLOCK, OUT_STEP, SENT, OUT_OCTETS, FRESH, SENT_BEFORE = range(8)
NEXT_TICK, POSITION, LIMIT, LOOP, FRAME, LAW, KIND, SSRC = range(8)
SCALE, PAIR, USUAL = range(3)


class Column(Protocol):
    """A number per leg."""

    def __getitem__(self, leg: int, /) -> int: ...
    def __setitem__(self, leg: int, value: int, /) -> None: ...


def _columns(table: NDArray[Any]) -> list[Any]:
    return [table[:, index].data for index in range(table.shape[1])]


def _nobody_has(leg: int) -> None:
    raise AssertionError("a leg is lent, but to nobody")


class Legs:
    """All numbers of all legs. `allocate(shape, dtype)` gives zeroed memory, for relays that share it with the kernel."""

    key: Column
    in_ssrc: Column
    word: Column
    seq_offset: Column
    ts_offset: Column
    out_ssrc: Column
    route: Column
    translate: Column
    highest: Column
    transit: Column
    jitter: Column
    received: Column
    octets: Column
    map_base: Column
    heard: Column
    lowest: Column
    out_seq: Column
    out_ts: Column
    out_clock: Column
    out_step: Column
    sent: Column
    out_octets: Column
    fresh: Column
    sent_before: Column
    next_tick: Column
    position: Column
    limit: Column
    loop: Column
    frame: Column
    law: Column
    kind: Column
    ssrc: Column
    scale: Column
    pair: Column
    usual: Column

    def __init__(self, count: int, allocate: Callable[..., NDArray[Any]] = np.zeros) -> None:
        self.count = count
        self.mapping: NDArray[np.uint32] = allocate((count, len(MAPPING)), np.uint32)
        self.inbound: NDArray[np.int64] = allocate((count, len(INBOUND)), np.int64)
        self.outbound: NDArray[np.int64] = allocate((count, len(OUTBOUND)), np.int64)
        self.playout: NDArray[np.int64] = allocate((count, len(PLAYOUT)), np.int64)
        self.timing: NDArray[np.int64] = np.full((count, len(TIMING)), PLAIN_TIMING, np.int64)
        self.scaled = 0  # how many legs have another timing than G.711's
        self.flags: NDArray[np.uint8] = allocate((count, 1), np.uint8)  # whether ears want its packets
        self.listened: Column = self.flags[:, 0].data
        self.listening = 0  # how many legs are listened to
        # Legs that are lent to a relay inside the kernel: it moves their packets and keeps their rows up to date. Whoever
        # handles a packet of theirs, or changes their rows, takes them back first.
        self.loans: NDArray[np.uint8] = np.zeros(count, np.uint8)
        self.lent: Column = self.loans.data
        self.lending = 0  # how many legs are lent
        self.take_back: Callable[[int], None] = _nobody_has
        self._name_columns()
        for leg in range(count):
            self.clear(leg)

    def _name_columns(self) -> None:
        for names, table in (
            (MAPPING, self.mapping),
            (INBOUND, self.inbound),
            (OUTBOUND, self.outbound),
            (PLAYOUT, self.playout),
            (TIMING, self.timing),
        ):
            for name, column in zip(names, _columns(table), strict=True):
                setattr(self, name, column)
        self.listened = self.flags[:, 0].data

    def move(self, tables: Mapping[str, NDArray[Any]]) -> None:
        """Keep these tables in other memory from now on, with what they hold. Nobody may hold on to the old one."""
        for name, table in tables.items():
            table[:] = getattr(self, name)
            setattr(self, name, table)
        self._name_columns()

    def take_back_all(self, legs: NDArray[np.int64]) -> None:
        """Of these legs, take back those that are lent."""
        for leg in legs[self.loans.take(legs) != 0].tolist():
            self.take_back(leg)

    def listen(self, leg: int, wanted: bool) -> None:
        """Hand the packets of a leg to the ears, or do not."""
        if bool(self.listened[leg]) != wanted:
            self.listened[leg] = wanted
            self.listening += 1 if wanted else -1

    def time(self, leg: int, timing: tuple[int, int, int]) -> None:
        """Set the timing of a leg."""
        before = (self.scale[leg], self.pair[leg], self.usual[leg])
        self.scaled += (timing != PLAIN_TIMING) - (before != PLAIN_TIMING)
        self.scale[leg], self.pair[leg], self.usual[leg] = timing

    def clear(self, leg: int) -> None:
        """The row of a leg that is not open."""
        if self.lent[leg]:
            self.take_back(leg)
        self.listen(leg, False)
        self.time(leg, PLAIN_TIMING)
        self.mapping[leg] = self.inbound[leg] = self.outbound[leg] = self.playout[leg] = 0
        self.key[leg] = self.route[leg] = NONE
        self.map_base[leg] = UNROUTED
        self.next_tick[leg] = NEVER
