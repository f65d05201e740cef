"""The fastest relay without privileges: io_uring moves the packets, Python rewrites them by the batch.

Every leg whose remote address is settled has one receive request that stays (multishot). The kernel puts what arrives into the
rows of the buffer matrix, one after the other whatever leg it is for, so what has come since the last look is a slice of the
matrix, and what `batch.py` does to it needs no gathering. Each row is then sent from where it lies: the slots for requests are
filled in beforehand as sends, and only file, address and size are written, three columns at once. One system call waits for
packets, one sends them all.

What is rare - legs that wait for their latch, RTCP, the worker's own descriptors - is left to epoll as in the other relays,
and the ring watches the descriptor of epoll.

Nothing is lost or duplicated when a leg is aimed elsewhere: a socket is emptied before its receive request begins, and the
request before it is cancelled in the same system call, ahead of the new one; both happen inside `enter`, as does every
arrival of a packet, and whatever has arrived is handled before `poll` returns. Each request carries a number of its
generation, so that a completion of an old one is told from one of the present.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from media.engine import Engine
from media.legs import Legs
from media.ports import PortPool
from media.relay import RelayError
from media.relay.batch import Batch, Buffers
from media.relay.iouring import (
    ASYNC_CANCEL,
    BUFFER_SELECT,
    BUFFER_SHIFT,
    FIXED_FILE,
    HAS_BUFFER,
    MORE,
    MULTISHOT,
    POLL_ADD,
    RECEIVE,
    SEND,
    SKIP_SUCCESS,
    SQE,
    BufferRing,
    Ring,
    Unavailable,
    prove,
)
from media.relay.sockets import SocketRelay
from media.rows import Rows
from media.rtp import CLOCK_RATE, HEADER_SIZE

REQUESTS = 4096  # slots
FEWEST_ROWS, MOST_ROWS = (
    256,
    8192,
)  # of the buffer matrix; beyond that packets wait in their sockets, which hold a second each
ASIDE = 1024  # rows for packets that cannot be handled where they lie
CROSSOVER = 20  # packets from which on a batch is cheaper (bench/micro/relay.py)
EVERYTHING = 1 << 20  # completions to wait for: more than there can be
SHORT_PACE, LONG_PACE = 0.001, 0.002  # seconds
LONG_FROM = 75_000  # packets per second from which on a longer pace is worth its delay

# User data of a request: kind, generation, leg (or slot).
KIND_SHIFT, GENERATION_SHIFT = 48, 32
RECEIVED, SENT, CANCELLED, WATCHED = (kind << KIND_SHIFT for kind in range(4))
LEG = 0xFFFFFFFF
GENERATION = 0xFFFF
ORDINARY = HAS_BUFFER | MORE

_USUAL = HEADER_SIZE + 160
_POLLIN = 1


class UringRelay(SocketRelay):
    """Gathers, computes, sends, with a system call each for all packets."""

    name = "uring"

    def __init__(self, pool: PortPool, legs: Legs) -> None:
        """Raises RelayError with the reason if it does not run here."""
        rows = 1 << min(max(2 * legs.count, FEWEST_ROWS), MOST_ROWS).bit_length() - 1
        self._families = {family: place * legs.count for place, family in enumerate(pool.families)}
        try:
            prove()
            # Room for every packet that the matrix holds and for the end of every request: completions never overflow.
            self._ring = Ring(REQUESTS, 1 << (rows + 4 * legs.count + REQUESTS).bit_length())
            try:
                self._ring.register_files([each for family in self._families for each in pool.rtp_files(family)])
                self._buffers = Buffers(rows)
                self._lent = BufferRing(self._ring, 0, self._buffers.octets)
            except BaseException:
                self._ring.close()
                raise
        except Unavailable as error:
            raise RelayError(error.strerror) from None
        super().__init__(pool, legs)
        self._batch = Batch(legs, self._buffers)
        self._aside = Buffers(ASIDE)
        self._aside_batch = Batch(legs, self._aside)
        self._aside_addresses = self._aside.addresses
        self._order: NDArray[np.int64] = np.arange(MOST_ROWS)
        self._last_row: NDArray[np.int64] = np.zeros(legs.count, np.int64)
        # Places in the ring's list of files: where legs that are aimed are read, where they are sent to without more ado.
        self._place: NDArray[np.int32] = np.full(legs.count, -1, np.int32)
        self._file_of: NDArray[np.int32] = np.full(legs.count, -1, np.int32)
        self._guarded: NDArray[np.bool_] = np.zeros(legs.count, np.bool_)
        self._guards = 0
        self._generation: NDArray[np.uint64] = np.zeros(legs.count, np.uint64)
        self._armed: NDArray[np.bool_] = np.zeros(legs.count, np.bool_)
        self._to_arm: list[int] = []
        self._to_cancel: list[int] = []  # user data of requests
        self._unsettled = 0  # cancelled requests whose end has not been seen
        self._watching = self._news = False
        self._prepare_slots()

    def _prepare_slots(self) -> None:
        requests = self._ring.requests
        requests["opcode"], requests["flags"] = SEND, FIXED_FILE | SKIP_SUCCESS
        # MSG_DONTWAIT: the packet is sent, or has failed, when the system call returns; its row may be used again.
        requests["op_flags"] = socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL
        requests["user"] = SENT | np.arange(len(requests), dtype=np.uint64)
        self._template = requests.copy()
        self._slot_file, self._slot_address, self._slot_size = requests["fd"], requests["addr"], requests["len"]

    def attach(self, engine: Engine) -> None:
        super().attach(engine)
        self._receive = engine.session.receive
        self._batch.ears = self._aside_batch.ears = engine.session.ears

    def close(self) -> None:
        self._ring.close()
        super().close()

    # --- which legs are read -----------------------------------------------------------------------------------------

    def _begin(self, leg: int, media: socket.socket, *, admitted: bool) -> None:
        if admitted:
            self._epoll.unregister(media.fileno())
        self._place[leg] = self._families[media.family] + leg
        self._to_arm.append(leg)

    def _end(self, leg: int, media: socket.socket) -> None:
        self._place[leg] = self._file_of[leg] = -1
        if self._armed[leg]:
            self._armed[leg] = False
            self._to_cancel.append(RECEIVED | int(self._generation[leg]) << GENERATION_SHIFT | leg)
            self._unsettled += 1
        self._generation[leg] = int(self._generation[leg]) + 1 & GENERATION

    def _attach_leg(self, leg: int) -> None:
        super()._attach_leg(leg)
        self._file_of[leg] = self._place[leg] if self._files[leg] >= 0 else -1
        self._guard_leg(leg, self._transports[leg] is not None)

    def quiet(self, leg: int) -> None:
        super().quiet(leg)
        self._guard_leg(leg, False)

    def _guard_leg(self, leg: int, guarded: bool) -> None:
        self._guards += int(guarded) - int(self._guarded[leg])
        self._guarded[leg] = guarded

    def _give_orders(self) -> None:
        """Ask for what has changed: cancel, then receive, so that the old request of a leg ends before its new one begins."""
        if self._to_cancel:
            cancels = np.zeros(len(self._to_cancel), SQE)
            cancels["opcode"], cancels["fd"], cancels["flags"] = ASYNC_CANCEL, -1, SKIP_SUCCESS
            cancels["addr"], cancels["user"] = self._to_cancel, CANCELLED
            self._to_cancel.clear()
            self._request(cancels)
        if self._to_arm:
            legs = np.unique(np.array(self._to_arm, np.int64))
            self._to_arm.clear()
            legs = legs[(self._place[legs] >= 0) & ~self._armed[legs]]
            receives = np.zeros(len(legs), SQE)
            receives["opcode"], receives["flags"] = RECEIVE, FIXED_FILE | BUFFER_SELECT
            receives["ioprio"], receives["fd"] = MULTISHOT, self._place[legs]
            receives["user"] = RECEIVED | self._generation[legs] << np.uint64(GENERATION_SHIFT) | legs.astype(np.uint64)
            self._armed[legs] = True
            self._request(receives)
        if not self._watching:
            watch = np.zeros(1, SQE)
            watch["opcode"], watch["fd"], watch["op_flags"], watch["user"] = (
                POLL_ADD,
                self._epoll.fileno(),
                _POLLIN,
                WATCHED,
            )
            self._watching = True
            self._request(watch)

    def _request(self, requests: NDArray[Any]) -> None:
        """Submit requests that are no sends."""
        ring, done = self._ring, 0
        while done < len(requests):
            start, stop = ring.room(len(requests) - done)
            ring.requests[start:stop] = requests[done : done + stop - start]
            ring.advance(stop - start)
            ring.submit()
            ring.requests[start:stop] = self._template[start:stop]
            done += stop - start

    # --- the turn ----------------------------------------------------------------------------------------------------

    def pace(self, packets_per_second: float) -> float:
        if not super().pace(packets_per_second):
            return 0.0
        return SHORT_PACE if packets_per_second < LONG_FROM else LONG_PACE

    def poll(self, timeout: float) -> int:
        now = monotonic()
        return self._turn(1 if timeout > 0 else 0, now + timeout, now)

    def gather(self, until: float) -> int:
        return self._turn(EVERYTHING, until, monotonic())

    def _turn(self, wait: int, until: float, now: float) -> int:
        if self._to_arm or self._to_cancel or not self._watching:
            self._give_orders()
        self._ring.enter(wait, until, now)
        taken = self._ring.take()
        count = 0
        if taken is not None:
            try:
                count = self._digest(*taken)
            finally:
                if self._news:
                    self._news = self._watching = False
                    self._serve_rare()
        self._attend()
        return count

    def _digest(self, users: NDArray[np.uint64], results: NDArray[np.int32], flags: NDArray[np.uint32]) -> int:
        """All completions of a turn."""
        count = len(users)
        if int(np.bitwise_and.reduce(flags)) & ORDINARY != ORDINARY or int(users.max()) >= SENT:
            users, results, flags = self._sift(users, results, flags)
            count = len(users)
            if not count:
                return 0
        rows = flags >> np.uint32(BUFFER_SHIFT)
        first = int(rows[0])
        consecutive = bool((rows == (self._order[:count] + first & self._buffers.rows - 1)).all())
        try:
            self._move(users, results, rows, first, consecutive)
        finally:
            self._submit()
            self._lent.give(rows, consecutive)
        return count

    def _move(
        self,
        users: NDArray[np.uint64],
        results: NDArray[np.int32],
        rows: NDArray[np.uint32],
        first: int,
        consecutive: bool,
    ) -> None:
        buffers, count = self._buffers, len(users)
        legs = (users & np.uint64(LEG)).astype(np.int64)
        self.received += count
        self.batches += 1
        clock = int(monotonic() * CLOCK_RATE)
        if self._guards:
            self._unwrap_rows(rows, legs, results)
        if not consecutive or ((self._unsettled or self._guards) and not self._all_valid(users, legs, results)):
            buffers.leg[rows], buffers.size[rows] = legs, results
            self._in_passes(rows[self._valid(users, legs, results)].astype(np.int64), clock)
            return
        # The slice, or the end of the matrix and its beginning.
        split = min(buffers.rows - first, count)
        for start, low, high in ((first, 0, split), (0, split, count)):
            if low == high:
                break
            stop = start + high - low
            buffers.leg[start:stop], buffers.size[start:stop] = legs[low:high], results[low:high]
            if high - low < CROSSOVER:
                self._one_by_one(buffers, range(start, stop), clock)
            else:
                self._together(start, stop, legs[low:high], clock)

    def _unwrap_rows(self, rows: NDArray[np.uint32], legs: NDArray[np.int64], sizes: NDArray[np.int32]) -> None:
        """Make plain RTP of the packets of legs with a transport. A size below 0: nothing is left."""
        guarded = np.flatnonzero(self._guarded.take(legs))
        views, transports = self._buffers.views, self._transports
        for at, row, leg in zip(guarded.tolist(), rows[guarded].tolist(), legs[guarded].tolist(), strict=True):
            transport = transports[leg]
            assert transport is not None, "a guarded leg has a transport"
            sizes[at] = transport.unwrap(views[row], int(sizes[at])) or -1

    def _together(self, start: int, stop: int, legs: NDArray[np.int64], clock: int) -> None:
        order = self._order[: stop - start]
        self._last_row[legs] = order  # Of two packets of one leg the later one stays.
        if (self._last_row.take(legs) == order).all():
            self._pass(self._batch, self._buffers, start, stop - start, clock)
        else:
            self._in_passes(order + start, clock)

    def _in_passes(self, rows: NDArray[np.int64], clock: int) -> None:
        """Any rows, with several packets of a leg among them: first the first of each leg, then the second, and so on."""
        legs = self._buffers.leg[rows]
        by_leg = np.argsort(legs, kind="stable")
        sorted_legs = legs[by_leg]
        begins = np.concatenate(([True], sorted_legs[1:] != sorted_legs[:-1]))
        nth = np.empty(len(rows), np.int64)
        nth[by_leg] = self._order[: len(rows)] - np.maximum.accumulate(np.where(begins, self._order[: len(rows)], 0))
        turn = 0
        while len(chosen := rows[nth == turn]) >= CROSSOVER:
            for start in range(0, len(chosen), ASIDE):
                self._pass_aside(chosen[start : start + ASIDE], clock)
            turn += 1
        self._one_by_one(self._buffers, rows[nth >= turn].tolist(), clock)

    def _pass_aside(self, rows: NDArray[np.int64], clock: int) -> None:
        buffers, aside, count = self._buffers, self._aside, len(rows)
        aside.leg[:count], aside.size[:count] = buffers.leg[rows], buffers.size[rows]
        longest = int(aside.size[:count].max())
        aside.octets[:count, :longest] = buffers.octets[rows, :longest]
        self._pass(self._aside_batch, aside, 0, count, clock)
        self._submit()

    def _pass(self, batch: Batch, buffers: Buffers, start: int, count: int, clock: int) -> None:
        """Rows of as many legs."""
        rows, routes, slow = batch.relay(count, clock, start)
        if len(routes):
            stop = start + count
            addresses, sizes = buffers.addresses[start:stop], buffers.size[start:stop]
            if rows is not None:
                addresses, sizes = addresses[rows], sizes[rows]
            files = self._file_of.take(routes)
            if int(files.min()) < 0:
                views = (
                    buffers.views[start:stop] if rows is None else [buffers.views[start + row] for row in rows.tolist()]
                )
                files, addresses, sizes = self._send_to_listeners(files, routes, views, addresses, sizes)
            self._queue(files, addresses, sizes)
        if slow:
            self._submit()  # What the fast path has taken of a leg was there before.
            self.slow_packets += len(slow)
            self._one_by_one(buffers, [start + row for row in slow], clock)

    def _one_by_one(self, buffers: Buffers, rows: range | list[int], clock: int) -> None:
        receive, route_of, senders = self._receive, self._legs.route, self._senders
        legs, sizes, usual, views = buffers.legs, buffers.sizes, buffers.usual, buffers.views
        for row in rows:
            leg = legs[row]
            size = receive(leg, views[row], sizes[row], clock)
            if size:
                packet = usual[row] if size == _USUAL else views[row][:size]
                try:
                    senders[route_of[leg]](packet)
                except OSError as error:
                    self.failed(route_of[leg], packet, error)

    def _serve_rare(self) -> None:
        """What epoll looks after."""
        for descriptor, _ in self._epoll.poll(0):
            handle = self._slow.get(descriptor)
            if handle is not None:  # The one before may have closed it.
                handle()

    # --- sending -----------------------------------------------------------------------------------------------------

    def deliver(self, legs: NDArray[np.int64], rows: Rows, size: int) -> None:
        files, addresses = self._file_of.take(legs), rows.addresses[: len(legs)]
        sizes = np.full(len(legs), size)
        if len(files) and int(files.min()) < 0:
            views = rows.views[: len(legs)]
            files, addresses, sizes = self._send_to_listeners(files, legs, views, addresses, sizes)
        self._queue(files, addresses, sizes)
        self._submit()

    def _send_to_listeners(
        self,
        files: NDArray[np.int32],
        legs: NDArray[np.int64],
        views: list[memoryview],
        addresses: NDArray[np.uint64],
        sizes: NDArray[np.int64],
    ) -> tuple[NDArray[np.int32], NDArray[np.uint64], NDArray[np.int64]]:
        """Send to legs that wait for their latch, whose sockets are not connected; returns what is left to do."""
        for place in np.flatnonzero(files < 0).tolist():
            leg, packet = int(legs[place]), views[place][: sizes[place]]
            try:
                self._senders[leg](packet)
            except OSError as error:
                self.failed(leg, packet, error)
        aimed = files >= 0
        return files[aimed], addresses[aimed], sizes[aimed]

    def _queue(self, files: NDArray[np.int32], addresses: NDArray[np.uint64], sizes: NDArray[np.int64]) -> None:
        """Fill in slots: from there on it is the kernel's work."""
        done, count = 0, len(files)
        while done < count:
            start, stop = self._ring.room(count - done)
            if start == stop:
                self._submit()
                continue
            part = slice(done, done + stop - start)
            self._slot_file[start:stop], self._slot_address[start:stop] = files[part], addresses[part]
            self._slot_size[start:stop] = sizes[part]
            self._ring.advance(stop - start)
            done += stop - start

    def _submit(self) -> None:
        """Send what is queued. All of it is done afterwards; what failed is in the completions."""
        self._ring.submit()
        taken = self._ring.take()
        if taken is not None:
            for user, result in zip(taken[0].tolist(), taken[1].tolist(), strict=True):
                assert user & ~LEG == SENT, "only sends are submitted without waiting for packets"
                self._send_failed(user & LEG, -result)

    def _send_failed(self, slot: int, code: int) -> None:
        request = self._ring.requests[slot]
        leg = int(request["fd"]) % self._legs.count
        packet = memoryview((ctypes.c_char * int(request["len"])).from_address(int(request["addr"]))).cast("B")
        self.failed(leg, packet, OSError(code, os.strerror(code)))

    # --- completions that are no packets -----------------------------------------------------------------------------

    def _sift(
        self, users: NDArray[np.uint64], results: NDArray[np.int32], flags: NDArray[np.uint32]
    ) -> tuple[NDArray[np.uint64], NDArray[np.int32], NDArray[np.uint32]]:
        """Take note of everything else; returns the packets."""
        receives = users < SENT
        if int(users.max()) >= WATCHED:
            self._news = True
        ended = np.flatnonzero(receives & (flags & MORE == 0))
        if len(ended):
            self._ended(users[ended], results[ended], flags[ended])
        packets = receives & (flags & HAS_BUFFER != 0)
        return users[packets], results[packets], flags[packets]

    def _ended(self, users: NDArray[np.uint64], results: NDArray[np.int32], flags: NDArray[np.uint32]) -> None:
        """Receive requests that are over: cancelled, no buffer was left, an error was to be reported, an empty packet came."""
        legs = (users & np.uint64(LEG)).astype(np.int64)
        current = self._current(users, legs)
        self._unsettled -= int(np.count_nonzero(~current))
        self._armed[legs[current]] = False
        self._to_arm += legs[current].tolist()
        errors = (results < 0) & (results != -errno.ECANCELED) & (results != -errno.ENOBUFS)
        self.receive_errors += int(np.count_nonzero(errors))
        for leg in legs[current & (results == 0) & (flags & HAS_BUFFER == 0)].tolist():
            self.received += 1
            self._receive(leg, self._scratch, 0, int(monotonic() * CLOCK_RATE))

    def _current(self, users: NDArray[np.uint64], legs: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which completions are of the present request of their leg."""
        current: NDArray[np.bool_] = users >> np.uint64(GENERATION_SHIFT) == self._generation.take(legs)
        return current

    def _valid(self, users: NDArray[np.uint64], legs: NDArray[np.int64], sizes: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Which packets are for the packet path."""
        return self._current(users, legs) & (sizes >= 0)

    def _all_valid(self, users: NDArray[np.uint64], legs: NDArray[np.int64], sizes: NDArray[np.int32]) -> bool:
        return bool(self._valid(users, legs, sizes).all())
