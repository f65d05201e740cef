from __future__ import annotations

import datetime
from zoneinfo import ZoneInfo

import pytest

from softswitch.directory import Hours, Span
from softswitch.hours import is_open

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
