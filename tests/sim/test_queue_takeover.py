"""Kill -9 in the middle of a hotline's day: what the queues know is known again, to the last event (ACD-41)."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.directory import Announce
from softswitch.effects import AgentCommand
from tests.sim.test_queues import ready
from tests.sim.test_queues import world as queue_world
from tests.sim.world import World


def command(w: World, agent: str, verb: str, reason: str = "") -> None:
    w.switch.queues.handle(AgentCommand(agent, verb, reason, actor="test"), w.now)
    w.switch.settle(w.now)


def state(w: World) -> dict[str, Any]:
    """What must be the same, with times as readings of the clock."""
    engine, now = w.switch.queues, w.now
    return {
        "line": [(one.id, one.visit, one.priority) for one in engine.queues["info"].in_order()],
        "entered": [round(one.joined, 2) for one in engine.queues["info"].in_order()],
        "counters": {name: one.as_dict() for name, one in engine.measure.queues.items()},
        "pointer": [(tier.number, tier.last) for tier in engine.queues["info"].tiers],
        "agents": {
            name: (one.presence, one.reason, one.activity, one.device, one.missed, one.load.calls(now))
            for name, one in engine.roster.agents.items()
        },
        "wrap_up": [round(one.wrap_up_until, 2) for one in engine.roster.agents.values()],
        "idle": [
            round(one.idle_since, 2) for one in engine.roster.agents.values() if one.activity in ("idle", "wrapup")
        ],
    }


@pytest.mark.parametrize("since", [0.15, 0.4, 0.7, 0.95, 1.3])  # seconds since the last thing happened
def test_a_kill_at_any_moment(since: float) -> None:
    policy = {"strategy": "round_robin", "wrap_up": 120.0, "greeting": (), "announce": Announce(position="own")}
    w = queue_world(policy, agents=4)
    agents = ready(w, "a0", "a1", "a2", "a3", answer_after=0.5)
    anna, bob = w.phone("anna"), w.phone("bob")
    w.run(1)
    for number in range(2):  # a0 wraps up; a1 talks on.
        line = anna.call("200")
        w.run(4)
        assert agents[number].lines[0].state == "up"
        if not number:
            agents[0].hang_up(agents[0].lines[0])
            w.run(1)
    command(w, "a2", "not_ready", "lunch")
    command(w, "a3", "logout")
    w.run(30)
    waits = [bob.call("200")]
    w.run(20)
    waits.append(bob.call("200"))
    w.run(2)
    command(w, "a2", "not_ready", "meeting")
    w.run(since)
    before = state(w)
    w.kill()
    w.run(2.0)
    w.restart()
    assert state(w) == before
    w.run(10)
    assert [w.hears(one) for one in waits] == ["music:jazz"] * 2 and w.hears(line) == "bridge:a1"
    command(w, "a2", "ready")  # Next in turn behind a1, and the first caller is first.
    w.run(2)
    assert w.hears(waits[0]) == "bridge:a2"
    w.run(1)
    told = [event.place for event in w.switch.named("queue.position")]
    assert told[:2] == [1, 2] and 3 not in told
    for phone in (anna, bob):
        for one in list(phone.lines):
            phone.hang_up(one)
    w.run(200)
    counts = w.switch.queues.measure.queues["info"]
    assert counts.in_progress == 0 and counts.entered == 4
