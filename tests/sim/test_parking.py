"""Parking: a call waits at a number, and whoever calls that has it."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.directory import Agent, Membership, Parking, Queue
from tests.sim.groups import NAMES, over, world
from tests.sim.test_forwarding import code
from tests.sim.test_queues import ready
from tests.sim.world import World, account, site


def talking(w: World, caller: Any, callee: str) -> Any:
    line = caller.call(callee)
    w.run(2)
    assert w.hears(line) == f"bridge:{callee}"
    return line


@pytest.mark.parametrize("parker_called", [False, True])
def test_park_and_retrieve(parker_called: bool) -> None:
    w = world()
    anna, bob, carol = (w.phone(user, answer_after=0.5) for user in NAMES[:3])
    w.run(1)
    line = talking(w, bob, "anna") if parker_called else talking(w, anna, "bob")
    of_bob, of_anna = (line, anna.lines[0]) if parker_called else (bob.lines[0], line)
    bob.reinvite(of_bob, "sendonly")
    w.run(1)
    assert code(w, bob, "*68") == "parked-at numbers/7 numbers/0 numbers/1"
    assert (of_bob.state, of_anna.state, w.hears(of_anna)) == ("ended", "up", "music:default")
    assert w.switch.calls.board.parked["701"].by == "bob"
    mine = carol.call("701")
    w.run(1)
    assert (w.hears(of_anna), w.hears(mine)) == ("bridge:carol", "bridge:anna")
    assert [(event.slot, event.cause, event.by) for event in w.switch.named("call.unparked")] == [
        ("701", "retrieved", "carol")
    ]
    carol.hang_up(mine)
    w.run(1)
    assert of_anna.state == "ended"
    over(w)


def test_a_place_of_ones_own_choice() -> None:
    w = world()
    anna, bob, carol = (w.phone(user, answer_after=0.5) for user in NAMES[:3])
    w.run(1)
    line = talking(w, anna, "bob")
    bob.reinvite(bob.lines[0], "sendonly")
    w.run(1)
    assert code(w, bob, "705") == "parked-at numbers/7 numbers/0 numbers/5"
    assert code(w, carol, "704") == "slot-empty"
    anna.hang_up(line)
    w.run(1)
    assert [event.cause for event in w.switch.named("call.unparked")] == ["gone"]
    assert code(w, carol, "*68") == "nothing-to-park"
    over(w)


def test_the_place_is_taken() -> None:
    w = world(parking={"p": Parking("p", first=900, last=900)})
    anna, bob, carol, dave = (w.phone(user, answer_after=0.5) for user in NAMES)
    w.run(1)
    one, two = talking(w, anna, "bob"), talking(w, carol, "dave")
    for phone in (bob, dave):
        phone.reinvite(phone.lines[0], "sendonly")
    w.run(1)
    assert code(w, bob, "*68") == "parked-at numbers/9 numbers/0 numbers/0"
    assert code(w, dave, "*68") == "parking-full"
    over(w, one, two)


def parked(w: World) -> tuple[Any, ...]:
    anna, bob, carol = (w.phone(user, answer_after=0.5) for user in NAMES[:3])
    w.run(1)
    line = talking(w, anna, "bob")
    bob.reinvite(bob.lines[0], "sendonly")
    w.run(1)
    mine = bob.call("*68")
    w.run(3)
    assert mine.state == "ended" or bob.hang_up(mine) is None
    return bob, carol, line


def test_a_parked_call_comes_back() -> None:
    w = world(accounts={"bob": {"do_not_disturb": False, "forward_always": ""}})
    bob, _, line = parked(w)
    code(w, bob, "*78")
    w.run(20)
    assert w.hears(line) == "music:default"
    w.run(25)
    assert w.hears(line) == "bridge:bob", "in spite of do not disturb"
    assert bob.lines[-1].invite.get("From").startswith('"P: Anna" <sip:anna@')
    assert [event.cause for event in w.switch.named("call.unparked")] == ["comeback"]
    over(w, line)


@pytest.mark.parametrize("otherwise", ["", "queue:sales"])
def test_nobody_takes_what_comes_back(otherwise: str) -> None:
    w = world(parking={"p": Parking("p", otherwise=otherwise, ring_timeout=10.0)})
    bob, carol, line = parked(w)
    bob.behaviour.answer_after = None
    w.run(50)
    assert bob.lines[-1].state == "ringing" and w.hears(line) == "music:default"
    w.run(10)
    assert bob.lines[-1].state == "ended" and w.hears(line) == "music:default"
    assert bool(otherwise) is (not w.switch.calls.board.parked)
    if not otherwise:
        mine = carol.call("701")
        w.run(1)
        assert w.hears(mine) == "bridge:anna"
    over(w, line)


def test_a_call_is_fetched_while_it_comes_back() -> None:
    w = world()
    bob, carol, _ = parked(w)
    bob.behaviour.answer_after = None
    w.run(46)
    assert bob.lines[-1].state == "ringing"
    mine = carol.call("701")
    w.run(1)
    assert w.hears(mine) == "bridge:anna" and bob.lines[-1].state == "ended"
    over(w, mine)


@pytest.mark.parametrize("when", [5.0, 46.0])
def test_a_parked_call_survives(when: float) -> None:
    w = world()
    bob, carol, line = parked(w)
    bob.behaviour.answer_after = None if when > 40 else 0.5
    w.run(when)
    w.kill()
    w.run(1)
    w.restart()
    w.run(1)
    assert w.hears(line) == "music:default" and "701" in w.switch.calls.board.parked
    mine = carol.call("701")
    w.run(1)
    assert w.hears(mine) == "bridge:anna"
    over(w, mine)


def test_the_time_runs_on_over_a_restart() -> None:
    w = world()
    _, _, line = parked(w)
    w.run(20)
    w.kill()
    w.run(1)
    w.restart()
    w.run(25)
    assert w.hears(line) == "bridge:bob"
    over(w, line)


def test_an_agent_parks_the_caller_of_a_queue() -> None:
    w = World(site(
        accounts={user: account(user, name=user) for user in ("anna", "a0", "carol")}, agents={"a0": Agent("a0", "a0")},
        queues={"info": Queue("info", members=(Membership("a0"),), wrap_up=5.0)}, extensions={"200": "queue:info"},
    ))  # fmt: skip
    anna, carol = w.phone("anna"), w.phone("carol")
    (agent,) = ready(w, "a0", answer_after=0.5)
    line = anna.call("200")
    w.run(2)
    agent.reinvite(agent.lines[0], "sendonly")
    w.run(1)
    assert code(w, agent, "*68").startswith("parked-at")
    assert w.hears(line) == "music:default" and w.switch.queues.roster.agents["a0"].activity in ("idle", "wrapup")
    mine = carol.call("701")
    w.run(1)
    assert w.hears(mine) == "bridge:anna"
    over(w, line)
