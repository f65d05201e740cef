"""What happened on the floor lately, in memory: `story` folds reasons from it (ACD-48)."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from softswitch.acd.past import Entry, PastAgent, before
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

if TYPE_CHECKING:
    from softswitch.acd.engine import Engine

LIMIT: Final = 20_000  # events: some six megabytes, half an hour of a busy centre of a hundred agents
TOLD: Final = frozenset({
    AgentActivityChanged, AgentPresenceChanged, CallerConnected, CallerEscalated, CallerJoined, CallerLeft, CallerSteered,
    OfferEnded, OfferMade, TierOpened,
})  # fmt: skip


class Chronicle:
    """The last events of queues and agents, with their time on the monotonic clock."""

    def __init__(self, limit: int = LIMIT) -> None:
        self.entries: deque[Entry] = deque(maxlen=limit)

    def note(self, now: float, event: Event) -> None:
        if type(event) in TOLD:
            self.entries.append((now, event))

    def known(self, engine: Engine) -> Mapping[str, PastAgent]:
        """Agents before the first entry: from the first change of each, else as they have been all the time."""
        found = before(self.entries)
        told = {event.agent for _, event in self.entries if isinstance(event, AgentPresenceChanged) and not event.queue}
        for name, agent in engine.roster.agents.items():
            past = found.setdefault(name, PastAgent())
            if not past.activity:
                past.activity, past.activity_since, past.kind = str(agent.activity), agent.activity_since, agent.kind
                past.until, past.clock, past.paused_in = agent.until, agent.idle_since, set(agent.paused_in)
                past.caller = agent.offer.caller.id if agent.offer is not None else ""
            if name not in told:
                past.presence, past.reason, past.presence_since = (
                    str(agent.presence),
                    agent.reason,
                    agent.presence_since,
                )
        return found
