"""What a restart must know of a call, as JSON values. Computes only; `revival` is the way back.

A call is kept whole: its dialogs, what was negotiated, the transactions that are not over, who talks to whom, where the
caller is. Times are monotonic seconds; who stores them knows the clock. What is empty, zero or false is left out.
"""

from __future__ import annotations

from dataclasses import asdict
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from softswitch.call import announcing, hunt
from softswitch.call.flow import Echo, Music
from softswitch.call.hunt import Hunt
from softswitch.call.leaving import lingering
from softswitch.call.leg import LegState
from softswitch.call.negotiation import NOT_KEPT
from softswitch.call.security import Keying
from softswitch.packing import pack, pack_fields
from softswitch.sip.revival import keep_client, keep_server

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.conference import Meeting
    from softswitch.call.fork import Fork
    from softswitch.call.leg import Leg
    from softswitch.call.queueing import Offer, QueueVisit

VERSION: Final = 1
CALL: Final = (
    "bridged_at", "caller_name", "caller_number", "connected_at", "context", "dialled", "headers", "hidden", "id",
    "intercom", "language", "max_forwards", "origin", "outcome", "path", "path_at", "reached", "recipe", "room", "shows",
    "started", "talked", "transfers", "trunk", "visited", "worker",
)  # fmt: skip
LEG: Final = (
    "allow", "answered_at", "by", "cause", "device", "gone_at", "heard", "held", "holding", "occupies", "party", "ringing_at",
    "role", "started", "status",
)  # fmt: skip
_call_fields: Final = attrgetter(*CALL)
_leg_fields: Final = attrgetter(*LEG)
DEADLINES: Final = ("attempt", "group", "silence")
UNANSWERED: Final = frozenset(
    {LegState.INCOMING, LegState.WITHHELD, LegState.CALLING, LegState.RINGING, LegState.CANCELLING}
)


def keep(call: Call) -> dict[str, Any] | None:
    """None if nothing is left of the call. Raises PackingError if it holds what cannot be kept."""
    ended = call.board.calls.get(call.id) is not call
    if (ended and not call.legs) or call.summoning:
        return None
    kept: dict[str, Any] = {name: value for name, value in zip(CALL, _call_fields(call)) if value}  # noqa: B905
    kept["version"] = VERSION
    kept["account"] = call.account.user
    if call.authority is not call.account:
        kept["authority"] = call.authority.user
    if call.diversions:
        kept["diversions"] = pack(call.diversions)
    kept["legs"] = {leg.id: _leg(leg) for leg in call.legs}
    if ended:
        kept["ended"] = True
        return kept
    kept["caller"] = call.caller.id
    kept["peer"] = call.peer.id if call.peer is not None else ""
    if call.holding:
        kept["held"] = [leg.id for leg in call.holding]
    if call.extra:
        kept["extra"] = [leg.id for leg in call.extra]
    if call.supervision is not None:
        watch = call.supervision
        kept["supervision"] = {"device": watch.device, "mode": watch.mode, "by": watch.by, "started": watch.started}
    if call.meeting is not None:
        kept["meeting"] = _meeting(call.meeting, call.id)
    if call.lead is not None:
        lead = call.lead.keep()
        if lead is not None:
            kept["lead"] = lead if call.lead.fork is None else lead | {"fork": _fork(call.lead.fork)}
    leaving = [leg.id for leg in call.legs if lingering(leg) is not None]
    if leaving:
        kept["leaving"] = leaving
    if call.fork is not None:
        kept["fork"] = _attempt(call.fork)
    if call in call.board.undisturbed:
        kept["undisturbed"] = True
    if call.met is not None and (visitor := call.met.keep()):
        kept["visitor"] = visitor
    if call.visit is not None:
        kept["visit"] = _visit(call.visit)
    step = call.runner.step if call.runner is not None else None
    if type(step) is Echo:  # These last until the caller hangs up, and what led to them need not be heard again.
        kept["recipe"] = ("echo",)
    elif type(step) is Music:
        kept["recipe"] = ("music", step.name)
    return kept


def _leg(leg: Leg) -> dict[str, Any]:
    kept: dict[str, Any] = {name: value for name, value in zip(LEG, _leg_fields(leg)) if value}  # noqa: B905
    kept["state"] = leg.state.value
    kept["dialog"] = pack_fields(leg.dialog)
    if leg.state in UNANSWERED and leg.tx is not None:
        kept["tx"] = keep_server(leg.tx) if leg.role == "caller" else keep_client(leg.tx)
    if leg.gone:
        return kept
    kept["media"] = (leg.media.worker, leg.media.index)
    kept["negotiation"] = pack_fields(leg.negotiation, NOT_KEPT)
    if leg.negotiation.keying is Keying.DTLS:
        kept["fingerprint"] = leg.negotiation.terms.fingerprint
    if leg.errand is not None:
        kept["errand"] = pack(leg.errand)
    if leg.offer is not None:
        kept["offer"] = pack(leg.offer)
    if leg.referral is not None:
        kept["referral"] = leg.referral.keep()
    if leg.unacked:
        kept["unacked"] = {str(cseq): keep_server(tx) for cseq, tx in leg.unacked.items()}
    if leg.timer is not None:
        kept["timer"] = pack(leg.timer)
    if leg.reliable is not None and leg.state in UNANSWERED:
        kept["reliable"] = pack(leg.reliable)
    if leg.early is not None and leg.state in UNANSWERED:
        kept["early"] = {tag: pack(one) for tag, one in leg.early.items()}
    if leg.reinvite is not None:
        kept["reinvite"] = keep_client(leg.reinvite)
    return kept


def _meeting(meeting: Meeting, call: str) -> dict[str, Any]:
    member = meeting.members[call]
    return {
        "name": meeting.name,
        "room": meeting.room,
        "since": meeting.since,
        "locked": meeting.locked,
        "all_muted": meeting.muted,
        "moderator": member.moderator,
        "muted": member.muted,
        "entered": member.since,
    }


def _attempt(attempt: Fork | Hunt) -> dict[str, Any]:
    if not isinstance(attempt, Hunt):
        return _fork(attempt)
    at = attempt.board.deadlines.at
    return {
        "hunt": attempt.name,
        "invitation": pack(attempt.invitation),
        "timeout": attempt.timeout,
        "member_timeout": attempt.member_timeout,
        "in_turn": attempt.in_turn,
        "begun": attempt.begun,
        "rang": attempt.rang,
        "causes": list(attempt.causes),
        "waiting": pack(attempt.waiting),
        "forks": [_fork(fork) for fork in attempt.forks],
        "confirming": sorted(attempt.confirming),
        "asked": {leg.id: one.until for leg, one in attempt.asked.items()},
        "deadlines": {kind: at((attempt, kind)) for kind in hunt.DEADLINES},
    }


def _fork(fork: Fork) -> dict[str, Any]:
    at = fork.board.deadlines.at
    return {
        "invitation": pack(fork.invitation),
        "groups": pack(fork.groups or ()),
        **fork.keep(),
        "timeout": fork.timeout,
        "legs": [leg.id for leg in fork.legs],
        "statuses": list(fork.statuses),
        "rang": fork.rang,
        "exhausted": fork.exhausted,
        "deadlines": {kind: at((fork, kind)) for kind in DEADLINES},
    }


def _visit(visit: QueueVisit) -> dict[str, Any]:
    attempt = visit.attempt
    return {
        "caller": visit.caller,
        "callback": asdict(attempt.callback) if attempt is not None else None,
        "queue": visit.config.name,
        "entered": visit.entered,
        "waiting": visit.waiting,
        "priority": visit.priority,
        "credit": visit.credit,
        "left_waiting": visit.left_waiting,
        "play": visit.play,
        "cadence": announcing.keep(visit.announcer.cadence) if visit.waiting else {},
        "talking": visit.talking.id if visit.talking is not None else 0,
        "offers": [_offer(offer) for offer in visit.offers.values()],
    }


def _offer(offer: Offer) -> dict[str, Any]:
    return {
        "id": offer.id,
        "agent": offer.agent,
        "fork": _fork(offer.fork) if offer.fork is not None else None,
        "leg": offer.leg.id if offer.leg is not None else "",
        "rang": offer.rang,
        "at": offer.at,
        "timeout": offer.timeout,
        "confirm": offer.confirm,
        "asked": offer.asked.until if offer.asked is not None else 0.0,
    }
