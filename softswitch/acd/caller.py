"""Callers in a queue and the offers made for them: states, the table of arrows, and their records (FEATURES A.13)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from softswitch.effects import Outcome

if TYPE_CHECKING:
    from softswitch.acd.agent import AgentState
    from softswitch.acd.queue import QueueState


class CallerState(StrEnum):
    """Where a caller stands in the visit."""

    ENTERING = "entering"
    WAITING = "waiting"  # nobody rings for them
    OFFERING = "offering"  # at least one agent's phone rings for them
    CONNECTING = "connecting"  # an agent picked up; caller and agent do not hear each other yet
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


CALLER_TABLE: dict[CallerState, dict[CallerInput, CallerState]] = {
    CallerState.ENTERING: {
        CallerInput.ADMIT: CallerState.WAITING,
        CallerInput.REFUSE: CallerState.ENDED,
    },
    CallerState.WAITING: {
        CallerInput.OFFER: CallerState.OFFERING,
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
CallerEntry: TypeAlias = "tuple[int, float, int, Caller]"


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
    tier: int = 0  # the highest tier announced as open
    position_at_entry: int = 0
    offers: dict[int, Offer] = field(default_factory=dict, repr=False)  # live ones
    offers_made: int = 0
    overdue: bool = False  # max_wait passed while a phone rang and the queue waits for the ring to end
    answered: float = 0.0  # when the agent picked up, in CONNECTING
    entry: CallerEntry = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.rank()

    def rank(self) -> None:
        """Compute the place in the order anew. Never while the entry stands in a line."""
        self.entry = (-self.priority, self.joined - self.credit, self.visit, self)

    def step(self, what: CallerInput) -> None:
        row = CALLER_TABLE[self.state]
        assert what in row, f"caller {self.id}: {what} in {self.state}"
        self.state = row[what]

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
