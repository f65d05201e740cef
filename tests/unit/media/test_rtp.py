"""RTP headers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media import rtp
from media.rtp import Packet, parse

packets = st.builds(
    Packet,
    st.integers(0, 127),
    st.integers(0, 0xFFFF),
    st.integers(0, 0xFFFFFFFF),
    st.integers(0, 0xFFFFFFFF),
    st.binary(max_size=200),
    st.booleans(),
    st.lists(st.integers(0, 0xFFFFFFFF), max_size=15).map(tuple),
)


@given(packets)
def test_what_is_built_is_parsed(packet: Packet) -> None:
    assert parse(bytes(packet)) == packet


@given(st.binary(max_size=100))
def test_nothing_that_is_sent_makes_it_raise(data: bytes) -> None:
    packet = parse(data)
    assert packet is None or len(packet.payload) <= len(data) - 12


HEADER = "0007 000000a0 00000001"


@pytest.mark.parametrize(
    ("data", "payload"),
    [
        ("8000" + HEADER + "aabb", "aabb"),
        ("8000" + HEADER, ""),
        ("8100" + HEADER + "11111111 aabb", "aabb"),  # one contributor
        ("9000" + HEADER + "bede0001 22222222 aabb", "aabb"),  # an extension of one word
        ("9000" + HEADER + "bede0000 aabb", "aabb"),  # an empty extension
        ("a000" + HEADER + "aabb 0002", "aabb"),  # two octets of padding
        ("b100" + HEADER + "11111111 bede0001 22222222 aabb 000003", "aabb"),
        ("a000" + HEADER + "00000004", ""),  # nothing but padding
        ("0000" + HEADER + "aabb", None),  # version 0
        ("4000" + HEADER + "aabb", None),
        ("c000" + HEADER + "aabb", None),
        ("8000" + HEADER[:-2], None),  # eleven octets
        ("8f00" + HEADER + "11111111 aabb", None),  # fifteen contributors announced
        ("9000" + HEADER + "bede", None),  # half an extension header
        ("9000" + HEADER + "bede0002 22222222", None),  # an extension longer than the packet
        ("a000" + HEADER + "aabb00", None),  # padding of zero octets
        ("a000" + HEADER + "aabbff", None),  # padding longer than the packet
        ("a000" + HEADER, None),  # padding announced, and nothing there
    ],
)
def test_lengths_are_checked(data: str, payload: str | None) -> None:
    packet = parse(bytes.fromhex(data))
    assert (packet.payload.hex() if packet else None) == payload


def test_the_corpus_of_rtp_packets(shared: Path) -> None:
    folder = shared / "corpora" / "rtp-rtcp"
    items = [item for item in json.loads((folder / "index.json").read_text())["items"] if item["kind"] == "rtp"]
    assert len(items) >= 30
    for item in items:
        data = (folder / item["file"]).read_bytes()
        packet = parse(data)
        start, end = rtp.payload_bounds(data, len(data))
        assert (packet is None) == (start == 0)
        assert 0 <= start <= end <= len(data)
