"""What the engine can tell about itself: the snapshot for boards, and explanations of every "why not" (FEATURES B-2).

Read only, plain values, durations in seconds.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

from softswitch.acd.agent import AgentState, Condition
from softswitch.acd.caller import Caller, CallerState, Offer

if TYPE_CHECKING:
    from softswitch.acd.engine import Engine
    from softswitch.acd.queue import QueueState, Seat, Tier
    from softswitch.directory import Rung

Values = dict[str, Any]
ESTIMATED = 100  # callers of a queue whose wait is estimated for boards


def queues(engine: Engine, now: float) -> Values:
    return {name: _queue(engine, queue, now) for name, queue in sorted(engine.queues.items())}


def agents(engine: Engine, now: float) -> Values:
    return {name: _agent(agent, now) for name, agent in sorted(engine.roster.agents.items())}


def snapshot(engine: Engine, now: float) -> Values:
    return {
        "queues": queues(engine, now),
        "agents": agents(engine, now),
        "ignored": dict(sorted(engine.ignored.items())),
    }


def _queue(engine: Engine, queue: QueueState, now: float) -> Values:
    callers = queue.in_order()
    waits = [now - caller.joined for caller in queue.on_the_line()]
    counts = engine.measure.queues[queue.name]
    too_long = sum(wait > queue.config.service_level_seconds for wait in waits)
    seats = [seat for tier in queue.tiers for seat in tier.seats.values()]
    return {
        "title": queue.config.title or queue.name,
        "strategy": queue.strategy.name,
        "closing": queue.closing,
        "waiting": len(callers),
        "longest_wait": max(waits, default=0.0),
        "surging": queue.surging,
        "callbacks": sum(task.queue == queue.name for task in engine.callbacks.tasks.values()),
        "callers": [_caller(engine, caller, place, now) for place, caller in enumerate(callers, 1)],
        "agents": dict(sorted(Counter(str(seat.agent.condition(queue.name)) for seat in seats).items())),
        "members": [
            {
                "agent": seat.agent.name,
                "tier": seat.tier.number,
                "position": seat.position,
                "condition": str(seat.agent.condition(queue.name)),
            }
            for seat in seats
        ],
        "counts": counts.as_dict() | {"in_progress": counts.in_progress},
        "figures": {name: figure.as_dict() for name, figure in counts.figures(too_long).items()},
        "ewt": finite(engine.outlook.newcomer(queue, now).seconds),
    }


def _caller(engine: Engine, caller: Caller, place: int, now: float) -> Values:
    return {
        "caller": caller.id,
        "number": caller.number,
        "name": caller.name,
        "priority": caller.priority,
        "position": place,
        "waited": now - caller.joined,
        "state": str(caller.state),
        "tier": caller.tier,
        "rungs": len(caller.climbed),
        "callback": str(caller.callback.kind) if caller.callback is not None else "",
        "offers": [_offer(offer, now) for offer in caller.offers.values()],
        "ewt": finite(engine.outlook.caller(caller, now).seconds) if place <= ESTIMATED else None,
    }


def finite(seconds: float) -> float | None:
    """An estimate; None: nobody knows."""
    return seconds if math.isfinite(seconds) else None


def _offer(offer: Offer, now: float) -> Values:
    return {"offer": offer.id, "agent": offer.agent.name, "tier": offer.tier, "seconds": now - offer.at}


def _agent(agent: AgentState, now: float) -> Values:
    offer = agent.offer
    return {
        "title": agent.config.title or agent.name,
        "presence": str(agent.presence),
        "reason": agent.reason,
        "presence_seconds": now - agent.presence_since,
        "activity": str(agent.activity),
        "kind": agent.kind,
        "seconds": now - agent.activity_since,
        "left": None if agent.until is None else max(0.0, agent.until - now),
        "idle_seconds": now - agent.idle_since,
        "condition": str(agent.condition()),
        "device": agent.device,
        "reachable": agent.reachable,
        "missed": agent.missed,
        "caller": offer.caller.id if offer else "",
        "queue": offer.queue.name if offer else "",
        "handled": agent.handled.call if agent.handled is not None else "",
        "owes": agent.owes,
        "queues": [seat.queue.name for seat in agent.seats if seat.tier in seat.queue.tiers],
        "paused_in": sorted(agent.paused_in),
        "calls": agent.load.calls(now),
        "occupied_seconds": agent.load.occupied(now),
    }


def explain_caller(engine: Engine, caller_id: str, now: float) -> Values | None:
    caller = engine.visits.callers.get(caller_id)
    if caller is None:
        return None
    queue = caller.queue
    opened = {tier.number for tier in caller.section.open_tiers(caller.lane, now)}
    return {
        "caller": caller.id,
        "queue": queue.name,
        "state": str(caller.state),
        "position": engine.visits.position(caller),
        "waited": now - caller.joined,
        "priority": caller.priority,
        "strategy": queue.strategy.name,
        "tiers_open": sorted(opened),
        "waits_for": caller.preferred,
        "asks_for": dict(caller.section.key[1]),
        "offers": [_offer(offer, now) for offer in caller.offers.values()],
        "members": [
            {"agent": seat.agent.name, "tier": tier.number, **_verdict(seat, caller, tier.number in opened, now)}
            for tier in (*queue.tiers, *(tier for tier in queue.lent if tier.rung <= caller.height))
            for seat in tier.seats.values()
        ],
        "ladder": [_rung(number, rung, caller, now) for number, rung in enumerate(queue.config.escalation, 1)],
    }


def _rung(number: int, rung: Rung, caller: Caller, now: float) -> Values:
    """A rung of the ladder as it is for this caller; `left`: seconds until it may be climbed, as far as time goes."""
    return {
        "rung": number,
        "trigger": rung.trigger,
        "action": rung.do or "play",
        "climbed": rung in caller.climbed,
        "left": max(0.0, caller.joined + rung.wait - now),
    }


def _verdict(seat: Seat, caller: Caller, opened: bool, now: float) -> Values:
    """The one reason why this member does not ring for this caller."""
    agent = seat.agent
    if agent.offer is not None and agent.offer.caller is caller:
        return {"reason": "offered", "seconds": now - agent.offer.at}
    condition = agent.condition(seat.queue.name)
    if condition is not Condition.IDLE:
        return _why_not(agent, condition, now)
    if caller.section is not seat.queue and not caller.section.fits(seat):
        if caller.preferred:
            left = max(0.0, caller.joined + caller.preferred_for - now)
            return {"reason": "caller_waits_for_another", "agent": caller.preferred, "left": left}
        return {"reason": "skills", "asked": dict(caller.section.key[1])}
    if not opened:
        return _closed(seat.tier, caller, now)
    if caller.state is CallerState.CONNECTING:
        return {"reason": "caller_connecting"}
    return {"reason": "caller_ringing_elsewhere"}


def _why_not(agent: AgentState, condition: Condition, now: float) -> Values:
    reason: Values = {"reason": str(condition), "seconds": now - agent.activity_since}
    if condition in (Condition.WRAP_UP, Condition.BACK_OFF) and agent.until is not None:
        reason["left"] = max(0.0, agent.until - now)
    if condition is Condition.BACK_OFF:
        reason["cause"] = agent.back_off_cause
    elif condition is Condition.IN_USE:
        reason["kind"] = agent.kind
    elif condition is Condition.PAUSED:
        reason |= {"cause": agent.reason, "seconds": now - agent.presence_since}
    return reason


def _closed(tier: Tier, caller: Caller, now: float) -> Values:
    """A tier that is not open yet: in how many seconds it will be, if time opens it."""
    steps = caller.queue.steps
    if 0 < tier.step <= len(steps):
        return {"reason": "tier_closed", "left": max(0.0, caller.joined + steps[tier.step - 1] - now)}
    return {"reason": "tier_closed"}


def explain_agent(engine: Engine, name: str, now: float) -> Values | None:
    agent = engine.roster.agents.get(name)
    if agent is None:
        return None
    condition = agent.condition()
    return {
        "agent": agent.name,
        "presence": str(agent.presence),
        "activity": str(agent.activity),
        "idle_seconds": now - agent.idle_since,
        **({"reason": "idle"} if condition is Condition.IDLE else _why_not(agent, condition, now)),
        "queues": [_chances(seat) for seat in agent.seats],
    }


def _chances(seat: Seat) -> Values:
    """What stands between an agent and the next call of one queue."""
    queue, tier = seat.queue, seat.tier
    first = [place[2] for place in tier.idle]
    return {
        "queue": queue.name,
        "tier": tier.number,
        "waiting": queue.waiting,
        "condition": str(seat.agent.condition(queue.name)),
        "idle_in_lower_tiers": sum(len(lower.idle) for lower in queue.tiers if lower.number < tier.number),
        "ahead_in_tier": first.index(seat.agent.name) if seat.agent.name in first else None,
    }
