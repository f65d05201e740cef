"""The vocabulary of mutants: methods, bodies, headers and the pieces that break them; and the socket that sends them."""

from __future__ import annotations

import contextlib
import random
import secrets
import socket
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from .lab import Lab
from .wiresip import Message, credentials

LIVELY = 2.0  # seconds within which a ping is answered
HOST = "127.44.77.1"

METHODS = (
    "REFER", "NOTIFY", "PRACK", "UPDATE", "PUBLISH", "SUBSCRIBE", "MESSAGE", "INFO", "INVITE", "REGISTER", "OPTIONS",
    "BYE", "CANCEL", "ACK",
)  # fmt: skip
SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.44.77.1\r\ns=-\r\nc=IN IP4 127.44.77.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 0 101\r\n"
    "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=sendrecv\r\n"
)  # fmt: skip
DIALOG_INFO = (
    '<?xml version="1.0"?><dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="0" state="full" entity="sip:a@b">'
    '<dialog id="1"><state>confirmed</state></dialog></dialog-info>'
)
PIDF = (
    '<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" entity="pres:a@b"><tuple id="t"><status/></tuple>'
    "</presence>"
)
MULTIPART = (
    "--b\r\nContent-Type: application/sdp\r\nContent-Disposition: session\r\n\r\n" + SDP + "\r\n--b\r\n"
    "Content-Type: application/resource-lists+xml\r\n\r\n<resource-lists/>\r\n--b--\r\n"
)
BODIES = (
    ("application/sdp", SDP), ("multipart/mixed;boundary=b", MULTIPART), ("multipart/mixed;boundary=", MULTIPART),
    ("multipart/mixed", MULTIPART), ("application/dialog-info+xml", DIALOG_INFO), ("application/pidf+xml", PIDF),
    ("message/sipfrag", "SIP/2.0 200 OK\r\n"), ("message/sipfrag;version=2.0", "SIP/2.0 100 Trying\r\n\r\n"),
    ("application/simple-message-summary", "Messages-Waiting: yes\r\nVoice-Message: 1/0\r\n"),
    ("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n"), ("application/dtmf", "5"), ("text/plain", "hello"),
    ("application/media_control+xml", "<media_control/>"),
    ("application/trickle-ice-sdpfrag", "a=candidate:1 1 UDP 1 127.0.0.1 9 typ host\r\n"),
    ("application/resource-lists+xml", "<resource-lists>" * 50), ("", ""), ("", ""),
)  # fmt: skip
HEADERS = (
    "Refer-To: <sip:{user}@{domain}>",
    "Refer-To: <sip:{user}@{domain}?Replaces={call}%3Bto-tag%3D{tag}%3Bfrom-tag%3D1>",
    "Refer-To: <sip:{user}@{domain};method=BYE>", "Refer-To: sip:x@[::1", "Refer-To: <tel:+48123>", "Refer-To: a, b",
    "Refer-Sub: false", 'Referred-By: <sip:a@b>;cid="x"', "Target-Dialog: {call};local-tag={tag};remote-tag=1",
    "Replaces: {call};to-tag={tag};from-tag=1", "Replaces: {call};to-tag={tag};from-tag=1;early-only",
    "Replaces: ;;;", "Replaces: a;to-tag=b", "Join: {call};to-tag={tag};from-tag=1",
    "Session-Expires: 90;refresher=uac", "Session-Expires: 1", "Session-Expires: 99999999999;refresher=x",
    "Min-SE: 90", "Min-SE: -1", "RSeq: 1", "RSeq: 4294967296", "RAck: 1 1 INVITE",
    "RAck: 4294967295 4294967296 INVITE", "RAck: x", "RAck: 1 1", "Require: 100rel",
    "Require: replaces, timer, 100rel", "Require: outbound, gruu, path",
    "Supported: 100rel, timer, replaces, norefersub, path", "Path: <sip:127.44.77.9;lr>",
    "Path: <sip:a@127.44.77.9;lr;ob>, <sip:b>", "Path: ,", "Service-Route: <sip:x;lr>", "Flow-Timer: 0",
    "Diversion: <sip:a@b>;reason=unconditional;counter=99999999999", "Diversion: junk",
    "History-Info: <sip:a@b?Reason=SIP%3Bcause%3D302>;index=1.1", "Event: dialog", "Event: dialog;id=1;sla",
    "Event: message-summary", "Event: presence", "Event: refer;id=7", "Event: reg", "Event: ;", "Event: check-sync",
    "Subscription-State: active;expires=60",
    "Subscription-State: terminated;reason=noresource;retry-after=99999999999", "Subscription-State: ;",
    "Accept: application/dialog-info+xml", "Accept: multipart/related, application/rlmi+xml", "Allow-Events: dialog",
    "SIP-If-Match: x", "SIP-ETag: x", "Expires: 0", "Expires: 60", "Expires: 99999999999", "Expires: -1",
    "Contact: *", 'Contact: <sip:a@127.44.77.1;gr=x>;+sip.instance="<urn:x>";reg-id=1',
    'Contact: <sip:a@127.44.77.1;ob>;reg-id=99999999999;+sip.instance="x"', 'Contact: "',
    "Call-Info: <sip:a>;answer-after=0", "Alert-Info: info=x", "P-Asserted-Identity: <sip:a@b>",
    "Privacy: id;header;session;critical", 'Reason: Q.850;cause=16;text="x"', "Geolocation: <cid:a>",
    "Content-Encoding: gzip", "Content-Disposition: render;handling=required", "Content-Disposition: ;;",
    "Content-ID: <x>", "MIME-Version: 9.9", "Content-Language: ,", "Recv-Info: x", "Info-Package: x",
    "Max-Breadth: 0", "Date: never", "Timestamp: 1e400", "In-Reply-To: {call}", "Authorization: Digest",
    "Authorization: Basic x", 'Proxy-Authorization: Digest username="a", nc=zz', "Security-Client: tls",
    "Identity: x.y.z", "Record-Route: <sip:127.44.77.9;lr>", "Route: <sip:127.44.77.9;lr>",
    "Via: SIP/2.0/UDP 127.44.77.9;branch=z9hG4bKv", "X: \x7f", "Subject: \u0142\u2028",
)  # fmt: skip
PIECES = (
    b"", b"\x00", b"\r", b"\n", b"\r\n", b"\r\n\r\n", b'"', b"<", b">", b";", b",", b"%00", b"%", b"\xff\xfe",
    b"\xc2\x85", b"99999999999", b"-1", b"1_0", b"\xd9\xa3", b"nan", b"a" * 2_000, b"--b", b"--b--", b"=", b"z9hG4bK",
    b"tag=", b"sip:", b"SIP/2.0", b"\t \t", b"[::1]", b":",
)  # fmt: skip


@dataclass
class Sender:
    """A socket that sends mutants and pings."""

    lab: Lab
    transport: str
    rng: random.Random
    user: str
    wire: socket.socket = field(init=False)
    answers: Counter[int] = field(default_factory=Counter)
    call: str = "c"
    tag: str = "t"
    _pending: bytes = b""

    def __post_init__(self) -> None:
        self.connect()

    def connect(self) -> None:
        kind = socket.SOCK_DGRAM if self.transport == "udp" else socket.SOCK_STREAM
        self.wire = socket.socket(socket.AF_INET, kind)
        self.wire.bind((HOST, 0))
        self.wire.settimeout(LIVELY)
        self.wire.connect(self.lab.server)
        self._pending = b""

    def request(
        self, method: str, headers: list[str], body: bytes = b"", *, to_tag: str = "", call: str = "", cseq: int = 1
    ) -> bytes:
        host, port = self.wire.getsockname()
        domain, upper = self.lab.domain, self.transport.upper()
        lines = [
            f"{method} sip:{self.user}@{domain} SIP/2.0",
            f"Via: SIP/2.0/{upper} {host}:{port};branch=z9hG4bK{secrets.token_hex(8)};rport", "Max-Forwards: 70",
            f"From: <sip:{self.user}@{domain}>;tag=1", f"To: <sip:{self.user}@{domain}>" + (f";tag={to_tag}" if to_tag else ""),
            f"Call-ID: {call or secrets.token_hex(8)}", f"CSeq: {cseq} {method}", *headers, f"Content-Length: {len(body)}",
        ]  # fmt: skip
        if not any(line.startswith("Contact:") for line in headers):
            lines.insert(-1, f"Contact: <sip:{self.user}@{host}:{port};transport={self.transport}>")
        return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + body

    # --- in and out

    def messages(self) -> Iterator[Message]:
        """What arrives until nothing does for LIVELY seconds."""
        while True:
            if self.transport == "udp":
                yield Message.parse(self.wire.recv(65_535), time.time())
                continue
            while b"\r\n\r\n" not in self._pending:
                data = self.wire.recv(65_535)
                if not data:
                    raise ConnectionError
                self._pending = (self._pending + data).lstrip(b"\r\n")
            head, _, rest = self._pending.partition(b"\r\n\r\n")
            message = Message.parse(head + b"\r\n\r\n", time.time())
            size = int(message.get("content-length") or 0)
            while len(rest) < size:
                rest += self.wire.recv(65_535)
            self._pending = rest[size:]
            yield message

    def until(self, call: str) -> Message:
        """The final answer to the request with this Call-ID; all others are counted."""
        for message in self.messages():
            if message.status:
                self.answers[message.status] += 1
            if message.status >= 200 and message.get("call-id") == call:
                return message
        raise AssertionError

    def ping(self) -> None:
        call = secrets.token_hex(8)
        self.wire.send(self.request("OPTIONS", [], call=call))
        try:
            self.until(call)
        except (ConnectionError, TimeoutError):
            if self.transport == "udp":
                raise
            # The mutant has spoilt the framing: the connection is closed, and another one must do.
            with contextlib.suppress(OSError):
                self.wire.close()
            self.connect()
            self.wire.send(self.request("OPTIONS", [], call=call))
            self.until(call)

    def prove(self, method: str, headers: list[str], body: bytes, password: str) -> bytes:
        """The same request with credentials."""
        call = secrets.token_hex(8)
        self.wire.send(self.request(method, headers, body, call=call))
        answer = self.until(call)
        if answer.status != 401:
            return b""
        uri = f"sip:{self.user}@{self.lab.domain}"
        proof = credentials(answer.all("www-authenticate"), self.user, password, method, uri)
        return self.request(method, [f"Authorization: {proof}", *headers], body, call=call, cseq=2)

    # --- mutants

    def draw(self) -> tuple[str, list[str], bytes]:
        rng = self.rng
        kind, body = rng.choice(BODIES)
        names = {"user": self.user, "domain": self.lab.domain, "call": self.call, "tag": self.tag}
        headers = [line.format(**names) for line in rng.sample(HEADERS, rng.choice((0, 1, 1, 2, 3)))]
        if kind:
            headers.append(f"Content-Type: {kind}")
        data = bytearray(body.encode())
        for _ in range(rng.choice((0, 0, 1, 3))):
            at = rng.randrange(len(data) + 1)
            data[at : at + rng.choice((0, 1, 8))] = rng.choice(PIECES)
        return rng.choice(METHODS), headers, bytes(data)

    def spoil(self, data: bytes) -> bytes:
        """Now and then break something anywhere behind the start-line."""
        rng = self.rng
        if rng.random() < 0.7:
            return data
        spoilt = bytearray(data)
        at = rng.randrange(data.find(b"\r\n"), len(data))
        spoilt[at : at + rng.choice((0, 1, 4, 30))] = rng.choice(PIECES)
        return bytes(spoilt[:60_000])
