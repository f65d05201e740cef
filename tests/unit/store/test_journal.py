"""The writer behind the switch when the database is in trouble: nothing lost, nobody blocked, said once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest

from softswitch.errors import StoreError
from softswitch.events import CallEnded, CallStarted, DigitReceived, Event
from softswitch.store.journal import LARGEST, SLICE, Journal
from softswitch.store.projection import Batch

FULL = StoreError("db cannot grow: the disk is full", hint="make room")
LIMIT = 1000


@dataclass
class Paper:
    """A sink that fails when told to."""

    batches: list[Batch] = field(default_factory=list)
    trouble: Exception | None = None
    meanwhile: Callable[[], None] = lambda: None  # what happens while a batch is written
    attempts: int = 0
    refused: int = 0

    async def write(self, batch: Batch) -> None:
        self.attempts += 1
        self.meanwhile()
        await asyncio.sleep(0)
        if self.trouble is not None:
            raise self.trouble
        self.batches.append(batch)

    async def write_singly(self, batch: Batch) -> int:
        self.batches.append(batch)
        return self.refused

    @property
    def count(self) -> int:
        return sum(one.count for one in self.batches)


@dataclass
class Desk:
    paper: Paper
    journal: Journal
    alarms: list[tuple[str, str]]
    seq: int = 0

    def publish(self, *events: Event) -> None:
        for event in events:
            self.seq += 1
            self.journal.publish(self.seq, 1000.0 + self.seq, float(self.seq), event)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    paper, alarms = Paper(), list[tuple[str, str]]()
    journal = Journal(paper, interval=0.001, limit=LIMIT, alarm=lambda *said: alarms.append(said))
    yield Desk(paper, journal, alarms)
    await journal.close(None)


def started(call: int = 1) -> CallStarted:
    return CallStarted(f"c{call}", "101", "", "800")


def digit() -> DigitReceived:
    return DigitReceived("c1", "l1", "1", 100, "info")


async def test_events_of_one_interval_are_one_batch(desk: Desk) -> None:
    desk.publish(*(started(index) for index in range(SLICE * 3)))
    assert await desk.journal.flush(5.0)
    assert [one.count for one in desk.paper.batches] == [SLICE * 3]
    assert [(one[0], one[1]) for one in desk.paper.batches[0].blocks] == [
        (1, SLICE),
        (SLICE + 1, 2 * SLICE),
        (2 * SLICE + 1, 3 * SLICE),
    ]


async def test_a_batch_has_a_largest_size(desk: Desk) -> None:
    desk.journal._limit = desk.journal._ceiling = LARGEST * 10
    desk.publish(*(digit() for _ in range(LARGEST * 2 + 5)))
    assert await desk.journal.flush(5.0)
    assert [one.count for one in desk.paper.batches] == [LARGEST, LARGEST, 5]


async def test_a_flush_waits_for_nothing_that_happens_later(desk: Desk) -> None:
    """Else whoever waits for their own change would wait for as long as the switch is busy."""
    desk.paper.meanwhile = lambda: desk.publish(digit())
    desk.publish(*(started(index) for index in range(5)))
    assert await desk.journal.flush(5.0)
    assert desk.journal.health(10.0).durable_seq >= 5
    desk.paper.meanwhile = lambda: None
    assert await desk.journal.flush(5.0)
    assert desk.journal.health(10.0).pending == 0


async def test_trouble_is_said_once_and_nothing_is_lost(desk: Desk) -> None:
    desk.paper.trouble = FULL
    desk.publish(started(1))
    assert not await desk.journal.flush(0.02)
    desk.publish(started(2), digit())
    assert not await desk.journal.flush(0.02)
    assert desk.paper.attempts >= 2
    assert desk.alarms == [(str(FULL), FULL.hint)]
    health = desk.journal.health(10.0)
    assert (health.pending, health.durable_seq, health.trouble, health.hint) == (3, 0, str(FULL), "make room")
    assert health.lag == 9.0
    desk.paper.trouble = None
    assert await desk.journal.flush(5.0)
    assert desk.paper.count == 3
    assert desk.alarms == [(str(FULL), FULL.hint), ("", "")]
    assert desk.journal.health(10.0).durable_seq == 3


async def test_a_failed_batch_goes_again_as_it_was(desk: Desk) -> None:
    desk.paper.trouble = FULL
    desk.publish(started(1), started(2))
    assert not await desk.journal.flush(0.01)
    desk.publish(started(3))
    desk.paper.trouble = None
    assert await desk.journal.flush(5.0)
    assert [one.last_seq for one in desk.paper.batches] == [2, 3]


async def test_over_the_limit_news_go_and_records_stay(desk: Desk) -> None:
    desk.paper.trouble = FULL
    for index in range(LIMIT):
        desk.publish(started(index), digit(), digit())
    assert len(desk.journal._pending) <= LIMIT * 1.2
    assert [said[0] for said in desk.alarms] == [f"more than {LIMIT} events wait for the database: some are dropped"]
    desk.paper.trouble = None
    assert await desk.journal.flush(5.0)
    calls = {call for batch in desk.paper.batches for call in batch.calls_started}
    assert calls == {f"c{index}" for index in range(LIMIT)}
    assert desk.journal.health(0.0).dropped == 3 * LIMIT - desk.paper.count > LIMIT


async def test_over_the_hard_limit_memory_is_bounded(desk: Desk) -> None:
    desk.paper.trouble = FULL
    desk.publish(*(started(index) for index in range(LIMIT * 4)))
    assert len(desk.journal._pending) <= LIMIT * 2.2
    assert desk.journal.health(0.0).dropped >= LIMIT


async def test_a_row_the_database_refuses_stands_in_nobodys_way(desk: Desk) -> None:
    desk.paper.trouble = ValueError("no such value")
    desk.paper.refused = 1
    desk.publish(started(1), started(2))
    assert await desk.journal.flush(5.0)
    assert "1 rows could not be stored" in desk.alarms[0][0]
    assert desk.journal.health(0.0).dropped == 1
    assert desk.journal.health(0.0).trouble == ""


async def test_a_malformed_event_stands_in_nobodys_way(desk: Desk) -> None:
    broken = CallEnded("c1", None, "", "", "", "", 0, "", 0.0, 0.0, 0.0)  # type: ignore[arg-type]
    desk.publish(broken, started(2))
    assert await desk.journal.flush(5.0)
    assert desk.paper.batches[0].calls_started.keys() == {"c2"}
    assert "could not be stored" in desk.alarms[0][0]


async def test_publishing_while_a_batch_is_written_waits_for_nothing(desk: Desk) -> None:
    for index in range(50):
        desk.publish(started(index))
        await asyncio.sleep(0.0005)
    assert await desk.journal.flush(5.0)
    assert desk.paper.count == 50
    assert desk.journal.health(0.0).pending == 0


async def test_the_end_without_flushing_says_whether_something_was_left(desk: Desk) -> None:
    desk.publish(started(1))
    assert not await desk.journal.close(None)
    assert desk.paper.count == 0


async def test_closing_writes_what_is_pending(desk: Desk) -> None:
    desk.publish(started(1))
    assert await desk.journal.close(5.0)
    assert desk.paper.count == 1


async def test_closing_gives_up_in_time(desk: Desk) -> None:
    desk.paper.trouble = FULL
    desk.publish(started(1))
    assert not await desk.journal.close(0.02)
