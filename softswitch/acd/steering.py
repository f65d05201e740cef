"""What a supervisor does with callers who wait: another priority, another place, another queue, an agent, out (ACD-23, 42).

Every function returns "" or the reason why it cannot be, and tells in an event who has done what.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from softswitch.acd.agent import Condition
from softswitch.acd.caller import Caller, CallerState, Place
from softswitch.acd.surge import ORDERS
from softswitch.effects import Outcome
from softswitch.events import CallerSteered

if TYPE_CHECKING:
    from softswitch.acd.engine import Engine

NOBODY = "no such caller waits"
PICKED_UP = "an agent has picked up"
IN_LINE = (CallerState.WAITING, CallerState.OFFERING)


def prioritise(engine: Engine, caller_id: str, priority: int, by: str, now: float) -> str:
    """Another priority, with immediate effect."""
    caller = engine.visits.callers.get(caller_id)
    if caller is None:
        return NOBODY
    before = caller.priority
    engine.visits.set_priority(caller, priority)
    _tell(engine, caller, "prioritise", f"{before} -> {priority}", by)
    engine.match(now)
    return ""


def place(engine: Engine, caller_id: str, position: int, by: str, now: float) -> str:
    """Put a caller at a place of the queue, 1 = the head; a place behind the last is the last.

    They take the rank of whoever stands there, and keep it until their priority changes. Who has waited longer than
    `fair_after` keeps at least the place that this gives.
    """
    caller = engine.visits.callers.get(caller_id)
    if caller is None:
        return NOBODY
    if caller.state not in IN_LINE:
        return PICKED_UP
    if position < 1:
        return "the first place is 1"
    others = [one for one in caller.queue.in_order() if one is not caller]
    index = min(position, len(others) + 1) - 1
    before = others[index - 1].entry[:3] if index else None
    behind = others[index].entry[:3] if index < len(others) else None
    if before is not None or behind is not None:
        found = _between(before, behind)
        if found is None:
            return "there is no room between those two: move one of them first"
        caller.moved = found
        engine.visits.rerank(caller)
    _tell(engine, caller, "place", str(engine.visits.position(caller)), by)
    engine.match(now)
    return ""


def _between(before: Place | None, behind: Place | None) -> Place | None:
    """A place between two, either of which may be missing; None if numbers are not fine enough."""
    if behind is None:
        assert before is not None
        return (before[0], before[1], before[2] + 0.5)
    if before is None or before[:2] != behind[:2]:
        return (behind[0], behind[1], behind[2] - 0.5)
    middle = (before[2] + behind[2]) / 2.0
    return (behind[0], behind[1], middle) if before[2] < middle < behind[2] else None


def assign(engine: Engine, caller_id: str, agent_name: str, by: str, now: float) -> str:
    """Ring a certain agent for a caller now, whoever's turn it is; who rings for them already stops."""
    caller, agent = engine.visits.callers.get(caller_id), engine.roster.agents.get(agent_name)
    if caller is None:
        return NOBODY
    if agent is None:
        return "there is no such agent"
    if caller.state not in IN_LINE:
        return PICKED_UP
    condition = agent.condition(caller.queue.name)
    rings = agent.offer is not None and agent.offer.caller is caller
    if condition is not Condition.IDLE and not rings:
        return f"{agent_name} is {condition.value.replace('_', ' ')}"
    _tell(engine, caller, "assign", agent_name, by)
    engine.dispatcher.assign(caller, agent, now)
    engine.match(now)
    return ""


def withdraw(engine: Engine, caller_id: str, destination: str, by: str, now: float) -> str:
    """Take a caller out of the queue: to a destination, or ("") with a word of farewell."""
    caller = engine.visits.callers.get(caller_id)
    if caller is None:
        return NOBODY
    if caller.state is CallerState.CONNECTING:
        return PICKED_UP
    _tell(engine, caller, "withdraw", destination, by)
    engine.release(caller_id, Outcome.WITHDRAWN, destination, now, by)
    return ""


def move(engine: Engine, caller_id: str, queue_name: str, by: str, now: float) -> str:
    """Lead a caller to another queue, where the time that they have waited counts."""
    caller, queue = engine.visits.callers.get(caller_id), engine.queues.get(queue_name)
    if caller is None:
        return NOBODY
    if queue is None or queue.closing:
        return "there is no such queue"
    if queue is caller.queue:
        return f"{caller_id} waits there already"
    if caller.callback is not None:
        return "that is a callback"
    if caller.state is CallerState.CONNECTING:
        return PICKED_UP
    _tell(engine, caller, "move", queue_name, by)
    rank = f":{caller.priority}" if caller.priority else ""
    engine.release(caller_id, Outcome.TRANSFERRED_OUT, f"queue:{queue_name}{rank}", now, queue_name)
    return ""


def surge(engine: Engine, queue_name: str, order: str, by: str, now: float) -> str:
    """Surge mode of a queue: "on", "off", or "auto"."""
    queue = engine.queues.get(queue_name)
    if queue is None or queue.closing:
        return "there is no such queue"
    if order not in ORDERS:
        return f"it is one of {', '.join(ORDERS)}"
    engine.surges.order(queue, order, by, now)
    return ""


def _tell(engine: Engine, caller: Caller, verb: str, value: str, by: str) -> None:
    engine.publish(CallerSteered(caller.queue.name, caller.id, caller.visit, verb, value, by))


STEERING: Final[Mapping[str, Callable[..., str]]] = {
    "prioritise": prioritise, "place": place, "assign": assign, "withdraw": withdraw, "move": move, "surge": surge,
}  # fmt: skip
