"""Session descriptions: reading what phones send, building what we send."""

from __future__ import annotations

import pytest

from softswitch.errors import ParseError
from softswitch.sip import sdp
from softswitch.sip.sdp import Codec, Media, Origin, Session

HEAD = b"v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"

OFFER = (
    b"v=0\r\no=- 20083 20084 IN IP4 192.168.1.23\r\ns=SDP data\r\nc=IN IP4 192.168.1.23\r\nt=0 0\r\n"
    b"m=audio 11782 RTP/AVP 9 8 0 18 101\r\na=rtpmap:9 G722/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
    b"a=rtpmap:18 G729/8000\r\na=fmtp:18 annexb=no\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
    b"a=ptime:20\r\na=sendrecv\r\n"
)


def one(lines: bytes) -> Media:
    """The only audio stream of a description with these media lines."""
    media = sdp.audio(sdp.parse(HEAD + lines))
    assert media is not None
    return media


def test_an_offer_of_a_phone() -> None:
    session = sdp.parse(OFFER)
    assert session.origin == Origin("-", 20083, 20084, "192.168.1.23")
    assert (session.name, session.connection, session.timing) == ("SDP data", "192.168.1.23", "0 0")
    media = sdp.audio(session)
    assert media is not None
    assert (media.port, media.connection, media.direction, media.ptime) == (11782, "192.168.1.23", "sendrecv", 20)
    assert media.payload_types == [9, 8, 0, 18, 101]
    assert media.codecs == [
        Codec(9, "G722", 8000), Codec(8, "PCMA", 8000), Codec(0, "PCMU", 8000), Codec(18, "G729", 8000, 1, "annexb=no"),
        Codec(101, "telephone-event", 8000, 1, "0-15"),
    ]  # fmt: skip
    assert media.event_type(8000) == 101
    assert media.event_type(48000) == -1
    assert not sdp.is_hold(media)
    assert sdp.parse(session.build()) == session


def test_building_is_deterministic() -> None:
    session = Session(
        Origin("-", 7, 1, "10.0.0.5"),
        "10.0.0.5",
        [Media("audio", 4000, "RTP/AVP", ["8", "101"], {8: "PCMA/8000", 101: "telephone-event/8000"}, {101: "0-16"}, ptime=20),
         Media("video", 0, "RTP/AVP", ["31"])],
    )  # fmt: skip
    assert session.build() == (
        b"v=0\r\no=- 7 1 IN IP4 10.0.0.5\r\ns=-\r\nc=IN IP4 10.0.0.5\r\nt=0 0\r\n"
        b"m=audio 4000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n"
        b"a=ptime:20\r\na=sendrecv\r\nm=video 0 RTP/AVP 31\r\n"
    )


# --- what phones get wrong, and what they mean ---------------------------------------------------------------------------


def test_static_payload_types_need_no_rtpmap() -> None:
    codecs = one(b"m=audio 4000 RTP/AVP 0 8 9 18 96 13\r\n").codecs
    assert [codec.rtpmap for codec in codecs] == ["PCMU/8000", "PCMA/8000", "G722/8000", "G729/8000", "CN/8000"]


def test_an_rtpmap_may_redefine_a_static_type() -> None:
    assert one(b"m=audio 4000 RTP/AVP 0\r\na=rtpmap:0 iLBC/8000\r\n").codecs[0].name == "iLBC"


def test_telephone_event_at_several_clocks() -> None:
    media = one(
        b"m=audio 4000 RTP/AVP 111 0 101 110\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:101 telephone-event/8000\r\n"
        b"a=rtpmap:110 Telephone-Event/48000\r\n"
    )
    assert media.event_type(8000) == 101
    assert media.event_type(48000) == 110
    assert media.codecs[0] == Codec(111, "opus", 48000, 2)
    assert media.codecs[0].rtpmap == "opus/48000/2"
    assert media.codecs[3].key == ("telephone-event", 48000, 1)


@pytest.mark.parametrize(
    ("rtpmap", "codec"),
    [
        (b"telephone-event", Codec(97, "telephone-event", 8000)),  # the clock left out
        (b" PCMA/8000/1 ", Codec(97, "PCMA", 8000)),
        (b"PCMA/x", None),
        (b"PCMA/99999999", None),
        (b"PCMA/8000/-1", None),
        (b"/8000", None),
        (b"", None),
    ],
)
def test_rtpmaps(rtpmap: bytes, codec: Codec | None) -> None:
    assert one(b"m=audio 4000 RTP/AVP 97\r\na=rtpmap:97 " + rtpmap + b"\r\n").codecs == ([codec] if codec else [])


def test_the_first_of_two_rtpmaps_stands() -> None:
    assert (
        one(b"m=audio 4000 RTP/AVP 97\r\na=rtpmap:97 PCMA/8000\r\na=rtpmap:97 PCMU/8000\r\n").codecs[0].name == "PCMA"
    )


@pytest.mark.parametrize(
    ("value", "ptime"), [(b"20", 20), (b"30", 30), (b"", 0), (b"20.0", 0), (b"-1", 0), (b"99999", 0), (b"1000", 1000)]
)
def test_packet_times(value: bytes, ptime: int) -> None:
    media = one(b"m=audio 4000 RTP/AVP 0\r\na=ptime:" + value + b"\r\na=maxptime:" + value + b"\r\n")
    assert (media.ptime, media.maxptime) == (ptime, ptime)


def test_bare_line_feeds_and_missing_lines() -> None:
    session = sdp.parse(b"v=0\nc=IN IP4 192.0.2.1\nm=audio 4000 RTP/AVP 0 \n\n")
    assert session.media == [Media("audio", 4000, "RTP/AVP", ["0"], connection="192.0.2.1")]
    assert session.origin == Origin()


@pytest.mark.parametrize("origin", [b"o=- 18446744073709551616 1 IN IP4 h", b"o=- x 1 IN IP4 h", b"o=- -5 1 IN IP4 h"])
def test_strange_session_ids(origin: bytes) -> None:
    assert sdp.parse(b"v=0\r\n" + origin + b"\r\ns=-\r\nt=0 0\r\n").origin.version == 1


# --- directions and hold -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("session_level", "media_level", "direction"),
    [
        (b"", b"", "sendrecv"),
        (b"a=inactive\r\n", b"", "inactive"),
        (b"a=inactive\r\n", b"a=sendonly\r\n", "sendonly"),
        (b"", b"a=recvonly\r\n", "recvonly"),
    ],
)
def test_the_direction_is_inherited(session_level: bytes, media_level: bytes, direction: str) -> None:
    media = one(session_level + b"m=audio 4000 RTP/AVP 0\r\n" + media_level)
    assert media.direction == direction
    assert sdp.is_hold(media) == (direction in ("sendonly", "inactive"))


@pytest.mark.parametrize("line", [b"c=IN IP4 0.0.0.0", b"c=IN IP6 ::"])
def test_the_old_way_to_hold(line: bytes) -> None:
    assert sdp.is_hold(one(b"m=audio 4000 RTP/AVP 0\r\n" + line + b"\r\n"))


def test_answers_to_directions() -> None:
    # RFC 3264 section 6.1; answering an answer gives the offer again.
    assert sdp.ANSWER["sendonly"] == "recvonly"
    assert all(sdp.ANSWER[sdp.ANSWER[direction]] == direction for direction in sdp.DIRECTIONS)


# --- several streams -----------------------------------------------------------------------------------------------------

BROWSER = (
    b"v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\na=ice-options:trickle\r\n"
    b"m=audio 50000 UDP/TLS/RTP/SAVPF 111 0 8 110 126\r\nc=IN IP4 192.0.2.7\r\nb=AS:64\r\na=rtcp:50001 IN IP4 192.0.2.8\r\n"
    b"a=candidate:1 1 udp 2122260223 192.0.2.7 50000 typ host\r\na=candidate:2 1 udp 1 192.0.2.8 50000 typ srflx\r\n"
    b"a=ice-ufrag:Oyef\r\na=ice-pwd:T0teqPLNQQOf\r\na=fingerprint:sha-256 19:E2:1C\r\na=setup:actpass\r\na=mid:0\r\n"
    b"a=sendrecv\r\na=rtcp-mux\r\n"
    b"a=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n"
    b"a=rtpmap:110 telephone-event/48000\r\na=rtpmap:126 telephone-event/8000\r\n"
    b"m=text 4100 RTP/AVP 98\r\nc=IN IP6 2001:db8::1\r\na=rtpmap:98 t140/1000\r\n"
    b"m=application 4200 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 192.0.2.7\r\na=sctp-port:5000\r\n"
)


def test_what_is_not_interpreted_is_kept() -> None:
    session = sdp.parse(BROWSER)
    audio, text, data = session.media
    assert session.attribute("group") == "BUNDLE 0 1"
    assert session.attribute("msid") is None
    assert audio.is_rtp
    assert (audio.attribute("rtcp-mux"), audio.attribute("setup"), audio.attribute("ice-lite")) == ("", "actpass", None)
    assert len(audio.all("candidate")) == 2
    assert audio.lines == ["b=AS:64"]
    assert (text.kind, text.connection, text.codecs[0].name) == ("text", "2001:db8::1", "t140")
    assert (data.is_rtp, data.formats, data.payload_types, data.codecs) == (False, ["webrtc-datachannel"], [], [])
    assert sdp.parse(session.build()) == session
    assert session.build() == sdp.parse(session.build()).build()


def test_the_first_live_audio_stream() -> None:
    session = sdp.parse(HEAD + b"m=audio 0 RTP/AVP 0\r\nm=video 4000 RTP/AVP 31\r\nm=audio 4002 RTP/AVP 8\r\n")
    media = sdp.audio(session)
    assert media is session.media[2]
    assert sdp.audio(sdp.parse(HEAD)) is None


def test_a_refused_stream() -> None:
    offered = sdp.parse(BROWSER).media[1]
    refused = sdp.rejected(offered)
    assert refused == Media("text", 0, "RTP/AVP", ["98"])
    assert Session(Origin(), "", [refused]).build().endswith(b"m=text 0 RTP/AVP 98\r\n")


@pytest.mark.parametrize(
    ("lines", "rtcp"),
    [
        (b"", ("192.0.2.1", 4001)),
        (b"a=rtcp-mux\r\n", ("192.0.2.1", 4000)),
        (b"a=rtcp:53020\r\n", ("192.0.2.1", 53020)),
        (b"a=rtcp:53020 IN IP4 126.16.64.4\r\n", ("126.16.64.4", 53020)),
        (b"a=rtcp:53020 IN IP4\r\n", ("192.0.2.1", 53020)),
        (b"a=rtcp:65536\r\n", ("192.0.2.1", 4001)),
        (b"a=rtcp:x\r\n", ("192.0.2.1", 4001)),
    ],
)
def test_where_rtcp_goes(lines: bytes, rtcp: tuple[str, int]) -> None:
    assert one(b"m=audio 4000 RTP/AVP 0\r\n" + lines).rtcp == rtcp


def test_no_rtcp_where_there_is_no_port_for_it() -> None:
    assert one(b"m=audio 65535 RTP/AVP 0\r\n").rtcp == ("", 0)
    assert Media("audio", 0, "RTP/AVP", ["0"]).rtcp == ("", 0)


def test_addresses() -> None:
    assert one(b"m=audio 4000/2 RTP/AVP 0\r\nc=IN IP4 224.2.36.42/127/3\r\n").connection == "224.2.36.42"
    assert sdp.parse(HEAD + b"m=audio 4000/2 RTP/AVP 0\r\n").media[0].ports == 2
    six = Session(Origin(host="2001:db8::1"), "2001:db8::1")
    assert b"o=- 0 0 IN IP6 2001:db8::1\r\ns=-\r\nc=IN IP6 2001:db8::1\r\n" in six.build()


def test_lines_are_built_in_the_order_of_the_standard() -> None:
    text = (
        b"v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\ni=info\r\nu=http://x\r\nc=IN IP4 192.0.2.1\r\nb=AS:64\r\nt=1 2\r\nr=7d 1h\r\n"
        b"k=clear:x\r\na=tool:x\r\nm=audio 4000 RTP/AVP 0\r\ni=title\r\nc=IN IP4 192.0.2.9\r\nb=AS:32\r\na=sendonly\r\n"
    )
    assert sdp.parse(text).build() == text


# --- refusing ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"", b"\r\n", b"hello", b"v=1\r\n", b"v=0 \r\n", b"o=- 1 2 IN IP4 h\r\nv=0\r\n", b"v=0\r\no=- 1\r\n", b"v=0\r\nx\r\n",
        b"v=0\r\n =\r\n", b"v=0\r\n1=x\r\n", b"v=0\r\ns=a\0b\r\n", b"v=0\r\ns=a\rb\r\n",
        HEAD + b"c=IN IP4 \r\n", HEAD + b"c=IN IP5 1.2.3.4\r\n", HEAD + b"c=ATM NSAP x\r\n", HEAD + b"c=IN IP4 ::1\r\n",
        HEAD + b"c=IN IP4 1.2.3.4 x\r\n", HEAD + b"c=IN IP4 " + b"a" * 256 + b"\r\n",
        HEAD + b"m=audio 65536 RTP/AVP 0\r\n", HEAD + b"m=audio -1 RTP/AVP 0\r\n", HEAD + b"m=audio x RTP/AVP 0\r\n",
        HEAD + b"m=audio 4000 RTP/AVP\r\n", HEAD + b"m=audio 4000 RTP/AVP 128\r\n", HEAD + b"m=audio 4000 RTP/AVP 4294967296\r\n",
        HEAD + b"m=audio 4000 RTP/AVP \xb2\r\n", HEAD + b"m=audio  4000 RTP/AVP 0\r\n", HEAD + b"m=audio 4000 RTP/AVP -1\r\n",
        HEAD + b"m=audio 4000 RTP/AVP 0\r\na=rtpmap:4294967296 PCMU/8000\r\n", HEAD + b"m=audio 4000 RTP/AVP 0\r\na=fmtp:x y\r\n",
        HEAD + b"m=audio 4000 RTP/AVP" + b" 0" * 129 + b"\r\n", HEAD + b"m=audio 4000 RTP/AVP 0\r\n" * 33,
        b"v=0\r\no=- 1 2 IN IP4 h\r\ns=-\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n",
    ],
)  # fmt: skip
def test_what_is_no_description(body: bytes) -> None:
    with pytest.raises(ParseError):
        sdp.parse(body)


@pytest.mark.parametrize(
    "body", [HEAD + b"a=x\r\n" * 1000, HEAD + b"a=" + b"x" * 5000 + b"\r\n", HEAD + b"a=x\r\n" * 20_000]
)
def test_limits(body: bytes) -> None:
    with pytest.raises(ParseError) as caught:
        sdp.parse(body)
    assert caught.value.status_hint == 413
