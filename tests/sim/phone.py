"""A virtual phone: a small user agent of its own, written against the RFCs and on raw text only.

It shares no code with the switch, so that a misreading of the standard cannot cancel out. It retransmits, acknowledges,
authenticates with MD5 digest, answers re-INVITEs, and does on purpose what the scenario tells it to.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

from tests.sim.agent import T1, T2, UserAgent
from tests.sim.text import Raw, Sdp, md5_challenge, tag_of, uri_of

if TYPE_CHECKING:
    from tests.sim.world import World


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
    leaves: str = (
        "done"  # when it hangs up after its REFER: "accepted" (at the 202), "done" (at a good NOTIFY), "" (never)
    )


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
    invite_cseq: int = 0
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
    referred: Raw | None = None  # the answer to its last REFER
    notified: list[tuple[int, str]] = field(default_factory=list)  # (status, state of the subscription)

    def note(self, what: str) -> None:
        self.log.append(what)


class VirtualPhone(UserAgent):
    """A user agent with calls."""

    def __init__(
        self, world: World, user: str, password: str, host: str, port: int, behaviour: Behaviour | None = None
    ) -> None:
        self.behaviour = behaviour or Behaviour()
        self.codecs = ["PCMA", "PCMU"]
        self.lines: list[Line] = []
        self.dtmf_type: int = 101
        self.answers_info = 200
        super().__init__(world, user, password, host, port)

    # --- small things --------------------------------------------------------------------------------------------------

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
            "CSeq": f"{line.cseq} INVITE", "Contact": f"<{self.target}>", "User-Agent": "sipp-like virtual phone", **extra,
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

        line.invite_cseq = line.cseq
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
        if raw.body:
            line.sdp = Sdp.read(raw.body)
        line.answered_at = self.world.now
        self._ack(line, raw.cseq, b"" if sdp or not raw.body else self.answer_sdp(line))
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
            "Call-ID": line.call_id, "CSeq": f"{cseq} {method}", "Contact": f"<{self.target}>",
        }  # fmt: skip

    def cancel(self, line: Line) -> None:
        """Give up before the answer. Waits for a provisional response, as it must."""
        line.cancelled = True
        if line.state == "up":
            self.hang_up(line)
            return
        if line.state == "ended" or not line.provisional:
            return
        headers = self.dialog_headers(line, "CANCEL", line.invite_cseq)
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

    def progressed(self, raw: Raw) -> None:
        line = self.line(raw)
        if line is None or line.state not in ("calling", "ringing"):
            return
        line.provisional = True
        if raw.status > 100:
            line.state = "ringing"
            line.note(str(raw.status))
            if raw.body:
                line.sdp = Sdp.read(raw.body)
        if line.cancelled:
            self.cancel(line)

    def answered_again(self, raw: Raw, sent: bytes) -> None:
        line = self.line(raw)
        if line:
            self._ack(line, raw.cseq, b"" if b"application/sdp" in sent else self.answer_sdp(line))

    def requested(self, raw: Raw, method: str) -> None:
        if method == "ACK":
            self._acked(raw)
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
        elif method == "NOTIFY":
            self._notified(line, raw)
        elif method == "INFO":
            line.note("INFO " + raw.body.decode().split("\r\n")[0])
            self.respond(raw, self.answers_info)
        else:
            self.respond(raw, 200)

    # --- transfers -----------------------------------------------------------------------------------------------------

    def refer(
        self, line: Line, to: str, *, consulted: Line | None = None, headers: dict[str, str] | None = None
    ) -> None:
        """Ask the switch to lead the other side elsewhere. `consulted`: to whom it talks on that line of this phone."""
        target = to if ":" in to else f"sip:{to}@{self.world.domain}"
        if consulted is not None:
            value = f"{consulted.call_id};to-tag={consulted.remote_tag};from-tag={consulted.local_tag}"
            target = f"{consulted.target}?Replaces={quote(value, safe='')}"
        line.cseq += 1
        more = {"Refer-To": f"<{target}>", "Referred-By": f"<sip:{self.user}@{self.world.domain}>", **(headers or {})}

        def answered(raw: Raw | None) -> None:
            line.note(f"REFER {raw.status if raw else None}")
            line.referred = raw
            if raw is not None and raw.status == 202 and self.behaviour.leaves == "accepted":
                self.hang_up(line)

        self.request("REFER", line.target, self.dialog_headers(line, "REFER", line.cseq) | more, b"", answered)

    def _notified(self, line: Line, raw: Raw) -> None:
        status = int(raw.body.split(b" ")[1])
        line.notified.append((status, raw.get("Subscription-State").partition(";")[0]))
        self.respond(raw, 200)
        if 200 <= status < 300 and self.behaviour.leaves == "done":
            self.hang_up(line)

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
        contact = f"Contact: <{self.target}>\r\n"
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
        data = self.respond(raw, 200, tag=line.local_tag, headers=f"Contact: <{self.target}>\r\n", body=body)
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
