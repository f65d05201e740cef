"""Calls that are led to somebody else, and legs that change from one call to another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from softswitch.events.base import Event


@dataclass(slots=True)
class CallMerged(Event):
    """Two calls have become one conversation. `other` has ended, its parties are among `legs`."""

    name: ClassVar[str] = "call.merged"
    call: str
    other: str
    legs: tuple[str, ...]


@dataclass(slots=True)
class LegMoved(Event):
    """A leg belongs to another call from now on; `was` is the one that it has left."""

    name: ClassVar[str] = "leg.moved"
    call: str
    leg: str
    was: str


@dataclass(slots=True)
class TransferStarted(Event):
    """Somebody leads the other side of a call elsewhere. `kind`: "blind" | "attended"."""

    name: ClassVar[str] = "transfer.started"
    call: str
    kind: str
    by: str  # the account of the transferor
    target: str  # as it was dialled, or who was consulted
    note: str = ""
    customer: str = ""


@dataclass(slots=True)
class TransferChanged(Event):
    """Whoever consults talks to the other one of the two ("swapped"), or all three are together ("merged")."""

    name: ClassVar[str] = "transfer.changed"
    call: str
    by: str
    what: str


@dataclass(slots=True)
class CallTransferred(Event):
    """A transfer is done: the party talks to the target, or is where it was sent. The talk of the transferor is over."""

    name: ClassVar[str] = "call.transferred"
    call: str
    kind: str
    by: str
    target: str
    leg: str  # of the one who joined the call, "" for a queue, a menu ...
    other: str  # the call that has ended with that, "" if none
    transfers: int  # how often the call has been led on


@dataclass(slots=True)
class TransferFailed(Event):
    """The target was not to be had. `cause`: "busy" | "no_answer" | "rejected" | "unreachable" | "caller_gone" ..."""

    name: ClassVar[str] = "transfer.failed"
    call: str
    by: str
    target: str
    cause: str
    status: int


@dataclass(slots=True)
class CallRecalled(Event):
    """A call that found nobody comes back: the transferor's phone rings, for the `attempt`-th time."""

    name: ClassVar[str] = "call.recalled"
    call: str
    by: str
    target: str
    cause: str
    attempt: int


@dataclass(slots=True)
class RecallEnded(Event):
    """The transferor has taken the call back ("answered"), or not ("busy", "no_answer", "unreachable" ...)."""

    name: ClassVar[str] = "recall.ended"
    call: str
    by: str
    result: str
    attempt: int
