"""What an agent says that a conversation was about (AGT-08). Where a queue requires it, wrap-up goes on until it is said.

The engine knows names only; which of them need a note, or make a callback, is the matter of whoever asks it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from softswitch.acd.agent import AgentState, Handled
from softswitch.directory.wrapping import NONE
from softswitch.events import DispositionChosen

if TYPE_CHECKING:
    from softswitch.acd.caller import Offer
    from softswitch.acd.engine import Engine
    from softswitch.effects import AgentCommand

NO_CALL: Final = "no call to give a disposition to"
NOT_OFFERED: Final = "not a disposition of that queue"
OWED: Final = "a disposition must be chosen first"


def talks(agent: AgentState, offer: Offer) -> None:
    """A conversation of a queue begins, or goes on after a restart."""
    if agent.handled is None or agent.handled.call != offer.caller.id:
        agent.handled = Handled(offer.caller.id, offer.queue.name, offer.caller.number)


def owed(agent: AgentState, offer: Offer) -> bool:
    """Whether wrap-up has to wait for a disposition of the conversation that has just ended."""
    known = agent.handled
    return (
        offer.queue.config.disposition == "required"
        and known is not None
        and known.call == offer.caller.id
        and not known.chosen
    )


def choose(engine: Engine, item: AgentCommand, now: float) -> str:
    """An agent, or somebody for them, says what the call was about; "" or the reason why that cannot be."""
    agent = engine.roster.agents.get(item.agent)
    if agent is None or agent.removed:
        return "unknown agent"
    known = agent.handled
    if known is None or item.call not in ("", known.call):
        return NO_CALL
    queue = engine.queues.get(known.queue)
    if queue is None or item.reason not in queue.config.dispositions:
        return NOT_OFFERED
    previous, known.chosen = known.chosen, item.reason
    engine.publish(
        DispositionChosen(
            known.call, known.queue, agent.name, item.reason, item.actor, item.note, known.number, previous
        )
    )
    if agent.owes:
        engine.roster.floor.disposition_given(agent, now)
    return ""


def unsaid(agent: AgentState, actor: str = "system") -> DispositionChosen:
    """Nobody said it in time."""
    known = agent.handled
    assert known is not None, f"agent {agent.name} owes a disposition for no call"
    known.chosen = NONE
    return DispositionChosen(known.call, known.queue, agent.name, NONE, actor, number=known.number)
