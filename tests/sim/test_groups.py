"""Ring groups: which phones ring, in which order, and who gets the call."""

from __future__ import annotations

import pytest

from softswitch.directory import Member
from tests.sim.groups import NAMES, over, rings, world


def test_all_ring_and_one_wins() -> None:
    w = world({"caller_name_prefix": "Team: ", "alert_info": "<http://ring/2>"})
    anna = w.phone("anna")
    bob, carol, dave = (
        w.phone(user, answer_after=after) for user, after in (("bob", 3.0), ("carol", 2.0), ("dave", None))
    )
    w.run(1)
    line = anna.call("600")
    w.run(1)
    assert rings(bob, carol, dave) == [1, 1, 1] and line.state == "ringing"
    invite = bob.lines[0].invite
    assert invite.get("From").startswith('"Team: Anna"') and invite.get("Alert-Info") == "<http://ring/2>"
    w.run(2)
    assert w.hears(line) == "bridge:carol"
    for loser in (bob, dave):
        assert "completed elsewhere" in next(raw for raw in loser.received if raw.start.startswith("CANCEL")).get(
            "Reason"
        )
    over(w, line)


def test_in_turn_and_the_busy_are_left_out() -> None:
    w = world({"strategy": "sequence", "member_timeout": 5.0})
    anna, carol = w.phone("anna"), w.phone("carol", answer_after=None)
    bob, dave = w.phone("bob"), w.phone("dave", answer_after=1.0)
    w.run(1)
    busy = bob.call("800")
    w.run(0.2)
    line = anna.call("600")
    w.run(3)
    assert rings(bob, carol, dave) == [1, 1, 0], "bob's one call is his own"
    w.run(4)
    assert w.hears(line) == "bridge:dave" and carol.lines[0].state == "ended"
    over(w, line, busy)


def test_a_refusal_is_one_members_only() -> None:
    w = world({"strategy": "sequence"})
    anna, bob, *_ = w.phone("anna"), w.phone("bob", reject=603), w.phone("carol", reject=486), w.phone("dave")
    w.run(1)
    line = anna.call("600")
    w.run(4)
    assert w.hears(line) == "bridge:dave" and bob.lines[0].status == 603
    over(w, line)


@pytest.mark.parametrize(
    ("strategy", "orders"),
    [("rotating", ["bob carol dave", "carol dave bob", "dave bob carol", "bob carol dave"]), ("random", None)],
)
def test_the_order_of_rings(strategy: str, orders: list[str] | None) -> None:
    w = world({"strategy": strategy, "member_timeout": 4.0})
    anna = w.phone("anna")
    phones = [w.phone(user, answer_after=None) for user in NAMES[1:]]
    w.run(1)
    seen = []
    for _ in range(4):
        for phone in phones:
            phone.lines.clear()
        order: list[str] = []
        line = anna.call("600")
        for _ in range(13):
            w.run(1)
            order += [phone.user for phone in phones if phone.lines and phone.user not in order]
        assert line.status == 480
        seen.append(" ".join(order))
    if orders is not None:
        assert seen == orders
    else:
        assert all(sorted(order.split()) == ["bob", "carol", "dave"] for order in seen) and len(set(seen)) > 1
    over(w)


def test_who_is_next_in_a_rotating_group_outlives_a_kill() -> None:
    w = world({"strategy": "rotating", "member_timeout": 4.0})
    anna = w.phone("anna")
    phones = {user: w.phone(user, answer_after=1.0) for user in NAMES[1:]}
    w.run(1)
    for user in ("bob", "carol", "dave", "bob"):
        line = anna.call("600")
        w.run(3)
        assert phones[user].lines and w.hears(line) == f"bridge:{user}"
        anna.hang_up(line)
        w.run(1)
        phones[user].lines.clear()
        w.kill()
        w.run(1)
        w.restart()
        w.run(1)
    over(w)


def test_memory_adds_one_after_the_other() -> None:
    w = world({"strategy": "memory", "member_timeout": 5.0})
    anna = w.phone("anna")
    phones = [w.phone(user, answer_after=None) for user in NAMES[1:]]
    w.run(1)
    line = anna.call("600")
    seen = []
    for _ in range(3):
        w.run(4)
        seen.append(rings(*phones))
        w.run(1)
    assert seen == [[1, 0, 0], [1, 1, 0], [1, 1, 1]]
    assert all(phone.lines[0].state == "ringing" for phone in phones)
    anna.cancel(line)
    over(w)


def test_nobody_answers_and_the_caller_goes_on() -> None:
    w = world({"timeout": 10.0, "otherwise": "queue:sales"})
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=None)
    w.run(1)
    line = anna.call("600")
    w.run(12)
    assert (line.state, w.hears(line), bob.lines[0].state) == ("up", "music:default", "ended")
    assert [event.reason for event in w.switch.named("call.diverted")] == ["no-answer"]
    over(w, line)


def test_a_group_that_leads_to_itself_ends() -> None:
    w = world({"timeout": 5.0, "otherwise": "group:team"})
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=None)
    w.run(1)
    line = anna.call("600")
    w.run(30)
    assert line.state == "ended" and rings(bob) == [1]
    over(w)


def test_nobody_there() -> None:
    w = world()
    anna = w.phone("anna")
    w.run(1)
    line = anna.call("600")
    w.run(1)
    assert (line.state, line.status) == ("ended", 480)
    over(w)


def test_members_who_want_their_calls_elsewhere() -> None:
    w = world(
        {"follow_forwards": True, "members": (Member("bob"), Member("dave"))},
        {"bob": {"forward_always": "carol"}, "dave": {"do_not_disturb": True}},
    )
    anna, bob, dave, _ = (
        w.phone("anna"), w.phone("bob"), w.phone("dave"), w.phone("carol", answer_after=1.0),
    )  # fmt: skip
    w.run(1)
    line = anna.call("600")
    w.run(3)
    assert w.hears(line) == "bridge:carol" and rings(bob, dave) == [0, 0]
    over(w, line)


def test_a_group_rings_for_a_caller_in_a_menu() -> None:
    w = world()
    anna, _ = w.phone("anna"), w.phone("carol", answer_after=2.0)
    w.run(1)
    line = anna.call("802")
    w.run(1)
    assert (line.state, w.hears(line)) == ("up", "tone:ringback")
    w.run(2)
    assert w.hears(line) == "bridge:carol"
    over(w, line)


@pytest.mark.parametrize("strategy", ["simultaneous", "sequence"])
def test_a_group_rings_on_after_a_restart(strategy: str) -> None:
    w = world({"strategy": strategy, "member_timeout": 6.0})
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=None)
    carol, dave = w.phone("carol", answer_after=None), w.phone("dave", answer_after=12.0)
    w.run(1)
    line = anna.call("600")
    w.run(2)
    before = rings(bob, carol, dave)
    w.kill()
    w.run(1)
    w.restart()
    w.run(1)
    assert rings(bob, carol, dave) == before and bob.lines[0].state == "ringing"
    w.run(26)
    if strategy == "simultaneous":
        assert w.hears(line) == "bridge:dave"
    else:
        assert rings(bob, carol, dave) == [1, 1, 1] and line.status == 480
    over(w, line)


@pytest.mark.parametrize("restart", [False, True])
def test_who_answers_is_asked_whether_they_want_the_call(restart: bool) -> None:
    w = world({"members": (Member("bob", confirm=True), Member("carol", delay=3.0))})
    anna, bob, carol = w.phone("anna"), w.phone("bob", answer_after=0.5), w.phone("carol", answer_after=None)
    w.run(1)
    line = anna.call("600")
    w.run(2)
    there = bob.lines[0]
    assert (line.state, there.state, w.hears(there)) == ("ringing", "up", "play:pl/press-one-to-accept")
    w.run(2)
    assert carol.lines[0].state == "ringing", "the others ring on"
    if restart:
        w.kill()
        w.run(1)
        w.restart()
        w.run(1)
    w.press(there, "5")
    w.run(0.5)
    assert line.state == "ringing"
    w.press(there, "1")
    w.run(1)
    assert w.hears(line) == "bridge:bob" and carol.lines[0].state == "ended"
    over(w, line)


def test_a_machine_does_not_press_a_key() -> None:
    w = world(
        {
            "strategy": "sequence",
            "members": (Member("bob", confirm=True), Member("carol", confirm=True), Member("dave")),
        }
    )
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=0.5)
    carol, dave = w.phone("carol", answer_after=0.5, hang_up_after=2.0), w.phone("dave", answer_after=1.0)
    w.run(1)
    line = anna.call("600")
    w.run(14)
    assert bob.lines[0].state == "up" and not carol.lines
    w.run(3)
    assert bob.lines[0].state == "ended" and carol.lines
    w.run(4)
    assert w.hears(line) == "bridge:dave" and dave.lines
    over(w, line)


def test_a_caller_who_gives_up_while_somebody_is_asked() -> None:
    w = world({"members": (Member("bob", confirm=True),)})
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=0.5)
    w.run(1)
    line = anna.call("600")
    w.run(2)
    anna.cancel(line)
    w.run(1)
    assert bob.lines[0].state == "ended"
    over(w)
