"""Why: the chain of reasons of a call, of an agent's idle time, of a queue's last decisions (FEATURES B-2, ACD-48).

Folded on demand from events, so a decision costs nothing but its event. Plain values come out; `words` says them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Any, Final

from softswitch.acd.agent import Condition
from softswitch.acd.caller import AGED
from softswitch.acd.dispatcher import RANKED
from softswitch.acd.past import Entry, Past, PastAgent, PastCaller
from softswitch.events import (
    AgentActivityChanged,
    AgentPresenceChanged,
    CallerConnected,
    CallerEscalated,
    CallerJoined,
    CallerLeft,
    CallerSteered,
    Event,
    OfferEnded,
    OfferMade,
    TierOpened,
)

if TYPE_CHECKING:
    from softswitch.directory import Queue

RANKED_BY: Final[Mapping[str, str]] = {  # what the keys of an offer are; of all others seconds of idleness
    "fewest_calls": "calls", "least_busy": "occupied", "skills": "score",
}  # fmt: skip
MOST_STEPS: Final = 2_000  # of one story


@dataclass(slots=True)
class Verdict:
    """The one reason why an agent did not get a call, or why a caller came after another."""

    name: str
    reason: str
    facts: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return {"name": self.name, "reason": self.reason, **self.facts}


@dataclass(slots=True)
class Decision:
    """One offer, and why it was this agent and this caller."""

    at: float
    queue: str
    caller: str
    agent: str
    offer: int
    tier: int
    waited: float
    strategy: str
    ranking: list[Verdict]  # the agents in question, best first, with the key that they were ranked by
    excluded: list[Verdict]  # everybody else
    after: list[Verdict]  # callers who waited for the same agent and came after this one
    passed: list[Verdict]  # callers of better rank who could not have this agent

    def as_dict(self) -> dict[str, Any]:
        plain = {
            name: getattr(self, name)
            for name in ("at", "queue", "caller", "agent", "offer", "tier", "waited", "strategy")
        }
        lists = ("ranking", "excluded", "after", "passed")
        return plain | {name: [one.as_dict() for one in getattr(self, name)] for name in lists}


@dataclass(slots=True)
class Step:
    """What happened to a caller. `kind`: "entered" | "tier_opened" | "offered" | "offer_ended" | "connected" | "left"."""

    at: float
    kind: str
    facts: dict[str, Any]
    decision: Decision | None = None

    def as_dict(self) -> dict[str, Any]:
        plain: dict[str, Any] = {"at": self.at, "kind": self.kind, **self.facts}
        return plain | ({"decision": self.decision.as_dict()} if self.decision is not None else {})


# --- a decision ----------------------------------------------------------------------------------------------------


def decided(past: Past, at: float, event: OfferMade, queues: Mapping[str, Queue]) -> Decision:
    """Explain an offer from the floor as it stood just before it."""
    strategy = event.ranking[0] if event.ranking else ""
    caller = past.callers.get(event.caller) or PastCaller(event.caller, event.queue, 0, 0, at - event.waited, 0.0)
    config = queues.get(event.queue)
    members = {member.agent for member in config.members} if config is not None else set()
    told = [name for name in event.ranking[1:] if name in members or name in past.agents]
    names = list(dict.fromkeys([event.agent, *told]))
    keys = dict(zip(told, event.keys, strict=False))
    ranking = [Verdict(name, "ranked", _key(past, name, strategy, keys, at)) for name in names]
    excluded, idle = _excluded(past, caller, event, config, names, at)
    ranking += [Verdict(name, "ranked", _key(past, name, strategy, keys, at)) for name in idle]
    after, passed = _rivals(past, caller, event, queues, at)
    return Decision(
        at, event.queue, event.caller, event.agent, event.offer, event.tier, event.waited, strategy, ranking, excluded,
        after, passed,
    )  # fmt: skip


def _key(past: Past, name: str, strategy: str, keys: Mapping[str, float], at: float) -> dict[str, Any]:
    """What the agent was ranked by: seconds idle, calls, seconds of work; of the others the seconds idle are told, too."""
    agent, what = past.agents.get(name), RANKED_BY.get(strategy, "idle")
    facts: dict[str, Any] = {}
    if name in keys:
        facts[what] = keys[name]
    elif agent is not None and what in ("calls", "occupied"):
        facts[what] = agent.calls(at) if what == "calls" else agent.occupied(at)
    if "idle" not in facts and agent is not None and agent.clock is not None:
        facts["idle"] = max(0.0, at - agent.clock)
    return facts


def _excluded(
    past: Past, caller: PastCaller, event: OfferMade, config: Queue | None, ranked: list[str], at: float
) -> tuple[list[Verdict], list[str]]:
    """(Everybody of the queue who was not in question, further ones who were but came after those named.)"""
    found: list[Verdict] = []
    idle: list[str] = []
    for member in config.members if config is not None else ():
        if member.agent in ranked:
            continue
        agent = past.agents.get(member.agent) or PastAgent()
        condition = agent.condition(event.queue)
        if condition is not Condition.IDLE:
            found.append(why_not(member.agent, agent, condition, at))
        elif event.asked and (event.asked[0].startswith("asks for") or len(ranked) < RANKED):
            # All who fit are named, or the first of them; this one does not.
            found.append(Verdict(member.agent, "asked_for", {"asked": list(event.asked)}))
        elif member.tier == event.tier:
            idle.append(member.agent)
        elif member.tier < event.tier:
            found.append(Verdict(member.agent, "not_suitable", {"tier": member.tier}))
        else:
            found.append(_higher(member.agent, member.tier, caller, event, config, at))
    return found, idle


def why_not(name: str, agent: PastAgent, condition: Condition | None, at: float) -> Verdict:
    """The one reason of an agent who was not free."""
    if condition is None:
        return Verdict(name, "unknown")
    facts: dict[str, Any] = {"seconds": max(0.0, at - agent.activity_since)}
    if condition in (Condition.LOGGED_OUT, Condition.PAUSED):
        facts = {"seconds": max(0.0, at - agent.presence_since)}
        if condition is Condition.PAUSED:
            facts["cause"] = agent.reason
    elif condition in (Condition.WRAP_UP, Condition.BACK_OFF):
        if agent.until is not None:
            facts["left"] = max(0.0, agent.until - at)
        if condition is Condition.BACK_OFF:
            facts["cause"] = agent.cause
    elif condition is Condition.IN_USE:
        facts["kind"] = agent.kind
        facts["caller"] = agent.caller
    elif condition is Condition.RINGING:
        facts["caller"] = agent.caller
    return Verdict(name, str(condition), facts)


def _higher(name: str, tier: int, caller: PastCaller, event: OfferMade, config: Queue | None, at: float) -> Verdict:
    """An agent of a further tier: it was not open, or lower ones come first."""
    assert config is not None
    opens = config.tier_after.get(tier)
    if config.tier_mode == "busy" or opens is None:
        return Verdict(name, "lower_tier_first", {"tier": tier})
    left = caller.joined + opens - at
    if left > 0.0:
        return Verdict(name, "tier_closed", {"tier": tier, "left": left})
    return Verdict(name, "lower_tier_first", {"tier": tier})


# --- which caller --------------------------------------------------------------------------------------------------


def rank(caller: PastCaller, queues: Mapping[str, Queue], at: float) -> tuple[float, ...]:
    """ACD-03, ACD-04, ACD-49: who has waited too long, before the weight of the queue, priority, effective wait, sequence."""
    config = queues.get(caller.queue)
    effective = caller.joined - caller.credit
    if config is None:
        return 0.0, -caller.priority, effective, caller.visit
    if 0.0 < config.fair_after <= at - effective:
        return -inf, AGED, effective, caller.visit
    if config.priority_seconds:
        return -config.weight, 0.0, effective - caller.priority * config.priority_seconds, caller.visit
    return -config.weight, -caller.priority, effective, caller.visit


def _rivals(
    past: Past, caller: PastCaller, event: OfferMade, queues: Mapping[str, Queue], at: float
) -> tuple[list[Verdict], list[Verdict]]:
    """(Callers who came after this one, callers of better rank who were passed over), of all queues of the agent."""
    mine = {name for name, config in queues.items() if any(one.agent == event.agent for one in config.members)}
    own = rank(caller, queues, at)
    after, passed = [], []
    for other in sorted(past.callers.values(), key=lambda one: rank(one, queues, at)):
        if other.caller == caller.caller or other.queue not in mine:
            continue
        if rank(other, queues, at) > own:
            after.append(Verdict(other.caller, *why_after(caller, other, queues, at)))
        else:
            passed.append(_why_passed(other, event, queues, at))
    return after, passed


def why_after(
    first: PastCaller, second: PastCaller, queues: Mapping[str, Queue], at: float
) -> tuple[str, dict[str, Any]]:
    """Why the first of two comes before the second: the first component of the rank in which they differ."""
    one, two = rank(first, queues, at), rank(second, queues, at)
    if one[1] == AGED != two[1]:
        return "fair", {"seconds": at - first.joined, "limit": queues[first.queue].fair_after}
    if one[0] != two[0]:
        return "weight", {"weight": -two[0], "against": -one[0], "queue": second.queue}
    if one[1] != two[1]:
        return "priority", {"priority": second.priority, "against": first.priority}
    if one[2] != two[2]:
        facts = {"seconds": two[2] - one[2]}
        if first.credit or second.credit:
            facts |= {"credit": second.credit, "against": first.credit}
        return "wait", facts
    return "sequence", {}


def _why_passed(other: PastCaller, event: OfferMade, queues: Mapping[str, Queue], at: float) -> Verdict:
    """Why a caller of better rank did not get this agent."""
    if other.rings:
        return Verdict(other.caller, "rings_elsewhere", {"agents": sorted(other.rings.values())})
    config = queues[other.queue]
    tier = next(one.tier for one in config.members if one.agent == event.agent)
    opens = config.tier_after.get(tier)
    if opens is not None and config.tier_mode != "busy" and other.joined + opens > at:
        return Verdict(
            other.caller, "tier_closed", {"tier": tier, "left": other.joined + opens - at, "queue": other.queue}
        )
    lowest = min(one.tier for one in config.members)
    if tier > lowest:
        return Verdict(other.caller, "lower_tier_first", {"tier": tier, "queue": other.queue})
    return Verdict(other.caller, "not_suitable", {"queue": other.queue})


# --- the story of a call ---------------------------------------------------------------------------------------------


def of_caller(
    entries: Iterable[Entry], caller: str, queues: Mapping[str, Queue], known: Mapping[str, PastAgent] | None = None
) -> list[Step]:
    """Everything that the queues did for a caller, each decision with its reasons. Empty if nothing is known of them."""
    past, steps = Past(known), list[Step]()
    for at, event in entries:
        if getattr(event, "caller", "") == caller and len(steps) < MOST_STEPS:
            step = _step(past, at, event, queues)
            if step is not None:
                steps.append(step)
        past.take(at, event)
    return steps


def _step(past: Past, at: float, event: Event, queues: Mapping[str, Queue]) -> Step | None:
    kind = _STEPS.get(type(event))
    if kind is None:
        return None
    facts = {name: value for name, value in event.as_dict().items() if name not in ("ranking", "keys", "caller")}
    if isinstance(event, CallerJoined):
        ahead = [one for one in past.callers.values() if one.queue == event.queue]
        facts["ahead"] = [one.caller for one in sorted(ahead, key=lambda one: rank(one, queues, at))][
            : event.position - 1
        ]
    decision = decided(past, at, event, queues) if isinstance(event, OfferMade) else None
    return Step(at, kind, facts, decision)


_STEPS: Final[Mapping[type, str]] = {
    CallerJoined: "entered",
    TierOpened: "tier_opened",
    OfferMade: "offered",
    OfferEnded: "offer_ended",
    CallerConnected: "connected",
    CallerEscalated: "escalated",
    CallerSteered: "steered",
    CallerLeft: "left",
}


def decisions(
    entries: Iterable[Entry],
    queues: Mapping[str, Queue],
    *,
    queue: str = "",
    known: Mapping[str, PastAgent] | None = None,
) -> list[Decision]:
    """Every offer of a queue, or of all, with its reasons."""
    past, found = Past(known), list[Decision]()
    for at, event in entries:
        if isinstance(event, OfferMade) and queue in ("", event.queue):
            found.append(decided(past, at, event, queues))
        past.take(at, event)
    return found


def between(
    entries: Iterable[Entry],
    first: str,
    second: str,
    queues: Mapping[str, Queue],
    known: Mapping[str, PastAgent] | None = None,
) -> tuple[Decision, Verdict] | None:
    """Why one caller went before another: the decision that gave the first an agent, and the one reason about the second.

    None if the first was never offered to anybody. The last offer of the first caller counts.
    """
    past, found = Past(known), None
    for at, event in entries:
        if isinstance(event, OfferMade) and event.caller == first:
            decision = decided(past, at, event, queues)
            found = decision, _about(past, decision, first, second, queues)
        past.take(at, event)
    return found


def _about(past: Past, decision: Decision, first: str, second: str, queues: Mapping[str, Queue]) -> Verdict:
    for one in (*decision.after, *decision.passed):
        if one.name == second:
            return one
    other = past.callers.get(second)
    if other is None:
        return Verdict(second, "not_there")
    return Verdict(second, "agent_not_theirs", {"queue": other.queue, "agent": decision.agent})


# --- the story of an agent -------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Spell:
    """A stretch of an agent's time in which one thing held."""

    begin: float
    end: float
    reason: str
    facts: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return {"from": self.begin, "to": self.end, "reason": self.reason, **self.facts}


@dataclass(slots=True)
class Idleness:
    """An agent's time: what it was, and which calls went to others while the agent was free."""

    agent: str
    spells: list[Spell]
    missed: list[tuple[Decision, Verdict]]  # offers to others while the agent was free, with the one reason
    offers: int  # to this agent

    def totals(self) -> dict[str, float]:
        """Seconds by reason, the longest first."""
        sums: Counter[str] = Counter()
        for spell in self.spells:
            sums[spell.reason] += spell.end - spell.begin  # type: ignore[assignment]
        return dict(sums.most_common())

    def as_dict(self) -> dict[str, Any]:
        return {
            "agent": self.agent,
            "offers": self.offers,
            "totals": self.totals(),
            "spells": [one.as_dict() for one in self.spells],
            "missed": [{"decision": decision.as_dict(), "why": why.as_dict()} for decision, why in self.missed],
        }


def of_agent(
    entries: Iterable[Entry],
    name: str,
    queues: Mapping[str, Queue],
    begin: float,
    end: float,
    known: Mapping[str, PastAgent] | None = None,
) -> Idleness:
    """Why an agent got the calls that they got from `begin` to `end`, and no others."""
    past = Past(known)
    mine = {queue for queue, config in queues.items() if any(one.agent == name for one in config.members)}
    story = Idleness(name, [], [], 0)
    changed = begin
    for at, event in entries:
        if at > end:
            break
        if at >= begin and isinstance(event, OfferMade):
            _notice(past, at, event, name, mine, queues, story)
        concerned = getattr(event, "agent", "") == name and isinstance(
            event, AgentActivityChanged | AgentPresenceChanged
        )
        moves = concerned or isinstance(event, CallerJoined | CallerLeft | OfferMade)
        if at > begin and moves:
            _close(past, name, mine, changed, at, story)
            changed = max(begin, at)
        past.take(at, event)
    _close(past, name, mine, changed, end, story)
    return story


def _notice(
    past: Past, at: float, event: OfferMade, name: str, mine: set[str], queues: Mapping[str, Queue], story: Idleness
) -> None:
    if event.agent == name:
        story.offers += 1
        return
    agent = past.agents.get(name)
    if event.queue not in mine or agent is None or agent.condition(event.queue) is not Condition.IDLE:
        return
    decision = decided(past, at, event, queues)
    for place, one in enumerate(decision.ranking):
        if one.name == name:
            facts = {"place": place + 1, **one.facts, "against": decision.ranking[0].facts}
            story.missed.append((decision, Verdict(name, "ranked", facts)))
            return
    why = next((one for one in decision.excluded if one.name == name), Verdict(name, "unknown"))
    story.missed.append((decision, why))


def _close(past: Past, name: str, mine: set[str], begin: float, end: float, story: Idleness) -> None:
    """The time since the last change was what the floor said."""
    if end <= begin:
        return
    agent = past.agents.get(name) or PastAgent()
    condition = agent.condition()
    if condition is Condition.IDLE:
        waiting = any(one.queue in mine and not one.rings for one in past.callers.values())
        reason, facts = ("idle_while_others_wait" if waiting else "nobody_waits"), dict[str, Any]()
    elif condition is None:
        reason, facts = "unknown", {}
    else:
        verdict = why_not(name, agent, condition, begin)
        reason, facts = verdict.reason, {key: one for key, one in verdict.facts.items() if key in ("cause", "kind")}
    last = story.spells[-1] if story.spells else None
    if last is not None and last.reason == reason and last.facts == facts and last.end == begin:
        last.end = end
    else:
        story.spells.append(Spell(begin, end, reason, facts))
