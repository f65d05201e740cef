"""A scenario: a centre, its callers, its teams, and what is expected of it (FEATURES B-9). Read from TOML.

Queues and agents are written as in site.toml, or taken from one (`site`) and changed here. Virtual time begins at midnight
of `first_day`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from softswitch.decode import Problems, Rule, decode, number, number_in, one_of, text, whole_in
from softswitch.directory import Agent, Membership, Span
from softswitch.errors import ConfigError
from softswitch.sim import draws, rules
from softswitch.sim.draws import NEVER, Duration
from softswitch.sim.policy import TABLES, Policy, read_policy
from softswitch.store.hours_text import DAYS, SPANS_EXPECTED, read_span, read_spans, write_spans
from softswitch.store.site import read_site
from softswitch.strategies import find
from softswitch.toml import read_toml

MINUTE: Final = 60.0
DAY: Final = 86_400.0
MOST_AGENTS: Final = 10_000  # of a team
MOST_RUNS: Final = 10_000
TALK: Final = draws.parse("lognormal(180, 0.9)")
ANSWER: Final = draws.parse("lognormal(4, 0.5)")
ALWAYS: Final = (Span(tuple(range(7)), 0, 1440),)

RATE_EXPECTED: Final = 'calls an hour, or a table such as { "Mon-Fri 08:00-12:00" = 60, "Mon-Fri 12:00-20:00" = 40 }'


@dataclass(slots=True, frozen=True)
class Callers:
    """A stream of callers. `rate`: (when, calls an hour)."""

    queue: str
    rate: tuple[tuple[Span, float], ...]
    name: str = ""  # by which expectations speak of them; "" = that of the queue
    talk: Duration = TALK
    patience: Duration = NEVER
    priority: int = 0
    wait_credit: float = 0.0  # seconds

    @property
    def label(self) -> str:
        return self.name or self.queue


@dataclass(slots=True, frozen=True)
class Team:
    """Agents with the same shifts and habits. Named ones, or `count` of them that the simulation makes up."""

    name: str
    agents: tuple[str, ...] = ()
    count: int = 0
    queues: Mapping[str, int] = field(default_factory=dict)  # queue -> tier, beside the memberships that they have
    shift: tuple[Span, ...] = ALWAYS
    breaks: tuple[Span, ...] = ()
    answer: Duration = ANSWER  # from the offer to the answer
    no_answer: float = 0.0  # share of offers that nobody answers
    reject: float = 0.0  # share of offers that are rejected, after the same time
    wrap_up: Duration | None = None  # how long the agent needs; None = as long as the queue gives

    def names(self) -> tuple[str, ...]:
        return (*self.agents, *(f"{self.name}-{n}" for n in range(1, self.count + 1)))


@dataclass(slots=True, frozen=True)
class Scenario:
    """What is simulated. `warm_up`: minutes at the beginning that are not counted."""

    title: str = ""
    site: str = ""  # a site.toml, relative to the scenario
    days: int = 1
    first_day: str = "Mon"
    warm_up: float = 0.0
    seed: int = 1
    replications: int = 10
    strategies: str = ""  # a folder of strategies in Python, relative to the scenario
    callers: tuple[Callers, ...] = ()
    teams: tuple[Team, ...] = ()
    expect: tuple[rules.Expectation, ...] = ()
    policy: Policy = field(default_factory=Policy)

    @property
    def end(self) -> float:
        """Virtual seconds with arrivals."""
        return self.days * DAY

    def spans(self, when: Sequence[Span]) -> list[tuple[float, float]]:
        """(from, to) in virtual seconds, in order; days repeat weekly, and a span that passes midnight goes on."""
        first = DAYS.index(self.first_day)
        found = []
        for day in range(-1, self.days):
            for span in when:
                if (first + day) % 7 in span.days:
                    length = (span.end - span.start) % 1440 or 1440
                    begin = day * DAY + span.start * MINUTE
                    found.append((max(0.0, begin), min(self.end, begin + length * MINUTE)))
        return _joined(sorted(one for one in found if one[0] < one[1]))


def _joined(spans: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Spans that touch are one."""
    found: list[tuple[float, float]] = []
    for begin, end in spans:
        if found and begin <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((begin, end))
    return found


# --- reading -------------------------------------------------------------------------------------------------------


def _read_rate(value: object) -> tuple[tuple[Span, float], ...]:
    if not isinstance(value, Mapping):
        return tuple((span, _rate(value)) for span in ALWAYS)
    return tuple((read_span(when), _rate(one)) for when, one in value.items())


def _rate(value: object) -> float:
    rate = number(value)
    if not 0.0 <= rate <= 1e6:
        raise ValueError
    return rate


def _read_names(value: object) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)):
        raise ValueError
    return tuple(text(one) for one in value)


SHARE: Final = number_in(0, 1)
SPANS: Final = Rule(SPANS_EXPECTED, read_spans, write_spans)
RULES: Final = {
    (Callers, "rate"): Rule(RATE_EXPECTED, _read_rate),
    (Callers, "talk"): draws.RULE,
    (Callers, "patience"): draws.RULE,
    (Callers, "wait_credit"): number_in(0, 86_400, "seconds"),
    (Team, "agents"): Rule('a list of agents such as ["anna", "jan"]', _read_names, list),
    (Team, "count"): whole_in(0, MOST_AGENTS),
    (Team, "shift"): SPANS,
    (Team, "breaks"): SPANS,
    (Team, "answer"): draws.RULE,
    (Team, "no_answer"): SHARE,
    (Team, "reject"): SHARE,
    (Team, "wrap_up"): draws.RULE,
    (Scenario, "days"): whole_in(1, 3_660),
    (Scenario, "first_day"): one_of(*DAYS),
    (Scenario, "warm_up"): number_in(0, 100_000, "minutes"),
    (Scenario, "replications"): whole_in(1, MOST_RUNS),
    (Scenario, "expect"): Rule(rules.EXPECTED, rules.read_all, lambda found: [one.text for one in found]),
}
OWN: Final = ("policy",)  # not a key of the file


def read_scenario(file: Path) -> Scenario:
    """Raises ConfigError that lists every mistake."""
    data = read_toml(file)
    scenario = _scenario(data, str(file), _base(data.get("site", ""), file))
    return _with_strategies(scenario, file)


def parse_scenario(data: Mapping[str, Any], base: Policy | None = None) -> Scenario:
    """A scenario from plain values, for programs. Raises ConfigError."""
    return _scenario(data, "scenario", base or Policy())


def _scenario(data: Mapping[str, Any], file: str, base: Policy) -> Scenario:
    problems = Problems(file)
    rest = {name: one for name, one in data.items() if name not in (*TABLES, *OWN)}
    for name in OWN:
        if name in data:
            problems.unknown(name, data[name], TABLES)
    scenario = decode(Scenario, rest, problems, rules=RULES)
    policy = read_policy(data, problems, base)
    problems.check()
    assert scenario is not None
    scenario = replace(scenario, policy=policy)
    _check(scenario, problems)
    problems.check()
    return staffed(scenario)


def _with_strategies(scenario: Scenario, file: Path) -> Scenario:
    """The folder of strategies, as seen from anywhere; what cannot be loaded is told before anything is played."""
    if not scenario.strategies:
        return scenario
    folder = (file.parent / scenario.strategies).resolve()
    if faults := find(folder).faults:
        why = "; ".join(f"{where}: {what}" for where, what in faults)
        raise ConfigError(
            f"{file}: strategies: {why}",
            file=str(file),
            key="strategies",
            value=scenario.strategies,
            expected="a folder",
        )
    return replace(scenario, strategies=str(folder))


def _base(site: object, file: Path) -> Policy:
    if not isinstance(site, str) or not site:
        return Policy()
    path = file.parent / site
    if not path.is_file():
        raise ConfigError(
            f"{file}: site: there is no {path}", file=str(file), key="site", value=site, expected="a site.toml"
        )
    return Policy.of(read_site(path))


def _check(scenario: Scenario, problems: Problems) -> None:
    """What the tables mean together."""
    queues = scenario.policy.queues
    if not scenario.callers:
        problems.add("callers", None, "at least one [[callers]]", what="is missing")
    if not scenario.teams:
        problems.add("teams", None, "at least one [[teams]]", what="is missing")
    for index, stream in enumerate(scenario.callers):
        if stream.queue not in queues:
            problems.unknown(f"callers[{index}].queue", stream.queue, list(queues), noun="queue")
    seen: set[str] = set()
    for index, team in enumerate(scenario.teams):
        key = f"teams[{index}]"
        if not team.names():
            problems.add(f"{key}.agents", [], "agents, or a count")
        for name in team.agents:
            if name not in scenario.policy.agents and not team.queues:
                problems.unknown(f"{key}.agents", name, list(scenario.policy.agents), noun="agent")
        if twice := seen & set(team.names()):
            problems.add(f"{key}.agents", min(twice), "an agent in one team only")
        seen.update(team.names())
        for queue in team.queues:
            if queue not in queues:
                problems.unknown(f"{key}.queues", queue, list(queues), noun="queue")
        if team.no_answer + team.reject >= 1.0:
            problems.add(f"{key}.no_answer", team.no_answer, "less than 1 together with reject")
    labels = {stream.label for stream in scenario.callers}
    for one in scenario.expect:
        for kind, name, known in (("queue", one.queue, list(queues)), ("callers", one.callers, sorted(labels))):
            if name and name not in known:
                problems.unknown("expect", name, known, noun=kind)


def staffed(scenario: Scenario) -> Scenario:
    """With the agents that teams make up, and the memberships that teams have."""
    queues, agents = dict(scenario.policy.queues), dict(scenario.policy.agents)
    for team in scenario.teams:
        for name in team.names():
            agents.setdefault(name, Agent(name, name))
        for queue, tier in team.queues.items():
            config = queues[queue]
            known = {member.agent for member in config.members}
            fresh = [Membership(name, tier, len(known) + n) for n, name in enumerate(team.names()) if name not in known]
            queues[queue] = replace(config, members=(*config.members, *fresh))
    return replace(scenario, policy=Policy(queues, agents))
