"""A load station: many SIP phones on one UDP socket, written against the wire and not against our own SIP code.

It knows just enough of RFC 3261 to register, call, answer and hang up on a loopback without loss. Callbacks get the parsed
`Wire` message with the kernel's time of arrival, so that the station's own delays are in no figure; timers are in one heap.
Every phone may have an address of its own (`hosts`): one socket serves them all.
"""

from __future__ import annotations

import hashlib
import heapq
import itertools
import re
import select
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

_COMPACT = {"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length"}
SO_TIMESTAMPNS = 35
IP_PKTINFO = 8
_CONNECTION = re.compile(r"^c=IN IP4 ([0-9.]+)", re.M)
_AUDIO = re.compile(r"^m=audio ([0-9]{1,5}) ", re.M)
_PAIR = re.compile(r'(\w+)="?([^",]+)"?')


@dataclass(slots=True)
class Wire:
    """One received message: start line, headers by lower-case name (several values as a list), body.

    `at`: when the kernel received it, in seconds of the monotonic clock.
    """

    start: str
    headers: dict[str, list[str]]
    body: str
    at: float

    @property
    def status(self) -> int:
        return int(self.start[8:11]) if self.start.startswith("SIP/2.0 ") else 0

    @property
    def method(self) -> str:
        return self.headers["cseq"][0].split()[1]

    def one(self, name: str) -> str:
        return self.headers.get(name, [""])[0]

    def tag(self, name: str) -> str:
        return self.one(name).partition(";tag=")[2]

    @property
    def user(self) -> str:
        """Of a request: the user part of the Request-URI."""
        return self.start.split(" ")[1].partition(":")[2].partition("@")[0]

    @property
    def media(self) -> tuple[str, int]:
        """Address and port of the audio that the body describes; ("", 0) without any."""
        host = _CONNECTION.search(self.body)
        port = _AUDIO.search(self.body)
        return (host[1], int(port[1])) if host and port else ("", 0)

    @property
    def target(self) -> str:
        contact = self.one("contact")
        return contact[contact.find("<") + 1 : contact.find(">")]


def parse(data: bytes, at: float) -> Wire:
    head, _, body = data.decode("latin-1").partition("\r\n\r\n")
    lines = head.split("\r\n")
    headers: dict[str, list[str]] = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        name = name.strip().lower()
        headers.setdefault(_COMPACT.get(name, name), []).append(value.strip())
    return Wire(lines[0], headers, body, at)


def authorization(challenge: str, user: str, password: str, method: str, uri: str, count: int = 1) -> str:
    """The Authorization value that answers a digest challenge (RFC 7616), qop=auth."""
    given = dict(_PAIR.findall(challenge))
    digest = hashlib.sha256 if given.get("algorithm", "MD5").upper() == "SHA-256" else hashlib.md5

    def h(text: str) -> str:
        return digest(text.encode()).hexdigest()

    ha1, ha2 = h(f"{user}:{given['realm']}:{password}"), h(f"{method}:{uri}")
    nc, cnonce = f"{count:08x}", "0a4f113b"
    answer = h(f"{ha1}:{given['nonce']}:{nc}:{cnonce}:auth:{ha2}")
    return (
        f'Digest username="{user}", realm="{given["realm"]}", nonce="{given["nonce"]}", uri="{uri}", response="{answer}", '
        f'algorithm={given.get("algorithm", "MD5")}, qop=auth, nc={nc}, cnonce="{cnonce}"'
    )


@dataclass(slots=True)
class Dialog:
    """One call of one phone of the station."""

    user: str
    call_id: str
    local: str  # our From/To value with tag
    remote: str
    target: str
    cseq: int = 1
    peer: object = None
    password: str = ""
    dialled: str = ""
    notes: dict[str, float] = field(default_factory=dict)


class Station:
    """Phones on one socket. `on_request(wire)` and `on_response(wire)` are called for whatever the station does not do itself."""

    def __init__(
        self, server: tuple[str, int], domain: str, *, host: str = "127.0.0.1", hosts: dict[str, str] | None = None,
        rtp_port: int = 0, types: str = "8 101",
    ) -> None:  # fmt: skip
        """`hosts`: users whose phones are at another address than `host`. `rtp_port`: 0 for audio that goes to nobody."""
        self.server, self.domain, self.host, self.hosts = server, domain, host, hosts or {}
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.bind(("0.0.0.0" if self.hosts else host, 0))
        self.socket.setblocking(False)
        self.port = self.socket.getsockname()[1]
        # Bound and never read: a phone's port is open, and packets to it are no ICMP errors.
        self._sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        self._sink.bind(("0.0.0.0", 0))
        self.rtp_port, self.types = rtp_port or self._sink.getsockname()[1], types
        self._serial = itertools.count(1)
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._wall = time.time() - time.monotonic()
        self.on_request: Callable[[Wire], None] = lambda wire: None
        self.on_response: Callable[[Wire], None] = lambda wire: None
        self.sent = self.received = 0

    def close(self) -> None:
        self.socket.close()
        self._sink.close()

    # -- the wire
    def host_of(self, user: str) -> str:
        return self.hosts.get(user, self.host)

    def sdp(self, user: str) -> str:
        host = self.host_of(user)
        return (
            f"v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio {self.rtp_port} RTP/AVP {self.types}\r\n"
            "a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\na=sendrecv\r\n"
        )

    def send(self, text: str, host: str = "") -> None:
        self.sent += 1
        data = text.encode("latin-1")
        if host and host != self.host:
            source = struct.pack("=I4s4s", 0, socket.inet_aton(host), b"\0" * 4)
            self.socket.sendmsg([data], [(socket.IPPROTO_IP, IP_PKTINFO, source)], 0, self.server)
        else:
            self.socket.sendto(data, self.server)

    def request(
        self, user: str, method: str, uri: str, from_: str, to: str, call_id: str, cseq: int, extra: str = "",
        body: str = "",
    ) -> None:  # fmt: skip
        branch, host = f"z9hG4bKload{next(self._serial):x}", self.host_of(user)
        self.send(
            f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {host}:{self.port};branch={branch};rport\r\nMax-Forwards: 70\r\n"
            f"From: {from_}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n{extra}"
            f"Content-Length: {len(body)}\r\n\r\n{body}",
            host,
        )

    def respond(self, wire: Wire, line: str, *, tag: str = "", extra: str = "", body: str = "") -> None:
        to = wire.one("to")
        if tag and ";tag=" not in to:
            to += f";tag={tag}"
        vias = "".join(f"Via: {via}\r\n" for via in wire.headers["via"])
        self.send(
            f"SIP/2.0 {line}\r\n{vias}From: {wire.one('from')}\r\nTo: {to}\r\nCall-ID: {wire.one('call-id')}\r\n"
            f"CSeq: {wire.one('cseq')}\r\n{extra}Content-Length: {len(body)}\r\n\r\n{body}",
            self.host_of(wire.user),
        )

    def contact(self, user: str) -> str:
        return f"Contact: <sip:{user}@{self.host_of(user)}:{self.port}>\r\n"

    def with_sdp(self, user: str) -> str:
        return f"{self.contact(user)}Content-Type: application/sdp\r\n"

    # -- time
    def after(self, delay: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._timers, (time.monotonic() + delay, next(self._serial), action))

    def next_timer(self) -> float | None:
        return self._timers[0][0] if self._timers else None

    def run_timers(self, now: float) -> None:
        while self._timers and self._timers[0][0] <= now:
            heapq.heappop(self._timers)[2]()

    def receive(self) -> None:
        """Take what the socket holds, at most 64 messages."""
        for _ in range(64):
            try:
                data, control, _, _ = self.socket.recvmsg(65535, 64)
            except (BlockingIOError, ConnectionRefusedError):
                return
            self.received += 1
            seconds, nanoseconds = struct.unpack("=qq", control[0][2])
            wire = parse(data, seconds + nanoseconds / 1e9 - self._wall)
            if wire.status:
                self.on_response(wire)
            else:
                self.on_request(wire)

    # -- registration, synchronously
    def register(self, accounts: list[tuple[str, str]]) -> None:
        """Bind every (user, password) to this socket. Raises SystemExit if any is refused."""
        waiting: dict[str, tuple[str, str]] = {}
        done = 0
        before = self.on_response

        def step(wire: Wire) -> None:
            nonlocal done
            user, password = waiting.get(wire.one("call-id"), ("", ""))
            if not user:
                return
            if wire.status == 401:
                uri = f"sip:{self.domain}"
                answer = authorization(wire.one("www-authenticate"), user, password, "REGISTER", uri)
                self._register(user, wire.one("call-id"), 2, f"Authorization: {answer}\r\n")
            elif wire.status == 200:
                del waiting[wire.one("call-id")]
                done += 1
            elif wire.status > 200:
                raise SystemExit(f"{user} could not register: {wire.start}")

        self.on_response = step
        for i in range(0, len(accounts), 100):
            for user, password in accounts[i : i + 100]:
                call_id = f"reg-{user}-{self.port}"
                waiting[call_id] = (user, password)
                self._register(user, call_id, 1, "")
            if not pump(self, seconds=10, until=lambda: not waiting):
                raise SystemExit(f"no answer to REGISTER of {list(waiting.values())[:3]}")
        self.on_response = before

    def _register(self, user: str, call_id: str, cseq: int, extra: str) -> None:
        aor = f"<sip:{user}@{self.domain}>"
        self.request(
            user, "REGISTER", f"sip:{self.domain}", f"{aor};tag=r{user}", aor, call_id, cseq,
            f"{extra}{self.contact(user)}Expires: 3600\r\n",
        )  # fmt: skip

    # -- calls
    def invite(self, user: str, password: str, dialled: str) -> Dialog:
        """Start an authenticated call; answer the 401 with `authenticate`."""
        serial = next(self._serial)
        dialog = Dialog(
            user, f"c{serial}-{self.port}", f"<sip:{user}@{self.domain}>;tag=c{serial}", f"<sip:{dialled}@{self.domain}>",
            f"sip:{dialled}@{self.domain}", password=password, dialled=dialled,
        )  # fmt: skip
        self._invite(dialog, "")
        return dialog

    def _invite(self, dialog: Dialog, extra: str) -> None:
        self.request(
            dialog.user, "INVITE", f"sip:{dialog.dialled}@{self.domain}", dialog.local, dialog.remote, dialog.call_id,
            dialog.cseq, extra + self.with_sdp(dialog.user), self.sdp(dialog.user),
        )  # fmt: skip

    def authenticate(self, dialog: Dialog, wire: Wire) -> None:
        """ACK the 401 of an INVITE and send it again with credentials."""
        uri = f"sip:{dialog.dialled}@{self.domain}"
        via = wire.one("via")
        self.send(
            f"ACK {uri} SIP/2.0\r\nVia: {via}\r\nMax-Forwards: 70\r\nFrom: {wire.one('from')}\r\nTo: {wire.one('to')}\r\n"
            f"Call-ID: {dialog.call_id}\r\nCSeq: {dialog.cseq} ACK\r\nContent-Length: 0\r\n\r\n",
            self.host_of(dialog.user),
        )
        dialog.cseq += 1
        answer = authorization(wire.one("www-authenticate"), dialog.user, dialog.password, "INVITE", uri)
        self._invite(dialog, f"Authorization: {answer}\r\n")

    def ack(self, dialog: Dialog, wire: Wire) -> None:
        """ACK a 2xx and remember the peer's tag and target."""
        dialog.remote, dialog.target = wire.one("to"), wire.target
        self.request(dialog.user, "ACK", dialog.target, dialog.local, dialog.remote, dialog.call_id, dialog.cseq)

    def answer(self, wire: Wire, user: str) -> Dialog:
        """200 to an INVITE; the dialog as the callee sees it."""
        tag = f"a{next(self._serial)}"
        self.respond(wire, "200 OK", tag=tag, extra=self.with_sdp(user), body=self.sdp(user))
        return Dialog(user, wire.one("call-id"), f"{wire.one('to')};tag={tag}", wire.one("from"), wire.target, cseq=0)

    def bye(self, dialog: Dialog) -> None:
        dialog.cseq += 1
        self.request(dialog.user, "BYE", dialog.target, dialog.local, dialog.remote, dialog.call_id, dialog.cseq)


class Served(Protocol):
    """What `pump` looks after: a socket with timers."""

    socket: socket.socket

    def run_timers(self, now: float) -> None: ...
    def next_timer(self) -> float | None: ...
    def receive(self) -> None: ...


def pump(*stations: Served, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
    """Serve several stations for some seconds, or until a condition holds. True if it held."""
    deadline = time.monotonic() + seconds
    while not until():
        now = time.monotonic()
        if now >= deadline:
            return False
        wake = deadline
        for station in stations:
            station.run_timers(now)
            wake = min(wake, station.next_timer() or deadline)
        readable, _, _ = select.select([s.socket for s in stations], [], [], max(0.0, wake - time.monotonic()))
        for station in stations:
            if station.socket in readable:
                station.receive()
    return True
