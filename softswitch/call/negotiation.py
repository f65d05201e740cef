"""Offer and answer (RFC 3264) for one leg: which codec, which payload types, which direction, where to send.

We are one end of every session, so each side of a call is negotiated on its own. What we speak is G.711 with
telephone-event at its clock; an answer names exactly one codec (several make some phones re-offer at once to lock one).
Numbers may differ by direction (section 5.1): we send with those that the peer named, and receive with those that we named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from typing import Final

from media.control import Open
from softswitch.errors import SoftswitchError
from softswitch.sip import sdp

CODECS: Final = ("PCMA", "PCMU")  # what workers decode and encode, in our order of preference
EVENTS: Final = "telephone-event"
# RFC 4733 section 2.1: events run at the clock of the codec beside them, so those at 48000 are not for us. Some phones leave
# out the clock, which is 8000 then.
SPOKEN: Final = {
    f"{name.lower()}{clock}": name for name in (*CODECS, EVENTS) for clock in ("/8000", "/8000/1", "")
}  # fmt: skip
TYPES: Final = {"PCMA": 8, "PCMU": 0, "telephone-event": 101}  # the numbers we offer
PTIMES: Final = frozenset({10, 20, 30, 40, 50, 60})  # milliseconds per packet that workers send
PROTOCOLS: Final = frozenset({"RTP/AVP", "RTP/AVPF"})

SENDING: Final = frozenset({"sendrecv", "sendonly"})
RECEIVING: Final = frozenset({"sendrecv", "recvonly"})
_WITHOUT_SENDING: Final = {
    "sendrecv": "recvonly",
    "sendonly": "inactive",
    "recvonly": "recvonly",
    "inactive": "inactive",
}
_UNSPECIFIED: Final = frozenset({"0.0.0.0", "::"})


class NotAcceptable(SoftswitchError):
    """There is no session we could take part in: 488 with this Warning (RFC 3261 section 20.43)."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text

    def warning(self, agent: str) -> str:
        return f'Warning: {self.code} {agent} "{self.text}"\r\n'


@dataclass(slots=True)
class Description:
    """A peer's session description, reduced to what we negotiate on.

    `host` is "" where we do not know where to send: a name (names from the network are not resolved, the latch finds the
    address), or 0.0.0.0, which means `mute`: the peer will not listen. `formats`: (codec, payload type) in the peer's
    order. `direction` is the peer's view. `before` and `after` are the
    refusals of its other media lines, which an answer and every later offer must repeat in order.
    """

    host: str
    port: int
    formats: tuple[tuple[str, int], ...]
    dtmf_type: int
    ptime: int
    direction: str
    protocol: str = "RTP/AVP"
    before: str = ""
    after: str = ""
    mute: bool = False
    rtcp_port: int = 0  # RFC 3605; 0: the next port

    @property
    def held(self) -> bool:
        """Whether the peer will not listen: sendonly, inactive, or the old way, the address 0.0.0.0."""
        return self.mute or self.direction in ("sendonly", "inactive")


def describe(body: bytes) -> Description:
    """Read a description. ParseError: it is none. NotAcceptable: nothing in it for us."""
    session = sdp.parse(body)
    chosen: sdp.Media | None = None
    formats: tuple[tuple[str, int], ...] = ()
    dtmf_type = -1
    before = after = ""
    for media in session.media:
        if chosen is None and media.kind == "audio" and media.port and media.protocol in PROTOCOLS:
            formats, dtmf_type = _formats(media)
            if formats:
                chosen = media
                continue
        refusal = f"m={media.kind} 0 {media.protocol} {' '.join(media.formats)}\r\n"
        if chosen is None:
            before += refusal
        else:
            after += refusal
    if chosen is None:
        raise _nothing(session)
    ptime = chosen.ptime if chosen.ptime in PTIMES else 20
    if chosen.maxptime and ptime > chosen.maxptime:
        ptime = 10 if chosen.maxptime < 20 else 20
    host = chosen.connection
    mute = host in _UNSPECIFIED
    if mute or not kind_of(host):
        host = ""
    port = chosen.port if host else 0
    rtcp_port = 0
    if chosen.attributes and chosen.attribute("rtcp"):
        rtcp_host, rtcp_port = chosen.rtcp
        if rtcp_host != host or rtcp_port == port + 1:
            rtcp_port = 0  # Elsewhere: we send where RTP goes or not at all.
    return Description(
        host, port, formats, dtmf_type, ptime, chosen.direction, chosen.protocol, before, after, mute, rtcp_port
    )


def _formats(media: sdp.Media) -> tuple[tuple[tuple[str, int], ...], int]:
    found: list[tuple[str, int]] = []
    dtmf_type = -1
    rtpmap = media.rtpmap
    for payload_type in map(int, media.formats):
        text = rtpmap.get(payload_type) or sdp.STATIC.get(payload_type)
        name = SPOKEN.get(text.lower()) if text else None
        if name is None:
            continue
        if name is not EVENTS:
            found.append((name, payload_type))
        elif dtmf_type < 0:
            dtmf_type = payload_type
    return tuple(found), dtmf_type


def _nothing(session: sdp.Session) -> NotAcceptable:
    streams = [media for media in session.media if media.kind == "audio" and media.port]
    if not streams:
        return NotAcceptable(304, "Media type not available")
    if all(media.protocol not in PROTOCOLS for media in streams):
        return NotAcceptable(302, "Incompatible transport protocol")
    return NotAcceptable(305, "Incompatible media format")


@lru_cache(maxsize=4096)
def kind_of(host: str) -> str:
    """ "public", "private" (only reachable from its own network), or "" if it is no address literal."""
    try:
        address = ip_address(host)
    except ValueError:
        return ""
    return "public" if address.is_global else "private"


class Negotiation:
    """The media side of one dialog: what was offered, what was agreed, and the next version of our description."""

    __slots__ = (
        "_after", "_before", "_by_peer", "_declined", "_first", "_last", "_previous", "_version", "codec",
        "direction", "dtmf_type", "host", "offered", "payload_type", "port", "protocol", "ptime",
        "receive_dtmf_type", "receive_type", "remote", "session_id", "types",
    )  # fmt: skip

    # What another process gives anew to what was kept of a negotiation.
    NOT_KEPT: Final = frozenset({"host", "port"})

    def __init__(self, host: str, port: int, session_id: int) -> None:
        self.host = host  # where we receive
        self.port = port
        self.session_id = session_id
        self.remote: Description | None = None  # the peer's last description
        self.offered = False  # we offered and wait for the answer
        self.codec = ""
        self.payload_type = self.receive_type = -1
        self.dtmf_type = self.receive_dtmf_type = -1
        self.ptime = 20
        self.direction = "sendrecv"  # our view, as last said
        self.types = TYPES  # codec -> the number with which we receive it
        self.protocol = "RTP/AVP"
        self._before = self._after = ""
        self._by_peer = False  # the last offer was the peer's: it named all codecs that it speaks
        self._first = ""  # the codec that our last offer put first
        self._declined: set[str] = set()  # codecs that the peer did not choose when they stood first
        self._version = 0
        self._last = ""
        self._previous = "sendrecv"

    @property
    def agreed(self) -> bool:
        """Whether an offer was ever answered."""
        return self.payload_type >= 0

    @property
    def held(self) -> bool:
        """Whether the peer will not listen to us."""
        return self.remote is not None and self.remote.held

    def might_speak(self, codec: str) -> bool:
        """Whether it is worth offering this codec: the peer has named it, or has never been seen to pass it over."""
        return codec in self.codecs or (not self._by_peer and codec not in self._declined)

    @property
    def codecs(self) -> tuple[str, ...]:
        """The codecs of the peer's description, in its order."""
        return tuple(codec for codec, _ in self.remote.formats) if self.remote is not None else ()

    def offer(self, prefer: Sequence[str] = (), direction: str = "sendrecv") -> bytes:
        """Our offer: all our codecs, those of `prefer` first, so that the other side of the call needs no transcoding."""
        order = [*dict.fromkeys((*(codec for codec in prefer if codec in TYPES), *CODECS))]
        self.offered = True
        self._previous = self.direction
        self._first = order[0]
        self.direction = direction
        types = self.types
        events = types["telephone-event"]
        while any(types[codec] == events for codec in order):
            events += 1  # The peer gave our usual number to a codec of its own.
        if events != types["telephone-event"]:
            self.types = types = {**types, "telephone-event": events}
        return self._build(order, types, events)

    def current(self) -> bytes:
        """Our description as it stands, with its version: what a 200 repeats after a 183."""
        return f"v=0\r\no=- {self.session_id} {self._version}{self._last}".encode("latin-1", "replace")

    def answer(self, remote: Description, prefer: Sequence[str] = ()) -> bytes:
        """The answer to the peer's offer: one codec, and events if it has them. NotAcceptable if families differ."""
        self._check_family(remote)
        codec, payload_type = _choose(remote.formats, (*prefer, self.codec))
        self.remote = remote
        self.offered = False
        self._by_peer = True
        self.codec = codec
        self.payload_type = self.receive_type = payload_type  # 6.1: the same number in both directions
        self.dtmf_type = self.receive_dtmf_type = remote.dtmf_type
        self.ptime = remote.ptime
        self.protocol = remote.protocol
        self._before, self._after = remote.before, remote.after
        self.types = {**self.types, codec: payload_type}
        if remote.dtmf_type >= 0:
            self.types["telephone-event"] = remote.dtmf_type
        direction = sdp.ANSWER[remote.direction]
        self.direction = _WITHOUT_SENDING[direction] if remote.mute else direction
        return self._build([codec], self.types, remote.dtmf_type)

    def accept(self, remote: Description) -> None:
        """The peer's answer to our offer. NotAcceptable if it has chosen nothing of it."""
        self._check_family(remote)
        codec, payload_type = remote.formats[0]
        self.remote = remote
        self.offered = False
        self._by_peer = False
        if codec != self._first:
            self._declined.add(self._first)
        self.codec = codec
        self.payload_type = payload_type
        self.receive_type = self.types[codec]
        self.dtmf_type = remote.dtmf_type
        self.receive_dtmf_type = self.types["telephone-event"] if remote.dtmf_type >= 0 else -1
        self.ptime = remote.ptime

    def withdraw(self) -> None:
        """Our offer was refused: what was agreed before it stands (RFC 3261 section 14.1)."""
        self.offered = False
        self.direction = self._previous

    def open(self, leg: int, source: str, timeout: float, ssrc: int) -> Open:
        """What the worker must know. `source` is the address that the signalling comes from."""
        remote = self.remote
        assert remote is not None and self.agreed, "a leg opens when an offer has been answered"
        direction = remote.direction
        return Open(
            leg, remote.host, remote.port, self.codec, self.payload_type, self.dtmf_type, self.receive_type,
            self.receive_dtmf_type, self.ptime,
            "" if remote.mute else latch_host(remote.host, source),
            self.direction in SENDING and direction in RECEIVING and not remote.mute,
            self.direction in RECEIVING and direction in SENDING,
            timeout, ssrc, remote.rtcp_port,
        )  # fmt: skip

    def _check_family(self, remote: Description) -> None:
        if remote.host and (":" in remote.host) != (":" in self.host):
            raise NotAcceptable(301, "Incompatible network address formats")

    def _build(self, codecs: Sequence[str], types: dict[str, int], dtmf_type: int) -> bytes:
        formats, lines = _lines(tuple([(codec, types[codec]) for codec in codecs]), dtmf_type)
        host = self.host
        family = "IP6" if ":" in host else "IP4"
        text = (
            f" IN {family} {host}\r\ns=-\r\nc=IN {family} {host}\r\nt=0 0\r\n{self._before}"
            f"m=audio {self.port} {self.protocol} {formats}\r\n{lines}a=ptime:{self.ptime}\r\na={self.direction}\r\n{self._after}"
        )
        # Section 8: the version goes up by one exactly when the description changes.
        if text != self._last:
            self._version += 1
            self._last = text
        return f"v=0\r\no=- {self.session_id} {self._version}{text}".encode("latin-1", "replace")


@lru_cache(maxsize=256)
def _lines(codecs: tuple[tuple[str, int], ...], dtmf_type: int) -> tuple[str, str]:
    """The formats of the m= line, and the attributes that explain them. Few combinations ever occur."""
    formats = [str(number) for _, number in codecs]
    lines = [f"a=rtpmap:{number} {codec}/8000\r\n" for codec, number in codecs]
    if dtmf_type >= 0:
        formats.append(str(dtmf_type))
        lines.append(f"a=rtpmap:{dtmf_type} {EVENTS}/8000\r\na=fmtp:{dtmf_type} 0-16\r\n")
    return " ".join(formats), "".join(lines)


def _choose(formats: tuple[tuple[str, int], ...], prefer: Sequence[str]) -> tuple[str, int]:
    for wanted in prefer:
        for found in formats:
            if found[0] == wanted:
                return found
    return formats[0]


def latch_host(host: str, source: str) -> str:
    """The address from which a first packet may move the remote side, "" if none may (RELIABILITY section 3, rule 1).

    A peer that sends its signalling from the address in its SDP, or that names a public one, has told the truth. One
    that names a private address, or none, while its signalling comes from elsewhere sits behind a NAT.
    """
    if host == source or (host and kind_of(host) == "public"):
        return ""
    return source
