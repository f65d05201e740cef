"""Offer and answer, with the descriptions that real phones send."""

from __future__ import annotations

import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from softswitch.call import description
from softswitch.call.codecs import BY_KEY, Format, repertoire
from softswitch.call.description import Description, NotAcceptable, Terms, kind_of, latch_host
from softswitch.call.negotiation import Negotiation
from softswitch.errors import ParseError
from softswitch.sip import sdp
from tests.sim.world import SeededEntropy

HOST = "192.0.2.1"
HOST6 = "2001:db8::1"
G711 = Terms(repertoire(("PCMA", "PCMU"), ("PCMA", "PCMU")), (HOST,))
PCMA, PCMU, G722, OPUS = (BY_KEY[key] for key in ("pcma/8000", "pcmu/8000", "g722/8000", "opus/48000/2"))
PEER = "198.51.100.7"


def offer(
    audio: str = "m=audio 4000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\n", *, host: str = PEER, more: str = ""
) -> bytes:  # fmt: skip
    family = "IP6" if ":" in host else "IP4"
    return f"v=0\r\no=- 1 1 IN {family} {host}\r\ns=-\r\nc=IN {family} {host}\r\nt=0 0\r\n{audio}{more}".encode()


def negotiation(host: str = HOST, terms: Terms = G711) -> Negotiation:
    return Negotiation(host, 20_000, 77, terms, SeededEntropy(random.Random(7)))


def describe(body: bytes, terms: Terms = G711) -> Description:
    return description.describe(body, terms)


def read(body: bytes) -> sdp.Media:
    found = sdp.audio(sdp.parse(body))
    assert found is not None
    return found


def test_an_answer_has_one_codec_and_its_events() -> None:
    answer = read(negotiation().answer(describe(offer())))
    assert answer.formats == ["8", "101"]
    assert (answer.port, answer.connection, answer.direction, answer.ptime) == (20_000, HOST, "sendrecv", 20)


def test_an_answer_takes_the_codec_that_spares_transcoding() -> None:
    assert read(negotiation().answer(describe(offer()), (PCMU,))).formats == ["0", "101"]
    assert read(negotiation().answer(describe(offer()), (G722,))).formats == ["8", "101"]


def test_the_numbers_of_the_offer_are_kept() -> None:
    audio = "m=audio 4000 RTP/AVP 111 96\r\na=rtpmap:111 pcma/8000/1\r\na=rtpmap:96 telephone-event/8000\r\n"
    n = negotiation()
    answer = read(n.answer(describe(offer(audio))))
    assert answer.formats == ["111", "96"]
    assert answer.rtpmap[111] == "PCMA/8000"
    opened = n.open(4, PEER, 60.0)
    assert (opened.payload_type, opened.receive_type, opened.dtmf_type, opened.receive_dtmf_type) == (111, 111, 96, 96)
    again = read(n.offer((PCMU,)))
    assert again.formats == ["0", "111", "96"], "a number keeps its meaning for the whole session"


def test_numbers_may_differ_by_direction() -> None:
    n = negotiation()
    n.offer((PCMA,))
    n.accept(
        describe(offer("m=audio 4000 RTP/AVP 99 97\r\na=rtpmap:99 PCMA/8000\r\na=rtpmap:97 telephone-event/8000\r\n"))
    )
    opened = n.open(1, PEER, 60.0)
    assert (opened.payload_type, opened.receive_type) == (99, 8)
    assert (opened.dtmf_type, opened.receive_dtmf_type) == (97, 101)


def test_our_event_number_moves_aside_for_the_peers_codec() -> None:
    n = negotiation()
    n.answer(describe(offer("m=audio 4000 RTP/AVP 101\r\na=rtpmap:101 PCMA/8000\r\n")))
    again = read(n.offer((PCMA,)))
    assert again.formats == ["101", "0", "102"]
    assert again.rtpmap[102] == "telephone-event/8000"


def test_events_at_other_clocks_are_not_ours() -> None:
    audio = (
        "m=audio 4000 RTP/AVP 8 110 101\r\na=rtpmap:110 telephone-event/48000\r\na=rtpmap:101 telephone-event/8000\r\n"
    )
    n = negotiation()
    assert read(n.answer(describe(offer(audio)))).formats == ["8", "101"]
    n = negotiation()
    n.answer(describe(offer("m=audio 4000 RTP/AVP 8 110\r\na=rtpmap:110 telephone-event/48000\r\n")))
    assert n.dtmf_type == -1


WIDE = Terms(repertoire(("opus", "PCMA"), ("opus", "PCMA")), (HOST,))


@pytest.mark.parametrize(("named", "clock"), [((8000,), 8000), ((48_000,), 0), ((8000, 48_000), 0)])
def test_the_clock_of_events_beside_opus_is_the_one_that_the_peer_named(named: tuple[int, ...], clock: int) -> None:
    events = "".join(f"a=rtpmap:{100 + at} telephone-event/{rate}\r\n" for at, rate in enumerate(named))
    numbers = " ".join(str(100 + at) for at in range(len(named)))
    audio = f"m=audio 4000 RTP/AVP 111 {numbers}\r\na=rtpmap:111 opus/48000/2\r\n{events}"
    answered = negotiation(terms=WIDE)
    answered.answer(describe(offer(audio), WIDE))
    offering = negotiation(terms=WIDE)
    offering.offer((OPUS, PCMA))
    offering.accept(describe(offer(audio), WIDE))
    for n in (answered, offering):
        assert n.dtmf_type >= 0
        assert n.open(0, PEER, 0.0).dtmf_clock == clock
        # Another codec, of which it is the clock.
        n.answer(describe(offer("m=audio 4000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n"), WIDE))
        assert n.open(0, PEER, 0.0).dtmf_clock == 0


def test_an_event_map_without_a_clock_counts_as_8000() -> None:
    found = describe(offer("m=audio 4000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event\r\n"))
    assert found.events == ((8000, 101),)


def test_our_offer_lists_all_codecs_the_others_first() -> None:
    assert read(negotiation().offer((PCMU, OPUS))).formats == ["0", "8", "101"]
    assert read(negotiation().offer()).formats == ["8", "0", "101"]


def test_other_media_are_refused_in_their_place() -> None:
    body = negotiation().answer(
        describe(
            offer(
                "m=text 5000 RTP/AVP 98\r\na=rtpmap:98 t140/1000\r\nm=audio 4000 RTP/AVP 8\r\nm=audio 4002 RTP/AVP 0\r\n"
                "m=video 4004 RTP/AVP 31\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"
            )
        )
    )
    media = sdp.parse(body).media
    assert [(m.kind, m.port) for m in media] == [
        ("text", 0), ("audio", 20_000), ("audio", 0), ("video", 0), ("application", 0),
    ]  # fmt: skip
    assert media[4].protocol == "UDP/DTLS/SCTP" and media[4].formats == ["webrtc-datachannel"]


def test_later_offers_repeat_the_refused_media() -> None:
    n = negotiation()
    n.answer(describe(offer(more="m=video 4004 RTP/AVP 31\r\n")))
    assert [(m.kind, m.port) for m in sdp.parse(n.offer()).media] == [("audio", 20_000), ("video", 0)]


@pytest.mark.parametrize(
    "direction, host, answered, held, sends, receives",
    [
        ("sendrecv", PEER, "sendrecv", False, True, True),
        ("sendonly", PEER, "recvonly", True, False, True),
        ("recvonly", PEER, "sendonly", False, True, False),
        ("inactive", PEER, "inactive", True, False, False),
        ("sendrecv", "0.0.0.0", "recvonly", True, False, True),
        ("sendonly", "0.0.0.0", "recvonly", True, False, True),
        ("inactive", "0.0.0.0", "inactive", True, False, False),
    ],
)
def test_hold(direction: str, host: str, answered: str, held: bool, sends: bool, receives: bool) -> None:
    n = negotiation()
    n.answer(describe(offer()))
    body = n.answer(describe(offer(host=host, more=f"a={direction}\r\n")))
    assert read(body).direction == answered
    assert n.held is held
    opened = n.open(0, PEER, 300.0)
    assert (opened.send, opened.receive) == (sends, receives)
    body = n.answer(describe(offer()))
    assert read(body).direction == "sendrecv" and not n.held


def test_the_version_goes_up_with_every_change_and_only_then() -> None:
    n = negotiation()

    def version(body: bytes) -> tuple[int, int]:
        origin = sdp.parse(body).origin
        return origin.session_id, origin.version

    assert version(n.answer(describe(offer()))) == (77, 1)
    assert version(n.answer(describe(offer()))) == (77, 1)
    assert n.current() == n.answer(describe(offer()))
    assert version(n.answer(describe(offer(more="a=sendonly\r\n")))) == (77, 2)
    assert version(n.answer(describe(offer()))) == (77, 3)


def test_a_change_of_offer_keeps_the_codec_if_it_can() -> None:
    n = negotiation()
    n.answer(describe(offer()), (PCMU,))
    assert read(n.answer(describe(offer(more="a=sendonly\r\n")))).formats == ["0", "101"]


def test_a_refused_offer_leaves_everything_as_it_was() -> None:
    n = negotiation()
    n.answer(describe(offer(more="a=sendonly\r\n")))
    n.offer((PCMU,), "sendrecv")
    assert n.offered
    n.withdraw()
    assert not n.offered and n.direction == "recvonly" and n.codec == "PCMA"


@pytest.mark.parametrize(
    "audio, ptime",
    [
        ("a=ptime:30\r\n", 30),
        ("a=ptime:20\r\n", 20),
        ("a=ptime:17\r\n", 20),
        ("a=ptime:x\r\n", 20),
        ("a=ptime:200\r\n", 20),
    ],
)
def test_ptime(audio: str, ptime: int) -> None:
    n = negotiation()
    assert read(n.answer(describe(offer(more=audio)))).ptime == ptime
    assert n.open(0, PEER, 0.0).ptime == ptime


@pytest.mark.parametrize("more, ptime", [("a=ptime:60\r\na=maxptime:40\r\n", 20), ("a=maxptime:10\r\n", 10)])
def test_maxptime_is_respected(more: str, ptime: int) -> None:
    n = negotiation()
    assert read(n.answer(describe(offer(more=more)))).ptime == ptime
    n.offer()
    n.accept(describe(offer(more=more)))
    assert n.open(0, PEER, 0.0).ptime == ptime


@pytest.mark.parametrize(
    "audio, code",
    [
        ("m=audio 4000 RTP/AVP 18\r\n", 305),
        ("m=audio 4000 RTP/AVP 97\r\na=rtpmap:97 opus/48000/2\r\n", 305),
        ("m=audio 4000 RTP/SAVP 8\r\n", 399),
        ("m=audio 4000 TCP/RTP/AVP 8\r\n", 302),
        ("m=video 4000 RTP/AVP 31\r\n", 304),
        ("m=audio 0 RTP/AVP 8\r\n", 304),
        ("", 304),
    ],
)
def test_offers_with_nothing_for_us(audio: str, code: int) -> None:
    with pytest.raises(NotAcceptable) as refusal:
        describe(offer(audio))
    assert refusal.value.code == code
    assert refusal.value.warning(HOST).startswith(f'Warning: {code} {HOST} "')


def test_the_first_stream_we_can_speak_is_taken() -> None:
    described = describe(offer("m=audio 4000 RTP/SAVP 8\r\nm=audio 5000 RTP/AVP 18\r\nm=audio 6000 RTP/AVP 0\r\n"))
    assert described.port == 6000
    assert described.before.count("m=audio 0") == 2


def test_families_must_match() -> None:
    with pytest.raises(NotAcceptable) as refusal:
        negotiation().answer(describe(offer(host="2001:db8::7")))
    assert refusal.value.code == 301
    n = negotiation("2001:db8::1")
    body = n.answer(describe(offer(host="2001:db8::7")))
    assert b"c=IN IP6 2001:db8::1\r\n" in body
    assert n.open(0, "2001:db8::7", 0.0).host == "2001:db8::7"


@pytest.mark.parametrize(
    "host, source, latch",
    [
        ("10.0.0.5", "10.0.0.5", ""),  # the truth
        ("10.0.0.5", "203.0.113.9", "203.0.113.9"),  # behind a NAT
        ("8.8.8.8", "1.1.1.1", ""),  # a media server elsewhere, with a public address
        ("8.8.8.8", "10.0.0.5", ""),
        ("", "10.0.0.5", "10.0.0.5"),  # a name: never resolved
        ("fd00::5", "2001:db8::9", "2001:db8::9"),
        ("fd00::5", "203.0.113.9", ""),  # media over IPv6, signalling over IPv4: no packet could come from there
        ("10.0.0.5", "2001:db8::9", ""),
    ],
)
def test_who_may_move_the_remote_address(host: str, source: str, latch: str) -> None:
    assert latch_host(host, source) == latch


def test_a_name_is_not_resolved() -> None:
    described = describe(offer(host="phone.example"))
    assert (described.host, described.port, described.held) == ("", 0, False)
    n = negotiation()
    n.answer(described)
    opened = n.open(0, PEER, 0.0)
    assert (opened.host, opened.port, opened.latch_host, opened.send) == ("", 0, PEER, True)


@pytest.mark.parametrize(
    "host, kind", [("127.1", ""), ("0x7f.1", ""), ("a.b", ""), ("10.1.2.3", "private"), ("9.9.9.9", "public")]
)
def test_kinds_of_address(host: str, kind: str) -> None:
    assert kind_of(host) == kind


@pytest.mark.parametrize(
    "attribute, port",
    [("", 0), ("a=rtcp:4001\r\n", 0), ("a=rtcp:4777\r\n", 4777), ("a=rtcp:4777 IN IP4 9.9.9.9\r\n", 0)],
)
def test_where_rtcp_goes(attribute: str, port: int) -> None:
    n = negotiation()
    n.answer(describe(offer(more=attribute)))
    assert n.open(0, PEER, 0.0).rtcp_port == port


def test_what_a_peer_might_speak() -> None:
    n = negotiation()
    n.offer((PCMU,))
    n.accept(describe(offer("m=audio 4000 RTP/AVP 8\r\n")))
    assert not n.might_speak(PCMU), "it stood first and was passed over"
    assert n.might_speak(PCMA)
    n = negotiation()
    n.offer((PCMA,))
    n.accept(describe(offer("m=audio 4000 RTP/AVP 8\r\n")))
    assert n.might_speak(PCMU), "never asked"
    n.answer(describe(offer("m=audio 4000 RTP/AVP 8\r\n")))
    assert not n.might_speak(PCMU), "its own offer leaves it out"


lines = st.sampled_from(
    [
        "v=0", "o=- 1 1 IN IP4 1.2.3.4", "s=-", "c=IN IP4 1.2.3.4", "c=IN IP4 0.0.0.0", "c=IN IP6 ::1", "c=IN IP4 x", "t=0 0",
        "m=audio 4000 RTP/AVP 8 0 101", "m=audio 70000 RTP/AVP 8", "m=audio 4000 RTP/AVP 300", "m=audio 0 RTP/AVP 0",
        "m=video 9 RTP/AVP 31", "m=audio 4000 RTP/SAVP 8", "m=image 4000 udptl t38", "a=rtpmap:101 telephone-event/8000",
        "a=rtpmap:8 PCMU/8000", "a=rtpmap:101 PCMA/8000", "a=sendonly", "a=inactive", "a=ptime:20", "a=ptime:9999999",
        "a=maxptime:0", "a=fmtp:101 0-15", "m=audio 4000/2 RTP/AVP 0", "", "=", "a",
    ]
)  # fmt: skip


@given(st.lists(lines, max_size=14), st.sampled_from([(), (PCMU,), (PCMA,)]))
@example(["v=0", "c=IN IP4 1.2.3.4", "m=audio 4000 RTP/AVP 101", "a=rtpmap:101 PCMA/8000", "a=inactive"], ())
def test_whatever_is_offered_the_answer_is_one_that_can_be_given(parts: list[str], prefer: tuple[Format, ...]) -> None:
    body = "".join(f"{part}\r\n" for part in parts).encode()
    try:
        described = describe(body)
        n = negotiation()
        answer = n.answer(described, prefer)
    except (ParseError, NotAcceptable):
        return
    offered, answered = sdp.parse(body), sdp.parse(answer)
    assert [m.kind for m in offered.media] == [m.kind for m in answered.media]
    live = [m for m in answered.media if m.port]
    assert len(live) == 1
    assert set(live[0].formats) <= set(offered.media[answered.media.index(live[0])].formats)
    opened = n.open(0, PEER, 1.0)
    assert opened.codec in ("PCMA", "PCMU") and 0 <= opened.payload_type <= 127
    n.offer((PCMU,))


def test_a_description_of_nothing() -> None:
    assert Description("", 0, (), (), 20, "sendrecv").held is False


# --- refreshes ---------------------------------------------------------------------------------------------------------------


def test_a_refresh_repeats_the_description_with_its_version() -> None:
    n = negotiation()
    said = n.answer(describe(offer()))
    assert n.reaffirm() == said and n.offered
    n.accept(describe(offer("m=audio 4000 RTP/AVP 8\r\n")))
    assert not n.offered and n.codec == "PCMA"
    assert n.by_peer and n.might_speak(PCMU), "it was asked about one codec only, and has named both"
    assert n.reaffirm() == said


def test_after_an_offer_that_was_refused_the_description_before_it_is_repeated() -> None:
    n = negotiation()
    said = n.answer(describe(offer()))
    refused = n.offer((PCMU,))
    n.withdraw()
    again = n.reaffirm()
    assert again.partition(b"m=")[2] == said.partition(b"m=")[2] != refused.partition(b"m=")[2]


def test_a_refresh_that_is_refused_changes_nothing() -> None:
    n = negotiation()
    said = n.answer(describe(offer(more="a=sendonly\r\n")))
    n.reaffirm()
    n.withdraw()
    assert (n.direction, n.offered, n.current()) == ("recvonly", False, said)
