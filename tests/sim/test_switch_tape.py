"""The tape of a whole switch with telephones: calls, hold, transfers, rings that fail; played again they are the same."""

from __future__ import annotations

import json
from typing import Any

import pytest

from softswitch.acd import story
from softswitch.acd.tape import unpacked_policy
from softswitch.directory import Agent, Membership, Queue
from softswitch.effects import AgentCommand
from softswitch.sim.replay import play
from softswitch.sim.tape import Noted, sections, told
from tests.sim.world import World, account, site


def centre() -> World:
    names = [f"a{index}" for index in range(4)]
    members = tuple(Membership(name, index // 2) for index, name in enumerate(names))
    directory = site(
        accounts={user: account(user) for user in (*(f"c{n}" for n in range(8)), *names)},
        agents={name: Agent(name, name) for name in names},
        queues={"info": Queue("info", members=members, wrap_up=5.0, strategy="random", tier_mode="both", tier_after={1: 6.0})},
        extensions={"200": "queue:info"},
    )  # fmt: skip
    return World(directory)


def lines_of(w: World) -> list[Noted]:
    """What the daemon would have journaled."""
    events = [event for event in w.switch.events if event.name.startswith(("queue.", "agent."))]
    events += w.switch.switch.tape.take(w.now)
    return [Noted(n, w.now, w.now, one.name, json.loads(json.dumps(one.as_dict()))) for n, one in enumerate(events)]


@pytest.fixture(scope="module")
def lines() -> list[Noted]:
    w = centre()
    agents = [w.phone(f"a{index}", answer_after=1.0 + index) for index in range(4)]
    callers = [w.phone(f"c{index}") for index in range(8)]
    w.run(1)
    for index in range(4):
        w.switch.queues.handle(AgentCommand(f"a{index}", "login", actor="test"), w.now)
        w.switch.settle(w.now)
    calls: list[Any] = []
    for index, caller in enumerate(callers):
        calls.append(caller.call("200"))
        w.run(2.0 + index % 3)
    for caller, call in zip(callers, calls, strict=True):
        caller.hang_up(call)
        w.run(4)
    assert agents
    w.run(60)
    return lines_of(w)


def test_a_whole_switch_played_again_comes_to_the_same_assignments(lines: list[Noted]) -> None:
    (section,) = sections(lines)
    done = play(section)
    assert done.differences == [] and len(done.assignments) >= 6 and section.exact


def test_every_offer_has_its_reasons(lines: list[Noted]) -> None:
    (section,) = sections(lines)
    policy = next(entry[2] for entry in section.inputs if entry[1] == ".configure")
    queues = unpacked_policy(policy)["queues"]
    found = story.decisions(told(lines), queues)
    assert len(found) == len(play(section).assignments)
    for one in found:
        reasons = {verdict.name for verdict in (*one.ranking, *one.excluded)}
        assert reasons == {"a0", "a1", "a2", "a3"}, "everybody is in question, or there is one reason why not"
        assert not any(verdict.reason == "unknown" for verdict in one.excluded)
