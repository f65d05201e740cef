"""Restart: the engine's state as plain values, and back (FEATURES ACD-41, RELIABILITY R14).

Times are stored as ages and remainders, because another process has another monotonic clock. Conversations and rings are not
stored: call control, which kept the calls, tells of those that go on. Whoever else talked when the process died is free, with
an idle clock that starts now.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from softswitch.acd.agent import Activity, AgentState, Presence
from softswitch.acd.caller import Caller, CallerState, Offer, OfferState
from softswitch.acd.measure import Measure
from softswitch.effects import ConversationResumed, OfferResult, OfferResumed
from softswitch.events import AgentActivityChanged, AgentPresenceChanged, CallerJoined, CallerLeft, Event, OfferMade

if TYPE_CHECKING:
    from softswitch.acd.engine import Engine
    from softswitch.acd.roster import Roster

VERSION = 1


def export_state(engine: Engine, now: float) -> dict[str, Any]:
    return {
        "version": VERSION,
        "last_visit": engine.visits.last,
        "last_offer": engine.dispatcher.last,
        "agents": {name: _export_agent(agent, now) for name, agent in sorted(engine.roster.agents.items())},
        "queues": {
            name: {"last": {str(tier.number): list(tier.last) for tier in queue.tiers if tier.last}}
            for name, queue in sorted(engine.queues.items())
        },
        "visits": engine.visits.export(now),
        "counters": engine.measure.as_dict(),
    }


def restore_state(engine: Engine, data: Mapping[str, Any], now: float, age: float) -> None:
    """Take the state of before over a configured engine. Agents and queues that are no longer configured are left out.

    `age`: wall-clock seconds since the export, which count as waited, paused and idle like any others.
    """
    if data.get("version") != VERSION:
        return
    exported = now - max(0.0, age)
    engine.visits.last = max(engine.visits.last, data["last_visit"])
    engine.dispatcher.last = max(engine.dispatcher.last, data["last_offer"])
    engine.roster.unseat()
    for name, stored in data["agents"].items():
        agent = engine.roster.agents.get(name)
        if agent is not None:
            _restore_agent(engine.roster, agent, stored, exported, now)
    for name, stored in data["queues"].items():
        queue = engine.queues.get(name)
        for tier in queue.tiers if queue is not None else ():
            if (last := stored["last"].get(str(tier.number))) is not None:
                tier.last = (int(last[0]), str(last[1]))
    engine.roster.seat(engine.queues.values())
    engine.visits.restore(data["visits"], exported)
    engine.measure.restore(data["counters"])
    for queue in engine.queues.values():
        engine.measure.configure(queue.config)


# --- what goes on, as call control tells ---------------------------------------------------------------------------------


def resume_offer(engine: Engine, item: OfferResumed, now: float) -> None:
    """An agent's phone rings for a caller, as before. Withdrawn if the agent or the queue is gone, or the agent is taken."""
    queue, agent = engine.queues.get(item.queue), engine.roster.agents.get(item.agent)
    seat = next((seat for seat in agent.seats if seat.queue is queue), None) if agent is not None else None
    caller = engine.visits.return_of(item.caller, queue, now) if queue is not None else None
    dispatcher = engine.dispatcher
    dispatcher.last = max(dispatcher.last, item.offer)
    if agent is None or seat is None or caller is None or agent.offer is not None or agent.outside:
        dispatcher.refuse(item, now)
        return
    dispatcher.resume(Offer(item.offer, caller, agent, seat.queue, seat.tier.number, item.at), item.until)
    engine.roster.resume(
        agent, dispatcher.offers[item.offer], Activity.OFFERED if item.rang else Activity.RESERVED, item.at
    )


def resume_conversation(engine: Engine, item: ConversationResumed, now: float) -> None:
    """An agent talks with a caller, as before: their visit ended when they were joined."""
    queue, agent = engine.queues.get(item.queue), engine.roster.agents.get(item.agent)
    dispatcher = engine.dispatcher
    dispatcher.last = max(dispatcher.last, item.offer)
    if queue is None or agent is None or agent.offer is not None:
        engine.ignored["conversation"] += 1  # They go on talking; nobody counts it.
        return
    caller = Caller(item.caller, queue, 0, "", "", 0, item.since, 0.0, state=CallerState.ENDED)
    tier = next((seat.tier.number for seat in agent.seats if seat.queue is queue), 0)
    offer = Offer(item.offer, caller, agent, queue, tier, item.since, OfferState.TALKING, item.since)
    dispatcher.offers[offer.id] = offer
    engine.roster.resume(agent, offer, Activity.HOLDING if item.held else Activity.TALKING, item.since)


def _export_agent(agent: AgentState, now: float) -> dict[str, Any]:
    return {
        "presence": str(agent.presence),
        "reason": agent.reason,
        "presence_age": now - agent.presence_since,
        "login_age": now - agent.logged_in,
        "device": agent.device if agent.borrowed else "",
        "idle_age": 0.0 if agent.activity in (Activity.TALKING, Activity.HOLDING) else now - agent.idle_since,
        "unavailable_age": now - agent.unavailable_since,
        "reachable": agent.reachable,
        "missed": agent.missed,
        "paused_in": sorted(agent.paused_in),
        "wrap_up": {
            "queue": agent.wrap_up_queue,
            "age": now - agent.wrap_up_from,
            "left": max(0.0, agent.wrap_up_until - now) if agent.wrap_up_until else 0.0,
        },
        "back_off": {
            "cause": agent.back_off_cause,
            "left": max(0.0, agent.back_off_until - now) if agent.back_off_until else 0.0,
        },
        "load": agent.load.export(now),
    }


def _restore_agent(roster: Roster, agent: AgentState, stored: Mapping[str, Any], exported: float, now: float) -> None:
    agent.presence, agent.reason = Presence(stored["presence"]), stored["reason"]
    agent.presence_since = exported - stored["presence_age"]
    agent.logged_in = exported - stored["login_age"]
    agent.idle_since = exported - stored["idle_age"]
    # A phone that was there is unreachable only because we were away: its agent's clock must not start anew for that.
    was_there = stored["reachable"] and agent.serving
    agent.unavailable_since = now if was_there else exported - stored["unavailable_age"]
    agent.missed = stored["missed"]
    agent.paused_in = set(stored["paused_in"])
    agent.load.restore(stored["load"], exported)
    if stored["device"] and stored["device"] != agent.config.device:
        roster.adopt(agent, stored["device"])
    wrap_up, back_off = stored["wrap_up"], stored["back_off"]
    if (wrap_up_left := exported + wrap_up["left"] - now) > 0.0:
        roster.floor.begin_wrap_up(agent, wrap_up["queue"], wrap_up_left, now)
        agent.wrap_up_from = exported - wrap_up["age"]
    if (back_off_until := exported + back_off["left"]) > now:
        roster.floor.begin_back_off(agent, back_off_until, back_off["cause"], now)
    roster.floor.place_by_facts(agent, now)


def catch_up(data: Mapping[str, Any], events: Iterable[tuple[float, Event]]) -> dict[str, Any]:
    """An exported state brought up to the end of the journal: `events` were published after the export, each with the
    seconds since it. So nothing that was journaled is lost, however seldom the state is exported."""
    state: dict[str, Any] = deepcopy(dict(data))
    visits = {visit["caller"]: visit for visit in state["visits"]}
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
        elif isinstance(event, OfferMade):
            state["last_offer"] = max(state["last_offer"], event.offer)
            if event.caller in visits:
                visits[event.caller]["offers"] += 1
        elif isinstance(event, AgentPresenceChanged | AgentActivityChanged) and event.agent in state["agents"]:
            _catch_up_agent(state["agents"][event.agent], event, after)
    state["visits"] = sorted(visits.values(), key=lambda visit: int(visit["visit"]))
    state["counters"] = measure.as_dict()
    return state


def _visit(event: CallerJoined, after: float) -> dict[str, Any]:
    """A visit that began after the export: its wait at that time is less than nothing."""
    return {
        "queue": event.queue,
        "caller": event.caller,
        "visit": event.visit,
        "number": event.number,
        "name": "",
        "priority": event.priority,
        "waited": -after,
        "credit": 0.0,
        "position_at_entry": event.position,
        "offers": 0,
    }


def _catch_up_agent(stored: dict[str, Any], event: AgentPresenceChanged | AgentActivityChanged, after: float) -> None:
    if isinstance(event, AgentActivityChanged):
        # C.5: the end of a call, of a wrap-up, and an offer that failed or was left start the idle clock.
        left = event.cause == OfferResult.CANCELLED_AGENT_STATE
        if left or event.activity == Activity.BACK_OFF or event.previous in (Activity.TALKING, Activity.WRAP_UP):
            stored["idle_age"] = -after
        stored["wrap_up"]["left"] = stored["back_off"]["left"] = 0.0
    elif event.queue:
        paused = set(stored["paused_in"])
        stored["paused_in"] = sorted(
            paused | {event.queue} if event.presence == "not_ready" else paused - {event.queue}
        )
    else:
        if stored["presence"] == Presence.OFFLINE:
            stored["login_age"] = stored["idle_age"] = -after
        stored["presence"], stored["reason"], stored["presence_age"] = str(event.presence), event.reason, -after
        stored["device"] = "" if event.presence == Presence.OFFLINE else event.device
        if event.presence == Presence.OFFLINE:
            stored["paused_in"] = []
