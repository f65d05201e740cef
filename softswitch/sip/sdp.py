"""Session descriptions (RFC 8866) as offer/answer uses them (RFC 3264): parse, inspect, build.

Reading is strict about numbers, addresses and sizes and lenient about everything that phones get wrong without harm: bare
LF, a missing `s=` or `t=`, an `rtpmap` left out for a static payload type or without its clock rate, a `ptime` that is
no number. What we do not interpret is kept in order, so `build` writes it again. Text is latin-1, as in `message`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from softswitch.errors import ParseError

MAX_BODY: Final = 32_768  # bytes
MAX_LINES: Final = 1_000
MAX_LINE: Final = 4_096  # characters
MAX_MEDIA: Final = 32
MAX_FORMATS: Final = 128
MAX_PTIME: Final = 1_000  # milliseconds
MAX_KEPT: Final = 2_000  # characters of a section that is worth remembering

DIRECTIONS: Final = ("sendrecv", "sendonly", "recvonly", "inactive")

# RFC 3264 section 6.1: what may be answered to a direction if we are willing to do everything.
ANSWER: Final = {"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}

# RFC 3551 section 6: payload types that need no rtpmap. G.722's RTP clock is 8000 whatever its sampling rate.
STATIC: Final = {
    0: "PCMU/8000", 3: "GSM/8000", 4: "G723/8000", 5: "DVI4/8000", 6: "DVI4/16000", 7: "LPC/8000", 8: "PCMA/8000",
    9: "G722/8000", 10: "L16/44100/2", 11: "L16/44100/1", 12: "QCELP/8000", 13: "CN/8000", 14: "MPA/90000",
    15: "G728/8000", 16: "DVI4/11025", 17: "DVI4/22050", 18: "G729/8000", 25: "CelB/90000", 26: "JPEG/90000",
    28: "nv/90000", 31: "H261/90000", 32: "MPV/90000", 33: "MP2T/90000", 34: "H263/90000",
}  # fmt: skip

_UNSPECIFIED: Final = frozenset({"0.0.0.0", "::", "::0", "0:0:0:0:0:0:0:0"})


@dataclass(slots=True)
class Codec:
    """What one payload type of a media line means. `name` as written; compare `key`. `fmtp` is the raw parameter text."""

    payload_type: int
    name: str
    clock: int
    channels: int = 1
    fmtp: str = ""

    @property
    def key(self) -> tuple[str, int, int]:
        """Encoding names are case-insensitive (RFC 8866 section 6.6)."""
        return self.name.lower(), self.clock, self.channels

    @property
    def rtpmap(self) -> str:
        return f"{self.name}/{self.clock}" + (f"/{self.channels}" if self.channels != 1 else "")


@dataclass(slots=True)
class Origin:
    """The o= line. A peer's ids that are no numbers read as 0: nothing depends on them."""

    username: str = "-"
    session_id: int = 0
    version: int = 0
    host: str = "0.0.0.0"


@dataclass(slots=True)
class Media:
    """One m= section. `port` 0 = rejected or disabled. `connection` and `direction` are the effective ones (session level
    inherited). `formats` are tokens; for RTP each is a payload type 0..127. `ptime`/`maxptime` in ms, 0 = not given.

    `attributes` holds every other a= line in order, ("name", "value"), value "" for a flag; `lines` the i=, b=, k= lines.
    """

    kind: str
    port: int
    protocol: str
    formats: list[str]
    rtpmap: dict[int, str] = field(default_factory=dict)
    fmtp: dict[int, str] = field(default_factory=dict)
    direction: str = "sendrecv"
    connection: str = ""
    ptime: int = 0
    maxptime: int = 0
    attributes: list[tuple[str, str]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    ports: int = 1
    source: str = field(default="", compare=False)  # its lines below the first, as they came

    @property
    def is_rtp(self) -> bool:
        return "RTP/" in self.protocol

    @property
    def payload_types(self) -> list[int]:
        """The formats as numbers, in order of preference; empty for media that is not RTP."""
        return [_PAYLOAD_TYPES[f] for f in self.formats] if self.is_rtp else []

    @property
    def codecs(self) -> list[Codec]:
        """The formats that can be understood, in order of preference; static types need no rtpmap."""
        codecs = []
        for payload_type in self.payload_types:
            text = self.rtpmap.get(payload_type) or STATIC.get(payload_type)
            if text and (found := codec(payload_type, text, self.fmtp.get(payload_type, ""))):
                codecs.append(found)
        return codecs

    def event_type(self, clock: int) -> int:
        """The payload type of telephone-event at this RTP clock (RFC 4733), -1 if not offered."""
        for codec in self.codecs:
            if codec.clock == clock and codec.name.lower() == "telephone-event":
                return codec.payload_type
        return -1

    def attribute(self, name: str) -> str | None:
        """The value of the first attribute of this name, "" for a flag, None if absent."""
        for key, value in self.attributes:
            if key == name:
                return value
        return None

    def all(self, name: str) -> list[str]:
        """The values of all attributes of this name, in order (crypto, candidate ...)."""
        return [value for key, value in self.attributes if key == name]

    @property
    def rtcp(self) -> tuple[str, int]:
        """Where RTCP goes: (host, port) by rtcp-mux, a=rtcp (RFC 3605), or the next port. ("", 0) if disabled."""
        if not self.port:
            return "", 0
        if self.attribute("rtcp-mux") is not None:
            return self.connection, self.port
        port, _, rest = (self.attribute("rtcp") or "").partition(" ")
        if port.isdecimal() and len(port) <= 5 and 0 < int(port) <= 65_535:
            return (_address(rest) or self.connection) if rest else self.connection, int(port)
        return (self.connection, self.port + 1) if self.port < 65_535 else ("", 0)


@dataclass(slots=True)
class Session:
    """A whole description. `connection` is the session-level c= address ("" = none)."""

    origin: Origin = field(default_factory=Origin)
    connection: str = ""
    media: list[Media] = field(default_factory=list)
    name: str = "-"
    attributes: list[tuple[str, str]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    timing: str = "0 0"

    def attribute(self, name: str) -> str | None:
        """The value of the first session-level attribute of this name, "" for a flag, None if absent."""
        for key, value in self.attributes:
            if key == name:
                return value
        return None

    def build(self) -> bytes:
        """The bytes, lines in the order of RFC 8866 section 5. The same value always gives the same bytes."""
        origin = self.origin
        out = [
            f"v=0\r\no={origin.username} {origin.session_id} {origin.version} IN {_family(origin.host)} {origin.host}\r\n"
            f"s={self.name}\r\n"
        ]
        out += [f"{line}\r\n" for line in self.lines if line[0] in "iuep"]
        if self.connection:
            out.append(f"c=IN {_family(self.connection)} {self.connection}\r\n")
        out += [f"{line}\r\n" for line in self.lines if line[0] == "b"]
        out.append(f"t={self.timing}\r\n")
        out += [f"{line}\r\n" for line in self.lines if line[0] not in "iuepb"]
        out += [f"a={name}:{value}\r\n" if value else f"a={name}\r\n" for name, value in self.attributes]
        for media in self.media:
            _build_media(media, self.connection, out)
        return "".join(out).encode("latin-1", "replace")


def _build_media(media: Media, inherited: str, out: list[str]) -> None:
    ports = f"/{media.ports}" if media.ports > 1 else ""
    out.append(f"m={media.kind} {media.port}{ports} {media.protocol} {' '.join(media.formats)}\r\n")
    out += [f"{line}\r\n" for line in media.lines if line[0] == "i"]
    if media.connection and media.connection != inherited:
        out.append(f"c=IN {_family(media.connection)} {media.connection}\r\n")
    out += [f"{line}\r\n" for line in media.lines if line[0] != "i"]
    out += [f"a=rtpmap:{payload_type} {text}\r\n" for payload_type, text in media.rtpmap.items()]
    out += [f"a=fmtp:{payload_type} {text}\r\n" for payload_type, text in media.fmtp.items()]
    if media.ptime:
        out.append(f"a=ptime:{media.ptime}\r\n")
    if media.maxptime:
        out.append(f"a=maxptime:{media.maxptime}\r\n")
    out += [f"a={name}:{value}\r\n" if value else f"a={name}\r\n" for name, value in media.attributes]
    if media.port:
        out.append(f"a={media.direction}\r\n")


def audio(session: Session) -> Media | None:
    """The first audio stream over RTP that is not disabled."""
    for media in session.media:
        if media.kind == "audio" and media.port and media.is_rtp:
            return media
    return None


def is_hold(media: Media) -> bool:
    """Whether the peer puts us on hold (RFC 3264 section 8.4): it will not listen. The address 0.0.0.0 is the old way."""
    return media.direction in ("sendonly", "inactive") or media.connection in _UNSPECIFIED


def rejected(media: Media) -> Media:
    """The m= line that refuses an offered one (RFC 3264 section 6): port 0, the same protocol and formats."""
    return Media(media.kind, 0, media.protocol, list(media.formats))


# --- reading -----------------------------------------------------------------------------------------------------------


def parse(body: bytes) -> Session:
    """Raises ParseError: no SDP, a limit exceeded, malformed m= or c= line, a number out of range."""
    if len(body) > MAX_BODY:
        raise ParseError("session description too large", status_hint=413)
    text = str(body, "latin-1").replace("\r\n", "\n")
    if "\r" in text or "\0" in text:
        raise ParseError("control character in session description")
    text = text.rstrip("\n")
    if text.count("\n") >= MAX_LINES or (len(body) > MAX_LINE and max(map(len, text.split("\n"))) > MAX_LINE):
        raise ParseError("session description too large", status_hint=413)
    head, *sections = text.split("\nm=", MAX_MEDIA + 1)
    plain = _is_plain_head(head)
    if plain:
        username, session_id, number, host, name, connection, timing = plain.groups()
        origin = Origin(username, int(session_id), int(number), host)
        session = Session(origin, _connection(connection), [], name, [], [], timing)
        inherited = "sendrecv"
    else:
        session, inherited = _head(head)
    if len(sections) > MAX_MEDIA:
        raise ParseError("m= line out of range")
    for text in sections:
        first, _, rest = text.partition("\n")
        session.media.append(_media(first, rest, session.connection, inherited))
    return session


# The lines above the first m= as most phones write them; all others are read one by one.
_is_plain_head = re.compile(
    r"v=0\no=([^ \n]++) ([0-9]{1,20}) ([0-9]{1,20}) [^ \n]++ [^ \n]++ ([^ \n]++)\ns=([^\n]*+)\n(c=[^\n]*+)\nt=([^\n]*+)"
).fullmatch


def _head(head: str) -> tuple[Session, str]:
    """What stands above the first m= line, and the direction that the media inherit."""
    version, *lines = head.split("\n")
    if version != "v=0":
        raise ParseError("no session description")
    session = Session(_ORIGIN, "", [], "-", [], [])
    inherited = "sendrecv"
    for line in lines:
        kind = line[:2]
        if kind == "o=":
            session.origin = _origin(line)
        elif kind == "c=":
            session.connection = _connection(line)
        elif kind == "s=":
            session.name = line[2:]
        elif kind == "t=":
            session.timing = line[2:]
        elif kind != "a=":
            session.lines.append(_other(line))
        elif direction := _DIRECTION.get(line):
            inherited = direction
        else:
            name, _, value = line[2:].partition(":")
            session.attributes.append((name, value))
    if session.origin is _ORIGIN:
        session.origin = Origin()
    return session, inherited


@dataclass(slots=True)
class Section:
    """What the lines below an m= line say. "" and 0: nothing."""

    connection: str = ""
    direction: str = ""
    ptime: int = 0
    maxptime: int = 0
    rtpmap: dict[int, str] = field(default_factory=dict)
    fmtp: dict[int, str] = field(default_factory=dict)
    attributes: list[tuple[str, str]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


def section(text: str) -> Section:
    """Read the lines below an m= line. Not to be changed: the lines that a phone writes for each of its calls are read once."""
    if len(text) > MAX_KEPT or "a=crypto:" in text or "a=ice-" in text or "a=candidate:" in text:
        return _section(text)  # Other keys in each call.
    return _kept_section(text)


def _section(text: str) -> Section:
    found = Section()
    if not text:
        return found
    try:
        for line in text.split("\n"):
            if line[:2] != "a=":
                if line[:2] == "c=":
                    found.connection = _connection(line)
                else:
                    found.lines.append(_other(line))
                continue
            name, _, value = line.partition(":")
            if name == "a=rtpmap":
                # A repeated rtpmap would let two readers see two codecs: the first stands.
                number, _, rest = value.partition(" ")
                found.rtpmap.setdefault(_PAYLOAD_TYPES[number], rest)
            elif name == "a=fmtp":
                number, _, rest = value.partition(" ")
                found.fmtp.setdefault(_PAYLOAD_TYPES[number], rest)
            elif name == "a=ptime":
                found.ptime = _milliseconds(value)
            elif name == "a=maxptime":
                found.maxptime = _milliseconds(value)
            elif direction := _DIRECTION.get(line):
                found.direction = direction
            else:
                found.attributes.append((name[2:], value))
    except KeyError:
        raise ParseError("payload type out of range") from None
    return found


_kept_section = lru_cache(maxsize=512)(_section)


_is_media = re.compile(
    r"([a-zA-Z0-9-]{1,32}) ([0-9]{1,5})(?:/([0-9]{1,3}))? ([A-Za-z0-9/_.-]{1,64})((?: [!-~]{1,64}+)+)[ \t]*+"
).fullmatch


def _media(text: str, rest: str, connection: str, direction: str) -> Media:
    match = _is_media(text)
    if not match:
        raise ParseError("malformed m= line")
    kind, port, ports, protocol, tokens = match.groups()
    formats = tokens.split()
    if int(port) > 65_535 or len(formats) > MAX_FORMATS:
        raise ParseError("m= line out of range")
    if "RTP/" in protocol and not _ALL_TYPES.issuperset(formats):
        raise ParseError("payload type out of range")
    found = section(rest)
    media = Media(
        kind, int(port), protocol, formats, found.rtpmap.copy(), found.fmtp.copy(), found.direction or direction,
        found.connection or connection, found.ptime, found.maxptime, found.attributes.copy(), found.lines.copy(),
        int(ports) if ports else 1, rest,
    )  # fmt: skip
    if media.port and not media.connection:
        raise ParseError("no c= line")
    return media


def _other(line: str) -> str:
    """A line that we do not interpret, if it is one."""
    if line[1:2] != "=" or not line[0].isascii() or not line[0].isalpha():
        raise ParseError("malformed line in session description")
    return line


@lru_cache(maxsize=4096)
def _connection(line: str) -> str:
    address = _address(line[2:])
    if not address:
        raise ParseError("malformed c= line")
    return address


# Numbers as phones write them; anything else ("08", "+8", 2**32) is none of ours.
_PAYLOAD_TYPES: Final = {str(n): n for n in range(128)}
_ALL_TYPES: Final = frozenset(_PAYLOAD_TYPES)
_DIRECTION: Final = {f"a={direction}": direction for direction in DIRECTIONS}


def _milliseconds(value: str) -> int:
    if value.isdecimal() and len(value) <= 4 and int(value) <= MAX_PTIME:
        return int(value)
    return 0


_is_address = re.compile(r"IN IP([46]) ([A-Za-z0-9.:_-]{1,255})(?:/[0-9]{1,3}){0,2} *").fullmatch


def _address(text: str) -> str:
    """The address of a c= value, "" if malformed. The multicast suffix is of no use to us."""
    match = _is_address(text)
    if not match or (match[1] == "4" and ":" in match[2]):
        return ""
    return match[2]


_ORIGIN: Final = Origin()  # of a description without one


def _origin(line: str) -> Origin:
    parts = line[2:].split(" ")
    if len(parts) != 6:
        raise ParseError("malformed o= line")
    username, session_id, version, _, _, host = parts
    return Origin(username, _integer(session_id), _integer(version), host)


def _integer(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) <= 20 else 0


def codec(payload_type: int, text: str, fmtp: str) -> Codec | None:
    """The codec that the text of an rtpmap names; None if it cannot be understood."""
    name, _, rest = text.strip(" \t").partition("/")
    clock, _, channels = rest.partition("/")
    if not name or len(clock) > 7 or len(channels) > 2:
        return None
    if not clock:
        clock = "8000"  # "rtpmap:101 telephone-event": some phones leave out the clock; it is 8000 where they do.
    if not clock.isdecimal() or not (channels.isdecimal() or not channels):
        return None
    return Codec(payload_type, name, int(clock), int(channels or 1), fmtp)


def _family(host: str) -> str:
    return "IP6" if ":" in host else "IP4"
