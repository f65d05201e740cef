"""Counters are a fold of events; every figure has its formula (C.2 to C.4)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.acd.measure import ABANDONED, Measure, QueueCounts, recount
from softswitch.directory import Queue
from softswitch.effects import Outcome
from softswitch.events import CallerJoined, CallerLeft, Event, OfferEnded


def visit(number: int, outcome: Outcome, waited: float) -> list[Event]:
    return [
        CallerJoined("q", f"c{number}", number, "", 0, 1, 1),
        CallerLeft("q", f"c{number}", number, outcome, waited, 1, 0),
    ]


DAY = [
    *((Outcome.ANSWERED, waited) for waited in (0.0, 5.0, 20.0, 21.0, 60.0)),  # A 5, A_T 3
    (Outcome.ABANDONED_SHORT, 3.0),
    (Outcome.ABANDONED_SHORT, 6.0),
    (Outcome.ABANDONED_RINGING, 15.0),
    (Outcome.ABANDONED_CONNECTING, 4.0),  # the agent's side never counts as short
    (Outcome.ABANDONED, 90.0),  # B 5, B_S 2, B_T 4
    (Outcome.TIMEOUT, 120.0),
    (Outcome.EXIT_KEY, 30.0),  # F 2
]


def day() -> QueueCounts:
    events = [event for number, (outcome, waited) in enumerate(DAY) for event in visit(number, outcome, waited)]
    events.append(CallerJoined("q", "waiting", 99, "", 0, 1, 1))
    return recount(events, [Queue("q")]).queues["q"]


@pytest.mark.parametrize(
    "name, value",
    [
        ("answer_rate", 5 / (13 - 2)),
        ("sl_answered", 3 / 5),
        ("sl_ast2", 7 / 10),
        ("sl_all", 3 / 10),
        ("sl", 3 / 8),
        ("sl_noloss", 3 / 6),
        ("sl_strict", 3 / 10),
        ("sl_live", 3 / 12),
        ("asa", 106.0 / 5),
        ("awt_all", 374.0 / 12),
        ("ata", 118.0 / 5),
        ("abandon_rate", 3 / 11),
        ("abandon_rate_raw", 5 / 13),
    ],
)
def test_each_named_figure(name: str, value: float) -> None:
    figure = day().figures(waiting_too_long=4)[name]
    assert figure.value == pytest.approx(value)
    assert figure.as_dict()["formula"] == figure.formula


def test_nothing_offered_gives_no_figure() -> None:
    assert all(figure.value is None for figure in QueueCounts().figures().values())


def test_offered_is_outcomes_and_in_progress() -> None:
    counts = day()
    assert (counts.entered, counts.ended, counts.in_progress, counts.longest_wait) == (13, 12, 1, 120.0)


def test_another_threshold_is_a_recount() -> None:
    events = [event for number, (outcome, waited) in enumerate(DAY) for event in visit(number, outcome, waited)]
    counts = recount(events, [Queue("q", service_level_seconds=60.0, short_abandon=0.0)]).queues["q"]
    assert (counts.answered_in_time, counts.abandoned_short) == (5, 0)


def test_offers_by_result() -> None:
    events: list[Event] = [
        OfferEnded("q", "c", "a", 1, "no_answer", 20.0),
        OfferEnded("q", "c", "a", 2, "rejected", 2.0),
        OfferEnded("q", "c", "b", 3, "answered", 5.0),
        OfferEnded("q", "c", "b", 4, "cancelled_caller_gone", 3.0),
    ]
    counts = recount(events, [Queue("q")]).queues["q"]
    assert counts.figures()["offer_accept"].value == pytest.approx(1 / 3)
    assert counts.ring_seconds == 30.0


@given(st.lists(st.tuples(st.sampled_from(Outcome), st.floats(0.0, 600.0)), max_size=60))
def test_the_books_balance_and_survive_a_restart(visits: list[tuple[Outcome, float]]) -> None:
    measure = Measure()
    measure.configure(Queue("q"))
    for number, (outcome, waited) in enumerate(visits):
        for event in visit(number, outcome, waited):
            measure.apply(event)
    counts = measure.queues["q"]
    assert counts.entered == sum(counts.outcomes.values()) == len(visits)
    assert counts.answered + counts.abandoned + counts.other_exits == counts.ended
    assert counts.abandoned_short <= counts.abandoned == sum(outcome in ABANDONED for outcome, _ in visits)
    again = Measure()
    again.restore(measure.as_dict())
    assert again.as_dict() == measure.as_dict()
    assert again.queues["q"].figures() == counts.figures()
