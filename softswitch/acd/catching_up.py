"""An exported state of the queue engine brought up to the end of the journal.

The state is written once a second, the journal several times: with both, a kill at any moment loses nothing that was told.
Each event is folded into the plain values of the state as the engine itself would have changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

from softswitch.acd.acquaintances import LIMIT
from softswitch.acd.agent import OCCUPIED, SERVING, Activity, Presence
from softswitch.acd.dispatcher import FAILURES
from softswitch.acd.measure import Measure
from softswitch.effects import OfferResult
from softswitch.events import (
    AgentActivityChanged,
    AgentPresenceChanged,
    CallerConnected,
    CallerEscalated,
    CallerJoined,
    CallerLeft,
    CallerSteered,
    DispositionChosen,
    Event,
    EwtTold,
    OfferEnded,
    OfferMade,
    SurgeChanged,
)

TO_THE_BACK = FAILURES | {OfferResult.CANCELLED_AGENT_STATE}  # C.5: results that start the idle clock anew
# Causes of a change that start it, too: the end of a leg that was handled, and that of a wrap-up.
RESTS = ("conversation ended", "call ended", "recall ended", "wrap-up over", "wrap-up ended")


def catch_up(data: Mapping[str, Any], events: Iterable[tuple[float, Event]]) -> dict[str, Any]:
    """`events` were published after the export, each with the seconds since it; so counts `AgentActivityChanged.until`."""
    state: dict[str, Any] = deepcopy(dict(data))
    visits = {visit["caller"]: visit for visit in state["visits"]}
    agents = state["agents"]
    measure = Measure()
    measure.restore(state["counters"])
    for after, event in events:
        measure.apply(event)
        if isinstance(event, CallerJoined):
            state["last_visit"] = max(state["last_visit"], event.visit)
            visits[event.caller] = _visit(event, after)
        elif isinstance(event, CallerLeft):
            if event.caller in visits and visits[event.caller]["visit"] == event.visit:
                del visits[event.caller]
        elif isinstance(event, CallerEscalated | CallerSteered):
            if event.caller in visits:
                _changed(visits[event.caller], event)
        elif isinstance(event, EwtTold):
            if event.caller in visits:
                visits[event.caller]["told"] = event.seconds
        elif isinstance(event, SurgeChanged):
            if event.queue in state["queues"]:
                state["queues"][event.queue]["surge"] = [event.order, event.surging]
        elif isinstance(event, OfferMade):
            state["last_offer"] = max(state["last_offer"], event.offer)
            own = not event.ranking or event.ranking[1] == f"tier {event.tier}"  # Not a guest's, nor another queue's.
            if own and event.queue in state["queues"]:
                state["queues"][event.queue]["last"][str(event.tier)] = [None, event.agent]
            if event.caller in visits:
                visits[event.caller]["offers"] += 1
        elif isinstance(event, OfferEnded):
            if event.agent in agents:
                _offer_ended(agents[event.agent], event, after)
        elif isinstance(event, CallerConnected):
            if event.agent in agents:
                agents[event.agent]["missed"] = 0
                agents[event.agent]["load"]["answered"].append(-after)
            _met(state, event, visits.get(event.caller), after)
            _talks(state, event, visits.get(event.caller))
        elif isinstance(event, DispositionChosen):
            known = agents.get(event.agent, {}).get("handled")
            if known is not None and known[0] == event.call:
                known[3] = event.disposition
                agents[event.agent].pop("owes", None)
        elif isinstance(event, AgentActivityChanged):
            if event.agent in agents:
                _activity(agents[event.agent], event, after, state.get("pause_grace"))
        elif isinstance(event, AgentPresenceChanged) and event.agent in agents:
            _presence(agents[event.agent], event, after, state.get("pause_grace"))
    state["visits"] = sorted(visits.values(), key=lambda visit: int(visit["visit"]))
    state["counters"] = measure.as_dict()
    return state


def _met(state: dict[str, Any], event: CallerConnected, visit: dict[str, Any] | None, after: float) -> None:
    """The caller's last agent, where the queue remembers."""
    if visit is not None and visit["number"] and state["queues"].get(event.queue, {}).get("remembers"):
        known = state.setdefault("acquaintances", [])
        others = [one for one in known if one[0] != visit["number"]]
        known[:] = [*others, [visit["number"], event.agent, -after]][-LIMIT:]


def _talks(state: dict[str, Any], event: CallerConnected, visit: dict[str, Any] | None) -> None:
    """About which conversation the agent may say what it was."""
    agent = state["agents"].get(event.agent)
    if agent is None:
        return
    agent.pop("owes", None)
    if agent.get("handled", [""])[0] != event.caller:
        agent["handled"] = [event.caller, event.queue, visit["number"] if visit is not None else "", ""]


def _visit(event: CallerJoined, after: float) -> dict[str, Any]:
    """A visit that began after the export: its wait at that time is less than nothing."""
    asked: dict[str, Any] = {"asks": [list(one) for one in event.asks]} if event.asks else {}
    if event.preferred:
        asked |= {"preferred": event.preferred, "preferred_for": event.preferred_for}
    return {
        "queue": event.queue,
        "caller": event.caller,
        "visit": event.visit,
        "number": event.number,
        "name": event.display_name,
        "priority": event.priority,
        "waited": -after,
        "credit": event.credit,
        "position_at_entry": event.position,
        "offers": 0,
        "climbed": [],
        "moved": None,
        "told": None,
        "kind": event.kind,
        **asked,
    }


def _changed(visit: dict[str, Any], event: CallerEscalated | CallerSteered) -> None:
    """A rung was climbed, or a person has given another priority. A place given by hand is where it was at the export."""
    if isinstance(event, CallerEscalated):
        visit.setdefault("climbed", []).append(event.rung - 1)
        if event.priority is not None:
            visit["priority"] = event.priority
    elif event.verb == "prioritise":
        visit["priority"], visit["moved"] = int(event.value.rpartition(" ")[2]), None


def _offer_ended(stored: dict[str, Any], event: OfferEnded, after: float) -> None:
    if event.result in TO_THE_BACK:
        stored["idle_age"] = -after
    if event.result in FAILURES:
        stored["back_off"]["cause"] = event.result
    if event.result == OfferResult.NO_ANSWER:
        stored["missed"] += 1


def _activity(stored: dict[str, Any], event: AgentActivityChanged, after: float, grace: float | None) -> None:
    activity, previous = event.activity, event.previous
    if previous in OCCUPIED and not activity == previous == Activity.WRAP_UP:  # Not where one is extended.
        stored["load"]["spells"].append([-after, event.seconds_in_previous])
    if event.cause in RESTS:
        stored["idle_age"] = -after
    wrap_up, back_off = stored["wrap_up"], stored["back_off"]
    if activity == Activity.WRAP_UP:
        if previous != Activity.WRAP_UP and wrap_up["left"] <= after:  # It went on behind a leg outside the queues.
            wrap_up.update(queue=event.queue, age=-after)
        wrap_up["left"] = event.until if event.until is not None else 0.0
        if event.owes and "handled" in stored:  # How long it would have taken without that, no event tells.
            stored.setdefault("owes", 0.0)
    elif activity != Activity.TALKING:  # A leg outside the queues does not end it.
        wrap_up["left"] = 0.0
    if activity == Activity.BACK_OFF:
        back_off["left"] = event.until if event.until is not None else 0.0
    elif activity in (Activity.IDLE, Activity.RESERVED):
        back_off["left"] = 0.0
    if activity == Activity.UNREACHABLE:
        if stored["reachable"] and stored["presence"] in SERVING:
            stored["unavailable_age"] = -after
        stored["reachable"] = False
    elif previous == Activity.UNREACHABLE and activity != Activity.TALKING:  # It may call, and yet not be registered.
        stored["reachable"] = True
        _back_in_service(stored, after, grace)


def _presence(stored: dict[str, Any], event: AgentPresenceChanged, after: float, grace: float | None) -> None:
    if event.queue:
        paused = set(stored["paused_in"])
        left = event.presence == Presence.NOT_READY
        stored["paused_in"] = sorted(paused | {event.queue} if left else paused - {event.queue})
        return
    served, serves = stored["presence"] in SERVING, event.presence in SERVING
    if stored["presence"] == Presence.OFFLINE:
        stored["login_age"] = stored["idle_age"] = stored["unavailable_age"] = -after
    elif served and not serves and stored["reachable"]:
        stored["unavailable_age"] = -after
    elif serves and not served:
        _back_in_service(stored, after, grace)
    if serves:
        stored["missed"] = 0
    stored["presence"], stored["reason"], stored["presence_age"] = str(event.presence), event.reason, -after
    stored["device"] = "" if event.presence == Presence.OFFLINE else event.device
    if event.presence == Presence.OFFLINE:
        stored["paused_in"] = []
        stored["wrap_up"]["left"] = stored["back_off"]["left"] = 0.0


def _back_in_service(stored: dict[str, Any], after: float, grace: float | None) -> None:
    """C.5: a pause or a loss of contact longer than the grace starts the idle clock anew."""
    if grace is not None and after + stored["unavailable_age"] > grace:
        stored["idle_age"] = -after
