"""Whatever arrives: an answer that fits or silence, and never an exception (RELIABILITY R1, R4; RFC 4475)."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from softswitch.directory import Account
from softswitch.effects import Flow, Send
from softswitch.sip import digest
from softswitch.sip.authenticator import Authenticated, Authenticator
from softswitch.sip.authenticator import Challenge as Challenged
from softswitch.sip.dialog import Dialog
from softswitch.sip.endpoint import AckReceived, Endpoint, RequestReceived
from softswitch.sip.listener import valid_destination
from softswitch.sip.registrar import Registrar
from tests.unit.sip.peer import PHONE, PHONE_TCP, endpoint, request

ACCOUNT = Account("alice", digest.ha1("alice", "pbx.test", "x"))


class Server:
    """Endpoint, authenticator, registrar and dialogs behind one door. `open_`: no password is asked for."""

    def __init__(self, open_: bool) -> None:
        self.endpoint: Endpoint = endpoint()
        self.authenticator = Authenticator("pbx.test", b"k" * 32)
        self.registrar = Registrar()
        self.open = open_
        self.dialogs: dict[str, Dialog] = {}

    def receive(self, data: bytes, flow: Flow, now: float) -> list[Send]:
        self.endpoint.receive(data, flow, now)
        sent: list[Send] = []
        while items := self.endpoint.drain():
            for item in items:
                if isinstance(item, Send):
                    assert valid_destination(item.flow.host, item.flow.port) and item.flow.host == flow.host
                    sent.append(item)
                elif isinstance(item, RequestReceived):
                    self.serve(item, now)
                elif isinstance(item, AckReceived):
                    dialog = self.dialogs.get(item.message.to_tag)
                    if dialog is not None:
                        dialog.receive(item.message)
        return sent

    def serve(self, item: RequestReceived, now: float) -> None:
        ep, tx, message = self.endpoint, item.transaction, item.message
        if message.to_tag:
            dialog = self.dialogs.get(message.to_tag)
            status = dialog.receive(message) if dialog is not None else 481
            ep.respond(tx, status or 200, now)
            if dialog is not None and not status:
                dialog.request(ep, "BYE", now)
            return
        verdict = self.authenticator.check(message, {"alice": ACCOUNT}, now)
        if not isinstance(verdict, Authenticated) and not self.open:
            assert isinstance(verdict, Challenged)
            ep.reject(tx, verdict.status, now, headers=verdict.headers)
        elif message.method == "REGISTER":
            status, headers = self.registrar.register(message, ACCOUNT, now)
            ep.respond(tx, status, now, headers=headers)
        elif message.method == "INVITE":
            dialog = Dialog.uas(message, ep.tag(), message.flow)
            self.dialogs[dialog.local_tag] = dialog
            ep.respond(tx, 200, now, to_tag=dialog.local_tag)
            dialog.request(ep, "INFO", now)
        else:
            ep.respond(tx, 200, now)


def outcome(sent: list[Send]) -> str:
    finals = [item.data[8:11].decode() for item in sent if item.data.startswith(b"SIP/2.0 ") and item.data[8:9] != b"1"]
    return finals[0] if finals else "silence"


def fits(result: str, expected: list[str]) -> bool:
    syntax = {"400", "505", "513", "500", "501"}
    return any(
        result == e or (e == "processed" and result != "silence" and result not in syntax) or e == f"{result[0]}xx"
        for e in expected
    )


def test_torture_messages_get_the_answers_of_rfc_4475(shared: Path) -> None:
    folder = shared / "corpora" / "rfc4475"
    items = json.loads((folder / "index.json").read_text())["items"]
    soft = []
    for item in items:
        for open_ in (False, True):
            server = Server(open_)
            result = outcome(server.receive((folder / item["file"]).read_bytes(), PHONE, 1.0))
            if not fits(result, item["accept"]):
                assert fits(result, item["tolerate"]), (item["id"], open_, result, item["accept"])
                soft.append((item["id"], open_))
            assert outcome(server.receive(request("OPTIONS", branch="z9hG4bKalive"), PHONE, 1.1)) in ("200", "401")
    assert len(items) >= 49
    assert soft == [("regaut01", True)]  # 200 where no password is asked for


AUTHORIZATION = 'Authorization: Digest username="alice", realm="pbx.test", nonce="1", uri="sip:x", response="0"\r\n'
BASES = [
    request(method, headers=headers, body=body, to_tag=to_tag)
    for method, headers, body, to_tag in (
        ("INVITE", "Content-Type: application/sdp\r\nRecord-Route: <sip:p.example;lr>\r\n", b"v=0\r\n", ""),
        ("REGISTER", "Expires: 600\r\nPath: <sip:e.example;lr>\r\n", b"", ""),
        (
            "OPTIONS",
            'Authorization: Digest username="alice", realm="pbx.test", nonce="1", uri="sip:x", response="0"\r\n',
            b"",
            "",
        ),
        ("BYE", "Require: a, b\r\n", b"", "0tag"),
        ("CANCEL", "", b"", ""),
        ("ACK", "Route: <sip:x>\r\n", b"", "0tag"),
    )
] + [b"SIP/2.0 200 OK\r\n" + request("INVITE").split(b"\r\n", 1)[1]]
PIECES = [
    b"\r\n", b"\x00", b"\xff\xfe", b'"', b"<", b">", b";", b",", b"%00", b"=", b":", b" ", b"\t", b"*", b"@", b"[::1]",
    b"99999999999", b"-1", b"70000", b"\xd9\xa1", b";lr", b";tag=", b";branch=", b"Via: x\r\n", b"Contact: *\r\n", b"sip:",
    b"tel:", b"z9hG4bK", b"Content-Length: 5\r\n", b"\r\n\r\n", b"\x85", b"\xe2\x80\xa8", b"\x0b", b"?",
    b"Max-Forwards: 0\r\n", b"A" * 300,
]  # fmt: skip


def mutated(draw: random.Random) -> bytes:
    data = bytearray(draw.choice(BASES))
    for _ in range(draw.randrange(1, 5)):
        at, kind = draw.randrange(len(data) + 1), draw.randrange(5)
        if kind == 0:
            data[at:at] = draw.choice(PIECES)
        elif kind == 1:
            del data[at : at + draw.randrange(1, 30)]
        elif kind == 2 and at < len(data):
            data[at] = draw.randrange(256)
        elif kind == 3:
            lines = bytes(data).split(b"\r\n")
            draw.shuffle(lines)
            data = bytearray(b"\r\n".join(lines))
        else:
            data[at : at + draw.randrange(8)] = draw.choice(PIECES)
        if not data:
            break
    return bytes(data)


@pytest.mark.parametrize("seed", range(8))
def test_no_message_makes_us_raise_and_every_answer_goes_to_its_sender(seed: int) -> None:
    draw = random.Random(seed)
    server, now = Server(open_=seed % 2 == 0), 1.0
    for _ in range(400):
        now += draw.random()
        flow = draw.choice((PHONE, PHONE_TCP))
        data = mutated(draw)
        sent = server.receive(data, flow, now)
        if not server.open:
            assert sum(len(item.data) for item in sent) <= 1.5 * len(data) + 400, data
        server.endpoint.expire(now)
        server.registrar.expire(now)
    now += 100_000.0
    for _ in range(3):
        server.endpoint.expire(now)
        server.registrar.expire(now)
        while server.endpoint.drain():
            pass
        now += 40.0
    assert not server.endpoint._core.servers and not server.registrar.aors()
