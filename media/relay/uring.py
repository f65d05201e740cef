"""The fastest relay without privileges: io_uring moves the packets, Python rewrites them by the batch.

Every leg whose remote address is settled has one receive request that stays. The kernel puts what arrives into the rows of the
buffer matrix, one after the other whatever leg it is for, so what has come since the last look is a slice of the matrix, and
what `batch.py` does to it needs no gathering. Each row is then sent from where it lies. One system call waits for packets, one
sends them all.

What is rare - legs that wait for their latch, RTCP, the worker's own descriptors - is left to epoll as in the other relays,
and the ring watches the descriptor of epoll.
"""

from __future__ import annotations

import errno
import socket
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from media.engine import Engine
from media.legs import Legs
from media.ports import PortPool
from media.relay import RelayError
from media.relay.batch import Batch, Buffers
from media.relay.iouring import (
    BUFFER_SHIFT,
    FLAGS,
    HAS_BUFFER,
    MARK,
    MORE,
    POLL_ADD,
    RESULT,
    SQE,
    USER,
    BufferRing,
    Ring,
    Unavailable,
    prove,
)
from media.relay.receives import Receives
from media.relay.sends import SENT, Sends
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
RARELY = 0.005  # seconds between looks at what epoll looks after, under load
EVERYTHING = 1 << 20  # completions to wait for: more than there can be
SHORT_PACE, LONG_PACE = 0.0015, 0.002  # seconds
LONG_FROM = 75_000  # packets per second from which on a longer pace is worth its delay

WATCHED = 3 << 16  # mark of the request that watches epoll; the others: `sends.py`, `receives.py`
NOTHING_LEFT = -1  # size of a packet that its transport took

_USUAL = HEADER_SIZE + 160
_POLLIN = 1


class UringRelay(SocketRelay):
    """Gathers, computes, sends, with a system call each for all packets."""

    name = "uring"

    def __init__(self, pool: PortPool, legs: Legs) -> None:
        """Raises RelayError with the reason if it does not run here."""
        rows = 1 << (min(max(2 * legs.count, FEWEST_ROWS), MOST_ROWS) - 1).bit_length()
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
        self._sends = Sends(self._ring, self._send_failed)
        self._receives = Receives(legs.count, self._sends)
        self._batch = Batch(legs, self._buffers)
        self._aside = Buffers(ASIDE)
        self._aside_batch = Batch(legs, self._aside)
        self._order: NDArray[np.int64] = np.arange(MOST_ROWS)
        self._last_row: NDArray[np.int64] = np.zeros(legs.count, np.int64)
        # The flags of completions that are nothing but packets, twice round the matrix.
        flags = np.arange(rows, dtype=np.uint32) << BUFFER_SHIFT | HAS_BUFFER | MORE
        self._steady: NDArray[np.uint32] = np.concatenate((flags, flags))
        self._file_of: NDArray[np.int32] = np.full(
            legs.count, -1, np.int32
        )  # where the ring sends to; -1: use `senders`
        self._guarded: NDArray[np.bool_] = np.zeros(legs.count, np.bool_)
        self._guards = 0
        self._watching = self._news = False
        self._rare_at = 0.0

    def attach(self, engine: Engine) -> None:
        super().attach(engine)
        self._receive = engine.session.receive
        self._batch.ears = self._aside_batch.ears = engine.session.ears

    def close(self) -> None:
        self._ring.close()
        super().close()

    # --- legs --------------------------------------------------------------------------------------------------------

    def _begin(self, leg: int, media: socket.socket, *, admitted: bool) -> None:
        if admitted:
            self._epoll.unregister(media.fileno())
        self._receives.begin(leg, self._families[media.family] + leg)

    def _end(self, leg: int, media: socket.socket) -> None:
        self._receives.end(leg)

    def _attach_leg(self, leg: int) -> None:
        super()._attach_leg(leg)
        self._file_of[leg] = self._receives.place[leg] if self._files[leg] >= 0 else -1
        self._guard(leg, self._transports[leg] is not None)

    def quiet(self, leg: int) -> None:
        super().quiet(leg)
        self._file_of[leg] = -1
        self._guard(leg, False)

    def _guard(self, leg: int, guarded: bool) -> None:
        self._guards += int(guarded) - int(self._guarded[leg])
        self._guarded[leg] = guarded

    # --- the turn ----------------------------------------------------------------------------------------------------

    def pace(self, packets_per_second: float) -> float:
        if not super().pace(packets_per_second):
            return 0.0
        return SHORT_PACE if packets_per_second < LONG_FROM else LONG_PACE

    def poll(self, timeout: float) -> int:
        now = monotonic()
        if not self._watching:
            self._watch()
        return self._turn(1 if timeout > 0 else 0, now + timeout, now)

    def gather(self, until: float) -> int:
        now = monotonic()
        if now >= self._rare_at:  # Who comes by that often need not be called.
            self._rare_at = now + RARELY
            self._news = True
        return self._turn(EVERYTHING, until, now)

    def _turn(self, wait: int, until: float, now: float) -> int:
        if self._receives.changed:
            self._receives.order()
        self._ring.enter(wait, until, now)
        done = self._ring.completions()
        count = 0
        try:
            if done is not None:
                count = self._digest(done)
        finally:
            if self._news:
                self._news = False
                self._serve_rare()
        self._attend()
        return count

    def _watch(self) -> None:
        """Let epoll's descriptor end the wait, once."""
        watch = np.zeros(1, SQE)
        watch["opcode"], watch["fd"], watch["op_flags"] = POLL_ADD, self._epoll.fileno(), _POLLIN
        watch["user"] = WATCHED << 32
        self._sends.request(watch)
        self._watching = True

    def _serve_rare(self) -> None:
        """What epoll looks after."""
        for descriptor, _ in self._epoll.poll(0):
            handle = self._slow.get(descriptor)
            if handle is not None:  # The one before may have closed it.
                handle()

    def _digest(self, done: NDArray[np.uint32]) -> int:
        """All completions of a turn. Returns how many packets there were."""
        first = int(done[0, FLAGS]) >> BUFFER_SHIFT
        clock = int(monotonic() * CLOCK_RATE)
        if self._receives.unsettled or self._guards or not self._is_steady(done, first):
            return self._digest_mixed(done.copy(), clock)
        legs, sizes = done[:, USER].astype(np.int64), done[:, RESULT].astype(np.int64)
        self._ring.release()
        self.received += len(legs)
        self.batches += 1
        try:
            self._move(first, legs, sizes, clock)
        finally:
            self._sends.submit()
            self._lent.give(first, len(legs))
        return len(legs)

    def _is_steady(self, done: NDArray[np.uint32], first: int) -> bool:
        """Whether these are packets in rows one after the other, and nothing else: then all flags are known beforehand."""
        return done[:, FLAGS].tobytes() == self._steady[first : first + len(done)].tobytes()

    def _digest_mixed(self, done: NDArray[np.uint32], clock: int) -> int:
        """Not only packets; or some of a leg that is no longer, or that have to be made plain first."""
        self._ring.release()
        marks = done[:, MARK]
        if (marks == WATCHED).any():
            self._news, self._watching = True, False
        self.send_errors += int(np.count_nonzero(marks == SENT))
        done = done[marks < SENT]
        self._receives.note_ends(done)
        results = done[:, RESULT].view(np.int32)
        errors = (results < 0) & (results != -errno.ECANCELED) & (results != -errno.ENOBUFS)
        self.receive_errors += int(np.count_nonzero(errors))
        filled = done[:, FLAGS] & HAS_BUFFER != 0
        empty = done[(results == 0) & ~filled & self._receives.current(done), USER].tolist()
        count = self._digest_packets(done[filled], clock) if filled.any() else 0
        for leg in empty:
            self._empty_packet(leg, clock)
        return count + len(empty)

    def _digest_packets(self, done: NDArray[np.uint32], clock: int) -> int:
        rows, legs = (done[:, FLAGS] >> BUFFER_SHIFT).astype(np.int64), done[:, USER].astype(np.int64)
        sizes = done[:, RESULT].astype(np.int64)
        self.received += len(rows)
        self.batches += 1
        try:
            if self._guards:
                self._unwrap_rows(rows, legs, sizes)
            valid = self._receives.current(done)
            valid &= sizes != NOTHING_LEFT
            if valid.all() and (rows == (rows[0] + self._order[: len(rows)] & self._buffers.rows - 1)).all():
                self._move(int(rows[0]), legs, sizes, clock)
            else:
                self._buffers.leg[rows], self._buffers.size[rows] = legs, sizes
                self._in_passes(rows[valid], clock)
        finally:
            self._sends.submit()
            self._lent.give_rows(rows)
        return len(rows)

    def _empty_packet(self, leg: int, clock: int) -> None:
        """A datagram without octets takes no row, and ends the receive request."""
        self.received += 1
        transport = self._transports[leg]
        if transport is None or transport.unwrap(self._scratch, 0):
            self._receive(leg, self._scratch, 0, clock)

    def _unwrap_rows(self, rows: NDArray[np.int64], legs: NDArray[np.int64], sizes: NDArray[np.int64]) -> None:
        """Make plain RTP of the packets of legs with a transport."""
        guarded = np.flatnonzero(self._guarded.take(legs))
        views, transports = self._buffers.views, self._transports
        for at, row, leg in zip(guarded.tolist(), rows[guarded].tolist(), legs[guarded].tolist(), strict=True):
            transport = transports[leg]
            assert transport is not None, "a guarded leg has a transport"
            sizes[at] = transport.unwrap(views[row], int(sizes[at])) or NOTHING_LEFT

    # --- packets -----------------------------------------------------------------------------------------------------

    def _move(self, first: int, legs: NDArray[np.int64], sizes: NDArray[np.int64], clock: int) -> None:
        """Packets in rows one after the other, round the end of the matrix perhaps."""
        split = self._buffers.rows - first
        self._slice(first, legs[:split], sizes[:split], clock)
        if len(legs) > split:
            self._slice(0, legs[split:], sizes[split:], clock)

    def _slice(self, start: int, legs: NDArray[np.int64], sizes: NDArray[np.int64], clock: int) -> None:
        buffers, count = self._buffers, len(legs)
        stop = start + count
        buffers.leg[start:stop], buffers.size[start:stop] = legs, sizes
        if count < CROSSOVER:
            self._one_by_one(buffers, range(start, stop), clock)
            return
        order = self._order[:count]
        self._last_row[legs] = order  # Of two packets of one leg the later one stays.
        if self._last_row.take(legs).tobytes() == order.tobytes():
            self._pass(self._batch, buffers, start, count, clock)
        else:
            self._in_passes(order + start, clock)

    def _in_passes(self, rows: NDArray[np.int64], clock: int) -> None:
        """Any rows, several of them of one leg perhaps: first the first of each leg, then the second of each, and so on."""
        if len(rows) < CROSSOVER:
            self._one_by_one(self._buffers, rows.tolist(), clock)
            return
        legs, order = self._buffers.leg[rows], self._order[: len(rows)]
        by_leg = np.argsort(legs, kind="stable")
        begins = np.zeros(len(rows), np.int64)
        begins[1:] = np.where(legs[by_leg[1:]] != legs[by_leg[:-1]], order[1:], 0)
        nth = np.empty(len(rows), np.int64)
        nth[by_leg] = order - np.maximum.accumulate(begins)
        turn = 0
        while len(chosen := rows[nth == turn]) >= CROSSOVER:
            for start in range(0, len(chosen), ASIDE):
                self._pass_aside(chosen[start : start + ASIDE], clock)
            turn += 1
        self._one_by_one(self._buffers, rows[nth >= turn].tolist(), clock)

    def _pass_aside(self, rows: NDArray[np.int64], clock: int) -> None:
        """Rows of as many legs, which do not lie together: they are put together first."""
        buffers, aside, count = self._buffers, self._aside, len(rows)
        aside.leg[:count], aside.size[:count] = buffers.leg[rows], buffers.size[rows]
        buffers.copy(rows, aside, int(np.maximum.reduce(aside.size[:count])))
        self._pass(self._aside_batch, aside, 0, count, clock)
        self._sends.submit()

    def _pass(self, batch: Batch, buffers: Buffers, start: int, count: int, clock: int) -> None:
        """Rows of as many legs, one after the other."""
        rows, routes, slow = batch.relay(count, clock, start)
        if len(routes):
            stop = start + count
            addresses, sizes = buffers.addresses[start:stop], buffers.size[start:stop]
            if rows is not None:
                addresses, sizes = addresses[rows], sizes[rows]
            files = self._file_of.take(routes)
            if int(np.minimum.reduce(files)) < 0:
                views = (
                    buffers.views[start:stop] if rows is None else [buffers.views[start + row] for row in rows.tolist()]
                )
                files, addresses, sizes = self._send_by_senders(files, routes, views, addresses, sizes)
            self._sends.queue(files, addresses, sizes)
        if slow:
            self._sends.submit()  # What the fast path has taken of a leg came before.
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

    # --- sending -----------------------------------------------------------------------------------------------------

    def deliver(self, legs: NDArray[np.int64], rows: Rows, size: int) -> None:
        files, addresses = self._file_of.take(legs), rows.addresses[: len(legs)]
        sizes = np.full(len(legs), size)
        if len(files) and int(np.minimum.reduce(files)) < 0:
            views = rows.views[: len(legs)]
            files, addresses, sizes = self._send_by_senders(files, legs, views, addresses, sizes)
        self._sends.queue(files, addresses, sizes)
        self._sends.submit()

    def _send_by_senders(
        self,
        files: NDArray[np.int32],
        legs: NDArray[np.int64],
        views: list[memoryview],
        addresses: NDArray[np.uint64],
        sizes: NDArray[np.int64],
    ) -> tuple[NDArray[np.int32], NDArray[np.uint64], NDArray[np.int64]]:
        """Send to legs that the ring cannot send to (not settled yet, or with a transport); returns what is left to do."""
        for place in np.flatnonzero(files < 0).tolist():
            leg, packet = int(legs[place]), views[place][: sizes[place]]
            try:
                self._senders[leg](packet)
            except OSError as error:
                self.failed(leg, packet, error)
        direct = files >= 0
        return files[direct], addresses[direct], sizes[direct]

    def _send_failed(self, file: int, packet: memoryview, error: OSError) -> None:
        self.failed(file % self._legs.count, packet, error)
