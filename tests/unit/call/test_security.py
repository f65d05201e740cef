"""SDES, DTLS-SRTP, ICE, rtcp-mux and BUNDLE in offers and answers, with the lines of real clients."""

from __future__ import annotations

import json
import random
from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.call.codecs import repertoire
from softswitch.call.description import Description, NotAcceptable, Terms, describe
from softswitch.call.negotiation import NOT_KEPT, Negotiation
from softswitch.call.security import SUITES, Keying, Peer, read_crypto, role
from softswitch.errors import ParseError
from softswitch.packing import pack_fields, unpack_into
from softswitch.sip import sdp
from tests.sim.world import SeededEntropy

HOST, PEER = "192.0.2.1", "198.51.100.7"
HEAD = f"v=0\r\no=- 1 1 IN IP4 {PEER}\r\ns=-\r\nc=IN IP4 {PEER}\r\nt=0 0\r\n"
OURS = "sha-256 " + ":".join(["AB"] * 32)
THEIRS = "sha-256 " + ":".join(["0C"] * 32)
OTHER = "sha-256 " + ":".join(["0D"] * 32)
KEY30 = "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkw"
KEY30B = "OTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkw"
KEY28 = "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3OA=="
ICE = "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n"

# Chromium, as JsSIP sends it (shortened lists of codecs).
BROWSER = (
    "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\na=extmap-allow-mixed\r\n"
    "a=msid-semantic: WMS d1\r\nm=audio 51234 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126\r\nc=IN IP4 198.51.100.7\r\n"
    "a=rtcp:9 IN IP4 0.0.0.0\r\na=candidate:1 1 udp 2122260223 198.51.100.7 51234 typ host generation 0 network-id 1\r\n"
    "a=candidate:2 1 udp 2122194687 a1b2c3d4.local 51235 typ host\r\n"
    "a=candidate:3 1 tcp 1518280447 198.51.100.7 9 typ host tcptype active\r\na=ice-ufrag:Oyef\r\n"
    "a=ice-pwd:hN2O3kmj1Kl3wPbzvY0Oz1Cv\r\na=ice-options:trickle\r\n"
    f"a=fingerprint:{THEIRS}\r\na=setup:actpass\r\na=mid:0\r\na=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n"
    "a=sendrecv\r\na=msid:d1 t1\r\na=rtcp-mux\r\na=rtcp-rsize\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\n"
    "a=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\na=rtpmap:9 G722/8000\r\n"
    "a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:13 CN/8000\r\na=rtpmap:110 telephone-event/48000\r\n"
    "a=rtpmap:126 telephone-event/8000\r\na=ssrc:3221 cname:q\r\n"
    "m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=rtpmap:96 VP8/90000\r\n"
)


def terms(**more: object) -> Terms:
    values: dict[str, object] = {"fingerprint": OURS, "sdes": True, "sealed": True} | more
    return Terms(repertoire(("opus", "PCMA", "PCMU"), ("PCMA", "PCMU", "opus")), (HOST, "2001:db8::1"), **values)  # type: ignore[arg-type]


TERMS = terms()


def peer(audio: str, wanted: Terms = TERMS) -> Description:
    return describe((HEAD + audio).encode(), wanted)


def negotiation(wanted: Terms = TERMS) -> Negotiation:
    return Negotiation(HOST, 20_000, 77, wanted, SeededEntropy(random.Random(7)), 4321)


def read(body: bytes) -> sdp.Media:
    found = sdp.audio(sdp.parse(body))
    assert found is not None
    return found


def savp(*crypto: str, protocol: str = "RTP/SAVP") -> str:
    return f"m=audio 4000 {protocol} 8\r\n" + "".join(f"a=crypto:{line}\r\n" for line in crypto)


# --- crypto lines --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line, suite",
    [
        (f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY30}", "AES_CM_128_HMAC_SHA1_80"),
        (f"12 AES_CM_128_HMAC_SHA1_32 inline:{KEY30}|2^48", "AES_CM_128_HMAC_SHA1_32"),
        (f"1 AEAD_AES_128_GCM inline:{KEY28}", "AEAD_AES_128_GCM"),
        (f"1 aead_aes_128_gcm inline:{KEY28.rstrip('=')}", "AEAD_AES_128_GCM"),
        (f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY30} -UNKNOWN WSH=64", "AES_CM_128_HMAC_SHA1_80"),
    ],
)
def test_crypto_lines_that_we_take(line: str, suite: str) -> None:
    found = read_crypto(line)
    assert found is not None and found.suite == suite
    assert len(b64decode(found.key)) == SUITES[suite]


@pytest.mark.parametrize(
    "line",
    [
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY30}|2^20|1:4",  # MKI
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY30}|1:4",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY30}|2^20",  # dies within hours
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY30}|1000",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY28}",  # too short
        f"1 AEAD_AES_128_GCM inline:{KEY30}",  # too long
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY30} UNENCRYPTED_SRTP",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY30} KDR=1",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY30};inline:{KEY30B}",
        f"1 F8_128_HMAC_SHA1_80 inline:{KEY30}",
        f"x AES_CM_128_HMAC_SHA1_80 inline:{KEY30}",
        "1 AES_CM_128_HMAC_SHA1_80 inline:" + "=" * 40,
        "1 AES_CM_128_HMAC_SHA1_80",
        "1 AES_CM_128_HMAC_SHA1_80 inline:" + "A" * 5_000,
        "",
    ],
)
def test_crypto_lines_that_we_decline(line: str) -> None:
    assert read_crypto(line) is None


# --- SDES ----------------------------------------------------------------------------------------------------------------


def test_an_answer_echoes_the_tag_and_has_a_key_of_its_own() -> None:
    n = negotiation()
    offer = peer(savp(f"1 F8_128_HMAC_SHA1_80 inline:{KEY30}", f"7 AES_CM_128_HMAC_SHA1_32 inline:{KEY30}",
                      f"8 AES_CM_128_HMAC_SHA1_80 inline:{KEY30}"))  # fmt: skip
    media = read(n.answer(offer))
    assert media.protocol == "RTP/SAVP"
    (line,) = media.all("crypto")
    mine = read_crypto(line)
    assert mine is not None and (mine.tag, mine.suite) == (7, "AES_CM_128_HMAC_SHA1_32")
    opened = n.open(0, PEER, 0.0)
    assert (opened.suite, opened.send_key, opened.receive_key) == (mine.suite, mine.key, KEY30)
    assert mine.key != KEY30
    assert n.security == "SDES AES_CM_128_HMAC_SHA1_32"


def test_a_new_offer_keeps_our_key_until_the_peer_changes_its() -> None:
    n = negotiation()
    first = n.answer(peer(savp(f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY30}")))
    key = n.send_key
    assert n.answer(peer(savp(f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY30}"))) == first
    n.answer(peer(savp(f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY30B}")))
    assert (n.receive_key, n.send_key != key) == (KEY30B, True)
    key = n.send_key
    (line,) = read(n.offer()).all("crypto")
    assert line == f"1 AES_CM_128_HMAC_SHA1_80 inline:{key}", "our own new offer repeats what is in force"
    n.accept(peer(savp(f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY30}")))
    assert (n.receive_key, n.send_key) == (KEY30, key)


def test_keys_of_two_legs_differ() -> None:
    entropy = SeededEntropy(random.Random(1))
    keys = set()
    for _ in range(2):
        n = Negotiation(HOST, 20_000, 77, terms(srtp="required"), entropy)
        keys |= {line.split("inline:")[1] for line in read(n.offer()).all("crypto")}
    assert len(keys) == 2 * len(SUITES)


def test_a_required_offer_takes_one_of_its_lines() -> None:
    wanted = terms(srtp="required")
    n = negotiation(wanted)
    media = read(n.offer())
    assert media.protocol == "RTP/SAVP"
    offered = {one.suite: one for line in media.all("crypto") if (one := read_crypto(line))}
    assert list(offered) == list(SUITES)
    taken = offered["AES_CM_128_HMAC_SHA1_80"]
    n.accept(peer(savp(f"{taken.tag} {taken.suite} inline:{KEY30}"), wanted))
    opened = n.open(0, PEER, 0.0)
    assert (opened.suite, opened.send_key, opened.receive_key) == (taken.suite, taken.key, KEY30)


@pytest.mark.parametrize(
    "answer", [savp(f"9 AES_CM_128_HMAC_SHA1_80 inline:{KEY30}"), savp(), "m=audio 4000 RTP/AVP 8\r\n"]
)
def test_a_required_offer_that_is_not_taken(answer: str) -> None:
    wanted = terms(srtp="required")
    n = negotiation(wanted)
    n.offer()
    with pytest.raises(NotAcceptable):
        n.accept(peer(answer, wanted))


def test_optional_keys_go_along_where_the_signalling_is_encrypted() -> None:
    n = negotiation()
    media = read(n.offer())
    assert media.protocol == "RTP/AVP" and len(media.all("crypto")) == len(SUITES)
    n.accept(peer("m=audio 4000 RTP/AVP 8\r\n"))
    assert n.open(0, PEER, 0.0).suite == "" and n.security == ""
    assert read(n.offer()).all("crypto") == [], "it does without"
    n = negotiation()
    n.offer()
    n.accept(peer(savp(f"1 AEAD_AES_128_GCM inline:{KEY28}", protocol="RTP/AVP")))
    assert n.open(0, PEER, 0.0).suite == "AEAD_AES_128_GCM"
    assert read(negotiation(terms(sealed=False)).offer()).all("crypto") == []


def test_a_plain_offer_with_keys_is_answered_with_keys() -> None:
    n = negotiation()
    media = read(n.answer(peer(savp(f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY30}", protocol="RTP/AVP"))))
    assert media.protocol == "RTP/AVP" and len(media.all("crypto")) == 1


def test_keys_do_not_travel_in_the_clear_unless_allowed() -> None:
    clear = terms(sdes=False, sealed=False, fingerprint="")
    with pytest.raises(NotAcceptable) as refusal:
        peer(savp(f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY30}"), clear)
    assert "encrypted signalling" in refusal.value.text
    media = read(negotiation(clear).answer(
        peer(savp(f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY30}", protocol="RTP/AVP"), clear)))  # fmt: skip
    assert media.all("crypto") == []
    required = terms(srtp="required", sdes=False, sealed=False)
    assert read(negotiation(required).offer()).protocol == "UDP/TLS/RTP/SAVP"


@pytest.mark.parametrize(
    "srtp, audio",
    [
        ("off", savp(f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY30}")),
        ("off", f"m=audio 4000 UDP/TLS/RTP/SAVP 8\r\na=fingerprint:{THEIRS}\r\n"),
        ("required", "m=audio 4000 RTP/AVP 8\r\n"),
        ("dtls", "m=audio 4000 RTP/AVP 8\r\n"),
    ],
)
def test_what_an_account_refuses(srtp: str, audio: str) -> None:
    with pytest.raises(NotAcceptable):
        peer(audio, terms(srtp=srtp))


def test_of_two_audio_lines_the_first_that_is_allowed_is_taken() -> None:
    both = savp(f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY30}") + "m=audio 4002 RTP/AVP 8\r\n"
    assert [one.port for one in sdp.parse(negotiation().answer(peer(both))).media] == [20_000, 0]
    off = terms(srtp="off")
    assert [one.port for one in sdp.parse(negotiation(off).answer(peer(both, off))).media] == [0, 20_000]


# --- DTLS and ICE --------------------------------------------------------------------------------------------------------


def test_a_browser_is_answered_as_it_wants_to_be() -> None:
    n = negotiation()
    body = n.answer(describe(BROWSER.encode(), TERMS))
    session = sdp.parse(body)
    audio, video = session.media
    assert session.attribute("group") == "BUNDLE 0" and session.attribute("ice-lite") == ""
    assert (audio.protocol, audio.formats) == ("UDP/TLS/RTP/SAVPF", ["111", "110"])
    assert audio.attribute("mid") == "0" and audio.attribute("rtcp-mux") == ""
    assert (audio.attribute("fingerprint"), audio.attribute("setup")) == (OURS, "active")
    candidates = audio.all("candidate")
    assert candidates[0].split(" ")[1:] == ["1", "udp", candidates[0].split(" ")[3], HOST, "20000", "typ", "host"]
    assert "2001:db8::1" in candidates[1]
    assert int(candidates[0].split(" ")[3]) > int(candidates[1].split(" ")[3])
    assert audio.attribute("end-of-candidates") == ""
    assert audio.attribute("ssrc") == "4321 cname:77" and audio.attribute("msid") is not None
    assert (video.port, video.attribute("mid")) == (0, "1")
    opened = n.open(0, PEER, 0.0)
    assert (opened.suite, opened.setup, opened.fingerprint, opened.ssrc) == ("DTLS", "active", THEIRS, 4321)
    assert opened.remote_ice == "Oyef:hN2O3kmj1Kl3wPbzvY0Oz1Cv" and opened.rtcp_mux and opened.latch_host == ""
    assert len(opened.candidates) == 1, "neither names nor TCP"
    ufrag, _, password = opened.ice.partition(":")
    assert (ufrag, password) == (audio.attribute("ice-ufrag"), audio.attribute("ice-pwd"))
    assert len(ufrag) >= 4 and len(password) >= 22
    assert n.security == "DTLS"


def test_a_browser_that_has_gathered_nothing_yet_is_not_on_hold() -> None:
    n = negotiation()
    early = BROWSER.replace("m=audio 51234", "m=audio 9").replace("c=IN IP4 198.51.100.7", "c=IN IP4 0.0.0.0", 1)
    n.answer(describe(early.encode(), TERMS))
    opened = n.open(0, PEER, 0.0)
    assert (opened.host, opened.port, opened.send, opened.latch_host) == ("", 0, True, "")


def test_a_browser_restarts_ice() -> None:
    n = negotiation()
    n.answer(describe(BROWSER.encode(), TERMS))
    before, setup = n.ice, n.setup
    n.answer(describe(BROWSER.encode(), TERMS))
    assert n.ice == before
    n.answer(describe(BROWSER.replace("Oyef", "Zzzz").encode(), TERMS))
    assert n.ice != before and n.setup == setup


def test_an_offer_for_a_browser() -> None:
    wanted = terms(webrtc=True)
    n = negotiation(wanted)
    body = n.offer()
    session, audio = sdp.parse(body), read(body)
    assert session.attribute("group") == "BUNDLE 0" and session.attribute("ice-lite") == ""
    assert audio.protocol == "UDP/TLS/RTP/SAVPF"
    for name in ("mid", "rtcp-mux", "fingerprint", "ice-ufrag", "ice-pwd", "candidate", "msid", "ssrc"):
        assert audio.attribute(name) is not None, name
    assert audio.attribute("setup") == "actpass"
    answer = BROWSER.replace("setup:actpass", "setup:active").replace("BUNDLE 0 1", "BUNDLE 0").partition("m=video")[0]
    n.accept(describe(answer.encode(), wanted))
    opened = n.open(0, PEER, 0.0)
    assert (opened.setup, opened.rtcp_mux, opened.ice) == ("passive", True, n.ice)
    again = read(n.offer())
    assert again.attribute("setup") == "actpass", "RFC 8842 section 5.2"
    assert again.attribute("ice-pwd") == audio.attribute("ice-pwd")


def test_a_browser_has_to_multiplex() -> None:
    with pytest.raises(NotAcceptable, match="rtcp-mux"):
        describe(BROWSER.replace("a=rtcp-mux\r\n", "").encode(), terms(webrtc=True))


def test_an_answer_without_a_fingerprint_gives_no_media() -> None:
    wanted = terms(srtp="dtls")
    n = negotiation(wanted)
    assert read(n.offer()).protocol == "UDP/TLS/RTP/SAVP"
    with pytest.raises(NotAcceptable):
        n.accept(peer("m=audio 4000 UDP/TLS/RTP/SAVP 8\r\na=setup:active\r\n", wanted))


@pytest.mark.parametrize(
    "offered, before, ice, ours",
    [
        ("actpass", "", False, "passive"), ("actpass", "", True, "active"), ("actpass", "active", False, "active"),
        ("active", "", True, "passive"), ("passive", "", False, "active"), ("", "", False, "passive"),
    ],
)  # fmt: skip
def test_who_begins_the_handshake(offered: str, before: str, ice: bool, ours: str) -> None:
    assert role(offered, before, ice) == ours


def test_a_phone_that_offers_passive_again() -> None:
    n = negotiation()
    line = f"m=audio 4000 UDP/TLS/RTP/SAVP 8\r\na=fingerprint:{THEIRS}\r\na=setup:"
    n.answer(peer(line + "actpass\r\n"))
    assert (n.setup, n.ice, n.mux) == ("passive", "", False)
    n.answer(peer(line + "active\r\n"))
    assert n.setup == "passive"
    n.answer(peer(line + "passive\r\n"))
    assert n.setup == "active"
    n.answer(peer(line.replace(THEIRS, OTHER) + "actpass\r\n"))
    assert n.setup == "passive" and n.open(0, PEER, 0.0).fingerprint == OTHER


def test_without_a_certificate_there_is_no_dtls() -> None:
    with pytest.raises(NotAcceptable):
        describe(BROWSER.encode(), terms(fingerprint=""))


@pytest.mark.parametrize(
    "line",
    [
        "sha-1 " + ":".join(["AB"] * 20),
        "sha-256 AB",
        "md5 " + ":".join(["AB"] * 16),
        "sha-256 " + ":".join(["XY"] * 32),
    ],
)
def test_fingerprints_that_prove_nothing(line: str) -> None:
    with pytest.raises(NotAcceptable):
        peer(f"m=audio 4000 UDP/TLS/RTP/SAVP 8\r\na=fingerprint:{line}\r\n")


def test_the_strongest_fingerprint_counts() -> None:
    strong = "sha-512 " + ":".join(["1F"] * 64)
    found = peer(f"m=audio 4000 UDP/TLS/RTP/SAVP 8\r\na=fingerprint:{THEIRS}\r\na=fingerprint:{strong.lower()}\r\n")
    assert found.peer.fingerprint == "sha-512 " + strong[8:].upper()


def test_attributes_of_the_session_hold_for_the_line() -> None:
    audio = "m=audio 4000 UDP/TLS/RTP/SAVP 8\r\n"
    head = HEAD + f"a=fingerprint:{THEIRS}\r\na=setup:active\r\n" + ICE
    found = describe((head + audio).encode(), TERMS)
    assert (found.peer.fingerprint, found.peer.setup, found.peer.ice) == (
        THEIRS,
        "active",
        "abcd:abcdefghijklmnopqrstuv",
    )
    own = describe((head + audio + f"a=fingerprint:{OTHER}\r\n").encode(), TERMS)
    assert own.peer.fingerprint == OTHER
    lite = describe((HEAD + f"a=ice-lite\r\na=fingerprint:{THEIRS}\r\n" + audio + ICE).encode(), TERMS)
    assert lite.peer.ice == "", "two lite agents check nothing"


def test_rtcp_on_the_same_port_is_taken_from_anybody() -> None:
    n = negotiation()
    assert read(n.answer(peer("m=audio 4000 RTP/AVP 8\r\na=rtcp-mux\r\n"))).attribute("rtcp-mux") == ""
    opened = n.open(0, PEER, 0.0)
    assert opened.rtcp_mux and opened.rtcp_port == 0


def test_families_may_differ_between_signalling_and_media() -> None:
    n = negotiation()
    body = n.answer(
        describe((HEAD.replace(f"IP4 {PEER}", "IP6 2001:db8::7") + "m=audio 4000 RTP/AVP 8\r\n").encode(), TERMS)
    )
    assert b"c=IN IP6 2001:db8::1\r\n" in body
    assert n.open(0, PEER, 0.0).host == "2001:db8::7"


def taken_up(n: Negotiation, wanted: Terms) -> Negotiation:
    """As after a restart: what is not kept is given anew."""
    again = Negotiation(n.host, n.port, 0, wanted, n.entropy)
    unpack_into(again, json.loads(json.dumps(pack_fields(n, NOT_KEPT))))
    return again


# --- written down ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body", [BROWSER, HEAD + savp(f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY30}"), HEAD + "m=audio 4000 RTP/AVP 8\r\n"]
)
def test_a_negotiation_can_be_written_down_and_taken_up(body: str) -> None:
    n = negotiation()
    n.answer(describe(body.encode(), TERMS))
    n.offer()
    again = taken_up(n, TERMS)
    assert again == n
    assert again.current() == n.current() and again.open(3, PEER, 1.0) == n.open(3, PEER, 1.0)
    empty = negotiation()
    assert taken_up(empty, TERMS) == empty


# --- whatever comes ----------------------------------------------------------------------------------------------------------

lines = st.sampled_from(
    [
        "m=audio 4000 RTP/SAVP 8 96", "m=audio 4000 RTP/AVP 8 0", "m=audio 4000 UDP/TLS/RTP/SAVPF 111 8",
        "m=audio 4000 RTP/SAVPF 0", "m=video 9 UDP/TLS/RTP/SAVPF 96", "a=rtpmap:111 opus/48000/2",
        "a=rtpmap:96 opus/48000/2", "a=fmtp:96 x", "a=mid:0", "a=mid:", "a=mid:\xff", "a=group:BUNDLE 0", "a=group:BUNDLE",
        "a=group:LS 0", "a=rtcp-mux", "a=setup:actpass", "a=setup:x", "a=setup:passive", f"a=fingerprint:{THEIRS}",
        "a=fingerprint:", "a=fingerprint:sha-256", "a=ice-ufrag:abcd", "a=ice-ufrag:", "a=ice-lite",
        "a=ice-pwd:abcdefghijklmnopqrstuv", "a=candidate:1 1 UDP 1 1.2.3.4 5 typ host", "a=candidate:x", "a=candidate:",
        f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY30}", f"a=crypto:2 AEAD_AES_128_GCM inline:{KEY28}", "a=crypto:",
        "a=crypto", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:!", "c=IN IP4 0.0.0.0", "c=IN IP6 2001:db8::7", "a=sendonly",
        "a=rtcp:9 IN IP4 0.0.0.0",
    ]
)  # fmt: skip


@given(
    st.lists(lines, min_size=1, max_size=16),
    st.sampled_from(
        [TERMS, terms(srtp="off"), terms(srtp="required"), terms(webrtc=True), terms(sdes=False, fingerprint="")]
    ),
)
def test_whatever_is_offered_the_worker_is_told_something_consistent(parts: list[str], wanted: Terms) -> None:
    body = HEAD.encode() + "".join(f"{part}\r\n" for part in parts).encode("latin-1")
    n = negotiation(wanted)
    try:
        answer = n.answer(describe(body, wanted))
    except (ParseError, NotAcceptable):
        return
    media = read(answer)
    opened = n.open(0, PEER, 0.0)
    sealed = "SAVP" in media.protocol
    assert not sealed or opened.suite
    assert (opened.suite == "DTLS") == (n.keying is Keying.DTLS) == bool(opened.fingerprint)
    assert (media.attribute("setup") is not None) == bool(opened.fingerprint)
    assert bool(opened.send_key) == bool(opened.receive_key) == (opened.suite in SUITES) == bool(media.all("crypto"))
    assert bool(opened.ice) == bool(opened.remote_ice)
    assert wanted.srtp != "off" or not opened.suite
    assert wanted.srtp != "required" or opened.suite
    n.offer()
    taken_up(n, wanted)


def test_nothing_is_plain() -> None:
    assert Peer() == peer("m=audio 4000 RTP/AVP 8\r\n").peer
