"""What requests may carry."""

from __future__ import annotations

import pytest

from softswitch.call.body import session_of
from softswitch.effects import Flow
from softswitch.errors import ParseError
from softswitch.sip.message import Message, parse

SDP = b"v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\n"


def message(body: bytes, *headers: str) -> Message:
    text = (
        "INVITE sip:b@pbx.test SIP/2.0\r\nVia: SIP/2.0/UDP 1.2.3.4;branch=z9hG4bK1\r\nFrom: <sip:a@x>;tag=a\r\nTo: <sip:b@x>\r\n"
        "Call-ID: c\r\nCSeq: 1 INVITE\r\n"
        + "".join(f"{header}\r\n" for header in headers)
        + f"Content-Length: {len(body)}\r\n\r\n"
    )
    return parse(text.encode() + body, Flow("udp", "1.2.3.4", 5060))


def multipart(*parts: tuple[str, bytes], boundary: str = "x1") -> bytes:
    body = b"".join(f"--{boundary}\r\n{head}\r\n\r\n".encode() + content + b"\r\n" for head, content in parts)
    return body + f"--{boundary}--\r\n".encode()


def test_a_plain_description() -> None:
    for kind in ("application/sdp", "Application/SDP;charset=utf-8", "application / sdp"):
        assert session_of(message(SDP, f"Content-Type: {kind}")) == SDP
    assert session_of(message(SDP, "c: application/sdp")) == SDP


def test_a_description_without_its_type_is_recognised() -> None:
    assert session_of(message(SDP)) == SDP
    assert session_of(message(b"hello")) is None


def test_one_part_of_several() -> None:
    body = multipart(
        ("Content-Type: application/isup", b"\x00\x01"), ("Content-Type: application/sdp\r\nContent-ID: <1>", SDP)
    )
    assert session_of(message(body, "Content-Type: multipart/mixed;boundary=x1")) == SDP
    assert session_of(message(body, 'Content-Type: multipart/mixed; boundary="x1"')) == SDP


def test_parts_without_a_description() -> None:
    body = multipart(("Content-Type: text/plain", b"hi"))
    assert session_of(message(body, "Content-Type: multipart/mixed;boundary=x1")) is None


@pytest.mark.parametrize("kind", ["multipart/mixed", "multipart/mixed;boundary=" + "b" * 71])
def test_malformed_multipart(kind: str) -> None:
    with pytest.raises(ParseError):
        session_of(message(b"--x\r\n", f"Content-Type: {kind}"))


def test_multipart_without_end() -> None:
    body = b"--x1\r\nContent-Type: application/sdp\r\n\r\n" * 5000
    session_of(message(body[:60_000], "Content-Type: multipart/mixed;boundary=x1"))


def test_other_bodies() -> None:
    assert session_of(message(b"<x/>", "Content-Type: text/xml")) is None
    assert (
        session_of(message(b"<x/>", "Content-Type: text/xml", "Content-Disposition: session; handling=optional")) == b""
    )
