"""When reports are sent: right where clocks are changed, each time once, whatever happens to the switch meanwhile."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.reports.range import RANGES, RangeError, between, intervals, named
from softswitch.reports.schedule import Scheduler, When

WARSAW = ZoneInfo("Europe/Warsaw")


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=WARSAW).timestamp()


@pytest.mark.parametrize(
    ("when", "now", "next_"),
    [
        ("07:00", "2026-11-20T06:59:59", "2026-11-20T07:00"),
        ("07:00", "2026-11-20T07:00", "2026-11-21T07:00"),
        ("Mon-Fri 07:00", "2026-11-20T07:00", "2026-11-23T07:00"),
        ("Fri-Mon 07:00", "2026-11-23T08:00", "2026-11-27T07:00"),
        ("Sun 23:59", "2026-11-20T07:00", "2026-11-22T23:59"),
        ("1 06:30", "2026-11-20T07:00", "2026-12-01T06:30"),
        ("02:30", "2026-03-28T12:00", "2026-03-29T03:00"),  # there is no half past two
        ("02:30", "2026-03-29T03:00", "2026-03-30T02:30"),
    ],
)
def test_the_next_time(when: str, now: str, next_: str) -> None:
    assert When.parse(when).after(at(now), WARSAW) == at(next_)


def test_an_hour_that_comes_twice_counts_once() -> None:
    first = When.parse("02:30").after(at("2026-10-24T12:00"), WARSAW)
    assert When.parse("02:30").after(first, WARSAW) - first == 25 * 3_600


@pytest.mark.parametrize("text", ["7:00", "24:00", "07:60", "Monday 07:00", "29 07:00", "0 07:00", "", "Mon-Xyz 07:00"])
def test_what_is_no_time_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        When.parse(text)


def test_each_time_once_over_restarts() -> None:
    plans = {"a": (When.parse("07:00"), WARSAW)}
    scheduler = Scheduler({})
    scheduler.plan(plans, at("2026-11-20T06:00"))
    assert scheduler.next() == at("2026-11-20T07:00")
    assert scheduler.take(at("2026-11-20T06:59")) == []
    assert scheduler.take(at("2026-11-20T07:00")) == [("a", at("2026-11-20T07:00"))]
    assert scheduler.take(at("2026-11-20T07:00")) == []
    again = Scheduler(scheduler.sent)
    again.plan(plans, at("2026-11-20T07:01"))
    assert again.take(at("2026-11-20T07:01")) == []
    # Down over two mornings: the last one is sent, once.
    assert again.take(at("2026-11-22T08:00")) == [("a", at("2026-11-22T07:00"))]
    # Down for a week, and up in the evening before: nothing is as late as that.
    weekly = Scheduler({"w": at("2026-11-01T00:00")})
    weekly.plan({"w": (When.parse("Mon 07:00"), WARSAW)}, at("2026-11-20T08:00"))
    assert weekly.take(at("2026-11-20T08:00")) == []


def test_what_is_changed_is_due_the_next_time() -> None:
    scheduler = Scheduler({})
    scheduler.plan({"a": (When.parse("07:00"), WARSAW)}, at("2026-11-20T06:00"))
    scheduler.plan({"a": (When.parse("05:00"), WARSAW)}, at("2026-11-20T06:00"))
    assert scheduler.take(at("2026-11-20T07:30")) == [] and scheduler.next() == at("2026-11-21T05:00")
    scheduler.plan({}, at("2026-11-20T08:00"))
    assert scheduler.next() is None and scheduler.sent == {}


# --- ranges and intervals --------------------------------------------------------------------------------------------


@given(
    day=st.dates(datetime(2000, 1, 1).date(), datetime(2037, 1, 1).date()),
    zone=st.sampled_from(["Europe/Warsaw", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC"]),
    name=st.sampled_from(RANGES[:-1]),
    kind=st.sampled_from(["15", "30", "60", "day", "week", "month"]),
)  # fmt: skip
def test_intervals_fill_a_range_without_a_gap(day: object, zone: str, name: str, kind: str) -> None:
    span = named(name, day, ZoneInfo(zone))  # type: ignore[arg-type]
    found = list(intervals(span, kind))
    assert found[0][0] == span.since and found[-1][1] == span.until
    assert all(left[1] == right[0] for left, right in pairwise(found))
    assert all(start < end for start, end in found)


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-20", 24)])
def test_days_have_the_hours_that_they_have(day: str, hours: int) -> None:
    span = between(day, day, WARSAW)
    assert span.until - span.since == hours * 3_600
    assert len(list(intervals(span, "60"))) == hours and len(list(intervals(span, "15"))) == 4 * hours


@pytest.mark.parametrize(
    ("since", "until"),
    [("2026-11-02", "2026-11-01"), ("x", "2026-11-01"), ("2026-11-01", "2026-13-01"), ("2026-11-1", "")],
)
def test_what_is_no_range_is_said(since: str, until: str) -> None:
    with pytest.raises(RangeError):
        between(since, until, WARSAW)
