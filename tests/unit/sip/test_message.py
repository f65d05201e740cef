"""SIP messages: reading, refusing, answering."""

from __future__ import annotations

import pytest

from softswitch.effects import Flow
from softswitch.errors import ParseError
from softswitch.sip import message

FLOW = Flow("udp", "192.0.2.4", 5099)

REGISTER = (
    b"REGISTER sip:pbx.example.com SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.168.1.23:5060;branch=z9hG4bK1432;rport\r\n"
    b'From: "Agent 1001" <sip:1001@pbx.example.com>;tag=29143\r\n'
    b'To: "Agent 1001" <sip:1001@pbx.example.com>\r\n'
    b"Call-ID: 0_1829374612@192.168.1.23\r\n"
    b"CSeq: 2 REGISTER\r\n"
    b"Contact: <sip:1001@192.168.1.23:5060>\r\n"
    b"Max-Forwards: 70\r\n"
    b"Content-Length: 0\r\n\r\n"
)


def test_a_request_is_indexed() -> None:
    m = message.parse(REGISTER, FLOW)
    assert (m.method, m.uri, m.status, m.flow) == ("REGISTER", "sip:pbx.example.com", 0, FLOW)
    assert (m.branch, m.call_id, m.cseq, m.cseq_method) == ("z9hG4bK1432", "0_1829374612@192.168.1.23", 2, "REGISTER")
    assert (m.from_tag, m.to_tag, m.body) == ("29143", "", b"")
    assert m.headers["contact"] == ("<sip:1001@192.168.1.23:5060>",)


def test_a_response_copies_what_it_must() -> None:
    answer = message.response(message.parse(REGISTER, FLOW), 200, to_tag="abc", headers="X-A: 1\r\n", body=b"xy")
    assert answer == (
        b"SIP/2.0 200 OK\r\n"
        b"Via: SIP/2.0/UDP 192.168.1.23:5060;branch=z9hG4bK1432;received=192.0.2.4;rport=5099\r\n"
        b'From: "Agent 1001" <sip:1001@pbx.example.com>;tag=29143\r\n'
        b'To: "Agent 1001" <sip:1001@pbx.example.com>;tag=abc\r\n'
        b"Call-ID: 0_1829374612@192.168.1.23\r\nCSeq: 2 REGISTER\r\nX-A: 1\r\nContent-Length: 2\r\n\r\nxy"
    )


def test_a_broken_request_can_be_answered() -> None:
    with pytest.raises(ParseError) as caught:
        message.parse(REGISTER.replace(b"CSeq: 2 REGISTER", b"CSeq: 2 INVITE"), FLOW)
    assert caught.value.partial is not None
    assert message.response(caught.value.partial, 400).startswith(b"SIP/2.0 400 Bad Request\r\nVia: ")
