"""Typed views of header values."""

from __future__ import annotations

import pytest

from softswitch.effects import Flow
from softswitch.errors import ParseError
from softswitch.sip import headers, message
from softswitch.sip.headers import Via
from softswitch.sip.uri import Address

FLOW = Flow("udp", "192.0.2.4", 5099)


def with_lines(*lines: str) -> message.Message:
    text = (
        "OPTIONS sip:x.org SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\n"
        "Call-ID: 1\r\nCSeq: 1 OPTIONS\r\n" + "".join(f"{line}\r\n" for line in lines) + "\r\n"
    )
    return message.parse(text.encode("latin-1"), FLOW)


@pytest.mark.parametrize(
    ("value", "via"),
    [
        ("SIP/2.0/UDP h", Via("UDP", "h")),
        ("SIP/2.0/udp H:5061;branch=z9", Via("UDP", "H", 5061, {"branch": "z9"})),
        ("SIP  /   2.0  /UDP     192.0.2.2 : 5060 ;branch=390skdjuw", Via("UDP", "192.0.2.2", 5060, {"branch": "390skdjuw"})),
        ("SIP/2.0/TLS [2001:db8::9]:5061;rport;received=[2001:db8::9]",
         Via("TLS", "[2001:db8::9]", 5061, {"rport": "", "received": "[2001:db8::9]"})),
        ("SIP/2.0/UNKNOWN t4.example.com;hidden;x=\"a,b\", SIP/2.0/UDP z",
         Via("UNKNOWN", "t4.example.com", 0, {"hidden": "", "x": '"a,b"'})),
        ("SIP/2.0/WS df7jal23ls0d.invalid;branch=z9", Via("WS", "df7jal23ls0d.invalid", 0, {"branch": "z9"})),
    ],
)  # fmt: skip
def test_via(value: str, via: Via) -> None:
    assert Via.parse(value) == via
    assert Via.parse(str(via)) == via


@pytest.mark.parametrize(
    "value",
    [
        "", "SIP/2.0/UDP", "SIP/7.0/UDP h", "SIP/2.0 UDP h", "HTTP/2.0/UDP h", "SIP/2.0/UDP h:0", "SIP/2.0/UDP h:65536",
        "SIP/2.0/UDP h:", "SIP/2.0/UDP h:-1", "SIP/2.0/UDP h:5060x", "SIP/2.0/UDP h;", "SIP/2.0/UDP h;;branch=1",
        "SIP/2.0/UDP 192.0.2.15;;,;,,", "SIP/2.0/UDP h;branch=a b", "SIP/2.0/UDP h;rport=65536", "SIP/2.0/UDP h;rport=x",
        "SIP/2.0/UDP h i", "SIP/2.0/UDP [::1", "SIP/2.0/UDP 2001:db8::1", 'SIP/2.0/UDP h;x="', "SIP/2.0/UDP h,",
    ],
)  # fmt: skip
def test_malformed_via(value: str) -> None:
    with pytest.raises(ParseError):
        Via.parse(value)


def test_views_of_a_via() -> None:
    via = Via.parse("SIP/2.0/UDP h;branch=z9hG4bK1;rport=5;received=192.0.2.1")
    assert (via.branch, via.rport, via.received) == ("z9hG4bK1", 5, "192.0.2.1")
    assert Via.parse("SIP/2.0/UDP h;rport").rport == 0
    bare = Via.parse("SIP/2.0/UDP h")
    assert (bare.branch, bare.rport, bare.received) == ("", None, "")


@pytest.mark.parametrize(
    ("via", "stamped"),
    [
        ("SIP/2.0/UDP h:5060;branch=z9;rport", "SIP/2.0/UDP h:5060;branch=z9;received=192.0.2.4;rport=5099"),
        ("SIP/2.0/UDP h;rport;branch=z9", "SIP/2.0/UDP h;received=192.0.2.4;rport=5099;branch=z9"),
        ("SIP/2.0/UDP 192.0.2.4;rport;branch=z9", "SIP/2.0/UDP 192.0.2.4;received=192.0.2.4;rport=5099;branch=z9"),
        ("SIP/2.0/UDP h;branch=z9", "SIP/2.0/UDP h;branch=z9;received=192.0.2.4"),
        ("SIP/2.0/UDP 192.0.2.4:7000;branch=z9", "SIP/2.0/UDP 192.0.2.4:7000;branch=z9"),
        ("SIP/2.0/UDP h", "SIP/2.0/UDP h;received=192.0.2.4"),
        # What the sender claims about itself is replaced.
        ("SIP/2.0/UDP h;received=203.0.113.9;branch=z9", "SIP/2.0/UDP h;branch=z9;received=192.0.2.4"),
        ("SIP/2.0/UDP h;rport=1;received=203.0.113.9", "SIP/2.0/UDP h;rport=5099;received=192.0.2.4"),
        ("SIP/2.0/UDP 192.0.2.4;received=203.0.113.9", "SIP/2.0/UDP 192.0.2.4"),
        ("SIP/2.0/UDP h;RPORT;branch=z9", "SIP/2.0/UDP h;rport=5099;branch=z9;received=192.0.2.4"),
        (
            "SIP/2.0/UDP h;branch=z9, SIP/2.0/UDP i;rport",
            "SIP/2.0/UDP h;branch=z9;received=192.0.2.4, SIP/2.0/UDP i;rport",
        ),
        ("SIP/2.0/UDP h;rportx=1;branch=z9", "SIP/2.0/UDP h;rportx=1;branch=z9;received=192.0.2.4"),
        ("nonsense", "nonsense"),
    ],
)
def test_the_source_is_stamped_into_the_top_via(via: str, stamped: str) -> None:
    assert headers.stamp(via, FLOW) == stamped


def test_an_ipv6_source() -> None:
    flow = Flow("udp", "2001:db8::4", 5060)
    assert headers.stamp("SIP/2.0/UDP [2001:db8::4];branch=z9;x", flow) == "SIP/2.0/UDP [2001:db8::4];branch=z9;x"
    assert headers.stamp("SIP/2.0/UDP h;rport", flow) == "SIP/2.0/UDP h;received=2001:db8::4;rport=5060"


def test_contacts() -> None:
    m = with_lines('Contact: "A, B" <sip:a@b;x,y>;q=0.5, sip:c@d;expires=5', "m: <sip:e@f>")
    assert headers.contacts(m) == [
        Address("sip:a@b;x,y", "A, B", {"q": "0.5"}),
        Address("sip:c@d", "", {"expires": "5"}),
        Address("sip:e@f"),
    ]
    assert headers.contacts(with_lines("Contact: *")) == [Address("*")]
    assert headers.contacts(with_lines()) == []


@pytest.mark.parametrize(
    "line", ["Contact: <sip:a@b", "Contact: <sip:a@b>,,<sip:c@d>", "Contact: sip:a@b?Route=x", "Contact: x"]
)
def test_malformed_contacts(line: str) -> None:
    with pytest.raises(ParseError):
        headers.contacts(with_lines(line))


def test_option_tags() -> None:
    m = with_lines("Require: 100rel, Replaces", "Require: timer", "Supported:", "k: path")
    assert headers.option_tags(m, "require") == ["100rel", "Replaces", "timer"]
    assert headers.option_tags(m, "supported") == ["path"]
    assert headers.supports(m, "replaces")
    assert headers.supports(m, "path")
    assert not headers.supports(m, "outbound")
    with pytest.raises(ParseError):
        headers.option_tags(with_lines("Require: a b"), "require")
    assert not headers.supports(with_lines("Require: a b"), "a")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("3600", 3600), ("0", 0), ("", 77), ("-1", 77), ("1.5", 77), ("soon", 77), ("²", 77), ("4294967296", 2**32 - 1),
        ("1" + "0" * 100, 2**32 - 1), ("0" * 20 + "60", 60), ("0" * 20, 0),
    ],
)  # fmt: skip
def test_expires(text: str, seconds: int) -> None:
    assert headers.expires(text, 77) == seconds


@pytest.mark.parametrize(
    ("text", "q"), [("", 1.0), ("0", 0.0), ("0.333", 0.333), ("1", 1.0), ("1.000", 1.0), ("0.", 0.0)]
)
def test_q(text: str, q: float) -> None:
    assert headers.q_value(text) == q


@pytest.mark.parametrize("text", ["1.1", "0.1234", "nan", "1e400", "-0", ".5", "inf", "2", "٠"])
def test_malformed_q(text: str) -> None:
    with pytest.raises(ParseError):
        headers.q_value(text)


def test_media_types() -> None:
    assert headers.media_type("Application/SDP") == headers.MediaType("application/sdp")
    assert headers.media_type("multipart/mixed;boundary=7a") == headers.MediaType("multipart/mixed", {"boundary": "7a"})
    for text in ("", "text", "text/", "/plain", "a/b/c", "text/plain;;"):
        with pytest.raises(ParseError):
            headers.media_type(text)


def test_a_list_over_many_lines_is_no_longer_than_one_on_one_line() -> None:
    assert len(headers.header_list(with_lines(*["Accept: a/b, c/d"] * 128), "accept")) == 256
    with pytest.raises(ParseError, match="too many"):
        headers.header_list(with_lines(*["Accept: a/b, c/d"] * 129), "accept")
