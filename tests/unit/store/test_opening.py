"""The daemon's question: is this scheme open now, in its own time zone, on the country's days off?"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from softswitch.directory import Directory, Hours, Span
from softswitch.store.opening import Opening, calendar, calendars, covers

WARSAW = ZoneInfo("Europe/Warsaw")
SITE = Directory(
    "pbx.example.com",
    hours={
        "pl": Hours("pl", (Span((0, 1, 2, 3, 4, 5, 6), 480, 1200),), holidays="pl"),
        "night": Hours("night", (Span((0, 1, 2, 3, 4, 5, 6), 150, 180),)),
        "tokyo": Hours("tokyo", (Span((0, 1, 2, 3, 4, 5, 6), 0, 60),), timezone="Asia/Tokyo"),
    },
)


def at(local: str, zone: ZoneInfo = WARSAW) -> float:
    return datetime.fromisoformat(local).replace(tzinfo=zone).timestamp()


@pytest.mark.parametrize(
    ("day", "off"),
    [
        ("2026-01-01", True),
        ("2026-04-06", True),  # Easter Monday
        ("2026-06-04", True),  # Corpus Christi
        ("2027-03-29", True),  # Easter Monday of the next year
        ("2026-11-11", True),
        ("2026-12-24", True),  # since 2025
        ("2026-11-10", False),
        ("2026-05-02", False),
    ],
)
def test_the_polish_calendar_has_the_movable_feasts(day: str, off: bool) -> None:
    known = calendars(SITE, 2026)
    assert covers(known, SITE, 2026)
    assert Opening(SITE, known, lambda: at(f"{day} 12:00")).is_open("pl") is not off


def test_a_calendar_that_ends_this_year_must_be_renewed() -> None:
    assert not covers({"pl": calendar("pl", [2026])}, SITE, 2026)
    assert not covers({}, SITE, 2026)
    assert covers({}, Directory("x"), 2026)


@pytest.mark.parametrize(
    ("utc", "expected"),
    [
        ("2026-10-25 00:30", True),  # 02:30 summer time
        ("2026-10-25 01:30", True),  # 02:30 again, winter time
        ("2026-10-25 02:00", False),
        ("2026-03-29 00:59", False),  # 01:59, then it is 03:00: the span is in the hour that does not exist
        ("2026-03-29 01:00", False),
        ("2026-03-30 00:30", True),  # 02:30 summer time
    ],
)
def test_summer_time(utc: str, expected: bool) -> None:
    assert Opening(SITE, {}, lambda: at(utc, ZoneInfo("UTC"))).is_open("night") is expected


def test_each_scheme_has_its_time_zone_and_an_unknown_one_is_open() -> None:
    opening = Opening(SITE, {}, lambda: at("2026-11-20 16:30"))
    assert opening.is_open("tokyo")
    assert opening.is_open("nonsense")
    assert not Opening(SITE, {}, lambda: at("2026-11-20 17:30")).is_open("tokyo")
