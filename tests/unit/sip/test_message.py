"""SIP messages: reading, refusing, answering."""

from __future__ import annotations

import pytest

from softswitch.effects import Flow
from softswitch.errors import ParseError
from softswitch.sip import message, names

FLOW = Flow("udp", "192.0.2.4", 5099)
TCP = Flow("tcp", "192.0.2.4", 5099, 0, 7)

HEADERS = {
    "Via": "SIP/2.0/UDP 192.168.1.23:5060;branch=z9hG4bK1432;rport",
    "From": '"Agent 1001" <sip:1001@pbx.example.com>;tag=29143',
    "To": '"Agent 1001" <sip:1001@pbx.example.com>',
    "Call-ID": "0_1829374612@192.168.1.23",
    "CSeq": "2 REGISTER",
    "Max-Forwards": "70",
    "Content-Length": "0",
}


def build(
    start: str = "REGISTER sip:pbx.example.com SIP/2.0", body: bytes = b"", extra: str = "", **changed: str | None
) -> bytes:
    """A REGISTER with some headers changed (`call_id="x"`), left out (None), or complete lines added."""
    headers = dict(HEADERS)
    for name, value in changed.items():
        title = next(known for known in HEADERS if known.lower() == name.replace("_", "-"))
        if value is None:
            del headers[title]
        else:
            headers[title] = value
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{start}\r\n{lines}{extra}\r\n".encode("latin-1") + body


def refused(data: bytes, flow: Flow = FLOW) -> ParseError:
    with pytest.raises(ParseError) as caught:
        message.parse(data, flow)
    return caught.value


# --- reading -----------------------------------------------------------------------------------------------------------


def test_a_request_is_indexed() -> None:
    m = message.parse(build(extra="Contact: <sip:1001@192.168.1.23:5060>\r\n"), FLOW)
    assert (m.method, m.uri, m.status, m.flow) == ("REGISTER", "sip:pbx.example.com", 0, FLOW)
    assert (m.branch, m.call_id, m.cseq, m.cseq_method) == ("z9hG4bK1432", "0_1829374612@192.168.1.23", 2, "REGISTER")
    assert (m.from_tag, m.to_tag, m.body) == ("29143", "", b"")
    assert m.headers["contact"] == ("<sip:1001@192.168.1.23:5060>",)
    assert m.header("contact") == "<sip:1001@192.168.1.23:5060>"
    assert m.header("expires", "3600") == "3600"
    assert "REGISTER" in repr(m)


def test_a_response_is_indexed() -> None:
    m = message.parse(build("SIP/2.0 486 Busy Here", to="<sip:a@b>;tag=9;x=1"), FLOW)
    assert (m.status, m.reason, m.method, m.uri) == (486, "Busy Here", "", "")
    assert (m.to_tag, m.cseq_method) == ("9", "REGISTER")
    assert message.parse(build("SIP/2.0 100 "), FLOW).reason == ""
    assert message.parse(build("SIP/2.0 100"), FLOW).status == 100


@pytest.mark.parametrize(("compact", "name"), names.COMPACT.items())
def test_compact_forms(compact: str, name: str) -> None:
    assert names.canonical(compact.upper()) == name
    if name not in message.parse(build(), FLOW).headers:
        assert message.parse(build(extra=f"{compact}: x\r\n"), FLOW).headers[name] == ("x",)


@pytest.mark.parametrize(
    "line", ["X-Name: v", "x-name:v", "X-NAME :v", "X-Name \t : \t v \t", "X-Name:\r\n v", "X-Name:\r\n\t \r\n v"]
)
def test_one_name_however_it_is_spelt(line: str) -> None:
    assert message.parse(build(extra=f"{line}\r\n"), FLOW).headers["x-name"] == ("v",)


def test_values_keep_what_is_not_a_blank() -> None:
    # NEL and NBSP are blanks to Python and second octets of UTF-8 letters on the wire.
    m = message.parse(build(extra="Subject: caf\xc3\x85\r\nX-A: \xa0x\x85\r\n"), FLOW)
    assert m.headers["subject"] == ("caf\xc3\x85",)
    assert m.headers["x-a"] == ("\xa0x\x85",)


def test_repeated_headers_keep_their_order() -> None:
    m = message.parse(build(extra="Route: <sip:a;lr>\r\nX: 1\r\nroute: <sip:b;lr>, <sip:c>\r\n"), FLOW)
    assert m.headers["route"] == ("<sip:a;lr>", "<sip:b;lr>, <sip:c>")


def test_folded_values_are_one_line() -> None:
    m = message.parse(build(extra="Subject: a\r\n  b\r\n\tc\r\nX-A: y\r\n"), FLOW)
    assert m.headers["subject"] == ("a b c",)
    assert m.headers["x-a"] == ("y",)


def test_empty_lines_before_the_message_are_ignored() -> None:
    assert message.parse(b"\r\n\r\n" + build(), FLOW).method == "REGISTER"


def test_rfc_2543_peers() -> None:
    m = message.parse(build(via="SIP/2.0/UDP h", **{"from": "sip:a@b"}), FLOW)
    assert (m.branch, m.from_tag) == ("", "")
    assert message.parse(build(via="SIP/2.0/UDP h;branch=z9hG4bK"), FLOW).branch == ""


def test_parameters_without_brackets_belong_to_the_header() -> None:
    assert message.parse(build(to="sip:a@b;tag=7;user=phone"), FLOW).to_tag == "7"
    assert message.parse(build(to="<sip:a@b;tag=7>"), FLOW).to_tag == ""


def test_a_learnt_name_cannot_push_out_the_known_ones() -> None:
    for n in range(2 * names.MAX_SPELLINGS):
        names.learn(f"X-{n}")
    assert len(names.spellings) <= names.MAX_SPELLINGS
    assert names.spellings["Via"] == "via"
    assert message.parse(build(extra="X-" + "a" * 100 + ": 1\r\n"), FLOW).headers["x-" + "a" * 100] == ("1",)
    assert "X-" + "a" * 100 not in names.spellings


# --- bodies ------------------------------------------------------------------------------------------------------------


def test_a_datagram_ends_the_body() -> None:
    assert message.parse(build(content_length=None, body=b"xyz"), FLOW).body == b"xyz"
    assert message.parse(build(content_length="2", body=b"xyz"), FLOW).body == b"xy"
    assert message.parse(build(content_length="0003", body=b"xyz"), FLOW).body == b"xyz"
    assert message.parse(build(content_length="0", body=b"xyz"), FLOW).body == b""


@pytest.mark.parametrize(
    ("length", "status"), [("4", 400), ("-1", 400), ("x", 400), ("", 400), ("3, 3", 400), ("99999", 513)]
)
def test_a_body_that_is_not_there(length: str, status: int) -> None:
    assert refused(build(content_length=length, body=b"xyz")).status_hint == status


def test_on_a_stream_the_length_is_the_framing() -> None:
    assert message.parse(build(content_length="3", body=b"xyz"), TCP).body == b"xyz"
    for data in (
        build(content_length=None),
        build(content_length="2", body=b"xyz"),
        build(content_length="4", body=b"xyz"),
    ):
        assert refused(data, TCP).partial is not None
    assert message.parse(build(content_length=None, body=b"xyz"), Flow("wss", "192.0.2.4", 5099)).body == b"xyz"


# --- refusing ----------------------------------------------------------------------------------------------------------

BROKEN = {
    "blank in the request line": build("REGISTER  sip:x SIP/2.0"),
    "blank after the request line": build("REGISTER sip:x SIP/2.0 "),
    "blank in the URI": build("REGISTER sip:x; lr SIP/2.0"),
    "brackets around the URI": build("REGISTER <sip:x> SIP/2.0"),
    "headers in the URI": build("REGISTER sip:x?Route=%3Csip:y%3E SIP/2.0"),
    "port 0": build("REGISTER sip:x:0 SIP/2.0"),
    "two users": build("REGISTER sip:a@b@c SIP/2.0"),
    "method longer than any": build("R" * 65 + " sip:x SIP/2.0", cseq="2 " + "R" * 65),
    "other method in CSeq": build(cseq="2 INVITE"),
    "CSeq out of range": build(cseq="2147483648 REGISTER"),
    "CSeq of many digits": build(cseq="36893488147419103232 REGISTER"),
    "negative CSeq": build(cseq="-1 REGISTER"),
    "CSeq without method": build(cseq="2"),
    "CSeq list": build(cseq="2 REGISTER, 3 REGISTER"),
    "superscript CSeq": build(cseq="\xb2 REGISTER"),
    "Max-Forwards out of range": build(max_forwards="256"),
    "Max-Forwards list": build(max_forwards="70, 60"),
    "negative Max-Forwards": build(max_forwards="-1"),
    "empty Call-ID": build(call_id=""),
    "blank in Call-ID": build(call_id="a b"),
    "endless Call-ID": build(call_id="a" * 513),
    "no Via protocol": build(via="UDP h;branch=z9hG4bK1"),
    "Via port 65536": build(via="SIP/2.0/UDP h:65536;branch=z9hG4bK1"),
    "Via without host": build(via="SIP/2.0/UDP ;branch=z9hG4bK1"),
    "open quote": build(to='"Mr. J. User <sip:j.user@example.com>'),
    "open bracket": build(to="<sip:a@b"),
    "blank in the address": build(to="< sip:a@b >"),
    "comma outside quotes": build(to="Bell, A <sip:a@b>"),
    "two addresses": build(to="<sip:a@b>, <sip:c@d>"),
    "two tags": build(to="<sip:a@b>;tag=1;tag=2"),
    "two branches": build(via="SIP/2.0/UDP h;branch=z9hG4bK1;x;branch=z9hG4bK2"),
    "tag that is no token": build(to='<sip:a@b>;tag="x"'),
    "name with a blank inside": build(extra="X Name: 1\r\n"),
    "name with a strange blank": build(extra="Content-Length\x0b: 1\r\n"),
    "empty name": build(extra=": 1\r\n"),
    "line without colon": build(extra="Supported\r\n"),
    "unknown line without colon": build(extra="garbage\r\n"),
    "lone LF": build(extra="X: 1\nY: 2\r\n"),
    "lone CR": build(extra="X: 1\rY: 2\r\n"),
    "NUL": build(extra="X: \0\r\n"),
    "escaped LF": build(to='"a\\\nb" <sip:a@b>'),
    "continuation of the request line": build("REGISTER sip:x SIP/2.0\r\n X: 1"),
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_request_is_refused_with_400(data: bytes) -> None:
    error = refused(data)
    assert error.status_hint == 400
    assert error.partial is not None
    answer = message.response(error.partial, 400, to_tag="x")
    assert message.response(error.partial, error.status_hint).startswith(b"SIP/2.0 400 Bad Request\r\nVia: ")
    assert b"\n" not in answer.replace(b"\r\n", b"")
    assert b"\0" not in answer


@pytest.mark.parametrize("name", sorted(names.SINGLE))
def test_what_may_stand_once_only(name: str) -> None:
    present = message.parse(build(), FLOW).headers
    line = f"{name}: 1\r\n"
    assert f"more than one {name}" in refused(build(extra=line if name in present else line + line)).reason


@pytest.mark.parametrize(
    ("start", "status"),
    [
        ("REGISTER sip:x SIP/7.0", 505), ("REGISTER sip:x SIP/2.00", 505), ("REGISTER sip:x SIP/x", 400),
        ("REGISTER isbn:123 SIP/2.0", 416), ("REGISTER soap.beep://192.0.2.103:3002 SIP/2.0", 416),
        (f"REGISTER sip:{'a' * 3000}@x SIP/2.0", 414), ("REGISTER sip:x sip/2.0", 0), ("REGISTER tel:+48123 SIP/2.0", 0),
        ("REGISTER sips:[2001:db8::1]:5061;transport=tls SIP/2.0", 0),
    ],
)  # fmt: skip
def test_request_lines(start: str, status: int) -> None:
    if status:
        assert refused(build(start)).status_hint == status
    else:
        assert message.parse(build(start), FLOW).uri == start.split()[1]


@pytest.mark.parametrize(
    "start",
    [
        "SIP/2.0 99 x",
        "SIP/2.0 700 x",
        "SIP/2.0 4294967301 x",
        "SIP/2.0 2000 x",
        "SIP/2.0 +20 x",
        "SIP/3.0 200 x",
        "SIP/2.0  200 x",
    ],
)
def test_a_broken_response_has_no_answer(start: str) -> None:
    assert refused(build(start)).partial is None
    assert refused(build("SIP/2.0 200 OK", cseq="9292394834772304023312 REGISTER")).partial is None


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\r\n\r\n", b"\r\n", b"\0\0\0\0", b"hello", b"hello\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\xff" * 100,
        b"SIP/2.0\r\n\r\n", b"INVITE sip:x SIP/2.0\r\n\r\n", build(via=None), build(via=""), build(via="\0"),
        build("ACK sip:x SIP/2.0", cseq="1 INVITE"),
    ],
)  # fmt: skip
def test_nothing_is_answered_where_nothing_can_be(data: bytes) -> None:
    assert refused(data).partial is None


def test_limits() -> None:
    assert message.parse(build(extra="".join(f"X-{n}: 1\r\n" for n in range(193))), FLOW).method == "REGISTER"
    assert "too many" in refused(build(extra="".join(f"X-{n}: 1\r\n" for n in range(194)))).reason
    assert "too many" in refused(build(extra="X: 1\r\n" * 10_000)).reason
    assert message.parse(build(extra=f"X: {'a' * 8189}\r\n"), FLOW).method == "REGISTER"
    assert "too long" in refused(build(extra=f"X: {'a' * 8190}\r\n")).reason
    assert "too long" in refused(build(extra=f"X: {'a' * 5000}\r\n {'a' * 5000}\r\n")).reason
    assert refused(build(body=b"x" * 70_000)).status_hint == 513
    assert refused(build(extra="X: " + "\r\n" * 3 + "x" * 70_000)).status_hint == 513


def test_a_partial_leaves_out_what_cannot_be_read() -> None:
    data = build(
        cseq="36893488147419103232 REGISTER", to=None, call_id="a\0b", via="SIP/2.0/UDP h;branch=z9hG4bK1;rport"
    )
    partial = refused(data).partial
    assert partial is not None
    assert (partial.method, partial.branch, partial.cseq, partial.from_tag) == ("REGISTER", "z9hG4bK1", 0, "29143")
    assert message.response(partial, 400, to_tag="x", headers="Server: s\r\n") == (
        b"SIP/2.0 400 Bad Request\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1;received=192.0.2.4;rport=5099\r\n"
        b'From: "Agent 1001" <sip:1001@pbx.example.com>;tag=29143\r\nCSeq: 36893488147419103232 REGISTER\r\n'
        b"Server: s\r\nContent-Length: 0\r\n\r\n"
    )


# --- building ----------------------------------------------------------------------------------------------------------


def test_a_response_copies_what_it_must() -> None:
    m = message.parse(
        build(extra="Record-Route: <sip:p1;lr>\r\nVia: SIP/2.0/TCP a\r\nrecord-route: <sip:p2>\r\nv:SIP/2.0/UDP b\r\n"),
        FLOW,
    )
    assert message.response(m, 200, to_tag="abc", headers="X-A: 1\r\n", body=b"xy") == (
        b"SIP/2.0 200 OK\r\n"
        b"Via: SIP/2.0/UDP 192.168.1.23:5060;branch=z9hG4bK1432;received=192.0.2.4;rport=5099\r\n"
        b"Via: SIP/2.0/TCP a\r\nVia: SIP/2.0/UDP b\r\n"
        b'From: "Agent 1001" <sip:1001@pbx.example.com>;tag=29143\r\n'
        b'To: "Agent 1001" <sip:1001@pbx.example.com>;tag=abc\r\n'
        b"Call-ID: 0_1829374612@192.168.1.23\r\nCSeq: 2 REGISTER\r\n"
        b"Record-Route: <sip:p1;lr>\r\nRecord-Route: <sip:p2>\r\nX-A: 1\r\nContent-Length: 2\r\n\r\nxy"
    )


def test_a_tag_is_added_once() -> None:
    tagged = message.parse(build(to="<sip:a@b>;tag=theirs"), FLOW)
    assert b"To: <sip:a@b>;tag=theirs\r\n" in message.response(tagged, 200, to_tag="ours")
    # A tag inside the brackets is the URI's.
    inside = message.parse(build(to="<sip:a@b;tag=theirs>"), FLOW)
    assert b"To: <sip:a@b;tag=theirs>;tag=ours\r\n" in message.response(inside, 200, to_tag="ours")


def test_reason_phrases() -> None:
    m = message.parse(build(), FLOW)
    assert message.response(m, 486).startswith(b"SIP/2.0 486 Busy Here\r\n")
    assert message.response(m, 486, reason="Do Not Disturb").startswith(b"SIP/2.0 486 Do Not Disturb\r\n")
    assert message.response(m, 499).startswith(b"SIP/2.0 499 Request Failure\r\n")


def test_what_we_build_we_read() -> None:
    data = message.request(
        "INVITE", "sip:1002@192.168.1.24:5060", via="SIP/2.0/UDP h;branch=z9hG4bKx;rport", from_="<sip:a@b>;tag=1",
        to="<sip:c@d>", call_id="id", cseq=7, headers="Contact: <sip:a@h>\r\n", body=b"v=0\r\n", max_forwards=69,
    )  # fmt: skip
    m = message.parse(data, TCP)
    assert (m.method, m.uri, m.cseq, m.cseq_method, m.call_id, m.from_tag) == (
        "INVITE",
        "sip:1002@192.168.1.24:5060",
        7,
        "INVITE",
        "id",
        "1",
    )
    assert (m.branch, m.body, m.header("max-forwards")) == ("z9hG4bKx", b"v=0\r\n", "69")
    back = message.parse(message.response(m, 180, to_tag="2"), TCP)
    assert (back.status, back.branch, back.to_tag, back.cseq, back.call_id) == (180, "z9hG4bKx", "2", 7, "id")


def test_text_that_is_no_latin_1_does_not_raise() -> None:
    m = message.parse(build(), FLOW)
    assert b"X: ?\r\n" in message.response(m, 200, headers="X: ł\r\n")
