"""The ways of moving packets, behind one interface, and the choice among them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from media.engine import Engine
from media.latch import Address
from media.legs import Legs
from media.names import RELAYS
from media.ports import PortPool
from media.rows import Rows
from media.transport import Transport

NAMES = RELAYS


class Relay(Protocol):
    """Owns the sockets of the legs: the engine's network, and the mover of packets between them."""

    name: str

    @property
    def received(self) -> int: ...
    @property
    def kernel_packets(self) -> int:
        """How many of the received ones never came to this process."""
        ...

    @property
    def slow_packets(self) -> int: ...
    @property
    def batches(self) -> int: ...
    @property
    def send_errors(self) -> int: ...
    @property
    def receive_errors(self) -> int: ...

    @property
    def senders(self) -> Sequence[Callable[[memoryview], object]]: ...
    @property
    def files(self) -> NDArray[np.int64]: ...
    def failed(self, leg: int, packet: memoryview, error: OSError) -> None: ...
    def deliver(self, legs: NDArray[np.int64], rows: Rows, size: int) -> None: ...
    def aim(self, leg: int, rtp: Address, rtcp: Address, *, keep: bool) -> None: ...
    def listen(self, leg: int, host: str, rtp: Address | None) -> None: ...
    def quiet(self, leg: int) -> None: ...
    def open_doors(self, leg: int) -> None: ...
    def select(self, leg: int, rtp: Address) -> None: ...
    def sift(self, leg: int) -> None: ...
    def guard(self, leg: int, transport: Transport | None) -> None: ...
    def send_datagram(self, leg: int, data: bytes, to: Address | None = None) -> None: ...
    def send_rtcp(self, leg: int, data: bytes) -> None: ...

    def attach(self, engine: Engine) -> None:
        """The engine whose legs these are."""
        ...

    def watch(self, descriptor: int, handle: Callable[[], None]) -> None:
        """Let `poll` call this when a descriptor becomes readable, and return."""
        ...

    def poll(self, timeout: float) -> int:
        """Wait for packets, at most `timeout` seconds, and move them. Returns how many RTP packets there were."""
        ...

    def pace(self, packets_per_second: float) -> float:
        """How many seconds packets should gather at this rate before they are moved; 0: each is to be moved when it comes."""
        ...

    def gather(self, until: float) -> int:
        """Let packets gather until a moment (monotonic seconds), then move all there are. Returns how many there were."""
        ...

    def catch_up(self, leg: int) -> int:
        """Move what waits in the socket of an aimed leg now; not from within `poll`. How many packets; -1: there are more."""
        ...

    def close(self) -> None: ...


class RelayError(Exception):
    """The relay that was asked for does not run here; the text says why."""


def choose(wanted: str, pool: PortPool, legs: Legs) -> tuple[Relay, str]:
    """The best relay that runs here, or the one asked for, and a line that says which and why.

    Raises RelayError if the one asked for does not run here.
    """
    if wanted not in NAMES:
        raise RelayError(f"relay {wanted!r} is unknown: choose one of {', '.join(NAMES)}")
    if wanted not in ("auto", "tcx", "tc"):
        return _in_user_space(wanted, pool, legs)
    from media.relay.tcx import TcxRelay, explain

    try:
        relay = TcxRelay(pool, legs, lambda: _in_user_space("auto", pool, legs), classic=wanted == "tc")
    except OSError as error:
        if wanted != "auto":
            raise RelayError(
                f"the relay {wanted} does not run here: {explain(error)}; or set media.relay to auto"
            ) from None
        best, why = _in_user_space("auto", pool, legs)
        return best, f"{why}; tcx does not run here: {explain(error)}"
    return relay, f"{relay.name}: the kernel relays calls that need nothing else, {relay.where}; {relay.why}"


def _in_user_space(wanted: str, pool: PortPool, legs: Legs) -> tuple[Relay, str]:
    """As `choose`, among the relays that handle packets in this process."""
    from media.relay.epoll import EpollRelay
    from media.relay.reference import ReferenceRelay

    if wanted == "reference":
        return ReferenceRelay(pool, legs), "reference: asked for; handles packets one by one"
    if wanted == "epoll":
        return EpollRelay(pool, legs), "epoll: asked for"
    try:
        relay = _uring(pool, legs)
    except RelayError as error:
        if wanted == "uring":
            raise RelayError(f"the relay uring does not run here: {error}; or set media.relay to auto") from None
        return EpollRelay(pool, legs), f"epoll: runs on any Linux, needs no privilege; uring does not run here: {error}"
    return relay, "uring: asked for" if wanted == "uring" else "uring: the kernel permits io_uring"


def _uring(pool: PortPool, legs: Legs) -> Relay:
    from media.relay.uring import UringRelay

    return UringRelay(pool, legs)
