"""Session descriptions: reading what phones send, building what we send."""

from __future__ import annotations

from softswitch.sip import sdp

OFFER = (
    b"v=0\r\no=- 20083 20084 IN IP4 192.168.1.23\r\ns=SDP data\r\nc=IN IP4 192.168.1.23\r\nt=0 0\r\n"
    b"m=audio 11782 RTP/AVP 9 8 0 18 101\r\na=rtpmap:9 G722/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
    b"a=rtpmap:18 G729/8000\r\na=fmtp:18 annexb=no\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
    b"a=ptime:20\r\na=sendrecv\r\n"
)


def test_an_offer_of_a_phone() -> None:
    session = sdp.parse(OFFER)
    assert session.origin == sdp.Origin("-", 20083, 20084, "192.168.1.23")
    media = sdp.audio(session)
    assert media is not None
    assert (media.port, media.connection, media.direction, media.ptime) == (11782, "192.168.1.23", "sendrecv", 20)
    assert [codec.rtpmap for codec in media.codecs] == [
        "G722/8000", "PCMA/8000", "PCMU/8000", "G729/8000", "telephone-event/8000",
    ]  # fmt: skip
    assert media.event_type(8000) == 101
    assert sdp.parse(session.build()) == session
