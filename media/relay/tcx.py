"""A relay in user space, with the one inside the kernel in front of it.

User space begins every stream: it latches, draws the line to the outgoing stream, hears the digits. What is steady then is
lent to the kernel (`offload.py`), which costs a tenth; what needs judgement comes back by itself.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from media.engine import Engine
from media.latch import Address
from media.legs import Legs
from media.ports import PortPool, family_of
from media.relay import Relay
from media.relay.attachment import Attachment
from media.relay.netlink import GROUPS, Netlink, has_policies, policy_news
from media.relay.offload import Offload
from media.rows import Rows
from media.rtp import CLOCK_RATE
from media.transport import Transport

LOOK = 0.05  # seconds between two searches for legs that can be lent
SOON = 0.015  # where there were more than one search should take
LISTEN = 0.020  # seconds between two readings of the tap
CHECKED_AT_ONCE = 64  # legs whose routes are looked up in one go, 16 us each


_CAPABILITIES = {"CAP_NET_ADMIN": 12, "CAP_BPF": 39}


def explain(error: OSError) -> str:
    """Why it does not run, and what to do about it."""
    if error.errno not in (errno.EPERM, errno.EACCES):
        return f"the kernel refused it ({error.strerror or error})"
    missing = ", ".join(_missing_capabilities())
    if missing:
        return f"the process lacks {missing} (systemd: AmbientCapabilities=CAP_BPF CAP_NET_ADMIN)"
    return f"a container or a security module forbids it, although the process has {' and '.join(_CAPABILITIES)}"


def _missing_capabilities() -> list[str]:
    try:
        status = Path("/proc/self/status").read_text()
        effective = int(status.partition("CapEff:")[2].split()[0], 16)
    except (OSError, IndexError, ValueError):
        return []
    return [name for name, bit in _CAPABILITIES.items() if not effective >> bit & 1]


class TcxRelay:
    """`beneath` makes the relay of user space, and says why that one. OSError if the kernel does not take the program.

    `classic`: attach it by filters of traffic control, as on kernels before 6.6.
    """

    def __init__(
        self, pool: PortPool, legs: Legs, beneath: Callable[[], tuple[Relay, str]], *, classic: bool = False
    ) -> None:
        self._pool = pool
        self._legs = legs
        with contextlib.ExitStack() as undo:
            self.offload = Offload(legs, pool.base_port)
            undo.callback(self.offload.close)
            self.attachment = Attachment(self.offload.program, pool.hosts.values(), classic=classic)
            undo.callback(self.attachment.close)
            self._news = [Netlink(groups=GROUPS), *policy_news()]
            self._routes = Netlink()
            for talk in (*self._news, self._routes):
                undo.callback(talk.close)
            self.base, self.why = beneath()
            self._undo = undo.pop_all()
        self.name = f"{'tc' if classic else 'tcx'}+{self.base.name}"
        self._usable = self.attachment.refresh()
        self._bypassing = has_policies()
        self._known_ways: dict[tuple[str, str], int] = {}
        self._to_check: list[int] = []
        self._look_at = self._listen_at = 0.0
        self._handing_over = False
        self._untold = 0
        self._engine: Engine

    @property
    def where(self) -> str:
        """How and where the program is attached, for people."""
        names = dict(socket.if_nameindex())
        found = sorted(names.get(index, str(index)) for index in self.attachment.interfaces)
        return f"by {'classic filters' if self.attachment.classic else 'TCX'} on {', '.join(found) or 'no interface'}"

    def attach(self, engine: Engine) -> None:
        self._engine = engine
        self.base.attach(engine)
        self.offload.listen = self._listen
        for source in self._news:
            self.base.watch(source.fileno(), self._on_news)

    def watch(self, descriptor: int, handle: Callable[[], None]) -> None:
        self.base.watch(descriptor, handle)

    def close(self) -> None:
        self._undo.close()
        self.base.close()

    # --- the base's affairs ------------------------------------------------------------------------------------------

    @property
    def senders(self) -> Sequence[Callable[[memoryview], object]]:
        return self.base.senders

    @property
    def files(self) -> NDArray[np.int64]:
        return self.base.files

    @property
    def slow_packets(self) -> int:
        return self.base.slow_packets

    @property
    def batches(self) -> int:
        return self.base.batches

    @property
    def send_errors(self) -> int:
        return self.base.send_errors

    @property
    def receive_errors(self) -> int:
        return self.base.receive_errors

    @property
    def kernel_packets(self) -> int:
        return self.offload.moved

    @property
    def received(self) -> int:
        return self.base.received + self.kernel_packets

    def deliver(self, legs: NDArray[np.int64], rows: Rows, size: int) -> None:
        self.base.deliver(legs, rows, size)

    def failed(self, leg: int, packet: memoryview, error: OSError) -> None:
        self.base.failed(leg, packet, error)

    def send_datagram(self, leg: int, data: bytes, to: Address | None = None) -> None:
        self.base.send_datagram(leg, data, to)

    def send_rtcp(self, leg: int, data: bytes) -> None:
        self.base.send_rtcp(leg, data)

    # --- where legs send and receive ---------------------------------------------------------------------------------

    def aim(self, leg: int, rtp: Address, rtcp: Address, *, keep: bool) -> None:
        self.offload.unsettle(leg)
        self.base.aim(leg, rtp, rtcp, keep=keep)
        here = self._pool.rtp(leg, family_of(rtp[0])).getsockname()
        self.offload.settle(leg, (here[0], here[1]), rtp)

    def listen(self, leg: int, host: str, rtp: Address | None) -> None:
        self.offload.unsettle(leg)
        self.base.listen(leg, host, rtp)

    def open_doors(self, leg: int) -> None:
        self.offload.unsettle(leg)
        self.base.open_doors(leg)

    def select(self, leg: int, rtp: Address) -> None:
        self.base.select(leg, rtp)  # The leg is not lent: its address may change with any packet.

    def sift(self, leg: int) -> None:
        self.base.sift(leg)

    def quiet(self, leg: int) -> None:
        self.offload.unsettle(leg)
        self.base.quiet(leg)

    def guard(self, leg: int, transport: Transport | None) -> None:
        self.offload.guard(leg, transport is not None and transport.wraps)
        self.base.guard(leg, transport)

    # --- the loop ----------------------------------------------------------------------------------------------------

    def poll(self, timeout: float) -> int:
        if self._legs.listening and self._legs.lending:
            timeout = min(timeout, max(self._listen_at - monotonic(), 0.0))
        count = self.base.poll(timeout)
        self._look_after(monotonic())
        return count

    def catch_up(self, leg: int) -> int:
        return self.base.catch_up(leg)

    def pace(self, packets_per_second: float) -> float:
        return self.base.pace(packets_per_second)

    def gather(self, until: float) -> int:
        count = self.base.gather(until)
        self._look_after(monotonic())
        return count

    def _look_after(self, now: float) -> None:
        """Everything that has been read is sent now: what is lent goes on from here."""
        if now >= self._listen_at and self._legs.listening and self._legs.lending:
            self._listen_at = now + LISTEN
            self._listen()
        if now >= self._look_at:
            more = self.offload.lend(now, self._leaves_by, self.base.catch_up)
            self._look_at = now + (SOON if more else LOOK)
            if self._to_check:
                self._check()

    def _listen(self) -> None:
        """Hand over what the program has copied for the ears."""
        ears = self._engine.session.ears
        if ears is None or self._handing_over:  # What they hear may make them change a leg that is lent.
            return
        self._handing_over = True
        try:
            self.offload.tap.read(ears, int(monotonic() * CLOCK_RATE))
        finally:
            self._handing_over = False
        if (untold := self.offload.untold) > self._untold:
            self._engine.alarm("tap full", f"{untold - self._untold} packets were relayed, but not heard")
            self._untold = untold

    # --- the network -------------------------------------------------------------------------------------------------

    def _leaves_by(self, source: Address, target: Address) -> int:
        """By which interface; 0 if IPsec has a say in it, or if it does not take packets as Ethernet does."""
        if self._bypassing:
            return 0
        way = source[0], target[0]
        found = self._known_ways.get(way)
        if found is None:
            try:
                found = self._routes.leaves_by(source, target)
            except OSError:
                found = 0
            found = self._known_ways[way] = found if found in self._usable else 0
        return found

    def _on_news(self) -> None:
        """Interfaces, addresses, routes, rules or policies have changed. Most such changes have nothing to do with us."""
        for source in self._news:
            source.news()
        self._usable = self.attachment.refresh()
        self._bypassing = has_policies()
        self._known_ways.clear()
        self.offload.use_only(self._usable if not self._bypassing else set())
        self._to_check = np.flatnonzero(self._legs.loans).tolist()

    def _check(self) -> None:
        """Do the packets of these legs still leave the way they did? A few at a time."""
        for leg in self._to_check[-CHECKED_AT_ONCE:]:
            self.offload.check(leg, self._leaves_by)
        del self._to_check[-CHECKED_AT_ONCE:]
