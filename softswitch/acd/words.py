"""Reasons in words: "wrap-up, 7.0 s left", "tier 1 opens in 12.0 s", "on an outbound call"."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from softswitch.acd.story import Decision, Idleness, Spell, Step, Verdict

Clock = Callable[[float], str]

MOMENT: Final = 0.05  # seconds: what is shorter is said as 0.0 s, and is not told
NAMED: Final = 12  # agents and callers that a sentence names; of the others it says how many there are
CALLS: Final = {
    "queue": "on a queue call", "outbound": "on an outbound call", "internal": "on an internal call",
    "consult": "in a consultation", "trunk": "on an outside call", "recall": "taken by a call that came back",
}  # fmt: skip
RESULTS: Final = {
    "answered": "answered", "no_answer": "did not answer", "rejected": "rejected it", "busy": "was busy",
    "unreachable": "could not be reached", "cancelled_caller_gone": "was told to stop: the caller had gone",
    "cancelled_elsewhere": "was told to stop: another agent answered",
    "cancelled_agent_state": "was no longer there for it", "failed": "failed",
}  # fmt: skip
CAUSES: Final = {
    "no_answer": "did not answer", "rejected": "rejected a call", "busy": "was busy", "unreachable": "could not be reached",
    "failed": "a call failed",
}  # fmt: skip
SPELLS: Final = {
    "nobody_waits": "free, nobody waited", "idle_while_others_wait": "free while callers waited", "logged_out": "logged out",
    "unreachable": "phone unreachable", "paused": "not ready", "in_use": "on a call", "ringing": "rung", "wrapup": "wrap-up",
    "backoff": "resting after a call that was not taken", "unknown": "not known",
}  # fmt: skip


def duration(seconds: float) -> str:
    """`4.2 s`, `3:07`, `1:02:09`."""
    if seconds < 60.0:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    if whole < 3_600:
        return f"{whole // 60}:{whole % 60:02d} min"
    return f"{whole // 3_600}:{whole % 3_600 // 60:02d}:{whole % 60:02d} h"


def reason(why: str, facts: Mapping[str, Any]) -> str:
    """Why an agent, or a caller, did not come into question or came later."""
    say = _REASONS.get(why)
    return say(facts) if say is not None else why.replace("_", " ")


def _timed(text: str, facts: Mapping[str, Any]) -> str:
    if facts.get("left") is not None:
        return f"{text}, {duration(facts['left'])} left"
    return f"{text} for {duration(facts['seconds'])}" if "seconds" in facts else text


def _in_use(facts: Mapping[str, Any]) -> str:
    text = CALLS.get(facts.get("kind", ""), "on a call")
    if facts.get("kind") == "queue" and facts.get("caller"):
        text += f" with {facts['caller']}"
    return _timed(text, facts)


def _back_off(facts: Mapping[str, Any]) -> str:
    cause = CAUSES.get(facts.get("cause", ""), "")
    return _timed("rests" + (f" ({cause})" if cause else ""), facts)


def _paused(facts: Mapping[str, Any]) -> str:
    cause = facts.get("cause") or ""
    return _timed("not ready" + (f" ({cause.replace('_', ' ')})" if cause else ""), facts)


def _tier_closed(facts: Mapping[str, Any]) -> str:
    tier = f"tier {facts['tier']}" if "tier" in facts else "the tier"
    return f"{tier} opens in {duration(facts['left'])}" if facts.get("left") is not None else f"{tier} is not open"


def _ranked(facts: Mapping[str, Any]) -> str:
    parts = []
    if "place" in facts:
        parts.append(f"place {facts['place']}")
    if "calls" in facts:
        parts.append(f"{facts['calls']:g} calls in this shift")
    if "score" in facts:
        parts.append(f"score {facts['score']:g}")
    if "occupied" in facts:
        parts.append(f"busy for {duration(facts['occupied'])} in the last hour")
    if "idle" in facts:
        against = facts.get("against", {}).get("idle")
        parts.append(
            f"idle for {duration(facts['idle'])}" + (f" against {duration(against)}" if against is not None else "")
        )
    return ", ".join(parts) or "in question"


def _weight(facts: Mapping[str, Any]) -> str:
    return f"queue {facts['queue']} has weight {facts['weight']:g} against {facts['against']:g}"


def _wait(facts: Mapping[str, Any]) -> str:
    text = f"came {duration(facts['seconds'])} later"
    if facts.get("credit") or facts.get("against"):
        text += f" (credit {duration(facts.get('credit', 0.0))} against {duration(facts.get('against', 0.0))} counted)"
    return text


_REASONS: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "logged_out": lambda facts: _timed("logged out", facts),
    "unreachable": lambda facts: _timed("phone unreachable", facts),
    "paused": _paused,
    "in_use": _in_use,
    "ringing": lambda facts: "rings" + (f" for {facts['caller']}" if facts.get("caller") else ""),
    "wrapup": lambda facts: _timed("wrap-up", facts),
    "backoff": _back_off,
    "tier_closed": _tier_closed,
    "lower_tier_first": lambda facts: f"tier {facts.get('tier', '?')}: lower tiers come first",
    "asked_for": lambda facts: "the caller " + ", ".join(facts["asked"]) if str(facts["asked"][0]).startswith("asks for")
    else "lacks what the caller asks for: " + ", ".join(facts["asked"]),
    "skills": lambda facts: "lacks a skill: "
    + ", ".join(f"{skill} {level}" for skill, level in sorted(facts["asked"].items())),
    "caller_waits_for_another": lambda facts: f"the caller waits for {facts['agent']}, {duration(facts['left'])} at most",
    "not_suitable": lambda facts: "may not serve this caller",
    "ranked": _ranked,
    "unknown": lambda facts: "not known",
    "weight": _weight,
    "priority": lambda facts: f"priority {facts['priority']} against {facts['against']}",
    "wait": _wait,
    "fair": lambda facts: f"the first has waited longer than {duration(facts['limit'])}, which counts before priority",
    "sequence": lambda facts: "came in the same moment, behind",
    "rings_elsewhere": lambda facts: "rings at " + ", ".join(facts["agents"]),
    "not_there": lambda facts: "was not in a queue then",
    "agent_not_theirs": lambda facts: f"{facts['agent']} does not serve {facts['queue']}",
}  # fmt: skip


def listed(verdicts: Sequence[Verdict], most: int = NAMED) -> str:
    """`Anna: wrap-up, 7.0 s left; Jan: tier 1 opens in 12.0 s`."""
    said = [f"{one.name}: {reason(one.reason, one.facts)}" for one in verdicts[:most]]
    if len(verdicts) > most:
        said.append(f"and {len(verdicts) - most} more")
    return "; ".join(said)


def of_decision(decision: Decision, clock: Clock, most: int = NAMED) -> Iterator[str]:
    """A decision as a few lines."""
    yield (
        f"{clock(decision.at)} {decision.caller} -> {decision.agent} (queue {decision.queue}, tier {decision.tier}, "
        f"{decision.strategy or 'no strategy'}) after {duration(decision.waited)}"
    )
    if decision.ranking:
        yield f"  agents in question, best first: {listed(decision.ranking, most)}"
    if decision.excluded:
        yield f"  not in question: {listed(decision.excluded, most)}"
    if decision.passed:
        yield f"  passed over: {listed(decision.passed, most)}"
    if decision.after:
        yield f"  callers behind: {listed(decision.after, most)}"


def of_call(steps: Sequence[Step], clock: Clock, most: int = NAMED) -> Iterator[str]:
    """The story of a call, a line or a few for each step."""
    for step in steps:
        facts = step.facts
        if step.kind == "entered":
            ahead = facts["ahead"][:most]
            behind = f", behind {', '.join(ahead)}" if ahead else ""
            yield (
                f"{clock(step.at)} entered {facts['queue']} with priority {facts['priority']} at place {facts['position']} "
                f"of {facts['waiting']}{behind}"
            )
        elif step.kind == "tier_opened":
            yield f"{clock(step.at)} tier {facts['tier']} opened ({facts['cause']})"
        elif step.kind == "offered" and step.decision is not None:
            yield from of_decision(step.decision, clock, most)
        elif step.kind == "offer_ended":
            status = f" (SIP {facts['status']})" if facts.get("status") else ""
            result = RESULTS.get(facts["result"], facts["result"])
            yield f"{clock(step.at)} {facts['agent']} {result} after {duration(facts['ring_seconds'])} of ringing{status}"
        elif step.kind == "escalated":
            yield f"{clock(step.at)} rung {facts['rung']} of the ladder ({facts['trigger']}): {facts['action'] or 'a message'}"
        elif step.kind == "steered":
            yield f"{clock(step.at)} {facts['verb']} {facts['value']}, by {facts['actor']}".replace("  ", " ")
        elif step.kind == "connected":
            yield f"{clock(step.at)} talks with {facts['agent']}, having waited {duration(facts['waited'])}"
        elif step.kind == "left":
            detail = f" ({facts['detail']})" if facts.get("detail") else ""
            outcome = str(facts["outcome"]).replace("_", " ")
            yield f"{clock(step.at)} left {facts['queue']}: {outcome}{detail}, after {duration(facts['waited'])}"


def _worth_telling(spells: Iterable[Spell]) -> list[Spell]:
    """Without the moments between one thing and the next: what a moment cut in two is one spell."""
    found: list[Spell] = []
    for spell in spells:
        if spell.end - spell.begin < MOMENT:
            continue
        if found and (found[-1].reason, found[-1].facts) == (spell.reason, spell.facts):
            found[-1] = replace(found[-1], end=spell.end)
        else:
            found.append(spell)
    return found


def of_agent(story: Idleness, clock: Clock, most: int = NAMED) -> Iterator[str]:
    """Where an agent's time went, and which calls went to others meanwhile."""
    yield f"{story.agent}: {story.offers} offer{'' if story.offers == 1 else 's'}"
    for why, seconds in story.totals().items():
        if seconds >= MOMENT:
            yield f"  {duration(seconds)}: {SPELLS.get(why, why)}"
    for spell in _worth_telling(story.spells):
        cause = spell.facts.get("cause") or spell.facts.get("kind") or ""
        said = SPELLS.get(spell.reason, spell.reason) + (f" ({cause.replace('_', ' ')})" if cause else "")
        yield f"{clock(spell.begin)} - {clock(spell.end)} {said}"
    for decision, verdict in story.missed[-most:]:
        said = reason(verdict.reason, verdict.facts)
        yield f"{clock(decision.at)} {decision.caller} went to {decision.agent}: {story.agent} {said}"
    if len(story.missed) > most:
        yield f"(and {len(story.missed) - most} earlier calls that went to others)"
