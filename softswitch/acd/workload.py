"""What a week of a queue looks like: calls, handle times and patience by weekday and interval (FEATURES RPT-12).

Fed with contacts from our own records or from an operator's bill, in local time. A cell of few calls tells little about
handle times, so its mean is drawn to that of all calls; patience is one figure, by maximum likelihood (C.3).
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from softswitch.acd.planning import Forecast, agents_needed, erlang_a, erlang_c

WEEK: Final = 7
DAY_MINUTES: Final = 24 * 60
PRIOR_CALLS: Final = 20  # calls' weight that the mean of all has against that of one cell
MAX_AGENTS: Final = 10_000


@dataclass(slots=True, frozen=True)
class Contact:
    """One call to a queue. `day` counts calendar days (a proleptic ordinal), `minute` those since local midnight.

    `waited`, `handled` in seconds; `handled` (talk and wrap-up) is None where nobody answered, `waited` None where a bill
    does not tell it.
    """

    day: int
    minute: int
    waited: float | None
    handled: float | None
    gave_up: bool = (
        False  # hung up before anybody answered; others left for another reason, which says nothing about patience
    )

    @property
    def weekday(self) -> int:
        """0 = Monday: day 1 of the ordinals was one."""
        return (self.day - 1) % WEEK


@dataclass(slots=True, frozen=True)
class Cell:
    """An interval of a weekday: mean calls in it, and the mean handle time to expect, in seconds."""

    weekday: int
    start: int  # minutes after midnight
    calls: float
    handle_time: float


@dataclass(slots=True)
class Workload:
    """Contacts folded into a week. `interval` in minutes; it must divide a day."""

    interval: int = 30
    calls: Counter[tuple[int, int]] = field(default_factory=Counter)  # (day, start of the interval) -> how many
    first_day: int = 0
    last_day: int = 0
    answered: int = 0
    abandoned: int = 0
    waited: float = 0.0  # seconds waited by anybody whose wait is known
    _handled: defaultdict[tuple[int, int], list[float]] = field(default_factory=lambda: defaultdict(lambda: [0.0, 0.0]))

    def add(self, contact: Contact) -> None:
        start = contact.minute // self.interval * self.interval
        self.calls[contact.day, start] += 1
        self.first_day = min(self.first_day or contact.day, contact.day)
        self.last_day = max(self.last_day, contact.day)
        if contact.waited is not None:
            self.waited += contact.waited
        self.abandoned += contact.gave_up
        if contact.handled is None:
            return
        self.answered += 1
        sums = self._handled[contact.weekday, start]
        sums[0] += 1.0
        sums[1] += contact.handled

    @classmethod
    def of(cls, contacts: Iterable[Contact], interval: int = 30) -> Workload:
        if interval <= 0 or DAY_MINUTES % interval:
            raise ValueError(f"an interval of {interval} minutes does not divide a day")
        workload = cls(interval)
        for contact in contacts:
            workload.add(contact)
        return workload

    @property
    def total(self) -> int:
        return self.calls.total()

    @property
    def days(self) -> int:
        """Calendar days from the first call to the last, those without calls included."""
        return self.last_day - self.first_day + 1 if self.calls else 0

    @property
    def handle_time(self) -> float:
        """The mean of all answered calls, in seconds; 0 if there was none."""
        total = math.fsum(sums[1] for sums in self._handled.values())
        return total / self.answered if self.answered else 0.0

    @property
    def patience(self) -> float | None:
        """Mean seconds that callers are ready to wait; None if nobody gave up, or the waits are not known."""
        return self.waited / self.abandoned if self.abandoned and self.waited > 0.0 else None

    def occurrences(self, weekday: int) -> int:
        """How many of these weekdays the records cover."""
        if not self.calls:
            return 0
        first = self.first_day + (weekday - (self.first_day - 1)) % WEEK
        return 0 if first > self.last_day else (self.last_day - first) // WEEK + 1

    def cells(self) -> list[Cell]:
        """Every interval of the week in which there were calls, Monday first."""
        sums: Counter[tuple[int, int]] = Counter()
        for (day, start), count in self.calls.items():
            sums[(day - 1) % WEEK, start] += count
        mean = self.handle_time
        found = []
        for (weekday, start), count in sorted(sums.items()):
            n, total = self._handled.get((weekday, start), (0.0, 0.0))
            expected = (total + PRIOR_CALLS * mean) / (n + PRIOR_CALLS)
            found.append(Cell(weekday, start, count / self.occurrences(weekday), expected))
        return found

    def back_test(self) -> float | None:
        """How wrong the profile is about a week it has not seen: the sum of errors over the sum of calls, each week being
        forecast from the others (leave one out). None with fewer than two weeks.
        """
        by_week: defaultdict[int, Counter[tuple[int, int]]] = defaultdict(Counter)
        for (day, start), count in self.calls.items():
            by_week[(day - self.first_day) // WEEK][(day - 1) % WEEK, start] += count
        weeks = self.days // WEEK
        if weeks < 2:
            return None
        whole = [by_week.get(week, Counter()) for week in range(weeks)]
        cells = {cell for week in whole for cell in week}
        wrong = actual = 0.0
        for cell in cells:
            total = sum(week[cell] for week in whole)
            for week in whole:
                wrong += abs(week[cell] - (total - week[cell]) / (weeks - 1))
            actual += total
        return wrong / actual if actual else None


# --- how many agents -------------------------------------------------------------------------------------------------


@dataclass(slots=True, frozen=True)
class Goal:
    """A share `level` (0..1) of callers answered within `seconds`; agents busy for at most the share `occupancy`."""

    level: float = 0.8
    seconds: float = 20.0
    occupancy: float = 0.9


@dataclass(slots=True, frozen=True)
class Staffing:
    """What an interval needs, and what one agent less or more would give."""

    cell: Cell
    forecast: Forecast
    fewer: Forecast | None  # None where there is only one agent
    more: Forecast

    @property
    def agents(self) -> int:
        return self.forecast.agents


def staffing(workload: Workload, goal: Goal, *, patience: float | None = None) -> list[Staffing]:
    """Agents for every interval of the week: by Erlang A where patience is known (or given, in seconds), else by Erlang C."""
    patience = patience or workload.patience
    plan = []
    for cell in workload.cells():
        model = _model(cell, workload.interval, goal.seconds, patience)
        busy = math.ceil(cell.calls / (workload.interval * 60.0) * cell.handle_time / goal.occupancy - 1e-9)
        chosen = agents_needed(goal.level, model, at_least=max(1, busy))
        fewer = model(chosen.agents - 1) if chosen.agents > 1 else None
        plan.append(Staffing(cell, chosen, fewer, model(chosen.agents + 1)))
    return plan


def _model(cell: Cell, interval: int, seconds: float, patience: float | None) -> Callable[[int], Forecast]:
    rate, handle = cell.calls / (interval * 60.0), max(cell.handle_time, 1.0)
    if patience is None:
        return lambda agents: erlang_c(agents, rate, handle, seconds)
    return lambda agents: erlang_a(agents, rate, handle, patience, seconds)


def lunch(plan: Iterable[Staffing], weekday: int, *, between: tuple[int, int] = (11 * 60, 15 * 60)) -> list[Staffing]:
    """The intervals of a day around noon in which an agent is missed the least, the best first.

    What counts is how many callers more would not be answered in time: the lost share times the calls.
    """
    start, end = between
    around = [
        one for one in plan if one.cell.weekday == weekday and start <= one.cell.start < end and one.fewer is not None
    ]
    return sorted(around, key=lambda one: (missed(one), one.cell.start))


def missed(one: Staffing) -> float:
    """Callers of an interval who would not be answered in time if there were one agent less."""
    fewer = one.fewer.service_level if one.fewer is not None else 0.0
    return (one.forecast.service_level - fewer) * one.cell.calls


def agent_hours(plan: Iterable[Staffing], interval: int) -> float:
    """Hours of presence that the plan takes in a week."""
    return sum(one.agents for one in plan) * interval / 60.0


def overall(plan: Iterable[Staffing], which: Callable[[Staffing], Forecast | None]) -> float | None:
    """The service level of the week, weighted by calls, of the plan or with one agent fewer or more; None without calls."""
    share = calls = 0.0
    for one in plan:
        forecast = which(one)
        calls += one.cell.calls
        share += one.cell.calls * (forecast.service_level if forecast is not None else 0.0)
    return share / calls if calls else None
