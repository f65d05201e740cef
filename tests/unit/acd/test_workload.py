"""The week of a queue: what is counted, what is expected of a week not seen, how many agents it takes."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.acd.workload import Contact, Goal, Workload, agent_hours, lunch, missed, overall, staffing

MONDAY = 738_000 - (738_000 - 1) % 7  # an ordinal that is a Monday


def week(calls: int, handled: float = 180.0, *, weeks: int = 4, minute: int = 600, weekday: int = 0) -> list[Contact]:
    return [
        Contact(MONDAY + 7 * n + weekday, minute + i % 30, 5.0, handled) for n in range(weeks) for i in range(calls)
    ]


def test_days_of_the_week() -> None:
    assert [Contact(MONDAY + day, 0, None, None).weekday for day in range(8)] == [0, 1, 2, 3, 4, 5, 6, 0]


def test_calls_are_counted_by_interval_and_weekday() -> None:
    workload = Workload.of(week(10) + week(4, minute=630) + week(6, weekday=2))
    assert [(one.weekday, one.start, one.calls) for one in workload.cells()] == [(0, 600, 10), (0, 630, 4), (2, 600, 6)]
    assert workload.handle_time == pytest.approx(180.0)
    assert workload.days == 24


def test_a_day_without_calls_counts() -> None:
    workload = Workload.of([Contact(MONDAY, 600, 1.0, 60.0), Contact(MONDAY + 14, 600, 1.0, 60.0)])
    assert workload.occurrences(0) == 3
    assert workload.occurrences(1) == 2
    assert workload.cells()[0].calls == pytest.approx(2 / 3)


def test_few_calls_say_little_about_handle_times() -> None:
    contacts = [*week(50, 100.0), Contact(MONDAY, 900, 0.0, 1000.0)]
    cells = {one.start: one.handle_time for one in Workload.of(contacts).cells()}
    assert cells[600] == pytest.approx(100.0, rel=0.05)
    assert 100.0 < cells[900] < 200.0


def test_patience_is_seconds_waited_over_those_who_gave_up() -> None:
    contacts = [Contact(MONDAY, 600, 30.0, None, True)] * 2 + [Contact(MONDAY, 600, 15.0, 60.0)] * 8
    contacts.append(Contact(MONDAY, 600, 600.0, None))  # Sent away after ten minutes: no sign of impatience.
    assert Workload.of(contacts).patience == pytest.approx((60 + 120 + 600) / 2)
    assert Workload.of(week(5)).patience is None


def test_the_reference_staffing_of_erlang() -> None:
    """FEATURES C.9: 100 calls in half an hour of 180 s, 80/20: 14 agents by Erlang C, 12 by Erlang A."""
    workload = Workload.of(week(100))
    goal = Goal(0.8, 20.0, 1.0)
    (by_c,) = staffing(workload, goal)
    assert (by_c.agents, by_c.forecast.service_level) == (14, pytest.approx(0.888350, abs=1e-6))
    (by_a,) = staffing(workload, goal, patience=180.0)
    assert (by_a.agents, by_a.forecast.service_level) == (12, pytest.approx(0.802304, abs=1e-6))
    assert by_a.fewer is not None
    assert by_a.fewer.service_level == pytest.approx(0.705371, abs=1e-6)
    assert missed(by_a) == pytest.approx(100 * (0.802304 - 0.705371), abs=1e-3)


def test_agents_are_not_busy_all_the_time() -> None:
    workload = Workload.of(week(100))
    (one,) = staffing(workload, Goal(0.01, 600.0, 0.5), patience=180.0)
    assert one.agents == 20
    assert one.forecast.occupancy <= 0.5


def test_lunch_where_an_agent_is_missed_least() -> None:
    contacts = week(60, minute=690) + week(8, minute=780) + week(40, minute=750) + week(90, minute=540)
    plan = staffing(Workload.of(contacts), Goal())
    assert (
        next(one.cell.start for one in lunch(plan, 0))
        == min((one for one in plan if one.cell.start >= 660 and one.fewer), key=missed).cell.start
    )
    assert 540 not in [one.cell.start for one in lunch(plan, 0)]
    assert lunch(plan, 3) == []


def test_the_back_test_tells_noise_from_pattern() -> None:
    assert Workload.of(week(10, weeks=1)).back_test() is None
    same = [Contact(MONDAY + day + 7 * n, 600, 0.0, 60.0) for n in range(4) for day in range(7) for _ in range(5)]
    assert Workload.of(same).back_test() == 0.0
    rng = random.Random(1)
    noisy = [one for one in same if rng.random() < 0.6]
    error = Workload.of(noisy).back_test()
    assert error is not None and 0.1 < error < 1.0


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 1439), st.floats(1, 900)), min_size=1, max_size=80))
def test_every_interval_meets_the_target(rows: list[tuple[int, int, float]]) -> None:
    workload = Workload.of(Contact(day, minute, 1.0, handled) for day, minute, handled in rows)
    goal = Goal(0.8, 20.0)
    plan = staffing(workload, goal)
    assert sum(one.cell.calls * workload.occurrences(one.cell.weekday) for one in plan) == pytest.approx(len(rows))
    for one in plan:
        assert one.forecast.service_level >= goal.level
        assert one.forecast.occupancy <= goal.occupancy + 1e-9
        assert one.more.service_level >= one.forecast.service_level - 1e-9
    level = overall(plan, lambda one: one.forecast)
    assert level is not None and level >= goal.level
    assert agent_hours(plan, 30) == sum(one.agents for one in plan) / 2


def test_an_interval_divides_the_day() -> None:
    with pytest.raises(ValueError, match="does not divide a day"):
        Workload.of([], 50)
