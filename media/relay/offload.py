"""Lends legs to the relay inside the kernel (`program.py`), and takes them back.

A leg is lent when user space has nothing to do with its packets but change constants: its address is settled, so is that of
the leg which hears it, its stream goes on, and its payload stays as it is. It is taken back before anything about it
changes, and when one of its packets comes to user space, which is how the program says that it met one that it does not
understand. The numbers of a leg need not be carried to and fro, for there is one set of them: `Legs` lies in memory that the
program sees as well.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Callable
from struct import Struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from media.latch import Address
from media.legs import HIGHEST, KEY, MAP_BASE, NONE, ROUTE, TRANSLATE, UNMAPPED, UNROUTED, Legs
from media.relay.bpf import LockedArray, SharedArray, load_program
from media.relay.layout import GATE, READY, SHUT, WAY, Maps
from media.relay.program import relay_program
from media.relay.tap import Tap

STEADY = 0.2  # seconds that user space keeps a leg at least
MOST_STEADY = 6.4  # and at most: each time that the program could not do much with it doubles the time
WORTH_IT = 100  # packets in the kernel that make up for the trouble
AT_ONCE = 200  # legs lent in one go: each takes some 20 us, in which packets wait
IN_HURRY = 2000  # packets in one go, where so much waits in their sockets

_SHARED = ("mapping", "inbound", "outbound")  # tables of `Legs` that the program reads and writes
# What we write of a way: up to the flag of the ears, which `Legs` writes, and from there up to what the program counts.
_WAY, _REST = Struct("<16s16s16s16s4s4sBBB"), Struct("<IIIII")
_REST_AT = 76
_PORTS = Struct("!HH")

Leaves = Callable[[Address, Address], int]  # see `Offload`
CatchUp = Callable[[int], int]  # handles what waits in the socket of a leg: how many packets, -1 if there are more


class Offload:
    """Tables, program and gates for the legs of one worker, whose tables move to the kernel's memory.

    `leaves_by(source, target)` says by which interface a packet leaves, 0 if the kernel's relay must not send it.
    """

    def __init__(self, legs: Legs, base_port: int, *, clock: int = -1) -> None:
        self._legs = legs
        self._shared: list[SharedArray] = []
        self._gates: LockedArray | None = None
        self._tap: Tap | None = None
        self.program = -1
        try:
            self._build(base_port, clock)
        except BaseException:
            self.close()
            raise
        count = legs.count
        self._here: list[Address | None] = [None] * count  # our end of a settled leg
        self._there: list[Address | None] = [None] * count  # and the other one
        self._settled: NDArray[np.bool_] = np.zeros(count, bool)
        self._guarded: NDArray[np.bool_] = np.zeros(count, bool)
        self._ready_at: NDArray[np.float64] = np.zeros(count)
        self._patience: NDArray[np.float64] = np.full(count, STEADY)
        self._before: NDArray[np.uint64] = np.zeros(
            (count, 2), np.uint64
        )  # what the program had counted when we lent it
        self.now = 0.0
        self.listen: Callable[[], None] = _nobody_listens  # reads the tap
        legs.take_back = self._take_back

    def _build(self, base_port: int, clock: int) -> None:
        legs = self._legs
        count = legs.count
        ways = self._share((count,), WAY, "ways")
        self._ways = ways.rows
        self._ways_memory = ways.rows.view(np.uint8).data
        self._gates = LockedArray(count, GATE, "gates")
        self._tap = Tap(count)
        tables = {name: self._share(getattr(legs, name).shape, getattr(legs, name).dtype, name) for name in _SHARED}
        rows = {name: table.rows for name, table in tables.items()}
        rows["flags"] = ways.rows["listened"].reshape(count, 1)  # beside what the program reads anyway
        legs.move(rows)
        maps = Maps(
            ways=ways.descriptor, gates=self._gates.descriptor, small=self._tap.small.descriptor,
            large=self._tap.large.descriptor, clock=clock, **{name: table.descriptor for name, table in tables.items()},
        )  # fmt: skip
        self.program = load_program(relay_program(maps, base_port, count), "softswitch_rtp")

    def _share(self, shape: tuple[int, ...], dtype: Any, name: str) -> SharedArray:
        self._shared.append(SharedArray(shape, dtype, name))
        return self._shared[-1]

    def close(self) -> None:
        """Give up everything. The tables stay where they are."""
        if self.program >= 0:
            os.close(self.program)
        for each in (*self._shared, self._gates, self._tap):
            if each is not None:
                each.close()
        self._shared.clear()
        self._gates = self._tap = None
        self.program = -1

    # --- what is known of a leg --------------------------------------------------------------------------------------

    def settle(self, leg: int, here: Address, there: Address) -> None:
        """The leg sends and receives from one address to one other, from now on."""
        self.unsettle(leg)
        if ipaddress.ip_address(there[0]).is_link_local:
            return  # That needs more than the address to be told from another one.
        self._here[leg], self._there[leg], self._settled[leg] = here, there, True
        self._patience[leg] = STEADY

    def unsettle(self, leg: int) -> None:
        """The address of the leg is about to change: neither may it be relayed in the kernel, nor what goes to it."""
        self._settled[leg] = False
        self._recall(leg)

    def guard(self, leg: int, guarded: bool) -> None:
        """Whether something stands between the leg's socket and its packets that only user space can do, such as SRTP."""
        if guarded and not self._guarded[leg]:
            self._recall(leg)
        self._guarded[leg] = guarded

    def _recall(self, leg: int) -> None:
        """Take back the leg, and the one whose packets go to it."""
        if not self._legs.lending:
            return
        for each in {leg, *np.flatnonzero(self._legs.mapping[:, ROUTE] == leg).tolist()}:
            if self._legs.lent[each]:
                self._take_back(each)

    # --- lending -----------------------------------------------------------------------------------------------------

    def lend(self, now: float, leaves_by: Leaves, catch_up: CatchUp) -> bool:
        """Lend what can be lent. To be called when the relay of user space has sent all that it has read.

        Returns whether there is more to lend than was done in one go.
        """
        self.now = now
        if not self._settled.any():
            return False
        legs, fit = self._legs, self._settled & ~self._guarded
        mapping, base = legs.mapping, legs.inbound[:, MAP_BASE]
        good = fit & (legs.loans == 0) & (self._ready_at <= now)
        good &= (mapping[:, ROUTE] != NONE) & (mapping[:, KEY] != NONE) & (mapping[:, TRANSLATE] == 0)
        good &= (base < UNMAPPED) & (base > UNROUTED)
        chosen = np.flatnonzero(good)
        chosen = chosen[fit.take(mapping[chosen, ROUTE])]
        waiting = 0
        for leg in chosen[:AT_ONCE].tolist():
            behind = catch_up(leg)
            waiting += max(behind, 0)
            # What has come meanwhile may be a digit, or another stream.
            if behind >= 0 and UNROUTED < legs.map_base[leg] < UNMAPPED and legs.route[leg] != NONE:
                self._lend(leg, legs.route[leg], leaves_by)
            if waiting > IN_HURRY:
                return True
        return len(chosen) > AT_ONCE

    def _lend(self, leg: int, listener: int, leaves_by: Leaves) -> None:
        here, there = self._here[leg], self._there[leg]
        source, target = self._here[listener], self._there[listener]
        assert here and there and source and target, "both are settled"
        legs, version = self._legs, _version(there)
        fits = version == _version(target) and legs.scale[leg] < 256 and legs.pair[leg] < 256
        interface = leaves_by(source, target) if fits else 0
        if not interface:
            self._ready_at[leg] = self.now + MOST_STEADY
            return
        theirs, ours, leaving, going = map(_octets, (there, here, source, target))
        arrives, leaves = _ports(there, here), _ports(source, target)
        addresses, ports = change(theirs + ours, leaving + going), change(arrives, leaves)
        at = leg * WAY.itemsize
        _WAY.pack_into(self._ways_memory, at, theirs, ours, leaving, going, arrives, leaves, version, legs.scale[leg],
                       legs.pair[leg])  # fmt: skip
        _REST.pack_into(self._ways_memory, at + _REST_AT, legs.usual[leg], listener, interface, addresses, ports)
        self._before[leg] = self._ways["moved"][leg], self._ways["shut"][leg]
        assert self._gates is not None
        legs.loans[leg] = 1
        legs.lending += 1
        self._gates.write(leg, READY, int(legs.inbound[leg, HIGHEST]) + 1 & 0xFFFF, 0)

    def _take_back(self, leg: int) -> None:
        """When this returns the program has done with the leg, and all that it did is in the tables."""
        assert self._gates is not None
        self._gates.write(leg, SHUT, 0, 0)
        legs = self._legs
        if legs.listened[leg]:
            self.listen()  # What was said before goes to the ears before what user space will hear next.
        legs.loans[leg] = 0
        legs.lending -= 1
        way, before = self._ways[leg], self._before[leg]
        moved = int(way["moved"] - before[0])
        # A phone whose every tenth packet is for user space is better left there; so is one whose packets come by a way that
        # the program does not see.
        in_vain = not moved or (way["shut"] != before[1] and moved < WORTH_IT)
        patience = self._patience[leg] = min(self._patience[leg] * 2, MOST_STEADY) if in_vain else STEADY
        self._ready_at[leg] = self.now + patience

    def use_only(self, usable: set[int]) -> None:
        """The network has changed: packets may leave by these interfaces. Other legs are taken back, all are looked at anew."""
        lent = np.flatnonzero(self._legs.loans)
        for leg in lent[~np.isin(self._ways["interface"][lent], list(usable))].tolist():
            self._take_back(leg)
        np.minimum(self._ready_at, self.now + STEADY, out=self._ready_at)

    def check(self, leg: int, leaves_by: Leaves) -> None:
        """Take the leg back if its packets would leave by another interface now."""
        if not self._legs.lent[leg]:
            return
        listener = self._legs.route[leg]
        source, target = self._here[listener], self._there[listener]
        if source is None or target is None or leaves_by(source, target) != self._ways["interface"][leg]:
            self._take_back(leg)

    # --- what the program says ---------------------------------------------------------------------------------------

    @property
    def tap(self) -> Tap:
        assert self._tap is not None, "not after close"
        return self._tap

    @property
    def moved(self) -> int:
        """Packets that the program has relayed since the start."""
        return int(self._ways["moved"].sum())

    @property
    def untold(self) -> int:
        """Packets that did not fit into the rings of the tap."""
        return int(self._ways["untold"].sum())


def _nobody_listens() -> None:
    """There is a tap only where somebody reads it."""


def _version(address: Address) -> int:
    return 6 if ":" in address[0] else 4


def _ports(source: Address, target: Address) -> bytes:
    return _PORTS.pack(source[1], target[1])


def _octets(address: Address) -> bytes:
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    return socket.inet_pton(family, address[0]).ljust(16, b"\0")


def change(old: bytes, new: bytes) -> int:
    """The one's complement sum of 32-bit words, as they lie in memory, that turns a checksum over `old` into one over `new`."""
    words = Struct(f"<{len(old) // 4}I")
    total: int = sum(words.unpack(new)) + sum(0xFFFFFFFF - word for word in words.unpack(old))
    while total >> 32:
        total = (total & 0xFFFFFFFF) + (total >> 32)
    return total
