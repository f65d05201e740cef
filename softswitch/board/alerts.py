"""Alerts (SUP-04): rules of the site over the figures of the board, with hysteresis and a minimum duration.

A machine with an injected clock: `observe` takes what is to be seen now, `drain` gives the events. For each rule and each queue,
agent or trunk that it is about there is one state: quiet, doubtful (it holds, but not for long enough), raised, and calming.
What cannot be measured (no call has ended) is not bad.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from softswitch.acd.measure import QueueCounts
from softswitch.directory import Directory
from softswitch.directory.alerts import NO_AGENTS, PAUSE, SERVICE_LEVEL, TRUNK_DOWN, WAIT, WAITING, Alert
from softswitch.events import AlertCleared, AlertRaised

AWAY: Final = frozenset({"logged_out", "unreachable", "paused"})  # conditions of agents who take no calls
OVER, GONE = "over", "gone"
Key = tuple[str, str]  # the rule, and what it is about


@dataclass(slots=True)
class Seen:
    """What the board shows now. `recent(queue, minutes)`: the visits of the last minutes."""

    queues: Mapping[str, Mapping[str, Any]]  # as of `acd.board.queues`
    agents: Mapping[str, Mapping[str, Any]]  # as of `acd.board.agents`
    trunks: Mapping[str, str]  # name -> "up" | "down" | "unknown"
    recent: Callable[[str, int], QueueCounts]
    is_open: Callable[[str], bool]


class Finding(NamedTuple):
    """What a rule finds about one subject. `value` None: it cannot be measured."""

    subject: str
    bad: bool
    good: bool
    value: float | None
    queue: str = ""
    agent: str = ""
    trunk: str = ""
    reason: str = ""


@dataclass(slots=True)
class State:
    """How it stands with one rule and one subject. Times in seconds of the injected clock."""

    since: float  # when it turned bad (before it is raised), or good again (after); with `calm` none of both
    raised: AlertRaised | None = None
    raised_at: float = 0.0
    calm: bool = True


class Alerts:
    """All alerts of a site."""

    def __init__(self) -> None:
        self._rules: dict[str, Alert] = {}
        self._states: dict[Key, State] = {}
        self._out: list[AlertRaised | AlertCleared] = []

    def configure(self, site: Directory, now: float) -> None:
        """Take the rules of a site; what was raised by rules that have changed in their meaning is looked at anew."""
        rules = {**pause_rules(site), **site.alerts}
        for key in [key for key in self._states if rules.get(key[0]) != self._rules.get(key[0])]:
            self._drop(key, now)
        self._rules = rules

    @property
    def idle(self) -> bool:
        """Whether there is nothing to look at."""
        return not self._rules and not self._states

    def observe(self, seen: Seen, now: float) -> None:
        """Look at everything, about once a second."""
        found: set[Key] = set()
        for rule in self._rules.values():
            if rule.hours and not seen.is_open(rule.hours):
                continue
            for finding in _findings(rule, seen):
                found.add((rule.name, finding.subject))
                self._one(rule, finding, now)
        for key in [key for key in self._states if key not in found]:
            self._drop(key, now)

    def drain(self) -> list[AlertRaised | AlertCleared]:
        out, self._out = self._out, []
        return out

    def active(self, now: float) -> list[dict[str, Any]]:
        """What is raised, the worst and oldest first; `seconds`: since it was."""
        raised = [(key, state, state.raised) for key, state in self._states.items() if state.raised is not None]
        raised.sort(key=lambda one: (one[2].severity != "critical", one[1].raised_at))
        return [
            event.as_dict() | {"id": "/".join(key), "seconds": now - state.raised_at} for key, state, event in raised
        ]

    def __len__(self) -> int:
        return sum(state.raised is not None for state in self._states.values())

    # --- inside ------------------------------------------------------------------------------------------------------

    def _one(self, rule: Alert, finding: Finding, now: float) -> None:
        key = rule.name, finding.subject
        state = self._states.get(key)
        if state is None:
            if not finding.bad:
                return
            state = self._states[key] = State(now, calm=False)
        if state.raised is None:
            if not finding.bad:
                del self._states[key]
            elif now - state.since >= rule.hold:
                self._raise(rule, finding, state, now)
            return
        state.raised.value = finding.value
        if not finding.good:
            state.calm = True
        elif state.calm:
            state.calm, state.since = False, now
        if not state.calm and now - state.since >= rule.hold:
            del self._states[key]
            self._out.append(_cleared(state, OVER, now))

    def _raise(self, rule: Alert, finding: Finding, state: State, now: float) -> None:
        state.raised = AlertRaised(
            rule.name, rule.title, rule.condition, rule.severity, finding.value, rule.threshold, finding.queue,
            finding.agent, finding.trunk, finding.reason,
        )  # fmt: skip
        state.raised_at, state.calm = now, True
        self._out.append(AlertRaised(**state.raised.as_dict()))

    def _drop(self, key: Key, now: float) -> None:
        state = self._states.pop(key)
        if state.raised is not None:
            self._out.append(_cleared(state, GONE, now))

    # --- plain values ------------------------------------------------------------------------------------------------

    def export(self, now: float) -> list[dict[str, Any]]:
        """What is raised, for a next life."""
        return [
            {"subject": key[1], "age": now - state.raised_at, "event": state.raised.as_dict()}
            for key, state in self._states.items()
            if state.raised is not None
        ]

    def restore(self, kept: list[dict[str, Any]], now: float) -> None:
        """Take back what a former life had raised, so that nobody is told twice; after `configure`."""
        for one in kept:
            event = AlertRaised(**one["event"])
            if event.alert in self._rules:
                self._states[event.alert, one["subject"]] = State(now, event, now - one["age"])


def pause_rules(site: Directory) -> dict[str, Alert]:
    """The rules that stand with the reasons of pauses: how long each may last. No name of a site has a colon."""
    return {
        f"pause:{one.name}": Alert(
            f"pause:{one.name}", one.called(site.language), PAUSE, reasons=(one.name,), threshold=one.longest, hold=0.0,
            severity=one.alert,
        )
        for one in site.pauses.values()
        if one.longest
    }  # fmt: skip


def _cleared(state: State, cause: str, now: float) -> AlertCleared:
    raised = state.raised
    assert raised is not None
    return AlertCleared(
        raised.alert, raised.title, raised.condition, raised.severity, now - state.raised_at, cause, raised.queue,
        raised.agent, raised.trunk,
    )  # fmt: skip


def _findings(rule: Alert, seen: Seen) -> Iterator[Finding]:
    if rule.condition == TRUNK_DOWN:
        for name in rule.trunks or seen.trunks:
            if name in seen.trunks:
                down = seen.trunks[name] == "down"
                yield Finding(name, down, not down, None, trunk=name)
    elif rule.condition == PAUSE:
        yield from _pauses(rule, seen)
    else:
        for name in rule.queues or seen.queues:
            if (queue := seen.queues.get(name)) is not None:
                yield _of_queue(rule, name, queue, seen)


def _of_queue(rule: Alert, name: str, queue: Mapping[str, Any], seen: Seen) -> Finding:
    if rule.condition == NO_AGENTS:
        there = sum(count for condition, count in queue["agents"].items() if condition not in AWAY)
        return Finding(name, not there, there > 0, float(there), queue=name)
    value: float | None
    if rule.condition == SERVICE_LEVEL:
        level, _ = (counts := seen.recent(name, rule.minutes)).service_levels()
        ended = counts.answered + counts.abandoned - counts.abandoned_short
        value = level.value if ended >= rule.at_least else None
    else:
        value = float({WAIT: queue["longest_wait"], WAITING: queue["waiting"]}[rule.condition])
    return _judged(rule, name, value, queue=name)


def _pauses(rule: Alert, seen: Seen) -> Iterator[Finding]:
    """Agents in a pause; of the queues named, those who serve one of them."""
    for name, agent in seen.agents.items():
        if rule.queues and not any(queue in rule.queues for queue in agent["queues"]):
            continue
        paused = agent["presence"] == "not_ready" and (not rule.reasons or agent["reason"] in rule.reasons)
        yield _judged(rule, name, agent["presence_seconds"] if paused else 0.0, agent=name, reason=agent["reason"])


def _judged(
    rule: Alert, subject: str, value: float | None, *, queue: str = "", agent: str = "", reason: str = ""
) -> Finding:
    if value is None:
        return Finding(subject, False, True, None, queue, agent, "", reason)
    return Finding(subject, rule.bad(value), rule.good(value), value, queue, agent, "", reason)
