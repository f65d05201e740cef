"""Whether what callers were told of their wait came true: bias, error and coverage (FEATURES B-3).

Who gave up before an agent was free did not wait to the end: how long it would have been is not known, only that it was longer.
Such a wait counts for the coverage as far as it went (Kaplan and Meier), and not for bias and error.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from softswitch.acd.estimate import MORE_THAN_ANY
from softswitch.acd.outlook import GAVE_UP
from softswitch.effects import Outcome
from softswitch.events import CallerLeft, Event, EwtTold


@dataclass(slots=True, frozen=True)
class Told:
    """One thing that one caller was told, and what came true. Seconds from then on."""

    queue: str
    day: str
    minutes: int  # as it was said
    seconds: float
    mean: float
    waited: float
    served: bool  # False: the caller gave up after `waited`

    @property
    def said(self) -> float:
        """The longest wait that agrees with what was said."""
        if self.minutes == 0:
            return 60.0
        return self.minutes * 60.0 if self.minutes < MORE_THAN_ANY else math.inf


@dataclass(slots=True)
class Calibration:
    """Of many."""

    told: int = 0
    served: int = 0
    gave_up: int = 0
    bias: float | None = None  # mean of told minus waited: above 0 is rather too long
    rmse: float | None = None  # of what was told
    mean_rmse: float | None = None  # of the expectation without caution
    covered: float | None = None  # share of waits no longer than the value told
    kept: float | None = None  # ... than what was said in minutes
    minutes: dict[int, int] = field(default_factory=dict)  # how often each was said

    @classmethod
    def of(cls, told: Iterable[Told]) -> Calibration:
        found = list(told)
        served = [one for one in found if one.served]
        said = dict(sorted(Counter(one.minutes for one in found).items()))
        result = cls(len(found), len(served), len(found) - len(served), minutes=said)
        if served:
            n = len(served)
            result.bias = sum(one.seconds - one.waited for one in served) / n
            result.rmse = math.sqrt(sum((one.seconds - one.waited) ** 2 for one in served) / n)
            result.mean_rmse = math.sqrt(sum((one.mean - one.waited) ** 2 for one in served) / n)
            result.covered = _covered([(one.waited / max(one.seconds, 1.0), one.served) for one in found])
            result.kept = _covered([(one.waited / one.said, one.served) for one in found])
        return result


def _covered(ratios: list[tuple[float, bool]]) -> float:
    """The share of waits that are at most 1 of what was told: 1 - S(1) of Kaplan and Meier."""
    surviving, at_risk = 1.0, len(ratios)
    for ratio, ended in sorted(ratios, key=lambda one: (one[0], not one[1])):
        if ratio > 1.0:
            break
        if ended:
            surviving *= 1.0 - 1.0 / at_risk
        at_risk -= 1
    return 1.0 - surviving


class Comparison:
    """Reads events in their order and finds out what came of everything that was told."""

    def __init__(self) -> None:
        self.found: list[Told] = []
        self._open: defaultdict[str, list[tuple[EwtTold, str]]] = defaultdict(list)

    def see(self, event: Event, day: str) -> None:
        """An event of this (local) day."""
        if isinstance(event, EwtTold):
            self._open[event.caller].append((event, day))
        elif isinstance(event, CallerLeft) and event.caller in self._open:
            self._left(event, self._open.pop(event.caller))

    def _left(self, event: CallerLeft, told: list[tuple[EwtTold, str]]) -> None:
        served = event.outcome == Outcome.ANSWERED
        if not served and event.outcome not in GAVE_UP:
            return  # Led elsewhere: nobody knows.
        for one, day in told:
            if one.queue == event.queue and event.waited >= one.waited:
                waited = event.waited - one.waited
                self.found.append(Told(one.queue, day, one.minutes, one.seconds, one.mean, waited, served))

    def by_day(self) -> dict[tuple[str, str], Calibration]:
        """By queue and day."""
        groups: defaultdict[tuple[str, str], list[Told]] = defaultdict(list)
        for one in self.found:
            groups[one.queue, one.day].append(one)
        return {key: Calibration.of(group) for key, group in sorted(groups.items())}

    def by_queue(self) -> dict[str, Calibration]:
        groups: defaultdict[str, list[Told]] = defaultdict(list)
        for one in self.found:
            groups[one.queue].append(one)
        return {name: Calibration.of(group) for name, group in sorted(groups.items())}
