"""What a receiver is still to be told: in order, at least once, at growing pauses, and nothing holds up the rest for ever."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from softswitch.integrations.delivery import LONGEST_PAUSE, MOST_DEAD, Delivery, Limits, Line

START = 1_800_000_000.0
DAY = 86_400.0


def event(seq: int, at: float = START) -> Line:
    return {"seq": seq, "time": datetime.fromtimestamp(at, UTC).isoformat(), "event": "call.ended"}


def new(cursor: int = 0, attempts: int = 3, give_up: float = DAY) -> Delivery:
    return Delivery(cursor, Limits(attempts, give_up), START)


def test_in_order_one_after_the_other() -> None:
    delivery = new()
    delivery.take([event(1), event(3)])
    assert delivery.due(START) == event(1)
    delivery.succeeded(START + 1)
    assert (delivery.cursor, delivery.due(START + 1)) == (1, event(3))
    delivery.succeeded(START + 2)
    assert (delivery.cursor, delivery.due(START + 2), delivery.next_deadline()) == (3, None, None)
    delivery.take([event(3), event(4)])  # What it knows already is not taken again.
    assert [one["seq"] for one in delivery.waiting] == [4]
    assert (delivery.delivered, delivery.last) == (2, START + 2)


def test_who_cannot_be_reached_is_tried_at_growing_pauses_for_a_day() -> None:
    delivery, now, pauses = new(), START, []
    delivery.take([event(1), event(2)])
    while delivery.cursor == 0:
        delivery.failed(now, "timeout", refused=False)
        pauses.append(delivery.at - now)
        assert delivery.due(delivery.at - 0.1) is None
        now = delivery.at
    assert pauses[:4] == [2, 4, 8, 16] and max(pauses) == LONGEST_PAUSE
    (dead,) = delivery.dead.values()
    assert (dead.seq, dead.error) == (1, "timeout") and DAY <= dead.at - START < DAY + LONGEST_PAUSE
    assert delivery.attempts == 0
    assert delivery.due(now) == event(2)  # It is not 24 hours of pauses again: the receiver was tried all day.
    delivery.succeeded(now)
    assert (delivery.failures, delivery.trouble, delivery.cursor) == (0, "", 2)


def test_a_refused_event_holds_up_the_others_for_a_few_attempts_only() -> None:
    delivery, now = new(attempts=3), START
    delivery.take([event(1), event(2)])
    for _ in range(2):
        assert delivery.failed(now, "status 500", refused=True) is None
        now = delivery.at
    delivery.failed(now, "timeout", refused=False)  # That is no word about the event.
    now = delivery.at
    dead = delivery.failed(now, "status 500", refused=True)
    assert dead is not None and (dead.seq, dead.attempts) == (1, 4)
    assert delivery.due(now) == event(2)


def test_what_happened_while_the_switch_was_off_is_not_too_old_yet() -> None:
    delivery = new()
    delivery.take([event(1, START - 3 * DAY)])
    assert delivery.failed(START, "timeout", refused=False) is None
    assert delivery.failed(START + DAY, "timeout", refused=False) is not None


def test_only_so_many_dead_ones_are_remembered() -> None:
    delivery = new(attempts=1)
    for seq in range(1, MOST_DEAD + 3):
        delivery.take([event(seq)])
        delivery.failed(START, "status 400", refused=True)
    assert len(delivery.dead) == MOST_DEAD and min(delivery.dead) == 3
    delivery.revived(3)
    assert min(delivery.dead) == 4


def test_what_is_not_for_it_is_passed_but_never_what_waits() -> None:
    delivery = new()
    delivery.passed(10)
    delivery.take([event(12)])
    delivery.passed(20)
    assert delivery.cursor == 10
    assert delivery.skip(20) == 1 and (delivery.cursor, list(delivery.waiting)) == (20, [])


class Journal:
    """A receiver with whims, a journal, and lives of a switch in between."""

    def __init__(self) -> None:
        self.events: list[Line] = []
        self.got: list[int] = []
        self.now = START
        self.delivery = new(attempts=2, give_up=3_600.0)

    def read(self) -> None:
        if not self.delivery.waiting:
            self.delivery.take([one for one in self.events if one["seq"] > self.delivery.cursor][:3])

    def act(self, what: str) -> None:
        if what == "event":
            self.events.append(event(len(self.events) + 1, self.now))
        elif what == "restart":
            kept = self.delivery.export()
            self.delivery = Delivery(99, self.delivery.limits, self.now)
            self.delivery.load(kept)
        elif what == "hour":
            self.now += 3_600.0
        else:
            self.read()
            self.now = max(self.now, self.delivery.next_deadline() or 0.0)
            if (line := self.delivery.due(self.now)) is not None:
                self.answer(line["seq"], what)

    def answer(self, seq: int, what: str) -> None:
        if what == "taken":
            self.got.append(seq)
            self.delivery.succeeded(self.now)
        elif what == "lost":  # It took it, but we do not know.
            self.got.append(seq)
            self.delivery.failed(self.now, "timeout", refused=False)
        else:
            self.delivery.failed(self.now, what, refused=what == "refused")


@given(st.lists(st.sampled_from(["event", "restart", "hour", "taken", "lost", "timeout", "refused"]), max_size=80))
def test_every_event_is_taken_or_laid_aside_whatever_happens(acts: list[str]) -> None:
    world = Journal()
    for what in acts:
        world.act(what)
    while world.delivery.cursor < len(world.events):
        world.act("taken")
    first: list[Any] = list(dict.fromkeys(world.got))
    assert first == sorted(first)  # In order, repetitions apart.
    assert {*world.got, *world.delivery.dead} == set(range(1, len(world.events) + 1))
