"""Codes that dial: redial, call back, one call without a number, intercom."""

from __future__ import annotations

from softswitch.directory import Member
from tests.sim.groups import over, world
from tests.sim.test_forwarding import code


def test_redial_and_call_back() -> None:
    w = world()
    anna, bob, _ = (
        w.phone("anna", answer_after=0.5),
        w.phone("bob", answer_after=0.5),
        w.phone("carol", answer_after=0.5),
    )
    w.run(1)
    assert code(w, anna, "*66") == "no-number-stored" == code(w, anna, "*69")
    line = anna.call("bob")
    w.run(2)
    anna.hang_up(line)
    code(w, anna, "*78")
    line = anna.call("*66")
    w.run(2)
    assert w.hears(line) == "bridge:bob"
    anna.hang_up(line)
    code(w, anna, "*79")
    back = bob.call("*69")
    w.run(0.5)
    assert w.hears(back) == "play:pl/last-caller pl/press-one-to-call"
    w.press(back, "1")
    w.run(2)
    assert w.hears(back) == "bridge:anna"
    over(w, back)


def test_one_call_without_a_number() -> None:
    w = world()
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=0.5)
    w.run(1)
    line = anna.call("*81bob")
    w.run(2)
    assert w.hears(line) == "bridge:bob"
    assert bob.lines[0].invite.get("From").startswith('"Anonymous"')
    anna.hang_up(line)
    w.run(1)
    assert code(w, bob, "*69") == "no-number-stored", "who hides is not called back"
    over(w, line)


def test_who_does_not_want_the_intercom_is_rung() -> None:
    w = world(accounts={"bob": {"intercom": False}})
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=0.5)
    w.run(1)
    line = anna.call("*80bob")
    w.run(1)
    invite = bob.lines[0].invite
    assert w.hears(line) == "bridge:bob" and not (invite.get("Call-Info") or invite.get("Alert-Info"))
    over(w, line)


def test_intercom() -> None:
    w = world({"members": (Member("bob"),)})
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=0.1)
    w.run(1)
    line = anna.call("*80bob")
    w.run(1)
    assert w.hears(line) == "bridge:bob"
    invite = bob.lines[0].invite
    assert "answer-after=0" in invite.get("Call-Info") and "alert-autoanswer" in invite.get("Alert-Info")
    again = anna.call("*80800")
    w.run(1)
    assert again.status == 404
    over(w, line)
