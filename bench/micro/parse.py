"""Microseconds per SIP value: reading and writing messages, descriptions, credentials, frames.

`python -m bench.micro.parse` prints the best of many short repeats: the machine's speed when nobody disturbs.
"""

from __future__ import annotations

import contextlib
import timeit
from collections.abc import Callable

from softswitch.effects import Flow
from softswitch.errors import ParseError
from softswitch.sip import digest, message, sdp
from softswitch.sip.stream import Framer
from softswitch.sip.uri import Address, Uri

FLOW = Flow("udp", "192.168.1.23", 5060)
METHODS = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, PRACK, UPDATE, REFER, NOTIFY, SUBSCRIBE, MESSAGE, REGISTER"


def _message(lines: list[str], body: str = "") -> bytes:
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", body]).encode()


SDP = "\r\n".join(
    [
        "v=0", "o=- 20083 20083 IN IP4 192.168.1.23", "s=call", "c=IN IP4 192.168.1.23", "t=0 0",
        "m=audio 11782 RTP/AVP 9 8 0 18 101", "a=rtpmap:9 G722/8000", "a=rtpmap:8 PCMA/8000", "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:18 G729/8000", "a=fmtp:18 annexb=no", "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15",
        "a=ptime:20", "a=sendrecv", "",
    ]
)  # fmt: skip

CREDENTIALS = (
    'Digest username="1001", realm="pbx.example.com", nonce="65f1d0c9a7b54e0e9d7c65f1d0c9a7b54e0e9d7c", '
    'uri="sip:pbx.example.com:5060", response="0a4f113b5f4a0f1d7c3f1fca7a7c0a1f", algorithm=MD5, cnonce="0a4f113b", '
    "qop=auth, nc=00000001"
)

REGISTER = _message(
    [
        "REGISTER sip:pbx.example.com:5060 SIP/2.0",
        "Via: SIP/2.0/UDP 192.168.1.23:5060;branch=z9hG4bK1432573422;rport",
        'From: "Agent 1001" <sip:1001@pbx.example.com:5060>;tag=2914357831',
        'To: "Agent 1001" <sip:1001@pbx.example.com:5060>',
        "Call-ID: 0_1829374612@192.168.1.23",
        "CSeq: 2 REGISTER",
        'Contact: <sip:1001@192.168.1.23:5060>;+sip.instance="<urn:uuid:00000000-0000-1000-8000-001122334455>";reg-id=1',
        f"Authorization: {CREDENTIALS}",
        f"Allow: {METHODS}",
        "Max-Forwards: 70",
        "User-Agent: Phone T46S 66.85.0.5",
        "Expires: 3600",
        "Allow-Events: talk,hold,conference,refer,check-sync",
        "Mac: 00:11:22:33:44:55",
    ]
)
INVITE = _message(
    [
        "INVITE sip:48223456789@pbx.example.com:5060;user=phone SIP/2.0",
        "Via: SIP/2.0/UDP 192.168.1.23:5060;branch=z9hG4bK3093847561;rport",
        'From: "Agent 1001" <sip:1001@pbx.example.com:5060>;tag=1928301774',
        "To: <sip:48223456789@pbx.example.com:5060;user=phone>",
        "Call-ID: 0_3857261947@192.168.1.23",
        "CSeq: 1 INVITE",
        "Contact: <sip:1001@192.168.1.23:5060>",
        "Content-Type: application/sdp",
        f"Allow: {METHODS}",
        "Max-Forwards: 70",
        "User-Agent: Phone T46S 66.85.0.5",
        "Supported: replaces,100rel,timer",
        "Session-Expires: 1800;refresher=uac",
        "Min-SE: 90",
        "Allow-Events: talk,hold,conference,refer,check-sync",
        'P-Preferred-Identity: "Agent 1001" <sip:1001@pbx.example.com>',
    ],
    SDP,
)
OK = _message(
    [
        "SIP/2.0 200 OK",
        "Via: SIP/2.0/UDP 10.0.0.5:5060;rport=5060;received=10.0.0.5;branch=z9hG4bKPj8b1d2f9e4c",
        "Record-Route: <sip:10.0.0.5;lr;ftag=as7f3d2c11>",
        'From: "48601234567" <sip:48601234567@10.0.0.5>;tag=as7f3d2c11',
        "To: <sip:1002@192.168.1.24:5060>;tag=3384729102",
        "Call-ID: 5c3f1d2e7a9b4c0d8e6f@10.0.0.5",
        "CSeq: 102 INVITE",
        "Contact: <sip:1002@192.168.1.24:5060>",
        "Content-Type: application/sdp",
        f"Allow: {METHODS}",
        "User-Agent: Phone T46S 66.85.0.5",
        "Supported: replaces,timer",
    ],
    SDP,
)


def _hostile() -> list[bytes]:
    """Messages of the greatest size that try to make a reader work more than once over its input."""
    start, rest = INVITE.split(b"\r\n", 1)
    pieces = (b'"', b'\\"', b"<", b",", b";", b";a=b", b'"a",', b'=",', b"a ", b"\\\x01", b"[", b"%41")
    found = [start + b"\r\nFrom: " + (piece * 8000)[:8000] + b"\r\n" + rest for piece in pieces]
    found += [start + b"\r\n" + b"Via: SIP/2.0/UDP h" + (piece * 8000)[:8000] + b"\r\n" + rest for piece in pieces]
    found += [
        start + b"\r\n" + (line * 64_000)[: 64_000 // len(line) * len(line)] + rest
        for line in (b"a:\r\n", b" a\r\n", b":\r\n")
    ]
    return found


def _refuse(data: bytes) -> None:
    with contextlib.suppress(ParseError):
        message.parse(data, FLOW)


def best(function: Callable[[], object], number: int = 500, repeat: int = 60) -> float:
    """Microseconds of the fastest repeat."""
    return round(min(timeit.repeat(function, number=number, repeat=repeat)) / number * 1e6, 2)


def run() -> dict[str, float]:
    """Name of the operation -> microseconds."""
    invite = message.parse(INVITE, FLOW)
    register = message.parse(REGISTER, FLOW)
    description = sdp.parse(SDP.encode())
    body = description.build()
    credentials = digest.parse_authorization(CREDENTIALS)
    assert credentials is not None
    secret = digest.ha1("1001", "pbx.example.com", "secret")
    contact = "Contact: <sip:10.0.0.5:5060>\r\n"
    return {
        "parse REGISTER": best(lambda: message.parse(REGISTER, FLOW)),
        "parse INVITE+SDP": best(lambda: message.parse(INVITE, FLOW)),
        "parse 200+SDP": best(lambda: message.parse(OK, FLOW)),
        "response 401": best(lambda: message.response(register, 401, to_tag="1f2e3d4c5b6a7980", headers=contact)),
        "response 200+SDP": best(
            lambda: message.response(invite, 200, to_tag="1f2e3d4c5b6a7980", headers=contact, body=body)
        ),
        "request INVITE+SDP": best(
            lambda: message.request(
                "INVITE",
                "sip:1002@192.168.1.24:5060",
                via="SIP/2.0/UDP 10.0.0.5:5060;rport;branch=z9hG4bK01f2e3d4c5b6a7980",
                from_="<sip:1001@10.0.0.5>;tag=1f2e3d4c5b6a7980",
                to="<sip:1002@10.0.0.5>",
                call_id="1f2e3d4c5b6a7980",
                cseq=1,
                headers=contact,
                body=body,
            )
        ),
        "sdp parse": best(lambda: sdp.parse(SDP.encode())),
        "sdp codecs": best(lambda: description.media[0].codecs),
        "sdp build": best(description.build),
        "digest parse": best(lambda: digest.parse_authorization(CREDENTIALS)),
        "digest verify MD5": best(lambda: digest.verify(credentials, secret, "REGISTER")),
        "digest seal (nonce)": best(lambda: digest.seal(b"k" * 32, "66f0", "192.168.1.23")),
        "frame INVITE+SDP": best(lambda: Framer().feed(INVITE)),
        "Address.parse": best(lambda: Address.parse('"Agent" <sip:1001@192.168.1.23:5060>;tag=12')),
        "worst hostile message": max(best(lambda data=data: _refuse(data), 1, 5) for data in _hostile()),  # type: ignore[misc]
        "Uri.parse": best(lambda: Uri.parse("sip:1001@192.168.1.23:5060;transport=tcp")),
    }


if __name__ == "__main__":
    for name, microseconds in run().items():
        print(f"{name:24} {microseconds:7.2f} us")
