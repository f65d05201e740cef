"""A virtual phone: a small user agent of its own, written against the RFCs and on raw text only.

It shares no code with the switch, so that a misreading of the standard cannot cancel out. It retransmits, acknowledges,
authenticates with MD5 digest, answers re-INVITEs, and does on purpose what the scenario tells it to.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.sim.world import World

T1 = 0.5
T2 = 4.0


class Raw:
    """A SIP message as lines of text."""

    def __init__(self, data: bytes) -> None:
        head, _, self.body = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.start = lines[0]
        self.lines = [tuple(part.strip(" ") for part in line.split(":", 1)) for line in lines[1:]]

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.lines if key.lower() == name.lower()]

    def get(self, name: str) -> str:
        return next(iter(self.all(name)), "")

    @property
    def status(self) -> int:
        return int(self.start.split(" ")[1]) if self.start.startswith("SIP/") else 0

    @property
    def method(self) -> str:
        return self.get("CSeq").split(" ")[1]

    @property
    def cseq(self) -> int:
        return int(self.get("CSeq").split(" ")[0])

    @property
    def branch(self) -> str:
        return re.search(r"branch=([^;,\s]+)", self.get("Via"))[1]  # type: ignore[index]


def tag_of(value: str) -> str:
    found = re.search(r";tag=([^;\s]+)", value)
    return found[1] if found else ""


def uri_of(value: str) -> str:
    found = re.search(r"<([^>]*)>", value)
    return found[1] if found else value.split(";")[0]


@dataclass
class Sdp:
    """What a phone sees in a description."""

    host: str
    port: int
    types: list[int]
    names: dict[int, str]
    direction: str
    version: int

    @classmethod
    def read(cls, body: bytes) -> Sdp:
        text = body.decode()
        media = re.search(r"m=audio (\d+) RTP/AVP ([\d ]+)", text)
        assert media, text
        names = {int(number): name for number, name in re.findall(r"a=rtpmap:(\d+) (\S+)", text)}
        direction = re.search(r"a=(sendrecv|sendonly|recvonly|inactive)", text)
        version = re.search(r"o=\S+ \d+ (\d+)", text)
        return cls(
            re.search(r"c=IN IP[46] (\S+)", text)[1],  # type: ignore[index]
            int(media[1]), [int(number) for number in media[2].split()], names,
            direction[1] if direction else "sendrecv", int(version[1]),  # type: ignore[index]
        )  # fmt: skip

    @property
    def codecs(self) -> list[str]:
        static = {0: "PCMU/8000", 8: "PCMA/8000"}
        return [self.names.get(number, static.get(number, "")).split("/")[0] for number in self.types]


@dataclass
class Behaviour:
    """What a phone does with a call that comes in. Times in seconds after the INVITE; None = never."""

    ring_after: float | None = 0.05
    answer_after: float | None = 1.0
    reject: int = 0
    reject_after: float = 0.5
    silent: bool = False  # as if unplugged
    answer_despite_cancel: bool = False  # the 200 crosses the CANCEL
    early_media: bool = False
    hang_up_after: float | None = None  # seconds after the answer
    ack_expected: bool = True
    redirect: str = ""
    answer_without_sdp: bool = False


@dataclass
class Line:
    """One call on a phone."""

    phone: VirtualPhone
    call_id: str
    incoming: bool
    local_tag: str
    state: str = "calling"  # calling ringing up ended
    remote_tag: str = ""
    target: str = ""
    local: str = ""
    remote: str = ""
    cseq: int = 1
    status: int = 0
    invite: Raw | None = None
    invite_branch: str = ""
    provisional: bool = False
    cancelled: bool = False
    reason: str = ""
    sdp: Sdp | None = None  # the switch's description
    direction: str = "sendrecv"  # ours
    version: int = 1
    pending: str = ""  # "uac" | "uas": a re-INVITE under way
    log: list[str] = field(default_factory=list)
    answered_at: float = 0.0
    ended_by: str = ""
    rtp: int = 0

    def note(self, what: str) -> None:
        self.log.append(what)


class VirtualPhone:
    """A user agent at one UDP address."""

    def __init__(
        self, world: World, user: str, password: str, host: str, port: int, behaviour: Behaviour | None = None
    ) -> None:
        self.world = world
        self.user = user
        self.password = password
        self.address = (host, port)
        self.behaviour = behaviour or Behaviour()
        self.codecs = ["PCMA", "PCMU"]
        self.lines: list[Line] = []
        self.dtmf_type: int = 101
        self.received: list[Raw] = []
        self.answers_info = 200
        self._clients: dict[tuple[str, str], dict[str, Any]] = {}
        self._servers: dict[tuple[str, str], bytes] = {}
        self._counter = 0
        self.nonces = 0
        self.registered = False
        self.down = False
        world.attach(self)

    # --- small things --------------------------------------------------------------------------------------------------

    def fresh(self, what: str) -> str:
        self._counter += 1
        return f"{what}{self.user}x{self.address[1]}x{self._counter}"

    def send(self, data: bytes) -> None:
        if not self.down:
            self.world.transmit(data, self.address, self.world.listening[":" in self.address[0]])

    @property
    def contact(self) -> str:
        return f"sip:{self.user}@{self.address[0]}:{self.address[1]}"

    def line(self, raw: Raw) -> Line | None:
        return next((line for line in self.lines if line.call_id == raw.get("Call-ID")), None)

    def sdp(self, line: Line, *, codecs: list[str] | None = None) -> bytes:
        types = {"PCMA": 8, "PCMU": 0}
        chosen = codecs or self.codecs
        numbers = [types[codec] for codec in chosen]
        lines = "".join(f"a=rtpmap:{types[codec]} {codec}/8000\r\n" for codec in chosen)
        if self.dtmf_type:
            numbers.append(self.dtmf_type)
            lines += f"a=rtpmap:{self.dtmf_type} telephone-event/8000\r\n"
        host = self.address[0]
        family = "IP6" if ":" in host else "IP4"
        formats = " ".join(map(str, numbers))
        text = (
            f"v=0\r\no=- 7 {line.version} IN {family} {host}\r\ns=phone\r\nc=IN {family} {host}\r\nt=0 0\r\n"
            f"m=audio {line.rtp} RTP/AVP {formats}\r\n{lines}a={line.direction}\r\n"
        )
        line.version += 1
        return text.encode()

    def answer_sdp(self, line: Line) -> bytes:
        """An answer to what the switch offered: the first common codec, the direction mirrored."""
        assert line.sdp is not None
        common = [codec for codec in line.sdp.codecs if codec in self.codecs]
        offered = line.sdp.direction
        mirrored = {"sendrecv": line.direction, "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}
        keep, line.direction = line.direction, mirrored[offered]
        body = self.sdp(line, codecs=common[:1])
        line.direction = keep
        return body

    # --- client side -----------------------------------------------------------------------------------------------------

    def request(
        self, method: str, uri: str, headers: dict[str, str], body: bytes = b"", done: Callable[[Raw | None], None] | None = None,
        branch: str = "", retransmit: bool = True,
    ) -> str:  # fmt: skip
        branch = branch or "z9hG4bK" + self.fresh("b")
        host, port = self.address
        text = f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {host}:{port};branch={branch};rport\r\nMax-Forwards: 70\r\n"
        text += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        if body and "Content-Type" not in headers:
            text += "Content-Type: application/sdp\r\n"
        data = (text + f"Content-Length: {len(body)}\r\n\r\n").encode("latin-1") + body
        self.send(data)
        if method != "ACK" and retransmit:
            state = {"data": data, "done": done, "live": True, "method": method, "provisional": False}
            self._clients[branch, method] = state
            self._retransmit(state, T1, self.world.now + 64 * T1)
        return branch

    def _retransmit(self, state: dict[str, Any], interval: float, until: float) -> None:
        def again() -> None:
            if not state["live"] or (state["method"] == "INVITE" and state["provisional"]):
                return
            if self.world.now >= until:
                state["live"] = False
                if state["done"]:
                    state["done"](None)
                return
            self.send(state["data"])
            self._retransmit(state, interval * 2 if state["method"] == "INVITE" else min(2 * interval, T2), until)

        self.world.after(interval, again)

    def credentials(self, challenge: str, method: str, uri: str) -> str:
        fields = dict(re.findall(r'(\w+)="?([^",]+)"?', challenge))
        assert fields.get("algorithm", "MD5") == "MD5", challenge
        self.nonces += 1
        nc, cnonce = f"{1:08x}", self.fresh("c")

        def md5(text: str) -> str:
            return hashlib.md5(text.encode()).hexdigest()

        one = md5(f"{self.user}:{fields['realm']}:{self.password}")
        two = md5(f"{method}:{uri}")
        proof = md5(f"{one}:{fields['nonce']}:{nc}:{cnonce}:auth:{two}")
        return (
            f'Digest username="{self.user}", realm="{fields["realm"]}", nonce="{fields["nonce"]}", uri="{uri}", '
            f'response="{proof}", algorithm=MD5, cnonce="{cnonce}", qop=auth, nc={nc}'
        )

    def register(self, expires: int = 3600, q: str = "") -> None:
        call_id, tag = self.fresh("r"), self.fresh("t")
        domain = self.world.domain
        uri = f"sip:{domain}"

        def attempt(cseq: int, credentials: str) -> None:
            headers = {
                "From": f"<sip:{self.user}@{domain}>;tag={tag}", "To": f"<sip:{self.user}@{domain}>", "Call-ID": call_id,
                "CSeq": f"{cseq} REGISTER", "Contact": f"<{self.contact}>" + (f";q={q}" if q else ""), "Expires": str(expires),
                "User-Agent": "sipp-like virtual phone",
            }  # fmt: skip
            if credentials:
                headers["Authorization"] = credentials
            self.request("REGISTER", uri, headers, done=lambda raw: answered(cseq, raw))

        def answered(cseq: int, raw: Raw | None) -> None:
            if raw is None:
                return
            if raw.status == 401 and cseq < 4:
                attempt(cseq + 1, self.credentials(md5_challenge(raw), "REGISTER", uri))
            elif raw.status == 200:
                self.registered = expires > 0

        attempt(1, "")

    def call(self, dialled: str, *, sdp: bool = True, headers: dict[str, str] | None = None, uri: str = "") -> Line:
        """Dial. The line's state and log tell how it goes."""
        line = Line(self, self.fresh("i"), False, self.fresh("t"), rtp=self.world.rtp_port())
        domain = self.world.domain
        line.local = f"<sip:{self.user}@{domain}>"
        line.remote = f"<sip:{dialled}@{domain}>"
        line.target = uri or f"sip:{dialled}@{domain}"
        line.cseq = 0
        self.lines.append(line)
        self._invite(line, "", sdp, headers or {})
        return line

    def _invite(self, line: Line, credentials: str, sdp: bool, extra: dict[str, str]) -> None:
        line.cseq += 1
        headers = {
            "From": f"{line.local};tag={line.local_tag}", "To": line.remote, "Call-ID": line.call_id,
            "CSeq": f"{line.cseq} INVITE", "Contact": f"<{self.contact}>", "User-Agent": "sipp-like virtual phone", **extra,
        }  # fmt: skip
        if credentials:
            headers["Authorization"] = credentials
        line.provisional = False

        def done(raw: Raw | None) -> None:
            if raw is None:
                if line.state != "ended":
                    line.status = line.status or 408
                    line.state, line.ended_by = "ended", "timeout"
            elif raw.status in (401, 407) and not credentials and not line.cancelled:
                self._invite(line, self.credentials(md5_challenge(raw), "INVITE", line.target), sdp, extra)
            else:
                self._final(line, raw, sdp)

        line.invite_branch = self.request("INVITE", line.target, headers, self.sdp(line) if sdp else b"", done)

    def _final(self, line: Line, raw: Raw, sdp: bool) -> None:
        line.note(f"{raw.status}")
        line.status = raw.status
        if raw.status >= 300:
            line.state, line.ended_by = "ended", "remote"
            return
        line.remote_tag = tag_of(raw.get("To"))
        line.remote = raw.get("To").split(";tag=")[0]
        line.target = uri_of(raw.get("Contact"))
        line.sdp = Sdp.read(raw.body)
        line.answered_at = self.world.now
        self._ack(line, line.cseq, b"" if sdp else self.answer_sdp(line))
        if line.cancelled:
            line.state = "up"
            self.hang_up(line)
        else:
            line.state = "up"

    def _ack(self, line: Line, cseq: int, body: bytes = b"") -> None:
        self.request("ACK", line.target, self.dialog_headers(line, "ACK", cseq), body, retransmit=False)

    def dialog_headers(self, line: Line, method: str, cseq: int) -> dict[str, str]:
        return {
            "From": f"{line.local};tag={line.local_tag}", "To": f"{line.remote};tag={line.remote_tag}",
            "Call-ID": line.call_id, "CSeq": f"{cseq} {method}", "Contact": f"<{self.contact}>",
        }  # fmt: skip

    def cancel(self, line: Line) -> None:
        """Give up before the answer. Waits for a provisional response, as it must."""
        line.cancelled = True
        if line.state == "up":
            self.hang_up(line)
            return
        if line.state == "ended" or not line.provisional:
            return
        headers = self.dialog_headers(line, "CANCEL", line.cseq)
        headers["To"] = line.remote
        self.request("CANCEL", line.target, headers, branch=line.invite_branch)

    def hang_up(self, line: Line) -> None:
        if line.state != "up":
            return
        line.state, line.ended_by = "ended", "local"
        line.cseq += 1
        self.request("BYE", line.target, self.dialog_headers(line, "BYE", line.cseq))

    def reinvite(self, line: Line, direction: str = "sendrecv", *, sdp: bool = True, retry: bool = True) -> None:
        """Hold, resume, move. On 491 tries again as section 14.1 has it."""
        if line.state != "up":
            return
        if line.pending:
            self.world.after(0.5, lambda: self.reinvite(line, direction, sdp=sdp, retry=retry))
            return
        line.pending = "uac"
        before, line.direction = line.direction, direction
        line.cseq += 1
        cseq = line.cseq

        def done(raw: Raw | None) -> None:
            line.pending = ""
            if raw is None or line.state != "up":
                if raw is not None and 200 <= raw.status < 300:
                    self._ack(line, cseq)
                return
            line.note(f"re-INVITE {raw.status}")
            if raw.status < 300:
                line.sdp = Sdp.read(raw.body)
                self._ack(line, cseq, b"" if sdp else self.answer_sdp(line))
            else:
                line.direction = before
                if raw.status == 491 and retry:
                    wait = self.world.rng.uniform(2.1, 4.0) if not line.incoming else self.world.rng.uniform(0, 2.0)
                    self.world.after(wait, lambda: self.reinvite(line, direction, sdp=sdp))

        headers = self.dialog_headers(line, "INVITE", cseq)
        self.request("INVITE", line.target, headers, self.sdp(line) if sdp else b"", done)

    def in_dialog(
        self, line: Line, method: str, body: bytes = b"", kind: str = "", done: Callable[[Raw | None], None] | None = None
    ) -> None:  # fmt: skip
        line.cseq += 1
        headers = self.dialog_headers(line, method, line.cseq)
        if kind:
            headers["Content-Type"] = kind

        def answered(raw: Raw | None) -> None:
            line.note(f"{method} {raw.status if raw else None}")
            if done:
                done(raw)

        self.request(method, line.target, headers, body, answered)

    # --- from the network ----------------------------------------------------------------------------------------------------

    def receive(self, data: bytes) -> None:
        if self.down:
            return
        raw = Raw(data)
        self.received.append(raw)
        if raw.status:
            self._response(raw)
        else:
            self._request(raw)

    def _response(self, raw: Raw) -> None:
        state = self._clients.get((raw.branch, raw.method))
        if raw.method == "INVITE" and raw.status >= 300:
            self._ack_failure(raw)
        if state is None:
            return
        if not state["live"]:
            if raw.method == "INVITE" and 200 <= raw.status < 300:
                line = self.line(raw)
                if line:
                    self._ack(line, raw.cseq, b"" if b"application/sdp" in state["data"] else self.answer_sdp(line))
            return
        if raw.status < 200:
            state["provisional"] = True
            line = self.line(raw)
            if raw.method == "INVITE" and line and line.state in ("calling", "ringing"):
                line.provisional = True
                if raw.status > 100:
                    line.state = "ringing"
                    line.note(str(raw.status))
                    if raw.body:
                        line.sdp = Sdp.read(raw.body)
                if line.cancelled:
                    self.cancel(line)
            return
        state["live"] = False
        if state["done"]:
            state["done"](raw)

    def _ack_failure(self, raw: Raw) -> None:
        state = self._clients.get((raw.branch, "INVITE"))
        if state is None:
            return
        uri = state["data"].split(b" ")[1].decode()
        headers = {
            "From": raw.get("From"), "To": raw.get("To"), "Call-ID": raw.get("Call-ID"), "CSeq": f"{raw.cseq} ACK",
        }  # fmt: skip
        self.request("ACK", uri, headers, branch=raw.branch, retransmit=False)

    def respond(self, raw: Raw, status: int, *, tag: str = "", headers: str = "", body: bytes = b"") -> bytes:
        to = raw.get("To")
        if tag and ";tag=" not in to:
            to += f";tag={tag}"
        vias = "".join(f"Via: {via}\r\n" for via in raw.all("Via"))
        text = (
            f"SIP/2.0 {status} X\r\n{vias}From: {raw.get('From')}\r\nTo: {to}\r\nCall-ID: {raw.get('Call-ID')}\r\n"
            f"CSeq: {raw.get('CSeq')}\r\n{headers}"
        )
        if body:
            text += "Content-Type: application/sdp\r\n"
        data = (text + f"Content-Length: {len(body)}\r\n\r\n").encode("latin-1") + body
        self._servers[raw.branch, raw.method] = data
        self.send(data)
        return data

    def _request(self, raw: Raw) -> None:
        method = raw.start.split(" ")[0]
        if method == "ACK":
            self._acked(raw)
            return
        known = self._servers.get((raw.branch, method))
        if known is not None:
            self.send(known)
            return
        line = self.line(raw)
        if method == "INVITE" and ";tag=" not in raw.get("To"):
            if line is None and not self.behaviour.silent:
                self._incoming(raw)
        elif line is None:
            self.respond(raw, 481, tag=self.fresh("t"))
        elif method == "INVITE":
            self._reinvited(line, raw)
        elif method == "BYE":
            self.respond(raw, 200)
            line.note("BYE")
            if line.state != "ended":
                line.state, line.ended_by = "ended", "remote"
            line.reason = raw.get("Reason")
        elif method == "CANCEL":
            self._cancelled(line, raw)
        elif method == "OPTIONS" and line.state == "ended":
            self.respond(raw, 481)
        elif method == "INFO":
            line.note("INFO " + raw.body.decode().split("\r\n")[0])
            self.respond(raw, self.answers_info)
        else:
            self.respond(raw, 200)

    # --- server side ---------------------------------------------------------------------------------------------------

    def _incoming(self, raw: Raw) -> None:
        do = self.behaviour
        line = Line(self, raw.get("Call-ID"), True, self.fresh("t"), rtp=self.world.rtp_port())
        line.invite = raw
        line.remote_tag = tag_of(raw.get("From"))
        line.remote = raw.get("From").split(";tag=")[0]
        line.local = raw.get("To")
        line.target = uri_of(raw.get("Contact"))
        line.sdp = Sdp.read(raw.body)
        line.cseq = 100
        self.lines.append(line)
        contact = f"Contact: <{self.contact}>\r\n"
        line.pending = "uas"

        def ring() -> None:
            if line.state == "calling":
                line.state = "ringing"
                body = self.answer_sdp(line) if do.early_media else b""
                self.respond(raw, 183 if do.early_media else 180, tag=line.local_tag, headers=contact, body=body)

        def reject() -> None:
            if line.state in ("calling", "ringing"):
                line.state, line.status, line.ended_by = "ended", do.reject, "local"
                self.respond(
                    raw, do.reject, tag=line.local_tag, headers=f"Contact: <{do.redirect}>\r\n" if do.redirect else ""
                )

        if do.ring_after is not None:
            self.world.after(do.ring_after, ring)
        if do.reject:
            self.world.after(do.reject_after, reject)
        elif do.answer_after is not None:
            self.world.after(do.answer_after, lambda: self.answer(line))

    def answer(self, line: Line) -> None:
        if line.state not in ("calling", "ringing"):
            return
        raw = line.invite
        assert raw is not None
        line.state, line.answered_at = "up", self.world.now
        body = b"" if self.behaviour.answer_without_sdp else self.answer_sdp(line)
        self._accept(line, raw, body)
        if self.behaviour.hang_up_after is not None:
            self.world.after(self.behaviour.hang_up_after, lambda: self.hang_up(line))

    def _accept(self, line: Line, raw: Raw, body: bytes) -> None:
        data = self.respond(raw, 200, tag=line.local_tag, headers=f"Contact: <{self.contact}>\r\n", body=body)
        cseq = raw.cseq

        def again(interval: float, until: float) -> None:
            if line.pending != "uas" or f"ACK {cseq}" in line.log:
                return
            if self.world.now >= until:
                line.pending = ""
                line.note("no ACK")
                if line.state == "up":
                    self.hang_up(line)
                return
            self.send(data)
            self.world.after(min(2 * interval, T2), lambda: again(min(2 * interval, T2), until))

        self.world.after(T1, lambda: again(T1, self.world.now + 64 * T1))

    def _acked(self, raw: Raw) -> None:
        line = self.line(raw)
        if line is not None and f"ACK {raw.cseq}" not in line.log:
            line.note(f"ACK {raw.cseq}")
            if line.pending == "uas":
                line.pending = ""

    def _cancelled(self, line: Line, raw: Raw) -> None:
        self.respond(raw, 200, tag=line.local_tag)
        line.reason = raw.get("Reason")
        line.note("CANCEL")
        if line.state in ("calling", "ringing"):
            if self.behaviour.answer_despite_cancel:
                self.answer(line)
                return
            line.state, line.status, line.ended_by = "ended", 487, "remote"
            assert line.invite is not None
            self.respond(line.invite, 487, tag=line.local_tag)

    def _reinvited(self, line: Line, raw: Raw) -> None:
        if line.state != "up":
            self.respond(raw, 481)
            return
        if line.pending == "uac":
            line.note("glare")
            self.respond(raw, 491)
            return
        line.sdp = Sdp.read(raw.body)
        line.note("re-INVITED")
        line.pending = "uas"
        self._accept(line, raw, self.answer_sdp(line))


def md5_challenge(raw: Raw) -> str:
    return next(value for value in raw.all("WWW-Authenticate") if "algorithm=MD5" in value)
