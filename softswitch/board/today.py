"""The figures of today for wallboards: a fold of published events, and sums over the last minutes (FEATURES C.2, SUP-01).

A call counts where it ends: in the day, and in the minute, in which it left the queue. The same events give the same figures,
so that a restart loses nothing. Times are Unix time, in seconds; the day is that of the site's time zone.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from softswitch.acd.measure import ABANDONED, Measure, QueueCounts
from softswitch.directory import Directory
from softswitch.effects import OfferResult, Outcome
from softswitch.events import AgentActivityChanged, CallerConnected, CallerLeft, Event, OfferEnded

WINDOW: Final = 30  # minutes of the service level "now"
LONGEST: Final = 120  # minutes that can be looked back at
MINUTE: Final = 60.0


@dataclass(slots=True)
class AgentDay:
    """What an agent did today."""

    answered: int = 0  # callers of queues
    missed: int = 0  # rang, and was not answered, or was rejected
    talking: float = 0.0  # seconds in conversations that are over, hold included

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(slots=True)
class Minute:
    """Visits of one queue that ended in one minute of the clock: A, A_T, B and B_S of C.2."""

    number: int
    answered: int = 0
    in_time: int = 0
    abandoned: int = 0
    short: int = 0


class Today:
    """Counters of the day. `note` takes events in the order in which they happened."""

    def __init__(self, timezone: str = "Europe/Warsaw") -> None:
        self.day = ""  # "2026-11-22"
        self.measure = Measure()
        self.agents: defaultdict[str, AgentDay] = defaultdict(AgentDay)
        self.minutes: defaultdict[str, deque[Minute]] = defaultdict(deque)
        self._zone = ZoneInfo(timezone)
        self._ends = 0.0  # of the day
        self._shown: dict[str, tuple[tuple[int, int], dict[str, Any]]] = {}  # figures, until something is counted
        self._thresholds: dict[str, tuple[float, float, float]] = {}
        self._folds: Mapping[type[Event], Callable[[float, Any], None]] = {
            CallerLeft: self._left,
            CallerConnected: self._connected,
            OfferEnded: self._offered,
            AgentActivityChanged: self._moved,
        }

    def configure(self, site: Directory) -> None:
        """Take the thresholds and the time zone; what was counted with others stays as it was counted."""
        self._zone = ZoneInfo(site.timezone)
        self._ends = 0.0
        self._shown.clear()
        for gone in self.measure.queues.keys() - site.queues.keys():
            del self.measure.queues[gone]
            self.minutes.pop(gone, None)
        for queue in site.queues.values():
            self.measure.configure(queue)
            counts = self.measure.queues[queue.name]
            self._thresholds[queue.name] = counts.service_level_seconds, counts.short_abandon, counts.callback_target

    # --- the fold ----------------------------------------------------------------------------------------------------

    def note(self, wall: float, event: Event) -> None:
        """Count one event; most events count nothing."""
        kind = type(event)
        if kind in self.measure.folds or kind in self._folds:
            if wall >= self._ends:
                self.roll(wall)
            self.measure.apply(event)
            for queue in (getattr(event, "queue", ""), getattr(event, "former", "")):
                self._shown.pop(queue, None)
            if (fold := self._folds.get(kind)) is not None:
                fold(wall, event)

    def roll(self, wall: float) -> None:
        """Begin a new day, if it is one. A clock that is set back begins none."""
        if wall < self._ends:
            return
        here = datetime.fromtimestamp(wall, self._zone)
        midnight = here.replace(hour=0, minute=0, second=0, microsecond=0)
        self._ends = (midnight + timedelta(days=1)).timestamp()
        day = midnight.date().isoformat()
        if day <= self.day:
            return
        self.day = day
        self._shown.clear()
        self.agents.clear()
        self.measure.queues.clear()
        for name, (level, short, target) in self._thresholds.items():
            self.measure.queues[name] = QueueCounts(level, short, callback_target=target)

    def _left(self, wall: float, event: CallerLeft) -> None:
        if event.kind:  # Who is called back has figures of their own.
            return
        answered, abandoned = event.outcome == Outcome.ANSWERED, event.outcome in ABANDONED
        if not (answered or abandoned):
            return
        kept, number = self.minutes[event.queue], int(wall // MINUTE)
        if not kept or kept[-1].number < number:
            kept.append(Minute(number))
            while kept[0].number <= number - LONGEST:
                kept.popleft()
        one, counts = kept[-1], self.measure.queues[event.queue]
        one.answered += answered
        one.in_time += answered and event.waited <= counts.service_level_seconds
        one.abandoned += abandoned
        one.short += (
            abandoned and event.waited <= counts.short_abandon and event.outcome != Outcome.ABANDONED_CONNECTING
        )

    def _connected(self, wall: float, event: CallerConnected) -> None:
        self.agents[event.agent].answered += 1

    def _offered(self, wall: float, event: OfferEnded) -> None:
        if event.result in (OfferResult.NO_ANSWER, OfferResult.REJECTED):
            self.agents[event.agent].missed += 1

    def _moved(self, wall: float, event: AgentActivityChanged) -> None:
        if event.previous in ("talking", "holding"):
            self.agents[event.agent].talking += event.seconds_in_previous

    # --- what follows ------------------------------------------------------------------------------------------------

    def recent(self, queue: str, wall: float, minutes: int = WINDOW) -> QueueCounts:
        """Visits that ended in this minute of the clock, or in one of the `minutes` - 1 before it; of them, what a service
        level is made of."""
        first, sums = int(wall // MINUTE) - minutes, QueueCounts()
        answered = abandoned = 0
        for one in self.minutes.get(queue, ()):
            if one.number > first:
                answered += one.answered
                abandoned += one.abandoned
                sums.answered_in_time += one.in_time
                sums.abandoned_short += one.short
        sums.outcomes = Counter({Outcome.ANSWERED: answered, Outcome.ABANDONED: abandoned})
        return sums

    def figures(self, queue: str, wall: float, too_long: int) -> dict[str, Any]:
        """The figures of a queue, of today and of the last minutes. `too_long`: callers waiting now for more than T.

        Not to be changed: what has not changed is given again.
        """
        self.roll(wall)
        key = int(wall // MINUTE), too_long
        if queue not in self._shown or self._shown[queue][0] != key:
            self._shown[queue] = key, self._figures(queue, wall, too_long)
        return self._shown[queue][1]

    def _figures(self, queue: str, wall: float, too_long: int) -> dict[str, Any]:
        counts, recent = self.measure.queues[queue], self.recent(queue, wall)
        return {
            "today": {
                "entered": counts.entered,
                "answered": counts.answered,
                "abandoned": counts.abandoned,
                "abandoned_short": counts.abandoned_short,
                "other": counts.other_exits,
                "callbacks": counts.callbacks,
                "longest_wait": counts.longest_wait,
                **_levels(counts, too_long),
                "asa": counts.asa.as_dict(),
                "answer_rate": counts.answer_rate.as_dict(),
            },
            "recent": {
                "minutes": WINDOW,
                "answered": recent.answered,
                "abandoned": recent.abandoned,
                **_levels(recent, too_long),
            },
        }

    def agent(self, name: str) -> dict[str, Any]:
        return self.agents[name].as_dict() if name in self.agents else AgentDay().as_dict()

    # --- plain values ------------------------------------------------------------------------------------------------

    def as_dict(self) -> dict[str, Any]:
        return {
            "day": self.day,
            "queues": self.measure.as_dict(),
            "agents": {name: one.as_dict() for name, one in self.agents.items()},
            "minutes": {
                name: [[one.number, one.answered, one.in_time, one.abandoned, one.short] for one in kept]
                for name, kept in self.minutes.items()
            },
        }

    def restore(self, data: Mapping[str, Any], events: Iterable[tuple[float, Event]] = ()) -> None:
        """Take what a former life has kept, and `events` that came after it, as (Unix time, event)."""
        self.day = data["day"]
        self._shown.clear()
        self.measure.restore(data["queues"])
        self.agents.clear()
        self.agents.update((name, AgentDay(**one)) for name, one in data["agents"].items())
        self.minutes.clear()
        for name, rows in data["minutes"].items():
            self.minutes[name].extend(Minute(*row) for row in rows)
        for wall, event in events:
            self.note(wall, event)


def _levels(counts: QueueCounts, too_long: int) -> dict[str, Any]:
    sl, live = counts.service_levels(too_long)
    return {"sl": sl.as_dict(), "sl_live": live.as_dict()}
