"""`softswitch explain`: the chain of reasons of a call, an agent, a queue, from the memory of a running switch."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from softswitch.acd import story, words
from softswitch.acd.past import Entry, PastAgent
from softswitch.running.console import ConsoleError

if TYPE_CHECKING:
    from softswitch.daemon import Daemon
    from softswitch.directory import Queue

LAST: Final = 5  # decisions of a queue that are told
SECONDS: Final = 1_200.0  # of an agent's time


def clock(wall: float) -> str:
    """A moment as a local time of day."""
    return datetime.fromtimestamp(wall).strftime("%H:%M:%S.%f")[:-5]


# --- answers: plain values, and the same in words ------------------------------------------------------------------------


def answer_call(
    entries: Sequence[Entry],
    call: str,
    queues: Mapping[str, Queue],
    known: Mapping[str, PastAgent] | None = None,
    say: Callable[[float], str] = clock,
) -> dict[str, Any] | None:
    """Everything the queues did for a call; None if nothing is known of it."""
    steps = story.of_caller(entries, call, queues, known)
    if not steps:
        return None
    return {"call": call, "steps": [one.as_dict() for one in steps], "lines": list(words.of_call(steps, say))}


def answer_between(
    entries: Sequence[Entry],
    first: str,
    second: str,
    queues: Mapping[str, Queue],
    known: Mapping[str, PastAgent] | None = None,
    say: Callable[[float], str] = clock,
) -> dict[str, Any] | None:
    """Why one call went before another; None if it was never offered to anybody."""
    found = story.between(entries, first, second, queues, known)
    if found is None:
        return None
    decision, verdict = found
    lines = [f"{second}: {words.reason(verdict.reason, verdict.facts)}", *words.of_decision(decision, say)]
    return {"call": first, "before": second, "why": verdict.as_dict(), "decision": decision.as_dict(), "lines": lines}


def answer_agent(
    entries: Sequence[Entry],
    agent: str,
    queues: Mapping[str, Queue],
    begin: float,
    end: float,
    known: Mapping[str, PastAgent] | None = None,
    say: Callable[[float], str] = clock,
) -> dict[str, Any]:
    """Where an agent's time went, and which calls went to others."""
    found = story.of_agent(entries, agent, queues, begin, end, known)
    return {**found.as_dict(), "since": begin, "until": end, "lines": list(words.of_agent(found, say))}


def answer_queue(
    entries: Sequence[Entry],
    queue: str,
    queues: Mapping[str, Queue],
    last: int = LAST,
    known: Mapping[str, PastAgent] | None = None,
    say: Callable[[float], str] = clock,
) -> dict[str, Any]:
    """The last decisions of a queue, each with its reasons."""
    found = story.decisions(entries, queues, queue=queue, known=known)[-last:]
    lines = [line for one in found for line in words.of_decision(one, say)]
    return {"queue": queue, "decisions": [one.as_dict() for one in found], "lines": lines}


# --- from the memory of a running switch -----------------------------------------------------------------------------------


class Explaining:
    """The handlers of the console."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def handlers(self) -> dict[str, Callable[..., Any]]:
        return {"explain_call": self.call, "explain_agent": self.agent, "explain_queue": self.queue}

    def call(self, call: str, before: str = "") -> dict[str, Any]:
        """The chain of reasons of a call, and, if it waits, why it still does; or why it went before another."""
        entries, queues, known, say = self._context()
        if before:
            compared = answer_between(entries, call, before, queues, known, say)
            if compared is None:
                raise ConsoleError(
                    f"{call} was not offered to anybody lately.", "See: softswitch calls", kind="unknown"
                )
            return compared
        found = answer_call(entries, call, queues, known, say)
        if found is None:
            raise ConsoleError(
                f"No queue has heard of the call {call!r} lately.", "See: softswitch calls", kind="unknown"
            )
        waiting = self._daemon.switch.queues.explain_caller(call, time.monotonic())
        if waiting is not None:
            found["waiting"] = waiting
            found["lines"] += waiting_lines(waiting)
        return found

    def agent(self, agent: str, seconds: float = SECONDS) -> dict[str, Any]:
        daemon, now = self._daemon, time.monotonic()
        if agent not in daemon.directory.agents:
            known = ", ".join(sorted(daemon.directory.agents)[:20])
            raise ConsoleError(f"There is no agent {agent!r}.", f"There are: {known}.", kind="unknown")
        entries, queues, before, say = self._context()
        found = answer_agent(entries, agent, queues, now - seconds, now, before, say)
        found["now"] = daemon.switch.queues.explain_agent(agent, now)
        return found

    def queue(self, queue: str, last: int = LAST) -> dict[str, Any]:
        daemon, now = self._daemon, time.monotonic()
        if queue not in daemon.directory.queues:
            known = ", ".join(sorted(daemon.directory.queues)[:20])
            raise ConsoleError(f"There is no queue {queue!r}.", f"There are: {known}.", kind="unknown")
        entries, queues, before, say = self._context()
        found = answer_queue(entries, queue, queues, last, before, say)
        state = daemon.switch.queues.queues.get(queue)
        waiting = [one.id for one in state.in_order()] if state is not None else []
        first = daemon.switch.queues.explain_caller(waiting[0], now) if waiting else None
        found["waiting"] = waiting
        if first is not None:
            found["lines"] += waiting_lines(first)
        return found

    def _context(
        self,
    ) -> tuple[Sequence[Entry], Mapping[str, Queue], Mapping[str, PastAgent], Callable[[float], str]]:
        daemon = self._daemon
        chronicle = daemon.publisher.chronicle
        offset = time.time() - time.monotonic()
        return (
            list(chronicle.entries), daemon.directory.queues, chronicle.known(daemon.switch.queues),
            lambda mono: clock(mono + offset),
        )  # fmt: skip


def waiting_lines(waiting: Mapping[str, Any]) -> list[str]:
    """Why a caller still waits: one line for each member of the queue."""
    lines = [
        f"now: {waiting['caller']} is {waiting['state']} in {waiting['queue']}, place {waiting['position'] or '-'}, "
        f"for {words.duration(waiting['waited'])}"
    ]
    for member in waiting["members"]:
        facts = {name: value for name, value in member.items() if name not in ("agent", "reason")}
        lines.append(f"  {member['agent']}: {words.reason(member['reason'], facts)}")
    return lines
