"""What is to be done: the closed set of effects and of items that pass between machines.

Effects are performed by the daemon; items are routed by `switch` from the machine that drained them to the machine
that wants them. All are cheap value objects (`slots`, not frozen: a frozen one costs 2.5 times as much to build).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from media.control import Command
    from softswitch.callbacks import Callback
    from softswitch.directory import Need
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


@dataclass(slots=True)
class Resolve:
    """Ask the DNS about a name of the configuration; the answer is an input, `Switch.resolved` (see `sip.locate`)."""

    kind: str  # "A" | "AAAA" | "SRV" | "NAPTR"
    name: str  # without a final dot


@dataclass(slots=True)
class Expect:
    """When this TLS flow, which has no connection, is dialled: the certificate there must be for `name` (RFC 5922)."""

    flow: Flow
    name: str


@dataclass(slots=True)
class HttpRequest:
    """Ask a web service in a call's name; the answer is an input, `Switch.errand_done`. At most `timeout` seconds.

    Whoever carries it out keeps a breaker for each host. URL, headers and body may hold what a caller typed as a secret: they
    are not logged.
    """

    errand: str
    call: str
    method: str  # "GET" | "POST" | "PUT" | "PATCH" | "DELETE"
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    timeout: float = 5.0


@dataclass(slots=True)
class SendText:
    """Send an SMS in a call's name. Answered by `Switch.errand_done`; the call does not wait for it."""

    errand: str
    call: str
    to: str
    text: str


@dataclass(slots=True)
class SendMail:
    """Send an e-mail in a call's name. Answered by `Switch.errand_done`; the call does not wait for it."""

    errand: str
    call: str
    to: tuple[str, ...]
    subject: str
    text: str


@dataclass(slots=True)
class ErrandDone:
    """What became of an errand. An input, not an effect."""

    errand: str
    result: str = (
        "ok"  # "ok" (whatever the HTTP status) | "timeout" | "failed" | "refused" (the breaker is open) | "disabled"
    )
    status: int = 0  # of HTTP
    body: bytes = b""  # at most 64 KiB of it
    detail: str = ""  # why, for events


# --- items: call control <-> queue engine, routed by switch ----------------------------------------------------------


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
    preferred: str = ""  # the agent to be tried first, as an account manager (ACD-22)
    needs: tuple[Need, ...] = ()  # skills this caller asks for; each in place of the queue's of that name (ACD-19)


@dataclass(slots=True)
class LeaveQueue:
    """call -> acd: the caller is gone before an agent was connected, or was taken out."""

    caller: str
    outcome: Outcome = Outcome.ABANDONED  # the engine refines ABANDONED into its sub-classes
    detail: str = ""


@dataclass(slots=True)
class WaitTold:
    """call -> acd: a caller was told how long they will wait; their record says so (ACD-47)."""

    caller: str
    seconds: float


@dataclass(slots=True)
class CallerKey:
    """call -> acd: a caller who waits has pressed a key, which may lead out of the queue (ACD-29)."""

    caller: str
    key: str


@dataclass(slots=True)
class TellCaller:
    """acd -> call: say something to a caller who goes on waiting."""

    caller: str
    queue: str
    clips: tuple[str, ...]


@dataclass(slots=True)
class RingAgent:
    """acd -> call: ring this agent's device for this caller until answered, failed or withdrawn."""

    offer: int
    caller: str
    agent: str
    queue: str
    device: str  # the account (AOR user) or an external number
    timeout: float  # seconds of ringing
    callback: Callback | None = None  # the caller is not on the line: who answers is to call them
    confirm: str = (
        "off"  # "outside" | "always": who answers a number outside, or anywhere, has to accept the call (ACD-34)
    )
    since: float = 0.0  # when the caller entered the queue, monotonic seconds


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
class OfferAsked:
    """call -> acd: somebody picked up, and is asked until `until` whether they take the call: no ring timeout before that."""

    offer: int
    until: float


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
    """acd -> call: the caller leaves the queue without an agent; `destination` says where to ("" = hang up).

    `priority`, `credit` (seconds): what they had in the end, which may be more than they came with.
    """

    caller: str
    queue: str
    outcome: Outcome
    destination: str = ""
    priority: int = 0
    credit: float = 0.0


@dataclass(slots=True)
class PlaceImproved:
    """acd -> call: a waiting caller who asked to be told of it stands further in front now."""

    caller: str


class Standing(NamedTuple):
    """How a waiting caller stands: what announcements tell."""

    place: int  # from 1
    waiting: int  # callers without an agent, this one included
    ringing: bool  # an agent's phone rings for the caller
    seconds: float  # the expected wait as it is told: with caution, never growing; infinite: nobody knows
    minutes: int | None  # the same as people say it: 0 = less than one, 31 = more than 30, None = nobody knows
    mean: float  # the expected wait itself
    people: int  # agents who serve this caller
    waited: float
    limit: int = 0  # while the queue surges: places beyond are told as "more than"; 0 = as ever


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
    cause: str = ""  # why it broke off, if neither of them has hung up


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
    asked: bool = False  # whoever picked up is asked whether they take the call


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
    """call -> acd: a leg outside the queues occupies a device (ACD-38).

    `kind`: "outbound" | "internal" | "trunk" | "consult" | "recall".
    """

    device: str
    kind: str


@dataclass(slots=True)
class DeviceFree:
    """call -> acd: no leg outside the queues occupies the device any more."""

    device: str


@dataclass(slots=True)
class FlowFailed:
    """call -> registrar: a proxy says that the flow of a binding is gone (430, RFC 5626 section 5.3)."""

    aor: str
    key: str


@dataclass(slots=True)
class CallerServed:
    """call -> acd: on this device a caller of a queue was talked to who had come back (a recall): wrap-up begins anew."""

    device: str
    queue: str


@dataclass(slots=True)
class DeviceReachable:
    """registrar -> acd: the device has (or no longer has) a valid contact (ACD-39)."""

    device: str
    reachable: bool


@dataclass(slots=True)
class AgentCommand:
    """call (feature code), API or CLI -> acd: a person changes an agent's presence.

    `verb`: "login" | "logout" | "ready" | "ready_once" | "not_ready" | "end_wrap_up" | "extend_wrap_up" | "disposition".
    """

    agent: str
    verb: str
    reason: str = ""  # the not-ready reason, or the disposition
    device: str = ""  # login: bind the agent to this device (hot-desking); "" keeps the configured one
    actor: str = ""  # who asked: "phone", "cli", "api:NAME", "system"
    queue: str = ""  # only this queue: login/ready join it, logout/not_ready leave it; "" = everywhere
    call: str = ""  # disposition: of this call; "" = of the last one
    note: str = ""  # ... with what the agent has to say about it
