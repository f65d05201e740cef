"""What a wallboard shows of the engine: cheap enough to be asked for once a second with hundreds of agents and queues.

Read only, plain values, durations in seconds. What one queue is in detail, `view` tells.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from softswitch.acd.agent import Condition
from softswitch.acd.view import finite

if TYPE_CHECKING:
    from softswitch.acd.agent import AgentState
    from softswitch.acd.caller import Caller
    from softswitch.acd.engine import Engine
    from softswitch.acd.queue import QueueState

Values = dict[str, Any]
FIRST: Final = 20  # callers of a queue that are shown one by one


def queues(engine: Engine, now: float) -> dict[str, Values]:
    called_back = Counter(task.queue for task in engine.callbacks.tasks.values())
    return {name: _queue(engine, queue, called_back[name], now) for name, queue in sorted(engine.queues.items())}


def _queue(engine: Engine, queue: QueueState, callbacks: int, now: float) -> Values:
    config, callers = queue.config, queue.in_order() if len(queue) else []
    waits = [now - caller.joined for caller in callers if caller.callback is None]
    conditions: Counter[Condition] = Counter(
        seat.agent.condition(queue.name) for tier in queue.tiers for seat in tier.seats.values()
    )
    return {
        "queue": queue.name,
        "title": config.title or queue.name,
        "strategy": queue.strategy.name,
        "surging": queue.surging,
        "waiting": len(callers),
        "longest_wait": max(waits, default=0.0),
        "too_long": sum(wait > config.service_level_seconds for wait in waits),
        "ewt": finite(engine.outlook.newcomer(queue, now).seconds),
        "callbacks_waiting": callbacks,
        "service_level_seconds": config.service_level_seconds,
        "service_level_target": config.service_level_target,
        "agents": {str(condition): count for condition, count in sorted(conditions.items())},
        "callers": [_caller(caller, place, now) for place, caller in enumerate(callers[:FIRST], 1)],
    }


def _caller(caller: Caller, place: int, now: float) -> Values:
    return {
        "call": caller.id,
        "number": caller.number,
        "name": caller.name,
        "priority": caller.priority,
        "position": place,
        "waited": now - caller.joined,
        "state": str(caller.state),
        "callback": caller.callback is not None,
        "rings": [offer.agent.name for offer in caller.offers.values()],
    }


def agents(engine: Engine, now: float) -> dict[str, Values]:
    return {name: _agent(agent, now) for name, agent in sorted(engine.roster.agents.items())}


def _agent(agent: AgentState, now: float) -> Values:
    offer = agent.offer
    return {
        "agent": agent.name,
        "title": agent.config.title or agent.name,
        "presence": str(agent.presence),
        "reason": agent.reason,
        "presence_seconds": now - agent.presence_since,
        "activity": str(agent.activity),
        "kind": agent.kind,
        "seconds": now - agent.activity_since,
        "left": None if agent.until is None else max(0.0, agent.until - now),
        "condition": str(agent.condition()),
        "device": agent.device,
        "reachable": agent.reachable,
        "caller": offer.caller.id if offer else "",
        "queue": offer.queue.name if offer else agent.wrap_up_queue if agent.activity == "wrapup" else "",
        "queues": [seat.queue.name for seat in agent.seats if seat.tier in seat.queue.tiers],
    }
