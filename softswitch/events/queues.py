"""Queues and agents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from softswitch.events.base import Event


@dataclass(slots=True)
class CallerJoined(Event):
    """A caller entered a queue: one queue visit begins. `position` is 1-based."""

    name: ClassVar[str] = "queue.entered"
    queue: str
    caller: str
    visit: int
    number: str
    priority: int
    position: int
    waiting: int
    kind: str = ""  # "callback": not on the line, is to be called back
    credit: float = 0.0  # seconds that count towards the order, not towards the wait
    display_name: str = ""  # of the caller
    asks: tuple[tuple[str | float, ...], ...] = ()  # skills they ask for: name, level, after, drop, weight
    preferred: str = ""  # the one agent for whom they wait first ...
    preferred_for: float = 0.0  # ... so many seconds


@dataclass(slots=True)
class PositionTold(Event):
    """A waiting caller was told their place, or how many wait."""

    name: ClassVar[str] = "queue.position"
    queue: str
    caller: str
    place: int
    waiting: int
    waited: float


@dataclass(slots=True)
class EwtTold(Event):
    """A waiting caller was told how long it will take: what the calibration report compares with what came true."""

    name: ClassVar[str] = "queue.ewt_told"
    queue: str
    caller: str
    minutes: int  # as it was told: 0 = less than one, 31 = more than 30
    seconds: float  # the value behind it
    mean: float  # the expectation without caution
    place: int
    people: int  # agents who serve the caller
    waited: float  # so far


@dataclass(slots=True)
class Announced(Event):
    """A waiting caller hears something besides music."""

    name: ClassVar[str] = "queue.announced"
    queue: str
    caller: str
    kind: str  # "entry" | "improved" | "periodic" | "comfort"
    language: str
    clips: tuple[str, ...]


@dataclass(slots=True)
class OfferMade(Event):
    """An agent was chosen for a caller and is being rung. `ranking` says why."""

    name: ClassVar[str] = "queue.offered"
    queue: str
    caller: str
    agent: str
    offer: int
    tier: int
    waited: float
    ranking: tuple[str, ...] = ()  # the strategy, the tier, and the first agents in its order
    keys: tuple[
        float, ...
    ] = ()  # what ranked them: seconds of idleness, calls, seconds of work, or the score of skills
    asked: tuple[
        str, ...
    ] = ()  # what the caller asks for: "english >= 50", or "asks for anna"; others were not in question


@dataclass(slots=True)
class OfferEnded(Event):
    """A ring is over; `result` says how. `status`: the SIP status of the agent's phone, 0 if it gave none."""

    name: ClassVar[str] = "queue.offer_result"
    queue: str
    caller: str
    agent: str
    offer: int
    result: str
    ring_seconds: float
    status: int = 0


@dataclass(slots=True)
class CallerConnected(Event):
    """Caller and agent hear each other. `waited`: since the caller entered the queue."""

    name: ClassVar[str] = "queue.connected"
    queue: str
    caller: str
    agent: str
    offer: int
    waited: float


@dataclass(slots=True)
class TierOpened(Event):
    """Agents of one more tier became eligible for a waiting caller."""

    name: ClassVar[str] = "queue.tier_changed"
    queue: str
    caller: str
    tier: int
    cause: str  # "busy" | "timed" | "empty" | "escalation"


@dataclass(slots=True)
class StrategyChanged(Event):
    """Another strategy holds in a queue, because a rule says so. `cause`: its conditions, "" = none holds."""

    name: ClassVar[str] = "queue.strategy_changed"
    queue: str
    strategy: str
    cause: str = ""


@dataclass(slots=True)
class StrategyFailed(Event):
    """A strategy of the site's own broke its contract: another one chose the agent."""

    name: ClassVar[str] = "queue.strategy_failed"
    strategy: str
    queue: str
    problem: str  # "error" | "slow" | "unknown agent" ...
    detail: str = ""
    disabled: bool = False  # it is not asked any more until the switch starts anew


@dataclass(slots=True)
class CallerLeft(Event):
    """A queue visit ended, with exactly one outcome."""

    name: ClassVar[str] = "queue.left"
    queue: str
    caller: str
    visit: int
    outcome: str
    waited: float
    position_at_entry: int
    offers: int
    agent: str = ""
    detail: str = ""
    kind: str = ""  # as of `queue.entered`
    told: float | None = None  # seconds that the caller was last told they would wait


@dataclass(slots=True)
class CallerEscalated(Event):
    """A caller climbed a rung of the queue's ladder."""

    name: ClassVar[str] = "queue.escalated"
    queue: str
    caller: str
    visit: int
    rung: int  # 1 = the first of the ladder
    trigger: str  # what it waited for: "wait 60", "length 10", "no agents" ...
    action: str  # "tier:2", "agents:QUEUE", "priority:+5", or where the caller leaves for
    waited: float
    priority: int | None = None  # the new one, if it is that which the rung gives


@dataclass(slots=True)
class CallerSteered(Event):
    """A person did something with a caller who waits."""

    name: ClassVar[str] = "queue.steered"
    queue: str
    caller: str
    visit: int
    verb: str  # "prioritise" | "place" | "assign" | "move" | "withdraw"
    value: str  # the priorities, the place, the agent, the queue, the destination
    actor: str


@dataclass(slots=True)
class SurgeChanged(Event):
    """A queue began to surge, or calmed down."""

    name: ClassVar[str] = "queue.surge"
    queue: str
    surging: bool
    cause: str  # "length" | "wait" | "calm" | "order"
    waiting: int
    actor: str
    order: str  # "on" | "off" by hand, "auto" = by threshold


@dataclass(slots=True)
class AgentPresenceChanged(Event):
    """A person (or the engine for them) changed an agent's presence."""

    name: ClassVar[str] = "agent.presence"
    agent: str
    presence: str  # "offline" | "ready" | "ready_once" | "not_ready"
    reason: str
    actor: str
    device: str = ""
    queue: str = ""  # set when only the membership in this queue was paused ("not_ready") or resumed ("ready")
    previous: str = ""  # presence before; "" with `queue`


@dataclass(slots=True)
class AgentActivityChanged(Event):
    """The engine moved an agent from one activity to another."""

    name: ClassVar[str] = "agent.activity"
    agent: str
    activity: str  # "idle" | "reserved" | "offered" | "talking" | "holding" | "wrapup" | "backoff" | "unreachable"
    previous: str
    seconds_in_previous: float
    cause: str
    until: float | None = None  # monotonic seconds
    kind: str = ""  # while talking: "queue" | "outbound" | "internal" | "consult"
    queue: str = ""  # the queue that the offer, the conversation or the wrap-up belongs to
    owes: str = ""  # the call for which a disposition must be chosen: until then, at the latest, wrap-up goes on


@dataclass(slots=True)
class QueueTape(Event):
    """What the queue engine was told, word for word, for `softswitch sim --replay`: `first` numbers the inputs of a process."""

    name: ClassVar[str] = "queue.tape"
    life: str  # of the process
    at: float  # monotonic seconds, the clock of the inputs
    first: int
    inputs: tuple[Any, ...]
