"""What came of a run: counters of callers and of agents' time, and the named figures over them (FEATURES C.2-C.6)."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from dataclasses import dataclass, field

from softswitch.acd.measure import ABANDONED
from softswitch.effects import Outcome
from softswitch.events import CallerLeft

_ANSWERED = Outcome.ANSWERED


@dataclass(slots=True)
class Tally:
    """Callers of a queue, of a stream, or of all. `seconds` is T and `short` S of C.2."""

    seconds: float = 20.0
    short: float = 6.0
    entered: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    in_time: int = 0
    short_abandons: int = 0
    abandoned: int = 0
    waited: float = 0.0
    longest: float = 0.0
    waits: array[float] = field(default_factory=lambda: array("d"))  # of the answered

    def left(self, event: CallerLeft) -> None:
        """A visit of a caller who was counted as entered is over."""
        waited, outcome = event.waited, event.outcome
        self.outcomes[outcome] += 1
        self.waited += waited
        if waited > self.longest:
            self.longest = waited
        if outcome == _ANSWERED:
            self.waits.append(waited)
            self.in_time += waited <= self.seconds
        elif outcome in ABANDONED:
            self.abandoned += 1
            self.short_abandons += waited <= self.short and outcome != Outcome.ABANDONED_CONNECTING

    def add(self, other: Tally) -> None:
        """Take in what another one has counted."""
        self.entered += other.entered
        self.outcomes += other.outcomes
        self.in_time += other.in_time
        self.short_abandons += other.short_abandons
        self.abandoned += other.abandoned
        self.waited += other.waited
        self.longest = max(self.longest, other.longest)
        self.waits.extend(other.waits)

    def figures(self) -> dict[str, float | None]:
        """By the names of `rules.FIGURES`; None where there is no base."""
        answered, ended = len(self.waits), self.outcomes.total()
        waits = sorted(self.waits)
        counted = answered + self.abandoned - self.short_abandons
        lasting = self.entered - self.short_abandons
        return {
            "sl": _percent(self.in_time, counted),
            "answer_rate": _percent(answered, lasting),
            "asa": sum(waits) / answered if answered else None,
            "wait": self.waited / ended if ended else None,
            "p50": percentile(waits, 0.5),
            "p90": percentile(waits, 0.9),
            "p95": percentile(waits, 0.95),
            "longest": self.longest if ended else None,
            "abandon": _percent(self.abandoned - self.short_abandons, lasting),
            "offered": float(self.entered),
            "answered": float(answered),
            "abandoned": float(self.abandoned),
        }


@dataclass(slots=True)
class Hours:
    """What a team's time was: seconds of talk, wrap-up, and of being ready without a call."""

    busy: float = 0.0
    ready: float = 0.0

    @property
    def occupancy(self) -> float | None:
        return _percent(self.busy, self.busy + self.ready)


def percentile(ordered: list[float], share: float) -> float | None:
    """The nearest rank of sorted values."""
    return ordered[max(0, math.ceil(share * len(ordered) - 1e-9) - 1)] if ordered else None


def _percent(part: float, whole: float) -> float | None:
    return 100.0 * part / whole if whole > 0 else None
