"""What supervisors are told, and what they tell others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from softswitch.events.base import Event


@dataclass(slots=True)
class AlertRaised(Event):
    """A rule of the site (`[alert.NAME]`) has held for long enough, for one queue, agent or trunk."""

    name: ClassVar[str] = "alert.raised"
    alert: str
    title: str
    condition: str
    severity: str  # "warning" | "critical"
    value: float | None  # what was measured: a share, seconds or callers; none where there is nothing to measure
    threshold: float
    queue: str = ""
    agent: str = ""
    trunk: str = ""
    reason: str = ""  # of a pause


@dataclass(slots=True)
class AlertCleared(Event):
    """What an alert was about is over. `seconds`: since it was raised."""

    name: ClassVar[str] = "alert.cleared"
    alert: str
    title: str
    condition: str
    severity: str
    seconds: float
    cause: str  # "over" | "gone": the rule, or what it was about, is no longer there
    queue: str = ""
    agent: str = ""
    trunk: str = ""


@dataclass(slots=True)
class AgentMessaged(Event):
    """Somebody has written a short text to an agent, who sees it in their panel."""

    name: ClassVar[str] = "agent.message"
    agent: str
    text: str
    actor: str
    sender: str  # the name of the person, where it is known
