"""Telephone-events, received and sent."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path
from random import Random

import pytest

from media import rtp
from media.dtmf import DIGITS, END, EVENT, EventReceiver, event_packets
from media.rtp import Packet

NAMES = [*"0123456789", "star", "pound"]


def receive(receiver: EventReceiver, packets: list[Packet]) -> list[tuple[str, int]]:
    found = [receiver.receive(each.ssrc, each.timestamp, each.marker, each.payload) for each in packets]
    return [digit for digit in found if digit is not None]


def press(event: int, timestamp: int, duration: int = 800, ssrc: int = 1) -> list[Packet]:
    """A key press as phones send it: every 20 ms, the end three times."""
    lengths = range(160, duration, 160)
    packets = [
        Packet(101, 0, timestamp, ssrc, EVENT.pack(event, 10, length), marker=length == 160) for length in lengths
    ]
    return packets + [Packet(101, 0, timestamp, ssrc, EVENT.pack(event, END | 10, duration))] * 3


@pytest.mark.parametrize("name", NAMES)
def test_the_captures_with_any_packet_lost_repeated_or_late(shared: Path, name: str) -> None:
    capture = json.loads((shared / "corpora" / "rfc4733-dtmf" / f"dtmf_2833_{name}.json").read_text())
    rows = capture if isinstance(capture, list) else capture["packets"]
    packets = [rtp.parse(bytes.fromhex(row["rtp"])) for row in rows]
    known = [packet for packet in packets if packet is not None]
    assert len(known) == 10
    digit = {"star": "*", "pound": "#"}.get(name, name)

    def digits(trace: list[Packet]) -> list[str]:
        return [found for found, _ in receive(EventReceiver(), trace)]

    assert digits(known) == [digit]
    for lost in range(len(known)):
        assert digits(known[:lost] + known[lost + 1 :]) == [digit]
    for survivor in known:
        assert digits([survivor]) == [digit]
    assert digits(known * 2) == [digit]
    for seed in range(20):
        assert digits(Random(seed).sample(known, len(known))) == [digit]


def test_every_digit_has_its_name() -> None:
    for event, digit in enumerate(DIGITS):
        assert receive(EventReceiver(), press(event, 0)) == [(digit, 20)]


def test_the_same_key_twice_is_two_digits() -> None:
    receiver = EventReceiver()
    assert receive(receiver, press(5, 0) + press(5, 1600)) == [("5", 20), ("5", 20)]


def test_the_same_key_twice_with_all_ends_lost() -> None:
    receiver = EventReceiver()
    first, second = press(5, 0)[:-3], press(5, 2400)
    assert receive(receiver, first + second) == [("5", 20), ("5", 20)]


def test_a_late_packet_of_the_key_before_is_no_digit() -> None:
    first, second = press(1, 0), press(2, 1600)
    assert receive(EventReceiver(), first[:-1] + second[:2] + first[-1:] + second[2:]) == [("1", 20), ("2", 20)]


def test_a_key_held_beyond_the_field_is_one_digit() -> None:
    """RFC 4733 section 2.5.1.3: segments of 0xFFFF units, the next begins where the last one stops."""
    segments: list[Packet] = []
    for index in range(3):
        start = 1000 + 0xFFFF * index
        segments += [Packet(101, 0, start, 1, EVENT.pack(7, 10, duration)) for duration in (800, 40_000, 0xFFFF)]
    segments[0].marker = True
    segments.append(Packet(101, 0, 1000 + 0xFFFF * 2, 1, EVENT.pack(7, END, 0xFFFF)))
    assert receive(EventReceiver(), segments) == [("7", 100)]


def test_a_phone_that_moves_the_timestamp_with_every_packet() -> None:
    packets = [Packet(101, 0, 160 * n, 1, EVENT.pack(9, 10, 160), marker=n == 0) for n in range(10)]
    assert receive(EventReceiver(), packets) == [("9", 20)]


def test_tones_and_short_payloads_are_no_digits() -> None:
    receiver = EventReceiver()
    assert receive(receiver, press(32, 0) + press(255, 1600)) == []
    assert receiver.receive(1, 1, True, b"\x01\x02\x03") is None
    assert receiver.receive(1, 1, True, b"") is None


def test_its_memory_is_bounded() -> None:
    receiver = EventReceiver()
    for number in range(10_000):
        receiver.receive(number, number * 17, True, EVENT.pack(1, 0, 160))
    assert len(receiver._seen) == 8


def test_any_order_of_two_keys_is_two_digits() -> None:
    keys = press(1, 0, 320), press(2, 1600, 320)
    for order in permutations([keys[0][0], keys[0][1], keys[1][0], keys[1][1]]):
        assert sorted(digit for digit, _ in receive(EventReceiver(), list(order))) == ["1", "2"]


def test_what_we_send_is_what_we_read() -> None:
    receiver = EventReceiver()
    timestamp, found = 0, []
    for step, packet in enumerate(event_packets("12*#!dA", 100, 20)):
        if packet is None:
            continue
        if packet.first:
            timestamp = step * 160
        digit = receiver.receive(1, timestamp, packet.first, packet.payload)
        if digit is not None:
            found.append(digit[0])
    assert "".join(found) == "12*#!DA"


def test_the_packets_of_one_digit() -> None:
    packets = list(event_packets("5", 100, 20))
    assert [None if each is None else EVENT.unpack(each.payload) for each in packets] == [
        (5, 10, 160), (5, 10, 320), (5, 10, 480), (5, 10, 640),
        (5, 0x8A, 800), (5, 0x8A, 800), (5, 0x8A, 800), None, None, None,
    ]  # fmt: skip
    assert [each.first for each in packets if each is not None] == [True] + [False] * 6


@pytest.mark.parametrize(("duration", "ends"), [(0, 320), (40, 320), (99_999, 64_000)])
def test_durations_are_kept_within_the_field(duration: int, ends: int) -> None:
    packets = [each for each in event_packets("1", duration, 60) if each is not None]
    assert packets[0].first and EVENT.unpack(packets[-1].payload)[2] == ends


def test_what_is_no_digit_is_skipped() -> None:
    assert list(event_packets("x ,é", 100, 20)) == []
