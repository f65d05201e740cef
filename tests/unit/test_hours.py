from __future__ import annotations

import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softswitch.directory import Hours, Span
from softswitch.hours import holiday_of, is_open, next_change, next_opening

WARSAW = ZoneInfo("Europe/Warsaw")
OFFICE = Hours("office", (Span((0, 1, 2, 3, 4), 8 * 60, 20 * 60),), holidays="PL")


def at(text: str, zone: ZoneInfo = WARSAW) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    "moment, expected",
    [
        ("2026-03-02T07:59", False),  # a Monday
        ("2026-03-02T08:00", True),
        ("2026-03-02T19:59", True),
        ("2026-03-02T20:00", False),
        ("2026-03-07T12:00", False),  # a Saturday
        ("2026-11-11T12:00", False),  # Independence Day, a Wednesday
        ("2026-11-12T12:00", True),
    ],
)
def test_an_office_week(moment: str, expected: bool) -> None:
    assert is_open(OFFICE, at(moment)) is expected


def test_the_time_is_the_schemes_own() -> None:
    assert is_open(OFFICE, at("2026-03-02T07:30", ZoneInfo("UTC")))  # 08:30 in Warsaw
    assert not is_open(OFFICE, at("2026-07-06T18:30", ZoneInfo("UTC")))  # 20:30 in Warsaw, summer time


def test_a_special_day_overrules_week_and_holiday() -> None:
    hours = Hours(
        "x", OFFICE.spans, holidays="PL", special_days={"2026-12-24": ((480, 720),), "2026-11-11": ((0, 1440),)}
    )
    assert is_open(hours, at("2026-12-24T11:59")) and not is_open(hours, at("2026-12-24T12:00"))
    assert is_open(hours, at("2026-11-11T23:59"))
    closed = Hours("x", OFFICE.spans, special_days={"2026-03-02": ()})
    assert not is_open(closed, at("2026-03-02T12:00"))


def test_a_span_over_midnight_belongs_to_the_day_it_starts_on() -> None:
    night = Hours("night", (Span((4,), 22 * 60, 6 * 60),))  # Friday night
    assert is_open(night, at("2026-03-06T23:00")) and is_open(night, at("2026-03-07T05:59"))
    assert not is_open(night, at("2026-03-07T06:00")) and not is_open(night, at("2026-03-06T05:00"))
    assert not is_open(night, at("2026-03-07T23:00"))


@pytest.mark.parametrize("override, expected", [("open", True), ("closed", False)])
def test_the_override_has_the_last_word(override: str, expected: bool) -> None:
    for moment in ("2026-03-02T12:00", "2026-03-07T12:00"):
        assert is_open(Hours("x", OFFICE.spans, override=override), at(moment)) is expected


# --- when clocks change ----------------------------------------------------------------------------------------------

ALL_WEEK = (0, 1, 2, 3, 4, 5, 6)
SPRING, AUTUMN = "2026-03-29", "2026-10-25"  # in Warsaw: 02:00 -> 03:00, 03:00 -> 02:00


def utc(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC)


def test_a_shift_is_not_interrupted_by_clocks_that_are_put_back() -> None:
    night = Hours("night", (Span(ALL_WEEK, 22 * 60, 2 * 60 + 30),))
    # 02:00 local comes twice: 00:00 UTC (summer) and 01:00 UTC (winter). It ends when 02:30 is shown for the last time.
    for minute in range(90):
        assert is_open(night, utc("2026-10-25T00:00") + datetime.timedelta(minutes=minute))
    assert not is_open(night, utc("2026-10-25T01:30"))


def test_a_time_that_no_clock_shows_is_the_moment_of_the_change() -> None:
    early = Hours("early", (Span(ALL_WEEK, 2 * 60 + 30, 5 * 60),))
    late = Hours("late", (Span(ALL_WEEK, 22 * 60, 2 * 60 + 30),))
    change = utc("2026-03-29T01:00")
    assert is_open(early, change) and not is_open(early, change - datetime.timedelta(seconds=1))
    assert not is_open(late, change) and is_open(late, change - datetime.timedelta(seconds=1))
    inside = Hours("inside", (Span(ALL_WEEK, 2 * 60 + 10, 2 * 60 + 50),))
    assert next_opening(inside, utc("2026-03-28T12:00")) == at("2026-03-30T02:10")


spans = st.builds(
    Span,
    st.sets(st.integers(0, 6), min_size=1).map(lambda days: tuple(sorted(days))),
    st.integers(0, 1439),
    st.integers(1, 1440),
).filter(lambda span: span.start != span.end % 1440)
schemes = st.builds(
    Hours,
    st.just("x"),
    st.lists(spans, min_size=1, max_size=3).map(tuple),
    timezone=st.sampled_from(("Europe/Warsaw", "America/New_York", "Australia/Lord_Howe", "Asia/Tokyo")),
    special_days=st.sampled_from(({}, {SPRING: ((60, 200),)}, {AUTUMN: ()})),
)
CHANGES = (utc("2026-03-29T01:00"), utc("2026-10-25T01:00"), utc("2026-03-08T07:00"), utc("2026-04-04T15:00"))
moments = st.builds(
    lambda change, minutes: change + datetime.timedelta(minutes=minutes),
    st.sampled_from(CHANGES), st.integers(-2_000, 2_000),
)  # fmt: skip


@given(schemes, moments)
@settings(max_examples=150, deadline=None)
def test_the_next_change_is_the_first_moment_at_which_it_is_otherwise(scheme: Hours, moment: datetime.datetime) -> None:
    now = is_open(scheme, moment)
    found = next_change(scheme, moment)
    if found is None:
        assert all(is_open(scheme, moment + datetime.timedelta(hours=step)) is now for step in range(24 * 15))
        return
    when, opens = found
    assert opens is not now and when.timestamp() > moment.timestamp()
    assert is_open(scheme, when) is opens
    before = when.astimezone(datetime.UTC) - datetime.timedelta(seconds=1)
    assert is_open(scheme, before) is now
    # Nothing changes before: looked at each quarter of an hour.
    step = moment.astimezone(datetime.UTC)
    while step < when.astimezone(datetime.UTC):
        assert is_open(scheme, step) is now
        step += datetime.timedelta(minutes=15)


@given(schemes, moments)
@settings(max_examples=150, deadline=None)
def test_whenever_the_clock_on_the_wall_is_in_a_span_it_is_open(scheme: Hours, moment: datetime.datetime) -> None:
    local = moment.astimezone(ZoneInfo(scheme.timezone))
    minute = local.hour * 60 + local.minute
    today = scheme.special_days.get(local.date().isoformat())
    inside = (
        any(start <= minute < end for start, end in today if start < end)
        if today is not None
        else any(span.start <= minute < (span.end if span.start < span.end else 1440)
                 for span in scheme.spans if local.weekday() in span.days)
    )  # fmt: skip
    if inside:
        assert is_open(scheme, moment)


@given(schemes, moments)
@settings(max_examples=100, deadline=None)
def test_the_next_opening_is_open_and_nothing_before_it(scheme: Hours, moment: datetime.datetime) -> None:
    opening = next_opening(scheme, moment)
    if opening is None:
        assert next_change(scheme, moment) is None
    elif is_open(scheme, moment):
        assert opening.timestamp() == moment.timestamp()
    else:
        change = next_change(scheme, moment)
        assert change is not None and change[1] and change[0].timestamp() == opening.timestamp()


def test_the_next_opening_passes_holidays_and_weekends() -> None:
    # Wednesday, 11 November 2026 is a holiday; so is Easter Monday.
    assert next_opening(OFFICE, at("2026-11-10T20:30")) == at("2026-11-12T08:00")
    assert next_opening(OFFICE, at("2026-04-03T20:00")) == at("2026-04-07T08:00")
    assert next_change(OFFICE, at("2026-03-02T12:00")) == (at("2026-03-02T20:00"), False)
    assert next_opening(Hours("never", ()), at("2026-03-02T12:00")) is None
    always = Hours("always", (Span(ALL_WEEK, 0, 1440),))
    assert next_change(always, at("2026-03-02T12:00")) is None and is_open(always, at("2026-10-25T02:30"))


def test_a_holiday_is_told_from_a_day_off() -> None:
    assert holiday_of(OFFICE, at("2026-11-11T12:00")) and not holiday_of(OFFICE, at("2026-03-07T12:00"))
