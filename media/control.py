"""The contract between the planes: commands that call control gives, events that the media worker reports.

Pure values without numpy, so that the control plane may import this module and nothing else of `media`.
A *leg* is one RTP port of one worker: `port = base + 2 * leg`, so call control allocates a leg from its own free list
and writes the SDP without asking the worker. Commands for one leg are performed in the order given. No command has a reply.

What a leg hears is its *source*: exactly one of peer (Bridge), a room (Join), clips (Play), music (Music), tone (Tone), its
own voice (Echo), nothing (Stop). Setting one replaces the other within one tick; the outgoing RTP stream keeps its SSRC and its
sequence numbers, and its timestamps go on (RFC 3550 section 5.1), marker bit set on the first packet of a new source.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from struct import Struct
from struct import error as StructError
from typing import TypeAlias, get_args
from zlib import crc32

VERSION = 2


@dataclass(slots=True)
class Open:
    """Start a leg. Nothing is sent before an address is known and a source is set.

    `host`/`port`: where the SDP says to send ("" / 0 when not known yet). `latch_host`: not "" for a NATed phone: the
    one address (the signalling source) from which a first packet may move the remote address (RELIABILITY section 3).
    `codec`: "PCMU" | "PCMA" | "G722" | "opus" | "L16", or the name of any other codec, which is then only passed through to
    a leg of the same codec and clock; `clock`: of its RTP timestamps, hertz (G.722's is 8000, RFC 3551); `fmtp`: what the
    peer's SDP said about it (RFC 7587: what it wants to receive).
    `payload_type`: its number on this leg; `dtmf_type`: telephone-event's number, -1 if none.
    `receive_type`/`receive_dtmf_type`: the numbers this leg will send to us (RFC 3264 allows them to differ), -1: the same.
    `noise_type`: comfort noise's number (RFC 3389), -1: none was agreed; 13 is understood all the same.
    `dtmf_clock`: of the durations of its events, hertz, 0: the codec's, which RFC 4733 section 2.1 wants; many phones name 8000
    with any codec. Timestamps of events are of the stream that they are in.
    `inband`: keys are heard in the audio, as no telephone-event was agreed.
    `ptime`: milliseconds per packet that we send. `max_ptime`: the longest packet that the peer takes (its maxptime), 0: it said
    nothing; packets of a bridged leg are made anew if they are longer than both.
    `arming`: counts how often the peer has proven that it moved.
    `send`/`receive`: the SDP direction as seen from us.
    `timeout`: seconds without RTP, while receiving, before RtpTimeout is reported; 0 = never.

    SRTP: `suite` is a crypto-suite of RFC 4568 or RFC 7714 with `send_key`/`receive_key` in base64 (key and salt as in
    the inline: parameter); or, for DTLS-SRTP (RFC 5764), "DTLS" with `setup` (our role: "active" | "passive") and the
    peer's `fingerprint` ("sha-256 AB:CD:..."); the worker's own is in Ready. "" is plain RTP.
    ICE (RFC 8445): `ice` is "ufrag:password" of ours, `remote_ice` the peer's; "" without ICE. `candidates`: the peer's, as in
    its SDP, without "candidate:". Once a pair is validated it alone says where RTP goes and comes from; `latch_host` is "" then.
    `rtcp_mux`: RTCP shares the RTP port (RFC 5761).
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
    ssrc: int = 0  # of our stream; 0: drawn at random
    rtcp_port: int = 0  # where the SDP says to send RTCP (RFC 3605); 0: port + 1
    clock: int = 8000
    fmtp: str = ""
    noise_type: int = -1
    inband: bool = False
    suite: str = ""
    send_key: str = ""
    receive_key: str = ""
    setup: str = ""
    fingerprint: str = ""
    ice: str = ""
    remote_ice: str = ""
    candidates: tuple[str, ...] = ()
    rtcp_mux: bool = False
    max_ptime: int = 0
    arming: int = 0
    dtmf_clock: int = 0


@dataclass(slots=True)
class Modify:
    """A new offer/answer changed the leg: same fields as Open, the source and the statistics are kept.

    The remote address is armed anew (a latch may happen once more) only if `host`, `port`, `latch_host` or `arming` differ.
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
    rtcp_port: int = 0
    clock: int = 8000
    fmtp: str = ""
    noise_type: int = -1
    inband: bool = False
    suite: str = ""
    send_key: str = ""
    receive_key: str = ""
    setup: str = ""
    fingerprint: str = ""
    ice: str = ""
    remote_ice: str = ""
    candidates: tuple[str, ...] = ()
    rtcp_mux: bool = False
    max_ptime: int = 0
    arming: int = 0
    dtmf_clock: int = 0


@dataclass(slots=True)
class Close:
    """End a leg: its last Statistics event follows, then the port is quiet."""

    leg: int


@dataclass(slots=True)
class Bridge:
    """Each of two legs of this worker becomes the other's source. Telephone-events are relayed (type and clock mapped).

    Whether their packets are relayed as they are, or decoded and encoded again, is the worker's affair: codecs, clocks and
    packet times may differ, and may change while they talk.
    """

    leg: int
    peer: int


@dataclass(slots=True)
class Play:
    """Play clips in sequence, gapless. `play` comes back in PlayDone. `repeat`: times, 0 = until replaced.

    A clip is the name of a source that Load gave. A name not loaded is skipped and reported by Alarm, never silence:
    with nothing left to play the leg hears the `hold` tone until told otherwise.
    After its last clip the leg is sent silence, so that RTP never pauses, until the next source is set.
    `until_digit`: stop at the first DTMF digit (PlayDone says so).
    """

    leg: int
    play: int
    clips: tuple[str, ...]
    repeat: int = 1
    until_digit: bool = False


@dataclass(slots=True)
class PlayFile:
    """Play a WAV file once, from `offset` seconds on, to this leg only: as Play, but the worker forgets it afterwards.

    A file that cannot be read is reported by Alarm, and as missing by PlayDone.
    """

    leg: int
    play: int
    path: str
    offset: float = 0.0
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
class Join:
    """The leg hears the others of a room, without itself; or, if it is in that room already, changes its part in it.

    `part`: "talk" (heard by all), "listen" (heard by nobody: a silent monitor, or a muted member), "whisper" (heard by leg `to`
    only). A room is a number of the caller's choice; it exists while somebody is in it. Nobody in it hears a change as
    a gap or a click. Two legs that are left alone in a room, both talking, are relayed as if they had been bridged.
    Keys that one member presses are reported as ever; they are relayed only between two that are alone.
    Any other source takes the leg out of the room.
    """

    leg: int
    room: int
    part: str = "talk"
    to: int = -1


@dataclass(slots=True)
class Record:
    """Record what legs say, in stereo: `left` and `right`, -1 for a side that is silent. Begins at once.

    `path`: of the file to be written, whose folder is made if it is not there; `form`: "wav" | "opus", or "mono": a WAV file of
    one channel, which is what `left` says. `silence`: seconds after which Quiet is reported if nothing is said (then also what
    is silent at the end is left out of the file); 0 = nobody listens. The same `record` again
    changes the legs, as in a transfer, and goes on in the same file. A leg that is closed leaves its side silent. Recording
    never disturbs a call: what the disk does not take in time is left out, counted and reported.
    """

    record: int
    path: str
    left: int
    right: int
    form: str = "wav"
    silence: float = 0.0


@dataclass(slots=True)
class Pause:
    """Leave out what is said from now on (a card number), or go on. The time that is left out is silent in the file."""

    record: int
    paused: bool = True


@dataclass(slots=True)
class Finish:
    """End a recording: Recorded follows when the file is complete on disk."""

    record: int


@dataclass(slots=True)
class Stop:
    """The leg hears nothing. Only for legs that must not be sent to (hold by the far end)."""

    leg: int


@dataclass(slots=True)
class SendDigits:
    """Send RFC 4733 events to the leg, in place of its source while they last. Digits: 0-9 * # A-D and "!" (flash).

    A leg without a telephone-event type hears the same digits as tones in its audio.
    """

    leg: int
    digits: str
    duration_ms: int = 160


@dataclass(slots=True)
class Load:
    """Make a WAV file (any common format) playable under a name: resampled and encoded once. Class `music` loops.

    `more`: further files that follow the first, as one recording. `on_demand`: of a clip only the header is looked at, so that a
    file that is none is reported now; it is read when it is to be heard first, and takes no memory until then.
    """

    name: str
    path: str
    music: bool = False
    more: tuple[str, ...] = ()
    on_demand: bool = False


Command: TypeAlias = (
    Open
    | Modify
    | Close
    | Bridge
    | Join
    | Play
    | PlayFile
    | Music
    | Tone
    | Echo
    | Stop
    | SendDigits
    | Load
    | Record
    | Pause
    | Finish
)


@dataclass(slots=True)
class Ready:
    """The worker has bound its ports and accepts commands."""

    worker: int
    base_port: int
    legs: int
    relay: str  # which relay was chosen, and why, for `status`
    pid: int
    taken: tuple[str, ...] = ()  # numbers of legs that cannot be used: another program has one of their ports
    fingerprint: str = ""  # of its DTLS certificate, as in SDP: "sha-256 AB:CD:..."
    codecs: tuple[str, ...] = ()  # that it can decode, encode and play; others it can only pass through


@dataclass(slots=True)
class Failed:
    """The worker could not start: nothing else follows. `reason` says what is wrong and what to do about it."""

    worker: int
    reason: str


@dataclass(slots=True)
class Stopped:
    """The worker process is gone. Made by the client, once, after the last event that the worker gave."""

    worker: int
    reason: str


@dataclass(slots=True)
class Digit:
    """A key was pressed: "0".."9", "*", "#", "A".."D", "!" (flash).

    Reported once, at its start; `duration_ms` as known then. `method`: "rfc4733" | "inband".
    """

    leg: int
    digit: str
    duration_ms: int
    method: str = "rfc4733"


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
class Secured:
    """The DTLS handshake of the leg is done and media flows encrypted; or it failed: `error` says why."""

    leg: int
    suite: str = ""
    error: str = ""


@dataclass(slots=True)
class Audio:
    """What can be heard on a leg has changed (MED-25).

    `state`: "heard" (audio arrives), "silent" (packets arrive, all of them silence), "dead" (nothing arrives although it should).
    """

    leg: int
    state: str
    seconds: float = 0.0  # since when


@dataclass(slots=True)
class Quality:
    """How a leg sounds now, over the last seconds: about every ten, and when it becomes another class (`quality.class_of`).

    `loss`: share of packets lost on the way to us, 0 to 1; the rest as in Statistics.
    """

    leg: int
    mos: float
    loss: float = 0.0
    jitter_ms: float = 0.0
    round_trip_ms: float = 0.0
    remote_mos: float = 0.0


@dataclass(slots=True)
class Recorded:
    """A recording is complete, or has ended early: `error` says why, and `path` holds what was saved before.

    `seconds` of audio are in the file, `paused` of them left out on request, `lost` because the disk did not keep up.
    """

    record: int
    path: str
    seconds: float
    octets: int
    paused: float = 0.0
    lost: float = 0.0
    error: str = ""
    voiced: float = 0.0  # seconds in which something was said, if Record.silence asked for it


@dataclass(slots=True)
class Quiet:
    """Nothing has been said into a recording for `Record.silence` seconds. Reported once for each silence."""

    record: int
    seconds: float


@dataclass(slots=True)
class Statistics:
    """Counters of a leg since Open; sent once when it closes. Jitter and round trip in milliseconds, loss as a count.

    `mos`: what our side hears, by the E-model (ITU-T G.107) from codec, loss, jitter and delay, 1.0 to 4.5, 0: not known;
    `remote_mos`: what the far end hears, from its reports.
    """

    leg: int
    packets_received: int = 0
    bytes_received: int = 0
    packets_sent: int = 0
    bytes_sent: int = 0
    lost: int = 0
    jitter_ms: float = 0.0
    round_trip_ms: float = 0.0
    dropped_foreign: int = 0  # from elsewhere, before the address was settled; later the kernel refuses them uncounted
    dropped_invalid: int = 0  # not RTP, or a payload type that was not negotiated
    digits: int = 0
    remote_lost: int = 0  # what the far end reported of our stream (RTCP RR)
    remote_jitter_ms: float = 0.0
    mos: float = 0.0
    remote_mos: float = 0.0
    dropped_forged: int = 0  # SRTP that did not authenticate, or was a replay


@dataclass(slots=True)
class Alarm:
    """Something an operator should know: a missing clip, a late tick, a full ring."""

    what: str
    detail: str = ""


WorkerEvent: TypeAlias = (
    Ready
    | Failed
    | Stopped
    | Digit
    | PlayDone
    | Latched
    | Secured
    | RtpTimeout
    | Audio
    | Quality
    | Recorded
    | Quiet
    | Statistics
    | Alarm
)


# --- records: how the values travel through the ring ------------------------------------------------------------------
#
#   0      1         2 ...  in the order of the class's fields
# +------+---------+------------------------------+-------------------------------------+
# | kind | VERSION | every number and truth value | every string: length (u16), UTF-8   |
# +------+---------+------------------------------+-------------------------------------+
#
# Numbers are little-endian and 8 bytes wide: nothing here is sent over a network, and no value needs a range check.

MAX_RECORD = 60_000  # octets; a Play of a thousand long names still fits

_KINDS: dict[int, type] = {
    1: Open, 2: Modify, 3: Close, 4: Bridge, 5: Play, 6: Music, 7: Tone, 8: Echo, 9: Stop, 10: SendDigits, 11: Load,
    12: Join, 13: Record, 14: Pause, 15: Finish, 16: PlayFile,
    64: Ready, 65: Failed, 66: Stopped, 67: Digit, 68: PlayDone, 69: Latched, 70: RtpTimeout, 71: Statistics, 72: Alarm,
    73: Secured, 74: Audio, 75: Recorded, 76: Quality, 77: Quiet,
}  # fmt: skip

_FORMATS = {"int": "q", "float": "d", "bool": "?"}


class RecordError(ValueError):
    """A record is not what this version writes: the other side runs different code, or the memory is damaged."""


@dataclass(slots=True)
class _Layout:
    """How one class is laid out: its numbers packed together, then its strings."""

    kind: int
    cls: type
    numbers: Struct
    number_names: tuple[str, ...]
    text_names: tuple[str, ...]
    order: tuple[int, ...]  # for each field in turn, its index in numbers + texts
    many: frozenset[str]  # the text fields that hold a tuple of strings


def _layout(kind: int, cls: type) -> _Layout:
    numbers = [field for field in fields(cls) if field.type in _FORMATS]
    texts = [field for field in fields(cls) if field.type not in _FORMATS]
    names = [field.name for field in numbers + texts]
    return _Layout(
        kind,
        cls,
        Struct("<BB" + "".join(_FORMATS[str(field.type)] for field in numbers)),
        tuple(field.name for field in numbers),
        tuple(field.name for field in texts),
        tuple(names.index(field.name) for field in fields(cls)),
        frozenset(field.name for field in texts if field.type != "str"),
    )


_LAYOUTS = {kind: _layout(kind, cls) for kind, cls in _KINDS.items()}
_LAYOUT_OF = {layout.cls: layout for layout in _LAYOUTS.values()}
_LENGTH = Struct("<H")
COMMANDS = frozenset(get_args(Command))

# Of all classes with the names and types of their fields: two programs whose FORMAT is the same understand each other.
FORMAT = crc32(
    repr(
        [
            (VERSION, kind, cls.__name__, [(each.name, each.type) for each in fields(cls)])
            for kind, cls in _KINDS.items()
        ]
    ).encode()
)


def _text(value: str) -> bytes:
    data = value.encode("utf-8", "surrogateescape")
    return _LENGTH.pack(len(data)) + data


def encode(value: Command | WorkerEvent) -> bytes:
    """The record of a command or an event. RecordError if it is too long to travel."""
    layout = _LAYOUT_OF[type(value)]
    try:
        record = layout.numbers.pack(layout.kind, VERSION, *[getattr(value, name) for name in layout.number_names])
        for name in layout.text_names:
            text = getattr(value, name)
            record += b"".join((_LENGTH.pack(len(text)), *map(_text, text))) if name in layout.many else _text(text)
    except StructError as error:
        raise RecordError(f"{type(value).__name__} cannot be encoded: {error}") from None
    if len(record) > MAX_RECORD:
        raise RecordError(f"{type(value).__name__} takes {len(record)} octets, more than {MAX_RECORD}")
    return record


def decode(record: bytes) -> Command | WorkerEvent:
    """The command or event of a record. RecordError if it is not one of this version."""
    try:
        layout = _LAYOUTS[record[0]]
        _, version, *values = layout.numbers.unpack_from(record)
        if version != VERSION:
            raise RecordError(f"version {version}, expected {VERSION}")
        at = layout.numbers.size
        for name in layout.text_names:
            count = 1
            if name in layout.many:
                (count,) = _LENGTH.unpack_from(record, at)
                at += 2
            texts = []
            for _ in range(count):
                (length,) = _LENGTH.unpack_from(record, at)
                at += 2 + length
                texts.append(record[at - length : at].decode("utf-8", "surrogateescape"))
            values.append(tuple(texts) if name in layout.many else texts[0])
    except (StructError, KeyError, IndexError, UnicodeDecodeError) as error:
        raise RecordError(f"not a record: {error!r}") from None
    if at != len(record):
        raise RecordError(f"{layout.cls.__name__} takes {at} octets, the record has {len(record)}")
    value: Command | WorkerEvent = layout.cls(*[values[index] for index in layout.order])
    return value
