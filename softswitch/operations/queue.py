"""What people and programs may do with callers who wait, and with queues. A part of `operations`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from softswitch.acd import steering
from softswitch.acd.surge import ORDERS
from softswitch.decode import Problems
from softswitch.running.console import ConsoleError
from softswitch.store.validate import Check

if TYPE_CHECKING:
    from softswitch.daemon import Daemon

MOST_PRIORITY = 99_999


class QueueOperations:
    """Handlers of the console. Who has ordered it stands in the event `queue.steered`, or `queue.surge`."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def handlers(self) -> dict[str, Callable[..., Any]]:
        return {
            "prioritise": self.prioritise,
            "place": self.place,
            "assign": self.assign,
            "move": self.move,
            "withdraw": self.withdraw,
            "surge": self.surge,
        }

    def prioritise(self, call: str, priority: int, by: str = "cli") -> dict[str, Any]:
        """Another priority for a caller who waits, with immediate effect."""
        if not -MOST_PRIORITY <= priority <= MOST_PRIORITY:
            raise ConsoleError(f"{priority} is no priority.", f"From -{MOST_PRIORITY} to {MOST_PRIORITY}.")
        return self._steer("prioritise", call, priority, by)

    def place(self, call: str, position: int, by: str = "cli") -> dict[str, Any]:
        """Another place in the same queue, 1 = the head."""
        return self._steer("place", call, position, by)

    def assign(self, call: str, agent: str, by: str = "cli") -> dict[str, Any]:
        """Ring a certain agent for a caller now."""
        return self._steer("assign", call, agent, by)

    def move(self, call: str, queue: str, by: str = "cli") -> dict[str, Any]:
        """Lead a caller to another queue, with the time that they have waited."""
        return self._steer("move", call, queue, by)

    def withdraw(self, call: str, to: str = "", by: str = "cli") -> dict[str, Any]:
        """Take a caller out of the queue, to a destination or with a farewell."""
        if to:
            problems = Problems("the order")
            Check(self._daemon.directory, problems, None).destination("to", to)
            if problems.found:
                raise ConsoleError(f"{to!r} leads nowhere.", str(problems.found[0]))
        return self._steer("withdraw", call, to, by)

    def surge(self, queue: str, order: str, by: str = "cli") -> dict[str, Any]:
        """Surge mode of a queue: on or off by hand, or by its thresholds again."""
        daemon = self._daemon
        engine = daemon.switch.queues
        if queue not in daemon.directory.queues:
            known = ", ".join(sorted(daemon.directory.queues)[:20])
            raise ConsoleError(f"There is no queue {queue!r}.", f"There are: {known}.", kind="unknown")
        if order not in ORDERS:
            raise ConsoleError(f"There is no {order!r} for a surge.", f"One of: {', '.join(ORDERS)}.")
        daemon.input("surge", lambda now: engine.steer("surge", queue, order, by, now))
        state = engine.queues[queue]
        return {"queue": queue, "surging": state.surging, "order": state.surge_order, "waiting": len(state)}

    def _steer(self, verb: str, call: str, value: Any, by: str) -> dict[str, Any]:
        daemon = self._daemon
        engine = daemon.switch.queues
        refusal = daemon.input(verb, lambda now: engine.steer(verb, call, value, by, now))
        if refusal:
            kind = "unknown" if refusal == steering.NOBODY else "failed"
            raise ConsoleError(f"{call}: {refusal}.", "See who waits with: softswitch queue show NAME", kind=kind)
        found = engine.visits.callers.get(call)
        return {
            "call": call,
            "verb": verb,
            "queue": found.queue.name if found is not None else "",
            "priority": found.priority if found is not None else 0,
            "position": engine.position(call),
        }
