"""Which events are for whom (API-02, ADM-02): one decision for each kind of event and each role.

Administrators and auditors, and supervisors of every queue, get all. Everybody else gets what this table says, and of a kind
that is not in it nothing. What may be learned by events is what may be looked at: waiting callers and callbacks of the queues
that an agent serves, and of everything else only what is their own. Who listens, who was warned about whom, and what others
have said about calls is nothing for agents.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from softswitch.api.auth import Principal, Sight
from softswitch.api.feed import Line
from softswitch.directory.people import AGENT

Decision = Callable[[Line, Principal, Sight], bool]

INWARD: Final = frozenset({"queue.tape"})  # of the switch for itself: nobody follows that


def nobody(line: Line, who: Principal, sight: Sight) -> bool:
    """Only for those who see everything."""
    return False


def of_queue(line: Line, who: Principal, sight: Sight) -> bool:
    """For whoever sees the queue."""
    queue = line.get("queue")
    return bool(queue) and sight.queue(str(queue))


def of_agent(line: Line, who: Principal, sight: Sight) -> bool:
    """For whoever sees the agent; agents see themselves."""
    agent = line.get("agent")
    return bool(agent) and sight.agent(str(agent))


def seen(line: Line, who: Principal, sight: Sight) -> bool:
    """For whoever sees the queue or the agent."""
    return of_queue(line, who, sight) or of_agent(line, who, sight)


def of_phone(line: Line, who: Principal, sight: Sight) -> bool:
    """For whose calls it is about: the agent's, or those of the account that is theirs."""
    account = line.get("account")
    return of_agent(line, who, sight) or (bool(account) and account == who.account)


# Kind of event -> (agents, supervisors of queues).
TABLE: Final[dict[str, tuple[Decision, Decision]]] = {
    # agents and queues
    "agent.activity": (of_agent, seen),
    "agent.message": (of_agent, of_agent),
    "agent.presence": (of_agent, seen),
    "queue.announced": (nobody, of_queue),
    "queue.connected": (of_agent, seen),
    "queue.entered": (of_queue, of_queue),
    "queue.escalated": (nobody, of_queue),
    "queue.ewt_told": (nobody, of_queue),
    "queue.left": (of_queue, seen),
    "queue.offer_result": (of_agent, seen),
    "queue.offered": (of_agent, seen),
    "queue.position": (nobody, of_queue),
    "queue.steered": (nobody, of_queue),
    "queue.strategy_changed": (nobody, of_queue),
    "queue.strategy_failed": (nobody, of_queue),
    "queue.surge": (of_queue, of_queue),
    "queue.tier_changed": (nobody, of_queue),
    "alert.cleared": (nobody, seen),
    "alert.raised": (nobody, seen),
    # callbacks are worked off by whoever serves the queue
    "callback.assigned": (of_queue, of_queue),
    "callback.attempt": (of_queue, of_queue),
    "callback.cancelled": (of_queue, of_queue),
    "callback.created": (of_queue, of_queue),
    "callback.done": (of_queue, of_queue),
    "callback.due": (of_queue, of_queue),
    "callback.expired": (of_queue, of_queue),
    "callback.missed": (of_queue, of_queue),
    "callback.requested": (of_queue, of_queue),
    "campaign.contact": (of_agent, of_queue),
    "campaign.held": (nobody, of_queue),
    # one's own calls
    "call.disposition": (of_agent, seen),
    "call.ended": (of_phone, lambda line, who, sight: seen(line, who, sight) or of_phone(line, who, sight)),
    "call.script": (of_agent, of_agent),
    "recording.started": (of_agent, seen),
    "screen.pop": (of_agent, of_agent),
    "survey.answered": (nobody, seen),
    "toll.blocked": (of_phone, of_phone),
    # messages that callers have left in a queue's mailbox
    "voicemail.begun": (of_queue, of_queue),
    "voicemail.left": (of_queue, of_queue),
    # calls, legs and recordings name no queue and no agent: pages look at the calls that they may see
    **dict.fromkeys(
        (
            "call.audio", "call.bridged", "call.comeback", "call.created", "call.diverted", "call.emergency", "call.held",
            "call.merged", "call.order", "call.parked", "call.picked_up", "call.recalled", "call.resumed",
            "call.taken_back", "call.transferred", "call.unparked", "caller.blocked", "caller.screened",
            "caller.unblocked", "conference.changed", "conference.joined", "conference.left", "customer.changed",
            "customer.identified", "customer.noted", "dtmf", "group.left", "group.rang", "ivr.problem", "ivr.step",
            "leg.answered", "leg.created", "leg.ended", "leg.moved", "leg.ringing", "leg.secured", "phone.changed",
            "prompt.missing", "prompt.spoken", "quality.rtp", "recall.ended", "recording.deleted", "recording.finished",
            "recording.marked", "recording.paused", "recording.played", "recording.shared", "recording.links_revoked",
            "supervision.changed", "supervision.ended", "supervision.started", "transfer.changed", "transfer.failed",
            "transfer.started", "voicemail.deleted", "voicemail.discarded", "voicemail.heard", "voicemail.mailbox",
            "voicemail.mailed", "voicemail.played", "voicemail.purged", "voicemail.restored",
        ),
        (nobody, nobody),
    ),
    # the switch itself, its audit, and what leaves it
    **dict.fromkeys(
        (
            "audit.order", "audit.session", "config.changed", "hours.switched", "http.answered", "mail.sent",
            "media.alarm", "outage.switched", "queue.tape", "records.erased", "records.exported", "registration.bound",
            "registration.reachable", "registration.removed", "registration.unreachable", "security.banned",
            "security.released", "sms.sent", "text.delivered", "text.dropped", "text.stored", "toll.alarm", "trunk.down",
            "trunk.refused", "trunk.registered", "trunk.up", "webhook.gave_up",
        ),
        (nobody, nobody),
    ),
}  # fmt: skip
NOBODY: Final = (nobody, nobody)


def wanted(
    who: Callable[[], Principal | None], sight: Callable[[], Sight], only: tuple[str, ...]
) -> Callable[[Line], bool]:
    """Which events are for somebody, with names that begin as they say. `who` (None: nobody now), `sight`: of this moment."""

    def wants(line: Line) -> bool:
        name = str(line["event"])
        if name in INWARD or (only and not name.startswith(only)):
            return False
        seen_now, principal = sight(), who()
        if principal is None:
            return False
        if principal.sees_all:
            return True
        decision = TABLE.get(name, NOBODY)[0 if principal.role == AGENT else 1]
        return decision is not nobody and decision(line, principal, seen_now)

    return wants
