"""What the queues did: a fold of published events into counters, and the named formulas over them (FEATURES C.2-C.4).

The fold is the definition: the same events from the journal give the same counters, so every figure can be computed again,
also with another threshold. A figure without a denominator is None, never 100 %.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from softswitch.callbacks import Result
from softswitch.effects import OfferResult, Outcome
from softswitch.events import (
    CallbackAssigned,
    CallbackCancelled,
    CallbackCreated,
    CallbackDone,
    CallbackExpired,
    CallerJoined,
    CallerLeft,
    Event,
    OfferEnded,
)

if TYPE_CHECKING:
    from softswitch.directory import Queue

ABANDONED = frozenset(
    {Outcome.ABANDONED_SHORT, Outcome.ABANDONED, Outcome.ABANDONED_RINGING, Outcome.ABANDONED_CONNECTING}
)


@dataclass(slots=True)
class Figure:
    """A number with its definition, so that nobody reads another one into it (RPT-18)."""

    name: str
    formula: str
    numerator: float
    denominator: float

    @property
    def value(self) -> float | None:
        return self.numerator / self.denominator if self.denominator else None

    def as_dict(self) -> dict[str, Any]:
        return {"value": self.value, "formula": self.formula, "n": self.numerator, "d": self.denominator}


@dataclass(slots=True)
class QueueCounts:
    """Counters of one queue. Waits in seconds; `service_level_seconds` is T and `short_abandon` is S of C.2."""

    service_level_seconds: float = 20.0
    short_abandon: float = 6.0
    entered: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    answered_in_time: int = 0  # A_T
    abandoned_short: int = 0  # B_S: by the wait, whatever the sub-class; the agent's side never counts as short
    abandoned_in_time: int = 0  # B_T
    wait_answered: float = 0.0
    wait_abandoned: float = 0.0
    wait_all: float = 0.0
    longest_wait: float = 0.0
    offers: Counter[str] = field(default_factory=Counter)  # by result
    ring_seconds: float = 0.0
    callback_target: float = 3_600.0  # seconds: called back in time
    callbacks: int = 0  # asked for, by whatever rule
    callback_results: Counter[str] = field(default_factory=Counter)
    callback_seconds: float = 0.0  # from the wish to the talk, of those reached
    callbacks_in_time: int = 0

    # --- the fold ------------------------------------------------------------------------------------------------

    def left(self, event: CallerLeft) -> None:
        waited = event.waited
        self.outcomes[event.outcome] += 1
        self.wait_all += waited
        if waited > self.longest_wait:
            self.longest_wait = waited
        if event.outcome == Outcome.ANSWERED:
            self.wait_answered += waited
            self.answered_in_time += waited <= self.service_level_seconds
        elif event.outcome in ABANDONED:
            self.wait_abandoned += waited
            self.abandoned_in_time += waited <= self.service_level_seconds
            self.abandoned_short += waited <= self.short_abandon and event.outcome != Outcome.ABANDONED_CONNECTING

    # --- what follows --------------------------------------------------------------------------------------------

    @property
    def answered(self) -> int:
        """A"""
        return self.outcomes[Outcome.ANSWERED]

    @property
    def abandoned(self) -> int:
        """B, any"""
        return sum(self.outcomes[outcome] for outcome in ABANDONED)

    @property
    def ended(self) -> int:
        return sum(self.outcomes.values())

    @property
    def callbacks_open(self) -> int:
        """Every callback ends once: asked for = ended + open."""
        return self.callbacks - sum(self.callback_results.values())

    @property
    def in_progress(self) -> int:
        """offered = sum of outcomes + in progress (A.13)."""
        return self.entered - self.ended

    @property
    def other_exits(self) -> int:
        """F: time-out, overflow, key, callback, no agents ..."""
        return self.ended - self.answered - self.abandoned

    @property
    def asa(self) -> Figure:
        return Figure("asa", "sum wait(answered) / A", self.wait_answered, self.answered)

    @property
    def answer_rate(self) -> Figure:
        return Figure("answer_rate", "A / (E - B_S)", self.answered, self.entered - self.abandoned_short)

    def service_levels(self, waiting_too_long: int = 0) -> tuple[Figure, Figure]:
        """`sl` and `sl_live`."""
        in_time, counted = self.answered_in_time, self.answered + self.abandoned - self.abandoned_short
        return (
            Figure("sl", "A_T / (A + B - B_S)", in_time, counted),
            Figure("sl_live", "A_T / (A + B - B_S + W_>T)", in_time, counted + waiting_too_long),
        )

    def figures(self, waiting_too_long: int = 0) -> dict[str, Figure]:
        """Every named figure. `waiting_too_long`: callers waiting now for more than T, for the live service level."""
        a, b, e = self.answered, self.abandoned, self.entered
        a_t, b_s, b_t, f = self.answered_in_time, self.abandoned_short, self.abandoned_in_time, self.other_exits
        level, live = self.service_levels(waiting_too_long)
        listed = (
            self.answer_rate,
            Figure("sl_answered", "A_T / A", a_t, a),
            Figure("sl_ast2", "(A_T + B_T) / (A + B)", a_t + b_t, a + b),
            Figure("sl_all", "A_T / (A + B)", a_t, a + b),
            level,
            Figure("sl_noloss", "A_T / (A + B - B_T)", a_t, a + b - b_t),
            Figure("sl_strict", "A_T / (A + B - B_S + F)", a_t, a + b - b_s + f),
            live,
            self.asa,
            Figure("awt_all", "sum wait(all exits) / exits", self.wait_all, self.ended),
            Figure("ata", "sum wait(abandoned) / B", self.wait_abandoned, b),
            Figure("abandon_rate", "(B - B_S) / (E - B_S)", b - b_s, e - b_s),
            Figure("abandon_rate_raw", "B / E", b, e),
            Figure("callback_rate", "reached / (reached + given up)", *self._called_back()),
            Figure(
                "callback_sl", "reached in time / (reached + given up)", self.callbacks_in_time, self._called_back()[1]
            ),
            Figure("time_to_callback", "sum time(reached) / reached", self.callback_seconds, self._called_back()[0]),
            Figure("offer_accept", "answered / (answered + no_answer + rejected)", *self._accepted()),
        )
        return {figure.name: figure for figure in listed}

    def _called_back(self) -> tuple[int, int]:
        results = self.callback_results
        reached = results[Result.REACHED]
        return reached, reached + results[Result.NOT_REACHED] + results[Result.EXPIRED] + results[Result.FORBIDDEN]

    def _accepted(self) -> tuple[int, int]:
        answered = self.offers[OfferResult.ANSWERED]
        return answered, answered + self.offers[OfferResult.NO_ANSWER] + self.offers[OfferResult.REJECTED]

    # --- plain values --------------------------------------------------------------------------------------------

    def as_dict(self) -> dict[str, Any]:
        return {
            "service_level_seconds": self.service_level_seconds,
            "short_abandon": self.short_abandon,
            "entered": self.entered,
            "outcomes": {str(key): count for key, count in self.outcomes.items()},
            "answered_in_time": self.answered_in_time,
            "abandoned_short": self.abandoned_short,
            "abandoned_in_time": self.abandoned_in_time,
            "wait_answered": self.wait_answered,
            "wait_abandoned": self.wait_abandoned,
            "wait_all": self.wait_all,
            "longest_wait": self.longest_wait,
            "offers": {str(key): count for key, count in self.offers.items()},
            "ring_seconds": self.ring_seconds,
            "callback_target": self.callback_target,
            "callbacks": self.callbacks,
            "callback_results": {str(key): count for key, count in self.callback_results.items()},
            "callback_seconds": self.callback_seconds,
            "callbacks_in_time": self.callbacks_in_time,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> QueueCounts:
        counted = {name: Counter(data.get(name, {})) for name in ("outcomes", "offers", "callback_results")}
        return cls(**{**data, **counted})


class Measure:
    """Counters by queue."""

    def __init__(self) -> None:
        self.queues: defaultdict[str, QueueCounts] = defaultdict(QueueCounts)
        self.folds: Mapping[type[Event], Callable[[Any], None]] = {
            CallerJoined: self._joined,
            CallerLeft: self._left,
            OfferEnded: self._offer_ended,
            CallbackCreated: self._callback_created,
            CallbackDone: self._callback_ended,
            CallbackExpired: self._callback_ended,
            CallbackCancelled: self._callback_ended,
            CallbackAssigned: self._callback_assigned,
        }

    def configure(self, queue: Queue) -> None:
        """Take the thresholds of a queue; what was counted with other thresholds stays as it was counted."""
        counts = self.queues[queue.name]
        counts.service_level_seconds = queue.service_level_seconds
        counts.short_abandon = queue.short_abandon
        counts.callback_target = queue.callbacks.target

    def apply(self, event: Event) -> None:
        """Count one event; most events count nothing."""
        if (fold := self.folds.get(type(event))) is not None:
            fold(event)

    def _joined(self, event: CallerJoined) -> None:
        if not event.kind:  # Who is called back has figures of their own.
            self.queues[event.queue].entered += 1

    def _left(self, event: CallerLeft) -> None:
        if not event.kind:
            self.queues[event.queue].left(event)

    def _callback_created(self, event: CallbackCreated) -> None:
        self.queues[event.queue].callbacks += 1

    def _callback_assigned(self, event: CallbackAssigned) -> None:
        """It is the other queue's from now on."""
        if event.former and event.former != event.queue:
            self.queues[event.former].callbacks -= 1
            self.queues[event.queue].callbacks += 1

    def _callback_ended(self, event: CallbackDone | CallbackExpired | CallbackCancelled) -> None:
        counts = self.queues[event.queue]
        counts.callback_results[event.outcome] += 1
        if event.outcome == Result.REACHED:
            counts.callback_seconds += event.seconds
            counts.callbacks_in_time += event.seconds <= counts.callback_target

    def _offer_ended(self, event: OfferEnded) -> None:
        counts = self.queues[event.queue]
        counts.offers[event.result] += 1
        counts.ring_seconds += event.ring_seconds

    def as_dict(self) -> dict[str, Any]:
        return {name: counts.as_dict() for name, counts in self.queues.items()}

    def restore(self, data: Mapping[str, Any]) -> None:
        self.queues.clear()
        self.queues.update((name, QueueCounts.from_dict(counts)) for name, counts in data.items())


def recount(events: Iterable[Event], queues: Iterable[Queue]) -> Measure:
    """The counters that these events give, for example with another threshold (RPT-16)."""
    measure = Measure()
    for queue in queues:
        measure.configure(queue)
    for event in events:
        measure.apply(event)
    return measure
