"""Figures of today are a fold: by the day and the minute in which a call left, the same from a kept state and what came after."""

from __future__ import annotations

import json
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.acd.measure import recount
from softswitch.board.today import LONGEST, WINDOW, Today
from softswitch.directory import Directory, Queue
from softswitch.effects import OfferResult, Outcome
from softswitch.events import (
    AgentActivityChanged,
    CallerConnected,
    CallerJoined,
    CallerLeft,
    Event,
    OfferEnded,
)

WARSAW = ZoneInfo("Europe/Warsaw")
SITE = Directory("pbx.example.com", queues={"q": Queue("q"), "slow": Queue("slow", service_level_seconds=60.0)})


def at(text: str) -> float:
    return datetime.fromisoformat(f"2026-11-22 {text}").replace(tzinfo=WARSAW).timestamp()


def today() -> Today:
    made = Today()
    made.configure(SITE)
    return made


def left(outcome: Outcome, waited: float, queue: str = "q", kind: str = "") -> CallerLeft:
    return CallerLeft(queue, "c", 1, outcome, waited, 1, 0, kind=kind)


def test_a_queue_in_which_nothing_has_ended_has_no_service_level() -> None:
    found = today().figures("q", at("10:00"), 0)
    for span in ("today", "recent"):
        assert found[span]["sl"] == {"value": None, "formula": "A_T / (A + B - B_S)", "n": 0, "d": 0}
        assert found[span]["sl_live"]["value"] is None
    assert found["today"]["asa"]["value"] is None
    waiting = today().figures("q", at("10:00"), 2)
    assert waiting["today"]["sl_live"] == {"value": 0.0, "formula": "A_T / (A + B - B_S + W_>T)", "n": 0, "d": 2}


def test_today_and_the_last_half_hour() -> None:
    day = today()
    for when, event in [
        ("09:00", left(Outcome.ANSWERED, 5.0)),
        ("09:00", left(Outcome.ANSWERED, 25.0)),
        ("09:29", left(Outcome.ABANDONED_SHORT, 3.0)),
        ("09:35", left(Outcome.ABANDONED, 40.0)),
        ("09:40", left(Outcome.ANSWERED, 20.0)),
        ("09:41", left(Outcome.TIMEOUT, 300.0)),
        ("09:41", left(Outcome.ANSWERED, 900.0, kind="callback")),
    ]:
        day.note(at(when), event)
    found = day.figures("q", at("10:00"), 1)
    whole, recent = found["today"], found["recent"]
    assert (whole["answered"], whole["abandoned"], whole["abandoned_short"], whole["other"]) == (3, 2, 1, 1)
    assert (whole["sl"]["n"], whole["sl"]["d"]) == (2, 4)
    assert (whole["sl_live"]["n"], whole["sl_live"]["d"]) == (2, 5)
    assert whole["asa"]["value"] == pytest.approx(50 / 3)
    assert (recent["minutes"], recent["answered"], recent["abandoned"]) == (WINDOW, 1, 1)
    assert (recent["sl"]["value"], recent["sl_live"]["value"]) == (1 / 2, 1 / 3)


def test_the_window_goes_by_minutes_of_the_clock() -> None:
    day = today()
    day.note(at("09:30:30"), left(Outcome.ANSWERED, 1.0))
    assert day.recent("q", at("09:59:59")).answered == 1
    assert day.recent("q", at("10:00:00")).answered == 0
    assert day.recent("q", at("10:00:00"), 31).answered == 1
    for minute in range(180):
        day.note(at("12:00") + 60 * minute, left(Outcome.ANSWERED, 1.0))
    assert len(day.minutes["q"]) == LONGEST
    assert day.recent("q", at("14:59"), LONGEST).answered == LONGEST


def test_each_queue_has_its_own_threshold() -> None:
    day = today()
    for queue in ("q", "slow"):
        day.note(at("10:00"), left(Outcome.ANSWERED, 30.0, queue))
    assert day.figures("q", at("10:01"), 0)["recent"]["sl"]["value"] == 0.0
    assert day.figures("slow", at("10:01"), 0)["recent"]["sl"]["value"] == 1.0
    # After midnight too, when the counters are new ones.
    tomorrow = at("23:59:59") + 3600
    day.note(tomorrow, left(Outcome.ANSWERED, 30.0, "slow"))
    assert day.figures("slow", tomorrow, 0)["today"]["sl"]["value"] == 1.0


def test_midnight_of_the_site_begins_anew() -> None:
    day = today()
    day.note(at("23:59:59"), left(Outcome.ANSWERED, 5.0))
    day.note(at("23:59:59"), CallerConnected("q", "c", "anna", 1, 5.0))
    assert (day.day, day.figures("q", at("23:59:59"), 0)["today"]["answered"]) == ("2026-11-22", 1)
    midnight = at("23:59:59") + 1
    # Also where nothing happens: who looks sees the new day; the last half hour goes on over midnight.
    found = day.figures("q", midnight, 0)
    assert (day.day, found["today"]["answered"], found["recent"]["answered"]) == ("2026-11-23", 0, 1)
    assert day.agent("anna")["answered"] == 0


def test_a_clock_that_is_set_back_begins_no_day() -> None:
    day = today()
    day.note(at("23:59:59"), left(Outcome.ANSWERED, 5.0))
    midnight = at("23:59:59") + 1
    for second in (0, -1, 1):
        day.note(midnight + second, left(Outcome.ANSWERED, 5.0))
    assert (day.day, day.measure.queues["q"].answered) == ("2026-11-23", 3)


@pytest.mark.parametrize("day_, hours", [("2026-03-29", 23), ("2026-10-25", 25)])
def test_days_on_which_the_clock_changes(day_: str, hours: int) -> None:
    day = today()
    midnight = datetime.fromisoformat(day_).replace(tzinfo=WARSAW).timestamp()
    day.note(midnight, left(Outcome.ANSWERED, 5.0))
    day.note(midnight + hours * 3600 - 1, left(Outcome.ANSWERED, 5.0))
    assert (day.day, day.measure.queues["q"].answered) == (day_, 2)
    day.note(midnight + hours * 3600, left(Outcome.ANSWERED, 5.0))
    assert day.measure.queues["q"].answered == 1


def test_what_agents_did_today() -> None:
    day = today()
    for event in (
        CallerConnected("q", "c", "anna", 1, 5.0),
        AgentActivityChanged("anna", "wrapup", "talking", 120.0, "hangup"),
        OfferEnded("q", "c", "anna", 2, OfferResult.NO_ANSWER, 20.0),
        OfferEnded("q", "c", "anna", 3, OfferResult.REJECTED, 2.0, 486),
        OfferEnded("q", "c", "anna", 4, OfferResult.ANSWERED, 2.0),
        AgentActivityChanged("anna", "idle", "wrapup", 15.0, "end"),
    ):
        day.note(at("10:00"), event)
    assert day.agent("anna") == {"answered": 1, "missed": 2, "talking": 120.0}
    assert day.agent("nobody") == {"answered": 0, "missed": 0, "talking": 0.0}


def test_a_queue_that_is_gone_is_forgotten_and_a_new_one_counts() -> None:
    day = today()
    day.note(at("10:00"), left(Outcome.ANSWERED, 5.0))
    day.configure(Directory("pbx.example.com", queues={"new": Queue("new")}))
    assert set(day.measure.queues) == {"new"} and not day.minutes
    assert day.figures("new", at("10:00"), 0)["today"]["entered"] == 0


EVENTS = st.lists(
    st.tuples(
        st.floats(0, 3 * 3600),
        st.one_of(
            st.builds(
                left,
                st.sampled_from([Outcome.ANSWERED, Outcome.ABANDONED, Outcome.ABANDONED_CONNECTING, Outcome.TIMEOUT]),
                st.floats(0, 100),
                st.sampled_from(["q", "slow"]),
            ),
            st.just(CallerJoined("q", "c", 1, "600", 0, 1, 1)),
            st.just(CallerConnected("q", "c", "anna", 1, 5.0)),
            st.just(AgentActivityChanged("anna", "wrapup", "talking", 1.5, "hangup")),
        ),
    ),
    max_size=60,
)


@given(EVENTS, st.integers(0, 60))
def test_a_kept_state_and_what_came_after_give_the_same(events: list[tuple[float, Event]], cut: int) -> None:
    begin = at("22:30")  # Midnight lies in between.
    events = sorted(((begin + when, event) for when, event in events), key=lambda one: one[0])
    whole = today()
    for when, event in events:
        whole.note(when, event)
    first = today()
    for when, event in events[:cut]:
        first.note(when, event)
    kept = json.loads(json.dumps(first.as_dict()))
    second = today()
    second.restore(kept, events[cut:])
    for queue in ("q", "slow"):
        end = begin + 3 * 3600
        assert second.figures(queue, end, 1) == whole.figures(queue, end, 1)
    assert second.agents == whole.agents and second.day == whole.day


@given(EVENTS)
def test_the_counters_are_those_of_the_reports(events: list[tuple[float, Event]]) -> None:
    day = today()
    for _, event in events:
        day.note(at("12:00"), event)
    again = recount((event for _, event in events), SITE.queues.values())
    for queue in ("q", "slow"):
        assert day.measure.queues[queue] == again.queues[queue]
        recent = day.recent(queue, at("12:00")).service_levels(3)
        assert recent == again.queues[queue].service_levels(3)
