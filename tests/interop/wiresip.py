"""SIP as the test phone needs it: messages, digest answers, SDP. Written independently of the switch under test."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, field
from typing import Self

T1, T2 = 0.5, 4.0  # RFC 3261 section 17

_COMPACT = {
    "v": "via",
    "f": "from",
    "t": "to",
    "i": "call-id",
    "m": "contact",
    "c": "content-type",
    "l": "content-length",
}
_NAMES = {"call-id": "Call-ID", "cseq": "CSeq", "www-authenticate": "WWW-Authenticate"}


@dataclass(slots=True)
class Message:
    """A request or a response. Header names are lower case, in their long form. `at`: seconds of the wall clock."""

    start: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: str = ""
    at: float = 0.0

    @classmethod
    def parse(cls, data: bytes, at: float) -> Self:
        """A whole message; raises ValueError for what is none."""
        head, found, body = data.decode("utf-8", "surrogateescape").partition("\r\n\r\n")
        start, *lines = head.split("\r\n")
        if not found or "SIP/2.0" not in start:
            raise ValueError(f"not SIP: {data[:80]!r}")
        headers = []
        for line in lines:
            name, colon, value = line.partition(":")
            if not colon:
                raise ValueError(f"not a header field: {line!r}")
            name = name.strip().lower()
            headers.append((_COMPACT.get(name, name), value.strip()))
        return cls(start, headers, body, at)

    def encode(self) -> bytes:
        body = self.body.encode()
        lines = [self.start]
        lines += [f"{_NAMES.get(name, name.title())}: {value}" for name, value in self.headers]
        return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body

    def get(self, name: str) -> str:
        """The first header field of that name, "" if there is none."""
        return next((value for key, value in self.headers if key == name), "")

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    @property
    def status(self) -> int:
        """The status of a response, 0 for a request."""
        return int(self.start.split(" ", 2)[1]) if self.start.startswith("SIP/2.0 ") else 0

    @property
    def method(self) -> str:
        """The method of the request, or the one that a response answers."""
        return self.get("cseq").split()[1] if self.status else self.start.split(" ", 1)[0]

    @property
    def sequence(self) -> int:
        return int(self.get("cseq").split()[0])

    @property
    def branch(self) -> str:
        return parameter(self.get("via"), "branch")

    def __str__(self) -> str:
        return f"{self.start} [{self.get('cseq')}] {self.get('call-id')}"


def parameter(value: str, name: str) -> str:
    """A header parameter, "" if absent: ;name=value after any <...>."""
    match = re.search(rf";\s*{name}\s*=\s*([^;,\s]+)", value.rpartition(">")[2] or value, re.IGNORECASE)
    return match[1] if match else ""


def uri_of(value: str) -> str:
    """The URI of a name-addr or addr-spec."""
    match = re.search(r"<([^>]*)>", value)
    return match[1] if match else value.split(";", 1)[0].strip()


def user_of(value: str) -> str:
    """The user part of a header value's URI."""
    return uri_of(value).removeprefix("sip:").partition("@")[0]


# --- digest -----------------------------------------------------------------------------------------------------------

_HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}


def credentials(challenges: list[str], user: str, password: str, method: str, uri: str, count: int = 1) -> str:
    """The value of Authorization for the first challenge with a known algorithm (RFC 7616). `count`: uses of the nonce."""
    for challenge in challenges:
        values = {
            name.lower(): quoted or plain
            for name, quoted, plain in re.findall(r'(\w+)\s*=\s*(?:"([^"]*)"|([^\s,]+))', challenge)
        }
        algorithm = values.get("algorithm", "MD5")
        if algorithm in _HASHES:
            break
    else:
        raise ValueError(f"no digest algorithm known here: {challenges}")

    def digest(text: str) -> str:
        return _HASHES[algorithm](text.encode()).hexdigest()

    realm, nonce = values["realm"], values["nonce"]
    secret, target = digest(f"{user}:{realm}:{password}"), digest(f"{method}:{uri}")
    fields = [f'username="{user}"', f'realm="{realm}"', f'nonce="{nonce}"', f'uri="{uri}"', f"algorithm={algorithm}"]
    if "qop" in values:
        client, uses = secrets.token_hex(8), f"{count:08x}"
        response = digest(f"{secret}:{nonce}:{uses}:{client}:auth:{target}")
        fields += ["qop=auth", f"nc={uses}", f'cnonce="{client}"']
    else:
        response = digest(f"{secret}:{nonce}:{target}")
    if "opaque" in values:
        fields.append(f'opaque="{values["opaque"]}"')
    return "Digest " + ", ".join([*fields, f'response="{response}"'])


# --- SDP --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Description:
    """The one audio stream of an offer or answer."""

    host: str
    port: int
    payload_types: tuple[int, ...]
    event_type: int  # of telephone-event, -1 = none
    direction: str

    @classmethod
    def parse(cls, body: str) -> Self:
        lines = [line for line in body.replace("\r\n", "\n").split("\n") if line]
        media = next(line for line in lines if line.startswith("m=audio "))
        _, port, _, *types = media[2:].split()
        host = next(line.split()[2] for line in reversed(lines) if line.startswith("c="))
        events = [
            int(line[9:].split()[0]) for line in lines if re.match(r"a=rtpmap:\d+ telephone-event/8000", line, re.I)
        ]
        directions = [line[2:] for line in lines if line in ("a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive")]
        return cls(host, int(port), tuple(map(int, types)), *(events or [-1])[:1], (directions or ["sendrecv"])[-1])


def describe(host: str, port: int, types: tuple[int, ...], event_type: int, direction: str, version: int) -> str:
    """An offer or answer for PCMU (0) and PCMA (8)."""
    names = {0: "PCMU", 8: "PCMA"}
    offered = [*types, *([event_type] if event_type >= 0 else [])]
    lines = [
        "v=0",
        f"o=- 3141 {version} IN IP4 {host}",
        "s=-",
        f"c=IN IP4 {host}",
        "t=0 0",
        f"m=audio {port} RTP/AVP {' '.join(map(str, offered))}",
        *(f"a=rtpmap:{number} {names[number]}/8000" for number in types),
        *([f"a=rtpmap:{event_type} telephone-event/8000", f"a=fmtp:{event_type} 0-15"] if event_type >= 0 else []),
        "a=ptime:20",
        f"a={direction}",
    ]
    return "\r\n".join(lines) + "\r\n"


def reply(request: Message, status: int, *, tag: str = "", contact: str = "", body: str = "") -> Message:
    """A response with what it copies from its request."""
    reasons = {
        180: "Ringing",
        200: "OK",
        481: "Call/Transaction Does Not Exist",
        486: "Busy Here",
        487: "Request Terminated",
    }
    to = request.get("to")
    if tag and not parameter(to, "tag"):
        to += f";tag={tag}"
    headers = [("via", value) for value in request.all("via")]
    headers += [
        ("from", request.get("from")),
        ("to", to),
        ("call-id", request.get("call-id")),
        ("cseq", request.get("cseq")),
    ]
    headers += [("record-route", value) for value in request.all("record-route")]
    if contact:
        headers.append(("contact", contact))
    if body:
        headers.append(("content-type", "application/sdp"))
    return Message(f"SIP/2.0 {status} {reasons.get(status, 'Status')}", headers, body)


class SipFailure(RuntimeError):
    """A request was answered by a status that the test did not expect."""

    def __init__(self, message: Message) -> None:
        super().__init__(str(message))
        self.status = message.status
