"""What an agent does at a moment, and in which column of the rows the time of it counts. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from softswitch.reports.rows import AGENT_COLUMNS, MILLI, QUARTER, QUEUE_COLUMNS

QUARTER_MS: Final = QUARTER * MILLI
A: Final = {name: place for place, name in enumerate(AGENT_COLUMNS)}
Q: Final = {name: place for place, name in enumerate(QUEUE_COLUMNS)}
_TALK: Final = {kind: A[f"talk_{kind}"] for kind in ("queue", "outbound", "internal", "consult")}
_TALKED: Final = frozenset(_TALK.values())
_RESTING: Final = {name: A[name] for name in ("idle", "backoff", "unreachable")}


@dataclass(slots=True)
class Agent:
    """What an agent does. Times in milliseconds; `since`: up to where it is counted; `began`: the span that goes on."""

    presence: str = "offline"
    reason: str = ""
    activity: str = ""
    kind: str = ""
    since: int = 0
    began: int = 0
    device: str = ""
    queue: str = ""  # whose caller they talk to, or talked to before the wrap-up ...
    came: int = 0  # ... and the quarter in which that one came


def quarter(milliseconds: int) -> int:
    """The quarter of an hour of a moment, by its first second since 1970."""
    return milliseconds // QUARTER_MS * QUARTER


def cut(since: int, until: int) -> list[tuple[int, int]]:
    """A span of milliseconds as (quarter, milliseconds of it)."""
    found = []
    while since < until:
        end = min(until, (since // QUARTER_MS + 1) * QUARTER_MS)
        found.append((quarter(since), end - since))
        since = end
    return found


def place(agent: Agent) -> int | None:
    """In which column the present time of an agent counts; None: they are not there."""
    activity = agent.activity
    if activity == "talking":
        return _TALK.get(agent.kind or "queue", A["talk_internal"])
    if activity == "holding":
        return A["hold"]
    if activity == "wrapup":
        return A["wrap"]
    if agent.presence == "offline":
        return None
    if activity in ("reserved", "offered"):
        return A["offered"]
    if agent.presence == "not_ready":
        return A["not_ready"]
    return _RESTING.get(activity, A["idle"])


def work(column: int) -> int:
    """In which column of a queue the work of an agent for its caller counts; 0: in none."""
    if column == A["talk_queue"]:
        return Q["talk"]
    return Q["hold"] if column == A["hold"] else Q["wrap"] if column == A["wrap"] else 0


def state(agent: Agent) -> tuple[str, str]:
    """What a timeline shows, and what it says of it."""
    found = place(agent)
    if found is None:
        return "offline", ""
    if found in _TALKED:
        return "talking", agent.kind
    name = AGENT_COLUMNS[found]
    return name, agent.reason if name == "not_ready" else ""
