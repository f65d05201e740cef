"""Spans of time of people: days, weeks, months and intervals of a time zone, right where clocks are changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from softswitch.reports.rows import QUARTER

MINUTES: Final = {"15": 15, "30": 30, "60": 60}
INTERVALS: Final = (*MINUTES, "day", "week", "month")
RANGES: Final = ("today", "yesterday", "week", "last_week", "month", "last_month", "year")
MOST: Final = 20_000  # intervals of one report


class RangeError(ValueError):
    """A span that cannot be; says why."""


@dataclass(slots=True, frozen=True)
class Range:
    """From `since` to before `until`, in seconds since 1970, in a time zone."""

    since: int
    until: int
    zone: ZoneInfo

    def local(self, at: float) -> datetime:
        return datetime.fromtimestamp(at, self.zone)

    def as_dict(self) -> dict[str, str]:
        return {
            "from": self.local(self.since).isoformat(), "to": self.local(self.until).isoformat(),
            "last": self.local(self.until - 1).date().isoformat(), "timezone": self.zone.key,
        }  # fmt: skip


def midnight(day: date, zone: ZoneInfo) -> int:
    """The first moment of a day, which is not midnight everywhere."""
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())


def named(name: str, today: date, zone: ZoneInfo) -> Range:
    """A range by its name (`RANGES`). Raises RangeError."""
    monday, first = today - timedelta(days=today.weekday()), today.replace(day=1)
    days = {
        "today": (today, today + timedelta(days=1)),
        "yesterday": (today - timedelta(days=1), today),
        "week": (monday, monday + timedelta(days=7)),
        "last_week": (monday - timedelta(days=7), monday),
        "month": (first, next_month(first)),
        "last_month": ((first - timedelta(days=1)).replace(day=1), first),
        "year": (today.replace(month=1, day=1), date(today.year + 1, 1, 1)),
    }
    if name not in days:
        raise RangeError(f"{name!r} is no range: one of {', '.join(RANGES)}")
    since, until = days[name]
    return Range(midnight(since, zone), midnight(until, zone), zone)


def between(since: str, until: str, zone: ZoneInfo) -> Range:
    """From a day (or a moment) to a day, that day included (or to a moment). Raises RangeError."""
    found = Range(_moment(since, zone, after=False), _moment(until, zone, after=True), zone)
    if found.since >= found.until:
        raise RangeError(f"{since} is not before the end of {until}")
    return found


def _moment(text: str, zone: ZoneInfo, *, after: bool) -> int:
    try:
        if len(text) == 10:
            day = date.fromisoformat(text)
            return midnight(day + timedelta(days=1) if after else day, zone)
        found = datetime.fromisoformat(text)
        at = int((found if found.tzinfo else found.replace(tzinfo=zone)).timestamp())
        # The quarters of an hour that are counted: what is said of the time is then what was added up.
        return (-(-at // QUARTER) if after else at // QUARTER) * QUARTER
    except (ValueError, OverflowError):
        raise RangeError(f"{text!r} is no day such as 2026-11-20, and no moment such as 2026-11-20T09:00") from None


def before(span: Range, now: float) -> Range:
    """The time before, for a comparison: the month, the year, as many days; of a time that goes on, what has passed of it."""
    first, last = span.local(span.since), span.local(span.until - 1)
    whole = span.since == midnight(first.date(), span.zone) and span.until == midnight(last.date() + _DAY, span.zone)
    if whole and first.day == 1 and last.date() + _DAY == next_month(first.date()):
        since, back = (first.date() - _DAY).replace(day=1), None
    elif whole and (first.day, first.month, last.day, last.month) == (1, 1, 31, 12) and first.year == last.year:
        since, back = date(first.year - 1, 1, 1), None
    else:
        back = last.date() - first.date() + _DAY
        since = first.date() - back
    if whole:
        begin, end = midnight(since, span.zone), span.since
    else:
        begin, end = (_shifted(at, back or _DAY, span.zone) for at in (first, span.local(span.until)))
    if span.since < now < span.until:
        here = span.local(-(-now // QUARTER) * QUARTER)
        passed = here.date() - first.date()
        there = span.local(begin).date() + passed
        end = min(end, _shifted(datetime.combine(there, here.time(), here.tzinfo), timedelta(0), span.zone))
    return Range(begin, max(begin + QUARTER, end), span.zone)


_DAY: Final = timedelta(days=1)


def _shifted(local: datetime, back: timedelta, zone: ZoneInfo) -> int:
    """The same time of day so many days before."""
    return int(datetime.combine(local.date() - back, local.time(), zone).timestamp())


def next_month(first: date) -> date:
    return (first.replace(day=1) + timedelta(days=32)).replace(day=1)


def intervals(span: Range, kind: str) -> Iterator[tuple[int, int]]:
    """The intervals of a range, whole ones of the zone: an hour that comes twice is two, a day may have 23 or 25 hours."""
    if kind not in INTERVALS:
        raise RangeError(f"{kind!r} is no interval: one of {', '.join(INTERVALS)}")
    if kind in MINUTES:
        yield from _minutes(span, MINUTES[kind] * 60)
        return
    day = span.local(span.since).date()
    if kind == "week":
        day -= timedelta(days=day.weekday())
    elif kind == "month":
        day = day.replace(day=1)
    while (start := midnight(day, span.zone)) < span.until:
        day = next_month(day) if kind == "month" else day + timedelta(days=7 if kind == "week" else 1)
        yield max(start, span.since), min(midnight(day, span.zone), span.until)


def _minutes(span: Range, length: int) -> Iterator[tuple[int, int]]:
    if (span.until - span.since) // length > MOST:
        raise RangeError("that are too many intervals: take longer ones, or fewer days")
    at = span.since
    while at < span.until:
        # Local time tells where an interval ends; where the clock is changed, it ends there.
        here = span.local(at)
        into = (here.hour * 3_600 + here.minute * 60 + here.second) % length
        end = at + length - into
        if span.local(end).utcoffset() != here.utcoffset():
            after = span.local(end)
            end -= (after.hour * 3_600 + after.minute * 60) % length
        yield at, min(max(end, at + 60), span.until)
        at = max(end, at + 60)


def days(span: Mapping[str, str], between: str) -> str:
    """The first day and the last, or the only one."""
    first = span["from"][:10]
    return first if first == span["last"] else f"{first}{between}{span['last']}"
