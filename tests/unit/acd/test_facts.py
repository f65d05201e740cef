"""What menus may know of queues and agents."""

from __future__ import annotations

import random

from softswitch.acd.engine import Engine
from softswitch.acd.facts import QueueFacts
from softswitch.directory import Agent, Membership, Queue
from softswitch.effects import AgentCommand, DeviceReachable, EnterQueue
from tests.sim.world import SeededEntropy


def engine() -> Engine:
    made = Engine(SeededEntropy(random.Random(1)))
    agents = {name: Agent(name, name) for name in ("anna", "bob", "ola")}
    queues = {"info": Queue("info", members=tuple(map(Membership, agents))), "empty": Queue("empty")}
    made.configure(queues, agents, 0.0)
    for name in ("anna", "bob"):
        made.handle(DeviceReachable(name, True), 0.0)
        made.handle(AgentCommand(name, "login"), 0.0)
    return made


def test_queues() -> None:
    made = engine()
    facts = QueueFacts(made)
    assert facts.queue("gone", 0.0) is None
    assert facts.queue("empty", 0.0) == {"free": 0.0, "ready": 0.0, "waiting": 0.0, "ewt": None, "longest_wait": 0.0}
    assert facts.queue("info", 0.0) == {"free": 2.0, "ready": 2.0, "waiting": 0.0, "ewt": 0.0, "longest_wait": 0.0}
    for index in range(3):
        made.handle(EnterQueue(f"c{index}", "info"), 10.0 * index)
        made.drain()
    found = facts.queue("info", 50.0)
    assert found is not None
    assert (found["free"], found["ready"], found["waiting"], found["longest_wait"]) == (0.0, 2.0, 3.0, 50.0)
    assert found["ewt"] is None or found["ewt"] > 0.0


def test_agents() -> None:
    made = engine()
    facts = QueueFacts(made)
    assert facts.agent("gone", 0.0) is None
    assert facts.agent("ola", 0.0) == {"logged_in": False, "ready": False, "free": False}
    assert facts.agent("anna", 0.0) == {"logged_in": True, "ready": True, "free": True}
    made.handle(AgentCommand("anna", "not_ready", "break"), 1.0)
    assert facts.agent("anna", 1.0) == {"logged_in": True, "ready": False, "free": False}
