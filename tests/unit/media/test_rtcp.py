"""RTCP packets, and what a leg makes of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.rtcp import (
    Report,
    ReportBlock,
    Reporter,
    SenderInfo,
    Stream,
    build,
    ntp_middle,
    ntp_time,
    parse,
)

word = st.integers(0, 0xFFFFFFFF)
blocks = st.builds(
    ReportBlock, word, st.integers(0, 255), st.integers(-(1 << 23), (1 << 23) - 1), word, word, word, word
)
senders = st.none() | st.builds(SenderInfo, st.integers(0, (1 << 64) - 1), word, word, word)
reports = st.builds(
    Report,
    word,
    senders,
    st.lists(blocks, max_size=31),
    st.text(st.characters(codec="utf-8"), max_size=60),
    st.lists(word, max_size=31).map(tuple),
)


@given(reports)
def test_what_is_built_is_parsed(report: Report) -> None:
    data = build(report)
    assert len(data) % 4 == 0
    assert parse(data) == report


@given(st.binary(max_size=200))
def test_nothing_that_is_sent_makes_it_raise(data: bytes) -> None:
    parse(data)
    parse(b"\x80\xc9" + data)


@given(reports, st.data())
def test_a_damaged_packet_makes_it_not_raise(report: Report, data: st.DataObject) -> None:
    packet = bytearray(build(report))
    for _ in range(data.draw(st.integers(1, 4))):
        packet[data.draw(st.integers(0, len(packet) - 1))] = data.draw(st.integers(0, 255))
    del packet[data.draw(st.integers(0, len(packet))) :]
    parse(bytes(packet))


RR = "80c90001 00000001"


@pytest.mark.parametrize(
    ("data", "valid"),
    [
        (RR, True),
        (RR + "81ca0002 00000001 01000000", True),  # an empty CNAME
        (RR + "81cb0001 00000001", True),  # BYE
        (RR + "81cb0002 00000001 03627965", True),  # BYE with a reason
        (RR + "80cc0002 00000001 41424344", True),  # APP: not for us
        (RR + "80cd0000", True),  # a kind that came later
        ("81ca0002 00000001 01000000" + RR, False),  # A.2: the first is a report
        ("80cb0000" + RR, False),
        ("40c90001 00000001", False),  # version 1
        ("80c90002 00000001", False),  # longer than it is
        ("80c90000 00000001", False),  # no room for the SSRC, and rubbish after it
        ("81c90001 00000001", False),  # a block announced that is not there
        ("80c80001 00000001", False),  # a sender report without sender information
        (RR + "81cb0000", False),  # BYE of one source that is not there
        (RR + "81cb0002 00000001 09627965", False),  # a reason longer than the packet
        (RR + "81ca0001 00000001", False),  # an SDES chunk that does not end
        (RR + "81ca0002 00000001 01090000", False),  # a CNAME longer than the packet
        (RR + "80", False),  # a lone octet
        ("a0c90002 00000001 00000004", False),  # A.2: the first is not padded
        (RR + "a0cb0001 00000004", True),  # the last may be
        (RR + "a0cb0001 00000003", False),  # not by three octets
        (RR + "a0cb0001 00000000", False),
        (RR + "a0cb0001 00000008", False),  # more padding than packet
        (RR + "a0cb0001 00000004" + "80cb0000", False),  # padding in the middle
        ("", False),
    ],
)
def test_compound_packets_are_checked(data: str, valid: bool) -> None:
    assert (parse(bytes.fromhex(data)) is not None) is valid


def test_the_corpus_of_rtcp_packets(shared: Path) -> None:
    folder = shared / "corpora" / "rtp-rtcp"
    items = [item for item in json.loads((folder / "index.json").read_text())["items"] if item["kind"] == "rtcp"]
    assert len(items) >= 90
    reporter = Reporter(1, "us")
    for item in items:
        reporter.receive((folder / item["file"]).read_bytes(), 1000.0)


def test_round_trip_time_is_computed_as_the_rfc_draws_it() -> None:
    # Section 6.4.1, figure 2: A = 0xb710:8000, DLSR 5.25 s, LSR 0xb705:2000, 6.125 s of delay.
    arrival = (0xB44DB710_80000000 - (2_208_988_800 << 32)) / (1 << 32)
    reporter = Reporter(7, "us")
    block = ReportBlock(7, 0, 3, 0, 80, last_report=0xB7052000, delay=0x00054000)
    assert reporter.receive(build(Report(9, None, [block])), arrival)
    assert reporter.round_trip_ms == pytest.approx(6125, abs=1)
    assert (reporter.remote_lost, reporter.remote_jitter_ms) == (3, 10.0)


def test_a_report_about_somebody_else_changes_nothing() -> None:
    reporter = Reporter(7, "us")
    assert reporter.receive(build(Report(9, None, [ReportBlock(8, 0, 3, 0, 80, 1, 1)])), 1000.0)
    assert (reporter.round_trip_ms, reporter.remote_lost) == (0.0, 0)


def test_a_round_trip_that_a_stepped_clock_makes_is_not_kept() -> None:
    reporter = Reporter(7, "us")
    future = ntp_middle(ntp_time(2000.0))
    assert reporter.receive(build(Report(9, None, [ReportBlock(7, 0, 0, 0, 0, future, 0)])), 1000.0)
    assert reporter.round_trip_ms == 0.0


def test_our_report_tells_loss_and_answers_the_last_sender_report() -> None:
    reporter = Reporter(7, "us")
    sender = SenderInfo(ntp_time(500.0), 0, 0, 0)
    assert reporter.receive(build(Report(9, sender)), 1000.0)
    stream = Stream(9, expected=100, received=75, highest=0x10064, jitter=12)
    report = parse(reporter.report(None, stream, 1002.5))
    assert report is not None and report.cname == "us" and report.sender is None
    assert report.blocks == [ReportBlock(9, 64, 25, 0x10064, 12, ntp_middle(ntp_time(500.0)), 0x28000)]
    # The fraction is of what came since the last report, the count of all.
    stream = Stream(9, expected=200, received=175, highest=0x100C8, jitter=12)
    again = parse(reporter.report(SenderInfo(1, 2, 3, 4), stream, 1005.0, goodbye=True))
    assert again is not None and again.goodbye == (7,) and again.sender == SenderInfo(1, 2, 3, 4)
    assert (again.blocks[0].fraction, again.blocks[0].lost) == (0, 25)


def test_the_fraction_lost_is_of_the_stream_that_arrives_now() -> None:
    reporter = Reporter(7, "us")
    reporter.report(None, Stream(9, expected=250, received=250, highest=249, jitter=0), 1000.0)
    # RFC 3550 section 8.2: another SSRC is another stream, of which 20 of 300 packets were lost, not 20 of 50.
    for stream, fraction in (
        (Stream(10, 300, 280, 299, 0), 17),
        (Stream(11, 100, 90, 99, 0), 25),
        (Stream(11, 200, 190, 199, 0), 0),
    ):
        report = parse(reporter.report(None, stream, 1005.0))
        assert report is not None
        assert report.blocks[0].fraction == fraction


def test_loss_beyond_24_bits_is_clamped() -> None:
    for lost, told in ((1 << 30, (1 << 23) - 1), (-(1 << 30), -(1 << 23))):
        report = parse(build(Report(1, None, [ReportBlock(2, 0, lost, 0, 0)])))
        assert report is not None and report.blocks[0].lost == told
