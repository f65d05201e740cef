"""The ring between two processes."""

from __future__ import annotations

import os
import threading
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.ring import HEADER, MAX_LOOKS, Channel, Outbox, Ring, RingError, Wake, shared_memory


def ring(capacity: int = 256) -> tuple[Ring, Ring]:
    """The two ends of one ring."""
    memory = bytearray(HEADER + capacity)
    return Ring(memoryview(memory)), Ring(memoryview(memory))


@given(st.lists(st.one_of(st.binary(max_size=100), st.none()), max_size=200))
def test_what_is_written_is_read_in_order(steps: list[bytes | None]) -> None:
    writer, reader = ring()
    waiting: deque[bytes] = deque()
    for step in steps:
        if step is None:
            assert reader.read() == list(waiting)
            waiting.clear()
        elif writer.write(step):
            waiting.append(step)
        else:
            assert waiting, "an empty ring takes every record"
    assert reader.read() == list(waiting)
    assert reader.empty


def test_a_full_ring_says_no_and_remembers_that_the_writer_waits() -> None:
    writer, reader = ring(64)
    assert writer.write(b"x" * 24) and writer.write(b"y" * 24)
    assert not writer.write(b"")
    assert reader.read() == [b"x" * 24, b"y" * 24]
    assert reader.take_blocked()
    assert not reader.take_blocked()
    assert writer.write(b"z")
    assert (writer.high_water, writer.records) == (64, 3)


def test_a_record_that_is_counted_but_not_visible_is_read_later() -> None:
    memory = bytearray(HEADER + 256)
    writer, reader = Ring(memoryview(memory)), Ring(memoryview(memory))
    assert writer.write(b"first") and writer.write(b"second")
    second = bytes(memory[HEADER + 16 : HEADER + 32])
    memory[HEADER + 16 : HEADER + 32] = bytes(16)
    assert reader.read() == [b"first"]
    assert reader.read() == []
    memory[HEADER + 16 : HEADER + 32] = second
    assert reader.read() == [b"second"]


def test_what_an_earlier_lap_left_is_not_news() -> None:
    memory = bytearray(HEADER + 64)
    writer, reader = Ring(memoryview(memory)), Ring(memoryview(memory))
    for _ in range(4):
        assert writer.write(b"12345678")
    assert len(reader.read()) == 4
    before = bytes(memory[HEADER:])
    assert writer.write(b"12345678")
    memory[HEADER:] = before  # The counter is visible, the octets are those of the lap before.
    assert reader.read() == []


def test_damaged_memory_is_noticed_and_passed_over() -> None:
    memory = bytearray(HEADER + 64)
    writer, reader = Ring(memoryview(memory)), Ring(memoryview(memory))
    assert writer.write(b"lost")
    memory[HEADER + 8] ^= 1
    for _ in range(MAX_LOOKS):
        assert reader.read() == []
    with pytest.raises(RingError, match="16 octets"):
        reader.read()
    assert writer.write(b"good")
    assert reader.read() == [b"good"]


@pytest.mark.parametrize("written", [3, 1 << 40])
def test_impossible_counters_are_noticed(written: int) -> None:
    memory = bytearray(HEADER + 64)
    memoryview(memory)[:8].cast("Q")[0] = written
    with pytest.raises(RingError):
        Ring(memoryview(memory)).read()


def test_an_outbox_keeps_what_does_not_fit_in_order() -> None:
    writer, reader = ring(64)
    wake = Wake()
    outbox = Outbox(writer, wake, polled=False)
    for number in range(10):
        outbox.post(bytes([number]) * 8)
    assert outbox.waiting == 6
    seen = reader.read()
    while outbox.waiting:
        outbox.flush()
        seen += reader.read()
    assert seen == [bytes([number]) * 8 for number in range(10)]
    wake.close()


def test_an_outbox_with_a_limit_counts_what_it_loses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("media.ring.MAX_BACKLOG", 2)
    writer, _ = ring(64)
    wake = Wake()
    outbox = Outbox(writer, wake, polled=False)
    for _ in range(7):
        outbox.post(b"x" * 24)
    assert (outbox.waiting, outbox.lost) == (2, 3)
    wake.close()


def test_a_polled_reader_is_woken_only_when_it_sleeps() -> None:
    writer, reader = ring()
    wake = Wake()
    outbox = Outbox(writer, wake, polled=True)
    outbox.post(b"1")
    outbox.flush()
    assert not wake.wait(0)
    reader.sleep(True)
    outbox.post(b"2")
    outbox.flush()
    assert wake.wait(0)
    wake.clear()
    assert not wake.wait(0)
    outbox.flush()
    assert not wake.wait(0)
    wake.close()


def test_a_pipe_wakes_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "eventfd", raising=False)
    wake = Wake()
    assert wake.reader != wake.writer
    for _ in range(20_000):
        wake.set()  # More than a pipe holds.
    assert wake.wait(0)
    wake.clear()
    assert not wake.wait(0)
    wake.close()


def test_memory_without_memfd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "memfd_create")
    descriptor = shared_memory(Channel.SIZE)
    one, other = Channel(descriptor), Channel(descriptor)
    os.close(descriptor)
    one.commands.write(b"hello")
    assert other.commands.read() == [b"hello"]
    one.close()
    other.close()


def test_a_channel_has_gauges_and_two_rings() -> None:
    descriptor = shared_memory(Channel.SIZE)
    one, other = Channel(descriptor), Channel(descriptor)
    os.close(descriptor)
    one.gauges[1] = 7
    assert other.read_gauges()["open_legs"] == 7
    one.events.write(b"event")
    assert other.commands.empty and other.events.read() == [b"event"]
    one.close()
    other.close()


def test_two_threads_lose_nothing() -> None:
    writer, reader = ring(4096)
    count = 5_000

    def write() -> None:
        number = 0
        while number < count:
            number += writer.write(number.to_bytes(4, "big") * (1 + number % 9))

    thread = threading.Thread(target=write)
    thread.start()
    seen: list[bytes] = []
    while len(seen) < count:
        seen += reader.read()
    thread.join()
    assert seen == [number.to_bytes(4, "big") * (1 + number % 9) for number in range(count)]
