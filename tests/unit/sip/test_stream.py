"""Framing on streams."""

from __future__ import annotations

import pytest

from softswitch.effects import Flow
from softswitch.errors import ParseError
from softswitch.sip import message
from softswitch.sip.stream import MAX_PINGS, PONG, Framer

TCP = Flow("tcp", "192.0.2.4", 5099, 0, 7)


def build(body: bytes = b"", length: str | None = None, extra: str = "") -> bytes:
    line = f"Content-Length: {len(body)}\r\n" if length is None else length
    return (
        "OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\n"
        f"Call-ID: 1\r\nCSeq: 1 OPTIONS\r\n{extra}{line}\r\n"
    ).encode() + body


def test_one_message_in_one_segment() -> None:
    framer = Framer()
    assert framer.feed(build(b"abc")) == [build(b"abc")]
    assert not framer.pending


def test_pipelined_messages() -> None:
    one, two, three = build(b"abc"), build(), build(b"x" * 5000)
    assert Framer().feed(one + two + three) == [one, two, three]


def test_byte_by_byte() -> None:
    data = b"\r\n\r\n" + build(b"abc") + b"\r\n\r\n\r\n" + build(b"\r\n\r\n")
    framer = Framer()
    frames = [frame for n in range(len(data)) for frame in framer.feed(data[n : n + 1])]
    assert frames == [PONG, build(b"abc"), PONG, build(b"\r\n\r\n")]


def test_keep_alives_are_told_from_messages() -> None:
    framer = Framer()
    frames = framer.feed(b"\r\n\r\n")
    assert frames == [PONG]
    assert frames[0] is PONG
    assert framer.feed(b"\r\n") == []
    assert not framer.pending  # the answer to a ping of ours, not half a message
    assert framer.feed(build()) == [build()]


def test_a_body_may_look_like_anything() -> None:
    body = b"\r\n\r\nContent-Length: 5\r\n\r\n"
    assert Framer().feed(build(body) + build()) == [build(body), build()]


@pytest.mark.parametrize(
    "line",
    ["Content-Length: 3\r\n", "content-length:3\r\n", "CONTENT-LENGTH \t: \t3 \t\r\n", "l: 3\r\n", "L:3\r\n",
     "Content-Length:\r\n 3\r\n", "l: 0000003\r\n"],
)  # fmt: skip
def test_spellings_of_the_length(line: str) -> None:
    data = build(b"abc", line, extra="Content-Lengths: 9\r\nLink: 9\r\nX: l: 9\r\n Content-Length: 9\r\n")
    assert Framer().feed(data + build()) == [data, build()]
    assert message.parse(data, TCP).body == b"abc"


@pytest.mark.parametrize(
    "line",
    ["", "Content-Length: -1\r\n", "Content-Length: x\r\n", "Content-Length:\r\n", "Content-Length: 3\r\nl: 3\r\n",
     "Content-Length: 3, 3\r\n", "Content-Length: 3\r\n 3\r\n", "Content-Length: +3\r\n", "Content-Length: 99999999999\r\n",
     "Content-Length: 3\r\n 9\rX: y\r\n"],
)  # fmt: skip
def test_what_cannot_be_framed_ends_the_connection_after_a_400(line: str) -> None:
    framer = Framer()
    good = build()
    frames = framer.feed(good + build(b"abc", line) + good)
    assert frames[0] == good
    assert len(frames) == 2
    assert framer.error
    with pytest.raises(ParseError) as caught:
        message.parse(frames[1], TCP)
    assert caught.value.partial is not None
    with pytest.raises(ParseError):
        framer.feed(good)


def test_too_large_for_one_message() -> None:
    framer = Framer()
    (head,) = framer.feed(build(length="Content-Length: 65536\r\n"))
    assert framer.error == "message too large"
    with pytest.raises(ParseError) as caught:
        message.parse(head, TCP)
    assert caught.value.status_hint == 513


def test_headers_without_end() -> None:
    framer = Framer()
    line = b"X: " + b"a" * 1000 + b"\r\n"
    for _ in range(65):
        assert framer.feed(line) == []
    assert not framer.error
    assert framer.feed(line) == []
    assert framer.error == "header section too long"


@pytest.mark.parametrize("data", [b"\rx", b"\r\n\rx", b"\r\r"])
def test_padding_that_is_none(data: bytes) -> None:
    framer = Framer()
    assert framer.feed(data) == []
    assert framer.error


def test_a_flood_of_keep_alives() -> None:
    framer = Framer()
    assert framer.feed(b"\r\n\r\n" * MAX_PINGS) == [PONG] * MAX_PINGS
    assert not framer.error
    framer.feed(b"\r\n\r\n" * (MAX_PINGS + 1))
    assert framer.error


def test_half_a_message_has_an_age() -> None:
    framer = Framer()
    data = build(b"abc")
    framer.feed(data[:10], now=5.0)
    assert framer.pending
    assert framer.since == 5.0
    framer.feed(data[10:20], now=6.0)
    assert framer.since == 5.0
    framer.feed(data[20:] + data[:7], now=7.0)
    assert (framer.pending, framer.since) == (True, 7.0)
    framer.feed(data[7:], now=8.0)
    assert not framer.pending
    framer.feed(b"\r\n", now=9.0)
    framer.feed(data[:1], now=10.0)
    assert (framer.pending, framer.since) == (True, 10.0)
