"""The contract between the planes: commands that call control gives, events that the media worker reports.

Pure values without numpy, so that the control plane may import this module and nothing else of `media`.
A *leg* is one RTP port of one worker: `port = base + 2 * leg`, so call control allocates a leg from its own free list
and writes the SDP without asking the worker. Commands for one leg are performed in the order given. No command has a reply.

What a leg hears is its *source*: exactly one of peer (Bridge), clips (Play), music (Music), tone (Tone), its own voice
(Echo), nothing (Stop). Setting one replaces the other within one tick; the outgoing RTP stream keeps its SSRC and its
sequence numbers, and its timestamps go on (RFC 3550 section 5.1), marker bit set on the first packet of a new source.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

VERSION = 1


@dataclass(slots=True)
class Open:
    """Start a leg. Nothing is sent before an address is known and a source is set.

    `host`/`port`: where the SDP says to send ("" / 0 when not known yet). `latch_host`: not "" for a NATed phone: the
    one address (the signalling source) from which a first packet may move the remote address (RELIABILITY section 3).
    `codec`: "PCMU" | "PCMA"; `payload_type`: its number on this leg; `dtmf_type`: telephone-event's number, -1 if none.
    `receive_type`/`receive_dtmf_type`: the numbers this leg will send to us (RFC 3264 allows them to differ), -1: the same.
    `ptime`: milliseconds per packet that we send. `send`/`receive`: the SDP direction as seen from us.
    `timeout`: seconds without RTP, while receiving, before RtpTimeout is reported; 0 = never.
    """

    leg: int
    host: str
    port: int
    codec: str
    payload_type: int
    dtmf_type: int = -1
    receive_type: int = -1
    receive_dtmf_type: int = -1
    ptime: int = 20
    latch_host: str = ""
    send: bool = True
    receive: bool = True
    timeout: float = 0.0
    ssrc: int = 0


@dataclass(slots=True)
class Modify:
    """A new offer/answer changed the leg: same fields as Open, the source and the statistics are kept.

    The remote address is armed anew (a latch may happen once more) only if `host`, `port` or `latch_host` differ.
    """

    leg: int
    host: str
    port: int
    codec: str
    payload_type: int
    dtmf_type: int = -1
    receive_type: int = -1
    receive_dtmf_type: int = -1
    ptime: int = 20
    latch_host: str = ""
    send: bool = True
    receive: bool = True
    timeout: float = 0.0


@dataclass(slots=True)
class Close:
    """End a leg: its last Statistics event follows, then the port is quiet."""

    leg: int


@dataclass(slots=True)
class Bridge:
    """Each of two legs of this worker becomes the other's source. Telephone-events are relayed (type and clock mapped)."""

    leg: int
    peer: int


@dataclass(slots=True)
class Play:
    """Play clips in sequence, gapless. `play` comes back in PlayDone. `repeat`: times, 0 = until replaced.

    A clip is the name of a source that Load gave. A name not loaded is skipped and reported by Alarm, never silence:
    with nothing left to play the leg hears the `hold` tone until told otherwise.
    `until_digit`: stop at the first DTMF digit (PlayDone says so).
    """

    leg: int
    play: int
    clips: tuple[str, ...]
    repeat: int = 1
    until_digit: bool = False


@dataclass(slots=True)
class Music:
    """Music on hold of a class: one shared play-head for all listeners, or from the start for this one."""

    leg: int
    name: str
    from_start: bool = False


@dataclass(slots=True)
class Tone:
    """A call-progress tone: "ringback" | "busy" | "congestion" | "dial" | "beep" | "hold", by country table."""

    leg: int
    name: str
    country: str = "pl"


@dataclass(slots=True)
class Echo:
    """The leg hears itself."""

    leg: int


@dataclass(slots=True)
class Stop:
    """The leg hears nothing. Only for legs that must not be sent to (hold by the far end)."""

    leg: int


@dataclass(slots=True)
class SendDigits:
    """Send RFC 4733 events to the leg, in place of its source while they last."""

    leg: int
    digits: str
    duration_ms: int = 160


@dataclass(slots=True)
class Load:
    """Make a WAV file (any common format) playable under a name: resampled and encoded once. Class `music` loops."""

    name: str
    path: str
    music: bool = False


Command: TypeAlias = Open | Modify | Close | Bridge | Play | Music | Tone | Echo | Stop | SendDigits | Load


@dataclass(slots=True)
class Ready:
    """The worker has bound its ports and accepts commands."""

    worker: int
    base_port: int
    legs: int
    relay: str  # which relay was chosen, and why, for `status`
    pid: int


@dataclass(slots=True)
class Digit:
    """A telephone-event was received. Reported once, at its start; `duration_ms` as known then."""

    leg: int
    digit: str
    duration_ms: int


@dataclass(slots=True)
class PlayDone:
    """`cause`: "end" | "digit" | "replaced" | "missing"."""

    leg: int
    play: int
    cause: str


@dataclass(slots=True)
class Latched:
    """The remote address of the leg is now this one."""

    leg: int
    host: str
    port: int


@dataclass(slots=True)
class RtpTimeout:
    """No valid RTP for the leg's timeout, although we are to receive."""

    leg: int
    seconds: float


@dataclass(slots=True)
class Statistics:
    """Counters of a leg since Open; sent once when it closes. Jitter and round trip in milliseconds, loss as a count."""

    leg: int
    packets_received: int = 0
    bytes_received: int = 0
    packets_sent: int = 0
    bytes_sent: int = 0
    lost: int = 0
    jitter_ms: float = 0.0
    round_trip_ms: float = 0.0
    dropped_foreign: int = 0  # from an address that was not negotiated
    dropped_invalid: int = 0  # not RTP, or a payload type that was not negotiated
    digits: int = 0
    remote_lost: int = 0  # what the far end reported of our stream (RTCP RR)
    remote_jitter_ms: float = 0.0


@dataclass(slots=True)
class Alarm:
    """Something an operator should know: a missing clip, a late tick, a full ring."""

    what: str
    detail: str = ""


WorkerEvent: TypeAlias = Ready | Digit | PlayDone | Latched | RtpTimeout | Statistics | Alarm
