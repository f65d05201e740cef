"""Callbacks: what a queue's policy says about them, and what call control and the queue engine tell each other of one.

Only values. A callback is a caller of a queue who is not on the line: who asked to be called back keeps the place in line,
and whoever gave up, left a message or is to be called at an agreed time has a task (`docs/callbacks.md`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

POLICY: Final = "callback"  # the toll policy by which customers are called back, where the queue names none
BACKGROUND: Final = -1_000_000  # the priority of those who keep no place: behind every caller
TURN: Final = 1_000_000  # ... whose turn it is by the ratio: before every caller


class Kind(StrEnum):
    """Where a callback comes from."""

    REQUESTED = "requested"  # a caller asked for it, and keeps the place in line
    ABANDONED = "abandoned"  # a caller gave up (OUT-02)
    VOICEMAIL = "voicemail"  # a message was left for the queue
    SCHEDULED = "scheduled"  # an agreed time (OUT-03)
    DROPPED = "dropped"  # a conversation broke off (OUT-04)


class Result(StrEnum):
    """How a callback ended: exactly one, disjoint."""

    REACHED = "reached"  # agent and customer have talked
    CALLED_AGAIN = "called_again"  # the customer called, and took over the place or was served
    BY_HAND = "by_hand"  # somebody says that it is done
    CANCELLED = "cancelled"
    NOT_REACHED = "not_reached"  # all attempts failed
    FORBIDDEN = "forbidden"  # the site does not call such numbers
    EXPIRED = "expired"  # its time was over before anybody could be called
    SUPERSEDED = "superseded"  # another callback for the same number took its place


@dataclass(slots=True, frozen=True)
class CallbackRules:
    """How a queue calls back. All times in seconds."""

    mode: str = (
        "agent"  # who is rung first: "agent" (then the customer is called) | "customer" (then waits at the head)
    )
    attempts: int = 3  # calls to a customer who cannot be reached, before it is given up
    gap: float = 300.0  # between two of them
    ring: float = 30.0  # that the customer's phone rings
    hours: str = ""  # the scheme of opening hours in which customers are called; "" = always
    expires: float = 86_400.0  # after that a callback is given up; the time in which the queue is closed counts as well
    max_open: int = 200  # callbacks of the queue at once; further ones are refused
    other_number: bool = True  # a caller may name another number than the own one
    policy: str = (
        ""  # the toll policy that says which numbers are called; "" = the one named "callback", or what is built in
    )
    abandoned_after: float = 0.0  # who gave up after waiting so long is called back (OUT-02); 0 = nobody is
    idle: float = 10.0  # those without a place in line are called when an agent has been idle so long, and nobody waits
    ratio: int = (
        0  # ... or one of them after so many callers whom the queue has answered, whoever waits; 0 = never for that
    )
    lead: float = 0.0  # customer first: the customer is called when an agent ends wrap-up within this
    target: float = 3_600.0  # from the wish to the talk: what the report calls in time
    reconnect: float = (
        0.0  # a conversation that breaks off is resumed: the agent calls back, within this (OUT-04); 0 = off
    )


DEFAULT_RULES: Final = CallbackRules()


@dataclass(slots=True)
class Callback:
    """What call control must know to make the call. `id` is the caller of the queue visit, too."""

    id: str
    number: str
    name: str = ""
    mode: str = "agent"
    kind: str = Kind.REQUESTED
    language: str = ""
    owner: str = ""  # the only agent who is rung; "" = whoever the queue chooses


# --- items: call control <-> queue engine, routed by switch.py -----------------------------------------------------------


@dataclass(slots=True)
class RequestCallback:
    """call -> acd: a caller wants to be called back. `joined` and `credit`: the place in line of which they let go."""

    queue: str
    number: str
    name: str
    call: str
    joined: float
    credit: float = 0.0
    priority: int = 0
    language: str = ""


@dataclass(slots=True)
class DialCustomer:
    """acd -> call: an agent is about to be free for this callback: call the customer first."""

    callback: Callback
    queue: str
    priority: int
    joined: float


@dataclass(slots=True)
class CustomerDialled:
    """call -> acd: the customer is being called. `agent`: who listens, "" if nobody does yet."""

    callback: str
    call: str
    agent: str = ""


@dataclass(slots=True)
class CustomerReached:
    """call -> acd: the customer of a callback is on the line and waits like any other caller."""

    callback: str


@dataclass(slots=True)
class CustomerMissed:
    """call -> acd: the customer could not be reached, or has hung up before an agent was there. `cause` as of a fork."""

    callback: str
    cause: str
