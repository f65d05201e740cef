"""A recorded time under another policy (FEATURES B-1).

What is known stays: who called when, who gave up after how long, how long the answered talked, what agents and phones did.
What the record cannot know is drawn: the patience of who was answered (Kaplan-Meier, given that they waited so long), the talk of
who was not, how an agent answers an offer that was not made. Both policies meet the same draws; the difference is told with its
confidence interval over replications.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from softswitch.acd.engine import Engine
from softswitch.acd.tape import restore, unpacked_policy
from softswitch.decode import encode
from softswitch.effects import OfferResult, Outcome, RingAgent
from softswitch.sim.confidence import Estimate, estimate
from softswitch.sim.count import Count
from softswitch.sim.figures import Hours, Tally
from softswitch.sim.patience import Patience
from softswitch.sim.people import Dice
from softswitch.sim.policy import Policy
from softswitch.sim.record import POLICY, Record, Visit, gave_up, read_record
from softswitch.sim.replay import NO_RANKERS, Replayed, plug_in
from softswitch.sim.tape import CHECKPOINT, Section, chosen
from softswitch.sim.world import Done, Visitor, World

if TYPE_CHECKING:
    from softswitch.acd.custom import Ranker

FEW: Final = 20  # of less than so many give-ups of a queue those of all queues are the measure
TALK: Final = 180.0  # seconds, where no talk is known
ANSWER: Final = 4.0
EVERYBODY: Final = "agents"  # the team of all agents
REPLICATIONS: Final = 20
SHOWN: Final = ("sl", "asa", "p90", "longest", "abandon", "answered")


@dataclass(slots=True)
class Comparison:
    """Figures as recorded, as the model gives them for the recorded policy, for another one, and the difference."""

    since: float  # wall-clock seconds
    until: float
    replications: int
    replayed: list[Replayed]
    recorded: dict[str, dict[str, float | None]]  # by queue, "" = all
    before: dict[str, dict[str, Estimate | None]] = field(default_factory=dict)
    after: dict[str, dict[str, Estimate | None]] = field(default_factory=dict)
    difference: dict[str, dict[str, Estimate | None]] = field(default_factory=dict)

    @property
    def offers(self) -> int:
        return sum(len(one.assignments) for one in self.replayed)

    @property
    def different(self) -> int:
        """Assignments that are not as recorded; 0 for the engine that recorded them."""
        return sum(len(one.differences) for one in self.replayed)

    def as_dict(self) -> dict[str, Any]:
        def plain(figures: Mapping[str, Mapping[str, Estimate | None]]) -> dict[str, Any]:
            return {
                queue: {name: one.as_dict() if one else None for name, one in found.items()}
                for queue, found in figures.items()
            }

        return {
            "from": self.since, "to": self.until, "replications": self.replications, "offers": self.offers,
            "different": self.different, "exact": all(one.section.exact for one in self.replayed), "recorded": self.recorded,
            "before": plain(self.before), "after": plain(self.after), "difference": plain(self.difference),
        }  # fmt: skip


# --- the model -------------------------------------------------------------------------------------------------------


class Habits:
    """What the record tells of those who are not known themselves."""

    def __init__(self, records: Sequence[Record]) -> None:
        visits = [one for record in records for one in record.visits if one.waited is not None]
        self.patience = {"": _patience(visits)}
        self.talks: dict[str, list[float]] = {"": []}
        by_queue: dict[str, list[Visit]] = {}
        for one in visits:
            by_queue.setdefault(one.item.queue, []).append(one)
            if one.talk is not None:
                self.talks[""].append(one.talk)
                self.talks.setdefault(one.item.queue, []).append(one.talk)
        for queue, found in by_queue.items():
            if sum(map(gave_up, found)) >= FEW:
                self.patience[queue] = _patience(found)
        self.rings: dict[str, list[tuple[float, OfferResult]]] = {"": []}
        self.wrap_ups: dict[str, list[float | None]] = {}
        for record in records:
            for agent, rings in record.rings.items():
                self.rings[""] += rings
                self.rings.setdefault(agent, []).extend(rings)
            for agent, found_ups in record.wrap_ups.items():
                self.wrap_ups.setdefault(agent, []).extend(found_ups)

    def patience_in(self, queue: str) -> Patience:
        return self.patience.get(queue) or self.patience[""]

    def talk_in(self, queue: str, source: random.Random) -> float:
        known = self.talks.get(queue) or self.talks[""]
        return source.choice(known) if known else TALK


def _patience(visits: Sequence[Visit]) -> Patience:
    return Patience.of((one.waited, gave_up(one)) for one in visits if one.waited is not None)


class Recorded:
    """The people of a record, in one replication."""

    def __init__(
        self,
        record: Record,
        habits: Habits,
        seed: str,
        change: Policy | None,
        rankers: Mapping[str, Ranker] = NO_RANKERS,
    ) -> None:
        """`change`: queues and agents that replace those of the record; None: as it was."""
        self._rankers = rankers
        self._record = record
        self._habits = habits
        self._seed = seed
        self._change = change
        self._sources: dict[str, random.Random] = {}
        self._flips: dict[str, tuple[list[float], list[bool]]] = {}
        for at, name, value in record.hours:
            times, values = self._flips.setdefault(name, ([], []))
            times.append(at)
            values.append(value)

    def is_open(self, name: str, now: float) -> bool:
        """As it was then; before it was asked for, as it was first."""
        times, values = self._flips.get(name, ((), ()))
        return values[max(0, bisect_right(times, now) - 1)] if values else True

    def inputs(self) -> Iterator[tuple[float, object]]:
        source = random.Random(f"{self._seed}/callers")
        found: list[tuple[float, int, object]] = [
            (at, index, self._done(name, argument)) for index, (at, name, argument) in enumerate(self._record.day)
        ]
        after = len(found)
        for index, visit in enumerate(self._record.visits):
            visitor = self._visitor(visit, source)  # Drawn for everybody, so that nobody's draws depend on another's.
            if not visit.moved:
                found.append((visit.at, after + index, visitor))
        found.sort(key=lambda one: one[:2])
        return iter([(at, item) for at, _, item in found])

    def _visitor(self, visit: Visit, source: random.Random) -> Visitor:
        item, habits = visit.item, self._habits
        chance, talk = 1.0 - source.random(), habits.talk_in(item.queue, source)
        waited, outcome = visit.waited, Outcome.ABANDONED
        if waited is None:
            patience = habits.patience_in(item.queue).draw(chance)
        elif gave_up(visit):
            patience = waited
        elif visit.outcome == Outcome.ANSWERED or visit.outcome in POLICY:
            patience = habits.patience_in(item.queue).draw(chance, waited)
        else:  # A key, a call-back, a supervisor: that is how this visit ends if nobody is faster.
            patience, outcome = waited, Outcome(visit.outcome)
        return Visitor(
            item.caller, item.queue, 0, visit.talk if visit.talk is not None else talk, patience, item.number, item.priority,
            item.wait_credit, outcome,
        )  # fmt: skip

    def _done(self, name: str, argument: Any) -> object:
        if not name:
            return argument
        if name == CHECKPOINT:
            return Done(lambda engine, now: self._restore(engine, argument, now))
        if name == ".configure":
            return Done(lambda engine, now: engine.configure(now=now, **self._policy(argument)))
        if name == ".plug_in":
            return Done(lambda engine, now: plug_in(engine, argument, self._rankers, now))
        if name == ".restore_state":
            values = {**argument, "data": {**argument["data"], "visits": []}}
            return Done(lambda engine, now: engine.restore_state(now=now, **values))
        return Done(lambda engine, now: engine.close_visits(now))

    def _restore(self, engine: Engine, packed: dict[str, Any], now: float) -> None:
        if engine.queues:
            return  # A checkpoint on the way: nothing happens.
        policy = self._policy(unpacked_policy(packed))
        state = {**packed["state"], "visits": []}
        plug_in(engine, packed, self._rankers, now)
        plain = {name: {key: encode(one) for key, one in policy[name].items()} for name in ("queues", "agents")}
        restore(engine, {**packed, **plain, "state": state}, now)

    def _policy(self, recorded: dict[str, Any]) -> dict[str, Any]:
        if self._change is None:
            return recorded
        return {**recorded, "queues": dict(self._change.queues), "agents": dict(self._change.agents)}

    # --- agents ------------------------------------------------------------------------------------------------------

    def _source(self, name: str) -> random.Random:
        source = self._sources.get(name)
        if source is None:
            source = self._sources[name] = random.Random(f"{self._seed}/agent/{name}")
        return source

    def ring(self, item: RingAgent) -> tuple[float, OfferResult]:
        known = self._habits.rings.get(item.agent) or self._habits.rings[""]
        return self._source(item.agent).choice(known) if known else (ANSWER, OfferResult.ANSWERED)

    def wrap_up(self, agent: str) -> float | None:
        known = self._habits.wrap_ups.get(agent)
        return self._source(agent).choice(known) if known else None


# --- comparing -------------------------------------------------------------------------------------------------------


def compare(
    sections: Sequence[Section],
    change: Policy | None = None,
    *,
    since: float | None = None,
    until: float | None = None,
    replications: int = REPLICATIONS,
    seed: int = 1,
    rankers: Mapping[str, Ranker] = NO_RANKERS,
) -> Comparison:
    """Play sections again, and, if there is a change, under it. `since`, `until`: wall-clock seconds in which callers count;
    `rankers`: the strategies of the site's own.

    Raises NoTape, and what a policy raises that this version does not know.
    """
    begin = since if since is not None else min(one.begin for one in sections)
    end = until if until is not None else max(one.end for one in sections)
    actual = [_Counted(one, begin, end, rankers) for one in sections]
    records = [one.record for one in actual]
    replayed = [one.replayed for one in records if one.replayed is not None]
    result = Comparison(begin, end, replications, replayed, _figures([one.count for one in actual]))
    if change is None:
        return result
    habits = Habits(records)
    runs: list[tuple[dict[str, dict[str, float | None]], dict[str, dict[str, float | None]]]] = []
    for number in range(replications):
        name = f"{seed}/{number}"
        arms = [_run(records, habits, name, one, begin, end, rankers) for one in (None, change)]
        runs.append((arms[0], arms[1]))
    for queue in sorted({queue for pair in runs for one in pair for queue in one}):
        one, other = ([pair[arm].get(queue, {}) for pair in runs] for arm in (0, 1))
        names = {name: None for figures in (*one, *other) for name in figures}
        result.before[queue] = {name: estimate([figures.get(name) for figures in one]) for name in names}
        result.after[queue] = {name: estimate([figures.get(name) for figures in other]) for name in names}
        result.difference[queue] = {
            name: estimate([_minus(b.get(name), a.get(name)) for a, b in zip(one, other, strict=True)])
            for name in names
        }
    return result


class _Counted:
    """A section as it was."""

    def __init__(self, section: Section, begin: float, end: float, rankers: Mapping[str, Ranker]) -> None:
        self.count = _count(section, last_policy(section), begin, end)
        self.record = read_record(section, self.count, rankers)


def _run(
    records: Sequence[Record],
    habits: Habits,
    seed: str,
    change: Policy | None,
    begin: float,
    end: float,
    rankers: Mapping[str, Ranker],
) -> dict[str, dict[str, float | None]]:
    counts = []
    for index, record in enumerate(records):
        section = record.section
        people = Recorded(record, habits, f"{seed}/{index}", change, rankers)
        count = _count(section, change or last_policy(section), begin, end)
        start = float(section.inputs[0][0])
        World(Policy(), people, Dice(f"{seed}/{index}/engine"), [count], start, people.is_open).run()
        counts.append(count)
    return _figures(counts)


def _minus(one: float | None, other: float | None) -> float | None:
    return one - other if one is not None and other is not None else None


def _figures(counts: Sequence[Count]) -> dict[str, dict[str, float | None]]:
    whole: dict[str, Tally] = {}
    time = Hours()
    for count in counts:
        for (queue, stream), tally in count.tallies().items():
            if stream:
                continue
            into = whole.get(queue)
            if into is None:
                into = whole[queue] = Tally(tally.seconds, tally.short)
            into.add(tally)
        for hours in count.hours.values():
            time.busy += hours.busy
            time.ready += hours.ready
    found = {queue: tally.figures() for queue, tally in whole.items()} or {"": Tally().figures()}
    found[""]["occupancy"] = time.occupancy
    return found


def last_policy(section: Section) -> Policy:
    """The queues and agents of a section, as they were at its end."""
    policy = Policy()
    for entry in section.inputs:
        if entry[1] in (CHECKPOINT, ".configure"):
            found = unpacked_policy(entry[2])
            policy = Policy(found["queues"], found["agents"])
    return policy


def _count(section: Section, policy: Policy, begin: float, end: float) -> Count:
    teams = dict.fromkeys(policy.agents, EVERYBODY)
    return Count(policy, lambda caller: "", teams, begin - section.offset, end - section.offset)


# --- for `reload --dry-run` ----------------------------------------------------------------------------------------------


def last_hour(
    sections: Sequence[Section],
    change: Policy,
    now: float,
    *,
    seconds: float = 3_600.0,
    replications: int = 10,
    rankers: Mapping[str, Ranker] = NO_RANKERS,
) -> Comparison:
    """What the last hour would have been under a changed policy. Raises NoTape if nothing is recorded of it."""
    since = now - seconds
    found = chosen(list(sections), since, now)
    return compare(found, change, since=since, until=now, replications=replications, rankers=rankers)
