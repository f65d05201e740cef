"""Restart: the engine's state as plain values, and back (FEATURES ACD-41, RELIABILITY R14).

Times are stored as ages and remainders, because another process has another monotonic clock. Conversations are not stored:
whoever talked when the process died is free, with an idle clock that starts now.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from softswitch.acd.agent import Activity, AgentState, Presence

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


def restore_state(engine: Engine, data: Mapping[str, Any], now: float) -> None:
    """Take the state of before over a configured engine. Agents and queues that are no longer configured are left out."""
    if data.get("version") != VERSION:
        return
    engine.visits.last = max(engine.visits.last, data["last_visit"])
    engine.dispatcher.last = max(engine.dispatcher.last, data["last_offer"])
    engine.roster.unseat()
    for name, stored in data["agents"].items():
        agent = engine.roster.agents.get(name)
        if agent is not None:
            _restore_agent(engine.roster, agent, stored, now)
    for name, stored in data["queues"].items():
        queue = engine.queues.get(name)
        for tier in queue.tiers if queue is not None else ():
            if (last := stored["last"].get(str(tier.number))) is not None:
                tier.last = (int(last[0]), str(last[1]))
    engine.roster.seat(engine.queues.values())
    engine.visits.restore(data["visits"], now)
    engine.measure.restore(data["counters"])
    for queue in engine.queues.values():
        engine.measure.configure(queue.config)


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


def _restore_agent(roster: Roster, agent: AgentState, stored: Mapping[str, Any], now: float) -> None:
    agent.presence, agent.reason = Presence(stored["presence"]), stored["reason"]
    agent.presence_since = now - stored["presence_age"]
    agent.logged_in = now - stored["login_age"]
    agent.idle_since = now - stored["idle_age"]
    # A phone that was there is unreachable only because we were away: its agent's clock must not start anew for that.
    away = 0.0 if stored["reachable"] and agent.serving else stored["unavailable_age"]
    agent.unavailable_since = now - away
    agent.missed = stored["missed"]
    agent.paused_in = set(stored["paused_in"])
    agent.load.restore(stored["load"], now)
    if stored["device"]:
        roster.adopt(agent, stored["device"])
    wrap_up, back_off = stored["wrap_up"], stored["back_off"]
    if wrap_up["left"] > 0.0:
        roster.floor.begin_wrap_up(agent, wrap_up["queue"], wrap_up["left"], now)
        agent.wrap_up_from = now - wrap_up["age"]
    if back_off["left"] > 0.0:
        roster.floor.begin_back_off(agent, now + back_off["left"], back_off["cause"], now)
    roster.floor.place_by_facts(agent, now)
