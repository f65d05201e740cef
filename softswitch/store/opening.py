"""Opening hours for the daemon: the wall clock, time zones and calendars of holidays behind one question.

The `holidays` library takes 100 ms to import, and a restart has 700 ms: what it says is kept in the database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Final, TypeAlias

from softswitch.directory import Directory
from softswitch.hours import holiday_of, is_open, next_change, next_opening

Calendar: TypeAlias = Mapping[str, str]  # "2026-12-25" -> the name of the holiday
Calendars: TypeAlias = Mapping[str, Calendar]  # by country, lower case

YEARS_AHEAD: Final = 2


def calendar(country: str, years: Iterable[int]) -> dict[str, str]:
    """The public holidays of a country, movable feasts included."""
    import holidays

    found = holidays.country_holidays(country.upper(), years=tuple(years))
    return {day.isoformat(): name for day, name in sorted(found.items())}


def countries(directory: Directory) -> set[str]:
    """The calendars that a site needs."""
    return {hours.holidays.lower() for hours in directory.hours.values() if hours.holidays}


def calendars(directory: Directory, year: int) -> dict[str, dict[str, str]]:
    """The holidays a site needs, from the year before `year` on."""
    return {one: calendar(one, range(year - 1, year + YEARS_AHEAD + 1)) for one in sorted(countries(directory))}


def covers(known: Calendars, directory: Directory, year: int) -> bool:
    """Do the calendars hold what the site needs this year and the next?"""
    return all(
        any(day.startswith(f"{one}-") for day in known.get(country, ()))
        for country in countries(directory)
        for one in (year, year + 1)
    )


class Opening:
    """Answers "is this scheme open now?" for one site. Make a new one when the site or the calendars change."""

    def __init__(self, directory: Directory, known: Calendars, clock: Callable[[], float]) -> None:
        """`clock` gives wall-clock seconds (`time.time`)."""
        self._hours = directory.hours
        self._days = {country: frozenset(days) for country, days in known.items()}
        self._clock = clock

    def is_open(self, name: str) -> bool:
        """An unknown scheme is open: a caller should rather reach somebody than nobody."""
        hours = self._hours.get(name)
        return hours is None or is_open(hours, datetime.fromtimestamp(self._clock(), UTC), self._is_holiday)

    def next_opening(self, name: str, wall: float) -> datetime | None:
        """The first moment from a Unix time on at which the calendar of a scheme is open, in its zone; None: never."""
        hours = self._hours.get(name)
        return next_opening(hours, datetime.fromtimestamp(wall, UTC), self._is_holiday) if hours is not None else None

    def next_change(self, name: str) -> tuple[datetime, bool] | None:
        """When the calendar of a scheme opens or closes next, and whether it is open from then on."""
        hours = self._hours.get(name)
        return next_change(hours, self._now(), self._is_holiday) if hours is not None else None

    def is_holiday(self, name: str) -> bool:
        """Whether a scheme is closed today because of a public holiday."""
        hours = self._hours.get(name)
        return hours is not None and holiday_of(hours, self._now(), self._is_holiday)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)

    def _is_holiday(self, country: str, day: date) -> bool:
        return day.isoformat() in self._days.get(country.lower(), ())
