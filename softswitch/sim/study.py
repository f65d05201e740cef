"""Replications of a scenario: figures with confidence intervals, expectations, and counter-examples with their reasons."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING, Any, Final

from softswitch.acd import story, words
from softswitch.acd.past import Entry
from softswitch.acd.view import explain_caller
from softswitch.events import CallerLeft, Event
from softswitch.sim.confidence import Estimate, estimate
from softswitch.sim.count import Count
from softswitch.sim.figures import Hours, Tally
from softswitch.sim.people import Crowd, Dice, stream_of
from softswitch.sim.rules import Expectation
from softswitch.sim.scenario import DAY, MINUTE, Scenario
from softswitch.sim.watch import Breach, Watch
from softswitch.sim.world import See, World
from softswitch.store.hours_text import DAYS
from softswitch.strategies import find

if TYPE_CHECKING:
    from softswitch.acd.engine import Engine

SHOWN: Final = ("offered", "answered", "sl", "asa", "p90", "longest", "abandon")
GARBAGE: Final = 100_000
REMEMBERED: Final = 4_000.0  # virtual seconds before a counter-example that its reasons are told from

Key = tuple[str, str]  # (queue, stream); "" = all


@dataclass(slots=True)
class Run:
    """What one replication came to."""

    replication: int
    calls: int
    figures: dict[Key, dict[str, float | None]]
    occupancy: dict[str, float | None]  # by team; "" = all
    breaches: dict[str, list[Breach]]
    longest: tuple[float, str, float]  # (wait, caller, when they left) of who waited longest
    cpu: float  # seconds


@dataclass(slots=True)
class Verdict:
    """An expectation and whether it held; where not, an example with its reasons."""

    expectation: str
    holds: bool
    value: Estimate | None = None  # of a figure
    breaches: int = 0  # of a rule, in all replications
    example: Breach | None = None
    chain: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        example = self.example
        return {
            "expectation": self.expectation,
            "holds": self.holds,
            "value": self.value.as_dict() if self.value else None,
            "breaches": self.breaches,
            "example": None if example is None else {
                "replication": example.replication, "at": example.at, "caller": example.caller, "other": example.other,
                "agent": example.agent, "detail": example.detail,
            },
            "chain": self.chain,
        }  # fmt: skip


@dataclass(slots=True)
class Study:
    """All replications of a scenario."""

    scenario: Scenario
    runs: list[Run]
    verdicts: list[Verdict] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return all(one.holds for one in self.verdicts)

    @property
    def calls(self) -> int:
        return sum(run.calls for run in self.runs)

    @property
    def cpu(self) -> float:
        return sum(run.cpu for run in self.runs)

    def keys(self) -> list[Key]:
        return sorted({key for run in self.runs for key in run.figures})

    def estimates(self, key: Key) -> dict[str, Estimate | None]:
        names = {name: None for run in self.runs for name in run.figures.get(key, ())}
        return {name: estimate([run.figures.get(key, {}).get(name) for run in self.runs]) for name in names}

    def occupancy(self) -> dict[str, Estimate | None]:
        teams = {team: None for run in self.runs for team in run.occupancy}
        return {team: estimate([run.occupancy.get(team) for run in self.runs]) for team in teams}

    def as_dict(self) -> dict[str, Any]:
        return {
            "title": self.scenario.title,
            "replications": len(self.runs),
            "days": self.scenario.days,
            "seed": self.scenario.seed,
            "calls": self.calls,
            "cpu_seconds": self.cpu,
            "calls_per_cpu_second": self.calls / self.cpu if self.cpu else None,
            "figures": [
                {"queue": queue, "callers": stream, **_plain(self.estimates((queue, stream)))} for queue, stream in self.keys()
            ],
            "occupancy": _plain(self.occupancy()),
            "expectations": [one.as_dict() for one in self.verdicts],
            "holds": self.holds,
        }  # fmt: skip


def _plain(estimates: dict[str, Estimate | None]) -> dict[str, Any]:
    return {name: one.as_dict() if one is not None else None for name, one in estimates.items()}


# --- one replication -------------------------------------------------------------------------------------------------


class _Longest:
    """Notes who waited longest, and what happened lately if asked to."""

    settles = False

    def __init__(self, since: float, remember: float | None = None) -> None:
        self.wait = (0.0, "", 0.0)
        self.entries: list[Entry] = []
        self._since = since
        self._from = remember

    def sees(self, kind: type[Event]) -> See | None:
        if self._from is not None:
            return self._remember
        return self._left if kind is CallerLeft else None

    def _left(self, event: CallerLeft, now: float) -> None:
        if event.waited > self.wait[0] and now >= self._since:
            self.wait = event.waited, event.caller, now

    def _remember(self, event: Event, now: float) -> None:
        if type(event) is CallerLeft:
            self._left(event, now)
        if self._from is not None and now >= self._from:
            self.entries.append((now, event))

    def settled(self, now: float) -> None:
        """Nothing is to be done."""

    def began(self, engine: Engine, now: float) -> None:
        """Nothing is to be done."""


class Play:
    """One replication of a scenario, ready to run."""

    def __init__(self, scenario: Scenario, replication: int, remember: float | None = None) -> None:
        """`remember`: from when on events are kept, for reasons."""
        self.scenario = scenario
        self.replication = replication
        warm = scenario.warm_up * MINUTE
        teams = {name: team.name for team in scenario.teams for name in team.names()}
        self.count = Count(scenario.policy, stream_of, teams, warm, scenario.end)
        rules = [one for one in scenario.expect if one.kind != "figure"]
        self.watch = Watch(rules, replication, stream_of, warm)
        self.longest = _Longest(warm, remember)
        witnesses: list[Any] = [self.count, self.longest]
        if self.watch.needed:
            witnesses.append(self.watch)
        dice = Dice(f"{scenario.seed}/{replication}/engine")
        self.world = World(scenario.policy, Crowd(scenario, replication), dice, witnesses)
        self.watch.world = self.world
        if scenario.strategies:
            self.world.engine.plug_in(find(Path(scenario.strategies)).rankers, self.world.now)

    def run(self) -> Run:
        begun = process_time()
        before = gc.get_threshold()
        gc.set_threshold(GARBAGE)  # Callers are circles, so it must run; but not ten times in a call.
        try:
            self.world.run()
        finally:
            gc.set_threshold(*before)
        tallies = self.count.tallies()
        hours = self.count.hours
        whole = Hours(sum(one.busy for one in hours.values()), sum(one.ready for one in hours.values()))
        return Run(
            self.replication,
            self.world.calls,
            {key: tally.figures() for key, tally in tallies.items()} or {("", ""): Tally().figures()},
            {"": whole.occupancy, **{team: one.occupancy for team, one in hours.items()}},
            self.watch.breaches,
            self.longest.wait,
            process_time() - begun,
        )


def play(scenario: Scenario, replication: int) -> Run:
    return Play(scenario, replication).run()


def _play(task: tuple[Scenario, int]) -> Run:
    return play(*task)


def run(scenario: Scenario, *, jobs: int = 1, progress: Callable[[int], object] = lambda done: None) -> Study:
    """All replications, `jobs` at a time in processes of their own."""
    tasks = [(scenario, n) for n in range(scenario.replications)]
    jobs = min(jobs or os.cpu_count() or 1, len(tasks))
    runs = list[Run]()
    if jobs <= 1:
        for task in tasks:
            runs.append(_play(task))
            progress(len(runs))
    else:
        with ProcessPoolExecutor(jobs) as pool:
            for one in pool.map(_play, tasks):
                runs.append(one)
                progress(len(runs))
    study = Study(scenario, runs)
    study.verdicts = [judge(study, one) for one in scenario.expect]
    return study


# --- expectations ----------------------------------------------------------------------------------------------------


def judge(study: Study, one: Expectation) -> Verdict:
    if one.kind != "figure":
        found = [breach for run in study.runs for breach in run.breaches.get(one.text, ())]
        if not found:
            return Verdict(one.text, True)
        return Verdict(one.text, False, breaches=len(found), example=found[0], chain=reasons(study.scenario, found[0]))
    values = [_figure(run, one) for run in study.runs]
    value = estimate(values)
    if value is None or one.holds(value.mean):
        return Verdict(one.text, True, value)
    worst = _worst(study.runs, values, one)
    wait, caller, at = worst.longest
    example = Breach(
        one.text, worst.replication, at, caller, detail=f"waited {wait:.1f} s, the longest of that replication"
    )
    return Verdict(one.text, False, value, example=example, chain=reasons(study.scenario, example))


def _figure(run: Run, one: Expectation) -> float | None:
    if one.figure == "occupancy":
        return run.occupancy.get("")
    return run.figures.get((one.queue, one.callers), {}).get(one.figure)


def _worst(runs: Sequence[Run], values: Sequence[float | None], one: Expectation) -> Run:
    sign = 1.0 if one.operator in ("<", "<=") else -1.0
    ranked = [(sign * value, -index) for index, value in enumerate(values) if value is not None]
    return runs[-max(ranked)[1]]


def reasons(scenario: Scenario, breach: Breach) -> list[str]:
    """The counter-example once more, with its reasons: the same replication runs again up to that moment."""
    play = Play(scenario, breach.replication, remember=max(0.0, breach.at - REMEMBERED))
    play.world.run(until=breach.at)
    clock = clock_of(scenario)
    lines = list(words.of_call(story.of_caller(play.longest.entries, breach.caller, scenario.policy.queues), clock))
    waiting = explain_caller(play.world.engine, breach.caller, play.world.now) if breach.caller else None
    if waiting is not None:
        lines.append(f"{clock(breach.at)} {breach.caller} still waits, after {words.duration(waiting['waited'])}:")
        for member in waiting["members"]:
            facts = {name: value for name, value in member.items() if name not in ("agent", "reason")}
            lines.append(f"  {member['agent']}: {words.reason(member['reason'], facts)}")
    if breach.other:
        found = story.between(play.longest.entries, breach.other, breach.caller, scenario.policy.queues)
        if found is not None:
            lines += list(words.of_decision(found[0], clock))
    return lines


def clock_of(scenario: Scenario) -> Callable[[float], str]:
    """Virtual seconds as a time of day, with the day where there are several."""
    first = DAYS.index(scenario.first_day)

    def clock(at: float) -> str:
        day, rest = divmod(at, DAY)
        hours, rest = divmod(rest, 3_600.0)
        minutes, seconds = divmod(rest, 60.0)
        said = f"{int(hours):02d}:{int(minutes):02d}:{seconds:04.1f}"
        return f"{DAYS[(first + int(day)) % 7]} {int(day) + 1} {said}" if scenario.days > 1 else said

    return clock
