"""How the floor stood at a moment, folded from events: what `story` explains decisions with (FEATURES B-2).

The same fold serves a running switch (the events of its memory), the past (those of the journal) and a simulation. Events are
taken in the order in which they happened; times are seconds of one clock, the one that `until` of the events is in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from softswitch.acd.agent import CONDITIONS, OCCUPIED, SERVING, SHIFT, SPELL, Activity, Condition, Presence
from softswitch.events import (
    AgentActivityChanged,
    AgentPresenceChanged,
    CallerConnected,
    CallerEscalated,
    CallerJoined,
    CallerLeft,
    CallerSteered,
    Event,
    OfferEnded,
    OfferMade,
    TierOpened,
)

PAUSE_GRACE: Final = 60.0  # seconds of a pause that do not start the idle clock anew (C.5)

Entry: TypeAlias = tuple[float, Event]


@dataclass(slots=True)
class PastAgent:
    """An agent at the moment. `presence` and `activity` are "" while nothing is known of them."""

    presence: str = ""
    reason: str = ""
    presence_since: float = 0.0
    activity: str = ""
    activity_since: float = 0.0
    kind: str = ""  # of what they talk in
    cause: str = ""  # of the activity
    until: float | None = None  # end of the wrap-up or back-off, as far as it was known
    queue: str = ""  # that the offer, the conversation or the wrap-up belongs to
    caller: str = ""  # who rings at their phone or is talked with
    clock: float | None = None  # since when they count as idle, as well as events tell
    paused_in: set[str] = field(default_factory=set)
    answered: list[float] = field(default_factory=list)  # when calls of queues were taken
    spells: list[tuple[float, float]] = field(default_factory=list)  # (end, seconds) of talk and wrap-up

    def calls(self, at: float) -> int:
        """Answered within a shift, as far as events tell."""
        return sum(at - SHIFT < one <= at for one in self.answered)

    def occupied(self, at: float) -> float:
        """Seconds of talk and wrap-up that ended within an hour, as far as events tell."""
        return sum(seconds for end, seconds in self.spells if at - SPELL < end <= at)

    def condition(self, queue: str = "") -> Condition | None:
        """As `AgentState.condition`; None: not known."""
        if self.presence == Presence.OFFLINE:
            return Condition.LOGGED_OUT
        if self.activity == Activity.UNREACHABLE:
            return Condition.UNREACHABLE
        if (self.presence and self.presence not in SERVING) or queue in self.paused_in:
            return Condition.PAUSED
        return CONDITIONS.get(self.activity)


@dataclass(slots=True)
class PastCaller:
    """A caller in a queue at the moment."""

    caller: str
    queue: str
    visit: int
    priority: int
    joined: float
    credit: float
    number: str = ""
    tier: int | None = None  # the highest that was told to be open
    rings: dict[int, str] = field(default_factory=dict)  # offer -> agent


class Past:
    """The floor, as far as the events that were taken tell."""

    def __init__(self, agents: Mapping[str, PastAgent] | None = None) -> None:
        """`agents`: what is known of them before the first event."""
        self.agents: dict[str, PastAgent] = dict(agents or {})
        self.callers: dict[str, PastCaller] = {}
        self._folds: dict[type, Callable[[float, Any], None]] = {
            AgentActivityChanged: self._activity,
            AgentPresenceChanged: self._presence,
            CallerJoined: self._joined,
            CallerLeft: self._left,
            CallerConnected: self._connected,
            OfferMade: self._offered,
            OfferEnded: self._offer_ended,
            TierOpened: self._tier_opened,
            CallerEscalated: self._escalated,
            CallerSteered: self._steered,
        }

    def take(self, at: float, event: Event) -> None:
        fold = self._folds.get(type(event))
        if fold is not None:
            fold(at, event)

    def agent(self, name: str) -> PastAgent:
        found = self.agents.get(name)
        if found is None:
            found = self.agents[name] = PastAgent()
        return found

    # --- one function per event --------------------------------------------------------------------------------------

    def _activity(self, at: float, event: AgentActivityChanged) -> None:
        agent = self.agent(event.agent)
        if event.previous in OCCUPIED and not event.activity == event.previous == Activity.WRAP_UP:
            agent.spells.append((at, event.seconds_in_previous))
        agent.activity, agent.activity_since, agent.cause = event.activity, at, event.cause
        agent.kind, agent.queue = event.kind, event.queue
        agent.until = event.until
        if event.activity == Activity.IDLE and event.cause not in _CLOCK_GOES_ON:
            agent.clock = at
        if event.activity not in _WITH_CALLER:
            agent.caller = ""

    def _presence(self, at: float, event: AgentPresenceChanged) -> None:
        agent = self.agent(event.agent)
        if event.queue:
            (agent.paused_in.add if event.presence == Presence.NOT_READY else agent.paused_in.discard)(event.queue)
            return
        serves, served = event.presence in SERVING, agent.presence in SERVING
        if agent.presence in ("", Presence.OFFLINE) or (
            serves and not served and at - agent.presence_since > PAUSE_GRACE
        ):
            agent.clock = at
        if event.presence == Presence.OFFLINE:
            agent.paused_in.clear()
        agent.presence, agent.reason, agent.presence_since = event.presence, event.reason, at

    def _joined(self, at: float, event: CallerJoined) -> None:
        self.callers[event.caller] = PastCaller(
            event.caller, event.queue, event.visit, event.priority, at, event.credit, event.number
        )

    def _escalated(self, at: float, event: CallerEscalated) -> None:
        caller = self.callers.get(event.caller)
        if caller is not None and event.priority is not None:
            caller.priority = event.priority

    def _steered(self, at: float, event: CallerSteered) -> None:
        caller = self.callers.get(event.caller)
        if caller is not None and event.verb == "prioritise":
            caller.priority = int(event.value.rpartition(" ")[2])

    def _left(self, at: float, event: CallerLeft) -> None:
        self.callers.pop(event.caller, None)

    def _connected(self, at: float, event: CallerConnected) -> None:
        agent = self.agent(event.agent)
        agent.caller = event.caller
        agent.answered.append(at)

    def _offered(self, at: float, event: OfferMade) -> None:
        caller = self.callers.get(event.caller)
        if caller is not None:
            caller.rings[event.offer] = event.agent
        self.agent(event.agent).caller = event.caller

    def _offer_ended(self, at: float, event: OfferEnded) -> None:
        caller = self.callers.get(event.caller)
        if caller is not None:
            caller.rings.pop(event.offer, None)

    def _tier_opened(self, at: float, event: TierOpened) -> None:
        caller = self.callers.get(event.caller)
        if caller is not None:
            caller.tier = event.tier


# Causes of being idle again that do not start the idle clock anew (C.5).
_CLOCK_GOES_ON: Final = frozenset({"cancelled_elsewhere", "cancelled_caller_gone", "registered", "back-off over"})
_WITH_CALLER: Final = frozenset({Activity.RESERVED, Activity.OFFERED, Activity.TALKING, Activity.HOLDING})


def before(entries: Iterable[Entry]) -> dict[str, PastAgent]:
    """What the first events of each agent tell of the time before them."""
    found: dict[str, PastAgent] = {}
    presences: dict[str, str] = {}
    for at, event in entries:
        if isinstance(event, AgentPresenceChanged) and not event.queue:
            presences.setdefault(event.agent, event.previous)
        if isinstance(event, AgentActivityChanged) and event.agent not in found:
            found[event.agent] = PastAgent(
                activity=event.previous, activity_since=at - event.seconds_in_previous, presence=""
            )
    for name, presence in presences.items():
        found.setdefault(name, PastAgent()).presence = presence
    return found
