"""What menus may know of queues and agents (IVR-06): plain values, computed when a condition asks."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import TYPE_CHECKING

from softswitch.acd.agent import Condition

if TYPE_CHECKING:
    from softswitch.acd.engine import Engine
    from softswitch.acd.queue import QueueState

GONE = (Condition.LOGGED_OUT, Condition.UNREACHABLE, Condition.PAUSED)


class QueueFacts:
    """Answers for the queues of an engine. `expect`: another estimator than the engine's own; None: unknown."""

    def __init__(self, engine: Engine, expect: Callable[[QueueState, float], float | None] | None = None) -> None:
        self._engine = engine
        self._expect = expect

    def queue(self, name: str, now: float) -> dict[str, float | None] | None:
        """`free` and `ready`: agents; `waiting`: callers; `ewt` and `longest_wait`: seconds. None: there is no such queue."""
        queue = self._engine.queues.get(name)
        if queue is None or queue.closing:
            return None
        conditions = [seat.agent.condition(name) for tier in queue.tiers for seat in tier.seats.values()]
        free = conditions.count(Condition.IDLE)
        ready = sum(one not in GONE for one in conditions)
        longest = max((now - caller.joined for caller in queue.on_the_line()), default=0.0)
        return {
            "free": float(free), "ready": float(ready), "waiting": float(len(queue)),
            "ewt": self._wait(queue, free, ready, now), "longest_wait": longest,
        }  # fmt: skip

    def _wait(self, queue: QueueState, free: int, ready: int, now: float) -> float | None:
        if not ready:
            return None
        if free > len(queue):
            return 0.0
        if self._expect is not None:
            return self._expect(queue, now)
        seconds = self._engine.outlook.newcomer(queue, now).seconds
        return seconds if isfinite(seconds) else None

    def choices(self, agent: str) -> tuple[str, ...]:
        """The dispositions that an agent may give to the call they talk in, or talked in last (AGT-08)."""
        state = self._engine.roster.agents.get(agent)
        queue = (
            self._engine.queues.get(state.handled.queue) if state is not None and state.handled is not None else None
        )
        return queue.config.dispositions if queue is not None else ()

    def agent(self, name: str, now: float) -> dict[str, bool] | None:
        """Whether an agent is `logged_in`, `ready` and `free`. None: there is no such agent."""
        agent = self._engine.roster.agents.get(name)
        if agent is None:
            return None
        condition = agent.condition()
        return {
            "logged_in": condition is not Condition.LOGGED_OUT,
            "ready": condition not in GONE,
            "free": condition is Condition.IDLE,
        }
