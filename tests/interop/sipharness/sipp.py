"""SIPp: exact message flows and load. The scenarios are generated here; SIPp judges every message it gets.

It signals, and echoes the audio it gets. Its own RTP streams differ from version to version and crash some: phones that
speak are `wirephone`'s business.
"""

from __future__ import annotations

import csv
import re
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from xml.sax.saxutils import escape

from .core import LOOPBACK, Account, Phone, PhoneError, free_port, need

_HEAD = '<?xml version="1.0" encoding="ISO-8859-1" ?>\n<!DOCTYPE scenario SYSTEM "sipp.dtd">\n'
_VIA = "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]"
_SDP = """v=0
o=- 53655765 2353687637 IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [{port}] RTP/AVP 8
a=rtpmap:8 PCMA/8000
a=ptime:20
a=sendrecv
"""
_LAST = ["[last_Via:]", "[last_From:]", "[last_To:]", "[last_Call-ID:]", "[last_CSeq:]"]


def send(first: str, headers: Iterable[str], body: str = "", *, retransmit: bool = True, attributes: str = "") -> str:
    """A <send> element; `first` is the request line or the status line."""
    lines = "\n".join([*headers, *(["Content-Type: application/sdp"] if body else []), "Content-Length: [len]"])
    timer = 'retrans="500"' if retransmit else ""
    return f"<send {timer} {attributes}><![CDATA[\n\n{first}\n{lines}\n\n{body}\n]]></send>\n"


def receive(what: str, attributes: str = "") -> str:
    """A <recv> element for a method or, if `what` is a number, a status."""
    kind = "response" if what.isdigit() else "request"
    return f'<recv {kind}="{what}" {attributes}></recv>\n'


def pause(seconds: float) -> str:
    return f'<pause milliseconds="{round(seconds * 1000)}"/>\n'


def optional(*codes: int) -> str:
    return "".join(receive(str(code), 'optional="true"') for code in codes)


@dataclass(slots=True)
class Scenario:
    """A scenario, built step by step. [field0] is the user, [field1] the credentials, [field2] the number to call."""

    name: str
    domain: str
    steps: list[str] = field(default_factory=list)

    def xml(self) -> str:
        return _HEAD + f'<scenario name="{escape(self.name)}">\n' + "".join(self.steps) + "</scenario>\n"

    def _headers(self, method: str, sequence: int, to: str, *more: str, to_tag: str = "") -> list[str]:
        return [
            _VIA,
            f"From: <sip:[field0]@{self.domain}>;tag=[pid]S[call_number]",
            f"To: <{to}>{to_tag}",
            "Call-ID: [call_id]",
            f"CSeq: {sequence} {method}",
            "Contact: <sip:[field0]@[local_ip]:[local_port];transport=[transport]>",
            "Max-Forwards: 70",
            "User-Agent: SIPp",  # tells that it knows MD5 only
            *more,
        ]

    def register(self, expires: int = 300) -> Self:
        """REGISTER with digest."""
        uri, to = f"sip:{self.domain}", f"sip:[field0]@{self.domain}"
        lifetime = f"Expires: {expires}"
        self.steps += [
            send(f"REGISTER {uri} SIP/2.0", self._headers("REGISTER", 1, to, lifetime)),
            optional(100) + receive("401", 'auth="true"'),
            send(f"REGISTER {uri} SIP/2.0", self._headers("REGISTER", 2, to, lifetime, "[field1]")),
            optional(100) + receive("200"),
        ]
        return self

    def call(self, seconds: float, challenge: int = 401) -> Self:
        """INVITE with digest to [field2], ACK, a while, BYE."""
        to = f"sip:[field2]@{self.domain}"
        body = _SDP.format(port="media_port")
        self.steps += [
            send(f"INVITE {to} SIP/2.0", self._headers("INVITE", 1, to), body),
            optional(100) + receive(str(challenge), 'auth="true"'),
            send(f"ACK {to} SIP/2.0", self._headers("ACK", 1, to, to_tag="[peer_tag_param]"), retransmit=False),
        ]
        return self.plain_call(seconds, credentials=True)

    def plain_call(self, seconds: float, *, credentials: bool = False) -> Self:
        """INVITE to [field2], ACK, a while, BYE."""
        to = f"sip:[field2]@{self.domain}"
        body = _SDP.format(port="media_port")
        ack = {"retransmit": False}
        self.steps += [
            send(f"INVITE {to} SIP/2.0", self._headers("INVITE", 2, to, *(["[field1]"] if credentials else [])), body),
            optional(100, 180, 183) + receive("200", 'rrs="true"'),
            send("ACK [next_url] SIP/2.0", self._headers("ACK", 2, to, "[routes]", to_tag="[peer_tag_param]"), **ack),
            pause(seconds),
            send("BYE [next_url] SIP/2.0", self._headers("BYE", 3, to, "[routes]", to_tag="[peer_tag_param]")),
            receive("200"),
        ]
        return self

    def answer(self, user: str, ring: float = 0.0) -> Self:
        """180, 200 and ACK, then wait for BYE."""
        contact = f"Contact: <sip:{user}@[local_ip]:[local_port];transport=[transport]>"
        tagged = [header.replace("[last_To:]", "[last_To:];tag=[pid]A[call_number]") for header in _LAST]
        reply = [*tagged, "[last_Record-Route:]", contact]
        self.steps += [
            receive("INVITE", 'rrs="true"'),
            send("SIP/2.0 180 Ringing", reply, retransmit=False),
            pause(ring) if ring else "",
            send("SIP/2.0 200 OK", reply, _SDP.format(port="media_port")),
            receive("ACK"),
            receive("BYE"),
            send("SIP/2.0 200 OK", _LAST, retransmit=False),
        ]
        return self


class Sipp(Phone):
    """One SIPp process."""

    KIND = "sipp"

    def __init__(self, account: Account, **options: Any) -> None:
        super().__init__(account, **options)
        self.program = need("sipp", "sip-tester")
        self.rtp_port = free_port(8)
        self.control_port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._scenario = Scenario("none", "")

    def start(self) -> None:
        """Nothing runs before `launch`."""

    def launch(
        self,
        scenario: Scenario,
        users: Iterable[tuple[str, ...]] = (),
        *,
        calls: int = 1,
        rate: float = 1,
        limit: int = 0,
        timeout: float = 60,
        echo: bool = False,
        options: Iterable[object] = (),
    ) -> None:
        """Run a scenario in the background. `users`: (user, password, number to call...), taken in turn."""
        account = self.account
        path = self.dir / f"{scenario.name}.xml"
        path.write_text(scenario.xml())
        table = self.dir / f"{scenario.name}.csv"
        # SIPp does not expand a field inside [authentication]: the whole keyword is the field.
        rows = [
            ";".join([user, f"[authentication username={user} password={password}]", *more])
            for user, password, *more in (users or [(account.user, account.password)])
        ]
        table.write_text("\n".join(["SEQUENTIAL", *rows]) + "\n")
        command = [
            *(self.program, f"{account.server}:{account.port}", "-sf", path, "-inf", table),
            *("-i", LOOPBACK, "-p", self.sip_port, "-mi", LOOPBACK, "-mp", self.rtp_port, "-cp", self.control_port),
            *("-m", calls, "-r", rate, "-l", limit or calls, "-t", {"udp": "u1", "tcp": "t1"}[account.transport]),
            *("-watchdog_interval", 0),  # it judges the machine, not the switch
            *("-nostdin", "-timeout", f"{round(timeout)}s", "-timeout_error"),
            *("-trace_err", "-error_file", self.dir / "errors.log", "-trace_stat", "-stf", self.dir / "statistics.csv"),
            *(["-rtp_echo"] if echo else []),
            *options,
        ]
        self._scenario = scenario
        self._process = self.spawn(command, log=f"{scenario.name}.log")
        if account.transport == "udp":
            self._listens()

    def _listens(self, limit: float = 10.0) -> None:
        """Wait until SIPp has its socket: what calls it before is told that nobody is there."""
        place, deadline = f":{self.sip_port:04X} ", time.monotonic() + limit
        while place not in Path("/proc/net/udp").read_text() and self._process and self._process.poll() is None:
            assert time.monotonic() < deadline, f"sipp has no port after {limit} s"
            time.sleep(0.02)

    def finish(self, timeout: float = 70) -> dict[str, str]:
        """Wait for the end and return SIPp's statistics. Raises PhoneError with its error log if anything failed."""
        if self._process is None:
            raise PhoneError(f"{self.name} was not launched")
        try:
            status = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise PhoneError(f"{self.name}: sipp did not end:\n{self.errors()[:3000]}") from None
        if status != 0:
            text = self.errors() or self.log(f"{self._scenario.name}.log")
            raise PhoneError(f"{self.name}: sipp ended with {status}:\n{text[:3000]}")
        return self.statistics()

    def run(
        self, scenario: Scenario, users: Iterable[tuple[str, ...]] = (), *, timeout: float = 60, **options: Any
    ) -> dict[str, str]:
        self.launch(scenario, users, timeout=timeout, **options)
        return self.finish(timeout + 10)

    def errors(self) -> str:
        """What SIPp found worth a word."""
        return self.log("errors.log")

    def complaints(self) -> list[str]:
        """What SIPp found wrong. A response repeated to a call that is over well is no fault: retransmission is UDP's way."""
        notes = re.split(r"^'?(?=\d{4}-\d\d-\d\d\t)", self.errors(), flags=re.MULTILINE)[1:]
        return [note for note in notes if not re.search(r"Dead call \S+ \(successful\)", note)]

    def statistics(self) -> dict[str, str]:
        """The last row of SIPp's statistics by column name."""
        rows = list(csv.reader((self.dir / "statistics.csv").open(), delimiter=";"))
        return dict(zip(rows[0], rows[-1], strict=False))
