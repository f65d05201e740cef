"""What people and programs may ask of a running switch about scripts of conversations. A part of `operations`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from softswitch.directory.wrapping import Script, ScriptStep
from softswitch.effects import Publish
from softswitch.events import ScriptTicked
from softswitch.running.console import ConsoleError

if TYPE_CHECKING:
    from softswitch.daemon import Daemon

MOST_TEXT: Final = 2_000  # characters of a field
DAY: Final = 86_400.0


class ScriptOperations:
    """Handlers of the console. Who has ticked stands in the event `call.script`."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def handlers(self) -> dict[str, Callable[..., Any]]:
        return {"call_script": self.shown, "script_tick": self.tick, "script_report": self.report}

    async def shown(self, call: str, queue: str = "") -> dict[str, Any]:
        """The script of a call, by its queue, with what is ticked so far. `script` is None where the queue has none."""
        script = await self._of(call, queue)
        steps: list[dict[str, Any]] = []
        if script is not None:
            await self._daemon.store.flush(1.0)
            steps = await (await self._daemon.store.reports()).script_steps(call)
        return {"call": call, "script": _plain(script) if script is not None else None, "steps": steps}

    async def tick(
        self,
        call: str,
        step: str,
        agent: str,
        done: bool = True,
        fields: Mapping[str, str] | None = None,
        by: str = "cli",
    ) -> dict[str, Any]:
        """Tick a step, take the tick back, or write its fields down."""
        script = await self._of(call, "")
        found = next((one for one in script.steps if one.name == step), None) if script is not None else None
        if script is None or found is None:
            raise ConsoleError(f"The script of {call} has no step {step!r}.", "See: docs/scripts.md", kind="unknown")
        values = {name: str(value).strip() for name, value in (fields or {}).items() if str(value).strip()}
        for name, value in values.items():
            _check(found, name, value)
        self._daemon.facilities.perform(Publish(ScriptTicked(call, script.name, step, agent, by, done, values)))
        return {"call": call, "script": script.name, "step": step, "agent": agent, "done": done, "fields": values}

    async def report(self, days: float = 7.0) -> list[dict[str, Any]]:
        """How much of each script was said in the last days, by agent."""
        await self._daemon.store.flush(1.0)
        reports = await self._daemon.store.reports()
        since = time.time() - days * DAY
        found: list[dict[str, Any]] = []
        for one in self._daemon.directory.scripts.values():
            if one.queues:
                found += [asdict(row) for row in await reports.adherence(one.name, one.queues, len(one.steps), since)]
        return found

    async def _of(self, call: str, queue: str) -> Script | None:
        """The script of a call: that of its campaign, else that of its queue."""
        live = self._daemon.switch.calls.board.calls.get(call)
        visit = live.visit if live is not None else None
        callback = visit.caller if visit is not None and visit.attempt is not None else ""
        contact = self._daemon.campaigns.of_call(call, callback)
        steps = self._daemon.directory.campaigns[contact[0]].steps if contact is not None else ""
        if steps:
            return self._daemon.directory.scripts.get(steps)
        return self._script(await self._queue(call, queue))

    def _script(self, queue: str) -> Script | None:
        return next((one for one in self._daemon.directory.scripts.values() if queue in one.queues), None)

    async def _queue(self, call: str, queue: str) -> str:
        """The queue of a call: that in which it is, or the agent talks or talked in, or the records have."""
        if queue:
            return queue
        daemon = self._daemon
        live = daemon.switch.calls.board.calls.get(call)
        if live is not None and live.visit is not None:
            return live.visit.config.name
        for agent in daemon.switch.queues.roster.agents.values():
            if agent.offer is not None and agent.offer.caller.id == call:
                return agent.offer.queue.name
            if agent.handled is not None and agent.handled.call == call:
                return agent.handled.queue
        await daemon.store.flush(1.0)
        details = await (await daemon.store.reports()).call(call)
        if details is None:
            raise ConsoleError(f"There is no call {call!r}.", "See: softswitch calls", kind="unknown")
        return details.call.queue


def _plain(script: Script) -> dict[str, Any]:
    return {
        "script": script.name, "title": dict(script.title) or {"": script.name},
        "steps": [
            {"step": one.name, "title": dict(one.title) or {"": one.name}, "text": dict(one.text),
             "fields": [
                 {"field": field.name, "title": dict(field.title) or {"": field.name}, "kind": field.kind,
                  "choices": list(field.choices)}
                 for field in one.fields
             ]}
            for one in script.steps
        ],
    }  # fmt: skip


def _check(step: ScriptStep, name: str, value: str) -> None:
    """Whether a value fits its field. Raises ConsoleError."""
    field = next((one for one in step.fields if one.name == name), None)
    if field is None:
        raise ConsoleError(f"The step {step.name} has no field {name!r}.", "See: docs/scripts.md")
    if len(value) > MOST_TEXT:
        raise ConsoleError(f"{name}: at most {MOST_TEXT} characters.")
    if field.kind == "choice" and value not in field.choices:
        raise ConsoleError(f"{name}: {value!r} is not to be chosen.", f"One of: {', '.join(field.choices)}.")
    if field.kind == "yes_no" and value not in ("yes", "no"):
        raise ConsoleError(f"{name}: {value!r} is not to be chosen.", "yes or no.")
    if field.kind == "number":
        try:
            float(value.replace(",", "."))
        except ValueError:
            raise ConsoleError(f"{name}: {value!r} is no number.", "Such as 1200 or 12.5.") from None
