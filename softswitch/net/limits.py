"""Named limits of the listeners and the counters they keep (RELIABILITY: everything has a limit with a name)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Final

PULSE_SECONDS: Final = 0.02
QUIET_SECONDS: Final = 1.0  # between beats while nobody asks: fifty wake-ups a second are one percent of a processor


@dataclass(slots=True, frozen=True)
class Limits:
    """What strangers may use of us. Times in seconds, sizes in bytes."""

    connections: int = 10_000  # stream connections in all
    connections_per_host: int = 1_024  # ... from one address
    first_message: float = 8.0  # a connection that has said nothing whole is cut after this, and a second at most
    half_message: float = 8.0  # a message that has begun must be whole after this, and a second at most
    handshake: float = 8.0  # to agree on TLS
    ping: float = 30.0  # a WebSocket that was quiet this long is asked whether it is still there
    idle: float = 7_200.0  # no traffic at all; twice the longest usual registration
    write_buffer: int = 1 << 20  # unsent bytes of a peer that does not read
    write_stall: float = 20.0  # a peer may keep us from writing this long
    dial: float = 5.0  # to set up an outgoing connection
    dials: int = 256  # outgoing connections being set up at once
    dial_queue: int = 64  # messages waiting for one such connection
    batch: int = 64  # datagrams read in one turn of the loop
    receive_buffer: int = 4 << 20  # asked of the kernel for UDP


@dataclass(slots=True)
class Counters:
    """Plain integers that only grow; the metrics page reads them."""

    datagrams_received: int = 0
    datagrams_sent: int = 0
    bytes_received: int = 0
    bytes_sent: int = 0
    keepalives: int = 0
    send_dropped_full: int = 0  # the socket buffer was full (EAGAIN, ENOBUFS)
    send_refused_address: int = 0  # not a literal address of this family, or a port outside 1..65535
    send_errors: int = 0
    receive_errors: int = 0
    reopened: int = 0
    stream_messages_received: int = 0
    stream_messages_sent: int = 0
    connections_accepted: int = 0
    connections_dialled: int = 0
    connections_refused: int = 0  # over a cap
    handshakes_failed: int = 0  # TLS
    upgrades_refused: int = 0  # HTTP requests that did not become a WebSocket for SIP
    cut_silent: int = 0
    cut_half_message: int = 0
    cut_idle: int = 0
    cut_stalled: int = 0
    cut_framing: int = 0
    dial_failed: int = 0
    flows_gone: int = 0  # something was to be sent on a connection that no longer exists

    def as_dict(self) -> dict[str, int]:
        return {field.name: getattr(self, field.name) for field in fields(self)}


class Census:
    """How many connections there are, in all and from each address, over all listeners."""

    __slots__ = ("_hosts", "_limits", "total")

    def __init__(self, limits: Limits) -> None:
        self.total = 0
        self._limits = limits
        self._hosts: dict[str, int] = {}

    def is_full(self, host: str) -> bool:
        """Whether one more connection from there would be one too many."""
        limits = self._limits
        return self.total >= limits.connections or self._hosts.get(host, 0) >= limits.connections_per_host

    def came(self, host: str) -> None:
        self.total += 1
        self._hosts[host] = self._hosts.get(host, 0) + 1

    def went(self, host: str) -> None:
        self.total -= 1
        self._hosts[host] -= 1
        if not self._hosts[host]:
            del self._hosts[host]


def _nothing() -> None:
    """There is a timer only where there is a loop."""


class Pulse:
    """How late the loop runs, by a heart that should beat every PULSE_SECONDS as long as anybody asks, else slower.

    `hurry`: called when the next beat, far off until then, should come at `due` after all.
    """

    __slots__ = ("_asked", "due", "hurry", "lag", "worst")

    def __init__(self) -> None:
        self.lag = 0.0  # seconds by which the last beat was late
        self.worst = 0.0
        self.due = 0.0  # when the next beat should come; 0 = the heart has not begun to beat
        self._asked = False  # since the last beat
        self.hurry: Callable[[], None] = _nothing

    def beat(self, now: float) -> float:
        """Seconds to the next beat."""
        if self.due:
            self.lag = max(0.0, now - self.due)
            self.worst = max(self.worst, self.lag)
        pause = PULSE_SECONDS if self._asked else QUIET_SECONDS
        self._asked = False
        self.due = now + pause
        return pause

    def lateness(self, now: float) -> float:
        """Seconds that what is handled now has waited for the loop, as well as that can be said."""
        self._asked = True
        if self.due - now > PULSE_SECONDS:
            self.due = now + PULSE_SECONDS
            self.hurry()
        return max(self.lag, now - self.due) if self.due else 0.0
