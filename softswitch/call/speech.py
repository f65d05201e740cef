"""Numbers, amounts and moments as sequences of clips: the grammar of each language as a table.

What mailboxes, queues and menus have to say. The names of the clips are those of the prompt catalogue.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final

Clips = tuple[str, ...]
LARGEST: Final = 999_999


@dataclass(slots=True, frozen=True)
class Grammar:
    """How a language counts."""

    plural: Callable[[int], str]  # CLDR's category of a number
    feminine: Callable[[int], bool]  # whether a number, as the last word before a feminine noun, has another form
    halves: bool  # the day has twelve hours twice


def _polish(count: int) -> str:
    if count == 1:
        return "one"
    return "few" if 2 <= count % 10 <= 4 and not 12 <= count % 100 <= 14 else "many"


GRAMMARS: Final = {
    "pl": Grammar(_polish, lambda count: count == 1 or (count % 10 == 2 and count % 100 != 12), False),
    "en": Grammar(lambda count: "one" if count == 1 else "other", lambda count: False, True),
}


def grammar(language: str) -> Grammar:
    return GRAMMARS.get(language, GRAMMARS["en"])


def number(count: int, language: str, *, feminine: bool = False) -> Clips:
    """A number in words, 0 to LARGEST; before a feminine noun if asked."""
    if not 0 <= count <= LARGEST:
        return digits(str(count))
    if not count:
        return ("numbers/0",)
    words: list[str] = []
    thousands, rest = divmod(count, 1_000)
    if thousands:
        words += _thousands(thousands, language)
    if rest:
        words += _hundreds(rest)
    if feminine and rest and grammar(language).feminine(count):
        last = words[-1].rpartition("/")[2]
        words[-1] = f"numbers/feminine/{last}"
    return tuple(words)


def _hundreds(count: int) -> list[str]:
    words = [f"numbers/{count // 100 * 100}"] if count >= 100 else []
    count %= 100
    if count > 20 and count % 10:
        return [*words, f"numbers/{count // 10 * 10}", f"numbers/{count % 10}"]
    return [*words, f"numbers/{count}"] if count else words


def _thousands(count: int, language: str) -> list[str]:
    category = grammar(language).plural(count)
    if category == "one":
        return ["numbers/1000"] if language == "pl" else ["numbers/1", "numbers/1000"]
    return [*_hundreds(count), f"units/thousand-{category}"]


def counted(count: int, unit: str, language: str, *, feminine: bool = False) -> Clips:
    """A number and its noun: "dwie nowe wiadomości"."""
    return (*number(count, language, feminine=feminine), f"units/{unit}-{grammar(language).plural(count)}")


def digits(text: str) -> Clips:
    """A number digit by digit; what is no digit is left out."""
    return tuple(f"numbers/{one}" for one in text if one in "0123456789")


def clock(at: datetime, language: str) -> Clips:
    """A time of the day."""
    rules = grammar(language)
    hour, minute = at.hour, at.minute
    words = [f"hours/{hour % 12 if rules.halves else hour}"]
    if minute:
        early = ("hours/oh",) if rules.halves else ("numbers/0",)
        words += [*(early if minute < 10 else ()), *_hundreds(minute)]
    if rules.halves:
        words.append("hours/am" if hour < 12 else "hours/pm")
    return tuple(words)


def moment(at: float, now: float, zone: tzinfo, language: str) -> Clips:
    """A day of the past and its time, from Unix times: "wczoraj o godzinie ósmej trzydzieści"."""
    then, today = datetime.fromtimestamp(at, zone), datetime.fromtimestamp(now, zone)
    days = (today.date() - then.date()).days
    if days <= 0:
        day: Clips = ("vm-today",)
    elif days == 1:
        day = ("vm-yesterday",)
    elif days < 7:
        day = (f"days/{then.weekday()}",)
    else:
        day = (*number(days, language), "units/days-ago")
    return (*day, *clock(then, language))


# --- a queue ----------------------------------------------------------------------------------------------------------

WHOLE_POSITIONS: Final = 20  # places that are one clip
WHOLE_MINUTES: Final = frozenset({*range(1, 21), *range(25, 61, 5)})  # amounts that are one clip


def waiting(count: int, language: str, limit: int = 0) -> Clips:
    """How many callers wait; beyond a limit (0 = none) only that there are more."""
    if limit and count > limit:
        return ("people-waiting-intro", "more-than", *number(limit, language))
    return ("people-waiting-intro", *number(count, language))


def position(place: int, language: str, limit: int = 0) -> Clips:
    """The caller's own place, from 1; beyond a limit (0 = none) how many wait at least."""
    if limit and place > limit:
        return waiting(place, language, limit)
    if place == 1:
        return ("you-are-next",)
    if place <= WHOLE_POSITIONS:
        return (f"position/{place}",)
    if place > 100:
        return ("position-number-intro", *number(place, language))
    return ("position-intro", *_ordinal(place, language), "position-outro")


def _ordinal(count: int, language: str) -> Clips:
    """20 < count <= 100: in Polish both parts are ordinals, in English only the last one."""
    tens, rest = count // 10 * 10, count % 10
    if not rest:
        return (f"numbers/ordinal/{count}",)
    head = f"numbers/ordinal/{tens}" if language == "pl" else f"numbers/{tens}"
    return (head, f"numbers/ordinal/{rest}")


def minutes(count: int, language: str) -> Clips:
    """An amount of minutes: "dwie minuty"."""
    if count in WHOLE_MINUTES:
        return (f"minutes/{count}",)
    return counted(count, "minute", language, feminine=True)


def expected_wait(told: int | None, language: str, longest: int = 30) -> Clips:
    """The estimate as `acd.estimate.told_minutes` gives it: 0 = less than a minute, above `longest` = more than that."""
    if told is None:
        return ("wait-unknown",)
    if told == 0:
        return ("wait-less-than-minute",)
    if told > longest:
        return ("wait-intro", "more-than", *minutes(longest, language))
    return ("wait-intro", *minutes(told, language))


# --- choices and opening hours ----------------------------------------------------------------------------------------

_KEYS: Final = {"*": "star", "#": "hash"}
_MIDNIGHTS: Final = (0, 24)
NOON: Final = 12


def press(key: str) -> Clips:
    """The key of a choice, after its text: "naciśnij dwa"."""
    return (f"keys/{_KEYS.get(key, key)}",)


def days(first: int, last: int) -> Clips:
    """A range of weekdays, 0 = Monday: "od poniedziałku do piątku"; one day alone: "w sobotę"."""
    if (first, last) == (0, 6):
        return ("every-day",)
    return (f"days/{first}",) if first == last else (f"day-from/{first}", f"day-to/{last}")


def hours(start: int, end: int, language: str) -> Clips:
    """A span of a day, in minutes after midnight: "od godziny ósmej do godziny dwudziestej"."""
    if (start, end) == (0, 24 * 60):
        return ("all-day",)
    return (*_hour("hour-from", start, language), *_hour("hour-to", end, language))


def _hour(which: str, at: int, language: str) -> Clips:
    hour, minute = divmod(at, 60)
    if hour in _MIDNIGHTS and not minute:
        return (f"{which}/midnight",)
    rules = grammar(language)
    early = ("hours/oh",) if rules.halves else ("numbers/0",)
    words: Clips = (f"{which}/{hour % NOON if rules.halves else hour or 'midnight'}",)
    if minute:
        words += (*(early if minute < 10 else ()), *_hundreds(minute))
    return (*words, "hours/am" if hour < NOON else "hours/pm") if rules.halves else words


def opening(spans: Sequence[tuple[int, int, int, int]], language: str) -> Clips:
    """Opening hours: (first day, last day, start, end) of each span, in words."""
    said: Clips = ("open-intro",)
    for index, (first, last, start, end) in enumerate(spans):
        said += (
            *(("and",) if index and index == len(spans) - 1 else ()),
            *days(first, last),
            *hours(start, end, language),
        )
    return said


def later(at: float, now: float, zone: tzinfo, language: str) -> Clips:
    """A moment of the next days, from Unix times: "jutro o godzinie ósmej trzydzieści"."""
    then, today = datetime.fromtimestamp(at, zone), datetime.fromtimestamp(now, zone)
    ahead = (then.date() - today.date()).days
    day = "today" if ahead <= 0 else "tomorrow" if ahead == 1 else f"days/{then.weekday()}"
    return (day, *clock(then, language))
