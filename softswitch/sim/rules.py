"""What a scenario expects, in words that a supervisor would use, and how they are read.

sl >= 80 in infolinia            asa < 30          abandon <= 5 for vip          occupancy <= 85
nobody waits > 10 min            nobody waits > 5 min while an eligible agent is idle
second line only after 30 s      tier 2 only after 60 s in support
vip first                        invariants hold
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

FIGURES: Final = {
    "sl": "service level: answered within the queue's service_level_seconds, percent of answered and abandoned but short ones",
    "answer_rate": "answered, percent of those who entered but short abandons",
    "asa": "mean wait of the answered, seconds",
    "wait": "mean wait of all, seconds",
    "p50": "median wait of the answered, seconds",
    "p90": "90th percentile of the wait of the answered, seconds",
    "p95": "95th percentile of the wait of the answered, seconds",
    "longest": "longest wait, seconds",
    "abandon": "abandoned after the queue's short_abandon, percent of those who entered but short abandons",
    "offered": "callers who entered",
    "answered": "callers answered",
    "abandoned": "callers who gave up",
    "occupancy": "talk and wrap-up, percent of the time that agents were ready or busy",
}
OPERATORS: Final[dict[str, Callable[[float, float], bool]]] = {
    ">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt, "==": operator.eq, "=": operator.eq,
}  # fmt: skip
LINES: Final = ("first", "second", "third", "fourth", "fifth")
UNITS: Final = {
    "": 1.0,
    "s": 1.0,
    "sec": 1.0,
    "seconds": 1.0,
    "min": 60.0,
    "minutes": 60.0,
    "m": 60.0,
    "h": 3600.0,
    "%": 1.0,
}
EXPECTED: Final = (
    'a list of expectations such as ["sl >= 80", "nobody waits > 5 min while an eligible agent is idle", '
    '"second line only after 30 s", "vip first"]'
)


@dataclass(slots=True, frozen=True)
class Expectation:
    """One line of `expect`. `kind`: "figure" | "wait" | "idle" | "tier" | "first" | "invariants"."""

    text: str
    kind: str
    figure: str = ""
    operator: str = ""
    value: float = 0.0  # seconds where it is a time, else as the figure is told
    tier: int = 0  # "tier": its number; "line": the n-th tier of the queue, from 0
    nth: bool = False  # the tier is counted, not named
    queue: str = ""
    callers: str = ""

    def holds(self, value: float | None) -> bool:
        """Whether a figure is as expected. A figure without a base breaks nothing."""
        return value is None or OPERATORS[self.operator](value, self.value)


_WHERE: Final = r"(?:\s+in\s+(?P<queue>\S+))?(?:\s+for\s+(?P<callers>\S+))?\s*"
_AMOUNT: Final = r"(?P<value>\d+(?:\.\d+)?)\s*(?P<unit>[a-z]*|%)"
_FIGURE: Final = re.compile(rf"(?P<figure>[a-z0-9_]+)\s*(?P<operator>>=|<=|==|=|>|<)\s*{_AMOUNT}{_WHERE}")
_WAIT: Final = re.compile(
    rf"nobody waits\s*(?:>|more than|over)\s*{_AMOUNT}(?P<idle>\s+while an eligible agent is idle)?{_WHERE}"
)
_TIER: Final = re.compile(rf"(?:(?P<line>[a-z]+) line|tier (?P<tier>\d+)) only after {_AMOUNT}{_WHERE}")
_FIRST: Final = re.compile(r"(?P<callers>\S+) first(?:\s+in\s+(?P<queue>\S+))?\s*")


def read(value: object) -> Expectation:
    """Raises ValueError."""
    if not isinstance(value, str):
        raise TypeError
    text = value.strip()
    if text.lower() == "invariants hold":
        return Expectation(text, "invariants")
    for pattern, make in ((_WAIT, _wait), (_TIER, _tier), (_FIRST, _first), (_FIGURE, _figure)):
        if (found := pattern.fullmatch(text)) is not None:
            return make(text, found.groupdict())
    raise ValueError(f"{text!r} is no expectation: {EXPECTED}")


def read_all(value: object) -> tuple[Expectation, ...]:
    if not isinstance(value, (list, tuple)):
        raise TypeError
    return tuple(read(one) for one in value)


def _amount(found: dict[str, Any]) -> float:
    unit = found["unit"]
    if unit not in UNITS:
        raise ValueError(f"{unit!r} is no unit: one of {', '.join(one for one in UNITS if one)}")
    return float(found["value"]) * UNITS[unit]


def _figure(text: str, found: dict[str, Any]) -> Expectation:
    if found["figure"] not in FIGURES:
        raise ValueError(f"there is no figure {found['figure']!r}: one of {', '.join(FIGURES)}")
    return Expectation(
        text, "figure", found["figure"], found["operator"], _amount(found), queue=found["queue"] or "",
        callers=found["callers"] or "",
    )  # fmt: skip


def _wait(text: str, found: dict[str, Any]) -> Expectation:
    kind = "idle" if found["idle"] else "wait"
    return Expectation(
        text, kind, value=_amount(found), queue=found["queue"] or "", callers=found["callers"] or ""
    )  # fmt: skip


def _tier(text: str, found: dict[str, Any]) -> Expectation:
    line = found["line"]
    if line is not None and line not in LINES:
        raise ValueError(f"there is no {line!r} line: one of {', '.join(LINES)}")
    tier = LINES.index(line) if line is not None else int(found["tier"])
    return Expectation(
        text, "tier", value=_amount(found), tier=tier, nth=line is not None, queue=found["queue"] or "",
        callers=found["callers"] or "",
    )  # fmt: skip


def _first(text: str, found: dict[str, Any]) -> Expectation:
    return Expectation(text, "first", callers=found["callers"], queue=found["queue"] or "")
