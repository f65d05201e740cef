"""Pickup: a call that rings at one phone is taken at another."""

from __future__ import annotations

import pytest

from softswitch.directory import Agent, Member, Membership, Queue
from tests.sim.groups import over, world
from tests.sim.test_queues import ready
from tests.sim.world import World, account, site


@pytest.mark.parametrize("dialled", ["*8", "**bob"])
def test_a_call_is_taken_from_another_phone(dialled: str) -> None:
    w = world()
    anna, bob, carol = w.phone("anna"), w.phone("bob", answer_after=None), w.phone("carol")
    w.run(1)
    line = anna.call("bob")
    w.run(2)
    mine = carol.call(dialled)
    w.run(1)
    assert (w.hears(line), w.hears(mine)) == ("bridge:carol", "bridge:anna")
    assert bob.lines[0].state == "ended"
    assert "completed elsewhere" in next(raw for raw in bob.received if raw.start.startswith("CANCEL")).get("Reason")
    (event,) = w.switch.named("call.picked_up")
    assert (event.device, event.by) == ("bob", "carol")
    anna.hang_up(line)
    w.run(1)
    assert mine.state == "ended"
    over(w)
    assert sorted(event.outcome for event in w.switch.named("call.ended")) == ["answered", "completed"]


def test_what_rings_longest_in_the_own_group_comes_first() -> None:
    accounts = {"anna": {}, "bob": {"pickup_groups": ("a",)}, "carol": {"pickup_groups": ("b", "a")},
                "dave": {"pickup_groups": ("b",)}}  # fmt: skip
    w = world(accounts=accounts, extensions={"800": "menu:help", "802": "menu:to-team"})
    anna, bob, dave = w.phone("anna"), w.phone("bob", answer_after=None), w.phone("dave", answer_after=None)
    carol, other = w.phone("carol"), w.phone("anna")
    w.run(1)
    first = anna.call("dave")
    w.run(1)
    second = other.call("bob")
    w.run(1)
    foreign = dave.call("*8")
    w.run(0.5)
    assert w.hears(foreign) == "play:pl/nothing-to-pick-up", (
        "bob is not in dave's group, and his own phone he may answer"
    )
    mine = carol.call("*8")
    w.run(1)
    assert w.hears(mine) == "bridge:anna" and first.state == "up" and second.state == "ringing"
    other.cancel(second)
    over(w, mine, first, foreign)
    assert bob.lines[0].state == "ended"


def test_a_group_is_picked_up_by_its_number() -> None:
    w = world({"members": (Member("bob"), Member("carol"))})
    anna, dave = w.phone("anna"), w.phone("dave")
    w.phone("bob", answer_after=None)
    w.phone("carol", answer_after=None)
    w.run(1)
    line = anna.call("600")
    w.run(1)
    mine = dave.call("**600")
    w.run(1)
    assert w.hears(line) == "bridge:dave"
    over(w, line, mine)


@pytest.mark.parametrize("pickup", [False, True])
def test_callers_of_queues_are_the_queues_unless_it_says_otherwise(pickup: bool) -> None:
    w = World(site(
        accounts={user: account(user, name=user) for user in ("anna", "a0", "carol")}, agents={"a0": Agent("a0", "a0")},
        queues={"info": Queue("info", members=(Membership("a0"),), pickup=pickup)}, extensions={"200": "queue:info"},
    ))  # fmt: skip
    anna, carol = w.phone("anna"), w.phone("carol")
    (agent,) = ready(w, "a0", answer_after=None)
    line = anna.call("200")
    w.run(2)
    assert agent.lines[0].state == "ringing"
    mine = carol.call("*8")
    w.run(1)
    if pickup:
        assert w.hears(line) == "bridge:carol" and agent.lines[0].state == "ended"
        assert [event.outcome for event in w.switch.named("queue.left")] == ["withdrawn"]
    else:
        assert w.hears(mine) == "play:pl/nothing-to-pick-up"
        carol.hang_up(mine)
    over(w, line, mine)


def test_a_phone_without_an_offer_picks_up() -> None:
    w = world()
    anna, _, carol = w.phone("anna"), w.phone("bob", answer_after=None), w.phone("carol")
    w.run(1)
    line = anna.call("bob")
    w.run(1)
    mine = carol.call("**bob", sdp=False)
    w.run(1)
    assert (w.hears(line), w.hears(mine)) == ("bridge:carol", "bridge:anna")
    over(w, line, mine)


def test_who_gives_up_in_the_moment_of_the_pickup() -> None:
    w = world()
    anna, _, carol = w.phone("anna"), w.phone("bob", answer_after=None), w.phone("carol")
    w.run(1)
    line = anna.call("bob")
    w.run(1)
    mine = carol.call("*8")
    w.run(0.008)
    anna.cancel(line)
    w.run(5)
    assert line.state == mine.state == "ended" or w.hears(mine).startswith("play:")
    over(w, mine)
