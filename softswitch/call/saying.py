"""Values that menus say: which words they are, by the kinds that a `say` step has."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Final

from softswitch.call import speech
from softswitch.expression import Value, as_number, shown

if TYPE_CHECKING:
    from softswitch.call.speech import Clips
    from softswitch.call.visitor import Scope

LONGEST_WAIT: Final = 30  # minutes that are told; above, only that it is more


def said(kind: str, value: Value, scope: Scope, given: bool) -> Clips:
    """The clips of a value, () for one that is not known. `given`: it is not simply now."""
    if given and value is None:
        return ()
    return KINDS[kind](value, scope)


def _number(value: Value, scope: Scope) -> Clips:
    number = as_number(value)
    return speech.number(round(number), scope.visitor.subject.language) if number is not None and number >= 0 else ()


def _digits(value: Value, scope: Scope) -> Clips:
    return speech.digits(shown(value))


def _moment(value: Value, scope: Scope) -> datetime | None:
    """A Unix time, "2026-12-24", "08:30", both with a blank or a T between; not known: now."""
    now = scope.local
    if value is None:
        return now
    if isinstance(value, float | int) and not isinstance(value, bool):
        return datetime.fromtimestamp(value, now.tzinfo) if 0 <= value < 4e9 else None
    text = str(value)
    try:
        if ":" in text and "-" not in text:
            return datetime.combine(now.date(), time.fromisoformat(text), now.tzinfo)
        if ":" not in text:
            return datetime.combine(date.fromisoformat(text), time(), now.tzinfo)
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.replace(tzinfo=now.tzinfo) if found.tzinfo is None else found.astimezone(now.tzinfo)


def _time(value: Value, scope: Scope) -> Clips:
    at = _moment(value, scope)
    return speech.clock(at, scope.visitor.subject.language) if at is not None else ()


def _date(value: Value, scope: Scope) -> Clips:
    return (full := _day_and_time(value, scope))[: len(full) - len(_time(value, scope))]


def _day_and_time(value: Value, scope: Scope) -> Clips:
    at, now, language = _moment(value, scope), scope.local, scope.visitor.subject.language
    zone = now.tzinfo
    if at is None or zone is None:
        return ()
    say = speech.moment if at.date() < now.date() else speech.later
    return say(at.timestamp(), now.timestamp(), zone, language)


def _wait(value: Value, scope: Scope) -> Clips:
    """Seconds, as an estimated wait is told."""
    seconds = as_number(value)
    minutes = None if seconds is None else 0 if seconds < 60 else math.ceil(seconds / 60)
    return speech.expected_wait(minutes, scope.visitor.subject.language, LONGEST_WAIT)


def _waiting(value: Value, scope: Scope) -> Clips:
    number = as_number(value)
    return speech.waiting(round(number), scope.visitor.subject.language) if number is not None and number >= 0 else ()


KINDS: Final[Mapping[str, Callable[[Value, Scope], Clips]]] = {
    "number": _number, "digits": _digits, "time": _time, "date": _date, "moment": _day_and_time, "wait": _wait,
    "waiting": _waiting,
}  # fmt: skip
