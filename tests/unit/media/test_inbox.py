"""Packets that wait for the next tick."""

from __future__ import annotations

import numpy as np

from media.inbox import AUDIO, KIND, LEG, PACKET, ROWS, SIZE, WIDTH, Inbox


def batch(inbox: Inbox, legs: list[int], number: int, size: int = 172) -> None:
    octets = np.tile(np.arange(size, dtype=np.uint8), (len(legs), 1))
    count = len(legs)
    stamps = np.full(count, 160 * number, np.uint32)
    inbox.hear_batch(np.array(legs), np.full(count, number), stamps, octets, np.full(count, size), 9)


def test_what_goes_in_comes_out_once() -> None:
    inbox = Inbox()
    inbox.hear(4, 17, 99, 13, memoryview(b"\x30"), 5)
    batch(inbox, [1, 2, 3], 7)
    (heard,) = list(inbox.take())
    assert heard.table.tolist()[0] == [4, 17, 99, 13, 1, 5]
    assert heard.table[1:, LEG].tolist() == [1, 2, 3] and set(heard.table[1:, KIND]) == {AUDIO}
    assert heard.octets[0, 0] == 0x30 and heard.octets[1, :160].tolist() == list(range(12, 172))
    assert list(inbox.take()) == [] and len(inbox) == 0


def test_of_each_leg_one_at_a_time_in_order() -> None:
    inbox = Inbox()
    for number in (1, 2, 3):
        batch(inbox, [0, 5], number)
    batch(inbox, [9], 4)
    parts = [list(map(tuple, heard.table[:, [LEG, PACKET]].tolist())) for heard in inbox.take()]
    assert [sorted(part) for part in parts[:2]] == [[(0, 1), (5, 1)], [(0, 2), (5, 2)]]
    assert sorted(parts[2]) == [(0, 3), (5, 3), (9, 4)]


def test_what_does_not_fit_is_dropped_and_counted() -> None:
    inbox = Inbox()
    inbox.hear(1, 1, 1, 0, memoryview(bytes(WIDTH + 1)), 0)
    inbox.hear(1, 1, 1, 0, memoryview(b""), 0)
    assert inbox.dropped == 2 and len(inbox) == 0
    for number in range(ROWS // 4):
        batch(inbox, [0, 1, 2, 3], number)
    batch(inbox, [0, 1], ROWS)
    inbox.hear(1, 1, 1, 0, memoryview(b"\0"), 0)
    assert inbox.dropped == 5 and len(inbox) == ROWS


def test_a_long_packet_keeps_its_size_within_the_row() -> None:
    inbox = Inbox()
    batch(inbox, [1], 1, size=WIDTH + 12 + 50)
    (heard,) = list(inbox.take())
    assert heard.table[0, SIZE] == WIDTH
