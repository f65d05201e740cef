"""Opening hours as people write them: "Mon-Fri 08:00-20:00", "Sat,Sun 22:00-02:00", "2026-12-24" = ["08:00-13:00"]."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from softswitch.decode import Expected
from softswitch.directory import Span

DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
DAY: Final = 24 * 60  # minutes

SPANS_EXPECTED: Final = 'a list such as ["Mon-Fri 08:00-20:00", "Sat 09:00-13:00"]'
SPECIAL_EXPECTED: Final = 'a table such as { "2026-12-24" = ["08:00-13:00"], "2026-12-31" = [] } ([] = closed)'


def read_spans(value: object) -> tuple[Span, ...]:
    if not isinstance(value, (list, tuple)):
        raise ValueError
    return tuple(read_span(one) for one in value)


def write_spans(spans: tuple[Span, ...]) -> list[str]:
    return [f"{_write_days(span.days)} {_write_times(span.start, span.end)}" for span in spans]


def read_span(text: object) -> Span:
    """ "Mon-Fri 08:00-20:00". A span that ends before its start ends the next day. Raises ValueError."""
    days, blank, times = text.strip().partition(" ") if isinstance(text, str) else ("", "", "")
    if not blank:
        raise Expected(f'days and times such as "Mon-Fri 08:00-20:00", not {text!r}')
    start, end = read_times(times)
    return Span(_read_days(days), start, end)


def read_times(text: object) -> tuple[int, int]:
    """ "08:00-20:00" -> minutes after midnight; "22:00-02:00" -> (1320, 120): over midnight. Raises ValueError."""
    head, dash, tail = text.strip().partition("-") if isinstance(text, str) else ("", "", "")
    if not dash:
        raise Expected(f'times such as "08:00-20:00", not {text!r}')
    start, end = _read_minute(head), _read_minute(tail)
    end = end or DAY
    if start >= DAY or start == end:
        raise Expected(f'a start before 24:00, and another end, in "{text}"')
    return start, end


def read_special(value: object) -> dict[str, tuple[tuple[int, int], ...]]:
    if not isinstance(value, Mapping):
        raise TypeError
    result = {}
    for day, times in value.items():
        if not isinstance(times, (list, tuple)):
            raise ValueError
        try:
            if date.fromisoformat(day).isoformat() != day:
                raise ValueError
        except ValueError:
            raise Expected(f'days such as "2026-12-24", not "{day}"') from None
        result[day] = tuple(read_times(one) for one in times)
    return dict(sorted(result.items()))


def write_special(days: Mapping[str, tuple[tuple[int, int], ...]]) -> dict[str, Any]:
    return {day: [_write_times(start, end) for start, end in times] for day, times in sorted(days.items())}


def _read_minute(text: str) -> int:
    hour, colon, minute = text.strip().partition(":")
    digits = hour + minute
    if not (colon and digits.isascii() and digits.isdigit() and 1 <= len(hour) <= 2 and len(minute) == 2):
        raise Expected(f'a time such as "08:00", not "{text.strip()}"')
    result = int(hour) * 60 + int(minute)
    if result > DAY or int(minute) > 59:
        raise Expected(f'a time from 00:00 to 24:00, not "{text.strip()}"')
    return result


def _read_days(text: str) -> tuple[int, ...]:
    days: list[int] = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        start = _read_day(first)
        end = _read_day(last) if dash else start
        days += [(start + step) % 7 for step in range((end - start) % 7 + 1)]  # "Sat-Mon" goes over the week's end.
    return tuple(sorted(set(days)))


def _read_day(text: str) -> int:
    try:
        return DAYS.index(text[:3].capitalize())
    except ValueError:
        raise Expected(f'days {", ".join(DAYS)}, not "{text}"') from None


def _write_days(days: tuple[int, ...]) -> str:
    runs: list[list[int]] = []
    for day in days:
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return ",".join(DAYS[run[0]] if len(run) == 1 else f"{DAYS[run[0]]}-{DAYS[run[-1]]}" for run in runs)


def _write_times(start: int, end: int) -> str:
    return f"{_write_minute(start)}-{_write_minute(end)}"


def _write_minute(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
