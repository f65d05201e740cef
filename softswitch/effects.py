"""What is to be done: the closed set of effects and of items that pass between machines.

Effects are performed by the daemon; items are routed by `switch.py` from the machine that drained them to the machine
that wants them. All are cheap value objects (`slots`, not frozen: a frozen one costs 2.5 times as much to build).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from media.control import Command
    from softswitch.events import Event


class Flow(NamedTuple):
    """Where a message came from, and hence the way back (RFC 5626 section 3: a flow).

    UDP: the remote address on one of our listeners. TCP/TLS/WS: one connection. `host` is always an address literal,
    `port` 1..65535, `listener` indexes the daemon's list of listeners, `connection` is 0 where there is none yet.
    """

    transport: str  # "udp" | "tcp" | "tls" | "ws" | "wss"
    host: str
    port: int
    listener: int = 0
    connection: int = 0


# --- effects: performed by the daemon ------------------------------------------------------------------------------


@dataclass(slots=True)
class Send:
    """Send one SIP message on a flow. A stream flow without a connection is dialled first."""

    data: bytes
    flow: Flow


@dataclass(slots=True)
class CloseFlow:
    """Close a stream connection (framing lost, limits exceeded)."""

    flow: Flow
    reason: str


@dataclass(slots=True)
class MediaCommand:
    """A command for the media worker that owns the leg."""

    worker: int
    command: Command


@dataclass(slots=True)
class Publish:
    """Something happened that the world may know: journal, live feed, metrics."""

    event: Event


@dataclass(slots=True)
class CallsChanged:
    """What a restart must know of calls is not what was stored last: ask for it (`Switch.changes`) before the next write."""


# --- items: call control <-> queue engine, routed by switch.py --------------------------------------------------------


class Outcome(StrEnum):
    """How a queue visit ended: exactly one, disjoint (FEATURES A.13). offered = sum of outcomes + in progress."""

    ANSWERED = "answered"
    ABANDONED_SHORT = "abandoned_short"
    ABANDONED = "abandoned"
    ABANDONED_RINGING = "abandoned_ringing"
    ABANDONED_CONNECTING = "abandoned_connecting"
    TIMEOUT = "timeout"
    OVERFLOW = "overflow"
    FULL = "full"
    NO_AGENTS_ON_ENTRY = "no_agents_on_entry"
    NO_AGENTS_LATER = "no_agents_later"
    EXIT_KEY = "exit_key"
    CALLBACK_REQUESTED = "callback_requested"
    WITHDRAWN = "withdrawn"
    TRANSFERRED_OUT = "transferred_out"
    FAILED = "failed"
    SYSTEM_SHUTDOWN = "system_shutdown"


class OfferResult(StrEnum):
    """How one ring of one agent ended (FEATURES A.13)."""

    ANSWERED = "answered"
    NO_ANSWER = "no_answer"
    REJECTED = "rejected"
    BUSY = "busy"
    UNREACHABLE = "unreachable"
    CANCELLED_CALLER_GONE = "cancelled_caller_gone"
    CANCELLED_ELSEWHERE = "cancelled_elsewhere"
    CANCELLED_AGENT_STATE = "cancelled_agent_state"
    FAILED = "failed"


@dataclass(slots=True)
class EnterQueue:
    """call -> acd: a caller wants an agent. `caller` is the call id."""

    caller: str
    queue: str
    number: str = ""
    name: str = ""
    priority: int = 0
    wait_credit: float = 0.0  # seconds counted towards effective wait (ACD-24)


@dataclass(slots=True)
class LeaveQueue:
    """call -> acd: the caller is gone before an agent was connected, or was taken out."""

    caller: str
    outcome: Outcome = Outcome.ABANDONED  # the engine refines ABANDONED into its sub-classes
    detail: str = ""


@dataclass(slots=True)
class RingAgent:
    """acd -> call: ring this agent's device for this caller until answered, failed or withdrawn."""

    offer: int
    caller: str
    agent: str
    queue: str
    device: str  # the account (AOR user) or an external number
    timeout: float  # seconds of ringing


@dataclass(slots=True)
class WithdrawOffer:
    """acd -> call: stop ringing (or hang up if the answer lost the race)."""

    offer: int
    result: OfferResult


@dataclass(slots=True)
class OfferRinging:
    """call -> acd: the agent's phone rings (first 180)."""

    offer: int


@dataclass(slots=True)
class OfferAnswered:
    """call -> acd: the agent's phone answered; the engine settles the race by ConnectOffer or WithdrawOffer."""

    offer: int


@dataclass(slots=True)
class OfferFailed:
    """call -> acd: the ring ended without an answer."""

    offer: int
    result: OfferResult
    status: int = 0  # the SIP final response, 0 if none


@dataclass(slots=True)
class ConnectOffer:
    """acd -> call: join this caller and this agent now."""

    offer: int
    caller: str
    agent: str
    queue: str


@dataclass(slots=True)
class ReleaseCaller:
    """acd -> call: the caller leaves the queue without an agent; `destination` says where to ("" = hang up)."""

    caller: str
    queue: str
    outcome: Outcome
    destination: str = ""


@dataclass(slots=True)
class OfferConnected:
    """call -> acd: caller and agent hear each other. Only where the agent is first spoken to (`Queue.agent_greeting`)."""

    offer: int


@dataclass(slots=True)
class ConversationHeld:
    """call -> acd: the agent put the caller on hold, or took them back."""

    offer: int
    held: bool


@dataclass(slots=True)
class ConversationEnded:
    """call -> acd: caller and agent no longer talk (hang-up or transfer); the agent's wrap-up begins."""

    offer: int


@dataclass(slots=True)
class OfferResumed:
    """call -> acd, after a restart: this agent's phone has been ringing for this caller all the time.

    `at`: since when; `until`: the end of the ring. The engine answers by WithdrawOffer if it cannot be.
    """

    offer: int
    caller: str
    agent: str
    queue: str
    at: float
    until: float
    rang: bool = False  # the phone has said so


@dataclass(slots=True)
class ConversationResumed:
    """call -> acd, after a restart: this agent has been talking with this caller all the time, since `since`."""

    offer: int
    caller: str
    agent: str
    queue: str
    since: float
    held: bool = False


@dataclass(slots=True)
class DeviceBusy:
    """call -> acd: a leg outside the queues occupies a device (ACD-38). `kind`: "outbound" | "internal" | "consult"."""

    device: str
    kind: str


@dataclass(slots=True)
class DeviceFree:
    """call -> acd: no leg outside the queues occupies the device any more."""

    device: str


@dataclass(slots=True)
class DeviceReachable:
    """registrar -> acd: the device has (or no longer has) a valid contact (ACD-39)."""

    device: str
    reachable: bool


@dataclass(slots=True)
class AgentCommand:
    """call (feature code), API or CLI -> acd: a person changes an agent's presence.

    `verb`: "login" | "logout" | "ready" | "ready_once" | "not_ready" | "end_wrap_up" | "extend_wrap_up".
    """

    agent: str
    verb: str
    reason: str = ""  # the not-ready reason
    device: str = ""  # login: bind the agent to this device (hot-desking); "" keeps the configured one
    actor: str = ""  # who asked: "phone", "cli", "api:NAME", "system"
    queue: str = ""  # only this queue: login/ready join it, logout/not_ready leave it; "" = everywhere
