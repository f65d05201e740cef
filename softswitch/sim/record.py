"""What a tape tells of people: who called when, how long they talked or waited, how agents answer, what they did all day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from softswitch.acd.measure import ABANDONED
from softswitch.effects import (
    AgentCommand,
    ConversationEnded,
    DeviceBusy,
    DeviceFree,
    DeviceReachable,
    EnterQueue,
    OfferResult,
    Outcome,
)
from softswitch.events import AgentActivityChanged, CallerConnected, CallerLeft, Event, OfferEnded
from softswitch.sim.count import Count
from softswitch.sim.replay import NO_RANKERS, Replayed, play
from softswitch.sim.tape import CHECKPOINT, Section

if TYPE_CHECKING:
    from softswitch.acd.custom import Ranker

# Outcomes that are the policy's, not the caller's: under another policy they would have waited on.
POLICY: Final = frozenset({
    Outcome.TIMEOUT, Outcome.OVERFLOW, Outcome.FULL, Outcome.NO_AGENTS_ON_ENTRY, Outcome.NO_AGENTS_LATER,
    Outcome.SYSTEM_SHUTDOWN, Outcome.FAILED,
})  # fmt: skip
RINGS: Final = frozenset({OfferResult.ANSWERED, OfferResult.NO_ANSWER, OfferResult.REJECTED, OfferResult.BUSY})
WORK: Final = ("end_wrap_up", "extend_wrap_up")  # verbs that belong to a call, not to the day
HABIT: Final = (DeviceReachable, DeviceBusy, DeviceFree)
METHODS: Final = (CHECKPOINT, ".configure", ".restore_state", ".close_visits", ".plug_in")


@dataclass(slots=True, eq=False)
class Visit:
    """A caller in a queue, and what is known of their patience and their talk."""

    at: float
    item: EnterQueue
    waited: float | None = None
    outcome: str = ""
    talk: float | None = None
    moved: bool = False  # the engine sent them here from another queue


@dataclass(slots=True)
class Record:
    """A section of a tape as facts."""

    section: Section
    visits: list[Visit] = field(default_factory=list)
    day: list[tuple[float, str, Any]] = field(default_factory=list)  # inputs that no call makes: (now, name, argument)
    rings: defaultdict[str, list[tuple[float, OfferResult]]] = field(
        default_factory=lambda: defaultdict(list)
    )  # by agent
    wrap_ups: defaultdict[str, list[float | None]] = field(
        default_factory=lambda: defaultdict(list)
    )  # None: all they had
    hours: list[tuple[float, str, bool]] = field(default_factory=list)  # when a scheme opened or closed
    replayed: Replayed | None = None


class _Reader:
    """Takes facts from a replay."""

    def __init__(self, record: Record, saw: Callable[[Event, float], object]) -> None:
        self.record = record
        self._saw = saw
        self._here: dict[str, Visit] = {}  # callers in queues
        self._sent: dict[str, float] = {}  # callers whom the engine sent away, and when
        self._talks: dict[int, tuple[Visit, float]] = {}

    def given(self, now: float, name: str, argument: Any) -> None:
        if name in METHODS:
            self.record.day.append((now, name, argument))
            return
        item = argument.get("item") if name == ".command" else argument
        kind = type(item)
        if kind is EnterQueue:
            self._enters(item, now)
        elif kind is AgentCommand:
            if item.verb not in WORK:
                self.record.day.append((now, "", item))
        elif kind in HABIT:
            self.record.day.append((now, "", item))
        elif kind is ConversationEnded and (talk := self._talks.pop(item.offer, None)) is not None:
            talk[0].talk = now - talk[1]

    def _enters(self, item: EnterQueue, now: float) -> None:
        visit = Visit(now, item, moved=item.caller in self._sent and now - self._sent.pop(item.caller) < 60.0)
        self._here[item.caller] = visit
        self.record.visits.append(visit)

    def saw(self, now: float, event: Event) -> None:
        self._saw(event, now)
        kind = type(event)
        if kind is CallerConnected:
            visit = self._here.get(event.caller)  # type: ignore[attr-defined]
            if visit is not None:
                self._talks[event.offer] = visit, now  # type: ignore[attr-defined]
        elif kind is CallerLeft:
            self._left(event, now)  # type: ignore[arg-type]
        elif kind is OfferEnded:
            result = OfferResult(event.result)  # type: ignore[attr-defined]
            if result in RINGS:
                self.record.rings[event.agent].append((event.ring_seconds, result))  # type: ignore[attr-defined]
        elif kind is AgentActivityChanged and event.previous == "wrapup" and event.activity != "wrapup":  # type: ignore[attr-defined]
            early = event.cause == "wrap-up ended"  # type: ignore[attr-defined]
            self.record.wrap_ups[event.agent].append(event.seconds_in_previous if early else None)  # type: ignore[attr-defined]

    def _left(self, event: CallerLeft, now: float) -> None:
        visit = self._here.pop(event.caller, None)
        if visit is not None:
            visit.waited, visit.outcome = event.waited, str(event.outcome)
        if event.outcome in POLICY:
            self._sent[event.caller] = now


def read_record(section: Section, witness: Count, rankers: Mapping[str, Ranker] = NO_RANKERS) -> Record:
    """Play a section again and note what its people did."""
    record = Record(section)
    reader = _Reader(record, witness.saw)
    record.replayed = play(section, saw=reader.saw, given=reader.given, began=witness.began, rankers=rankers)
    for entry in section.inputs:
        for draw in entry[3] if len(entry) > 3 else ():
            if isinstance(draw, list):
                record.hours.append((entry[0], draw[0], draw[1]))
    return record


def gave_up(visit: Visit) -> bool:
    return visit.outcome in ABANDONED
