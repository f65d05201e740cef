"""When reports are sent (RPT-15): a pure scheduler. Times are Unix seconds; the clock of the wall is that of a time zone.

A time that a day does not have, because clocks were put forward, is the first moment after it; one that comes twice counts once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
EXPECTED: Final = '"07:00", "Mon-Fri 07:00", "Mon 07:00" or "1 07:00", the first day of the month'
LATE: Final = 86_400.0  # seconds after which a report that was due while nothing ran is not sent any more
_WHEN: Final = re.compile(rf"(?:(?:({'|'.join(DAYS)})(?:-({'|'.join(DAYS)}))?|(\d{{1,2}})) )?(\d{{2}}):(\d{{2}})")


@dataclass(slots=True, frozen=True)
class When:
    """`weekdays`: 0 = Monday, () = any; `day`: of the month, 0 = any."""

    hour: int
    minute: int
    weekdays: frozenset[int] = frozenset()
    day: int = 0

    @classmethod
    def parse(cls, text: str) -> When:
        """Raises ValueError."""
        found = _WHEN.fullmatch(text)
        if found is None or int(found[4]) > 23 or int(found[5]) > 59 or (found[3] and not 1 <= int(found[3]) <= 28):
            raise ValueError(f"{text!r}: expected {EXPECTED}")
        days: frozenset[int] = frozenset()
        if found[1]:
            first = DAYS.index(found[1])
            last = DAYS.index(found[2]) if found[2] else first
            days = frozenset((first + step) % 7 for step in range((last - first) % 7 + 1))
        return cls(int(found[4]), int(found[5]), days, int(found[3] or 0))

    def on(self, day: date) -> bool:
        return (not self.weekdays or day.weekday() in self.weekdays) and (not self.day or day.day == self.day)

    def after(self, moment: float, zone: ZoneInfo) -> float:
        """The first time after a moment."""
        day = datetime.fromtimestamp(moment, UTC).astimezone(zone).date() - timedelta(days=1)
        while True:
            if self.on(day) and (at := self._at(day, zone)) > moment:
                return at
            day += timedelta(days=1)

    def _at(self, day: date, zone: ZoneInfo) -> float:
        local = datetime(day.year, day.month, day.day, self.hour, self.minute, tzinfo=zone)
        at = local.timestamp()
        back = datetime.fromtimestamp(at, UTC).astimezone(zone)
        if (back.hour, back.minute) == (self.hour, self.minute):
            return at
        # The hour does not exist: the change of the clock is the moment.
        missing = local.replace(fold=1).utcoffset(), local.replace(fold=0).utcoffset()
        gap = (missing[0] or timedelta()) - (missing[1] or timedelta())
        before = datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()
        low, high = before, at
        while high - low > 1.0:  # The offset changes once in between.
            middle = (low + high) / 2
            offset = datetime.fromtimestamp(middle, UTC).astimezone(zone).utcoffset()
            start = datetime.fromtimestamp(before, UTC).astimezone(zone).utcoffset()
            low, high = (middle, high) if offset == start else (low, middle)
        return float(round(high)) if gap else at


class Scheduler:
    """Which of several is due. `sent`: until when each has been seen to, as it was kept."""

    def __init__(self, sent: Mapping[str, float]) -> None:
        self.sent = dict(sent)
        self._plans: dict[str, tuple[When, ZoneInfo]] = {}

    def plan(self, plans: Mapping[str, tuple[When, ZoneInfo]], now: float) -> None:
        """What holds from now on: a new one, or one with another time, is due the next time."""
        for name, plan in plans.items():
            if name not in self.sent or (name in self._plans and self._plans[name] != plan):
                self.sent[name] = now
        self._plans = dict(plans)
        self.sent = {name: at for name, at in self.sent.items() if name in plans}

    def next(self) -> float | None:
        """When the next one is due; None: never."""
        return min((self._due(name) for name in self._plans), default=None)

    def _due(self, name: str) -> float:
        when, zone = self._plans[name]
        return when.after(self.sent[name], zone)

    def take(self, now: float) -> list[tuple[str, float]]:
        """Those that are due by now, each once with the time at which it was, however many times have passed."""
        found = []
        for name in sorted(self._plans):
            when, zone = self._plans[name]
            last = None
            due = self._due(name)
            while due <= now:
                last, due = due, when.after(due, zone)
            if last is not None:
                self.sent[name] = last
                if now - last <= LATE:
                    found.append((name, last))
        return found
