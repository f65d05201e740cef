"""Callbacks: asked for, by rule, at an agreed time (FEATURES OUT-01..04)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from softswitch.events.base import Event


@dataclass(slots=True)
class CallbackCreated(Event):
    """A customer is to be called back. Times are monotonic seconds.

    `kind`: "requested" | "abandoned" | "voicemail" | "scheduled" | "dropped"; only the first keeps a place in line, by
    `joined` less `credit`. `mode`: who is rung first, "agent" or "customer". `call`: the call that it comes from.
    """

    name: ClassVar[str] = "callback.created"
    callback: str
    queue: str
    number: str
    caller_name: str
    kind: str
    mode: str
    priority: int
    joined: float
    credit: float
    due: float
    expires: float
    owner: str = ""  # the agent whose it is; "" = the queue's
    call: str = ""
    language: str = ""
    note: str = ""
    by: str = ""


@dataclass(slots=True)
class CallbackAttempted(Event):
    """The customer is being called, for the `attempt`-th time. `call`: the call; `agent`: who listens, "" if nobody does yet."""

    name: ClassVar[str] = "callback.attempt"
    callback: str
    queue: str
    number: str
    attempt: int
    call: str
    agent: str = ""


@dataclass(slots=True)
class CallbackMissed(Event):
    """An attempt has failed. `due`: when the next one may be made, in monotonic seconds; None: it was the last."""

    name: ClassVar[str] = "callback.missed"
    callback: str
    queue: str
    number: str
    attempt: int
    cause: str  # "busy" | "no_answer" | "rejected" | "unreachable" | "hung_up" ...
    due: float | None = None


@dataclass(slots=True)
class CallbackDue(Event):
    """The agreed time of a callback has come: a reminder for its agent, or the queue's."""

    name: ClassVar[str] = "callback.due"
    callback: str
    queue: str
    number: str
    caller_name: str
    owner: str
    note: str = ""


@dataclass(slots=True)
class CallbackAssigned(Event):
    """A callback has another agent or queue, or time (monotonic seconds)."""

    name: ClassVar[str] = "callback.assigned"
    callback: str
    queue: str
    owner: str
    due: float
    by: str
    expires: float = 0.0
    former: str = ""  # the queue that it belonged to


@dataclass(slots=True)
class CallbackDone(Event):
    """The customer was reached, has called again, or somebody says that it is done. `seconds`: since it was asked for."""

    name: ClassVar[str] = "callback.done"
    callback: str
    queue: str
    number: str
    outcome: str  # "reached" | "called_again" | "by_hand"
    seconds: float
    attempts: int
    agent: str = ""


@dataclass(slots=True)
class CallbackExpired(Event):
    """A callback was given up. `outcome`: "not_reached" | "forbidden" | "expired"; `cause`: of the last attempt."""

    name: ClassVar[str] = "callback.expired"
    callback: str
    queue: str
    number: str
    outcome: str
    cause: str
    seconds: float
    attempts: int


@dataclass(slots=True)
class CallbackCancelled(Event):
    """Nobody is to be called back any more. `outcome`: "cancelled" | "superseded"."""

    name: ClassVar[str] = "callback.cancelled"
    callback: str
    queue: str
    number: str
    outcome: str
    by: str
    seconds: float
    attempts: int
