"""Named limits of the listeners and the counters they keep (RELIABILITY: everything has a limit with a name)."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(slots=True, frozen=True)
class Limits:
    """What strangers may use of us. Times in seconds, sizes in bytes."""

    connections: int = 10_000  # stream connections in all
    connections_per_host: int = 1_024  # ... from one address
    first_message: float = 10.0  # a connection that has said nothing whole is cut after this
    half_message: float = 10.0  # a message that has begun must be whole after this
    handshake: float = 10.0  # to agree on TLS
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
    shed: int = 0
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
