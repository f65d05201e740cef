"""What people and programs may ask of a running switch about dispositions. A part of `operations`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from softswitch.directory.queues import Queue
from softswitch.effects import AgentCommand, Publish
from softswitch.events import DispositionChosen
from softswitch.running.console import ConsoleError
from softswitch.store.dispositions import DispositionFilter

if TYPE_CHECKING:
    from softswitch.daemon import Daemon

MOST_NOTE: Final = 4_000  # characters
DAY: Final = 86_400.0


class DispositionOperations:
    """Handlers of the console. Who has chosen stands in the event `call.disposition`."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def handlers(self) -> dict[str, Callable[..., Any]]:
        return {
            "disposition": self.choose,
            "dispositions": self.offered,
            "disposition_list": self.given,
            "disposition_report": self.report,
        }

    async def choose(
        self, disposition: str, call: str = "", agent: str = "", note: str = "", by: str = "cli"
    ) -> dict[str, Any]:
        """Say what a call was about. `agent`: who talked; "" = whoever did last. `call`: "" = the last one of the agent."""
        state = self._agent(call, agent)
        if state is not None:
            known = state.handled
            self._check(known.queue, disposition, note)
            command = AgentCommand(state.name, "disposition", disposition, actor=by, call=known.call, note=note)
            refusal = self._daemon.input("disposition", self._daemon.switch.agent_command, command)
            if refusal:
                raise ConsoleError(f"{known.call}: {refusal}.", "See: softswitch agent list")
            call, agent, queue = known.call, state.name, known.queue
        else:
            agent, queue = await self._later(call, agent, disposition, note, by)
        return {"call": call, "agent": agent, "queue": queue, "disposition": disposition, "note": note, "by": by}

    def _agent(self, call: str, agent: str) -> Any:
        """The agent whose last conversation it was; None if it lies further back."""
        agents = self._daemon.switch.queues.roster.agents
        if agent and agent not in agents:
            raise ConsoleError(f"There is no agent {agent!r}.", "See: softswitch agent list", kind="unknown")
        if not (call or agent):
            raise ConsoleError("Of which call?", "Name the call, or the agent whose last call it was.")
        found = [
            one for one in agents.values()
            if one.handled is not None and call in ("", one.handled.call) and agent in ("", one.name)
        ]  # fmt: skip
        if not call and not found:
            raise ConsoleError(f"{agent} has had no call that takes one.", "The queue names them: dispositions = [...]")
        found.sort(key=lambda one: (one.owes, one.activity_since))
        return found[-1] if found else None

    async def _later(self, call: str, agent: str, disposition: str, note: str, by: str) -> tuple[str, str]:
        """Of a call after which the agent had others."""
        daemon = self._daemon
        await daemon.store.flush(1.0)
        reports = await daemon.store.reports()
        details = await reports.call(call)
        visits = (
            [one for one in details.visits if one.agent and agent in ("", one.agent)] if details is not None else []
        )
        if details is None or not visits:
            raise ConsoleError(
                f"There is no call {call!r}" + (f" of {agent}." if agent else " that an agent took from a queue."),
                "See: softswitch disposition list",
                kind="unknown",
            )
        visit = visits[-1]
        self._check(visit.queue, disposition, note)
        known = await reports.dispositions(DispositionFilter(call=call, agent=visit.agent), 1)
        previous = known[0].disposition if known else ""
        event = DispositionChosen(call, visit.queue, visit.agent, disposition, by, note, details.call.caller, previous)
        daemon.facilities.perform(Publish(event))
        return visit.agent, visit.queue

    def _queue(self, queue: str) -> Queue:
        found = self._daemon.directory.queues.get(queue)
        if found is None:
            raise ConsoleError(f"There is no queue {queue!r}.", "See: softswitch queue show", kind="unknown")
        return found

    def _check(self, queue: str, disposition: str, note: str) -> None:
        offered = self._queue(queue).dispositions
        if disposition not in offered:
            what = f"It offers: {', '.join(offered)}." if offered else f"It has none: [queue.{queue}] dispositions."
            raise ConsoleError(f"{disposition!r} is not a disposition of the queue {queue}.", what)
        if len(note) > MOST_NOTE:
            raise ConsoleError(f"A note has at most {MOST_NOTE} characters.")
        if self._daemon.directory.dispositions[disposition].note and not note.strip():
            raise ConsoleError(f"{disposition!r} needs a note.", "Say what it was about.")

    def offered(self, queue: str) -> dict[str, Any]:
        """What a queue offers, in the order of its buttons."""
        config, known = self._queue(queue), self._daemon.directory.dispositions
        return {
            "queue": queue,
            "required": config.disposition == "required",
            "longest": config.disposition_max,
            "dispositions": [
                {"disposition": one.name, "title": dict(one.title) or {"": one.name}, "colour": one.colour, "key": one.key,
                 "note": one.note, "callback": one.callback}
                for one in (known[name] for name in config.dispositions if name in known)
            ],
        }  # fmt: skip

    async def given(self, limit: int = 100, **which: Any) -> list[dict[str, Any]]:
        """What was said about calls, the newest first; `which` narrows it down (`DispositionFilter`)."""
        await self._daemon.store.flush(1.0)
        reports = await self._daemon.store.reports()
        return [
            asdict(one) for one in await reports.dispositions(DispositionFilter(**which), max(1, min(limit, 10_000)))
        ]

    async def report(self, days: float = 7.0, queue: str = "", by_agent: bool = False) -> list[dict[str, Any]]:
        """How often each was given in the last days, by queue (and agent)."""
        await self._daemon.store.flush(1.0)
        reports = await self._daemon.store.reports()
        which = DispositionFilter(queue=queue, since=time.time() - days * DAY)
        return [asdict(one) for one in await reports.disposition_figures(which, by_agent=by_agent)]
