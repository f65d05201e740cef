"""From words to a report: what people, programs and the scheduler say of the time, the queues, the agents."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from softswitch.directory import Directory
from softswitch.reports.build import REPORTS, Ask, Rows, make
from softswitch.reports.fold import Limits
from softswitch.reports.range import INTERVALS, Range, RangeError, before, between, named
from softswitch.reports.rows import COHORT

DEFAULT_RANGE: Final = "today"


def zone_of(name: str, site: Directory) -> ZoneInfo:
    """A time zone; of the site where none is named. Raises RangeError."""
    try:
        return ZoneInfo(name or site.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise RangeError(f"{name!r} is no time zone such as Europe/Warsaw") from None


def span_of(zone: ZoneInfo, now: float, range_: str = "", since: str = "", until: str = "") -> Range:
    """Raises RangeError."""
    today = datetime.fromtimestamp(now, UTC).astimezone(zone).date()
    if not since and not until:
        return named(range_ or DEFAULT_RANGE, today, zone)
    return between(since or until, until or today.isoformat(), zone)


def limits_of(site: Directory, queue: str) -> Limits | None:
    """T and S of a queue of the site."""
    found = site.queues.get(queue)
    return None if found is None else Limits(found.service_level_seconds, found.short_abandon)


def answer(
    name: str,
    rows: Rows,
    site: Directory,
    now: float,
    *,
    range: str = "",
    since: str = "",
    until: str = "",
    interval: str = "60",
    view: str = COHORT,
    timezone: str = "",
    queues: Collection[str] | None = None,
    agents: Collection[str] | None = None,
    level: int | None = None,
    compare: bool = False,
) -> dict[str, Any]:
    """A report (`build.REPORTS`). `queues`, `agents`: None = all; `level`: seconds, T in place of that of each queue;
    `compare`: with the totals of the time before. Raises RangeError."""
    if name not in REPORTS:
        raise RangeError(f"{name!r} is no report: one of {', '.join(REPORTS)}")
    if interval not in INTERVALS:
        raise RangeError(f"{interval!r} is no interval: one of {', '.join(INTERVALS)}")
    ask = Ask(
        span_of(zone_of(timezone, site), now, range, since, until),
        interval,
        view,
        None if queues is None else frozenset(queues),
        None if agents is None else frozenset(agents),
        {queue: found for queue in site.queues if (found := limits_of(site, queue)) is not None},
        now,
        level,
    )
    report = make(name, rows, ask)
    if compare and "total" in report:
        earlier = make(name, rows, replace(ask, span=before(ask.span, now), interval="month"))
        report["previous"] = {"range": earlier["range"], "total": earlier["total"]}
    return report
