"""Calls that a program begins: the own phone rings first, then the number is called for whoever answers (OUT-11)."""

from __future__ import annotations

import pytest

from softswitch.directory import NumberList, Queue
from softswitch.outside import Policy
from tests.sim.provider import Provider, outside, trunk
from tests.sim.world import World, site

CUSTOMER = "+48601000001"


def originate(w: World, number: str, user: str = "anna", *, by_itself: bool = False) -> tuple[str, str]:
    found = w.switch.switch.originate(user, number, w.now, by="test", by_itself=by_itself)
    w.switch.settle(w.now)
    w.run(0.1)
    return found


def test_a_colleague_is_called_for_whoever_answers() -> None:
    w = World(site("anna", "bob"))
    anna, bob = w.phone("anna", answer_after=2.0), w.phone("bob", answer_after=3.0)
    w.run(1)
    call, refusal = originate(w, "bob")
    assert call and not refusal
    w.run(1)
    assert [line.state for line in anna.lines] == ["ringing"] and not bob.lines, "one's own phone first"
    w.run(5)
    (line,), (other,) = anna.lines, bob.lines
    assert line.state == other.state == "up"
    record = next(event for event in w.switch.events if event.name == "call.created")
    assert (record.call, record.caller, record.dialled, record.account) == (call, "anna", "bob", "anna")
    bob.hang_up(other)
    w.run(1)
    assert line.state == "ended"
    ended = next(event for event in w.switch.events if event.name == "call.ended")
    assert ended.outcome == "answered" and "originated:test" in ended.path
    w.run(60)
    w.assert_idle()


def test_nobody_answers_the_own_phone() -> None:
    w = World(site("anna", "bob"))
    anna, bob = w.phone("anna", reject=486), w.phone("bob", answer_after=1.0)
    w.run(1)
    originate(w, "bob")
    w.run(5)
    assert not bob.lines and anna.lines[0].state == "ended"
    w.run(60)
    w.assert_idle()


def test_the_number_is_busy() -> None:
    w = World(site("anna", "bob"))
    anna, bob = w.phone("anna", answer_after=0.5), w.phone("bob", reject=486)
    w.run(1)
    originate(w, "bob")
    w.run(30)
    assert anna.lines[0].state == "ended" and bob.lines[0].status == 486
    w.run(60)
    w.assert_idle()


def test_into_a_queue() -> None:
    w = World(site("anna", queues={"q": Queue("q")}, extensions={"600": "queue:q"}))
    anna = w.phone("anna", answer_after=0.5)
    w.run(1)
    originate(w, "600")
    w.run(3)
    assert w.switch.switch.queues.queues["q"].waiting == 1
    anna.hang_up(anna.lines[0])
    w.run(1)
    w.run(60)
    w.assert_idle()


@pytest.mark.parametrize(
    ("user", "number", "why"),
    [
        ("nobody", "bob", "there is no such account"),
        ("anna", "nowhere", "nowhere leads nowhere (not_found)"),
        ("anna", "*30", "*30 is no number to be called"),
        ("anna", "anna", "nobody calls themselves"),
    ],
)
def test_what_is_refused(user: str, number: str, why: str) -> None:
    w = World(site("anna", "bob"))
    w.phone("anna")
    w.run(1)
    assert originate(w, number, user) == ("", why)
    w.run(60)
    w.assert_idle()


def test_a_number_outside_by_the_rights_of_the_account() -> None:
    policy = Policy("default", deny_list="never")
    w = World(
        site(
            "anna",
            policies={"default": policy},
            lists={"never": NumberList("never", numbers=("601 000 002",))},
            **outside(trunk(ping=0.0)),
        )
    )
    provider, anna = Provider(w, answer_after=1.0), w.phone("anna", answer_after=0.5)
    w.run(1)
    call, _ = originate(w, CUSTOMER)
    w.run(4)
    assert call and provider.lines[0].state == anna.lines[0].state == "up"
    anna.hang_up(anna.lines[0])
    w.run(2)
    assert originate(w, "+48601000002") == ("", "anna may not call +48601000002 (not_to_be_called)")
    assert originate(w, "+49301234567") == ("", "anna may not call +49301234567 (country)")
    assert len(anna.lines) == 1, "no phone rings for what is not permitted"
    line = anna.call("601000002")
    w.run(2)
    assert line.status == 403, "nor may it be dialled"
