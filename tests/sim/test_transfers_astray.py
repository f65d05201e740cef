"""Transfers that go wrong in the hands of users: mistyped numbers, phones that leave too early, targets that want no calls."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from softswitch.directory import Directory, Group, Mailbox, Member, Menu, PlayStep
from tests.sim.floor import Floor
from tests.sim.groups import NAMES, over, world
from tests.sim.test_forwarding import code
from tests.sim.test_parking import talking

BACK = ["transfer.started", "transfer.failed", "call.recalled", "recall.ended"]


def changed(f: Floor, **more: Any) -> None:
    """Another site, with further extensions."""
    directory: Directory = f.world.switch.switch.directory
    extensions = {**directory.extensions, **more.pop("extensions", {})}
    f.order("configure", replace(directory, extensions=extensions, **more))


def has_the_caller_back(f: Floor) -> None:
    back = f.line("bob")
    assert back is not f.agent and back.invite is not None
    assert back.invite.get("From").startswith('"R:Anna"')
    assert f.hears() == "bridge:bob" and f.activity() == "talking"
    assert f.names() == BACK


@pytest.mark.parametrize("leaves", ["accepted", "done"])
def test_there_is_no_such_target(leaves: str) -> None:
    """A phone that hangs up at the 202 does not take the caller with it; one that waits for the news has them still."""
    f = Floor()
    f.phones["bob"].behaviour.leaves = leaves
    f.phones["bob"].refer(f.agent, "nobody")
    f.run(3)
    assert [status for status, _ in f.agent.notified] == [404]
    if leaves == "accepted":
        has_the_caller_back(f)
        assert f.world.switch.named("transfer.failed")[0].target == "nobody"
    else:
        assert f.agent.state == "up" and f.hears() == "bridge:bob" and not f.names()
    f.finish()


def test_hanging_up_later_is_hanging_up() -> None:
    f = Floor()
    f.phones["bob"].behaviour.leaves = ""
    f.phones["bob"].refer(f.agent, "nobody")
    f.run(3)
    f.phones["bob"].hang_up(f.agent)
    f.run(1)
    assert f.caller.state == "ended" and not f.names()
    f.finish()


def test_whom_one_consulted_is_gone_in_that_moment() -> None:
    f = Floor()
    bob = f.phones["bob"]
    bob.behaviour.leaves = "accepted"
    bob.reinvite(f.agent, "sendonly")
    f.run(0.3)
    asked = bob.call("carl")
    f.run(2)
    f.phones["carl"].hang_up(f.line("carl"))
    bob.refer(f.agent, "", consulted=asked)
    f.run(3)
    assert [status for status, _ in f.agent.notified] == [481]
    has_the_caller_back(f)
    f.finish()


def test_the_parking_place_is_taken() -> None:
    w = world()
    anna, bob, carol, dave = (w.phone(user, answer_after=0.5) for user in NAMES)
    w.run(1)
    line = talking(w, anna, "bob")
    bob.refer(bob.lines[0], "705")
    w.run(1)
    other = talking(w, carol, "dave")
    dave.behaviour.leaves = "accepted"
    dave.refer(dave.lines[0], "705")
    w.run(3)
    assert [status for status, _ in dave.lines[0].notified] == [486]
    assert w.hears(other) == "bridge:dave" and dave.lines[-1].invite.get("From").startswith('"R:Carol"')
    assert w.hears(line) == "music:default"
    over(w, line, other)


@pytest.mark.parametrize("keys", ["##102", "*4102"])
def test_hanging_up_ends_the_number_that_is_typed(keys: str) -> None:
    f = Floor()
    f.type(f.agent, keys)
    f.phones["bob"].hang_up(f.agent)
    f.run(2)
    assert f.hears() == "bridge:carl" and f.activity() == "wrapup"
    assert f.names() == ["transfer.started", "call.transferred"]
    f.finish()


def test_a_wrong_number_that_is_typed_comes_back() -> None:
    f = Floor()
    f.type(f.agent, "##5555")
    f.phones["bob"].hang_up(f.agent)
    f.run(2)
    has_the_caller_back(f)
    f.finish()


def test_hanging_up_behind_the_code_alone_is_hanging_up() -> None:
    f = Floor()
    f.type(f.agent, "##")
    f.phones["bob"].hang_up(f.agent)
    f.run(2)
    assert f.caller.state == "ended" and not f.names()
    f.finish()


def test_the_caller_hangs_up_while_the_number_is_typed() -> None:
    f = Floor()
    f.type(f.agent, "##10")
    f.phones["anna"].hang_up(f.caller)
    f.run(2)
    assert f.agent.state == "ended" and not f.phones["carl"].lines and not f.names()
    f.finish()


# --- targets that want no calls --------------------------------------------------------------------------------------


@pytest.mark.parametrize("lifted", [False, True])
def test_a_colleague_is_not_disturbed_by_a_consultation(lifted: bool) -> None:
    """What counts is what the phone has said, not what the site says."""
    f = Floor()
    accounts = dict(f.world.switch.switch.directory.accounts)
    accounts["carl"] = replace(accounts["carl"], do_not_disturb=lifted)
    changed(f, accounts=accounts)
    assert code(f.world, f.phones["carl"], "*79" if lifted else "*78") == ("dnd-off" if lifted else "dnd-on")
    f.type(f.agent, "*4")
    f.type(f.agent, "102#")
    f.run(2)
    rung = [line for line in f.phones["carl"].lines if line.incoming]
    assert len(rung) is int(lifted)
    assert f.hears() == ("music:default" if lifted else "bridge:bob")
    f.finish()


@pytest.mark.parametrize(("forward", "rings"), [
    ("eve", "eve"), ("voicemail:carl", "carl"), ("bob", "carl"), ("dora", "anna"), ("601", "carl"),
])  # fmt: skip
def test_a_colleague_is_asked_where_their_calls_go(forward: str, rings: str) -> None:
    f = Floor(mailboxes={"carl": Mailbox("carl")})
    accounts = dict(f.world.switch.switch.directory.accounts)
    accounts["carl"] = replace(accounts["carl"], forward_always=forward)
    if rings == "anna":  # By way of dora; the caller's own phone can be asked as well as any.
        accounts["dora"] = replace(accounts["dora"], forward_always="eve")
        rings = "eve"
    changed(f, accounts=accounts)
    f.type(f.agent, "*4")
    f.type(f.agent, "102#")
    f.run(2)
    assert {user for user in ("carl", "dora", "eve") if f.phones[user].lines} == {rings}
    assert f.hears() == "music:default" and f.world.hears(f.agent) == f"bridge:{rings}"
    led = f.line(rings).invite.get("Diversion")
    assert ("sip:dora@" if forward == "dora" else "sip:carl@") in led if rings == "eve" else not led
    f.type(f.agent, "*4")
    f.run(1)
    assert f.hears() == f"bridge:{rings}"
    f.finish()


def test_two_who_forward_to_each_other_can_be_asked() -> None:
    f = Floor()
    accounts = dict(f.world.switch.switch.directory.accounts)
    accounts["carl"] = replace(accounts["carl"], forward_always="eve")
    accounts["eve"] = replace(accounts["eve"], forward_always="carl")
    changed(f, accounts=accounts)
    f.type(f.agent, "*4")
    f.type(f.agent, "102#")
    f.run(2)
    assert f.hears() == "music:default" and len(f.world.switch.named("call.diverted")) == 1
    f.finish()


def test_a_supervisor_who_is_not_to_be_disturbed_gets_no_escalation() -> None:
    f = Floor(supervisor="eve")
    assert code(f.world, f.phones["eve"], "*78") == "dnd-on"
    f.type(f.agent, "*9")
    f.run(2)
    assert not [line for line in f.phones["eve"].lines if line.incoming]
    assert len(f.world.switch.named("queue.entered")) == 2, "to the head of the queue"
    f.finish()


@pytest.mark.parametrize("otherwise", ["voicemail:eve", "queue:support", "menu:hello", "extension:eve"])
def test_a_group_that_nobody_answers_for(otherwise: str) -> None:
    """A group leads its callers on, but not those who are transferred there into a mailbox, a queue or a menu."""
    f = Floor(mailboxes={"eve": Mailbox("eve")}, menus={"hello": Menu("hello", (PlayStep(("welcome",)),))})
    team = Group("team", members=(Member("carl"),), timeout=10.0, otherwise=otherwise)
    changed(f, groups={"team": team}, extensions={"603": "group:team"})
    f.phones["carl"].behaviour.answer_after = f.phones["dora"].behaviour.answer_after = None
    f.phones["bob"].behaviour.leaves = "accepted"
    f.phones["bob"].refer(f.agent, "603")
    f.run(9)
    assert f.hears() == "music:default"
    f.run(3)
    if otherwise == "extension:eve":
        assert f.hears() == "bridge:eve"
    else:
        has_the_caller_back(f)
        assert len(f.world.switch.named("queue.entered")) == 1
    f.finish()


@pytest.mark.parametrize("forward", ["", "voicemail:carl", "queue:support", "eve"])
def test_the_target_rings_all_its_time_where_its_forward_does_not_count(forward: str) -> None:
    """Twenty seconds are for calls that go on to a mailbox then; whoever is transferred does not."""
    f = Floor(mailboxes={"carl": Mailbox("carl")})
    accounts = dict(f.world.switch.switch.directory.accounts)
    accounts["carl"] = replace(accounts["carl"], forward_no_answer=forward)
    changed(f, accounts=accounts)
    f.phones["carl"].behaviour.answer_after = None
    f.phones["bob"].behaviour.leaves = "accepted"
    f.phones["bob"].refer(f.agent, "carl")
    f.run(25)
    if forward == "eve":
        assert f.hears() == "bridge:eve"
    else:
        assert f.line("carl").state == "ringing" and f.hears() == "music:default"
        f.run(7)
        has_the_caller_back(f)
    f.finish()


def test_a_hidden_caller_who_comes_back_is_marked_too() -> None:
    w = world()
    anna, bob, carol = (w.phone(user, answer_after=0.5) for user in NAMES[:3])
    w.run(1)
    line = anna.call("bob", headers={"Privacy": "id"})
    w.run(1)
    carol.behaviour.reject = 486
    bob.behaviour.leaves = "accepted"
    bob.refer(bob.lines[0], "carol")
    w.run(4)
    assert w.hears(line) == "bridge:bob"
    assert bob.lines[-1].invite.get("From").startswith('"R:Anonymous" <sip:anonymous@anonymous.invalid>')
    over(w, line)
