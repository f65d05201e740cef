"""Codecs in offers and answers: what both sides of a call speak, what is passed through, numbers, events, packet times."""

from __future__ import annotations

import random

import pytest

from softswitch.call import codecs
from softswitch.call.codecs import BY_KEY, COMFORT, Format, repertoire
from softswitch.call.description import Description, NotAcceptable, Terms, describe
from softswitch.call.negotiation import Negotiation
from softswitch.directory import Directory
from softswitch.sip import sdp
from tests.sim.world import SeededEntropy

ALL = ("PCMA", "PCMU", "G722", "opus", "L16")
SITE = Directory("pbx.test").codecs
TERMS = Terms(repertoire(SITE, ALL), ("192.0.2.1",))
OPUS, G722, PCMA, PCMU = (BY_KEY[key] for key in ("opus/48000/2", "g722/8000", "pcma/8000", "pcmu/8000"))
G729 = Format("g729/8000", "G729", 8_000, 18, "annexb=no")
HEAD = "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n"

# Audio lines as these clients write them.
LINPHONE = (
    "m=audio 7078 RTP/AVP 96 97 98 0 8 18 101 99 100\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1\r\n"
    "a=rtpmap:97 speex/16000\r\na=fmtp:97 vbr=on\r\na=rtpmap:98 speex/8000\r\na=fmtp:98 vbr=on\r\na=fmtp:18 annexb=yes\r\n"
    "a=rtpmap:101 telephone-event/48000\r\na=rtpmap:99 telephone-event/16000\r\na=rtpmap:100 telephone-event/8000\r\n"
    "a=rtcp:7079\r\na=rtcp-fb:* trr-int 1000\r\na=rtcp-fb:* ccm tmmbr\r\n"
)
BARESIP = (
    "m=audio 25100 RTP/AVP 96 9 8 0 101\r\nb=AS:125\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 stereo=1;sprop-stereo=1\r\n"
    "a=rtpmap:9 G722/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
    "a=fmtp:101 0-15\r\na=rtcp:25101\r\na=sendrecv\r\na=label:1\r\na=ptime:20\r\n"
)
PJSUA = (
    "m=audio 4000 RTP/AVP 98 97 99 104 3 0 8 9 96\r\nb=TIAS:64000\r\na=rtcp:4001 IN IP4 198.51.100.7\r\na=sendrecv\r\n"
    "a=rtpmap:98 speex/16000\r\na=rtpmap:97 speex/8000\r\na=rtpmap:99 speex/32000\r\na=rtpmap:104 iLBC/8000\r\n"
    "a=fmtp:104 mode=30\r\na=rtpmap:3 GSM/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:9 G722/8000\r\n"
    "a=rtpmap:96 telephone-event/8000\r\na=fmtp:96 0-16\r\na=ssrc:1 cname:x\r\n"
)
G729_ONLY = "m=audio 4000 RTP/AVP 18 101\r\na=rtpmap:18 G729/8000\r\na=fmtp:18 annexb=no\r\na=rtpmap:101 telephone-event/8000\r\n"


def peer(audio: str, terms: Terms = TERMS) -> Description:
    return describe((HEAD + audio).encode(), terms)


def negotiation(terms: Terms = TERMS) -> Negotiation:
    return Negotiation("192.0.2.1", 20_000, 77, terms, SeededEntropy(random.Random(7)), 99)


def read(body: bytes) -> sdp.Media:
    found = sdp.audio(sdp.parse(body))
    assert found is not None
    return found


def names(media: sdp.Media) -> list[str]:
    return [f"{one.name}/{one.clock}" for one in media.codecs]


def terms(*wanted: str, decoded: tuple[str, ...] = ALL, **more: object) -> Terms:
    return Terms(repertoire(wanted, decoded), ("192.0.2.1",), **more)  # type: ignore[arg-type]


def test_a_site_offers_wideband_first_and_events_at_both_clocks() -> None:
    media = read(negotiation().offer())
    assert names(media) == [
        "opus/48000", "G722/8000", "PCMA/8000", "PCMU/8000", "telephone-event/48000", "telephone-event/8000",
    ]  # fmt: skip
    assert media.fmtp[media.payload_types[0]] == "minptime=10;useinbandfec=1"
    assert len(set(media.formats)) == len(media.formats)


def test_what_the_other_side_speaks_stands_first_and_its_others_after_what_we_understand() -> None:
    media = read(negotiation().offer(peer(PJSUA).wishes))
    assert names(media)[:9] == [
        "PCMU/8000", "PCMA/8000", "G722/8000", "speex/16000", "speex/8000", "speex/32000", "iLBC/8000", "GSM/8000",
        "opus/48000",
    ]  # fmt: skip
    assert media.fmtp[104] == "mode=30", "the parameters of the phone that speaks it"


def test_a_caller_whom_nobody_here_understands_is_offered_as_it_is() -> None:
    media = read(negotiation().offer(peer(G729_ONLY).wishes))
    assert names(media) == ["G729/8000", "telephone-event/8000"]


@pytest.mark.parametrize(
    "audio, codec, clock, events",
    [(LINPHONE, "opus", 48_000, 101), (BARESIP, "opus", 48_000, 101), (PJSUA, "PCMU", 8_000, 96)],
)
def test_an_answer_is_the_first_codec_that_we_understand_and_its_events(
    audio: str, codec: str, clock: int, events: int
) -> None:
    n = negotiation()
    media = read(n.answer(peer(audio)))
    assert len(media.formats) == 2
    opened = n.open(0, "198.51.100.7", 60.0)
    assert (opened.codec, opened.clock, opened.dtmf_type, opened.inband) == (codec, clock, events, False)


def test_events_are_those_of_the_codec_that_was_chosen() -> None:
    n = negotiation()
    media = read(n.answer(peer(LINPHONE), (PCMA,)))
    assert names(media) == ["PCMA/8000", "telephone-event/8000"]
    assert media.formats == ["8", "100"]


def test_a_phone_that_names_events_at_8000_only_keeps_them() -> None:
    n = negotiation()
    assert names(read(n.answer(peer(BARESIP)))) == ["opus/48000", "telephone-event/8000"]


def test_the_parameters_that_the_peer_gave_go_to_the_worker() -> None:
    n = negotiation()
    n.answer(peer(BARESIP))
    assert n.open(0, "198.51.100.7", 60.0).fmtp == "stereo=1;sprop-stereo=1"


def test_a_codec_that_is_passed_through_is_answered_in_the_words_of_the_other_side() -> None:
    caller, callee = negotiation(), negotiation()
    offer = peer("m=audio 4000 RTP/AVP 104\r\na=rtpmap:104 iLBC/8000\r\na=fmtp:104 mode=30\r\n")
    media = read(callee.offer(offer.wishes))
    number = media.formats[0]
    callee.accept(peer(f"m=audio 4002 RTP/AVP {number}\r\na=rtpmap:{number} iLBC/8000\r\na=fmtp:{number} mode=20\r\n"))
    answer = read(caller.answer(offer, callee.speaks))
    assert (answer.formats, answer.fmtp[104]) == (["104"], "mode=20")
    assert not caller.understood
    one, other = caller.open(0, "198.51.100.7", 0.0), callee.open(1, "198.51.100.7", 0.0)
    assert (one.codec, one.clock) == (other.codec, other.clock) == ("iLBC", 8_000)


def test_what_is_only_passed_through_is_never_chosen_by_ourselves() -> None:
    with pytest.raises(NotAcceptable) as refusal:
        negotiation().answer(peer(G729_ONLY))
    assert refusal.value.code == 305


def test_a_list_without_a_star_passes_nothing_through() -> None:
    only = terms("G722", "PCMA")
    with pytest.raises(NotAcceptable):
        peer(G729_ONLY, only)
    assert names(read(negotiation(only).offer(peer(LINPHONE, TERMS).wishes))) == [
        "PCMA/8000", "G722/8000", "telephone-event/8000",
    ]  # fmt: skip


def test_a_codec_can_be_allowed_by_name() -> None:
    named = terms("PCMA", "g729")
    assert [one.name for one in peer(LINPHONE, named).formats] == ["PCMA", "G729"]


def test_what_a_worker_does_not_decode_is_only_passed_through() -> None:
    without = terms(*SITE, decoded=("PCMA", "PCMU"))
    assert names(read(negotiation(without).offer())) == ["PCMA/8000", "PCMU/8000", "telephone-event/8000"]
    assert [one.name for one in peer(BARESIP, without).formats] == ["opus", "G722", "PCMA", "PCMU"]
    assert names(read(negotiation(without).answer(peer(BARESIP, without))))[0] == "PCMA/8000"


def test_a_worker_that_does_not_say_what_it_decodes_knows_g711() -> None:
    old = terms(*SITE, decoded=())
    assert [one.name for one in peer(BARESIP, old).formats] == ["PCMA", "PCMU"]
    assert terms("opus", decoded=()).repertoire.spoken == ("pcma/8000", "pcmu/8000"), "a phone has to speak something"


@pytest.mark.parametrize(
    "rtpmap, key",
    [
        ("OPUS/48000/2", "opus/48000/2"), ("opus/48000", "opus/48000/2"), ("G722/16000", "g722/8000"),
        ("pcma/8000/1", "pcma/8000"), ("PCMA", "pcma/8000"), ("L16/16000", "l16/16000"),
        ("L16/16000/2", "l16/16000/2"), ("iLBC/8000", "ilbc/8000"),
    ],
)  # fmt: skip
def test_spellings(rtpmap: str, key: str) -> None:
    (found,) = peer(f"m=audio 4000 RTP/AVP 97\r\na=rtpmap:97 {rtpmap}\r\n").formats
    assert found.key == key
    assert found.clock == int(key.split("/")[1])


@pytest.mark.parametrize(
    "name", ["red/48000/2", "CN/16000", "telephone-event/8000", "ulpfec/8000", "nonsense/x", "/8000", "a/0"]
)
def test_what_is_no_codec_is_not_taken_for_one(name: str) -> None:
    with pytest.raises(NotAcceptable):
        peer(f"m=audio 4000 RTP/AVP 97\r\na=rtpmap:97 {name}\r\n")


def test_comfort_noise_is_agreed_only_where_both_sides_have_it() -> None:
    audio = "m=audio 4000 RTP/AVP 8 13\r\n"
    caller, callee = negotiation(), negotiation()
    offer = peer(audio)
    assert offer.wishes == (Format("pcma/8000", "PCMA", 8_000, 8), COMFORT)
    assert "13" in read(callee.offer(offer.wishes)).formats
    callee.accept(peer(audio))
    assert callee.open(0, "", 0.0).noise_type == 13
    assert read(caller.answer(offer, callee.speaks)).formats == ["8", "13"]
    assert read(negotiation().answer(offer)).formats == ["8"], "we ourselves never fall silent"
    assert read(negotiation().answer(offer, (PCMA,))).formats == ["8"]
    assert "13" not in read(negotiation().offer()).formats


@pytest.mark.parametrize(
    "format, wanted, longest, ptime",
    [(OPUS, 30, 0, 20), (OPUS, 60, 0, 60), (PCMA, 30, 0, 30), (PCMA, 50, 40, 20), (G722, 0, 0, 20), (PCMU, 5, 10, 10)],
)
def test_packet_times(format: Format, wanted: int, longest: int, ptime: int) -> None:
    assert codecs.packet_time(format, wanted, longest) == ptime


def test_numbers_of_passed_codecs_keep_out_of_the_way_of_ours() -> None:
    offer = peer("m=audio 4000 RTP/AVP 111 8\r\na=rtpmap:111 AMR/8000\r\na=rtpmap:8 PCMA/8000\r\n")
    media = read(negotiation().offer(offer.wishes))
    assert len(set(media.formats)) == len(media.formats)
    assert {f"{one.name}/{one.clock}" for one in media.codecs} >= {"AMR/8000", "opus/48000", "PCMA/8000"}
    again = read(negotiation().offer((G729, OPUS)))
    assert "18" in again.formats and names(again)[:2] == ["opus/48000", "G729/8000"]


def test_an_answer_with_a_codec_that_was_not_offered() -> None:
    n = negotiation(terms("PCMA"))
    n.offer()
    with pytest.raises(NotAcceptable) as refusal:
        n.accept(peer(G729_ONLY))
    assert refusal.value.code == 305


@pytest.mark.parametrize(
    "mode, offered, inband",
    [("auto", True, True), ("rfc4733", True, False), ("info", False, False), ("inband", False, True)],
)
def test_how_keys_travel_is_a_setting(mode: str, offered: bool, inband: bool) -> None:
    wanted = terms("PCMA", dtmf=mode)
    media = read(negotiation(wanted).offer())
    assert any(name.startswith("telephone-event") for name in names(media)) is offered
    n = negotiation(wanted)
    assert (len(read(n.answer(peer(BARESIP, wanted))).formats) == 2) is offered
    n = negotiation(wanted)
    n.answer(peer("m=audio 4000 RTP/AVP 8\r\n", wanted))
    assert n.open(0, "", 0.0).inband is inband


def test_long_lists_and_parameters_are_cut() -> None:
    many = "".join(f"a=rtpmap:{number} X{number}/8000\r\n" for number in range(96, 128))
    many += "".join(f"a=rtpmap:{number} Y{number}/8000\r\n" for number in range(35, 64))
    found = peer(f"m=audio 4000 RTP/AVP {' '.join(map(str, (*range(96, 128), *range(35, 64))))}\r\n{many}")
    assert len(found.formats) == codecs.MAX_CODECS
    long = f"m=audio 4000 RTP/AVP 96 8\r\na=rtpmap:96 AMR/8000\r\na=fmtp:96 {'x' * 3000}\r\n"
    assert [one.name for one in peer(long).formats] == ["PCMA"]
