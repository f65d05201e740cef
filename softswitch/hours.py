"""Opening hours: is a scheme open at a moment? Weekly spans, special days, public holidays, a manual override (IVR-07)."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias
from zoneinfo import ZoneInfo

from softswitch.directory import Hours

DAY = 24 * 60

IsHoliday: TypeAlias = Callable[[str, datetime.date], bool]  # country code, day


def by_library(country: str, day: datetime.date) -> bool:
    return day in public_holidays(country, day.year)


def is_open(hours: Hours, at: datetime.datetime, is_holiday: IsHoliday = by_library) -> bool:
    """Whether the scheme is open at the aware moment `at`. `is_holiday` may ask a calendar that was computed before.

    The override speaks first, then a special day, then the public holidays, then the week. A span that ends before it
    starts runs over midnight, and belongs to the day on which it starts.
    """
    if hours.override:
        return hours.override == "open"
    local = at.astimezone(ZoneInfo(hours.timezone))
    minute = local.hour * 60 + local.minute
    today = local.date()
    yesterday = today - datetime.timedelta(days=1)
    return any(_within(start, end, minute) for start, end in _spans(hours, today, is_holiday)) or any(
        end < start and minute < end for start, end in _spans(hours, yesterday, is_holiday)
    )


def _within(start: int, end: int, minute: int) -> bool:
    return start <= minute < (end if start <= end else DAY)


def _spans(hours: Hours, day: datetime.date, is_holiday: IsHoliday) -> list[tuple[int, int]]:
    special = hours.special_days.get(day.isoformat())
    if special is not None:
        return list(special)
    if hours.holidays and is_holiday(hours.holidays, day):
        return []
    return [(span.start, span.end) for span in hours.spans if day.weekday() in span.days]


@lru_cache(maxsize=64)
def public_holidays(country: str, year: int) -> frozenset[datetime.date]:
    """The public holidays of a country. The first call imports the calendar (0.1 s): the daemon makes it at start."""
    import holidays

    return frozenset(holidays.country_holidays(country.upper(), years=year))
