"""Opening hours: is a scheme open at a moment, and when does that change? Weekly spans, special days, holidays (IVR-07).

A span is what the clock on the wall says, and becomes two instants. Where clocks are put forward a time that does not exist
means the moment of the change; where they are put back a span begins the first time the clock shows its start and ends the last
time it shows its end, so nobody finds a door closed at a time at which it says "open".
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

from softswitch.directory import Hours

DAY: Final = 24 * 60  # minutes
HORIZON: Final = 400  # days: what does not change within a year and its holidays does not change
ONE_DAY: Final = datetime.timedelta(days=1)

IsHoliday: TypeAlias = Callable[[str, datetime.date], bool]  # country code, day
Interval: TypeAlias = tuple[datetime.datetime, datetime.datetime]  # in UTC, end exclusive


def by_library(country: str, day: datetime.date) -> bool:
    return day in public_holidays(country, day.year)


def is_open(hours: Hours, at: datetime.datetime, is_holiday: IsHoliday = by_library) -> bool:
    """Whether the scheme is open at the aware moment `at`. `is_holiday` may ask a calendar that was computed before.

    The override speaks first, then a special day, then the public holidays, then the week. A span that ends before it
    starts runs over midnight, and belongs to the day on which it starts.
    """
    if hours.override:
        return hours.override == "open"
    return by_schedule(hours, at, is_holiday)


def by_schedule(hours: Hours, at: datetime.datetime, is_holiday: IsHoliday = by_library) -> bool:
    """What the calendar says, whatever the override."""
    at, zone = at.astimezone(datetime.UTC), ZoneInfo(hours.timezone)
    today = at.astimezone(zone).date()
    return any(
        start <= at < end for day in (today, today - ONE_DAY) for start, end in _intervals(hours, day, zone, is_holiday)
    )


def next_change(
    hours: Hours, at: datetime.datetime, is_holiday: IsHoliday = by_library
) -> tuple[datetime.datetime, bool] | None:
    """When the calendar opens or closes next after `at`, in the scheme's zone, and whether it is open from then on.

    None: never within the horizon. The override is not asked.
    """
    at, zone = at.astimezone(datetime.UTC), ZoneInfo(hours.timezone)  # PEP 495: only in one zone times can be compared
    for start, end in _openings(hours, at, zone, is_holiday):
        if start > at:
            return start.astimezone(zone), True
        if end > at:
            horizon = at + datetime.timedelta(days=HORIZON)
            return (end.astimezone(zone), False) if end < horizon else None
    return None


def next_opening(hours: Hours, at: datetime.datetime, is_holiday: IsHoliday = by_library) -> datetime.datetime | None:
    """The first moment from `at` on at which the calendar is open, in the scheme's zone; None within the horizon."""
    at, zone = at.astimezone(datetime.UTC), ZoneInfo(hours.timezone)
    if by_schedule(hours, at, is_holiday):
        return at.astimezone(zone)
    return next((start.astimezone(zone) for start, _ in _openings(hours, at, zone, is_holiday) if start > at), None)


def holiday_of(hours: Hours, at: datetime.datetime, is_holiday: IsHoliday = by_library) -> bool:
    """Whether it is a public holiday there, and no special day says otherwise."""
    day = at.astimezone(ZoneInfo(hours.timezone)).date()
    return bool(hours.holidays) and day.isoformat() not in hours.special_days and is_holiday(hours.holidays, day)


def _openings(hours: Hours, at: datetime.datetime, zone: ZoneInfo, is_holiday: IsHoliday) -> Iterator[Interval]:
    """Intervals in order from the day before `at`; those that touch or overlap are one."""
    first = at.astimezone(zone).date() - ONE_DAY
    current: Interval | None = None
    for step in range(HORIZON + 2):
        for start, end in sorted(_intervals(hours, first + step * ONE_DAY, zone, is_holiday)):
            if current is None:
                current = start, end
            elif start <= current[1]:
                current = current[0], max(current[1], end)
            else:
                yield current
                current = start, end
        # A day's spans may reach into the next one, no further.
        if current is not None and current[1] > at and step > 1 and current[1] < _instant(first, step * DAY, zone):
            yield current
            current = None
    if current is not None:
        yield current


def _intervals(hours: Hours, day: datetime.date, zone: ZoneInfo, is_holiday: IsHoliday) -> list[Interval]:
    """The spans that start on a day, as instants."""
    found = []
    for start, end in _spans(hours, day, is_holiday):
        last = end if start < end else end + DAY
        begins, ends = _instant(day, start, zone), _instant(day, last, zone, last=True)
        if begins < ends:  # Not one that lies where the clocks were put forward.
            found.append((begins, ends))
    return found


def _instant(day: datetime.date, minute: int, zone: ZoneInfo, *, last: bool = False) -> datetime.datetime:
    """When clocks show a time, in UTC. `last`: the second time, if they do twice."""
    shown = datetime.datetime.combine(day, datetime.time()) + datetime.timedelta(minutes=minute)
    early = shown.replace(tzinfo=zone, fold=0).astimezone(datetime.UTC)
    late = shown.replace(tzinfo=zone, fold=1).astimezone(datetime.UTC)
    if early <= late:
        return late if last else early
    # A time that no clock shows (PEP 495: fold=1 is the earlier one then): the moment at which they are put forward.
    low, high = late, early
    before = low.astimezone(zone).utcoffset()
    while high - low > datetime.timedelta(seconds=1):
        middle = low + (high - low) // 2
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)


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
