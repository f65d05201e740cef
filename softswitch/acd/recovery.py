"""Restart: the engine's state as plain values, and back (FEATURES ACD-41, RELIABILITY R14).

Times are stored as ages and remainders, because another process has another monotonic clock. Conversations and rings are not
stored: call control, which kept the calls, tells of those that go on. Whoever else talked when the process died is free, with
an idle clock that starts now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from softswitch.acd.agent import Activity, AgentState, Handled, Presence
from softswitch.acd.caller import Caller, CallerState, Offer, OfferState
from softswitch.effects import ConversationResumed, OfferResumed

if TYPE_CHECKING:
    from softswitch.acd.engine import Engine
    from softswitch.acd.queue import QueueState
    from softswitch.acd.roster import Roster

VERSION = 1


def export_state(engine: Engine, now: float) -> dict[str, Any]:
    return {
        "version": VERSION,
        "last_visit": engine.visits.last,
        "last_offer": engine.dispatcher.last,
        "pause_grace": engine.roster.pause_grace,
        "agents": {name: _export_agent(agent, now) for name, agent in sorted(engine.roster.agents.items())},
        "queues": {
            name: {
                "last": {str(tier.number): list(tier.last) for tier in queue.tiers if tier.last},
                "remembers": bool(queue.config.last_agent_hours),
                "surge": [queue.surge_order, queue.surging],
            }
            for name, queue in sorted(engine.queues.items())
        },
        "returns": engine.visits.returns.export(now),
        "visits": engine.visits.export(now),
        "acquaintances": engine.acquaintances.export(now),
        "counters": engine.measure.as_dict(),
        "outlook": engine.outlook.export(now),
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
                tier.last = _place(queue, tier.number, last)
        if queue is not None and "surge" in stored:
            queue.surge_order, queue.surging = stored["surge"]
    engine.roster.seat(engine.queues.values())
    engine.visits.restore(data["visits"], exported)
    engine.acquaintances.restore(data.get("acquaintances", ()), exported)
    engine.visits.returns.restore(data.get("returns", ()), exported)
    engine.measure.restore(data["counters"])
    engine.outlook.restore(data.get("outlook", {}), exported)
    for queue in engine.queues.values():
        engine.measure.configure(queue.config)


def _place(queue: QueueState | None, tier: int, last: Sequence[Any]) -> tuple[int, str] | None:
    """The memory of a round robin. The journal knows the agent only: the position is that of the membership."""
    position, agent = last
    for member in queue.config.members if queue is not None and position is None else ():
        if member.agent == agent and member.tier == tier:
            return member.position, agent
    return None if position is None else (int(position), str(agent))


# --- what goes on, as call control tells ---------------------------------------------------------------------------------


def resume_offer(engine: Engine, item: OfferResumed, now: float) -> None:
    """An agent's phone rings for a caller, as before. Withdrawn if the agent or the queue is gone, or the agent is taken."""
    queue, agent = engine.queues.get(item.queue), engine.roster.agents.get(item.agent)
    # First the caller, who may have asked for an agent who is no member.
    engine.callbacks.returned(item.caller, now)
    caller = engine.visits.return_of(item.caller, queue, now) if queue is not None else None
    seat = next((seat for seat in agent.seats if seat.queue is queue), None) if agent is not None else None
    dispatcher = engine.dispatcher
    dispatcher.last = max(dispatcher.last, item.offer)
    if agent is None or seat is None or caller is None or agent.offer is not None or agent.outside:
        dispatcher.refuse(item, now)
        return
    offer = Offer(item.offer, caller, agent, seat.queue, seat.tier.number, item.at, asked=item.asked)
    caller.rung_first = caller.rung_first or item.at
    dispatcher.resume(offer, item.until)
    engine.visits.arm_widening(caller, now)
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
        **_export_handled(agent, now),
    }


def _export_handled(agent: AgentState, now: float) -> dict[str, Any]:
    """What they may still say about a conversation."""
    known = agent.handled
    if known is None:
        return {}
    found: dict[str, Any] = {"handled": [known.call, known.queue, known.number, known.chosen]}
    return found | {"owes": max(0.0, agent.wrap_up_due - now)} if agent.owes else found


def _restore_handled(roster: Roster, agent: AgentState, stored: Mapping[str, Any], exported: float, now: float) -> None:
    agent.handled = Handled(*stored["handled"])
    if "owes" in stored and agent.handled.chosen == "":
        agent.owes = True
        agent.wrap_up_due = exported + stored["owes"]
        if not agent.wrap_up_until:
            roster.floor.drop_wrap_up(agent)  # The time for it has passed while we were away.


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
    if "handled" in stored:
        _restore_handled(roster, agent, stored, exported, now)
    if (back_off_until := exported + back_off["left"]) > now:
        roster.floor.begin_back_off(agent, back_off_until, back_off["cause"], now)
    roster.floor.place_by_facts(agent, now)
