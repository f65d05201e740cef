"""Phones that send nonsense with all the right tags: nothing they do raises an exception, and nothing of it remains."""

from __future__ import annotations

import random

import pytest

from tests.sim.phone import Behaviour, Line, VirtualPhone
from tests.sim.test_storm import books
from tests.sim.text import Raw
from tests.sim.world import World, site

BODIES = [
    b"", b"<x/>", b"Signal=5\r\n", b"v=0\r\n", b"v=0", b"\r\n", b"--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b--",
    b"v=0\r\no=- 1 1 IN IP4 9.9.9.9\r\nc=IN IP4 9.9.9.9\r\nm=audio 4000 RTP/AVP 8\r\n",
    b"v=0\r\no=- 1 1 IN IP4 9.9.9.9\r\nc=IN IP4 0.0.0.0\r\nm=audio 4000 RTP/AVP 0 101\r\n"
    b"a=rtpmap:101 PCMA/8000\r\na=inactive\r\n",
    b"v=0\r\no=- 1 1 IN IP6 ::1\r\nc=IN IP6 ::1\r\nm=audio 4000 RTP/AVP 8\r\n",
    b"v=0\r\no=x\r\nc=IN IP4 phone.example\r\nm=audio 4000 RTP/AVP 0\r\na=sendonly\r\n",
    b"v=0\r\nc=IN IP4 9.9.9.9\r\nm=audio 0 RTP/AVP 8\r\nm=video 4 RTP/AVP 31\r\n",
    b"v=0\r\nc=IN IP4 9.9.9.9\r\nm=audio 4000 RTP/AVP 8\r\na=rtcp:99999\r\na=ptime:0\r\na=maxptime:1\r\n", bytes(range(256)),
]  # fmt: skip
TYPES = [
    "application/sdp", "application/sdp", "text/plain", "multipart/mixed;boundary=b", "multipart/mixed", "application/dtmf-relay",
    "application/dtmf", ";;;", "",
]  # fmt: skip
EXTRAS = [
    "Accept: text/plain", "Accept: ,,", "Content-Disposition: x;handling=optional", "Content-Encoding: gzip", "Privacy: id",
    "Contact: *", "Contact: <sip:x@9.9.9.9>, <sip:y@9.9.9.9>", "Contact: junk", "Require: nothing",
    "Record-Route: <sip:9.9.9.9;lr>", "Record-Route: ,,",
    "Subject: \xff\xfe", "Max-Forwards: 0", "RAck: 1 1 INVITE", "Replaces: x;to-tag=1;from-tag=2",
    "RAck: 99999999999 1 INVITE", "RAck: \xb2 1 INVITE", "Require: 100rel", "Require: 100rel\r\nRSeq: 5", "RSeq: 99999999999",
    "Require: 100rel\r\nRSeq: 0", "Require: 100rel\r\nRSeq: x", "Supported: timer, 100rel",
    "Session-Expires: 90;refresher=uas", "Session-Expires: 90;refresher=uac\r\nSupported: timer",
    "Min-SE: 4294967296", "Min-SE: 90000",
    "Session-Expires: 1", "Session-Expires: \xb2;;=", "Refer-To: <sip:bob@pbx.test>", "Content-Length: 3",
]  # fmt: skip
METHODS = [
    "INVITE",
    "INVITE",
    "UPDATE",
    "UPDATE",
    "INFO",
    "INFO",
    "OPTIONS",
    "PRACK",
    "REFER",
    "NOTIFY",
    "MESSAGE",
    "ACK",
    "ACK",
    "FOO",
]
CALLS: list[dict[str, str]] = [
    {}, {"Supported": "100rel, timer"}, {"Require": "100rel"}, {"Supported": "timer", "Session-Expires": "90", "Allow": "UPDATE"},
]  # fmt: skip
STATUSES = [100, 180, 181, 183, 199, 200, 202, 302, 401, 404, 408, 422, 481, 486, 488, 491, 500, 503, 603, 699]


class Nonsense:
    """One call after the other, with a babbling phone at each end."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        accounts = ("anna", "bob")
        self.world = World(
            site(*accounts, extensions={"echo": "echo", "play": "play:welcome"}), seed=seed, no_answer_timeout=8.0
        )
        self.phones = [self.world.phone(user) for user in accounts]

    def run(self) -> None:
        w, rng = self.world, self.rng
        w.run(1)
        for _ in range(12):
            self.phones[1].behaviour = Behaviour(
                answer_after=rng.choice([None, 0.0, 0.5]), early_media=rng.random() < 0.3
            )
            self.phones[0].call(
                rng.choice(["bob", "bob", "echo", "play"]), sdp=rng.random() < 0.7, headers=dict(rng.choice(CALLS))
            )
            for _ in range(rng.randrange(30)):
                w.run(rng.choice([0.0, 0.02, 0.1, 0.3]))
                self.babble()
            self.hang_up()
        w.run(10)
        self.hang_up()
        w.run(200)

    def hang_up(self) -> None:
        for phone in self.phones:
            for line in phone.lines:
                if line.state == "up":
                    phone.hang_up(line)
                elif line.state != "ended" and not line.incoming:
                    phone.cancel(line)
        self.world.run(0.3)

    def babble(self) -> None:
        rng = self.rng
        phone = rng.choice(self.phones)
        live = [line for line in phone.lines if line.state != "ended"]
        if not live:
            return
        line = rng.choice(live)
        if rng.random() < 0.6:
            self.request(phone, line)
        elif invites := [raw for raw in phone.received if not raw.status and raw.get("Call-ID") == line.call_id]:
            self.response(phone, line, rng.choice(invites))

    def trailer(self, body: bytes) -> bytes:
        rng = self.rng
        lines = [f"Content-Type: {kind}" for kind in [rng.choice(TYPES)] if kind and body]
        lines += rng.sample(EXTRAS, rng.choice([0, 0, 1, 2]))
        if not any(line.startswith("Content-Length") for line in lines):
            lines.append(f"Content-Length: {len(body)}")
        return "".join(f"{line}\r\n" for line in lines).encode("latin-1") + b"\r\n" + body

    def request(self, phone: VirtualPhone, line: Line) -> None:
        rng = self.rng
        method = rng.choice(METHODS)
        line.cseq += rng.choice([0, 1, 1, 1])
        host, port = phone.address
        headers = phone.dialog_headers(line, method, line.cseq)
        if rng.random() < 0.5:
            del headers["Contact"]
        text = f"{method} {line.target} SIP/2.0\r\nVia: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{phone.fresh('n')};rport\r\n"
        text += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        phone.send(text.encode("latin-1") + self.trailer(rng.choice(BODIES)))

    def response(self, phone: VirtualPhone, line: Line, raw: Raw) -> None:
        rng = self.rng
        tag = rng.choice([line.local_tag, line.local_tag, "", "another"])
        to = raw.get("To") + (f";tag={tag}" if tag and ";tag=" not in raw.get("To") else "")
        contact = rng.choice([f"Contact: <{phone.contact}>\r\n", ""])
        text = (
            f"SIP/2.0 {rng.choice(STATUSES)} \r\nVia: {raw.get('Via')}\r\nFrom: {raw.get('From')}\r\nTo: {to}\r\n"
            f"Call-ID: {raw.get('Call-ID')}\r\nCSeq: {raw.get('CSeq')}\r\n{contact}"
        )
        phone.send(text.encode("latin-1") + self.trailer(rng.choice(BODIES)))


@pytest.mark.parametrize("first", range(0, 30, 6))
def test_nonsense_with_the_right_tags(first: int) -> None:
    for seed in range(first, first + 6):
        nonsense = Nonsense(seed)
        try:
            nonsense.run()
            nonsense.world.assert_idle()
            books(nonsense.world)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error!r}") from error
