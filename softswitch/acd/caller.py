"""Callers in a queue and the offers made for them: states, the table of arrows, and their records (FEATURES A.13)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias

from softswitch.effects import Outcome

if TYPE_CHECKING:
    from softswitch.acd.agent import AgentState
    from softswitch.acd.queue import QueueState
    from softswitch.acd.section import Section
    from softswitch.callbacks import Callback
    from softswitch.directory import Need
    from softswitch.directory.waiting import Rung


class CallerState(StrEnum):
    """Where a caller stands in the visit."""

    ENTERING = "entering"
    WAITING = "waiting"  # nobody rings for them
    OFFERING = "offering"  # at least one agent's phone rings for them
    CONNECTING = "connecting"  # an agent picked up; caller and agent do not hear each other yet
    CALLED = "called"  # a callback, customer first: their phone rings; the place in line is kept
    AWAY = "away"  # a callback that nobody may be offered now: until the next attempt, or until the queue opens
    ENDED = "ended"  # exactly one outcome was published


class CallerInput(StrEnum):
    """What happens to a caller."""

    ADMIT = "admit"
    REFUSE = "refuse"  # full, or nobody to answer
    OFFER = "offer"
    OFFERS_OVER = "offers_over"  # the last ringing phone stopped, unanswered
    ANSWER = "answer"
    AGENT_GONE = "agent_gone"  # the agent who picked up left before the two were joined
    CONNECT = "connect"
    LEAVE = "leave"  # hang-up, time-out, key, withdrawal
    CALL = "call"  # a callback's customer is called before an agent is
    REACHED = "reached"  # ... and has answered
    ASIDE = "aside"  # a callback leaves the line for a while
    RETURN = "return"  # ... and comes back to its place


CALLER_TABLE: dict[CallerState, dict[CallerInput, CallerState]] = {
    CallerState.ENTERING: {
        CallerInput.ADMIT: CallerState.WAITING,
        CallerInput.REFUSE: CallerState.ENDED,
    },
    CallerState.WAITING: {
        CallerInput.OFFER: CallerState.OFFERING,
        CallerInput.LEAVE: CallerState.ENDED,
        CallerInput.CALL: CallerState.CALLED,
        CallerInput.ASIDE: CallerState.AWAY,
        CallerInput.REACHED: CallerState.WAITING,  # after a restart: the customer is on the line
    },
    CallerState.CALLED: {
        CallerInput.REACHED: CallerState.WAITING,
        CallerInput.ASIDE: CallerState.AWAY,
        CallerInput.LEAVE: CallerState.ENDED,
    },
    CallerState.AWAY: {
        CallerInput.RETURN: CallerState.WAITING,
        CallerInput.REACHED: CallerState.WAITING,
        CallerInput.LEAVE: CallerState.ENDED,
    },
    CallerState.OFFERING: {
        CallerInput.OFFER: CallerState.OFFERING,  # ring all: one more phone
        CallerInput.OFFERS_OVER: CallerState.WAITING,
        CallerInput.ANSWER: CallerState.CONNECTING,
        CallerInput.LEAVE: CallerState.ENDED,
    },
    CallerState.CONNECTING: {
        CallerInput.AGENT_GONE: CallerState.WAITING,  # back to the old place: the key never changed
        CallerInput.CONNECT: CallerState.ENDED,
        CallerInput.LEAVE: CallerState.ENDED,
    },
    CallerState.ENDED: {},
}

# (-priority, effective entry time, visit, the caller): FEATURES ACD-03. Visits are unique, so callers are never compared.
CallerEntry: TypeAlias = "tuple[float, float, float, Caller]"
Place: TypeAlias = "tuple[float, float, float]"  # an entry without its caller

AGED: Final = -1e9  # the rank of who has waited longer than `fair_after`: before any priority


@dataclass(slots=True, eq=False)
class Caller:
    """One queue visit. Times are monotonic seconds."""

    id: str
    queue: QueueState = field(repr=False)
    visit: int
    number: str
    name: str
    priority: int
    joined: float
    credit: float  # seconds that count towards the order, not towards the wait (ACD-24)
    state: CallerState = CallerState.ENTERING
    lane: int = 0  # how many tier steps of the queue have passed for this caller
    climbed: frozenset[Rung] = field(default=frozenset(), repr=False)  # rungs that are behind them (ACD-25)
    height: int = 0  # of those, how many bring further agents
    aged: bool = False  # has waited so long that nobody who came later goes first (ACD-49)
    moved: Place | None = None  # the place that a supervisor gave them, until their priority changes (ACD-42)
    assigned: bool = False  # the phone that rings is that of the agent whom a supervisor has named: no other rings
    told: float | None = None  # seconds that they were told they would wait, the last time (ACD-47)
    tier: int = 0  # the highest tier announced as open
    position_at_entry: int = 0
    offers: dict[int, Offer] = field(default_factory=dict, repr=False)  # live ones
    offers_made: int = 0
    timers: tuple[str, ...] = ()  # deadlines of the visit's own that have been set
    overdue: bool = False  # max_wait passed while a phone rang and the queue waits for the ring to end
    answered: float = 0.0  # when the agent picked up, in CONNECTING
    rung_first: float = 0.0  # when the first phone was rung for them (`progressive`)
    asks: tuple[Need, ...] = ()  # skills they ask for themselves (ACD-19)
    needs: tuple[Need, ...] = ()  # ... and with those that the queue asks for
    preferred: str = ""  # the one agent for whom they wait first (ACD-22), for as long as they do
    preferred_for: float = 0.0  # until they have waited so many seconds
    section: Section = field(init=False, repr=False)  # whom they may be given to
    section_until: float = 0.0  # ... until they have waited so many seconds; 0 = to the end
    callback: Callback | None = None  # who is to be called back, if that is what this caller waits for
    absent: bool = False  # ... and is not on the line
    entry: CallerEntry = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.section = self.queue
        self.rank()

    @property
    def effective(self) -> float:
        """When they would have come, had they waited all the time that counts."""
        return self.joined - self.credit

    def rank(self) -> None:
        """Compute the place in the order anew. Never while the entry stands in a line.

        Strictly by priority, or with a priority worth so many seconds of waiting; both are fixed values that need no clock.
        """
        worth, effective = self.queue.config.priority_seconds, self.joined - self.credit
        if self.moved is not None:
            place = self.moved
        elif worth:
            place = (0.0, effective - self.priority * worth, self.visit)
        else:
            place = (-self.priority, effective, self.visit)
        if self.aged:
            place = min(place, (AGED, effective, self.visit))
        self.entry = (*place, self)

    def step(self, what: CallerInput) -> None:
        after = CALLER_TABLE[self.state].get(what)
        assert after is not None, f"caller {self.id}: {what} in {self.state}"
        self.state = after

    def abandonment(self, now: float) -> tuple[Outcome, str]:
        """The sub-class of a hang-up, and a detail. Exactly one class: connecting, short, ringing, plain (C.2, A.13)."""
        ringing = "ringing" if self.state is CallerState.OFFERING else ""
        if self.state is CallerState.CONNECTING:
            return Outcome.ABANDONED_CONNECTING, ""
        if now - self.joined <= self.queue.config.short_abandon:
            return Outcome.ABANDONED_SHORT, ringing
        return (Outcome.ABANDONED_RINGING, "") if ringing else (Outcome.ABANDONED, "")


class OfferState(StrEnum):
    """How far one offer of one caller to one agent has come."""

    RINGING = "ringing"
    CONNECTING = "connecting"  # picked up: whisper, confirmation
    TALKING = "talking"


@dataclass(slots=True, eq=False)
class Offer:
    """One agent is rung for one caller; the same record carries the conversation that follows."""

    id: int
    caller: Caller
    agent: AgentState
    queue: QueueState
    tier: int
    at: float
    state: OfferState = OfferState.RINGING
    answered: float = 0.0
    asked: bool = False  # whoever picked up was told who calls, and asked whether they take the call
